"""What the commands share: an answer for people or as JSON, and mistakes told."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigw_core.errors import InvalidConfig


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="configuration file (default: AIGW_CONFIG, else config.yaml when it is there)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def print_json(answer: Any) -> None:
    import msgspec.json

    print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def complain(message: object) -> None:
    print(f"aigw: {message}", file=sys.stderr)


def show_problems(invalid: InvalidConfig) -> None:
    """Tell what is wrong with a configuration: a line for each, its place first, as editors
    and terminals make links of it."""
    for problem in invalid.problems:
        print(problem, file=sys.stderr)


def secret_line(prompt: str, *, twice: bool = False) -> str | None:
    """One line that is not shown: typed when there is a terminal, else of standard input.

    ``None`` when it was typed twice and differently.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    line = getpass(f"{prompt}: ")
    if twice and getpass(f"{prompt} again: ") != line:
        return None
    return line
