"""A stream as one JSON array: the same documents, and always an array."""

from __future__ import annotations

import itertools
import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from aigw_core.codecs.gemini.array import ArrayFraming

EVENTS = b'data: {"a":"1"}\r\n\r\ndata: {"b":["\xc3\xa9"]}\n\n\ndata: {"error":{"code":503}}\n\n'


def frame(pieces: list[bytes]) -> bytes:
    framing = ArrayFraming()
    return b"".join([framing.feed(piece) for piece in pieces]) + framing.eof()


@given(st.lists(st.integers(0, len(EVENTS)), max_size=8).map(sorted))
@settings(derandomize=True)
def test_any_split_gives_the_same_array(cuts: list[int]) -> None:
    edges = [0, *cuts, len(EVENTS)]
    pieces = [EVENTS[a:b] for a, b in itertools.pairwise(edges)]
    assert json.loads(frame(pieces)) == [{"a": "1"}, {"b": ["é"]}, {"error": {"code": 503}}]


def test_elements_are_the_documents_byte_for_byte() -> None:
    assert frame([b'data: {"a": 1.50}\n\n', b'data: {"b":2}\n\n']) == b'[{"a": 1.50},\r\n{"b":2}]'


@pytest.mark.parametrize("place", range(3))
def test_a_keepalive_is_harmless_everywhere(place: int) -> None:
    pieces = [b'data: {"a":1}\n\n', b'data: {"b":2}\n\n']
    pieces.insert(place, b"\n")
    framed = frame(pieces)
    assert b"\n" in framed
    assert json.loads(framed) == [{"a": 1}, {"b": 2}]


def test_nothing_is_an_empty_array() -> None:
    assert frame([]) == b"[]"
