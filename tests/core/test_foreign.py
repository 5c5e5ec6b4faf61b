"""What only a vendor can do, before targets of another one."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from aigw_core.chat import (
    ChatRequest,
    Extra,
    Format,
    HostedTool,
    Native,
    Opaque,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from aigw_core.codec import Caps, Codec
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Action, Ledger, LedgerEntry

FUNCTION = Tool("look_up", pointer="/tools/0")

each_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.format)


def request(
    codec: Codec, *, functions: tuple[Tool, ...] = (), choice: ToolChoice | None = None
) -> ChatRequest:
    other = Format.GEMINI if codec.format is not Format.GEMINI else Format.MESSAGES
    hosted = HostedTool(Native(other, b'{"type":"crystal_ball"}'), "crystal_ball", "/tools/1")
    turn = Turn(Role.USER, (Text("What will come?"),), pointer="/messages/0")
    return ChatRequest("m", (turn,), other, tools=(*functions, hosted), tool_choice=choice)


@each_codec
def test_beside_functions_a_hosted_tool_is_left_out_with_a_warning(codec: Codec) -> None:
    ledger = Ledger()
    encoded = codec.encode_request(request(codec, functions=(FUNCTION,)), "up", Caps(), ledger)
    body = json.loads(encoded.body)
    assert "look_up" in json.dumps(body["tools"])
    assert "crystal_ball" not in json.dumps(body)
    assert [entry for entry in ledger.entries if entry.reported] == [
        LedgerEntry(Action.DROPPED, "hosted_tool_unsupported", "/tools/1", "crystal_ball")
    ]


@each_codec
@pytest.mark.parametrize("demanded", [False, True])
def test_a_hosted_tool_that_is_all_there_is_or_demanded_is_refused(
    codec: Codec, demanded: bool
) -> None:
    if demanded:
        native = Native(request(codec).format, b'{"type":"crystal_ball"}')
        choice = ToolChoice(ToolChoiceMode.REQUIRED, native=native)
        asked = request(codec, functions=(FUNCTION,), choice=choice)
    else:
        asked = request(codec)
    with pytest.raises(InvalidRequest) as caught:
        codec.encode_request(asked, "up", Caps(), Ledger())
    assert caught.value.failure.param == ("/tool_choice" if demanded else "/tools/1")


@each_codec
def test_fields_of_another_format_are_noted_or_refused(codec: Codec) -> None:
    asked = request(codec, functions=(FUNCTION,))
    known = Extra("newer", b"1", "/newer")
    result = ToolResult("c1", (Text("a", native=Native(asked.format, b"{}")),))
    call = Turn(Role.ASSISTANT, (ToolCall("c1", "look_up", "{}"),), pointer="/messages/1")
    turns = (*asked.turns, call, Turn(Role.USER, (result,), pointer="/messages/2"))
    asked = replace(asked, extras=(known,), turns=turns)
    ledger = Ledger()
    codec.encode_request(asked, "up", Caps(), ledger)
    codes = {(entry.code, entry.pointer, entry.reported) for entry in ledger.entries}
    assert ("unknown_field", "/newer", True) in codes
    assert ("native_fields_dropped", "/messages/2", False) in codes
    for fatal in (
        replace(asked, extras=(replace(known, essential=True),)),
        replace(
            asked,
            turns=(
                *turns,
                Turn(
                    Role.USER,
                    (Opaque(Native(asked.format, b"{}"), "reference", essential=True),),
                    pointer="/newer",
                ),
            ),
        ),
    ):
        with pytest.raises(InvalidRequest) as caught:
            codec.encode_request(fatal, "up", Caps(), Ledger())
        assert caught.value.failure.param == "/newer"
