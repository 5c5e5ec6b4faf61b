"""One timer that can be set again, cheaply.

On asyncio it is a handle of the loop; a task that sleeps would cost each request
more than its translation. Elsewhere it is such a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup


class Timer:
    """Calls ``due`` once ``arm``'s time (monotonic seconds) has come, never early.

    ``due`` runs in the loop and must not block. ``tasks`` is the group of the owner.
    """

    def __init__(self, due: Callable[[], None], tasks: TaskGroup) -> None:
        self._due = due
        self._tasks = tasks
        self.armed: float | None = None
        """When it will call; ``None`` while it is off."""
        self._handle: asyncio.TimerHandle | None = None
        self._changed: anyio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def arm(self, at: float) -> None:
        """Call at ``at``, and at no other time that was set before."""
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
        self.armed = None
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
        elif at is not None:
            self._due()

    async def _sleep(self) -> None:
        while self.armed is not None:
            self._changed = anyio.Event()
            with anyio.move_on_after(self.armed - time.monotonic()):
                await self._changed.wait()
                continue
            self._fire()
        self._changed = None
