"""Notices when the event loop stands still, and says where.

Something that blocks holds up every stream of the process at once, and leaves no trace: the
loop goes on as if nothing had been. So a thread asks the loop for a sign of life, four times a
second, and looks at its stack when none comes in time. Not for whether the process is to be
killed: that is the business of its supervisor and of the service manager.

A stretch of twice ``LIMIT`` is always noticed, one of ``LIMIT`` may be. For asyncio.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

LIMIT = 0.25
"""Seconds without a sign of life, and between one and the next wish for one."""

SHOWN = 10.0
"""Seconds that a stand-still is told of by ``slow``."""

QUIET = 60.0
"""Seconds between two lines of the log."""

DEPTH = 12
"""Calls of the stack that are named."""

_LOG = logging.getLogger("aigw")


class LoopWatch:
    """Watches the running loop from ``start`` to ``stop``."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.count = 0
        """How often the loop has stood still."""
        self._limit = limit
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aigw-loop-watch", daemon=True)
        self._last = float("-inf")
        self._told = float("-inf")

    def __repr__(self) -> str:
        return f"<LoopWatch count={self.count}>"

    @property
    def slow(self) -> bool:
        """The loop has just stood still."""
        return time.monotonic() < self._last + SHOWN

    def start(self) -> None:
        """Watch the loop that runs, in this thread."""
        self._loop = asyncio.get_running_loop()
        self._ident = threading.get_ident()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._limit):
            sign = threading.Event()
            try:
                self._loop.call_soon_threadsafe(sign.set)
            except RuntimeError:  # the loop is closed
                return
            if self._comes_in_time(sign):
                continue
            stack = self._stack()
            self.count += 1
            self._last = time.monotonic()
            self._tell(stack)
            while not sign.wait(self._limit) and not self._stopped.is_set():
                self._last = time.monotonic()

    def _comes_in_time(self, sign: threading.Event) -> bool:
        """When this thread was late itself the machine is busy, or we were stopped: the
        loop gets another chance."""
        for _ in range(2):
            asked = time.monotonic()
            if sign.wait(self._limit):
                return True
            if time.monotonic() < asked + 1.5 * self._limit:
                return False
        return False

    def _stack(self) -> str:
        """Where the loop's thread is: innermost first, in one line."""
        frames = traceback.extract_stack(sys._current_frames().get(self._ident))
        places = [f"{each.name} ({each.filename}:{each.lineno})" for each in frames[:-DEPTH:-1]]
        return " < ".join(places)

    def _tell(self, stack: str) -> None:
        if self._last >= self._told + QUIET:
            self._told = self._last
            _LOG.warning(
                "the event loop has stood still for %g s; all streams wait for %s",
                self._limit,
                stack,
            )
