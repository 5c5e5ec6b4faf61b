"""``aigw run``: read the configuration, take what must be ours alone, and serve.

How it is served, by this process or by several, is in :mod:`aigw_asgi.cli.serving`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from aigw_asgi.cli import CONFIG_INVALID, FAILED
from aigw_asgi.cli.output import add_config, complain, show_problems
from aigw_asgi.config_store import Loaded, compile_bytes, exposed, find_file, load
from aigw_asgi.log_keeper import AppLogKeeper
from aigw_asgi.logs import REDACTOR, Log, LogSettings
from aigw_asgi.state_folder import state_folder
from aigw_asgi.systemd import Notifier, handed_sockets
from aigw_core.config.values import is_loopback
from aigw_core.errors import InvalidConfig

if TYPE_CHECKING:
    from aigw_asgi.background import Readiness
    from aigw_asgi.stores.app_log import AppLog

MOST_WORKERS = 256
"""What the configuration allows."""

_EPILOG = """Without a configuration file the gateway listens on 127.0.0.1:8317, needs no key from
this machine, and serves the built-in echo models; OPENAI_API_KEY, ANTHROPIC_API_KEY and
GEMINI_API_KEY are used when they are set."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("run", help="start the gateway", epilog=_EPILOG)
    add_config(parser)
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="serving processes (default: 1)"
    )
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto")
    parser.add_argument("--http", choices=("auto", "h11", "httptools"), default="auto")
    parser.add_argument(
        "--transport",
        choices=("auto", "direct", "httpcore"),
        default="auto",
        help="towards upstreams; auto: direct, and httpcore where a proxy is configured",
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    parser.add_argument(
        "--shutdown-timeout", type=float, metavar="SECONDS", help="for requests in flight"
    )
    parser.add_argument(
        "--daemon",
        action="store_true",
        help="serve in the background; returns once it is known whether that works",
    )
    parser.add_argument(
        "--pid-file",
        metavar="FILE",
        help="keep this file locked while serving (with --daemon by default daemon.pid-file)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    # Before all else: both name this very process, which a daemon is not any more.
    notifier = Notifier.take(os.environ)
    try:
        sockets = handed_sockets(os.environ)
    except OSError as exc:
        complain(exc)
        return FAILED
    host, port = arguments.host, arguments.port
    if sockets:
        # What may be served without a key depends on who can reach the listener.
        reach = [each.getsockname()[:2] for each in sockets]
        host, port = next((each for each in reach if not is_loopback(each[0])), reach[0])
    overrides = {
        "host": host,
        "port": port,
        "workers": arguments.workers,
        "log.level": arguments.log_level,
        "daemon.shutdown-timeout": arguments.shutdown_timeout,
        "daemon.pid-file": arguments.pid_file,
    }

    def read(text: bytes | None = None) -> Loaded:
        file = find_file(arguments.config, os.environ)
        if text is None or file is None:
            loaded = load(arguments.config, os.environ, overrides)
        else:
            loaded = compile_bytes(text, file, os.environ, overrides)
        REDACTOR.know(loaded.snapshot, loaded.settings)
        return loaded

    try:
        loaded = read()
    except InvalidConfig as exc:
        show_problems(exc)
        return CONFIG_INVALID
    for warning in [*loaded.warnings, *exposed(loaded), *_not_in_effect(loaded)]:
        print(f"warning: {warning}", file=sys.stderr)

    def serve(readiness: Readiness | None) -> int:
        try:
            with contextlib.ExitStack() as stack:
                if readiness is not None or arguments.pid_file:
                    _hold(loaded.settings.pid_file, stack)
                app_log = _app_log(loaded)
                opened = _open_log(loaded, app_log, daemon=readiness is not None)
                log = stack.enter_context(opened)
                stack.callback(notifier.close)
                # Imported late: `aigw run --help` and a mistake in the file need none of it.
                from aigw_asgi.cli.serving import Serving

                serving = Serving(loaded, read, arguments, notifier, sockets, readiness, app_log)
                return serving.alone() if loaded.settings.workers == 1 else serving.shared(log)
        except NotStarted as exc:
            complain(exc)
        return FAILED

    if not arguments.daemon:
        return serve(None)
    from aigw_asgi.background import in_background

    return in_background(serve)


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes, 1 to {MOST_WORKERS}; as many as there are"
            " processors is a good one"
        )
    if int(text) > 1 and not hasattr(os, "fork"):
        raise argparse.ArgumentTypeError("one process is all that this system allows")
    return int(text)


class NotStarted(Exception):
    """Something that has to be there before the listener is not to be had."""


def _hold(pid_file: str, stack: contextlib.ExitStack) -> None:
    from aigw_asgi.pid_file import PidFile, PidFileTaken

    try:
        stack.enter_context(PidFile(pid_file))
    except PidFileTaken as exc:
        raise NotStarted(str(exc)) from exc
    except OSError as exc:
        raise NotStarted(f"{pid_file}: {exc.strerror}") from exc


def _app_log(loaded: Loaded) -> AppLog:
    from aigw_asgi.stores.sqlite.app_log import SqliteAppLog

    return SqliteAppLog(state_folder(os.environ, loaded.settings.state_path))


def _open_log(loaded: Loaded, app_log: AppLog, *, daemon: bool) -> Log:
    settings = loaded.settings
    folder = settings.log_dir
    if folder is None and daemon:
        # Its standard output leads nowhere.
        folder = str(state_folder(os.environ, settings.state_path) / "logs")
        print(f"log: {folder}", flush=True)
    try:
        return Log(
            LogSettings(
                format=settings.log_format,
                level=settings.log_level,
                folder=folder,
                retention_days=settings.log_retention_days,
            ),
            output=None if daemon else 1,
            forks=settings.workers > 1,
            keeper=AppLogKeeper(app_log),
        )
    except OSError as exc:
        raise NotStarted(f"no log can be kept in {folder}: {exc.strerror}") from exc


def _not_in_effect(loaded: Loaded) -> list[str]:
    """Keys that are accepted and checked, and that this version does not act on in full."""
    snapshot = loaded.snapshot
    written = {
        "capture: is kept in the state folder, and nothing shows it": snapshot.capture is not None,
    }
    return [f"{words} in this version" for words, given in written.items() if given]
