"""Shared state in a Redis or Valkey server: one picture for gateways on many machines.

What is counted is counted by scripts at the server, by its clock, so that it does not
matter which node asks. News are pushed to all nodes over a subscription.

``open`` begins a session, and with it a new name of the node: whatever an earlier
session left behind there, or still has on its way, counts no more. A session is over
when a command was not answered in time, when its connection broke, or when the server
does not know the node any more (it lost its data, or the node did not report for
``GONE_AFTER``). From then on every call raises ``StoreLost`` at once, until ``open``.

Times go in and come out by the clock of this process, whatever the server's shows.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from anyio import CancelScope, Lock, fail_after
from anyio.abc import TaskGroup
from msgspec.structs import replace

from aigw_asgi.stores.redis import scripts
from aigw_asgi.stores.redis.address import read_address
from aigw_asgi.stores.redis.link import Link, NodeUnknown, connect
from aigw_asgi.stores.redis.scripts import Script
from aigw_asgi.stores.redis.values import (
    NODES,
    REPORTS,
    RESTS,
    RESTS_END,
    account_key,
    answer_keys,
    channel,
    decode_answer,
    decode_marks,
    decode_news,
    decode_reports,
    decode_rests,
    encode_answer,
    encode_news,
    encode_report,
    encode_rest,
    group_key,
    mark_keys,
    number,
    rest_target,
)
from aigw_asgi.stores.shared_state import (
    TOLD,
    Grant,
    Hear,
    Held,
    MarkNews,
    News,
    NodeReport,
    RestNews,
    Settled,
    StoreLost,
)
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey
from aigw_core.limits import Limit, Refusal
from aigw_core.marks import Mark, kind_of
from aigw_core.response_store import Bounds, StoredResponse

TIMEOUT = 1.0
"""Seconds for an answer of the server, and for this process to come to read it: a burst of
requests may well keep it from that for a while."""

OPEN_FACTOR = 4
"""Times as long for ``open``, which looks up a name, connects twice and says hello."""

BULK_FACTOR = 8
"""Times as long for what has to do with stored answers: a conversation of 16 MiB takes its
time, and a connection of its own."""

VOID = 256
"""Bytes that count for an answer that is void."""

_BATCH = 1000
"""Requests that are settled in one step: a few milliseconds of the server's time."""


