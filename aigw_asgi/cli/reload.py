"""``aigw reload``: have a running gateway read its configuration again."""

from __future__ import annotations

import argparse
import signal
from typing import Any

from aigw_asgi.cli import CONFIG_INVALID, FAILED, OK
from aigw_asgi.cli.output import complain
from aigw_asgi.cli.processes import add_options, find, not_running, pid_file, tell
from aigw_core.errors import InvalidConfig


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "reload",
        help="have a running gateway read its configuration again",
        description="Send SIGHUP to the gateway of a PID file. What comes of it is in its log.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        file = pid_file(arguments)
        process = find(file)
        if process is None:
            return not_running(arguments, file)
        try:
            process.send(signal.SIGHUP)
        except ProcessLookupError:
            return not_running(arguments, file)
        finally:
            process.close()
    except InvalidConfig as exc:
        complain(f"{exc}; --pid-file names the process without the configuration")
        return CONFIG_INVALID
    except OSError as exc:
        complain(exc.strerror if exc.filename is None else f"{exc.filename}: {exc.strerror}")
        return FAILED
    tell(arguments, f"process {process.pid} was asked to reload", pid=process.pid, pid_file=file)
    return OK
