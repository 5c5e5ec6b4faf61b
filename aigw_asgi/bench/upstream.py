"""An upstream of no cost and known pace, for measuring what stands before it.

``python -m aigw_asgi.bench.upstream PORT`` serves answers of nothing but text, in the
format of the path that is asked. The model's name says which: ``bench-CHUNKS-MICROSECONDS``
streams so many pieces, so far apart (0: as fast as they can be taken), each a write of its
own. The text of a piece is the time at which it was written.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import cast

from aigw_core.chat import Format, Stop, StopReason, Usage
from aigw_core.codec import AnswerContext, Codec
from aigw_core.codecs import CODECS
from aigw_core.collect import collect
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartStart,
    StreamEvent,
    TextDelta,
    UsageReport,
)

ANSWER = "Hello there"
"""The text of an answer that is no stream."""

_MODEL = re.compile(rb"bench-([0-9]{1,6})-([0-9]{1,7})")
_LENGTH = re.compile(rb"content-length: *([0-9]{1,9})", re.IGNORECASE)
_STREAM = re.compile(rb'"stream": ?true')
_CONTEXT = AnswerContext(id="bench", model="bench", created=1)
_AT_ONCE = 64
"""Pieces without a pause between two looks at the loop."""


class Upstream(asyncio.Protocol):
    """One connection; a request at a time."""

    def __init__(self) -> None:
        self._held = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, blank, rest = self._held.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if blank and len(rest) >= size:
            self._held = rest[size:]
            self._answer(head.split(b" ", 2)[1], rest[:size])

    def _answer(self, path: bytes, body: bytes) -> None:
        codec = CODECS[Format.MESSAGES if b"/messages" in path else Format.CHAT]
        asked = _MODEL.search(body)
        chunks, pause = (int(each) for each in asked.groups()) if asked else (1, 0)
        if _STREAM.search(body):
            self._task = asyncio.ensure_future(self._stream(codec, chunks, pause / 1e6))
            return
        answer = codec.encode_response(collect(_script([ANSWER])), _CONTEXT)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(answer), answer)
        )

    async def _stream(self, codec: Codec, chunks: int, pause: float) -> None:
        encode = codec.stream_encoder(_CONTEXT).encode
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        before, behind = _script([])[:2], _script([])[2:]
        self._write(encode(before))
        for number in range(chunks):
            if pause:
                await asyncio.sleep(pause)
            elif number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            await self._writable.wait()
            self._write(encode([TextDelta(0, f" {time.monotonic_ns()}")]))
        self._write(encode(behind))
        self._transport.write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if data:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))


def _script(texts: list[str]) -> list[StreamEvent]:
    return [
        AnswerStart("bench", "bench", 1),
        PartStart(0, PartKind.TEXT),
        *(TextDelta(0, text) for text in texts),
        PartEnd(0),
        ChoiceStop(Stop(StopReason.END)),
        UsageReport(Usage(input=1, output=1)),
        AnswerEnd(),
    ]


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
