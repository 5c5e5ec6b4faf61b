"""End to end on loopback: CPU of the gateway's processes beside that of a bare pump.

All contestants are measured in turn, round by round, so that a noisy machine
disturbs them alike; ratios are taken within a round, and the median is shown.

A  chat client, chat upstream (relayed)        paced
C  chat client, messages upstream              paced
D  messages client, chat upstream              paced
M  as C, as fast as it goes
E  a small request without a stream, relayed
F  a prompt of 200 KB without a stream, relayed
G  memory of streams that are open and idle, 50 to 1,000, relayed and as C
S  memory of streams whose clients stall, 20 to 120, relayed and as C (Gc, Sc)
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from aigw_asgi.bench.progress import Bar
from bench.client import BadStream, Result, streams, whole
from bench.contestants import SCENARIOS, SHAPES, Contestant, Running, gateway, peer, pump
from bench.held import held, per_stream
from bench.process import Process, Tree, allow_many_files, free_port, keep_to_others
from bench.samples import PUMP, Samples, add_files, write_files
from bench.table import head, table

PROMPT = "All work and no play. " * 9100
"""200 KB."""

FLOORS = {"A": "A", "C": "A", "D": "A", "M": "M", "E": "E", "F": "F"}
"""Beside which scenario of the pump one stands."""

HELD = {
    "G": ("bench-1-0-hang", (50, 1000), False),
    "S": ("bench-1-0-flood", (20, 120), True),
}
"""The model, how many streams at once, and whether their clients stall."""

Goals = dict[str, tuple[str, float, float]]
"""By scenario: of what, what must be reached, and what is aimed at."""

_ALL: Goals = {
    "M": ("us_per_unit", 8, 5),
    "G": ("KiB_per_stream", 25, 16),
    "S": ("KiB_per_stream", 512, 512),
}
GOALS: dict[str, Goals] = {
    "httptools+uvloop": {
        **_ALL,
        "A": ("over_pump", 2.2, 1.6),
        "C": ("over_pump", 2.5, 1.8),
        "E": ("over_pump", 5, 3),
        "F": ("over_pump", 5, 3),
    },
    "h11+asyncio": {**_ALL, "C": ("over_pump", 3.5, 2.8)},
}


def main() -> None:
    options = _options()
    allow_many_files()
    keep_to_others()
    rounds = (
        f"{options.streams} streams x {options.chunks} chunks, {options.pause_us} us apart; "
        f"{options.rounds} interleaved rounds"
    )
    legend = [each for each in (__doc__ or "").splitlines() if each[1:3] == "  "]
    samples = Samples([*head("bench_gateway: end to end on loopback"), rounds, *legend])
    print(f"# {rounds}", flush=True)
    upstream = options.upstream or free_port()
    shapes = list(SHAPES) if options.server == "all" else options.server.split(",")
    with (
        tempfile.TemporaryDirectory(prefix="aigw-bench-") as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        contestants = [pump(upstream), *(gateway(each, upstream) for each in shapes)]
        contestants += options.peer
        _costs(samples, contestants, Path(folder), options)
        samples.compare("us_per_unit", FLOORS)
        _memory(samples, contestants, Path(folder), options.scenarios)
    _show(samples)
    write_files(samples, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--pause-us", type=int, default=20_000)
    parser.add_argument("--scenarios", default=SCENARIOS, help=f"letters of {SCENARIOS}")
    parser.add_argument(
        "--server",
        default="httptools+uvloop,h11+asyncio",
        help=f"several of {','.join(SHAPES)}; or all",
    )
    parser.add_argument(
        "--peer",
        action="append",
        type=peer,
        default=[],
        metavar="NAME=URL",
        help="a server to measure, too (bench/README.md); may be given again",
    )
    parser.add_argument("--upstream", type=int, metavar="PORT", help="of the upstream, for peers")
    add_files(parser)
    options = parser.parse_args()
    if unknown := set(options.server.split(",")) - {*SHAPES, "all"}:
        parser.error(f"--server: there is no {', '.join(sorted(unknown))}")
    if options.peer and not options.upstream:
        parser.error("--peer needs --upstream: the port that the peers send to")
    return options


def _costs(
    samples: Samples, contestants: list[Contestant], folder: Path, options: argparse.Namespace
) -> None:
    wanted = [each for each in FLOORS if each in options.scenarios]
    with ExitStack() as stack:
        all_running = {
            each: stack.enter_context(each.running(folder)) for each in contestants if wanted
        }
        plan = [
            (scenario, contestant)
            for scenario in FLOORS
            for contestant in contestants
            if _belongs(scenario, contestant, wanted)
        ]
        failed: set[tuple[str, Contestant]] = set()
        bar = Bar(len(plan) * (options.rounds + 1), apart=10.0)
        for number in range(options.rounds + 1):
            for scenario, contestant in plan:
                bar.step(f"{scenario} {contestant.name}, round {number} of {options.rounds}")
                running = all_running[contestant]
                if (scenario, contestant) in failed:
                    continue
                try:
                    figures = _measure(scenario, running, options)
                except (BadStream, OSError, EOFError) as exc:
                    if contestant.fresh:
                        raise
                    failed.add((scenario, contestant))  # the others are still worth their time
                    print(f"\n# {contestant.name} fails in {scenario}: {exc}", file=sys.stderr)
                    continue
                if number:  # the first round warms up
                    samples.add(scenario, contestant.name, number, **figures)
        for contestant, running in all_running.items():
            if running.tree is not None:
                samples.add("", contestant.name, 1, pss_MB=running.tree.pss_bytes / 1e6)
        bar.close()


def _belongs(scenario: str, contestant: Contestant, wanted: list[str]) -> bool:
    if contestant.name == PUMP:
        return any(FLOORS[each] == scenario for each in wanted)
    return scenario in wanted and scenario in contestant.scenarios


def _measure(scenario: str, running: Running, options: argparse.Namespace) -> dict[str, float]:
    before = _cpu(running.tree)
    result = asyncio.run(_work(scenario, running, options))
    after = _cpu(running.tree)
    units = result.deltas or result.requests
    found = {"per_s": units / result.seconds}
    if before is not None and after is not None:
        found["us_per_unit"] = (after - before) * 1e6 / units
    if result.latencies_us:
        ordered = sorted(result.latencies_us)
        found["p50_us"], found["p99_us"] = (
            ordered[min(int(len(ordered) * at), len(ordered) - 1)] for at in (0.5, 0.99)
        )
    return found


def _cpu(tree: Tree | None) -> float | None:
    return None if tree is None else tree.cpu_seconds


async def _work(scenario: str, running: Running, options: argparse.Namespace) -> Result:
    if scenario in "ACD":
        return await streams(
            running.messages if scenario == "C" else running.chat,
            "messages" if scenario == "D" else "chat",
            count=options.streams,
            chunks=options.chunks,
            pause_us=options.pause_us,
        )
    if scenario == "M":
        return await streams(running.messages, "chat", count=8, chunks=2000, pause_us=0)
    if scenario == "E":
        return await whole(running.chat, "chat", count=1600, connections=8, prompt="Hello")
    return await whole(running.chat, "chat", count=200, connections=4, prompt=PROMPT)


def _memory(samples: Samples, contestants: list[Contestant], folder: Path, scenarios: str) -> None:
    plan = [
        (scenario, contestant, translated)
        for scenario in HELD
        for contestant in contestants
        for translated in (False, True)
        if scenario in scenarios and scenario in contestant.scenarios
        if not translated or contestant.name in SHAPES
    ]
    bar = Bar(len(plan) or 1, apart=10.0)
    for scenario, contestant, translated in plan:
        name = scenario + ("c" if translated else "")
        bar.step(f"{name} {contestant.name}")
        with contestant.running(folder) as running:  # memory never shrinks as it grew
            tree = running.tree
            if tree is None:
                continue
            slope = asyncio.run(_held(scenario, running, tree, translated=translated))
        samples.add(name, contestant.name, 1, KiB_per_stream=slope)
    bar.close()


async def _held(scenario: str, running: Running, tree: Tree, *, translated: bool) -> float:
    model, sizes, stalls = HELD[scenario]
    address = running.messages if translated else running.chat
    asked = address.request("chat", model, stream=True)
    await streams(address, "chat", count=20, chunks=20, pause_us=0)

    async def memory() -> int:
        return tree.pss_bytes >> 10

    found = await held(
        (address.host, address.port), lambda number: asked, sizes, memory, stalls=stalls
    )
    return per_stream(sizes, found)


def _show(samples: Samples) -> None:
    rows = list(_cost_rows(samples))
    if rows:
        columns = ["server", "scenario", "us_per_unit", "over_pump", "least", "most"]
        columns += ["added_p50_us", "added_p99_us", "per_s", "pss_MB", "must", "aim"]
        table(columns, rows)
    held_rows: list[list[object]] = [
        [
            name,
            scenario,
            samples.median(scenario, name, "KiB_per_stream"),
            *_judged(samples, scenario, name),
        ]
        for scenario, name in samples.pairs("KiB_per_stream")
    ]
    if held_rows:
        print()
        table(["server", "scenario", "KiB_per_stream", "must", "aim"], held_rows)


def _cost_rows(samples: Samples) -> Iterator[list[object]]:
    pairs = sorted(samples.pairs("per_s"), key=lambda pair: list(FLOORS).index(pair[0]))
    for scenario, name in pairs:
        ratios = samples.values(scenario, name, "over_pump")
        yield [
            name,
            scenario,
            samples.median(scenario, name, "us_per_unit"),
            *([statistics.median(ratios), min(ratios), max(ratios)] if ratios else ["-"] * 3),
            *(_added(samples, scenario, name, figure) for figure in ("p50_us", "p99_us")),
            samples.median(scenario, name, "per_s"),
            samples.median("", name, "pss_MB"),
            *_judged(samples, scenario, name),
        ]


def _added(samples: Samples, scenario: str, name: str, figure: str) -> float | str:
    mine = samples.values(scenario, name, figure)
    base = samples.values(FLOORS[scenario], PUMP, figure)
    both = list(zip(mine, base, strict=False))
    return statistics.median(a - b for a, b in both) if both else "-"


def _judged(samples: Samples, scenario: str, name: str) -> tuple[str, str]:
    """Beside what must be reached and what is aimed at, whether it is."""
    goals = GOALS.get(name, {})
    if scenario[0] not in goals:
        return "", ""
    figure, *limits = goals[scenario[0]]
    value = samples.median(scenario, name, figure)
    if isinstance(value, str):
        return "", ""
    must, aim = (f"{each:g} {'yes' if value <= each else 'NO'}" for each in limits)
    return must, aim


if __name__ == "__main__":
    main()
