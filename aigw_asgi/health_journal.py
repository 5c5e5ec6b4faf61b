"""What was found out about credentials, in the order in which it was: when each began to
rest and why, and when it was well again.

Kept in memory, of this process; what other nodes have found out is in it from when it was
heard here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from aigw_core.health import Change

MAX_EVENTS = 2000
"""Kept; the oldest go first."""


class HealthEvent(Struct, frozen=True, gc=False):
    """A change of what is held against a credential."""

    seq: int
    timestamp: int
    """Unix milliseconds."""
    credential: str
    """Its identifier."""
    model: str
    """Empty: all of its models."""
    kind: str
    """``rests`` or ``recovered``."""
    cause: str | None = None
    """Of the rest: an :class:`~aigw_core.errors.ErrorKind`."""
    until: int | None = None
    """Unix milliseconds: when it ends."""
    limited: bool = False
    """The vendor set a limit."""
    faults: int = 0
    """Failures in a row."""


class HealthJournal:
    """The newest events. ``wall`` and ``now`` are the clocks, in Unix and monotonic seconds."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._events: deque[HealthEvent] = deque(maxlen=MAX_EVENTS)
        self._seq = 0
        self._wall = wall
        self._now = now

    def __repr__(self) -> str:
        return f"<HealthJournal of {self._seq} events>"

    def tell(self, change: Change) -> None:
        """Keep what was found out now."""
        self._seq += 1
        wall, rest = self._wall(), change.rest
        at = round(wall * 1000)
        if rest is None:
            event = HealthEvent(self._seq, at, change.credential, change.model, "recovered")
        else:
            event = HealthEvent(
                self._seq,
                at,
                change.credential,
                change.model,
                "rests",
                rest.cause.value,
                round((wall + rest.until - self._now()) * 1000),
                rest.limited,
                rest.faults,
            )
        self._events.append(event)

    def between(self, since: int, until: int) -> tuple[HealthEvent, ...]:
        """Of a stretch of time in Unix milliseconds, both ends inclusive, the oldest first."""
        return tuple(each for each in self._events if since <= each.timestamp <= until)

    def of(self, credential: str) -> tuple[HealthEvent, ...]:
        """What is known of a credential, the oldest first."""
        return tuple(each for each in self._events if each.credential == credential)