class RedisState:
    """The ``SharedState`` of one node. ``open`` and ``aclose`` one after the other; all
    else from any task. ``timeout``: seconds for an answer; the constants above say what
    takes longer."""

    kind = "redis"
    alone = False

    def __init__(
        self,
        url: Secret,
        *,
        timeout: float = TIMEOUT,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._address = read_address(url)
        self._tasks: TaskGroup  # of its connections
        self._timeout = timeout
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._ahead = 0.0
        self._session: _Session | None = None

    def __repr__(self) -> str:
        return f"<RedisState {self._address} session={self._session}>"

    def enter(self, tasks: TaskGroup) -> None:
        self._tasks = tasks

    async def open(self, node: str, held: Mapping[str, Held]) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        try:
            with fail_after(OPEN_FACTOR * self._timeout):
                self._session = await self._begin(node, held)
        except TimeoutError as exc:
            raise StoreLost(f"{self._address}: not connected in time") from exc

    async def _begin(self, node: str, held: Mapping[str, Held]) -> _Session:
        me = f"{node}:{secrets.token_hex(4)}".encode()
        links: list[Link] = []
        try:
            for _ in range(2):
                links.append(await connect(self._address, self._tasks, timeout=self._timeout))
            commands, news = links
            await news.subscribe(channel(self._address.db))
            self._tasks.start_soon(news.stay)
            keys, amounts = [NODES], []
            for key, each in held.items():
                keys.append(account_key(key))
                amounts += [number(each.running), number(each.tokens)]
            asked = self._clock()
            at = await commands.run(scripts.OPEN, keys, self._time(), me, node, *amounts)
            self._set_clock(asked, at)
        except BaseException:
            for link in links:
                link.close()
            raise
        return _Session(node, me, commands, news)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        # Bounded by the time of one answer, also where the caller is cancelled.
        with CancelScope(shield=True):
            with suppress(StoreLost):
                keys = [NODES, REPORTS, group_key(session.group)]
                await session.commands.run(scripts.LEAVE, keys, session.me, session.node)
            session.close()
            for link in session.links():
                await link.closed()

    # --- limits --------------------------------------------------------------

    async def reserve(self, key: ClientKey, tokens: int, weight: int) -> Grant | Refusal:
        allowed = key.tokens_per_minute
        # A grant that nobody takes would be held for good.
        with CancelScope(shield=True):
            reply = await self._run(
                scripts.RESERVE,
                [account_key(key.id), NODES],
                tokens,
                weight,
                *map(_limit, (key.requests_per_minute, allowed, key.max_concurrent)),
            )
        if reply[0] == b"1":
            return Grant(key.id, weight, tokens, float(reply[1]), allowed)
        limit = Limit(reply[1].decode())
        return Refusal(limit, _allowed(key, limit), float(reply[2]))

    async def settle(self, settled: Sequence[Settled]) -> None:
        """When it raises nobody knows what was settled; ``open`` says anew what is held."""
        for start in range(0, len(settled), _BATCH):
            batch = settled[start : start + _BATCH]
            keys = list({each.grant.key: None for each in batch})
            places = {key: place for place, key in enumerate(keys, 1)}
            words: list[bytes | str | int] = []
            for each in batch:
                grant = each.grant
                words += [places[grant.key], grant.weight, number(grant.tokens)]
                words += [number(grant.estimate), _limit(grant.allowed), each.actual]
            await self._run(scripts.SETTLE, [NODES, *map(account_key, keys)], *words)

    # --- news ----------------------------------------------------------------

    async def tell(self, news: Sequence[News]) -> None:
        session = self._current()
        words: list[bytes] = []
        for each in news:
            if isinstance(each, RestNews):
                until = number(each.until + self._ahead) if each.until else b"0"
                words += [rest_target(each), until, encode_rest(each, self._ahead)]
        payload = encode_news(session.me, news, self._ahead)
        await self._run(
            scripts.TELL,
            [RESTS, RESTS_END],
            channel(self._address.db),
            payload,
            *words,
            named=False,
        )

    async def rests(self) -> list[RestNews]:
        values = await self._run(scripts.RESTS, [RESTS, RESTS_END], named=False)
        return decode_rests(values, self._ahead)

    async def listen(self, hear: Hear) -> None:
        """Begins with what was told since ``open``. Cancelled, it may be called again."""
        session = self._current()
        async with aclosing(session.news.messages()) as messages:
            async for payload in messages:
                for each in decode_news(payload, session.me, self._ahead):
                    hear(each)

    # --- marks ---------------------------------------------------------------

    async def mark(self, name: str, until: float) -> bool:
        news = [MarkNews(name, until)] if name.startswith(TOLD) else []
        end, told = number(until + self._ahead), self._publication(news)
        fresh: bytes = await self._run(scripts.MARK, mark_keys(name), name, end, *told, named=False)
        return fresh == b"1"

    async def unmark(self, names: Sequence[str]) -> None:
        for kind in {kind_of(name) for name in names}:
            mine = [name for name in names if kind_of(name) == kind]
            news = [MarkNews(name) for name in mine if name.startswith(TOLD)]
            told = self._publication(news)
            await self._run(scripts.UNMARK, mark_keys(mine[0]), *told, *mine, named=False)

    async def marks(self, prefix: str) -> list[Mark]:
        row = await self._run(scripts.MARKS, mark_keys(prefix), prefix, named=False)
        return decode_marks(row, self._ahead)

    def _publication(self, news: Sequence[News]) -> tuple[bytes, bytes]:
        """The channel, and what to say there: nothing, of nothing."""
        session = self._current()
        said = encode_news(session.me, news, self._ahead) if news else b""
        return channel(self._address.db), said

    # --- stored answers ------------------------------------------------------

    async def put_response(self, owner: str, stored: StoredResponse) -> None:
        bounds, at = self._bounds, answer_keys(owner, stored.id)
        content, size = encode_answer(stored), stored.size
        if bounds.entries < 1:
            return
        if size > min(bounds.entry, bounds.owner):
            content, size = b"", VOID
        await self._run_bulk(
            scripts.PUT,
            at.keys,
            self._time(),
            content,
            size,
            at.name,
            at.prefix,
            number(bounds.idle),
            bounds.owner,
            bounds.entries,
            VOID,
        )

    async def response(self, owner: str, id: str) -> StoredResponse | None:
        at = answer_keys(owner, id)
        idle = number(self._bounds.idle)
        found = await self._run_bulk(scripts.GET, at.keys, self._time(), at.name, idle)
        return decode_answer(found, id)

    async def remove_response(self, owner: str, id: str) -> bool:
        at = answer_keys(owner, id)
        idle = number(self._bounds.idle)
        removed: bytes = await self._run_bulk(scripts.REMOVE, at.keys, self._time(), at.name, idle)
        return removed == b"1"

    # --- nodes ---------------------------------------------------------------

    async def report(self, mine: NodeReport) -> list[NodeReport]:
        """As promised; nodes of other groups come without their counters."""
        session = self._current()
        session.group = mine.group
        asked = self._clock()
        at, count, *values = await self._run(
            scripts.REPORT,
            [NODES, REPORTS, group_key(mine.group)],
            session.node,
            encode_report(replace(mine, metrics=b"")),
            encode_report(mine),
        )
        self._set_clock(asked, at)
        return decode_reports(values[: int(count)], values[int(count) :], self._ahead)

    # --- the server ----------------------------------------------------------

    def _current(self) -> _Session:
        session = self._session
        if session is None:
            raise StoreLost(f"{self._address}: not connected")
        return session

    async def _run(
        self, script: Script, keys: list[bytes], *words: bytes | str | int, named: bool = True
    ) -> Any:
        """``named``: the node is an argument, after the time."""
        session = self._current()
        first = (self._time(), session.me) if named else (self._time(),)
        try:
            return await session.commands.run(script, keys, *first, *words)
        except StoreLost as exc:
            if isinstance(exc, NodeUnknown) or not session.commands.up:
                session.close()
            raise

    async def _run_bulk(self, script: Script, keys: list[bytes], *words: bytes | str | int) -> Any:
        session = self._current()
        async with session.bulk_lock:
            if session.bulk is None or not session.bulk.up:
                try:
                    with fail_after(OPEN_FACTOR * self._timeout):
                        session.bulk = await connect(
                            self._address, self._tasks, timeout=BULK_FACTOR * self._timeout
                        )
                except TimeoutError as exc:
                    raise StoreLost(f"{self._address}: not connected in time") from exc
        return await session.bulk.run(script, keys, *words)

    def _time(self) -> bytes:
        """What scripts take for the time: empty, the server's own."""
        return b""

    def _set_clock(self, asked: float, at: bytes) -> None:
        self._ahead = float(at) - (asked + self._clock()) / 2


class _Session:
    """From ``open`` until the connections are closed."""

    def __init__(self, node: str, me: bytes, commands: Link, news: Link) -> None:
        self.node = node
        self.me = me
        """The name in this session."""
        self.group = ""
        self.commands = commands
        self.news = news
        self.bulk: Link | None = None
        self.bulk_lock = Lock()

    def __repr__(self) -> str:
        return f"<_Session {self.me.decode()} {self.commands}>"

    def links(self) -> list[Link]:
        return [link for link in (self.commands, self.news, self.bulk) if link is not None]

    def close(self) -> None:
        for link in self.links():
            link.close()


def _limit(allowed: int | None) -> bytes | int:
    return b"" if allowed is None else allowed


def _allowed(key: ClientKey, limit: Limit) -> int:
    allowed: int = getattr(key, limit.replace("-", "_"))
    return allowed
