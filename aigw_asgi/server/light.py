"""What each connection of uvicorn's holds, made smaller: an idle stream is open for minutes.

An ``asyncio.Event`` brings a deque of 64 places for those who wait, 760 bytes; here one
task waits, and seldom.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class LightEvent:
    """As much of an ``asyncio.Event`` as uvicorn uses."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self, is_set: bool = False) -> None:
        self._is_set = is_set
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> bool:
        if self._is_set:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        await waiter  # when it is cancelled, set() passes over it
        return True


class LightFlow(FlowControl):
    """Says whether a client reads."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        event: Any = LightEvent(is_set=True)
        self._is_writable_event = event


def lighten(cycle: Any) -> None:
    """Replace the event of a cycle, of either protocol, whose task has not begun to run."""
    cycle.message_event = LightEvent(cycle.message_event.is_set())
