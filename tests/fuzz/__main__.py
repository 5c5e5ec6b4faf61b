"""Look for inputs that break a law: ``python -m tests.fuzz [--time SECONDS] [target ...]``.

Each target (all, without one) has so many seconds of a process of its own, one after
the other. A finding ends its target's turn; its input goes to ``corpus/NAME``, where
``test_corpus.py`` runs it for ever after, and its traceback is printed. What only leads
somewhere new is kept in ``build/fuzz/NAME``, from which the next run goes on.

``--table`` prints what all runs came to so far, from ``build/fuzz/runs.jsonl``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import msgspec
from msgspec import Struct

from tests.fuzz.targets import CORPUS, TARGETS

BUILD = Path(__file__).parents[2] / "build" / "fuzz"
RUNS = BUILD / "runs.jsonl"

MAX_LENGTH = 8192
"""Bytes of an input."""
PATIENCE = 60
"""Seconds for one input. None takes a hundredth of it; the machine may be busy."""
MEMORY = 2048
"""MiB of a process."""

_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
_NEWS = re.compile(rb"#(\d+)\s+(?:NEW|REDUCE|pulse|RELOAD).*?cov: (\d+).*?exec/s: (\d+)")


class Run(Struct, frozen=True):
    target: str
    executions: int
    seconds: float
    """Of a processor."""
    findings: tuple[str, ...]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hunt(name: str, seconds: int, crashers: Path) -> Run:
    found = BUILD / name
    found.mkdir(parents=True, exist_ok=True)
    crashers.mkdir(parents=True, exist_ok=True)
    before = set(crashers.iterdir())
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.hunt",
        name,
        f"-max_total_time={seconds}",
        f"-max_len={MAX_LENGTH}",
        f"-timeout={PATIENCE}",
        f"-rss_limit_mb={MEMORY}",
        "-print_final_stats=1",
        f"-artifact_prefix={crashers}/",
        str(found),
        str(CORPUS / name),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    executions, told = 0, perf_counter()
    said: list[bytes] = []
    for line in process.stdout:
        if line.startswith(b"INFO: Instrumenting"):
            continue
        if final := _EXECUTED.search(line):
            executions = int(final[1])
        elif news := _NEWS.search(line):
            count, edges, rate = news.groups()
            if perf_counter() - told > 10:
                told = perf_counter()
                text = f"{count.decode()} executions, {rate.decode()}/s, {edges.decode()} edges"
                say(f"  {name}: {text}")
        else:
            said.append(line)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    fresh = sorted(path.name for path in set(crashers.iterdir()) - before)
    if process.returncode:
        sys.stdout.write(b"".join(said[-60:]).decode("utf-8", "replace"))
    if process.returncode and not fresh:
        raise SystemExit(f"{name} did not run")
    return Run(name, executions, usage.ru_utime + usage.ru_stime, tuple(fresh))


def table(runs: Iterable[Run]) -> str:
    lines = ["| target | executions | processor minutes | findings |", "|---|--:|--:|--:|"]
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(run.target, []).append(run)
    rows["together"] = [run for each in rows.values() for run in each]
    for name, each in rows.items():
        executions = sum(run.executions for run in each)
        minutes = sum(run.seconds for run in each) / 60
        findings = sum(len(run.findings) for run in each)
        lines.append(f"| {name} | {executions:,} | {minutes:.1f} | {findings} |")
    return "\n".join(lines)


def recorded() -> list[Run]:
    if not RUNS.exists():
        return []
    decode = msgspec.json.Decoder(Run).decode
    return [decode(line) for line in RUNS.read_bytes().splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []])
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--crashers", type=Path, help="where findings go, not the corpus")
    parser.add_argument("--table", action="store_true", help="print what runs came to so far")
    given = parser.parse_args()
    if given.table:
        say(table(recorded()))
        return 0
    if find_spec("atheris") is None:
        say("this needs atheris: requirements/install fuzz")
        return 2
    runs = []
    for name in given.target or TARGETS:
        say(f"{name}: {given.time} s")
        run = hunt(name, given.time, (given.crashers or CORPUS) / name)
        runs.append(run)
        with RUNS.open("ab") as file:
            file.write(msgspec.json.encode(run) + b"\n")
        say(f"{name}: {run.executions:,} executions, {len(run.findings)} findings")
    say(table(runs))
    return 1 if any(run.findings for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
