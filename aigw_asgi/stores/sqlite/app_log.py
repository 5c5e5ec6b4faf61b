"""The app log in a file of SQLite, shared by all processes of one machine.

What is put waits for the writer (:mod:`aigw_asgi.stores.sqlite.app_log_writer`); questions
are answered in another thread, on a connection of its own. There are few records, so
that all of them are looked at where no number says which.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from aigw_asgi.stores.app_log import (
    MAX_PAGE,
    MAX_RECORDS,
    AppLogPage,
    AppRecord,
    Level,
    Said,
    holds,
)
from aigw_asgi.stores.sqlite.app_log_writer import BUSY, FILE, Writer
from aigw_asgi.stores.sqlite.asking import Asking
from aigw_asgi.stores.sqlite.newest import Newest

_RECORDS = "SELECT seq, at, level, logger, message, request_id, worker, pid, traceback FROM records"
_NEWEST = "SELECT ifnull(max(seq), 0) FROM records"


class SqliteAppLog:
    """See :class:`~aigw_asgi.stores.app_log.AppLog`. Until ``start`` it writes in the
    thread that puts, and holds no file open between two records."""

    def __init__(self, folder: Path, *, max_records: int = MAX_RECORDS, busy: float = BUSY) -> None:
        """``busy`` is how many seconds to wait for other processes at a time."""
        self.file = folder / FILE
        self._writer = Writer(self.file, max_records, busy=busy)
        self._pages = Asking(self.file, "app log", busy=busy, prepare=_know_texts)
        # Apart, so that who follows the log does not wait for who searches it.
        self._following = Asking(self.file, "app log", busy=busy)
        self._newest = Newest(self.file, self._ask_newest)

    def __repr__(self) -> str:
        return f"<SqliteAppLog {self._writer!r}>"

    @property
    def dropped(self) -> int:
        return self._writer.dropped

    def start(self) -> None:
        self._writer.start()

    def put(self, said: Said) -> None:
        self._writer.put(said)

    def finish(self, limit: float) -> bool:
        return self._writer.finish(limit)

    async def page(
        self,
        *,
        level: Level = Level.DEBUG,
        logger: str = "",
        text: str = "",
        request_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> AppLogPage:
        conditions: list[str] = []
        values: list[Any] = []

        def add(condition: str, *given: object) -> None:
            conditions.append(condition)
            values.extend(given)

        if after is not None:
            add("seq > ?", after)
        if before is not None:
            add("seq < ?", before)
        if level is not Level.DEBUG:
            add("level >= ?", level.number)
        if logger:
            add("substr(logger, 1, ?) = ?", len(logger), logger)
        if request_id is not None:
            add("request_id = ?", request_id)
        if text:
            add("holds(?, message, traceback)", text)
        up = after is not None and before is None
        sql = (
            f"{_RECORDS} WHERE {' AND '.join(conditions) or '1'}"
            f" ORDER BY seq {'ASC' if up else 'DESC'} LIMIT ?"
        )

        def ask(connection: sqlite3.Connection) -> AppLogPage:
            found = connection.execute(sql, (*values, _bounded(limit))).fetchall()
            newest, oldest, dropped = connection.execute(
                f"SELECT ({_NEWEST}), (SELECT min(seq) FROM records), dropped FROM counter"
            ).fetchone()
            records = tuple([_record(row) for row in (reversed(found) if up else found)])
            return AppLogPage(
                records,
                newest,
                newest + 1 if oldest is None else oldest,
                dropped + self._writer.untold,
            )

        return await self._pages.run(lambda: self._pages.ask(ask))

    async def after(self, seq: int, limit: int = MAX_PAGE) -> Sequence[AppRecord]:
        def ask(connection: sqlite3.Connection) -> list[AppRecord]:
            found = connection.execute(
                f"{_RECORDS} WHERE seq > ? ORDER BY seq LIMIT ?", (seq, _bounded(limit))
            )
            return [_record(row) for row in found]

        return await self._following.run(lambda: self._following.ask(ask))

    async def newest(self) -> int:
        return await self._newest.get()

    async def _ask_newest(self) -> int:
        def ask(connection: sqlite3.Connection) -> int:
            return int(connection.execute(_NEWEST).fetchone()[0])

        return await self._following.run(lambda: self._following.ask(ask))

    async def flush(self, limit: float) -> bool:
        done = self._writer.flush()
        return await anyio.to_thread.run_sync(done.wait, limit)

    async def aclose(self) -> None:
        """Let go of what reading has opened; writing ends by ``finish``."""
        await self._pages.run(self._pages.close)
        await self._following.run(self._following.close)


def _know_texts(connection: sqlite3.Connection) -> None:
    # SQLite's own comparison knows the case of ASCII only.
    connection.create_function("holds", 3, holds, deterministic=True)


def _bounded(limit: int) -> int:
    return max(1, min(limit, MAX_PAGE))


def _record(row: Sequence[Any]) -> AppRecord:
    seq, at, level, logger, message, request_id, worker, pid, traceback = row
    return AppRecord(
        seq=seq,
        timestamp=at,
        level=Level.of(level),
        logger=logger,
        message=message,
        request_id=request_id,
        worker=worker,
        pid=pid,
        traceback=traceback,
    )
