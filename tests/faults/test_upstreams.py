"""Upstreams that fail, each in a way of its own: what the client gets, what the router
remembers, what is left open, what the log has. For each way of asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigw_core.chat import Format
from tests.faults.checks import UPSTREAMS, alone, books_agree, with_another
from tests.faults.rows import ROWS, Row
from tests.faults.world import world

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_fault(row: Row, format: Format, stream: bool, tmp_path: Path) -> None:
    async with world(tmp_path, entry=row.entry, rest=row.rest) as gateway:
        for upstream in UPSTREAMS:
            verdict = row.verdict(upstream, stream=stream)
            await alone(gateway, row.fault, verdict, upstream, format, stream=stream)
            if row.reused is not None:
                await gateway.connected(int(row.reused))
            if verdict.kind is not None:
                await with_another(gateway, row.fault, verdict, upstream, format, stream=stream)
        await books_agree(gateway)
