"""The serving half of ``aigw run``: the application on its sockets, in this process or in
several below it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, structs

from aigw_asgi import collector
from aigw_asgi.asgi import App
from aigw_asgi.background import Readiness, leave_streams
from aigw_asgi.builtin import with_builtins
from aigw_asgi.cli import CONFIG_INVALID, FAILED
from aigw_asgi.cli.output import complain
from aigw_asgi.config_store import Loaded
from aigw_asgi.gateway import state_of
from aigw_asgi.heap import keep_heap
from aigw_asgi.logs import Log
from aigw_asgi.loop_watch import LoopWatch
from aigw_asgi.memory_watch import find_group
from aigw_asgi.node import this_node
from aigw_asgi.server import (
    BadCertificate,
    Certificates,
    Control,
    Hooks,
    HttpChoice,
    Limits,
    LoopChoice,
    ServerSettings,
    StartupFailed,
    bind,
    run,
)
from aigw_asgi.server.descriptors import raise_limit, shortage
from aigw_asgi.server.listen import Address, addresses
from aigw_asgi.state import GatewayState
from aigw_asgi.state_folder import session_key, state_folder
from aigw_asgi.systemd import Notifier
from aigw_asgi.transports import choose
from aigw_core.codecs import CODECS, COMPACTING, COUNTING
from aigw_core.errors import InvalidConfig
from aigw_core.forwarding import is_within

if TYPE_CHECKING:
    from aigw_asgi.stores.app_log import AppLog
    from aigw_asgi.supervisor import Post
    from aigw_core.config.snapshot import DashboardAccess

AFTER_DRAIN = 15.0
"""Seconds that the end may take after the time to drain."""


class Read(Protocol):
    """The configuration once more, flags and environment included."""

    def __call__(self, text: bytes | None = None) -> Loaded:
        """``text`` replaces that of the file.

        Raises:
            InvalidConfig: it cannot be used.
        """
        ...


class Serving(Struct, frozen=True):
    """What ``aigw run`` has found out."""

    loaded: Loaded
    read: Read
    arguments: argparse.Namespace
    notifier: Notifier
    sockets: list[socket.socket]
    """Listening ones that were handed over; empty: none were."""
    readiness: Readiness | None
    """Who waits for a process in the background."""
    app_log: AppLog

    def alone(self) -> int:
        """Serve in this process; gives the exit status."""
        collector.settle()
        self._make_room()
        notifier = self.notifier
        try:
            certificates = self._certificates()
        except BadCertificate as exc:
            complain(exc)
            return CONFIG_INVALID
        reloads: set[asyncio.Task[None]] = set()

        def ready(bound: list[Address]) -> None:
            self._ready(bound)
            notifier.keep_alive()

        def drain() -> None:
            notifier.stopping(self._drain_limit)
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

        async def open_state() -> GatewayState:
            return self._state(self.loaded, certificates)

        app = App(open_state)
        hooks = Hooks(
            ready=ready,
            drain=drain,
            overdue=app.stop_streams,
            reload=reload,
            cutter=app.take_cutter,
            is_proxy=lambda address: _is_proxy(app, address),
        )
        return self._run(app, hooks, self.sockets or None, certificates)

    def shared(self, log: Log) -> int:
        """Serve in as many processes as configured, and look after them; gives the exit
        status. ``log`` is one that forks."""
        collector.settle()
        self._make_room()
        from aigw_asgi.supervisor import Plan, Supervisor  # of systems that fork

        settings = self.loaded.settings
        try:
            certificates = self._certificates()
            sockets = self.sockets or bind(settings.host, settings.port)
        except BadCertificate as exc:
            complain(exc)
            return CONFIG_INVALID
        except OSError as exc:
            return self._not_listening(exc)
        bound = addresses(sockets)
        if self._signs_in_by_link:
            self._link()  # makes the key, which forks share, and loads what that takes
        # Loaded and laid to rest before the first fork, all this is in memory once.
        for codecs in (CODECS, COUNTING, COMPACTING):
            list(codecs.values())
        gc.collect()
        gc.freeze()
        _call_process("aigw")

        def work(post: Post) -> int:
            log.own_thread(post.number)
            try:
                return self._work(post, sockets, certificates)
            finally:
                log.close()

        plan = Plan(
            work=work,
            ready=lambda: self._ready(bound),
            sockets=sockets,
            workers=settings.workers,
            drain_limit=self._drain_limit,
            notifier=self.notifier,
        )
        return Supervisor(plan).run()

    def _work(
        self, post: Post, sockets: list[socket.socket], certificates: Certificates | None
    ) -> int:
        """Be a worker. ``certificates`` are those of the start of the gateway."""
        _call_process(f"aigw worker {post.number}")
        watchdog = self.notifier.watchdog
        self.notifier.close()
        readiness, orders = self.readiness, post.orders
        if readiness is not None:
            readiness.forget()
        loaded, settled = (self.loaded, True) if post.first else self._now(post.text)
        if not post.first:
            # Else those of the start serve, till the files are mended.
            with contextlib.suppress(BadCertificate):
                certificates = self._certificates()
        reloads: set[asyncio.Task[None]] = set()

        async def open_state() -> GatewayState:
            state = self._state(loaded, certificates, post.number)
            assert state.reloader is not None  # it has a way to read
            state.reloader.taken = orders.taken
            if not settled:
                state.reloader.ask()  # which says what is wrong
            return state

        def ready(bound: list[Address]) -> None:
            if readiness is not None:
                leave_streams()
            orders.ready()
            if watchdog is not None:
                orders.keep_alive(watchdog / 4)

        def reload() -> None:
            task = asyncio.ensure_future(reloaded())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        async def reloaded() -> None:
            await app.reload()
            await orders.reloaded()

        app = App(open_state)
        hooks = Hooks(
            ready=ready,
            drain=app.drain,
            overdue=app.stop_streams,
            reload=reload,
            cutter=app.take_cutter,
            is_proxy=lambda address: _is_proxy(app, address),
        )
        return self._run(app, hooks, sockets, certificates, orders)

    def _now(self, text: bytes | None) -> tuple[Loaded, bool]:
        """What is to be in force in a worker that starts later, and whether it is what the
        file says: else it is ``text``, which others go by, or what was read at the start."""
        settings = self.loaded.settings
        for source in (None, text):
            try:
                loaded = self.read(source)
            except InvalidConfig:
                continue
            # What needs a restart is what it was, for all workers alike.
            settled = source is None and loaded.settings == settings
            return structs.replace(loaded, settings=settings), settled
        return self.loaded, False

    def _make_room(self) -> None:
        """Have as many descriptors as can be, and say when they are few."""
        problem = shortage(raise_limit(), self.loaded.snapshot.max_requests)
        if problem is not None:
            logging.getLogger("aigw").warning("%s", problem)

    def _certificates(self) -> Certificates | None:
        """As the files are now; ``None`` for plain HTTP.

        Raises:
            BadCertificate: they cannot be served.
        """
        files = self.loaded.settings.tls
        return None if files is None else Certificates(files)

    def _state(
        self, loaded: Loaded, certificates: Certificates | None, worker: int = 0
    ) -> GatewayState:
        expiry = loaded.snapshot.keepalive_expiry
        state = state_of(
            loaded,
            self.read,
            transport=choose(self.arguments.transport, keepalive_expiry=expiry),
            node=this_node(worker, loaded.settings.workers),
            app_log=self.app_log,
        )
        state.certificates = certificates
        state.group = find_group()
        state.watch = LoopWatch()
        state.watch.start()
        if state.reloader is not None:
            state.reloader.beside = certificates
        return state

    def _run(
        self,
        app: App,
        hooks: Hooks,
        sockets: list[socket.socket] | None,
        certificates: Certificates | None,
        control: Control | None = None,
    ) -> int:
        keep_heap()
        settings = self.loaded.settings
        listener = ServerSettings(
            host=settings.host,
            port=settings.port,
            loop=LoopChoice(self.arguments.loop),
            http=HttpChoice(self.arguments.http),
            shutdown_timeout=settings.shutdown_timeout,
            limits=Limits(newcomers_per_address=settings.newcomers_per_address),
        )
        try:
            return run(
                app,
                listener,
                hooks=hooks,
                sockets=sockets,
                certificates=certificates,
                control=control,
            )
        except OSError as exc:
            return self._not_listening(exc)
        except StartupFailed:
            complain("the gateway did not start; see above")
        return FAILED

    def _not_listening(self, exc: OSError) -> int:
        settings = self.loaded.settings
        complain(f"cannot listen on {settings.host}:{settings.port}: {exc}")
        return FAILED

    @property
    def _drain_limit(self) -> float:
        return self.loaded.settings.shutdown_timeout + AFTER_DRAIN

    def _ready(self, bound: list[Address]) -> None:
        """Tell everybody who waits for it."""
        _greet(self.loaded, bound, self._link() if self._signs_in_by_link else "")
        if self.readiness is not None:
            self.readiness.ready()
        self.notifier.ready(f"listens on {bound[0][0]}:{bound[0][1]}")

    @property
    def _access(self) -> DashboardAccess | None:
        settings = self.loaded.settings
        return with_builtins(self.loaded.snapshot, loopback_only=settings.loopback_only).dashboard

    @property
    def _signs_in_by_link(self) -> bool:
        return self._access is not None and self.loaded.settings.loopback_only

    def _session_key(self) -> bytes:
        return session_key(state_folder(os.environ, self.loaded.settings.state_path))

    def _link(self) -> str:
        """What signs in to the dashboard once, in whichever process."""
        from aigw_asgi.dashboard.sessions import link_for

        access = self._access
        assert access is not None
        return link_for(access, self._session_key, time.time())


def _is_proxy(app: App, address: str) -> bool:
    return app.state is not None and is_within(address, app.state.snapshot.trusted_proxies)


def _call_process(name: str) -> None:
    """Have ``ps`` and ``top`` show a name, where the system has a place for it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _greet(loaded: Loaded, addresses: list[tuple[str, int]], link: str) -> None:
    """``link``: what signs in to the dashboard; empty: nobody is let in so.

    It is shown to who has started the gateway, and goes into no log.
    """
    host, port = addresses[0][:2]
    scheme = "https" if loaded.settings.tls else "http"
    base = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    source = loaded.document.file if loaded.document is not None else "no configuration file"
    if loaded.settings.log_format == "json":
        # Standard output is for JSON lines then, and for nothing else.
        logging.getLogger("aigw").info("aigw listens on %s (%s)", base, source)
        if link and os.isatty(2):
            _write(2, [f"  dashboard       {base}/dashboard/login#link={link}"])
        return
    lines = [
        f"aigw listens on {base} ({source})",
        f"  OpenAI SDKs     {base}/v1",
        f"  Anthropic SDKs  {base}",
    ]
    if link and not _is_journal(1):
        lines.append(f"  dashboard       {base}/dashboard/login#link={link}")
    if loaded.document is None:
        body = '{"model":"echo","stream":true,"messages":[{"role":"user","content":"Hello there"}]}'
        lines.append(f"  try: curl -N {base}/v1/chat/completions \\\n       -d '{body}'")
    _write(1, lines)


def _write(stream: int, lines: list[str]) -> None:
    # Past Python's buffer, where text that nobody takes would spoil the exit status.
    with contextlib.suppress(OSError):
        os.write(stream, "\n".join([*lines, ""]).encode())


def _is_journal(stream: int) -> bool:
    """Whether what goes there is kept by the service manager's log. Source: systemd.exec(5),
    JOURNAL_STREAM."""
    with contextlib.suppress(OSError):
        about = os.fstat(stream)
        return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"
    return False
