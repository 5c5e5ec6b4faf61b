"""Streams as the four vendors send them, written by hand from one script.

Nothing here uses our encoders: what an upstream sends must not depend on what we
would write. Each stream is a list of whole events, so that a probe can drop, cut
or exchange them. Shapes are those of the vendors' references and recordings;
identifiers and texts are invented.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from aigw_core.chat import Format
from tests.oracles.record import Record, SeenCall, SeenUsage

Events = list[bytes]


class Call(Struct, frozen=True):
    id: str
    name: str
    pieces: tuple[str, ...]
    """Of the arguments, which are compact JSON of an object."""

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Script(Struct, frozen=True):
    """What an upstream says in one answer."""

    reasoning: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    order: tuple[int, ...] = ()
    """Which call takes its next step, see :data:`STEPS`; empty: one after another."""
    usage: str = "in"
    """Where the usage stands: ``after`` the finish, ``in`` it, on ``every`` event
    that can have it, or ``never``."""
    signed: bool = False
    """The vendor's proofs come along, where it has any."""

    @property
    def record(self) -> Record:
        """What a user of the upstream's own SDK sees."""
        return Record(
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            calls=tuple(SeenCall(call.id, call.name, call.arguments) for call in self.calls),
            stop="tool_use" if self.calls else "end",
            usage=SeenUsage() if self.usage == "never" else USAGE,
        )


USAGE = SeenUsage(input=100, cached=40, output=50, reasoning=20)
"""What every script costs."""

SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSB2ZW5kb3I+/w=="
"""Base64 with both characters that the URL-safe alphabet replaces."""

REDACTED = "cmVkYWN0ZWQ+/w=="


def event(data: Any, name: str = "", end: str = "\n") -> bytes:
    head = f"event: {name}{end}" if name else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{head}data: {text}{end}{end}".encode()


def _order(script: Script, steps: int) -> Iterable[int]:
    if script.order:
        return script.order
    return [n for n, call in enumerate(script.calls) for _ in range(len(call.pieces) + steps)]


# --- Chat Completions ---------------------------------------------------------

_CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 20},
}


def chat_chunk(choices: list[Any], **more: Any) -> bytes:
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "m-1",
            "choices": choices,
            **more,
        }
    )


def _chat_delta(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return chat_chunk([choice], **more)


CHAT_REASONING: dict[str, Callable[[str], dict[str, Any]]] = {
    "reasoning_content": lambda piece: {"reasoning_content": piece},
    "reasoning": lambda piece: {"reasoning": piece},
    "reasoning_details": lambda piece: {
        "reasoning": piece,
        "reasoning_details": [{"type": "reasoning.text", "text": piece, "index": 0}],
    },
    "a list": lambda piece: {
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]
    },
}
"""The shapes in which servers of this format stream reasoning."""


def chat(script: Script, field: str = "reasoning_content") -> Events:
    every = {"usage": _CHAT_USAGE} if script.usage == "every" else {"usage": None}
    if script.usage == "never":
        every = {}
    events = [_chat_delta({"role": "assistant", "content": ""}, **every)]
    events += [_chat_delta(CHAT_REASONING[field](piece), **every) for piece in script.reasoning]
    if script.signed:
        detail = {
            "type": "reasoning.encrypted",
            "data": SIGNATURE,
            "format": "vendor-v1",
            "index": 0,
        }
        events.append(_chat_delta({"reasoning_details": [detail]}, **every))
    events += [_chat_delta({"content": piece}, **every) for piece in script.text]
    taken = [0] * len(script.calls)
    for number in _order(script, STEPS[Format.CHAT]):
        call = script.calls[number]
        entry: dict[str, Any] = {"index": number}
        if taken[number] == 0:
            function = {"name": call.name, "arguments": ""}
            entry |= {"id": call.id, "type": "function", "function": function}
        else:
            entry["function"] = {"arguments": call.pieces[taken[number] - 1]}
        taken[number] += 1
        events.append(_chat_delta({"tool_calls": [entry]}, **every))
    finish = {"usage": _CHAT_USAGE} if script.usage == "in" else every
    events.append(_chat_delta({}, "tool_calls" if script.calls else "stop", **finish))
    if script.usage == "after":
        events.append(chat_chunk([], usage=_CHAT_USAGE))
    return [*events, event("[DONE]")]


# --- Messages -----------------------------------------------------------------

_MESSAGES_USAGE = {
    "input_tokens": 60,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 40,
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 20},
}


def messages_event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, kind)


def _block(index: int, block: dict[str, Any], deltas: Iterable[dict[str, Any]]) -> Events:
    return [
        messages_event("content_block_start", index=index, content_block=block),
        *[messages_event("content_block_delta", index=index, delta=delta) for delta in deltas],
        messages_event("content_block_stop", index=index),
    ]


