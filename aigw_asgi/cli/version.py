"""``aigw version``."""

from __future__ import annotations

import argparse
from typing import Any

from aigw_asgi.version import __version__


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("version", help="print the version")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    print(f"aigw {__version__}")
    return 0
