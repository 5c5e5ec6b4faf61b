"""The automaton of a Responses stream, as a client may be sent it.

Sources: the vendor's OpenAPI description of ``ResponseStreamEvent``, the event
types of the official Python SDK (``types/responses/*_event.py``) and its
accumulator (``lib/streaming/responses/_responses.py``), which raises when an
item was never added, changes its identity, or is missing at the end.

Items may be open at the same time; everything is keyed by ``output_index``.
"""

from __future__ import annotations

from typing import Any

from aigw_core.grammar import is_count, read_payload, require, violation
from aigw_core.sse import SseEvent

_LIFECYCLE = {
    "response.created": frozenset({"in_progress", "queued"}),
    "response.queued": frozenset({"queued"}),
    "response.in_progress": frozenset({"in_progress"}),
    "response.completed": frozenset({"completed"}),
    "response.incomplete": frozenset({"incomplete"}),
    "response.failed": frozenset({"failed", "cancelled"}),
}
_OPENINGS = frozenset({"response.created", "response.queued", "response.in_progress"})
_SUCCESSES = frozenset({"response.completed", "response.incomplete"})
_INCOMPLETE = frozenset({"max_output_tokens", "content_filter", "max_messages", "steered"})

_TEXT_OF = {
    "response.output_text": ("output_text", "text"),
    "response.refusal": ("refusal", "refusal"),
    "response.reasoning_text": ("reasoning_text", "text"),
    "response.reasoning_summary_text": ("summary_text", "text"),
}
"""Event family to the type of the part it belongs to and that part's text field."""

_ARGUMENTS_OF = {
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
    "response.mcp_call_arguments": ("mcp_call", "arguments"),
}


_READ = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
"""Kinds of items that clients tell apart by their identifiers. What an upstream calls by
another name passes as it came, twice where it came twice."""


class _Part:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.texts: list[str] = []
        self.text_done = False
        self.done = False
        self.annotations = 0


class _Item:
    def __init__(self, wire: dict[str, Any]) -> None:
        self.kind: str = wire["type"]
        self.identity = (wire["type"], wire.get("id"), wire.get("call_id"))
        self.parts: list[_Part] = []
        self.arguments: list[str] = []
        self.arguments_done = False
        self.done: dict[str, Any] | None = None


