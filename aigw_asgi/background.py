"""Going to the background, with whoever started it told how that went.

The process forks twice before it has a thread or a loop. Its last child serves; the first
process waits on a pipe for one message, the exit status of the start, and leaves with it.
A child that dies without a word closes the pipe, which says it as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

DIED = 1
"""The status when the child left no word."""


class Readiness:
    """For the process in the background: tells the one that waits, once."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def __repr__(self) -> str:
        return f"<Readiness {'told' if self._pipe < 0 else 'awaited'}>"

    def ready(self) -> None:
        """It serves. Standard input and outputs lead nowhere from here on."""
        if self._pipe < 0:
            return
        leave_streams()
        if not self._tell(0):
            # Nobody waits: whoever started it gave up, and would not know that it runs.
            signal.raise_signal(signal.SIGTERM)

    def failed(self, status: int) -> None:
        """It does not, and has said why on standard error."""
        if self._pipe >= 0:
            self._tell(status or DIED)

    def forget(self) -> None:
        """For a forked child: whoever starts it waits for others than us."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _tell(self, status: int) -> bool:
        pipe, self._pipe = self._pipe, -1
        try:
            return os.write(pipe, bytes((status,))) == 1
        except BrokenPipeError:
            return False
        finally:
            os.close(pipe)


def leave_streams() -> None:
    """Let standard input and outputs lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)


def in_background(serve: Callable[[Readiness], int]) -> int:
    """Call ``serve`` in a child that outlives us; gives the exit status of its start.

    Call it before there are threads. The child keeps the working folder and, until it is
    ready, the standard streams. It never returns here.
    """
    reader, writer = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    first = os.fork()
    if first:
        os.close(writer)
        os.waitpid(first, 0)
        try:
            said = os.read(reader, 1)
        finally:
            os.close(reader)
        if not said:
            print("aigw: it ended before it was ready", file=sys.stderr)  # noqa: T201 - a command's word
            return DIED
        return said[0]
    os.close(reader)
    os.setsid()
    if os.fork():
        os._exit(0)  # so that the child leads no session, and can get no terminal
    status = DIED
    readiness = Readiness(writer)
    try:
        status = serve(readiness)
    except BaseException as exc:  # noqa: BLE001 - the process ends here, and says with what
        sys.excepthook(type(exc), exc, exc.__traceback__)
    finally:
        readiness.failed(status)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)
