"""``aigw status``: whether a gateway runs."""

from __future__ import annotations

import argparse
from typing import Any

from aigw_asgi.cli import CONFIG_INVALID, FAILED, OK
from aigw_asgi.cli.output import complain
from aigw_asgi.cli.processes import add_options, find, not_running, pid_file, tell
from aigw_core.errors import InvalidConfig


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="say whether the gateway of a PID file runs",
        description="Say whether the gateway of a PID file runs. Exits with 3 when it does not.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        file = pid_file(arguments)
        process = find(file)
        if process is None:
            return not_running(arguments, file)
    except InvalidConfig as exc:
        complain(f"{exc}; --pid-file names the process without the configuration")
        return CONFIG_INVALID
    except OSError as exc:
        complain(f"{exc.filename}: {exc.strerror}")
        return FAILED
    process.close()
    tell(
        arguments,
        f"running: process {process.pid}",
        state="running",
        pid=process.pid,
        pid_file=file,
    )
    return OK
