"""The second turn of a conversation, as users of each format send it.

What came back in the stream is put together as the official SDKs and the vendors'
guides do it, fields that a client does not know included, and sent back with the
result of the tool, or with more to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aigw_core.chat import Format
from aigw_core.codec import Inbound
from aigw_core.sse import SseDecoder, SseEvent

_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
_ASKED = "What is the weather?"
_NEXT = "And tomorrow?"


def events_of(stream: bytes) -> list[dict[str, Any]]:
    decoder = SseDecoder()
    events = [*decoder.feed(stream), *decoder.eof()]
    return [
        json.loads(event.data)
        for event in events
        if isinstance(event, SseEvent) and event.data != b"[DONE]"
    ]


def _chat(stream: bytes | None) -> Inbound:
    messages: list[dict[str, Any]] = [{"role": "user", "content": _ASKED}]
    if stream is not None:
        message = _chat_message(stream)
        calls = message.get("tool_calls", [])
        messages.append(message)
        messages += [
            {"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls
        ]
        if not calls:
            messages.append({"role": "user", "content": _NEXT})
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": _SCHEMA}}
    body = {"model": "m", "stream": True, "reasoning_effort": "high", "messages": messages}
    return Inbound(json.dumps({**body, "tools": [tool]}).encode())


def _chat_message(stream: bytes) -> dict[str, Any]:
    text: dict[str, str] = {}
    details: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for chunk in events_of(stream):
        for choice in chunk.get("choices", []):
            delta = choice["delta"]
            for field in ("content", "reasoning_content"):
                if delta.get(field):
                    text[field] = text.get(field, "") + delta[field]
            details += delta.get("reasoning_details", [])
            for entry in delta.get("tool_calls", []):
                if entry["index"] == len(calls):
                    calls.append({key: value for key, value in entry.items() if key != "index"})
                    continue
                call = calls[entry["index"]]
                call["function"]["arguments"] += entry.get("function", {}).get("arguments", "")
                if "extra_content" in entry:
                    call["extra_content"] = entry["extra_content"]
    message: dict[str, Any] = {"role": "assistant", "content": None, **text}
    if calls:
        message["tool_calls"] = calls
    if details:
        message["reasoning_details"] = details
    return message


def _messages(stream: bytes | None) -> Inbound:
    turns: list[dict[str, Any]] = [{"role": "user", "content": _ASKED}]
    if stream is not None:
        blocks = _messages_blocks(stream)
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "sunny"}
            for block in blocks
            if block["type"] == "tool_use"
        ]
        turns.append({"role": "assistant", "content": blocks})
        turns.append({"role": "user", "content": results or _NEXT})
    body = {
        "model": "m",
        "max_tokens": 4096,
        "stream": True,
        "thinking": {"type": "adaptive"},
        "messages": turns,
        "tools": [{"name": "get_weather", "input_schema": _SCHEMA}],
    }
    return Inbound(json.dumps(body).encode(), {"anthropic-version": "2023-06-01"})


def _messages_blocks(stream: bytes) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    arguments: dict[int, str] = {}
    for event in events_of(stream):
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            if delta["type"] == "input_json_delta":
                arguments[event["index"]] = (
                    arguments.get(event["index"], "") + delta["partial_json"]
                )
            elif delta["type"] == "signature_delta":
                block["signature"] = delta["signature"]
            else:
                field = delta["type"].removesuffix("_delta")
                block[field] += delta[field]
    for index, text in arguments.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return blocks


def _responses(stream: bytes | None) -> Inbound:
    items: list[dict[str, Any]] = [{"role": "user", "content": _ASKED}]
    if stream is not None:
        output = events_of(stream)[-1]["response"]["output"]
        calls = [item for item in output if item["type"] == "function_call"]
        items += output
        items += [
            {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
            for call in calls
        ]
        if not calls:
            items.append({"role": "user", "content": _NEXT})
    body = {
        "model": "m",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high", "summary": "auto"},
        "input": items,
        "tools": [
            {"type": "function", "name": "get_weather", "parameters": _SCHEMA, "strict": False}
        ],
    }
    return Inbound(json.dumps(body).encode())


def _gemini(stream: bytes | None, *, chunks: bool = False) -> Inbound:
    contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": _ASKED}]}]
    if stream is not None:
        answered = [
            candidate["content"]["parts"]
            for chunk in events_of(stream)
            for candidate in chunk.get("candidates", [])
        ]
        parts = [part for each in answered for part in each]
        results: list[dict[str, Any]] = [
            {
                "functionResponse": {
                    **{key: part["functionCall"][key] for key in ("id", "name")},
                    "response": {"output": "sunny"},
                }
            }
            for part in parts
            if "functionCall" in part
        ]
        turns = answered if chunks else [parts]
        contents += [{"role": "model", "parts": turn} for turn in turns]
        contents.append({"role": "user", "parts": results or [{"text": _NEXT}]})
    body = {
        "contents": contents,
        "tools": [
            {"functionDeclarations": [{"name": "get_weather", "parametersJsonSchema": _SCHEMA}]}
        ],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"}},
    }
    return Inbound(json.dumps(body).encode(), {}, "m", True)


def _gemini_chunks(stream: bytes | None) -> Inbound:
    return _gemini(stream, chunks=True)


Reply = Callable[[bytes | None], Inbound]
"""From the stream of the first turn, or none yet, to the request that follows."""

REPLIES: dict[Format, tuple[Reply, ...]] = {
    Format.CHAT: (_chat,),
    Format.MESSAGES: (_messages,),
    Format.RESPONSES: (_responses,),
    # The SDK's chat helper keeps every chunk as a content of its own.
    Format.GEMINI: (_gemini, _gemini_chunks),
}
