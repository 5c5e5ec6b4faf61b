"""The command line: one module a command, loaded when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from aigw_asgi.version import __version__

OK, FAILED, USAGE, NOT_RUNNING, CONFIG_INVALID, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes."""

COMMANDS = {
    "run": "start the gateway",
    "stop": "end a running gateway",
    "status": "say whether the gateway of a PID file runs",
    "reload": "have a running gateway read its configuration again",
    "init": "write a configuration file to begin with",
    "check": "check a configuration file",
    "schema": "print the JSON Schema of the configuration file",
    "keys": "make, list and revoke the keys of clients",
    "hash-password": "make the hash of a password",
    "explain": "say where a request would go, and why nowhere else",
    "translate": "translate a request, an answer, a stream or an error from stdin to stdout",
    "bench": "measure what a gateway costs on this machine",
    "completion": "print a completion script for a shell",
    "version": "print the version",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Only the command that is called needs its options, and its imports.
    called = next((word for word in given if not word.startswith("-")), None)
    parser = _parser(lambda name: name == called)
    parsed = parser.parse_args(given)
    try:
        code: int = parsed.run(parsed)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return code


def whole_parser() -> argparse.ArgumentParser:
    """The parser of every command with all its options."""
    return _parser(lambda name: True)


def _parser(wanted: Callable[[str], bool]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aigw",
        description="An AI gateway: one address for every client and every model provider.",
        epilog="Try: aigw run, then: curl -N http://127.0.0.1:8317/v1/chat/completions "
        '-d \'{"model":"echo","stream":true,"messages":'
        '[{"role":"user","content":"Hello there"}]}\'',
    )
    parser.add_argument("--version", action="version", version=f"aigw {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        if wanted(name):
            module = name.replace("-", "_")
            importlib.import_module(f"aigw_asgi.cli.{module}").add_parser(commands)
        else:
            commands.add_parser(name, help=text)
    return parser
