"""A request leaves nothing to the collector of cycles, however it ends: what waits for that
is memory that grows, and then a pause of all streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.process import free_port
from bench.soak.churn import EXTRA, Churn, Drawn
from bench.soak.gateway import Gateway, configured, upstream
from bench.soak.scenario import Figure, Options, Progress, play
from bench.soak.upstream import SLOW_FAULTS

REQUESTS = 40
KINDS: dict[str, Callable[[Drawn], bool]] = {
    "served": lambda drawn: drawn.how == "fine" and not drawn.leaves,
    "left": lambda drawn: drawn.how == "fine" and bool(drawn.leaves),
    "failed": lambda drawn: (
        drawn.how != "fine" and drawn.how not in SLOW_FAULTS and not drawn.leaves
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_no_request_is_part_of_a_cycle(http: str, kind: str, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")  # asyncio's own transports know themselves

    async def garbage(options: Options, progress: Progress) -> list[Figure]:
        port = free_port()
        with upstream() as source:
            text = configured(port, source.port, *EXTRA)
            with Gateway(tmp_path, text, port, "--http", http, "--loop", "uvloop") as gateway:
                churn = Churn(port, 1, KINDS[kind])
                await churn.go_on(REQUESTS, clients=4)  # what is made once
                await gateway.settled()
                await churn.go_on(REQUESTS, clients=4)
                while (now := await gateway.census())["in_flight"]:
                    found.append(now["garbage"])
                found.append(now["garbage"])
                assert churn.wrong == []
        return []

    found: list[int] = []
    play(garbage, Options(str(tmp_path)), "garbage")
    assert sum(found) < REQUESTS
