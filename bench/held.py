"""Streams that are held open, to see what memory each takes: the slope over their number.

idle     the first word has come, and nothing since
stalled  the client reads no more after the first word, whatever its upstream sends
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

SETTLING = 3.0
"""Seconds after which what comes by itself has come."""

_FIRST = b" w0-"


class _Stream(asyncio.Protocol):
    def __init__(self, asked: bytes, *, stalls: bool) -> None:
        self._asked = asked
        self._stalls = stalls
        self._read = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self.transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        if self.begun.done():
            return
        self._read += data
        if _FIRST in self._read:
            self._read = b""
            self.begun.set_result(None)
            if self._stalls:
                self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(ConnectionError(f"no first word: {self._read[:300]!r}"))


async def held(
    where: tuple[str, int],
    asked: Callable[[int], bytes],
    sizes: Sequence[int],
    memory: Callable[[], Awaitable[int]],
    *,
    stalls: bool,
) -> list[int]:
    """What ``memory`` tells with as many streams as ``sizes`` says, one size after another;
    ``asked`` gives the request of a stream by its number. In the end all are aborted."""
    streams: list[_Stream] = []
    found: list[int] = []
    try:
        for size in sizes:
            more = range(len(streams), size)
            streams += await asyncio.gather(
                *(_begin(where, asked(number), number, stalls=stalls) for number in more)
            )
            await asyncio.sleep(SETTLING)
            found.append(await memory())
    finally:
        for each in streams:
            each.transport.abort()
    return found


def per_stream(sizes: Sequence[int], found: Sequence[int]) -> float:
    """The slope from the first size to the last."""
    return (found[-1] - found[0]) / (sizes[-1] - sizes[0])


async def _begin(where: tuple[str, int], asked: bytes, number: int, *, stalls: bool) -> _Stream:
    await asyncio.sleep(number % 50 * 5e-3)  # not all in the same millisecond
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(lambda: _Stream(asked, stalls=stalls), *where)
    await stream.begun
    return stream
