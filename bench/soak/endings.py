"""L8: SIGTERM under streams, of one process and of several. Every client learns how its
answer ended.

Half of the streams are shorter than the time to drain, half are longer. Who is not served
to the end gets the error event of its format; a connection that breaks would say so, too.
What must never be is an answer that looks complete.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

from bench.process import Process, free_port
from bench.soak.client import FORMATS, Answer, Connection, ask, connect
from bench.soak.gateway import configured, upstream
from bench.soak.scenario import Figure, Options, Progress, none_of
from bench.soak.upstream import instruction

DRAIN = 3


async def run(options: Options, progress: Progress) -> list[Figure]:
    count = min(options.streams, 500)
    figures: list[Figure] = []
    with upstream() as source:
        for workers in sorted({1, options.workers}):
            ends: Counter[str] = Counter()
            statuses: Counter[int] = Counter()
            took: list[float] = []
            for number in range(options.runs):
                progress(f"{workers} processes, run {number + 1} of {options.runs}")
                found = await _one(Path(options.folder), source.port, count, workers)
                ends.update(found[0])
                statuses[found[1]] += 1
                took.append(found[2])
            took.sort()
            name = "one process" if workers == 1 else f"{workers} processes"
            figures += _figures(f"{name}, {options.runs} x {count}", ends, statuses, took)
    return figures


def _figures(
    name: str, ends: Counter[str], statuses: Counter[int], took: list[float]
) -> list[Figure]:
    failed = statuses.total() - statuses[0]
    return [
        Figure(f"{name}: ended", ", ".join(f"{each} {end}" for end, each in sorted(ends.items()))),
        none_of(f"{name}: ended silently", ends["silent"] + ends["damaged"]),
        none_of(f"{name}: exits other than 0", failed, str(dict(statuses)) if failed else ""),
        Figure(
            f"{name}: exit after SIGTERM, median and worst",
            f"{took[len(took) // 2]:.2f} and {took[-1]:.2f} s",
            f"<= {DRAIN + 1} s",
            took[-1] <= DRAIN + 1,
            counted=False,
        ),
    ]


async def _one(
    folder: Path, source: int, count: int, workers: int
) -> tuple[Counter[str], int, float]:
    """How the answers ended, the exit status, and the seconds that it took."""
    port = free_port()
    file = folder / f"config-{port}.yaml"
    file.write_text(configured(port, source, f"daemon: {{shutdown-timeout: {DRAIN}}}"))
    with Process(
        [
            *("-m", "aigw_asgi.cli", "run", "-c", str(file)),
            *("--workers", str(workers), "--log-level", "error"),
        ],
        port,
        env={"AIGW_STATE_DIR": str(folder / f"state-{port}")},
    ) as gateway:
        connections = await asyncio.gather(*(_begin(port, number) for number in range(count)))
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        exited = asyncio.create_task(asyncio.to_thread(gateway.wait, DRAIN + 60.0))
        await asyncio.gather(*(each.until() for each in connections))
        status = await exited
        took = time.monotonic() - began
    ends = Counter(each.answer.end for each in connections)
    for each in connections:
        each.transport.abort()
    return ends, status, took


async def _begin(port: int, number: int) -> Connection:
    """A stream of which the first word has come."""
    format = FORMATS[number % len(FORMATS)]
    words, pause = (10, 100_000) if number % 8 < 4 else (100, 500_000)
    await asyncio.sleep(number * 1e-3)
    connection = await connect(port)
    answer = Answer(format, stream=number, words=words)
    asked = instruction(number, words, pause)
    connection.begin(ask(format, asked, stream=True), answer)
    await connection.until(words=1)
    return connection
