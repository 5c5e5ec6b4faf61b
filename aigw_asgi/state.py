"""What all requests of one process share: the snapshot, health, counters, transports."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from anyio.abc import TaskGroup

from aigw_asgi.driver import Driver
from aigw_asgi.echo import echo
from aigw_asgi.price_table import bundled_prices
from aigw_asgi.transports import Transport
from aigw_asgi.transports.memory import AppTransport
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
    from aigw_core.config.settings import ServerSettings


class GatewayState:
    """One a process. ``snapshot`` is replaced by one assignment; a request reads it once."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstream: Transport,
        *,
        own_seal_key: Callable[[], bytes],
        settings: ServerSettings | None = None,
        limits: Limits | None = None,
    ) -> None:
        """``own_seal_key`` is asked, once, for the key of seals where a snapshot names no
        secret for them; it may block. ``settings`` are those of the listener, if there is
        one.

        Raises:
            LimitInactive: a limit of a client key would limit nothing.
        """
        self.settings = settings
        self.limits = Limits() if limits is None else limits
        self.health = Health()
        self.balance = Balance()
        self.budget = RetryBudget()
        self._counting = Health(), Balance()
        self.use(snapshot)
        self.calibrator = Calibrator()
        self.responses = ResponseStore()
        self.metrics = Metrics()
        self.captures = CaptureRing()
        self.rng = random.Random()
        self.started = time.monotonic()
        self.draining = False
        self.running: set[Driver] = set()
        self._upstream = upstream
        self._own_seal_key = cache(own_seal_key)
        self._seal_keys: tuple[Snapshot, SealKeys] | None = None
        self._prices: tuple[Snapshot, PriceBook] | None = None
        self.seal_keys(snapshot)

    def use(self, snapshot: Snapshot) -> None:
        """Serve new requests by ``snapshot``; what was learned of its targets, and what
        keys have used, stays.

        Raises:
            LimitInactive: a limit of a client key would limit nothing.
        """
        for key in snapshot.client_keys.values():
            prove(self.limits, key, time.monotonic())
        catalogue = Catalogue(snapshot)
        self.snapshot = snapshot
        self.router = Router(catalogue, self.health, self.balance)
        self.counting_router = Router(catalogue, *self._counting)
        """For counting endpoints: vendors limit them apart, and a target that cannot
        count may well answer."""

    def seal_keys(self, snapshot: Snapshot) -> SealKeys:
        """The keys that ``snapshot`` names, else the gateway's own."""
        known = self._seal_keys
        if known is None or known[0] is not snapshot:
            secret, previous = snapshot.seal_secret, snapshot.previous_seal_secret
            keys = SealKeys(
                self._own_seal_key() if secret is None else key_of(secret.reveal()),
                *([] if previous is None else [key_of(previous.reveal())]),
            )
            known = self._seal_keys = (snapshot, keys)
        return known[1]

    @property
    def prices(self) -> PriceBook:
        """Those of the snapshot, and the bundled ones."""
        known = self._prices
        if known is None or known[0] is not self.snapshot:
            book = PriceBook(self.snapshot.prices, bundled_prices())
            known = self._prices = (self.snapshot, book)
        return known[1]

    def transport(self, send: Send, tasks: TaskGroup) -> Transport:
        """Where an attempt goes; the built-in models run as a task of the request."""
        return AppTransport(echo, tasks) if send.provider == ECHO else self._upstream

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.started

    def stop_streams(self) -> None:
        """End every answer that still runs with the error event of its format."""
        for driver in list(self.running):
            driver.stop()

    async def aclose(self) -> None:
        await self._upstream.aclose()
