"""A ``send`` that does without tasks what ASGI needs a task for.

ASGI's ``send`` is a coroutine, because a client may be slow. While it is not, the
call of a function is enough: whoever has the next piece, a callback of the event loop
even, writes it straight to the client's connection. Middleware that brings a ``send``
of its own has no such function, so nothing goes past it.

A head and the first of its body go out together: by ``send`` they are two writes, and
each costs the system what it costs, and wakes the client.

ASGI's ``receive`` says that the client has left, to a task that waits for nothing else.
Here the connection calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    if status >= 200 and status not in (204, 304)
}
"""Of the answers that may have a body."""

_LARGE = 64 << 10
"""Bytes of a body from which on a copy costs more than a second write."""


class AnswerCycle(Protocol):
    """What both protocols of uvicorn keep for one request and its answer."""

    scope: Any
    transport: asyncio.Transport
    flow: FlowControl
    default_headers: list[tuple[bytes, bytes]]
    message_event: asyncio.Event
    on_response: Callable[[], None]
    disconnected: bool
    keep_alive: bool
    waiting_for_100_continue: bool
    response_started: bool
    response_complete: bool
    chunked_encoding: bool | None
    on_leave: Callable[[], None] | None
    """Ours; called by :class:`aigw_asgi.server.guard.Guard`."""


class DirectSend:
    """The ``send`` of one cycle, with ``begin_now``, ``write_now`` and ``watch``."""

    __slots__ = ("_begins", "_chunked", "_cycle", "_send", "loop")

    def __init__(
        self,
        cycle: AnswerCycle,
        send: Callable[[Any], Awaitable[None]],
        loop: asyncio.AbstractEventLoop,
        *,
        begins: bool,
    ) -> None:
        self._cycle = cycle
        self._send = send
        self._begins = begins
        self._chunked = False
        self.loop = loop

    def __call__(self, message: Any) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            scope = self._cycle.scope
            # Both protocols frame such a body in chunks; the rest is left to them.
            self._chunked = (
                scope["http_version"] == "1.1"
                and scope["method"] != "HEAD"
                and message["status"] == 200
                and not any(
                    name in (b"content-length", b"transfer-encoding")
                    for name, _ in message["headers"]
                )
            )
        return self._send(message)

    def begin_now(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes, *, more: bool
    ) -> bool:
        """Send the head of an answer and the first of its body, all of it unless ``more``
        follows. ``False``: nothing was sent; ``send`` it.

        Names are in lower case. What is rare is left to ``send``: a connection that ends
        with its answer, as each of HTTP/1.0 does, a length that is not that of ``body``,
        what no header may have; and a large body.
        """
        cycle = self._cycle
        if (
            not self._begins
            or len(body) >= _LARGE
            or not cycle.keep_alive
            or cycle.response_started
            or cycle.flow.write_paused
            or cycle.disconnected
            or cycle.scope["method"] == "HEAD"
            or status not in _STATUS_LINES
        ):
            return False
        length = None
        lines = []
        for name, value in headers:
            if name == "content-length":
                length = value
            elif name in ("transfer-encoding", "connection"):
                return False
            line = f"{name}: {value}"
            if not line.isprintable():
                return False
            lines.append(line)
        if length is None:
            lines.append("transfer-encoding: chunked")
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                framed += b"0\r\n\r\n"
        elif length != str(len(body)):
            return False
        else:
            framed = body
        head = [_STATUS_LINES[status]]
        head += [b"%b: %b\r\n" % field for field in cycle.default_headers]
        head += ["\r\n".join(lines).encode("latin-1"), b"\r\n\r\n", framed]
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.chunked_encoding = self._chunked = length is None
        cycle.transport.write(b"".join(head))
        if not more:
            cycle.response_complete = True
            cycle.message_event.set()
            cycle.on_response()
        return True

    def write_now(self, body: bytes) -> bool:
        """Send some of the body, never empty, after its start and before its end.
        ``False``: not now; ``send`` it, which waits until it can be."""
        cycle = self._cycle
        if not self._chunked or cycle.flow.write_paused or cycle.disconnected:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def watch(self, on_leave: Callable[[], None]) -> None:
        """Have ``on_leave`` called when the client leaves before its answer is complete;
        at once when it has left."""
        if self._cycle.disconnected:
            on_leave()
        else:
            self._cycle.on_leave = on_leave


def with_direct_send(app: Callable[..., Any], *, begins: bool) -> Callable[..., Any]:
    """``app``, given a :class:`DirectSend` by a protocol of uvicorn, for one server.

    ``begins``: the protocol keeps no state of an answer but what its cycle has, as that of
    httptools does and that of h11 does not, so that a head may go past it.
    """
    loop: asyncio.AbstractEventLoop | None = None

    def call(scope: Any, receive: Any, send: Any) -> Any:
        nonlocal loop
        if scope["type"] == "http":
            if loop is None:  # to ask for it is a call of the system
                loop = asyncio.get_running_loop()
            send = DirectSend(send.__self__, send, loop, begins=begins)
        return app(scope, receive, send)

    return call
