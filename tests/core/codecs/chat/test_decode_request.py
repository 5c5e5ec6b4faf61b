"""Clients' requests, and what is wrong with some."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Effort,
    Extra,
    FileId,
    Format,
    HostedTool,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    OutputKind,
    Reasoning,
    ReasoningStyle,
    Refusal,
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
from aigw_core.codec import Inbound, Peek
from aigw_core.codecs.chat import CODEC
from aigw_core.errors import InvalidRequest

USER: Any = {"role": "user", "content": "hi"}
CALL: Any = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING: Any = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: Any = {"role": "tool", "tool_call_id": "c1", "content": "42"}


def decode(*messages: Any, **fields: Any) -> ChatRequest:
    body = {"model": "m", "messages": list(messages) or [USER], **fields}
    return CODEC.decode_request(Inbound(json.dumps(body).encode()))


def refused(*messages: Any, **fields: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        decode(*messages, **fields)
    return caught.value.failure.param


def parts(*messages: Any) -> tuple[Any, ...]:
    return decode(*messages).turns[-1].parts


def function(name: str, **more: Any) -> Any:
    return {"type": "function", "function": {"name": name, **more}}


# --- turns -----------------------------------------------------------------------


def test_a_conversation() -> None:
    request = decode(
        {"role": "developer", "content": "be kind", "name": "boss"},
        {
            "role": "system",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        },
        USER,
        CALLING,
        RESULT,
        {"role": "user", "content": "so?"},
    )
    assert [turn.role for turn in request.turns] == [
        Role.SYSTEM,
        Role.SYSTEM,
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
        Role.USER,
    ]
    boss, system, _, calling, result, _ = request.turns
    assert (boss.developer, boss.name, boss.parts) == (True, "boss", (Text("be kind"),))
    assert (system.developer, system.parts) == (False, (Text("a"), Text("b")))
    assert calling.parts == (ToolCall("c1", "f", "{}"),)
    assert result.parts == (ToolResult("c1", (Text("42"),)),)
    assert [turn.pointer for turn in request.turns] == [f"/messages/{n}" for n in range(6)]


def test_results_of_one_step_are_one_turn() -> None:
    calling = CALLING | {"tool_calls": [CALL, CALL | {"id": "c2"}]}
    request = decode(USER, calling, RESULT | {"tool_call_id": "c2"}, RESULT, USER)
    assert [part.call_id for part in request.turns[2].parts if isinstance(part, ToolResult)] == [
        "c2",
        "c1",
    ]
    assert request.turns[3].parts == (Text("hi"),)


def test_empty_texts_are_no_parts() -> None:
    assert parts({"role": "user", "content": ""}) == ()
    empty = [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]
    assert parts({"role": "user", "content": empty}) == (Text("a"),)
    # An assistant's null or empty content beside tool calls.
    blank: tuple[Any, ...] = (None, "", [])
    for content in blank:
        assert decode(USER, CALLING | {"content": content}, RESULT).turns[1].parts == (
            ToolCall("c1", "f", "{}"),
        )


@pytest.mark.parametrize(
    ("part", "media"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
            Media(MediaKind.IMAGE, Url("https://x/y.png"), "low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/PNG;x=1;base64,QUJD"}},
            Media(MediaKind.IMAGE, Inline("image/png", "QUJD")),
        ),
        (
            {"type": "image_url", "image_url": "https://x/y.png"},
            Media(MediaKind.IMAGE, Url("https://x/y.png")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            Media(MediaKind.AUDIO, Inline("audio/mpeg", "QUJD")),
        ),
        (
            {
                "type": "file",
                "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"},
            },
            Media(MediaKind.DOCUMENT, Inline("application/pdf", "QUJD"), name="a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;base64,aMOp"}},
            Media(MediaKind.DOCUMENT, Inline("text/plain", "hé")),
        ),
        (
            {"type": "file", "file": {"file_data": "aMOp", "filename": "A.TXT"}},
            Media(MediaKind.DOCUMENT, Inline("text/plain", "hé"), name="A.TXT"),
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            Media(MediaKind.DOCUMENT, FileId("file-1", Format.CHAT)),
        ),
    ],
    ids=range(8),
)
def test_media(part: Any, media: Media) -> None:
    assert parts({"role": "user", "content": [part]}) == (media,)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "video_url", "video_url": {"url": "https://x"}}, MediaKind.VIDEO),
        ({"type": "document_url", "document_url": "https://x"}, MediaKind.DOCUMENT),
        ({"type": "file_url", "file_url": {"url": "https://x"}}, MediaKind.DOCUMENT),
        ({"type": "input_audio", "input_audio": "https://x"}, MediaKind.AUDIO),
    ],
    ids=["vLLM", "Mistral", "Perplexity", "Mistral's sound"],
)
def test_media_of_other_servers_are_kept_as_they_came(part: Any, kind: MediaKind) -> None:
    [media] = parts({"role": "user", "content": [part]})
    assert (media.kind, media.source) == (kind, Url("https://x"))
    assert json.loads(media.native.raw) == part


def test_parts_nobody_knows_are_kept() -> None:
    part = {"type": "hologram", "data": 1}
    [opaque] = parts({"role": "user", "content": [part]})
    assert (opaque.label, json.loads(opaque.native.raw)) == ("hologram", part)


def test_fields_nobody_knows_are_kept() -> None:
    said = {"role": "assistant", "content": "a", "prefix": True, "audio": {"id": "x"}}
    text, opaque = parts(USER, said | {"refusal": None, "function_call": None, "flag": False})
    assert text == Text("a")
    assert isinstance(opaque, Opaque)
    assert json.loads(opaque.native.raw) == {"prefix": True, "audio": {"id": "x"}}


def test_cache_marks() -> None:
    marked = {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    [text] = parts({"role": "user", "content": [marked]})
    assert text.cache == CacheMark("30m")
    # OpenRouter's, and Vercel's on the whole message.
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    [text] = parts({"role": "user", "content": [{"type": "text", "text": "a"} | mark]})
    assert text.cache == CacheMark("1h")
    [whole] = parts({"role": "user", "content": "a"} | mark)
    assert whole == text


def test_refusals_and_thinking_of_the_assistant() -> None:
    items = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
        {"type": "refusal", "refusal": "no"},
    ]
    thinking, text, refusal = parts(USER, {"role": "assistant", "content": items})
    assert (thinking.text, text, refusal) == ("hm", Text("a"), Refusal("no"))
    assert parts(USER, {"role": "assistant", "content": None, "refusal": "no"}) == (Refusal("no"),)


def test_reasoning_remembers_its_name() -> None:
    for field in ("reasoning_content", "reasoning"):
        [reasoning, _] = parts(USER, {"role": "assistant", "content": "a", field: "hm"})
        assert reasoning.text == "hm"
        assert json.loads(reasoning.native.raw) == {field: "hm"}
    # DeepSeek asks for an empty one.
    empty = decode(USER, CALLING | {"reasoning_content": ""}, RESULT).turns[1].parts[0]
    assert isinstance(empty, Reasoning)
    assert empty.native is not None


def test_details_of_openrouter_are_one_seal() -> None:
    entries = [
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "f", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "format": "f", "index": 1},
    ]
    said = {"role": "assistant", "content": "a", "reasoning_details": entries}
    reasoning = parts(USER, said)[0]
    assert (reasoning.text, reasoning.seal.issuer) == ("hm", "openrouter")
    assert json.loads(reasoning.seal.data) == entries


def own(data: str, index: int, **more: Any) -> Any:
    entry = {"type": "reasoning.encrypted", "data": data, "format": "aigw-v1", "index": index}
    return entry | more


def test_our_own_details_find_their_parts() -> None:
    said = CALLING | {
        "content": "text",
        "reasoning_content": "onetwo",
        "reasoning_details": [
            own("e1", 0),
            own("e2", 1, id="rs_2", text_length="3"),
            own("e3", 2, id="content"),
            own("e4", 3, id="c1"),
        ],
    }
    assert decode(USER, said, RESULT).turns[1].parts == (
        Reasoning("one", seal=Seal("aigw", "encrypted", "e1")),
        Reasoning("two", seal=Seal("aigw", "encrypted", "e2", "rs_2")),
        Text("text"),
        Text("", seal=Seal("aigw", "encrypted", "e3")),
        ToolCall("c1", "f", "{}", seal=Seal("aigw", "encrypted", "e4")),
    )


@pytest.mark.parametrize("length", ["99", "-1", "x", "²", 3, None])
def test_lengths_of_no_sense_lose_no_text(length: Any) -> None:
    said = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "one",
        "reasoning_details": [own("e1", 0), own("e2", 1, text_length=length)],
    }
    first, second, _ = parts(USER, said)
    assert (first.text, second.text) == ("one", "")
    assert (first.seal.data, second.seal.data) == ("e1", "e2")
    assert second.style is ReasoningStyle.HIDDEN


def test_seals_beside_tool_calls() -> None:
    for extra, issuer in (
        ({"aigw": {"seal": "x"}}, "aigw"),
        ({"google": {"thought_signature": "x"}}, "chat"),
    ):
        calling = CALLING | {"tool_calls": [CALL | {"extra_content": extra}]}
        [call] = decode(USER, calling, RESULT).turns[1].parts
        assert isinstance(call, ToolCall)
        assert call.seal is not None
        assert (call.seal.issuer, call.seal.data) == (issuer, "x")


def test_citations_of_the_assistant() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 1, "end_index": 2}}
    [text] = parts(USER, {"role": "assistant", "content": "abc", "annotations": [cited]})
    assert (text.citations[0].url, text.citations[0].start) == ("u", 1)


def test_the_deprecated_functions() -> None:
    request = decode(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "1"}},
        {"role": "function", "name": "f", "content": "2"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    [call] = request.turns[1].parts
    [result] = request.turns[2].parts
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.name, call.arguments, result.call_id) == ("f", "1", call.id)
    assert request.tools == (Tool("f", schema=b'{"type": "object"}', pointer="/functions/0"),)
    assert request.tool_choice == ToolChoice(ToolChoiceMode.REQUIRED, ("f",))


# --- tools and choices -----------------------------------------------------------


def test_tools() -> None:
    request = decode(
        tools=[
            function("f", description="d", parameters={"type": "object"}, strict=True),
            {"function": {"name": "untyped"}},
            {"type": "custom", "custom": {"name": "p", "format": {"type": "text"}}},
            {
                "type": "custom",
                "custom": {"name": "q", "format": {"type": "grammar", "grammar": {}}},
            },
            {"type": "openrouter:web_search", "parameters": {"n": 1}},
            function("g", x=1) | {"cache_control": {"type": "ephemeral"}},
        ]
    )
    f, untyped, p, q, hosted, g = request.tools
    assert f == Tool("f", "d", b'{"type": "object"}', True, pointer="/tools/0")
    assert untyped == Tool("untyped", pointer="/tools/1")
    assert p == Tool("p", freeform=True, pointer="/tools/2")
    assert isinstance(q, Tool)
    assert q.grammar == Native(Format.CHAT, b'{"type": "grammar", "grammar": {}}')
    assert isinstance(hosted, HostedTool)
    assert hosted.label == "openrouter:web_search"
    assert isinstance(g, Tool)
    assert g.cache == CacheMark("5m")
    assert g.native is not None
    assert json.loads(g.native.raw)["function"] == {"x": 1}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice(ToolChoiceMode.AUTO)),
        ("none", ToolChoice(ToolChoiceMode.NONE)),
        ("required", ToolChoice(ToolChoiceMode.REQUIRED)),
        ("any", ToolChoice(ToolChoiceMode.REQUIRED)),
        (function("f"), ToolChoice(ToolChoiceMode.REQUIRED, ("f",))),
        ({"type": "custom", "custom": {"name": "p"}}, ToolChoice(ToolChoiceMode.REQUIRED, ("p",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [function("f"), function("p")]},
            },
            ToolChoice(ToolChoiceMode.AUTO, ("f", "p")),
        ),
        (None, None),
    ],
    ids=range(8),
)
def test_tool_choices(choice: Any, expected: ToolChoice | None) -> None:
    tools = [function("f"), {"type": "custom", "custom": {"name": "p"}}]
    assert decode(tools=tools, tool_choice=choice).tool_choice == expected


# --- settings --------------------------------------------------------------------


def test_settings() -> None:
    request = decode(
        max_tokens=5,
        max_completion_tokens=None,
        temperature=1,
        top_p=0.5,
        seed=2**63 - 1,
        logit_bias={"1": 2},
        logprobs=True,
        top_logprobs=3,
        n=2,
        stop="END",
        stream=True,
        stream_options={"include_usage": True},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        prompt_cache_options={"mode": "implicit"},
        metadata={"a": "b"},
        store=True,
        service_tier="flex",
        verbosity="low",
        parallel_tool_calls=False,
    )
    assert request.max_output == 5
    assert (request.sampling.temperature, request.sampling.seed) == (1.0, 2**63 - 1)
    assert request.sampling.logit_bias == Native(Format.CHAT, b'{"1": 2}')
    assert (request.sampling.logprobs, request.sampling.top_logprobs) == (True, 3)
    assert (request.n, request.stop, request.tier) == (2, ("END",), "flex")
    assert (request.stream, request.stream_usage) == (True, True)
    assert (request.identity.user, request.identity.safety_id) == ("u", "s")
    assert (request.identity.cache_key, request.identity.metadata) == ("k", b'{"a":"b"}')
    assert (request.cache, request.server_state.store) == (CacheMark("30m"), True)
    assert (request.output.verbosity, request.parallel_tools) == ("low", False)
    assert request.extras == ()


def test_nulls_say_nothing() -> None:
    names = ["tools", "tool_choice", "response_format", "stop", "n", "stream", "stream_options"]
    names += ["max_tokens", "temperature", "logit_bias", "metadata", "unknown_thing"]
    assert decode(**dict.fromkeys(names)) == decode()


def test_output_formats() -> None:
    assert decode(response_format={"type": "text"}).output.kind is OutputKind.TEXT
    assert decode(response_format={"type": "json_object"}).output.kind is OutputKind.JSON
    schema = {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True}
    output = decode(response_format={"type": "json_schema", "json_schema": schema}).output
    assert (output.kind, output.name, output.strict) == (OutputKind.SCHEMA, "n", True)
    assert output.schema == b'{"type": "object"}'
    grammar = {"type": "grammar", "grammar": "x"}
    kept = decode(response_format=grammar)
    assert kept.output.kind is OutputKind.TEXT
    assert [extra.name for extra in kept.extras] == ["response_format"]


@pytest.mark.parametrize(
    ("fields", "effort", "budget", "visible", "mode", "kept"),
    [
        ({"reasoning_effort": "high"}, Effort.HIGH, None, None, None, []),
        ({"reasoning_effort": "default"}, None, None, None, None, ["reasoning_effort"]),
        ({"reasoning": {"effort": "low"}}, Effort.LOW, None, None, None, []),
        ({"reasoning": {"max_tokens": 9, "exclude": True}}, None, 9, "none", None, []),
        ({"reasoning": {"enabled": True}}, None, None, None, "adaptive", ["reasoning"]),
        ({"thinking": {"type": "disabled"}}, None, None, None, "disabled", []),
        ({"thinking": {"type": "enabled", "budget_tokens": 7}}, None, 7, None, "manual", []),
        ({"thinking": {"clear_thinking": True}}, None, None, None, None, ["thinking"]),
    ],
    ids=range(8),
)
def test_reasoning_settings(
    fields: Any,
    effort: Effort | None,
    budget: int | None,
    visible: str | None,
    mode: str | None,
    kept: list[str],
) -> None:
    request = decode(**fields)
    spec = request.reasoning
    assert (spec.effort, spec.budget, spec.visible, spec.mode) == (effort, budget, visible, mode)
    assert [extra.name for extra in request.extras] == kept


def test_unknown_fields_are_kept_as_they_came() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"a"}],"x/y":{"n": 1e400}}'
    request = CODEC.decode_request(Inbound(body))
    assert request.extras == (Extra("x/y", b'{"n": 1e400}', "/x~1y"),)


# --- refusals --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "pointer"),
    [
        ([{"content": "a"}], "/messages/0/role"),
        ([{"role": "king", "content": "a"}], "/messages/0/role"),
        ([{"role": 5, "content": "a"}], "/messages/0/role"),
        ([{"role": "user"}], "/messages/0/content"),
        ([{"role": "user", "content": 5}], "/messages/0/content"),
        ([{"role": "user", "content": ["a"]}], "/messages/0/content/0"),
        ([{"role": "user", "content": [{"text": "a"}]}], "/messages/0/content/0/type"),
        ([{"role": "user", "content": [{"type": "text"}]}], "/messages/0/content/0/text"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}],
            "/messages/0/content/0/image_url/url",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "/messages/0/content/0/image_url/url",
        ),
        (
            [{"role": "user", "content": [{"type": "file", "file": {}}]}],
            "/messages/0/content/0/file",
        ),
        (
            [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}],
            "/messages/0/content/0",
        ),
        ([USER, RESULT], "/messages/1/tool_call_id"),
        ([USER, CALLING, RESULT, RESULT], "/messages/3/tool_call_id"),
        ([USER, CALLING, RESULT | {"tool_call_id": None}], "/messages/2/tool_call_id"),
        ([USER, CALLING, RESULT, USER, RESULT], "/messages/4/tool_call_id"),
        ([USER, CALLING, USER], "/messages/1/tool_calls"),
        ([USER, CALLING], "/messages/1/tool_calls"),
        ([USER, CALLING | {"tool_calls": [CALL, CALL]}], "/messages/1/tool_calls/1/id"),
        ([USER, CALLING | {"tool_calls": [CALL | {"id": ""}]}], "/messages/1/tool_calls/0/id"),
        ([USER, CALLING | {"tool_calls": [CALL | {"type": "x"}]}], "/messages/1/tool_calls/0/type"),
        (
            [USER, CALLING | {"tool_calls": [CALL | {"function": {"name": "f", "arguments": {}}}]}],
            "/messages/1/tool_calls/0/function/arguments",
        ),
    ],
    ids=range(22),
)
def test_messages_that_are_refused(messages: list[Any], pointer: str) -> None:
    assert refused(*messages) == pointer


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"model": ""}, "/model"),
        ({"model": 5}, "/model"),
        ({"messages": []}, "/messages"),
        ({"messages": {}}, "/messages"),
        ({"messages": ["a"]}, "/messages/0"),
        ({"temperature": "hot"}, "/temperature"),
        ({"n": 0}, "/n"),
        ({"stream": "yes"}, "/stream"),
        ({"stop": [1]}, "/stop/0"),
        ({"metadata": {"a": 1}}, "/metadata/..."),
        ({"tools": [function("f"), function("f")]}, "/tools/1"),
        ({"tools": [function("")]}, "/tools/0/function/name"),
        ({"tools": [{"type": "function"}]}, "/tools/0/function"),
        ({"tools": [function("f", parameters=[])]}, "/tools/0/function/parameters"),
        ({"tools": [function("f")], "tool_choice": function("g")}, "/tool_choice"),
        ({"tools": [function("f")], "tool_choice": "maybe"}, "/tool_choice"),
        ({"tool_choice": "required"}, "/tool_choice"),
        ({"response_format": {}}, "/response_format/type"),
        ({"response_format": {"type": "json_schema"}}, "/response_format/json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "/response_format/json_schema/name",
        ),
    ],
    ids=range(20),
)
def test_fields_that_are_refused(fields: Any, pointer: str) -> None:
    assert refused(**fields) == pointer


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xef\xbb\xbf{}", b'{"model":"m"}', b'{"messages":[]}', b'{"a":NaN}'],
    ids=range(7),
)
def test_bodies_that_are_refused(body: bytes) -> None:
    for read in (CODEC.decode_request, CODEC.peek):
        with pytest.raises(InvalidRequest):
            read(Inbound(body))


# --- peeking and relaying --------------------------------------------------------


def test_peeking_reads_what_decoding_reads() -> None:
    body = b'{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}'
    assert CODEC.peek(Inbound(body)) == Peek("m", True, True)
    plain = b'{"model":"m","messages":[{}],"stream":null,"stream_options":null}'
    assert CODEC.peek(Inbound(plain)) == Peek("m", False, False)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"messages":[{}]}', "/model"),
        (b'{"model":"","messages":[{}]}', "/model"),
        (b'{"model":"m"}', "/messages"),
        (b'{"model":"m","messages":[ ]}', "/messages"),
        (b'{"model":"m","messages":{}}', "/messages"),
        (b'{"model":"m","messages":[{}],"stream":1}', "/stream"),
        (b'{"model":"m","model":"n","messages":[{}]}', "/model"),
        (
            b'{"model":"m","messages":[{}],"stream_options":{"include_usage":1}}',
            "/stream_options/include_usage",
        ),
    ],
    ids=range(8),
)
def test_what_peeking_refuses(body: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.peek(Inbound(body))
    assert caught.value.failure.param == pointer
