"""What all requests of one process share: the snapshot, health, counters, transports."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Coroutine
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskGroup, TaskStatus

from aigw_asgi.company import StartsTasks
from aigw_asgi.driver import Driver
from aigw_asgi.echo import echo
from aigw_asgi.health_journal import HealthJournal
from aigw_asgi.memory_watch import Figures, Group, MemoryWatch, read_process
from aigw_asgi.price_table import bundled_prices
from aigw_asgi.sharing import Sharing
from aigw_asgi.transports import Transport
from aigw_asgi.transports.memory import AppTransport
from aigw_core.admission import Admission
from aigw_core.capture import CaptureRing
from aigw_core.commands import Send
from aigw_core.config.snapshot import Snapshot
from aigw_core.health import Health
from aigw_core.limits import Limits, prove
from aigw_core.metrics import Metrics
from aigw_core.prices import PriceBook
from aigw_core.response_store import ResponseStore
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Router
from aigw_core.routing.target import ECHO
from aigw_core.seals import SealKeys, key_of
from aigw_core.token_count import Calibrator

if TYPE_CHECKING:  # imports the schema
    from aigw_asgi.loop_watch import LoopWatch
    from aigw_asgi.node import Node
    from aigw_asgi.reloading import Reloader
    from aigw_asgi.server.certificates import Certificates
    from aigw_asgi.stores.app_log import AppLog
    from aigw_asgi.stores.request_log import RequestLog
    from aigw_asgi.stores.shared_state import SharedState
    from aigw_core.config.settings import ServerSettings


class GatewayState:
    """One a process. What follows from the configuration is replaced by ``use``; a request
    holds on to what it began with, by ``current``."""

    snapshot: Snapshot
    router: Router
    counting_router: Router
    """For counting endpoints: vendors limit them apart, and a target that cannot count
    may well answer."""
    seal_keys: SealKeys
    """Those that the snapshot names, else the gateway's own."""
    _view: GatewayState | None
    prices: PriceBook
    """Those of the snapshot, and the bundled ones."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstream: Transport,
        *,
        own_seal_key: Callable[[], bytes],
        own_session_key: Callable[[], bytes] | None = None,
        settings: ServerSettings | None = None,
        limits: Limits | None = None,
        node: Node | None = None,
        store: SharedState | None = None,
        log: RequestLog | None = None,
        app_log: AppLog | None = None,
    ) -> None:
        """``own_seal_key`` is asked, once, for the key of seals where a snapshot names no
        secret for them; it may block. So it is with ``own_session_key`` and the sessions of
        the dashboard; without it they end with the process. ``settings`` are those of the
        listener, if there is one. A ``store`` needs to know which ``node`` this is. The
        ``log`` is closed with us; the ``app_log`` belongs to who writes to it.

        Raises:
            LimitInactive: a limit of a client key would limit nothing.
        """
        self.settings = settings
        self.limits = Limits() if limits is None else limits
        self.admission = Admission()
        self.memory = MemoryWatch(self.admission, self._own_memory)
        self.health = Health()
        self.balance = Balance()
        self.budget = RetryBudget()
        self._counting = Health(), Balance()
        self._own_seal_key = cache(own_seal_key)
        self.own_session_key = cache(own_session_key or partial(secrets.token_bytes, 32))
        self.use(snapshot)
        self.calibrator = Calibrator()
        self.responses = ResponseStore()
        self.node = node
        self.sharing = Sharing(
            self.health,
            self._counting[0],
            self.limits,
            self.responses,
            store=store,
            report=None if node is None else lambda: node.report(self),
            reload=self._ask_reload,
        )
        self.metrics = Metrics()
        self.log = log
        """What became of each request, and captures; ``None``: that is kept nowhere."""
        self.app_log = app_log
        """What the gateway has said; ``None``: that is kept nowhere."""
        self.captures = CaptureRing()
        """Where there is no log."""
        self.folder: Path | None = None
        """Where what is to outlive the process is kept; ``None``: nowhere."""
        self.journal = HealthJournal()
        self.health.witness = self.journal.tell
        self.rng = random.Random()
        self.started = time.monotonic()
        self.draining = False
        self.running: set[Driver] = set()
        self.reloader: Reloader | None = None
        """Where the configuration is a file that can change."""
        self.certificates: Certificates | None = None
        """Of the listener, where it speaks TLS and is ours."""
        self.group: Group | None = None
        """That limits the memory of the process, where the process is ours."""
        self.watch: LoopWatch | None = None
        """Of the loop, where the process is ours."""
        self._upstream = upstream
        self._tasks: TaskGroup | None = None

    def use(self, snapshot: Snapshot) -> None:
        """Serve new requests by ``snapshot``; what was learned of its targets, and what
        keys have used, stays.

        Raises:
            LimitInactive: a limit of a client key would limit nothing.
        """
        for key in snapshot.client_keys.values():
            prove(self.limits, key, time.monotonic())
        self.admission.allow(snapshot.max_requests)
        catalogue = Catalogue(snapshot)
        self.seal_keys = self._seal_keys_for(snapshot)
        self.prices = PriceBook(snapshot.prices, bundled_prices())
        self.router = Router(catalogue, self.health, self.balance)
        self.counting_router = Router(catalogue, *self._counting)
        self.snapshot = snapshot

    def current(self) -> GatewayState:
        """The state as one request sees it from its beginning to its end: what all
        requests share, and the configuration of this moment. The same for all requests
        until something of it changes: it takes 1.6 KB."""
        if self._view is None:
            view = object.__new__(GatewayState)
            view.__dict__.update(self.__dict__)
            self._view = view
        return self._view

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name != "_view":
            super().__setattr__("_view", None)

    def _seal_keys_for(self, snapshot: Snapshot) -> SealKeys:
        secret, previous = snapshot.seal_secret, snapshot.previous_seal_secret
        return SealKeys(
            self._own_seal_key() if secret is None else key_of(secret.reveal()),
            *([] if previous is None else [key_of(previous.reveal())]),
        )

    def transport(self, send: Send, tasks: StartsTasks) -> Transport:
        """Where an attempt goes; the built-in models run as a task of the request."""
        return AppTransport(echo, tasks) if send.provider == ECHO else self._upstream

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.started

    def stop_streams(self) -> None:
        """End every answer that still runs with the error event of its format."""
        for driver in list(self.running):
            driver.stop()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep the configuration and what is shared up to date, until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            await tasks.start(self.sharing.run)
            task_status.started()
            tasks.start_soon(self.memory.run)
            if self.reloader is not None:
                tasks.start_soon(self.reloader.run)
            await anyio.sleep_forever()  # for what is spawned

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have ``work`` done beside requests, until the gateway ends. ``run`` must be running."""
        if self._tasks is None:
            raise RuntimeError("the application's lifespan is not running")
        self._tasks.start_soon(work)

    def _own_memory(self) -> Figures | None:
        """By the configured limit, else by that of the ``group`` of the process."""
        limit = self.snapshot.memory_limit
        if limit is None:
            return None if self.group is None else self.group.read()
        return read_process(limit) if limit else None

    def _ask_reload(self) -> None:
        if self.reloader is not None:
            self.reloader.ask()

    async def aclose(self) -> None:
        if self.watch is not None:
            self.watch.stop()
        try:
            await self._upstream.aclose()
        finally:
            if self.log is not None:
                await self.log.aclose()  # last: what ends until then is in it
