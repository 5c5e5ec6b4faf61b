"""A served application in a thread, and raw sockets to it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any

import uvloop

from aigw_asgi.server import (
    Certificates,
    Hooks,
    HttpChoice,
    Limits,
    LoopChoice,
    ServerSettings,
    serve,
)

PATIENCE = 10.0
"""Seconds after which something that must happen is taken to have failed."""

# Deadlines that tests wait for, with room for a busy machine behind them.
SHORT = Limits(
    head_timeout=0.2,
    body_timeout=0.2,
    keepalive_timeout=0.2,
    linger_timeout=0.2,
    flush_timeout=0.2,
)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class App:
    """Answers with what it got; streams until the client leaves; tells what happened.

    ``POST /echo`` the length of the body; ``GET /stream`` chunks, until
    ``release`` or the client's end; ``GET /early`` answers without reading.
    """

    def __init__(self, *, read_delay: float = 0.0) -> None:
        self._read_delay = read_delay
        self.events: queue.Queue[str] = queue.Queue()
        self.release = threading.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(receive, send)
        elif scope["path"] == "/stream":
            await self._stream(receive, send)
        elif scope["path"] == "/early":
            await self._answer(send, b"early")
        elif scope["path"] == "/large":
            await self._answer(send, b"x" * (32 << 20))
        else:
            await self._echo(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        for moment in ("startup", "shutdown"):
            await receive()
            self.events.put(moment)
            await send({"type": f"lifespan.{moment}.complete"})

    async def _websocket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        if message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        self.events.put("websocket gone")

    async def _echo(self, scope: Message, receive: Receive, send: Send) -> None:
        self.events.put("asked")
        await asyncio.sleep(self._read_delay)
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.events.put("gone")
                return
            size += len(message["body"])
            more = message["more_body"]
        fields = b",".join(name for name, _ in scope["headers"])
        await self._answer(send, b"%s %d %s" % (scope["raw_path"], size, fields))

    async def _stream(self, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(self._until_gone(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.events.put("streaming")
        while not gone.done() and not self.release.is_set():
            await send({"type": "http.response.body", "body": b"chunk", "more_body": True})
            await asyncio.sleep(0.01)
        if gone.done():
            self.events.put("gone")
            return
        gone.cancel()
        await send({"type": "http.response.body", "body": b"end"})

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _answer(self, send: Send, body: bytes) -> None:
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    def expect(self, event: str) -> None:
        """Wait for the next event, which must be this."""
        assert self.events.get(timeout=PATIENCE) == event


class Served:
    """``app`` served in a thread of its own, on a free port of 127.0.0.1."""

    def __init__(
        self,
        loop: LoopChoice,
        http: HttpChoice,
        *,
        app: App,
        limits: Limits = Limits(),
        certificates: Certificates | None = None,
    ) -> None:
        self.app = app
        self._certificates = certificates
        self.port = 0
        self._settings = ServerSettings(port=0, http=http, limits=limits, shutdown_timeout=5.0)
        self._new_loop = uvloop.new_event_loop if loop is LoopChoice.UVLOOP else None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error: BaseException | None = None

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                self._loop = runner.get_loop()
                self._stop = asyncio.Event()
                hooks = Hooks(
                    ready=self._on_ready,
                    drain=lambda: self.app.events.put("drain"),
                    overdue=lambda: self.app.events.put("overdue"),
                )
                runner.run(
                    serve(
                        self.app,
                        self._settings,
                        hooks=hooks,
                        certificates=self._certificates,
                        stop=self._stop,
                    )
                )
        except BaseException as exc:  # noqa: BLE001 (raised again in the test)
            self._error = exc
        finally:
            self._ready.set()

    def _on_ready(self, addresses: list[tuple[str, int]]) -> None:
        ((_, self.port),) = addresses
        self._ready.set()

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        if self._error is not None:
            raise self._error
        self.app.expect("startup")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        assert not self._thread.is_alive(), "the server did not stop"
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Have it end, and wait for that."""
        self.app.release.set()
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def run(self, doing: Coroutine[Any, Any, None]) -> None:
        """Have something done in the loop of the server."""
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(PATIENCE)

    @contextlib.contextmanager
    def connect(self, context: ssl.SSLContext | None = None) -> Iterator[Client]:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as sock:
            if context is None:
                yield Client(sock)
                return
            with context.wrap_socket(sock, server_hostname="localhost") as secured:
                yield Client(secured)

    def exchange(self, raw: bytes) -> bytes:
        """Send, and read until the server closes."""
        with self.connect() as client:
            client.send(raw)
            return client.read_all()


class Client:
    """One raw connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._held = b""

    def send(self, data: bytes) -> None:
        """What the server no longer wants is not an error here."""
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(data)

    def read_all(self) -> bytes:
        """Everything until the server closes, or resets."""
        pieces = [self._held]
        self._held = b""
        with contextlib.suppress(ConnectionError):
            while piece := self.sock.recv(1 << 16):
                pieces.append(piece)
        return b"".join(pieces)

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self._held:
            piece = self.sock.recv(1 << 16)
            assert piece, f"closed after {self._held[-200:]!r}"
            self._held += piece
        end = self._held.index(mark) + len(mark)
        found, self._held = self._held[:end], self._held[end:]
        return found

    def read_answer(self) -> tuple[int, bytes]:
        """Status and body of an answer that has a length."""
        head = self.read_until(b"\r\n\r\n").lower()
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(self._held) < size:
            piece = self.sock.recv(1 << 16)
            assert piece, "closed in the middle of an answer"
            self._held += piece
        body, self._held = self._held[:size], self._held[size:]
        return int(head.split(b" ")[1]), body


def statuses(answer: bytes) -> list[int]:
    """The status of each answer in ``answer``, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", answer)]


def post(path: str, size: int) -> bytes:
    """The head of a request with a body of ``size``."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
