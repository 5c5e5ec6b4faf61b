"""The query string of a question to the request log, up to the answer of the database."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from random import Random

import anyio

from aigw_asgi.dashboard.api import read_query
from aigw_asgi.dashboard.log_query import query_of
from aigw_asgi.dashboard.problem import ApiError
from aigw_asgi.dashboard.resources.logs import OPERATIONS, LogQuery
from aigw_asgi.http import HttpRequest
from aigw_asgi.stores.request_log import Entry, Query
from aigw_asgi.stores.sqlite.database import BUSY
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.log_reader import Reader
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from aigw_core.errors import GatewayError
from tests.asgi.stores.test_request_log import some_record
from tests.laws import hold

ENTRIES = 40

_OPERATION = next(each for each in OPERATIONS if each.query is LogQuery)


def check(data: bytes) -> None:
    """It is refused with a status of 4xx, or answered with what it asks for, the newest first."""
    scope = {"method": "GET", "path": "/", "headers": (), "query_string": data}
    try:
        asked = read_query(HttpRequest(scope), _OPERATION)
        query = query_of(asked)
    except ApiError as exc:
        hold(400 <= exc.status <= 499, f"a refusal of status {exc.status}")
        return
    except GatewayError:
        return
    page = _log().page(query, asked.limit, before=asked.before, after=asked.after)
    hold(len(page.entries) <= asked.limit, "more than were asked for")
    numbers = [entry.seq for entry in page.entries]
    hold(numbers == sorted(set(numbers), reverse=True), f"not in order: {numbers}")
    for entry in page.entries:
        hold(_meant(entry, query), f"{query} does not mean {entry}")
        hold(asked.before is None or entry.seq < asked.before, "not before")
        hold(asked.after is None or entry.seq > asked.after, "not after")
    if not query.text and asked.before is None and asked.after is None:
        every = [e for e in _every() if _meant(e, query)][: asked.limit]
        hold(numbers == [entry.seq for entry in every], f"{len(numbers)} of {len(every)}")


def _meant(entry: Entry, query: Query) -> bool:
    return (
        all(
            _fits(getattr(entry, name), getattr(query, name))
            for name in ("model", "served_model", "provider", "credential", "key")
        )
        and _fits(entry.format, query.format)
        and _fits(entry.error, query.error)
        and (query.since is None or entry.timestamp >= query.since)
        and (query.until is None or entry.timestamp <= query.until)
        and (query.min_cost is None or (entry.cost is not None and entry.cost >= query.min_cost))
        and query.status in (None, entry.status)
        and query.status_class in (None, entry.status // 100)
        and query.stream in (None, entry.stream)
        and query.failed in (None, entry.failed)
        and (query.attempts_over is None or entry.attempts > query.attempts_over)
        and _reaches(entry.first_content_ms, query.min_first_content_ms)
        and _reaches(entry.latency_ms, query.min_latency_ms)
    )


def _reaches(value: float | None, least: float | None) -> bool:
    # Kept in whole microseconds.
    return least is None or (value is not None and value >= least - 0.001)


def _fits(value: str | None, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return fnmatchcase(value or "", pattern.replace("[", "[[]").replace("?", "[?]"))


@cache
def _log() -> Reader:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    dice = Random(1)

    async def fill() -> None:
        log = SqliteRequestLog(folder, Retention())
        for number in range(ENTRIES):
            log.append(some_record(dice, number, alike=False), "/v1/chat/completions")
        await log.flush(60)
        await log.aclose()

    anyio.run(fill)
    reader = Reader(folder / "requests.db", busy=BUSY)
    atexit.register(reader.close)
    return reader


@cache
def _every() -> list[Entry]:
    return list(_log().page(Query(), ENTRIES).entries)
