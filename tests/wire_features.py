"""One small request for every feature of every wire format.

A sample is what a feature adds to the smallest request of its format (``BASE``), or to
that of another feature (``on``). The same name in two formats is the same thing said in
two ways. What becomes of each is worked out by ``tests/wire_table.py``.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.chat import Format
from tests.seeds import PIXEL, SCHEMA

Json = dict[str, Any]


class Sample(Struct, frozen=True):
    fields: Json = {}
    """Merged into the body, object by object."""
    content: list[Json] = []
    """More parts of the user's turn."""
    before: list[Json] = []
    """Turns before the user's."""
    after: list[Json] = []
    """Turns after it."""
    on: str | None = None
    """The feature that this one is added to, and compared with."""
    than: str | None = None
    """The feature that this one is only compared with."""


TURNS = {
    Format.CHAT: "messages",
    Format.MESSAGES: "messages",
    Format.RESPONSES: "input",
    Format.GEMINI: "contents",
}
"""The field that holds the turns."""

_PDF = "JVBERi0xLjQK"
_URL = "https://files.example/a"
_OPEN = {"type": "object", "properties": {"city": {"type": "string"}}}

BASE: dict[Format, Json] = {
    Format.CHAT: {"model": "m", "max_completion_tokens": 20000},
    Format.MESSAGES: {"model": "m", "max_tokens": 20000},
    Format.RESPONSES: {"model": "m", "max_output_tokens": 20000},
    Format.GEMINI: {"generationConfig": {"maxOutputTokens": 20000}},
}
USER: dict[Format, Json] = {
    Format.CHAT: {"role": "user", "content": [{"type": "text", "text": "Hello, as JSON"}]},
    Format.MESSAGES: {"role": "user", "content": [{"type": "text", "text": "Hello, as JSON"}]},
    Format.RESPONSES: {
        "role": "user",
        "content": [{"type": "input_text", "text": "Hello, as JSON"}],
    },
    Format.GEMINI: {"role": "user", "parts": [{"text": "Hello, as JSON"}]},
}
"""The user's turn. It says JSON, since JSON mode may add that otherwise."""


def _top(**fields: Any) -> Sample:
    return Sample(fields)


def _tools(**fields: Any) -> Sample:
    """On a declared function."""
    return Sample(fields, on="function tool")


def _than(base: str, sample: Sample) -> Sample:
    """To be compared with another one."""
    return replace(sample, than=base)


def _image(source: Json) -> Sample:
    return Sample(content=[{"type": "image_url", "image_url": source}])


_CHAT_CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "look_up", "arguments": '{"city":"Bern"}'},
        }
    ],
}


def _chat_function(**more: Any) -> Json:
    return {"type": "function", "function": {"name": "look_up", "parameters": _OPEN, **more}}


