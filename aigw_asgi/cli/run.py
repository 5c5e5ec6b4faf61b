"""``aigw run``: read the configuration, listen, serve until a signal ends it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aigw_asgi.cli import CONFIG_INVALID, FAILED
from aigw_asgi.config_store import Loaded, load
from aigw_core.errors import InvalidConfig

if TYPE_CHECKING:
    from aigw_asgi.logs import Log

_EPILOG = """Without a configuration file the gateway listens on 127.0.0.1:8317, needs no key from
this machine, and serves the built-in echo models; OPENAI_API_KEY, ANTHROPIC_API_KEY and
GEMINI_API_KEY are used when they are set."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("run", help="start the gateway", epilog=_EPILOG)
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="configuration file (default: AIGW_CONFIG, else config.yaml when it is there)",
    )
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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    overrides = {
        "host": arguments.host,
        "port": arguments.port,
        "log.level": arguments.log_level,
        "daemon.shutdown-timeout": arguments.shutdown_timeout,
    }

    def read() -> Loaded:
        return load(arguments.config, os.environ, overrides)

    try:
        loaded = read()
    except InvalidConfig as exc:
        for problem in exc.problems:
            print(problem, file=sys.stderr)
        return CONFIG_INVALID
    for warning in [*loaded.warnings, *_not_in_effect(loaded)]:
        print(f"warning: {warning}", file=sys.stderr)
    try:
        with _open_log(loaded):
            return _serve(loaded, read, arguments)
    except LogUnusable as exc:
        print(f"aigw: {exc}", file=sys.stderr)
    return FAILED


class LogUnusable(Exception):
    """The folder for log files cannot be used."""


def _open_log(loaded: Loaded) -> Log:
    from aigw_asgi.logs import REDACTOR, Log, LogSettings

    settings = loaded.settings
    REDACTOR.know(loaded.snapshot, settings)
    try:
        return Log(
            LogSettings(
                format=settings.log_format,
                level=settings.log_level,
                folder=settings.log_dir,
                retention_days=settings.log_retention_days,
            )
        )
    except OSError as exc:
        raise LogUnusable(f"no log can be kept in {settings.log_dir}: {exc.strerror}") from exc


def _not_in_effect(loaded: Loaded) -> list[str]:
    """Keys that are accepted and checked, and that this version does not act on."""
    settings, snapshot = loaded.settings, loaded.snapshot
    written = {
        "workers": settings.workers > 1,
        "capture": snapshot.capture is not None,
        "dashboard": snapshot.dashboard is not None,
    }
    return [f"{key}: has no effect in this version" for key, given in written.items() if given]


def _serve(loaded: Loaded, read: Callable[[], Loaded], arguments: argparse.Namespace) -> int:
    # Imported late: `aigw run --help` and a mistake in the file need none of it.
    from aigw_asgi.asgi import App
    from aigw_asgi.gateway import state_of
    from aigw_asgi.server import Hooks, HttpChoice, LoopChoice, ServerSettings, StartupFailed
    from aigw_asgi.server import run as serve
    from aigw_asgi.state import GatewayState
    from aigw_asgi.transports import choose

    settings = loaded.settings

    async def open_state() -> GatewayState:
        expiry = loaded.snapshot.keepalive_expiry
        upstream = choose(arguments.transport, keepalive_expiry=expiry)
        return state_of(loaded, read, transport=upstream)

    app = App(open_state)

    def ready(addresses: list[tuple[str, int]]) -> None:
        _greet(loaded, addresses)

    def drain() -> None:
        app.drain()

    hooks = Hooks(ready=ready, drain=drain, overdue=app.stop_streams, reload=app.reload)
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
        return serve(app, listener, hooks=hooks)
    except OSError as exc:
        print(f"aigw: cannot listen on {settings.host}:{settings.port}: {exc}", file=sys.stderr)
    except StartupFailed:
        print("aigw: the gateway did not start; see above", file=sys.stderr)
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
