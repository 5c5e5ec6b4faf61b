"""What the request log is asked, as SQL: all in one thread, on a connection of its own.
Which requests are meant is for :mod:`aigw_asgi.stores.sqlite.log_search`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aigw_asgi.stores.request_log import (
    MAX_PAGE,
    Detail,
    Entry,
    EntryDetail,
    Extent,
    Grouped,
    KeyUsage,
    Names,
    Page,
    Query,
    Stats,
)
from aigw_asgi.stores.sqlite.asking import Asking
from aigw_asgi.stores.sqlite.log_conditions import listed
from aigw_asgi.stores.sqlite.log_gather import gather
from aigw_asgi.stores.sqlite.log_groups import extent_of, groups_of, names_of
from aigw_asgi.stores.sqlite.log_rows import decode_capture, decode_detail
from aigw_asgi.stores.sqlite.log_schema import FACETS, PICO, ROW
from aigw_asgi.stores.sqlite.log_search import Search
from aigw_asgi.stores.sqlite.log_stats import Tally
from aigw_asgi.stores.sqlite.log_sums import TAIL, Sum, days_of
from aigw_core.capture import Capture

_EPOCH = date(1970, 1, 1)
_DAY = 86_400_000

_FIELDS = ", ".join(
    ["r.id", *(f"r.{name}" for name in ROW if name != "facet"), *(f"f.{name}" for name in FACETS)]
)
_ENTRIES = f"SELECT {_FIELDS} FROM requests r JOIN facets f ON f.id = r.facet"


class Reader(Asking):
    """Its questions block."""

    def __init__(self, file: Path, *, busy: float) -> None:
        super().__init__(file, "request log", busy=busy)

    # --- questions -----------------------------------------------------------

    def page(
        self,
        query: Query,
        limit: int,
        *,
        before: int | None = None,
        after: int | None = None,
        offset: int | None = None,
    ) -> Page:
        limit = max(1, min(limit, MAX_PAGE))

        def ask(connection: sqlite3.Connection) -> Page:
            search = Search(connection, query, before=before, after=after)
            ids = search.ids(limit + 1, offset or 0)
            total, exact = None, True
            if offset is not None:
                bare = before is None and after is None
                total, exact = (search if bare else Search(connection, query)).total()
            more, ids = len(ids) > limit, ids[:limit]
            ends = (min(ids), max(ids)) if ids else (None, None)
            further, above = (True, more) if search.up else (more, before is not None)
            return Page(
                tuple(_entries(connection, ids)),
                ends[0] if further else None,
                total,
                ends[1] if above else None,
                exact,
            )

        return self.ask(ask)

    def after(self, seq: int, limit: int) -> list[Entry]:
        def ask(connection: sqlite3.Connection) -> list[Entry]:
            found = connection.execute(
                f"{_ENTRIES} WHERE r.id > ? ORDER BY r.id LIMIT ?",
                (seq, max(1, min(limit, MAX_PAGE))),
            )
            return [_entry(row) for row in found]

        return self.ask(ask)

    def newest(self) -> int:
        def ask(connection: sqlite3.Connection) -> int:
            return int(connection.execute("SELECT last FROM counter").fetchone()[0])

        return self.ask(ask)

    def entry(self, request_id: str) -> EntryDetail | None:
        def ask(connection: sqlite3.Connection) -> EntryDetail | None:
            row = connection.execute(
                f"{_ENTRIES} WHERE r.request_id = ? ORDER BY r.id DESC LIMIT 1", (request_id,)
            ).fetchone()
            if row is None:
                return None
            found = connection.execute("SELECT data FROM details WHERE id = ?", (row[0],))
            data = found.fetchone()
            captured = connection.execute(
                "SELECT 1 FROM captures WHERE request_id = ? AND until > ?",
                (request_id, int(time.time() * 1000)),
            ).fetchone()
            detail = Detail() if data is None else decode_detail(data[0])
            return EntryDetail(_entry(row), detail, captured is not None)

        return self.ask(ask)

    def capture(self, request_id: str) -> Capture | None:
        def ask(connection: sqlite3.Connection) -> Capture | None:
            row = connection.execute(
                "SELECT data FROM captures WHERE request_id = ? AND until > ?",
                (request_id, int(time.time() * 1000)),
            ).fetchone()
            return None if row is None else decode_capture(row[0])

        return self.ask(ask)

    def stats(self, query: Query, step: int) -> Stats:
        return self.ask(lambda connection: _stats(connection, query, step))

    def groups(self, query: Query, step: int, by: Sequence[str], top: int) -> Grouped:
        return self.ask(lambda connection: groups_of(connection, query, step, by, top))

    def names(self) -> Names:
        return self.ask(names_of)

    def extent(self) -> Extent:
        return self.ask(extent_of)

    def key_usage(self, since: str, until: str) -> list[KeyUsage]:
        first, last = _day(since), _day(until)
        return self.ask(lambda connection: _key_usage(connection, first, last))


def _stats(connection: sqlite3.Connection, query: Query, step: int) -> Stats:
    names = connection.execute(
        "SELECT id, failed, status, model, provider, credential, key, error FROM facets"
    )
    known = {row[0]: row[1:] for row in names}
    tally, since = gather(connection, query, step, lambda step: Tally(step, known))
    return tally.stats(since)


def _key_usage(connection: sqlite3.Connection, first: int, last: int) -> list[KeyUsage]:
    found = {
        (day, key): numbers
        for day, key, *numbers in connection.execute(
            "SELECT * FROM days WHERE day BETWEEN ? AND ?", (first, last)
        )
    }
    rest: dict[tuple[int, int], Sum] = {}
    for at, facet, *numbers in connection.execute(
        f"SELECT {TAIL} FROM requests"
        " WHERE id > (SELECT summed FROM counter) AND at BETWEEN ? AND ?",
        (first * _DAY, (last + 1) * _DAY - 1),
    ):
        rest.setdefault((at // 60_000, facet), Sum()).add_request(*numbers)
    more = days_of(connection, ((minute, facet, sum) for (minute, facet), sum in rest.items()))
    for at_key, numbers in more.items():
        known = found.get(at_key, [0] * len(numbers))
        found[at_key] = [a + b for a, b in zip(known, numbers, strict=True)]
    return [
        KeyUsage(
            day=(_EPOCH + timedelta(day)).isoformat(),
            key=key,
            requests=requests,
            failed=failed,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            cost=_money(cost),
            unpriced=unpriced,
        )
        for (day, key), (requests, failed, tokens_in, tokens_out, cost, unpriced) in sorted(
            found.items()
        )
    ]


def _entries(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Entry]:
    if not ids:
        return []
    rows = connection.execute(f"{_ENTRIES} WHERE r.id IN ({listed(ids)}) ORDER BY r.id DESC")
    return [_entry(row) for row in rows]


def _entry(row: Sequence[Any]) -> Entry:
    seq, at, us, first, overhead, tokens_in, tokens_out, read, written, reasoning = row[:10]
    cost, bytes_out, attempts, place, config, request_id = row[10:16]
    facet = dict(zip(FACETS, row[16:], strict=True))
    method, path = facet["method"], facet["path"]
    if place is not None:
        method, _, path = place.partition(" ")
    return Entry(
        seq=seq,
        timestamp=at,
        request_id=request_id,
        endpoint=facet["endpoint"],
        method=method,
        path=path,
        format=facet["format"],
        stream=bool(facet["stream"]),
        status=facet["status"],
        failed=bool(facet["failed"]),
        client_left=bool(facet["client_left"]),
        error=facet["error"] or None,
        error_code=facet["error_code"] or None,
        stop=facet["stop"] or None,
        model=facet["model"] or None,
        served_model=facet["served_model"] or None,
        provider=facet["provider"] or None,
        credential=facet["credential"] or None,
        upstream_format=facet["upstream_format"] or None,
        relayed=bool(facet["relayed"]),
        key=facet["key"] or None,
        attempts=attempts,
        latency_ms=us / 1000,
        first_content_ms=None if first is None else first / 1000,
        overhead_ms=None if overhead is None else overhead / 1000,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        usage_estimated=bool(facet["usage_estimated"]),
        cost=None if cost is None else _money(cost),
        bytes_out=bytes_out,
        config=config,
    )


def _money(pico: int) -> Decimal:
    return Decimal(pico) / Decimal(PICO)


def _day(text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH).days
