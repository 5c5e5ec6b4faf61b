"""Upstreams inside the process: an ASGI app, or a script. For tests and embedding.

No socket, no HTTP on the wire; the same contract otherwise. On any event loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from enum import Enum
from typing import Any
from urllib.parse import unquote

import anyio
from anyio.lowlevel import checkpoint
from msgspec import Struct

from aigw_asgi.company import StartsTasks
from aigw_asgi.transports.base import MAX_HELD, UpstreamFailed
from aigw_core.codec import Headers
from aigw_core.http1 import check_request_line, request_fields
from aigw_core.wire_request import FailureKind, Origin, WireRequest, split_url

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Pause(Enum):
    """A point where a script stays silent until the stream is closed."""

    FOREVER = "forever"


class Script(Struct, frozen=True):
    """What an upstream does with one request."""

    status: int = 200
    headers: Headers = ()
    """Names in lower case."""
    reads: tuple[bytes | UpstreamFailed | Pause, ...] = ()
    """In order: what each read gives, or how it fails. A clean end follows."""
    refusal: UpstreamFailed | Pause | None = None
    """Instead of an answer."""


class ScriptTransport:
    """See :class:`~aigw_asgi.transports.base.Transport`: ``script`` tells what the
    upstream does with each request."""

    def __init__(self, script: Callable[[WireRequest], Script]) -> None:
        self._script = script
        self.requests: list[WireRequest] = []
        """All that were opened, in order."""
        self.in_use = 0
        """Streams that are open."""

    async def open(self, request: WireRequest) -> ScriptStream:
        _check(request)
        self.requests.append(request)
        script = self._script(request)
        await checkpoint()
        if isinstance(script.refusal, UpstreamFailed):
            raise script.refusal
        if script.refusal is not None:
            await anyio.sleep_forever()
        self.in_use += 1
        return ScriptStream(self, script)

    async def aclose(self) -> None:
        """There is nothing to close."""


class ScriptStream:
    """See :class:`~aigw_asgi.transports.base.UpstreamStream`."""

    flow = None

    def __init__(self, owner: ScriptTransport, script: Script) -> None:
        self.status = script.status
        self.headers = script.headers
        self._owner = owner
        self._reads: Iterator[bytes | UpstreamFailed | Pause] = iter(script.reads)
        self._failure: UpstreamFailed | None = None
        self._closed = anyio.Event()

    async def read(self) -> bytes:
        await checkpoint()
        if self._failure is None and self._closed.is_set():
            self._failure = _closed()
        if self._failure is not None:
            raise self._failure
        step = next((step for step in self._reads if step != b""), b"")
        if isinstance(step, bytes):
            return step
        if isinstance(step, UpstreamFailed):
            self._failure = step
            raise step
        await self._closed.wait()
        raise _closed()

    async def aclose(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._owner.in_use -= 1


class AppTransport:
    """See :class:`~aigw_asgi.transports.base.Transport`: the upstream is an ASGI app.

    Each request runs the app once, in ``tasks``; whoever owns them waits for the
    apps. The app gets ``http.disconnect`` when its stream is closed, and an
    ``OSError`` from a ``send`` after that (ASGI 2.4). What an app raises breaks its
    own answer and goes no further.
    """

    def __init__(self, app: App, tasks: StartsTasks) -> None:
        self._app = app
        self._tasks = tasks
        self.in_use = 0
        """Streams that are open."""

    async def open(self, request: WireRequest) -> AppStream:
        origin, target = _check(request)
        stream = AppStream(self)
        self.in_use += 1
        try:
            self._tasks.start_soon(stream.run, self._app, _scope(request, origin, target), request)
            await stream.start()
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def aclose(self) -> None:
        """There is nothing to close: apps end with their streams."""


class AppStream:
    """See :class:`~aigw_asgi.transports.base.UpstreamStream`.

    The app and the reader take turns through two events: ``_news`` tells the reader
    that something came, ``_room`` the app that it was taken.
    """

    flow = None

    def __init__(self, owner: AppTransport) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.held = 0
        """Bytes that wait to be read."""
        self._owner = owner
        self._pending: list[bytes] = []
        self._news = anyio.Event()
        self._room = anyio.Event()
        self._failure: tuple[str, Exception | None] | None = None
        self._head: tuple[int, Headers] | None = None
        self._asked = False
        self._ended = False
        self._closed = anyio.Event()

    async def run(self, app: App, scope: MutableMapping[str, Any], request: WireRequest) -> None:
        """The upstream's side."""

        async def receive() -> Message:
            if not self._asked:
                self._asked = True
                return {"type": "http.request", "body": request.body, "more_body": False}
            await self._closed.wait()
            return {"type": "http.disconnect"}

        try:
            await app(scope, receive, self._send)
        except Exception as exc:  # noqa: BLE001 - any: the app stands for a foreign server
            self._fail("the app failed", exc)
        finally:
            self._fail("the app ended before its answer was complete", None)

    async def start(self) -> None:
        while not self.status:
            if self._failure is not None:
                problem, exc = self._failure
                raise UpstreamFailed(FailureKind.READ, problem, sent=True) from exc
            await self._wait()

    async def read(self) -> bytes:
        await checkpoint()
        while not self._pending:
            if self._failure is not None:
                problem, exc = self._failure
                raise UpstreamFailed(FailureKind.READ, problem, sent=True) from exc
            if self._ended:
                return b""
            await self._wait()
        data = b"".join(self._pending)
        self._pending.clear()
        self.held = 0
        self._room.set()
        return data

    async def aclose(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._owner.in_use -= 1
            self._pending.clear()
            self.held = 0
            self._fail("the stream was closed", None)
            self._room.set()

    async def _send(self, message: Message) -> None:
        await checkpoint()
        if self._closed.is_set():
            raise OSError("the client has gone")
        if message["type"] == "http.response.start":
            self._head = (message["status"], _headers(message.get("headers", ())))
            return
        if message["type"] != "http.response.body" or self._head is None or self._ended:
            raise RuntimeError(f"unexpected ASGI message {message['type']!r}")
        # As servers do: the head goes out with the first piece of the body.
        self.status, self.headers = self._head
        body = bytes(message.get("body", b""))
        if body:
            self._pending.append(body)
            self.held += len(body)
        self._ended = not message.get("more_body", False)
        self._news.set()
        while self.held >= MAX_HELD and not self._closed.is_set():
            self._room = anyio.Event()
            await self._room.wait()

    def _fail(self, problem: str, exc: Exception | None) -> None:
        if not self._ended and self._failure is None:
            self._failure = (problem, exc)
        self._news.set()

    async def _wait(self) -> None:
        self._news = anyio.Event()
        try:
            await self._news.wait()
        except BaseException:
            await self.aclose()
            raise


def _check(request: WireRequest) -> tuple[Origin, str]:
    origin, target = split_url(request.url)
    check_request_line(request.method, target)
    request_fields(request.method, origin, request.headers, body_size=len(request.body))
    return origin, target


def _closed() -> UpstreamFailed:
    return UpstreamFailed(FailureKind.READ, "the stream was closed", sent=True)


def _headers(fields: Any) -> Headers:
    return tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in fields
    )


def _scope(request: WireRequest, origin: Origin, target: str) -> MutableMapping[str, Any]:
    raw_path, _, query = target.partition("?")
    fields = request_fields(request.method, origin, request.headers, body_size=len(request.body))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": origin.scheme,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in fields],
        "client": ("127.0.0.1", 0),
        "server": (origin.host, origin.port),
        "state": {},
    }
