"""The measuring client: many streams at once, each checked delta by delta."""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import dataclass, field

from bench.address import Address
from bench.process import Tree

_WORD = re.compile(rb" w(\d+)-(\d+)")


class BadStream(Exception):
    """A stream lost, doubled or reordered a delta, or did not end as it should."""


@dataclass
class Result:
    deltas: int = 0
    requests: int = 0
    seconds: float = 0.0
    latencies_us: list[float] = field(default_factory=list)


class Window:
    """Processor time of a server while all streams are open: from when the first delta of
    each has come until the first of them is over. Its set-up is not in it."""

    def __init__(self, tree: Tree, count: int) -> None:
        self._tree = tree
        self._missing = count
        self._begin: tuple[float, int] | None = None
        self._end: tuple[float, int] | None = None
        self.pss_bytes = 0
        """At its end."""

    def opened(self, result: Result) -> None:
        """One more stream has its first delta."""
        self._missing -= 1
        if not self._missing and self._end is None:
            self._begin = (self._tree.cpu_seconds, result.deltas)

    def over(self, result: Result) -> None:
        """A stream is over."""
        if self._end is None:
            self._end = (self._tree.cpu_seconds, result.deltas)
            self.pss_bytes = self._tree.pss_bytes

    @property
    def us_per_delta(self) -> float:
        """
        Raises:
            BadStream: the streams were never all open.
        """
        if self._begin is None or self._end is None or self._end[1] == self._begin[1]:
            raise BadStream("a stream ended before all were open")
        return (self._end[0] - self._begin[0]) * 1e6 / (self._end[1] - self._begin[1])


_ENDS = {
    "chat": b"data: [DONE]",
    "messages": b"event: message_stop",
    "responses": b"event: response.completed",
    "gemini": b'"finishReason"',
}


async def streams(
    address: Address,
    format: str,
    *,
    count: int,
    chunks: int,
    pause_us: int,
    seed: int = 1,
    window: Window | None = None,
) -> Result:
    """``count`` streams at once, begun at random times within one pause."""
    result = Result()
    dice = random.Random(seed)
    asked = address.request(format, f"bench-{chunks}-{pause_us}", stream=True)
    begun = time.perf_counter()
    await asyncio.gather(
        *(
            _one(
                address,
                asked,
                _ENDS[format],
                chunks,
                dice.random() * max(pause_us, 1000) / 1e6,
                result,
                window,
                timed=pause_us > 0,
            )
            for _ in range(count)
        )
    )
    result.seconds = time.perf_counter() - begun
    return result


async def _one(
    address: Address,
    asked: bytes,
    end: bytes,
    chunks: int,
    delay: float,
    result: Result,
    window: Window | None,
    *,
    timed: bool,
) -> None:
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(asked)
    seen = 0
    tail = b""
    ended = False
    while not ended:
        data = await reader.read(1 << 16)
        if not data:
            raise BadStream(f"closed after {seen} of {chunks} deltas: {tail[-300:]!r}")
        now = time.monotonic_ns()
        data = tail + data
        last = 0
        for match in _WORD.finditer(data):
            if match.end() == len(data):
                break  # the number may go on in the next read
            number, sent = int(match.group(1)), int(match.group(2))
            if number != seen:
                raise BadStream(f"delta {number} where {seen} was due")
            seen += 1
            result.deltas += 1
            last = match.end()
            if timed:
                result.latencies_us.append((now - sent) / 1000)
            if number == 0 and window is not None:
                window.opened(result)
        ended = end in data
        tail = data[max(last, len(data) - 64) :]
    if seen != chunks:
        raise BadStream(f"ended after {seen} of {chunks} deltas")
    if window is not None:
        window.over(result)
    writer.close()
    result.requests += 1


async def whole(
    address: Address, format: str, *, count: int, connections: int, prompt: str
) -> Result:
    """``count`` requests without a stream over ``connections`` kept open."""
    result = Result()
    asked = address.request(format, "bench-1-0", stream=False, prompt=prompt)
    begun = time.perf_counter()
    await asyncio.gather(
        *(_keep_asking(address, asked, count // connections, result) for _ in range(connections))
    )
    result.seconds = time.perf_counter() - begun
    return result


async def _keep_asking(address: Address, asked: bytes, count: int, result: Result) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    for _ in range(count):
        writer.write(asked)
        head = await reader.readuntil(b"\r\n\r\n")
        match = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200"):
            raise BadStream(head.decode("latin-1"))
        if match is not None:
            answer = await reader.readexactly(int(match.group(1)))
        else:
            answer = await reader.readuntil(b"0\r\n\r\n")  # in chunks; the text has no such end
        if b"Hello there" not in answer:
            raise BadStream(answer[:200].decode())
        result.requests += 1
    writer.close()
