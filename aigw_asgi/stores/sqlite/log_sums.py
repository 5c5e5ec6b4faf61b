"""Sums up requests that were written, in the tables that charts and pages read.

From the rows themselves, and not as they are written: so a sum is written once for many
requests, and a process that dies takes none with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from aigw_asgi.stores.sqlite.lanes import one, pack, unpack
from aigw_asgi.stores.sqlite.log_peaks import add_peaks

STEP = 5000
"""Requests that are summed up in one transaction."""

TAIL = "at, facet, us, first_us, input, output, cost"
"""The columns of what is added by itself: ``add_request`` takes those after the first two."""

_MAX = 1 << 62
"""Of a sum: upstreams may claim any number of tokens, and what does not fit is an error."""

_MINUTE = "requests, us, input, output, cost, latency, first"
_ADD_DAY = (
    "INSERT INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " requests = requests + excluded.requests, failed = failed + excluded.failed,"
    f" input = min(input + excluded.input, {_MAX}),"
    f" output = min(output + excluded.output, {_MAX}), cost = min(cost + excluded.cost, {_MAX}),"
    " unpriced = unpriced + excluded.unpriced"
)
_ADD_MARK = (
    "INSERT INTO marks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
    " first = min(first, excluded.first), last = max(last, excluded.last)"
)


class Sum:
    """Of some requests. Histograms are those of :mod:`aigw_asgi.stores.sqlite.lanes`."""

    __slots__ = ("cost", "first", "input", "latency", "output", "requests", "unpriced", "us")

    def __init__(self) -> None:
        self.requests = self.us = self.input = self.output = self.cost = self.unpriced = 0
        self.latency = self.first = 0

    def add_request(
        self,
        us: int,
        first: int | None,
        tokens_in: int | None,
        tokens_out: int | None,
        cost: int | None,
    ) -> None:
        self.requests += 1
        self.us += us
        self.latency += one(us)
        if first is not None:
            self.first += one(first)
        used = (tokens_in or 0) + (tokens_out or 0)
        if used:
            self.input += tokens_in or 0
            self.output += tokens_out or 0
        if cost is not None:
            self.cost += cost
        elif used:
            self.unpriced += 1

    def add_row(
        self,
        requests: int,
        us: int,
        tokens_in: int,
        tokens_out: int,
        cost: int,
        latency: bytes,
        first: bytes,
    ) -> None:
        """Add one of ``minutes``: its columns after the key."""
        self.requests += requests
        self.us += us
        self.input += tokens_in
        self.output += tokens_out
        self.cost += cost
        self.latency += unpack(latency)
        self.first += unpack(first)

    def add(self, other: Sum) -> None:
        self.requests += other.requests
        self.us += other.us
        self.input += other.input
        self.output += other.output
        self.cost += other.cost
        self.unpriced += other.unpriced
        self.latency += other.latency
        self.first += other.first

    @property
    def row(self) -> tuple[int | bytes, ...]:
        """As ``add_row`` takes it."""
        return (
            self.requests,
            min(self.us, _MAX),
            min(self.input, _MAX),
            min(self.output, _MAX),
            min(self.cost, _MAX),
            pack(self.latency),
            pack(self.first),
        )


def sum_up(connection: sqlite3.Connection) -> bool:
    """Take the next requests in, inside of a transaction; whether there are more."""
    execute = connection.execute
    last, summed = execute("SELECT last, summed FROM counter").fetchone()
    if last == summed:
        return False
    end = min(last, summed + STEP)
    minutes: list[tuple[int, int, Sum]] = []
    facets: dict[int, list[int]] = {}
    marks: dict[int, list[int]] = {}
    for minute, facet, begin, newest, found in _groups(connection, summed, end):
        minutes.append((minute, facet, found))
        count = facets.setdefault(facet, [0, 0])
        count[0] += found.requests
        count[1] = max(count[1], newest)
        mark = marks.setdefault(minute, [begin, newest])
        mark[0], mark[1] = min(mark[0], begin), max(mark[1], newest)
    connection.executemany(
        "UPDATE facets SET rows = rows + ?, last = ? WHERE id = ?",
        [(count, newest, facet) for facet, (count, newest) in facets.items()],
    )
    connection.executemany(_ADD_MARK, [(minute, *ends) for minute, ends in marks.items()])
    days = days_of(connection, minutes)
    connection.executemany(_ADD_DAY, [(*key, *numbers) for key, numbers in days.items()])
    for minute, facet, found in minutes:
        _add_minute(connection, minute, facet, found)
    add_peaks(connection, summed, end)
    execute("UPDATE counter SET summed = ?", (end,))
    return bool(end < last)


def _groups(
    connection: sqlite3.Connection, after: int, end: int
) -> Iterable[tuple[int, int, int, int, Sum]]:
    """Minute, facet, first and last number, and what these requests took. Row by row SQLite
    would give Python's lock away and ask for it again, so it does the most of it itself."""
    rows = connection.execute(
        "SELECT at / 60000, facet, min(id), max(id), count(*), sum(us),"
        " ifnull(sum(input), 0), ifnull(sum(output), 0), ifnull(sum(cost), 0),"
        " sum(cost IS NULL AND ifnull(input, 0) + ifnull(output, 0) > 0),"
        " group_concat(us), group_concat(first_us)"
        " FROM requests WHERE id > ? AND id <= ? GROUP BY 1, 2",
        (after, end),
    )
    for minute, facet, begin, newest, *numbers, latencies, firsts in rows:
        found = Sum()
        found.requests, found.us, found.input, found.output, found.cost, found.unpriced = numbers
        found.latency = sum([one(int(us)) for us in latencies.split(",")])
        if firsts:
            found.first = sum([one(int(us)) for us in firsts.split(",")])
        yield minute, facet, begin, newest, found


