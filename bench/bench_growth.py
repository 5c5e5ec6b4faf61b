"""What a delta costs as streams become more, and a request as its prompt becomes longer.

streams   paced, chat client and messages upstream (the pump relays), some 2,000 deltas a
          second in all, however many streams: processor time while all of them are open,
          and what the process holds then
prompts   relayed, without a stream, a few at a time

In turn, round by round, beside the pump of the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from aigw_asgi.bench.progress import Bar
from bench.client import Window, streams, whole
from bench.contestants import SHAPES, Running, gateway, pump
from bench.process import Process, Tree, allow_many_files, free_port, keep_to_others
from bench.samples import PUMP, Samples, add_files, write_files
from bench.table import head, table

STREAMS = (1, 10, 100, 1000)
PROMPTS = {"1 KB": 1, "10 KB": 10, "100 KB": 100, "1 MB": 1_000, "10 MB": 10_000}
"""By name, in thousands of bytes."""

_PER_SECOND = 2_000
"""Deltas of all streams together, at most: what is left is for client and upstream."""
_LEAST_PAUSE_US = 10_000
_LEAST_CHUNKS = 20
_LINE = "All work and no play. " * 50

Measured = tuple[float, int]
"""Microseconds of a delta or request; bytes that are held."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="that streams last, at least")
    parser.add_argument("--server", choices=SHAPES, default="httptools+uvloop")
    add_files(parser)
    options = parser.parse_args()
    allow_many_files()
    keep_to_others()
    samples = Samples(head(f"bench_growth: more streams, longer prompts; {options.server}"))
    _measure(samples, options)
    samples.compare("us_per_unit", {})
    _show(samples)
    write_files(samples, options)


def _measure(samples: Samples, options: argparse.Namespace) -> None:
    plan: list[tuple[str, Callable[[Running, Tree], Measured]]] = [
        *((f"{size} streams", _streams_of(size, options.seconds)) for size in STREAMS),
        *((f"prompts of {name}", _prompts_of(size)) for name, size in PROMPTS.items()),
    ]
    upstream = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="aigw-bench-") as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
        ExitStack() as stack,
    ):
        both = {
            each.name: stack.enter_context(each.running(Path(folder)))
            for each in (pump(upstream), gateway(options.server, upstream))
        }
        bar = Bar(len(plan) * len(both) * (options.rounds + 1), apart=10.0)
        for number in range(options.rounds + 1):
            for scenario, work in plan:
                for name, running in both.items():
                    bar.step(f"{scenario}, {name}, round {number} of {options.rounds}")
                    assert running.tree is not None, "it is ours"
                    cost, held = work(running, running.tree)
                    if number:
                        samples.add(scenario, name, number, us_per_unit=cost)
                    else:  # it warms up; later, what was held for more streams is still there
                        samples.add(scenario, name, 1, pss_MB=held / 1e6)
        bar.close()


def _streams_of(size: int, seconds: float) -> Callable[[Running, Tree], Measured]:
    pause_us = max(_LEAST_PAUSE_US, size * 1_000_000 // _PER_SECOND)
    chunks = max(_LEAST_CHUNKS, int(seconds * 1e6 / pause_us))

    def work(running: Running, tree: Tree) -> Measured:
        window = Window(tree, size)
        asyncio.run(
            streams(
                running.messages,
                "chat",
                count=size,
                chunks=chunks,
                pause_us=pause_us,
                window=window,
            )
        )
        return window.us_per_delta, window.pss_bytes

    return work


def _prompts_of(kilobytes: int) -> Callable[[Running, Tree], Measured]:
    prompt = (_LINE * (kilobytes + 1))[: kilobytes * 1000]
    count = max(8, min(400, 40_000 // kilobytes))

    def work(running: Running, tree: Tree) -> Measured:
        before = tree.cpu_seconds
        asyncio.run(whole(running.chat, "chat", count=count, connections=4, prompt=prompt))
        return (tree.cpu_seconds - before) * 1e6 / count, tree.pss_bytes

    return work


def _show(samples: Samples) -> None:
    columns = ["scenario", "us_per_unit", "pump_us", "over_pump", "least", "most"]
    rows: list[list[object]] = []
    for scenario, name in samples.pairs("us_per_unit"):
        if name == PUMP:
            continue
        ratios = samples.values(scenario, name, "over_pump")
        rows.append(
            [
                scenario,
                samples.median(scenario, name, "us_per_unit"),
                samples.median(scenario, PUMP, "us_per_unit"),
                samples.median(scenario, name, "over_pump"),
                min(ratios),
                max(ratios),
                samples.median(scenario, name, "pss_MB"),
                samples.median(scenario, PUMP, "pss_MB"),
            ]
        )
    table([*columns, "pss_MB", "pump_pss_MB"], rows)


if __name__ == "__main__":
    main()
