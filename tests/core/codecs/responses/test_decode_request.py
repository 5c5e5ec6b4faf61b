"""A client's request to turns, tools and settings; and what is refused, where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Effort,
    FileId,
    Format,
    HostedTool,
    Inline,
    Media,
    MediaKind,
    Opaque,
    OutputKind,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Url,
)
from aigw_core.codec import Inbound
from aigw_core.codecs.responses import CODEC
from aigw_core.errors import InvalidRequest


def request(*items: Any, **fields: Any) -> ChatRequest:
    body = {"model": "m", "input": list(items) or "x", **fields}
    return CODEC.decode_request(Inbound(msgspec.json.encode(body)))


def refusal(body: bytes | dict[str, Any]) -> str:
    """The pointer of what is refused."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(InvalidRequest) as caught:
        CODEC.decode_request(Inbound(data))
    return caught.value.failure.param or ""


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def call(identifier: str, name: str = "f", **more: Any) -> dict[str, Any]:
    fields = {"type": "function_call", "call_id": identifier, "name": name, "arguments": "{}"}
    return {**fields, **more}


def output(identifier: str, value: Any = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": identifier, "output": value}


def thought(text: str = "", seal: str | None = "gAAA", **more: Any) -> dict[str, Any]:
    told = [{"type": "summary_text", "text": text}] if text else []
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": told, **more}
    return item if seal is None else {**item, "encrypted_content": seal}


def shape(found: ChatRequest) -> list[tuple[str, list[str]]]:
    return [(turn.role.value, [type(part).__name__ for part in turn.parts]) for turn in found.turns]


# --- peek ---------------------------------------------------------------------


def test_peek_reads_what_routing_needs() -> None:
    peek = CODEC.peek(Inbound(b'{"model":"m","input":"x","stream":true}'))
    assert (peek.model, peek.stream) == ("m", True)
    peek = CODEC.peek(Inbound(b'{"model":"m","previous_response_id":"resp_1","stream":null}'))
    assert not peek.stream


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"input":"x"}', "/model"),
        (b'{"model":7,"input":"x"}', "/model"),
        (b'{"model":"../x?a=b","input":"x"}', "/model"),
        (b'{"model":"m"}', "/input"),
        (b'{"model":"m","input":null}', "/input"),
        (b'{"model":"m","input":[ ]}', "/input"),
        (b'{"model":"m","input":{}}', "/input"),
        (b'{"model":"m","input":"x","stream":"yes"}', "/stream"),
    ],
)
def test_peek_and_decode_refuse_the_same(body: bytes, pointer: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.peek(Inbound(body))
    assert caught.value.failure.param == pointer
    with pytest.raises(InvalidRequest):
        CODEC.decode_request(Inbound(body))


# --- turns --------------------------------------------------------------------


def test_a_text_is_one_user_turn() -> None:
    (turn,) = request(instructions=None).turns
    assert (turn.role, turn.parts, turn.pointer) == (Role.USER, (Text("x"),), "/input")


def test_instructions_come_first() -> None:
    first, second = request(user("hi"), instructions="Be brief.").turns
    assert (first.role, first.parts, first.pointer) == (
        Role.SYSTEM,
        (Text("Be brief."),),
        "/instructions",
    )
    assert second.pointer == "/input/0"


def test_developers_are_told_from_the_system() -> None:
    found = request({"role": "developer", "content": "a"}, {"role": "system", "content": "b"})
    assert [turn.developer for turn in found.turns] == [True, False]


def test_one_step_is_one_turn() -> None:
    found = request(
        user("hi"),
        thought("hm"),
        {"role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
        call("a"),
        call("b"),
        output("a"),
        output("b"),
        thought(),
        {"type": "message", "role": "assistant", "content": "Done."},
        user("thanks"),
    )
    assert shape(found) == [
        ("user", ["Text"]),
        ("assistant", ["Reasoning", "Text", "ToolCall", "ToolCall"]),
        ("user", ["ToolResult", "ToolResult"]),
        ("assistant", ["Reasoning", "Text"]),
        ("user", ["Text"]),
    ]
    assert found.turns[1].pointer == "/input/1"


def test_messages_in_a_row_and_phases_are_turns_of_their_own() -> None:
    def said(text: str, phase: str | None = None) -> dict[str, Any]:
        more = {"phase": phase} if phase else {}
        return {"type": "message", "role": "assistant", "content": text, **more}

    found = request(user("hi"), said("a"), said("b"), thought(), said("c", "final_answer"))
    assert [turn.phase for turn in found.turns] == [None, None, None, "final_answer"]


def test_calls_pair_by_call_id_and_not_by_item_id() -> None:
    found = request(user("x"), call("call_1", id="fc_9"), output("call_1"))
    assert found.turns[1].parts[0] == ToolCall(
        "call_1",
        "f",
        "{}",
        native=found.turns[1].parts[0].native,  # type: ignore[union-attr]
    )
    assert refusal({"model": "m", "input": [user("x"), call("c", id="fc"), output("fc")]}) == (
        "/input/2"
    )


def test_custom_calls_are_free_text() -> None:
    found = request(
        user("x"),
        {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": "SELECT 1"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "1"},
    )
    assert found.turns[1].parts == (ToolCall("c", "sql", "SELECT 1", freeform=True),)
    assert found.turns[2].parts == (ToolResult("c", (Text("1"),), freeform=True),)


def test_results_may_hold_media() -> None:
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    ]
    found = request(user("x"), call("c"), output("c", parts))
    (result,) = found.turns[2].parts
    assert isinstance(result, ToolResult)
    assert result.content == (
        Text("see"),
        Media(MediaKind.IMAGE, Inline("image/png", "AAAA")),
    )
    assert request(user("x"), call("c"), output("c", "")).turns[2].parts == (ToolResult("c"),)


@pytest.mark.parametrize(
    ("part", "media"),
    [
        (
            {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "low"},
            Media(MediaKind.IMAGE, Url("https://a.example/x.png"), detail="low"),
        ),
        (
            {"type": "input_image", "file_id": "file_1"},
            Media(MediaKind.IMAGE, FileId("file_1", Format.RESPONSES)),
        ),
        (
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64,JVBE",
            },
            Media(MediaKind.DOCUMENT, Inline("application/pdf", "JVBE"), name="a.pdf"),
        ),
        (
            {"type": "input_file", "file_data": "data:text/plain;base64,aMOp"},
            Media(MediaKind.DOCUMENT, Inline("text/plain", "hé")),
        ),
        (
            {"type": "input_file", "file_url": "https://a.example/x.pdf"},
            Media(MediaKind.DOCUMENT, Url("https://a.example/x.pdf")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            Media(MediaKind.AUDIO, Inline("audio/wav", "AAAA")),
        ),
    ],
)
def test_media_are_read(part: dict[str, Any], media: Media) -> None:
    found = request({"role": "user", "content": [part]})
    assert found.turns[0].parts == (media,)


def test_refusals_and_citations_of_old_answers_are_kept() -> None:
    cite = {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 1}
    content = [
        {"type": "output_text", "text": "a", "annotations": [cite]},
        {"type": "refusal", "refusal": "no"},
    ]
    text, refused = request({"role": "assistant", "content": content}).turns[0].parts
    assert isinstance(text, Text)
    assert (text.citations[0].url, text.citations[0].end) == ("https://a.example", 1)
    assert refused == Refusal("no")


def test_cache_breakpoints_are_marks() -> None:
    def found(**fields: Any) -> list[CacheMark | None]:
        parts = [
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {
                "type": "input_text",
                "text": "b",
                "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
            },
        ]
        turn = request({"role": "user", "content": parts}, **fields).turns[0]
        return [part.cache for part in turn.parts if isinstance(part, Text)]

    assert found() == [CacheMark("30m"), CacheMark("30m")]
    options = {"mode": "explicit", "ttl": "12h"}
    assert found(prompt_cache_options=options) == [CacheMark("12h"), CacheMark("30m")]


# --- reasoning and items of this format alone ---------------------------------


def test_encrypted_content_is_a_seal_under_the_items_name() -> None:
    (part,) = request(user("x"), thought("hm"), call("c"), output("c")).turns[1].parts[:1]
    assert isinstance(part, Reasoning)
    assert (part.text, part.style) == ("hm", ReasoningStyle.SUMMARY)
    assert part.seal is not None
    assert (part.seal.issuer, part.seal.kind) == ("responses", "encrypted")
    assert (part.seal.data, part.seal.id) == ("gAAA", "rs_1")


@pytest.mark.parametrize(
    ("item", "role", "label"),
    [
        ({"type": "item_reference", "id": "msg_1"}, Role.ASSISTANT, "item_reference"),
        ({"id": "msg_1"}, Role.ASSISTANT, "item_reference"),
        ({"type": "web_search_call", "id": "ws_1"}, Role.ASSISTANT, "web_search_call"),
        ({"type": "compaction", "encrypted_content": "x"}, Role.ASSISTANT, "compaction"),
        ({"type": "computer_call_output", "call_id": "c"}, Role.USER, "computer_call_output"),
        (
            {"type": "additional_tools", "role": "developer", "tools": []},
            Role.SYSTEM,
            "additional_tools",
        ),
        ({"type": "brand_new", "x": 1}, Role.ASSISTANT, "brand_new"),
    ],
)
def test_items_of_this_format_alone_are_kept_whole(
    item: dict[str, Any], role: Role, label: str
) -> None:
    turn = request(user("x"), item).turns[1]
    (part,) = turn.parts
    assert isinstance(part, Opaque)
    assert (turn.role, part.label) == (role, label)
    assert msgspec.json.decode(part.native.raw) == item


# --- tools --------------------------------------------------------------------


def test_tools_are_flat() -> None:
    grammar = {"type": "grammar", "syntax": "regex", "definition": "a+"}
    found = request(
        tools=[
            {
                "type": "function",
                "name": "f",
                "description": "d",
                "parameters": {"type": "object"},
                "strict": True,
            },
            {"type": "function", "name": "g", "parameters": None, "defer_loading": True},
            {"type": "custom", "name": "sql", "format": grammar},
            {"type": "web_search"},
        ]
    )
    first, second, third, fourth = found.tools
    assert isinstance(first, Tool)
    assert (first.name, first.description, first.schema, first.strict) == (
        "f",
        "d",
        b'{"type":"object"}',
        True,
    )
    assert isinstance(second, Tool)
    assert (second.schema, second.strict) == (None, None)
    assert second.native is not None
    assert isinstance(third, Tool)
    assert third.freeform
    assert third.grammar is not None
    assert isinstance(fourth, HostedTool)
    assert (fourth.label, fourth.pointer) == ("web_search", "/tools/3")


FUNCTION = {"type": "function", "name": "f"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice(ToolChoiceMode.AUTO)),
        ("none", ToolChoice(ToolChoiceMode.NONE)),
        ("required", ToolChoice(ToolChoiceMode.REQUIRED)),
        (FUNCTION, ToolChoice(ToolChoiceMode.REQUIRED, ("f",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]},
            ToolChoice(ToolChoiceMode.AUTO, ("f",)),
        ),
        (None, None),
    ],
)
def test_tool_choices_are_read(choice: Any, expected: ToolChoice | None) -> None:
    assert request(tools=[FUNCTION], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "web_search"},
        {"type": "mcp", "server_label": "x"},
        {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION, {"type": "web_search"}]},
    ],
)
def test_choices_of_hosted_tools_are_kept(choice: Any) -> None:
    found = request(tools=[FUNCTION, {"type": "web_search"}], tool_choice=choice).tool_choice
    assert found is not None
    assert found.native is not None
    assert msgspec.json.decode(found.native.raw) == choice


