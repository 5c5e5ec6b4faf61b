"""The request log by name: who had how many requests when, and which names there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aigw_asgi.stores.request_log import Extent, Group, Grouped, Known, Names, Query
from aigw_asgi.stores.sqlite.log_gather import gather
from aigw_asgi.stores.sqlite.log_schema import FACETS
from aigw_asgi.stores.sqlite.log_stats import point_of
from aigw_asgi.stores.sqlite.log_sums import Sum
from aigw_core.errors import ErrorKind

MAX_NAMES = 1000
"""Of one kind that are told: those that were used last."""

_THEIRS = frozenset(
    {
        ErrorKind.INVALID_REQUEST,
        ErrorKind.CONTEXT_LENGTH,
        ErrorKind.NOT_FOUND,
        ErrorKind.METHOD_NOT_ALLOWED,
        ErrorKind.TOO_LARGE,
        ErrorKind.UNSUPPORTED,
    }
)
"""What is the client's mistake also where an upstream has said so."""

_KINDS = {
    "models": "model",
    "served_models": "served_model",
    "providers": "provider",
    "credentials": "credential",
    "keys": "key",
    "errors": "error",
    "formats": "format",
    "upstream_formats": "upstream_format",
    "endpoints": "endpoint",
}


def groups_of(
    connection: sqlite3.Connection, query: Query, step: int, by: Sequence[str], top: int
) -> Grouped:
    keys: dict[int, tuple[str, ...]] = {}
    failed: set[int] = set()
    for number, *values in connection.execute(f"SELECT id, {', '.join(FACETS)} FROM facets"):
        facet = dict(zip(FACETS, values, strict=True))
        keys[number] = tuple([_name(facet, kind) for kind in by])
        if facet["failed"]:
            failed.add(number)
    tally, since = gather(connection, query, step, lambda step: _Groups(step, keys, failed))
    order = sorted(tally.whole, key=lambda names: (-tally.whole[names].requests, names))
    told, rest = order[:top], order[top:]
    groups = [tally.group([names], names, since) for names in told]
    newest = _newest(connection, keys, set(told), query.until)
    return Grouped(
        step=tally.step,
        groups=tuple([_with_newest(each, newest, tally.newest) for each in groups]),
        other=tally.group(rest, (), since) if rest else None,
    )


def _name(facet: Mapping[str, Any], kind: str) -> str:
    if kind == "status_class":
        return f"{facet['status'] // 100}xx"
    if kind == "outcome":
        return _outcome(facet)
    return str(facet[kind])


def _outcome(facet: Mapping[str, Any]) -> str:
    """Whose matter it is that a request failed."""
    if facet["client_left"]:
        return "left"
    if not facet["failed"]:
        return "ok"
    if facet["error"] in _THEIRS:
        return "client"
    if facet["provider"]:
        return "gateway" if facet["error"] == ErrorKind.INTERNAL else "upstream"
    return "client" if facet["status"] < 500 else "gateway"


