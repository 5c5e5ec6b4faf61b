"""Numbers over a stretch of time, as pages show them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from aigw_asgi.dashboard.log_query import Window
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.stores.request_log import MAX_POINTS, Point


class Totals(Shape, frozen=True, kw_only=True):
    """Sums. Times are ``None`` where nothing was measured, and so are rates where there
    was no request."""

    total_entries: int
    error_count: int
    error_rate: float | None
    """From 0 to 1."""
    requests_per_second: float
    tokens_per_second: float
    """Generated ones."""
    avg_latency_ms: float | None
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    p50_first_content_ms: float | None
    p95_first_content_ms: float | None
    input_tokens: int
    output_tokens: int
    total_tokens: int
    total_cost: Decimal
    """USD, of those with a known price."""


def totals(point: Point, window: Window) -> Totals:
    seconds = window.seconds
    return Totals(
        total_entries=point.requests,
        error_count=point.failed,
        error_rate=round(point.failed / point.requests, 6) if point.requests else None,
        requests_per_second=round(point.requests / seconds, 6),
        tokens_per_second=round(point.output_tokens / seconds, 6),
        avg_latency_ms=point.mean_ms,
        p50_latency_ms=point.p50_ms,
        p95_latency_ms=point.p95_ms,
        p99_latency_ms=point.p99_ms,
        p50_first_content_ms=point.first_content_p50_ms,
        p95_first_content_ms=point.first_content_p95_ms,
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        total_tokens=point.input_tokens + point.output_tokens,
        total_cost=point.cost,
    )


def filled(series: Iterable[Point], window: Window, step: int) -> tuple[Point, ...]:
    """``series``, whose points stand at multiples of ``step`` seconds, with a point for each
    stretch in which nothing happened. Where the log chose coarser stretches it stays as it
    is."""
    length = step * 1000
    known = {point.at: point for point in series}
    first, last = window.since // length, window.until // length
    if last - first >= MAX_POINTS or any(at % length for at in known):
        return tuple(known.values())
    empty = [at * length for at in range(first, last + 1) if at * length not in known]
    known.update((at, replace(NOTHING, at=at)) for at in empty)
    return tuple([known[at] for at in sorted(known)])


NOTHING = Point(
    at=0,
    requests=0,
    failed=0,
    input_tokens=0,
    output_tokens=0,
    cost=Decimal(0),
    mean_ms=None,
    p50_ms=None,
    p95_ms=None,
    p99_ms=None,
    first_content_p50_ms=None,
    first_content_p95_ms=None,
)
