"""The ``openai`` SDK reading Responses."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState

from tests.oracles.chat import seen_error
from tests.oracles.record import CannotRead, Record, SeenCall, SeenError, SeenUsage, reads
from tests.oracles.transport import EVENT_STREAM, JSON, MemoryTransport

_TRANSPORT = MemoryTransport()
_CLIENT = openai.OpenAI(
    api_key="test",
    base_url="http://upstream.test/v1",
    max_retries=0,
    http_client=httpx2.Client(transport=_TRANSPORT),
)
_INCOMPLETE = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}


@reads
def read_stream(data: bytes) -> Record:
    # As the SDK's own helper does it, but that one stops with a RuntimeError at an
    # error event that comes first; a user of the plain stream gets that event.
    _TRANSPORT.answer_with(200, EVENT_STREAM, data)
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    last: Any = None
    error: SeenError | None = None
    streamed: dict[tuple[int, int], list[str]] = {}
    finished = 0
    try:
        event: Any
        for event in _CLIENT.responses.create(model="m", input="x", stream=True):
            if event.type == "error":
                error = SeenError(event.message, None, event.code)
                break
            state.handle_event(event)
            if event.type == "response.output_text.delta":
                place = (event.output_index, event.content_index)
                streamed.setdefault(place, []).append(event.delta)
            elif event.type == "response.output_item.done":
                finished += 1
            elif event.type in ("response.completed", "response.incomplete"):
                last = event.response
            elif event.type == "response.failed":
                last = event.response
                error = SeenError(last.error.message, None, last.error.code)
    except openai.APIError as exc:
        error = seen_error(exc)
    text = "".join("".join(streamed[key]) for key in sorted(streamed))
    if last is None:
        return Record(text=text, error=error)
    record = _record(last)
    if error is None and len(last.output) < finished:
        raise CannotRead(f"{finished} items were streamed, the answer has {len(last.output)}")
    if error is None and record.text != text:
        raise CannotRead(f"the deltas say {text!r}, the final answer {record.text!r}")
    return Record(
        text=record.text,
        reasoning=record.reasoning,
        refusal=record.refusal,
        calls=record.calls,
        stop=None if error else record.stop,
        usage=record.usage,
        error=error,
        signatures=record.signatures,
        server_calls=record.server_calls,
        media=record.media,
    )


@reads
def read_body(status: int, body: bytes) -> Record:
    _TRANSPORT.answer_with(status, JSON, body)
    try:
        return _record(_CLIENT.responses.create(model="m", input="x"))
    except openai.APIError as exc:
        return Record(error=seen_error(exc))


def _record(response: Any) -> Record:
    text, reasoning, refusal, calls, signatures = [], [], [], [], []
    server_calls = 0
    for item in response.output:
        if item.type == "message":
            for part in item.content:
                if part.type == "output_text":
                    text.append(part.text)
                elif part.type == "refusal":
                    refusal.append(part.refusal)
        elif item.type == "reasoning":
            shown = [part.text for part in [*(item.content or []), *item.summary]]
            reasoning.append("\n\n".join(shown))
            if item.encrypted_content:
                signatures.append(item.encrypted_content)
        elif item.type == "function_call":
            calls.append(SeenCall(item.call_id, item.name, item.arguments))
        elif item.type == "custom_tool_call":
            calls.append(SeenCall(item.call_id, item.name, item.input, freeform=True))
        else:
            server_calls += 1
    return Record(
        text="".join(text),
        reasoning="\n\n".join(piece for piece in reasoning if piece),
        refusal="".join(refusal),
        calls=tuple(calls),
        stop=_stop(response, calls),
        usage=_usage(response.usage),
        signatures=tuple(signatures),
        server_calls=server_calls,
    )


def _stop(response: Any, calls: list[SeenCall]) -> str | None:
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        return _INCOMPLETE.get(reason or "", reason)
    if response.status == "completed":
        return "tool_use" if calls else "end"
    return str(response.status)


def _usage(usage: Any) -> SeenUsage:
    if usage is None:
        return SeenUsage()
    return SeenUsage(
        input=usage.input_tokens,
        cached=getattr(usage.input_tokens_details, "cached_tokens", None),
        cache_write=getattr(usage.input_tokens_details, "cache_write_tokens", None),
        output=usage.output_tokens,
        reasoning=getattr(usage.output_tokens_details, "reasoning_tokens", None),
    )
