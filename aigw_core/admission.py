"""Whether one more request is taken on: how many are under way in this process, and how
much of its memory is left.

Limits of client keys are :mod:`aigw_core.limits`; this is for all clients together, and
asks nothing of a request but whether there is room. A request counts from before its body
is read until its answer is complete.
"""

from __future__ import annotations

from enum import IntEnum

from aigw_core.errors import ErrorKind, Failure, GatewayError

NO_LIMIT = 1 << 62

WAIT = 1.0
"""Seconds that a client is told to wait: a stream ends every few milliseconds where there
are many, and memory is looked at once a second."""

REFUSE_AT = 0.85
"""Of the memory that there may be: from here on nothing new is taken on."""

CUT_AT = 0.95
"""From here on clients are dropped, until as much is free as there was at ``REFUSE_AT``."""


class Pressure(IntEnum):
    """What memory allows."""

    NONE = 0
    REFUSE = 1
    CUT = 2


def pressure_of(used: int, limit: int) -> Pressure:
    """Of ``used`` bytes out of ``limit``."""
    if used >= CUT_AT * limit:
        return Pressure.CUT
    return Pressure.REFUSE if used >= REFUSE_AT * limit else Pressure.NONE


def surplus(used: int, limit: int) -> int:
    """Bytes beyond those at which nothing new is taken on; 0 or more."""
    return max(0, used - int(REFUSE_AT * limit))


class Admission:
    """Counts requests in and out. One a process.

    While memory is short one request at a time is still served: what the allocator does not
    give back would otherwise refuse everybody for ever.
    """

    __slots__ = ("_allowed", "_most", "_pressed", "running")

    def __init__(self) -> None:
        self.running = 0
        self._allowed = NO_LIMIT
        self._pressed = False
        self._most = NO_LIMIT

    def __repr__(self) -> str:
        return f"<Admission running={self.running} most={self._most} pressed={self._pressed}>"

    @property
    def pressed(self) -> bool:
        """Memory is short."""
        return self._pressed

    def allow(self, most: int) -> None:
        """No more than ``most`` at once; 0 = any number."""
        self._allowed = most or NO_LIMIT
        self._settle()

    def press(self, pressed: bool) -> None:
        """Memory is short, or no longer."""
        self._pressed = pressed
        self._settle()

    def enter(self) -> None:
        """A request comes. Let it ``leave`` when this has not raised.

        Raises:
            GatewayError: there is no room.
        """
        if self.running >= self._most:
            raise GatewayError(self._refusal())
        self.running += 1

    def leave(self) -> None:
        self.running -= 1

    def _settle(self) -> None:
        self._most = 1 if self._pressed else self._allowed

    def _refusal(self) -> Failure:
        if self._pressed:
            code, why = "memory_short", "is short of memory and takes on nothing new"
        else:
            code = "at_capacity"
            why = f"has as many requests under way as it may ({self._allowed})"
        return Failure(
            ErrorKind.UNAVAILABLE,
            f"the gateway {why}; try again in {WAIT:.0f} s",
            code=code,
            retry_after=WAIT,
        )
