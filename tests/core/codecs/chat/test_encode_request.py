"""What upstreams get for canonical requests, and what the ledger says of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Citation,
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
from aigw_core.codecs.chat import CODEC
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger

OPENAI = Caps()
COMPATIBLE = Caps(token_field="max_tokens")


def user(*parts: Part, pointer: str = "/messages/0") -> Turn:
    return Turn(Role.USER, parts or (Text("hi"),), pointer=pointer)


def assistant(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts, pointer="/messages/1")


def request(*turns: Turn, **fields: Any) -> ChatRequest:
    base = ChatRequest("m", turns or (user(),), Format.MESSAGES)
    return replace(base, **fields)


def encode(wanted: ChatRequest, caps: Caps = OPENAI) -> tuple[Any, list[str], EncodedRequest]:
    """The body, the reported codes of the ledger, and everything."""
    ledger = Ledger({"max_output": "/max_tokens", "reasoning.effort": "/output_config/effort"})
    encoded = CODEC.encode_request(wanted, "target", caps, ledger)
    codes = [entry.code for entry in ledger.entries if entry.reported]
    return json.loads(encoded.body), codes, encoded


def messages(*turns: Turn, caps: Caps = OPENAI, format: Format = Format.MESSAGES) -> Any:
    body, _, _ = encode(request(*turns, format=format), caps)
    return body["messages"]


def refused(wanted: ChatRequest, caps: Caps = OPENAI) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        encode(wanted, caps)
    return caught.value.failure.param


# --- the frame -------------------------------------------------------------------


def test_the_smallest_request() -> None:
    body, codes, encoded = encode(request())
    assert body == {"model": "target", "messages": [{"role": "user", "content": "hi"}]}
    assert (codes, encoded.path, encoded.headers) == ([], "/v1/chat/completions", ())


def test_streams_always_ask_for_usage() -> None:
    body, _, _ = encode(request(stream=True))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    body, _, _ = encode(request(stream=True), Caps(stream_usage_option=False))
    assert "stream_options" not in body


def test_the_same_request_gives_the_same_bytes() -> None:
    wanted = request(user(), assistant(ToolCall("x" * 60, "a.b", "{}")), stream=True)
    assert encode(wanted)[2] == encode(wanted)[2]


# --- turns -----------------------------------------------------------------------


def test_system_turns_stay_where_they_are() -> None:
    first = Turn(Role.SYSTEM, (Text("a"), Text("b")), developer=True)
    later = Turn(Role.SYSTEM, (Text("c"),))
    written = messages(first, user(), later)
    assert [message["role"] for message in written] == ["developer", "user", "system"]
    assert written[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    # Servers that only know the old token limit do not know the role either.
    assert messages(first, caps=COMPATIBLE)[0]["role"] == "system"


def test_an_assistants_texts_are_one() -> None:
    turn = assistant(
        Text("a", (Citation(url="u"),)),
        ToolCall("c1", "f", '{"x": 1}'),
        Text("b"),
        Refusal("no"),
    )
    [message] = messages(turn)
    assert message == {
        "role": "assistant",
        "content": "ab",
        "refusal": "no",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
        ],
    }


def test_tool_calls_alone_have_no_content() -> None:
    assert messages(assistant(ToolCall("c1", "f", "")))[0]["content"] is None


def test_an_assistant_who_said_nothing_is_left_out() -> None:
    foreign = Reasoning("hm", seal=Seal("messages", "signature", "s"))
    assert len(messages(user(), assistant(foreign), user())) == 2


def test_results_come_before_the_text_of_their_turn() -> None:
    turn = user(Text("so?"), ToolResult("c1", (Text("1"), Text("2"))), ToolResult("c2"))
    assert messages(turn, caps=COMPATIBLE) == [
        {"role": "tool", "tool_call_id": "c1", "content": "1\n2"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "user", "content": "so?"},
    ]
    assert messages(turn)[0]["content"] == [
        {"type": "text", "text": "1"},
        {"type": "text", "text": "2"},
    ]


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ((Text("no such file"),), "Error: no such file"),
        ((Text("Error: no such file"),), "Error: no such file"),
        ((), "Error"),
    ],
    ids=range(3),
)
def test_a_tool_that_failed_says_so_in_words(content: tuple[Text, ...], written: str) -> None:
    assert messages(user(ToolResult("c1", content, is_error=True)))[0]["content"] == written


def test_media_of_results_follow_all_results() -> None:
    picture = Media(MediaKind.IMAGE, Inline("image/png", "QUJD"))
    turn = user(
        ToolResult("c1", (Text("look"), picture)), ToolResult("c2", (picture,)), Text("well?")
    )
    body, codes, _ = encode(request(turn))
    first, second, attached = body["messages"]
    assert first["content"][1]["text"] == "[image 1 attached below]"
    assert second["content"] == "[image 2 attached below]"
    assert [item["type"] for item in attached["content"]] == ["image_url", "image_url", "text"]
    assert codes == ["tool_result_media_moved"]
    body, codes, _ = encode(request(turn), Caps(tool_result_media=("image",)))
    assert body["messages"][0]["content"][1]["type"] == "image_url"
    assert codes == []


def test_long_ids_still_pair() -> None:
    long = "toolu|" + "x" * 60
    written = messages(assistant(ToolCall(long, "f", "{}")), user(ToolResult(long)))
    id = written[0]["tool_calls"][0]["id"]
    assert id == written[1]["tool_call_id"]
    assert len(id) <= 40
    kept = messages(assistant(ToolCall(long, "f", "{}")), format=Format.CHAT)
    assert kept[0]["tool_calls"][0]["id"] == long


def test_a_longer_conversation_begins_like_a_shorter_one() -> None:
    turns = (
        Turn(Role.SYSTEM, (Text("s"),)),
        user(Text("a", cache=CacheMark())),
        assistant(Reasoning("r"), Text("t"), ToolCall("c" * 50, "f g", "{}")),
        user(
            ToolResult("c" * 50, (Media(MediaKind.IMAGE, Url("u")),), is_error=True), Text("json")
        ),
        Turn(Role.SYSTEM, (Text("later"),)),
        assistant(Text("done")),
    )
    wanted = request(output=OutputSpec(OutputKind.JSON))
    whole = encode(replace(wanted, turns=turns))[0]["messages"]
    for length in range(1, len(turns)):
        short = encode(replace(wanted, turns=turns[:length]))[0]["messages"]
        assert whole[: len(short)] == short


# --- media -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "item"),
    [
        (
            Media(MediaKind.IMAGE, Inline("image/png", "QUJD"), "high"),
            {
                "type": "image_url",
                "image_url": {"url": "data:image/png;base64,QUJD", "detail": "high"},
            },
        ),
        (
            Media(MediaKind.IMAGE, Url("https://x"), "ultra"),
            {"type": "image_url", "image_url": {"url": "https://x"}},
        ),
        (
            Media(MediaKind.AUDIO, Inline("audio/mp3", "QUJD")),
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        ),
        (
            Media(MediaKind.DOCUMENT, Inline("application/pdf", "QUJD")),
            {
                "type": "file",
                "file": {
                    "file_data": "data:application/pdf;base64,QUJD",
                    "filename": "document.pdf",
                },
            },
        ),
        (
            Media(MediaKind.DOCUMENT, Inline("text/plain", "hello"), name="a.txt"),
            {"type": "text", "text": "a.txt:\nhello"},
        ),
    ],
    ids=range(5),
)
def test_media(media: Media, item: Any) -> None:
    [message] = messages(user(Text("look"), media))
    assert message["content"][1] == item


@pytest.mark.parametrize(
    "media",
    [
        Media(MediaKind.IMAGE, FileId("f", Format.MESSAGES)),
        Media(MediaKind.DOCUMENT, FileId("f", Format.RESPONSES)),
        Media(MediaKind.DOCUMENT, Url("https://x/y.pdf")),
        Media(MediaKind.AUDIO, Inline("audio/ogg", "QUJD")),
        Media(MediaKind.AUDIO, Url("https://x")),
        Media(MediaKind.VIDEO, Url("https://x")),
        Media(MediaKind.VIDEO, Inline("video/mp4", "QUJD")),
    ],
    ids=range(7),
)
def test_media_that_cannot_be_sent(media: Media) -> None:
    assert refused(request(user(media, pointer="/contents/3"))) == "/contents/3"


def test_hints_for_documents_are_dropped_aloud() -> None:
    media = Media(MediaKind.DOCUMENT, Inline("text/plain", "a"), context="c", cite=True)
    assert encode(request(user(media)))[1] == ["document_hints_dropped"]


def test_cache_marks_are_for_those_who_know_them() -> None:
    turn = user(Text("a", cache=CacheMark("1h")))
    marks = Caps(cache_marks=True)
    [message] = messages(turn, caps=marks)
    assert message["content"] == [
        {
            "type": "text",
            "text": "a",
            "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
        }
    ]
    body, codes, _ = encode(request(turn, cache=CacheMark("12h")))
    assert (body["messages"][0]["content"], codes) == ("a", [])
    body, _, _ = encode(request(cache=CacheMark("12h")), marks)
    assert body["prompt_cache_options"] == {"mode": "implicit", "ttl": "12h"}


# --- reasoning in the history ----------------------------------------------------

DETAIL = '[{"type":"reasoning.text","text":"a","signature":"s","format":"f","index":0}]'


def test_only_this_formats_seals_are_written() -> None:
    turn = assistant(
        Reasoning("a", seal=Seal("openrouter", "detail", DETAIL)),
        Reasoning("b", seal=Seal("messages", "signature", "secret")),
        Reasoning("c", seal=Seal("aigw", "encrypted", "secret")),
        Text("t", seal=Seal("gemini", "thought_signature", "secret")),
        ToolCall("c1", "f", "{}", seal=Seal("chat", "thought_signature", "sig")),
        ToolCall("c2", "f", "{}", seal=Seal("responses", "encrypted", "secret")),
    )
    [message] = messages(turn)
    assert message["reasoning_details"] == json.loads(DETAIL)
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert "secret" not in json.dumps(message)
    assert "reasoning_content" not in message


def test_details_of_several_parts_are_one_list_again() -> None:
    later = '[{"type":"reasoning.encrypted","data":"x","format":"f","index":1}]'
    turn = assistant(
        Reasoning("a", seal=Seal("openrouter", "detail", DETAIL)),
        Text("t"),
        Reasoning(seal=Seal("openrouter", "detail", later)),
    )
    assert messages(turn)[0]["reasoning_details"] == json.loads(DETAIL) + json.loads(later)


def test_deepseek_gets_reasoning_with_every_tool_call() -> None:
    caps = replace(COMPATIBLE, needs_reasoning_content=True)
    call = ToolCall("c1", "f", "{}")
    foreign = Reasoning("hm", seal=Seal("messages", "signature", "s"))
    assert messages(assistant(call), caps=caps)[0]["reasoning_content"] == ""
    assert messages(assistant(foreign, call), caps=caps)[0]["reasoning_content"] == "hm"
    assert "reasoning_content" not in messages(assistant(foreign, Text("t")), caps=caps)[0]


def test_a_signature_of_the_whole_message_goes_back() -> None:
    turn = assistant(Text("t", seal=Seal("chat", "thought_signature", "sig")))
    assert messages(turn)[0]["extra_content"] == {"google": {"thought_signature": "sig"}}


# --- tools -----------------------------------------------------------------------

F = Tool("f", "d", b'{"type":"object","x":1e400}', strict=False, pointer="/tools/0")
G = Tool("g", pointer="/tools/1")
PATCH = Tool(
    "patch",
    freeform=True,
    grammar=Native(Format.RESPONSES, b'{"type":"grammar","syntax":"lark","definition":"x"}'),
    pointer="/tools/2",
)


def test_tools() -> None:
    _, codes, encoded = encode(request(tools=(F, G, PATCH)))
    assert b'"parameters":{"type":"object","x":1e400},"strict":false' in encoded.body
    assert b'{"type":"function","function":{"name":"g"}}' in encoded.body
    body = json.loads(encoded.body.replace(b"1e400", b"1"))
    assert body["tools"][2] == {
        "type": "custom",
        "custom": {
            "name": "patch",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}},
        },
    }
    assert (codes, encoded.wrapped_tools) == ([], frozenset())


def test_free_form_tools_are_wrapped_for_those_who_know_none() -> None:
    history = assistant(ToolCall("c1", "patch", 'a"b', freeform=True))
    result = user(ToolResult("c1", (Text("done"),)))
    wanted = request(user(), history, result, tools=(PATCH,))
    wanted = replace(wanted, tool_choice=ToolChoice(ToolChoiceMode.REQUIRED, ("patch",)))
    body, codes, encoded = encode(wanted, COMPATIBLE)
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert body["messages"][1]["tool_calls"][0]["function"] == {
        "name": "patch",
        "arguments": '{"input":"a\\"b"}',
    }
    assert body["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    assert (codes, encoded.wrapped_tools) == (["grammar_dropped"], frozenset({"patch"}))


def test_illegal_names_are_replaced_everywhere() -> None:
    name = "ns.tool/" + "x" * 80
    wanted = request(
        user(),
        assistant(ToolCall("c1", name, "{}")),
        user(ToolResult("c1")),
        tools=(Tool(name),),
        tool_choice=ToolChoice(ToolChoiceMode.REQUIRED, (name,)),
    )
    body, _, encoded = encode(wanted)
    target = body["tools"][0]["function"]["name"]
    assert len(target) <= 64
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == target
    assert body["tool_choice"]["function"]["name"] == target
    assert encoded.tool_names == {target: name}


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice(ToolChoiceMode.AUTO), "auto"),
        (ToolChoice(ToolChoiceMode.NONE), "none"),
        (ToolChoice(ToolChoiceMode.REQUIRED), "required"),
        (
            ToolChoice(ToolChoiceMode.REQUIRED, ("f",)),
            {"type": "function", "function": {"name": "f"}},
        ),
        (
            ToolChoice(ToolChoiceMode.REQUIRED, ("patch",)),
            {"type": "custom", "custom": {"name": "patch"}},
        ),
        (
            ToolChoice(ToolChoiceMode.AUTO, ("f", "patch")),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "patch"}},
                    ],
                },
            },
        ),
    ],
    ids=range(6),
)
def test_tool_choices(choice: ToolChoice, written: Any) -> None:
    assert encode(request(tools=(G, Tool("f"), PATCH), tool_choice=choice))[0]["tool_choice"] == (
        written
    )


def test_subsets_are_filtered_for_those_who_know_none() -> None:
    choice = ToolChoice(ToolChoiceMode.REQUIRED, ("f", "g"))
    wanted = request(tools=(Tool("f"), G, Tool("h")), tool_choice=choice)
    body, codes, _ = encode(wanted, COMPATIBLE)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f", "g"]
    assert (body["tool_choice"], codes) == ("required", ["tools_filtered"])


def test_settings_of_tools_without_tools_are_left_out() -> None:
    choice = ToolChoice(ToolChoiceMode.AUTO)
    body, codes, _ = encode(request(tool_choice=choice, parallel_tools=False))
    assert set(body) == {"model", "messages"}
    assert codes == []


def test_parallel_calls() -> None:
    wanted = request(tools=(G,), parallel_tools=False)
    assert encode(wanted)[0]["parallel_tool_calls"] is False
    body, codes, _ = encode(wanted, Caps(parallel_flag=False))
    assert "parallel_tool_calls" not in body
    assert codes == ["parallel_tools_unsupported"]


def test_hosted_tools_of_others_are_refused() -> None:
    hosted = HostedTool(Native(Format.MESSAGES, b"{}"), "web_search", "/tools/5")
    assert refused(request(tools=(hosted,))) == "/tools/5"
    choice = ToolChoice(ToolChoiceMode.REQUIRED, native=Native(Format.MESSAGES, b"{}"))
    assert refused(request(tools=(G,), tool_choice=choice)) == "/tool_choice"


def test_what_other_vendors_ran_is_dropped_aloud() -> None:
    opaque = Opaque(Native(Format.MESSAGES, b"{}"), "web_search_tool_result")
    turn = assistant(ToolCall("s1", "search", "{}", server=True), opaque, Text("t"))
    body, codes, _ = encode(request(turn, user(ToolResult("s1", server=True), Text("u"))))
    assert [message["content"] for message in body["messages"]] == ["t", "u"]
    assert codes == ["server_tool_dropped", "opaque_dropped", "server_tool_dropped"]


# --- settings --------------------------------------------------------------------


def test_the_limit_has_two_names() -> None:
    assert encode(request(max_output=9))[0]["max_completion_tokens"] == 9
    assert encode(request(max_output=9), COMPATIBLE)[0]["max_tokens"] == 9
    body, codes, _ = encode(request(max_output=9), Caps(max_output=5))
    assert (body["max_completion_tokens"], codes) == (5, ["max_output_clamped"])
    assert refused(request(max_output=0)) == "/max_tokens"


def test_sampling() -> None:
    sampling = Sampling(0.5, 0.9, 3, 0.1, 0.2, 7, Native(Format.CHAT, b'{"1":2}'), True, 4)
    body, codes, _ = encode(request(sampling=sampling))
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.5, 0.9, 7)
    assert (body["frequency_penalty"], body["presence_penalty"]) == (0.1, 0.2)
    assert (body["logit_bias"], body["logprobs"], body["top_logprobs"]) == ({"1": 2}, True, 4)
    assert codes == ["top_k_unsupported"]
    body, codes, _ = encode(request(sampling=Sampling(0.5, 0.9)), Caps(sampling=False))
    assert set(body) == {"model", "messages"}
    assert codes == ["temperature_unsupported", "top_p_unsupported"]


def test_stops_and_choices() -> None:
    body, _, _ = encode(request(stop=("a", "b"), n=2))
    assert (body["stop"], body["n"]) == (["a", "b"], 2)
    assert refused(request(stop=tuple("abcde"))) == "/stop"


def test_state_is_refused() -> None:
    assert refused(request(server_state=ServerState("resp_1"))) == "/server_state/previous_id"
    kept = Native(Format.RESPONSES, b'"conv"')
    assert refused(request(server_state=ServerState(None, kept))) == "/server_state/conversation"


@pytest.mark.parametrize(
    ("tier", "written", "codes"),
    [
        ("priority", "priority", []),
        ("standard_only", "default", []),
        ("ultrafast", None, ["service_tier_unsupported"]),
    ],
)
def test_tiers(tier: str, written: str | None, codes: list[str]) -> None:
    body, found, _ = encode(request(tier=tier))
    assert (body.get("service_tier"), found) == (written, codes)


def test_identities() -> None:
    identity = Identity("u", "s" * 200, "key", b'{"a":"b"}')
    body, codes, _ = encode(request(identity=identity, server_state=ServerState(store=True)))
    assert (body["user"], len(body["safety_identifier"])) == ("u", 64)
    assert body["prompt_cache_key"] == "key"
    assert not {"metadata", "store"} & set(body)
    assert codes == []
    body, _, _ = encode(request(identity=Identity(None, "s", "key")), COMPATIBLE)
    assert (body["user"], "prompt_cache_key" in body) == ("s", False)


def test_fields_of_other_formats_are_dropped_aloud() -> None:
    extras = (Extra("context_management", b"{}", "/context_management"),)
    assert encode(request(extras=extras))[1] == ["unknown_field"]


# --- output ----------------------------------------------------------------------


def test_schemas() -> None:
    spec = OutputSpec(OutputKind.SCHEMA, None, b'{"type":"object"}', True)
    body, codes, _ = encode(request(output=spec))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": {"type": "object"}, "strict": True},
    }
    named = replace(spec, name="my schema!")
    name = encode(request(output=named))[0]["response_format"]["json_schema"]["name"]
    assert name.startswith("my_schema_")
    body, codes, _ = encode(request(output=spec), Caps(json_schema=False))
    assert body["response_format"] == {"type": "json_object"}
    assert '{"type":"object"}' in body["messages"][0]["content"]
    assert codes == ["json_schema_unsupported"]


def test_json_mode_names_json() -> None:
    spec = OutputSpec(OutputKind.JSON)
    asked = Turn(Role.SYSTEM, (Text("Answer in Json."),))
    plain = Turn(Role.SYSTEM, (Text("Be brief."),))
    body, codes, _ = encode(request(plain, user(), output=spec))
    assert [message["role"] for message in body["messages"]] == ["system", "system", "user"]
    assert "JSON" in body["messages"][1]["content"]
    assert codes == ["json_instruction_added"]
    body, codes, _ = encode(request(asked, user(), output=spec))
    assert (len(body["messages"]), codes) == (2, [])


def test_verbosity_and_modalities() -> None:
    spec = OutputSpec(verbosity="low", modalities=("text", "image"))
    body, codes, _ = encode(request(output=spec))
    assert (body["verbosity"], codes) == ("low", ["modalities_unsupported"])
    body, codes, _ = encode(request(output=OutputSpec(verbosity="low")), COMPATIBLE)
    assert ("verbosity" in body, codes) == (False, ["verbosity_unsupported"])
    assert refused(request(output=OutputSpec(modalities=("image",)))) == "/output/modalities"


# --- reasoning settings ----------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "caps", "written", "codes"),
    [
        (ReasoningSpec(), OPENAI, None, []),
        (ReasoningSpec(Effort.HIGH), OPENAI, "high", []),
        (ReasoningSpec(Effort.MAX), OPENAI, "high", ["effort_clamped"]),
        (ReasoningSpec(Effort.MINIMAL), OPENAI, "low", ["effort_clamped"]),
        (ReasoningSpec(Effort.NONE), OPENAI, "none", []),
        (ReasoningSpec(Effort.NONE), Caps(thinking_off=False), "low", ["effort_clamped"]),
        (ReasoningSpec(Effort.HIGH), Caps(thinking="none"), None, ["reasoning_unsupported"]),
        (ReasoningSpec(Effort.NONE), Caps(thinking="none"), None, []),
        (ReasoningSpec(budget=2048), OPENAI, "low", []),
        (ReasoningSpec(budget=8192), OPENAI, "medium", []),
        (ReasoningSpec(budget=24576), OPENAI, "high", []),
        (ReasoningSpec(budget=40000), Caps(efforts=tuple(Effort)), "xhigh", []),
        (ReasoningSpec(budget=99999), Caps(efforts=tuple(Effort)), "max", []),
        (ReasoningSpec(budget=0), OPENAI, "none", []),
        (ReasoningSpec(budget=-1), OPENAI, None, []),
        (ReasoningSpec(mode="adaptive"), OPENAI, None, []),
        (ReasoningSpec(mode="disabled"), OPENAI, None, []),
        (ReasoningSpec(mode="disabled"), Caps(thinking="effort"), "none", []),
        (ReasoningSpec(Effort.HIGH), Caps(efforts=()), "high", []),
    ],
    ids=range(19),
)
def test_efforts(spec: ReasoningSpec, caps: Caps, written: str | None, codes: list[str]) -> None:
    body, found, _ = encode(request(reasoning=spec), caps)
    assert (body.get("reasoning_effort"), found) == (written, codes)


def test_deepseek_is_switched_off_in_its_own_words() -> None:
    caps = Caps(needs_reasoning_content=True)
    body, _, _ = encode(request(reasoning=ReasoningSpec(Effort.NONE)), caps)
    assert body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body


# --- the same format -------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "max"},
        {"thinking": {"type": "disabled", "clear_thinking": True}},
        {"reasoning": {"effort": "minimal", "exclude": True}},
        {"reasoning": {"max_tokens": 9, "enabled": True}},
        {"reasoning_effort": "default", "stop": list("abcde"), "top_k": 3},
        {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}, "metadata": {"a": "b"}},
        {"response_format": {"type": "grammar", "x": 1}, "modalities": ["text", "audio"]},
        {"response_format": {"type": "json_object"}, "verbosity": "low", "store": False},
        {"tools": [{"type": "x"}], "tool_choice": {"type": "x"}, "service_tier": "odd"},
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "x": 1}, "cache_control": {"a": 1}},
                {"type": "custom", "custom": {"name": "p", "format": {"type": "grammar"}}},
            ],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [
                        {"type": "custom", "custom": {"name": "p"}},
                        {"type": "function", "function": {"name": "f"}},
                    ],
                },
            },
        },
        {
            "messages": [
                {"role": "developer", "content": "a", "name": "n"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                        {"type": "file_url", "file_url": "https://x"},
                        {"type": "odd"},
                        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                        {"type": "text", "text": "a"},
                        {"type": "text", "text": "b"},
                    ],
                    "prefix": True,
                    "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
                    "tool_calls": [
                        {
                            "id": "functions.f:0",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{"},
                            "cache_control": {"type": "ephemeral"},
                            "extra_content": {"google": {"thought_signature": "s"}},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "functions.f:0", "content": "", "name": "f"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "a"},
                {
                    "role": "assistant",
                    "content": "b",
                    "reasoning": "hm",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
                        {"type": "reasoning.encrypted", "data": "x", "index": 0},
                    ],
                },
                {"role": "assistant", "content": None, "refusal": "no", "reasoning_content": "r"},
            ]
        },
    ],
    ids=range(12),
)
def test_what_came_in_this_format_is_written_back(fields: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    first = CODEC.decode_request(Inbound(json.dumps(body).encode()))
    ledger = Ledger(CODEC.pointers)
    encoded = CODEC.encode_request(first, "m", OPENAI, ledger)
    assert ledger.entries == []
    assert CODEC.decode_request(Inbound(encoded.body)) == first
    written = json.loads(encoded.body)
    for name in fields:
        if name not in ("messages", "reasoning"):
            assert written[name] == fields[name]


# --- relaying --------------------------------------------------------------------


def relay(body: bytes, model: str = "m", caps: Caps = OPENAI) -> bytes:
    return CODEC.relay_request(Inbound(body), model, caps).body


def test_a_relayed_request_is_untouched_where_nothing_differs() -> None:
    body = b'{ "model":"m", "messages":[{"role":"user","content":"\\u00e9"}], "x": 1e400 }'
    assert relay(body) is body
    asked = b'{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}'
    assert relay(asked) is asked


def test_only_the_model_is_replaced() -> None:
    body = b'{"x":1e400,"model":"m","messages":[{"content":"\\u00e9"}]}'
    assert relay(body, "n") == b'{"x":1e400,"model":"n","messages":[{"content":"\\u00e9"}]}'


@pytest.mark.parametrize("options", [b"null", b"{}", b'{"include_usage":false}', None])
def test_a_relayed_stream_asks_for_usage(options: bytes | None) -> None:
    field = b"" if options is None else b',"stream_options":%b' % options
    body = b'{"model":"m","messages":[{}],"stream":true%b}' % field
    assert json.loads(relay(body))["stream_options"] == {"include_usage": True}
    assert relay(body, caps=Caps(stream_usage_option=False)) is body


def test_other_stream_options_stay() -> None:
    body = b'{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_obfuscation":false}}'
    assert json.loads(relay(body))["stream_options"] == {
        "include_obfuscation": False,
        "include_usage": True,
    }


def test_an_answer_that_came_back_in_pieces_is_one_message() -> None:
    """Clients of a format that streams whole turns keep each chunk as a turn."""
    calls = ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}")
    pieces: list[Part] = [Reasoning("hm"), Text("a"), *calls]
    results = user(ToolResult("1"), ToolResult("2"))
    turns = [user(), *[assistant(piece) for piece in pieces], results]
    _, said, *rest = messages(*turns, format=Format.GEMINI)
    assert (said["content"], [call["id"] for call in said["tool_calls"]]) == ("a", ["1", "2"])
    assert [message["role"] for message in rest] == ["tool", "tool"]


@pytest.mark.parametrize("caps", [OPENAI, COMPATIBLE])
def test_an_answer_that_may_not_be_continued_is_noted(caps: Caps) -> None:
    wanted = request(user(), assistant(Text("Once upon")))
    body, codes, _ = encode(wanted, caps)
    assert body["messages"][1] == {"role": "assistant", "content": "Once upon"}
    assert codes == ["prefill_not_continued"]
    assert encode(wanted, replace(caps, prefill=True))[1] == []
