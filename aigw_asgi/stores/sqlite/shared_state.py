"""Shared state in an SQLite file: for the workers of one machine, and for after a restart.

One thread with one connection does it all; what was asked for while it was at work is
done in one transaction. The file is read again every 50 ms for news, by a counter of
SQLite's that says whether anybody else has written; a process on its own does not do
even that.

What keys have used is kept by the machine's monotonic clock, and forgotten when that
begins anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import msgspec
from anyio.abc import TaskGroup

from aigw_asgi.stores.shared_state import (
    GONE_AFTER,
    TOLD,
    ForgottenNews,
    Grant,
    Hear,
    Held,
    MarkNews,
    News,
    NodeReport,
    ReloadNews,
    RestNews,
    Settled,
    StoreLost,
)
from aigw_asgi.stores.sqlite.database_thread import DatabaseThread
from aigw_core.config.snapshot import ClientKey
from aigw_core.limits import Account, Refusal
from aigw_core.marks import MAX_MARKS, Mark, kind_of
from aigw_core.response_store import Bounds, StoredResponse

LOOK = 0.05
"""Seconds between two looks for news."""

BUSY = 0.2
"""Seconds that a job waits for another process's transaction."""

KEEP_NEWS = 60.0
"""Seconds after which news are no news any more."""

KEEP_ACCOUNTS = 86_400.0
"""Seconds after which it is forgotten what a key has used."""

KEEP_USED = 60.0
"""Seconds by which the last use of an answer may be off."""

TIDY = 64
"""After so many stored answers those that are too many are looked for."""

APPLICATION = 0x61677773
"""Marks files of this kind."""

STEPS = (
    """
    CREATE TABLE nodes (
        id TEXT PRIMARY KEY, family TEXT NOT NULL, seen REAL NOT NULL, report BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE accounts (
        key TEXT PRIMARY KEY, at REAL NOT NULL, account BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE held (
        key TEXT NOT NULL, node TEXT NOT NULL, running INTEGER NOT NULL, tokens REAL NOT NULL,
        PRIMARY KEY (key, node)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rests (
        credential TEXT NOT NULL, model TEXT NOT NULL, counting INTEGER NOT NULL,
        until REAL NOT NULL, news BLOB NOT NULL, PRIMARY KEY (credential, model, counting)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE news (
        number INTEGER PRIMARY KEY AUTOINCREMENT, node TEXT NOT NULL, at REAL NOT NULL,
        news BLOB NOT NULL
    ) STRICT;
    CREATE TABLE responses (
        number INTEGER PRIMARY KEY, owner TEXT NOT NULL, id TEXT NOT NULL, size INTEGER NOT NULL,
        used REAL NOT NULL, response BLOB, UNIQUE (owner, id)
    ) STRICT;
    CREATE INDEX responses_of_owner ON responses (owner, used, size);
    CREATE INDEX responses_by_use ON responses (used, size);
    """,
    """
    CREATE TABLE marks (
        name TEXT PRIMARY KEY, kind TEXT NOT NULL, until REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX marks_by_end ON marks (kind, until, name);
    """,
)

_NEWS: msgspec.msgpack.Decoder[News] = msgspec.msgpack.Decoder(
    RestNews | ReloadNews | ForgottenNews | MarkNews
)
_REST = msgspec.msgpack.Decoder(RestNews)
_REPORT = msgspec.msgpack.Decoder(NodeReport)
_ACCOUNT = msgspec.msgpack.Decoder(Account)
_RESPONSE = msgspec.msgpack.Decoder(StoredResponse)
_encode = msgspec.msgpack.Encoder().encode

_Answer = TypeVar("_Answer")


