"""Notes what of a request only its own format understands.

Beside what has a meaning everywhere, a client sends fields that only its vendor
knows: identifiers of items, proofs, hints. Encoders of other formats do not look at
them. They are listed here once for all, quietly: nobody notices that they are gone,
but nothing goes without a word.
"""

from __future__ import annotations

from aigw_core.chat import ChatRequest, Format, Part, Reasoning, Text, Tool, ToolCall, ToolResult
from aigw_core.ledger import Ledger


def note_leftovers(request: ChatRequest, target: Format, ledger: Ledger) -> None:
    """Write down in ``ledger`` what no encoder but that of ``request.format`` writes."""
    if request.format is target:
        return
    for turn in request.unusual:
        for part in turn.parts:
            _note_part(part, turn.pointer, target, ledger)
            if type(part) is ToolResult:
                for inner in part.content:
                    _note_part(inner, turn.pointer, target, ledger)
    for tool in request.tools:
        if isinstance(tool, Tool) and tool.native is not None:
            ledger.dropped("tool_fields_dropped", tool.pointer, reported=False)


def _note_part(part: Part, pointer: str, target: Format, ledger: Ledger) -> None:
    # Reasoning is noted as a whole by whoever leaves it out.
    native = None if isinstance(part, Reasoning) else getattr(part, "native", None)
    if native is not None and native.format is not target:
        ledger.dropped("native_fields_dropped", pointer, reported=False)
    if isinstance(part, Text | ToolCall):
        seal = part.seal
        if seal is not None and seal.issuer != target.value:
            ledger.dropped("seal_dropped", pointer, reported=False)
