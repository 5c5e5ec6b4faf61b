"""Which requests a query means: numbers, the highest first.

Which facets are meant is found first (see :mod:`aigw_asgi.stores.sqlite.log_schema`). The
newest requests of each come from an index in order, and only as many of them are opened
as it takes to fill a page; so a page costs the same in a file of a thousand rows and of a
million, unless a condition on single requests (a latency) hardly ever holds.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from msgspec import Struct

from aigw_asgi.stores.request_log import MAX_PAGE, Query

MAX_MERGED = 1000
"""Facets that are merged by the index; where more are meant, a scan finds them soon."""

MAX_MATCHES = 20_000
"""Requests with an identifier that begins with the text, to be put in order."""

_FOREVER = 1 << 62
_END = "\U0010ffff"


class Conditions(Struct, frozen=True):
    """On single requests."""

    low: int
    high: int
    """Numbers of requests, inclusive; there may be others between."""
    summed: int
    """Up to which of them the facets know."""
    sql: str
    values: tuple[int, ...]

    @property
    def exact(self) -> bool:
        """All of them hold by the numbers alone."""
        return not self.sql


_NOTHING = Conditions(1, 0, 0, " AND 0", ())


class Search:
    """Which requests a query means."""

    def __init__(self, connection: sqlite3.Connection, query: Query, before: int | None) -> None:
        self._connection = connection
        self._query = query
        self._rows = conditions_of(connection, query, before)
        self._facets = facets_of(connection, query, with_text=True)
        self._matches = self._by_identifier() if query.text else []

    def ids(self, limit: int, skip: int) -> list[int]:
        """Numbers, the highest first, without the first ``skip``."""
        facets, rows = self._facets, self._rows
        if facets is None and rows.exact:
            # Without a gap: see ``log_schema``.
            top = rows.high - skip
            return list(range(top, max(top - limit, rows.low - 1), -1))
        count = skip + limit
        if facets is not None and len(facets) <= MAX_MERGED and count <= 10 * MAX_PAGE:
            streams = heapq.merge(
                chain(self._newest(facets, count), self._merged(facets, count)),
                self._matches,
                reverse=True,
            )
            return list(islice(streams, skip, count))
        return self._scan(limit, skip)

    def total(self) -> int:
        """How many there are."""
        facets, rows = self._facets, self._rows
        if facets is None and rows.exact:
            return max(0, rows.high - rows.low + 1)
        if facets is not None and rows.exact:
            newest = len(self._newest(facets, -1))
            return sum(count for _, _, count in facets) + newest + len(self._matches)
        condition, values = self._scanned()
        found = self._connection.execute(
            f"SELECT count(*) FROM requests WHERE {condition}", values
        ).fetchone()
        return int(found[0])

    def _newest(self, facets: Sequence[tuple[int, int, int]], limit: int) -> list[int]:
        """Those that the facets do not know of yet."""
        rows = self._rows
        found = self._connection.execute(
            f"SELECT id FROM requests WHERE id BETWEEN ? AND ?{rows.sql} AND +facet IN"
            f" ({listed(each[0] for each in facets)}) ORDER BY id DESC LIMIT ?",
            (max(rows.low, rows.summed + 1), rows.high, *rows.values, limit),
        )
        return [id for (id,) in found]

    def _merged(self, facets: Sequence[tuple[int, int, int]], limit: int) -> Iterator[int]:
        """The newest of all facets: only those are opened whose newest may be next."""
        rows = self._rows
        high = min(rows.high, rows.summed)
        sql = (
            f"SELECT id FROM requests WHERE facet = ? AND id BETWEEN ? AND ?{rows.sql}"
            " ORDER BY id DESC LIMIT ?"
        )
        waiting = sorted(facets, key=lambda facet: facet[1])  # taken from its end
        heap: list[tuple[int, list[int]]] = []
        while waiting or heap:
            while waiting and (not heap or min(waiting[-1][1], high) >= -heap[0][0]):
                facet, _, _ = waiting.pop()
                values = (facet, rows.low, high, *rows.values, limit)
                found = [id for (id,) in self._connection.execute(sql, values)]
                if found:
                    found.reverse()
                    heapq.heappush(heap, (-found.pop(), found))
            if heap:
                number, rest = heap[0]
                yield -number
                if rest:
                    heapq.heapreplace(heap, (-rest.pop(), rest))
                else:
                    heapq.heappop(heap)

    def _scan(self, limit: int, skip: int) -> list[int]:
        condition, values = self._scanned()
        found = self._connection.execute(
            f"SELECT id FROM requests WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
            (*values, limit, skip),
        )
        return [id for (id,) in found]

    def _scanned(self) -> tuple[str, tuple[Any, ...]]:
        rows, facets = self._rows, self._facets
        condition = f"id BETWEEN ? AND ?{rows.sql}"
        values: tuple[Any, ...] = (rows.low, rows.high, *rows.values)
        if facets is not None:
            # Numbers of our own making: as many as there are, where values are limited.
            numbers, matches = listed(each[0] for each in facets), listed(self._matches)
            # ``+``: in the order of ``id``, since by facet they would have to be sorted.
            condition += f" AND (+facet IN ({numbers}) OR +id IN ({matches}))"
        return condition, values

    def _by_identifier(self) -> list[int]:
        """Requests whose identifier begins with the text, and that no facet finds."""
        rows, text = self._rows, self._query.text.strip()
        if not text:
            return []
        found = self._connection.execute(
            "SELECT id, facet FROM requests WHERE request_id >= ? AND request_id < ?"
            f" AND id BETWEEN ? AND ?{rows.sql} ORDER BY request_id DESC LIMIT ?",
            (text, text + _END, rows.low, rows.high, *rows.values, MAX_MATCHES),
        ).fetchall()
        if not found:
            return []
        meant = facets_of(self._connection, self._query, with_text=False)
        allowed = None if meant is None else {facet for facet, _, _ in meant}
        by_words = {facet for facet, _, _ in self._facets or ()}
        ids = [
            id
            for id, facet in found
            if facet not in by_words and (allowed is None or facet in allowed)
        ]
        return sorted(ids, reverse=True)


def facets_of(
    connection: sqlite3.Connection, query: Query, *, with_text: bool
) -> list[tuple[int, int, int]] | None:
    """The facets that a query means: each with the number of its last request, and how
    many it has. ``None``: all."""
    conditions: list[str] = []
    values: list[Any] = []
    for name in (
        "model",
        "served_model",
        "provider",
        "credential",
        "key",
        "format",
        "upstream_format",
        "endpoint",
        "error",
    ):
        text = getattr(query, name)
        if text is not None:
            # Of the patterns of SQLite we offer the star alone.
            conditions.append(f"{name} GLOB ?")
            values.append(text.replace("[", "[[]").replace("?", "[?]"))
    for name in ("status", "stream", "failed"):
        number = getattr(query, name)
        if number is not None:
            conditions.append(f"{name} = ?")
            values.append(int(number))
    if query.status_class is not None:
        conditions.append("status BETWEEN ? AND ?")
        values += [query.status_class * 100, query.status_class * 100 + 99]
    words = [word for word in query.text.split() if any(map(str.isalnum, word))]
    if with_text and query.text.strip():
        if not words:
            return []
        conditions.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" ".join('"' + word.replace('"', '""') + '"*' for word in words))
    if not conditions:
        return None
    sql = f"SELECT id, last, rows FROM facets WHERE {' AND '.join(conditions)}"
    return connection.execute(sql, values).fetchall()


def conditions_of(connection: sqlite3.Connection, query: Query, before: int | None) -> Conditions:
    low, high, summed = connection.execute(
        "SELECT (SELECT min(id) FROM requests), last, summed FROM counter"
    ).fetchone()
    if low is None:
        return _NOTHING
    last = high
    if before is not None:
        high = min(high, before - 1)
    sql, values = "", []
    if query.since is not None or query.until is not None:
        since = query.since or 0
        until = _FOREVER if query.until is None else query.until
        begin, end = connection.execute(
            "SELECT min(first), max(last) FROM marks WHERE minute BETWEEN ? AND ?",
            (since // 60_000, until // 60_000),
        ).fetchone()
        if last > summed:  # of those the marks do not know yet
            begin, end = summed + 1 if begin is None else begin, last
        if begin is None:
            return _NOTHING
        low, high = max(low, begin), min(high, end)
        sql += " AND at BETWEEN ? AND ?"
        values += [since, until]
    if query.min_latency_ms is not None:
        sql += " AND us >= ?"
        values.append(int(query.min_latency_ms * 1000))
    return Conditions(low, high, summed, sql, tuple(values))


def listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))
