"""Conversations of other formats as requests to a Messages upstream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Effort,
    Extra,
    FileId,
    Format,
    HostedTool,
    Identity,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    OutputKind,
    OutputSpec,
    Part,
    Reasoning,
    ReasoningSpec,
    Refusal,
    Role,
    Sampling,
    Seal,
    ServerState,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
    Url,
)
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs.messages import CODEC
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger


def turn(role: str, *parts: Part | str, pointer: str = "", **fields: Any) -> Turn:
    whole = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return Turn(Role(role), whole, pointer=pointer or f"/messages/{role}", **fields)


USER = turn("user", "x")
CALL = ToolCall("call_1", "f", "{}")
RESULT = ToolResult("call_1", (Text("ok"),))
SEALED = Reasoning("hm", seal=Seal("messages", "signature", "sig"))
TOOL = Tool("f", schema=b'{"type":"object"}', pointer="/tools/0")
REQUIRED = ToolChoice(ToolChoiceMode.REQUIRED)


class Encoded:
    def __init__(self, request: ChatRequest, caps: Caps) -> None:
        self.ledger = Ledger(CODEC.pointers)
        self.request = CODEC.encode_request(request, "up-model", caps, self.ledger)
        self.body = json.loads(self.request.body)
        self.headers = dict(self.request.headers)

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

    def codes(self, *, reported: bool = True) -> set[str]:
        return {entry.code for entry in self.ledger.entries if entry.reported is reported}


def encode(*turns: Turn, caps: Caps | None = None, **fields: Any) -> Encoded:
    made = {"model": "client", "format": Format.CHAT, "max_output": 4096, **fields}
    return Encoded(ChatRequest(turns=turns or (USER,), **made), caps or Caps())


def refused(*turns: Turn, caps: Caps | None = None, **fields: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        encode(*turns, caps=caps, **fields)
    assert caught.value.failure.param
    return caught.value.failure.param


# --- turns -----------------------------------------------------------------------


def test_least_request() -> None:
    encoded = encode()
    assert encoded.body == {
        "model": "up-model",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "x"}],
    }
    assert encoded.request.path == "/v1/messages"
    assert encoded.headers == {"anthropic-version": "2026-10-21"}
    assert encoded.ledger.entries == []


def test_leading_system_turns_are_the_system_prompt() -> None:
    encoded = encode(turn("system", "one"), turn("system", "two", "three"), USER)
    assert [block["text"] for block in encoded.body["system"]] == ["one", "two", "three"]
    assert encode(turn("system", "one"), USER).body["system"] == "one"


def test_later_system_turn_stays_where_it_is() -> None:
    turns = (turn("system", "s"), USER, turn("system", "late"), turn("assistant", "a"), USER)
    able = encode(*turns, caps=Caps(mid_system=True))
    assert able.messages[1] == {"role": "system", "content": "late"}
    assert able.body["system"] == "s"
    tagged = encode(*turns)
    assert [block["text"] for block in tagged.messages[0]["content"]] == [
        "x", "<system>late</system>"
    ]  # fmt: skip
    assert tagged.body["system"] == "s"


def test_system_turn_after_the_assistant_goes_behind_the_user() -> None:
    turns = (USER, turn("assistant", "a"), turn("system", "late"), turn("user", "y"))
    able = encode(*turns, caps=Caps(mid_system=True))
    assert [message["role"] for message in able.messages] == ["user", "assistant", "user", "system"]
    last = encode(USER, turn("assistant", "a"), turn("system", "late"), caps=Caps(mid_system=True))
    assert last.messages[-1] == {"role": "user", "content": "<system>late</system>"}


def test_results_of_one_step_come_first_and_together() -> None:
    calls = turn("assistant", "so", CALL, ToolCall("call_2", "f", "{}"))
    turns = (
        USER,
        calls,
        turn("system", "note"),
        turn("user", RESULT),
        turn("user", ToolResult("call_2")),
        turn("user", "and now?"),
    )
    blocks = encode(*turns).messages[2]["content"]
    assert [block["type"] for block in blocks] == ["tool_result", "tool_result", "text", "text"]
    able = encode(*turns, caps=Caps(mid_system=True)).messages
    assert [message["role"] for message in able[2:]] == ["user", "system", "user"]
    assert [block["type"] for block in able[2]["content"]] == ["tool_result", "tool_result"]


def test_neighbours_of_one_role_are_merged() -> None:
    encoded = encode(
        USER,
        turn("user", "y"),
        turn("assistant", "a"),
        turn("assistant", CALL),
        turn("user", RESULT),
    )
    assert [message["role"] for message in encoded.messages] == ["user", "assistant", "user"]


def test_empty_text_never_leaves() -> None:
    encoded = encode(
        turn("user", "", "x", "  \n"),
        turn("assistant", "", CALL),
        turn("user", RESULT, ""),
        turn("assistant", " "),
        USER,
    )
    assert encoded.messages[0]["content"] == "x"
    assert [block["type"] for block in encoded.messages[1]["content"]] == ["tool_use"]
    assert [block["type"] for block in encoded.messages[2]["content"]] == ["tool_result", "text"]
    assert len(encoded.messages) == 3


def test_empty_user_turn_is_refused() -> None:
    assert refused(turn("user", "", pointer="/messages/7")) == "/messages/7"


def test_conversation_starts_with_the_user() -> None:
    assert refused(turn("assistant", "a", pointer="/messages/0"), USER) == "/messages/0"
    assert refused(turn("system", "s", pointer="/messages/0")) == "/messages/0"


def test_prefill_depends_on_the_model() -> None:
    turns = (USER, turn("assistant", "So: \n", pointer="/messages/1"))
    assert refused(*turns) == "/messages/1"
    able = encode(*turns, caps=Caps(prefill=True), reasoning=ReasoningSpec(Effort.HIGH))
    assert able.messages[-1] == {"role": "assistant", "content": "So:"}
    assert able.body["thinking"] == {"type": "disabled"}
    assert able.codes() == {"thinking_with_prefill"}


def test_arguments_are_objects_with_their_spelling() -> None:
    call = ToolCall("call_1", "f", '{"n": 2.50, "big": 9223372036854775807}')
    encoded = encode(USER, turn("assistant", call), turn("user", RESULT))
    assert b'{"n": 2.50, "big": 9223372036854775807}' in encoded.request.body
    for arguments in ("{", "[1]", "1e400", '{"a": NaN}', "[" * 100_000):
        encoded = encode(
            USER, turn("assistant", ToolCall("call_1", "f", arguments)), turn("user", RESULT)
        )
        assert encoded.messages[1]["content"][0]["input"] == {"_raw": arguments}
        assert encoded.codes() == {"arguments_wrapped"}
    encoded = encode(USER, turn("assistant", ToolCall("call_1", "f", "")), turn("user", RESULT))
    assert encoded.messages[1]["content"][0]["input"] == {}


def test_ids_become_legal_on_both_sides() -> None:
    for odd in ("call|1 x", "ü", "x" * 200 + "."):
        encoded = encode(
            USER, turn("assistant", ToolCall(odd, "f", "{}")), turn("user", ToolResult(odd))
        )
        call, result = encoded.messages[1]["content"][0], encoded.messages[2]["content"][0]
        assert call["id"] == result["tool_use_id"]
        assert call["id"].startswith("call_")


def test_results_are_text_blocks_or_nothing() -> None:
    image = Media(MediaKind.IMAGE, Inline("image/png", "aa"))
    for content, shown in (
        ((), None),
        ((Text(""),), None),
        ((Text(" "),), " "),
        ((Text("a"),), "a"),
        ((Text("a"), Text("")), "a"),
    ):
        result = ToolResult("call_1", content)
        block = encode(USER, turn("assistant", CALL), turn("user", result)).messages[2]["content"][
            0
        ]
        assert block.get("content") == shown
    result = ToolResult("call_1", (Text("a"), image), is_error=True)
    block = encode(USER, turn("assistant", CALL), turn("user", result)).messages[2]["content"][0]
    assert [piece["type"] for piece in block["content"]] == ["text", "image"]
    assert block["is_error"] is True
    moved = encode(
        USER, turn("assistant", CALL), turn("user", result), caps=Caps(tool_result_media=())
    )
    first, second = moved.messages[2]["content"]
    assert first["content"][1]["text"] == "[image 1 attached below]"
    assert second["type"] == "image"
    assert moved.codes() == {"tool_result_media_moved"}


def test_media_is_mapped() -> None:
    parts = (
        Media(MediaKind.IMAGE, Inline("image/jpg", "aa"), detail="low"),
        Media(MediaKind.IMAGE, Url("https://x")),
        Media(MediaKind.DOCUMENT, Inline("application/pdf", "JVB"), name="a.pdf"),
        Media(MediaKind.DOCUMENT, Inline("text/markdown", "# hi"), context="c", cite=True),
        Media(MediaKind.DOCUMENT, Url("https://y")),
    )
    assert encode(turn("user", *parts)).messages[0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "aa"}},
        {"type": "image", "source": {"type": "url", "url": "https://x"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVB"},
            "title": "a.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "# hi"},
            "context": "c",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "url", "url": "https://y"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Media(MediaKind.AUDIO, Inline("audio/wav", "aa")),
        Media(MediaKind.VIDEO, Url("https://x")),
        Media(MediaKind.IMAGE, Inline("image/tiff", "aa")),
        Media(MediaKind.IMAGE, FileId("f", Format.RESPONSES)),
        Media(MediaKind.DOCUMENT, Inline("application/msword", "aa")),
    ],
)
def test_media_that_cannot_be_sent_is_refused(part: Media) -> None:
    assert refused(turn("user", part, pointer="/messages/3")) == "/messages/3"


def test_what_the_assistant_cannot_have_is_dropped() -> None:
    image = Media(MediaKind.IMAGE, Inline("image/png", "aa"))
    item = Opaque(Native(Format.RESPONSES, b"{}"), "web_search_call")
    server = ToolCall("ws", "web_search", "{}", server=True)
    encoded = encode(USER, turn("assistant", image, item, server, Refusal("No.")), USER)
    assert encoded.messages[1]["content"] == "No."
    assert encoded.codes() == {"assistant_media", "item_unsupported", "server_tool_call"}


def test_names_phases_and_unknown_fields_are_in_the_ledger() -> None:
    extra = Extra("novel", b"1", "/novel")
    encoded = encode(turn("user", "x", name="bob", phase="final"), extras=(extra,))
    assert encoded.codes() == {"name_unsupported", "unknown_field"}
    assert encoded.codes(reported=False) == {"phase_unsupported"}


# --- reasoning in the history ----------------------------------------------------


def test_only_seals_of_this_vendor_are_sent() -> None:
    foreign = Reasoning("g", seal=Seal("gemini", "thought_signature", "x"))
    redacted = Reasoning("", seal=Seal("messages", "redacted", "blob"))
    encoded = encode(
        USER,
        turn("assistant", SEALED, redacted, foreign, Reasoning("bare"), "a"),
        turn("user", "y"),
    )
    assert encoded.messages[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "a"},
    ]
    assert encoded.codes(reported=False) == {"reasoning_dropped"}


def test_no_thought_is_sent_behind_a_gap() -> None:
    history = (
        USER,
        turn("assistant", SEALED, "a"),
        USER,
        turn("assistant", Reasoning("lost"), "b"),
        USER,
        turn("assistant", SEALED, "c"),
        USER,
    )
    kinds = [
        [block["type"] for block in message["content"]]
        for message in encode(*history).messages
        if message["role"] == "assistant" and isinstance(message["content"], list)
    ]
    assert kinds == [["thinking", "text"]]
    bound = encode(*history, caps=Caps(block_binding=True), reasoning=ReasoningSpec(Effort.LOW))
    assert bound.messages[5]["content"][0]["type"] == "thinking"
    assert bound.body["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    assert bound.headers["anthropic-beta"] == "thinking-binding-controls-2026-08-01"


def test_foreign_thoughts_leave_no_gap() -> None:
    foreign = Reasoning("g", seal=Seal("gemini", "thought_signature", "x"))
    history = (USER, turn("assistant", foreign, "a"), USER, turn("assistant", SEALED, "b"), USER)
    assert encode(*history).messages[3]["content"][0]["type"] == "thinking"


def test_budget_thinking_needs_the_thoughts_of_the_running_loop() -> None:
    caps = Caps(thinking="budget")
    spec = ReasoningSpec(Effort.LOW)
    loop = (USER, turn("assistant", CALL), turn("user", RESULT))
    lost = encode(*loop, caps=caps, reasoning=spec)
    assert lost.body["thinking"] == {"type": "disabled"}
    assert lost.codes() == {"thinking_lost_in_tool_loop"}
    kept = encode(
        USER, turn("assistant", SEALED, CALL), turn("user", RESULT), caps=caps, reasoning=spec
    )
    assert kept.body["thinking"]["type"] == "enabled"
    adaptive = encode(*loop, reasoning=spec)
    assert adaptive.body["thinking"] == {"type": "adaptive"}


# --- thinking --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "thinking", "effort", "codes"),
    [
        (ReasoningSpec(), None, None, set()),
        (ReasoningSpec(Effort.NONE), {"type": "disabled"}, None, set()),
        (ReasoningSpec(budget=0), {"type": "disabled"}, None, set()),
        (ReasoningSpec(Effort.MINIMAL), {"type": "adaptive"}, "low", set()),
        (ReasoningSpec(Effort.HIGH), {"type": "adaptive"}, "high", set()),
        (ReasoningSpec(Effort.MAX), {"type": "adaptive"}, "high", {"effort_clamped"}),
        (ReasoningSpec(budget=-1), {"type": "adaptive"}, None, set()),
        (ReasoningSpec(budget=512), {"type": "adaptive"}, "low", set()),
        (ReasoningSpec(budget=12288), {"type": "adaptive"}, "medium", set()),
        (ReasoningSpec(budget=12289), {"type": "adaptive"}, "high", set()),
        (
            ReasoningSpec(Effort.LOW, visible="summary"),
            {"type": "adaptive", "display": "summarized"},
            "low",
            set(),
        ),
        (
            ReasoningSpec(Effort.LOW, visible="none"),
            {"type": "adaptive", "display": "omitted"},
            "low",
            set(),
        ),
        (
            ReasoningSpec(visible="detailed"),
            {"type": "adaptive", "display": "summarized"},
            None,
            set(),
        ),
        (ReasoningSpec(visible="none"), None, None, set()),
    ],
)
def test_adaptive_models(
    spec: ReasoningSpec, thinking: Any, effort: str | None, codes: set[str]
) -> None:
    encoded = encode(reasoning=spec)
    assert encoded.body.get("thinking") == thinking
    assert encoded.body.get("output_config", {}).get("effort") == effort
    assert encoded.codes() == codes


def test_efforts_are_clamped_down_first() -> None:
    caps = Caps(efforts=(Effort.MEDIUM, Effort.MAX))
    for asked, sent in (
        (Effort.MINIMAL, "medium"),
        (Effort.HIGH, "medium"),
        (Effort.XHIGH, "medium"),
        (Effort.MAX, "max"),
    ):
        assert encode(reasoning=ReasoningSpec(asked), caps=caps).body["output_config"] == {
            "effort": sent
        }


def test_thinking_that_cannot_be_switched_off_is_made_small() -> None:
    encoded = encode(reasoning=ReasoningSpec(Effort.NONE), caps=Caps(thinking_off=False))
    assert "thinking" not in encoded.body
    assert encoded.body["output_config"] == {"effort": "low"}
    assert encoded.codes() == {"thinking_stays_on"}


def test_models_that_do_not_think() -> None:
    encoded = encode(reasoning=ReasoningSpec(Effort.HIGH), caps=Caps(thinking="none"))
    assert "thinking" not in encoded.body
    assert encoded.codes() == {"thinking_unsupported"}
    assert encode(reasoning=ReasoningSpec(Effort.NONE), caps=Caps(thinking="none")).codes() == set()


@pytest.mark.parametrize(
    ("spec", "max_output", "limit", "budget", "max_tokens"),
    [
        (ReasoningSpec(Effort.MINIMAL), 4096, None, 1024, 4096),
        (ReasoningSpec(Effort.LOW), 4096, None, 2048, 4096),
        (ReasoningSpec(Effort.MEDIUM), None, None, 8192, 8192 + 8192),
        (ReasoningSpec(Effort.HIGH), None, None, 24576, 24576 + 8192),
        (ReasoningSpec(Effort.HIGH), None, 16000, 14976, 16000),
        (ReasoningSpec(Effort.HIGH), 9000, None, 7976, 9000),
        (ReasoningSpec(Effort.XHIGH), 64000, None, 32768, 64000),
        (ReasoningSpec(Effort.MAX), 9000, None, 7976, 9000),
        (ReasoningSpec(Effort.MAX), None, None, 32768, 32768 + 8192),
        (ReasoningSpec(Effort.MINIMAL), 1100, None, 1024, 1100),
        (ReasoningSpec(budget=5000), 8000, None, 5000, 8000),
        (ReasoningSpec(budget=10), 8000, None, 1024, 8000),
        (ReasoningSpec(budget=90_000), 99_000, None, 32768, 99_000),
        (ReasoningSpec(Effort.LOW), 1024, None, None, 1024),
        (ReasoningSpec(Effort.LOW), 5, None, None, 5),
        (ReasoningSpec(Effort.NONE), 4096, None, None, 4096),
    ],
)
def test_budget_models(
    spec: ReasoningSpec,
    max_output: int | None,
    limit: int | None,
    budget: int | None,
    max_tokens: int,
) -> None:
    caps = Caps(thinking="budget", max_output=limit)
    body = encode(reasoning=spec, max_output=max_output, caps=caps).body
    assert body["max_tokens"] == max_tokens
    if budget is None:
        assert body["thinking"] == {"type": "disabled"}
    else:
        assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
        assert 1024 <= budget < max_tokens
    assert "output_config" not in body


def test_max_tokens_has_a_default_and_a_limit() -> None:
    assert encode(max_output=None).body["max_tokens"] == 8192
    assert encode(max_output=None, caps=Caps(max_output=5000)).body["max_tokens"] == 5000
    limited = encode(max_output=9000, caps=Caps(max_output=5000))
    assert limited.body["max_tokens"] == 5000
    assert limited.codes() == {"max_tokens_clamped"}


def test_client_of_this_format_is_taken_at_its_word() -> None:
    body = {"model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": "x"}]}
    manual = {"type": "enabled", "budget_tokens": 3999}
    request = CODEC.decode_request(Inbound(json.dumps({**body, "thinking": manual}).encode()))
    assert Encoded(request, Caps()).body["thinking"] == manual
    assert Encoded(request, Caps(thinking="budget")).body["thinking"] == manual
    lowered = Encoded(request, Caps(max_output=3000)).body
    assert lowered["thinking"] == {"type": "enabled", "budget_tokens": 1976}
    only_adaptive = Encoded(request, Caps(thinking="adaptive")).body
    assert only_adaptive["thinking"] == {"type": "adaptive"}
    assert only_adaptive["output_config"] == {"effort": "medium"}
    adaptive = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}
    request = CODEC.decode_request(Inbound(json.dumps({**body, **adaptive}).encode()))
    assert Encoded(request, Caps()).body["output_config"] == {"effort": "max"}
    assert Encoded(request, Caps(efforts=(Effort.LOW,))).body["output_config"] == {"effort": "low"}
    only_budget = Encoded(request, Caps(thinking="budget")).body
    assert only_budget["thinking"] == {"type": "enabled", "budget_tokens": 2976}
    assert Encoded(request, Caps(thinking="none")).body.get("thinking") is None


# --- tools -----------------------------------------------------------------------


def test_tools_are_mapped() -> None:
    tools = (
        Tool("f", "does f", b'{"type":"object","properties":{"n":{"minimum":1.50}}}', True),
        Tool("g"),
        Tool("h", schema=b'{"properties":{}}', strict=False),
        Tool("free", "text", freeform=True, grammar=Native(Format.RESPONSES, b"{}")),
    )
    encoded = encode(tools=tools)
    assert encoded.body["tools"] == [
        {
            "name": "f",
            "description": "does f",
            "input_schema": {"type": "object", "properties": {"n": {"minimum": 1.5}}},
            "strict": True,
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {"name": "h", "input_schema": {"type": "object", "properties": {}}},
        {
            "name": "free",
            "description": "text",
            "input_schema": {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
                "additionalProperties": False,
            },
        },
    ]
    assert b"1.50" in encoded.request.body
    assert encoded.request.wrapped_tools == {"free"}
    assert encoded.codes() == {"grammar_unsupported"}


def test_free_text_of_the_history_is_wrapped() -> None:
    call = ToolCall("call_1", "free", 'say "hi"', freeform=True)
    encoded = encode(USER, turn("assistant", call), turn("user", RESULT))
    assert encoded.messages[1]["content"][0]["input"] == {"input": 'say "hi"'}


def test_illegal_names_are_changed_everywhere() -> None:
    name = "very.long/" + "n" * 80
    tools = (Tool(name),)
    choice = ToolChoice(ToolChoiceMode.REQUIRED, (name,))
    encoded = encode(
        USER,
        turn("assistant", ToolCall("call_1", name, "{}")),
        turn("user", RESULT),
        tools=tools,
        tool_choice=choice,
    )
    (sent,) = encoded.request.tool_names
    assert encoded.request.tool_names[sent] == name
    assert len(sent) <= 64
    assert encoded.body["tools"][0]["name"] == sent
    assert encoded.body["tool_choice"] == {"type": "tool", "name": sent}
    assert encoded.messages[1]["content"][0]["name"] == sent


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(ToolChoiceMode.AUTO), None, {"type": "auto"}),
        (ToolChoice(ToolChoiceMode.NONE), False, {"type": "none"}),
        (REQUIRED, None, {"type": "any"}),
        (REQUIRED, False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice(ToolChoiceMode.REQUIRED, ("f",)), None, {"type": "tool", "name": "f"}),
    ],
)
def test_choices_are_mapped(choice: ToolChoice | None, parallel: bool | None, sent: Any) -> None:
    encoded = encode(tools=(TOOL,), tool_choice=choice, parallel_tools=parallel)
    assert encoded.body.get("tool_choice") == sent
    assert encoded.codes() == set()


def test_choice_without_tools_is_not_sent() -> None:
    encoded = encode(tool_choice=ToolChoice(ToolChoiceMode.AUTO), parallel_tools=False)
    assert "tool_choice" not in encoded.body
    assert encoded.codes() == set()
    assert refused(tool_choice=REQUIRED) == "/tool_choice"


def test_subset_of_tools_is_sent_as_fewer_tools() -> None:
    tools = (TOOL, Tool("g"), Tool("h"))
    encoded = encode(tools=tools, tool_choice=ToolChoice(ToolChoiceMode.AUTO, ("g",)))
    assert [tool["name"] for tool in encoded.body["tools"]] == ["g"]
    assert encoded.body["tool_choice"] == {"type": "auto"}
    forced = encode(tools=tools, tool_choice=ToolChoice(ToolChoiceMode.REQUIRED, ("g", "h")))
    assert [tool["name"] for tool in forced.body["tools"]] == ["g", "h"]
    assert forced.body["tool_choice"] == {"type": "any"}
    assert forced.codes() == encoded.codes() == {"tool_subset"}


@pytest.mark.parametrize("thinking", ["adaptive", "budget"])
def test_forced_tool_and_thinking_do_not_go_together(thinking: str) -> None:
    spec = ReasoningSpec(Effort.LOW)
    off = encode(tools=(TOOL,), tool_choice=REQUIRED, reasoning=spec, caps=Caps(thinking=thinking))
    assert off.body["thinking"] == {"type": "disabled"}
    assert off.body["tool_choice"] == {"type": "any"}
    assert off.codes() == {"thinking_with_forced_tool"}
    caps = Caps(thinking=thinking, thinking_off=False)
    auto = encode(tools=(TOOL,), tool_choice=REQUIRED, reasoning=spec, caps=caps)
    assert auto.body["thinking"]["type"] != "disabled"
    assert auto.body["tool_choice"] == {"type": "auto"}
    assert auto.codes() == {"forced_tool_with_thinking"}
    caps = Caps(thinking=thinking, forced_tool_with_thinking=True)
    both = encode(tools=(TOOL,), tool_choice=REQUIRED, reasoning=spec, caps=caps)
    assert both.body["thinking"]["type"] != "disabled"
    assert both.codes() == set()


def test_tools_of_other_vendors_are_refused() -> None:
    hosted = HostedTool(Native(Format.RESPONSES, b"{}"), "file_search", "/tools/0")
    assert refused(tools=(hosted,)) == "/tools/0"
    choice = ToolChoice(ToolChoiceMode.REQUIRED, native=Native(Format.RESPONSES, b"{}"))
    assert refused(tools=(TOOL,), tool_choice=choice) == "/tool_choice"


# --- the rest --------------------------------------------------------------------


def test_sampling_is_dropped_unless_the_model_takes_it() -> None:
    sampling = Sampling(temperature=1.5, top_p=0.5, top_k=3)
    dropped = encode(sampling=sampling)
    assert not {"temperature", "top_p", "top_k"} & dropped.body.keys()
    assert dropped.headers["anthropic-version"] == "2026-10-21"
    assert dropped.codes() == {"temperature_unsupported", "top_p_unsupported", "top_k_unsupported"}
    kept = encode(sampling=sampling, caps=Caps(sampling=True))
    assert (kept.body["temperature"], kept.body["top_p"], kept.body["top_k"]) == (1, 0.5, 3)
    assert kept.headers["anthropic-version"] == "2023-06-01"
    assert kept.codes() == {"temperature_clamped"}
    newest = encode(sampling=Sampling(1.0), caps=Caps(sampling=True, api_version="2026-10-21"))
    assert "temperature" not in newest.body
    assert newest.codes() == {"temperature_unsupported"}
    old = encode(caps=Caps(api_version="2023-06-01"))
    assert old.headers["anthropic-version"] == "2023-06-01"


def test_sampling_gives_way_to_thinking() -> None:
    encoded = encode(
        sampling=Sampling(temperature=0.2, top_p=0.97, top_k=3),
        reasoning=ReasoningSpec(Effort.LOW),
        caps=Caps(sampling=True),
    )
    assert "temperature" not in encoded.body
    assert encoded.body["top_p"] == 0.97
    assert encoded.codes() == {"temperature_with_thinking", "top_k_with_thinking"}


def test_hints_without_a_place_are_reported() -> None:
    sampling = Sampling(
        frequency_penalty=1, presence_penalty=1, seed=1, logit_bias=Native(Format.CHAT, b"{}")
    )
    encoded = encode(sampling=sampling, tier="flex", output=OutputSpec(verbosity="low"))
    assert encoded.codes() == {
        "frequency_penalty_unsupported",
        "presence_penalty_unsupported",
        "seed_unsupported",
        "logit_bias_unsupported",
        "tier_unsupported",
        "verbosity_unsupported",
    }


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"n": 2}, "/n"),
        ({"sampling": Sampling(logprobs=True)}, "/sampling/logprobs"),
        ({"server_state": ServerState(previous_id="r")}, "/server_state/previous_id"),
        (
            {"server_state": ServerState(conversation=Native(Format.RESPONSES, b"{}"))},
            "/thread",
        ),
        ({"output": OutputSpec(modalities=("audio",))}, "/output/modalities"),
        ({"stop": ("###", " \n")}, "/stop_sequences"),
    ],
)
def test_what_cannot_be_had_is_refused(fields: dict[str, Any], pointer: str) -> None:
    assert refused(**fields) == pointer


def test_output_formats() -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"object"},"n":{"type":"number"}}}'
    spec = OutputSpec(OutputKind.SCHEMA, "answer", schema, True)
    encoded = encode(output=spec)
    assert encoded.body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "a": {"type": "object", "additionalProperties": False},
                "n": {"type": "number"},
            },
            "additionalProperties": False,
        },
    }
    assert encoded.codes() == set()
    opened = b'{"type":"object","additionalProperties":{"type":"string"}}'
    assert encode(output=OutputSpec(OutputKind.SCHEMA, schema=opened)).codes() == {
        "schema_objects_closed"
    }
    closed = b'{"type": "object", "additionalProperties": false}'
    assert closed in encode(output=OutputSpec(OutputKind.SCHEMA, schema=closed)).request.body
    asked = encode(output=spec, caps=Caps(json_schema=False))
    assert "output_config" not in asked.body
    assert "JSON Schema" in asked.body["system"]
    assert asked.codes() == {"json_schema_as_instruction"}
    mode = encode(turn("system", "s"), USER, output=OutputSpec(OutputKind.JSON))
    assert mode.body["system"][0]["text"] == "s"
    assert "JSON" in mode.body["system"][1]["text"]
    assert mode.codes() == {"json_mode_as_instruction"}


@pytest.mark.parametrize(
    ("tier", "sent"),
    [
        ("auto", "auto"),
        ("default", "standard_only"),
        ("standard", "standard_only"),
        ("priority", "auto"),
        ("fast", "auto"),
        ("flex", None),
        ("novel", None),
    ],
)
def test_tiers(tier: str, sent: str | None) -> None:
    assert encode(tier=tier).body.get("service_tier") == sent


def test_user_is_metadata() -> None:
    assert encode(identity=Identity(user="u")).body["metadata"] == {"user_id": "u"}
    both = encode(identity=Identity("u", "s", "k", b"{}"))
    assert both.body["metadata"] == {"user_id": "s"}
    assert both.codes() == set()
    assert both.codes(reported=False) == {
        "user_unsupported",
        "metadata_unsupported",
        "cache_key_unsupported",
    }


def test_cache_marks_are_mapped_and_limited() -> None:
    mark = CacheMark()
    parts = [Text(str(number), cache=mark) for number in range(5)]
    encoded = encode(turn("user", *parts), tools=(Tool("f", cache=mark),))
    assert "cache_control" not in encoded.body["tools"][0]
    marked = ["cache_control" in block for block in encoded.messages[0]["content"]]
    assert marked == [False, True, True, True, True]
    assert encoded.codes() == {"cache_marks_exceeded"}
    automatic = encode(turn("user", *parts), cache=CacheMark("12h"))
    assert automatic.body["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert sum("cache_control" in block for block in automatic.messages[0]["content"]) == 3


def test_marks_for_longer_never_follow_shorter_ones() -> None:
    parts = [
        Text("a", cache=CacheMark("1h")),
        Text("b", cache=CacheMark("30m")),
        Text("c", cache=CacheMark("1h")),
    ]
    blocks = encode(turn("user", *parts)).messages[0]["content"]
    assert [block["cache_control"].get("ttl") for block in blocks] == ["1h", None, None]


def test_mark_of_an_empty_text_moves_to_the_one_before() -> None:
    mark = CacheMark()
    blocks = encode(turn("user", "a", Text(" ", cache=mark), "b")).messages[0]["content"]
    assert ["cache_control" in block for block in blocks] == [True, False]
    blocks = encode(USER, turn("assistant", SEALED, Text("", cache=mark), "b"), USER).messages[1]
    assert all("cache_control" not in block for block in blocks["content"])


def test_marks_inside_results_count() -> None:
    result = ToolResult("call_1", (Text("a", cache=CacheMark()),), cache=CacheMark())
    block = encode(USER, turn("assistant", CALL), turn("user", result)).messages[2]["content"][0]
    assert block["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert block["cache_control"] == {"type": "ephemeral"}


def test_strict_mapping_refuses_what_was_only_reported() -> None:
    encoded = encode(sampling=Sampling(seed=1))
    with pytest.raises(InvalidRequest, match="seed_unsupported"):
        encoded.ledger.refuse_reported()


# --- laws ------------------------------------------------------------------------

_TEXTS = st.sampled_from(["hi", " ", "", "{}", "Grüß", "a\u2028b"])


@st.composite
def histories(draw: st.DrawFn) -> list[Turn]:
    """Turns from the user's first on, with tool loops and thoughts of all origins."""
    turns: list[Turn] = [turn("system", "s")] if draw(st.booleans()) else []
    turns.append(turn("user", "start"))
    for number in range(draw(st.integers(0, 5))):
        thoughts = draw(
            st.lists(
                st.sampled_from(
                    [SEALED, Reasoning("bare"), Reasoning("g", seal=Seal("gemini", "t", "x"))]
                ),
                max_size=2,
            )
        )
        calls = [
            ToolCall(f"c|{number}.{index}", draw(st.sampled_from(["f", "a.b"])), '{"a":1}')
            for index in range(draw(st.integers(0, 2)))
        ]
        turns.append(turn("assistant", *thoughts, draw(_TEXTS), *calls))
        if draw(st.booleans()):
            turns.append(turn("system", "late"))
        results = [ToolResult(call.id, (Text(draw(_TEXTS)),)) for call in calls]
        turns += [turn("user", result) for result in results]
        turns.append(turn("user", draw(_TEXTS), "go"))
    return turns


