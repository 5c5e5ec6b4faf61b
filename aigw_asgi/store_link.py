"""The connection of one process to its store of shared state: found, used, lost, found again.

A store that is lost is left alone at once, by whoever notices first, and looked for
until it is there again. What is to be told waits for it.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from aigw_asgi.stores.shared_state import (
    TOLD,
    Hear,
    Held,
    MarkNews,
    News,
    NodeReport,
    RestNews,
    Settled,
    SharedState,
    StoreLost,
)
from aigw_core.marks import Mark

PATIENCE = 1.0
"""Seconds that a request waits for the store: a burst may well keep this process from
reading its answer for a while."""

RETRY = 0.25
"""Seconds between two tries to find a lost store."""

RELEARN = 30.0
"""Seconds between two looks at all rests, and all marks that are told, that the store
knows."""

REPORT = 1.0
"""Seconds between two reports of a node."""

MAX_OUTBOX = 10_000
"""Settlements and news that wait for the store; beyond it the oldest are lost, until the
store is told anew what is held."""

_LOG = logging.getLogger("aigw")

_Answer = TypeVar("_Answer")


class StoreLink:
    """``run`` keeps it up; ``post`` and ``ask`` use it."""

    def __init__(
        self,
        store: SharedState,
        *,
        report: Callable[[], NodeReport],
        held: Callable[[], Mapping[str, Held]],
        unknown: Callable[[list[RestNews]], Iterable[RestNews]],
        marks: Callable[[], Iterable[Mark]],
        hear: Hear,
    ) -> None:
        """``report`` says what this node tells of itself, ``held`` what its requests hold,
        ``unknown`` which rests it knows beside those that the store knows, ``marks`` which
        marks it has set. ``hear`` is told what comes from other nodes."""
        self.store = store
        self.up = False
        """The store is in use."""
        self.why_lost = ""
        self.nodes: tuple[NodeReport, ...] = ()
        """As of the last report; of this group also those that are gone."""
        self._report = report
        self._held = held
        self._unknown = unknown
        self._marks = marks
        self._hear = hear
        self._outbox: deque[Settled | News] = deque(maxlen=MAX_OUTBOX)
        self._wake = anyio.Event()
        self._lost = anyio.Event()

    def __repr__(self) -> str:
        return f"<StoreLink {self.store!r} up={self.up} unsent={self.unsent}>"

    @property
    def unsent(self) -> int:
        """Settlements and news that the store does not have yet."""
        return len(self._outbox)

    def post(self, each: Settled | News) -> None:
        """Tell the store, soon. Does not wait."""
        self._outbox.append(each)
        self._wake.set()

    async def ask(self, answer: Awaitable[_Answer]) -> _Answer:
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

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep in touch with the store, until cancelled. It has started when the store was
        found, or not: so that the first requests know of it."""
        async with anyio.create_task_group() as tasks:
            left = anyio.Event()
            await tasks.start(_hold, self.store, left)
            try:
                await self._stay(task_status)
            finally:
                await self.aclose()
                left.set()

    async def _stay(self, task_status: TaskStatus[None]) -> None:
        first = True
        while True:
            try:
                await self._open()
                if first:
                    task_status.started()
                    first = False
                await self._serve()
            except StoreLost as exc:
                self._lose(exc)
            except Exception:  # noqa: BLE001 - a bug of ours must not end what else runs
                if not self.why_lost:
                    _LOG.exception("the shared state failed inside the gateway")
                self._lose(StoreLost("the gateway itself failed; its log says where"))
            if first:
                task_status.started()
                first = False
            await anyio.sleep(RETRY)

    async def aclose(self) -> None:
        """Tell the store the last, and leave it."""
        up, self.up = self.up, False
        with anyio.move_on_after(2 * PATIENCE, shield=True):
            if up:
                with contextlib.suppress(StoreLost):
                    await self._flush()
                    if not self.store.alone:
                        await self.store.report(self._report())  # the last counters
            await self.store.aclose()

    async def _open(self) -> None:
        mine = self._report()
        # What was settled meanwhile is not held any more, which is all that it would say.
        kept = [each for each in self._outbox if not isinstance(each, Settled)]
        self._outbox.clear()
        self._outbox.extend(kept)
        with _patience():
            await self.store.open(mine.id, self._held())
            if not self.store.alone:
                self.nodes = tuple(await self.store.report(mine))
        await self._learn_marks()  # before any request could miss one
        self._lost = anyio.Event()
        self.up = True
        if self.why_lost:
            _LOG.info("the shared state (%s) is found again", self.store.kind)
            self.why_lost = ""

    async def _serve(self) -> None:
        """Raises ``StoreLost``, at the latest when anybody else found it lost."""
        lost: list[StoreLost] = []
        async with anyio.create_task_group() as tasks:

            async def keep(work: Callable[[], Awaitable[None]]) -> None:
                try:
                    await work()
                except StoreLost as exc:
                    lost.append(exc)
                    tasks.cancel_scope.cancel()

            for work in (self._listen, self._learn_rests, self._keep_marks, self._send):
                tasks.start_soon(keep, work)
            if not self.store.alone:
                tasks.start_soon(keep, self._keep_reporting)
            await self._lost.wait()
            tasks.cancel_scope.cancel()
        raise lost[0] if lost else StoreLost(self.why_lost)

    async def _listen(self) -> None:
        await self.store.listen(self._hear)

    async def _learn_rests(self) -> None:
        """Take over what is known, and say what was found out while the store was lost.

        Again from time to time: news are not guaranteed to come.
        """
        with _patience():
            known = await self.store.rests()
        for each in self._unknown(known):
            self.post(each)
        pause = 1.0
        while True:
            for each in known:
                self._hear(each)
            if self.store.alone:
                return
            await anyio.sleep(pause)
            pause = RELEARN
            with _patience():
                known = await self.store.rests()

    async def _keep_marks(self) -> None:
        """Set those that were set while the store was lost, or that it has lost; and learn
        of others' from time to time, as of rests."""
        for each in self._marks():
            with _patience():
                await self.store.mark(each.name, each.until)
        pause = 1.0
        while not self.store.alone:
            await anyio.sleep(pause)
            pause = RELEARN
            await self._learn_marks()

    async def _learn_marks(self) -> None:
        with _patience():
            known = await self.store.marks(TOLD)
        for each in known:
            self._hear(MarkNews(each.name, each.until))

    async def _send(self) -> None:
        outbox = self._outbox
        while True:
            if not outbox:
                self._wake = anyio.Event()
                await self._wake.wait()
            await self._flush()

    async def _flush(self) -> None:
        outbox = self._outbox
        waiting = list(outbox)
        settled = [each for each in waiting if isinstance(each, Settled)]
        news = [each for each in waiting if not isinstance(each, Settled)]
        with _patience():
            if settled:
                await self.store.settle(settled)
            if news:
                await self.store.tell(news)
        for each in waiting:
            if outbox and outbox[0] is each:  # else it was lost for want of room
                outbox.popleft()

    async def _keep_reporting(self) -> None:
        await anyio.sleep(RETRY)  # by then the others, who lost it too, are there again
        while True:
            with _patience():
                self.nodes = tuple(await self.store.report(self._report()))
            await anyio.sleep(REPORT)

    def _lose(self, exc: StoreLost) -> None:
        if not self.why_lost:
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
