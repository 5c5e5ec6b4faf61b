"""Which requests a query means: numbers, in order.

Which facets are meant is found first (see :mod:`aigw_asgi.stores.sqlite.log_schema`). The
newest requests of each come from an index in order, and only as many of them are opened
as it takes to fill a page; so a page costs the same in a file of a thousand rows and of a
million. Values that single requests must reach (a latency, a cost) are looked for where
:mod:`aigw_asgi.stores.sqlite.log_peaks` says that there are such.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from aigw_asgi.stores.request_log import MAX_PAGE, Query
from aigw_asgi.stores.sqlite.log_conditions import conditions_of, facets_of, listed
from aigw_asgi.stores.sqlite.log_peaks import blocks, few, unpeaked

MAX_MERGED = 1000
"""Facets that are merged by the index; where more are meant, a scan finds them soon."""

MAX_MATCHES = 20_000
"""Requests with an identifier that begins with the text, to be put in order."""

MAX_COUNTED = 10_000
MAX_SEARCHED = 1 << 17
"""Requests, where they are counted one by one: each costs a tenth of a microsecond to pass
over and more to open, and who pages by number goes no further."""

_END = "\U0010ffff"


class Search:
    """Which requests a query means: those below a cursor, above one, or between two."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        query: Query,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> None:
        self.up = after is not None and before is None
        """They come from the lowest on, not from the highest."""
        self._order = "ASC" if self.up else "DESC"
        self._connection = connection
        self._query = query
        self._rows = conditions_of(connection, query, before=before, after=after)
        self._facets = facets_of(connection, query, with_text=True)
        self._matches = self._by_identifier() if query.text else []

    def ids(self, limit: int, skip: int) -> list[int]:
        """Numbers, in order, without the first ``skip``."""
        facets, rows = self._facets, self._rows
        if facets is None and rows.exact:
            # Without a gap: see ``log_schema``.
            every = range(rows.low, rows.high + 1)
            return list((every if self.up else every[::-1])[skip : skip + limit])
        count = skip + limit
        if rows.measures:
            summed = self._peaked(count)
        elif facets is not None and len(facets) <= MAX_MERGED and count <= 10 * MAX_PAGE:
            summed = self._merged(facets, count)
        else:
            return self._scan(limit, skip)
        newest = self._after_sums(count)
        streams = heapq.merge(
            chain(summed, newest) if self.up else chain(newest, summed),
            self._matches,
            reverse=not self.up,
        )
        return list(islice(streams, skip, count))

    def total(self) -> tuple[int, bool]:
        """How many there are, and whether that is all: what has to be counted request by
        request is counted up to ``MAX_COUNTED``, among the newest ``MAX_SEARCHED``. Only of a
        search without a cursor."""
        facets, rows = self._facets, self._rows
        if facets is None and rows.exact:
            return max(0, rows.high - rows.low + 1), True
        if facets is not None and rows.exact:
            newest = sum(1 for _ in self._after_sums(-1))
            return sum(count for _, _, count in facets) + newest + len(self._matches), True
        lowest = max(rows.low, rows.high - MAX_SEARCHED + 1)
        if rows.measures and few(self._connection, rows, self._allowed):
            found = len(self._matches) + sum(1 for _ in self._after_sums(MAX_COUNTED + 1))
            for block in blocks(self._connection, rows, self._allowed):
                if found > MAX_COUNTED or block.last < lowest:
                    return min(found, MAX_COUNTED), False
                found += self._count(block.sql, block.values)
        else:
            condition, (_, *values) = self._scanned()
            found = self._count(f"FROM requests WHERE {condition}", (lowest, *values))
            return min(found, MAX_COUNTED), found <= MAX_COUNTED and lowest <= rows.low
        return min(found, MAX_COUNTED), found <= MAX_COUNTED

    def _count(self, sql: str, values: tuple[Any, ...]) -> int:
        counted = self._connection.execute(
            f"SELECT count(*) FROM (SELECT 1 {sql} LIMIT ?)", (*values, MAX_COUNTED + 1)
        )
        return int(counted.fetchone()[0])

    @property
    def _allowed(self) -> list[int] | None:
        return None if self._facets is None else [facet for facet, _, _ in self._facets]

    def _after_sums(self, limit: int) -> Iterator[int]:
        """Those that the sums do not know of yet, or the peaks where it goes by those."""
        rows, facets = self._rows, self._allowed
        inside = "" if facets is None else f" AND +facet IN ({listed(facets)})"
        first = max(rows.low, rows.summed + 1)
        found = self._connection.execute(
            f"SELECT id FROM requests WHERE id BETWEEN ? AND ?{rows.sql}{inside}"
            f" ORDER BY id {self._order} LIMIT ?",
            (unpeaked(rows) if rows.measures else first, rows.high, *rows.values, limit),
        )
        return (id for (id,) in found)

    def _peaked(self, limit: int) -> Iterator[int]:
        for block in blocks(self._connection, self._rows, self._allowed, up=self.up):
            sql = f"SELECT id {block.sql} ORDER BY id {self._order} LIMIT ?"
            yield from [id for (id,) in self._connection.execute(sql, (*block.values, limit))]

    def _merged(self, facets: Sequence[tuple[int, int, int]], limit: int) -> Iterator[int]:
        """Those of all facets: only those are opened whose next may be the next."""
        rows, sign = self._rows, 1 if self.up else -1
        high = min(rows.high, rows.summed)
        sql = (
            f"SELECT id FROM requests WHERE facet = ? AND id BETWEEN ? AND ?{rows.sql}"
            f" ORDER BY id {self._order} LIMIT ?"
        )
        # By where each begins, the next at the end; it may turn out to begin later.
        waiting = sorted(self._begins(facets, high), reverse=True)
        heap: list[tuple[int, list[int]]] = []
        while waiting or heap:
            while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
                _, facet = waiting.pop()
                values = (facet, rows.low, high, *rows.values, limit)
                found = [sign * id for (id,) in self._connection.execute(sql, values)]
                if found:
                    found.reverse()
                    heapq.heappush(heap, (found.pop(), found))
            if heap:
                number, rest = heap[0]
                yield sign * number
                if rest:
                    heapq.heapreplace(heap, (rest.pop(), rest))
                else:
                    heapq.heappop(heap)

    def _begins(
        self, facets: Sequence[tuple[int, int, int]], high: int
    ) -> Iterator[tuple[int, int]]:
        low = self._rows.low
        for facet, last, _ in facets:
            if not self.up:
                yield -min(last, high), facet
            elif last >= low:
                found = self._connection.execute(
                    "SELECT min(id) FROM requests WHERE facet = ? AND id >= ?", (facet, low)
                ).fetchone()[0]
                if found is not None:
                    yield found, facet

    def _scan(self, limit: int, skip: int) -> list[int]:
        condition, values = self._scanned()
        found = self._connection.execute(
            f"SELECT id FROM requests WHERE {condition} ORDER BY id {self._order} LIMIT ? OFFSET ?",
            (*values, limit, skip),
        )
        return [id for (id,) in found]

    def _scanned(self) -> tuple[str, tuple[Any, ...]]:
        rows, facets = self._rows, self._allowed
        condition = f"id BETWEEN ? AND ?{rows.sql}"
        values: tuple[Any, ...] = (rows.low, rows.high, *rows.values)
        if facets is not None:
            # ``+``: in the order of ``id``, since by facet they would have to be sorted.
            numbers, matches = listed(facets), listed(self._matches)
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
        by_words = set(self._allowed or ())
        ids = [
            id
            for id, facet in found
            if facet not in by_words and (allowed is None or facet in allowed)
        ]
        return sorted(ids, reverse=not self.up)