def days_of(
    connection: sqlite3.Connection, sums: Iterable[tuple[int, int, Sum]]
) -> dict[tuple[int, str], list[int]]:
    """By day and key, in the order of the columns of ``days``. Each of ``sums`` has its
    minute and its facet."""
    found: dict[tuple[int, str], list[int]] = {}
    names: dict[int, tuple[str, int]] = {}
    for minute, facet, each in sums:
        if facet not in names:
            names[facet] = connection.execute(
                "SELECT key, failed FROM facets WHERE id = ?", (facet,)
            ).fetchone()
        key, failed = names[facet]
        day = found.setdefault((minute // 1440, key), [0] * 6)
        day[0] += each.requests
        day[1] += each.requests if failed else 0
        day[2] += each.input
        day[3] += each.output
        day[4] += each.cost
        day[5] += each.unpriced
    return found


def fold_hour(connection: sqlite3.Connection, before: int) -> bool:
    """Make one sum of those of the first hour that has several and ended before this
    minute, inside of a transaction; whether there was one."""
    found = connection.execute(
        "SELECT min(minute) FROM minutes WHERE minute < ? AND minute % 60 != 0",
        (before - before % 60,),
    ).fetchone()[0]
    if found is None:
        return False
    hour = found - found % 60
    sums: dict[int, Sum] = {}
    rows: list[Any] = connection.execute(
        f"SELECT facet, {_MINUTE} FROM minutes WHERE minute BETWEEN ? AND ?", (hour, hour + 59)
    ).fetchall()
    for facet, *row in rows:
        sums.setdefault(facet, Sum()).add_row(*row)
    connection.execute("DELETE FROM minutes WHERE minute BETWEEN ? AND ?", (hour, hour + 59))
    for facet, each in sums.items():
        _add_minute(connection, hour, facet, each)
    return True


def _add_minute(connection: sqlite3.Connection, minute: int, facet: int, more: Sum) -> None:
    """``more`` becomes the sum of both."""
    before = connection.execute(
        f"SELECT {_MINUTE} FROM minutes WHERE minute = ? AND facet = ?", (minute, facet)
    ).fetchone()
    if before is not None:
        more.add_row(*before)
    connection.execute(
        "INSERT OR REPLACE INTO minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (minute, facet, *more.row),
    )
