"""Upstreams inside the process keep the contract of those outside."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from aigw_asgi.transports.base import MAX_HELD, UpstreamFailed, UpstreamStream
from aigw_asgi.transports.memory import (
    App,
    AppTransport,
    Message,
    Pause,
    Receive,
    Script,
    ScriptTransport,
    Send,
)
from aigw_core.errors import ProtocolMisuse
from aigw_core.wire_request import FailureKind, WireRequest

pytestmark = pytest.mark.anyio

Scope = MutableMapping[str, Any]
REQUEST = WireRequest(
    "POST", "https://upstream.test/v1/a%20b?c=d", (("authorization", "Bearer k"),), b"{}"
)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def rest(stream: UpstreamStream) -> bytes:
    pieces = []
    while data := await stream.read():
        pieces.append(data)
    return b"".join(pieces)


def start(status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers or []}


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


# --- an app ---


async def test_an_app_sees_the_request_and_answers() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, await receive()))
        await send(start(201, [(b"X-A", b"\xe9")]))
        await send(piece(b"hel"))
        await send(piece(b"lo", more=False))

    async with anyio.create_task_group() as tasks:
        transport = AppTransport(app, tasks)
        stream = await transport.open(REQUEST)
        assert (stream.status, stream.headers) == (201, (("x-a", "\xe9"),))
        assert await rest(stream) == b"hello"
        assert await stream.read() == b""
        await stream.aclose()
        assert transport.in_use == 0
    scope, message = seen
    assert (scope["method"], scope["path"], scope["raw_path"], scope["query_string"]) == (
        "POST",
        "/v1/a b",
        b"/v1/a%20b",
        b"c=d",
    )
    assert scope["headers"] == [
        (b"host", b"upstream.test"),
        (b"authorization", b"Bearer k"),
        (b"accept-encoding", b"identity"),
        (b"content-length", b"2"),
    ]
    assert message == {"type": "http.request", "body": b"{}", "more_body": False}


async def test_each_piece_is_there_when_it_was_sent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        for gate, body in ((first, b"a"), (second, b"b")):
            await gate.wait()
            await send(piece(body))
        await send(piece(b"", more=False))

    first, second = anyio.Event(), anyio.Event()
    first.set()
    async with anyio.create_task_group() as tasks:
        stream = await AppTransport(app, tasks).open(REQUEST)
        assert await stream.read() == b"a"
        second.set()
        assert await rest(stream) == b"b"
        await stream.aclose()


async def test_closing_tells_the_app() -> None:
    told: list[Message] = []
    refused: list[OSError] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        await send(piece(b"a"))
        told.append(await receive())
        try:
            await send(piece(b"b"))
        except OSError as exc:
            refused.append(exc)

    async with anyio.create_task_group() as tasks:
        transport = AppTransport(app, tasks)
        stream = await transport.open(REQUEST)
        assert await stream.read() == b"a"
        await stream.aclose()
        await stream.aclose()
        assert transport.in_use == 0
        with pytest.raises(UpstreamFailed):
            await stream.read()
    assert told == [{"type": "http.disconnect"}]
    assert len(refused) == 1


async def test_cancelling_tells_the_app() -> None:
    told: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] == "/head":
            await send(start())
            await send(piece(b"a"))
        told.append(await receive())

    async def use(path: str) -> None:
        request = WireRequest("POST", f"http://upstream.test{path}", (), b"")
        await rest(await transport.open(request))

    async with anyio.create_task_group() as tasks:
        transport = AppTransport(app, tasks)
        for path in ("/silent", "/head"):
            async with anyio.create_task_group() as users:
                users.start_soon(use, path)
                for _ in range(10):
                    await checkpoint()
                assert transport.in_use == 1
                users.cancel_scope.cancel()
            assert transport.in_use == 0
    assert told == [{"type": "http.disconnect"}] * 2


async def fails_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("app")


async def says_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def sends_no_head(scope: Scope, receive: Receive, send: Send) -> None:
    await send(piece(b"a"))


@pytest.mark.parametrize("app", [fails_at_once, says_nothing, sends_no_head])
async def test_an_app_without_an_answer_fails_the_opening(app: App) -> None:
    async with anyio.create_task_group() as tasks:
        transport = AppTransport(app, tasks)
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(REQUEST)
        assert (caught.value.kind, caught.value.sent) == (FailureKind.READ, True)
        assert transport.in_use == 0


async def test_an_app_that_breaks_off_fails_the_reading() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(piece(b"a"))
        if scope["path"] == "/raise":
            raise ValueError("app")

    async with anyio.create_task_group() as tasks:
        transport = AppTransport(app, tasks)
        for path in ("/raise", "/return"):
            request = WireRequest("POST", f"http://upstream.test{path}", (), b"")
            stream = await transport.open(request)
            assert await stream.read() == b"a"
            with pytest.raises(UpstreamFailed) as caught:
                await stream.read()
            assert caught.value.kind is FailureKind.READ
            await stream.aclose()


async def test_a_slow_reader_holds_the_app_back() -> None:
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        for _ in range(64):
            await send(piece(bytes(65536)))
            sent.append(65536)
        await send(piece(b"", more=False))

    async with anyio.create_task_group() as tasks:
        stream = await AppTransport(app, tasks).open(REQUEST)
        for _ in range(200):
            await checkpoint()
        assert sum(sent) < MAX_HELD
        assert stream.held <= MAX_HELD
        assert len(await rest(stream)) == 64 * 65536
        await stream.aclose()


# --- a script ---


async def test_a_script_gives_its_reads_in_order() -> None:
    script = Script(203, (("x-a", "b"),), (b"a", b"", b"bc"))
    transport = ScriptTransport(lambda request: script)
    stream = await transport.open(REQUEST)
    assert (stream.status, stream.headers) == (203, (("x-a", "b"),))
    assert [await stream.read() for _ in range(4)] == [b"a", b"bc", b"", b""]
    assert transport.in_use == 1
    await stream.aclose()
    await stream.aclose()
    assert (transport.in_use, transport.requests) == (0, [REQUEST])


async def test_a_script_can_fail() -> None:
    failure = UpstreamFailed(FailureKind.READ, "as told", sent=True)
    transport = ScriptTransport(lambda request: Script(reads=(b"a", failure, b"b")))
    stream = await transport.open(REQUEST)
    assert await stream.read() == b"a"
    for _ in range(2):
        with pytest.raises(UpstreamFailed):
            await stream.read()
    await stream.aclose()
    refusing = ScriptTransport(lambda request: Script(refusal=failure))
    with pytest.raises(UpstreamFailed):
        await refusing.open(REQUEST)
    assert refusing.in_use == 0


async def test_a_script_can_stay_silent() -> None:
    transport = ScriptTransport(
        lambda request: (
            Script(refusal=Pause.FOREVER)
            if request.url.endswith("/open")
            else Script(reads=(Pause.FOREVER,))
        )
    )
    with anyio.move_on_after(0) as scope:
        await transport.open(WireRequest("POST", "http://upstream.test/open", (), b""))
    assert scope.cancelled_caught
    stream = await transport.open(REQUEST)
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            with pytest.raises(UpstreamFailed):
                await stream.read()

        tasks.start_soon(read)
        for _ in range(5):
            await checkpoint()
        await stream.aclose()
    assert transport.in_use == 0


async def test_a_request_that_cannot_be_written_is_refused_here_too() -> None:
    transport = ScriptTransport(lambda request: Script())
    with pytest.raises(ProtocolMisuse):
        await transport.open(WireRequest("POST", "http://a/", (("x", "a\nb"),), b""))
    assert transport.requests == []
