"""What is stored of a conversation is what the client sent and got."""

from __future__ import annotations

import itertools
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from aigw_core.chat import ChatResponse, Choice, Stop, StopReason, Text, ToolCall, Usage
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs.responses import CODEC
from aigw_core.codecs.responses.memory import AnswerReader, expand, read_question
from aigw_core.collect import explode
from aigw_core.errors import ErrorKind, Failure, InvalidRequest

LIMIT = 1 << 20
CONTEXT = AnswerContext("m", "0" * 32, 1)
# A text that names the very events that are looked for.
SAID = 'event: response.completed\n\ndata: {"type":"response.output_item.done"}'
ANSWER = ChatResponse(
    "1",
    "m",
    1,
    (
        Choice(
            (Text(SAID), ToolCall("call_1", "look_up", '{"word": "x"}')),
            Stop(StopReason.TOOL_USE),
        ),
    ),
    Usage(input=3, output=4),
)
DOCUMENT = CODEC.encode_response(ANSWER, CONTEXT)
STREAM = CODEC.stream_encoder(CONTEXT).encode(explode(ANSWER))


def inbound(**fields: Any) -> Inbound:
    return Inbound(json.dumps({"model": "m", **fields}).encode())


def read(data: list[bytes], *, stream: bool, limit: int = LIMIT) -> AnswerReader:
    reader = AnswerReader(stream=stream, limit=limit)
    for piece in data:
        reader.feed(piece)
    reader.eof()
    return reader


def test_both_ways_of_answering_are_read_alike() -> None:
    whole, streamed = read([DOCUMENT], stream=False).answer, read([STREAM], stream=True).answer
    assert whole is not None
    assert streamed is not None
    assert whole.id == streamed.id == "resp_1"
    assert whole.items == streamed.items
    assert [json.loads(item)["type"] for item in whole.items] == ["message", "function_call"]
    assert json.loads(whole.body)["output"] == [json.loads(item) for item in whole.items]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
@settings(derandomize=True)
def test_any_split_gives_the_same_answer(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    assert read(pieces, stream=True).answer == read([STREAM], stream=True).answer


def test_an_answer_is_known_by_its_last_event() -> None:
    reader = AnswerReader(stream=True, limit=LIMIT)
    end = STREAM.index(b"event: response.completed")
    reader.feed(STREAM[:end])
    assert reader.answer is None
    reader.feed(STREAM[end:])
    assert reader.answer is not None  # without waiting for the end of the body


@pytest.mark.parametrize("stream", [True, False])
def test_what_is_not_complete_is_no_answer(stream: bool) -> None:
    data = STREAM if stream else DOCUMENT
    for end in range(0, len(data) - 2, 7):
        assert read([data[:end]], stream=stream).answer is None


def test_a_failed_stream_is_no_answer() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    events = explode(ANSWER)
    data = encoder.encode([*events[:4], Failure(ErrorKind.OVERLOADED, "no")])
    assert b"response.failed" in data
    assert read([data], stream=True).answer is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"error":{"message":"no"}}',
        b'{"id":"r","status":"failed","output":[]}',
        b'{"id":"r","status":"in_progress","output":[]}',
        b'{"id":"","status":"completed","output":[]}',
        b'{"id":"r","status":"completed"}',
    ],
)
def test_other_documents_are_no_answers(document: bytes) -> None:
    assert read([document], stream=False).answer is None


def test_spaces_ahead_of_a_slow_answer_do_not_matter() -> None:
    answer = read([b"  ", DOCUMENT], stream=False).answer
    assert answer is not None
    assert answer.body == DOCUMENT


@pytest.mark.parametrize("stream", [True, False])
def test_a_large_answer_is_let_go(stream: bool) -> None:
    data = STREAM if stream else DOCUMENT
    reader = read([data[i : i + 100] for i in range(0, len(data), 100)], stream=stream, limit=300)
    assert reader.answer is None
    assert "held=" in repr(reader)


def test_a_last_event_without_output_is_made_up_for() -> None:
    item = {"type": "message", "role": "assistant", "content": []}
    data = b"".join(
        b"data: %s\n\n" % json.dumps(event).encode()
        for event in [
            {"type": "response.output_item.done", "item": item},
            {
                "type": "response.completed",
                "response": {"id": "r", "status": "completed", "output": []},
            },
        ]
    )
    answer = read([data], stream=True).answer
    assert answer is not None
    assert [json.loads(each) for each in answer.items] == [item]


# --- questions ---------------------------------------------------------------


def test_a_text_is_a_message() -> None:
    question = read_question(inbound(input="Hi"))
    assert question.store
    assert question.previous_id is None
    (item,) = question.items
    assert json.loads(item) == {"type": "message", "role": "user", "content": "Hi"}


def test_an_expanded_request_differs_in_its_input_only() -> None:
    body = b'{"previous_response_id":"r","model":"m","x":{"a": 1.50},"input":[{"b": 2}]}'
    asked = Inbound(body, {"h": "v"})
    items = (b'{"old": "\\u00e9"}', *read_question(asked).items)
    expanded = expand(asked, items)
    assert expanded.headers == {"h": "v"}
    assert expanded.body == (b'{"model":"m","x":{"a": 1.50},"input":[{"old": "\\u00e9"},{"b": 2}]}')


@pytest.mark.parametrize(
    ("fields", "store"),
    [
        ({}, True),
        ({"store": None}, True),
        ({"store": True}, True),
        ({"store": False}, False),
        ({"conversation": "conv_1"}, False),
        ({"prompt": {"id": "p"}}, False),
    ],
)
def test_what_is_stored(fields: dict[str, Any], store: bool) -> None:
    assert read_question(inbound(input="Hi", **fields)).store is store


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"store": "yes"}, "/store"),
        ({"previous_response_id": 5}, "/previous_response_id"),
        ({"background": True}, "/background"),
        ({"input": 5}, "/input"),
        ({"previous_response_id": "r", "conversation": "c"}, "/conversation"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_question(inbound(**{"input": "Hi", **fields}))
    assert caught.value.failure.param == pointer
