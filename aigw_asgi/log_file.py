"""A log file for each day, and the old ones gone.

The standard library's rotating handler comes close. It counts files where we count days,
opens them by the umask, and two processes that share a file take each other's day away;
with those three replaced nothing of it would be left.

Days are those of UTC, as are the times in the lines.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: one process a file, then
    fcntl = None  # type: ignore[assignment]  # tested before each use

NAME = "aigw.log"
"""Today's file; another day's is ``aigw.log.2026-11-23``."""

MODE = 0o640
"""Of the files: nothing for strangers, whatever the umask allows."""

FOLDER_MODE = 0o750

_DAY = 86_400
_OLD = re.compile(re.escape(NAME) + r"\.(\d{4}-\d\d-\d\d)(?:\.\d+)?")


class DailyFile:
    """Appends lines to today's file. Any number of processes may share the folder."""

    def __init__(self, folder: str | os.PathLike[str], retention_days: int) -> None:
        """``retention_days``: how many days before today are kept.

        Raises:
            OSError: the folder or the file cannot be had.
        """
        self._folder = Path(folder)
        self._keep = retention_days
        self._number = -1
        self._ends = 0.0
        self._torn = False
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._open(time.time())

    def __repr__(self) -> str:
        return f"<DailyFile {self._folder / NAME}>"

    def write(self, data: bytes, now: float) -> None:
        """Append whole lines. ``now`` in Unix seconds decides to which day they belong.

        Raises:
            OSError: they could not be written; the next call tries again from the start.
        """
        if self._number < 0 or not self._in_place():
            self.close()
            self._open(now)
        elif now >= self._ends:
            held = self._number
            self._open(now, overdue=True)
            os.close(held)
        if self._torn:
            data = b"\n" + data  # what was cut off stays a line of its own
        self._torn = True
        write_all(self._number, data)
        self._torn = False

    def close(self) -> None:
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    def _in_place(self) -> bool:
        """Whether the file that is open is still the one of that name: others rotate too."""
        try:
            named = os.stat(self._folder / NAME)
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(self._number))

    def _open(self, now: float, *, overdue: bool = False) -> None:
        """``overdue``: the file that is open now is of an earlier day, though it may have
        got lines since midnight, by others or of the moment before."""
        number = self._append()
        today = int(now // _DAY)
        about = os.fstat(number)
        if int(about.st_mtime // _DAY) < today or (
            overdue and os.path.samestat(about, os.fstat(self._number))
        ):
            self._set_aside(number, today - 1)
            os.close(number)
            number = self._append()
        self._number = number
        self._ends = (today + 1) * _DAY
        self._forget(today)

    def _append(self) -> int:
        # Through no link: it could lead to a file that somebody else chose. And a pipe
        # without a reader is refused, not waited for.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        return os.open(self._folder / NAME, flags, MODE)

    def _set_aside(self, number: int, latest: int) -> None:
        """Give the file that ``number`` has open the name of the day of its last lines,
        which was no later than ``latest``. ``number`` must be newly opened: a forked
        process shares the locks of what it has inherited."""
        if fcntl is not None:
            fcntl.flock(number, fcntl.LOCK_EX)
        about = os.fstat(number)
        file = self._folder / NAME
        try:
            if not os.path.samestat(os.stat(file), about):
                return  # another process was first
        except FileNotFoundError:
            return
        if not about.st_size:
            return
        day = min(int(about.st_mtime // _DAY), latest)
        name = f"{NAME}.{_date(day)}"
        old = self._folder / name
        again = 0
        while old.exists():
            again += 1
            old = self._folder / f"{name}.{again}"
        os.rename(file, old)

    def _forget(self, today: int) -> None:
        oldest = _date(today - self._keep)
        with contextlib.suppress(OSError), os.scandir(self._folder) as found:
            for entry in found:
                match = _OLD.fullmatch(entry.name)
                if match is not None and match[1] < oldest:
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)


def write_all(number: int, data: bytes) -> None:
    """Write all of ``data`` to an open file, past the buffers of Python.

    Raises:
        OSError: not all of it was written.
    """
    left = memoryview(data)
    while left:
        left = left[os.write(number, left) :]


def _date(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * _DAY))
