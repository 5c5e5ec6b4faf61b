"""What every transport of the network owes to its callers, on each of its loops."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from aigw_asgi.transports.base import MAX_HELD, Transport, UpstreamFailed, UpstreamStream
from aigw_asgi.transports.direct import READ, DirectTransport
from aigw_core.codec import Headers
from aigw_core.errors import ProtocolMisuse
from aigw_core.wire_request import FailureKind, WireRequest
from tests.asgi.transports.conftest import NetworkTransport, Wiring
from tests.asgi.transports.upstream import Peer, Upstream, answer, says, serves

pytestmark = pytest.mark.anyio

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def wire(
    upstream: Upstream,
    *,
    body: bytes = b"{}",
    headers: Headers = (),
    method: str = "POST",
    host: str = "127.0.0.1",
    connect_timeout: float = 10.0,
) -> WireRequest:
    return WireRequest(method, upstream.url(host=host), headers, body, connect_timeout)


async def rest(stream: UpstreamStream) -> bytes:
    pieces = []
    while data := await stream.read():
        pieces.append(data)
    return b"".join(pieces)


async def fetch(transport: Transport, request: WireRequest) -> bytes:
    stream = await transport.open(request)
    try:
        return await rest(stream)
    finally:
        await stream.aclose()


# --- an answer comes through ---


async def test_the_head_comes_through(transport: NetworkTransport) -> None:
    head = b"HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nX-Caf: \xe9\r\ncontent-length: 0\r\n\r\n"
    async with Upstream(says(head)) as upstream:
        stream = await transport.open(wire(upstream))
        assert stream.status == 429
        assert stream.headers == (
            ("retry-after", "3"),
            ("x-caf", "\xe9"),
            ("content-length", "0"),
        )
        assert await stream.read() == b""
        await stream.aclose()
        await transport.aclose()


async def test_the_request_is_written_as_asked(transport: NetworkTransport) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(answer())
        peer.gone()

    headers = (("authorization", "Bearer k"), ("content-type", "application/json"))
    async with Upstream(script) as upstream:
        assert await fetch(transport, wire(upstream, body=b'{"a":1}', headers=headers)) == b"ok"
        await transport.aclose()
        [(head, body)] = seen
        assert head.split(b"\r\n") == [
            b"POST /v1/x HTTP/1.1",
            b"host: 127.0.0.1:%d" % upstream.port,
            b"authorization: Bearer k",
            b"content-type: application/json",
            b"accept-encoding: identity",
            b"content-length: 7",
            b"",
            b"",
        ]
        assert body == b'{"a":1}'


async def test_a_large_request_arrives_whole(transport: NetworkTransport) -> None:
    body = os.urandom(1 << 20) * 4
    seen: list[bytes] = []

    def script(peer: Peer) -> None:
        seen.append(hashlib.sha256(peer.request()[1]).digest())
        peer.send(answer())
        peer.gone()

    async with Upstream(script) as upstream:
        assert await fetch(transport, wire(upstream, body=body)) == b"ok"
        await transport.aclose()
    assert seen == [hashlib.sha256(body).digest()]


@pytest.mark.parametrize(
    ("data", "then", "body"),
    [
        (answer(b"hello"), "gone", b"hello"),
        (CHUNKED + b"5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nx-t: 1\r\n\r\n", "gone", b"hello!"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "close", b"hello"),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "gone", b"ok"),
        (b"HTTP/1.1 204 No\r\n\r\n", "gone", b""),
        (b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" * 8 + answer(b"hello"), "gone", b"hello"),
        (answer(b"hello", fields=b"x-big: " + b"x" * 8192 + b"\r\n"), "gone", b"hello"),
        (answer(b"moved", status=302, fields=b"location: /y\r\n"), "gone", b"moved"),
        (answer(b"gzip?", fields=b"content-encoding: gzip\r\n"), "gone", b"gzip?"),
    ],
    ids=["length", "chunked", "until-close", "http-1.0", "204", "103", "8-KiB", "302", "gzip"],
)
async def test_each_framing_is_read(
    transport: NetworkTransport, data: bytes, then: str, body: bytes
) -> None:
    async with Upstream(says(data, then=then)) as upstream:
        assert await fetch(transport, wire(upstream)) == body
        await transport.aclose()
        assert upstream.accepted == 1


async def test_a_trickle_comes_through_piece_by_piece(transport: NetworkTransport) -> None:
    pieces = [b"a", b"bc", b"def"]

    def script(peer: Peer) -> None:
        peer.request()
        for byte in CHUNKED:
            peer.send(bytes([byte]))
        for piece in pieces:
            peer.wait()
            for byte in b"%x\r\n%s\r\n" % (len(piece), piece):
                peer.send(bytes([byte]))
        peer.wait()
        peer.send(b"0\r\n\r\n")
        peer.gone()

    async with Upstream(script) as upstream:
        stream = await transport.open(wire(upstream))
        for piece in pieces:
            # The next piece is not sent before this one is here, whole.
            upstream.go_on()
            seen = b""
            while len(seen) < len(piece):
                seen += await stream.read()
            assert seen == piece
        upstream.go_on()
        assert await stream.read() == b""
        assert await stream.read() == b""
        await stream.aclose()
        await transport.aclose()


async def test_what_has_arrived_comes_as_one(transport: NetworkTransport) -> None:
    async with Upstream(says(CHUNKED + b"2\r\nab\r\n" * 50 + b"0\r\n\r\n")) as upstream:
        stream = await transport.open(wire(upstream))
        assert await stream.read() == b"ab" * 50
        assert await stream.read() == b""
        await stream.aclose()
        await transport.aclose()


# --- an answer that cannot be read ---


@pytest.mark.parametrize(
    ("data", "then", "kind"),
    [
        (b"", "close", FailureKind.READ),
        (b"", "reset", FailureKind.READ),
        (b"HTTP/1.1 200 OK\r\nx", "close", FailureKind.READ),
        (b"HTTP/1.1 200 OK\r\nx", "reset", FailureKind.READ),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "close", FailureKind.READ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "gone", FailureKind.PROTOCOL),
        (b"<html>\r\n\r\n", "gone", FailureKind.PROTOCOL),
        (b"HTTP/2.0 200\r\n\r\n", "gone", FailureKind.PROTOCOL),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "gone", FailureKind.PROTOCOL),
        (b"HTTP/1.1 101 Up\r\nupgrade: x\r\n\r\n", "gone", FailureKind.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70000, "gone", FailureKind.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 101 + b"\r\n", "gone", FailureKind.PROTOCOL),
        (b"HTTP/1.1 200 OK\nx: y\n\n", "gone", FailureKind.PROTOCOL),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "gone",
            FailureKind.PROTOCOL,
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
            "gone",
            FailureKind.PROTOCOL,
        ),
    ],
    ids=[
        "close", "reset", "close-in-head", "reset-in-head", "close-after-100", "ssh", "html",
        "http-2", "1xx-flood", "101", "huge-head", "many-fields", "bare-lf", "cl-te", "two-cl",
    ],
)  # fmt: skip
async def test_a_bad_head_fails_the_opening(
    transport: NetworkTransport, data: bytes, then: str, kind: FailureKind
) -> None:
    async with Upstream(says(data, then=then)) as upstream:
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream))
        assert (caught.value.kind, caught.value.sent) == (kind, True)
        await upstream.finished()
        assert upstream.accepted == 1


@pytest.mark.parametrize(
    ("data", "then", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", "close", FailureKind.READ),
        (CHUNKED + b"5\r\nhello\r\n", "close", FailureKind.READ),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", "close", FailureKind.READ),
        (CHUNKED + b"9\r\nhello", "close", FailureKind.READ),
        (CHUNKED + b"5\r\nhello\r\nzz\r\n", "gone", FailureKind.PROTOCOL),
        (CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n", "gone", FailureKind.PROTOCOL),
        (CHUNKED + b"5\r\nhello\r\n1;" + b"x" * 2000, "gone", FailureKind.PROTOCOL),
    ],
    ids=["short-length", "no-last-chunk", "no-blank-line", "half-chunk", "garbage", "long-chunk",
         "extension"],
)  # fmt: skip
async def test_a_bad_body_fails_the_reading(
    transport: NetworkTransport, data: bytes, then: str, kind: FailureKind
) -> None:
    async with Upstream(says(data, then=then)) as upstream:
        stream = await transport.open(wire(upstream))
        # What came before the fault is handed over first.
        seen = b""
        while len(seen) < 5:
            seen += await stream.read()
        assert seen == b"hello"
        for _ in range(2):
            with pytest.raises(UpstreamFailed) as caught:
                await stream.read()
            assert (caught.value.kind, caught.value.sent) == (kind, True)
        await stream.aclose()
        await upstream.finished()
        assert (transport.idle, upstream.accepted) == (0, 1)


async def test_a_reset_in_the_body_fails_the_reading(transport: NetworkTransport) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(CHUNKED + b"5\r\nhello\r\n")
        peer.wait()
        peer.reset()

    async with Upstream(script) as upstream:
        stream = await transport.open(wire(upstream))
        assert await stream.read() == b"hello"
        upstream.go_on()
        with pytest.raises(UpstreamFailed) as caught:
            await stream.read()
        assert caught.value.kind is FailureKind.READ
        await stream.aclose()


async def test_a_header_that_breaks_the_line_is_never_dialled(transport: NetworkTransport) -> None:
    async with Upstream(serves()) as upstream:
        with pytest.raises(ProtocolMisuse):
            await transport.open(wire(upstream, headers=(("x-a", "b\r\nc: d"),)))
        assert upstream.accepted == 0


async def test_nobody_listens(transport: NetworkTransport) -> None:
    upstream = Upstream(serves())
    async with upstream:
        pass
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(wire(upstream))
    assert (caught.value.kind, caught.value.sent) == (FailureKind.CONNECT, False)
    assert str(caught.value) == "connect: 127.0.0.1: connection refused"
    assert caught.value.__cause__ is not None


# --- connections are used again, and only when they are fit ---


async def test_a_connection_is_used_again(transport: NetworkTransport) -> None:
    chunks = CHUNKED + b"1\r\nb\r\n0\r\n\r\n"
    async with Upstream(serves(answer(b"a"), chunks, answer(b"c"))) as upstream:
        for expected in (b"a", b"b", b"c"):
            assert await fetch(transport, wire(upstream)) == expected
            assert (transport.idle, transport.in_use) == (1, 0)
        await transport.aclose()
        assert upstream.accepted == 1


async def test_two_at_a_time_are_two_connections(transport: NetworkTransport) -> None:
    async with Upstream(serves(answer(b"a"), answer(b"a"))) as upstream:
        first = await transport.open(wire(upstream))
        second = await transport.open(wire(upstream))
        for stream in (first, second):
            assert await rest(stream) == b"a"
            await stream.aclose()
        assert transport.idle == 2
        assert await fetch(transport, wire(upstream)) == b"a"
        assert transport.idle == 2
        await transport.aclose()
        assert upstream.accepted == 2


@pytest.mark.parametrize(
    ("data", "then"),
    [
        (answer(b"a", fields=b"connection: close\r\n"), "gone"),
        (answer(b"a") + b"x", "gone"),
        (answer(b"a") + answer(b"smuggled"), "gone"),
        (CHUNKED + b"1\r\na\r\n0\r\n\r\n" + b"\r\n", "gone"),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", "gone"),
        (b"HTTP/1.1 200 OK\r\n\r\na", "close"),
    ],
    ids=["close", "extra-byte", "extra-answer", "extra-line", "http-1.0", "until-close"],
)
async def test_an_unfit_connection_is_not_used_again(
    transport: NetworkTransport, data: bytes, then: str
) -> None:
    async with Upstream(says(data, then=then), serves(answer(b"b"))) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        assert transport.idle == 0
        assert await fetch(transport, wire(upstream)) == b"b"
        await transport.aclose()
        assert upstream.accepted == 2


async def test_bytes_that_come_while_idle_make_it_unfit(transport: NetworkTransport) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"a"))
        peer.wait()
        peer.send(answer(b"smuggled"))
        peer.upstream.news.release()
        peer.gone()

    async with Upstream(script, serves(answer(b"b"))) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        assert transport.idle == 1
        upstream.go_on()
        await upstream.told()
        await turn_the_loop()
        assert await fetch(transport, wire(upstream)) == b"b"
        await transport.aclose()
        assert upstream.accepted == 2


async def turn_the_loop() -> None:
    """Let the loop see what was sent to its sockets: a busy kernel delivers a little
    later, on loopback too."""
    for _ in range(5):
        await anyio.sleep(0.002)


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_closed_while_idle_is_not_used(
    transport: NetworkTransport, end: str
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"a"))
        peer.wait()
        getattr(peer, end)()
        peer.upstream.news.release()

    async with Upstream(script, serves(answer(b"b"))) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        upstream.go_on()
        await upstream.told()
        await turn_the_loop()
        assert await fetch(transport, wire(upstream)) == b"b"
        await transport.aclose()
        assert upstream.accepted == 2


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_stale_connection_is_replaced_once(transport: NetworkTransport, end: str) -> None:
    """It dies at the very request that reuses it: seen only after sending."""

    def dies(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"a"))
        peer.request()
        getattr(peer, end)()

    async with Upstream(dies, serves(answer(b"b"))) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        assert await fetch(transport, wire(upstream)) == b"b"
        await transport.aclose()
        assert upstream.accepted == 2


async def test_a_second_death_is_a_failure(transport: NetworkTransport) -> None:
    def dies(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"a"))
        peer.request()

    async with Upstream(dies, says(b"", then="close")) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.READ, True)
        assert upstream.accepted == 2


async def test_a_death_after_the_first_byte_is_not_repeated(transport: NetworkTransport) -> None:
    def dies(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"a"))
        peer.request()
        peer.send(b"H")

    async with Upstream(dies) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream))
        assert caught.value.kind is FailureKind.READ
        assert upstream.accepted == 1


async def test_an_expired_connection_is_closed(wiring: Wiring) -> None:
    transport = wiring.make(keepalive_expiry=0.01)
    async with Upstream(serves(answer(b"a")), serves(answer(b"b"))) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        start = anyio.current_time()
        while anyio.current_time() - start < 0.02:
            await checkpoint()
        assert await fetch(transport, wire(upstream)) == b"b"
        await transport.aclose()
        assert upstream.accepted == 2


async def test_a_closed_transport_opens_nothing(transport: NetworkTransport) -> None:
    async with Upstream(serves(answer(b"a"))) as upstream:
        stream = await transport.open(wire(upstream))
        await transport.aclose()
        # What is open goes on; its connection does not come back.
        assert await rest(stream) == b"a"
        await stream.aclose()
        assert transport.idle == 0
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.POOL, False)
        assert upstream.accepted == 1


# --- leaving early ---


async def test_closing_in_the_body_closes_the_connection(transport: NetworkTransport) -> None:
    async with Upstream(says(CHUNKED + b"5\r\nhello\r\n")) as upstream:
        stream = await transport.open(wire(upstream))
        assert await stream.read() == b"hello"
        await stream.aclose()
        await stream.aclose()
        await upstream.finished()
        assert transport.idle == 0


async def test_closing_unread_closes_the_connection(transport: NetworkTransport) -> None:
    async with Upstream(says(CHUNKED)) as upstream:
        stream = await transport.open(wire(upstream))
        await stream.aclose()
        await upstream.finished()


async def test_a_closed_stream_is_not_read(transport: NetworkTransport) -> None:
    async with Upstream(says(CHUNKED + b"5\r\nhello\r\n")) as upstream:
        stream = await transport.open(wire(upstream))
        await stream.aclose()
        with pytest.raises(UpstreamFailed) as caught:
            await stream.read()
        assert caught.value.kind is FailureKind.READ


async def test_cancelling_a_read_closes_the_connection(transport: NetworkTransport) -> None:
    async with Upstream(says(CHUNKED)) as upstream:
        stream = await transport.open(wire(upstream))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.read)
            await turn_the_loop()
            tasks.cancel_scope.cancel()
        await upstream.finished()
        await stream.aclose()
        assert transport.idle == 0


async def test_closing_from_another_task_ends_a_read(transport: NetworkTransport) -> None:
    kinds: list[FailureKind] = []

    async def read(stream: UpstreamStream) -> None:
        try:
            await stream.read()
        except UpstreamFailed as exc:
            kinds.append(exc.kind)

    async with Upstream(says(CHUNKED)) as upstream:
        stream = await transport.open(wire(upstream))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, stream)
            await turn_the_loop()
            await stream.aclose()
        assert kinds == [FailureKind.READ]
        await upstream.finished()


async def test_cancelling_before_the_head_closes_the_connection(
    transport: NetworkTransport,
) -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.upstream.news.release()
        peer.gone()

    async with Upstream(silent) as upstream:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.open, wire(upstream))
            await upstream.told()
            tasks.cancel_scope.cancel()
        await upstream.finished()


def open_files() -> int:
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.exists() else 0


async def used_loop(wiring: Wiring) -> int:
    """The open files of a loop that has made a connection: uvloop keeps one of its own
    from then on."""
    transport = wiring.make()
    async with Upstream(serves(answer())) as upstream:
        await fetch(transport, wire(upstream))
        await transport.aclose()
    return open_files()


async def test_cancelling_anywhere_leaks_nothing(wiring: Wiring) -> None:
    """The canary: cancelled after every number of turns of the loop, from before the
    name is looked up to after the answer is read."""
    transport = wiring.make()

    async def use(request: WireRequest) -> None:
        stream = await transport.open(request)
        try:
            await rest(stream)
        finally:
            await stream.aclose()

    def script(peer: Peer) -> None:
        try:
            while True:
                peer.request()
                peer.send(CHUNKED)
                peer.send(b"1\r\na\r\n")
                peer.send(b"0\r\n\r\n")
        except (EOFError, ConnectionError):
            pass

    before = await used_loop(wiring)
    async with Upstream(script) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        for rounds in (1, 2, 3, 4):
            for turns in range(40):
                async with anyio.create_task_group() as tasks:
                    for _ in range(rounds):
                        tasks.start_soon(use, wire(upstream))
                    for _ in range(turns):
                        await checkpoint()
                    tasks.cancel_scope.cancel()
        assert await fetch(transport, wire(upstream)) == b"a"
        await transport.aclose()
        assert (transport.in_use, transport.idle) == (0, 0)
    assert open_files() <= before


# --- bounds ---


async def test_a_slow_reader_holds_the_upstream_back(transport: NetworkTransport) -> None:
    size = 48 << 20
    block = os.urandom(1 << 16)
    body = block * (size // len(block))
    taken: list[int] = []
    blocked = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        taken.append(peer.push(body, 0.5))
        blocked.set()
        peer.upstream.news.release()
        peer.send(body[taken[0] :])
        peer.gone()

    async with Upstream(script) as upstream:
        stream = await transport.open(wire(upstream))
        # The loop turns while the upstream pushes, so it could read all it likes.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(upstream.told)
            while not blocked.is_set():
                await checkpoint()
        assert taken[0] < size
        if isinstance(transport, DirectTransport):
            assert stream.held < MAX_HELD + READ
        else:
            # What the loop reads at a time, and what httpcore2 asks for.
            assert stream.held < MAX_HELD + (256 << 10) + (64 << 10)
        digest = hashlib.sha256()
        read = 0
        while data := await stream.read():
            digest.update(data)
            read += len(data)
        assert (read, digest.digest()) == (size, hashlib.sha256(body).digest())
        await stream.aclose()
        assert transport.idle == 1
        await transport.aclose()


# --- names and addresses ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_leads_nowhere(
    transport: NetworkTransport, status: int
) -> None:
    async with Upstream(serves(answer())) as elsewhere:
        place = b"location: %b\r\n" % elsewhere.url().encode()
        async with Upstream(serves(answer(b"moved", status=status, fields=place))) as upstream:
            stream = await transport.open(wire(upstream))
            assert (stream.status, await rest(stream)) == (status, b"moved")
            await stream.aclose()
            await transport.aclose()
            assert (upstream.accepted, elsewhere.accepted) == (1, 0)


async def test_proxies_of_the_environment_are_not_asked(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Upstream(serves(answer())) as proxy, Upstream(serves(answer(b"a"))) as upstream:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SOCKS_PROXY"):
            for spelling in (name, name.lower()):
                monkeypatch.setenv(spelling, proxy.url(""))
        monkeypatch.setenv("NO_PROXY", "")
        transport = wiring.make()
        assert await fetch(transport, wire(upstream)) == b"a"
        await transport.aclose()
        assert (upstream.accepted, proxy.accepted) == (1, 0)


async def test_a_name_is_looked_up_once_and_its_address_connected_to(wiring: Wiring) -> None:
    asked: list[tuple[str, int]] = []
    seen: list[bytes] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    def script(peer: Peer) -> None:
        seen.append(peer.request()[0])
        peer.send(answer(b"a", fields=b"connection: close\r\n"))
        peer.gone()

    transport = wiring.make(resolve=resolve)
    async with Upstream(script) as upstream:
        assert await fetch(transport, wire(upstream, host="upstream.test")) == b"a"
        assert asked == [("upstream.test", upstream.port)]
        assert b"host: upstream.test:%d\r\n" % upstream.port in seen[0]
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(wire(upstream, host="upstream.test"))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.REFUSED_ADDRESS, False)
        assert upstream.accepted == 1
    await transport.aclose()


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "[fe80::1]", "[::ffff:a9fe:a9fe]"])
async def test_a_refused_address_is_never_dialled(transport: NetworkTransport, host: str) -> None:
    request = WireRequest("POST", f"http://{host}:1/", (), b"")
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(request)
    assert (caught.value.kind, caught.value.sent) == (FailureKind.REFUSED_ADDRESS, False)


async def test_the_next_address_is_tried(wiring: Wiring) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["169.254.169.254", "::1", "127.0.0.2", "127.0.0.1"]

    transport = wiring.make(resolve=resolve)
    async with Upstream(serves(answer(b"a"))) as upstream:
        assert await fetch(transport, wire(upstream, host="upstream.test")) == b"a"
        await transport.aclose()
        assert upstream.accepted == 1


async def test_all_addresses_fail(wiring: Wiring) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "127.0.0.2"]

    upstream = Upstream(serves())
    async with upstream:
        pass
    transport = wiring.make(resolve=resolve)
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(wire(upstream, host="upstream.test"))
    assert (caught.value.kind, caught.value.sent) == (FailureKind.CONNECT, False)
    await transport.aclose()


@pytest.mark.parametrize("found", [None, []])
async def test_a_name_without_address_fails(wiring: Wiring, found: list[str] | None) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if found is None:
            raise OSError(-2, "Name or service not known")
        return found

    transport = wiring.make(resolve=resolve)
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(WireRequest("POST", "http://upstream.test/?key=canary", (), b""))
    assert (caught.value.kind, caught.value.sent) == (FailureKind.DNS, False)
    assert "canary" not in str(caught.value)
    await transport.aclose()


async def test_the_connect_timeout_covers_the_name(wiring: Wiring) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await anyio.sleep_forever()
        return []

    transport = wiring.make(resolve=resolve)
    request = WireRequest("POST", "http://upstream.test/", (), b"", 0.01)
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(request)
    assert (caught.value.kind, caught.value.sent) == (FailureKind.TIMEOUT, False)
    assert (transport.in_use, transport.idle) == (0, 0)
    await transport.aclose()


async def test_the_connect_timeout_does_not_cover_the_answer(transport: NetworkTransport) -> None:
    def slow(peer: Peer) -> None:
        peer.request()
        peer.upstream.news.release()
        peer.wait()
        peer.send(answer())
        peer.gone()

    async with Upstream(slow) as upstream:
        async with anyio.create_task_group() as tasks:

            async def use() -> None:
                assert await fetch(transport, wire(upstream, connect_timeout=1.5)) == b"ok"

            tasks.start_soon(use)
            await upstream.told()
            await anyio.sleep(1.6)
            upstream.go_on()
        await transport.aclose()
