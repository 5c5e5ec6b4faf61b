"""What clients of the Messages format send, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aigw_core.chat import (
    CacheMark,
    Effort,
    Extra,
    FileId,
    Format,
    HostedTool,
    Inline,
    Media,
    MediaKind,
    Opaque,
    OutputKind,
    Reasoning,
    ReasoningSpec,
    Role,
    Seal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Url,
)
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs.messages import CODEC
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger

NEW = {"anthropic-version": "2026-10-21"}
OLD = {"anthropic-version": "2023-06-01"}
USER = {"role": "user", "content": "x"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
}
RESULT: dict[str, Any] = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}],
}


def decode(headers: dict[str, str] = NEW, **fields: Any) -> Any:
    document = {"model": "m", "max_tokens": 9, "messages": [USER], **fields}
    body = json.dumps(document).encode()
    return CODEC.decode_request(Inbound(body, headers))


def user(*blocks: dict[str, Any]) -> Any:
    """The parts of one user message."""
    return decode(messages=[{"role": "user", "content": list(blocks)}]).turns[0].parts


def there_and_back(request: Any) -> Any:
    ledger = Ledger(CODEC.pointers)
    encoded = CODEC.encode_request(request, request.model, Caps(), ledger)
    assert ledger.entries == []
    return CODEC.decode_request(Inbound(encoded.body, dict(encoded.headers)))


# Every kind of block, tool and setting, shaped as in the API reference.
RICH: dict[str, Any] = json.loads((Path(__file__).parent / "request.json").read_text("utf-8"))


def test_everything_survives_this_format() -> None:
    request = decode(NEW, **RICH)
    assert there_and_back(request) == request
    encoded = CODEC.encode_request(request, "claude-x", Caps(), Ledger())
    document = json.loads(encoded.body)
    document["messages"][2]["content"][0].pop("is_error")
    expected = json.loads(json.dumps(RICH))
    expected["messages"][2]["content"][0].pop("is_error")
    assert document == expected


def test_turns_keep_their_places() -> None:
    request = decode(NEW, **RICH)
    assert [(turn.role, turn.pointer) for turn in request.turns] == [
        (Role.SYSTEM, "/system"),
        (Role.USER, "/messages/0"),
        (Role.ASSISTANT, "/messages/1"),
        (Role.USER, "/messages/2"),
        (Role.SYSTEM, "/messages/3"),
    ]


def test_blocks_become_parts() -> None:
    request = decode(NEW, **RICH)
    parts = request.turns[1].parts
    assert parts[1] == Media(MediaKind.IMAGE, Inline("image/png", "aa=="))
    assert parts[2].source == Url("https://x/y.png")
    assert parts[3].source == FileId("file_1", Format.MESSAGES)
    assert (parts[3].name, parts[3].context, parts[3].cite) == ("T", "C", True)
    assert parts[4].source == Inline("text/plain", "chunk")
    assert parts[5].source == Inline("text/plain", "plain")
    assert parts[6].text == "S (https://s)\nfound"
    assert isinstance(parts[7], Opaque)
    assert parts[8].cache == CacheMark("5m")
    thinking, redacted, cited, search, found, asked, replied, call = request.turns[2].parts
    assert thinking == Reasoning("", thinking.style, Seal("messages", "signature", "sig"))
    assert redacted.seal == Seal("messages", "redacted", "blob")
    assert cited.citations[0].title == "T"
    assert search.server
    assert asked.server
    assert (found.label, replied.label) == ("web_search_tool_result", "mcp_tool_result")
    assert (call.arguments, call.server) == ('{"n": 1.5, "z": null}', False)
    result = request.turns[3].parts[0]
    assert isinstance(result, ToolResult)
    assert result.is_error
    assert [type(piece) for piece in result.content] == [Text, Media, Opaque]


def test_settings_have_their_canonical_places() -> None:
    request = decode(NEW, **RICH)
    assert request.max_output == 32000
    assert request.stop == ("###",)
    assert request.stream
    assert request.tier == "default"
    assert request.identity.safety_id == "u"
    assert request.parallel_tools is False
    assert request.tool_choice == ToolChoice(ToolChoiceMode.AUTO)
    assert request.output.kind is OutputKind.SCHEMA
    assert request.reasoning == ReasoningSpec(Effort.XHIGH, None, "summary", "adaptive")
    assert request.cache == CacheMark("1h")
    assert request.tools[0] == Tool(
        "f",
        "",
        b'{"type": "object", "properties": {"n": {"type": "number"}}}',
        True,
        cache=CacheMark(),
        native=request.tools[0].native,
        pointer="/tools/0",
    )
    assert isinstance(request.tools[1], HostedTool)
    assert request.tools[1].label == "web_search_20260318"
    assert {(extra.name, extra.pointer) for extra in request.extras} == {
        ("context_management", "/context_management"),
        ("speed", "/speed"),
        ("thinking.display", "/thinking/display"),
        ("output_config.task_budget", "/output_config/task_budget"),
        ("metadata.note", "/metadata/note"),
    }


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_sampling_depends_on_the_version(name: str) -> None:
    request = decode(OLD, **{name: 1})
    assert getattr(request.sampling, name) == 1
    assert getattr(decode({}, **{name: 1}).sampling, name) == 1
    with pytest.raises(InvalidRequest) as caught:
        decode(NEW, **{name: 1})
    assert caught.value.failure.param == f"/{name}"
    status, body = CODEC.encode_error(caught.value.failure, "req_1")
    assert status == 400
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_document_of_the_assistant_depends_on_the_version() -> None:
    document = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "d"},
    }
    messages = [USER, {"role": "assistant", "content": [document]}, USER]
    request = decode(OLD, messages=messages)
    assert isinstance(request.turns[1].parts[0], Media)
    assert there_and_back(request) == request
    with pytest.raises(InvalidRequest, match="/messages/1/content/0"):
        decode(NEW, messages=messages)


def test_citations_of_the_user_depend_on_the_version() -> None:
    citation = {"type": "char_location", "cited_text": "q", "document_index": 0}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "x", "citations": [citation]}]}
    ]
    request = decode(OLD, messages=messages)
    assert there_and_back(request) == request
    with pytest.raises(InvalidRequest, match="/messages/0/content/0/citations"):
        decode(NEW, messages=messages)


@pytest.mark.parametrize(
    ("thinking", "config", "spec"),
    [
        (None, {"effort": "low"}, ReasoningSpec(Effort.LOW)),
        ({"type": "adaptive"}, {}, ReasoningSpec(None, -1, None, "adaptive")),
        (
            {"type": "adaptive"},
            {"effort": "max"},
            ReasoningSpec(Effort.MAX, None, None, "adaptive"),
        ),
        (
            {"type": "enabled", "budget_tokens": 4000, "display": "omitted"},
            {},
            ReasoningSpec(None, 4000, "none", "manual"),
        ),
        ({"type": "disabled"}, {}, ReasoningSpec(Effort.NONE, 0, None, "disabled")),
        ({"type": "disabled"}, {"effort": "high"}, ReasoningSpec(Effort.NONE, 0, None, "disabled")),
        ({"type": "between_tools"}, {}, ReasoningSpec(Effort.NONE, 0, None, "between_tools")),
        ({"type": "dreaming"}, {}, ReasoningSpec(None, None, None, "dreaming")),
    ],
)
def test_thinking_is_told_apart(thinking: Any, config: Any, spec: ReasoningSpec) -> None:
    request = decode(thinking=thinking, output_config=config)
    assert request.reasoning == spec
    assert there_and_back(request) == request


def test_unknown_effort_goes_back_as_it_came() -> None:
    request = decode(output_config={"effort": "ultra"})
    assert request.reasoning == ReasoningSpec()
    assert request.extras == (Extra("output_config.effort", b'"ultra"', "/output_config/effort"),)
    assert there_and_back(request) == request


def test_older_name_of_the_output_format_is_read() -> None:
    schema = {"type": "json_schema", "schema": {"type": "object"}}
    assert decode(output_format=schema).output == decode(output_config={"format": schema}).output


def test_thread_holds_results_of_calls_that_are_elsewhere() -> None:
    request = decode(messages=[RESULT], thread={"type": "continue", "previous_message_id": "msg_1"})
    assert request.server_state.conversation is not None
    assert there_and_back(request) == request


def test_results_may_be_spread_over_messages() -> None:
    second = {"type": "tool_use", "id": "t2", "name": "f", "input": {}}
    call = {"role": "assistant", "content": [CALL["content"][0], second]}
    other = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t2"}]}
    note = {"role": "system", "content": "note"}
    request = decode(messages=[USER, call, RESULT, note, other])
    assert [turn.role for turn in request.turns] == ["user", "assistant", "user", "system", "user"]
    assert request.turns[-1].parts == (ToolResult("t2"),)


def test_call_at_the_end_may_wait_for_its_result() -> None:
    assert isinstance(decode(messages=[USER, CALL]).turns[1].parts[0], ToolCall)


def test_named_tool_of_the_vendor_can_be_chosen() -> None:
    request = decode(
        tools=[{"type": "web_search_20260318", "name": "web_search"}],
        tool_choice={"type": "tool", "name": "web_search"},
    )
    assert request.tool_choice.native is not None
    assert there_and_back(request) == request


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": "x"}, "/messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": None}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "/messages/0/content/0"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "/messages/0/content/0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1, "novel": 1}]}]},
            "/messages/0/content/0/text",
        ),
        ({"messages": [USER, RESULT]}, "/messages/1/content/0/tool_use_id"),
        ({"messages": [USER, CALL, USER]}, "/messages/1/content/0"),
        ({"messages": [USER, CALL, CALL]}, "/messages/1/content/0"),
        ({"messages": [{"role": "user", "content": CALL["content"]}]}, "/messages/0/content/0"),
        (
            {"messages": [USER, {"role": "assistant", "content": RESULT["content"]}]},
            "/messages/1/content/0",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}],
                    }
                ]
            },
            "/messages/0/content/0/input",
        ),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "/system"),
        ({"system": 5}, "/system"),
        ({"max_tokens": None}, "/max_tokens"),
        ({"max_tokens": -1}, "/max_tokens"),
        ({"max_tokens": "9"}, "/max_tokens"),
        ({"model": ""}, "/model"),
        ({"stream": "true"}, "/stream"),
        ({"stop_sequences": [1]}, "/stop_sequences/0"),
        ({"tools": [TOOL, TOOL]}, "/tools/1/name"),
        ({"tools": [{"name": "f"}]}, "/tools/0"),
        ({"tools": [{"name": "f", "input_schema": "x"}]}, "/tools/0/input_schema"),
        ({"tools": [{"name": "", "input_schema": {}}]}, "/tools/0/name"),
        ({"tools": [5]}, "/tools/0"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "/tool_choice/name"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "/tool_choice/name"),
        ({"tool_choice": {"type": "maybe"}}, "/tool_choice/type"),
        ({"thinking": {"type": "enabled"}}, "/thinking/budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "/thinking/budget_tokens"),
        ({"thinking": {}}, "/thinking"),
        ({"output_config": {"format": {"type": "xml"}}}, "/output_config/format/type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "/output_config/format/schema"),
        ({"cache_control": {"type": "forever"}}, "/cache_control/type"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(**fields)
    assert caught.value.failure.param == pointer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"model":"m","max_tokens":9}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"\\ud83d"}]}',
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"m","max_tokens":9,"messages":[],"metadata":{"user_id":"a","user_id":"b"}}',
        b'{"model":"m","max_tokens":9,"messages":' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_documents_that_mean_different_things_to_others_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        CODEC.decode_request(Inbound(body))


_JUNK: list[Any] = [None, [], {}, "", 0, -1, 1.5, True, "text", [[]], [None], {"type": "text"}]


def test_any_value_anywhere_is_read_or_refused() -> None:
    def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        found = [path] if path else []
        if isinstance(value, dict):
            items = list(value.items())
        else:
            items = list(enumerate(value)) if isinstance(value, list) else []
        for key, inner in items:
            found += paths(inner, (*path, key))
        return found

    text = json.dumps(RICH)
    unnamed: list[Any] = []
    refused = 0
    for path in paths(RICH):
        for junk in _JUNK:
            changed = json.loads(text)
            target = changed
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = junk
            try:
                request = CODEC.decode_request(Inbound(json.dumps(changed).encode(), NEW))
                CODEC.encode_request(request, "m", Caps(), Ledger())
            except InvalidRequest as exc:
                refused += 1
                if not exc.failure.param:
                    unnamed.append((path, junk))
    assert refused > 500
    assert unnamed == []
