"""The newest number of a log that others write to, for whoever looks several times a second.

Nothing is asked while the file stands still, which its times and sizes tell: a commit is
written to the write-ahead log, or to the file itself. Two looks at those cost 4 us, the
question in its thread some 150 to 300.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

SETTLED = 100_000_000
"""Nanoseconds after which a change must have another time: those of files go by the ticks
of the kernel, up to 10 ms apart."""

_Stamp = tuple[int, int, int, int, int]


class Newest:
    """Remembers what ``ask`` gave until the file changes. ``asked`` counts how often that was
    needed."""

    def __init__(self, file: Path, ask: Callable[[], Awaitable[int]]) -> None:
        self._file, self._log = os.fspath(file), f"{file}-wal"
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
            file, log = os.stat(self._file), os.stat(self._log)
        except OSError:
            return None
        changed = max(file.st_mtime_ns, log.st_mtime_ns)
        if not changed < time.time_ns() - SETTLED:
            return None
        return (file.st_ino, file.st_mtime_ns, log.st_ino, log.st_mtime_ns, log.st_size)
