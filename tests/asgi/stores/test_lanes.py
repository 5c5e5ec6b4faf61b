"""Histograms as numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aigw_asgi.stores.sqlite.lanes import one, pack, percentile, unpack

latencies = st.lists(st.integers(0, 10**11), min_size=1, max_size=50)


@given(latencies)
def test_packed_ones_come_back(found: list[int]) -> None:
    histogram = sum(map(one, found))
    assert unpack(pack(histogram)) == histogram
    assert unpack(pack(0)) == 0


@given(latencies, latencies)
def test_a_sum_has_all_of_both(a: list[int], b: list[int]) -> None:
    both = sum(map(one, a)) + sum(map(one, b))
    assert both == sum(map(one, a + b))


@given(
    st.lists(st.integers(1200, 10**10), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 1])
)
def test_a_percentile_is_off_by_a_bucket_at_most(found: list[int], share: float) -> None:
    histogram = sum(map(one, found))
    told = percentile(histogram, share)
    assert told is not None
    ordered = sorted(found)
    below = next(n for n in range(len(found)) if n + 1 >= share * len(found))
    exact = ordered[below] / 1000
    assert exact / 1.2 <= told <= exact * 1.2


def test_nothing_has_no_percentile() -> None:
    assert percentile(0, 0.5) is None
    assert percentile(one(0), 1.0) == 1.189
    assert percentile(one(0) * 10, 0.5) == 0.595


def test_many_of_one_kind_do_not_spill_over() -> None:
    assert percentile(unpack(pack(one(5000) * 4_000_000_000 + one(9_000_000))), 0.99) < 6.0  # type: ignore[operator]  # it is there
