"""How soon a gateway answers, and what it holds while nothing happens.

import   ``import aigw_core``, of it the most and the command, in a new process
answer   from the start of ``aigw run`` to the end of its first answer
idle     resident memory of the process two seconds after that (``SETTLING``)
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aigw_asgi.bench.progress import Bar
from bench.client import whole
from bench.contestants import gateway
from bench.process import ROOT, Process, free_port
from bench.table import head, table

GOALS = {
    "import aigw_core, ms": (100, 60),
    "first answer, ms": (500, 300),
    "idle process, MB": (60, 45),
}

SETTLING = 2.0
"""Seconds after the answer until memory is looked at: what a start leaves over is gone then."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    head("bench_start: imports, first answer, idle memory")
    found: dict[str, list[float]] = {}
    upstream = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="aigw-bench-") as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        bar = Bar(options.rounds, apart=10.0)
        for number in range(options.rounds):
            bar.step(f"round {number + 1}")
            for what, value in _round(Path(folder), upstream).items():
                found.setdefault(what, []).append(value)
        bar.close()
    rows: list[list[object]] = []
    for what, values in found.items():
        median = statistics.median(values)
        judged = [f"{goal} {'yes' if median <= goal else 'NO'}" for goal in GOALS.get(what, ())]
        rows.append([what, median, min(values), max(values), *(judged or ["", ""])])
    table(["figure", "median", "least", "most", "must", "aim"], rows)


def _round(folder: Path, upstream: int) -> dict[str, float]:
    found = {
        f"import {name}, ms": _import(name) * 1e3
        for name in ("aigw_core", "aigw_core.exchange", "aigw_asgi.cli")
    }
    began = time.perf_counter()
    with gateway("httptools+uvloop", upstream).running(folder) as running:
        asyncio.run(whole(running.chat, "chat", count=1, connections=1, prompt="Hello"))
        found["first answer, ms"] = (time.perf_counter() - began) * 1e3
        time.sleep(SETTLING)
        assert running.tree is not None, "it is ours"
        found["idle process, MB"] = running.tree.rss_bytes / 1e6
        found["idle process, shared pages by their shares, MB"] = running.tree.pss_bytes / 1e6
    return found


def _import(name: str) -> float:
    """Seconds that it takes in a new process."""
    program = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
