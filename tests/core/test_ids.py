"""Identifiers of our own are UUIDs of version 7; those of clients are kept when they are sane."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.ids import sane_id, uuid7

moments = st.floats(0, 2**48 / 1000 - 1)
dice = st.binary(min_size=10, max_size=10)


@given(moments, dice)
def test_it_is_a_uuid_of_version_7(wall: float, random: bytes) -> None:
    text = uuid7(wall, random)
    found = uuid.UUID(hex=text)
    assert found.hex == text
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == int(wall * 1000)


@given(moments, dice, st.integers(0, 79))
def test_every_die_but_those_in_the_place_of_the_variant_counts(
    wall: float, random: bytes, bit: int
) -> None:
    other = (int.from_bytes(random, "big") ^ 1 << bit).to_bytes(10, "big")
    counts = bit < 62 or 64 <= bit < 76
    assert (uuid7(wall, random) != uuid7(wall, other)) is counts


@given(moments, moments, dice, dice)
def test_they_sort_by_time(one: float, other: float, first: bytes, second: bytes) -> None:
    if int(one * 1000) < int(other * 1000):
        assert uuid7(one, first) < uuid7(other, second)


@pytest.mark.parametrize("value", ["a", "req_1.2-3", "x" * 128])
def test_a_sane_identifier_is_kept(value: str) -> None:
    assert sane_id(value) == value


@pytest.mark.parametrize("value", [None, "", "x" * 129, "a b", "a\n", "é", "a;b", "../a"])
def test_another_is_not(value: str | None) -> None:
    assert sane_id(value) is None
