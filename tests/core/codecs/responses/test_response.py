"""Complete answers, and errors, of an upstream; errors for a client."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Reasoning,
    ReasoningStyle,
    Stop,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from aigw_core.codecs.responses import CODEC
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from tests.core.codecs.responses.wires import CONTEXT, message


def body(**fields: Any) -> bytes:
    response = {"id": "resp_1", "object": "response", "status": "completed", "model": "m"}
    return msgspec.json.encode({**response, "output": [], **fields})


def summaries(*texts: str) -> dict[str, Any]:
    told = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": "rs_1", "summary": told}


def test_an_answer_is_read_whole() -> None:
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    response = CODEC.decode_response(
        body(created_at=12.5, output=[summaries("hm"), message("hi"), call])
    )
    assert (response.id, response.model, response.created) == ("resp_1", "m", 12)
    assert response.choices == (
        Choice(
            (
                Reasoning("hm", ReasoningStyle.SUMMARY),
                Text("hi"),
                ToolCall("c", "f", "{}"),
            ),
            Stop(StopReason.TOOL_USE, "completed"),
        ),
    )


def test_counts_are_told_apart() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {
            "cached_tokens": 60,
            "cache_write_tokens": 30,
            "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10},
        },
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 150,
    }
    response = CODEC.decode_response(body(usage=usage, service_tier="flex"))
    assert response.usage == Usage(
        input=10,
        cache_read=60,
        cache_write=20,
        cache_write_long=10,
        output=10,
        reasoning=40,
        tier="flex",
    )
    written = msgspec.json.decode(CODEC.encode_response(response, CONTEXT))
    assert written["usage"] == usage
    assert written["service_tier"] == "flex"


def test_no_count_is_negative() -> None:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 9},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 11},
    }
    counts = CODEC.decode_response(body(usage=usage)).usage
    assert (counts.input, counts.output, counts.reasoning) == (0, 10, 11)


def test_unknown_counts_are_not_zero() -> None:
    assert CODEC.decode_response(body()).usage == Usage()
    written = CODEC.encode_response(CODEC.decode_response(body()), CONTEXT)
    assert msgspec.json.decode(written)["usage"] is None


def test_summaries_stay_apart_for_this_format() -> None:
    item = summaries("One.", "Two.", "Three.", "Four.")
    response = CODEC.decode_response(body(output=[item]))
    (part,) = response.choices[0].parts
    assert isinstance(part, Reasoning)
    assert part.text == "One.\n\nTwo.\n\nThree.\n\nFour."
    written = msgspec.json.decode(CODEC.encode_response(response, CONTEXT))
    assert written["output"][0]["summary"] == item["summary"]
    assert CODEC.decode_response(CODEC.encode_response(response, CONTEXT)).choices == (
        response.choices
    )


def test_fields_of_a_call_for_this_format_survive() -> None:
    call = {
        "type": "function_call",
        "id": "fc",
        "call_id": "c",
        "name": "f",
        "arguments": "{}",
        "namespace": "agents",
    }
    response = CODEC.decode_response(body(output=[call]))
    written = msgspec.json.decode(CODEC.encode_response(response, CONTEXT))
    assert written["output"][0]["namespace"] == "agents"


def test_the_phase_survives() -> None:
    response = CODEC.decode_response(body(output=[message("a", phase="commentary")]))
    written = msgspec.json.decode(CODEC.encode_response(response, CONTEXT))
    assert written["output"][0]["phase"] == "commentary"


def test_half_characters_do_not_hide_an_answer() -> None:
    data = body(output=[message("a@b")]).replace(b"@", b"\\ud83d")
    assert CODEC.decode_response(data).choices[0].parts == (Text("a\ufffdb"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"output": {}}',
        body(output=["x"]),
        body(output=[{"type": "message", "content": "x"}]),
        body(status="in_progress"),
        body(status="queued"),
    ],
)
def test_what_is_no_answer_is_malformed(data: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        CODEC.decode_response(data)
    assert caught.value.failure.kind is ErrorKind.UPSTREAM_MALFORMED


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "upstream"),
        ({"status": "cancelled"}, "upstream"),
        ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, "rate_limit"),
        ({"error": {"type": "insufficient_quota", "message": "x"}}, "billing"),
        ({"error": {"code": "invalid_image_url", "message": "x"}}, "invalid_request"),
    ],
)
def test_a_failed_answer_is_raised(fields: dict[str, Any], kind: str) -> None:
    for read in (CODEC.decode_response, CODEC.relay_usage):
        with pytest.raises(UpstreamError) as caught:
            read(body(**fields))
        assert caught.value.failure.kind == kind


def test_usage_of_a_relayed_answer() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4}
    assert CODEC.relay_usage(body(usage=usage)) == Usage(input=3, output=4)
    # A background answer has none yet, and is an answer all the same.
    assert CODEC.relay_usage(body(status="queued")) == Usage()
    with pytest.raises(UpstreamError):
        CODEC.relay_usage(b'{"choices": []}')


# --- errors of an upstream ----------------------------------------------------


def error(**fields: Any) -> bytes:
    return msgspec.json.encode({"error": {"message": "no", **fields}})


@pytest.mark.parametrize(
    ("status", "data", "kind"),
    [
        (400, error(type="invalid_request_error"), ErrorKind.INVALID_REQUEST),
        (422, error(), ErrorKind.INVALID_REQUEST),
        (400, error(code="context_length_exceeded"), ErrorKind.CONTEXT_LENGTH),
        (400, b'{"error":"maximum context length is 8"}', ErrorKind.CONTEXT_LENGTH),
        (400, error(code="model_not_found"), ErrorKind.NOT_FOUND),
        (401, error(code="invalid_api_key"), ErrorKind.UPSTREAM_AUTH),
        (403, error(), ErrorKind.UPSTREAM_AUTH),
        # x.ai answers 400 to a wrong key, with the message in place of the object.
        (
            400,
            b'{"code":"invalid-argument","error":"Incorrect API key provided."}',
            ErrorKind.UPSTREAM_AUTH,
        ),
        (402, error(), ErrorKind.BILLING),
        (404, error(), ErrorKind.NOT_FOUND),
        (408, b"", ErrorKind.TIMEOUT),
        (413, b"<html>", ErrorKind.TOO_LARGE),
        (429, error(code="rate_limit_exceeded"), ErrorKind.RATE_LIMIT),
        (429, error(type="insufficient_quota", code="insufficient_quota"), ErrorKind.BILLING),
        (500, error(code="server_error"), ErrorKind.UPSTREAM),
        (503, error(code="server_error"), ErrorKind.OVERLOADED),
        (500, error(code="server_is_overloaded"), ErrorKind.OVERLOADED),
        (504, b"[]", ErrorKind.TIMEOUT),
        (529, b'{"detail":"x"}', ErrorKind.OVERLOADED),
        (418, b"null", ErrorKind.UPSTREAM),
    ],
)
def test_errors_are_classified(status: int, data: bytes, kind: ErrorKind) -> None:
    failure = CODEC.decode_error(status, {}, data)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message


def test_an_error_keeps_what_a_client_can_use() -> None:
    data = error(message="Bad 'temperature'.", code="decimal_below_min_value", param="temperature")
    failure = CODEC.decode_error(400, {"retry-after": "7"}, data)
    assert (failure.message, failure.code, failure.param, failure.retry_after) == (
        "Bad 'temperature'.",
        "decimal_below_min_value",
        "temperature",
        7.0,
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><h1>502</h1>",
        b"plain words",
        b"[1]",
        b'{"detail": [{"loc": ["body"], "msg": "bad"}]}',
        b'{"error": null}',
        b'{"error": {"message": 7, "code": {}, "type": []}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"error": {"message": "' + b"x" * 200_000 + b'"}}',
    ],
)
def test_any_body_is_an_error(data: bytes) -> None:
    failure = CODEC.decode_error(500, {}, data)
    assert failure.kind is ErrorKind.UPSTREAM
    assert 0 < len(failure.message) <= 1024
    status, shown = CODEC.encode_error(failure, "req_1")
    assert status == 502
    assert msgspec.json.decode(shown)["error"]["message"] == failure.message


# --- errors for a client ------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        (ErrorKind.INVALID_REQUEST, 400, "invalid_request_error", None),
        (ErrorKind.CONTEXT_LENGTH, 400, "invalid_request_error", "context_length_exceeded"),
        (ErrorKind.AUTHENTICATION, 401, "authentication_error", "invalid_api_key"),
        (ErrorKind.BILLING, 429, "insufficient_quota", "insufficient_quota"),
        (ErrorKind.PERMISSION, 403, "permission_error", None),
        (ErrorKind.NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
        (ErrorKind.TOO_LARGE, 413, "invalid_request_error", "request_too_large"),
        (ErrorKind.RATE_LIMIT, 429, "rate_limit_error", "rate_limit_exceeded"),
        (ErrorKind.UNSUPPORTED, 501, "server_error", "unsupported"),
        (ErrorKind.UPSTREAM_AUTH, 502, "server_error", "upstream_error"),
        (ErrorKind.OVERLOADED, 503, "server_error", "server_is_overloaded"),
        (ErrorKind.TIMEOUT, 504, "server_error", "timeout"),
    ],
)
def test_errors_have_their_status_and_type(
    kind: ErrorKind, status: int, type_: str, code: str | None
) -> None:
    got, shown = CODEC.encode_error(Failure(kind, "why", param="/x"), "req_1")
    assert got == status
    assert msgspec.json.decode(shown) == {
        "error": {"message": "why", "type": type_, "param": "/x", "code": code}
    }


def test_every_kind_of_failure_can_be_shown() -> None:
    for kind in ErrorKind:
        status, shown = CODEC.encode_error(Failure(kind, "x"), "req_1")
        assert 400 <= status <= 504
        assert msgspec.json.decode(shown)["error"]["message"] == "x"


def test_codes_of_other_vendors_are_not_shown() -> None:
    _, shown = CODEC.encode_error(Failure(ErrorKind.OVERLOADED, "x", code="overloaded"), "r")
    assert msgspec.json.decode(shown)["error"]["code"] == "server_is_overloaded"
    _, shown = CODEC.encode_error(Failure(ErrorKind.INVALID_REQUEST, "x", code="odd"), "r")
    assert msgspec.json.decode(shown)["error"]["code"] == "odd"


def test_an_answer_is_written_without_a_model_of_the_upstream() -> None:
    response = ChatResponse(
        "", "secret-deployment", None, (Choice((Text("a"),), Stop(StopReason.END)),)
    )
    assert b"secret-deployment" not in CODEC.encode_response(response, CONTEXT)
