"""Clients that leave, half or altogether, at each moment; clients that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from aigw_asgi.transports.direct import DirectTransport
from aigw_core.chat import Format
from tests.asgi.clients import asking
from tests.faults.checks import UPSTREAMS, books_agree
from tests.faults.world import PATIENCE, World, world

pytestmark = pytest.mark.anyio

formats = pytest.mark.parametrize("format", Format)
ways_of_asking = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])

LEFT = 499


class Raw:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_until(self, mark: bytes) -> None:
        seen = b""
        while mark not in seen:
            piece = await self.reader.read(1 << 16)
            assert piece, f"closed after {seen[-200:]!r}"
            seen += piece

    def leave(self) -> None:
        self.writer.transport.abort()

    def half_close(self) -> None:
        self.writer.write_eof()


@contextlib.asynccontextmanager
async def client(gateway: World, *, small: bool = False) -> AsyncIterator[Raw]:
    """``small``: it has little room for what it does not read."""
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", gateway.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 10)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


def request(format: Format, model: str, *, stream: bool) -> bytes:
    path, fields = asking(format, model, "How is it?", stream=stream)
    body = msgspec.json.encode(fields)
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def asked(gateway: World, number: int) -> None:
    """Wait until the upstream is at so many requests, and plays the last."""
    upstream = gateway.upstream
    async with asyncio.timeout(PATIENCE):
        await upstream.until(lambda: len(upstream.requests) == number and upstream.playing == 1)


async def nobody_is_blamed(gateway: World, number: int, *, dialled: bool = True) -> None:
    """Everything was given back, and the last of ``number`` entries says that the client
    had left."""
    await gateway.settled()
    await gateway.connected(0)
    assert gateway.state.health.rests() == []
    entries = await gateway.entries()
    assert len(entries) == number
    assert (entries[-1].status, entries[-1].client_left, entries[-1].failed) == (LEFT, True, False)
    assert entries[-1].attempts == int(dialled)
    await books_agree(gateway)


MOMENTS = ["silent", "stalls-midway", "stalls-in-error"]
"""Faults, at each of which the upstream holds still at another moment."""


@formats
@ways_of_asking
@pytest.mark.parametrize("half", [False, True], ids=["gone", "half-closed"])
@pytest.mark.parametrize("fault", MOMENTS)
async def test_a_client_that_leaves_takes_its_upstream_along(
    fault: str, half: bool, format: Format, stream: bool, tmp_path: Path
) -> None:
    """A half-close counts as leaving: so the server under us has it."""
    async with world(tmp_path) as gateway:
        for number, upstream in enumerate(UPSTREAMS, 1):
            async with client(gateway) as raw:
                raw.send(request(format, f"{upstream}-lone/{fault}", stream=stream))
                await asked(gateway, number)
                if stream and fault == "stalls-midway":
                    await raw.read_until(b"All")
                raw.half_close() if half else raw.leave()
                await nobody_is_blamed(gateway, number)


@formats
@ways_of_asking
async def test_a_client_that_leaves_while_a_name_is_looked_up(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    dialling, given_up = asyncio.Event(), asyncio.Event()

    async def resolve(host: str, port: int) -> list[str]:
        dialling.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    transport = DirectTransport(resolve=resolve)
    async with (
        world(tmp_path, url="https://nowhere.test", transport=transport) as gateway,
        client(gateway) as raw,
    ):
        raw.send(request(format, "chat-lone/well", stream=stream))
        await dialling.wait()
        raw.leave()
        await given_up.wait()
        await nobody_is_blamed(gateway, 1)


@formats
@ways_of_asking
async def test_a_client_that_leaves_with_half_a_request_asks_nobody(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    async with world(tmp_path) as gateway:
        async with client(gateway) as raw:
            raw.send(request(format, "chat-lone/well", stream=stream)[:-5])
            await raw.writer.drain()
            raw.leave()
        # Once the next one was served the first is long over.
        reply = await gateway.ask(format, "chat-lone/well", stream=stream)
        assert reply.status == 200
        await gateway.settled()
        assert len(gateway.upstream.requests) == 1
        assert gateway.state.health.rests() == []
        assert gateway.state.metrics.report(1.0)["total_attempts"] == 1


@formats
async def test_a_request_behind_a_stream_does_not_hide_that_its_client_leaves(
    format: Format, tmp_path: Path
) -> None:
    async with world(tmp_path) as gateway, client(gateway) as raw:
        ask = request(format, "chat-lone/stalls-midway", stream=True)
        raw.send(ask)
        await raw.read_until(b"All")
        raw.send(ask)
        await nobody_is_blamed(gateway, 1)
        assert len(gateway.upstream.requests) == 1


@formats
async def test_a_client_that_does_not_read_holds_its_upstream_up_and_is_cut(
    format: Format, tmp_path: Path
) -> None:
    """An upstream that never ends would fill any buffer."""
    async with world(tmp_path, rest="write-timeout: 0.1") as gateway:
        for number, upstream in enumerate(UPSTREAMS, 1):
            async with client(gateway, small=True) as raw:
                raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
                raw.send(request(format, f"{upstream}-lone/endless", stream=True))
                await asked(gateway, number)
                await nobody_is_blamed(gateway, number)
                assert (await gateway.entries())[-1].bytes_out < 16 << 20


@formats
async def test_a_document_that_is_not_read_holds_no_upstream(
    format: Format, tmp_path: Path
) -> None:
    """It waits in the server, which gives the client up (tests/asgi/server/test_limits.py)."""
    async with world(tmp_path) as gateway, client(gateway, small=True) as raw:
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        raw.send(request(format, "chat-lone/large", stream=False))
        await gateway.upstream.until(lambda: len(gateway.upstream.requests) == 1)
        await gateway.settled()
        await gateway.connected(1)
        assert gateway.state.health.rests() == []
        (entry,) = await gateway.entries()
        assert (entry.status, entry.failed) == (200, False)
        assert entry.bytes_out > 12 << 20
        await books_agree(gateway)