class StreamGrammar:
    comments = True
    named = True

    def __init__(self) -> None:
        self.complete = False
        self.failed = False
        self._sequence = 0
        self._identity: tuple[Any, ...] | None = None
        self._body = False  # an item has begun: no opening event may follow
        self._items: list[_Item] = []

    def __repr__(self) -> str:
        return f"<responses StreamGrammar complete={self.complete} failed={self.failed}>"

    def accept(self, event: SseEvent) -> None:
        require(not self.complete, "after the end", event.data)
        require(not self.failed, "after the error", event.data)
        data = read_payload(event.data)
        kind = data.get("type")
        if not isinstance(kind, str):
            violation("an event without type")
        require(
            event.name.decode() == kind, "data of another type than the event", event.name, kind
        )
        number = data.get("sequence_number")
        require(number == self._sequence, "sequence_number is not the next", number, self._sequence)
        self._sequence += 1
        require("obfuscation" not in data, "padding of another vendor")
        if kind == "error":
            self._error(data)
        elif kind in _LIFECYCLE:
            self._lifecycle(kind, data)
        else:
            require(self._identity is not None, "an event before response.created", kind)
            self._item_event(kind, data)

    def _error(self, data: dict[str, Any]) -> None:
        # Once a response exists it fails as one: response.failed.
        require(self._identity is None, "a bare error event after response.created")
        require(isinstance(data.get("message"), str) and data["message"], "error.message")
        for field in ("code", "param"):
            require(isinstance(data.get(field), str | None), f"error.{field} is no string")
        self.failed = True

    def _lifecycle(self, kind: str, data: dict[str, Any]) -> None:
        response = data.get("response")
        if not isinstance(response, dict):
            violation("an event without its response", kind)
        identity = (response.get("id"), response.get("model"), response.get("created_at"))
        if kind == "response.created":
            require(self._identity is None, "a second response.created")
            self._identity = identity
        require(self._identity is not None, "an event before response.created", kind)
        require(identity == self._identity, "id, model or created_at changed", identity)
        _check_response(kind, response)
        if kind in _OPENINGS:
            require(not self._body, "an opening event after the answer began", kind)
            require(response["output"] == [], "an opening event with output", kind)
        elif kind == "response.failed":
            error = response.get("error")
            if not isinstance(error, dict):
                violation("response.failed without error")
            for field in ("code", "message"):
                require(isinstance(error.get(field), str) and error[field], f"error.{field}")
            self.failed = True
        else:
            self._check_output(response["output"])
            self.complete = True

    def _check_output(self, output: list[Any]) -> None:
        for index, item in enumerate(self._items):
            require(item.done is not None, f"the end comes before item {index} is done")
        # The SDK takes the final answer from here and from nowhere else.
        require(
            output == [item.done for item in self._items],
            "the output of the terminal event is not the items that were streamed",
        )

    def _item_event(self, kind: str, data: dict[str, Any]) -> None:
        self._body = True
        index = data.get("output_index")
        if not isinstance(index, int) or not is_count(index):
            violation("an event of no item", kind, index)
        if kind == "response.output_item.added":
            self._item_added(index, data.get("item"))
            return
        require(index < len(self._items), "an event of an item that was not added", kind, index)
        item = self._items[index]
        require(item.done is None, "an event of an item after it was done", kind, index)
        if kind == "response.output_item.done":
            _item_done(item, data.get("item"))
            return
        if "item_id" in data or not kind.startswith("response.shell"):
            require(data.get("item_id") == item.identity[1], "an event with another item_id", kind)
        family, _, verb = kind.rpartition(".")
        if family in ("response.content_part", "response.reasoning_summary_part"):
            _part_event(item, kind, verb, data)
        elif kind == "response.output_text.annotation.added":
            part = _open_part(item, "output_text", data)
            require(data.get("annotation_index") == part.annotations, "annotation_index")
            require(isinstance(data.get("annotation"), dict), "annotation is no object")
            part.annotations += 1
        elif family in _TEXT_OF:
            _text_event(item, family, verb, data)
        elif family in _ARGUMENTS_OF:
            _arguments_event(item, family, verb, data)
        else:
            require(
                kind.startswith(f"response.{item.kind}"),
                "an event that its item cannot have",
                kind,
                item.kind,
            )

    def _item_added(self, index: int, wire: object) -> None:
        require(index == len(self._items), "an item is added that is not the next", index)
        item = _Item(_check_item(wire))
        if item.kind in _READ:
            ids = [other.identity for other in self._items]
            require(item.identity not in ids, "an item is added twice", item.identity)
        self._items.append(item)


def _check_response(kind: str, response: dict[str, Any]) -> None:
    require(isinstance(response.get("id"), str) and response["id"], "response.id")
    require(response.get("object") == "response", "response.object")
    require(isinstance(response.get("created_at"), int | float), "response.created_at")
    require(isinstance(response.get("model"), str), "response.model")
    require(isinstance(response.get("output"), list), "response.output")
    require(isinstance(response.get("parallel_tool_calls"), bool), "response.parallel_tool_calls")
    require(isinstance(response.get("tool_choice"), str | dict), "response.tool_choice")
    require(isinstance(response.get("tools"), list), "response.tools")
    status = response.get("status")
    require(status in _LIFECYCLE[kind], "response.status is not that of the event", kind, status)
    if kind == "response.incomplete":
        details = response.get("incomplete_details")
        require(
            isinstance(details, dict) and details.get("reason") in _INCOMPLETE,
            "incomplete_details",
            details,
        )
    usage = response.get("usage")
    if usage is not None:
        for field in ("input_tokens", "output_tokens", "total_tokens"):
            require(is_count(usage.get(field)), f"usage.{field}")
        require(
            usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"],
            "the total is not the sum",
            usage,
        )
        cached = usage.get("input_tokens_details", {}).get("cached_tokens")
        require(is_count(cached), "usage.input_tokens_details.cached_tokens")
        reasoning = usage.get("output_tokens_details", {}).get("reasoning_tokens")
        require(is_count(reasoning), "usage.output_tokens_details.reasoning_tokens")


def _check_item(wire: object) -> dict[str, Any]:
    if not isinstance(wire, dict) or not isinstance(wire.get("type"), str):
        violation("an item without type")
    kind = wire["type"]
    if kind in ("message", "reasoning"):
        require(isinstance(wire.get("id"), str) and wire["id"], "an item without id", kind)
    if kind == "message":
        require(wire.get("role") == "assistant", "a message of another role")
        require(isinstance(wire.get("content"), list), "a message without content")
    elif kind == "reasoning":
        require(isinstance(wire.get("summary"), list), "reasoning without summary")
    elif kind in ("function_call", "custom_tool_call"):
        for field in ("call_id", "name"):
            require(
                isinstance(wire.get(field), str) and wire[field], f"an item without {field}", kind
            )
        field = "arguments" if kind == "function_call" else "input"
        require(isinstance(wire.get(field), str), f"an item without {field}", kind)
    return wire


