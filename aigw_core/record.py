"""What became of a request, for metrics and the log."""

from __future__ import annotations

from msgspec import Struct

from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Format, StopReason, Usage
from aigw_core.errors import Failure
from aigw_core.ledger import LedgerEntry
from aigw_core.routing.plan import RoutePlan


class ExchangeRecord(Struct, frozen=True):
    """One request from end to end. No content of it, no secret."""

    request_id: str
    format: Format
    model: str
    stream: bool
    status: int
    """What the client got; 499 when it left."""
    seconds: float
    first_content: float | None
    """Seconds until the first content was ready for the client."""
    attempts: tuple[AttemptRecord, ...]
    usage: Usage
    stop: StopReason | None
    failure: Failure | None
    """Why it failed, for a stream also after a status of 200."""
    client_left: bool
    ledger: tuple[LedgerEntry, ...]
    relayed: bool
    plan: RoutePlan
    """The candidates, and why others were none."""
    bytes_out: int
