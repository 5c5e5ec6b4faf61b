"""The file of the request log, for the one thread of a process that writes to it.

Each call is one transaction: a batch of what ended, or a step of forgetting. Steps are
small, because other processes wait for them with their own batches.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from aigw_asgi.stores.sqlite.database import MAX_WAL, Database
from aigw_asgi.stores.sqlite.log_peaks import BLOCK
from aigw_asgi.stores.sqlite.log_rows import Batch, Facet, clean
from aigw_asgi.stores.sqlite.log_schema import APPLICATION, FACETS, ROW, STEPS, WORDS
from aigw_asgi.stores.sqlite.log_sums import fold_hour, sum_up

STEP = 2000
"""Rows that are forgotten at a time."""

MINUTES_KEPT = 2 * 1440
"""Minutes that sums are kept by the minute; older ones by the hour."""

DAYS_KEPT = 400
"""Days that the use of keys is kept."""

MAX_CAPTURES = 512 << 20
"""Bytes of all captures together, compressed; the oldest are forgotten."""

SIZES = (256, 64, 16, 4, 1)
"""Rows of one statement; each size is prepared once."""

MAX_KNOWN = 16_384
"""Facets that are remembered, for speed."""

_DAY_MS = 86_400_000


class Retention(Struct, frozen=True, gc=False):
    """What is forgotten."""

    max_rows: int = 1_000_000
    days: int = 30
    max_captures: int = MAX_CAPTURES


def _marks(count: int) -> str:
    return ", ".join("?" * count)


_INSERT_REQUEST = f"INSERT INTO requests (id, {', '.join(ROW)}) VALUES ", 1 + len(ROW)
_INSERT_DETAIL = "INSERT INTO details (id, data) VALUES ", 2
_INSERT_FACET = (
    f"INSERT INTO facets (digest, rows, last, {', '.join(FACETS)})"
    f" VALUES ({_marks(3 + len(FACETS))})"
)
_INSERT_WORDS = (
    f"INSERT INTO words (rowid, {', '.join(WORDS)}) SELECT id, {', '.join(WORDS)}"
    " FROM facets WHERE id = ?"
)
_DELETE_WORDS = (
    f"INSERT INTO words (words, rowid, {', '.join(WORDS)}) SELECT 'delete', id,"
    f" {', '.join(WORDS)} FROM facets WHERE id = ?"
)


def _insert(
    connection: sqlite3.Connection, into: str, width: int, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert many rows by few statements: SQLite works without Python's lock, and asking for
    that again after each row costs more than the row where a loop is busy."""
    one = f"({_marks(width)})"
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            values = list(chain.from_iterable(rows[at : at + size]))
            connection.execute(into + ", ".join([one] * size), values)
            at += size


