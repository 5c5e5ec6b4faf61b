"""``aigw init``: a configuration file to begin with."""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path
from typing import Any

from aigw_asgi.cli import FAILED, OK
from aigw_asgi.cli.output import add_json, complain, print_json
from aigw_asgi.config_store import DEFAULT_FILE

EXAMPLE = "config.example.yaml"

MODE = 0o600
"""Keys will stand in it."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "init",
        help="write a configuration file to begin with",
        description="Write a configuration file in which every key stands, explained and"
        " commented out, and beside it its JSON Schema for editors.",
    )
    parser.add_argument("file", nargs="?", default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from aigw_asgi.cli.schema import schema_text

    file = Path(arguments.file)
    schema = file.with_name(f"{file.stem}.schema.json")
    if os.path.lexists(file) and not arguments.force:
        complain(f"{file} is there already; --force replaces it")
        return FAILED
    try:
        _write(schema, schema_text(), 0o644)
        _write(file, template(schema.name), MODE)
    except OSError as exc:
        complain(f"{exc.filename or file} cannot be written: {exc.strerror}")
        return FAILED
    if arguments.json:
        print_json({"file": str(file), "schema": str(schema)})
    else:
        print(f"{file} is written; every key in it is explained.")
        print(f"Next: aigw keys create --name me -c {file}, a provider, then aigw run -c {file}")
    return OK


def template(schema: str) -> str:
    """The file, with the name of its JSON Schema in the form that editors know."""
    _, _, body = _example().partition("\n##\n## Any text may stand elsewhere")
    return (
        f"# yaml-language-server: $schema={schema}\n"
        "##\n## Configuration of aigw.\n##\n"
        '## Take the "# " away from the lines you need. Lines with two ## explain; a commented\n'
        "## key shows its default, or an example where the default is empty.\n"
        f"## Check it with: aigw check\n##\n## Any text may stand elsewhere{body}"
    )


def _example() -> str:
    here = Path(__file__).parents[1]
    # In a checkout it stands beside the packages, where people look for it.
    file = next(each for each in (here / EXAMPLE, here.parent / EXAMPLE) if each.exists())
    return file.read_text(encoding="utf-8")


def _write(file: Path, text: str, mode: int) -> None:
    """Put a whole file in place of whatever has the name."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(number, "w", encoding="utf-8", newline="\n") as stream:
            os.fchmod(number, mode)
            stream.write(text)
            stream.flush()
            os.fsync(number)
        os.replace(draft, file)
    except OSError:
        draft.unlink()
        raise
