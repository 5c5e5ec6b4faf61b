"""How often something is scheduled on the loop for a chunk that comes from the upstream."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bench.address import Address
from bench.client import streams
from bench.contestants import CONFIG
from tests.running import Running, free_port

STREAMS = 4
FEW, MANY = 20, 145
PAUSE_US = 5_000

MOST = 0.3
"""Callbacks for a chunk: none, rounded up by what the process does meanwhile for itself."""


@pytest.mark.parametrize("prefix", ["", "m/"], ids=["relayed", "translated"])
@pytest.mark.parametrize("server", ["httptools uvloop", "h11 asyncio"])
def test_no_task_wakes_for_a_chunk(server: str, prefix: str, tmp_path: Path) -> None:
    """The callback of the upstream's socket writes to the client's."""
    few, many = (_scheduled(server, prefix, chunks, tmp_path) for chunks in (FEW, MANY))
    assert few > STREAMS  # a request does wake a task
    assert (many - few) / (STREAMS * (MANY - FEW)) <= MOST


def _scheduled(server: str, prefix: str, chunks: int, folder: Path) -> int:
    http, loop = server.split()
    upstream, port = free_port(), free_port()
    config = folder / f"config-{chunks}.yaml"
    config.write_text(CONFIG.format(upstream=upstream, state=folder / f"state-{chunks}"))
    counted = folder / f"counted-{chunks}"
    command = ["-m", "tests.counts.counted", str(counted), "run", "-c", str(config)]
    arguments = [*command, "--port", str(port), "--http", http, "--loop", loop]
    with Running(["-m", "bench.upstream", str(upstream)], upstream), Running(arguments, port):
        address = replace(Address(port), prefix=prefix)
        asyncio.run(streams(address, "chat", count=STREAMS, chunks=chunks, pause_us=PAUSE_US))
    return int(counted.read_text())
