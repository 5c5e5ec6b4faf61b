"""The newest number of a log that others write to, for whoever looks several times a second.

Nothing is asked while its write-ahead log stands still, to which each commit is written, and
which is another file when the log itself is. A look at that costs 4 to 15 us, the question
in its thread some 150 to 300.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

SETTLED = 100_000_000
"""Nanoseconds after which a change must have another time: those of files go by the ticks
of the kernel, up to 10 ms apart."""

_Stamp = tuple[int, int, int]


class Newest:
    """Remembers what ``ask`` gave until the file changes. ``asked`` counts how often that was
    needed."""

    def __init__(self, file: Path, ask: Callable[[], Awaitable[int]]) -> None:
        self._file = f"{file}-wal"
        self._ask = ask
        self._stamp: _Stamp | None = None
        self._number = 0
        self.asked = 0

    def __repr__(self) -> str:
        return f"<Newest {self._number} of {self._file}>"

    async def get(self) -> int:
        """Raises what ``ask`` raises."""
        stamp = self._look()
        if stamp is None or stamp != self._stamp:
            # Looked at before: what is written meanwhile is a change.
            self._stamp = None
            self.asked += 1
            self._number = await self._ask()
            self._stamp = stamp
        return self._number

    def _look(self) -> _Stamp | None:
        """What changes with each commit; ``None``: the last may not be told from the next."""
        try:
            found = os.stat(self._file)
        except OSError:
            return None
        if found.st_mtime_ns >= time.time_ns() - SETTLED:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)
