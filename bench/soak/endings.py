"""L8: SIGTERM under streams. Every client learns how its answer ended.

Half of the streams are shorter than the time to drain, half are longer. Who is not served
to the end gets the error event of its format; a connection that breaks would say so, too.
What must never be is an answer that looks complete.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter

from bench.process import free_port
from bench.soak.client import FORMATS, Answer, Connection, ask, connect
from bench.soak.gateway import Gateway, configured, upstream
from bench.soak.scenario import Figure, Options, Progress, none_of
from bench.soak.upstream import instruction

DRAIN = 3
GRACE = 2.5
"""Seconds to write the last events in, and to put things away; the product's own bounds."""


async def run(options: Options, progress: Progress) -> list[Figure]:
    ends: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    took: list[float] = []
    count = min(options.streams, 500)
    with upstream() as source:
        for number in range(options.runs):
            progress(f"run {number + 1} of {options.runs}")
            await _one(options, source.port, count, ends, statuses, took)
    silent = ends["silent"] + ends["damaged"]
    return [
        Figure("runs x streams", f"{options.runs} x {count}"),
        Figure("how they ended", ", ".join(f"{each} {end}" for end, each in sorted(ends.items()))),
        none_of("that ended silently", silent),
        none_of("exits other than 0", sum(statuses.values()) - statuses[0], str(dict(statuses))),
        Figure(
            "exit after SIGTERM, median and worst",
            f"{sorted(took)[len(took) // 2]:.2f} and {max(took):.2f} s",
            f"<= {DRAIN + 1} s",
            max(took) <= DRAIN + 1,
            counted=False,
        ),
    ]


async def _one(
    options: Options,
    source: int,
    count: int,
    ends: Counter[str],
    statuses: Counter[int],
    took: list[float],
) -> None:
    port = free_port()
    text = configured(port, source, f"daemon: {{shutdown-timeout: {DRAIN}}}")
    with Gateway(options.folder, text, port) as gateway:
        connections = await asyncio.gather(*(_begin(port, number) for number in range(count)))
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        exited = asyncio.create_task(asyncio.to_thread(gateway.wait, DRAIN + 60.0))
        await asyncio.gather(*(each.until() for each in connections))
        statuses[await exited] += 1
        took.append(time.monotonic() - began)
    for each in connections:
        ends[each.answer.end] += 1
        each.transport.abort()


async def _begin(port: int, number: int) -> Connection:
    """A stream of which the first word has come."""
    format = FORMATS[number % len(FORMATS)]
    words, pause = (10, 100_000) if number % 8 < 4 else (100, 500_000)
    await asyncio.sleep(number * 1e-3)
    connection = await connect(port)
    answer = Answer(format, stream=number, words=words)
    asked = instruction(number, words, pause)
    connection.begin(ask(format, asked, stream=True, model="soak"), answer)
    await connection.until(words=1)
    return connection
