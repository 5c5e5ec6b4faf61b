"""Losses that the mutation search found to be silent once, each with its entry now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import Format
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.translate import Translation, translate_request

_C, _M, _R, _G = Format.CHAT, Format.MESSAGES, Format.RESPONSES, Format.GEMINI
_SCHEMA = {"type": "object", "properties": {}}


def translated(client: Format, body: Any, upstream: Format, caps: Caps) -> Translation:
    model = "m" if client is _G else None
    inbound = Inbound(json.dumps(body).encode(), {}, model, False if model else None)
    request = CODECS[client].decode_request(inbound)
    return translate_request(inbound, request, CODECS[client], CODECS[upstream], "up", caps)


def chat(*messages: Any, **more: Any) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}, *messages], **more}


def claude(*messages: Any, **more: Any) -> Any:
    turns = [{"role": "user", "content": "x"}, *messages]
    return {"model": "m", "max_tokens": 4096, "messages": turns, **more}


def items(*later: Any, **more: Any) -> Any:
    return {"model": "m", "input": [{"role": "user", "content": "x"}, *later], **more}


def gemini(*contents: Any, **more: Any) -> Any:
    turns = [{"role": "user", "parts": [{"text": "x"}]}, *contents]
    return {"contents": turns, **more}


MARK = {"type": "ephemeral"}
TOOL_TURNS = (
    {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": "c", "name": "f", "input": {}, "cache_control": MARK}
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c", "content": "y", "cache_control": MARK}
        ],
    },
)
SIGNED = {"role": "model", "parts": [{"text": "a", "thoughtSignature": "c2ln"}]}
NEXT = {"role": "user", "parts": [{"text": "y"}]}

LOSSES = [
    (_M, claude(*TOOL_TURNS), _C, "cache_mark_dropped", "/messages/1"),
    (_M, claude(*TOOL_TURNS), _C, "cache_mark_dropped", "/messages/2"),
    (_M, claude(*TOOL_TURNS), _R, "cache_mark_unsupported", "/messages/1"),
    (_M, claude(*TOOL_TURNS), _R, "cache_mark_unsupported", "/messages/2"),
    *[
        (
            _M,
            claude(thinking={"type": "enabled", "budget_tokens": 1500}),
            upstream,
            code,
            "/thinking/budget_tokens",
        )
        for upstream, code in (
            (_C, "budget_to_effort"),
            (_R, "budget_to_effort"),
            (_G, "budget_to_level"),
        )
    ],
    *[
        (_M, claude(thinking={"type": "adaptive"}), upstream, code, "/thinking/type")
        for upstream in (_C, _R, _G)
        for code in ("thinking_mode_unsupported",)
    ],
    (_C, chat(thinking={"type": "disabled"}), _G, "thinking_off_unsupported", "/thinking"),
    (
        _M,
        claude(tools=[{"name": "f", "input_schema": _SCHEMA, "defer_loading": True}]),
        _C,
        "tool_fields_dropped",
        "/tools/0",
    ),
    (
        _M,
        claude(
            tools=[
                {"name": "f", "input_schema": _SCHEMA, "strict": True},
                {"name": "g", "input_schema": _SCHEMA},
            ]
        ),
        _G,
        "strict_tools_unsupported",
        "/tools/0",
    ),
    (_C, chat(store=True), _R, "store_dropped", "/store"),
    (_C, chat(reasoning={"exclude": True}), _R, "reasoning_visibility_unsupported", "/reasoning"),
    (_C, chat(reasoning={"max_tokens": 2000}), _M, "budget_to_effort", "/reasoning"),
    (
        _R,
        items(
            {"role": "assistant", "id": "msg_1", "type": "message", "content": "a"},
            {"role": "user", "content": "y"},
        ),
        _C,
        "native_fields_dropped",
        "/input/1",
    ),
    (
        _R,
        items({"type": "additional_tools", "role": "developer", "tools": []}, {"role": "user", "content": "y"}),
        _G,
        "foreign_item_unsupported",
        "/input/1",
    ),
    (_G, gemini(SIGNED, NEXT), _C, "seal_dropped", "/contents/1"),
    (_G, gemini(SIGNED, NEXT), _R, "seal_dropped", "/contents/1"),
    (
        _G,
        gemini(generationConfig={"thinkingConfig": {"includeThoughts": True}}),
        _C,
        "reasoning_visibility_unsupported",
        "/generationConfig/thinkingConfig/includeThoughts",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("client", "body", "upstream", "code", "pointer"), LOSSES)
def test_the_loss_is_told(
    client: Format, body: Any, upstream: Format, code: str, pointer: str
) -> None:
    found = translated(client, body, upstream, Caps()).ledger
    assert (code, pointer) in {(entry.code, entry.pointer) for entry in found}


@pytest.mark.parametrize("upstream", [_C, _M, _R])
def test_what_another_vendor_cached_is_refused(upstream: Format) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translated(_G, gemini(cachedContent="cachedContents/a"), upstream, Caps())
    assert caught.value.failure.param == "/cachedContent"


def test_thinking_that_is_off_stays_off_where_the_model_is_known_to_think() -> None:
    body = chat(thinking={"type": "disabled"})
    sent = json.loads(translated(_C, body, _G, Caps(thinking="budget")).encoded.body)
    assert sent["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
