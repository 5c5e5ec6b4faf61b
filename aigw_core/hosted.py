"""Tools that a vendor runs itself, before a target of another vendor.

Agents declare a search or sub-agents with every request, beside the functions they
live on, and go on without. So such a tool is left out with a warning when functions
remain; where it is all there is, the request means it, and is refused. (A choice that
demands one is refused by the codecs.)
"""

from __future__ import annotations

from aigw_core.chat import ChatRequest, HostedTool, Tool
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger


def client_tools(request: ChatRequest, ledger: Ledger) -> tuple[Tool, ...]:
    """The tools of ``request`` that do not depend on a vendor.

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