def _item_done(item: _Item, wire: object) -> None:
    done = _check_item(wire)
    identity = (done["type"], done.get("id"), done.get("call_id"))
    require(identity == item.identity, "an item ends as another", item.identity, identity)
    for number, part in enumerate(item.parts):
        require(part.done, f"the item is done before its part {number}")
    if item.kind in ("function_call", "custom_tool_call"):
        require(item.arguments_done, "a call ends without its arguments done", item.kind)
        field = "arguments" if item.kind == "function_call" else "input"
        require(
            done[field] == "".join(item.arguments), "the arguments differ from their deltas", field
        )
    if item.kind == "message":
        require(_texts(done["content"]) == _streamed(item), "the content differs from its deltas")
    if item.kind == "reasoning":
        whole = [*done["summary"], *(done.get("content") or [])]
        require(_texts(whole) == _streamed(item), "the reasoning differs from its deltas")
    item.done = done


def _texts(parts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(part["type"], part.get("text", part.get("refusal", ""))) for part in parts]


def _streamed(item: _Item) -> list[tuple[str, str]]:
    return [(part.kind, "".join(part.texts)) for part in item.parts]


def _part_event(item: _Item, kind: str, verb: str, data: dict[str, Any]) -> None:
    summary = kind.startswith("response.reasoning_summary_part")
    wire = data.get("part")
    if not isinstance(wire, dict):
        violation("an event of a part without the part", kind)
    allowed = (
        ("summary_text",)
        if summary
        else ("output_text", "refusal")
        if item.kind == "message"
        else ("reasoning_text",)
    )
    require(
        item.kind in ("message", "reasoning"),
        "an event of a part in an item without parts",
        kind,
        item.kind,
    )
    require(wire.get("type") in allowed, "a part that its item cannot have", wire, item.kind)
    if wire["type"] == "output_text":
        require(isinstance(wire.get("annotations"), list), "output_text without annotations")
    number = data.get("summary_index" if summary else "content_index")
    if verb == "added":
        require(number == len(item.parts), "a part is added that is not the next", number)
        require(all(part.done for part in item.parts), "a part opens beside another", number)
        require(_texts([wire]) == [(wire["type"], "")], "a part starts with text")
        item.parts.append(_Part(wire["type"]))
        return
    require(verb == "done", "an unknown event", kind)
    part = _open_part(item, wire["type"], data)
    require(part.text_done, "a part ends before its text is done")
    require(_texts([wire])[0][1] == "".join(part.texts), "the part differs from its deltas")
    part.done = True


def _open_part(item: _Item, kind: str, data: dict[str, Any]) -> _Part:
    number = data.get("summary_index" if kind == "summary_text" else "content_index")
    if not isinstance(number, int) or number >= len(item.parts):
        violation("an event of a part that was not added", data["type"], number)
    part = item.parts[number]
    require(part.kind == kind, "an event of a part of another kind", data["type"], part.kind)
    require(not part.done, "an event of a part after it was done", data["type"])
    return part


def _text_event(item: _Item, family: str, verb: str, data: dict[str, Any]) -> None:
    kind, field = _TEXT_OF[family]
    part = _open_part(item, kind, data)
    require(not part.text_done, "more text after it was done", family, verb)
    if kind == "output_text":
        require(isinstance(data.get("logprobs"), list), "text without logprobs", family, verb)
    if verb == "delta":
        require(isinstance(data.get("delta"), str), "a delta without delta", family)
        part.texts.append(data["delta"])
        return
    require(verb == "done", "an unknown event", family, verb)
    require(data.get(field) == "".join(part.texts), "what is done differs from its deltas", family)
    part.text_done = True


def _arguments_event(item: _Item, family: str, verb: str, data: dict[str, Any]) -> None:
    kind, field = _ARGUMENTS_OF[family]
    require(item.kind == kind, "arguments in an item that has none", family, verb, item.kind)
    require(not item.arguments_done, "more arguments after they were done", family, verb)
    if verb == "delta":
        require(isinstance(data.get("delta"), str), "a delta without delta", family)
        item.arguments.append(data["delta"])
        return
    require(verb == "done", "an unknown event", family, verb)
    require(
        data.get(field) == "".join(item.arguments), "what is done differs from its deltas", family
    )
    item.arguments_done = True
