"""Whole answers, both ways, and that they agree with streams of the same content."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Format,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    ToolCall,
    Url,
    Usage,
)
from aigw_core.codecs.messages import CODEC
from aigw_core.collect import collect, explode
from aigw_core.errors import ErrorKind, UpstreamError
from tests.core.codecs.messages.wire_text import (
    CONTEXT,
    FULL_STREAM,
    block,
    ending,
    feed_all,
    message_start,
)

USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 85,
    "output_tokens": 7,
}

CITATION = {
    "type": "char_location",
    "cited_text": "q",
    "document_index": 0,
    "document_title": "D",
    "start_char_index": 0,
    "end_char_index": 1,
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution"}
CALLER = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
MCP = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "wiki"}

CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "hm", "signature": "sig"},
    {"type": "redacted_thinking", "data": "blob"},
    {"type": "text", "text": "So: ", "citations": None},
    {"type": "text", "text": "cited", "citations": [CITATION]},
    {**SEARCH, "input": {"code": "1"}, "caller": {"type": "direct"}},
    {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {"stdout": "1"}},
    {**MCP, "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 2.5}, "caller": CALLER},
]


def body(content: Any = CONTENT, reason: Any = "tool_use", **fields: Any) -> bytes:
    message = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "up-model",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }
    return json.dumps(message).encode()


ENDED = Stop(StopReason.END)


def answer(*parts: Part, stop: Stop = ENDED) -> dict[str, Any]:
    response = ChatResponse("up-1", "up", None, (Choice(parts, stop),))
    shown: dict[str, Any] = json.loads(CODEC.encode_response(response, CONTEXT))
    return shown


def test_answer_comes_through_whole() -> None:
    response = CODEC.decode_response(body())
    shown = json.loads(CODEC.encode_response(response, CONTEXT))
    expected = json.loads(body())
    expected["content"][2].pop("citations")
    assert shown["content"] == expected["content"]
    assert shown["model"] == "client-model"
    assert shown["id"] == "msg_up"
    assert {name: shown["usage"][name] for name in USAGE} == USAGE
    assert CODEC.decode_response(json.dumps(shown).encode()).choices == response.choices


def test_exploding_and_collecting_changes_nothing() -> None:
    response = CODEC.decode_response(body())
    assert collect(explode(response)) == response


def test_stream_and_whole_answer_agree() -> None:
    pieces = [message_start({**USAGE, "output_tokens": 1})]
    for index, whole in enumerate(json.loads(body())["content"]):
        deltas: list[dict[str, Any]] = []
        start = dict(whole)
        if "input" in start:
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(whole["input"])}]
            start["input"] = {}
        elif whole["type"] == "text":
            start = {"type": "text", "text": ""}
            for citation in whole["citations"] or ():
                deltas.append({"type": "citations_delta", "citation": citation})
            deltas.append({"type": "text_delta", "text": whole["text"]})
        elif whole["type"] == "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": whole["thinking"]},
                {"type": "signature_delta", "signature": whole["signature"]},
            ]
        pieces.append(block(index, start, *deltas))
    pieces.append(ending("tool_use", {"output_tokens": 7}))
    streamed = collect(feed_all(CODEC.stream_decoder(), pieces))
    assert streamed == CODEC.decode_response(body())


def test_encoding_a_stream_and_a_whole_answer_shows_the_same() -> None:
    events = feed_all(CODEC.stream_decoder(), [FULL_STREAM])
    streamed = CODEC.stream_encoder(CONTEXT).encode(events)
    whole = CODEC.encode_response(collect(events), CONTEXT)
    again = collect(feed_all(CODEC.stream_decoder(), [streamed]))
    assert again == CODEC.decode_response(whole)


def test_hundred_prompt_tokens_are_told_apart() -> None:
    usage = CODEC.decode_response(body()).usage
    assert usage == Usage(input=10, cache_read=85, cache_write=5, output=7)
    assert usage.input_total == 100
    assert CODEC.relay_usage(body()) == usage


def test_thinking_tokens_are_not_counted_twice() -> None:
    usage = {**USAGE, "output_tokens_details": {"thinking_tokens": 9}}
    read = CODEC.decode_response(body(usage=usage)).usage
    assert (read.output, read.reasoning, read.output_total) == (0, 7, 7)


def test_refusal_without_content_is_an_answer() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "policy"}
    choice = CODEC.decode_response(body([], "refusal", stop_details=details)).choices[0]
    assert choice == Choice((), Stop(StopReason.REFUSAL, "refusal", None, "policy"))
    assert answer(stop=choice.stop)["stop_details"]["explanation"] == "policy"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"type":"message"}',
        b'{"type":"message","content":[{"type":"text"}]}',
        b'{"type":"message","content":[{"type":"tool_use","id":"t","name":"f","input":[]}]}',
        b'{"type":"message","content":"text"}',
        b'{"type":"message","content":[{"type":"x","y":"\xff"}]}',
        b'{"content":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_no_answer_is_refused(bad: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        CODEC.decode_response(bad)
    assert caught.value.failure.kind is ErrorKind.UPSTREAM_MALFORMED


def test_error_that_came_as_an_answer_is_an_error() -> None:
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(UpstreamError) as caught:
        CODEC.decode_response(error)
    assert caught.value.failure.kind is ErrorKind.OVERLOADED
    with pytest.raises(UpstreamError):
        CODEC.relay_usage(error)


def test_half_a_character_becomes_the_replacement() -> None:
    data = body([{"type": "text", "text": "a@b"}], "end_turn").replace(b"a@b", b"a\\ud83db")
    assert CODEC.decode_response(data).choices[0].parts == (Text("a\ufffdb"),)


def test_unknown_blocks_survive() -> None:
    block = {"type": "hologram", "depth": [1, {"a": None}]}
    (part,) = CODEC.decode_response(body([block], "end_turn")).choices[0].parts
    assert isinstance(part, Opaque)
    assert answer(part)["content"] == [block]


def test_what_this_format_cannot_show_is_left_out() -> None:
    shown = answer(
        Text(""),
        Reasoning("", ReasoningStyle.HIDDEN, Seal("responses", "encrypted", "x")),
        Media(MediaKind.IMAGE, Url("https://x")),
        Opaque(Native(Format.RESPONSES, b"{}"), "item"),
        ToolCall("ws_1", "web_search", "{}", server=True),
        Refusal("No."),
        Text("a", native=Native(Format.CHAT, b'{"x":1}')),
    )
    assert shown["content"] == [{"type": "text", "text": "No."}, {"type": "text", "text": "a"}]


def test_foreign_thoughts_are_shown_without_a_signature() -> None:
    shown = answer(Reasoning("hm", seal=Seal("gemini", "thought_signature", "x")))
    assert shown["content"] == [{"type": "thinking", "thinking": "hm", "signature": ""}]


def test_envelope_of_a_call_is_carried_in_front_of_it() -> None:
    sealed = ToolCall("c", "f", "{}", seal=Seal("aigw", "thought_signature", "AGW1"))
    assert [item["type"] for item in answer(sealed)["content"]] == ["thinking", "tool_use"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("", {}),
        ("  ", {}),
        ('{"a":9223372036854775807}', {"a": 9223372036854775807}),
        ("{", {"_raw": "{"}),
        ("[1]", {"_raw": "[1]"}),
        ('{"a":NaN}', {"_raw": '{"a":NaN}'}),
        ('{"a":"\\ud83d"}', {"_raw": '{"a":"\\ud83d"}'}),
        ("[" * 100_000, {"_raw": "[" * 100_000}),
    ],
)
def test_arguments_become_an_object(arguments: str, shown: dict[str, Any]) -> None:
    assert answer(ToolCall("c", "f", arguments))["content"][0]["input"] == shown


def test_spelling_of_numbers_is_kept() -> None:
    response = ChatResponse(
        "", "", None, (Choice((ToolCall("c", "f", '{"n":2.50}'),), Stop(StopReason.TOOL_USE)),)
    )
    assert b'{"n":2.50}' in CODEC.encode_response(response, CONTEXT)


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop(StopReason.END), "end_turn"),
        (Stop(StopReason.STOP_SEQUENCE, sequence="#"), "stop_sequence"),
        (Stop(StopReason.MAX_TOKENS, "length"), "max_tokens"),
        (Stop(StopReason.CONTEXT_FULL), "model_context_window_exceeded"),
        (Stop(StopReason.REFUSAL, "content_filter"), "refusal"),
        (Stop(StopReason.PAUSE, "CONTINUATION"), "pause_turn"),
        (Stop(StopReason.PAUSE, "compaction"), "compaction"),
        (Stop(StopReason.OTHER, "LANGUAGE"), "end_turn"),
        (Stop(StopReason.TOOL_USE), "end_turn"),
    ],
)
def test_stop_reasons_have_their_words(stop: Stop, word: str) -> None:
    shown = answer(Text("a"), stop=stop)
    assert shown["stop_reason"] == word
    assert shown["stop_sequence"] == stop.sequence


@pytest.mark.parametrize(
    ("upstream", "shown"),
    [
        ("msg_01", "msg_01"),
        ("chatcmpl-9", "msg_chatcmpl-9"),
        ("", "msg_0123abc"),
        ("a b\n", "msg_a_b_"),
    ],
)
def test_ids_have_the_prefix(upstream: str, shown: str) -> None:
    response = ChatResponse(upstream, "", None, (Choice((), Stop(StopReason.END)),))
    assert json.loads(CODEC.encode_response(response, CONTEXT))["id"] == shown
