"""When a worker that died is followed by another one, and when that is given up."""

from __future__ import annotations

SETTLED = 10.0
"""Seconds after which a worker counts as one that works."""

FIRST_PAUSE = 0.25
"""Seconds before a successor to one that died soon, and whose predecessor had as well;
twice as much each time."""

TOO_MANY = 5
WITHIN = 60.0
"""So many deaths in so many seconds are no accident."""


class Deaths:
    """Those at the place of one worker."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._soon = 0

    def __repr__(self) -> str:
        return f"<Deaths {len(self._times)}, {self._soon} of them soon>"

    def pause(self, now: float, lived: float) -> float | None:
        """Count a death; gives the seconds until the next worker starts, ``None``: none is
        to start any more. ``lived`` is how many seconds it lived."""
        self._times = [time for time in self._times if now - time < WITHIN]
        self._times.append(now)
        if len(self._times) >= TOO_MANY:
            return None
        self._soon = 0 if lived >= SETTLED else self._soon + 1
        return 0.0 if self._soon < 2 else FIRST_PAUSE * 2 ** (self._soon - 2)
