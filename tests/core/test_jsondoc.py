"""Documents at the edge, against the parser of the standard library."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import (
    MAX_DEPTH,
    decode_as,
    pointer_of,
    read_object,
    reads_alike,
    splice,
)

keys = st.sampled_from(("a", "b", "ü", '"', "", "a b"))
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(keys, values, max_size=4)


class Turn(msgspec.Struct):
    role: str


class Body(msgspec.Struct):
    turns: list[Turn] = []
    names: dict[str, int] = {}


@given(documents, st.sampled_from((None, 1)))
def test_every_field_is_the_bytes_that_came(document: dict[str, Any], indent: int | None) -> None:
    body = json.dumps(document, indent=indent).encode()
    fields = read_object(body, levels=2)
    assert {name: json.loads(bytes(raw)) for name, raw in fields.items()} == document
    assert all(bytes(raw) in body for raw in fields.values())


@given(
    st.binary(max_size=12) | st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace"))
)
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":"\xff"}')
@example(b'{"a":NaN}')
def test_what_is_no_object_is_refused(body: bytes) -> None:
    try:
        fields = read_object(body)
    except InvalidRequest:
        return
    assert isinstance(json.loads(body), dict)
    assert set(fields) == set(json.loads(body))


@given(documents, keys, st.booleans())
def test_a_key_that_comes_twice_is_refused(
    document: dict[str, Any], key: str, spaced: bool
) -> None:
    once = json.dumps({key: 1, **document}).encode()
    twice = once[:-1] + b"," + json.dumps({key: 2}).encode()[1:]
    if not spaced:
        twice = twice.replace(b", ", b",").replace(b": ", b":")
    with pytest.raises(InvalidRequest) as caught:
        read_object(twice)
    assert "twice" in str(caught.value) or "JSON" in str(caught.value)


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b'{"a":1,"b":2,"a":3}', b'{"a": 1, "a": 1}'])
def test_duplicates_are_named(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_object(body)
    assert caught.value.failure.param == "/a"


def test_duplicates_one_level_down_are_found_when_asked_for() -> None:
    body = b'{"o":{"a":1,"a":2}}'
    assert set(read_object(body)) == {"o"}
    with pytest.raises(InvalidRequest) as caught:
        read_object(body, levels=2)
    assert caught.value.failure.param == "/o/a"


members = st.lists(
    st.tuples(
        st.sampled_from(('"a"', '"\\u0061"', '"b"', '"a "', '""', '"\\""')),
        st.sampled_from(("1", "12", '"a"', '{"a":1}', '{"a" : 1 , "\\u0061":2}', "[ {} ]")),
    ),
    max_size=4,
)
spaces = st.sampled_from(("", " ", "\n\t", "\r\n"))


@given(members, spaces, spaces, st.integers(1, 2), st.booleans())
def test_duplicates_are_those_that_the_standard_library_sees(
    members: list[tuple[str, str]], before: str, after: str, levels: int, large: bool
) -> None:
    if large:
        members = [*members, ('"much"', f'"{"x" * 9000}"')]
    inner = f"{before},{after}".join(f"{name}{after}:{before}{value}" for name, value in members)
    body = f"{before}{{{after}{inner}{before}}}{after}"
    objects: list[list[str]] = []

    def note(items: list[tuple[str, Any]]) -> dict[str, Any]:
        objects.append([name for name, _ in items])
        return dict(items)

    json.loads(body, object_pairs_hook=note)
    *_, top = objects
    seen = objects if levels == 2 else [top]
    once = all(len(set(names)) == len(names) for names in seen)
    with contextlib.nullcontext() if once else pytest.raises(InvalidRequest, match="twice"):
        read_object(body.encode(), levels=levels)


def test_many_fields_with_one_that_comes_twice_take_no_quadratic_time() -> None:
    names = [f'"{number}":0' for number in range(50_000)]
    with pytest.raises(InvalidRequest) as caught:
        read_object(("{" + ",".join([*names, names[-1]]) + "}").encode())
    assert caught.value.failure.param == "/49999"


@pytest.mark.parametrize("nested", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 2, MAX_DEPTH - 1, MAX_DEPTH, 100_000])
def test_depth_is_bounded(nested: str, depth: int) -> None:
    close = "]" if nested == "[" else "}"
    body = (
        '{"x":' + nested * depth + ("1" if nested != "[" else "") + close * depth + "}"
    ).encode()
    if depth < MAX_DEPTH:
        assert set(read_object(body)) == {"x"}
    else:
        with pytest.raises(InvalidRequest, match=r"deep|JSON"):
            read_object(body)


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    assert set(read_object(b'{"x":[' + b"[]," * 500 + b"[]]}")) == {"x"}


halves = st.sampled_from(
    (r"\ud83d", r"\ude00", r"\uD83D", r"\uDE00", r"\\ud83d", "a", r"\n", r"é", r"\"")
)


@given(st.lists(halves, max_size=6).map("".join))
def test_lone_surrogates_are_refused_and_pairs_are_not(text: str) -> None:
    body = f'{{"a":"{text}"}}'.encode()
    value = json.loads(body)["a"]
    lone = any(0xD800 <= ord(char) <= 0xDFFF for char in value)
    if lone:
        with pytest.raises(InvalidRequest):
            read_object(body)
    else:
        assert set(read_object(body)) == {"a"}


@given(documents, values)
def test_splicing_changes_what_is_named_and_nothing_else(
    document: dict[str, Any], value: Any
) -> None:
    body = json.dumps(document).encode()
    new = json.dumps(value).encode()
    spliced = splice(read_object(body), {"a": new})
    before, after = read_object(body), read_object(spliced)
    assert bytes(after.pop("a")) == new
    before.pop("a", None)
    assert {k: bytes(v) for k, v in after.items()} == {k: bytes(v) for k, v in before.items()}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"turns":[{"role":"user"},{"role":1}]}', "/turns/1/role"),
        (b'{"turns":[1]}', "/turns/0"),
        (b'{"turns":{}}', "/turns"),
        (b"[]", ""),
    ],
)
def test_a_wrong_type_is_pointed_at(body: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_as(msgspec.json.Decoder(Body).decode, body)
    assert (caught.value.failure.param or "") == pointer


@given(st.binary(max_size=20))
@example(b"[" * 100_000)
@example(b'{"turns":[{"role":"\xff"}]}')
@example(b'{"turns":[{"role":"\\ud800"}]}')
def test_decoding_raises_only_what_it_declares(body: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        decode_as(msgspec.json.Decoder(Body).decode, body)


def test_a_pointer_escapes_what_pointers_must() -> None:
    error = msgspec.ValidationError("Expected `int`, got `str` - at `$.a~b/c[3]`")
    assert pointer_of(error) == ("Expected `int`, got `str`", "/a~0b~1c/3")


@given(values, st.booleans())
def test_what_a_writer_writes_is_read_alike(value: Any, ascii_only: bool) -> None:
    assert reads_alike(json.dumps(value, ensure_ascii=ascii_only).encode())


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":1,"a":1}',
        b'[{"o":{"a":1,"b":2,"\\u0061":3}}]',
        b"1e309",
        b"-1e309",
        b"1" * 310,
        b"1" * 5000,
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'"\xff"',
        b'"\xed\xa0\xbd"',
        b"",
        b"{",
        b"1 2",
        b"[" * 100_000,
    ],
)
def test_parsers_do_not_agree_on_these(document: bytes) -> None:
    assert not reads_alike(document)
