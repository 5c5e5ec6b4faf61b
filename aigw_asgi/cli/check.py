"""``aigw check``: say whether a configuration can be used, and where it cannot."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from aigw_asgi import config_store
from aigw_asgi.cli import CONFIG_INVALID, OK
from aigw_asgi.cli.output import add_config, add_json, print_json
from aigw_core.errors import ConfigError, InvalidConfig

if TYPE_CHECKING:
    from aigw_asgi.config_store import Loaded
    from aigw_core.config.report import Remark


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line of ``aigw``."""
    parser = subparsers.add_parser(
        "check",
        help="check the configuration",
        description="Read the configuration and print FILE:LINE:COLUMN: message for each"
        " problem. Exits with 4 when there is one.",
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the configuration that ``args`` name; 0 when it can be used, else 4."""
    try:
        loaded = config_store.load(args.config, os.environ)
        _check_certificate(loaded)
    except InvalidConfig as exc:
        if args.json:
            print_json({"valid": False, "problems": [_as_json(each) for each in exc.problems]})
        else:
            for problem in exc.problems:
                print(problem)
            print(f"{_count(len(exc.problems), 'problem')}: cannot be used", file=sys.stderr)
        return CONFIG_INVALID
    remarks = [*loaded.warnings, *config_store.exposed(loaded)]
    if args.json:
        warnings = [_as_json(remark) for remark in remarks]
        print_json({"valid": True, "problems": [], "warnings": warnings, **_facts(loaded)})
    else:
        for remark in remarks:
            print(f"warning: {remark}")
        print(_summary(loaded))
    return OK


def _check_certificate(loaded: Loaded) -> None:
    """What only a start would show otherwise.

    Raises:
        InvalidConfig: the files of TLS do not fit together.
    """
    files = loaded.settings.tls
    if files is None or loaded.document is None:
        return
    from aigw_asgi.server.certificates import BadCertificate, Certificates

    try:
        Certificates(files)
    except BadCertificate as exc:
        line, column = loaded.document.locate("tls")
        problem = ConfigError(
            str(exc), path="tls", file=loaded.document.file, line=line, column=column
        )
        raise InvalidConfig([problem]) from exc


def _facts(loaded: Loaded) -> dict[str, Any]:
    snapshot, settings = loaded.snapshot, loaded.settings
    return {
        "file": loaded.document.file if loaded.document else None,
        "version": snapshot.version,
        "host": settings.host,
        "port": settings.port,
        "credentials": sum(not each.disabled for each in snapshot.credentials),
        "client_keys": len(snapshot.client_keys),
    }


def _summary(loaded: Loaded) -> str:
    facts = _facts(loaded)
    address = f"[{facts['host']}]" if ":" in facts["host"] else facts["host"]
    return (
        f"{facts['file'] or 'no configuration file'}: ok:"
        f" {_count(facts['credentials'], 'credential')},"
        f" {_count(facts['client_keys'], 'client key')},"
        f" listens on {address}:{facts['port']}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_json(found: ConfigError | Remark) -> dict[str, Any]:
    return {
        "file": found.file or None,
        "line": found.line,
        "column": found.column,
        "path": found.path,
        "message": found.problem if isinstance(found, ConfigError) else found.message,
    }