class LogFile:
    """Open for writing. What is raised is of :class:`Database`."""

    def __init__(self, file: Path, *, busy: float) -> None:
        self.database = Database(file, application=APPLICATION, steps=STEPS, busy=busy)
        self._known: dict[Facet, int] = {}
        self._epoch = -1

    def __repr__(self) -> str:
        return f"<LogFile {self.database.file} facets={len(self._known)}>"

    def write(self, batch: Batch) -> None:
        """Add all of ``batch``, or nothing."""
        try:
            self._write(batch)
        except BaseException:
            # Facets that were added a moment ago are not there any more.
            self._known.clear()
            raise

    def _write(self, batch: Batch) -> None:
        with self.database.transaction() as connection:
            execute = connection.execute
            last, epoch = execute("SELECT last, epoch FROM counter").fetchone()
            if epoch != self._epoch:
                self._known.clear()
                self._epoch = epoch
            first, known = last + 1, self._known
            rows = []
            for number, (facet, row) in enumerate(batch.rows, first):
                id = known.get(facet)
                rows.append((number, self._find_facet(facet) if id is None else id, *row))
            _insert(connection, *_INSERT_REQUEST, rows)
            details = [(first + place, data) for place, data in batch.details]
            _insert(connection, *_INSERT_DETAIL, details)
            if batch.captures:
                connection.executemany(
                    "INSERT OR REPLACE INTO captures (request_id, until, size, data)"
                    " VALUES (?, ?, ?, ?)",
                    batch.captures,
                )
            execute("UPDATE counter SET last = ?", (last + len(rows),))

    def _find_facet(self, facet: Facet) -> int:
        """Its number; it is added when it is new."""
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        execute = self.database.connection.execute
        values = clean(facet)
        digest = hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).digest()
        found = execute("SELECT id FROM facets WHERE digest = ?", (digest,)).fetchone()
        if found is None:
            number = execute(_INSERT_FACET, (digest, 0, 0, *values)).lastrowid
            assert number is not None
            execute(_INSERT_WORDS, (number,))
        else:
            number = int(found[0])
        self._known[facet] = number
        return number

    def sum_up(self) -> bool:
        """Bring the sums up to date by a step; whether there is more to do at once."""
        with self.database.transaction() as connection:
            return sum_up(connection)

    # --- forgetting ----------------------------------------------------------

    def forget(self, retention: Retention, wall: float) -> bool:
        """Take one step; whether there is more to forget at once."""
        now = int(wall * 1000)
        more = self._forget_rows(retention.max_rows, now - retention.days * _DAY_MS)
        return self._forget_captures(retention.max_captures, now) or more

    def tidy(self, retention: Retention, wall: float) -> None:
        """What has to be done now and then: sums of long ago, facets without rows, and
        the write-ahead log when readers have kept it from being written back."""
        minute = int(wall // 60)
        while self._fold_hour(minute - MINUTES_KEPT):
            pass
        with self.database.transaction() as connection:
            execute = connection.execute
            oldest = minute - retention.days * 1440
            execute("DELETE FROM minutes WHERE minute < ?", (oldest,))
            execute("DELETE FROM days WHERE day < ?", (minute // 1440 - DAYS_KEPT,))
            first = execute("SELECT min(id) FROM requests").fetchone()[0]
            if first is not None:
                execute("DELETE FROM marks WHERE last < ?", (first,))
                execute("DELETE FROM peaks WHERE block < ?", (first // BLOCK,))
            self._forget_facets()
        log = self.database.file.with_name(self.database.file.name + "-wal")
        if log.stat().st_size > MAX_WAL:
            self.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _forget_rows(self, max_rows: int, cutoff: int) -> bool:
        """The oldest rows beyond ``max_rows``, and those that ended before ``cutoff``."""
        execute = self.database.connection.execute
        if self._doomed(max_rows, cutoff) is None:
            return False  # without the lock, which is rarely needed
        with self.database.transaction():
            found = self._doomed(max_rows, cutoff)
            if found is None:
                return False
            end, more = found
            gone = "FROM requests WHERE id <= ?"
            counts = execute(f"SELECT facet, count(*) {gone} GROUP BY facet", (end,)).fetchall()
            for facet, count in counts:
                execute("UPDATE facets SET rows = rows - ? WHERE id = ?", (count, facet))
            execute(f"DELETE {gone}", (end,))
            execute("DELETE FROM details WHERE id <= ?", (end,))
        return more

    def _doomed(self, max_rows: int, cutoff: int) -> tuple[int, bool] | None:
        """The last row of a step, and whether others may follow; ``None``: there is none."""
        execute = self.database.connection.execute
        last, summed = execute("SELECT last, summed FROM counter").fetchone()
        oldest, newest, count, kept = execute(
            "SELECT min(id), max(id), count(*), min(CASE WHEN id > ? AND at >= ? THEN id END)"
            " FROM (SELECT id, at FROM requests WHERE id <= ? ORDER BY id LIMIT ?)",
            (last - max_rows, cutoff, summed, STEP),
        ).fetchone()
        if not count or kept == oldest:
            return None
        return (newest, count == STEP) if kept is None else (kept - 1, False)

    def _forget_captures(self, max_bytes: int, now: int) -> bool:
        execute = self.database.connection.execute
        size = "SELECT total(size), min(until) FROM captures"
        total, soonest = execute(size).fetchone()
        if soonest is None or (total <= max_bytes and soonest > now):
            return False
        with self.database.transaction():
            execute("DELETE FROM captures WHERE until <= ?", (now,))
            total, _ = execute(size).fetchone()
            # Blobs are large: few of them make a transaction that others wait for.
            oldest = execute("SELECT id, size FROM captures ORDER BY id LIMIT 16").fetchall()
            for id, size_of_one in oldest:
                if total <= max_bytes:
                    return False
                execute("DELETE FROM captures WHERE id = ?", (id,))
                total -= size_of_one
        return bool(total > max_bytes)

    def _fold_hour(self, before: int) -> bool:
        with self.database.transaction() as connection:
            return fold_hour(connection, before)

    def _forget_facets(self) -> None:
        execute = self.database.connection.execute
        idle = execute(
            "SELECT id FROM facets WHERE rows <= 0 AND id NOT IN (SELECT facet FROM minutes)"
            " AND id NOT IN (SELECT facet FROM requests WHERE id > (SELECT summed FROM counter))"
            " LIMIT ?",
            (STEP,),
        ).fetchall()
        for (number,) in idle:
            execute(_DELETE_WORDS, (number,))
            execute("DELETE FROM facets WHERE id = ?", (number,))
        if idle:
            execute("UPDATE counter SET epoch = epoch + 1")
