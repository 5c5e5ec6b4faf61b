"""``aigw keys``: the keys that clients present."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aigw_asgi.cli import CONFIG_INVALID, FAILED, OK
from aigw_asgi.cli.output import (
    add_config,
    add_json,
    complain,
    print_json,
    secret_line,
    show_problems,
)
from aigw_asgi.client_keys import key_entry, key_hash, new_key
from aigw_asgi.config_store import find_file, load
from aigw_core.errors import InvalidConfig

if TYPE_CHECKING:
    from aigw_asgi.yaml_document import YamlDocument
    from aigw_asgi.yaml_values import Value
    from aigw_core.config.snapshot import ClientKey

_LIST = ("api-keys",)


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "keys",
        help="make, list and revoke the keys of clients",
        description="The keys that clients present, in the configuration file. A gateway that"
        " runs takes changes up by itself.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="make a key",
        description="Make a key, write its hash into the configuration file, and print the key,"
        " which is kept nowhere.",
    )
    create.add_argument("--name", required=True, help="what logs call it")
    create.add_argument("--expires-at", metavar="TIME", help="as 2030-01-01T00:00:00Z")
    for name, what in (("model", "models"), ("provider", "credentials or kinds of provider")):
        create.add_argument(
            f"--allowed-{name}",
            action="append",
            metavar="PATTERN",
            help=f"{what} that it may use; may be repeated (default: all)",
        )
    for name in ("requests-per-minute", "tokens-per-minute", "max-concurrent"):
        create.add_argument(f"--{name}", type=int, metavar="N", help="default: no limit")
    create.set_defaults(run=_create)
    listing = actions.add_parser("list", help="list the keys")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="take a key out of the configuration file")
    revoke.add_argument("key", metavar="NAME", help="its name, or its id as `list` shows it")
    revoke.set_defaults(run=_revoke)
    for each in (create, listing, revoke):
        add_config(each)
    hashing = actions.add_parser(
        "hash",
        help="print the key-hash of a key",
        description="Read a key, from the terminal or one line of standard input, and print what"
        " the configuration takes as its key-hash.",
    )
    hashing.set_defaults(run=_hash)
    for each in (create, listing, revoke, hashing):
        add_json(each)


def _create(arguments: argparse.Namespace) -> int:
    from aigw_asgi.yaml_edit import insert_item

    key = new_key()
    entry: Value = key_entry(
        arguments.name,
        key,
        time.time(),
        expires_at=arguments.expires_at,
        allowed_models=arguments.allowed_model,
        allowed_providers=arguments.allowed_provider,
        requests_per_minute=arguments.requests_per_minute,
        tokens_per_minute=arguments.tokens_per_minute,
        max_concurrent=arguments.max_concurrent,
    )

    def change(keys: list[ClientKey], document: YamlDocument) -> str:
        if any(known.name == arguments.name for known in keys):
            raise _Refused(f"there is a key called {arguments.name} already")
        return insert_item(document, _LIST, entry)

    def tell(file: str, version: str) -> None:
        if arguments.json:
            print_json({"name": arguments.name, "key": key, "file": file, "version": version})
        else:
            print(key)
            complain(f"{file} has the hash of it; it is not shown again")

    return _change(arguments.config, change, tell)


def _revoke(arguments: argparse.Namespace) -> int:
    from aigw_asgi.yaml_edit import delete

    found: list[ClientKey] = []

    def change(keys: list[ClientKey], document: YamlDocument) -> str:
        wanted = arguments.key
        at = [at for at, key in enumerate(keys) if wanted in (key.name, key.id)]
        if len(at) != 1:
            some = "more than one key is" if at else "no key is"
            raise _Refused(f"{some} called {wanted}; see: aigw keys list")
        found[:] = [keys[at[0]]]
        return delete(document, (*_LIST, at[0]))

    def tell(file: str, version: str) -> None:
        (key,) = found
        if arguments.json:
            print_json({"name": key.name, "id": key.id, "file": file, "version": version})
        else:
            print(f"{key.name} ({key.id}) is no longer in {file}")

    return _change(arguments.config, change, tell)


class _Refused(Exception):
    """The command makes no sense for these keys."""


def _change(
    config: str | None,
    change: Callable[[list[ClientKey], YamlDocument], str],
    tell: Callable[[str, str], None],
) -> int:
    from aigw_asgi.config_store import compile_bytes
    from aigw_asgi.config_writer import WriteRefused, change_file
    from aigw_asgi.yaml_edit import EditRefused

    file = find_file(config, os.environ)
    if file is None:
        complain("there is no configuration file; aigw init writes one")
        return FAILED

    def change_document(document: YamlDocument) -> str:
        # Of this very text, under the lock: positions count.
        raw = document.text.encode()
        keys = compile_bytes(raw, document.file, os.environ).snapshot.client_keys
        return change(list(keys.values()), document)

    try:
        version = change_file(file, change_document, os.environ)
    except InvalidConfig as exc:
        show_problems(exc)
        return CONFIG_INVALID
    except (EditRefused, WriteRefused, _Refused) as exc:
        complain(exc)
        return FAILED
    tell(file, version)
    return OK


def _list(arguments: argparse.Namespace) -> int:
    try:
        loaded = load(arguments.config, os.environ)
    except InvalidConfig as exc:
        show_problems(exc)
        return CONFIG_INVALID
    now = time.time()
    rows = [_row(key, now) for key in loaded.snapshot.client_keys.values()]
    if arguments.json:
        print_json({"keys": rows})
        return OK
    for row in rows:
        extras = [
            f"{name}={','.join(value) if isinstance(value, tuple) else value}"
            for name, value in row.items()
            if value and name not in ("id", "name", "expired")
        ]
        print(row["id"], row["name"], *extras, *(["expired"] if row["expired"] else []))
    return OK


def _row(key: ClientKey, now: float) -> dict[str, Any]:
    ends = key.expires_at
    return {
        "id": key.id,
        "name": key.name,
        "expires-at": None if ends is None else datetime.fromtimestamp(ends, UTC).isoformat(),
        "expired": ends is not None and ends <= now,
        "allowed-models": key.allowed_models,
        "allowed-providers": key.allowed_providers,
        "requests-per-minute": key.requests_per_minute,
        "tokens-per-minute": key.tokens_per_minute,
        "max-concurrent": key.max_concurrent,
    }


def _hash(arguments: argparse.Namespace) -> int:
    key = secret_line("Key")
    if not key:
        complain("the key is empty")
        return FAILED
    made = key_hash(key)
    if arguments.json:
        print_json({"key-hash": made})
    else:
        print(made)
    return OK
