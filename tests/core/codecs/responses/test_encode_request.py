"""A canonical request to an upstream: same format exactly, others as near as they
come, with every loss in the ledger."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

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
from aigw_core.codec import Caps, EncodedRequest, Inbound
from aigw_core.codecs.responses import CODEC
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger

POINTERS = {
    "tool_choice": "/tool_choice",
    "stop": "/stop",
    "n": "/n",
    "sampling.seed": "/seed",
    "max_output": "/max_tokens",
}
HELLO = Turn(Role.USER, (Text("hello"),), pointer="/messages/0")


def chat(*turns: Turn, **fields: Any) -> ChatRequest:
    """A request of another format."""
    return ChatRequest("m", turns or (HELLO,), Format.CHAT, **fields)


def write(request: ChatRequest, caps: Caps | None = None) -> tuple[EncodedRequest, Any, Ledger]:
    ledger = Ledger(POINTERS)
    encoded = CODEC.encode_request(request, "up", caps or Caps(), ledger)
    return encoded, msgspec.json.decode(encoded.body), ledger


def body_of(request: ChatRequest, caps: Caps | None = None) -> Any:
    return write(request, caps)[1]


def codes(request: ChatRequest, caps: Caps | None = None) -> dict[str, bool]:
    return {entry.code: entry.reported for entry in write(request, caps)[2].entries}


def refusal(request: ChatRequest, caps: Caps | None = None) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        write(request, caps)
    return caught.value.failure.param


def said(*parts: Part, pointer: str = "/messages/1") -> Turn:
    return Turn(Role.ASSISTANT, parts, pointer=pointer)


def asked(*parts: Part, pointer: str = "/messages/2") -> Turn:
    return Turn(Role.USER, parts, pointer=pointer)


# --- the same format ----------------------------------------------------------


def decode(body: Any) -> ChatRequest:
    return CODEC.decode_request(Inbound(msgspec.json.encode(body)))


SAME: dict[str, Any] = {
    "text": {"input": "hi", "instructions": "Be brief."},
    "messages": {
        "input": [
            {"type": "message", "id": "msg_0", "role": "developer", "content": "d"},
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_text",
                        "text": "x",
                        "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
                    },
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                    {"type": "input_file", "file_id": "f", "filename": "n"},
                    {"type": "brand_new", "x": 1},
                ],
            },
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "phase": "commentary",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [{"type": "file_path"}]},
                    {"type": "refusal", "refusal": "no"},
                ],
            },
            {"type": "message", "role": "assistant", "content": []},
        ]
    },
    "steps": {
        "input": [
            {"role": "user", "content": "x"},
            {
                "type": "reasoning",
                "id": "rs_1",
                "status": "completed",
                "encrypted_content": "gAAA",
                "summary": [
                    {"type": "summary_text", "text": "One."},
                    {"type": "summary_text", "text": "Two."},
                ],
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "status": "completed",
                "call_id": "c|1",
                "name": "ns.f",
                "namespace": "ns",
                "arguments": '{"a":',
            },
            {"type": "reasoning", "id": "rs_2", "summary": []},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": ""},
            {
                "type": "function_call_output",
                "call_id": "c|1",
                "id": "fco_1",
                "output": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": ""}],
            },
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "x"},
            {"type": "item_reference", "id": "msg_7"},
            {"type": "image_generation_call", "id": "ig_1", "result": "AAAA"},
            {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}},
        ]
    },
    "settings": {
        "input": "x",
        "tools": [
            {"type": "function", "name": "f", "parameters": None, "defer_loading": True},
            {"type": "custom", "name": "g", "format": {"type": "text"}},
            {"type": "mcp", "server_label": "s"},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]},
        "parallel_tool_calls": True,
        "reasoning": {"effort": "minimal", "summary": "auto", "context": "all_turns"},
        "text": {"format": {"type": "json_object"}, "verbosity": "high"},
        "include": ["web_search_call.results", "message.output_text.logprobs"],
        "prompt_cache_options": {"mode": "explicit", "ttl": "12h"},
        "store": True,
        "previous_response_id": "resp_1",
        "background": True,
        "brand_new": [1, 2],
        "stream": True,
        "max_tool_calls": 3,
    },
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_format_is_the_identity(name: str) -> None:
    request = decode({"model": "m", **SAME[name]})
    encoded, _, ledger = write(request)
    assert CODEC.decode_request(Inbound(encoded.body)) == msgspec.structs.replace(
        request, model="up"
    )
    assert ledger.entries == []


def test_settings_come_back_as_they_were() -> None:
    given = SAME["settings"]
    written = body_of(decode({"model": "m", **given}))
    assert written.pop("model") == "up"
    assert written.pop("include") == given["include"][::-1]
    assert written == {name: value for name, value in given.items() if name != "include"}


def test_summaries_and_names_come_back_apart() -> None:
    written = body_of(decode({"model": "m", **SAME["steps"]}))["input"]
    assert written[1] == SAME["steps"]["input"][1]
    assert written[2] == SAME["steps"]["input"][2]
    assert written[3] == SAME["steps"]["input"][3]


def test_a_proof_that_was_taken_away_takes_its_item_along() -> None:
    # What is left of an item whose envelope could not be opened.
    request = decode({"model": "m", **SAME["steps"]})
    turn = request.turns[1]
    bare = msgspec.structs.replace(turn.parts[0], seal=None)
    turns = (
        request.turns[0],
        msgspec.structs.replace(turn, parts=(bare, *turn.parts[1:])),
        *request.turns[2:],
    )
    written = body_of(msgspec.structs.replace(request, turns=turns))["input"]
    assert [item.get("id") for item in written if item.get("type") == "reasoning"] == ["rs_2"]


# --- relaying -----------------------------------------------------------------


def test_a_relayed_request_is_untouched() -> None:
    body = b'{ "input": "x",\n "model": "m", "odd": 1.50 }'
    inbound = Inbound(body, {"openai-beta": "a=1", "authorization": "secret"})
    encoded = CODEC.relay_request(inbound, "m", Caps())
    assert encoded.body is body
    assert encoded.headers == (("openai-beta", "a=1"),)
    assert encoded.path == "/v1/responses"


def test_a_relayed_request_changes_its_model_alone() -> None:
    body = b'{"input":"x","model":"m","odd":1.50,"deep":{ "a":1e3}}'
    encoded = CODEC.relay_request(Inbound(body), "other", Caps())
    assert encoded.body == body.replace(b'"m"', b'"other"')


# --- turns of other formats ---------------------------------------------------


@pytest.mark.parametrize(
    ("effort", "caps", "asks"),
    [
        (None, Caps(), False),
        (Effort.LOW, Caps(), True),
        (None, Caps(thinking="effort"), True),
        (Effort.LOW, Caps(thinking="none"), False),
    ],
)
def test_sealed_reasoning_is_asked_of_models_that_reason(
    effort: Effort | None, caps: Caps, asks: bool
) -> None:
    request = msgspec.structs.replace(chat(HELLO), reasoning=ReasoningSpec(effort=effort))
    written = body_of(request, caps)
    assert ("reasoning.encrypted_content" in written.get("include", [])) is asks


def test_a_conversation_becomes_items() -> None:
    written = body_of(
        chat(
            Turn(Role.SYSTEM, (Text("Be brief."),)),
            Turn(Role.SYSTEM, (Text("Be kind."),), developer=True),
            HELLO,
            said(Text("Let me look."), ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "f", "")),
            asked(
                ToolResult("c1", (Text("one"),)),
                ToolResult("c2", (Text("two"),), is_error=True),
                Text("and now?"),
            ),
        )
    )
    assert written["instructions"] == "Be brief."
    assert written["store"] is False
    assert "include" not in written
    assert [(item["type"], item.get("role")) for item in written["input"]] == [
        ("message", "developer"),
        ("message", "user"),
        ("message", "assistant"),
        ("function_call", None),
        ("function_call", None),
        ("function_call_output", None),
        ("function_call_output", None),
        ("message", "user"),
    ]
    assert written["input"][2]["content"] == [
        {"type": "output_text", "text": "Let me look.", "annotations": []}
    ]
    assert written["input"][4]["arguments"] == "{}"
    assert [item["output"] for item in written["input"][5:7]] == ["one", "Error: two"]


def test_system_text_in_blocks_stays_in_blocks() -> None:
    system = Turn(Role.SYSTEM, (Text("a"), Text("b", cache=CacheMark())))
    written = body_of(chat(system, HELLO))
    assert "instructions" not in written
    assert [part["text"] for part in written["input"][0]["content"]] == ["a", "b"]


def test_later_system_messages_keep_their_place() -> None:
    late = Turn(Role.SYSTEM, (Text("now in French"),))
    written = body_of(chat(HELLO, said(Text("hi")), late, asked(Text("go on"))))
    assert [item["role"] for item in written["input"]] == ["user", "assistant", "system", "user"]


def test_a_last_answer_is_not_continued() -> None:
    request = chat(HELLO, said(Text("Once upon")))
    assert body_of(request)["input"][1]["role"] == "assistant"
    assert codes(request)["prefill_not_continued"]
    assert "prefill_not_continued" not in codes(request, Caps(prefill=True))


def test_what_grows_keeps_its_beginning() -> None:
    turns = [
        HELLO,
        said(Text("a"), ToolCall("bad id!", "f.g", "{}")),
        asked(ToolResult("bad id!", (Text("r"),))),
        said(Text("b"), Refusal("c")),
        asked(Text("d")),
    ]
    tools = (Tool("f.g"),)
    longer = body_of(chat(*turns, tools=tools))
    shorter = body_of(chat(*turns[:3], tools=tools))
    assert longer["input"][: len(shorter["input"])] == shorter["input"]
    assert longer["tools"] == shorter["tools"]
    assert write(chat(*turns, tools=tools))[0].body == write(chat(*turns, tools=tools))[0].body


def test_identifiers_are_made_legal_and_still_pair() -> None:
    for identifier in ("x" * 200, "a b|c", "ok_1"):
        written = body_of(
            chat(HELLO, said(ToolCall(identifier, "f", "{}")), asked(ToolResult(identifier)))
        )["input"]
        assert written[1]["call_id"] == written[2]["call_id"]
        assert len(written[1]["call_id"]) <= 64
    assert written[1]["call_id"] == "ok_1"


def test_names_are_made_legal_and_told() -> None:
    name = "files.read-" + "x" * 70
    encoded, body, _ = write(
        chat(
            HELLO,
            tools=(Tool(name),),
            tool_choice=ToolChoice(ToolChoiceMode.REQUIRED, (name,)),
        )
    )
    (target,) = encoded.tool_names
    assert encoded.tool_names == {target: name}
    assert body["tools"][0]["name"] == body["tool_choice"]["name"] == target
    assert len(target) <= 64


# --- reasoning ----------------------------------------------------------------


def replayed(*parts: Part) -> list[Any]:
    written: list[Any] = body_of(chat(HELLO, said(*parts), asked(Text("and?"))))["input"]
    return written[1:-1]


OWN = Seal("responses", "encrypted", "gAAA", "rs_1")


def test_an_own_seal_is_replayed_before_what_it_led_to() -> None:
    item, message = replayed(Reasoning("hm", seal=OWN), Text("a"))
    assert item == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAA",
    }
    assert message["role"] == "assistant"


@pytest.mark.parametrize("seal", [None, Seal("messages", "signature", "x")])
def test_reasoning_without_an_own_seal_is_left_out(seal: Seal | None) -> None:
    assert [item["type"] for item in replayed(Reasoning("hm", seal=seal), Text("a"))] == ["message"]
    request = chat(HELLO, said(Reasoning("hm", seal=seal), Text("a")), asked(Text("b")))
    assert codes(request) == {"reasoning_dropped": False}


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    assert replayed(Text("a"), Reasoning("", seal=OWN)) == replayed(Text("a"))
    search = ToolCall("s", "web_search", "{}", server=True)
    assert replayed(Text("a"), Reasoning("", seal=OWN), search) == replayed(Text("a"))


@pytest.mark.parametrize(
    ("spec", "caps", "written", "code"),
    [
        (ReasoningSpec(), Caps(), None, None),
        (ReasoningSpec(Effort.LOW), Caps(), {"effort": "low"}, None),
        (ReasoningSpec(Effort.NONE), Caps(), {"effort": "none"}, None),
        (ReasoningSpec(Effort.NONE), Caps(thinking_off=False), {"effort": "low"}, "effort_clamped"),
        (ReasoningSpec(Effort.MAX), Caps(), {"effort": "high"}, "effort_clamped"),
        (ReasoningSpec(Effort.MINIMAL), Caps(), {"effort": "low"}, "effort_clamped"),
        (ReasoningSpec(Effort.MAX), Caps(efforts=tuple(Effort)), {"effort": "max"}, None),
        (ReasoningSpec(Effort.LOW), Caps(thinking="none"), None, "reasoning_unsupported"),
        (ReasoningSpec(budget=0), Caps(), {"effort": "none"}, "budget_to_effort"),
        (ReasoningSpec(budget=-1), Caps(), None, "budget_to_effort"),
        (ReasoningSpec(budget=2048), Caps(), {"effort": "low"}, "budget_to_effort"),
        (ReasoningSpec(budget=8192), Caps(), {"effort": "medium"}, "budget_to_effort"),
        (ReasoningSpec(budget=24576), Caps(), {"effort": "high"}, "budget_to_effort"),
        (ReasoningSpec(visible="summary"), Caps(), {"summary": "auto"}, None),
        (ReasoningSpec(visible="detailed"), Caps(), {"summary": "detailed"}, None),
        (ReasoningSpec(visible="none"), Caps(), None, "reasoning_visibility_unsupported"),
    ],
)
def test_effort_comes_as_near_as_it_can(
    spec: ReasoningSpec, caps: Caps, written: Any, code: str | None
) -> None:
    request = chat(reasoning=spec)
    assert body_of(request, caps).get("reasoning") == written
    assert list(codes(request, caps)) == ([code] if code else [])


def test_a_model_that_does_not_think_is_not_asked_for_proof() -> None:
    assert "include" not in body_of(chat(), Caps(thinking="none"))


# --- media --------------------------------------------------------------------


def content_of(media: Media) -> Any:
    return body_of(chat(asked(media)))["input"][0]["content"][0]


def test_media_are_written() -> None:
    assert content_of(Media(MediaKind.IMAGE, Inline("image/png", "AAAA"))) == {
        "type": "input_image",
        "image_url": "data:image/png;base64,AAAA",
        "detail": "auto",
    }
    assert content_of(Media(MediaKind.DOCUMENT, Inline("text/plain", "hé"))) == {
        "type": "input_file",
        "file_data": "data:text/plain;base64,aMOp",
        "filename": "document.txt",
    }
    assert content_of(Media(MediaKind.DOCUMENT, Url("https://a.example/b.pdf"), name="b")) == {
        "type": "input_file",
        "file_url": "https://a.example/b.pdf",
        "filename": "b",
    }
    assert content_of(Media(MediaKind.AUDIO, Inline("audio/mpeg", "AAAA"))) == {
        "type": "input_audio",
        "input_audio": {"data": "AAAA", "format": "mp3"},
    }


@pytest.mark.parametrize(
    "media",
    [
        Media(MediaKind.VIDEO, Inline("video/mp4", "AAAA")),
        Media(MediaKind.AUDIO, Inline("audio/flac", "AAAA")),
        Media(MediaKind.IMAGE, FileId("f", Format.MESSAGES)),
    ],
)
def test_media_that_cannot_be_said_are_refused(media: Media) -> None:
    assert refusal(chat(asked(media))) == "/messages/2"


def test_media_of_results_move_behind_all_results_where_they_must() -> None:
    image = Media(MediaKind.IMAGE, Inline("image/png", "AAAA"))
    request = chat(
        HELLO,
        said(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")),
        asked(ToolResult("a", (Text("see"), image)), ToolResult("b", (Text("ok"),))),
    )
    assert body_of(request)["input"][3]["output"][1]["type"] == "input_image"
    caps = Caps(tool_result_media=())
    items = body_of(request, caps)["input"]
    assert items[3]["output"][1]["text"] == "[image 1 attached below]"
    assert items[4]["output"] == "ok"
    assert items[5]["content"][0]["type"] == "input_image"
    assert codes(request, caps) == {"tool_result_media_moved": True}


# --- tools --------------------------------------------------------------------


def test_strict_is_always_said() -> None:
    # Absent means true here, and would have the vendor rewrite the schema.
    tools = (Tool("a"), Tool("b", schema=b"{}", strict=True))
    written = body_of(chat(tools=tools))["tools"]
    assert [tool["strict"] for tool in written] == [False, True]
    assert [tool["parameters"] for tool in written] == [None, {}]


def test_grammars_are_flat() -> None:
    nested = b'{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}'
    tool = Tool("g", freeform=True, grammar=Native(Format.CHAT, nested))
    choice = ToolChoice(ToolChoiceMode.REQUIRED, ("g",))
    written = body_of(chat(tools=(tool,), tool_choice=choice))
    assert written["tools"][0]["format"] == {
        "type": "grammar",
        "syntax": "lark",
        "definition": "x",
    }
    assert written["tool_choice"] == {"type": "custom", "name": "g"}


def test_choices_are_written() -> None:
    tools = (Tool("a"), Tool("b"))
    for choice, written in (
        (ToolChoice(ToolChoiceMode.AUTO), "auto"),
        (ToolChoice(ToolChoiceMode.REQUIRED), "required"),
        (
            ToolChoice(ToolChoiceMode.AUTO, ("a",)),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "a"}],
            },
        ),
    ):
        assert body_of(chat(tools=tools, tool_choice=choice))["tool_choice"] == written
    assert "tool_choice" not in body_of(chat(tool_choice=ToolChoice(ToolChoiceMode.AUTO)))


def test_the_parallel_flag_needs_tools() -> None:
    assert "parallel_tool_calls" not in body_of(chat(parallel_tools=False))
    assert body_of(chat(tools=(Tool("a"),), parallel_tools=False))["parallel_tool_calls"] is False
    request = chat(tools=(Tool("a"),), parallel_tools=False)
    assert codes(request, Caps(parallel_flag=False)) == {"parallel_tools_unsupported": True}


def test_tools_of_other_vendors_are_refused() -> None:
    tool = HostedTool(Native(Format.MESSAGES, b"{}"), "web_search_20250305", "/tools/0")
    assert refusal(chat(tools=(tool,))) == "/tools/0"
    choice = ToolChoice(ToolChoiceMode.REQUIRED, native=Native(Format.GEMINI, b"{}"))
    assert refusal(chat(tools=(Tool("a"),), tool_choice=choice)) == "/tool_choice"


# --- settings -----------------------------------------------------------------


def test_what_would_change_the_answer_is_refused() -> None:
    assert refusal(chat(stop=("x",))) == "/stop"
    assert refusal(chat(n=2)) == "/n"
    assert refusal(chat(max_output=0)) == "/max_tokens"
    extra = Extra("moderation", b"{}", "/moderation", essential=True)
    assert refusal(chat(extras=(extra,))) == "/moderation"


def test_what_is_lost_is_told() -> None:
    request = chat(
        sampling=Sampling(temperature=1.0, top_k=3, seed=7, presence_penalty=0.5),
        extras=(Extra("prediction", b"{}", "/prediction"),),
        cache=CacheMark(),
        tier="standard_only",
    )
    assert codes(request) == {
        "top_k_unsupported": True,
        "seed_unsupported": True,
        "presence_penalty_unsupported": True,
        "unknown_field": True,
        "cache_implicit": False,
    }
    assert [entry.pointer for entry in write(request)[2].entries if entry.code.startswith("s")] == [
        "/seed"
    ]
    assert body_of(request)["temperature"] == 1.0
    assert body_of(request)["service_tier"] == "default"
    assert codes(chat(sampling=Sampling(temperature=1.0)), Caps(sampling=False)) == {
        "temperature_unsupported": True
    }
    foreign = Opaque(Native(Format.MESSAGES, b"{}"), "server_tool_use")
    assert codes(chat(HELLO, said(Text("a"), foreign), asked(Text("b")))) == {
        "native_item_dropped": True
    }


def test_cache_marks_go_to_models_that_take_them() -> None:
    request = chat(asked(Text("a", cache=CacheMark("1h"))))
    assert codes(request) == {"cache_mark_unsupported": False}
    part = body_of(request, Caps(cache_marks=True))["input"][0]["content"][0]
    assert part["prompt_cache_breakpoint"] == {"mode": "explicit"}


def test_long_identifiers_are_shortened_alike() -> None:
    request = chat(identity=Identity(user="u" * 150, safety_id="s", cache_key="k" * 65))
    written = body_of(request)
    assert (len(written["user"]), written["safety_identifier"]) == (64, "s")
    assert len(written["prompt_cache_key"]) == 64
    assert body_of(request)["user"] == written["user"]


def test_the_output_is_asked_for() -> None:
    schema = OutputSpec(OutputKind.SCHEMA, schema=b'{"type":"object"}', verbosity="low")
    assert body_of(chat(output=schema))["text"] == {
        "format": {"type": "json_schema", "name": "response", "schema": {"type": "object"}},
        "verbosity": "low",
    }
    assert codes(chat(output=schema), Caps(json_schema=False)) == {"json_schema_unsupported": True}


def test_json_is_mentioned_somewhere() -> None:
    output = OutputSpec(OutputKind.JSON)
    assert "JSON" in body_of(chat(output=output))["instructions"]
    assert codes(chat(output=output)) == {"json_instruction_added": True}
    request = chat(asked(Text("as json please")), output=output)
    assert "instructions" not in body_of(request)


def test_limits_are_kept() -> None:
    assert body_of(chat(max_output=99), Caps(max_output=50))["max_output_tokens"] == 50
    assert codes(chat(max_output=99), Caps(max_output=50)) == {"max_output_clamped": True}
    assert "max_output_tokens" not in body_of(chat())


def test_logprobs_are_asked_for_in_two_places() -> None:
    written = body_of(chat(sampling=Sampling(logprobs=True, top_logprobs=3)))
    assert written["include"][0] == "message.output_text.logprobs"
    assert written["top_logprobs"] == 3


def test_another_upstream_sees_no_state() -> None:
    written = body_of(chat(server_state=ServerState(previous_id="resp_1", store=True)))
    assert written["store"] is False
    assert "previous_response_id" not in written


def test_streams_are_asked_for() -> None:
    assert body_of(chat(stream=True))["stream"] is True
    assert "stream" not in body_of(chat())


def test_what_another_vendor_keeps_is_refused_or_noted() -> None:
    thread = ServerState(conversation=Native(Format.MESSAGES, b'{"id":"t"}'))
    assert refusal(chat(HELLO, server_state=thread)) is not None
    assert codes(chat(HELLO, server_state=ServerState(store=True))) == {"store_dropped": False}
