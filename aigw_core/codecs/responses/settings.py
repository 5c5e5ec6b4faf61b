"""Tools and output settings as this format writes them: in a request to an
upstream, and echoed in the answer to a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    HostedTool,
    Native,
    OutputKind,
    OutputSpec,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import native_fields

Json = dict[str, object]


def write_tool(tool: Tool | HostedTool, name: str, *, own: bool) -> Json | Raw:
    """A tool definition. ``own``: the request came in this format, where an absent
    ``strict`` means true; elsewhere it means false, and is said."""
    if isinstance(tool, HostedTool):
        return Raw(tool.native.raw)
    written: Json = {"type": "custom" if tool.freeform else "function", "name": name}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.freeform:
        if tool.grammar is not None:
            written["format"] = _grammar(tool.grammar)
    else:
        written["parameters"] = None if tool.schema is None else Raw(tool.schema)
        if tool.strict is not None or not own:
            written["strict"] = bool(tool.strict)
    if own:
        written.update(native_fields(tool.native))
    return written


def _grammar(grammar: Native) -> Raw | Json:
    """A ``format`` of free text; formats that nest the grammar get it flat."""
    try:
        document = wire.decode_fields(grammar.raw)
        if "grammar" in document:
            return {"type": "grammar", **wire.decode_fields(document["grammar"])}
    except msgspec.DecodeError:
        return {"type": "text"}
    return Raw(grammar.raw)


def write_tool_choice(
    choice: ToolChoice, freeform: Iterable[str], to_target: Callable[[str], str]
) -> str | Json | Raw:
    """``freeform`` names the tools that take free text, by the client's names."""
    if choice.native is not None:
        return Raw(choice.native.raw)
    if not choice.names:
        return choice.mode.value
    custom = set(freeform)
    tools: list[Json] = [
        {"type": "custom" if name in custom else "function", "name": to_target(name)}
        for name in choice.names
    ]
    if len(tools) == 1 and choice.mode is ToolChoiceMode.REQUIRED:
        return tools[0]
    return {"type": "allowed_tools", "mode": choice.mode.value, "tools": tools}


def write_text(output: OutputSpec, *, own: bool) -> Json:
    """The ``text`` object; empty when all is as usual. ``own``: the request came in
    this format; elsewhere a schema may have no name, which is needed here."""
    text: Json = {}
    if output.kind is OutputKind.JSON:
        text["format"] = {"type": "json_object"}
    elif output.kind is OutputKind.SCHEMA:
        asked: Json = {"type": "json_schema"}
        if output.name is not None or not own:
            asked["name"] = output.name if own else output.name or "response"
        if output.description is not None:
            asked["description"] = output.description
        asked["schema"] = Raw(output.schema or b"{}")
        if output.strict is not None:
            asked["strict"] = output.strict
        text["format"] = asked
    if output.verbosity is not None:
        text["verbosity"] = output.verbosity
    return text


SUMMARIES: Mapping[str | None, str] = {
    "summary": "auto",
    "raw": "auto",
    "detailed": "detailed",
}
"""How much reasoning is to be seen, in this format's words."""
