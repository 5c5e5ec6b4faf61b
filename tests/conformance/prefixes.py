"""A longer conversation begins as a shorter one did: the law of prompt caches.

A conversation is cut before each answer of the model. What the upstream gets for the
shorter one must be, in its list of turns, the beginning of what it gets for the
whole, with the same system text and the same tools.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from aigw_core.chat import Format
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.translate import translate_request
from tests.laws import hold

TURNS = {
    Format.CHAT: "messages",
    Format.MESSAGES: "messages",
    Format.RESPONSES: "input",
    Format.GEMINI: "contents",
}
BESIDE = ("system", "instructions", "systemInstruction", "tools")
"""What stands before the turns in a prompt."""

_RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})


def is_answer(name: Format, turn: Any) -> bool:
    """Whether the model said it, or the vendor's own tools."""
    if name is Format.RESPONSES:
        asked = turn.get("role") in ("user", "system", "developer")
        return not asked and turn.get("type") not in _RESULTS
    return bool(turn.get("role") == ("model" if name is Format.GEMINI else "assistant"))


def cuts(name: Format, document: Any) -> Iterator[int]:
    """How many turns the shorter conversations have: up to each answer, but not those
    in which nothing was asked yet."""
    turns = document.get(TURNS[name])
    if not isinstance(turns, list):
        return
    answers = [isinstance(turn, dict) and is_answer(name, turn) for turn in turns]
    for place in range(1, len(turns)):
        if answers[place] and not answers[place - 1]:
            yield place


def cut(name: Format, document: Any, size: int) -> Any:
    return {**document, TURNS[name]: document[TURNS[name]][:size]}


def encoded(client: Codec, upstream: Codec, inbound: Inbound, document: Any, caps: Caps) -> Any:
    """The upstream's body.

    Raises:
        InvalidRequest: there is none.
    """
    changed = Inbound(json.dumps(document).encode(), inbound.headers, inbound.model, inbound.stream)
    request = None if client is upstream else client.decode_request(changed)
    done = translate_request(changed, request, client, upstream, "up-model", caps)
    return json.loads(done.encoded.body)


def begins_alike(
    client: Codec, upstream: Codec, inbound: Inbound, document: Any, caps: Caps | None = None
) -> int | None:
    """Check all cuts of one conversation; how many there were, ``None`` when the whole
    is refused. A shorter one may be refused: its tool call has no result yet."""
    caps = caps or Caps()
    try:
        whole = encoded(client, upstream, inbound, document, caps)
    except InvalidRequest:
        return None
    checked = 0
    for size in cuts(client.format, document):
        part = cut(client.format, document, size)
        try:
            shorter = encoded(client, upstream, inbound, part, caps)
        except InvalidRequest:
            continue
        checked += 1
        _check_prefix(upstream.format, shorter, whole, f"{size} turns: ")
    return checked


def _check_prefix(name: Format, shorter: Any, longer: Any, about: str) -> None:
    for field in BESIDE:
        a, b = _unmarked(shorter.get(field)), _unmarked(longer.get(field))
        hold(a == b, f"{about}{field} changed: {a!r:.300} became {b!r:.300}")
    turns, more = _unmarked(shorter[TURNS[name]]), _unmarked(longer[TURNS[name]])
    if isinstance(turns, str):
        hold(turns == more, f"{about}a text that is all there is")
        return
    for place, (a, b) in enumerate(zip(turns, more, strict=False)):
        if place == len(turns) - 1 and _goes_on(a, b):
            continue
        hold(a == b, f"{about}turn {place} changed: {a!r:.500} became {b!r:.500}")
    hold(len(turns) <= len(more), f"{about}{len(turns)} turns became {len(more)}")


def _goes_on(turn: Any, longer: Any) -> bool:
    """An answer of nothing but white space is left out for vendors that refuse it;
    the user then goes on in the same turn, behind what was said before."""
    for field in ("content", "parts"):
        said, more = _blocks(turn.get(field)), _blocks(longer.get(field))
        if turn.get("role") == longer.get("role") == "user" and said:
            return said == more[: len(said)]
    return False


def _blocks(content: Any) -> list[Any]:
    # A single text is written as a string.
    text = isinstance(content, str)
    return [{"type": "text", "text": content}] if text else content or []


def _unmarked(value: Any) -> Any:
    """Without the marks for caches, which wander along by design and are not part of
    what is cached."""
    if isinstance(value, dict):
        return {key: _unmarked(item) for key, item in value.items() if key != "cache_control"}
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    return value


PAIRS = [(CODECS[client], CODECS[upstream]) for client in Format for upstream in Format]


