"""Changes to a JSON document: what is meant changes, and no other byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.jsontree import JsonTree, pointer

ODD = b""" { "a" : 1.50e1 ,
  "b":{ "c" : [ 1, "\\u0041,]" ,{"d":null} ] }, "e/~":"\xc3\xa9" } """


def test_nothing_changed_is_the_same_object() -> None:
    tree = JsonTree(ODD)
    assert tree.find(("b", "c", 2, "d")) == b"null"
    assert tree.render() is ODD


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (("a",), b"1.50e1"),
        (("b", "c", 1), b'"\\u0041,]"'),
        (("b", "c", 3), None),
        (("b", "c", "1"), None),
        (("a", "x"), None),
        (("x",), None),
    ],
)
def test_finding(steps: tuple[str | int, ...], found: bytes | None) -> None:
    assert JsonTree(ODD).find(steps) == found
    assert JsonTree(ODD).holds(steps) is (found is not None)


def test_a_changed_value_leaves_every_other_byte() -> None:
    tree = JsonTree(ODD)
    assert tree.set(("b", "c", 2, "d"), b"[0]")
    assert tree.render() == ODD.replace(b"null", b"[0]")


def test_what_goes_takes_its_comma_along() -> None:
    tree = JsonTree(b'{"a": 1, "b" : 2 , "c":3}')
    assert tree.remove(("b",))
    assert tree.render() == b'{"a": 1, "c":3}'
    assert tree.remove(("c",))
    assert tree.remove(("a",))
    assert tree.render() == b"{}"
    assert not tree.remove(("a",))


def test_what_comes_goes_last() -> None:
    tree = JsonTree(b'{"a":[]}')
    assert tree.set(("b",), b"1")
    assert tree.set(("a", 0), b"2")
    assert not tree.set(("a", 2), b"3")
    assert not tree.set(("b", "c"), b"3")
    assert tree.render() == b'{"a":[2],"b":1}'
    tree.insert_first(("a",), b"0")
    assert tree.render() == b'{"a":[0,2],"b":1}'


def test_of_a_name_that_comes_twice_none_stays_behind() -> None:
    tree = JsonTree(b'{"x":{"a":1,"b":2,"a":3}}')
    assert tree.find(("x", "a")) == b"3"
    assert tree.remove(("x", "a"))
    assert tree.render() == b'{"x":{"b":2}}'
    tree = JsonTree(b'{"x":{"a":1,"b":2,"a":3}}')
    assert tree.set(("x", "a"), b"4")
    assert tree.render() == b'{"x":{"b":2,"a":4}}'


def test_pointers_are_escaped() -> None:
    assert pointer(("e/~", 0)) == "/e~1~0/0"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab,:]}"\\', max_size=3), inner)
    ),
    max_leaves=12,
)
documents = st.dictionaries(st.text("abc", max_size=2), values, max_size=4)


def places(value: Any) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for step, inner in pairs:
        found += [(step,), *((step, *rest) for rest in places(inner))]
    return found


@given(documents, st.data())
def test_it_does_what_plain_data_would(document: dict[str, Any], data: st.DataObject) -> None:
    tree = JsonTree(json.dumps(document, indent=data.draw(st.none() | st.just(2))).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        known = places(document)
        if not known:
            break
        steps = data.draw(st.sampled_from(known))
        parent: Any = document
        for step in steps[:-1]:
            parent = parent[step]
        if data.draw(st.booleans()):
            assert tree.remove(steps)
            del parent[steps[-1]]
        else:
            value = data.draw(values)
            assert tree.set(steps, json.dumps(value).encode())
            parent[steps[-1]] = value
    rendered = json.loads(tree.render())
    assert rendered == document
    assert json.dumps(rendered) == json.dumps(document)  # the order of keys, too
