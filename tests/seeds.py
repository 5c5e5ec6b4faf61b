"""One rich request, answer, stream and error of each format, made up by hand.

Shapes are those of the vendors' references; identifiers and texts are invented.
They are what the mutators start from: every field that a reader may look at
should occur here once.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.codec import Inbound

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Seed(Struct, frozen=True):
    request: dict[str, Any]
    answer: dict[str, Any]
    stream: list[tuple[str, Any]]
    """``(event name, data)``; data that is a ``str`` is written as it is."""
    error: dict[str, Any]
    path_model: str | None = None

    def inbound(self, document: Any = None) -> Inbound:
        """The request, or ``document`` in its place, as it comes in."""
        body = json.dumps(self.request if document is None else document).encode()
        return self.inbound_of(body)

    def inbound_of(self, body: bytes) -> Inbound:
        if self.path_model is not None:
            return Inbound(body, {}, self.path_model, True)
        return Inbound(body)

    def wire(self, events: list[tuple[str, Any]] | None = None) -> bytes:
        return b"".join(
            wire_event(name, data) for name, data in (self.stream if events is None else events)
        )


def wire_event(name: str, data: Any) -> bytes:
    body = data.encode() if isinstance(data, str) else msgspec.json.encode(data)
    head = b"event: %s\n" % name.encode() if name else b""
    return head + b"data: %s\n\n" % body


# --- Chat Completions ---------------------------------------------------------


def _chunk(choices: list[Any], **more: Any) -> tuple[str, Any]:
    return "", {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m-1",
        "system_fingerprint": "fp_1",
        "service_tier": "default",
        "choices": choices,
        "usage": None,
        **more,
    }


def _delta(delta: dict[str, Any], finish: str | None = None) -> tuple[str, Any]:
    return _chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])


def _chat_call(index: int, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **more}]}


_CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
}

_CHAT = Seed(
    request={
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "Be brief.", "name": "sys"},
            {"role": "developer", "content": [{"type": "text", "text": "Be exact."}]},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"},
                    },
                    {
                        "type": "file",
                        "file": {
                            "file_data": "data:application/pdf;base64,AAAA",
                            "filename": "a.pdf",
                        },
                    },
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "Let me look.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Bern"}'},
                    },
                    {
                        "id": "call_2",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": ""},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {
                "role": "tool",
                "tool_call_id": "call_2",
                "content": [{"type": "text", "text": "rain"}],
            },
            {"role": "assistant", "content": "It varies.", "refusal": None},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "The weather",
                    "parameters": SCHEMA,
                    "strict": True,
                },
            },
            {
                "type": "custom",
                "custom": {"name": "run", "description": "Runs", "format": {"type": "text"}},
            },
        ],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "parallel_tool_calls": False,
        "max_completion_tokens": 500,
        "temperature": 0.5,
        "top_p": 0.9,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "seed": 7,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "metadata": {"k": "v"},
        "user": "u1",
        "safety_identifier": "s1",
        "prompt_cache_key": "c1",
        "service_tier": "auto",
        "store": False,
        "logprobs": False,
        "n": 1,
        "some_new_field": {"x": 1},
    },
    answer={
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "logprobs": {
                    "content": [
                        {
                            "token": "Hi",
                            "logprob": -0.1,
                            "bytes": [72, 105],
                            "top_logprobs": [{"token": "Hi", "logprob": -0.1, "bytes": None}],
                        }
                    ],
                    "refusal": None,
                },
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "refusal": None,
                    "reasoning_content": "Hm.",
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url_citation": {
                                "url": "http://x.test",
                                "title": "X",
                                "start_index": 0,
                                "end_index": 2,
                            },
                        }
                    ],
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": '{"city":"Bern"}'},
                        }
                    ],
                },
            }
        ],
        "usage": _CHAT_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    },
    stream=[
        _delta({"role": "assistant", "content": "", "refusal": None}),
        _delta({"reasoning_content": "Hm"}),
        _delta({"reasoning_content": "."}),
        _delta({"content": "Let me "}),
        _delta({"content": "look."}),
        _delta(
            _chat_call(
                0,
                id="call_1",
                type="function",
                function={"name": "get_weather", "arguments": ""},
            )
        ),
        _delta(_chat_call(0, function={"arguments": '{"city":'})),
        _delta(_chat_call(0, function={"arguments": '"Bern"}'})),
        _delta(
            _chat_call(1, id="call_2", type="function", function={"name": "run", "arguments": "{}"})
        ),
        _delta({}, "tool_calls"),
        _chunk([], usage=_CHAT_USAGE),
        ("", "[DONE]"),
    ],
    error={
        "error": {
            "message": "The model does not exist",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    },
)

# --- Messages -----------------------------------------------------------------

_MESSAGES_USAGE = {
    "input_tokens": 50,
    "cache_creation_input_tokens": 10,
    "cache_read_input_tokens": 40,
    "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 20},
    "service_tier": "standard",
}


def _m(kind: str, **fields: Any) -> tuple[str, Any]:
    return kind, {"type": kind, **fields}


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        _m("content_block_start", index=index, content_block=block),
        *[_m("content_block_delta", index=index, delta=delta) for delta in deltas],
        _m("content_block_stop", index=index),
    ]


_MESSAGES = Seed(
    request={
        "model": "m-1",
        "max_tokens": 4096,
        "system": [
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                    },
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "AAAA",
                        },
                        "title": "a.pdf",
                        "context": "A paper",
                        "citations": {"enabled": True},
                        "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Let me look.", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "b3BhcXVl"},
                    {"type": "text", "text": "I look."},
                    {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "get_weather",
                        "input": {"city": "Bern"},
                    },
                    {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "is_error": True,
                        "content": [{"type": "text", "text": "no such place"}],
                    },
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [
            {
                "name": "get_weather",
                "description": "The weather",
                "input_schema": SCHEMA,
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            }
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "stream": True,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "output_config": {
            "effort": "low",
            "format": {"type": "json_schema", "schema": SCHEMA},
        },
        "metadata": {"user_id": "u1"},
        "service_tier": "auto",
        "some_new_field": {"x": 1},
    },
    answer={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "b3BhcXVl"},
            {
                "type": "text",
                "text": "Hi",
                "citations": [
                    {
                        "type": "char_location",
                        "cited_text": "x",
                        "document_index": 0,
                        "document_title": "a",
                        "start_char_index": 0,
                        "end_char_index": 1,
                    }
                ],
            },
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Bern"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "stop_details": None,
        "usage": _MESSAGES_USAGE,
    },
    stream=[
        _m(
            "message_start",
            message={
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "m-1",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 50, "output_tokens": 1, "cache_read_input_tokens": 40},
            },
        ),
        _m("ping"),
        *_block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Hm"},
            {"type": "thinking_delta", "thinking": "."},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *_block(1, {"type": "redacted_thinking", "data": "b3BhcXVl"}),
        *_block(
            2,
            {"type": "text", "text": ""},
            {
                "type": "citations_delta",
                "citation": {
                    "type": "web_search_result_location",
                    "url": "http://x.test",
                    "title": "X",
                    "encrypted_index": "e",
                    "cited_text": "x",
                },
            },
            {"type": "text_delta", "text": "Let me "},
            {"type": "text_delta", "text": "look."},
        ),
        *_block(
            3,
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"city":'},
            {"type": "input_json_delta", "partial_json": '"Bern"}'},
        ),
        *_block(
            4,
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"query":"x"}'},
        ),
        *_block(5, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
        _m(
            "message_delta",
            delta={"stop_reason": "tool_use", "stop_sequence": None},
            usage=_MESSAGES_USAGE,
        ),
        _m("message_stop"),
    ],
    error={
        "type": "error",
        "error": {"type": "not_found_error", "message": "model: m-1"},
        "request_id": "req_1",
    },
)

# --- Responses ----------------------------------------------------------------

_RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 150,
}
_REASONING_ITEM = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "b3BhcXVl",
}
_MESSAGE_ITEM = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "phase": "final_answer",
    "content": [
        {
            "type": "output_text",
            "text": "Let me look.",
            "logprobs": [],
            "annotations": [
                {
                    "type": "url_citation",
                    "url": "http://x.test",
                    "title": "X",
                    "start_index": 0,
                    "end_index": 3,
                }
            ],
        }
    ],
}
_CALL_ITEM = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Bern"}',
    "status": "completed",
}
_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_700_000_000,
    "status": "completed",
    "model": "m-1",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [_REASONING_ITEM, _MESSAGE_ITEM, _CALL_ITEM],
    "usage": _RESPONSES_USAGE,
    "service_tier": "default",
    "store": False,
}
_OPENING = {**_RESPONSE, "status": "in_progress", "output": [], "usage": None}


def _responses_stream() -> list[tuple[str, Any]]:
    text = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    call = {"item_id": "fc_1", "output_index": 2}
    thought = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": _OPENING}),
        ("response.in_progress", {"response": _OPENING}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": {**_REASONING_ITEM, "summary": []}},
        ),
        (
            "response.reasoning_summary_part.added",
            {**thought, "part": {"type": "summary_text", "text": ""}},
        ),
        ("response.reasoning_summary_text.delta", {**thought, "delta": "Hm."}),
        ("response.reasoning_summary_text.done", {**thought, "text": "Hm."}),
        (
            "response.reasoning_summary_part.done",
            {**thought, "part": {"type": "summary_text", "text": "Hm."}},
        ),
        ("response.output_item.done", {"output_index": 0, "item": _REASONING_ITEM}),
        (
            "response.output_item.added",
            {
                "output_index": 1,
                "item": {**_MESSAGE_ITEM, "status": "in_progress", "content": []},
            },
        ),
        ("response.content_part.added", {**text, "part": part}),
        ("response.output_text.delta", {**text, "delta": "Let me ", "logprobs": []}),
        ("response.output_text.delta", {**text, "delta": "look.", "logprobs": []}),
        (
            "response.output_text.annotation.added",
            {
                **text,
                "annotation_index": 0,
                "annotation": {
                    "type": "url_citation",
                    "url": "http://x.test",
                    "title": "X",
                    "start_index": 0,
                    "end_index": 3,
                },
            },
        ),
        ("response.output_text.done", {**text, "text": "Let me look.", "logprobs": []}),
        ("response.content_part.done", {**text, "part": {**part, "text": "Let me look."}}),
        ("response.output_item.done", {"output_index": 1, "item": _MESSAGE_ITEM}),
        (
            "response.output_item.added",
            {
                "output_index": 2,
                "item": {**_CALL_ITEM, "arguments": "", "status": "in_progress"},
            },
        ),
        ("response.function_call_arguments.delta", {**call, "delta": '{"city":'}),
        ("response.function_call_arguments.delta", {**call, "delta": '"Bern"}'}),
        ("response.function_call_arguments.done", {**call, "arguments": '{"city":"Bern"}'}),
        ("response.output_item.done", {"output_index": 2, "item": _CALL_ITEM}),
        ("response.completed", {"response": _RESPONSE}),
    ]
    return [
        (name, {"type": name, "sequence_number": number, **data})
        for number, (name, data) in enumerate(events)
    ]


_RESPONSES = Seed(
    request={
        "model": "m-1",
        "instructions": "Be brief.",
        "input": [
            {"role": "developer", "content": "Be exact."},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {
                        "type": "input_image",
                        "image_url": f"data:image/png;base64,{PIXEL}",
                        "detail": "low",
                    },
                    {
                        "type": "input_file",
                        "file_data": "data:application/pdf;base64,AAAA",
                        "filename": "a.pdf",
                    },
                ],
            },
            _REASONING_ITEM,
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
            },
            _CALL_ITEM,
            {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "get_weather",
                "description": "The weather",
                "parameters": SCHEMA,
                "strict": True,
            },
            {"type": "custom", "name": "run", "description": "Runs", "format": {"type": "text"}},
        ],
        "tool_choice": {"type": "function", "name": "get_weather"},
        "parallel_tool_calls": False,
        "max_output_tokens": 500,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True},
        },
        "metadata": {"k": "v"},
        "user": "u1",
        "safety_identifier": "s1",
        "prompt_cache_key": "c1",
        "service_tier": "auto",
        "truncation": "disabled",
        "some_new_field": {"x": 1},
    },
    answer=_RESPONSE,
    stream=_responses_stream(),
    error={
        "error": {
            "message": "The model does not exist",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    },
)

# --- Gemini -------------------------------------------------------------------

_GEMINI_USAGE = {
    "promptTokenCount": 90,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 30,
    "thoughtsTokenCount": 20,
    "toolUsePromptTokenCount": 10,
    "totalTokenCount": 150,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}],
    "serviceTier": "standard",
}


def _gemini_chunk(parts: list[Any], finish: str | None = None, **more: Any) -> tuple[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return "", {
        "candidates": [candidate],
        "modelVersion": "m-1",
        "responseId": "r1",
        "usageMetadata": {"promptTokenCount": 90, "totalTokenCount": 90},
        **more,
    }


_GROUNDING = {
    "groundingChunks": [{"web": {"uri": "http://x.test", "title": "X"}}],
    "groundingSupports": [
        {
            "segment": {"partIndex": 0, "startIndex": 0, "endIndex": 3, "text": "Let"},
            "groundingChunkIndices": [0],
        }
    ],
}

_GEMINI = Seed(
    path_model="m-1",
    request={
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What is this?"},
                    {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
                    {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Let me look.", "thought": True},
                    {"text": "I look."},
                    {
                        "functionCall": {
                            "name": "get_weather",
                            "args": {"city": "Bern"},
                            "id": "c1",
                        },
                        "thoughtSignature": "c2ln",
                    },
                    {"functionCall": {"name": "get_weather", "args": {}, "id": "c2"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "name": "get_weather",
                            "id": "c1",
                            "response": {"output": "sunny"},
                        }
                    },
                    {
                        "functionResponse": {
                            "name": "get_weather",
                            "id": "c2",
                            "response": {"error": "no such place"},
                        }
                    },
                ],
            },
            {"role": "model", "parts": [{"text": "It varies."}]},
            {"role": "user", "parts": [{"text": "And now?"}]},
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "get_weather",
                        "description": "The weather",
                        "parametersJsonSchema": SCHEMA,
                    }
                ]
            }
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}
        },
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "candidateCount": 1,
            "maxOutputTokens": 500,
            "stopSequences": ["END"],
            "seed": 7,
            "presencePenalty": 0.2,
            "frequencyPenalty": 0.1,
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024},
        },
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
        ],
        "serviceTier": "standard",
    },
    answer={
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "Let me look."},
                        {
                            "functionCall": {"name": "get_weather", "args": {"city": "Bern"}},
                            "thoughtSignature": "c2ln",
                        },
                        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
                    ],
                },
                "finishReason": "STOP",
                "index": 0,
                "safetyRatings": [],
                "groundingMetadata": _GROUNDING,
                "avgLogprobs": -0.1,
            }
        ],
        "usageMetadata": _GEMINI_USAGE,
        "modelVersion": "m-1",
        "responseId": "r1",
    },
    stream=[
        _gemini_chunk([{"text": "Hm", "thought": True}]),
        _gemini_chunk([{"text": ".", "thought": True}]),
        _gemini_chunk([{"text": "Let me "}]),
        _gemini_chunk([{"text": "look."}]),
        _gemini_chunk(
            [
                {
                    "functionCall": {"name": "get_weather", "args": {"city": "Bern"}, "id": "c1"},
                    "thoughtSignature": "c2ln",
                },
                {"functionCall": {"name": "get_weather", "args": {}}},
            ]
        ),
        (
            "",
            {
                "candidates": [
                    {
                        "content": {"role": "model", "parts": [{"text": ""}]},
                        "finishReason": "STOP",
                        "index": 0,
                        "groundingMetadata": _GROUNDING,
                    }
                ],
                "modelVersion": "m-1",
                "responseId": "r1",
                "usageMetadata": _GEMINI_USAGE,
            },
        ),
    ],
    error={
        "error": {
            "code": 429,
            "message": "Quota exceeded",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE"},
            ],
        }
    },
)

SEEDS: dict[Format, Seed] = {
    Format.CHAT: _CHAT,
    Format.MESSAGES: _MESSAGES,
    Format.RESPONSES: _RESPONSES,
    Format.GEMINI: _GEMINI,
}
