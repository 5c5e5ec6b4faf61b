"""An upstream that does what the prompt says, in all formats.

The last text of a request has ``soak:<stream>:<words>:<microseconds>:<how>:`` in it: words
of that stream, so far apart, and what goes wrong. ``GET /`` tells what there is: open
connections, streams that run, requests, bytes that were written and refused by a
connection that was gone.

=========  ===========================================================================
how
=========  ===========================================================================
fine       nothing goes wrong
close      the connection is closed in place of an answer
reset      the same, by RST
html       200, and a page of a proxy
zero       200, and no event at all
s400 ...   that status, in the words of the format
cut        the connection is closed in the middle
broken     the same, by RST
bad        an event in the middle is no JSON
error      an event in the middle is an error
hang       silence after the first half
mute       not even a head
flood      after the first word, words of 64 KiB without end, as fast as they are taken
=========  ===========================================================================
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import socket
import struct
import sys
from collections import Counter
from typing import ClassVar

from bench.soak.scenario import loop_factory
from bench.soak.words import word
from bench.upstream import Upstream
from bench.wire import WIRES, Wire

FAULTS = (
    "close",
    "reset",
    "html",
    "zero",
    "s400",
    "s500",
    "s503",
    "s529",
    "cut",
    "broken",
    "bad",
    "error",
)
"""That come to an end by themselves."""
SLOW_FAULTS = ("hang", "mute")

_ASKED = re.compile(rb"soak:(\d+):(\d+):(\d+):(\w+):")
_PATHS = {b"/messages": "messages", b"/responses": "responses", b"enerateContent": "gemini"}
_REASONS = {400: "Bad Request", 500: "Internal Server Error", 503: "Unavailable", 529: "Overloaded"}


def instruction(stream: int, words: int = 0, pause_us: int = 0, how: str = "fine") -> str:
    return f"soak:{stream}:{words}:{pause_us}:{how}:"


class SoakUpstream(Upstream):
    counts: ClassVar[Counter[str]] = Counter()
    dice = random.Random(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.counts["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.counts["connections"] -= 1

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        if head.startswith(b"GET"):
            self._document(200, json.dumps(dict(self.counts)).encode())
            return
        self.counts["requests"] += 1
        path = head.split(b" ", 2)[1]
        format = next((name for end, name in _PATHS.items() if end in path), "chat")
        asked = _ASKED.findall(body)[-1]
        stream, words, pause = (int(each) for each in asked[:3])
        how = asked[3].decode()
        wire = WIRES[format]
        if how == "mute":
            return
        if how == "close":
            self._transport.close()
        elif how == "reset":
            self._reset()
        elif how == "html":
            self._document(200, b"<html><body>It works!</body></html>", kind=b"text/html")
        elif how[0] == "s" and how[1:].isdigit():
            error = {"type": "error", "error": {"message": "so it is", "type": "api_error"}}
            self._document(int(how[1:]), json.dumps(error).encode())
        elif b":streamGenerateContent" in path or re.search(rb'"stream": ?true', body):
            self._task = asyncio.ensure_future(self._words(wire, stream, words, pause / 1e6, how))
        elif pause:
            self._task = asyncio.ensure_future(self._later(wire, pause / 1e6, how))
        else:
            self._one_document(wire, how)

    async def _later(self, wire: Wire, pause: float, how: str) -> None:
        await asyncio.sleep(pause)
        self._one_document(wire, how)

    def _one_document(self, wire: Wire, how: str) -> None:
        body = wire.answer("Hello there").encode()
        if how == "error" or how == "bad":
            body = body[: len(body) // 2]
        elif how == "zero":
            body = b""
        cut = how in ("cut", "broken", "hang")
        self._document(200, body, missing=100 if cut else 0)
        if how == "cut":
            assert self._transport is not None
            self._transport.close()
        elif how == "broken":
            self._reset()

    def _document(
        self, status: int, body: bytes, *, kind: bytes = b"application/json", missing: int = 0
    ) -> None:
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (status, _REASONS.get(status, "OK").encode(), kind, len(body) + missing, body)
        )

    def _reset(self) -> None:
        assert self._transport is not None
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _words(self, wire: Wire, stream: int, words: int, pause: float, how: str) -> None:
        assert self._transport is not None
        self.counts["streams"] += 1
        try:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            if how != "zero":
                self._write(wire.open())
                if not await self._middle(wire, stream, words, pause, how):
                    return
                self._write(wire.close(words))
            self._transport.write(b"0\r\n\r\n")
        finally:
            self.counts["streams"] -= 1

    async def _middle(self, wire: Wire, stream: int, words: int, pause: float, how: str) -> bool:
        """The words; whether the end may come, too."""
        wrong = words // 2 if how != "fine" else -1
        for number in range(words):
            if number == wrong and not await self._go_wrong(wire, how):
                return False
            if pause:
                await asyncio.sleep(pause)
            elif number % 64 == 63:
                await asyncio.sleep(0)
            self._write(wire.delta(word(stream, number)))
        return True

    async def _go_wrong(self, wire: Wire, how: str) -> bool:
        assert self._transport is not None
        if how == "cut":
            self._transport.close()
        elif how == "broken":
            self._reset()
        elif how == "bad":
            self._write('data: {"candidates":[{"choices" nonsense\n\n')
        elif how == "error":
            self._write(_ERROR)
        elif how == "hang":
            await asyncio.sleep(3600)
        elif how == "flood":
            await self._flood(wire, math.inf)
        return how in ("bad", "error")

    def _write(self, text: str) -> None:
        """One chunk; now and then the network cuts it in two."""
        assert self._transport is not None
        data = text.encode()
        data = b"%x\r\n%s\r\n" % (len(data), data)
        if self.dice.random() < 0.05 and not self._transport.is_closing():
            cut = self.dice.randrange(len(data))
            self._transport.write(data[:cut])
            data = data[cut:]
        self._transport.write(data)


_ERROR = (
    'event: error\ndata: {"type":"error","error":{"type":"api_error","code":500,'
    '"message":"so it is","status":"INTERNAL"}}\n\n'
)


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(SoakUpstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(int(sys.argv[1])))
