"""Adds up what the request log has, for charts: by stretch of time, and by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aigw_asgi.stores.request_log import Point, Share, Stats
from aigw_asgi.stores.sqlite.lanes import percentile
from aigw_asgi.stores.sqlite.log_schema import PICO
from aigw_asgi.stores.sqlite.log_sums import Sum

TOP = 10
"""Names of one kind that are told, the largest."""

_NAMES = ("models", "providers", "credentials", "keys", "errors")


class Tally:
    """Give it rows, then ask for ``stats``.

    ``step`` is in seconds. ``facets`` says ``(failed, status, model, provider, credential,
    key, error)`` of each.
    """

    def __init__(self, step: int, facets: Mapping[int, Sequence[Any]]) -> None:
        self._step = step
        self._facets = facets
        self._steps: dict[int, Sum] = {}
        self._failures: dict[int, int] = {}  # by step
        self._shares: dict[int, list[int]] = {}  # by facet: requests, tokens, cost

    def add_requests(self, rows: Iterable[Sequence[Any]]) -> None:
        """As of ``log_sums.TAIL``."""
        step = self._step * 1000
        for at, facet, us, first, tokens_in, tokens_out, cost in rows:
            tokens = (tokens_in or 0) + (tokens_out or 0)
            found = self._step_of(at // step, facet, 1, tokens, cost or 0)
            found.add_request(us, first, tokens_in, tokens_out, cost)

    def add_minutes(self, rows: Iterable[Sequence[Any]]) -> None:
        """Those of ``minutes``."""
        minutes = max(1, self._step // 60)
        for minute, facet, requests, us, tokens_in, tokens_out, cost, latency, first in rows:
            tokens = tokens_in + tokens_out
            found = self._step_of(minute // minutes, facet, requests, tokens, cost)
            found.add_row(requests, us, tokens_in, tokens_out, cost, latency, first)

    def stats(self, since: int) -> Stats:
        """``since`` is when the whole begins, in Unix milliseconds."""
        whole = Sum()
        for found in self._steps.values():
            whole.add(found)
        series = [
            point_of(at * self._step * 1000, found, self._failures.get(at, 0))
            for at, found in sorted(self._steps.items())
        ]
        shares: dict[str, dict[str, list[int]]] = {name: {} for name in (*_NAMES, "statuses")}
        for facet, (requests, tokens, cost) in self._shares.items():
            failed, status, *names = self._facets[facet]
            told = dict(zip(_NAMES, names, strict=True))
            told["statuses"] = f"{status // 100}xx"
            for kind, name in told.items():
                if name:
                    share = shares[kind].setdefault(name, [0, 0, 0, 0])
                    share[0] += requests
                    share[1] += requests if failed else 0
                    share[2] += tokens
                    share[3] += cost
        return Stats(
            whole=point_of(since, whole, sum(self._failures.values())),
            series=tuple(series),
            **{kind: _largest(found) for kind, found in shares.items()},
        )

    def _step_of(self, at: int, facet: int, requests: int, tokens: int, cost: int) -> Sum:
        """The sum to add to; the share of the facet is noted."""
        share = self._shares.get(facet)
        if share is None:
            share = self._shares[facet] = [0, 0, 0]
        share[0] += requests
        share[1] += tokens
        share[2] += cost
        if self._facets[facet][0]:
            self._failures[at] = self._failures.get(at, 0) + requests
        found = self._steps.get(at)
        if found is None:
            found = self._steps[at] = Sum()
        return found


def _largest(shares: Mapping[str, list[int]]) -> tuple[Share, ...]:
    order = sorted(shares.items(), key=lambda item: (-item[1][0], item[0]))[:TOP]
    return tuple(
        [
            Share(name, requests, failed, tokens, Decimal(cost) / PICO)
            for name, (requests, failed, tokens, cost) in order
        ]
    )


def point_of(at: int, found: Sum, failed: int) -> Point:
    return Point(
        at=at,
        requests=found.requests,
        failed=failed,
        input_tokens=found.input,
        output_tokens=found.output,
        cost=Decimal(found.cost) / PICO,
        mean_ms=round(found.us / found.requests / 1000, 3) if found.requests else None,
        p50_ms=percentile(found.latency, 0.5),
        p95_ms=percentile(found.latency, 0.95),
        p99_ms=percentile(found.latency, 0.99),
        first_content_p50_ms=percentile(found.first, 0.5),
        first_content_p95_ms=percentile(found.first, 0.95),
    )
