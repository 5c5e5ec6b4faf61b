"""The highest values of many requests, to pass over those that hold none high enough.

Requests fall into blocks by their number, and ``peaks`` has a row for each block and each
facet with requests in it: the longest latency, the highest cost and so on. Where a query
wants a value that few requests reach, nearly all blocks are passed over by a look at a
table that is a hundredth of the requests; and each facet of a block that is not has a
request that is meant, if one value is all that is asked for, so that a page is full soon.

Peaks know of the requests up to ``counter.summed``, as the other sums do. Those of a
block may be of requests that were forgotten: that costs a look in vain.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from itertools import groupby

from msgspec import Struct

from aigw_asgi.stores.sqlite.log_conditions import Conditions, listed

BLOCK = 8192
"""Requests of a block: it takes half a millisecond to look at all of them."""

BY_INDEX = 10
"""How many times longer it takes to find a request by its facet than to pass over it."""

ADD = (
    "INSERT INTO peaks (block, facet, rows, us, first_us, cost, attempts)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET rows = rows + excluded.rows,"
    " us = max(us, excluded.us), first_us = max(first_us, excluded.first_us),"
    " cost = max(cost, excluded.cost), attempts = max(attempts, excluded.attempts)"
)


class Block(Struct, frozen=True):
    """Requests of one block that are meant, as the end of a statement."""

    sql: str
    """From ``FROM`` on."""
    values: tuple[int, ...]


def blocks(
    connection: sqlite3.Connection,
    rows: Conditions,
    facets: Collection[int] | None,
    *,
    up: bool = False,
) -> Iterator[Block]:
    """Where requests that meet ``rows`` can be, of those that the sums know of; the blocks
    with the highest numbers first, or last. ``facets`` may be ``None``: all."""
    high = min(rows.high, rows.summed)
    inside = "" if facets is None else f" AND facet IN ({listed(facets)})"
    peaks = connection.execute(
        f"SELECT block, facet, rows FROM peaks WHERE block BETWEEN ? AND ?{rows.measures}{inside}"
        f" ORDER BY block {'ASC' if up else 'DESC'}",
        (rows.low // BLOCK, high // BLOCK, *rows.measured),
    )
    for block, found in groupby(peaks, lambda peak: int(peak[0])):
        meant = list(found)
        numbers = listed(facet for _, facet, _ in meant)
        source, condition = "requests", ""
        if sum([count for _, _, count in meant]) * BY_INDEX < BLOCK:
            source = "requests INDEXED BY requests_facet"
            condition = f" AND facet IN ({numbers})"
        elif facets is not None:
            condition = f" AND +facet IN ({numbers})"  # in the order of ``id``
        yield Block(
            f"FROM {source} WHERE id BETWEEN ? AND ?{rows.sql}{condition}",
            (max(rows.low, block * BLOCK), min(high, block * BLOCK + BLOCK - 1), *rows.values),
        )
