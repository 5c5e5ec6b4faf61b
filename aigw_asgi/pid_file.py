"""The file that says which process serves, and the lock that makes it true.

A number in a file proves nothing: its process may be gone, and another may have the
number by now. So the process that serves keeps the file locked for as long as it lives,
which the kernel ends with it, however it ends. Only while the lock is held does the number
mean anything, and only then is anybody sent a signal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from enum import Enum
from types import TracebackType

from msgspec import Struct

_PATIENCE = 0.5
"""Seconds to wait for a lock that a mere look at the file holds for a moment, and for a
number that a process which has just taken the lock is about to write."""

_LOOK = 0.02


class PidFileTaken(Exception):
    """Another process has the file locked."""

    def __init__(self, path: str, pid: int | None) -> None:
        super().__init__(f"process {pid or '(unknown)'} runs already: it holds {path}")
        self.pid = pid


class PidFile:
    """The file of this process, while it is entered. Forked children share the lock.

    Raises:
        PidFileTaken: another process runs.
        OSError: the file cannot be had.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._number = -1

    def __repr__(self) -> str:
        return f"<PidFile {self._path}>"

    def __enter__(self) -> PidFile:
        deadline = time.monotonic() + _PATIENCE
        while self._number < 0:
            number = _open(self._path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_named(self._path, number):
                    self._number = number
                    continue  # else its last owner took it away in between
            except BlockingIOError:
                if time.monotonic() > deadline:
                    pid = _read(number)
                    os.close(number)
                    raise PidFileTaken(self._path, pid) from None
                time.sleep(_LOOK)
            os.close(number)
        # What is in it is cut off only now: it may have been another's until here.
        os.ftruncate(self._number, 0)
        os.pwrite(self._number, b"%d\n" % os.getpid(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if _is_named(self._path, self._number):
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._number)
        self._number = -1


class State(Enum):
    RUNNING = "running"
    STALE = "stale"
    """The file is there, its process is not."""
    ABSENT = "absent"


class Holder(Struct, frozen=True):
    """What a PID file says of the process that it names."""

    state: State
    pid: int | None = None
    """Of the process that runs, or of the one that did."""


def look(path: str) -> Holder:
    """Whether the process of a PID file runs.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        number = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return Holder(State.ABSENT)
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = _read(number)
                if pid is not None or time.monotonic() > deadline:
                    return Holder(State.RUNNING, pid)
                time.sleep(_LOOK)
            else:
                return Holder(State.STALE, _read(number))
    finally:
        os.close(number)


class Process:
    """The process that holds a PID file, to be sent signals and waited for."""

    def __init__(self, path: str) -> None:
        """Raises:
        ProcessLookupError: none does, or it does not say which one it is.
        """
        self._path = path
        holder = look(path)
        if holder.state is not State.RUNNING or holder.pid is None:
            raise ProcessLookupError
        self.pid = holder.pid
        # From here on the number cannot pass to another process unnoticed.
        self._handle = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else -1
        if look(path) != holder:
            self.close()
            raise ProcessLookupError

    def send(self, number: signal.Signals) -> None:
        """Raises:
        ProcessLookupError: it is gone.
        PermissionError: it is another user's.
        """
        if self._handle >= 0:
            signal.pidfd_send_signal(self._handle, number)
        elif self._holds():
            os.kill(self.pid, number)
        else:
            raise ProcessLookupError

    def gone_within(self, seconds: float) -> bool:
        """Wait for its end."""
        deadline = time.monotonic() + seconds
        if self._handle >= 0:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            return bool(poll.poll(max(0.0, seconds) * 1000))
        while self._holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK)
        return True

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _holds(self) -> bool:
        return look(self._path) == Holder(State.RUNNING, self.pid)


def _open(path: str, flags: int) -> int:
    # Through no link, and not waiting for the other end of a pipe.
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)


def _is_named(path: str, number: int) -> bool:
    try:
        named = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    held = os.fstat(number)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)


def _read(number: int) -> int | None:
    text = os.pread(number, 32, 0).strip()
    # 0 and 1 would be everybody's process group, and init.
    return int(text) if text.isdigit() and int(text) > 1 else None
