"""Puts an answer's tool calls back into the client's terms.

A request may have had to rename tools that the target finds illegal, and to
wrap free-form tools as functions that take ``{"input": text}``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from aigw_core.chat import ChatResponse, Choice, Part, ToolCall
from aigw_core.events import PartEnd, PartKind, PartSealed, PartStart, StreamEvent, ToolCallDelta


class _Wrapped(Struct, frozen=True):
    input: str


_DECODE_WRAPPED = msgspec.json.Decoder(_Wrapped).decode


def unwrap_input(arguments: str) -> str:
    """The free text in ``{"input": text}``; what is not of that shape stays as it is."""
    try:
        return _DECODE_WRAPPED(arguments.encode("utf-8", "surrogatepass")).input
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return arguments


class Unwrapper:
    """Restores tool names and free-form inputs in events or whole answers.

    ``names`` maps the target's names to the client's; ``wrapped`` holds the
    client's names of free-form tools. The arguments of a wrapped call are held
    until the call ends, since JSON text cannot be unescaped piece by piece.
    """

    def __init__(self, names: Mapping[str, str], wrapped: frozenset[str]) -> None:
        self._names = names
        self._wrapped = wrapped
        self._held: dict[tuple[int, int], list[str]] = {}

    def restore(self, events: list[StreamEvent]) -> list[StreamEvent]:
        if not self._names and not self._wrapped:
            return events
        restored: list[StreamEvent] = []
        for event in events:
            if isinstance(event, PartStart) and event.kind is PartKind.TOOL_CALL:
                restored.append(self._start(event))
            elif isinstance(event, ToolCallDelta) and self._held:
                held = self._held.get((event.choice, event.part))
                if held is None:
                    restored.append(event)
                else:
                    held.append(event.arguments)
            elif isinstance(event, PartSealed | PartEnd) and self._held:
                restored += self._flush(event)
                restored.append(event)
            else:
                restored.append(event)
        return restored

    def restore_response(self, response: ChatResponse) -> ChatResponse:
        if not self._names and not self._wrapped:
            return response
        choices = tuple(
            Choice(tuple(self._restore_part(part) for part in choice.parts), choice.stop)
            for choice in response.choices
        )
        return replace(response, choices=choices)

    def _start(self, event: PartStart) -> PartStart:
        name = self._names.get(event.name, event.name)
        wrapped = name in self._wrapped
        if wrapped:
            self._held[event.choice, event.part] = []
        return replace(event, name=name, freeform=event.freeform or wrapped)

    def _flush(self, event: PartSealed | PartEnd) -> list[StreamEvent]:
        held = self._held.pop((event.choice, event.part), None)
        text = unwrap_input("".join(held)) if held else ""
        return [ToolCallDelta(event.part, text, event.choice)] if text else []

    def _restore_part(self, part: Part) -> Part:
        if not isinstance(part, ToolCall):
            return part
        name = self._names.get(part.name, part.name)
        if name not in self._wrapped:
            return replace(part, name=name)
        return replace(part, name=name, freeform=True, arguments=unwrap_input(part.arguments))