# --- conversations of any shape -------------------------------------------------


def conversation(name: Format, steps: list[tuple[Any, ...]]) -> Any:
    """``steps`` in the words of one format. A step is ``("user", text)``, ``("system",
    text)``, ``("answer", reasoning, text, calls)``; calls are ``(tool, arguments,
    result)`` and are answered at once."""
    turns: list[Any] = []
    calls = 0
    for kind, *said in steps:
        if kind == "answer":
            reasoning, text, asked = said
            numbered = [
                (f"call.{calls + n}" + "x" * (n * 30), *each) for n, each in enumerate(asked)
            ]
            calls += len(asked)
            turns += _WRITERS[name](reasoning, text, numbered)
        else:
            turns += _said(name, kind, said[0])
    return copy.deepcopy({**_BASES[name], TURNS[name]: turns})


_SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
TOOLS = ("find", "a.b", "x" * 70)

_BASES: dict[Format, Any] = {
    Format.CHAT: {
        "model": "m",
        "tools": [
            {"type": "function", "function": {"name": tool, "parameters": _SCHEMA}}
            for tool in TOOLS
        ],
    },
    Format.MESSAGES: {
        "model": "m",
        "max_tokens": 9000,
        "system": "Be brief.",
        "tools": [{"name": tool, "input_schema": _SCHEMA} for tool in TOOLS],
    },
    Format.RESPONSES: {
        "model": "m",
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": tool, "parameters": _SCHEMA} for tool in TOOLS],
    },
    Format.GEMINI: {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": tool, "parametersJsonSchema": _SCHEMA} for tool in TOOLS
                ]
            }
        ],
    },
}


def _said(name: Format, kind: str, text: str) -> list[Any]:
    if name is Format.GEMINI:
        return [{"role": "user", "parts": [{"text": text}]}]
    return [{"role": kind, "content": text}]


def _chat(reasoning: str, text: str, calls: list[Any]) -> list[Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [
            {"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}}
            for id, tool, arguments, _ in calls
        ]
    elif not text:
        message["content"] = "-"
    results = [
        {"role": "tool", "tool_call_id": id, "content": result} for id, _, _, result in calls
    ]
    return [message, *results]


def _messages(reasoning: str, text: str, calls: list[Any]) -> list[Any]:
    blocks: list[Any] = []
    if reasoning:
        blocks.append({"type": "thinking", "thinking": reasoning, "signature": "c2ln"})
    if text or not calls:
        blocks.append({"type": "text", "text": text or "-"})
    blocks += [
        {
            "type": "tool_use",
            "id": id.replace(".", "_"),
            "name": tool,
            "input": json.loads(arguments),
        }
        for id, tool, arguments, _ in calls
    ]
    results = [
        {"type": "tool_result", "tool_use_id": id.replace(".", "_"), "content": result}
        for id, _, _, result in calls
    ]
    turns: list[Any] = [{"role": "assistant", "content": blocks}]
    return [*turns, {"role": "user", "content": results}] if results else turns


def _responses(reasoning: str, text: str, calls: list[Any]) -> list[Any]:
    items: list[Any] = []
    if reasoning:
        summary = [{"type": "summary_text", "text": reasoning}]
        items.append({"type": "reasoning", "summary": summary, "encrypted_content": "c2ln"})
    if text or not calls:
        content = [{"type": "output_text", "text": text or "-", "annotations": []}]
        items.append({"type": "message", "role": "assistant", "content": content})
    items += [
        {"type": "function_call", "call_id": id, "name": tool, "arguments": arguments}
        for id, tool, arguments, _ in calls
    ]
    items += [
        {"type": "function_call_output", "call_id": id, "output": result}
        for id, _, _, result in calls
    ]
    return items


def _gemini(reasoning: str, text: str, calls: list[Any]) -> list[Any]:
    parts: list[Any] = []
    if reasoning:
        parts.append({"text": reasoning, "thought": True})
    if text or not calls:
        parts.append({"text": text or "-"})
    # No identifiers: the ones that are made up must not change as it grows.
    parts += [
        {"functionCall": {"name": tool, "args": json.loads(arguments)}}
        for _, tool, arguments, _ in calls
    ]
    results = [
        {"functionResponse": {"name": tool, "response": {"output": result}}}
        for _, tool, _, result in calls
    ]
    turns: list[Any] = [{"role": "model", "parts": parts}]
    return [*turns, {"role": "user", "parts": results}] if results else turns


_WRITERS = {
    Format.CHAT: _chat,
    Format.MESSAGES: _messages,
    Format.RESPONSES: _responses,
    Format.GEMINI: _gemini,
}
