"""What this process and the others of the same gateway know in common.

Everything goes by what this process has itself (``Limits``, ``Health``, ``ResponseStore``);
a store, where there is one, makes it common. Of all that, only two things wait for the
store: a request of a key with a limit, and what concerns a stored answer; neither for
longer than a second. A store that is lost is left alone until it is found again:
until then each node goes by itself, and lets through its share of every limit, one
part in as many as there were nodes.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from msgspec.structs import replace

from aigw_asgi.store_link import StoreLink
from aigw_asgi.stores.shared_state import (
    ForgottenNews,
    Grant,
    Held,
    MarkNews,
    News,
    NodeReport,
    ReloadNews,
    RestNews,
    Settled,
    SharedState,
    StoreLost,
)
from aigw_core.config.snapshot import ClientKey
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Change, Health, Rest
from aigw_core.limits import Lease, Limits, Refusal, Used
from aigw_core.marks import Mark, Marks
from aigw_core.response_store import ResponseStore, StoredResponse


class Sharing:
    """The one door to what is common. ``run`` keeps it up to date.

    ``store`` is ``None`` for a process on its own without any memory. A store that no other
    process uses remembers, and limits nothing.
    """

    def __init__(
        self,
        health: Health,
        counting_health: Health,
        limits: Limits,
        responses: ResponseStore,
        *,
        store: SharedState | None = None,
        report: Callable[[], NodeReport] | None = None,
        reload: Callable[[], None] | None = None,
    ) -> None:
        """``report`` says what this node tells of itself; ``reload`` is called when all
        nodes are to read their configuration again."""
        self.store = store
        self.alone = store is None or store.alone
        self._health = {False: health, True: counting_health}
        self._limits = limits
        self._responses = responses
        self._reload = reload
        self._marks = Marks()
        """Those set here, and those that all nodes are told of."""
        self._granted: dict[str, list[Grant]] = {}
        self._link: StoreLink | None = None
        if store is not None:
            assert report is not None, "a store needs to know who asks"
            self._link = StoreLink(
                store,
                report=report,
                held=self._held,
                unknown=self._unknown,
                marks=lambda: self._marks.all(time.time()),
                hear=self._hear,
            )
            for counting, each in self._health.items():
                each.listener = _Listener(self, counting=counting)

    def __repr__(self) -> str:
        return f"<Sharing {self._link!r}>"

    @property
    def up(self) -> bool:
        """The store is in use."""
        return self._link is not None and self._link.up

    @property
    def why_lost(self) -> str:
        """Empty: it is not."""
        return "" if self._link is None else self._link.why_lost

    @property
    def nodes(self) -> tuple[NodeReport, ...]:
        """As of the last report; of this group also those that are gone."""
        return () if self._link is None else self._link.nodes

    @property
    def unsent(self) -> int:
        """Settlements and news that the store does not have yet."""
        return 0 if self._link is None else self._link.unsent

    # --- limits --------------------------------------------------------------

    async def reserve(
        self, key: ClientKey, tokens: int, *, weight: int = 1
    ) -> Lease | Grant | Refusal:
        """Room for a request, or why there is none; see ``Limits.reserve``."""
        link = self._link
        if link is None or self.alone:
            return self._limits.reserve(key, tokens, time.monotonic(), weight=weight)
        if link.up:
            try:
                # Not given up with the client: what was granted has to be settled.
                with anyio.CancelScope(shield=True):
                    found = await link.ask(link.store.reserve(key, tokens, weight))
            except StoreLost:
                pass
            else:
                if isinstance(found, Grant):
                    self._granted.setdefault(found.key, []).append(found)
                return found
        share = self._share(key)
        return self._limits.reserve(share, tokens, time.monotonic(), weight=weight)

    def used(self, key: ClientKey) -> Used | None:
        """What counts against the limits of ``key`` just now; ``None``: it is counted in a
        store that others share, which is not asked for this."""
        if self._link is None or self.alone:
            return self._limits.used(key, time.monotonic())
        return None

    def settle(self, lease: Lease | Grant, actual: int) -> None:
        """The request is over and used ``actual`` tokens. Does not wait."""
        if isinstance(lease, Lease):
            self._limits.settle(lease, actual, time.monotonic())
            return
        held = self._granted[lease.key]
        held.remove(lease)
        if not held:
            del self._granted[lease.key]
        self._post(Settled(lease, actual))

    def _share(self, key: ClientKey) -> ClientKey:
        """``key`` with what one node may let through while nobody knows of the others."""
        nodes = max(1, sum(each.alive(time.time()) for each in self.nodes))

        def part(limit: int | None) -> int | None:
            return None if limit is None else max(1, math.ceil(limit / nodes))

        return replace(
            key,
            requests_per_minute=part(key.requests_per_minute),
            tokens_per_minute=part(key.tokens_per_minute),
            max_concurrent=part(key.max_concurrent),
        )

    # --- stored answers ------------------------------------------------------

    async def put_response(self, owner: str, stored: StoredResponse) -> None:
        """Keep an answer, here and in the store."""
        self._responses.put(owner, stored, time.monotonic())
        link = self._link
        if link is not None and link.up:
            with contextlib.suppress(StoreLost):
                await link.ask(link.store.put_response(owner, stored))

    async def response(self, owner: str, id: str) -> StoredResponse | None:
        """An answer that is stored; ``None``: there is none.

        Raises:
            GatewayError: another node may have it, and the store is lost (503).
        """
        here = self._responses.get(owner, id, time.monotonic())
        link = self._link
        if link is None or (self.alone and here is not None):
            return here
        if link.up:
            try:
                return await link.ask(link.store.response(owner, id)) or here
            except StoreLost:
                pass
        if here is None and not self.alone:
            raise _away()
        return here

    async def remove_response(self, owner: str, id: str) -> bool:
        """Forget an answer; whether there was one.

        Raises:
            GatewayError: the store is lost (503), so that it cannot be said to be gone.
        """
        here = self._responses.remove(owner, id, time.monotonic())
        link = self._link
        if link is None:
            return here
        try:
            if not link.up:
                raise StoreLost
            there = await link.ask(link.store.remove_response(owner, id))
        except StoreLost:
            if self.alone:
                return here
            raise _away() from None
        self._post(ForgottenNews(owner, id))
        return here or there

    # --- marks ---------------------------------------------------------------

    async def mark(self, name: str, until: float) -> bool:
        """Set a mark (:mod:`aigw_core.marks`) until then, in Unix seconds, if it is not set;
        whether it was not. While the store is lost this process goes by what it has set
        itself."""
        link = self._link
        if link is not None and link.up:
            try:
                fresh = await link.ask(link.store.mark(name, until))
            except StoreLost:
                pass
            else:
                if fresh:
                    self._marks.put(name, until, time.time())
                return fresh
        return self._marks.set(name, until, time.time())

    async def unmark(self, names: Sequence[str]) -> None:
        """Have these marks not set."""
        for name in names:
            self._marks.unset(name)
        link = self._link
        if names and link is not None and link.up:
            with contextlib.suppress(StoreLost):
                await link.ask(link.store.unmark(names))

    async def marks(self, prefix: str) -> list[Mark]:
        """Those whose names begin with ``prefix``, which holds all of the kind."""
        link = self._link
        if link is not None and link.up:
            with contextlib.suppress(StoreLost):
                return await link.ask(link.store.marks(prefix))
        return self._marks.beginning(prefix, time.time())

    def marked(self, name: str) -> bool:
        """Whether a mark is set that all nodes are told of (``TOLD``), as far as it has got
        here, which takes 100 ms. Costs a look into a dictionary."""
        return self._marks.is_set(name, time.time())

    # --- news ----------------------------------------------------------------

    def tell_reload(self) -> None:
        """Have all other nodes read their configuration again. Does not wait."""
        if not self.alone:
            self._post(ReloadNews())

    def tell_rest(self, change: Change, *, counting: bool) -> None:
        """Tell of what was found out here. Does not wait."""
        rest = change.rest
        if rest is None:
            news = RestNews(change.credential, change.model, counting)
        else:
            news = _news_of(rest, counting=counting)
        self._post(news)

    def _hear(self, news: News) -> None:
        """Another node tells something."""
        if isinstance(news, RestNews):
            health = self._health[news.counting]
            if news.until:
                now = time.monotonic()
                health.adopt(_rest_of(news, now), now)
            else:
                health.drop(news.credential, news.model)
        elif isinstance(news, ForgottenNews):
            self._responses.remove(news.owner, news.id, time.monotonic())
        elif isinstance(news, MarkNews):
            self._marks.put(news.name, news.until, time.time())
        elif self._reload is not None:
            self._reload()

    def _post(self, each: Settled | News) -> None:
        if self._link is not None:
            self._link.post(each)

    # --- the store -----------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep in touch with the store, until cancelled. It has started when the store was
        found, or not: so that the first requests know of it."""
        if self._link is None:
            task_status.started()
        else:
            await self._link.run(task_status=task_status)

    async def aclose(self) -> None:
        """Tell the store the last, and leave it."""
        if self._link is not None:
            await self._link.aclose()

    def _held(self) -> dict[str, Held]:
        return {
            key: Held(sum(each.weight for each in grants), sum(each.tokens for each in grants))
            for key, grants in self._granted.items()
        }

    def _unknown(self, known: list[RestNews]) -> Iterator[RestNews]:
        """The rests that were found out here and that nobody knows of."""
        now = time.monotonic()
        there = {(each.credential, each.model, each.counting): each.until for each in known}
        for counting, health in self._health.items():
            for rest in health.rests():
                until = there.get((rest.credential, rest.model, counting), 0.0)
                if rest.until > now and _wall(rest.until) > until + 1.0:
                    yield _news_of(rest, counting=counting)


