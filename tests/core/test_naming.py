"""Names and identifiers that a target accepts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.errors import InvalidRequest
from aigw_core.naming import ToolNames, call_ids, refuse_duplicates

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
GEMINI = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
ID = re.compile(r"[A-Za-z0-9_-]{1,40}")

any_names = st.text(max_size=80) | st.from_regex(r"[a-c.]{1,4}", fullmatch=True)
rules = st.sampled_from(((LEGAL, 64), (GEMINI, 128)))


@given(st.lists(any_names, max_size=8), rules)
def test_every_name_becomes_a_legal_one(
    names: list[str], rule: tuple[re.Pattern[str], int]
) -> None:
    legal, limit = rule
    mapping = ToolNames(names, legal, limit)
    for name in names:
        assert legal.fullmatch(mapping.to_target(name)), name


@given(st.lists(any_names, unique=True, max_size=8))
def test_different_names_stay_different(names: list[str]) -> None:
    mapping = ToolNames(names, LEGAL, 64)
    assert len({mapping.to_target(name) for name in names}) == len(names)


@given(st.lists(any_names, unique=True, max_size=8))
def test_every_change_is_remembered_for_the_way_back(names: list[str]) -> None:
    mapping = ToolNames(names, LEGAL, 64)
    for name in names:
        target = mapping.to_target(name)
        assert mapping.renamed.get(target, target) == name


@given(st.from_regex(LEGAL, fullmatch=True))
def test_a_legal_name_stays(name: str) -> None:
    mapping = ToolNames([name], LEGAL, 64)
    assert mapping.to_target(name) == name
    assert mapping.renamed == {}


@given(st.lists(any_names, min_size=1, max_size=5), any_names)
def test_a_name_does_not_depend_on_the_others(names: list[str], more: str) -> None:
    alone = ToolNames([names[0]], LEGAL, 64).to_target(names[0])
    assert ToolNames([*names, more], LEGAL, 64).to_target(names[0]) == alone


def test_names_outside_utf8_do_not_break_it() -> None:
    assert LEGAL.fullmatch(ToolNames([], LEGAL, 64).to_target("\ud83d"))
    assert ID.fullmatch(call_ids(ID)("\ud83d"))


@given(st.lists(st.text(max_size=60), unique=True, max_size=8))
def test_call_ids_are_legal_distinct_and_the_same_each_time(ids: list[str]) -> None:
    to_target = call_ids(ID)
    mapped = [to_target(call_id) for call_id in ids]
    assert all(ID.fullmatch(target) for target in mapped)
    assert len(set(mapped)) == len(ids)
    assert mapped == [call_ids(ID)(call_id) for call_id in ids]


@given(st.from_regex(ID, fullmatch=True))
def test_a_legal_call_id_stays(call_id: str) -> None:
    assert call_ids(ID)(call_id) == call_id


def test_a_tool_declared_twice_is_refused_at_its_place() -> None:
    refuse_duplicates([("a", "/tools/0"), ("b", "/tools/1")])
    with pytest.raises(InvalidRequest) as caught:
        refuse_duplicates([("a", "/tools/0"), ("b", "/tools/1"), ("a", "/tools/2")])
    assert caught.value.failure.param == "/tools/2"
