"""Stored answers: bounds hold, owners are apart, and what is lost is unknown."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from aigw_core.response_store import Bounds, ResponseStore, StoredResponse


def answer(id: str, size: int = 10) -> StoredResponse:
    return StoredResponse(id, b"{}", (b"x" * size,))


SMALL = answer("any").size


def test_an_answer_is_found_again_by_its_owner_only() -> None:
    store = ResponseStore()
    assert store.put("a", answer("resp_1"), 0.0)
    assert store.get("a", "resp_1", 1.0) == answer("resp_1")
    assert store.get("b", "resp_1", 1.0) is None
    assert not store.remove("b", "resp_1", 1.0)
    assert store.remove("a", "resp_1", 1.0)
    assert store.get("a", "resp_1", 1.0) is None
    assert store.size == 0


def test_use_keeps_an_answer_and_idleness_loses_it() -> None:
    store = ResponseStore(Bounds(idle=10.0))
    store.put("a", answer("kept"), 0.0)
    store.put("a", answer("idle"), 0.0)
    assert store.get("a", "kept", 9.0) is not None
    assert store.get("a", "kept", 18.0) is not None
    assert store.get("a", "idle", 18.0) is None
    assert store.get("a", "kept", 28.0) is None
    assert len(store) == 0


def test_the_least_recently_used_one_makes_room() -> None:
    store = ResponseStore(Bounds(entries=2))
    store.put("a", answer("1"), 0.0)
    store.put("a", answer("2"), 1.0)
    store.get("a", "1", 2.0)
    store.put("a", answer("3"), 3.0)
    assert [id for id in "123" if store.get("a", id, 4.0)] == ["1", "3"]


def test_an_owner_that_stores_much_does_not_push_others_out() -> None:
    store = ResponseStore(Bounds(owner=3 * SMALL))
    store.put("quiet", answer("1"), 0.0)
    for number in range(50):
        store.put("loud", answer(str(number)), 1.0 + number)
    assert store.get("quiet", "1", 60.0) is not None
    assert len(store) == 4


def test_what_is_too_large_is_not_stored() -> None:
    store = ResponseStore(Bounds(entry=SMALL))
    assert store.put("a", answer("fits"), 0.0)
    assert not store.put("a", answer("large", 11), 0.0)
    assert store.get("a", "large", 0.0) is None


def test_an_identifier_of_two_conversations_names_neither() -> None:
    store = ResponseStore()
    store.put("a", answer("same", 1), 0.0)
    assert store.put("a", answer("same", 1), 1.0)
    assert not store.put("a", answer("same", 2), 2.0)
    assert not store.put("a", answer("same", 3), 3.0)
    assert store.get("a", "same", 4.0) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "get", "remove"]),
            st.sampled_from("ab"),
            st.sampled_from("12345"),
            st.integers(0, 400),
            st.floats(0, 4),
        ),
        max_size=60,
    )
)
@settings(derandomize=True)
def test_the_bounds_always_hold(steps: list[tuple[str, str, str, int, float]]) -> None:
    bounds = Bounds(total=3000, owner=2000, entry=900, entries=3, idle=10.0)
    store = ResponseStore(bounds)
    now = 0.0
    model: dict[tuple[str, str], int] = {}
    for action, owner, id, size, pause in steps:
        now += pause
        if action == "put" and store.put(owner, answer(id, size), now):
            model[owner, id] = size
        elif action == "get":
            found = store.get(owner, id, now)
            assert found is None or len(found.items[0]) == model[owner, id]
        elif action == "remove":
            store.remove(owner, id, now)
            assert store.get(owner, id, now) is None
        held = {
            key: stored.size
            for key in model
            if (stored := store.get(key[0], key[1], now)) is not None
        }
        assert sum(held.values()) <= store.size <= bounds.total
        for each in "ab":
            mine = [size for key, size in held.items() if key[0] == each]
            assert sum(mine) <= bounds.owner
            assert len(mine) <= bounds.entries
    assert store.size >= 0
    now += bounds.idle
    for owner, id in model:
        assert store.get(owner, id, now) is None
    assert store.size == 0


@pytest.mark.parametrize("bounds", [Bounds(entries=0), Bounds(total=0), Bounds(owner=0)])
def test_no_room_is_no_error(bounds: Bounds) -> None:
    store = ResponseStore(bounds)
    assert not store.put("a", answer("1"), 0.0)
    assert len(store) == store.size == 0
