"""The official SDK reads what the encoders write. It is stricter than the
vendor's description: it raises where an event of an item's life is missing."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from hypothesis import given, settings

from aigw_core.chat import Reasoning, Refusal, Stop, StopReason, Text, ToolCall, Usage
from aigw_core.codecs.responses import CODEC
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import ChoiceStop, StreamEvent
from tests.core.codecs.responses.wires import (
    CONTEXT,
    START,
    answer,
    call_part,
    decode,
    encode,
    sdk,
    sdk_events,
    sdk_stream,
    streams,
    text_part,
)

QUICK = settings(max_examples=40, derandomize=True, deadline=None)


def seen(response: Any) -> list[tuple[Any, ...]]:
    """What a user of the SDK sees of the output, item by item."""
    found: list[tuple[Any, ...]] = []
    for item in response.output:
        if item.type == "message":
            for part in item.content:
                found.append((part.type, part.text if part.type == "output_text" else part.refusal))
        elif item.type == "reasoning":
            pieces = [*item.summary, *(item.content or [])]
            found.append(("reasoning", "".join(piece.text for piece in pieces)))
        elif item.type == "function_call":
            found.append(("call", item.call_id, item.name, item.arguments))
        else:
            found.append(("custom", item.call_id, item.name, item.input))
    return found


def expected(events: list[StreamEvent]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for part in collect(events).choices[0].parts:
        if isinstance(part, Text):
            found.append(("output_text", part.text))
        elif isinstance(part, Refusal):
            found.append(("refusal", part.text))
        elif isinstance(part, Reasoning):
            found.append(("reasoning", part.text))
        else:
            assert isinstance(part, ToolCall)
            kind = "custom" if part.freeform else "call"
            found.append((kind, part.id, part.name, part.arguments))
    return found or [("output_text", "")]


def complete(events: list[StreamEvent]) -> list[StreamEvent]:
    # The SDK gives a final response for completed answers only.
    return [
        ChoiceStop(Stop(StopReason.END)) if isinstance(event, ChoiceStop) else event
        for event in events
    ]


@QUICK
@given(streams())
def test_the_sdk_sees_the_whole_answer(events: list[StreamEvent]) -> None:
    events = complete(events)
    told, final = sdk_stream(encode(events))
    assert seen(final) == expected(events)
    usage = collect(events).usage
    assert final.usage.input_tokens == usage.input_total
    assert final.usage.input_tokens_details.cached_tokens == usage.cache_read
    assert final.usage.output_tokens_details.reasoning_tokens == usage.reasoning
    deltas = "".join(one.delta for one in told if one.type == "response.output_text.delta")
    assert deltas == final.output_text


@QUICK
@given(streams(interleaved=True))
def test_the_sdk_follows_parts_that_overlap(events: list[StreamEvent]) -> None:
    events = complete(events)
    assert seen(sdk_stream(encode(events))[1]) == expected(events)


@QUICK
@given(streams())
def test_the_sdk_reads_the_document_like_the_stream(events: list[StreamEvent]) -> None:
    body = CODEC.encode_response(collect(events), CONTEXT)
    response = sdk(200, "application/json", body).responses.create(model="m", input="x")
    reason = collect(events).choices[0].stop.reason
    assert response.status == (
        "incomplete" if reason in (StopReason.MAX_TOKENS, StopReason.REFUSAL) else "completed"
    )
    if response.output:
        assert seen(response) == expected(events)


def test_required_fields_are_there() -> None:
    usage = Usage(input=1, cache_write=2, output=3)
    body = CODEC.encode_response(collect(answer(text_part(0, "a"), usage=usage)), CONTEXT)
    client = sdk(200, "application/json", body)
    response = client.responses.create(model="m", input="x")
    fields = ("id", "created_at", "model", "object", "output", "parallel_tool_calls")
    assert all(getattr(response, name) is not None for name in (*fields, "tool_choice", "tools"))
    assert response.usage is not None
    assert response.usage.input_tokens_details.cache_write_tokens == 2


def test_a_truncated_stream_has_no_final_response() -> None:
    data = encode(answer(text_part(0, "Hello"), call_part(1, "{}")))
    for cut in range(len(data) // 20, len(data) - 2, len(data) // 20):
        output = encode(decode(data[:cut]))
        with pytest.raises((RuntimeError, openai.APIError)):
            sdk_stream(output)


def test_a_failed_answer_shows_its_error() -> None:
    data = encode([START, *text_part(0, "half"), Failure(ErrorKind.RATE_LIMIT, "slow down")])
    *_, last = sdk_events(data)
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert (last.response.error.code, last.response.error.message) == (
        "rate_limit_exceeded",
        "slow down",
    )


@pytest.mark.parametrize("helper", [False, True], ids=["create", "stream"])
def test_a_bare_error_is_raised_as_one(helper: bool) -> None:
    # With the flat fields alone one way of reading yields an event, and the
    # other breaks down, since no response was created.
    data = encode([Failure(ErrorKind.TIMEOUT, "too slow")])
    with pytest.raises(openai.APIError, match="too slow"):
        sdk_stream(data) if helper else sdk_events(data)


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (ErrorKind.INVALID_REQUEST, openai.BadRequestError),
        (ErrorKind.CONTEXT_LENGTH, openai.BadRequestError),
        (ErrorKind.AUTHENTICATION, openai.AuthenticationError),
        (ErrorKind.PERMISSION, openai.PermissionDeniedError),
        (ErrorKind.NOT_FOUND, openai.NotFoundError),
        (ErrorKind.RATE_LIMIT, openai.RateLimitError),
        (ErrorKind.BILLING, openai.RateLimitError),
        (ErrorKind.UPSTREAM_AUTH, openai.InternalServerError),
        (ErrorKind.OVERLOADED, openai.InternalServerError),
    ],
)
def test_errors_raise_what_the_sdk_has_for_them(
    kind: ErrorKind, raised: type[openai.APIStatusError]
) -> None:
    status, body = CODEC.encode_error(Failure(kind, "the reason", param="/input"), "req_1")
    with pytest.raises(raised) as caught:
        sdk(status, "application/json", body).responses.create(model="m", input="x")
    assert caught.value.body is not None
    assert "the reason" in str(caught.value)
    assert caught.value.param == "/input"
