"""What an exchange is told and what it asks for.

Inputs are facts, commands are wishes. Each news of an upstream call bears the
number of its attempt.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from aigw_core.codec import Headers
from aigw_core.wire_request import FailureKind, WireRequest

# --- inputs ------------------------------------------------------------------


class ResponseHead(Struct, frozen=True):
    attempt: int
    status: int
    headers: Mapping[str, str]
    """Lower-case names."""


class ResponseData(Struct, frozen=True, gc=False):
    attempt: int
    data: bytes


class ResponseEof(Struct, frozen=True, gc=False):
    attempt: int


class UpstreamFailed(Struct, frozen=True, gc=False):
    attempt: int
    kind: FailureKind


class ClientGone(Struct, frozen=True, gc=False):
    """The client left, or was cut off for not reading."""

    stalled: bool = False


class ClientReads(Struct, frozen=True, gc=False):
    """A client that had held up the answer reads again. The time that it took
    must not count against the upstream."""


class Stopping(Struct, frozen=True, gc=False):
    """The gateway shuts down and waits no longer."""


class Tick(Struct, frozen=True, gc=False):
    """The deadline has come."""


Input = (
    ResponseData
    | ResponseHead
    | ResponseEof
    | UpstreamFailed
    | ClientGone
    | ClientReads
    | Stopping
    | Tick
)


# --- commands ----------------------------------------------------------------


class Send(Struct, frozen=True):
    """Start an attempt."""

    attempt: int
    request: WireRequest
    provider: str


class Drop(Struct, frozen=True, gc=False):
    """Give an attempt up and close its connection."""

    attempt: int


class Reply(Struct, frozen=True):
    """Send the client a status and headers."""

    status: int
    headers: Headers


class Emit(Struct, frozen=True, gc=False):
    """Send the client some of the body; never empty."""

    data: bytes


class End(Struct, frozen=True, gc=False):
    """The body is complete."""


class Abort(Struct, frozen=True, gc=False):
    """Break the client's connection: its answer cannot be completed."""


Command = Emit | Send | Drop | Reply | End | Abort