def messages(script: Script) -> Events:
    known = None if script.usage == "never" else 1
    opening = {"input_tokens": known and 60, "output_tokens": known}
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": opening,
    }
    events = [messages_event("message_start", message=message), messages_event("ping")]
    at = 0
    if script.reasoning or script.signed:
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in script.reasoning]
        if script.signed:
            deltas.append({"type": "signature_delta", "signature": SIGNATURE})
        events += _block(at, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
        at += 1
    if script.signed:
        events += _block(at, {"type": "redacted_thinking", "data": REDACTED}, ())
        at += 1
    if script.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in script.text]
        events += _block(at, {"type": "text", "text": ""}, deltas)
        at += 1
    events += _messages_calls(script, at)
    nothing = {"stop_reason": None, "stop_sequence": None}
    delta = {"stop_reason": "tool_use" if script.calls else "end_turn", "stop_sequence": None}
    # The SDK cannot read an event of this kind without a usage, so it is null there.
    silent = {"usage": {"input_tokens": None, "output_tokens": None}}
    end: dict[str, Any] = {"usage": _MESSAGES_USAGE} if script.usage in ("in", "every") else silent
    if script.usage == "every":
        # One that does not stop yet is legal, see the recordings of compaction.
        events.append(messages_event("message_delta", delta=nothing, usage=_MESSAGES_USAGE))
    events.append(messages_event("message_delta", delta=delta, **end))
    if script.usage == "after":
        events.append(messages_event("message_delta", delta=delta, usage=_MESSAGES_USAGE))
    return [*events, messages_event("message_stop")]


def _messages_calls(script: Script, first: int) -> Events:
    events: Events = []
    taken = [0] * len(script.calls)
    for number in _order(script, STEPS[Format.MESSAGES]):
        call, step, index = script.calls[number], taken[number], first + number
        taken[number] += 1
        if step == 0:
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            events.append(messages_event("content_block_start", index=index, content_block=block))
        elif step <= len(call.pieces):
            delta = {"type": "input_json_delta", "partial_json": call.pieces[step - 1]}
            events.append(messages_event("content_block_delta", index=index, delta=delta))
        else:
            events.append(messages_event("content_block_stop", index=index))
    return events


# --- Responses ----------------------------------------------------------------

_RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 150,
}


class _Responses:
    """Numbers the events and keeps the items for the terminal one."""

    def __init__(self) -> None:
        self.events: Events = []
        self.output: dict[int, Any] = {}

    def add(self, kind: str, **fields: Any) -> None:
        data = {"type": kind, "sequence_number": len(self.events), **fields}
        self.events.append(event(data, kind))

    def item(self, index: int, item: dict[str, Any], done: bool) -> None:
        self.add(
            f"response.output_item.{'done' if done else 'added'}", output_index=index, item=item
        )
        if done:
            self.output[index] = item


def response_object(status: str, output: list[Any], usage: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": "m-1",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": output,
        "usage": usage,
    }


def responses(script: Script, style: str = "summary") -> Events:
    """``style`` of reasoning: ``summary``, or the ``raw`` text of open models."""
    out = _Responses()
    out.add("response.created", response=response_object("in_progress", [], None))
    out.add("response.in_progress", response=response_object("in_progress", [], None))
    at = 0
    if script.reasoning or script.signed:
        _responses_reasoning(out, at, script, style)
        at += 1
    if script.text:
        _responses_text(out, at, "".join(script.text), script.text)
        at += 1
    _responses_calls(out, at, script)
    usage = None if script.usage == "never" else _RESPONSES_USAGE
    output = [out.output[index] for index in sorted(out.output)]
    out.add("response.completed", response=response_object("completed", output, usage))
    return out.events


def _responses_reasoning(out: _Responses, at: int, script: Script, style: str) -> None:
    text = "".join(script.reasoning)
    item: dict[str, Any] = {"id": f"rs_{at}", "type": "reasoning", "summary": []}
    if script.signed:
        item["encrypted_content"] = "c3RhcnQ="  # the one of the end is another
    out.item(at, item, done=False)
    place = {"item_id": item["id"], "output_index": at}
    if script.reasoning and style == "summary":
        place["summary_index"] = 0
        whole = {"type": "summary_text", "text": text}
        opening = {"type": "summary_text", "text": ""}
        out.add("response.reasoning_summary_part.added", **place, part=opening)
        for piece in script.reasoning:
            out.add("response.reasoning_summary_text.delta", **place, delta=piece)
        out.add("response.reasoning_summary_text.done", **place, text=text)
        out.add("response.reasoning_summary_part.done", **place, part=whole)
        item = {**item, "summary": [whole]}
    elif script.reasoning:
        place["content_index"] = 0
        for piece in script.reasoning:
            out.add("response.reasoning_text.delta", **place, delta=piece)
        out.add("response.reasoning_text.done", **place, text=text)
        item = {**item, "content": [{"type": "reasoning_text", "text": text}]}
    if script.signed:
        item = {**item, "encrypted_content": SIGNATURE}
    out.item(at, item, done=True)


