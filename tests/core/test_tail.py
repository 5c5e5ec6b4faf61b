"""A reader of a tail gets the sequence, with exactly its holes marked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.tail import Gap, Row, Tail

# What happens: rows are added (some numbers may be lost), or a reader reads.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 6), st.integers(0, 3)),
        st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 5)),
    ),
    max_size=60,
)


def follow(
    steps: list[tuple[str, int, int]], read: Callable[[Tail, int, int], list[Row | Gap]]
) -> tuple[dict[int, bytes], list[list[Row | Gap]]]:
    """Three readers of one tail; what was published, and what each of them was told."""
    published: dict[int, bytes] = {}
    tail = Tail(10, max_rows=8, max_size=200)
    known = [10, 10, 4]  # the last one comes back after a while
    told: list[list[Row | Gap]] = [[], [], []]
    for what, first, second in steps:
        if what == "add":
            start = tail.newest + 1 + second
            rows = [Row(seq, b"row %d" % seq) for seq in range(start, start + first)]
            published.update((row.seq, row.data) for row in rows)
            tail.extend(rows)
            continue
        for each in read(tail, known[first], second):
            told[first].append(each)
            known[first] = each.last if isinstance(each, Gap) else each.seq
    for reader in range(3):
        while known[reader] != tail.newest:
            for each in read(tail, known[reader], 3):
                told[reader].append(each)
                known[reader] = each.last if isinstance(each, Gap) else each.seq
    return published, told


def problem(published: dict[int, bytes], told: list[list[Row | Gap]]) -> str:
    """Which law is broken; empty: none."""
    newest = max(published, default=10)
    for reader, start in enumerate((10, 10, 4)):
        expected = start + 1
        for each in told[reader]:
            first, last = (each.first, each.last) if isinstance(each, Gap) else (each.seq, each.seq)
            if first != expected or last < first:
                return f"reader {reader}: {each} where {expected} was next"
            if isinstance(each, Row) and published.get(each.seq) != each.data:
                return f"reader {reader}: {each} was never published"
            expected = last + 1
        if expected != newest + 1:
            return f"reader {reader}: ended before {expected} of {newest}"
    return ""


def right(tail: Tail, after: int, limit: int) -> list[Row | Gap]:
    return list(tail.read(after, limit))


@given(STEPS)
@settings(max_examples=400, derandomize=True, deadline=None)
def test_every_number_is_told_of_once_in_order(steps: list[tuple[str, int, int]]) -> None:
    published, told = follow(steps, right)
    assert problem(published, told) == ""


def no_gaps(tail: Tail, after: int, limit: int) -> list[Row | Gap]:
    found: list[Row | Gap] = [x for x in tail.read(after, limit) if isinstance(x, Row)]
    return found or right(tail, after, limit)


def one_short(tail: Tail, after: int, limit: int) -> list[Row | Gap]:
    return [
        Gap(each.first, each.last - 1) if isinstance(each, Gap) and each.last > each.first else each
        for each in tail.read(after, limit)
    ]


def twice(tail: Tail, after: int, limit: int) -> list[Row | Gap]:
    found = right(tail, after, limit)
    return found + found[-1:] if len(found) > 2 else found


@pytest.mark.parametrize("planted", [no_gaps, one_short, twice])
def test_the_law_sees_a_planted_bug(
    planted: Callable[[Tail, int, int], list[Row | Gap]],
) -> None:
    steps: list[tuple[str, int, int]] = [("add", 6, 2), ("read", 0, 5), ("add", 6, 0)] * 3
    published, told = follow(steps, planted)
    assert problem(published, told)


def test_it_holds_no_more_than_it_may() -> None:
    tail = Tail(0, max_rows=100, max_size=1000)
    tail.extend(Row(seq, b"x" * 50) for seq in range(1, 1000))
    rows = [each for each in tail.read(0, 1000) if isinstance(each, Row)]
    assert len(rows) == 20
    assert rows[-1].seq == 999


def test_rows_that_are_known_are_not_taken_twice() -> None:
    tail = Tail(0)
    tail.extend([Row(1, b"a"), Row(2, b"b")])
    tail.extend([Row(2, b"b"), Row(3, b"c")])
    assert list(tail.read(0, 10)) == [Row(1, b"a"), Row(2, b"b"), Row(3, b"c")]