CHAT: dict[str, Sample] = {
    "earlier turns": Sample(
        after=[{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Go on"}]
    ),
    "system text": Sample(before=[{"role": "system", "content": "Be brief."}]),
    "developer role": Sample(before=[{"role": "developer", "content": "Be brief."}]),
    "late system turn": Sample(
        after=[
            {"role": "assistant", "content": "Hi"},
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Go on"},
        ]
    ),
    "name of a participant": _than(
        "earlier turns",
        Sample(
            after=[
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "name": "ann", "content": "Go on"},
            ]
        ),
    ),
    "prefill": Sample(after=[{"role": "assistant", "content": "Once upon"}]),
    "image inline": _image({"url": f"data:image/png;base64,{PIXEL}"}),
    "image by URL": _image({"url": _URL}),
    "image detail": _than(
        "image inline",
        Sample(
            content=[
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"},
                }
            ]
        ),
    ),
    "document inline": Sample(
        content=[
            {
                "type": "file",
                "file": {"file_data": f"data:application/pdf;base64,{_PDF}", "filename": "a.pdf"},
            }
        ]
    ),
    "file by id": Sample(content=[{"type": "file", "file": {"file_id": "file-1"}}]),
    "audio": Sample(
        content=[{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]
    ),
    "function tool": _top(tools=[_chat_function()]),
    "strict tool": _tools(tools=[_chat_function(strict=True)]),
    "custom tool": _top(tools=[{"type": "custom", "custom": {"name": "run"}}]),
    "grammar of a custom tool": _than(
        "custom tool",
        _top(
            tools=[
                {
                    "type": "custom",
                    "custom": {
                        "name": "run",
                        "format": {
                            "type": "grammar",
                            "grammar": {"syntax": "regex", "definition": "a+"},
                        },
                    },
                }
            ]
        ),
    ),
    "hosted tool beside functions": _tools(tools=[_chat_function(), {"type": "web_search"}]),
    "web search": _top(web_search_options={}),
    "choice: none": _tools(tool_choice="none"),
    "choice: required": _tools(tool_choice="required"),
    "choice: one tool": _tools(tool_choice={"type": "function", "function": {"name": "look_up"}}),
    "choice: some tools": Sample(
        {
            "tools": [
                _chat_function(),
                {"type": "function", "function": {"name": "other"}},
                {"type": "function", "function": {"name": "third"}},
            ],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "look_up"}},
                        {"type": "function", "function": {"name": "other"}},
                    ],
                },
            },
        }
    ),
    "parallel calls off": _tools(parallel_tool_calls=False),
    "tool call and result": Sample(
        {"tools": [_chat_function()]},
        after=[_CHAT_CALL, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}],
    ),
    "arguments that are no JSON": _than(
        "tool call and result",
        Sample(
            {"tools": [_chat_function()]},
            after=[
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "look_up", "arguments": '{"city":'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            ],
        ),
    ),
    "reasoning in the history": _than(
        "earlier turns",
        Sample(
            after=[
                {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."},
                {"role": "user", "content": "Go on"},
            ]
        ),
    ),
    "reasoning effort": _top(reasoning_effort="medium"),
    "reasoning off": _top(reasoning_effort="none"),
    "temperature": _top(temperature=0.5),
    "top_p": _top(top_p=0.9),
    "top_k": _top(top_k=40),
    "penalties": _top(frequency_penalty=0.1, presence_penalty=0.2),
    "seed": _top(seed=7),
    "logit bias": _top(logit_bias={"17": 1}),
    "logprobs": _top(logprobs=True, top_logprobs=2),
    "several answers": _top(n=2),
    "output limit": _top(max_completion_tokens=30000),
    "stop sequences": _top(stop=["END"]),
    "JSON mode": _top(response_format={"type": "json_object"}),
    "JSON schema": _top(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        }
    ),
    "verbosity": _top(verbosity="low"),
    "audio answer": _top(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "predicted output": _top(prediction={"type": "content", "content": "x"}),
    "metadata": _top(metadata={"k": "v"}),
    "user": _top(user="u1"),
    "safety identifier": _top(safety_identifier="s1"),
    "cache key": _top(prompt_cache_key="c1"),
    "cache mark": Sample(
        before=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "text",
                        "text": "Before",
                        "prompt_cache_breakpoint": {"mode": "explicit"},
                    }
                ],
            }
        ]
    ),
    "tier": _top(service_tier="flex"),
    "store": _top(store=True),
    "unknown field": _top(some_new_field=1),
}

_MESSAGES_CALL = {
    "role": "assistant",
    "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"city": "Bern"}}
    ],
}
_MESSAGES_TOOL = {"name": "look_up", "input_schema": _OPEN}
_MESSAGES_OTHER = {"name": "other", "input_schema": _OPEN}


def _messages_result(**more: Any) -> Sample:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny", **more}
    return Sample(
        {"tools": [_MESSAGES_TOOL]},
        after=[_MESSAGES_CALL, {"role": "user", "content": [result]}],
    )


def _messages_media(kind: str, source: Json, **more: Any) -> Sample:
    return Sample(content=[{"type": kind, "source": source, **more}])


def _messages_history(*blocks: Json) -> Sample:
    return Sample(
        after=[
            {"role": "assistant", "content": [*blocks, {"type": "text", "text": "Hi"}]},
            {"role": "user", "content": "Go on"},
        ]
    )


_INLINE_PDF = {"type": "base64", "media_type": "application/pdf", "data": _PDF}
_INLINE_IMAGE = {"type": "base64", "media_type": "image/png", "data": PIXEL}