def _responses_text(out: _Responses, at: int, text: str, pieces: Iterable[str]) -> None:
    message: dict[str, Any] = {
        "id": f"msg_{at}",
        "type": "message",
        "role": "assistant",
        "status": "in_progress",
        "content": [],
    }
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    place = {"item_id": message["id"], "output_index": at, "content_index": 0}
    out.item(at, message, done=False)
    out.add("response.content_part.added", **place, part=part)
    for piece in pieces:
        out.add("response.output_text.delta", **place, delta=piece, logprobs=[])
    out.add("response.output_text.done", **place, text=text, logprobs=[])
    out.add("response.content_part.done", **place, part={**part, "text": text})
    out.item(at, {**message, "status": "completed", "content": [{**part, "text": text}]}, done=True)


def _responses_calls(out: _Responses, first: int, script: Script) -> None:
    taken = [0] * len(script.calls)
    for number in _order(script, STEPS[Format.RESPONSES]):
        call, step = script.calls[number], taken[number]
        taken[number] += 1
        at = first + number
        item = {
            "id": f"fc_{at}",
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": "",
            "status": "in_progress",
        }
        place = {"item_id": item["id"], "output_index": at}
        if step == 0:
            out.item(at, item, done=False)
        elif step <= len(call.pieces):
            delta = call.pieces[step - 1]
            out.add("response.function_call_arguments.delta", **place, delta=delta)
        else:
            out.add(
                "response.function_call_arguments.done",
                **place,
                name=call.name,
                arguments=call.arguments,
            )
            done = {**item, "arguments": call.arguments, "status": "completed"}
            out.item(at, done, done=True)


# --- Gemini -------------------------------------------------------------------

_GEMINI_USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 30,
    "thoughtsTokenCount": 20,
    "totalTokenCount": 150,
}


def gemini_chunk(parts: list[Any] | None, finish: str | None = None, **more: Any) -> bytes:
    chunk: dict[str, Any] = {"modelVersion": "m-1", "responseId": "r1", **more}
    if parts is not None:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        chunk = {"candidates": [candidate], **chunk}
    return event(chunk, end="\r\n")


def gemini(script: Script, groups: Sequence[int] = (), pieces: bool = False) -> Events:
    """``groups``: how many calls stand in each chunk; ``pieces``: arguments as Vertex
    AI streams them on request. ``order`` means nothing: calls come one by one."""
    every: dict[str, Any] = {"usageMetadata": _GEMINI_USAGE} if script.usage == "every" else {}
    events = [
        gemini_chunk([{"text": piece, "thought": True}], **every) for piece in script.reasoning
    ]
    events += [gemini_chunk([{"text": piece}], **every) for piece in script.text]
    parts: list[dict[str, Any]] = []
    for number, call in enumerate(script.calls):
        function: dict[str, Any] = {"id": call.id, "name": call.name}
        if pieces:
            events += _gemini_pieces(call, function, every)
            continue
        parts.append({"functionCall": {**function, "args": json.loads(call.arguments)}})
        if script.signed and number == 0:
            parts[0]["thoughtSignature"] = SIGNATURE
    for size in groups or [1] * len(parts):
        events.append(gemini_chunk(parts[:size], **every))
        del parts[:size]
    last: dict[str, Any] = {"text": ""}
    if script.signed and not script.calls:
        last["thoughtSignature"] = SIGNATURE
    finish = {"usageMetadata": _GEMINI_USAGE} if script.usage == "in" else every
    events.append(gemini_chunk([last], "STOP", **finish))
    if script.usage == "after":
        events.append(gemini_chunk(None, usageMetadata=_GEMINI_USAGE))
    return events


def _gemini_pieces(call: Call, function: dict[str, Any], every: dict[str, Any]) -> Events:
    def chunk(more: bool, *partial: dict[str, Any], **named: Any) -> bytes:
        fields = {**named, **({"partialArgs": list(partial)} if partial else {})}
        return gemini_chunk([{"functionCall": {**fields, "willContinue": more}}], **every)

    (name, text), *rest = json.loads(call.arguments).items()
    path = f"$.{name}"
    middle = len(text) // 2
    return [
        chunk(True, **function),
        chunk(True, {"jsonPath": path, "stringValue": text[:middle], "willContinue": True}),
        chunk(True, {"jsonPath": path, "stringValue": text[middle:]}),
        *[chunk(True, {"jsonPath": f"$.{key}", "numberValue": value}) for key, value in rest],
        chunk(False),
    ]


# --- all of them --------------------------------------------------------------

STEPS: dict[Format, int] = {Format.CHAT: 1, Format.MESSAGES: 2, Format.RESPONSES: 2}
"""Steps of a call beside its pieces: its start and, but in Chat, its end."""

WRITERS: dict[Format, Callable[[Script], Events]] = {
    Format.CHAT: chat,
    Format.MESSAGES: messages,
    Format.RESPONSES: responses,
    Format.GEMINI: gemini,
}

END: dict[Format, int] = {Format.CHAT: 2, Format.MESSAGES: 1, Format.RESPONSES: 1, Format.GEMINI: 1}
"""How many events at the end of a stream, with its usage ``in`` the finish, make it
complete: without them it was cut off. (A Chat answer is complete with its
finish_reason, some servers send no ``[DONE]``.)"""
