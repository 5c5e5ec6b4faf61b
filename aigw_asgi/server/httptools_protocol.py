"""HTTP/1.1 by httptools, made fit for an open port.

uvicorn's own protocol has no limit on heads, no time limit before the first
answer, and after a second request on a connection it no longer tells the first
that its client left. See :mod:`aigw_asgi.server.guard` for the times.

An ``Upgrade`` to anything but WebSocket is ignored, as RFC 9110 7.8 allows. Some
clients send one with every first request (the JDK's, for h2c), with a body,
which the parser then takes for another protocol; such a head is parsed again
without it.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from aigw_asgi.server.guard import Cycle, Guard, Phase
from aigw_asgi.server.head import (
    Refused,
    bad_request,
    check_head,
    has_body,
    head_too_large,
    too_many_fields,
)
from aigw_asgi.server.light import LightFlow, lighten
from aigw_asgi.server.newcomers import Newcomers
from aigw_asgi.server.settings import Limits


class _SecondRequest(Exception):
    """A request came while another is being answered."""


_HEAD_END = re.compile(rb"[^\r\n]\r\n\r\n")
"""Blank lines in front of a head are not its end."""

_NO_PIPELINE: deque[Any] = deque()
"""Of all connections: a second request in front of the first one's answer is refused."""


class GuardedHttpToolsProtocol(Guard, HttpToolsProtocol):
    __slots__ = ("_barren", "_begun", "_fields", "_head_bytes", "_unwanted_upgrade")

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
        self.pipeline = _NO_PIPELINE
        self._head_bytes = 0  # fed since the last message ended
        self._begun = False  # the parser is past the blank lines before a message
        self._fields = 0  # of head and trailer
        self._barren = 0  # bytes of a body's framing since its last content
        self._unwanted_upgrade = False  # the head is to be parsed again

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
        try:
            self._feed(data)
        except httptools.HttpParserError as exc:
            cause = exc.__context__
            if isinstance(cause, _SecondRequest):
                self.disconnect()
            elif isinstance(cause, Refused):
                self.refuse(cause)
            else:
                self.refuse(bad_request("this is not HTTP/1.1"))
        except Refused as refused:
            self.refuse(refused)

    # uvicorn.HttpToolsProtocol

    def handle_websocket_upgrade(self) -> None:
        self.end_guard()
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self.unwatch(self.cycle)
        if self.transport.is_closing():
            self.answered_last()
            return
        self.flow.resume_reading()
        self.answered()

    # Guard

    def open_cycle(self) -> Cycle | None:
        cycle = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def head_begun(self) -> bool:
        return self._begun

    def request_received(self) -> None:
        super().request_received()
        self._begun = False
        self._head_bytes = 0

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self.open_cycle() is not None:
            raise _SecondRequest
        if self.cycle is not None:
            self.deadline.set(self.limits.head_timeout)
        self._begun = True
        self._fields = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self.limits.head_fields:
            raise too_many_fields(self.limits.head_fields)
        # A trailer is counted and dropped: the scope has these fields already,
        # and nothing that decides anything may come behind the body.
        if self.phase is Phase.HEAD:
            # What uvicorn does, without another call for each field: 3.5 µs for 14, not 6.2.
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self.parser
        check_head(parser.get_method(), self.url, parser.get_http_version(), self.headers)
        if parser.should_upgrade():
            if not self._should_upgrade():
                self._unwanted_upgrade = True
                return
            if has_body(self.headers):
                raise bad_request("a WebSocket handshake has no body")
        self._barren = 0
        self.await_body()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # it is no WebSocket's
            lighten(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._barren = 0
        self.body_received(len(body))
        cycle = self.cycle
        if cycle.response_complete or self.parser.should_upgrade():
            return
        # As uvicorn does, but that what came in one piece is not copied twice, and that
        # nobody is asked to stop whose body may end with this very read.
        if not cycle.body:
            cycle.body = body
        elif type(cycle.body) is bytes:
            cycle.body = bytearray(cycle.body) + body
        else:
            cycle.body += body
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # reported although nothing but a head was read
        super().on_message_complete()
        self.request_received()

    def _feed(self, data: bytes) -> None:
        """Give the parser no more of a head than a head may have, and no framing
        without end: chunk extensions, trailers, blank lines."""
        limit = self.limits.head_bytes
        if self.phase is Phase.HEAD:
            room = limit - self._head_bytes
            if len(data) <= room:
                head: bytes | memoryview = data
                rest: bytes | memoryview = b""
            else:
                # Cut where the head ends, so that a body which came with it is one piece.
                end = _HEAD_END.search(data, 0, room)
                cut = room if end is None else end.end()
                view = memoryview(data)
                head, rest = view[:cut], view[cut:]
            self._head_bytes += len(head)
            self._parse(head)
            if self.phase is Phase.HEAD and rest:
                raise head_too_large(limit)
        else:
            rest = data
        if rest:
            self._barren += len(rest)
            self._parse(rest)
            if self._barren > limit:
                raise bad_request("the request body has too little content for its size")
        self._pause_when_full()

    def _pause_when_full(self) -> None:
        cycle = self.cycle
        # After its answer nobody reads the rest of a body, and nobody would go on with it.
        if (
            cycle is not None
            and cycle.more_body
            and not cycle.response_complete
            and len(cycle.body) > HIGH_WATER_LIMIT
        ):
            self.flow.pause_reading()

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._unwanted_upgrade:
                self._unwanted_upgrade = False
                self._parse_without_upgrade(data[upgrade.args[0] :])
            else:
                self.handle_websocket_upgrade()

    def _parse_without_upgrade(self, rest: bytes | memoryview) -> None:
        """Parse the head again that ``rest`` followed, as if it had asked for no upgrade."""
        head = [b"%s %s HTTP/" % (self.parser.get_method(), self.url)]
        head.append(b"%s\r\n" % self.parser.get_http_version().encode("ascii"))
        head += [b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(b"".join(head) + b"\r\n" + rest)
