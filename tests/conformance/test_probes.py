"""Every probe over every pair, and the page that says so."""

from __future__ import annotations

import pytest

from aigw_core.chat import Format
from tests.conformance import table
from tests.conformance.__main__ import PAGE
from tests.conformance.orders import count, groupings, interleavings
from tests.conformance.table import IMPOSSIBLE, PROBES, WAITING, Probe, cells, page, why_not

RUN = [
    pytest.param(probe, upstream, client, id=f"{probe.name}-{upstream}-{client}".replace(" ", "_"))
    for probe, upstream, client in cells()
    if why_not(probe, upstream, client) is None
]


@pytest.mark.parametrize(("probe", "upstream", "client"), RUN)
def test_probe(probe: Probe, upstream: Format, client: Format) -> None:
    assert table.run(probe, upstream, client) > 0


def test_all_eight_are_there() -> None:
    assert sorted({probe.number for probe in PROBES}) == list(range(1, 9))
    assert len({probe.name for probe in PROBES}) == len(PROBES)


def test_every_reason_is_about_a_probe() -> None:
    names = {probe.name for probe in PROBES}
    assert {entry.probe for entry in (*IMPOSSIBLE, *WAITING)} <= names
    assert all(entry.reason for entry in (*IMPOSSIBLE, *WAITING))


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.conformance --write"


@pytest.mark.parametrize("steps", [(1,), (3, 2), (2, 2, 2), (1, 1, 1, 1), (3, 1, 2)])
def test_orders_are_all_different_and_all_there(steps: tuple[int, ...]) -> None:
    orders = list(interleavings(steps))
    assert len(set(orders)) == len(orders) == count(steps)
    for order in orders:
        assert [order.count(number) for number in range(len(steps))] == list(steps)
        assert [order.index(number) for number in range(len(steps))] == sorted(
            order.index(number) for number in range(len(steps))
        )


def test_groupings_are_all_the_ways_to_cut_a_row() -> None:
    assert sorted(groupings(3)) == [(1, 1, 1), (1, 2), (2, 1), (3,)]
