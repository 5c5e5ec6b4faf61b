from __future__ import annotations

import pytest

from aigw_core.chat import (
    ChatRequest,
    Format,
    Native,
    Reasoning,
    Role,
    Seal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.ledger import Ledger
from aigw_core.leftovers import note_leftovers

OWN = Native(Format.RESPONSES, b'{"status":"completed"}')
SEAL = Seal("gemini", "thought_signature", "c2ln")


def noted(request: ChatRequest, target: Format) -> list[tuple[str, str, bool]]:
    ledger = Ledger()
    note_leftovers(request, target, ledger)
    return [(entry.code, entry.pointer, entry.reported) for entry in ledger.entries]


def request(
    *turns: Turn, format: Format = Format.RESPONSES, tools: tuple[Tool, ...] = ()
) -> ChatRequest:
    return ChatRequest("m", turns, format, tools=tools)


@pytest.mark.parametrize(
    "part",
    [
        Text("a", native=OWN),
        ToolCall("c", "f", "{}", native=OWN),
        ToolResult("c", native=OWN),
        ToolResult("c", (Text("a", native=OWN),)),
    ],
)
def test_fields_of_one_vendor_are_noted_quietly(part: Text | ToolCall | ToolResult) -> None:
    asked = request(Turn(Role.ASSISTANT, (part, part), pointer="/input/3"))
    assert noted(asked, Format.CHAT) == [("native_fields_dropped", "/input/3", False)]
    assert noted(asked, Format.RESPONSES) == []


def test_reasoning_is_left_to_those_who_leave_it_out() -> None:
    asked = request(Turn(Role.ASSISTANT, (Reasoning("a", native=OWN),), pointer="/input/3"))
    assert noted(asked, Format.CHAT) == []


def test_proofs_that_the_target_does_not_take_are_noted() -> None:
    call = Turn(Role.ASSISTANT, (ToolCall("c", "f", "{}", seal=SEAL),), pointer="/contents/1")
    asked = request(call, format=Format.GEMINI)
    assert noted(asked, Format.CHAT) == [("seal_dropped", "/contents/1", False)]
    # One that came back in an envelope goes where it belongs.
    assert noted(request(call, format=Format.CHAT), Format.GEMINI) == []


def test_fields_of_tools_are_noted_at_the_tool() -> None:
    tool = Tool("f", native=OWN, pointer="/tools/0")
    assert noted(request(tools=(tool,)), Format.GEMINI) == [
        ("tool_fields_dropped", "/tools/0", False)
    ]
