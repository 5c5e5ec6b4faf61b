"""``logs``: what became of requests, as a list, in sums, and one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio.to_thread
from msgspec import UNSET, Meta, UnsetType, structs

from aigw_asgi.dashboard.capture_view import CaptureView, Streams, capture_view, streams
from aigw_asgi.dashboard.log_export import CONTENT_TYPES, Export
from aigw_asgi.dashboard.log_query import (
    Cursor,
    Limit,
    LogFilters,
    Step,
    Window,
    log_of,
    query_of,
    reading,
    step_of,
    window_of,
)
from aigw_asgi.dashboard.log_story import Bar, attempts_of, outcome, timeline
from aigw_asgi.dashboard.operation import Answer, Body, Call, Link, Operation, Shape
from aigw_asgi.dashboard.problem import ApiError, invalid, not_found
from aigw_asgi.dashboard.records import AppRecords, records
from aigw_asgi.dashboard.sums import Totals, filled, totals
from aigw_asgi.logs import REDACTOR
from aigw_asgi.stores.app_log import Wanted
from aigw_asgi.stores.request_log import (
    Attempted,
    Candidate,
    Entry,
    EntryDetail,
    Known,
    Point,
    Share,
)
from aigw_core.codecs import CODECS
from aigw_core.ledger import LedgerEntry
from aigw_core.replay import joined
from aigw_core.routing.target import Rejection

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState
    from aigw_core.capture import Capture

MAX_OFFSET = 10_000_000
"""Of a page by its number."""


# --- shapes ------------------------------------------------------------------


class LogQuery(LogFilters, frozen=True, kw_only=True):
    """Either by cursor (``before``, ``after``, ``limit``) or by page."""

    before: Cursor | None = None
    """Those below this number."""
    after: Cursor | None = None
    """Those next above this number; with ``before``, those between."""
    limit: Limit = 50
    page: Annotated[int, Meta(ge=1, le=MAX_OFFSET)] | None = None
    page_size: Limit = 50


class Retention(Shape, frozen=True, kw_only=True):
    """How much is kept."""

    max_rows: int | None
    """``None``: the log is not of the gateway's own configuration, as the next."""
    days: int | None
    oldest: int | None
    """When the oldest entry ended, in Unix milliseconds."""


class LogPage(Shape, frozen=True, kw_only=True):
    items: tuple[Entry, ...]
    """The newest first."""
    before: int | None
    """The cursor of the next page, of older ones; ``None``: this is the last."""
    after: int | None
    """The cursor of the next page, of newer ones; ``None``: there are none just now."""
    newest: int
    """The number of the newest entry, whether it is meant or not; 0: there is none."""
    retention: Retention
    total: int | UnsetType = UNSET
    """How many are meant in all. This and the following: of pages by number."""
    total_exact: bool | UnsetType = UNSET
    """``false``: there may be more than ``total``. What is asked of single requests (a latency,
    a cost) is counted up to 10,000, among the newest 131,072; go on by cursor."""
    page: int | UnsetType = UNSET
    page_size: int | UnsetType = UNSET
    total_pages: int | UnsetType = UNSET


class LogNames(Shape, frozen=True, kw_only=True):
    """What can be filtered by: the names that are in the log."""

    models: tuple[str, ...]
    served_models: tuple[str, ...]
    providers: tuple[str, ...]
    credentials: tuple[str, ...]
    keys: tuple[str, ...]
    errors: tuple[str, ...]
    formats: tuple[str, ...]
    upstream_formats: tuple[str, ...]
    endpoints: tuple[str, ...]


class DetailQuery(Body, frozen=True, kw_only=True):
    bodies: bool = True
    """With what was captured, where there is something."""


class LogDetail(Shape, frozen=True, kw_only=True):
    """One request, and all that is known of it."""

    entry: Entry
    outcome: str
    """What happened, in a sentence."""
    timeline: tuple[Bar, ...]
    attempts: tuple[Attempted, ...]
    candidates: tuple[Candidate, ...]
    """In the order to try."""
    rejections: tuple[Rejection, ...]
    ledger: tuple[LedgerEntry, ...]
    """What the translation could not carry."""
    upstream_status: int | None
    retry_after: float | None
    breach: str | None
    """The stream broke the rules of its format: in what."""
    captured: bool
    capture: CaptureView | None
    """``None``: it was not captured, or not asked for."""
    hint: str | None
    """How bodies come to be captured, where they are not."""


