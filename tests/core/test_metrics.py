"""Counters, and their text for Prometheus."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Usage
from aigw_core.counters import MAX_LABELS, MAX_NAME
from aigw_core.errors import ErrorKind, Failure
from aigw_core.metrics import Metrics
from aigw_core.prometheus import Histogram, counter, exposition, gauge, histogram, wanted
from aigw_core.record import ExchangeRecord
from tests.core.test_accounting import record

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(text: bytes) -> Samples:
    """Every sample of an exposition that is as the format demands."""
    found: Samples = {}
    families: set[str] = set()
    assert text.endswith(b"\n")
    for family in text_string_to_metric_families(text.decode()):
        # The parser splits a family whose samples are not together.
        assert family.name not in families, family.name
        families.add(family.name)
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    complete_histograms(found)
    return found


def complete_histograms(samples: Samples) -> None:
    """Buckets ascend, end with +Inf, and that one is the count; there is a sum."""
    series: dict[tuple[str, frozenset[tuple[str, str]]], dict[float, float]] = {}
    for (name, labels), value in samples.items():
        if name.endswith("_bucket"):
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            bound = float(dict(labels)["le"])
            series.setdefault((name.removesuffix("_bucket"), rest), {})[bound] = value
    for (name, labels), buckets in series.items():
        counts = [buckets[bound] for bound in sorted(buckets)]
        assert counts == sorted(counts)
        assert buckets[math.inf] == samples[f"{name}_count", labels]
        assert (f"{name}_sum", labels) in samples


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def scrape(metrics: Metrics, **cooldowns: int) -> Samples:
    return scraped(exposition(metrics.families(10.0, cooldowns)))


def attempt(model: str = "model-a", credential: str = "one", *, ok: bool = True) -> AttemptRecord:
    failure = None if ok else Failure(ErrorKind.OVERLOADED, "busy")
    return AttemptRecord("openai", credential, model, 200 if ok else 503, failure, 0.1)


def finished(**given: Any) -> ExchangeRecord:
    return record(**{"attempts": (attempt(),), **given})


def test_requests_and_attempts_are_counted_apart() -> None:
    metrics = Metrics()
    attempts = (attempt(ok=False), attempt(ok=False), attempt(credential="two"))
    metrics.observe(finished(attempts=attempts))
    report = metrics.report(60.0)
    assert report["total_requests"] == 1
    assert report["total_attempts"] == 3
    assert report["failed_attempts"] == 2
    assert report["total_errors"] == 0
    assert report["retries"] == 2
    assert report["failovers"] == 1
    samples = scrape(metrics)
    assert value(samples, "aigw_retries_total") == 2
    assert value(samples, "aigw_failovers_total") == 1
    failed = {"model": "model-a", "provider": "openai", "outcome": "failed"}
    assert value(samples, "aigw_attempts_total", **failed) == 2


def test_failures_are_counted_by_kind_and_clients_that_left_are_none() -> None:
    metrics = Metrics()
    failure = Failure(ErrorKind.TIMEOUT, "slow")
    metrics.observe(finished(failure=failure, status=504))
    metrics.observe(finished(client_left=True, status=499))
    metrics.refused(404, Failure(ErrorKind.NOT_FOUND, "no"))
    report = metrics.report(60.0)
    assert report["total_errors"] == 2
    assert report["total_cancelled"] == 1
    assert report["by_error"] == {"timeout": 1, "not_found": 1}
    assert report["by_status"] == {"5xx": 1, "4xx": 2}
    assert report["error_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert value(scrape(metrics), "aigw_errors_total", kind="timeout") == 1


def test_tokens_and_cost() -> None:
    metrics = Metrics()
    usage = Usage(input=10, cache_read=20, cache_write=3, cache_write_long=4, output=5, reasoning=6)
    for _ in range(10):
        metrics.observe(finished(usage=usage, cost=Decimal("0.1"), key="ci"))
    metrics.observe(finished(usage=usage, attempts=(attempt("model-b"),), usage_estimated=True))
    metrics.observe(finished(status=500))  # used nothing: neither priced nor unpriced
    report = metrics.report(60.0)
    assert report["tokens"] == {
        "input": 110,
        "cache_read": 220,
        "cache_write": 77,
        "output": 55,
        "reasoning": 66,
    }
    assert report["total_input_tokens"] == 407
    assert report["total_output_tokens"] == 121
    assert report["total_cost_usd"] == 1.0  # ten times a tenth, in decimals
    assert report["cost_by_model"] == {"model-a": 1.0}
    assert report["unpriced_requests"] == 1
    assert report["estimated_requests"] == 1
    assert report["by_key"]["ci"] == {"requests": 10, "tokens": 480, "cost_usd": 1.0, "limited": 0}
    assert report["by_key"]["anonymous"]["requests"] == 2
    samples = scrape(metrics)
    assert value(samples, "aigw_cost_usd_total", model="model-a") == 1
    assert value(samples, "aigw_tokens_total", model="model-b", kind="reasoning") == 6
    assert value(samples, "aigw_unpriced_requests_total") == 1
    assert value(samples, "aigw_key_tokens_total", key="ci") == 480


def test_limits_are_counted_by_name() -> None:
    metrics = Metrics()
    metrics.limited("requests-per-minute", "ci")
    assert metrics.report(1.0)["limits_refused"] == {"requests-per-minute": 1}
    assert metrics.report(1.0)["by_key"]["ci"]["limited"] == 1
    limit = "requests-per-minute"
    assert value(scrape(metrics), "aigw_limits_refused_total", limit=limit) == 1


def test_times() -> None:
    metrics = Metrics()
    metrics.observe(
        finished(seconds=2.5, first_content=0.5, pieces=21, flowing=2.0, overhead=0.0001)
    )
    metrics.observe(finished(seconds=0.05, first_content=0.05, stream=False, pieces=1))
    samples = scrape(metrics, claude=2)
    assert value(samples, "aigw_chunk_gap_seconds_count") == 20
    assert value(samples, "aigw_chunk_gap_seconds_sum") == pytest.approx(2.0)
    assert value(samples, "aigw_chunk_gap_seconds_bucket", le="0.05") == 0
    assert value(samples, "aigw_chunk_gap_seconds_bucket", le="0.1") == 20
    assert value(samples, "aigw_time_to_first_token_seconds_count") == 1
    assert value(samples, "aigw_request_seconds_sum", stream="true") == 2.5
    assert value(samples, "aigw_request_seconds_count", stream="false") == 1
    assert value(samples, "aigw_overhead_seconds_bucket", le="0.0001") == 1
    assert value(samples, "aigw_cooldowns", credential="claude") == 2
    report = metrics.report(1.0, resting=2)
    assert report["latency_ms"]["1000-4999"] == 1
    assert report["ttft_ms"]["500-999"] == 1
    assert report["avg_chunk_gap_ms"] == 100.0
    assert report["avg_overhead_ms"] == 0.1
    assert report["cooldowns"] == 2


def test_a_stream_of_one_piece_has_no_gap() -> None:
    metrics = Metrics()
    metrics.observe(finished(pieces=1, flowing=0.0))
    metrics.observe(finished(pieces=0, first_content=None))
    assert value(scrape(metrics), "aigw_chunk_gap_seconds_count") == 0


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    long = "x" * 10_000
    used = Usage(input=1, output=1)
    for number in range(MAX_LABELS * 3):
        tried = attempt(f"m{number}", f"c{number}")
        made = AttemptRecord(f"p{number}", "c", f"m{number}", 200, None, 0.1)
        metrics.observe(
            finished(attempts=(tried, made), usage=used, cost=Decimal(1), key=f"k{number}")
        )
    metrics.observe(finished(attempts=(attempt(long),), usage=used, cost=Decimal(1), key=long))
    report = metrics.report(1.0)
    for table in ("by_model", "by_provider", "cost_by_model", "by_key"):
        assert len(report[table]) <= MAX_LABELS + 1, table
        assert "other" in report[table], table
        assert all(len(name) <= MAX_NAME for name in report[table])
    assert report["total_cost_usd"] == sum(report["cost_by_model"].values())
    assert len(scrape(metrics)) < 20 * MAX_LABELS


def test_the_fields_that_dashboards_read() -> None:
    assert set(Metrics().report(1.0)) >= {
        "total_requests",
        "total_errors",
        "total_input_tokens",
        "total_output_tokens",
        "latency_ms",
        "by_model",
        "by_provider",
        "total_cost_usd",
        "ttft_ms",
        "cost_by_model",
        "total_tokens",
        "active_providers",
        "requests_per_minute",
        "avg_latency_ms",
        "error_rate",
        "uptime_seconds",
    }


# --- the text ----------------------------------------------------------------


@settings(max_examples=300, derandomize=True)
@given(st.text(), st.integers(0, 10**15))
def test_any_label_survives(text: str, count: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    samples = scraped(exposition([counter("aigw_x_total", "Help.", {(("name", text),): count})]))
    assert samples == {("aigw_x_total", frozenset({("name", text)})): count}


def test_a_lone_surrogate_is_replaced() -> None:
    assert b'"?"' in exposition([gauge("aigw_x", "Help.", {(("name", "\ud800"),): 1})])


@settings(max_examples=200, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(0, 1000), st.integers(1, 50)), max_size=30),
    st.lists(st.floats(0.001, 500), min_size=1, max_size=8, unique=True).map(sorted),
)
def test_histograms_count_everything(values: list[tuple[float, int]], bounds: list[float]) -> None:
    subject = Histogram(*bounds)
    for each, weight in values:
        subject.observe(each, weight)
    samples = scraped(exposition([histogram("aigw_x", "Help.", subject)]))
    for bound in bounds:
        expected = sum(weight for each, weight in values if each <= bound)
        assert value(samples, "aigw_x_bucket", le=repr(bound)) == expected
    assert value(samples, "aigw_x_count") == sum(weight for _, weight in values)
    assert value(samples, "aigw_x_sum") == pytest.approx(sum(each * w for each, w in values))


def test_numbers() -> None:
    text = exposition([gauge("aigw_x", "Help.", Decimal("1E-7"))])
    assert text.splitlines()[-1] == b"aigw_x 0.0000001"


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain", True),
        ("text/plain; version=0.0.4", True),
        ("TEXT/PLAIN", True),
        ("text/*", True),
        ("application/openmetrics-text; version=1.0.0", True),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            True,
        ),
        ("application/json, text/plain, */*", False),
        ("application/json;q=0.5, text/plain", True),
        ("text/plain;q=0", False),
        ("text/plain;q=nonsense", False),
        ("text/plain;q=nan", False),
    ],
)
def test_who_wants_text(accept: str | None, text: bool) -> None:
    assert wanted(accept) is text
