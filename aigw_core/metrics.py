"""What the gateway did, since it started: what is counted when, and how it is shown.

Requests are what clients asked for, attempts what went to upstreams: one request may
take several. Whatever a client or an upstream can name is bounded: names beyond the
first ``MAX_LABELS`` of their table are counted as ``other``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from aigw_core.accounting import tokens_used
from aigw_core.chat import Usage
from aigw_core.counters import (
    KINDS,
    LATENCY_MS,
    LATENCY_REST,
    MAX_LABELS,
    OTHER,
    TTFT_MS,
    TTFT_REST,
    Counters,
    add_to,
    label_in,
)
from aigw_core.errors import Failure
from aigw_core.prometheus import Family, Histogram, Labels, counter, gauge, histogram
from aigw_core.record import ExchangeRecord

_NOTHING = Decimal(0)


class Metrics(Counters):
    """The one owner of the counters. ``observe`` each finished request once."""

    def observe(self, record: ExchangeRecord) -> None:
        self._streams += record.stream
        self._judged += record.judged
        self._breaches += record.breach is not None
        self._cancelled += record.client_left
        self._count_request(record.endpoint, record.format, record.status, stream=record.stream)
        if record.failure is not None and not record.client_left:
            self._errors += 1
            self._failures[record.failure.kind] += 1
        self._observe_times(record)
        self._observe_attempts(record)
        self._observe_use(record)
        add_to(self._by_format, record.format, 1)

    def refused(self, status: int, failure: Failure) -> None:
        """A request was turned down before it became an exchange."""
        self._errors += 1
        self._failures[failure.kind] += 1
        self._count_request("none", "none", status, stream=False)

    def limited(self, limit: str, key: str) -> None:
        """A client key was at a limit; ``refused`` counts the request."""
        add_to(self._limited, limit, 1)
        self._key(key).limited += 1

    def _count_request(self, endpoint: str, format: str, status: int, *, stream: bool) -> None:
        status_class = f"{status // 100}xx"
        add_to(self._by_status, status_class, 1)
        labels = (
            ("endpoint", endpoint),
            ("format", format),
            ("status", status_class),
            ("stream", "true" if stream else "false"),
        )
        self._requests[labels] = self._requests.get(labels, 0) + 1

    def _observe_times(self, record: ExchangeRecord) -> None:
        seconds = record.seconds
        self._latency[_bucket(seconds * 1000, LATENCY_MS, LATENCY_REST)] += 1
        self._total[record.stream].observe(seconds)
        if record.overhead is not None:
            self._overhead.observe(record.overhead)
        if record.first_content is None:
            return
        self._ttft[_bucket(record.first_content * 1000, TTFT_MS, TTFT_REST)] += 1
        if record.stream:
            self._first.observe(record.first_content)
            # The mean of a stream stands for each of its gaps: a clock read and a
            # bucket for every piece would cost more than the translation's policy.
            gaps = record.pieces - 1
            if gaps > 0:
                self._gap.observe(record.flowing / gaps, gaps)

    def _observe_attempts(self, record: ExchangeRecord) -> None:
        before = ""
        for attempt in record.attempts:
            failed = attempt.failure is not None
            self._failed_attempts += failed
            # Models are counted by the upstream's name: clients cannot invent those.
            model = add_to(self._by_model, attempt.model, 1)
            provider = add_to(self._by_provider, attempt.provider, 1)
            labels: Labels = (
                ("model", model),
                ("outcome", "failed" if failed else "ok"),
                ("provider", provider),
            )
            if labels not in self._attempts:
                labels = self._room_for(labels)
            self._attempts[labels] = self._attempts.get(labels, 0) + 1
            if before:
                self._retries += 1
                self._failovers += before != attempt.credential
            before = attempt.credential

    def _observe_use(self, record: ExchangeRecord) -> None:
        used = tokens_used(record.usage)
        key = self._key(record.key or "anonymous")
        key.requests += 1
        if not used:
            return
        self._estimated += record.usage_estimated
        key.tokens += used
        model = record.attempts[-1].model if record.attempts else OTHER
        label = label_in(self._tokens, model)
        kinds = self._tokens.get(label)
        if kinds is None:
            kinds = self._tokens[label] = dict.fromkeys((str(kind) for kind in KINDS), 0)
        for kind, count in _by_kind(record.usage).items():
            kinds[kind] += count
        if record.cost is None:
            self._unpriced += 1
            return
        self._cost += record.cost
        key.cost += record.cost
        label = label_in(self._costs, model)
        self._costs[label] = self._costs.get(label, _NOTHING) + record.cost

    @classmethod
    def merged(cls, dumps: Iterable[bytes], gone: Iterable[bytes] = ()) -> Metrics:
        """What several processes counted, as if one had seen all of it. ``gone``: dumps of
        those that are no more, and so answer nothing just now."""
        metrics = cls()
        for each in dumps:
            metrics.absorb(each)
        for each in gone:
            metrics.absorb(each, gone=True)
        return metrics

    # --- views ---------------------------------------------------------------

    def report(self, uptime: float, *, resting: int = 0) -> dict[str, Any]:
        """All counters as JSON values. ``uptime`` is in seconds; ``resting`` is how many
        targets are in a cooldown."""
        tokens = {kind: sum(each[kind] for each in self._tokens.values()) for kind in KINDS}
        total_input = tokens["input"] + tokens["cache_read"] + tokens["cache_write"]
        total_output = tokens["output"] + tokens["reasoning"]
        requests = sum(self._requests.values())
        whole = [self._total[False], self._total[True]]
        seconds, finished = sum(each.sum for each in whole), sum(each.count for each in whole)
        return {
            "total_requests": requests,
            "total_errors": self._errors,
            "total_cancelled": self._cancelled,
            "total_attempts": sum(self._attempts.values()),
            "failed_attempts": self._failed_attempts,
            "retries": self._retries,
            "failovers": self._failovers,
            "cooldowns": resting,
            "total_streams": self._streams,
            "checked_streams": self._judged,
            "illegal_streams": self._breaches,
            "in_flight": self.in_flight,
            "total_input_tokens": total_input,
            "total_output_tokens": total_output,
            "total_tokens": total_input + total_output,
            "tokens": tokens,
            "estimated_requests": self._estimated,
            "total_cost_usd": float(self._cost),
            "cost_by_model": {model: float(cost) for model, cost in self._costs.items()},
            "unpriced_requests": self._unpriced,
            "limits_refused": dict(self._limited),
            "latency_ms": dict(self._latency),
            "ttft_ms": dict(self._ttft),
            "avg_latency_ms": _mean_ms(seconds, finished),
            "avg_overhead_ms": _mean_ms(self._overhead.sum, self._overhead.count),
            "avg_ttft_ms": _mean_ms(self._first.sum, self._first.count),
            "avg_chunk_gap_ms": _mean_ms(self._gap.sum, self._gap.count),
            "error_rate": round(self._errors / requests, 6) if requests else 0.0,
            "requests_per_minute": round(requests / uptime * 60, 3) if uptime > 0 else 0.0,
            "active_providers": len(self._by_provider),
            "by_model": dict(self._by_model),
            "by_provider": dict(self._by_provider),
            "by_format": dict(self._by_format),
            "by_status": dict(self._by_status),
            "by_error": {kind: count for kind, count in self._failures.items() if count},
            "by_key": {name: key.report() for name, key in self._by_key.items()},
            "uptime_seconds": round(uptime, 3),
        }

    def distributions(self) -> dict[str, Histogram]:
        """The histograms, in seconds: ``total`` and ``stream_total`` of requests without
        and with a stream, ``first_content`` and ``chunk_gap`` of streams, ``overhead``."""
        return {
            "total": self._total[False],
            "stream_total": self._total[True],
            "first_content": self._first,
            "chunk_gap": self._gap,
            "overhead": self._overhead,
        }

    def families(self, uptime: float, cooldowns: Mapping[str, int]) -> list[Family]:
        """All counters for Prometheus. ``cooldowns``: resting targets, by credential."""
        keys = self._by_key
        tokens: dict[Labels, int] = {
            (("kind", kind), ("model", model)): count
            for model, kinds in self._tokens.items()
            for kind, count in kinds.items()
        }
        return [
            gauge("aigw_uptime_seconds", "Since the process started.", uptime),
            gauge("aigw_in_flight", "Requests that are being answered.", self.in_flight),
            counter("aigw_requests_total", "Requests of clients.", dict(self._requests)),
            counter("aigw_errors_total", "Requests that failed.", _one("kind", self._failures)),
            counter("aigw_cancelled_total", "Requests whose client left.", self._cancelled),
            counter("aigw_attempts_total", "Calls to upstreams.", dict(self._attempts)),
            counter("aigw_retries_total", "Attempts after a request's first.", self._retries),
            counter("aigw_failovers_total", "Retries at another credential.", self._failovers),
            counter(
                "aigw_checked_streams_total",
                "Streams checked while they were sent.",
                self._judged,
            ),
            counter(
                "aigw_illegal_streams_total", "Of those, the ones that broke rules.", self._breaches
            ),
            gauge(
                "aigw_cooldowns",
                "Targets that rest, by credential.",
                _one("credential", dict(list(cooldowns.items())[:MAX_LABELS])),
            ),
            counter(
                "aigw_limits_refused_total",
                "Requests beyond a limit of their key.",
                _one("limit", self._limited),
            ),
            counter("aigw_tokens_total", "Tokens by kind; the kinds are disjoint.", tokens),
            counter(
                "aigw_estimated_requests_total",
                "Requests whose usage is partly a guess.",
                self._estimated,
            ),
            counter("aigw_cost_usd_total", "Cost of answers.", _one("model", self._costs)),
            counter(
                "aigw_unpriced_requests_total",
                "Requests that used tokens of unknown price.",
                self._unpriced,
            ),
            counter(
                "aigw_key_requests_total",
                "Requests by client key.",
                {(("key", name),): key.requests for name, key in keys.items()},
            ),
            counter(
                "aigw_key_tokens_total",
                "Tokens by client key.",
                {(("key", name),): key.tokens for name, key in keys.items()},
            ),
            counter(
                "aigw_key_cost_usd_total",
                "Cost by client key.",
                {(("key", name),): key.cost for name, key in keys.items()},
            ),
            histogram(
                "aigw_request_seconds",
                "From the start of routing to the end of the answer.",
                {
                    (("stream", "true" if stream else "false"),): each
                    for stream, each in self._total.items()
                },
            ),
            histogram(
                "aigw_overhead_seconds",
                "What the gateway adds: from a request that was read to one that is sent.",
                self._overhead,
            ),
            histogram(
                "aigw_time_to_first_token_seconds", "Of streams, to the first content.", self._first
            ),
            histogram(
                "aigw_chunk_gap_seconds",
                "Between the pieces of a stream; a stream's mean counts for each of them.",
                self._gap,
            ),
        ]


def _by_kind(usage: Usage) -> dict[str, int]:
    return {
        "input": (usage.input or 0) + (usage.tool_prompt or 0),
        "cache_read": usage.cache_read or 0,
        "cache_write": (usage.cache_write or 0) + (usage.cache_write_long or 0),
        "output": usage.output or 0,
        "reasoning": usage.reasoning or 0,
    }


def _mean_ms(seconds: float, count: int) -> float:
    return round(seconds / count * 1000, 3) if count else 0.0


def _bucket(value: float, bounds: tuple[tuple[int, str], ...], rest: str) -> str:
    for bound, label in bounds:
        if value < bound:
            return label
    return rest


def _one(label: str, table: Mapping[str, Any]) -> dict[Labels, Any]:
    """``table`` with its names as values of ``label``."""
    return {((label, name),): value for name, value in table.items()}
