"""What a query means in terms of the tables: which facets, and what of single requests."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Struct

from aigw_asgi.stores.request_log import Query
from aigw_asgi.stores.sqlite.log_schema import PICO

_FOREVER = 1 << 62


class Conditions(Struct, frozen=True):
    """On single requests."""

    low: int
    high: int
    """Numbers of requests, inclusive; there may be others between."""
    summed: int
    """Up to which of them the facets know."""
    sql: str = ""
    values: tuple[int, ...] = ()
    measures: str = ""
    """Those of ``sql`` that a peak has to meet as well (see ``log_peaks``)."""
    measured: tuple[int, ...] = ()

    @property
    def exact(self) -> bool:
        """All of them hold by the numbers alone."""
        return not self.sql


_NOTHING = Conditions(1, 0, 0, " AND 0")


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
            if "\0" in text:  # where SQLite would stop to read the pattern
                return []
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
    # A NUL ends a question to SQLite wherever it stands, and is in no word.
    written = query.text.replace("\0", " ").split()
    words = [word for word in written if any(map(str.isalnum, word))]
    if with_text and query.text.strip():
        if not words:
            return []
        conditions.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" ".join('"' + word.replace('"', '""') + '"*' for word in words))
    if not conditions:
        return None
    sql = f"SELECT id, last, rows FROM facets WHERE {' AND '.join(conditions)}"
    return connection.execute(sql, values).fetchall()


def conditions_of(
    connection: sqlite3.Connection,
    query: Query,
    *,
    before: int | None = None,
    after: int | None = None,
) -> Conditions:
    """Cursors are exclusive."""
    low, high, summed = connection.execute(
        "SELECT (SELECT min(id) FROM requests), last, summed FROM counter"
    ).fetchone()
    if low is None:
        return _NOTHING
    last = high
    if before is not None:
        high = min(high, before - 1)
    if after is not None:
        low = max(low, after + 1)
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
        sql = " AND at BETWEEN ? AND ?"
        values = [since, until]
    measures, measured = "", []
    over = query.attempts_over
    for condition, least, unit in (
        ("us >= ?", query.min_latency_ms, 1000),
        ("first_us >= ?", query.min_first_content_ms, 1000),
        ("cost >= ?", query.min_cost, PICO),
        ("attempts >= ?", None if over is None else over + 1, 1),
    ):
        if least is not None:
            measures += f" AND {condition}"
            measured.append(_least(least, unit))
    return Conditions(
        low,
        high,
        summed,
        sql + measures,
        (*values, *measured),
        measures,
        tuple(measured),
    )


def _least(value: float | Decimal, unit: int) -> int:
    """The lowest whole number of units that reaches ``value``, as that is written. Nothing
    reaches what is no number."""
    exact = Decimal(str(value))
    if exact.is_nan():
        return _FOREVER
    return math.ceil(min(max(exact * unit, Decimal(0)), Decimal(_FOREVER)))


def listed(numbers: Iterable[int]) -> str:
    """Numbers of our own making: as many as there are, where values are limited."""
    return ",".join(map(str, numbers))
