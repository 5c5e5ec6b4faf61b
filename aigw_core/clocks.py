"""The time limits of one exchange, as deadlines.

Streams: ``first_byte`` until the upstream's first bytes, ``idle`` between two reads,
``stream_total`` for all of it. Without a stream: ``total`` for all of it, since the
upstream says nothing until it is done. (The limit on connecting is the transport's.)
"""

from __future__ import annotations

from aigw_core.config.snapshot import Timeouts
from aigw_core.errors import ErrorKind, Failure


class Clocks:
    """Keeps when things happened; says when they must have."""

    __slots__ = (
        "_attempt_started",
        "_started",
        "_stream",
        "_timeouts",
        "last_data",
        "total",
    )

    def __init__(self, *, stream: bool) -> None:
        self._stream = stream
        self._timeouts = Timeouts()
        self._started = 0.0
        self._attempt_started = 0.0
        self.total: float | None = None
        """When the whole exchange must be over."""
        self.last_data: float | None = None
        """When the running attempt last sent something."""

    def start(self, now: float) -> None:
        self._started = now

    def start_attempt(self, timeouts: Timeouts, now: float) -> None:
        self._timeouts = timeouts
        self._attempt_started = now
        self.last_data = None
        limit = timeouts.stream_total if self._stream else timeouts.total
        self.total = self._started + limit if limit else None

    def forgive(self, now: float) -> None:
        """The client held the upstream up: its silence until now does not count."""
        if self.last_data is not None:
            self.last_data = now

    def since_start(self, now: float) -> float:
        return now - self._started

    def since_attempt(self, now: float) -> float:
        return now - self._attempt_started

    @property
    def upstream(self) -> float | None:
        """When the running attempt must have sent something."""
        if not self._stream:
            return None
        if self.last_data is None:
            limit = self._timeouts.first_byte
            return self._attempt_started + limit if limit else None
        return self.last_data + self._timeouts.idle if self._timeouts.idle else None

    def silent(self, now: float) -> bool:
        """The running attempt has sent nothing yet, or has stopped for longer than a
        stream may."""
        if self.last_data is None:
            return True
        return bool(self._timeouts.idle) and now >= self.last_data + self._timeouts.idle

    def overrun(self) -> Failure:
        """The failure of an exchange past ``total``."""
        limit = self._timeouts.stream_total if self._stream else self._timeouts.total
        return Failure(ErrorKind.TIMEOUT, f"no complete answer within {limit:g} s")

    def silence(self) -> Failure:
        """The failure of an attempt past ``upstream``."""
        if self.last_data is None:
            limit = self._timeouts.first_byte
            return Failure(ErrorKind.TIMEOUT, f"the upstream did not answer within {limit:g} s")
        limit = self._timeouts.idle
        return Failure(ErrorKind.TIMEOUT, f"the upstream sent nothing for {limit:g} s")
