"""The highest values of many requests, to pass over those that hold none high enough.

Requests fall into blocks by their number, and ``peaks`` has a row for each block and each
facet with requests in it: the longest latency, the highest cost and so on. Where a query
wants a value that few requests reach, nearly all blocks are passed over by a look at a
table that is a fiftieth of the requests; and each facet of a block that is not has a
request that is meant, if one value is all that is asked for, so that a page is full soon.

A block has its peaks, in one statement, once all of its requests are summed up; those
after the last such block are looked at one by one. Peaks may be of requests that were
forgotten: that costs a look in vain.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from itertools import groupby

from msgspec import Struct

from aigw_asgi.stores.sqlite.log_conditions import Conditions, listed

BLOCK = 2048
"""Requests of a block: it takes a tenth of a millisecond to look at all of them."""

BY_INDEX = 10
"""How many times longer it takes to find a request by its facet than to pass over it."""

_ADD = """
    INSERT INTO peaks SELECT ?, facet, count(*), max(us), ifnull(max(first_us), -1),
        ifnull(max(cost), -1), max(attempts)
    FROM requests WHERE id BETWEEN ? AND ? GROUP BY facet
"""

SCAN = 4
"""Where blocks and facets with more than one request in so many would be looked at, all
of them are looked at sooner."""


class Block(Struct, frozen=True):
    """Requests of one block that are meant, as the end of a statement."""

    sql: str
    """From ``FROM`` on."""
    values: tuple[int, ...]
    last: int
    """The highest number that it may have."""


def add_peaks(connection: sqlite3.Connection, before: int, summed: int) -> None:
    """Of the blocks that ended with what was summed up from ``before`` on."""
    for first in range(_begin(before), _begin(summed), BLOCK):
        connection.execute(_ADD, (first // BLOCK, first, first + BLOCK - 1))


def unpeaked(rows: Conditions) -> int:
    """The lowest number without peaks, of those that may meet ``rows``."""
    return max(rows.low, _begin(rows.summed))


def _begin(summed: int) -> int:
    """Where the block begins that is not summed up, or not all of it."""
    return (summed + 1) // BLOCK * BLOCK


def few(connection: sqlite3.Connection, rows: Conditions, facets: Collection[int] | None) -> bool:
    """Whether going by ``blocks`` finds all sooner than a look at each request."""
    sql, values = _peaks("total(rows)", rows, facets)
    [held] = connection.execute(sql, values).fetchone()
    return bool(held * SCAN < rows.high - rows.low)


def blocks(
    connection: sqlite3.Connection,
    rows: Conditions,
    facets: Collection[int] | None,
    *,
    up: bool = False,
) -> Iterator[Block]:
    """Where requests that meet ``rows`` can be, of those below ``unpeaked``; the blocks
    with the highest numbers first, or last. ``facets`` may be ``None``: all."""
    sql, values = _peaks("block, facet, rows", rows, facets)
    peaks = connection.execute(f"{sql} ORDER BY block {'ASC' if up else 'DESC'}", values)
    for block, found in groupby(peaks, lambda peak: int(peak[0])):
        meant, first = list(found), block * BLOCK
        numbers = listed(facet for _, facet, _ in meant)
        source, condition = "requests", ""
        if sum([count for _, _, count in meant]) * BY_INDEX < BLOCK:
            source = "requests INDEXED BY requests_facet"
            condition = f" AND facet IN ({numbers})"
        elif facets is not None:
            condition = f" AND +facet IN ({numbers})"  # in the order of ``id``
        yield Block(
            f"FROM {source} WHERE id BETWEEN ? AND ?{rows.sql}{condition}",
            (max(rows.low, first), min(rows.high, first + BLOCK - 1), *rows.values),
            first + BLOCK - 1,
        )


def _peaks(
    columns: str, rows: Conditions, facets: Collection[int] | None
) -> tuple[str, tuple[int, ...]]:
    inside = "" if facets is None else f" AND facet IN ({listed(facets)})"
    sql = f"SELECT {columns} FROM peaks WHERE block BETWEEN ? AND ?{rows.measures}{inside}"
    ends = rows.low // BLOCK, rows.high // BLOCK
    return sql, (*ends, *rows.measured)
