"""The automaton of a Messages stream, as a client may be sent it.

Sources: the vendor's page on streaming messages, the event types of the
official Python SDK (``types/raw_*_event.py``), and its accumulator
(``lib/streaming/_messages.py``), which finds blocks by position. One block is
open at a time: the SDK copes with more, other readers do not.
"""

from __future__ import annotations

import re
from typing import Any

from aigw_core.grammar import is_count, read_payload, require, violation
from aigw_core.sse import SseEvent

STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
        "compaction",
    }
)
_TOOL_ID = re.compile(r"[A-Za-z0-9_-]+")

_DELTAS: dict[str, frozenset[str]] = {
    "text": frozenset({"text_delta", "citations_delta"}),
    "thinking": frozenset({"thinking_delta", "signature_delta"}),
    "tool_use": frozenset({"input_json_delta"}),
    "server_tool_use": frozenset({"input_json_delta"}),
    "mcp_tool_use": frozenset({"input_json_delta"}),
    "compaction": frozenset({"compaction_delta"}),
}
"""Blocks of other types are whole at their start."""

_DELTA_FIELD = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}

_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class StreamGrammar:
    comments = True
    named = True

    def __init__(self) -> None:
        self.complete = False
        self.failed = False
        self._started = False
        self._next = 0
        self._open: str | None = None  # the type of the open block
        self._signed = False
        self._calls = False
        self._reason: str | None = None

    def __repr__(self) -> str:
        return f"<messages StreamGrammar complete={self.complete} failed={self.failed}>"

    def accept(self, event: SseEvent) -> None:
        require(not self.complete, "after message_stop", event.data)
        require(not self.failed, "after the error", event.data)
        data = read_payload(event.data)
        kind = data.get("type")
        require(
            event.name.decode() == kind, "data of another type than the event", event.name, kind
        )
        if kind == "error":
            self._error(data)
        elif kind == "message_start":
            require(not self._started, "a second message_start")
            self._start(data)
        else:
            require(self._started, "an event before message_start", kind)
            if kind == "content_block_delta":
                self._delta(data)
            elif kind == "content_block_start":
                self._block_start(data)
            elif kind == "content_block_stop":
                self._index(data)
                self._open = None
            elif kind == "message_delta":
                self._message_delta(data)
            elif kind == "message_stop":
                require(self._open is None, "message_stop with an open block")
                require(self._reason is not None, "message_stop without a stop_reason")
                self.complete = True
            elif kind == "ping":
                require(data == {"type": "ping"}, "a ping with more", data)
            else:
                violation("an unknown event", kind)

    def _error(self, data: dict[str, Any]) -> None:
        error = data.get("error")
        if not isinstance(error, dict):
            violation("error is no object")
        for field in ("type", "message"):
            require(isinstance(error.get(field), str) and error[field], f"error.{field}")
        self.failed = True

    def _start(self, data: dict[str, Any]) -> None:
        message = data.get("message")
        if not isinstance(message, dict):
            violation("message is no object")
        require(isinstance(message.get("id"), str) and message["id"], "message.id")
        require(message.get("type") == "message", "message.type")
        require(message.get("role") == "assistant", "message.role")
        require(isinstance(message.get("model"), str), "message.model")
        require(message.get("content") == [], "message.content is not empty")
        for field in ("stop_reason", "stop_sequence"):
            require(field in message and message[field] is None, f"message.{field} is not null")
        usage = message.get("usage")
        if not isinstance(usage, dict):
            violation("message.usage is no object")
        require(is_count(usage.get("input_tokens")), "message.usage.input_tokens")
        require(is_count(usage.get("output_tokens")), "message.usage.output_tokens")
        _check_counts(usage)
        self._started = True

    def _block_start(self, data: dict[str, Any]) -> None:
        require(self._open is None, "a block starts while another is open")
        require(self._reason is None, "a block starts after the stop_reason")
        number = data.get("index")
        require(number == self._next, "a block that is not the next", number, self._next)
        block = data.get("content_block")
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            violation("content_block has no type")
        kind: str = block["type"]
        if kind == "text":
            require(block.get("text") == "", "a text block starts with text")
        elif kind == "thinking":
            require(block.get("thinking") == "", "a thinking block starts with text")
            require(block.get("signature") == "", "a thinking block starts with its signature")
        elif kind == "redacted_thinking":
            require(isinstance(block.get("data"), str) and block["data"], "redacted without data")
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            require(
                isinstance(block.get("id"), str) and _TOOL_ID.fullmatch(block["id"]),
                "the id of a tool block",
                block.get("id"),
            )
            require(isinstance(block.get("name"), str) and block["name"], "a tool without name")
            require(block.get("input") == {}, "a tool block starts with input")
            self._calls = self._calls or kind == "tool_use"
        self._next += 1
        self._open = kind
        self._signed = False

    def _index(self, data: dict[str, Any]) -> str:
        if self._open is None:
            violation("more of a block while none is open", data.get("type"))
        require(
            data.get("index") == self._next - 1,
            "more of a block that is not the open one",
            data,
        )
        return self._open

    def _delta(self, data: dict[str, Any]) -> None:
        block = self._index(data)
        delta = data.get("delta")
        if not isinstance(delta, dict):
            violation("delta is no object")
        kind = delta.get("type")
        require(kind in _DELTAS.get(block, ()), "a delta that its block cannot have", kind, block)
        require(not self._signed, "a delta after the signature")
        field = _DELTA_FIELD.get(str(kind))
        if field is not None:
            require(isinstance(delta.get(field), str), f"a delta without {field}", kind)
        elif kind == "citations_delta":
            require(isinstance(delta.get("citation"), dict), "citations_delta without citation")
        if kind == "signature_delta":
            # The SDK replaces an earlier signature, so it cannot come in pieces.
            require(delta["signature"], "an empty signature")
            self._signed = True

    def _message_delta(self, data: dict[str, Any]) -> None:
        require(self._open is None, "message_delta with an open block")
        delta, usage = data.get("delta"), data.get("usage")
        if not isinstance(delta, dict) or not isinstance(usage, dict):
            violation("message_delta without delta or usage")
        for field in ("stop_reason", "stop_sequence"):
            require(field in delta, f"message_delta without {field}")
        require(is_count(usage.get("output_tokens")), "message_delta usage.output_tokens")
        _check_counts(usage)
        reason = delta["stop_reason"]
        if reason is None:
            return
        require(self._reason is None, "a second stop_reason")
        require(reason in STOP_REASONS, "an unknown stop_reason", reason)
        require(
            (delta["stop_sequence"] is None) or reason == "stop_sequence",
            "a stop_sequence with another stop_reason",
            reason,
        )
        if reason == "tool_use":
            require(self._calls, "stop_reason tool_use without a call")
        if reason == "end_turn":
            require(not self._calls, "stop_reason end_turn although tools were called")
        self._reason = reason


def _check_counts(usage: dict[str, Any]) -> None:
    for field in _COUNTS:
        count = usage.get(field)
        require(count is None or is_count(count), f"usage.{field} is no count", count)
