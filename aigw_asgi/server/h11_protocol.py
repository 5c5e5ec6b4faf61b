"""HTTP/1.1 by h11, where httptools is not installed, made fit for an open port.

h11 has limits of its own, but repairs what it should refuse: lines that end in
a bare LF, folded lines, two equal lengths. None of that is visible behind it, so
a head is read here first and handed on when it is whole and plain. See
:mod:`aigw_asgi.server.guard` for the times.

It costs more per chunk than httptools (6.5 µs against 0.2 for tiny ones).
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from aigw_asgi.server.guard import Cycle, Guard, Phase
from aigw_asgi.server.head import RawHead, Refused, bad_request, has_body
from aigw_asgi.server.light import LightFlow, lighten
from aigw_asgi.server.newcomers import Newcomers
from aigw_asgi.server.settings import Limits


class GuardedH11Protocol(Guard, H11Protocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits = Limits(),
        newcomers: Newcomers | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.guard(limits, newcomers)
        # What h11 holds at once: a head, which we have measured, or a chunk's
        # framing, or a trailer.
        self.conn = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._head = RawHead(limits.head_bytes, limits.head_fields)
        self._upgraded = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it
        self.flow = LightFlow(self.transport)
        self.await_first_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end_guard()
        cycle = self.open_cycle()
        super().connection_lost(exc)
        self.tell_left(cycle)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.phase is Phase.ANSWERING:
            self.disconnect()  # a second request
        elif self.phase is Phase.BODY and self.open_cycle() is None:
            self._discard(data)
        else:
            try:
                self._receive(data)
            except Refused as refused:
                self.refuse(refused)

    # uvicorn.H11Protocol

    def send_400_response(self, msg: str) -> None:
        self.refuse(bad_request("this is not HTTP/1.1"))

    def _unsupported_upgrade_warning(self) -> None:
        pass  # ignoring it is right, and clients that ask with each request would fill the log

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if has_body(self.headers):
            self.refuse(bad_request("a WebSocket handshake has no body"))
            return
        self._upgraded = True
        self.end_guard()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self.unwatch(self.cycle)
        if self.transport.is_closing():
            self.answered_last()
            return
        self.flow.resume_reading()
        if self.phase is Phase.ANSWERING:
            self.conn.start_next_cycle()
        self.answered()

    # Guard

    def open_cycle(self) -> Cycle | None:
        cycle = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def head_begun(self) -> bool:
        return self._head.begun

    def _receive(self, data: bytes) -> None:
        if self.phase is Phase.HEAD:
            if self.cycle is not None and not self._head.begun:
                self.deadline.set(self.limits.head_timeout)
            data = self._head.feed(data)
            if not data:
                return
            self.await_body()
        self.body_received(len(data))  # with the head or the framing; it is only time
        before = self.cycle
        self.conn.receive_data(data)
        self.handle_events()
        if self.cycle is not before:
            lighten(self.cycle)
        if self._upgraded or self.transport.is_closing():
            return
        if self.conn.their_state is not h11.SEND_BODY:
            if self.conn.trailing_data[0]:
                self.disconnect()  # a second request in the same read
            else:
                self.request_received()

    def _discard(self, data: bytes) -> None:
        """Read on in a body whose request is answered. What follows it in the same
        read would be parsed without our look at its head, so it ends the connection."""
        self.conn.receive_data(data)
        event: object = None
        while event is not h11.NEED_DATA:
            try:
                event = self.conn.next_event()
            except h11.RemoteProtocolError:
                self.transport.close()
                return
            if isinstance(event, h11.EndOfMessage):
                if self.conn.trailing_data[0]:
                    self.transport.close()
                else:
                    self.conn.start_next_cycle()
                    self.request_received()
                return
