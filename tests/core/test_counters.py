"""Counters of several processes: as if one had counted all."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Format, Usage
from aigw_core.counters import MAX_LABELS
from aigw_core.errors import ErrorKind, Failure
from aigw_core.limits import Limit
from aigw_core.metrics import Metrics
from aigw_core.metrics_dump import MAX_DUMP, VERSION
from aigw_core.prometheus import Family
from aigw_core.record import Breach, ExchangeRecord
from tests.core.test_accounting import record

WELL_TRIED = settings(max_examples=150, derandomize=True)

NAMES = ["a", "b", "ü \n", "\ud800", "n" * 300]

seconds = st.integers(0, 700 << 10).map(lambda number: number / 1024)  # sums of them are exact
failures = st.one_of(
    st.none(), st.sampled_from(ErrorKind).map(lambda kind: Failure(kind, "failed"))
)
attempts = st.builds(
    AttemptRecord,
    provider=st.sampled_from(NAMES),
    credential=st.sampled_from(NAMES),
    model=st.sampled_from(NAMES),
    status=st.none(),
    failure=failures,
    seconds=seconds,
)
counts = st.one_of(st.none(), st.integers(0, 10_000))
usages = st.builds(
    Usage,
    input=counts,
    cache_read=counts,
    cache_write=counts,
    output=counts,
    reasoning=counts,
)
records = st.builds(
    record,
    format=st.sampled_from(Format),
    endpoint=st.sampled_from(["inference", "count"]),
    stream=st.booleans(),
    status=st.sampled_from([200, 429, 499, 500]),
    seconds=seconds,
    first_content=st.one_of(st.none(), seconds),
    attempts=st.lists(attempts, max_size=3).map(tuple),
    usage=usages,
    failure=failures,
    client_left=st.booleans(),
    judged=st.booleans(),
    breach=st.sampled_from([None, Breach(1, 2, "why", None)]),
    pieces=st.sampled_from([0, 1, 2, 5, 9, 17]),  # one less is a power of two: exact again
    flowing=seconds,
    overhead=st.one_of(st.none(), seconds),
    usage_estimated=st.booleans(),
    cost=st.one_of(st.none(), st.decimals(0, 10, places=8)),
    key=st.sampled_from(["", *NAMES]),
)

Happening = Callable[[Metrics], None]


def observed(each: ExchangeRecord) -> Happening:
    return lambda metrics: metrics.observe(each)


def refused(kind: ErrorKind, status: int) -> Happening:
    return lambda metrics: metrics.refused(status, Failure(kind, "refused"))


def limited(limit: Limit, key: str) -> Happening:
    return lambda metrics: metrics.limited(limit, key)


def begun() -> Happening:
    def happen(metrics: Metrics) -> None:
        metrics.in_flight += 1

    return happen


happenings = st.one_of(
    st.builds(observed, records),
    st.builds(refused, st.sampled_from(ErrorKind), st.sampled_from([401, 429])),
    st.builds(limited, st.sampled_from(Limit), st.sampled_from(NAMES)),
    st.builds(begun),
)


def shown(metrics: Metrics) -> tuple[dict[str, Any], list[Family]]:
    """Everything that can be seen of them, in one order; half a character is replaced
    there as well."""
    report = metrics.report(60.0, resting=2)
    families = [
        Family(
            each.name, each.kind, each.help, tuple(sorted(each.samples, key=lambda one: one[:2]))
        )
        for each in metrics.families(60.0, {"credential": 2})
    ]
    return whole(report), whole(families)


def whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Family):
        samples = tuple(sorted(whole(value.samples)))
        return Family(value.name, value.kind, value.help, samples)
    if isinstance(value, list | tuple):
        return type(value)(map(whole, value))
    if isinstance(value, dict):
        return {whole(key): whole(each) for key, each in value.items()}
    return value


@WELL_TRIED
@given(st.lists(st.tuples(happenings, st.integers(0, 3)), max_size=30))
def test_several_processes_add_up_to_one(script: list[tuple[Happening, int]]) -> None:
    one, several = Metrics(), [Metrics() for _ in range(4)]
    for happen, where in script:
        happen(one)
        happen(several[where])
    merged = Metrics.merged(each.dump() for each in several)
    assert shown(merged) == shown(one)
    assert shown(Metrics.merged([merged.dump()])) == shown(one)


def test_what_a_process_that_is_gone_had_begun_is_over() -> None:
    metrics = Metrics()
    metrics.in_flight = 3
    metrics.observe(record())
    merged = Metrics.merged([metrics.dump()], gone=[metrics.dump()])
    assert merged.report(1.0)["in_flight"] == 3
    assert merged.report(1.0)["total_requests"] == 2


def test_labels_stay_bounded() -> None:
    """Whichever are counted apart, nothing is lost."""
    several = [Metrics() for _ in range(3)]
    total = 0
    for where, metrics in enumerate(several):
        for number in range(MAX_LABELS):
            name = f"{where}-{number}"
            made = AttemptRecord(name, "c", name, 200, None, 1.0)
            usage = Usage(input=1, output=1)
            metrics.observe(record(attempts=(made,), usage=usage, key=name, cost=Decimal("0.1")))
            metrics.limited(name, name)
            total += 1
    merged = Metrics.merged(each.dump() for each in several)
    report = merged.report(1.0)
    for table in ("by_model", "by_provider", "by_key", "cost_by_model", "limits_refused"):
        assert len(report[table]) == MAX_LABELS + 1, table
    for table in ("by_model", "by_provider", "limits_refused"):
        assert sum(report[table].values()) == total, table
    assert sum(key["tokens"] for key in report["by_key"].values()) == 2 * total
    assert report["total_cost_usd"] == pytest.approx(0.1 * total)
    assert report["total_attempts"] == report["total_requests"] == total


def test_the_largest_dump_is_read() -> None:
    metrics = Metrics()
    name = "\U0001f600" * 300
    for number in range(5 * MAX_LABELS):
        model = f"{number}{name}"
        made = AttemptRecord(model, "c", model, 200, None, 1.0)
        metrics.observe(
            record(
                attempts=(made,), usage=Usage(input=10**30, output=1), key=model, cost=Decimal(1)
            )
        )
        metrics.limited(model, model)
    dump = metrics.dump()
    assert len(dump) < MAX_DUMP
    merged = Metrics.merged([dump])
    assert merged.unread == 0
    assert merged.report(1.0)["total_requests"] == 5 * MAX_LABELS


def damaged() -> dict[str, bytes]:
    metrics = Metrics()
    metrics.observe(record(attempts=(AttemptRecord("p", "c", "m", 200, None, 1.0),)))
    version, good = msgspec.msgpack.decode(metrics.dump())
    assert version == VERSION

    def changed(place: int, value: Any, of: int = VERSION) -> bytes:
        return msgspec.msgpack.encode((of, [*good[:place], value, *good[place + 1 :]]))

    assert Metrics.merged([changed(0, 0)]).unread == 0
    return {
        "empty": b"",
        "text": b"garbage",
        "another version": changed(0, 0, of=VERSION + 1),
        "cut": metrics.dump()[:-1],
        "too long": changed(3, [[[["x", "y" * MAX_DUMP]], 1]]),
        "negative": changed(0, -1),
        "other totals": changed(1, [1, 2, 3]),
        "no number": changed(2, "NaN"),
        "other labels": changed(4, [[[["model", "m"]], 1]]),
        "another kind of failure": changed(5, {"invented": 1}),
        "another kind of tokens": changed(7, {"m": {"input": 1}}),
        "another bucket": changed(14, {"<1": 1}),
        "other bounds": changed(16, [[[1, 2], 3.0]] * 5),
        "no sum": changed(16, [[each[0], math.nan] for each in good[16]]),
    }


@pytest.mark.parametrize("what", damaged())
def test_what_is_not_understood_is_left_out_and_counted(what: str) -> None:
    metrics, same = Metrics(), Metrics()
    metrics.absorb(damaged()[what])
    assert metrics.unread == 1
    assert shown(metrics) == shown(same)


@WELL_TRIED
@given(st.binary(max_size=200))
def test_nothing_raises(data: bytes) -> None:
    metrics = Metrics()
    metrics.absorb(data)
    metrics.absorb(msgspec.msgpack.encode((VERSION, data)))
    assert metrics.unread == 2
