"""The counters themselves: bounded tables, and how those of several processes add up.

:class:`~aigw_core.metrics.Metrics` says what is counted when, and shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aigw_core.errors import ErrorKind
from aigw_core.metrics_dump import MAX_COUNT, Dump, HistogramDump, KeyDump, decode_dump, encode_dump
from aigw_core.prometheus import Histogram, Labels

MAX_LABELS = 256
"""Names counted apart, per table; the rest are counted as ``other``."""

MAX_NAME = 200
"""Characters of a name that are kept."""

OTHER = "other"

KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
"""Of tokens; disjoint."""

LATENCY_MS = (
    (100, "<100"),
    (500, "100-499"),
    (1000, "500-999"),
    (5000, "1000-4999"),
    (30000, "5000-29999"),
)
LATENCY_REST = ">=30000"
TTFT_MS = ((50, "<50"), (100, "50-99"), (500, "100-499"), (1000, "500-999"), (5000, "1000-4999"))
TTFT_REST = ">=5000"

_TOTALS = (
    "_errors",
    "_cancelled",
    "_streams",
    "_judged",
    "_breaches",
    "_failed_attempts",
    "_retries",
    "_failovers",
    "_unpriced",
    "_estimated",
)
"""Counters without labels, in the order of a dump."""

_OVERHEAD = (5e-05, 1e-04, 2e-04, 5e-04, 1e-03, 2e-03, 5e-03, 0.01, 0.025, 0.1, 1.0)
_FIRST = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_TOTAL = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_GAP = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)


class Counters:
    """Of one process, and of those that it has absorbed."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.unread = 0
        """Dumps that were not understood."""
        self._errors = 0
        self._cancelled = 0
        self._streams = 0
        self._judged = 0
        self._breaches = 0
        self._failed_attempts = 0
        self._retries = 0
        self._failovers = 0
        self._unpriced = 0
        self._estimated = 0
        self._cost = Decimal(0)
        self._requests: dict[Labels, int] = {}
        self._attempts: dict[Labels, int] = {}
        self._failures = dict.fromkeys((str(kind) for kind in ErrorKind), 0)
        self._limited: dict[str, int] = {}
        self._tokens: dict[str, dict[str, int]] = {}  # by model and kind
        self._costs: dict[str, Decimal] = {}
        self._by_model: dict[str, int] = {}
        self._by_provider: dict[str, int] = {}
        self._by_format: dict[str, int] = {}
        self._by_status: dict[str, int] = {}
        self._by_key: dict[str, KeyCounters] = {}
        self._latency = dict.fromkeys([label for _, label in LATENCY_MS] + [LATENCY_REST], 0)
        self._ttft = dict.fromkeys([label for _, label in TTFT_MS] + [TTFT_REST], 0)
        self._overhead = Histogram(*_OVERHEAD)
        self._first = Histogram(*_FIRST)
        self._gap = Histogram(*_GAP)
        self._total = {stream: Histogram(*_TOTAL) for stream in (False, True)}

    def _room_for(self, attempts: Labels) -> Labels:
        """Under which labels attempts are counted that none were counted under yet."""
        if len(self._attempts) < 4 * MAX_LABELS:
            return attempts
        _, outcome, _ = attempts
        return (("model", OTHER), outcome, ("provider", OTHER))

    def _key(self, name: str) -> KeyCounters:
        known = self._by_key.get(name)
        if known is None:
            known = self._by_key.setdefault(label_in(self._by_key, name), KeyCounters())
        return known

    def dump(self) -> bytes:
        """All counters, for ``absorb``."""
        return encode_dump(
            Dump(
                in_flight=_held(self.in_flight),
                totals=tuple(_held(getattr(self, name)) for name in _TOTALS),
                cost=self._cost,
                requests=tuple(self._requests.items()),
                attempts=tuple(self._attempts.items()),
                failures={kind: count for kind, count in self._failures.items() if count},
                limited=self._limited,
                tokens={
                    model: {kind: _held(count) for kind, count in kinds.items()}
                    for model, kinds in self._tokens.items()
                },
                costs=self._costs,
                by_model=self._by_model,
                by_provider=self._by_provider,
                by_format=self._by_format,
                by_status=self._by_status,
                by_key={name: key.dump() for name, key in self._by_key.items()},
                latency=self._latency,
                ttft=self._ttft,
                histograms=tuple(HistogramDump(each.counts, each.sum) for each in self._histograms),
            )
        )

    def absorb(self, data: bytes, *, gone: bool = False) -> None:
        """Count what another process has counted. A dump that is not understood is left
        out, and counted as ``unread``."""
        dump = decode_dump(data)
        if dump is None or not self._fits(dump):
            self.unread += 1
            return
        if not gone:
            self.in_flight += dump.in_flight
        for name, count in zip(_TOTALS, dump.totals, strict=True):
            setattr(self, name, getattr(self, name) + count)
        self._cost += dump.cost
        for labels, count in dump.requests:
            self._requests[labels] = self._requests.get(labels, 0) + count
        for labels, count in dump.attempts:
            if labels not in self._attempts:
                labels = self._room_for(labels)
            self._attempts[labels] = self._attempts.get(labels, 0) + count
        for table, counts in self._tables(dump):
            for name, count in counts.items():
                add_to(table, name, count)
        for model, kinds in dump.tokens.items():
            tokens = self._tokens.setdefault(label_in(self._tokens, model), dict.fromkeys(KINDS, 0))
            for kind in KINDS:
                tokens[kind] += kinds[kind]
        for model, cost in dump.costs.items():
            label = label_in(self._costs, model)
            self._costs[label] = self._costs.get(label, Decimal(0)) + cost
        for name, key in dump.by_key.items():
            self._key(name).absorb(key)
        for mine, more in zip(self._histograms, dump.histograms, strict=True):
            mine.add(more.counts, more.sum)

    @property
    def _histograms(self) -> tuple[Histogram, ...]:
        return (self._overhead, self._first, self._gap, self._total[False], self._total[True])

    def _tables(self, dump: Dump) -> list[tuple[dict[str, int], dict[str, int]]]:
        """Those of names and counts, each with its part of ``dump``."""
        return [
            (self._failures, dump.failures),
            (self._limited, dump.limited),
            (self._by_model, dump.by_model),
            (self._by_provider, dump.by_provider),
            (self._by_format, dump.by_format),
            (self._by_status, dump.by_status),
            (self._latency, dump.latency),
            (self._ttft, dump.ttft),
        ]

    def _fits(self, dump: Dump) -> bool:
        """It counts what is counted here."""
        return (
            len(dump.totals) == len(_TOTALS)
            and dump.failures.keys() <= self._failures.keys()
            and dump.latency.keys() == self._latency.keys()
            and dump.ttft.keys() == self._ttft.keys()
            and all(kinds.keys() == set(KINDS) for kinds in dump.tokens.values())
            and len(dump.requests) <= 4 * MAX_LABELS
            and all(len(labels) == 3 for labels, _ in dump.attempts)
            and [len(each.counts) for each in dump.histograms]
            == [len(each.counts) for each in self._histograms]
        )


class KeyCounters:
    """What one client key did."""

    __slots__ = ("cost", "limited", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = 0
        self.tokens = 0
        self.limited = 0
        self.cost = Decimal(0)

    def dump(self) -> KeyDump:
        return KeyDump(_held(self.requests), _held(self.tokens), _held(self.limited), self.cost)

    def absorb(self, dump: KeyDump) -> None:
        self.requests += dump.requests
        self.tokens += dump.tokens
        self.limited += dump.limited
        self.cost += dump.cost

    def report(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "tokens": self.tokens,
            "cost_usd": float(self.cost),
            "limited": self.limited,
        }


def _held(count: int) -> int:
    """What a dump has room for."""
    return min(count, MAX_COUNT)


def label_in(table: Mapping[str, object], name: str) -> str:
    """Under which name ``name`` is counted."""
    name = name[:MAX_NAME]
    return name if name in table or len(table) < MAX_LABELS else OTHER


def add_to(table: dict[str, int], name: str, count: int) -> str:
    label = label_in(table, name)
    table[label] = table.get(label, 0) + count
    return label
