"""Whole answers of an upstream, and the usage of those that are passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import Stop, StopReason, Text, ToolCall, Usage
from aigw_core.codecs.gemini import CODEC
from aigw_core.errors import ErrorKind, UpstreamError
from tests.core.codecs.gemini.helpers import call, chunk, text


def decode(document: object) -> Any:
    return CODEC.decode_response(json.dumps(document).encode())


def test_an_answer_without_a_finish_reason_is_whole() -> None:
    assert decode(chunk(text("a"))).choices[0].stop == Stop(StopReason.OTHER)
    assert decode(chunk(call("f"))).choices[0].stop == Stop(StopReason.TOOL_USE)


def test_text_of_two_parts_is_one() -> None:
    answer = decode(chunk(text("a"), text("b"), text("t", thought=True), finish="STOP"))
    assert answer.choices[0].parts[0] == Text("ab")


def test_indented_arguments_become_compact() -> None:
    body = json.dumps(chunk(call("f", {"a": [1, "x y"]}), finish="STOP"), indent=2).encode()
    (part,) = CODEC.decode_response(body).choices[0].parts
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"a":[1,"x y"]}'


def test_a_half_of_a_character_is_replaced() -> None:
    body = b'{"candidates":[{"content":{"parts":[{"text":"a\\ud83d"}]},"finishReason":"STOP"}]}'
    assert CODEC.decode_response(body).choices[0].parts == (Text("a\ufffd"),)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"<html>", b'{"candidates":[]}', b'{"candidates":1}',
             b"\xff", b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}',
             b"[" * 100_000]
)  # fmt: skip
def test_what_is_no_answer_is_an_error_of_the_upstream(body: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        CODEC.decode_response(body)
    assert caught.value.failure.kind is ErrorKind.UPSTREAM_MALFORMED


def test_an_error_in_the_place_of_an_answer_keeps_its_meaning() -> None:
    error = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}
    for read in (CODEC.decode_response, CODEC.relay_usage):
        with pytest.raises(UpstreamError) as caught:
            read(json.dumps(error).encode())
        assert caught.value.failure.kind is ErrorKind.RATE_LIMIT


def test_the_usage_of_a_relayed_answer_is_read() -> None:
    document = chunk(text("a"), usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 2})
    body = json.dumps(document).encode()
    assert CODEC.relay_usage(body) == Usage(input=9, output=2)
    assert CODEC.relay_usage(json.dumps(chunk(text("a"))).encode()) == Usage()
    assert CODEC.relay_usage(b'{"promptFeedback":{"blockReason":"SAFETY"}}') == Usage()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"choices":[]}'])
def test_a_relayed_body_that_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        CODEC.relay_usage(body)
