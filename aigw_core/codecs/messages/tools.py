"""Tools and the choice among them, as an upstream request has them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.chat import ChatRequest, Format, HostedTool, Tool, ToolChoice, ToolChoiceMode
from aigw_core.codec import Caps
from aigw_core.codecs.messages.blocks import own
from aigw_core.codecs.messages.turns import Block, encode_cache
from aigw_core.codecs.messages.wire import decode_fields
from aigw_core.errors import InvalidRequest
from aigw_core.foreign import client_tools
from aigw_core.jsondoc import decode_as
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

_encode = msgspec.json.encode

_NO_ARGUMENTS = b'{"type":"object","properties":{}}'
_FREE_TEXT = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},'
    b'"required":["input"],"additionalProperties":false}'
)


class ToolEncoder:
    """Encodes the tools of one request. ``names`` knows what they are called here."""

    def __init__(self, request: ChatRequest, caps: Caps, ledger: Ledger, names: ToolNames) -> None:
        self._request = request
        self._native = request.format is Format.MESSAGES
        self._caps = caps
        self._ledger = ledger
        self._names = names

    def encode(self) -> tuple[list[Block], dict[str, Any] | None]:
        """``tools`` and ``tool_choice``.

        Raises:
            InvalidRequest: a tool or a choice that only another vendor has.
        """
        request, ledger = self._request, self._ledger
        choice = request.tool_choice
        chosen: tuple[Tool | HostedTool, ...] = request.tools
        if not self._native:
            chosen = client_tools(request, ledger)
        if choice is not None and _is_subset(choice):
            ledger.approximated("tool_subset", ledger.pointer("tool_choice"))
            chosen = tuple(
                tool for tool in chosen if not isinstance(tool, Tool) or tool.name in choice.names
            )
        tools = [self._tool(tool) for tool in chosen]
        return tools, self._choice(choice, has_tools=bool(tools))

    def _tool(self, tool: Tool | HostedTool) -> Block:
        if isinstance(tool, HostedTool):
            return dict(own(tool.native))
        block: Block = {"name": self._names.to_target(tool.name)}
        if tool.description is not None:
            block["description"] = tool.description
        block["input_schema"] = _FREE_TEXT if tool.freeform else self._arguments_schema(tool)
        if tool.grammar is not None:
            self._ledger.dropped("grammar_unsupported", tool.pointer)
        if tool.strict or (self._native and tool.strict is not None):
            block["strict"] = tool.strict
        if tool.cache is not None:
            block["cache_control"] = encode_cache(tool.cache)
        if tool.native is not None and tool.native.format is not Format.MESSAGES:
            self._ledger.dropped("native_fields_dropped", tool.pointer, reported=False)
        block.update(own(tool.native))
        return block

    def _arguments_schema(self, tool: Tool) -> Raw:
        if tool.schema is None:
            return Raw(_NO_ARGUMENTS)
        if self._native:
            return Raw(tool.schema)
        try:
            fields = decode_fields(tool.schema)
        except msgspec.ValidationError:
            raise InvalidRequest(
                "the schema of the arguments is an object", pointer=tool.pointer
            ) from None
        if "type" in fields:
            return Raw(tool.schema)
        # This upstream refuses a schema that does not say that it is an object.
        return Raw(_encode({"type": "object", **fields}))

    def _choice(self, choice: ToolChoice | None, *, has_tools: bool) -> dict[str, Any] | None:
        request, ledger = self._request, self._ledger
        parallel = request.parallel_tools
        if choice is not None and choice.native is not None:
            if choice.native.format is not Format.MESSAGES:
                raise InvalidRequest(
                    "this upstream cannot be made to use that tool",
                    pointer=ledger.pointer("tool_choice"),
                )
            return dict(decode_as(msgspec.json.decode, choice.native.raw))
        if not has_tools and not (self._native and choice is not None):
            if choice is not None and choice.mode is ToolChoiceMode.REQUIRED:
                raise InvalidRequest(
                    "a tool is demanded and none is declared", pointer=ledger.pointer("tool_choice")
                )
            if parallel is not None:
                ledger.dropped(
                    "parallel_without_tools", ledger.pointer("parallel_tools"), reported=False
                )
            return None
        wanted: dict[str, Any] = {"type": "auto"}
        if choice is not None and choice.mode is ToolChoiceMode.NONE:
            return {"type": "none"}
        if choice is not None and choice.mode is ToolChoiceMode.REQUIRED:
            if len(choice.names) == 1:
                wanted = {"type": "tool", "name": self._names.to_target(choice.names[0])}
            else:
                wanted = {"type": "any"}
        if parallel is None or (parallel and not self._native):
            return None if choice is None else wanted
        if not self._caps.parallel_flag:
            ledger.dropped("parallel_flag_unsupported", ledger.pointer("parallel_tools"))
            return None if choice is None else wanted
        wanted["disable_parallel_tool_use"] = not parallel
        return wanted


def _is_subset(choice: ToolChoice) -> bool:
    if choice.native is not None or not choice.names:
        return False
    return choice.mode is not ToolChoiceMode.REQUIRED or len(choice.names) > 1
