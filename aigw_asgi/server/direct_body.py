"""A ``send`` that does without tasks what ASGI needs a task for.

ASGI's ``send`` is a coroutine, because a client may be slow. While it is not, the
call of a function is enough: whoever has the next piece, a callback of the event loop
even, writes it straight to the client's connection. Middleware that brings a ``send``
of its own has no such function, so nothing goes past it.

ASGI's ``receive`` says that the client has left, to a task that waits for nothing else.
Here the connection calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl


class AnswerCycle(Protocol):
    """What both protocols of uvicorn keep for one request and its answer."""

    scope: Any
    transport: asyncio.Transport
    flow: FlowControl
    disconnected: bool
    on_leave: Callable[[], None] | None
    """Ours; called by :class:`aigw_asgi.server.guard.Guard`."""


class DirectSend:
    """The ``send`` of one cycle, with ``write_now`` and ``watch``."""

    __slots__ = ("_chunked", "_cycle", "_send")

    def __init__(self, cycle: AnswerCycle, send: Callable[[Any], Awaitable[None]]) -> None:
        self._cycle = cycle
        self._send = send
        self._chunked = False

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


def with_direct_send(app: Callable[..., Any]) -> Callable[..., Any]:
    """``app``, given a :class:`DirectSend` by the protocols of uvicorn."""

    def call(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http":
            send = DirectSend(send.__self__, send)
        return app(scope, receive, send)

    return call
