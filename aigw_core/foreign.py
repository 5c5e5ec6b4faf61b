"""What of a request only the vendor of its format can do, before a target of another.

Every encoder comes here first for a request of another format, so that such things are
refused or noted alike by all: tools that the vendor runs, fields without a canonical
meaning, and what stood beside the known fields of a part.
"""

from __future__ import annotations

from aigw_core.chat import ChatRequest, HostedTool, Opaque, Part, Refusal, Text, Tool, ToolResult
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger


def note_foreign(request: ChatRequest, ledger: Ledger) -> None:
    """Note the fields that cannot go along.

    Raises:
        InvalidRequest: without one of them the answer would be another one.
    """
    for extra in request.extras:
        if extra.essential:
            raise InvalidRequest(
                f"the target has no equivalent of {extra.name}", pointer=extra.pointer
            )
        ledger.dropped("unknown_field", extra.pointer, detail=extra.name[:64])
    for turn in request.unusual:
        for part in turn.parts:
            if type(part) is Text:
                if part.native is not None:
                    ledger.dropped("native_fields_dropped", turn.pointer, reported=False)
            elif isinstance(part, Opaque):
                if part.essential:
                    raise InvalidRequest(
                        f"the target has no equivalent of {part.label}", pointer=turn.pointer
                    )
            elif not isinstance(part, Refusal) and (part.native is not None or _holds_more(part)):
                ledger.dropped("native_fields_dropped", turn.pointer, reported=False)


def _holds_more(part: Part) -> bool:
    return isinstance(part, ToolResult) and any(
        inner.native is not None for inner in part.content if not isinstance(inner, Opaque)
    )


def client_tools(request: ChatRequest, ledger: Ledger) -> tuple[Tool, ...]:
    """The tools of ``request`` that do not depend on a vendor.

    Agents declare a search or sub-agents with every request, beside the functions they
    live on, and go on without. So such a tool is left out with a warning when functions
    remain; where it is all there is, the request means it. (A choice that demands one
    is refused by the codecs.)

    Raises:
        InvalidRequest: there are only hosted tools.
    """
    tools = tuple([tool for tool in request.tools if isinstance(tool, Tool)])
    if len(tools) == len(request.tools):
        return tools
    for tool in request.tools:
        if not isinstance(tool, HostedTool):
            continue
        if not tools:
            raise InvalidRequest(
                f"the target does not run the tool {tool.label[:64]!r}",
                pointer=tool.pointer,
                code="hosted_tool_unsupported",
            )
        ledger.dropped("hosted_tool_unsupported", tool.pointer, detail=tool.label[:64])
    return tools
