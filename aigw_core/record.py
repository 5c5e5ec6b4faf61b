"""What became of a request, for metrics and the log."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Format, StopReason, Usage
from aigw_core.errors import Failure
from aigw_core.ledger import LedgerEntry
from aigw_core.routing.plan import RoutePlan


class Breach(Struct, frozen=True):
    """A stream that a client got broke the rules of its format: a bug in an encoder.
    Nothing of the stream is in it."""

    offset: int
    """Where the event begins that is not legal, in bytes of the body."""
    event: int
    """How many went before it."""
    reason: str
    upstream: Format | None
    """What was translated from; ``None`` when the answer had not begun."""


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
    config: str
    """The label of the snapshot that it was served by."""
    plan: RoutePlan
    """The candidates, and why others were none."""
    bytes_out: int
    judged: bool = False
    """Its stream was checked while it was sent."""
    breach: Breach | None = None
    pieces: int = 0
    """How many pieces of the body went out."""
    flowing: float = 0.0
    """Seconds from the first content to the last piece."""
    endpoint: str = "inference"
    """Or ``count`` or ``compact``."""
    key: str = ""
    """The client key's name; empty: none was needed."""
    overhead: float | None = None
    """Seconds from the request being read until it was on its way to a target."""
    usage_estimated: bool = False
    """The answer did not say all of its usage: the rest is a guess."""
    cost: Decimal | None = None
    """USD; ``None``: unknown."""