def test_a_choice_may_name_a_tool_of_a_namespace() -> None:
    space = {"type": "namespace", "name": "agents", "tools": [FUNCTION]}
    assert request(tools=[space], tool_choice=FUNCTION).tool_choice is not None


# --- settings -----------------------------------------------------------------


def test_settings_have_their_places() -> None:
    found = request(
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=2,
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        reasoning={"effort": "high", "summary": "detailed"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True},
            "verbosity": "low",
        },
        parallel_tool_calls=False,
        metadata={"a": "b"},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        store=False,
        previous_response_id="resp_1",
        stream=True,
        stream_options={"include_obfuscation": False},
        truncation="disabled",
        background=False,
        max_tool_calls=None,
        prompt_cache_options={"mode": "implicit", "ttl": "12h"},
    )
    assert found.max_output == 9
    assert (found.sampling.temperature, found.sampling.top_p) == (0.5, 0.9)
    assert (found.sampling.logprobs, found.sampling.top_logprobs) == (True, 2)
    assert (found.reasoning.effort, found.reasoning.visible) == (Effort.HIGH, "detailed")
    assert (found.output.kind, found.output.name) == (OutputKind.SCHEMA, "n")
    assert (found.output.schema, found.output.strict) == (b'{"a":1}', True)
    assert found.output.verbosity == "low"
    assert found.parallel_tools is False
    assert found.identity.metadata == b'{"a":"b"}'
    assert (found.identity.user, found.identity.safety_id) == ("u", "s")
    assert (found.identity.cache_key, found.tier) == ("k", "flex")
    assert (found.server_state.store, found.server_state.previous_id) == (False, "resp_1")
    assert found.stream
    assert found.cache == CacheMark("12h")
    assert found.extras == ()


