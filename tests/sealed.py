"""Answers with seals, as each vendor makes them, and where its requests have them.

A scripted upstream answers a tool loop of two steps and a last word. Shapes are
those of the vendors' references; seals are made up, of bytes whose base64 has all
characters that its two alphabets write differently.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from aigw_core.chat import Format
from tests.seeds import wire_event

Json = dict[str, Any]


_BYTES = b"\xfb\xef\xbe\xff" * 12
SEALS = base64.b64encode(_BYTES).decode()
"""How all of them begin."""


def seal(number: int) -> str:
    """A seal like a vendor's: base64 with ``+``, ``/`` and padding."""
    return base64.b64encode(_BYTES + b"seal %d" % number + b"\xff\xfe").decode()


class Answer(Struct, frozen=True):
    whole: Json
    events: list[tuple[str, Json | str]]

    def body(self, *, stream: bool) -> bytes:
        if not stream:
            return json.dumps(self.whole).encode()
        return b"".join(wire_event(name, data) for name, data in self.events)


class Vendor(Struct, frozen=True):
    """One upstream."""

    format: Format
    name: str
    answers: list[Answer]
    """Of the steps of the loop; the last calls no tool."""
    sealed: list[list[Json]]
    """What a request must have, as its own format writes it, for each step that calls
    a tool: the parts with seals in their order, and the calls among them."""
    read: Callable[[Json], list[list[Json]]]
    """That of a request, step by step."""


# --- messages --------------------------------------------------------------------------


def _messages(number: int, blocks: list[Json], stop: str) -> Answer:
    message: Json = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    }
    events: list[tuple[str, Json | str]] = [
        ("message_start", {"type": "message_start", "message": message})
    ]

    def delta(index: int, **fields: Any) -> None:
        data = {"type": "content_block_delta", "index": index, "delta": fields}
        events.append(("content_block_delta", data))

    for index, block in enumerate(blocks):
        kind = block["type"]
        empty = {"thinking": "", "signature": "", "text": "", "input": {}}
        start = {name: empty.get(name, value) for name, value in block.items()}
        data = {"type": "content_block_start", "index": index, "content_block": start}
        events.append(("content_block_start", data))
        if kind == "thinking":
            for piece in (block["thinking"][:5], block["thinking"][5:]):
                if piece:
                    delta(index, type="thinking_delta", thinking=piece)
            delta(index, type="signature_delta", signature=block["signature"])
        elif kind == "text":
            delta(index, type="text_delta", text=block["text"])
        elif kind == "tool_use":
            text = json.dumps(block["input"])
            delta(index, type="input_json_delta", partial_json=text[:4])
            delta(index, type="input_json_delta", partial_json=text[4:])
        stopped = {"type": "content_block_stop", "index": index}
        events.append(("content_block_stop", stopped))
    ended = {"stop_reason": stop, "stop_sequence": None}
    events.append(
        ("message_delta", {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 9}})
    )
    events.append(("message_stop", {"type": "message_stop"}))
    return Answer({**message, "content": blocks, "stop_reason": stop}, events)


def _use(number: int) -> Json:
    return {
        "type": "tool_use",
        "id": f"toolu_{number}",
        "name": "look_up",
        "input": {"word": f"w{number}"},
    }


_M_STEPS: list[list[Json]] = [
    [
        {"type": "thinking", "thinking": "Let me think, \u2028twice.", "signature": seal(1)},
        {"type": "redacted_thinking", "data": seal(2)},
        {"type": "text", "text": "I look."},
        _use(1),
        _use(2),
    ],
    [{"type": "thinking", "thinking": "", "signature": seal(3)}, _use(3)],
]


def _read_messages(body: Json) -> list[list[Json]]:
    return [
        [block for block in message["content"] if block["type"] != "text"]
        for message in body["messages"]
        if message["role"] == "assistant" and isinstance(message["content"], list)
    ]


_MESSAGES = Vendor(
    Format.MESSAGES,
    "messages",
    [_messages(number, step, "tool_use") for number, step in enumerate(_M_STEPS)]
    + [_messages(9, [{"type": "text", "text": "Done."}], "end_turn")],
    [[block for block in step if block["type"] != "text"] for step in _M_STEPS],
    _read_messages,
)


# --- responses -------------------------------------------------------------------------


