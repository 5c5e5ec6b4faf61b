"""The ``anthropic`` SDK reading Messages."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

from tests.oracles.record import Record, SeenCall, SeenError, SeenUsage, compact, reads
from tests.oracles.transport import EVENT_STREAM, JSON, MemoryTransport

_TRANSPORT = MemoryTransport()
_CLIENT = anthropic.Anthropic(
    api_key="test",
    base_url="http://upstream.test",
    max_retries=0,
    http_client=httpx2.Client(transport=_TRANSPORT),
)
_STOPS = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
    "pause_turn": "pause",
}


@reads
def read_stream(data: bytes) -> Record:
    _TRANSPORT.answer_with(200, EVENT_STREAM, data)
    pieces: dict[int, list[str]] = {}  # the arguments as they were on the wire, by block
    message: Any = None
    try:
        with _CLIENT.messages.stream(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]
        ) as stream:
            event: Any
            for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                    pieces.setdefault(event.index, []).append(event.delta.partial_json)
                elif event.type == "message_start":
                    message = stream.current_message_snapshot
            return _record(stream.current_message_snapshot, pieces)
    except anthropic.APIStatusError as exc:
        partial = Record() if message is None else _record(message, pieces)
        return Record(
            text=partial.text,
            reasoning=partial.reasoning,
            calls=partial.calls,
            usage=partial.usage,
            error=_error(exc),
        )


@reads
def read_body(status: int, body: bytes) -> Record:
    _TRANSPORT.answer_with(status, JSON, body)
    try:
        return _record(
            _CLIENT.messages.create(
                model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]
            ),
            {},
        )
    except anthropic.APIStatusError as exc:
        return Record(error=_error(exc))


def _error(exc: anthropic.APIStatusError) -> SeenError:
    body: Any = exc.body
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return SeenError(str(error.get("message")), exc.status_code, error.get("type"))
    return SeenError(exc.message, exc.status_code)


def _record(message: Any, pieces: dict[int, list[str]]) -> Record:
    text, reasoning, calls, signatures = [], [], [], []
    server_calls = media = 0
    for index, block in enumerate(message.content):
        kind = block.type
        if kind == "text":
            text.append(block.text)
        elif kind == "thinking":
            reasoning.append(block.thinking)
            if block.signature:
                signatures.append(block.signature)
        elif kind == "redacted_thinking":
            signatures.append(block.data)
        elif kind == "tool_use":
            calls.append(_call(block, pieces.get(index)))
        elif kind in ("server_tool_use", "mcp_tool_use"):
            server_calls += 1
        else:
            media += 1
    return Record(
        text="".join(text),
        reasoning="\n\n".join(reasoning),
        calls=tuple(calls),
        stop=_STOPS.get(message.stop_reason or "", message.stop_reason),
        usage=_usage(message.usage),
        signatures=tuple(signatures),
        server_calls=server_calls,
        media=media,
    )


def _call(block: Any, pieces: list[str] | None) -> SeenCall:
    text = "".join(pieces or [])
    if text:
        return SeenCall(block.id, block.name, text)
    return SeenCall(block.id, block.name, compact(block.input), exact=False)


def _usage(usage: Any) -> SeenUsage:
    counts = [
        usage.input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_read_input_tokens,
    ]
    known = [count for count in counts if count is not None]
    details = getattr(usage, "output_tokens_details", None)
    return SeenUsage(
        input=sum(known) if known else None,
        cached=usage.cache_read_input_tokens,
        cache_write=usage.cache_creation_input_tokens,
        output=usage.output_tokens,
        reasoning=getattr(details, "thinking_tokens", None),
    )
