"""Tasks beside a request, and the end of a wait: both kinds keep the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from aigw_asgi.company import Company, GroupCompany, LoopCompany

pytestmark = pytest.mark.anyio

Make = Callable[[], Company]


@pytest.fixture(params=["group", "loop"])
def make(request: pytest.FixtureRequest, anyio_backend_name: str) -> Make:
    by_loop = request.param == "loop" and anyio_backend_name == "asyncio"
    return LoopCompany if by_loop else GroupCompany


async def test_another_task_ends_a_wait_and_the_request_goes_on(make: Make) -> None:
    steps = []
    async with make() as company:
        for number in range(3):
            with company.wait() as wait:

                async def end(this: object = wait) -> None:
                    wait.cancel()
                    wait.cancel()

                company.start_soon(end)
                await anyio.sleep_forever()
            steps.append(number)
            await anyio.lowlevel.checkpoint()  # nothing of it is left
    assert steps == [0, 1, 2]


async def test_who_waits_for_nothing_is_not_disturbed(make: Make) -> None:
    async with make() as company:
        with company.wait() as wait:
            wait.cancel()
        await anyio.lowlevel.checkpoint()


async def test_at_the_end_all_others_end(make: Make) -> None:
    ended = []

    async def endless(number: int) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(number)

    async with make() as company:
        for number in range(3):
            company.start_soon(endless, number)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
    assert sorted(ended) == [0, 1, 2]


async def test_what_another_raises_ends_the_request(make: Make) -> None:
    async def fail() -> None:
        raise LookupError

    async def serve() -> None:
        async with make() as company:
            company.start_soon(fail)
            await anyio.sleep_forever()

    with pytest.raises((LookupError, ExceptionGroup)) as raised:
        await serve()
    error = raised.value
    assert isinstance(
        error.exceptions[0] if isinstance(error, ExceptionGroup) else error, LookupError
    )
    await anyio.lowlevel.checkpoint()  # the task itself is not cancelled


async def test_who_cancels_the_request_means_all_of_it(make: Make) -> None:
    behind = False
    with anyio.move_on_after(5) as scope:
        async with make() as company:
            with company.wait() as wait:

                async def both() -> None:
                    wait.cancel()
                    scope.cancel()

                company.start_soon(both)
                await anyio.sleep_forever()
            await anyio.sleep_forever()
            behind = True
    assert scope.cancelled_caught
    assert not behind


def test_a_server_that_cancels_its_task_means_all_of_it() -> None:
    reached: list[str] = []

    async def serve() -> None:
        async with LoopCompany() as company:
            with company.wait() as wait:
                asyncio.get_running_loop().call_soon(wait.cancel)
                host = asyncio.current_task()
                assert host is not None
                asyncio.get_running_loop().call_soon(host.cancel)
                await asyncio.sleep(60)
            reached.append("behind")

    async def main() -> None:
        task = asyncio.create_task(serve())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert reached == []