MESSAGES: dict[str, Sample] = {
    "earlier turns": Sample(
        after=[{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Go on"}]
    ),
    "system text": _top(system="Be brief."),
    "late system turn": Sample(
        after=[
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "Go on"},
            {"role": "system", "content": "Be brief."},
        ]
    ),
    "prefill": Sample(after=[{"role": "assistant", "content": "Once upon"}]),
    "image inline": _messages_media("image", _INLINE_IMAGE),
    "image by URL": _messages_media("image", {"type": "url", "url": _URL}),
    "file by id": _messages_media("document", {"type": "file", "file_id": "file_1"}),
    "document inline": _messages_media("document", _INLINE_PDF),
    "document by URL": _messages_media("document", {"type": "url", "url": _URL}),
    "document of text": _messages_media(
        "document", {"type": "text", "media_type": "text/plain", "data": "words"}
    ),
    "title, context, citations": _than(
        "document inline",
        _messages_media(
            "document", _INLINE_PDF, title="A", context="B", citations={"enabled": True}
        ),
    ),
    "search result": Sample(
        content=[
            {
                "type": "search_result",
                "source": _URL,
                "title": "A",
                "content": [{"type": "text", "text": "words"}],
            }
        ]
    ),
    "function tool": _top(tools=[_MESSAGES_TOOL]),
    "strict tool": _tools(tools=[{**_MESSAGES_TOOL, "strict": True}]),
    "two tools": _top(tools=[_MESSAGES_OTHER, _MESSAGES_TOOL]),
    "deferred tool": Sample(
        {"tools": [_MESSAGES_OTHER, {**_MESSAGES_TOOL, "defer_loading": True}]}, on="two tools"
    ),
    "hosted tool beside functions": _tools(
        tools=[_MESSAGES_TOOL, {"type": "web_search_20250305", "name": "web_search"}]
    ),
    "web search": _top(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "choice: none": _tools(tool_choice={"type": "none"}),
    "choice: required": _tools(tool_choice={"type": "any"}),
    "choice: one tool": _tools(tool_choice={"type": "tool", "name": "look_up"}),
    "parallel calls off": _tools(tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    "tool call and result": _messages_result(),
    "tool result: error": _than("tool call and result", _messages_result(is_error=True)),
    "tool result: image": _than(
        "tool call and result",
        _messages_result(content=[{"type": "image", "source": _INLINE_IMAGE}]),
    ),
    "reasoning in the history": _than(
        "earlier turns",
        _messages_history({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}),
    ),
    "redacted reasoning": _than(
        "earlier turns", _messages_history({"type": "redacted_thinking", "data": "b3Bh"})
    ),
    "citations in the history": _than(
        "earlier turns",
        Sample(
            after=[
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "text",
                            "text": "Hi",
                            "citations": [
                                {
                                    "type": "char_location",
                                    "cited_text": "x",
                                    "document_index": 0,
                                    "document_title": "A",
                                    "start_char_index": 0,
                                    "end_char_index": 1,
                                }
                            ],
                        }
                    ],
                },
                {"role": "user", "content": "Go on"},
            ]
        ),
    ),
    "reasoning effort": _top(output_config={"effort": "medium"}),
    "reasoning budget": _top(thinking={"type": "enabled", "budget_tokens": 8192}),
    "adaptive reasoning": _top(thinking={"type": "adaptive"}),
    "reasoning off": _top(thinking={"type": "disabled"}),
    "reasoning visible": Sample({"thinking": {"display": "omitted"}}, on="adaptive reasoning"),
    "temperature": _top(temperature=0.5),
    "top_p": _top(top_p=0.9),
    "top_k": _top(top_k=40),
    "output limit": _top(max_tokens=30000),
    "stop sequences": _top(stop_sequences=["END"]),
    "JSON schema": _top(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
    "user": _top(metadata={"user_id": "u1"}),
    "cache mark": Sample(
        before=[
            {
                "role": "user",
                "content": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}],
            }
        ]
    ),
    "cache of all": _top(cache_control={"type": "ephemeral"}),
    "tier": _top(service_tier="standard_only"),
    "context management": _top(
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}
    ),
    "MCP servers": _top(mcp_servers=[{"type": "url", "url": _URL, "name": "x"}]),
    "message thread": _top(thread={"type": "create"}),
    "unknown field": _top(some_new_field=1),
}


def _responses_function(**more: Any) -> Json:
    return {"type": "function", "name": "look_up", "parameters": _OPEN, "strict": False, **more}


_RESPONSES_CALL = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "look_up",
    "arguments": '{"city":"Bern"}',
}


def _responses_result(output: Any) -> Sample:
    return Sample(
        {"tools": [_responses_function()]},
        after=[
            _RESPONSES_CALL,
            {"type": "function_call_output", "call_id": "call_1", "output": output},
        ],
    )


def _part(kind: str, **fields: Any) -> Sample:
    return Sample(content=[{"type": kind, **fields}])


