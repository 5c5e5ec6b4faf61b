"""``aigw status``: whether a gateway runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from aigw_asgi.cli import OK
from aigw_asgi.cli.processes import add_options, tell, with_process
from aigw_asgi.pid_file import Process


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="say whether the gateway of a PID file runs",
        description="Say whether the gateway of a PID file runs. Exits with 3 when it does not.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return with_process(arguments, _tell)


def _tell(arguments: argparse.Namespace, process: Process, file: str) -> int:
    words = f"running: process {process.pid}"
    facts: dict[str, Any] = {"state": "running", "pid": process.pid, "pid_file": file}
    if workers := _children(process.pid):
        words += f", workers {', '.join(map(str, workers))}"
        facts["workers"] = workers
    tell(arguments, words, **facts)
    return OK


def _children(pid: int) -> list[int]:
    """Of a process, where the system tells: Linux does."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return sorted(int(word) for word in text.split())
