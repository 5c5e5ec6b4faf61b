"""L9: clients leave in the middle. How soon their upstreams are left, and what those send
in vain meanwhile.

The upstream is in this process, so that both times are of one clock. It writes a word of
1 KiB every ten milliseconds, faster than any model, and what it writes after its client
has left is what would be billed for nothing.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import ClassVar, cast

from bench.process import free_port
from bench.soak.client import FORMATS, Answer, ask, connect
from bench.soak.gateway import Gateway, configured, show_censuses
from bench.soak.scenario import Figure, Options, Progress, none_of
from bench.soak.words import word
from bench.wire import WIRES

STREAMS = 50
_WIRE = WIRES["messages"]
_PAUSE = 0.01
_MORE = _WIRE.delta("y" * 1024).encode()
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


class _Source(asyncio.Protocol):
    """One stream without end; ``left`` when its connection ended."""

    all: ClassVar[list[_Source]] = []
    gone = False
    """The clients have left."""

    def __init__(self) -> None:
        self.left = 0.0
        self.unread = 0
        """Bytes that were written since."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self._timer is None:
            self.all.append(self)
            opening = _WIRE.open() + _WIRE.delta(word(0, 0))
            self._transport.write(_HEAD + opening.encode())
            self._go_on()

    def _go_on(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._go_on)
        self._transport.write(_MORE)
        if _Source.gone:
            self.unread += len(_MORE)

    def connection_lost(self, exc: Exception | None) -> None:
        self.left = time.perf_counter()
        if self._timer is not None:
            self._timer.cancel()
        if not self.ended.done():
            self.ended.set_result(None)


async def run(options: Options, progress: Progress) -> list[Figure]:
    port = free_port()
    times: list[float] = []
    unread: list[int] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Source, "127.0.0.1", 0)
    text = configured(port, server.sockets[0].getsockname()[1])
    with Gateway(options.folder, text, port) as gateway:
        await _round(port)
        before = await gateway.settled()
        for number in range(options.runs):
            progress(f"round {number + 1} of {options.runs}")
            gone, sources = await _round(port)
            times += [(each.left - gone) * 1000 for each in sources]
            unread += [each.unread for each in sources]
        after = await gateway.settled()
    server.close()
    show_censuses({"before": before, "after": after})
    times.sort()
    leaked = after.leaked(before)
    p99 = times[int(len(times) * 0.99) - 1]
    return [
        Figure("streams left", str(len(times))),
        Figure("median", f"{statistics.median(times):.1f} ms", counted=False),
        Figure("p99", f"{p99:.1f} ms", "< 50 ms", p99 < 50, counted=False),
        Figure("worst", f"{times[-1]:.1f} ms", "< 250 ms", times[-1] < 250, counted=False),
        Figure("most bytes sent in vain", str(max(unread)), "< 65536", max(unread) < 65536),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
    ]


async def _round(port: int) -> tuple[float, list[_Source]]:
    """All clients leave at once: when, and what became of their upstreams."""
    _Source.all, _Source.gone = [], False
    connections = []
    for number in range(STREAMS):
        format = FORMATS[number % len(FORMATS)]
        connection = await connect(port)
        connection.begin(ask(format, "hello", stream=True), Answer(format, words=2))
        connections.append(connection)
    for connection in connections:
        await connection.until(words=1)
    sources = _Source.all
    gone = time.perf_counter()
    _Source.gone = True
    for connection in connections:
        connection.transport.abort()
    await asyncio.gather(*(each.ended for each in sources))
    return gone, sources
