"""What a Gemini client asks for, in canonical words."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest

from aigw_core.chat import (
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
    ReasoningSpec,
    ReasoningStyle,
    Role,
    Sampling,
    Seal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Url,
)
from aigw_core.codec import Caps
from aigw_core.codecs.gemini import CODEC
from aigw_core.errors import ErrorKind, InvalidRequest
from aigw_core.ledger import Ledger
from tests.core.codecs.gemini.helpers import SIGNATURE, inbound

SEAL = Seal("gemini", "thought_signature", SIGNATURE)
HI = {"role": "user", "parts": [{"text": "hi"}]}


def decode(document: dict[str, Any], **fields: Any) -> ChatRequest:
    """The request; that it survives its own format is checked on the way."""
    request = CODEC.decode_request(inbound({"contents": [HI], **document}, **fields))
    ledger = Ledger(CODEC.pointers)
    encoded = CODEC.encode_request(request, request.model, Caps(), ledger)
    assert ledger.entries == []
    again = CODEC.decode_request(inbound(encoded.body, **fields))
    assert again == request
    return request


def refused(document: dict[str, Any]) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.decode_request(inbound({"contents": [HI], **document}))
    assert caught.value.failure.kind is ErrorKind.INVALID_REQUEST
    return caught.value.failure.param


def parts(*wire: dict[str, Any], role: str = "user") -> tuple[Any, ...]:
    return decode({"contents": [{"role": role, "parts": list(wire)}]}).turns[0].parts


def test_model_and_stream_come_from_the_path() -> None:
    request = decode({"model": "models/other"}, model="models/gemini-3-pro", stream=True)
    assert (request.model, request.stream, request.format) == ("gemini-3-pro", True, Format.GEMINI)


CAMEL: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "contents": [
        HI,
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "args": {"some_key": 1}},
                 "thoughtSignature": SIGNATURE},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "f", "response": {"mime_type": "kept"}}},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"fileUri": "gs://b/x.mp4", "mimeType": "video/mp4"},
                 "videoMetadata": {"startOffset": "1s"}},
            ],
        },
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"top_p": {}}}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "topP": 0.5, "maxOutputTokens": 9, "responseMimeType": "application/json",
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 7},
        "speechConfig": {"voice_config": 1},
    },
    "safetySettings": [],
    "serviceTier": "flex",
}  # fmt: skip


def snake(value: Any, within: str = "") -> Any:
    if isinstance(value, list):
        return [snake(item, within) for item in value]
    if not isinstance(value, dict) or within in ("args", "response", "parametersJsonSchema",
                                                 "speechConfig"):  # fmt: skip
        return value
    return {
        "".join("_" + c.lower() if c.isupper() else c for c in name): snake(item, name)
        for name, item in value.items()
    }


def test_snake_case_and_camel_case_are_the_same() -> None:
    spelled = snake(CAMEL)
    assert "system_instruction" in spelled
    assert decode(spelled) == decode(CAMEL)
    call = decode(spelled).turns[2].parts[0]
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"some_key":1}'
    assert decode(spelled).tools[0] == decode(CAMEL).tools[0]


def test_one_field_in_both_spellings_is_refused() -> None:
    both = {"generationConfig": {"topP": 1}, "generation_config": {"topP": 1}}
    assert refused(both) == "/generationConfig"
    assert refused({"generationConfig": {"topP": 1, "top_p": 1}}) == "/generationConfig/topP"


def test_roles() -> None:
    contents = [{"parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]},
                {"role": "USER", "parts": []}]  # fmt: skip
    request = decode({"contents": contents, "systemInstruction": "s"})
    assert [(turn.role, turn.pointer) for turn in request.turns] == [
        (Role.SYSTEM, "/systemInstruction"),
        (Role.USER, "/contents/0"),
        (Role.ASSISTANT, "/contents/1"),
        (Role.USER, "/contents/2"),
    ]
    assert refused({"contents": [{"role": "system", "parts": []}]}) == "/contents/0/role"


def test_a_lone_object_stands_for_a_list_of_one() -> None:
    # As the vendor's own examples write it.
    request = decode(
        {
            "contents": {"parts": {"text": "a"}},
            "systemInstruction": {"parts": {"text": "s"}},
            "tools": {"functionDeclarations": {"name": "f"}},
        }
    )
    assert [turn.parts for turn in request.turns] == [(Text("s"),), (Text("a"),)]
    assert request.tools == (Tool("f", pointer="/tools/0/functionDeclarations/0"),)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"contents": []}, "/contents"),
        ({"contents": "hi"}, "/contents"),
        ({"contents": None}, "/contents"),
        ({"contents": [{"parts": "hi"}]}, "/contents/0/parts"),
        ({"contents": [{"parts": [7]}]}, "/contents/0/parts/0"),
        ({"contents": [{"parts": [{"text": 7}]}]}, "/contents/0/parts/0/text"),
        ({"contents": [{"parts": [{"text": 7, "other": 1}]}]}, "/contents/0/parts/0/text"),
        ({"contents": [{"role": 1}]}, "/contents/0/role"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "/systemInstruction"),
        ({"generationConfig": {"topK": 1.5}}, "/generationConfig/topK"),
        ({"generationConfig": {"temperature": "hot"}}, "/generationConfig/temperature"),
        ({"generationConfig": {"candidateCount": 0}}, "/generationConfig/candidateCount"),
        ({"generationConfig": {"stopSequences": "x"}}, "/generationConfig/stopSequences"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HUGE"}}},
         "/generationConfig/thinkingConfig/thinkingLevel"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}},
         "/generationConfig/thinkingConfig"),
        ({"generationConfig": {"responseSchema": {}, "responseJsonSchema": {}}},
         "/generationConfig"),
        ({"generationConfig": {"responseSchema": 7}}, "/generationConfig/responseSchema"),
        ({"generationConfig": {"responseMimeType": "text/plain", "responseSchema": {}}},
         "/generationConfig/responseMimeType"),
        ({"tools": [7]}, "/tools/0"),
        ({"tools": [{"functionDeclarations": [{"name": ""}]}]},
         "/tools/0/functionDeclarations/0/name"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "/tools/0/functionDeclarations/0"),
        ({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]},
         "/tools/0/functionDeclarations/1"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {},
                                               "parametersJsonSchema": {}}]}]},
         "/tools/0/functionDeclarations/0"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}},
         "/toolConfig/functionCallingConfig/mode"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}}},
         "/toolConfig/functionCallingConfig/allowedFunctionNames/0"),
        ({"labels": {"a": 1}}, "/labels/..."),
        ({"store": "maybe"}, "/store"),
    ],
)  # fmt: skip
def test_refusals_name_the_place(document: dict[str, Any], pointer: str) -> None:
    assert refused(document) == pointer


def test_names_need_a_mode_that_takes_them() -> None:
    document = {
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}},
    }
    assert refused(document) == "/toolConfig/functionCallingConfig/allowedFunctionNames"


# --- parts -------------------------------------------------------------------


def test_signed_and_thought_parts() -> None:
    found = parts(
        {"text": "t", "thought": True},
        {"text": "s", "thought": True, "thoughtSignature": SIGNATURE},
        {"text": "a", "thought": False},
        {"text": "", "thoughtSignature": SIGNATURE},
        {"thoughtSignature": SIGNATURE},
        {"text": ""},
        role="model",
    )
    assert found == (
        Reasoning("t", ReasoningStyle.SUMMARY),
        Reasoning("s", ReasoningStyle.SUMMARY, SEAL),
        Text("a"),
        Text("", seal=SEAL),
        Text("", seal=SEAL),
        Text(""),
    )


def test_media() -> None:
    plain = base64.b64encode("Grüße".encode()).decode()
    found = parts(
        {"inlineData": {"mimeType": "image/png", "data": "-_8"}},
        {"inlineData": {"mimeType": "text/plain", "data": plain}},
        {"fileData": {"fileUri": "https://a.example/x.pdf"}},
        {"fileData": {"fileUri": "https://youtu.be/x"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x",
                      "mimeType": "audio/mpeg"}},
        {"fileData": {"fileUri": "gs://b/x.mp4"}, "videoMetadata": {"fps": 0.2}},
    )  # fmt: skip
    assert found == (
        Media(MediaKind.IMAGE, Inline("image/png", "+/8=")),
        Media(MediaKind.DOCUMENT, Inline("text/plain", "Grüße")),
        Media(MediaKind.DOCUMENT, Url("https://a.example/x.pdf")),
        Media(MediaKind.VIDEO, Url("https://youtu.be/x")),
        Media(
            MediaKind.AUDIO,
            FileId("https://generativelanguage.googleapis.com/v1beta/files/x", Format.GEMINI),
            native=Native(Format.GEMINI, b'{"mimeType":"audio/mpeg"}'),
        ),
        Media(
            MediaKind.VIDEO,
            FileId("gs://b/x.mp4", Format.GEMINI),
            native=Native(Format.GEMINI, b'{"videoMetadata":{"fps": 0.2}}'),
        ),
    )
    bad = {"inlineData": {"mimeType": "text/plain", "data": "%"}}
    assert refused({"contents": [{"parts": [bad]}]}) == "/contents/0/parts/0/inlineData/data"


def test_parts_of_this_format_only_are_opaque() -> None:
    code = {"executableCode": {"code": "1"}, "thoughtSignature": SIGNATURE}
    found = parts(code, {"videoMetadata": {"fps": 1}}, {}, role="model")
    assert [part.label for part in found if isinstance(part, Opaque)] == [
        "executableCode",
        "videoMetadata",
    ]
    assert json.loads(found[0].native.raw) == code


# --- calls -------------------------------------------------------------------


def turn(role: str, *wire: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(wire)}


def call(name: str, identifier: str | None = None, **beside: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name, "args": {}}
    return {"functionCall": function | ({"id": identifier} if identifier else {}), **beside}


def result(name: str, response: object, identifier: str | None = None) -> dict[str, Any]:
    function = {"name": name, "response": response}
    return {"functionResponse": function | ({"id": identifier} if identifier else {})}


def test_calls_without_ids_pair_with_results_by_name_and_order() -> None:
    contents = [
        HI,
        turn("model", call("f", thoughtSignature=SIGNATURE), call("g"), call("f")),
        turn("user", result("f", {"output": "1"}), result("f", {"output": "2"}),
             result("g", {"output": "3"})),
    ]  # fmt: skip
    _, asked, answered = decode({"contents": contents}).turns
    first, second, third = asked.parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert isinstance(third, ToolCall)
    assert first.seal == SEAL
    assert second.seal is None
    assert len({first.id, second.id, third.id}) == 3
    pairs = [(p.call_id, p.name, p.content) for p in answered.parts if isinstance(p, ToolResult)]
    assert pairs == [
        (first.id, "f", (Text("1"),)),
        (third.id, "f", (Text("2"),)),
        (second.id, "g", (Text("3"),)),
    ]


def test_invented_ids_stay_the_same_as_the_conversation_grows() -> None:
    contents = [HI, turn("model", call("f")), turn("user", result("f", {}))]
    short = decode({"contents": contents}).turns
    longer = [*contents, turn("model", call("f")), turn("user", result("f", {}))]
    long = decode({"contents": longer}).turns
    assert long[:3] == short
    ids = {part.id for item in long for part in item.parts if isinstance(part, ToolCall)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "plain"}, "plain", False),
        ({"output": {"a": 1}}, '{"output":{"a":1}}', False),
        ({"result": "x"}, '{"result":"x"}', False),
        ({"error": "broke"}, "broke", True),
        ({"error": {"code": 5}}, '{"code":5}', True),
        ({"error": None}, '{"error":null}', False),
        ({"error": "x", "output": "y"}, '{"error":"x","output":"y"}', False),
        ({}, "{}", False),
        (None, "", False),
    ],
)
def test_what_a_function_answered(response: object, text: str, is_error: bool) -> None:
    contents = [HI, turn("model", call("f", "c")), turn("user", result("f", response, "c"))]
    (part,) = decode({"contents": contents}).turns[2].parts
    assert isinstance(part, ToolResult)
    assert part.content == ((Text(text),) if text else ())
    assert part.is_error is is_error


def test_numbers_in_calls_and_results_keep_their_spelling() -> None:
    body = (
        b'{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":'
        b'{"name":"f","args": {"a": 1.0e5, "b": 1e400}}}]},{"parts":[{"functionResponse":'
        b'{"name":"f","response": {"n": 0.10}}}]}]}'
    )
    request = CODEC.decode_request(inbound(body))
    asked, answered = request.turns[1].parts[0], request.turns[2].parts[0]
    assert isinstance(asked, ToolCall)
    assert asked.arguments == '{"a":1.0e5,"b":1e400}'
    assert isinstance(answered, ToolResult)
    assert answered.content == (Text('{"n":0.10}'),)
    encoded = CODEC.encode_request(request, "m", Caps(), Ledger()).body
    assert b'{"a":1.0e5,"b":1e400}' in encoded
    assert b'{"n": 0.10}' in encoded


def test_media_of_a_result_is_content() -> None:
    answer = result("f", {"output": "see"}, "c")
    answer["functionResponse"]["parts"] = [
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    ]
    contents = [HI, turn("model", call("f", "c")), turn("user", answer)]
    (part,) = decode({"contents": contents}).turns[2].parts
    assert isinstance(part, ToolResult)
    assert part.content == (Text("see"), Media(MediaKind.IMAGE, Inline("image/png", "AA==")))


def test_a_result_that_comes_twice_counts_once() -> None:
    # A resumed session of gemini-cli.
    twice = [result("f", {"output": "x"}, "c")] * 2
    contents = [HI, turn("model", call("f", "c")), turn("user", *twice)]
    assert len(decode({"contents": contents}).turns[2].parts) == 1
    steps = [HI, *[turn("model", call("f", "c")), turn("user", twice[0])] * 2]
    assert len(decode({"contents": steps}).turns[4].parts) == 1


@pytest.mark.parametrize(
    "answer",
    [result("g", {}), result("f", {}, "unknown"), result("g", {}, "unknown"), result("", {})],
)
def test_a_result_without_a_call_is_refused(answer: dict[str, Any]) -> None:
    contents = [HI, turn("model", call("f", "c")), turn("user", result("f", {}), answer)]
    assert refused({"contents": contents}) == "/contents/2/parts/1/functionResponse"


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"functionCall": {"args": {}}}, "functionCall/name"),
        ({"functionCall": {"name": "f", "args": "{}"}}, "functionCall/args"),
        ({"functionCall": {"name": 7}}, "functionCall/name"),
    ],
)
def test_a_call_needs_a_name_and_an_object(part: dict[str, Any], pointer: str) -> None:
    assert refused({"contents": [HI, turn("model", part)]}) == f"/contents/1/parts/0/{pointer}"


def test_a_response_must_be_an_object() -> None:
    contents = [HI, turn("model", call("f")), turn("user", result("f", "text"))]
    assert refused({"contents": contents}) == "/contents/2/parts/0/functionResponse/response"


# --- tools -------------------------------------------------------------------


def test_tools_of_all_kinds() -> None:
    request = decode(
        {
            "tools": [
                {"functionDeclarations": [
                    {"name": "a", "description": "d", "parametersJsonSchema": {"type": "object"},
                     "behavior": "BLOCKING"},
                    {"name": "b", "parameters": {"type": "STRING", "nullable": True}},
                ]},
                {"googleSearch": {}, "codeExecution": {}},
                {"functionDeclarations": [{"name": "c"}]},
            ]
        }
    )  # fmt: skip
    first, second, search, code, third = request.tools
    assert isinstance(first, Tool)
    assert (first.description, first.schema) == ("d", b'{"type": "object"}')
    assert first.native == Native(Format.GEMINI, b'{"behavior":"BLOCKING"}')
    assert isinstance(second, Tool)
    assert second.schema == b'{"type":["string","null"]}'
    assert search == HostedTool(
        Native(Format.GEMINI, b'{"googleSearch":{}}'), "googleSearch", "/tools/1/googleSearch"
    )
    assert isinstance(code, HostedTool)
    assert third == Tool("c", pointer="/tools/2/functionDeclarations/0")


@pytest.mark.parametrize(
    ("config", "mode", "names"),
    [
        ({"mode": "AUTO"}, ToolChoiceMode.AUTO, ()),
        ({"mode": "none"}, ToolChoiceMode.NONE, ()),
        ({"mode": "any"}, ToolChoiceMode.REQUIRED, ()),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoiceMode.REQUIRED, ("f",)),
        ({}, ToolChoiceMode.AUTO, ()),
        ({"mode": "VALIDATED"}, ToolChoiceMode.AUTO, ()),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoiceMode.AUTO, ("f",)),
    ],
)
def test_tool_choice(config: dict[str, Any], mode: ToolChoiceMode, names: tuple[str, ...]) -> None:
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    request = decode({"tools": tools, "toolConfig": {"functionCallingConfig": config}})
    assert request.tool_choice == ToolChoice(mode, names)
    assert bool(request.extras) == (config.get("mode") == "VALIDATED")


# --- settings ----------------------------------------------------------------


def test_settings() -> None:
    request = decode(
        {
            "generationConfig": {
                "temperature": 0.5, "topP": 0.9, "topK": 40.0, "candidateCount": 2,
                "maxOutputTokens": "100", "stopSequences": ["a"], "seed": 7,
                "presencePenalty": 0.1, "frequencyPenalty": -0.1, "responseLogprobs": True,
                "logprobs": 3, "responseModalities": ["TEXT", "IMAGE"],
                "speechConfig": {"x": 1e3}, "temperature2": None,
                "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high", "new": 1},
            },
            "toolConfig": {"retrievalConfig": {"a": 1}},
            "safetySettings": [{"category": "X"}],
            "cachedContent": "cachedContents/1",
            "serviceTier": "standard",
            "store": False,
            "labels": {"team": "a"},
        }
    )  # fmt: skip
    assert request.sampling == Sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        frequency_penalty=-0.1,
        presence_penalty=0.1,
        seed=7,
        logprobs=True,
        top_logprobs=3,
    )
    assert (request.n, request.max_output, request.stop) == (2, 100, ("a",))
    assert request.output.modalities == ("text", "image")
    assert request.reasoning == ReasoningSpec(Effort.HIGH, None, "summary")
    assert request.tier == "default"
    assert request.server_state.store is False
    assert request.server_state.conversation == Native(Format.GEMINI, b'"cachedContents/1"')
    assert request.identity.metadata == b'{"team":"a"}'
    assert {(extra.name, extra.pointer) for extra in request.extras} == {
        ("safetySettings", "/safetySettings"),
        ("generationConfig.speechConfig", "/generationConfig/speechConfig"),
        ("generationConfig.thinkingConfig.new", "/generationConfig/thinkingConfig/new"),
        ("toolConfig.retrievalConfig", "/toolConfig/retrievalConfig"),
    }
    assert Extra("safetySettings", b'[{"category": "X"}]', "/safetySettings") in request.extras


@pytest.mark.parametrize(
    ("config", "kind", "schema"),
    [
        ({}, OutputKind.TEXT, None),
        ({"responseMimeType": "text/plain"}, OutputKind.TEXT, None),
        ({"responseMimeType": "application/json"}, OutputKind.JSON, None),
        ({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
         OutputKind.SCHEMA, b'{"type": "object"}'),
        ({"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}},
         OutputKind.SCHEMA, b'{"type":"object"}'),
        ({"responseSchema": {"type": "OBJECT"}}, OutputKind.SCHEMA, b'{"type":"object"}'),
    ],
)  # fmt: skip
def test_output(config: dict[str, Any], kind: OutputKind, schema: bytes | None) -> None:
    output = decode({"generationConfig": config}).output
    assert (output.kind, output.schema) == (kind, schema)


def test_a_bare_word_as_output_has_no_canonical_meaning() -> None:
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}}
    request = decode({"generationConfig": config})
    assert request.output.kind is OutputKind.TEXT
    assert len(request.extras) == 2


@pytest.mark.parametrize(
    ("thinking", "spec"),
    [
        ({}, ReasoningSpec()),
        ({"thinkingBudget": 0}, ReasoningSpec(budget=0)),
        ({"thinkingBudget": -1, "includeThoughts": False}, ReasoningSpec(None, -1, "none")),
        ({"thinkingLevel": "MINIMAL"}, ReasoningSpec(Effort.MINIMAL)),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, ReasoningSpec()),
    ],
)
def test_thinking(thinking: dict[str, Any], spec: ReasoningSpec) -> None:
    assert decode({"generationConfig": {"thinkingConfig": thinking}}).reasoning == spec


def test_unknown_fields_are_kept_and_null_is_nothing() -> None:
    request = decode({"modelArmorConfig": {"a": 1e2}, "tools": None, "generationConfig": None,
                      "toolConfig": None, "other": None, "labels": None})  # fmt: skip
    assert request.extras == (Extra("modelArmorConfig", b'{"a": 100.0}', "/modelArmorConfig"),)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every node."""
    found = [path] if path else []
    items: Any = enumerate(value) if isinstance(value, list) else ()
    for name, inner in value.items() if isinstance(value, dict) else items:
        found += places(inner, (*path, name))
    return found


ODD: list[Any] = [None, [], {}, "", 0, -1, 1e308, 2**64, True, [[]], [{}], {"a": 1}, "x"]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_any_node_may_be_anything_and_nothing_but_a_refusal_comes_of_it(odd: Any) -> None:
    for path in places(CAMEL):
        document = json.loads(json.dumps(CAMEL))
        node = document
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = odd
        with contextlib.suppress(InvalidRequest):
            CODEC.peek(inbound(document))
            request = CODEC.decode_request(inbound(document))
            CODEC.encode_request(request, "m", Caps(), Ledger())