def test_fields_without_a_meaning_here_are_extras() -> None:
    found = request(
        background=True,
        truncation="auto",
        prompt={"id": "pmpt_1"},
        reasoning={"effort": "low", "mode": "pro"},
        include=["web_search_call.results"],
        prompt_cache_options={"mode": "explicit"},
        brand_new={"a": [1]},
    )
    assert {extra.name: extra.pointer for extra in found.extras} == {
        "background": "/background",
        "truncation": "/truncation",
        "prompt": "/prompt",
        "reasoning.mode": "/reasoning/mode",
        "include": "/include",
        "prompt_cache_options": "/prompt_cache_options",
        "brand_new": "/brand_new",
    }


def test_server_state_is_kept() -> None:
    found = request(conversation={"id": "conv_1"})
    assert found.server_state.conversation is not None
    assert found.server_state.store is None
    body = b'{"model":"m","previous_response_id":"resp_1","instructions":"x"}'
    assert len(CODEC.decode_request(Inbound(body)).turns) == 1


def test_results_may_answer_calls_that_the_vendor_remembers() -> None:
    assert request(output("c"), previous_response_id="resp_1").turns
    assert request({"type": "item_reference", "id": "fc_1"}, output("c")).turns
    assert request({"type": "compaction", "encrypted_content": "x"}, output("c")).turns


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"input": []}, "/input"),
        ({"input": [7]}, "/input/0"),
        ({"input": [{"role": "robot", "content": "x"}]}, "/input/0/role"),
        ({"input": [{"role": "user", "content": 7}]}, "/input/0/content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "/input/0/content/0"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "/input/0/content/0/type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "/input/0/content/0/text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "/input/0/content/0",
        ),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "/input/0"),
        ({"input": [call("")]}, "/input/0/call_id"),
        ({"input": [call("c", arguments={})]}, "/input/0/arguments"),
        ({"input": [user("x"), output("c")]}, "/input/1"),
        ({"input": [user("x"), call("c"), output("c", 7)]}, "/input/2/output"),
        ({"tools": [FUNCTION, FUNCTION]}, "/tools/1"),
        ({"tools": [{"type": "function"}]}, "/tools/0"),
        ({"tools": [{"name": "f"}]}, "/tools/0/type"),
        ({"tool_choice": "sometimes"}, "/tool_choice"),
        ({"tool_choice": FUNCTION}, "/tool_choice"),
        ({"tool_choice": {"type": "function"}, "tools": [FUNCTION]}, "/tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "/text/format/type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "/text/format/schema"),
        ({"temperature": "hot"}, "/temperature"),
        ({"max_output_tokens": 1.5}, "/max_output_tokens"),
        ({"reasoning": {"effort": "extreme"}}, "/reasoning/effort"),
        ({"conversation": "c", "previous_response_id": "r"}, "/conversation"),
        ({"include": "x"}, "/include"),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(fields: dict[str, Any], pointer: str) -> None:
    assert refusal({"model": "m", "input": "x", **fields}) == pointer


def test_duplicate_fields_are_refused_two_levels_down() -> None:
    assert refusal(b'{"model":"m","input":"x","text":{"verbosity":"low","verbosity":"high"}}') == (
        "/text/verbosity"
    )
