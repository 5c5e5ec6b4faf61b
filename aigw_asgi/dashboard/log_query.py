"""What the request log is asked for over the API: filters, stretches of time, and what is
answered where there is no log to ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from aigw_asgi.dashboard.operation import Body
from aigw_asgi.dashboard.problem import ApiError, invalid
from aigw_asgi.stores.request_log import LogUnavailable, Query

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState
    from aigw_asgi.stores.request_log import RequestLog

MAX_SEQ = (1 << 53) - 1
"""Of a cursor, and of a time: what JavaScript counts to."""

DAY_MS = 86_400_000

Cursor = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Moment = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="Unix milliseconds")]
Limit = Annotated[int, Meta(ge=1, le=200)]
Name = Annotated[str, Meta(max_length=256)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e9)]
Step = Annotated[
    # Python's $ is also in front of a line end.
    str,
    Meta(pattern="^(auto|[1-9][0-9]{0,6})(?!\\n)$", description="Seconds of a stretch, or auto"),
]

_STEPS = ((900, 10), (3600, 60), (21_600, 300), (86_400, 900))
"""Seconds of a range, and of the stretches that it is shown in."""


class LogFilters(Body, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Which requests are meant: all that is said must hold. Names may have ``*`` in them."""

    from_: Moment | None = None
    """Inclusive, as is the next."""
    to: Moment | None = None
    provider: Name | None = None
    credential: Name | None = None
    model: Name | None = None
    """As the client asked for it."""
    served_model: Name | None = None
    key: Name | None = None
    """The client key's name."""
    format: Name | None = None
    """The client's."""
    upstream_format: Name | None = None
    endpoint: Name | None = None
    status: Annotated[str, Meta(pattern="^[1-5]([0-9][0-9]|xx)(?!\\n)$")] | None = None
    """A number, or a class as ``4xx``."""
    error: Name | None = None
    """A kind of failure."""
    stream: bool | None = None
    failed: bool | None = None
    retried: bool | None = None
    """More than one upstream was called."""
    min_latency_ms: Milliseconds | None = None
    min_first_content_ms: Milliseconds | None = None
    min_cost: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    """USD."""
    text: Annotated[str, Meta(max_length=200)] = ""
    """Beginnings of words in names, paths and errors, or the beginning of an identifier."""


class Window(Struct, frozen=True, gc=False):
    """A stretch of time, in Unix milliseconds, both ends inclusive."""

    since: int
    until: int

    @property
    def seconds(self) -> float:
        return (self.until - self.since + 1) / 1000

    @property
    def before(self) -> Window:
        """The one of the same length that ends where this begins."""
        length = self.until - self.since + 1
        return Window(max(0, self.since - length), max(0, self.since - 1))


def query_of(filters: LogFilters, window: Window | None = None) -> Query:
    """The question to the log; a ``window`` replaces the filters' times.

    Raises:
        ApiError: 422, the filters cannot be meant.
    """
    since, until = filters.from_, filters.to
    if window is not None:
        since, until = window.since, window.until
    if since is not None and until is not None and since > until:
        raise invalid("/to", "the end is before the beginning")
    status = filters.status or ""
    by_class = status.endswith("xx")
    if filters.retried is False:
        raise invalid("/retried", "only true can be asked for")
    return Query(
        since=since,
        until=until,
        model=filters.model,
        served_model=filters.served_model,
        provider=filters.provider,
        credential=filters.credential,
        key=filters.key,
        format=filters.format,
        upstream_format=filters.upstream_format,
        endpoint=filters.endpoint,
        error=filters.error,
        status=None if by_class or not status else int(status),
        status_class=int(status[0]) if by_class else None,
        stream=filters.stream,
        failed=filters.failed,
        min_latency_ms=filters.min_latency_ms,
        min_first_content_ms=filters.min_first_content_ms,
        min_cost=None if filters.min_cost is None else Decimal(str(filters.min_cost)),
        attempts_over=1 if filters.retried else None,
        text=filters.text,
    )


def window_of(since: int | None, until: int | None, usual: int = DAY_MS) -> Window:
    """From ``since`` to ``until``, which is now where it is not said, and ``usual``
    milliseconds long.

    Raises:
        ApiError: 422, it ends before it begins.
    """
    end = int(time.time() * 1000) if until is None else until
    begin = max(0, end - usual + 1) if since is None else since
    if begin > end:
        raise invalid("/to", "the end is before the beginning")
    return Window(begin, end)


def step_of(step: str, window: Window) -> int:
    """Seconds."""
    if step != "auto":
        return int(step)
    for longest, found in _STEPS:
        if window.seconds <= longest:
            return found
    return 3600


def log_of(state: GatewayState) -> RequestLog:
    """The request log.

    Raises:
        ApiError: 404, none is kept.
    """
    if state.log is None:
        raise ApiError(
            404,
            "no_request_log",
            "no request log is kept; set request-log.max-rows above 0 in the configuration and"
            " restart the gateway",
        )
    return state.log


@contextmanager
def reading() -> Iterator[None]:
    """Inside, a log that cannot be read becomes an answer that says so.

    Raises:
        ApiError: 503.
    """
    try:
        yield
    except LogUnavailable as exc:
        message = f"{exc}; look at the disk and the rights of the state folder, then try again"
        raise ApiError(503, "log_unavailable", message, retry_after=5) from exc
