"""``metrics``: counters since the start, and sums of the request log over time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from aigw_asgi.admin import admin_document, merged_metrics
from aigw_asgi.dashboard.log_query import (
    LogFilters,
    Step,
    Window,
    log_of,
    query_of,
    reading,
    step_of,
    window_of,
)
from aigw_asgi.dashboard.operation import Call, Operation, Shape
from aigw_asgi.dashboard.sums import Totals, filled, totals
from aigw_asgi.routes import Endpoint
from aigw_asgi.stores.request_log import Group, Point
from aigw_core.prometheus import Histogram

MAX_FLOWS = 50


# --- shapes ------------------------------------------------------------------


class KeyMetrics(Shape, frozen=True, kw_only=True):
    requests: int
    tokens: int
    cost_usd: float
    limited: int


class MetricsReport(Shape, frozen=True, kw_only=True):
    """What all processes of this gateway counted since they began."""

    total_requests: int
    total_errors: int
    total_cancelled: int
    total_attempts: int
    failed_attempts: int
    retries: int
    failovers: int
    cooldowns: int
    total_streams: int
    checked_streams: int
    illegal_streams: int
    in_flight: int
    total_input_tokens: int
    total_output_tokens: int
    total_tokens: int
    tokens: dict[str, int]
    """By kind, which are disjoint."""
    estimated_requests: int
    total_cost_usd: float
    cost_by_model: dict[str, float]
    unpriced_requests: int
    limits_refused: dict[str, int]
    latency_ms: dict[str, int]
    """By bucket, as the next."""
    ttft_ms: dict[str, int]
    avg_latency_ms: float
    avg_overhead_ms: float
    avg_ttft_ms: float
    avg_chunk_gap_ms: float
    error_rate: float
    requests_per_minute: float
    active_providers: int
    by_model: dict[str, int]
    by_provider: dict[str, int]
    by_format: dict[str, int]
    by_status: dict[str, int]
    by_error: dict[str, int]
    by_key: dict[str, KeyMetrics]
    uptime_seconds: float


class SeriesQuery(LogFilters, frozen=True, kw_only=True):
    by: Literal[
        "model",
        "served_model",
        "provider",
        "credential",
        "format",
        "upstream_format",
        "key",
        "status",
        "error",
        "endpoint",
        "outcome",
    ]
    """``outcome`` is whose matter it was: ``ok``, ``client``, ``upstream``, ``gateway``, or
    ``left``: the client did."""
    step: Step = "auto"
    top: Annotated[int, Meta(ge=1, le=20)] = 8
    """Names that are told apart."""


class NamedSeries(Shape, frozen=True, kw_only=True):
    name: str
    """Empty: it had none. Of the rest: ``other``."""
    totals: Totals
    series: tuple[Point, ...]
    """Without a gap."""


class GroupedSeries(Shape, frozen=True, kw_only=True, rename={"from_": "from"}):
    from_: int
    """Unix milliseconds, inclusive, as is the next."""
    to: int
    step: int
    """Seconds."""
    by: str
    groups: tuple[NamedSeries, ...]
    """Those with the most requests first."""
    other: NamedSeries | None
    """All others together."""


class FlowQuery(LogFilters, frozen=True, kw_only=True):
    pass


class Flow(Shape, frozen=True, kw_only=True):
    """Requests of one way through the gateway."""

    format: str
    model: str
    """Empty: it was not read, as was none of those that were turned away early."""
    credential: str
    """Empty: it never went to one."""
    requests: int
    failed: int
    tokens: int


class Flows(Shape, frozen=True, kw_only=True, rename={"from_": "from"}):
    from_: int
    to: int
    flows: tuple[Flow, ...]
    """The ways with the most requests first, at most fifty."""
    total: int
    other: int
    """Requests that went another way."""


class Bucket(Shape, frozen=True, kw_only=True):
    over_ms: float
    up_to_ms: float | None
    """``None``: whatever is more."""
    count: int


class Distribution(Shape, frozen=True, kw_only=True):
    name: str
    """``total`` and ``stream_total``: whole requests without and with a stream;
    ``first_content``, ``chunk_gap``: of streams; ``overhead``: of the gateway."""
    count: int
    mean_ms: float | None
    buckets: tuple[Bucket, ...]


class Distributions(Shape, frozen=True, kw_only=True):
    """Since the processes began."""

    uptime_seconds: float
    distributions: tuple[Distribution, ...]


# --- handlers ----------------------------------------------------------------


async def _report(call: Call) -> MetricsReport:
    document = admin_document(call.state, Endpoint.METRICS)
    return msgspec.convert(document, MetricsReport, strict=False)


async def _series(call: Call) -> GroupedSeries:
    asked: SeriesQuery = call.query
    window = window_of(asked.from_, asked.to)
    step = step_of(asked.step, window)
    by = "status_class" if asked.by == "status" else asked.by
    log = log_of(call.state)
    with reading():
        found = await log.groups(query_of(asked, window), step, (by,), asked.top)
    return GroupedSeries(
        from_=window.since,
        to=window.until,
        step=found.step,
        by=asked.by,
        groups=tuple(named(each, window, found.step) for each in found.groups),
        other=None if found.other is None else named(found.other, window, found.step),
    )


def named(group: Group, window: Window, step: int) -> NamedSeries:
    return NamedSeries(
        name=group.names[0] if group.names else "other",
        totals=totals(group.whole, window),
        series=filled(group.series, window, step),
    )


async def _flow(call: Call) -> Flows:
    window = window_of(call.query.from_, call.query.to)
    log = log_of(call.state)
    by = ("format", "model", "credential")
    with reading():
        query = query_of(call.query, window)
        found = await log.groups(query, max(60, round(window.seconds)), by, MAX_FLOWS)
    other = 0 if found.other is None else found.other.whole.requests
    flows = tuple(_one_flow(each) for each in found.groups)
    return Flows(
        from_=window.since,
        to=window.until,
        flows=flows,
        total=sum(flow.requests for flow in flows) + other,
        other=other,
    )


def _one_flow(group: Group) -> Flow:
    format, model, credential = group.names
    whole = group.whole
    return Flow(
        format=format,
        model=model,
        credential=credential,
        requests=whole.requests,
        failed=whole.failed,
        tokens=whole.input_tokens + whole.output_tokens,
    )


async def _distributions(call: Call) -> Distributions:
    found = merged_metrics(call.state).distributions()
    return Distributions(
        uptime_seconds=round(call.state.uptime, 3),
        distributions=tuple(_distribution(name, each) for name, each in found.items()),
    )


def _distribution(name: str, histogram: Histogram) -> Distribution:
    bounds = [round(bound * 1000, 6) for bound in histogram.bounds]
    ends: list[Any] = [*bounds, None]
    count = histogram.count
    return Distribution(
        name=name,
        count=count,
        mean_ms=round(histogram.sum / count * 1000, 3) if count else None,
        buckets=tuple(
            Bucket(over_ms=over, up_to_ms=up_to, count=number)
            for over, up_to, number in zip([0.0, *bounds], ends, histogram.counts, strict=True)
        ),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        id="metrics",
        summary="What was counted since the gateway began",
        handler=_report,
        answer=MetricsReport,
    ),
    Operation(
        method="GET",
        path="/metrics/series",
        id="metricsSeries",
        summary="Requests over time, by name",
        handler=_series,
        query=SeriesQuery,
        answer=GroupedSeries,
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/metrics/flow",
        id="metricsFlow",
        summary="Where requests go: from client format by model to credential",
        handler=_flow,
        query=FlowQuery,
        answer=Flows,
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/metrics/distributions",
        id="metricsDistributions",
        summary="How latencies are spread",
        handler=_distributions,
        answer=Distributions,
    ),
)
