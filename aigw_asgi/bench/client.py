"""The measuring client: requests of Chat Completions over connections of its own.

Every answer is read as a client would read it, whole, so that what is counted did arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
import time
from collections.abc import AsyncIterator

import msgspec.json
from msgspec import Struct, field

from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from aigw_core.errors import Failure, UpstreamError
from aigw_core.events import TextDelta
from aigw_core.http1 import (
    ResponseBroken,
    ResponseEnd,
    ResponseHead,
    ResponseReader,
    encode_request_head,
)
from aigw_core.wire_request import split_url

PATIENCE = 60.0
"""Seconds without a byte after which a measurement is given up."""


class BenchFailed(Exception):
    """There is nothing to measure; it says why."""


class Way(Struct, frozen=True):
    """One way that requests can go."""

    name: str
    url: str
    """Of the server, without a path."""
    key: str = ""
    prefix: str = ""
    """Before the names of models."""


class StreamTimes(Struct):
    """Of one stream, in seconds."""

    first: float = math.nan
    """From the request to the first text."""
    pieces: int = 0
    ages: list[float] = field(default_factory=list)
    """From when a piece was written to when it was read; empty where no piece says when
    it was written."""


class Connection:
    """One connection, for a request at a time."""

    def __init__(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._way = way
        self._reader = reader
        self._writer = writer
        self._origin, _ = split_url(way.url)

    async def ask(self, model: str, text: str) -> float:
        """A request without a stream; gives the seconds until its answer was there."""
        began = time.perf_counter()
        answer = b"".join([data async for data in self._exchange(model, text, stream=False)])
        seconds = time.perf_counter() - began
        try:
            CODECS[Format.CHAT].decode_response(answer)
        except UpstreamError as exc:
            raise BenchFailed(f"{self._way.name}: {exc}") from exc
        return seconds

    async def stream(self, model: str, text: str) -> StreamTimes:
        """A stream, to its end."""
        decoder = CODECS[Format.CHAT].stream_decoder()
        times = StreamTimes()
        began = time.perf_counter()
        async for data in self._exchange(model, text, stream=True):
            now = time.monotonic_ns()
            for event in decoder.feed(data):
                if type(event) is TextDelta:
                    times.pieces += 1
                    if times.pieces == 1:
                        times.first = time.perf_counter() - began
                    if event.text[1:].isdigit():
                        times.ages.append((now - int(event.text)) / 1e9)
                elif isinstance(event, Failure):
                    raise BenchFailed(f"{self._way.name}: {event.message}")
        if any(isinstance(event, Failure) for event in decoder.eof()) or not times.pieces:
            raise BenchFailed(f"{self._way.name}: a stream ended too early")
        return times

    async def _exchange(self, model: str, text: str, *, stream: bool) -> AsyncIterator[bytes]:
        way = self._way
        body = msgspec.json.encode(
            {
                "model": way.prefix + model,
                "stream": stream,
                "messages": [{"role": "user", "content": text}],
            }
        )
        key = (("authorization", f"Bearer {way.key}"),) if way.key else ()
        headers = (("content-type", "application/json"), *key)
        target = "/v1/chat/completions"
        head = encode_request_head("POST", self._origin, target, headers, body_size=len(body))
        self._writer.write(head + body)
        reader = ResponseReader()
        status, refusal = 0, b""
        while True:
            async with asyncio.timeout(PATIENCE):
                data = await self._reader.read(1 << 16)
            for event in reader.feed(data) if data else reader.eof():
                if isinstance(event, ResponseHead):
                    status = event.status
                elif isinstance(event, bytes) and status == 200:
                    yield event
                elif isinstance(event, bytes):
                    refusal += event
                elif isinstance(event, ResponseBroken):
                    raise BenchFailed(f"{way.name}: {event.problem}")
                else:
                    assert isinstance(event, ResponseEnd)
                    if status != 200:
                        failure = CODECS[Format.CHAT].decode_error(status, {}, refusal)
                        raise BenchFailed(f"{way.name} answers {status}: {failure.message}")
                    return


@contextlib.asynccontextmanager
async def connected(way: Way, context: ssl.SSLContext | None = None) -> AsyncIterator[Connection]:
    """A connection to the beginning of ``way``; ``context`` for https.

    Raises:
        BenchFailed: it cannot be had, or breaks off.
    """
    origin, _ = split_url(way.url)
    secured = context if origin.scheme == "https" else None
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(origin.host, origin.port, ssl=secured)
        try:
            yield Connection(way, reader, writer)
        finally:
            writer.close()
    except TimeoutError as exc:
        raise BenchFailed(f"{way.name}: nothing came for {PATIENCE:g} seconds") from exc
    except OSError as exc:
        raise BenchFailed(f"{way.name}: {exc.strerror or exc}") from exc