class StreamsQuery(Body, frozen=True, kw_only=True):
    offset: Annotated[int, Meta(ge=0, le=MAX_OFFSET)] = 0
    limit: Annotated[int, Meta(ge=1, le=2000)] = 500


class StatsQuery(LogFilters, frozen=True, kw_only=True):
    step: Step = "auto"


class LogStats(Totals, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Sums over a stretch of time: the last 24 hours, unless it says another."""

    from_: int
    """Unix milliseconds, inclusive, as is the next."""
    to: int
    step: int
    """Seconds of a stretch of the series."""
    previous: Totals
    """Of as long a time before."""
    series: tuple[Point, ...]
    """Without a gap."""
    models: tuple[Share, ...]
    """The ten that had the most requests, as those below."""
    providers: tuple[Share, ...]
    credentials: tuple[Share, ...]
    keys: tuple[Share, ...]
    errors: tuple[Share, ...]
    statuses: tuple[Share, ...]


class ExportQuery(LogFilters, frozen=True, kw_only=True, rename={"from_": "from", "as_": "as"}):
    as_: Literal["jsonl", "csv"] = "jsonl"
    """What kind of file. ``format`` may say it as well, but where it names that of clients,
    as elsewhere."""


# --- handlers ----------------------------------------------------------------


async def _list(call: Call) -> LogPage:
    asked: LogQuery = call.query
    log, query = log_of(call.state), query_of(asked)
    by_number = asked.page is not None
    if by_number and (asked.before is not None or asked.after is not None):
        raise invalid("/page", "a page has a number or a cursor, not both")
    number, size = asked.page or 1, asked.page_size
    with reading():
        if by_number:
            offset = (number - 1) * size
            if offset > MAX_OFFSET:
                raise invalid("/page", f"at most {MAX_OFFSET // size + 1}; go on by cursor")
            page = await log.page(query, limit=size, offset=offset)
        else:
            page = await log.page(query, limit=asked.limit, before=asked.before, after=asked.after)
        extent = await log.extent()
    settings = call.state.settings
    total = page.total if by_number and page.total is not None else UNSET
    return LogPage(
        items=page.entries,
        before=page.before,
        after=page.after,
        newest=extent.newest,
        retention=Retention(
            max_rows=None if settings is None else settings.request_log_rows,
            days=None if settings is None else settings.request_log_days,
            oldest=extent.since,
        ),
        total=total,
        total_exact=UNSET if total is UNSET else page.exact,
        page=number if by_number else UNSET,
        page_size=size if by_number else UNSET,
        total_pages=UNSET if total is UNSET else -(-total // size),
    )


async def _names(call: Call) -> LogNames:
    log = log_of(call.state)
    with reading():
        found = await log.names()
    return LogNames(**{kind: _told(getattr(found, kind)) for kind in LogNames.__struct_fields__})


def _told(names: tuple[Known, ...]) -> tuple[str, ...]:
    return tuple([each.name for each in names])


async def _one(call: Call) -> LogDetail:
    found = await _find(call)
    entry, detail = found.entry, found.detail
    capture = await _capture(call) if found.captured else None
    view = None
    if capture is not None and call.query.bodies:
        view = capture_view(capture, _hide(call.state))
    return LogDetail(
        entry=entry,
        outcome=outcome(entry, detail),
        timeline=timeline(entry, detail, capture),
        attempts=attempts_of(entry, detail),
        candidates=detail.candidates or _only(entry),
        rejections=detail.rejections,
        ledger=detail.ledger,
        upstream_status=detail.upstream_status,
        retry_after=detail.retry_after,
        breach=detail.breach,
        captured=capture is not None,
        capture=view,
        hint=None if capture is not None else _how_to_capture(call.state, entry),
    )


def _only(entry: Entry) -> tuple[Candidate, ...]:
    if not entry.credential:
        return ()
    return (Candidate(entry.credential, entry.served_model or ""),)


async def _find(call: Call) -> EntryDetail:
    """Raises ``ApiError``: there is no such request, or no log."""
    name = call.names["id"]
    log = log_of(call.state)
    with reading():
        found = await log.entry(name)
    if found is None:
        raise not_found("request", name)
    return found


async def _capture(call: Call) -> Capture | None:
    log = log_of(call.state)
    with reading():
        return await log.capture(call.names["id"])


async def _streams(call: Call) -> Streams:
    found = await _find(call)
    capture = await _capture(call) if found.captured else None
    if capture is None:
        raise ApiError(404, "not_captured", _how_to_capture(call.state, found.entry))
    hide, asked = _hide(call.state), call.query

    def join() -> Streams:
        return streams(
            capture, joined(capture, CODECS), hide, offset=asked.offset, limit=asked.limit
        )

    return await anyio.to_thread.run_sync(join)


def _how_to_capture(state: GatewayState, entry: Entry) -> str:
    policy = state.snapshot.capture
    if policy is None:
        return (
            "the bodies of this request were not kept; capture.enabled: true in the configuration"
            " keeps those of requests from then on"
        )
    key, model = entry.key or "anonymous", entry.model
    return (
        "the bodies of this request were not kept, or are not any more: capture in the"
        f" configuration keeps them for {policy.retention:g} seconds; its keys must match"
        f" {key!r} and its models {model!r}"
    )


def _hide(state: GatewayState) -> Any:
    REDACTOR.know(state.snapshot, state.settings)
    return REDACTOR.hide


async def _log(call: Call) -> AppRecords:
    return await records(call.state, Wanted(request_id=call.names["id"]), limit=1000)


async def _stats(call: Call) -> LogStats:
    asked: StatsQuery = call.query
    window = window_of(asked.from_, asked.to)
    step = step_of(asked.step, window)
    log = log_of(call.state)
    with reading():
        now = await log.stats(query_of(asked, window), step)
        before = await _whole(call, asked, window.before)
    whole = totals(now.whole, window)
    return LogStats(
        **{name: getattr(whole, name) for name in Totals.__struct_fields__},
        from_=window.since,
        to=window.until,
        step=step,
        previous=before,
        series=filled(now.series, window, step),
        models=now.models,
        providers=now.providers,
        credentials=now.credentials,
        keys=now.keys,
        errors=now.errors,
        statuses=now.statuses,
    )


async def _whole(call: Call, asked: LogFilters, window: Window) -> Totals:
    found = await log_of(call.state).stats(query_of(asked, window), round(window.seconds))
    return totals(found.whole, window)


async def _export(call: Call) -> Answer:
    asked: ExportQuery = call.query
    if asked.format in ("jsonl", "csv"):
        asked = structs.replace(asked, as_=asked.format, format=None)
    export = Export(log_of(call.state), query_of(asked), asked.as_)
    with reading():
        await export.open()
    moment = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    name = f"aigw-requests-{moment}.{asked.as_}"
    return Answer(
        export,
        {"content-disposition": f'attachment; filename="{name}"'},
        CONTENT_TYPES[asked.as_],
    )


# --- operations --------------------------------------------------------------

OPERATIONS = (
    Operation(
        method="GET",
        path="/logs",
        id="listLogs",
        summary="Requests, the newest first, by cursor or by page",
        handler=_list,
        query=LogQuery,
        answer=LogPage,
        problems=(404, 503),
        links=(Link("getLog", pointer="/items/0/request_id"),),
    ),
    Operation(
        method="GET",
        path="/logs/filters",
        id="logNames",
        summary="Names that requests can be filtered by",
        handler=_names,
        answer=LogNames,
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/logs/stats",
        id="logStats",
        summary="Sums over requests, with a series",
        handler=_stats,
        query=StatsQuery,
        answer=LogStats,
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/logs/export",
        id="exportLogs",
        summary="Requests as a file, as JSON lines or CSV",
        handler=_export,
        query=ExportQuery,
        answer=bytes,
        content_types=tuple(CONTENT_TYPES.values()),
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/logs/{id}",
        id="getLog",
        summary="One request, with all that is known of it",
        handler=_one,
        query=DetailQuery,
        answer=LogDetail,
        problems=(503,),
    ),
    Operation(
        method="GET",
        path="/logs/{id}/streams",
        id="getLogStreams",
        summary="What came and what went, side by side",
        handler=_streams,
        query=StreamsQuery,
        answer=Streams,
        problems=(503,),
    ),
    Operation(
        method="GET",
        path="/logs/{id}/log",
        id="getLogRecords",
        summary="What the gateway's own log says of a request",
        handler=_log,
        answer=AppRecords,
        problems=(503,),
    ),
)
