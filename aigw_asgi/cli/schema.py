"""``aigw schema``: the JSON Schema of the configuration file."""

from __future__ import annotations

import argparse
from typing import Any

from aigw_asgi.cli import OK


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of the configuration file",
        description="Print the JSON Schema (draft 2020-12) of the configuration file, for editors.",
        epilog="An editor with YAML support reads it where the file begins with:"
        " # yaml-language-server: $schema=FILE",
    )
    parser.add_argument("--json", action="store_true", help="as it is anyway")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    print(schema_text(), end="")
    return OK


def schema_text() -> str:
    """The schema as JSON text."""
    import msgspec.json

    from aigw_core.config.json_schema import json_schema

    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode() + "\n"
