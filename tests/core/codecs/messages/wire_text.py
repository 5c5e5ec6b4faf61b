"""Messages streams and bodies as the vendor writes them, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aigw_core.codec import AnswerContext, StreamDecoder
from aigw_core.events import EventGrammar, StreamEvent

CONTEXT = AnswerContext("client-model", "0123abc", 1_700_000_000, request_id="req_1")


def event(kind: str, **fields: Any) -> bytes:
    """One event; the spacing is what ``json.dumps`` makes of it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def message_start(usage: dict[str, Any] | None = None, **fields: Any) -> bytes:
    message = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "up-model",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 1} if usage is None else usage,
        **fields,
    }
    return event("message_start", message=message)


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    """A whole content block."""
    return b"".join(
        [
            event("content_block_start", index=index, content_block=start),
            *[event("content_block_delta", index=index, delta=delta) for delta in deltas],
            event("content_block_stop", index=index),
        ]
    )


def text_block(index: int, *texts: str) -> bytes:
    deltas = [{"type": "text_delta", "text": text} for text in texts]
    return block(index, {"type": "text", "text": ""}, *deltas)


def call_block(index: int, *pieces: str, name: str = "get_weather", call_id: str = "") -> bytes:
    start = {"type": "tool_use", "id": call_id or f"toolu_{index}", "name": name, "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block(index, start, *deltas)


def ending(
    reason: str | None = "end_turn", usage: dict[str, Any] | None = None, **delta: Any
) -> bytes:
    change = {"stop_reason": reason, "stop_sequence": None, **delta}
    counts = {"output_tokens": 12} if usage is None else usage
    return event("message_delta", delta=change, usage=counts) + event("message_stop")


PING = event("ping")

FULL_STREAM = b"".join(
    [
        message_start(
            {
                "input_tokens": 10,
                "cache_creation_input_tokens": 5,
                "cache_read_input_tokens": 85,
                "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
                "output_tokens": 1,
                "service_tier": "standard",
            }
        ),
        PING,
        block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Let me "},
            {"type": "thinking_delta", "thinking": "see… 東京"},
            {"type": "signature_delta", "signature": "EqUvELGo9M=="},
        ),
        block(1, {"type": "redacted_thinking", "data": "EqVqjTwn"}),
        text_block(2, "Grüß ", "Gott\u2028😀"),
        PING,
        block(
            3,
            {"type": "text", "text": "", "citations": []},
            {
                "type": "citations_delta",
                "citation": {
                    "type": "web_search_result_location",
                    "url": "https://example.com/a",
                    "title": "A",
                    "cited_text": "quote",
                    "encrypted_index": "Eo8BCi",
                },
            },
            {"type": "text_delta", "text": "cited"},
        ),
        block(
            4,
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"query": "x"}'},
        ),
        block(
            5,
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [
                    {
                        "type": "web_search_result",
                        "encrypted_content": "EqMB",
                        "url": "https://example.com/a",
                        "title": "A",
                        "page_age": None,
                    }
                ],
            },
        ),
        call_block(6, "", '{"city": "Zür', 'ich", "days": 2.50}'),
        call_block(7, name="now"),
        ending(
            "tool_use",
            {
                "input_tokens": 10,
                "cache_creation_input_tokens": 5,
                "cache_read_input_tokens": 85,
                "output_tokens": 40,
                "output_tokens_details": {"thinking_tokens": 15},
            },
        ),
    ]
)
"""Every kind of block, as one answer."""


def feed_all(decoder: StreamDecoder, reads: Iterable[bytes]) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    for read in reads:
        events += decoder.feed(read)
    return events + decoder.eof()


def check_order(events: Iterable[StreamEvent]) -> None:
    grammar = EventGrammar()
    for item in events:
        grammar.accept(item)
    assert grammar.complete
