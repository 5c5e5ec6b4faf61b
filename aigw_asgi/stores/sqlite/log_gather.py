"""Brings what a query means to whoever adds it up: by minutes, where those tell enough,
else by single requests."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from aigw_asgi.stores.request_log import MAX_POINTS, Query
from aigw_asgi.stores.sqlite.log_conditions import conditions_of, facets_of, listed
from aigw_asgi.stores.sqlite.log_peaks import blocks, unpeaked
from aigw_asgi.stores.sqlite.log_sums import TAIL

RAW_LIMIT = 3600
"""Seconds of which the single requests are summed up where minutes are too coarse."""


class Adder(Protocol):
    def add_requests(self, rows: Iterable[Sequence[Any]]) -> None:
        """As of ``log_sums.TAIL``."""

    def add_minutes(self, rows: Iterable[Sequence[Any]]) -> None:
        """Those of ``minutes``."""


_AdderType = TypeVar("_AdderType", bound=Adder)


def gather(
    connection: sqlite3.Connection, query: Query, step: int, make: Callable[[int], _AdderType]
) -> tuple[_AdderType, int]:
    """What ``make`` made, with all in it, and when the whole begins, in Unix milliseconds.
    ``make`` is given the step in seconds that there will be: ``step``, or a coarser one."""
    facets = facets_of(connection, query, with_text=True)
    inside = "" if facets is None else f" AND +facet IN ({listed(each[0] for each in facets)})"
    until = int(time.time() * 1000) if query.until is None else query.until
    since = query.since
    if since is None:
        found = connection.execute("SELECT min(minute) FROM minutes").fetchone()[0]
        since = until if found is None else found * 60_000
    step = max(1, step, -(-(until - since) // (MAX_POINTS * 1000)))
    rows = conditions_of(connection, query)
    # By minutes, but for what those do not tell.
    exact = rows.measured or (step < 60 and until - since <= RAW_LIMIT * 1000)
    adder = make(step if step < 60 and exact else -(-step // 60) * 60)
    low = rows.low
    if not exact:
        low = max(low, rows.summed + 1)
        adder.add_minutes(
            connection.execute(
                "SELECT minute, facet, requests, us, input, output, cost, latency, first"
                f" FROM minutes WHERE minute BETWEEN ? AND ?{inside}",
                (since // 60_000, until // 60_000),
            )
        )
    elif rows.measured:
        low = unpeaked(rows)
        for block in blocks(connection, rows, None if facets is None else [f[0] for f in facets]):
            adder.add_requests(connection.execute(f"SELECT {TAIL} {block.sql}", block.values))
    adder.add_requests(
        # ``+``: by the numbers of requests, which are bounded, not by the facets.
        connection.execute(
            f"SELECT {TAIL} FROM requests WHERE id BETWEEN ? AND ?{rows.sql}{inside}",
            (low, rows.high, *rows.values),
        )
    )
    return adder, since
