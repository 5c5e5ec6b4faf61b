"""``aigw completion``: a script with which a shell completes the command line."""

from __future__ import annotations

import argparse
from typing import Any

from aigw_asgi.cli import FAILED, OK
from aigw_asgi.cli.output import complain

SHELLS = ("bash", "zsh", "fish")


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "completion",
        help="print a completion script for a shell",
        description="Print a completion script for a shell. It needs the extra `completion`.",
        epilog='Try: eval "$(aigw completion bash)"',
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        complain("completion needs the package shtab: pip install 'aigw[completion]'")
        return FAILED
    from aigw_asgi.cli import whole_parser

    print(shtab.complete(whole_parser(), shell=arguments.shell))
    return OK
