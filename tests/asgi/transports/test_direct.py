"""What only the direct transport does."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

import anyio
import pytest
from anyio.lowlevel import checkpoint

from aigw_asgi.transports.base import UpstreamFailed
from aigw_asgi.transports.direct import DirectTransport, _Connection
from aigw_core.config.secret import Secret
from aigw_core.errors import ProtocolMisuse
from aigw_core.wire_request import FailureKind, Origin, WireRequest
from tests.asgi.transports.conftest import Wiring
from tests.asgi.transports.test_conformance import CHUNKED, fetch, rest, wire
from tests.asgi.transports.test_tls import believing, server_context
from tests.asgi.transports.upstream import Peer, Upstream, answer, says, serves

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "uvloop"])
def wiring(request: pytest.FixtureRequest) -> Wiring:
    return Wiring("direct", request.param)


async def test_an_answer_may_come_before_the_request_is_out(transport: DirectTransport) -> None:
    """The upstream answers at the sight of the header and reads no further."""
    size = 64 << 20

    def script(peer: Peer) -> None:
        while b"\r\n\r\n" not in peer.seen:
            peer.more()
        peer.send(answer(b"too large", status=413))
        peer.wait()
        peer.gone()

    async with Upstream(script, serves(answer(b"b"))) as upstream:
        stream = await transport.open(wire(upstream, body=bytes(size)))
        assert stream.status == 413
        assert await rest(stream) == b"too large"
        await stream.aclose()
        upstream.go_on()
        # Its socket still owes the upstream a body.
        assert transport.idle == 0
        assert await fetch(transport, wire(upstream)) == b"b"
        await transport.aclose()


async def test_a_break_while_sending_is_a_write_failure(transport: DirectTransport) -> None:
    def script(peer: Peer) -> None:
        peer.more()
        peer.reset()

    async with Upstream(script) as upstream:
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream, body=bytes(64 << 20)))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.WRITE, True)


async def test_idle_connections_are_closed_by_themselves() -> None:
    transport = DirectTransport(keepalive_expiry=0.02)
    async with Upstream(serves(answer(b"a"))) as upstream:
        streams = [await transport.open(wire(upstream)) for _ in range(3)]
        for stream in streams:
            await rest(stream)
            await stream.aclose()
        assert transport.idle == 3
        await upstream.finished()
        assert transport.idle == 0
        assert upstream.accepted == 3
    await transport.aclose()


async def test_a_connection_that_the_upstream_closes_leaves_the_pool(
    transport: DirectTransport,
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"a"))
        peer.wait()

    async with Upstream(script) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        assert transport.idle == 1
        [connection] = transport._connections
        upstream.go_on()
        await upstream.finished()
        with anyio.fail_after(10):
            await connection.gone
        assert (transport.idle, transport.in_use) == (0, 0)


async def test_an_upstream_that_speaks_first_is_heard(transport: DirectTransport) -> None:
    def script(peer: Peer) -> None:
        peer.send(b"220 smtp.test ESMTP\r\n")
        peer.gone()

    async with Upstream(script) as upstream:
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream))
        assert caught.value.kind is FailureKind.PROTOCOL


class Unlucky(DirectTransport):
    """Between connecting and the handshake the loop turns until something has come."""

    async def _dial(self, origin: Origin, address: str) -> _Connection:
        connection = await super()._dial(origin, address)
        while not connection.early:
            await checkpoint()
        return connection


async def test_bytes_before_the_handshake_are_no_answer() -> None:
    def script(peer: Peer) -> None:
        peer.send(answer(b"forged"))
        with contextlib.suppress(OSError, EOFError):
            peer.secure(server_context("127.0.0.1"))
            peer.request()

    transport = Unlucky(tls=believing)
    async with Upstream(script) as upstream:
        request = WireRequest("POST", f"https://127.0.0.1:{upstream.port}/", (), b"")
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(request)
        assert (caught.value.kind, caught.value.sent) == (FailureKind.TLS, False)
        await transport.aclose()


async def test_two_tasks_cannot_read_one_stream(transport: DirectTransport) -> None:
    async with Upstream(says(CHUNKED)) as upstream:
        stream = await transport.open(wire(upstream))
        reader = asyncio.create_task(stream.read())
        await checkpoint()
        with pytest.raises(ProtocolMisuse):
            await stream.read()
        await stream.aclose()
        with pytest.raises(UpstreamFailed):
            await reader


async def test_one_wake_up_a_read(transport: DirectTransport) -> None:
    """A batch of chunks that comes at once turns the reader once, whatever its size."""
    chunk = b"3\r\nabc\r\n"

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(CHUNKED)
        for _ in range(20):
            peer.wait()
            peer.send(chunk * 10)
        peer.wait()
        peer.send(b"0\r\n\r\n")
        peer.gone()

    async with Upstream(script) as upstream:
        stream = await transport.open(wire(upstream))
        reads = 0
        upstream.go_on()
        while data := await stream.read():
            assert data == b"abc" * 10
            reads += 1
            upstream.go_on()
        assert reads == 20
        await stream.aclose()
        await transport.aclose()


async def test_proxies_are_not_its_business(transport: DirectTransport) -> None:
    request = WireRequest("POST", "http://127.0.0.1/", (), b"", 10.0, Secret("http://127.0.0.1:1"))
    with pytest.raises(ProtocolMisuse):
        await transport.open(request)


def test_it_is_light_to_import() -> None:
    program = (
        "import sys; import aigw_asgi.transports.direct;"
        "heavy = {'httpcore2', 'h11', 'trio', 'certifi', 'truststore'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
