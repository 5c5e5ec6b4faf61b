"""The timer, on both loops, and on an asyncio loop that anyio did not start."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest

from aigw_asgi.company import GroupCompany
from aigw_asgi.timer import Timer


async def fires_once_and_in_time() -> None:
    calls: list[float] = []
    done = anyio.Event()

    async def due() -> None:
        async with anyio.create_task_group():  # it runs in a task, so this works
            calls.append(time.monotonic())
        done.set()

    async with GroupCompany() as company:
        timer = Timer(due, company)
        start = time.monotonic()
        timer.arm(start + 60)
        timer.arm(start + 0.02)
        with anyio.fail_after(5):
            await done.wait()
        assert timer.armed is None
        timer.arm(time.monotonic() + 60)
        timer.cancel()
    assert len(calls) == 1
    assert calls[0] >= start + 0.02


@pytest.mark.anyio
async def test_it_calls_once_never_early_and_not_after_cancel() -> None:
    await fires_once_and_in_time()


def test_it_works_on_a_loop_of_its_servers() -> None:
    asyncio.run(fires_once_and_in_time())
