"""A stream that flows: pieces go from the socket's callback to a function, no task wakes."""

from __future__ import annotations

import asyncio
import threading

import anyio
import anyio.to_thread
import pytest

from aigw_asgi.transports.base import MAX_HELD, UpstreamFailed
from aigw_asgi.transports.direct import DirectTransport
from tests.asgi.transports.conftest import Wiring
from tests.asgi.transports.test_conformance import CHUNKED, rest, wire
from tests.asgi.transports.upstream import Peer, Upstream

pytestmark = pytest.mark.anyio

CHUNK = b"3\r\nabc\r\n"
END = b"0\r\n\r\n"


@pytest.fixture(params=["asyncio", "uvloop"])
def wiring(request: pytest.FixtureRequest) -> Wiring:
    return Wiring("direct", request.param)


def one_by_one(*pieces: bytes) -> Upstream:
    """Sends the head, and then a piece for each ``go_on``."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(CHUNKED)
        for piece in pieces:
            peer.wait()
            peer.send(piece)
        peer.gone()

    return Upstream(script)


def nothing_comes(data: bytes) -> bool:
    raise AssertionError(data)


async def test_pieces_come_without_the_task(transport: DirectTransport) -> None:
    """20 batches of chunks are 20 calls, none of them made by the task."""
    taken: list[bytes] = []
    callers: set[asyncio.Task[object] | None] = set()

    async with one_by_one(*[CHUNK * 10] * 20, END) as upstream:

        def take(data: bytes) -> bool:
            taken.append(data)
            callers.add(asyncio.current_task())
            upstream.go_on()
            return True

        stream = await transport.open(wire(upstream))
        upstream.go_on()
        await stream.flow(take)
        assert taken == [b"abc" * 10] * 20
        assert callers == {None}
        assert await stream.read() == b""
        await stream.aclose()
        assert transport.idle == 1
        await transport.aclose()


async def test_after_a_no_the_rest_is_read(transport: DirectTransport) -> None:
    async with one_by_one(CHUNK, CHUNK * 2, CHUNK, END) as upstream:
        taken: list[bytes] = []

        def take(data: bytes) -> bool:
            taken.append(data)
            return False

        stream = await transport.open(wire(upstream))
        upstream.go_on()
        await stream.flow(take)
        upstream.go_on()
        assert await stream.read() == b"abcabc"
        upstream.go_on()
        await stream.flow(take)
        assert taken == [b"abc", b"abc"]
        upstream.go_on()
        assert await rest(stream) == b""
        await stream.aclose()
        await transport.aclose()


async def test_what_waits_already_is_for_read(transport: DirectTransport) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(CHUNKED + CHUNK + END)
        peer.gone()

    async with Upstream(script) as upstream:
        stream = await transport.open(wire(upstream))
        await stream.flow(nothing_comes)
        assert await rest(stream) == b"abc"
        await stream.flow(nothing_comes)
        await stream.aclose()
        await transport.aclose()


async def test_the_last_piece_may_come_with_the_end(transport: DirectTransport) -> None:
    async with one_by_one(CHUNK + END) as upstream:
        taken: list[bytes] = []

        def take(data: bytes) -> bool:
            taken.append(data)
            return True

        stream = await transport.open(wire(upstream))
        upstream.go_on()
        await stream.flow(take)
        assert (taken, await stream.read()) == ([b"abc"], b"")
        await stream.aclose()
        assert transport.idle == 1
        await transport.aclose()


async def test_a_failure_is_for_read(transport: DirectTransport) -> None:
    async with one_by_one(CHUNK + b"zz\r\n") as upstream:
        taken: list[bytes] = []

        def take(data: bytes) -> bool:
            taken.append(data)
            return True

        stream = await transport.open(wire(upstream))
        upstream.go_on()
        await stream.flow(take)
        with pytest.raises(UpstreamFailed):
            await stream.read()
        assert taken == [b"abc"]
        await stream.aclose()


async def test_an_exception_goes_to_the_task(transport: DirectTransport) -> None:
    async with one_by_one(CHUNK) as upstream:

        def take(data: bytes) -> bool:
            raise LookupError(data)

        stream = await transport.open(wire(upstream))
        upstream.go_on()
        with pytest.raises(LookupError):
            await stream.flow(take)
        await stream.aclose()
        await anyio.wait_all_tasks_blocked()  # the loop tells of a closed socket one turn later
        assert (transport.in_use, transport.idle) == (0, 0)
        await transport.aclose()


async def test_cancelling_closes_the_connection(transport: DirectTransport) -> None:
    async with one_by_one() as upstream:
        stream = await transport.open(wire(upstream))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.flow, nothing_comes)
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        await transport.aclose()


async def test_a_reader_that_stops_stops_the_socket(transport: DirectTransport) -> None:
    """What comes after a no is bounded as ever."""
    size = 64 << 20
    stuck = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        peer.wait()
        peer.push(bytes(size), 0.3)
        stuck.set()
        peer.gone()

    async with Upstream(script) as upstream:
        stream = await transport.open(wire(upstream))
        upstream.go_on()
        await stream.flow(lambda data: False)
        await anyio.to_thread.run_sync(stuck.wait)
        assert 0 < stream.held <= 2 * MAX_HELD
        await stream.aclose()
        await transport.aclose()
