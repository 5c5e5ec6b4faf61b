"""Racing addresses, on each loop."""

from __future__ import annotations

import errno

import anyio
import pytest

from aigw_asgi.transports.base import UpstreamFailed
from aigw_asgi.transports.dial import connect_failed, find_addresses, race
from aigw_core.wire_request import FailureKind

pytestmark = pytest.mark.anyio


def drop(connection: str) -> None:
    raise AssertionError(connection)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def test_the_families_take_turns() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["::1", "fd00::1", "fd00::1", "fe80::1", "127.0.0.1", "10.0.0.1", "10.0.0.2"]

    found = await find_addresses(resolve, "upstream.test", 80)
    assert found == ["::1", "127.0.0.1", "fd00::1", "10.0.0.1", "10.0.0.2"]


async def test_an_address_is_not_looked_up() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    assert await find_addresses(resolve, "::1", 80) == ["::1"]


async def test_a_dead_address_does_not_hold_up_the_next() -> None:
    tried: list[str] = []

    async def connect(address: str) -> str:
        tried.append(address)
        if address == "dead":
            await anyio.sleep_forever()
        return address

    assert await race(["dead", "alive", "spare"], connect, tried.remove) == "alive"
    assert tried == ["dead", "alive"]


async def test_a_refusal_starts_the_next_at_once() -> None:
    async def connect(address: str) -> str:
        if address != "c":
            raise ConnectionRefusedError(errno.ECONNREFUSED, address)
        return address

    assert await race(["a", "b", "c"], connect, drop) == "c"


async def test_the_first_problem_is_told() -> None:
    async def connect(address: str) -> str:
        raise ConnectionRefusedError(errno.ECONNREFUSED, address)

    with pytest.raises(ConnectionRefusedError) as caught:
        await race(["a", "b"], connect, drop)
    assert caught.value.strerror == "a"


async def test_who_comes_too_late_is_discarded() -> None:
    late = anyio.Event()
    discarded: list[str] = []

    async def connect(address: str) -> str:
        if address == "a":
            # Its connection stands at the very moment at which the other wins.
            with anyio.CancelScope(shield=True):
                await late.wait()
        else:
            late.set()
        return address

    assert await race(["a", "b"], connect, discarded.append) == "b"
    assert discarded == ["a"]


async def test_a_cancelled_race_discards_its_winner() -> None:
    discarded: list[str] = []
    with anyio.CancelScope() as scope:

        async def connect(address: str) -> str:
            scope.cancel()
            return address

        await race(["a", "b"], connect, discarded.append)
    assert scope.cancelled_caught
    assert discarded == ["a"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL])
async def test_our_own_shortage_is_not_the_upstreams_fault(number: int) -> None:
    failure = connect_failed(OSError(number, "secret text"), "upstream.test")
    assert isinstance(failure, UpstreamFailed)
    assert failure.kind is FailureKind.POOL
    assert "secret" not in str(failure)
