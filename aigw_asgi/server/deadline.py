"""One timer of a connection, moved often and armed seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

# uvloop rounds delays to milliseconds and may wake that much early.
_SLACK = 0.002


def _nothing() -> None:
    pass


class Deadline:
    """A moment that moves with each step of a connection.

    Moving it later is an assignment: the timer that is armed fires early, looks
    again and goes back to sleep. Only moving it before the armed timer costs a
    timer of the loop. ``expired`` is called once; set the deadline again to go on.
    """

    __slots__ = ("_armed_for", "_expired", "_loop", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = inf
        self.at = inf
        """Loop time; ``inf`` for none. To be moved later by assignment, else by :meth:`set`."""

    def __repr__(self) -> str:
        return f"<Deadline at={self.at} armed_for={self._armed_for}>"

    def set(self, seconds: float) -> None:
        """Let it be ``seconds`` from now."""
        self.at = at = self._loop.time() + seconds
        if at < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._arm(at)

    def clear(self) -> None:
        """Let there be none for now; what is armed may fire and find nothing to do."""
        self.at = inf

    def cancel(self) -> None:
        """Let go of the loop, and of who is called: nothing fires any more."""
        self._expired = _nothing  # whose deadline this is would only go with the next collection
        self.at = inf
        self._armed_for = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        self._armed_for = at
        self._timer = self._loop.call_at(at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._armed_for = inf
        if self.at == inf:
            return
        if self._loop.time() + _SLACK < self.at:
            self._arm(self.at)
            return
        self.at = inf
        self._expired()
