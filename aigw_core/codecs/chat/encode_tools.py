"""Tools and the choice among them, for an upstream."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Raw

from aigw_core.chat import ChatRequest, Format, HostedTool, Tool, ToolChoice, ToolChoiceMode
from aigw_core.codec import Caps
from aigw_core.codecs.chat.encode_messages import Json, read_fields, speaks_openai
from aigw_core.errors import InvalidRequest
from aigw_core.foreign import client_tools
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

LEGAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
NAME_LIMIT = 64

_WRAPPED_SCHEMA = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],'
    b'"additionalProperties":false}'
)


class ToolWriter:
    """Writes the tools of one request.

    ``names`` maps the client's names to the target's. ``wrapped`` holds the client's
    names of free-form tools that become functions, since the target knows none.
    """

    def __init__(self, request: ChatRequest, caps: Caps, ledger: Ledger) -> None:
        self._request = request
        self._caps = caps
        self._ledger = ledger
        self._own = request.format is Format.CHAT
        self._modern = speaks_openai(caps)
        declared = [tool for tool in request.tools if isinstance(tool, Tool)]
        self.names = ToolNames((tool.name for tool in declared), LEGAL_NAME, NAME_LIMIT)
        self.wrapped = frozenset(
            tool.name for tool in declared if tool.freeform and not (self._own or self._modern)
        )

    def write(self, body: Json) -> None:
        """Put what the request says of tools into ``body``."""
        request = self._request
        tools = [self._tool(tool) for tool in self._offered()]
        if tools:
            body["tools"] = tools
        choice = request.tool_choice
        if choice is not None:
            if tools or self._own:
                body["tool_choice"] = self._choice(choice)
            else:
                self._drop("tool_choice_without_tools", "tool_choice", reported=False)
        if request.parallel_tools is not None:
            if not (tools or self._own):
                self._drop("parallel_tools_without_tools", "parallel_tools", reported=False)
            elif self._caps.parallel_flag or self._own:
                body["parallel_tool_calls"] = request.parallel_tools
            elif not request.parallel_tools:
                self._drop("parallel_tools_unsupported", "parallel_tools")

    def _narrows(self, choice: ToolChoice) -> bool:
        """Whether the choice leaves several tools, or one that need not be called."""
        forced = choice.mode is ToolChoiceMode.REQUIRED and len(choice.names) == 1
        return bool(choice.names) and not forced

    def _offered(self) -> list[Tool | HostedTool]:
        """All tools, or those the choice leaves, where the target knows no subsets."""
        request, choice = self._request, self._request.tool_choice
        tools = request.tools if self._own else client_tools(request, self._ledger)
        if choice is None or self._own or self._modern or not self._narrows(choice):
            return list(tools)
        self._ledger.approximated("tools_filtered", self._ledger.pointer("tool_choice"))
        return [tool for tool in tools if isinstance(tool, Tool) and tool.name in choice.names]

    def _tool(self, tool: Tool | HostedTool) -> Any:
        if isinstance(tool, HostedTool):
            return Raw(tool.native.raw)
        inner: Json = {"name": self.names.to_target(tool.name)}
        if tool.description is not None:
            inner["description"] = tool.description
        kind = "function"
        if tool.name in self.wrapped:
            inner["parameters"] = _WRAPPED_SCHEMA
            if tool.grammar is not None:
                self._ledger.dropped("grammar_dropped", tool.pointer)
        elif tool.freeform:
            kind = "custom"
            if tool.grammar is not None:
                inner["format"] = self._grammar(tool)
        else:
            if tool.schema is not None:
                inner["parameters"] = Raw(tool.schema)
            if tool.strict is not None:
                inner["strict"] = tool.strict
        return self._beside(tool, {"type": kind, kind: inner}, kind)

    def _grammar(self, tool: Tool) -> Any:
        """The vendor's other format writes the same members without the nesting."""
        assert tool.grammar is not None
        if tool.grammar.format is Format.CHAT:
            return Raw(tool.grammar.raw)
        fields = read_fields(tool.grammar.raw)
        kind = fields.pop("type", None)
        return {"type": kind or "grammar", "grammar": fields}

    def _beside(self, tool: Tool, written: Json, kind: str) -> Json:
        native = tool.native
        if native is None or not self._own:
            if tool.cache is not None and not self._own:
                self._ledger.dropped("cache_mark_dropped", tool.pointer, reported=False)
            if native is not None:
                self._ledger.dropped("tool_fields_dropped", tool.pointer, reported=False)
            return written
        fields = read_fields(native.raw)
        below = fields.pop(kind, None)
        if below is not None:
            written[kind].update(read_fields(bytes(below)))
        return {**written, **fields}

    def _choice(self, choice: ToolChoice) -> Any:
        if choice.native is not None:
            if self._own:
                return Raw(choice.native.raw)
            raise InvalidRequest(
                "the target does not run that tool", pointer=self._ledger.pointer("tool_choice")
            )
        if not choice.names or choice.mode is ToolChoiceMode.NONE:
            return choice.mode.value
        if not self._narrows(choice):
            return self._named(choice.names[0])
        if not (self._own or self._modern):
            return choice.mode.value
        allowed = {"mode": choice.mode.value, "tools": [self._named(name) for name in choice.names]}
        return {"type": "allowed_tools", "allowed_tools": allowed}

    def _named(self, name: str) -> Json:
        freeform = any(
            isinstance(tool, Tool) and tool.name == name and tool.freeform
            for tool in self._request.tools
        )
        kind = "custom" if freeform and name not in self.wrapped else "function"
        return {"type": kind, kind: {"name": self.names.to_target(name)}}

    def _drop(self, code: str, field: str, *, reported: bool = True) -> None:
        self._ledger.dropped(code, self._ledger.pointer(field), reported=reported)