def _responses(number: int, items: list[Json]) -> Answer:
    response: Json = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "in_progress",
        "model": "m-1",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 14,
    }
    done = {**response, "status": "completed", "output": items, "usage": usage}
    events: list[tuple[str, Json | str]] = []

    def event(kind: str, **fields: Any) -> None:
        events.append((kind, {"type": kind, "sequence_number": len(events), **fields}))

    event("response.created", response=response)
    for index, item in enumerate(items):
        begun = {
            name: [] if name in ("summary", "content") else value
            for name, value in item.items()
            if name != "encrypted_content"
        }
        if item["type"] == "function_call":
            begun["arguments"] = ""
        event("response.output_item.added", output_index=index, item=begun)
        place = {"item_id": item["id"], "output_index": index}
        for piece, part in enumerate(item.get("summary", ())):
            where = {**place, "summary_index": piece}
            event("response.reasoning_summary_part.added", **where, part={**part, "text": ""})
            event("response.reasoning_summary_text.delta", **where, delta=part["text"][:4])
            event("response.reasoning_summary_text.delta", **where, delta=part["text"][4:])
            event("response.reasoning_summary_text.done", **where, text=part["text"])
            event("response.reasoning_summary_part.done", **where, part=part)
        for piece, part in enumerate(item.get("content", ())):
            where = {**place, "content_index": piece}
            event("response.content_part.added", **where, part={**part, "text": ""})
            event("response.output_text.delta", **where, delta=part["text"], logprobs=[])
            event("response.output_text.done", **where, text=part["text"], logprobs=[])
            event("response.content_part.done", **where, part=part)
        if item["type"] == "function_call":
            event("response.function_call_arguments.delta", **place, delta=item["arguments"])
            event("response.function_call_arguments.done", **place, arguments=item["arguments"])
        event("response.output_item.done", output_index=index, item=item)
    event("response.completed", response=done)
    return Answer(done, events)


def _thought(number: int, text: str) -> Json:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {
        "type": "reasoning",
        "id": f"rs_{number}",
        "summary": summary,
        "encrypted_content": seal(number),
    }


def _function(number: int) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "look_up",
        "arguments": json.dumps({"word": f"w{number}"}),
        "status": "completed",
    }


def _said(text: str) -> Json:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _read_responses(body: Json) -> list[list[Json]]:
    steps: list[list[Json]] = [[]]
    for item in body["input"]:
        if item["type"] == "reasoning":
            names = ("type", "id", "summary", "encrypted_content")
            steps[-1].append({name: item[name] for name in names})
        elif item["type"] == "function_call":
            call = {name: item[name] for name in ("type", "call_id", "name")}
            steps[-1].append({**call, "arguments": json.loads(item["arguments"])})
        elif item["type"] == "function_call_output" and steps[-1]:
            steps.append([])
    return [step for step in steps if step]


_R_STEPS = [
    [_thought(1, "Plan it."), _thought(2, ""), _function(1), _function(2)],
    [_thought(3, ""), _function(3)],
]
_RESPONSES = Vendor(
    Format.RESPONSES,
    "responses",
    [_responses(number, step) for number, step in enumerate(_R_STEPS)]
    + [_responses(9, [_said("Done.")])],
    [
        [
            item
            if item["type"] == "reasoning"
            else {
                "type": "function_call",
                "call_id": item["call_id"],
                "name": item["name"],
                "arguments": json.loads(item["arguments"]),
            }
            for item in step
        ]
        for step in _R_STEPS
    ],
    _read_responses,
)


# --- gemini ----------------------------------------------------------------------------


def _gemini(number: int, chunks: list[list[Json]]) -> Answer:
    events: list[tuple[str, Json | str]] = []
    for place, parts in enumerate(chunks):
        candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
        if place == len(chunks) - 1:
            candidate["finishReason"] = "STOP"
        events.append(("", _chunk(number, candidate)))
    parts = [part for chunk in chunks for part in chunk]
    whole = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    return Answer(_chunk(number, whole), events)


def _chunk(number: int, candidate: Json) -> Json:
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 9, "totalTokenCount": 14}
    return {
        "candidates": [candidate],
        "usageMetadata": counts,
        "modelVersion": "m-1",
        "responseId": f"answer-{number}",
    }


def _calls(number: int, **more: Any) -> Json:
    return {
        "functionCall": {"id": f"fc-{number}", "name": "look_up", "args": {"word": f"w{number}"}},
        **more,
    }


_G_CHUNKS: list[list[list[Json]]] = [
    [
        [{"text": "Hm.", "thought": True}],
        [{"text": "I look"}],
        [{"text": " it up."}],
        [{"text": "Both.", "thoughtSignature": seal(4)}],
        [_calls(1, thoughtSignature=seal(1)), _calls(2)],
        [{"text": "", "thoughtSignature": seal(2)}],
    ],
    [[_calls(3, thoughtSignature=seal(3))]],
]


def _read_gemini(body: Json) -> list[list[Json]]:
    return [
        [part for part in content["parts"] if "thoughtSignature" in part or "functionCall" in part]
        for content in body["contents"]
        if content["role"] == "model"
    ]