class SqliteState:
    """A :class:`~aigw_asgi.stores.shared_state.SharedState` in ``file``.

    ``alone``: no other process uses the file, so nobody has to be listened to.
    """

    kind = "sqlite"

    def __init__(
        self,
        file: Path,
        *,
        alone: bool = False,
        bounds: Bounds | None = None,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.file = file
        self._wall = wall
        self._ticks = ticks
        self.alone = alone
        self._bounds = bounds or Bounds()
        self._node = ""
        self._thread: DatabaseThread | None = None
        self._puts = 0
        self._last_news = 0
        self._data_version = -1

    def __repr__(self) -> str:
        return f"<SqliteState {self.file}>"

    # --- life ----------------------------------------------------------------

    def enter(self, tasks: TaskGroup) -> None:
        """It has a thread of its own instead."""

    async def open(self, node: str, held: Mapping[str, Held]) -> None:
        self._node = node
        if self._thread is not None:
            self._thread.stop()
        self._thread = DatabaseThread(self.file, application=APPLICATION, steps=STEPS, busy=BUSY)
        await self._run(partial(self._enter, held))

    async def aclose(self) -> None:
        thread = self._thread
        if thread is not None:
            with contextlib.suppress(StoreLost):
                await self._run(self._leave)
            self._thread = None
            thread.stop()

    def _enter(self, held: Mapping[str, Held], connection: sqlite3.Connection) -> None:
        execute = connection.execute
        now = self._ticks()
        # Those of a clock that has begun anew with the machine, and those long unused.
        execute("DELETE FROM accounts WHERE at > ? OR at < ?", (now, now - KEEP_ACCOUNTS))
        execute("DELETE FROM held WHERE node = ?", (self._node,))
        # There from now on; what it is, its first report tells.
        execute(
            "INSERT INTO nodes VALUES (?, '', ?, x'')"
            " ON CONFLICT DO UPDATE SET seen = excluded.seen",
            (self._node, self._wall()),
        )
        connection.executemany(
            "INSERT INTO held VALUES (?, ?, ?, ?)",
            [(key, self._node, each.running, each.tokens) for key, each in held.items()],
        )
        self._last_news = execute("SELECT coalesce(max(number), 0) FROM news").fetchone()[0]
        self._data_version = -1
        self._tidy(connection)

    def _leave(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM held WHERE node = ?", (self._node,))
        connection.execute("UPDATE nodes SET seen = 0 WHERE id = ?", (self._node,))

    # --- limits --------------------------------------------------------------

    async def reserve(self, key: ClientKey, tokens: int, weight: int) -> Grant | Refusal:
        return await self._run(partial(self._reserve, key, tokens, weight))

    def _reserve(
        self, key: ClientKey, tokens: int, weight: int, connection: sqlite3.Connection
    ) -> Grant | Refusal:
        account = _account(connection, key.id)
        running, held = connection.execute(
            "SELECT coalesce(sum(running), 0), coalesce(sum(tokens), 0.0) FROM held WHERE key = ?"
            " AND (node = ? OR node IN (SELECT id FROM nodes WHERE seen > ?))",
            (key.id, self._node, self._wall() - GONE_AFTER),
        ).fetchone()
        now = self._ticks()
        found = account.admit(key, tokens, now, weight=weight, running=running, held=held)
        if isinstance(found, Refusal):
            return found
        _keep_account(connection, key.id, account, now)
        connection.execute(
            "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " running = running + excluded.running, tokens = tokens + excluded.tokens",
            (key.id, self._node, weight, found),
        )
        return Grant(key.id, weight, tokens, found, key.tokens_per_minute)

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._run(partial(self._settle, settled))

    def _settle(self, settled: Sequence[Settled], connection: sqlite3.Connection) -> None:
        now = self._ticks()
        for each in settled:
            grant = each.grant
            # Exact where nothing is left, so that no rounding piles up.
            connection.execute(
                "UPDATE held SET running = max(0, running - ?1),"
                " tokens = iif(running > ?1, max(0.0, tokens - ?2), 0.0)"
                " WHERE key = ?3 AND node = ?4",
                (grant.weight, grant.tokens, grant.key, self._node),
            )
            if grant.allowed is not None and each.actual > 0:
                account = _account(connection, grant.key)
                account.use(grant.allowed, grant.estimate, each.actual, now)
                _keep_account(connection, grant.key, account, now)

    # --- news ----------------------------------------------------------------

    async def tell(self, news: Sequence[News]) -> None:
        await self._run(partial(self._tell, news))

    def _tell(self, news: Sequence[News], connection: sqlite3.Connection) -> None:
        for each in news:
            if isinstance(each, RestNews):
                target = (each.credential, each.model, each.counting)
                connection.execute(
                    "DELETE FROM rests WHERE credential = ? AND model = ? AND counting = ?", target
                )
                if each.until:
                    connection.execute(
                        "INSERT INTO rests VALUES (?, ?, ?, ?, ?)",
                        (*target, each.until, _encode(each)),
                    )
        self._pass_on(news, connection)

    def _pass_on(self, news: Sequence[News], connection: sqlite3.Connection) -> None:
        if not self.alone:
            now = self._wall()
            connection.executemany(
                "INSERT INTO news (node, at, news) VALUES (?, ?, ?)",
                [(self._node, now, _encode(each)) for each in news],
            )

    async def rests(self) -> list[RestNews]:
        return await self._run(self._rests)

    def _rests(self, connection: sqlite3.Connection) -> list[RestNews]:
        now = self._wall()
        connection.execute("DELETE FROM rests WHERE until <= ?", (now,))
        rows = connection.execute("SELECT news FROM rests").fetchall()
        return [_REST.decode(news) for (news,) in rows]

    async def listen(self, hear: Hear) -> None:
        if self.alone:
            await anyio.sleep_forever()
        while True:
            for news in await self._run(self._unheard):
                hear(news)
            await anyio.sleep(LOOK)

    def _unheard(self, connection: sqlite3.Connection) -> list[News]:
        """What others have told since the last time."""
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._data_version:
            return []
        self._data_version = version
        rows = connection.execute(
            "SELECT number, node, news FROM news WHERE number > ? ORDER BY number",
            (self._last_news,),
        ).fetchall()
        if rows:
            self._last_news = rows[-1][0]
        return [_NEWS.decode(news) for _, node, news in rows if node != self._node]

    # --- marks ---------------------------------------------------------------

    async def mark(self, name: str, until: float) -> bool:
        return await self._run(partial(self._mark, name, kind_of(name), until))

    def _mark(self, name: str, kind: str, until: float, connection: sqlite3.Connection) -> bool:
        now = self._wall()
        execute = connection.execute
        execute("DELETE FROM marks WHERE kind = ? AND until <= ?", (kind, now))
        if execute("SELECT 1 FROM marks WHERE name = ?", (name,)).fetchone() is not None:
            return False
        if until > now:
            execute("INSERT INTO marks VALUES (?, ?, ?)", (name, kind, until))
            count = execute("SELECT count(*) FROM marks WHERE kind = ?", (kind,)).fetchone()[0]
            execute(
                "DELETE FROM marks WHERE name IN"
                " (SELECT name FROM marks WHERE kind = ? ORDER BY until, name LIMIT ?)",
                (kind, max(0, count - MAX_MARKS)),
            )
            if name.startswith(TOLD):
                self._pass_on([MarkNews(name, until)], connection)
        return True

    async def unmark(self, names: Sequence[str]) -> None:
        await self._run(partial(self._unmark, names))

    def _unmark(self, names: Sequence[str], connection: sqlite3.Connection) -> None:
        connection.executemany("DELETE FROM marks WHERE name = ?", [(name,) for name in names])
        told = [MarkNews(name) for name in names if name.startswith(TOLD)]
        self._pass_on(told, connection)

    async def marks(self, prefix: str) -> list[Mark]:
        return await self._run(partial(self._marks, prefix))

    def _marks(self, prefix: str, connection: sqlite3.Connection) -> list[Mark]:
        rows = connection.execute(
            "SELECT name, until FROM marks WHERE name >= ?1 AND name < ?1 || char(0x10FFFF)"
            " AND until > ?2 ORDER BY name",
            (prefix, self._wall()),
        ).fetchall()
        return [Mark(name, until) for name, until in rows]

    # --- stored answers ------------------------------------------------------

    async def put_response(self, owner: str, stored: StoredResponse) -> None:
        await self._run(partial(self._put_response, owner, stored))

    def _put_response(
        self, owner: str, stored: StoredResponse, connection: sqlite3.Connection
    ) -> None:
        bounds, size = self._bounds, stored.size
        known = connection.execute(
            "SELECT response FROM responses WHERE owner = ? AND id = ?", (owner, stored.id)
        ).fetchone()
        body: bytes | None = _encode(stored)
        if known is not None and known[0] != body:
            body, size = None, 0  # an identifier of two answers names neither
        elif size > min(bounds.entry, bounds.owner):
            return
        connection.execute(
            "INSERT OR REPLACE INTO responses (owner, id, size, used, response)"
            " VALUES (?, ?, ?, ?, ?)",
            (owner, stored.id, size, self._wall(), body),
        )
        self._bound(connection, owner)
        self._puts += 1
        if self._puts % TIDY == 0:
            self._tidy(connection)

    def _bound(self, connection: sqlite3.Connection, owner: str) -> None:
        """Forget the oldest answers of an owner who has too many."""
        while True:
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM responses WHERE owner = ?", (owner,)
            ).fetchone()
            if count <= self._bounds.entries and size <= self._bounds.owner:
                return
            connection.execute(
                "DELETE FROM responses WHERE number ="
                " (SELECT number FROM responses WHERE owner = ? ORDER BY used LIMIT 1)",
                (owner,),
            )

    async def response(self, owner: str, id: str) -> StoredResponse | None:
        return await self._run(partial(self._response, owner, id))

    def _response(
        self, owner: str, id: str, connection: sqlite3.Connection
    ) -> StoredResponse | None:
        now = self._wall()
        row = connection.execute(
            "SELECT number, used, response FROM responses WHERE owner = ? AND id = ?", (owner, id)
        ).fetchone()
        if row is None or row[2] is None or row[1] < now - self._bounds.idle:
            return None
        if row[1] < now - KEEP_USED:
            connection.execute("UPDATE responses SET used = ? WHERE number = ?", (now, row[0]))
        return _RESPONSE.decode(row[2])

    async def remove_response(self, owner: str, id: str) -> bool:
        return await self._run(partial(self._remove_response, owner, id))

    def _remove_response(self, owner: str, id: str, connection: sqlite3.Connection) -> bool:
        known = self._response(owner, id, connection) is not None
        connection.execute("DELETE FROM responses WHERE owner = ? AND id = ?", (owner, id))
        return known

    # --- nodes ---------------------------------------------------------------

    async def report(self, mine: NodeReport) -> list[NodeReport]:
        return await self._run(partial(self._report, mine))

    def _report(self, mine: NodeReport, connection: sqlite3.Connection) -> list[NodeReport]:
        now = self._wall()
        execute = connection.execute
        execute(
            "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?)",
            (mine.id, mine.group, now, _encode(mine)),
        )
        limit = now - GONE_AFTER
        execute(
            "DELETE FROM nodes WHERE seen <= ?1"
            " AND family NOT IN (SELECT family FROM nodes WHERE seen > ?1)",
            (limit,),
        )
        execute(
            "DELETE FROM held WHERE node NOT IN (SELECT id FROM nodes WHERE seen > ?)", (limit,)
        )
        execute("DELETE FROM news WHERE at < ?", (now - KEEP_NEWS,))
        rows = execute(
            "SELECT report, seen FROM nodes WHERE family <> '' AND (seen > ? OR family = ?)",
            (limit, mine.group),
        ).fetchall()
        return [msgspec.structs.replace(_REPORT.decode(report), seen=seen) for report, seen in rows]

    # --- jobs ----------------------------------------------------------------

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Forget answers that nobody came back to, and the oldest where all are too many."""
        execute = connection.execute
        execute("DELETE FROM responses WHERE used < ?", (self._wall() - self._bounds.idle,))
        size = execute("SELECT coalesce(sum(size), 0) FROM responses").fetchone()[0]
        while size > self._bounds.total:
            number, freed = execute(
                "SELECT number, size FROM responses ORDER BY used LIMIT 1"
            ).fetchone()
            execute("DELETE FROM responses WHERE number = ?", (number,))
            size -= freed

    async def _run(self, job: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Raises ``StoreLost``."""
        thread = self._thread
        if thread is None:
            raise StoreLost(f"{self.file} is not open")
        return await thread.run(job)


def _account(connection: sqlite3.Connection, key: str) -> Account:
    row = connection.execute("SELECT account FROM accounts WHERE key = ?", (key,)).fetchone()
    return Account() if row is None else _ACCOUNT.decode(row[0])


def _keep_account(connection: sqlite3.Connection, key: str, account: Account, now: float) -> None:
    row = (key, now, _encode(account))
    connection.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", row)
