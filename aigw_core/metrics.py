"""Counters of what the gateway did, since it started."""

from __future__ import annotations

from typing import Any

from aigw_core.record import ExchangeRecord

MAX_LABELS = 256
"""Names counted apart, per table; the rest are counted as ``other``."""

_LATENCY_MS = (
    (100, "<100"),
    (500, "100-499"),
    (1000, "500-999"),
    (5000, "1000-4999"),
    (30000, "5000-29999"),
)
_LATENCY_REST = ">=30000"
_TTFT_MS = ((50, "<50"), (100, "50-99"), (500, "100-499"), (1000, "500-999"), (5000, "1000-4999"))
_TTFT_REST = ">=5000"


class Metrics:
    """The one owner of the counters. ``observe`` each finished request once."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests = 0
        self._errors = 0
        self._cancelled = 0
        self._attempts = 0
        self._failed_attempts = 0
        self._streams = 0
        self._judged = 0
        self._breaches = 0
        self._tokens = dict.fromkeys(
            ("input", "cache_read", "cache_write", "output", "reasoning"), 0
        )
        self._latency = dict.fromkeys([label for _, label in _LATENCY_MS] + [_LATENCY_REST], 0)
        self._ttft = dict.fromkeys([label for _, label in _TTFT_MS] + [_TTFT_REST], 0)
        self._latency_sum_ms = 0.0
        self._by_model: dict[str, int] = {}
        self._by_provider: dict[str, int] = {}
        self._by_format: dict[str, int] = {}
        self._by_status: dict[str, int] = {}

    def observe(self, record: ExchangeRecord) -> None:
        self._requests += 1
        self._streams += record.stream
        self._judged += record.judged
        self._breaches += record.breach is not None
        self._cancelled += record.client_left
        self._errors += record.failure is not None and not record.client_left
        self._attempts += len(record.attempts)
        self._failed_attempts += sum(each.failure is not None for each in record.attempts)
        usage = record.usage
        self._tokens["input"] += usage.input or 0
        self._tokens["cache_read"] += usage.cache_read or 0
        self._tokens["cache_write"] += (usage.cache_write or 0) + (usage.cache_write_long or 0)
        self._tokens["output"] += usage.output or 0
        self._tokens["reasoning"] += usage.reasoning or 0
        self._latency_sum_ms += record.seconds * 1000
        self._latency[_bucket(record.seconds * 1000, _LATENCY_MS, _LATENCY_REST)] += 1
        if record.first_content is not None:
            self._ttft[_bucket(record.first_content * 1000, _TTFT_MS, _TTFT_REST)] += 1
        _count(self._by_format, record.format)
        _count(self._by_status, f"{record.status // 100}xx")
        for attempt in record.attempts:
            # Models are counted by the upstream's name: clients cannot invent those.
            _count(self._by_model, attempt.model)
            _count(self._by_provider, attempt.provider)

    def refused(self, status: int) -> None:
        """A request was turned down before it became an exchange."""
        self._requests += 1
        self._errors += 1
        _count(self._by_status, f"{status // 100}xx")

    def report(self, uptime: float) -> dict[str, Any]:
        """All counters as JSON values. ``uptime`` is in seconds."""
        tokens = self._tokens
        total_input = tokens["input"] + tokens["cache_read"] + tokens["cache_write"]
        total_output = tokens["output"] + tokens["reasoning"]
        requests = self._requests
        return {
            "total_requests": requests,
            "total_errors": self._errors,
            "total_cancelled": self._cancelled,
            "total_attempts": self._attempts,
            "failed_attempts": self._failed_attempts,
            "total_streams": self._streams,
            "checked_streams": self._judged,
            "illegal_streams": self._breaches,
            "in_flight": self.in_flight,
            "total_input_tokens": total_input,
            "total_output_tokens": total_output,
            "total_tokens": total_input + total_output,
            "tokens": dict(tokens),
            "latency_ms": dict(self._latency),
            "ttft_ms": dict(self._ttft),
            "avg_latency_ms": round(self._latency_sum_ms / requests, 3) if requests else 0.0,
            "error_rate": round(self._errors / requests, 6) if requests else 0.0,
            "requests_per_minute": round(requests / uptime * 60, 3) if uptime > 0 else 0.0,
            "active_providers": len(self._by_provider),
            "by_model": dict(self._by_model),
            "by_provider": dict(self._by_provider),
            "by_format": dict(self._by_format),
            "by_status": dict(self._by_status),
            "uptime_seconds": round(uptime, 3),
        }


def _bucket(value: float, bounds: tuple[tuple[int, str], ...], rest: str) -> str:
    for bound, label in bounds:
        if value < bound:
            return label
    return rest


def _count(table: dict[str, int], label: str) -> None:
    if label not in table and len(table) >= MAX_LABELS:
        label = "other"
    table[label] = table.get(label, 0) + 1
