"""``aigw stop``: end a running gateway."""

from __future__ import annotations

import argparse
import signal
from typing import Any

from aigw_asgi.cli import FAILED, OK
from aigw_asgi.cli.output import complain
from aigw_asgi.cli.processes import add_options, tell, with_process
from aigw_asgi.pid_file import Process

TIMEOUT = 45.0
"""Seconds: the usual time to drain, and for the rest of the end."""

_AFTER_KILL = 5.0


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "stop",
        help="end a running gateway",
        description="Send SIGTERM to the gateway of a PID file and wait for its end; after"
        " --timeout, SIGKILL.",
    )
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help=f"default: {TIMEOUT:g}"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return with_process(arguments, _stop)


def _stop(arguments: argparse.Namespace, process: Process, file: str) -> int:
    how = _end(process, arguments.timeout)
    if how is None:
        complain(f"process {process.pid} does not end")
        return FAILED
    tell(arguments, f"process {process.pid} was {how}", pid=process.pid, how=how, pid_file=file)
    return OK


def _end(process: Process, timeout: float) -> str | None:
    process.send(signal.SIGTERM)
    if process.gone_within(timeout):
        return "stopped"
    process.send(signal.SIGKILL)
    return "killed" if process.gone_within(_AFTER_KILL) else None