@settings(max_examples=200, derandomize=True, deadline=None)
@given(histories(), st.booleans(), st.data())
def test_a_conversation_is_a_prefix_of_its_continuation(
    history: list[Turn], mid_system: bool, data: st.DataObject
) -> None:
    caps = Caps(mid_system=mid_system)
    whole = encode(*history, caps=caps, tools=(TOOL, Tool("a.b")))
    ends = [at for at, item in enumerate(history) if item.role is Role.ASSISTANT] + [len(history)]
    cut = data.draw(st.sampled_from(ends))
    part = encode(*history[:cut], caps=caps, tools=(TOOL, Tool("a.b")))
    kept = max(
        (at for at, message in enumerate(part.messages) if message["role"] == "assistant"),
        default=-1,
    )
    assert whole.messages[: kept + 1] == part.messages[: kept + 1]
    assert whole.body.get("system") == part.body.get("system")
    assert whole.body["tools"] == part.body["tools"]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(histories(), st.booleans())
def test_what_is_sent_obeys_the_rules_of_the_vendor(history: list[Turn], mid_system: bool) -> None:
    encoded = encode(*history, caps=Caps(mid_system=mid_system))
    roles = [message["role"] for message in encoded.messages]
    assert roles[0] == "user"
    asked: list[str] = []
    for number, message in enumerate(encoded.messages):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        assert blocks
        assert number == 0 or message["role"] != roles[number - 1]
        if message["role"] == "system":
            assert roles[number - 1] == "user"
            continue
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert [block["type"] for block in blocks[: len(answered)]] == ["tool_result"] * len(
            answered
        )
        if roles[max(number - 1, 0)] != "system":
            assert answered == asked
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for block in blocks:
            assert block["type"] != "text" or block["text"].strip()
            assert block["type"] != "thinking" or block["signature"] == "sig"
    # The vendor's own decoder reads it.
    CODEC.decode_request(Inbound(encoded.request.body, encoded.headers))
