"""What ``aigw stop``, ``status`` and ``reload`` share: the process of a PID file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from aigw_asgi.cli import CONFIG_INVALID, FAILED, NOT_RUNNING
from aigw_asgi.cli.output import add_config, add_json, complain, print_json
from aigw_asgi.pid_file import Process, State, look
from aigw_core.errors import InvalidConfig

DEFAULT_PID_FILE = "./aigw.pid"
"""That of the configuration, too."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what names the process."""
    parser.add_argument(
        "--pid-file",
        metavar="FILE",
        help="of the process (default: daemon.pid-file of the configuration,"
        f" else {DEFAULT_PID_FILE})",
    )
    add_config(parser)
    add_json(parser)


def with_process(
    arguments: argparse.Namespace, act: Callable[[argparse.Namespace, Process, str], int]
) -> int:
    """Have ``act`` do what the command is for, with the process and its PID file; gives the
    exit code. Where there is none, or it ends meanwhile, that is said."""
    try:
        file = _pid_file(arguments)
        try:
            process = Process(file)
        except ProcessLookupError:
            return _not_running(arguments, file)
        try:
            return act(arguments, process, file)
        except ProcessLookupError:
            return _not_running(arguments, file)
        finally:
            process.close()
    except InvalidConfig as exc:
        complain(f"{exc}; --pid-file names the process without the configuration")
        return CONFIG_INVALID
    except OSError as exc:
        complain(exc.strerror if exc.filename is None else f"{exc.filename}: {exc.strerror}")
        return FAILED


def _pid_file(arguments: argparse.Namespace) -> str:
    """The file that is meant.

    Raises:
        InvalidConfig: it would stand in a configuration that cannot be read.
    """
    if arguments.pid_file:
        return str(arguments.pid_file)
    from aigw_asgi.config_store import find_file, load

    if find_file(arguments.config, os.environ) is None:
        return DEFAULT_PID_FILE
    return load(arguments.config, os.environ).settings.pid_file


def tell(arguments: argparse.Namespace, words: str, **facts: Any) -> None:
    if arguments.json:
        print_json(facts)
    else:
        print(words)


def _not_running(arguments: argparse.Namespace, file: str) -> int:
    """Say that nothing runs, and why; gives the exit code."""
    holder = look(file)
    if holder.state is State.ABSENT:
        words = f"not running: there is no {file}"
    elif holder.state is State.STALE:
        words = f"not running: {file} is left from process {holder.pid or '(unknown)'}"
    else:
        words = f"{file} is locked by a process that it does not name; nothing was sent to any"
    if arguments.json:
        print_json({"state": holder.state.value, "pid": holder.pid, "pid_file": file})
    else:
        complain(words)
    return NOT_RUNNING
