"""The measuring client: many streams at once, each checked delta by delta."""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import dataclass, field

from bench.wire import path, request

_WORD = re.compile(rb" w(\d+)-(\d+)")


class BadStream(Exception):
    """A stream lost, doubled or reordered a delta, or did not end as it should."""


@dataclass
class Result:
    deltas: int = 0
    requests: int = 0
    seconds: float = 0.0
    latencies_us: list[float] = field(default_factory=list)


_ENDS = {
    "chat": b"data: [DONE]",
    "messages": b"event: message_stop",
    "responses": b"event: response.completed",
    "gemini": b'"finishReason"',
}


async def streams(
    port: int,
    format: str,
    *,
    count: int,
    chunks: int,
    pause_us: int,
    seed: int = 1,
    key: str = "bench-key",
) -> Result:
    """``count`` streams at once, begun at random times within one pause."""
    result = Result()
    dice = random.Random(seed)
    begun = time.perf_counter()
    await asyncio.gather(
        *(
            _one(
                port,
                _http(format, f"bench-{chunks}-{pause_us}", stream=True, key=key),
                _ENDS[format],
                chunks,
                dice.random() * max(pause_us, 1000) / 1e6,
                result,
                timed=pause_us > 0,
            )
            for _ in range(count)
        )
    )
    result.seconds = time.perf_counter() - begun
    return result


async def _one(
    port: int,
    asked: bytes,
    end: bytes,
    chunks: int,
    delay: float,
    result: Result,
    *,
    timed: bool,
) -> None:
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
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
            last = match.end()
            if timed:
                result.latencies_us.append((now - sent) / 1000)
        ended = end in data
        tail = data[max(last, len(data) - 64) :]
    if seen != chunks:
        raise BadStream(f"ended after {seen} of {chunks} deltas")
    writer.close()
    result.deltas += seen
    result.requests += 1


async def whole(port: int, format: str, *, count: int, connections: int, prompt: str) -> Result:
    """``count`` requests without a stream over ``connections`` kept open."""
    result = Result()
    body = _http(format, "bench-1-0", stream=False, prompt=prompt)
    begun = time.perf_counter()
    await asyncio.gather(
        *(_keep_asking(port, body, count // connections, result) for _ in range(connections))
    )
    result.seconds = time.perf_counter() - begun
    return result


async def _keep_asking(port: int, body: bytes, count: int, result: Result) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        match = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200") or match is None:
            raise BadStream(head.decode("latin-1"))
        answer = await reader.readexactly(int(match.group(1)))
        if b"Hello there" not in answer:
            raise BadStream(answer[:200].decode())
        result.requests += 1
    writer.close()


def _http(
    format: str, model: str, *, stream: bool, prompt: str = "Hello", key: str = "bench-key"
) -> bytes:
    body = request(format, model, stream=stream, prompt=prompt)
    return (
        b"POST %s HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"x-api-key: %b\r\ncontent-length: %d\r\n\r\n%s"
        % (path(format, model, stream=stream).encode(), key.encode(), len(body), body)
    )
