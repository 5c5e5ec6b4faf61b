"""A mock upstream: raw asyncio, all formats, paced or as fast as it can.

The model's name says what to send: ``bench-<chunks>-<microseconds between>``; each
chunk is a write of its own, and its text carries the time it was sent. With ``-hang``
behind it the stream falls silent instead of ending, with ``-flood`` words of 64 KB
follow, as fast as they are taken, up to 32 MB.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import cast

from bench.wire import WIRES, Wire

_PATHS = {
    b"/messages": "messages",
    b"/responses": "responses",
    b"enerateContent": "gemini",
}
_MODEL = re.compile(rb"bench-(\d+)-(\d+)(-hang|-flood|)")
FLOOD = "x" * 65_000
_FLOODED = 32_000_000
"""Bytes after which even a flood falls silent: not every server holds its upstream back."""
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Upstream(asyncio.Protocol):
    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            head, blank, rest = self._data.partition(b"\r\n\r\n")
            match = _LENGTH.search(head)
            length = int(match.group(1)) if match else 0
            if not blank or len(rest) < length:
                return
            body, self._data = rest[:length], rest[length:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        format = next((name for end, name in _PATHS.items() if end in path), "chat")
        match = _MODEL.search(path) or _MODEL.search(body[:4096]) or _MODEL.search(body)
        chunks, pause = (int(each) for each in match.groups()[:2]) if match else (10, 0)
        then = match[3] if match else b""
        if b":streamGenerateContent" in path or re.search(rb'"stream": ?true', body):
            self._task = asyncio.ensure_future(
                self._stream(WIRES[format], chunks, pause / 1e6, then)
            )
        else:
            self._whole(WIRES[format])

    def _whole(self, wire: Wire) -> None:
        assert self._transport is not None
        body = wire.answer("Hello there").encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (len(body), body)
        )

    async def _stream(self, wire: Wire, chunks: int, pause: float, then: bytes) -> None:
        write = self._write
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        write(wire.open())
        for number in range(chunks):
            if pause:
                await asyncio.sleep(pause)
            elif number % 64 == 63:
                await asyncio.sleep(0)
            write(wire.delta(f" w{number}-{time.monotonic_ns()}"))
        if then == b"-flood":
            await self._flood(wire, _FLOODED)
        if then:
            await asyncio.sleep(3600)
        write(wire.close(chunks))
        self._transport.write(b"0\r\n\r\n")

    async def _flood(self, wire: Wire, most: float) -> None:
        """Words of 64 KB while there is room for them."""
        sent = 0
        while sent < most:
            await self._room.wait()
            self._write(wire.delta(FLOOD))
            sent += len(FLOOD)
            await asyncio.sleep(0)

    def _write(self, text: str) -> None:
        assert self._transport is not None
        data = text.encode()
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
