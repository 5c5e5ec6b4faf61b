"""One timer that can be set again, cheaply.

On asyncio it is a handle of the loop; a task that sleeps would cost each request
more than its translation. Elsewhere it is such a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from aigw_asgi.company import Company, StartsTasks


class Timer:
    """Runs ``due`` in a task once ``arm``'s time (monotonic seconds) has come, never early.

    ``company`` is that of the owner, who calls ``cancel`` at its end.
    """

    __slots__ = ("_changed", "_due", "_handle", "_loop", "_running", "_tasks", "armed")

    def __init__(self, due: Callable[[], Coroutine[Any, Any, None]], company: Company) -> None:
        self._due = due
        self._tasks: StartsTasks | None = company
        self._loop = company.loop
        self.armed: float | None = None
        """When it will call; ``None`` while it is off."""
        self._handle: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._changed: anyio.Event | None = None

    def arm(self, at: float) -> None:
        """Call at ``at``, and at no other time that was set before."""
        if self._tasks is None:
            return
        self.armed = at
        if self._loop is not None:
            if self._handle is not None:
                self._handle.cancel()
            delay = at - time.monotonic()
            self._handle = self._loop.call_later(max(delay, 0.0), self._fire)
        elif self._changed is None:
            self._changed = anyio.Event()
            self._tasks.start_soon(self._sleep)
        else:
            self._changed.set()

    def cancel(self) -> None:
        """Call no more, and end a call that is under way. For good: the owner is forgotten,
        since one that knows its timer would go only with the next collection."""
        self.armed = None
        self._due, self._tasks = _nothing, None
        if self._running is not None and self._running is not _current_task():
            self._running.cancel()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._changed is not None:
            self._changed.set()

    def _fire(self) -> None:
        self._handle = None
        at, self.armed = self.armed, None
        if at is not None and time.monotonic() < at:
            self.arm(at)  # the loop's clock is coarser than ours
        elif at is not None and self._loop is not None:
            # A callback of the loop is in no task, which a task group wants to be.
            self._running = self._loop.create_task(self._due())
        elif at is not None and self._tasks is not None:
            self._tasks.start_soon(self._due)

    async def _sleep(self) -> None:
        while self.armed is not None:
            self._changed = anyio.Event()
            with anyio.move_on_after(self.armed - time.monotonic()):
                await self._changed.wait()
                continue
            self._fire()
        self._changed = None


async def _nothing() -> None:
    pass


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
