"""What the kernel is asked for with each paced chunk of a stream, and with a small request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.address import Address
from bench.client import streams, whole
from bench.contestants import CONFIG
from tests.counts.trace import traced
from tests.running import Running, free_port, gateway

STREAMS = 4
FEW, MANY = 20, 145
"""Chunks; of the difference nothing belongs to the beginning or the end of a stream."""
PAUSE_US = 5_000

MOST = {"recv": 1.1, "send": 1.1, "epoll_ctl": 0.3, "wait": 1.3}
"""Of a chunk: one of each, rounded up by what the process does meanwhile for itself."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Running]:
    port = free_port()
    with Running(["-m", "bench.upstream", str(port)], port) as running:
        yield running


@pytest.mark.parametrize("server", ["httptools uvloop", "h11 asyncio"])
def test_a_chunk_is_one_recv_and_one_send(server: str, upstream: Running, tmp_path: Path) -> None:
    http, loop = server.split()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(upstream=upstream.port, state=tmp_path / "state"))
    with gateway("--http", http, "--loop", loop, config=config) as running:
        chat = Address(running.port)
        for address in (chat, replace(chat, prefix="m/")):  # relayed, and translated
            asyncio.run(_chunks(address, FEW))  # everything is loaded, and connected
            found = []
            for chunks in (FEW, MANY):
                with traced(running.process.pid, tmp_path) as counts:
                    asyncio.run(_chunks(address, chunks))
                found.append(counts)
            few, many = found
            assert few["recv"] > 0
            assert few["send"] > 0
            each = {name: (many[name] - few[name]) / (STREAMS * (MANY - FEW)) for name in MOST}
            assert {name: value for name, value in each.items() if value > MOST[name]} == {}, each


def test_a_small_request_is_two_of_each(upstream: Running, tmp_path: Path) -> None:
    """From the client and to it, to the upstream and from it."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(upstream=upstream.port, state=tmp_path / "state"))
    with gateway("--http", "httptools", "--loop", "uvloop", config=config) as running:
        address = Address(running.port)
        asyncio.run(whole(address, "chat", count=FEW, connections=1, prompt="Hello"))
        found = []
        for requests in (FEW, MANY):
            with traced(running.process.pid, tmp_path) as counts:
                asyncio.run(whole(address, "chat", count=requests, connections=1, prompt="Hello"))
            found.append(counts)
    few, many = found
    each = {name: (many[name] - few[name]) / (MANY - FEW) for name in ("recv", "send")}
    assert 1.9 <= each["recv"] <= 2.2, each  # strace may lose one
    assert 1.9 <= each["send"] <= 2.2, each  # three, if head and body went out by themselves


async def _chunks(address: Address, chunks: int) -> None:
    await streams(address, "chat", count=STREAMS, chunks=chunks, pause_us=PAUSE_US)