class _Groups:
    """An :class:`~aigw_asgi.stores.sqlite.log_gather.Adder` by name and step."""

    def __init__(self, step: int, keys: Mapping[int, tuple[str, ...]], failed: set[int]) -> None:
        self.step = step
        self.whole: dict[tuple[str, ...], Sum] = {}
        self.newest: dict[tuple[str, ...], int] = {}
        """Of single requests, in Unix milliseconds."""
        self._keys = keys
        self._failed = failed
        self._steps: dict[tuple[str, ...], dict[int, Sum]] = {}
        self._failures: dict[tuple[tuple[str, ...], int], int] = {}

    def add_requests(self, rows: Iterable[Sequence[Any]]) -> None:
        step = self.step * 1000
        for at, facet, us, first, tokens_in, tokens_out, cost in rows:
            names = self._keys[facet]
            self._sum(names, at // step, facet, 1).add_request(
                us, first, tokens_in, tokens_out, cost
            )
            if at > self.newest.get(names, 0):
                self.newest[names] = at

    def add_minutes(self, rows: Iterable[Sequence[Any]]) -> None:
        minutes = max(1, self.step // 60)
        for minute, facet, requests, *rest in rows:
            names = self._keys[facet]
            self._sum(names, minute // minutes, facet, requests).add_row(requests, *rest)

    def _sum(self, names: tuple[str, ...], at: int, facet: int, requests: int) -> Sum:
        if names not in self.whole:
            self.whole[names] = Sum()
            self._steps[names] = {}
        self.whole[names].requests += requests  # the order of groups; the rest follows
        if facet in self._failed:
            self._failures[names, at] = self._failures.get((names, at), 0) + requests
        steps = self._steps[names]
        found = steps.get(at)
        if found is None:
            found = steps[at] = Sum()
        return found

    def group(
        self, members: Sequence[tuple[str, ...]], names: tuple[str, ...], since: int
    ) -> Group:
        """``members`` as one."""
        whole = Sum()
        steps: dict[int, Sum] = {}
        failures: dict[int, int] = {}
        for each in members:
            for at, found in self._steps[each].items():
                whole.add(found)
                if len(members) == 1:
                    steps[at] = found
                else:
                    steps.setdefault(at, Sum()).add(found)
                failures[at] = failures.get(at, 0) + self._failures.get((each, at), 0)
        return Group(
            names=names,
            whole=point_of(since, whole, sum(failures.values())),
            series=tuple(
                [
                    point_of(at * self.step * 1000, found, failures[at])
                    for at, found in sorted(steps.items())
                ]
            ),
        )


def _newest(
    connection: sqlite3.Connection,
    keys: Mapping[int, tuple[str, ...]],
    told: set[tuple[str, ...]],
    until: int | None,
) -> dict[tuple[str, ...], int]:
    """When the last request of each was, as far as the facets know; those that go on after
    the end of the query are left out."""
    last: dict[tuple[str, ...], int] = {}
    for facet, number in connection.execute("SELECT id, last FROM facets WHERE last > 0"):
        names = keys[facet]
        if names in told:
            last[names] = max(last.get(names, 0), number)
    found: dict[tuple[str, ...], int] = {}
    for names, number in last.items():
        row = connection.execute("SELECT at FROM requests WHERE id = ?", (number,)).fetchone()
        if row is not None and (until is None or row[0] <= until):
            found[names] = row[0]
    return found


def _with_newest(
    group: Group, known: Mapping[tuple[str, ...], int], seen: Mapping[tuple[str, ...], int]
) -> Group:
    newest = max(known.get(group.names, 0), seen.get(group.names, 0))
    return Group(group.names, group.whole, group.series, newest or None)


def names_of(connection: sqlite3.Connection) -> Names:
    """Facets are few, and know who used them last but for the newest seconds."""
    columns = ", ".join(_KINDS.values())
    tail = dict(
        connection.execute(
            "SELECT facet, max(id) FROM requests"
            " WHERE id > (SELECT summed FROM counter) GROUP BY +facet"
        )
    )
    found: dict[str, dict[str, int]] = {kind: {} for kind in _KINDS}
    for facet, last, *values in connection.execute(f"SELECT id, last, {columns} FROM facets"):
        newest = tail.get(facet, last)
        for kind, name in zip(_KINDS, values, strict=True):
            if name and newest:
                found[kind][name] = max(found[kind].get(name, 0), newest)
    return Names(**{kind: _known(connection, numbers) for kind, numbers in found.items()})


def _known(connection: sqlite3.Connection, numbers: Mapping[str, int]) -> tuple[Known, ...]:
    newest = sorted(numbers, key=lambda name: -numbers[name])[:MAX_NAMES]
    told = []
    for name in sorted(newest):
        row = connection.execute(
            "SELECT at FROM requests WHERE id = ?", (numbers[name],)
        ).fetchone()
        told.append(Known(name, None if row is None else row[0]))
    return tuple(told)


def extent_of(connection: sqlite3.Connection) -> Extent:
    low, high = connection.execute(
        "SELECT (SELECT min(id) FROM requests), last FROM counter"
    ).fetchone()
    if low is None:
        return Extent(newest=high, oldest=None, since=None)
    [since] = connection.execute("SELECT at FROM requests WHERE id = ?", (low,)).fetchone()
    return Extent(newest=high, oldest=low, since=since)
