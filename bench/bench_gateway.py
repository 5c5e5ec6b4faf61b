"""End to end on loopback: CPU of the gateway's processes beside that of a bare pump.

All contestants are measured in turn, round by round, so that a noisy machine
disturbs them alike; ratios are taken within a round, and the median is shown.

A  chat client, chat upstream (relayed)        paced
C  chat client, messages upstream              paced
D  messages client, chat upstream              paced
M  as C, as fast as it goes
E  a small request without a stream, relayed
F  a prompt of 200 KB without a stream, relayed
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from bench.client import Result, streams, whole
from bench.process import Process, free_port
from bench.table import head, table

_CONFIG = """
host: 127.0.0.1
api-keys: [bench-key]
echo: "off"
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
    prefix: m/
    models: [{{id: "bench-*"}}]
openai-compatibility:
  - name: bench-chat
    api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
    models: [{{id: "bench-*"}}]
"""
_ONLY_MESSAGES = """
host: 127.0.0.1
api-keys: [bench-key]
echo: "off"
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
"""

SERVERS = {
    "httptools+uvloop": ["--http", "httptools", "--loop", "uvloop"],
    "h11+asyncio": ["--http", "h11", "--loop", "asyncio"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--pause-us", type=int, default=20_000)
    parser.add_argument("--server", choices=[*SERVERS, "both"], default="both")
    parser.add_argument("--transport", default="auto")
    options = parser.parse_args()
    head("bench_gateway: end to end on loopback")
    print(
        f"# {options.streams} streams x {options.chunks} chunks, {options.pause_us} us apart; "
        f"{options.rounds} interleaved rounds; transport {options.transport}"
    )
    wanted = list(SERVERS) if options.server == "both" else [options.server]
    with tempfile.TemporaryDirectory() as folder:
        upstream = free_port()
        with Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1):
            rows = _measure(Path(folder), upstream, wanted, options)
    table(
        [
            "server",
            "scenario",
            "us_per_unit",
            "over_pump",
            "added_p50_us",
            "added_p99_us",
            "per_s",
            "rss_MB",
        ],
        rows,
    )


def _gateway(folder: Path, name: str, config: str, server: str, transport: str) -> Process:
    path = folder / f"{name}.yaml"
    path.write_text(config)
    port = free_port()
    arguments = ["-m", "aigw_asgi.cli", "run", "-c", str(path), "--port", str(port)]
    return Process([*arguments, *SERVERS[server], "--transport", transport], port, cpu=0)


def _measure(
    folder: Path, upstream: int, servers: list[str], options: argparse.Namespace
) -> list[list[object]]:
    pump_port = free_port()
    chat = {
        name: _gateway(
            folder, f"chat-{name}", _CONFIG.format(upstream=upstream), name, options.transport
        )
        for name in servers
    }
    messages = {
        name: _gateway(
            folder,
            f"messages-{name}",
            _ONLY_MESSAGES.format(upstream=upstream),
            name,
            options.transport,
        )
        for name in servers
    }
    pump = Process(["-m", "bench.pump", str(pump_port), str(upstream)], pump_port, cpu=0)
    costs: dict[tuple[str, str], list[tuple[float, Result]]] = {}
    try:
        for number in range(options.rounds + 1):
            plans: list[tuple[str, str, Process, str]] = [("pump", "A", pump, "chat")]
            for name in servers:
                plans += [
                    (name, "A", chat[name], "chat"),
                    (name, "C", messages[name], "chat"),
                    (name, "D", chat[name], "messages"),
                ]
            plans += [("pump", "M", pump, "chat")]
            plans += [(name, "M", messages[name], "chat") for name in servers]
            for scenario in ("E", "F"):
                plans += [("pump", scenario, pump, "chat")]
                plans += [(name, scenario, chat[name], "chat") for name in servers]
            for at, (name, scenario, process, format) in enumerate(plans):
                print(
                    f"\r# round {number}/{options.rounds}, {at + 1}/{len(plans)}  ",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
                measured = _run(scenario, process, format, options)
                if number:  # the first round warms up
                    costs.setdefault((name, scenario), []).append(measured)
        print(file=sys.stderr)
        return _rows(costs, {("pump", ""): pump, **{(n, ""): chat[n] for n in servers}})
    finally:
        for process in [pump, *chat.values(), *messages.values()]:
            process.__exit__(None, None, None)


def _run(
    scenario: str, process: Process, format: str, options: argparse.Namespace
) -> tuple[float, Result]:
    before = process.cpu_seconds
    if scenario in "ACD":
        work = streams(
            process.port,
            format,
            count=options.streams,
            chunks=options.chunks,
            pause_us=options.pause_us,
        )
    elif scenario == "M":
        work = streams(process.port, format, count=8, chunks=2000, pause_us=0)
    elif scenario == "E":
        work = whole(process.port, format, count=1600, connections=8, prompt="Hello")
    else:
        work = whole(
            process.port, format, count=200, connections=4, prompt="All work and no play. " * 9100
        )
    result = asyncio.run(work)
    return (process.cpu_seconds - before) * 1e6 / (result.deltas or result.requests), result


def _rows(
    costs: dict[tuple[str, str], list[tuple[float, Result]]],
    processes: dict[tuple[str, str], Process],
) -> list[list[object]]:
    rows: list[list[object]] = []
    for (name, scenario), rounds in sorted(
        costs.items(), key=lambda item: (item[0][1], item[0][0] != "pump", item[0][0])
    ):
        floor = costs["pump", "A" if scenario in "ACD" else scenario]
        ratio = statistics.median(
            mine / base for (mine, _), (base, _) in zip(rounds, floor, strict=True)
        )
        added: list[object] = ["-", "-"]
        if scenario in "ACD":
            added = [
                statistics.median(
                    _percentile(m, at) - _percentile(b, at)
                    for (_, m), (_, b) in zip(rounds, floor, strict=True)
                )
                for at in (0.5, 0.99)
            ]
        rate = statistics.median(
            (each.deltas or each.requests) / each.seconds for _, each in rounds
        )
        cost = statistics.median(each for each, _ in rounds)
        rss = processes[name, ""].rss_bytes / 1e6
        rows.append([name, scenario, cost, ratio, *added, rate, rss])
    return rows


def _percentile(result: Result, at: float) -> float:
    ordered = sorted(result.latencies_us)
    return ordered[min(int(len(ordered) * at), len(ordered) - 1)]


if __name__ == "__main__":
    main()
