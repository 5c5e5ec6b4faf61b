"""``aigw hash-password``: a bcrypt hash for ``dashboard.password-hash``."""

from __future__ import annotations

import argparse
from typing import Any

from aigw_asgi.cli import FAILED, OK
from aigw_asgi.cli.output import add_json, complain, print_json, secret_line
from aigw_core.config.values import MAX_BCRYPT_COST

COST = 12

MAX_BYTES = 72
"""bcrypt looks at no more of a password; what is longer must not seem to count."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "hash-password",
        help="make the hash of a password",
        description="Read a password, from the terminal or one line of standard input, and print"
        " its bcrypt hash for dashboard.password-hash.",
    )
    parser.add_argument(
        "--cost",
        type=int,
        default=COST,
        choices=range(4, MAX_BCRYPT_COST + 1),
        metavar="N",
        help=f"2^N rounds, 4 to {MAX_BCRYPT_COST} (default: {COST})",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    password = secret_line("Password", twice=True)
    if password is None:
        complain("the two differ")
        return FAILED
    raw = password.encode("utf-8", "surrogateescape")
    if not raw or b"\0" in raw:
        complain("the password is empty" if not raw else "a password cannot hold a NUL")
        return FAILED
    if len(raw) > MAX_BYTES:
        complain(f"the password has {len(raw)} bytes; bcrypt takes up to {MAX_BYTES}")
        return FAILED
    import bcrypt

    made = bcrypt.hashpw(raw, bcrypt.gensalt(arguments.cost)).decode()
    if arguments.json:
        print_json({"password-hash": made})
    else:
        print(made)
    return OK
