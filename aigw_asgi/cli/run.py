"""``aigw run``: read the configuration, listen, serve until a signal ends it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from aigw_asgi.cli import CONFIG_INVALID, FAILED
from aigw_asgi.cli.output import add_config, complain, show_problems
from aigw_asgi.config_store import Loaded, load
from aigw_asgi.logs import REDACTOR, Log, LogSettings
from aigw_asgi.state_folder import state_folder
from aigw_asgi.systemd import Notifier, handed_sockets
from aigw_core.config.values import is_loopback
from aigw_core.errors import InvalidConfig

if TYPE_CHECKING:
    import asyncio

    from aigw_asgi.background import Readiness

AFTER_DRAIN = 15.0
"""Seconds that the end may take after the time to drain."""

_EPILOG = """Without a configuration file the gateway listens on 127.0.0.1:8317, needs no key from
this machine, and serves the built-in echo models; OPENAI_API_KEY, ANTHROPIC_API_KEY and
GEMINI_API_KEY are used when they are set."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("run", help="start the gateway", epilog=_EPILOG)
    add_config(parser)
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
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
        "log.level": arguments.log_level,
        "daemon.shutdown-timeout": arguments.shutdown_timeout,
        "daemon.pid-file": arguments.pid_file,
    }

    def read() -> Loaded:
        loaded = load(arguments.config, os.environ, overrides)
        REDACTOR.know(loaded.snapshot, loaded.settings)
        return loaded

    try:
        loaded = read()
    except InvalidConfig as exc:
        show_problems(exc)
        return CONFIG_INVALID
    for warning in [*loaded.warnings, *_not_in_effect(loaded)]:
        print(f"warning: {warning}", file=sys.stderr)

    def serve(readiness: Readiness | None) -> int:
        try:
            with contextlib.ExitStack() as stack:
                if readiness is not None or arguments.pid_file:
                    _hold(loaded.settings.pid_file, stack)
                stack.enter_context(_open_log(loaded, daemon=readiness is not None))
                stack.callback(notifier.close)
                outside = _Outside(notifier, sockets or None, readiness)
                return _serve(loaded, read, arguments, outside)
        except NotStarted as exc:
            complain(exc)
        return FAILED

    if not arguments.daemon:
        return serve(None)
    from aigw_asgi.background import in_background

    return in_background(serve)


class _Outside(Struct, frozen=True):
    """Who started the process, and how they hear of it."""

    notifier: Notifier
    sockets: list[socket.socket] | None
    readiness: Readiness | None


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


def _open_log(loaded: Loaded, *, daemon: bool) -> Log:
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
        )
    except OSError as exc:
        raise NotStarted(f"no log can be kept in {folder}: {exc.strerror}") from exc


def _not_in_effect(loaded: Loaded) -> list[str]:
    """Keys that are accepted and checked, and that this version does not act on in full."""
    settings, snapshot = loaded.settings, loaded.snapshot
    written = {
        "workers: has no effect": settings.workers > 1,
        "capture: is kept in memory, and nothing shows it": snapshot.capture is not None,
        "dashboard: has no effect": snapshot.dashboard is not None,
    }
    return [f"{words} in this version" for words, given in written.items() if given]


def _serve(
    loaded: Loaded, read: Callable[[], Loaded], arguments: argparse.Namespace, outside: _Outside
) -> int:
    # Imported late: `aigw run --help` and a mistake in the file need none of it.
    import asyncio

    from aigw_asgi.asgi import App
    from aigw_asgi.gateway import state_of
    from aigw_asgi.node import this_node
    from aigw_asgi.server import Hooks, HttpChoice, LoopChoice, ServerSettings, StartupFailed
    from aigw_asgi.server import run as serve
    from aigw_asgi.state import GatewayState
    from aigw_asgi.transports import choose

    settings = loaded.settings

    async def open_state() -> GatewayState:
        expiry = loaded.snapshot.keepalive_expiry
        upstream = choose(arguments.transport, keepalive_expiry=expiry)
        return state_of(loaded, read, transport=upstream, node=this_node())

    app = App(open_state)

    notifier = outside.notifier
    reloads: set[asyncio.Task[None]] = set()

    def ready(addresses: list[tuple[str, int]]) -> None:
        _greet(loaded, addresses)
        if outside.readiness is not None:
            outside.readiness.ready()
        notifier.ready(f"listens on {addresses[0][0]}:{addresses[0][1]}")
        notifier.keep_alive()

    def drain() -> None:
        notifier.stopping(settings.shutdown_timeout + AFTER_DRAIN)
        app.drain()

    def reload() -> None:
        notifier.reloading()
        task = asyncio.ensure_future(reloaded())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    async def reloaded() -> None:
        await app.reload()
        # Also after a file that cannot be used: what was in force still is.
        notifier.ready()

    hooks = Hooks(ready=ready, drain=drain, overdue=app.stop_streams, reload=reload)
    listener = ServerSettings(
        host=settings.host,
        port=settings.port,
        loop=LoopChoice(arguments.loop),
        http=HttpChoice(arguments.http),
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        shutdown_timeout=settings.shutdown_timeout,
    )
    try:
        return serve(app, listener, hooks=hooks, sockets=outside.sockets)
    except OSError as exc:
        complain(f"cannot listen on {settings.host}:{settings.port}: {exc}")
    except StartupFailed:
        complain("the gateway did not start; see above")
    return FAILED


def _greet(loaded: Loaded, addresses: list[tuple[str, int]]) -> None:
    host, port = addresses[0][:2]
    scheme = "https" if loaded.settings.tls_cert else "http"
    base = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    source = loaded.document.file if loaded.document is not None else "no configuration file"
    if loaded.settings.log_format == "json":
        # Standard output is for JSON lines then, and for nothing else.
        logging.getLogger("aigw").info("aigw listens on %s (%s)", base, source)
        return
    lines = [
        f"aigw listens on {base} ({source})",
        f"  OpenAI SDKs     {base}/v1",
        f"  Anthropic SDKs  {base}",
    ]
    if loaded.document is None:
        body = '{"model":"echo","stream":true,"messages":[{"role":"user","content":"Hello there"}]}'
        lines.append(f"  try: curl -N {base}/v1/chat/completions \\\n       -d '{body}'")
    # Past Python's buffer, where text that nobody takes would spoil the exit status.
    with contextlib.suppress(OSError):
        os.write(1, "\n".join([*lines, ""]).encode())
