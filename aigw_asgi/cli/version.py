"""``aigw version``."""

from __future__ import annotations

import argparse
from typing import Any

from aigw_asgi.cli.output import add_json, print_json
from aigw_asgi.version import __version__


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("version", help="print the version")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json({"version": __version__})
    else:
        print(f"aigw {__version__}")
    return 0
