"""``overview``: all that the first page shows, in one answer."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta
from msgspec.structs import replace

from aigw_asgi.admin import merged_metrics
from aigw_asgi.dashboard.log_query import Moment, Window
from aigw_asgi.dashboard.operation import Body, Call, Operation, Shape
from aigw_asgi.dashboard.sums import NOTHING, Totals, filled, totals
from aigw_asgi.dashboard.views import CredentialHealth, HealthState, health_state
from aigw_asgi.stores.request_log import LogUnavailable, Point, Query
from aigw_core.access import anonymous_allowed
from aigw_core.routing.target import ECHO

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState
    from aigw_asgi.stores.request_log import Group, RequestLog

POINTS = 60
"""Of a small chart."""

ERRORS = 5
"""Causes that are told."""

MARKS = 40
"""Of each kind: the newest."""

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")


class OverviewQuery(Body, frozen=True, kw_only=True):
    window: Annotated[int, Meta(ge=60, le=604_800)] = 300
    """Seconds."""
    to: Moment | None = None
    """When it ends; default: now."""


class Mark(Shape, frozen=True, kw_only=True):
    """Something that may be why numbers change."""

    at: int
    """Unix milliseconds; of ``retried``: where their stretch begins."""
    kind: str
    """``reload``, ``reload_failed``, ``cooldown``, ``recovered`` or ``retried``."""
    credential: str | None = None
    """That rests, or is well again."""
    cause: str | None = None
    count: int = 1
    """Requests that took more than one upstream."""


class OutcomePoint(Shape, frozen=True, kw_only=True):
    """Requests of one stretch, by whose matter they were."""

    at: int
    """Where it begins, in Unix milliseconds."""
    ok: int = 0
    client: int = 0
    upstream: int = 0
    gateway: int = 0
    left: int = 0
    """Their clients did."""


class CredentialStrip(Shape, frozen=True, kw_only=True):
    health: CredentialHealth
    totals: Totals | None
    """``None``: there is no log to ask, as for all that follows."""
    requests: tuple[int, ...] = ()
    """Of sixty stretches, the oldest first."""
    failed: tuple[int, ...] = ()


class ErrorGroup(Shape, frozen=True, kw_only=True):
    """Failures of one cause."""

    error: str
    status: int
    credential: str
    """Empty: they never went to one."""
    model: str
    count: int
    newest: int | None
    """Unix milliseconds."""


class BaseUrls(Shape, frozen=True, kw_only=True):
    """What clients are told as the gateway's address."""

    openai: str
    anthropic: str
    gemini: str


class Overview(Shape, frozen=True, kw_only=True):
    window: int
    """Seconds."""
    to: int
    """When it ends, in Unix milliseconds."""
    step: int
    """Seconds of a stretch of the series."""
    health: HealthState
    in_flight: int
    now: Totals | None
    """``None``: there is no log to ask; ``problem`` says why."""
    previous: Totals | None
    """Of as long a time before."""
    series: tuple[Point, ...]
    """Sixty stretches, the oldest first."""
    outcomes: tuple[OutcomePoint, ...]
    """Of the same."""
    credentials: tuple[CredentialStrip, ...]
    errors: tuple[ErrorGroup, ...]
    """The newest first."""
    marks: tuple[Mark, ...]
    """The oldest first."""
    base_urls: BaseUrls
    key_needed: bool
    """Clients need one, wherever they are."""
    first_run: bool
    """There never was a request."""
    problem: str | None
    """Why what is of the request log is missing."""


