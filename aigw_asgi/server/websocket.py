"""WebSockets as uvicorn serves them with wsproto, for clients that mean no good.

Control frames never come before the application, so they are counted here; and what a
client does not read of our answers to them must not pile up. Messages are the
application's to count: reading stops while one waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Iterable
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Ping, Pong, Request
from wsproto.utilities import LocalProtocolError

CONTROL_PER_SECOND = 2
"""Control frames that a client may send on average; a burst may have ``CONTROL_BURST``."""
CONTROL_BURST = 30

MAX_UNREAD = 1 << 20
"""Bytes of answers that a client has not read when it sends yet another frame."""

GOING_AWAY = 1001
MISUSE = 1008


def framed(texts: Iterable[bytes]) -> bytes:
    """Text messages, in UTF-8, as the frames of a server (RFC 6455, 5.2)."""
    return b"".join([part for text in texts for part in (_head(len(text)), text)])


def _head(size: int) -> bytes:
    if size < 126:
        return bytes((0x81, size))
    if size < 1 << 16:
        return _MEDIUM(0x81, 126, size)
    return _LARGE(0x81, 127, size)


_MEDIUM = struct.Struct("!BBH").pack
_LARGE = struct.Struct("!BBQ").pack


class GuardedWebSocket(WSProtocol):
    """One connection, after its upgrade."""

    transport: asyncio.Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = 5.0
        self._allowance = float(CONTROL_BURST)
        self._controlled_at = self.loop.time()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions["aigw.frames"] = framed, self.write_frames

    def write_frames(self, frames: bytes) -> bool:
        """Write frames of text messages at once and in one piece. ``False``: not now;
        ``send`` the messages, which waits until it can be."""
        if (
            not self.handshake_complete
            or self.close_sent
            or self.disconnected
            or not self.writable.is_set()
            or self.transport.is_closing()
            or self.conn.state is not ConnectionState.OPEN
        ):
            return False
        self.transport.write(frames)
        return True

    async def send(self, message: ASGISendEvent) -> None:
        await self.writable.wait()  # the close may come meanwhile
        if self.close_sent:
            # By the server, most likely, for what the client did: nobody has told the
            # application yet, so that it is no fault of its own.
            raise ClientDisconnected
        await super().send(message)

    def handle_close(self, event: CloseConnection) -> None:
        if self.conn.state is ConnectionState.OPEN:
            # Not the client says so but wsproto, of what the client has sent.
            self._end(event.code, event.reason or "")
        else:
            super().handle_close(event)

    def handle_ping(self, event: Ping) -> None:
        if self._may_control():
            super().handle_ping(event)

    def handle_pong(self, event: Pong) -> None:
        if self._may_control():
            super().handle_pong(event)

    def shutdown(self) -> None:
        """The server ends, and the application has had its time to say so."""
        if self.handshake_complete and not self.close_sent:
            self._end(GOING_AWAY)
        else:
            super().shutdown()

    def _may_control(self) -> bool:
        now = self.loop.time()
        earned = (now - self._controlled_at) * CONTROL_PER_SECOND
        self._allowance = min(CONTROL_BURST, self._allowance + earned) - 1
        self._controlled_at = now
        if self.transport.is_closing():
            return False
        if self._allowance >= 0 and self.transport.get_write_buffer_size() <= MAX_UNREAD:
            return True
        self._end(MISUSE, "too many control frames")
        if self._allowance >= 0:
            self.transport.abort()  # it does not read, so it would not read that either
        return False

    def _end(self, code: int, reason: str = "") -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        with contextlib.suppress(LocalProtocolError):  # it is closed from the other side
            self.transport.write(self.conn.send(CloseConnection(code=code, reason=reason)))
        self.transport.close()