_GEMINI = Vendor(
    Format.GEMINI,
    "gemini",
    [_gemini(number, chunks) for number, chunks in enumerate(_G_CHUNKS)]
    + [_gemini(9, [[{"text": "Done.", "thoughtSignature": seal(9)}]])],
    [
        [
            part
            for chunk in chunks
            for part in chunk
            if "thoughtSignature" in part or "functionCall" in part
        ]
        for chunks in _G_CHUNKS
    ],
    _read_gemini,
)


# --- chat, with what two of its servers add ------------------------------------------------


def _chat(number: int, message: Json, deltas: list[Json], finish: str) -> Answer:
    head: Json = {"id": f"chatcmpl-{number}", "created": 1_700_000_000, "model": "m-1"}
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
    events: list[tuple[str, Json | str]] = []

    def chunk(delta: Json, reason: str | None = None) -> None:
        part = {"index": 0, "delta": delta, "finish_reason": reason}
        events.append(("", {**head, "object": "chat.completion.chunk", "choices": [part]}))

    chunk({"role": "assistant", "content": ""})
    for delta in deltas:
        chunk(delta)
    chunk({}, finish)
    counts = {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}
    events += [("", counts), ("", "[DONE]")]
    return Answer(
        {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, events
    )


def _tool(number: int, **more: Any) -> Json:
    function = {"name": "look_up", "arguments": json.dumps({"word": f"w{number}"})}
    return {"id": f"call_{number}", "type": "function", "function": function, **more}


def _plain(calls: list[Json]) -> list[Json]:
    """Calls with their arguments as objects, which some clients read and write anew."""
    return [
        {
            **call,
            "function": {
                **call["function"],
                "arguments": json.loads(call["function"]["arguments"]),
            },
        }
        for call in calls
    ]


def _details(*seals: int, text: str = "") -> list[Json]:
    entries: list[Json] = []
    for number in seals:
        if text and not entries:
            entry = {"type": "reasoning.text", "text": text, "signature": seal(number)}
        else:
            entry = {"type": "reasoning.encrypted", "data": seal(number), "id": f"rs_{number}"}
        entries.append({**entry, "format": "unknown", "index": len(entries)})
    return entries


def _router(number: int, details: list[Json], calls: list[Json]) -> Answer:
    deltas: list[Json] = []
    shown = "".join(entry.get("text", "") for entry in details)
    for entry in details:
        if "text" in entry:
            text = entry["text"]
            plain = {name: value for name, value in entry.items() if name != "signature"}
            for piece in (text[:3], text[3:]):
                deltas.append({"reasoning": piece, "reasoning_details": [{**plain, "text": piece}]})
            bare = {name: value for name, value in entry.items() if name != "text"}
            deltas.append({"reasoning_details": [bare]})
        else:
            deltas.append({"reasoning_details": [entry]})
    deltas += [{"tool_calls": [{"index": at, **call}]} for at, call in enumerate(calls)]
    message: Json = {"content": None, "tool_calls": calls, "reasoning_details": details}
    if shown:
        message["reasoning"] = shown
    return _chat(number, message, deltas, "tool_calls")


def _read_router(body: Json) -> list[list[Json]]:
    return [
        [*message["reasoning_details"], *_plain(message["tool_calls"])]
        for message in body["messages"]
        if message.get("tool_calls") and "reasoning_details" in message
    ]


_DONE = _chat(9, {"content": "Done."}, [{"content": "Done."}], "stop")
_ROUTER_STEPS = [
    (_details(1, 2, text="Let me see."), [_tool(1), _tool(2)]),
    (_details(3), [_tool(3)]),
]
_ROUTER = Vendor(
    Format.CHAT,
    "chat-details",
    [_router(number, *step) for number, step in enumerate(_ROUTER_STEPS)] + [_DONE],
    [[*details, *_plain(calls)] for details, calls in _ROUTER_STEPS],
    _read_router,
)

_G_TOOLS = [
    [_tool(1, extra_content={"google": {"thought_signature": seal(1)}}), _tool(2)],
    [_tool(3, extra_content={"google": {"thought_signature": seal(3)}})],
]


def _compatible(number: int, calls: list[Json]) -> Answer:
    deltas: list[Json] = [{"content": "I look."}]
    deltas += [{"tool_calls": [{"index": at, **call}]} for at, call in enumerate(calls)]
    return _chat(number, {"content": "I look.", "tool_calls": calls}, deltas, "tool_calls")


def _read_compatible(body: Json) -> list[list[Json]]:
    return [
        _plain(message["tool_calls"]) for message in body["messages"] if message.get("tool_calls")
    ]


_COMPATIBLE = Vendor(
    Format.CHAT,
    "chat-extra-content",
    [_compatible(number, calls) for number, calls in enumerate(_G_TOOLS)] + [_DONE],
    [_plain(calls) for calls in _G_TOOLS],
    _read_compatible,
)

VENDORS = [_MESSAGES, _RESPONSES, _GEMINI, _ROUTER, _COMPATIBLE]