async def _overview(call: Call) -> Overview:
    state, seconds = call.state, call.query.window
    until = call.query.to or int(time.time() * 1000)
    step = max(1, seconds // POINTS)
    if step >= 60:
        step -= step % 60  # the log has sums of minutes
    window = Window(max(0, until - seconds * 1000 + 1), until)
    health = health_state(state)
    metrics = merged_metrics(state)
    bare = Overview(
        window=seconds,
        to=until,
        step=step,
        health=health,
        in_flight=metrics.in_flight,
        now=None,
        previous=None,
        series=(),
        outcomes=(),
        credentials=tuple(CredentialStrip(health=each, totals=None) for each in health.credentials),
        errors=(),
        marks=_told_marks(state, window),
        base_urls=_base_urls(call),
        key_needed=not anonymous_allowed(state.snapshot, loopback=True),
        first_run=not metrics.report(state.uptime)["total_requests"],
        problem="no request log is kept: request-log.max-rows is 0",
    )
    if state.log is None:
        return bare
    try:
        return await _with_log(bare, state.log, window)
    except LogUnavailable as exc:
        return replace(bare, problem=str(exc))


async def _with_log(bare: Overview, log: RequestLog, window: Window) -> Overview:
    """Raises ``LogUnavailable``."""
    step = bare.step
    query = Query(since=window.since, until=window.until)
    before = window.before
    earlier = Query(since=before.since, until=before.until)
    stats = await log.stats(query, step)
    previous = await log.stats(earlier, max(60, round(window.seconds)))
    outcomes = (await log.groups(query, step, ("outcome",), 5)).groups
    used = (await log.groups(query, step, ("credential",), 1000)).groups
    failures = Query(since=window.since, until=window.until, failed=True)
    causes = ("error", "status", "credential", "model")
    errors = await log.groups(failures, max(60, round(window.seconds)), causes, 100)
    again = Query(since=window.since, until=window.until, attempts_over=1)
    retried = (await log.stats(again, step)).series
    extent = await log.extent()
    by_name = {each.names[0]: each for each in used}
    return replace(
        bare,
        now=totals(stats.whole, window),
        previous=totals(previous.whole, before),
        series=_points(stats.series, window, step),
        outcomes=_outcomes(outcomes, window, step),
        credentials=tuple(
            _strip(each, by_name.get(each.name), window, step) for each in bare.health.credentials
        ),
        errors=tuple(_error(each) for each in _newest(errors.groups)),
        marks=_with_retried(bare.marks, retried),
        first_run=not extent.newest,
        problem=None,
    )


def _told_marks(state: GatewayState, window: Window) -> tuple[Mark, ...]:
    """Without those that only the log knows of."""
    names = {each.id: each.name for each in state.snapshot.credentials if each.provider != ECHO}
    rests = [
        Mark(
            at=each.timestamp,
            kind="cooldown" if each.kind == "rests" else "recovered",
            credential=names[each.credential],
            cause=each.cause,
        )
        for each in state.journal.between(window.since, window.until)
        if each.credential in names
    ]
    past = () if state.reloader is None else state.reloader.history
    reloads = [
        Mark(at=at, kind="reload_failed" if each.outcome.problems else "reload")
        for each in past
        if window.since <= (at := round(each.at * 1000)) <= window.until
        and (each.outcome.changed or each.outcome.problems)
    ]
    return tuple(sorted([*rests[-MARKS:], *reloads[-MARKS:]], key=lambda mark: mark.at))


def _with_retried(marks: tuple[Mark, ...], series: tuple[Point, ...]) -> tuple[Mark, ...]:
    found = [
        Mark(at=point.at, kind="retried", count=point.requests)
        for point in series
        if point.requests
    ]
    return tuple(sorted([*marks, *found[-MARKS:]], key=lambda mark: mark.at))


def _points(series: tuple[Point, ...], window: Window, step: int) -> tuple[Point, ...]:
    return filled(series, window, step)[-POINTS:]


def _outcomes(groups: tuple[Group, ...], window: Window, step: int) -> tuple[OutcomePoint, ...]:
    series = {each.names[0]: _points(each.series, window, step) for each in groups}
    times = [point.at for point in _points((), window, step)]
    counts: dict[int, dict[str, int]] = {at: {} for at in times}
    for name, points in series.items():
        for point in points:
            counts.setdefault(point.at, {})[name] = point.requests
    return tuple(OutcomePoint(at=at, **counts[at]) for at in sorted(counts))


def _strip(
    health: CredentialHealth, group: Group | None, window: Window, step: int
) -> CredentialStrip:
    points = _points(() if group is None else group.series, window, step)
    whole = group.whole if group is not None else NOTHING
    return CredentialStrip(
        health=health,
        totals=totals(whole, window),
        requests=tuple(point.requests for point in points),
        failed=tuple(point.failed for point in points),
    )


def _newest(groups: tuple[Group, ...]) -> list[Group]:
    return sorted(groups, key=lambda each: (-(each.newest or 0), -each.whole.requests))[:ERRORS]


def _error(group: Group) -> ErrorGroup:
    error, status, credential, model = group.names
    return ErrorGroup(
        error=error,
        status=int(status),
        credential=credential,
        model=model,
        count=group.whole.requests,
        newest=group.newest,
    )


def _base_urls(call: Call) -> BaseUrls:
    """As the operator's own browser reaches the gateway."""
    host = call.request.headers.get("host", "")
    settings = call.state.settings
    if not _HOST.fullmatch(host):
        host = "127.0.0.1" if settings is None else f"{settings.host}:{settings.port}"
    base = f"{'https' if call.secure else 'http'}://{host}"
    return BaseUrls(openai=f"{base}/v1", anthropic=base, gemini=base)


OPERATIONS = (
    Operation(
        method="GET",
        path="/overview",
        id="overview",
        summary="All that the first page shows",
        handler=_overview,
        query=OverviewQuery,
        answer=Overview,
    ),
)
