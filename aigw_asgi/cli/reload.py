"""``aigw reload``: have a running gateway read its configuration again."""

from __future__ import annotations

import argparse
import signal
from typing import Any

from aigw_asgi.cli import OK
from aigw_asgi.cli.processes import add_options, tell, with_process
from aigw_asgi.pid_file import Process


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "reload",
        help="have a running gateway read its configuration again",
        description="Send SIGHUP to the gateway of a PID file. What comes of it is in its log.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return with_process(arguments, _ask)


def _ask(arguments: argparse.Namespace, process: Process, file: str) -> int:
    process.send(signal.SIGHUP)
    tell(arguments, f"process {process.pid} was asked to reload", pid=process.pid, pid_file=file)
    return OK
