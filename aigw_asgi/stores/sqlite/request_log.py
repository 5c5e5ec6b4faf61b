"""The request log in a file of SQLite, shared by all processes of one machine.

What is appended waits in a bounded queue for the writer's thread
(:mod:`aigw_asgi.stores.sqlite.log_writer`); questions are answered in another thread, on
a connection of its own (:mod:`aigw_asgi.stores.sqlite.log_reader`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from aigw_asgi.stores.request_log import (
    MAX_PAGE,
    Entry,
    EntryDetail,
    Extent,
    Grouped,
    KeyUsage,
    Names,
    Page,
    Query,
    Stats,
    TurnedAway,
)
from aigw_asgi.stores.sqlite.database import BUSY
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.log_reader import Reader
from aigw_asgi.stores.sqlite.log_rows import Captured, Ended
from aigw_asgi.stores.sqlite.log_schema import FILE
from aigw_asgi.stores.sqlite.log_writer import Writer
from aigw_asgi.stores.sqlite.newest import Newest
from aigw_core.capture import Capture
from aigw_core.record import ExchangeRecord

CLOSE_LIMIT = 5.0
"""Seconds that the last entries get to be written in."""

BLOCK = 500
"""Entries of a block of an export."""


class SqliteRequestLog:
    """See :class:`~aigw_asgi.stores.request_log.RequestLog`. It starts a thread: make it
    where it is to run, after any fork, and close it."""

    def __init__(self, folder: Path, retention: Retention, *, busy: float = BUSY) -> None:
        """The file is made in the background; where that cannot be, it is tried again and
        again. ``busy`` is how many seconds to wait for other processes at a time."""
        self.file = folder / FILE
        self._writer = Writer(self.file, retention, busy=busy)
        self._reader = Reader(self.file, busy=busy)
        # Apart, so that who follows the log does not wait for who searches it.
        self._following = Reader(self.file, busy=busy)
        self._newest = Newest(self.file, self._ask_newest)
        self._writer.start()

    def __repr__(self) -> str:
        return f"<SqliteRequestLog {self._writer!r}>"

    @property
    def dropped(self) -> int:
        return self._writer.dropped

    def append(self, record: ExchangeRecord | TurnedAway, path: str) -> None:
        self._writer.put(Ended(time.time(), record, path))

    def keep(self, capture: Capture, retention: float) -> None:
        self._writer.put_capture(Captured(capture, time.time() + retention, capture.kept))

    async def page(
        self,
        query: Query,
        *,
        limit: int = 50,
        before: int | None = None,
        after: int | None = None,
        offset: int | None = None,
    ) -> Page:
        reader = self._reader
        return await reader.run(
            lambda: reader.page(query, limit, before=before, after=after, offset=offset)
        )

    async def after(self, seq: int, limit: int = MAX_PAGE) -> Sequence[Entry]:
        return await self._following.run(lambda: self._following.after(seq, limit))

    async def newest(self) -> int:
        return await self._newest.get()

    async def _ask_newest(self) -> int:
        return await self._following.run(self._following.newest)

    async def entry(self, request_id: str) -> EntryDetail | None:
        return await self._reader.run(lambda: self._reader.entry(request_id))

    async def capture(self, request_id: str) -> Capture | None:
        return await self._reader.run(lambda: self._reader.capture(request_id))

    async def stats(self, query: Query, step: int) -> Stats:
        return await self._reader.run(lambda: self._reader.stats(query, step))

    async def groups(self, query: Query, step: int, by: Sequence[str], top: int) -> Grouped:
        return await self._reader.run(lambda: self._reader.groups(query, step, by, top))

    async def names(self) -> Names:
        return await self._reader.run(self._reader.names)

    async def extent(self) -> Extent:
        return await self._reader.run(self._reader.extent)

    async def key_usage(self, since: str, until: str) -> Sequence[KeyUsage]:
        return await self._reader.run(lambda: self._reader.key_usage(since, until))

    async def export(self, query: Query) -> AsyncIterator[Sequence[Entry]]:
        before: int | None = None
        while True:
            page = await self.page(query, limit=BLOCK, before=before)
            if page.entries:
                yield page.entries
            before = page.before
            if before is None:
                return

    async def flush(self, limit: float) -> bool:
        done = self._writer.flush()
        return await anyio.to_thread.run_sync(done.wait, limit)

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._writer.finish, CLOSE_LIMIT)
            for reader in (self._reader, self._following):
                await reader.run(reader.close)
