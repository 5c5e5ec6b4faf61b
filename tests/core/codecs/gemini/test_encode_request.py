"""What a Gemini upstream is asked, for requests of other formats."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    ReasoningStyle,
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
from aigw_core.codec import Caps
from aigw_core.codecs.gemini import CODEC
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger
from tests.core.codecs.gemini.helpers import SIGNATURE, inbound

OWN = Seal("gemini", "thought_signature", SIGNATURE)
FOREIGN = Seal("messages", "signature", "Zm9yZWlnbg==")
DUMMY = base64.b64encode(b"skip_thought_signature_validator").decode()
HI = Turn(Role.USER, (Text("hi"),), pointer="/messages/0")


def user(*parts: Part, **fields: Any) -> Turn:
    return Turn(Role.USER, parts, pointer="/messages/1", **fields)


def model(*parts: Part, **fields: Any) -> Turn:
    return Turn(Role.ASSISTANT, parts, pointer="/messages/2", **fields)


def request(*turns: Turn, **fields: Any) -> ChatRequest:
    fields.setdefault("format", Format.CHAT)
    return ChatRequest("asked-for", turns or (HI,), **fields)


def encode(chat: ChatRequest, caps: Caps | None = None) -> tuple[Any, list[tuple[str, bool]]]:
    """The body, and code and visibility of every loss."""
    ledger = Ledger()
    encoded = CODEC.encode_request(chat, "gemini-up", caps or Caps(), ledger)
    # Everything that leaves is a request that this codec takes too.
    CODEC.decode_request(inbound(encoded.body))
    return json.loads(encoded.body), [(entry.code, entry.reported) for entry in ledger.entries]


def contents(*turns: Turn, caps: Caps | None = None, **fields: Any) -> Any:
    return encode(request(*turns, **fields), caps)[0]["contents"]


def config(caps: Caps | None = None, **fields: Any) -> tuple[Any, list[tuple[str, bool]]]:
    body, losses = encode(request(**fields), caps)
    return body.get("generationConfig", {}), losses


def refused(chat: ChatRequest, caps: Caps | None = None) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.encode_request(chat, "m", caps or Caps(), Ledger({"stop": "/stop"}))
    return caught.value.failure.param


# --- turns -------------------------------------------------------------------


def test_system_text_before_the_first_turn_is_the_instruction() -> None:
    turns = [Turn(Role.SYSTEM, (Text("a"), Text(""))), Turn(Role.SYSTEM, (Text("b"),)), HI]
    body, losses = encode(request(*turns))
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert losses == []


def test_later_system_text_stays_where_it_was() -> None:
    turns = [Turn(Role.SYSTEM, (Text("a"),)), HI, Turn(Role.SYSTEM, (Text("b"),)), model(Text("c"))]
    body, losses = encode(request(*turns))
    assert body["systemInstruction"] == {"parts": [{"text": "a"}]}
    late = {"text": "<system>\nb\n</system>"}
    assert body["contents"][0] == {"role": "user", "parts": [{"text": "hi"}, late]}
    assert losses == [("late_system_as_user_text", False)]


def test_roles_alternate_and_empty_text_goes() -> None:
    turns = [HI, user(Text("more"), Text("")), model(Text("")), user(Text("x")), model(Text("y"))]
    assert contents(*turns) == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "more"}, {"text": "x"}]},
        {"role": "model", "parts": [{"text": "y"}]},
    ]


@pytest.mark.parametrize(
    ("turns", "pointer"),
    [
        ((model(Text("a")), HI), "/messages/2"),
        ((Turn(Role.SYSTEM, (Text("a"),), pointer="/messages/9"),), "/messages/9"),
        ((HI, user(Text(""))), "/messages/1"),
        ((HI, user(Opaque(Native(Format.CHAT, b"{}"), "x"))), "/messages/1"),
        ((HI, user(ToolResult("nobody"))), "/messages/1"),
        ((HI, model(ToolCall("c", "f", "{}"))), "/messages/2"),
        ((HI, model(ToolCall("c", "f", "{}")), user(Text("?"))), "/messages/2"),
        ((HI, model(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")), user(ToolResult("a"))),
         "/messages/2"),
        ((HI, user(Media(MediaKind.IMAGE, FileId("file-1", Format.CHAT)))), "/messages/1"),
    ],
)  # fmt: skip
def test_what_the_vendor_refuses_is_refused_here(turns: tuple[Turn, ...], pointer: str) -> None:
    assert refused(request(*turns)) == pointer


def test_a_last_turn_of_the_model_is_continued() -> None:
    assert contents(HI, model(Text("once upon")))[-1]["role"] == "model"


# --- calls and results -------------------------------------------------------


def test_results_of_a_step_stand_together_and_first_in_the_order_of_the_calls() -> None:
    found = contents(
        HI,
        model(Text("a"), ToolCall("1", "f", '{"n":1}'), ToolCall("2", "g", "")),
        user(ToolResult("2", (Text("two"),))),
        user(Text("and"), ToolResult("1", (Text('{"n":0.10}'),))),
    )
    assert found[1]["parts"] == [
        {"text": "a"},
        {"functionCall": {"id": "1", "name": "f", "args": {"n": 1}}, "thoughtSignature": DUMMY},
        {"functionCall": {"id": "2", "name": "g", "args": {}}},
    ]
    assert found[2]["parts"] == [
        {"functionResponse": {"id": "1", "name": "f", "response": {"n": 0.10}}},
        {"functionResponse": {"id": "2", "name": "g", "response": {"output": "two"}}},
        {"text": "and"},
    ]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c", (Text("plain"),)), {"output": "plain"}),
        (ToolResult("c", (Text("a"), Text("b"))), {"output": "a\nb"}),
        (ToolResult("c"), {"output": ""}),
        (ToolResult("c", (Text('{"a":1}'),)), {"a": 1}),
        (ToolResult("c", (Text("[1]"),)), {"output": "[1]"}),
        (ToolResult("c", (Text("42"),)), {"output": "42"}),
        (ToolResult("c", (Text('{"error":"x"}'),)), {"output": '{"error":"x"}'}),
        (ToolResult("c", (Text("{broken"),)), {"output": "{broken"}),
        (ToolResult("c", (Text("broke"),), is_error=True), {"error": "broke"}),
    ],
)
def test_what_a_tool_said_is_an_object(result: ToolResult, response: object) -> None:
    found = contents(HI, model(ToolCall("c", "f", "{}")), user(result))
    assert found[2]["parts"][0]["functionResponse"]["response"] == response


@pytest.mark.parametrize(
    ("result", "content", "is_error"),
    [
        (ToolResult("c", (Text("plain"),)), (Text("plain"),), False),
        (ToolResult("c", (Text('{"a":1.0e5}'),)), (Text('{"a":1.0e5}'),), False),
        (ToolResult("c", (Text("[1]"),)), (Text("[1]"),), False),
        (ToolResult("c", (Text('{"error":"x"}'),)), (Text('{"error":"x"}'),), False),
        (ToolResult("c", (Text("no"),), is_error=True), (Text("no"),), True),
    ],
)
def test_what_a_tool_said_comes_back_the_same(
    result: ToolResult, content: object, is_error: bool
) -> None:
    chat = request(HI, model(ToolCall("c", "f", "{}")), user(result))
    body = CODEC.encode_request(chat, "m", Caps(), Ledger()).body
    (part,) = CODEC.decode_request(inbound(body)).turns[2].parts
    assert isinstance(part, ToolResult)
    assert (part.content, part.is_error) == (content, is_error)


@pytest.mark.parametrize("broken", ['{"a":', "[1]", "7", "NaN", '{"a":NaN}', '{"a":1} x', "\x00"])
def test_broken_arguments_of_history_are_wrapped(broken: str) -> None:
    turns = (HI, model(ToolCall("c", "f", broken)), user(ToolResult("c")))
    body, losses = encode(request(*turns))
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"_raw": broken}
    assert losses == [("arguments_not_an_object", True)]


def test_numbers_of_arguments_keep_their_spelling() -> None:
    arguments = '{"a":9223372036854775808,"b":1e400,"c":1.0e5,"a":0.10}'
    chat = request(HI, model(ToolCall("c", "f", arguments)), user(ToolResult("c")))
    assert arguments.encode() in CODEC.encode_request(chat, "m", Caps(), Ledger()).body


def test_deep_arguments_do_not_exhaust_the_stack() -> None:
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    chat = request(HI, model(ToolCall("c", "f", deep)), user(ToolResult("c")))
    body = CODEC.encode_request(chat, "m", Caps(), Ledger()).body
    assert b'"_raw"' in body or deep.encode() in body


def test_media_in_a_result_follows_all_results() -> None:
    picture = Media(MediaKind.IMAGE, Inline("image/png", "AA=="))
    turns = (
        HI,
        model(ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}")),
        user(ToolResult("1", (Text("see"), picture)), ToolResult("2"), Text("so?")),
    )
    body, losses = encode(request(*turns))
    first, second, attached, text = body["contents"][2]["parts"]
    response = first["functionResponse"]["response"]
    assert response == {"output": "see\n[image 1 attached below]"}
    assert "functionResponse" in second
    assert attached == {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    assert text == {"text": "so?"}
    assert losses == [("tool_result_media_moved", True)]
    body, losses = encode(request(*turns), Caps(tool_result_media=("image",)))
    function = body["contents"][2]["parts"][0]["functionResponse"]
    assert function["parts"] == [attached]
    assert losses == []


def test_names_that_are_not_legal_are_changed_everywhere() -> None:
    odd, long = "my tool!", "x" * 200
    chat = request(
        HI,
        model(ToolCall("1", odd, "{}"), ToolCall("2", long, "{}")),
        user(ToolResult("1"), ToolResult("2")),
        tools=(Tool(odd), Tool("a.b:c-d"), Tool(long)),
        tool_choice=ToolChoice(ToolChoiceMode.REQUIRED, (odd,)),
    )
    encoded = CODEC.encode_request(chat, "m", Caps(), Ledger())
    body = json.loads(encoded.body)
    first, kept, second = [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]
    assert kept == "a.b:c-d"
    assert encoded.tool_names == {first: odd, second: long}
    assert len(second) <= 128
    assert [p["functionCall"]["name"] for p in body["contents"][1]["parts"]] == [first, second]
    assert [p["functionResponse"]["name"] for p in body["contents"][2]["parts"]] == [first, second]
    choice = body["toolConfig"]["functionCallingConfig"]
    assert choice == {"mode": "ANY", "allowedFunctionNames": [first]}


def test_a_freeform_tool_is_a_function_that_takes_a_text() -> None:
    chat = request(
        HI,
        model(ToolCall("1", "sh", "ls\n-l", freeform=True)),
        user(ToolResult("1", freeform=True)),
        tools=(Tool("sh", freeform=True, grammar=Native(Format.CHAT, b"{}"), pointer="/tools/0"),),
    )
    ledger = Ledger()
    encoded = CODEC.encode_request(chat, "m", Caps(), ledger)
    assert encoded.wrapped_tools == {"sh"}
    body = json.loads(encoded.body)
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "ls\n-l"}
    schema = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert schema["properties"] == {"input": {"type": "string"}}
    assert [entry.code for entry in ledger.entries if entry.reported] == [
        "tool_grammar_unsupported"
    ]


# --- seals -------------------------------------------------------------------


def parts_of(*parts: Part) -> Any:
    calls = [part.id for part in parts if isinstance(part, ToolCall)]
    results = [user(*[ToolResult(call) for call in calls])] if calls else []
    return contents(HI, model(*parts), *results)[1]["parts"]


def test_a_seal_goes_back_in_the_very_part() -> None:
    text, call, other = parts_of(
        Text("a", seal=OWN), ToolCall("1", "f", "{}", seal=OWN), ToolCall("2", "g", "{}")
    )
    assert text == {"text": "a", "thoughtSignature": SIGNATURE}
    assert call["thoughtSignature"] == SIGNATURE
    assert "thoughtSignature" not in other


def test_signed_text_is_not_joined_with_its_neighbours() -> None:
    found = parts_of(Text("a"), Text("b", seal=OWN), Text("c"), Text("", seal=OWN))
    assert [part["text"] for part in found] == ["a", "b", "c", ""]


def test_a_foreign_seal_never_leaves() -> None:
    found = parts_of(
        Reasoning("secret", seal=FOREIGN), Text("a", seal=FOREIGN), ToolCall("1", "f", "{}",
                                                                          seal=FOREIGN)
    )  # fmt: skip
    assert found[0] == {"text": "a"}
    assert found[1]["thoughtSignature"] == DUMMY
    assert "secret" not in json.dumps(found)


def test_foreign_calls_get_the_dummy_on_the_first_of_each_step() -> None:
    turns: list[Turn] = [HI]
    for step in "ab":
        ids = [f"{step}{n}" for n in range(3)]
        turns += [model(*[ToolCall(i, "f", "{}") for i in ids]),
                  user(*[ToolResult(i) for i in ids])]  # fmt: skip
    found = contents(*turns)
    for content in (found[1], found[3]):
        assert [part.get("thoughtSignature") for part in content["parts"]] == [DUMMY, None, None]
    without = contents(*turns, caps=Caps(thinking="none"))
    assert "thoughtSignature" not in json.dumps(without)


def test_thoughts_with_a_signature_of_their_own_are_signed_thoughts() -> None:
    hidden = Reasoning("", ReasoningStyle.HIDDEN, OWN)
    thought = {"text": "", "thought": True, "thoughtSignature": SIGNATURE}
    assert parts_of(hidden, Text("a")) == [thought, {"text": "a"}]
    shown = Reasoning("hm", seal=OWN)
    assert parts_of(Text("a"), shown) == [{"text": "a"}, {**thought, "text": "hm"}]


def test_a_conversation_of_this_format_loses_what_another_vendor_signed() -> None:
    turns = [
        HI,
        model(
            Reasoning("hm", seal=FOREIGN),
            Text("a", seal=FOREIGN),
            Text("", seal=FOREIGN),
            ToolCall("1", "f", "{}", seal=FOREIGN),
            ToolCall("2", "f", "{}"),
        ),
        user(ToolResult("1", (Text("x"),)), ToolResult("2")),
        model(Reasoning("own"), Text("b")),
    ]
    body, losses = encode(request(*turns, format=Format.GEMINI))
    said, first, second = body["contents"][1]["parts"]
    assert said == {"text": "a"}
    assert first["thoughtSignature"] == DUMMY
    assert "thoughtSignature" not in second
    answered = body["contents"][2]["parts"][0]["functionResponse"]
    assert answered == {"id": "1", "name": "f", "response": {"output": "x"}}
    assert body["contents"][3]["parts"] == [{"text": "own", "thought": True}, {"text": "b"}]
    assert losses == [("reasoning_not_replayed", False)]


def test_unsealed_reasoning_is_dropped_quietly() -> None:
    body, losses = encode(request(HI, model(Reasoning("hm"), Text("a")), user(Text("b"))))
    assert body["contents"][1]["parts"] == [{"text": "a"}]
    assert losses == [("reasoning_not_replayed", False)]


# --- media -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media(MediaKind.IMAGE, Inline("image/png", "AA==")),
         {"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        (Media(MediaKind.DOCUMENT, Inline("text/plain", "Grüße")),
         {"inlineData": {"mimeType": "text/plain", "data": "R3LDvMOfZQ=="}}),
        (Media(MediaKind.IMAGE, Url("https://a.example/x.JPG?y=1")),
         {"fileData": {"fileUri": "https://a.example/x.JPG?y=1", "mimeType": "image/jpeg"}}),
        (Media(MediaKind.IMAGE, Url("https://a.example/x")),
         {"fileData": {"fileUri": "https://a.example/x"}}),
        (Media(MediaKind.VIDEO, Url("https://youtu.be/x")),
         {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}}),
        (Media(MediaKind.DOCUMENT, FileId("gs://b/x", Format.GEMINI)),
         {"fileData": {"fileUri": "gs://b/x"}}),
    ],
)  # fmt: skip
def test_media(media: Media, part: dict[str, Any]) -> None:
    assert contents(user(media))[0]["parts"] == [part]


@pytest.mark.parametrize(
    ("details", "setting"),
    [((None,), None), (("auto",), None), (("low", "low"), "LOW"), (("low", "original"), "HIGH"),
     (("low", None), None)],
)  # fmt: skip
def test_detail_is_one_setting_for_all(
    details: tuple[str | None, ...], setting: str | None
) -> None:
    pictures = [
        Media(MediaKind.IMAGE, Inline("image/png", "AA=="), detail=detail) for detail in details
    ]
    body, losses = encode(request(user(*pictures)))
    found = body.get("generationConfig", {}).get("mediaResolution")
    assert found == (setting and f"MEDIA_RESOLUTION_{setting}")
    assert losses == ([("image_detail_for_all", False)] if len(set(details)) > 1 else [])


def test_what_a_part_loses_is_told() -> None:
    document = Media(
        MediaKind.DOCUMENT, Inline("application/pdf", "AA=="), name="a.pdf", context="c", cite=True,
        cache=CacheMark(),
    )  # fmt: skip
    _, losses = encode(
        request(
            user(document, Text("x", cache=CacheMark()), name="ann"),
            model(
                Text("a", (Citation("https://a.example"),)),
                Refusal("no"),
                ToolCall("s", "web_search", "{}", server=True),
                Opaque(Native(Format.CHAT, b"{}"), "x"),
                phase="final",
            ),
            user(ToolResult("s", server=True), Text("y")),
        )
    )
    assert set(losses) == {
        ("file_name_unsupported", False),
        ("document_context_unsupported", True),
        ("document_citations_unsupported", True),
        ("cache_mark_unsupported", False),
        ("participant_name_unsupported", True),
        ("citations_not_replayed", False),
        ("hosted_tool_call_unsupported", True),
        ("hosted_tool_result_unsupported", True),
        ("foreign_item_unsupported", True),
        ("phase_unsupported", False),
    }


# --- tools -------------------------------------------------------------------

SCHEMA = b'{"type":"object","properties":{"a":{"const":"x"},"b":{"$ref":"#"},"n":{"minimum":1e2}}}'


def test_schemas_go_out_in_the_dialect_of_the_model() -> None:
    tools = (Tool("f", "does", SCHEMA, pointer="/tools/0"), Tool("g"))
    output = OutputSpec(OutputKind.SCHEMA, schema=SCHEMA)
    chat = request(tools=tools, output=output)
    body = CODEC.encode_request(chat, "m", Caps(), Ledger()).body
    assert b'"parametersJsonSchema":' + SCHEMA in body
    assert b'"responseJsonSchema":' + SCHEMA in body
    assert b'{"name":"g"}' in body
    document, losses = encode(chat, Caps(schema_dialect="openapi_subset"))
    parameters = document["tools"][0]["functionDeclarations"][0]["parameters"]
    assert parameters["properties"]["a"] == {"enum": ["x"], "type": "STRING"}
    assert document["generationConfig"]["responseSchema"] == parameters
    assert ("schema_keyword_unsupported", True) in losses


TOOL = (Tool("f"),)
STRICT = (Tool("f", strict=True),)


@pytest.mark.parametrize(
    ("tools", "choice", "expected"),
    [
        (TOOL, None, None),
        (TOOL, ToolChoice(ToolChoiceMode.AUTO), {"mode": "AUTO"}),
        (TOOL, ToolChoice(ToolChoiceMode.NONE), {"mode": "NONE"}),
        (TOOL, ToolChoice(ToolChoiceMode.REQUIRED), {"mode": "ANY"}),
        (TOOL, ToolChoice(ToolChoiceMode.REQUIRED, ("f",)),
         {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (TOOL, ToolChoice(ToolChoiceMode.AUTO, ("f",)),
         {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (STRICT, None, {"mode": "VALIDATED"}),
        (STRICT, ToolChoice(ToolChoiceMode.AUTO), {"mode": "VALIDATED"}),
        (STRICT, ToolChoice(ToolChoiceMode.REQUIRED), {"mode": "ANY"}),
        ((*STRICT, Tool("g")), None, None),
        ((), ToolChoice(ToolChoiceMode.AUTO), None),
    ],
)  # fmt: skip
def test_tool_choice(tools: tuple[Tool, ...], choice: ToolChoice | None, expected: object) -> None:
    body, losses = encode(request(tools=tools, tool_choice=choice))
    found = body.get("toolConfig", {}).get("functionCallingConfig")
    assert found == expected
    assert not any(reported for _, reported in losses)


def test_hosted_tools_of_others_are_refused() -> None:
    tool = HostedTool(Native(Format.CHAT, b"{}"), "web_search", "/tools/3")
    assert refused(request(tools=(tool,))) == "/tools/3"
    choice = ToolChoice(ToolChoiceMode.REQUIRED, native=Native(Format.RESPONSES, b"{}"))
    assert refused(request(tools=TOOL, tool_choice=choice)) == "/tool_choice"


# --- settings ----------------------------------------------------------------


def test_sampling_and_limits() -> None:
    sampling = Sampling(0.5, 0.9, 40, 0.1, 0.2, 7, None, True, 25)
    found, losses = config(sampling=sampling, max_output=900, stop=("a", "b"), n=2,
                           caps=Caps(max_output=500))  # fmt: skip
    assert found == {
        "temperature": 0.5, "topP": 0.9, "topK": 40, "presencePenalty": 0.2,
        "frequencyPenalty": 0.1, "seed": 7, "responseLogprobs": True, "logprobs": 20,
        "maxOutputTokens": 500, "stopSequences": ["a", "b"], "candidateCount": 2,
    }  # fmt: skip
    assert losses == [("top_logprobs_clamped", True), ("max_output_clamped", True)]


def test_a_model_without_sampling_loses_it_aloud() -> None:
    sampling = Sampling(temperature=1, seed=7, logit_bias=Native(Format.CHAT, b"{}"))
    found, losses = config(sampling=sampling, caps=Caps(sampling=False))
    assert found == {"seed": 7}
    assert losses == [("temperature_unsupported", True), ("logit_bias_unsupported", True)]


def test_more_stops_than_the_vendor_takes_are_refused() -> None:
    assert refused(request(stop=("a",) * 6)) == "/stop"


@pytest.mark.parametrize(
    ("spec", "caps", "expected", "clamped"),
    [
        (ReasoningSpec(), Caps(), {}, False),
        (ReasoningSpec(Effort.LOW), Caps(), {"thinkingLevel": "LOW"}, False),
        (ReasoningSpec(Effort.NONE), Caps(), {"thinkingLevel": "LOW"}, True),
        (ReasoningSpec(Effort.MINIMAL), Caps(), {"thinkingLevel": "LOW"}, True),
        (ReasoningSpec(Effort.XHIGH), Caps(), {"thinkingLevel": "HIGH"}, True),
        (ReasoningSpec(Effort.NONE), Caps(efforts=(Effort.HIGH, Effort.MINIMAL)),
         {"thinkingLevel": "MINIMAL"}, True),
        (ReasoningSpec(Effort.MAX), Caps(efforts=tuple(Effort)), {"thinkingLevel": "XHIGH"}, False),
        (ReasoningSpec(budget=10000), Caps(), {"thinkingLevel": "MEDIUM"}, False),
        (ReasoningSpec(budget=-1), Caps(), {}, False),
        (ReasoningSpec(Effort.LOW, 99), Caps(thinking="level"), {"thinkingLevel": "LOW"}, False),
        (ReasoningSpec(Effort.NONE), Caps(thinking="budget"), {"thinkingBudget": 0}, False),
        (ReasoningSpec(Effort.NONE), Caps(thinking="budget", thinking_off=False, budget_min=128),
         {"thinkingBudget": 128}, True),
        (ReasoningSpec(Effort.MINIMAL), Caps(thinking="budget", budget_min=0),
         {"thinkingBudget": 512}, False),
        (ReasoningSpec(Effort.HIGH), Caps(thinking="budget"), {"thinkingBudget": 24576}, False),
        (ReasoningSpec(Effort.MAX), Caps(thinking="budget", budget_max=24576),
         {"thinkingBudget": 24576}, False),
        (ReasoningSpec(budget=-1), Caps(thinking="budget"), {"thinkingBudget": -1}, False),
        (ReasoningSpec(budget=99999), Caps(thinking="budget"), {"thinkingBudget": 32768}, True),
        (ReasoningSpec(Effort.NONE), Caps(thinking="none"), {}, False),
    ],
)  # fmt: skip
def test_thinking(spec: ReasoningSpec, caps: Caps, expected: object, clamped: bool) -> None:
    found, losses = config(reasoning=spec, caps=caps, format=Format.RESPONSES)
    thinking = found.get("thinkingConfig", {})
    assert thinking == expected
    assert len(thinking) < 2
    assert any(reported for _, reported in losses) is clamped


def test_thinking_of_a_model_that_has_none_is_dropped_aloud() -> None:
    found, losses = config(reasoning=ReasoningSpec(Effort.HIGH), caps=Caps(thinking="none"))
    assert found == {}
    assert losses == [("reasoning_unsupported", True)]


@pytest.mark.parametrize(
    ("spec", "format_", "shown"),
    [
        (ReasoningSpec(visible="summary"), Format.RESPONSES, True),
        (ReasoningSpec(visible="none"), Format.RESPONSES, False),
        (ReasoningSpec(Effort.LOW), Format.RESPONSES, None),
        (ReasoningSpec(Effort.LOW), Format.CHAT, True),
        (ReasoningSpec(budget=2048), Format.MESSAGES, True),
        (ReasoningSpec(Effort.LOW, visible="none"), Format.MESSAGES, False),
        (ReasoningSpec(Effort.NONE), Format.CHAT, None),
        (ReasoningSpec(), Format.CHAT, None),
    ],
)
def test_thoughts_are_asked_for(spec: ReasoningSpec, format_: Format, shown: bool | None) -> None:
    found, _ = config(reasoning=spec, format=format_)
    assert found.get("thinkingConfig", {}).get("includeThoughts") is shown


def test_output() -> None:
    assert config(output=OutputSpec(OutputKind.JSON)) == (
        {"responseMimeType": "application/json"},
        [],
    )
    schema = OutputSpec(OutputKind.SCHEMA, "n", b"{}", True, "d", "low", ("text",))
    found, losses = config(output=schema)
    assert found == {"responseMimeType": "application/json", "responseJsonSchema": {}}
    assert losses == [
        ("schema_name_unsupported", False),
        ("schema_description_unsupported", False),
        ("verbosity_unsupported", True),
    ]
    found, losses = config(output=schema, caps=Caps(json_schema=False))
    assert "responseJsonSchema" not in found
    assert ("json_schema_unsupported", True) in losses
    assert config(output=OutputSpec(modalities=("text", "image")))[0] == {
        "responseModalities": ["TEXT", "IMAGE"]
    }
    with pytest.raises(InvalidRequest):
        config(output=OutputSpec(modalities=("audio",)))


@pytest.mark.parametrize(
    ("tier", "word", "lost"),
    [("default", "standard", False), ("standard_only", "standard", False), ("flex", "flex", False),
     ("fast", "priority", False), ("auto", None, False), ("scale", None, True)],
)  # fmt: skip
def test_tiers(tier: str, word: str | None, lost: bool) -> None:
    body, losses = encode(request(tier=tier))
    assert body.get("serviceTier") == word
    assert losses == ([("tier_unsupported", True)] if lost else [])


def test_bookkeeping_is_dropped_quietly_and_the_rest_aloud() -> None:
    body, losses = encode(
        request(
            identity=Identity("u", "s", "c", b"{}"),
            server_state=ServerState(store=True),
            cache=CacheMark(),
            parallel_tools=False,
            tools=TOOL,
            extras=(Extra("prediction", b"{}", "/prediction"),),
        )
    )
    assert set(body) == {"contents", "tools"}
    assert set(losses) == {
        ("user_unsupported", False),
        ("safety_id_unsupported", False),
        ("cache_key_unsupported", False),
        ("metadata_unsupported", False),
        ("store_unsupported", False),
        ("cache_mark_unsupported", False),
        ("parallel_tools_unsupported", True),
        ("unknown_field", True),
    }


@pytest.mark.parametrize(
    "state",
    [ServerState(previous_id="resp_1"), ServerState(conversation=Native(Format.RESPONSES, b"{}"))],
)
def test_what_another_vendor_remembers_is_refused(state: ServerState) -> None:
    refused(request(server_state=state))


# --- laws --------------------------------------------------------------------

TEXTS = st.sampled_from(["a", "b", ""])
STEPS = st.lists(
    st.tuples(
        st.lists(TEXTS, max_size=2),
        st.lists(st.sampled_from(["f", "g"]), max_size=2),
        st.sampled_from([None, OWN, FOREIGN]),
        st.booleans(),
    ),
    max_size=5,
)


def conversation(steps: list[tuple[list[str], list[str], Seal | None, bool]]) -> list[Turn]:
    turns = [HI]
    for number, (texts, names, seal, system) in enumerate(steps):
        calls = [
            ToolCall(f"{number}.{n}", name, "{}", seal=seal if n == 0 else None)
            for n, name in enumerate(names)
        ]
        if system:
            turns.append(Turn(Role.SYSTEM, (Text("s"),)))
        turns.append(model(Reasoning("r", seal=seal), *map(Text, texts), *calls))
        turns.append(user(*[ToolResult(call.id) for call in calls], Text("next")))
    return turns


@settings(derandomize=True, max_examples=200)
@given(STEPS, STEPS)
def test_a_longer_conversation_begins_with_the_same_contents(
    steps: list[Any], more: list[Any]
) -> None:
    short = contents(*conversation(steps))
    long = contents(*conversation(steps + more))
    # The last content may grow: roles alternate.
    assert long[: len(short) - 1] == short[:-1]
    last = short[-1]["parts"]
    assert long[len(short) - 1]["parts"][: len(last)] == last


@settings(derandomize=True, max_examples=100)
@given(STEPS)
def test_the_same_request_is_written_the_same(steps: list[Any]) -> None:
    chat = request(*conversation(steps), tools=TOOL)
    first = CODEC.encode_request(chat, "m", Caps(), Ledger())
    assert CODEC.encode_request(chat, "m", Caps(), Ledger()) == first


@settings(derandomize=True, max_examples=100)
@given(STEPS)
def test_roles_alternate_and_results_match_calls(steps: list[Any]) -> None:
    found = contents(*conversation(steps))
    for number, content in enumerate(found):
        assert content["role"] == ("user", "model")[number % 2]
        assert content["parts"]
        calls = [p["functionCall"]["id"] for p in content["parts"] if "functionCall" in p]
        if calls:
            following = found[number + 1]["parts"]
            results = [p["functionResponse"]["id"] for p in following[: len(calls)]]
            assert results == calls
            assert "thoughtSignature" in next(p for p in content["parts"] if "functionCall" in p)