class _Listener:
    """Hears what one ``Health`` finds out."""

    def __init__(self, sharing: Sharing, *, counting: bool) -> None:
        self._sharing = sharing
        self._counting = counting

    def __call__(self, change: Change) -> None:
        self._sharing.tell_rest(change, counting=self._counting)


def _wall(monotonic: float) -> float:
    return monotonic - time.monotonic() + time.time()


_CAUSES = {kind.value: kind for kind in ErrorKind}
"""A node of another version may know more of them."""


def _news_of(rest: Rest, *, counting: bool) -> RestNews:
    return RestNews(
        rest.credential,
        rest.model,
        counting,
        _wall(rest.until),
        rest.cause.value,
        rest.limited,
        rest.faults,
        rest.named,
    )


def _rest_of(news: RestNews, now: float) -> Rest:
    """``now`` is in monotonic seconds, as the rest's end is."""
    return Rest(
        news.credential,
        news.model,
        now + news.until - time.time(),
        _CAUSES.get(news.cause, ErrorKind.UPSTREAM),
        news.limited,
        news.faults,
        news.named,
    )


def _away() -> GatewayError:
    return GatewayError(
        Failure(
            ErrorKind.UNAVAILABLE,
            "stored answers cannot be looked up just now; try again in a second",
            code="shared_state_lost",
            retry_after=1.0,
        )
    )
