"""What this process and the others of the same gateway know in common.

Everything goes by what this process has itself (``Limits``, ``Health``, ``ResponseStore``);
a store, where there is one, makes it common. Of all that, only two things wait for the
store: a request of a key with a limit, and what concerns a stored answer; neither for
longer than ``PATIENCE``. A store that is lost is left alone until it is found again:
until then each node goes by itself, and lets through its share of every limit, one
part in as many as there were nodes.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from msgspec.structs import replace

from aigw_asgi.stores.shared_state import (
    ForgottenNews,
    Grant,
    Held,
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
from aigw_core.limits import Lease, Limits, Refusal
from aigw_core.response_store import ResponseStore, StoredResponse

PATIENCE = 1.0
"""Seconds that a request waits for the store."""

RETRY = 0.25
"""Seconds between two tries to find a lost store."""

RELEARN = 30.0
"""Seconds between two looks at all rests that the store knows."""

REPORT = 1.0
"""Seconds between two reports of a node."""

MAX_OUTBOX = 10_000
"""Settlements and news that wait for the store; beyond it the oldest are lost, until the
store is told anew what is held."""

_LOG = logging.getLogger("aigw")

_Answer = TypeVar("_Answer")


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
        self.up = False
        """The store is in use."""
        self.why_lost = ""
        self.nodes: tuple[NodeReport, ...] = ()
        """As of the last report; of this group also those that are gone."""
        self._health = {False: health, True: counting_health}
        self._limits = limits
        self._responses = responses
        self._make_report = report
        self._reload = reload
        self._granted: dict[str, list[Grant]] = {}
        self._outbox: deque[Settled | News] = deque(maxlen=MAX_OUTBOX)
        self._wake = anyio.Event()
        self._lost = anyio.Event()
        if store is not None:
            for counting, each in self._health.items():
                each.listener = _Listener(self, counting=counting)

    def __repr__(self) -> str:
        kind = "none" if self.store is None else self.store.kind
        return f"<Sharing store={kind} up={self.up} nodes={len(self.nodes)}>"

    @property
    def unsent(self) -> int:
        """Settlements and news that the store does not have yet."""
        return len(self._outbox)

    # --- limits --------------------------------------------------------------

    async def reserve(
        self, key: ClientKey, tokens: int, *, weight: int = 1
    ) -> Lease | Grant | Refusal:
        """Room for a request, or why there is none; see ``Limits.reserve``."""
        store = self.store
        if self.alone or store is None:
            return self._limits.reserve(key, tokens, time.monotonic(), weight=weight)
        if self.up:
            try:
                # Not given up with the client: what was granted has to be settled.
                with anyio.CancelScope(shield=True):
                    found = await self._ask(store.reserve(key, tokens, weight))
            except StoreLost:
                pass
            else:
                if isinstance(found, Grant):
                    self._granted.setdefault(found.key, []).append(found)
                return found
        share = self._share(key)
        return self._limits.reserve(share, tokens, time.monotonic(), weight=weight)

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
        if self.store is not None and self.up:
            with contextlib.suppress(StoreLost):
                await self._ask(self.store.put_response(owner, stored))

    async def response(self, owner: str, id: str) -> StoredResponse | None:
        """An answer that is stored; ``None``: there is none.

        Raises:
            GatewayError: another node may have it, and the store is lost (503).
        """
        here = self._responses.get(owner, id, time.monotonic())
        if self.store is None or (self.alone and here is not None):
            return here
        if self.up:
            try:
                return await self._ask(self.store.response(owner, id)) or here
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
        if self.store is None:
            return here
        try:
            if not self.up:
                raise StoreLost
            there = await self._ask(self.store.remove_response(owner, id))
        except StoreLost:
            if self.alone:
                return here
            raise _away() from None
        self._post(ForgottenNews(owner, id))
        return here or there

    # --- news ----------------------------------------------------------------

    def tell_reload(self) -> None:
        """Have all other nodes read their configuration again. Does not wait."""
        if self.store is not None and not self.alone:
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
        elif self._reload is not None:
            self._reload()

    def _post(self, each: Settled | News) -> None:
        self._outbox.append(each)
        self._wake.set()

    # --- the store -----------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep in touch with the store, until cancelled. It has started when the store was
        found, or not: so that the first requests know of it."""
        store = self.store
        if store is None:
            task_status.started()
            return
        async with anyio.create_task_group() as tasks:
            left = anyio.Event()
            await tasks.start(_hold, store, left)
            try:
                await self._stay(store, task_status)
            finally:
                await self.aclose()
                left.set()

    async def _stay(self, store: SharedState, task_status: TaskStatus[None]) -> None:
        first = True
        while True:
            try:
                await self._open(store)
                if first:
                    task_status.started()
                    first = False
                await self._serve(store)
            except StoreLost as exc:
                self._lose(exc)
            if first:
                task_status.started()
                first = False
            await anyio.sleep(RETRY)

    async def aclose(self) -> None:
        """Tell the store the last, and leave it."""
        if self.store is not None:
            up, self.up = self.up, False
            with anyio.move_on_after(2 * PATIENCE, shield=True):
                if up:
                    with contextlib.suppress(StoreLost):
                        await self._flush(self.store)
                        if not self.alone:
                            await self.store.report(self._report())  # the last counters
                await self.store.aclose()

    async def _open(self, store: SharedState) -> None:
        mine = self._report()
        held = {
            key: Held(sum(each.weight for each in grants), sum(each.tokens for each in grants))
            for key, grants in self._granted.items()
        }
        # What was settled meanwhile is not held any more, which is all that it would say.
        kept = [each for each in self._outbox if not isinstance(each, Settled)]
        self._outbox.clear()
        self._outbox.extend(kept)
        with _patience():
            await store.open(mine.id, held)
            if not self.alone:
                self.nodes = tuple(await store.report(mine))
        self._lost = anyio.Event()
        self.up = True
        if self.why_lost:
            _LOG.info("the shared state (%s) is found again", store.kind)
            self.why_lost = ""

    async def _serve(self, store: SharedState) -> None:
        """Raises ``StoreLost``, at the latest when anybody else found it lost."""
        lost: list[StoreLost] = []
        async with anyio.create_task_group() as tasks:

            async def keep(work: Callable[[SharedState], Awaitable[None]]) -> None:
                try:
                    await work(store)
                except StoreLost as exc:
                    lost.append(exc)
                    tasks.cancel_scope.cancel()

            for work in (self._listen, self._learn_rests, self._send):
                tasks.start_soon(keep, work)
            if not self.alone:
                tasks.start_soon(keep, self._keep_reporting)
            await self._lost.wait()
            tasks.cancel_scope.cancel()
        raise lost[0] if lost else StoreLost(self.why_lost)

    async def _listen(self, store: SharedState) -> None:
        await store.listen(self._hear)

    async def _learn_rests(self, store: SharedState) -> None:
        """Take over what is known, and say what was found out while the store was lost.

        Again from time to time: news are not guaranteed to come.
        """
        with _patience():
            known = await store.rests()
        self._post_unknown(known)
        pause = 1.0
        while True:
            for each in known:
                self._hear(each)
            if self.alone:
                return
            await anyio.sleep(pause)
            pause = RELEARN
            with _patience():
                known = await store.rests()

    def _post_unknown(self, known: Iterable[RestNews]) -> None:
        now = time.monotonic()
        there = {(each.credential, each.model, each.counting): each.until for each in known}
        for counting, health in self._health.items():
            for rest in health.rests():
                until = there.get((rest.credential, rest.model, counting), 0.0)
                if rest.until > now and _wall(rest.until) > until + 1.0:
                    self._post(_news_of(rest, counting=counting))

    async def _send(self, store: SharedState) -> None:
        outbox = self._outbox
        while True:
            if not outbox:
                self._wake = anyio.Event()
                await self._wake.wait()
            await self._flush(store)

    async def _flush(self, store: SharedState) -> None:
        outbox = self._outbox
        waiting = list(outbox)
        settled = [each for each in waiting if isinstance(each, Settled)]
        news = [each for each in waiting if not isinstance(each, Settled)]
        with _patience():
            if settled:
                await store.settle(settled)
            if news:
                await store.tell(news)
        for each in waiting:
            if outbox and outbox[0] is each:  # else it was lost for want of room
                outbox.popleft()

    async def _keep_reporting(self, store: SharedState) -> None:
        await anyio.sleep(RETRY)  # by then the others, who lost it too, are there again
        while True:
            with _patience():
                self.nodes = tuple(await store.report(self._report()))
            await anyio.sleep(REPORT)

    def _report(self) -> NodeReport:
        assert self._make_report is not None, "a store needs to know who asks"
        return self._make_report()

    async def _ask(self, answer: Awaitable[_Answer]) -> _Answer:
        """What the store answers a request.

        Raises:
            StoreLost: it does not, and is left alone from now on.
        """
        try:
            with _patience():
                return await answer
        except StoreLost as exc:
            self._lose(exc)
            raise

    def _lose(self, exc: StoreLost) -> None:
        if self.store is not None and not self.why_lost:
            self.why_lost = str(exc) or "unknown"
            _LOG.warning(
                "the shared state (%s) is lost: %s; until it is found again this process goes"
                " by what it knows itself",
                self.store.kind,
                self.why_lost,
            )
        self.up = False
        self._lost.set()


async def _hold(
    store: SharedState, left: anyio.Event, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED
) -> None:
    """Hold the tasks of ``store``, also against a cancellation, until it was left: saying
    goodbye takes a connection."""
    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as tasks:
            store.enter(tasks)
            task_status.started()
            await left.wait()
            tasks.cancel_scope.cancel()


class _Listener:
    """Hears what one ``Health`` finds out."""

    def __init__(self, sharing: Sharing, *, counting: bool) -> None:
        self._sharing = sharing
        self._counting = counting

    def __call__(self, change: Change) -> None:
        self._sharing.tell_rest(change, counting=self._counting)


class _patience:  # noqa: N801 - used like a function
    """A time limit whose end is a ``StoreLost``."""

    def __enter__(self) -> None:
        self._scope = anyio.fail_after(PATIENCE)
        self._scope.__enter__()

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._scope.__exit__(*exc_info)  # type: ignore[arg-type]
        except TimeoutError:
            raise StoreLost(f"no answer in {PATIENCE:g} s") from None


def alive(nodes: Iterable[NodeReport]) -> list[NodeReport]:
    """Those that are there now."""
    now = time.time()
    return [each for each in nodes if each.alive(now)]


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
