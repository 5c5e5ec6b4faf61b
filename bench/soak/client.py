"""A client that is light enough to be a thousand on the processors of what it measures.

No stream, no task and no parser of a connection's own: a protocol, which reads the
answer's framing and checks its words as they come.
"""

from __future__ import annotations

import asyncio
import re
from typing import cast

from bench.soak.words import Checker
from bench.wire import path, request

FORMATS = ("chat", "messages", "responses", "gemini")

_TERMINAL = {
    "chat": b"data: [DONE]",
    "messages": b"event: message_stop",
    "responses": b"event: response.completed",
    "gemini": b'"finishReason"',
}
_ERRORS = (b'data: {"error"', b"event: error", b"event: response.failed")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


def ask(
    format: str,
    instruction: str,
    *,
    stream: bool,
    model: str = "soak",
    key: str = "soak-key",
    close: bool = False,
) -> bytes:
    """A whole request; ``instruction`` is for :mod:`bench.soak.upstream`."""
    body = request(format, model, stream=stream, prompt=instruction)
    return (
        b"POST %s HTTP/1.1\r\nhost: soak\r\ncontent-type: application/json\r\n"
        b"x-api-key: %b\r\n%bcontent-length: %d\r\n\r\n%s"
        % (
            path(format, model, stream=stream).encode(),
            key.encode(),
            b"connection: close\r\n" if close else b"",
            len(body),
            body,
        )
    )


class Answer:
    """One answer, fed with what the connection brings."""

    def __init__(self, format: str, *, stream: int = 0, words: int = 0) -> None:
        self.format = format
        self.words = words
        """That should come; 0 for an answer without a stream."""
        self.status = 0
        self.head = b""
        self.body = b""
        """Of an answer without words, or with an error."""
        self.checker = Checker(stream)
        self.whole = False
        """The framing says so."""
        self.broken = False
        """The connection ended before."""
        self.terminal = False
        self.error = False
        self._raw = b""
        self._left = 0
        self._chunked = False
        self._events = b""

    @property
    def end(self) -> str:
        """How it ended: ``complete``, ``error`` (an event), ``refused`` (a status), ``broken``
        (the connection), or what must never be: ``damaged``, or ``silent``, which looks
        complete to a client and is not. Empty while it goes on."""
        if not (self.whole or self.broken):
            return ""
        if self.error:
            return "error"
        if self.broken:
            return "broken"
        if self.status >= 400:
            return "refused"
        if not self.words:
            return "complete" if b"Hello there" in self.body else "silent"
        if not self.terminal:
            return "silent"
        return "complete" if self.checker.fine(self.words) else "damaged"

    def feed(self, data: bytes) -> None:
        self._raw += data
        if not self.status and not self._read_head():
            return
        if self._chunked:
            self._read_chunks()
        else:
            self._take(self._raw)
            self._left -= len(self._raw)
            self._raw = b""
            self.whole = self._left <= 0

    def _read_head(self) -> bool:
        head, blank, rest = self._raw.partition(b"\r\n\r\n")
        if not blank:
            return False
        self.head, self._raw = head, rest
        self.status = int(head[9:12])
        length = _LENGTH.search(head)
        self._chunked = _CHUNKED.search(head) is not None
        self._left = int(length[1]) if length else (1 << 62)
        return True

    def _read_chunks(self) -> None:
        raw, at = self._raw, 0
        while (line := raw.find(b"\r\n", at)) >= 0:
            size = int(raw[at:line], 16)
            if len(raw) < line + size + 4:
                break
            if not size:
                self.whole = True
                break
            self._take(raw[line + 2 : line + 2 + size])
            at = line + size + 4
        self._raw = raw[at:]

    def _take(self, piece: bytes) -> None:
        if not self.words or self.status >= 400:
            self.body += piece
            return
        events = self._events + piece
        if b"\r" in events:
            events = events.replace(b"\r\n", b"\n")
        *whole, self._events = events.split(b"\n\n")
        for event in whole:
            self._look_at(event.lstrip(b"\n"))  # blank lines are signs of life

    def _look_at(self, event: bytes) -> None:
        if event.startswith(_ERRORS):
            self.error = True
            self.body = event
        elif self.format != "responses":
            self.checker.read(event)
            if _TERMINAL[self.format] in event and (
                self.format == "gemini" or event.startswith(_TERMINAL[self.format])
            ):
                self.terminal = True
        elif event.startswith(b"event: response.output_text.delta"):
            self.checker.read(event)
        elif event.startswith(_TERMINAL["responses"]):
            self.terminal = True  # it repeats the text


class Connection(asyncio.Protocol):
    """A connection of a client: one request after another."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.answer = Answer("chat")
        self.lost = False
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None

    def begin(self, data: bytes, answer: Answer) -> None:
        """Send a request, or the beginning of one."""
        self.answer = answer
        answer.broken = self.lost
        self.transport.write(data)

    async def until(self, *, words: int | None = None) -> None:
        """Wait for so many words of the answer (0: for its head), or for its end."""
        self._wanted = -1 if words is None else words
        if not self._there():
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _there(self) -> bool:
        answer = self.answer
        if answer.whole or answer.broken:
            return True
        return self._wanted >= 0 and answer.status > 0 and answer.checker.seen >= self._wanted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.answer.feed(data)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.answer.broken = not self.answer.whole
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done() and self._there():
            self._waiter.set_result(None)


async def connect(port: int, *, source: str | None = None) -> Connection:
    """``source`` is the address to come from."""
    loop = asyncio.get_running_loop()
    local = None if source is None else (source, 0)
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port, local_addr=local)
    return connection


async def once(port: int, data: bytes, answer: Answer) -> Answer:
    """One request on a connection of its own, to its end."""
    connection = await connect(port)
    connection.begin(data, answer)
    try:
        await connection.until()
    finally:
        connection.transport.abort()
    return answer