RESPONSES: dict[str, Sample] = {
    "earlier turns": Sample(
        after=[{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Go on"}]
    ),
    "system text": _top(instructions="Be brief."),
    "developer role": Sample(before=[{"role": "developer", "content": "Be brief."}]),
    "late system turn": Sample(
        after=[
            {"role": "assistant", "content": "Hi"},
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Go on"},
        ]
    ),
    "prefill": Sample(after=[{"role": "assistant", "content": "Once upon"}]),
    "phase": _than(
        "earlier turns",
        Sample(
            after=[
                {"role": "assistant", "phase": "commentary", "content": "Hi"},
                {"role": "user", "content": "Go on"},
            ]
        ),
    ),
    "image inline": _part("input_image", image_url=f"data:image/png;base64,{PIXEL}"),
    "image by URL": _part("input_image", image_url=_URL),
    "image detail": _than(
        "image inline",
        _part("input_image", image_url=f"data:image/png;base64,{PIXEL}", detail="low"),
    ),
    "file by id": _part("input_file", file_id="file-1"),
    "document inline": _part(
        "input_file", file_data=f"data:application/pdf;base64,{_PDF}", filename="a.pdf"
    ),
    "document by URL": _part("input_file", file_url=_URL),
    "function tool": _top(tools=[_responses_function()]),
    "strict tool": _tools(tools=[_responses_function(strict=True)]),
    "custom tool": _top(tools=[{"type": "custom", "name": "run"}]),
    "grammar of a custom tool": _than(
        "custom tool",
        _top(
            tools=[
                {
                    "type": "custom",
                    "name": "run",
                    "format": {"type": "grammar", "syntax": "regex", "definition": "a+"},
                }
            ]
        ),
    ),
    "namespace of tools": _tools(
        tools=[
            _responses_function(),
            {
                "type": "namespace",
                "name": "agents",
                "description": "x",
                "tools": [_responses_function(name="spawn")],
            },
        ]
    ),
    "hosted tool beside functions": _tools(tools=[_responses_function(), {"type": "web_search"}]),
    "web search": _top(tools=[{"type": "web_search"}]),
    "choice: none": _tools(tool_choice="none"),
    "choice: required": _tools(tool_choice="required"),
    "choice: one tool": _tools(tool_choice={"type": "function", "name": "look_up"}),
    "parallel calls off": _tools(parallel_tool_calls=False),
    "tool call and result": _responses_result("sunny"),
    "tool result: image": _than(
        "tool call and result",
        _responses_result([{"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}]),
    ),
    "custom call and result": Sample(
        {"tools": [{"type": "custom", "name": "run"}]},
        after=[
            {"type": "custom_tool_call", "call_id": "call_1", "name": "run", "input": "a"},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "b"},
        ],
    ),
    "reasoning in the history": _than(
        "earlier turns",
        Sample(
            after=[
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "Hm."}],
                    "encrypted_content": "b3Bh",
                },
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": "Go on"},
            ]
        ),
    ),
    "hosted call in the history": _than(
        "earlier turns",
        Sample(
            after=[
                {"type": "web_search_call", "id": "ws_1", "status": "completed"},
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": "Go on"},
            ]
        ),
    ),
    "item by reference": Sample(before=[{"type": "item_reference", "id": "msg_1"}]),
    "reasoning effort": _top(reasoning={"effort": "medium"}),
    "reasoning off": _top(reasoning={"effort": "none"}),
    "reasoning visible": Sample({"reasoning": {"summary": "auto"}}, on="reasoning effort"),
    "temperature": _top(temperature=0.5),
    "top_p": _top(top_p=0.9),
    "logprobs": _top(include=["message.output_text.logprobs"], top_logprobs=2),
    "output limit": _top(max_output_tokens=30000),
    "JSON mode": _top(text={"format": {"type": "json_object"}}),
    "JSON schema": _top(
        text={"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}
    ),
    "verbosity": _top(text={"verbosity": "low"}),
    "metadata": _top(metadata={"k": "v"}),
    "user": _top(user="u1"),
    "safety identifier": _top(safety_identifier="s1"),
    "cache key": _top(prompt_cache_key="c1"),
    "tier": _top(service_tier="flex"),
    "store": _top(store=True),
    "earlier response": _top(previous_response_id="resp_1"),
    "conversation": _top(conversation="conv_1"),
    "stored prompt": _top(prompt={"id": "pmpt_1"}),
    "background": _top(background=True),
    "truncation": _top(truncation="auto"),
    "context management": _top(
        context_management=[{"type": "compaction", "compact_threshold": 1000}]
    ),
    "unknown field": _top(some_new_field=1),
}


def _config(**fields: Any) -> Sample:
    return Sample({"generationConfig": fields})


def _thinking(**fields: Any) -> Sample:
    return _config(thinkingConfig=fields)


def _gemini_choice(**fields: Any) -> Sample:
    return _tools(toolConfig={"functionCallingConfig": fields})


def _blob(kind: str, data: str) -> Sample:
    return Sample(content=[{"inlineData": {"mimeType": kind, "data": data}}])


def _declared(**more: Any) -> Json:
    return {"functionDeclarations": [{"name": "look_up", "parametersJsonSchema": _OPEN, **more}]}


def _gemini_result(response: Json, **more: Any) -> Sample:
    call = {"id": "c1", "name": "look_up", "args": {"city": "Bern"}}
    result = {"id": "c1", "name": "look_up", "response": response, **more}
    return Sample(
        {"tools": [_declared()]},
        after=[
            {"role": "model", "parts": [{"functionCall": call}]},
            {"role": "user", "parts": [{"functionResponse": result}]},
        ],
    )


def _gemini_history(*parts: Json) -> Sample:
    return Sample(
        after=[
            {"role": "model", "parts": list(parts)},
            {"role": "user", "parts": [{"text": "Go on"}]},
        ]
    )


GEMINI: dict[str, Sample] = {
    "earlier turns": _gemini_history({"text": "Hi"}),
    "system text": _top(systemInstruction={"parts": [{"text": "Be brief."}]}),
    "prefill": Sample(after=[{"role": "model", "parts": [{"text": "Once upon"}]}]),
    "image inline": _blob("image/png", PIXEL),
    "file by id": Sample(
        content=[
            {
                "fileData": {
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a",
                    "mimeType": "image/png",
                }
            }
        ]
    ),
    "image by URL": Sample(content=[{"fileData": {"fileUri": _URL, "mimeType": "image/png"}}]),
    "document inline": _blob("application/pdf", _PDF),
    "audio": _blob("audio/wav", "UklGRg=="),
    "video": _blob("video/mp4", "AAAA"),
    "function tool": _top(tools=[_declared()]),
    "response schema of a tool": _tools(tools=[_declared(responseJsonSchema=_OPEN)]),
    "hosted tool beside functions": _tools(tools=[_declared(), {"googleSearch": {}}]),
    "web search": _top(tools=[{"googleSearch": {}}]),
    "code execution": _top(tools=[{"codeExecution": {}}]),
    "choice: none": _gemini_choice(mode="NONE"),
    "choice: required": _gemini_choice(mode="ANY"),
    "choice: one tool": _gemini_choice(mode="ANY", allowedFunctionNames=["look_up"]),
    "choice: validated": _gemini_choice(mode="VALIDATED"),
    "tool call and result": _gemini_result({"output": "sunny"}),
    "tool result: error": _than("tool call and result", _gemini_result({"error": "no such place"})),
    "tool result: image": _than(
        "tool call and result",
        _gemini_result(
            {"output": "x"}, parts=[{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]
        ),
    ),
    "reasoning in the history": _than(
        "earlier turns",
        _gemini_history(
            {"text": "Hm.", "thought": True}, {"text": "Hi", "thoughtSignature": "c2ln"}
        ),
    ),
    "reasoning budget": _thinking(thinkingBudget=8192),
    "reasoning effort": _thinking(thinkingLevel="MEDIUM"),
    "reasoning off": _thinking(thinkingBudget=0),
    "adaptive reasoning": _thinking(thinkingBudget=-1),
    "reasoning visible": _thinking(includeThoughts=True),
    "temperature": _config(temperature=0.5),
    "top_p": _config(topP=0.9),
    "top_k": _config(topK=40),
    "penalties": _config(frequencyPenalty=0.1, presencePenalty=0.2),
    "seed": _config(seed=7),
    "logprobs": _config(responseLogprobs=True, logprobs=2),
    "several answers": _config(candidateCount=2),
    "output limit": _config(maxOutputTokens=30000),
    "stop sequences": _config(stopSequences=["END"]),
    "JSON mode": _config(responseMimeType="application/json"),
    "JSON schema": _config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
    "image answer": _config(responseModalities=["TEXT", "IMAGE"]),
    "media resolution": _config(mediaResolution="MEDIA_RESOLUTION_LOW"),
    "safety settings": _top(
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    ),
    "labels": _top(labels={"k": "v"}),
    "stored prefix": _top(cachedContent="cachedContents/a"),
    "tier": _top(serviceTier="flex"),
    "unknown field": _top(someNewField=1),
}

FEATURES: dict[Format, dict[str, Sample]] = {
    Format.CHAT: CHAT,
    Format.MESSAGES: MESSAGES,
    Format.RESPONSES: RESPONSES,
    Format.GEMINI: GEMINI,
}
