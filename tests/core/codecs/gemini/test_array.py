"""A stream as one JSON array: the same documents, and always an array."""

from __future__ import annotations

import itertools
import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from aigw_core.chat import ChatResponse, Choice, Stop, StopReason, Text, Usage
from aigw_core.codec import AnswerContext
from aigw_core.codecs.gemini import CODEC
from aigw_core.codecs.gemini.array import ArrayFraming
from aigw_core.collect import collect, explode

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


def test_an_array_of_an_answer_reads_as_that_answer() -> None:
    context = AnswerContext("m", "0" * 32, 1)
    answer = ChatResponse(
        "1", "m", 1, (Choice((Text("Hi é"),), Stop(StopReason.END)),), Usage(input=1, output=2)
    )
    encoder = CODEC.stream_encoder(context)
    pieces = [encoder.encode([event]) + encoder.keepalive() for event in explode(answer)]
    decoder = CODEC.stream_decoder()
    array = frame(pieces)
    assert isinstance(json.loads(array), list)
    read = collect([*decoder.feed(array), *decoder.eof()])
    assert read.choices[0].parts == answer.choices[0].parts
    assert read.usage.output == 2
