"""Errors of an upstream, and errors for a client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import errors
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.codecs.gemini import CODEC
from aigw_core.errors import STATUS, ErrorKind, Failure
from tests.core.codecs.gemini.helpers import sdk

RPC = "type.googleapis.com/google.rpc."


def body(code: int, message: str, status: str, *details: dict[str, Any]) -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, "details": details}}
    ).encode()


@pytest.mark.parametrize(
    ("status", "word", "message", "reason", "kind"),
    [
        (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", None, "invalid_request"),
        (400, "INVALID_ARGUMENT", "API key not valid.", "API_KEY_INVALID", "upstream_auth"),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew.", None, "upstream_auth"),
        (400, "INVALID_ARGUMENT", "The input token count (1100000) exceeds the maximum number of"
         " tokens allowed (1048576).", None, "context_length"),
        (400, "FAILED_PRECONDITION", "User location is not supported.", None, "upstream_auth"),
        (401, "UNAUTHENTICATED", "no", None, "upstream_auth"),
        (402, "X", "pay", None, "billing"),
        (403, "PERMISSION_DENIED", "no", "SERVICE_DISABLED", "upstream_auth"),
        (403, "PERMISSION_DENIED", "This API method requires billing to be enabled",
         "BILLING_DISABLED", "billing"),
        (404, "NOT_FOUND", "models/x is not found", None, "not_found"),
        (408, "X", "slow", None, "timeout"),
        (409, "ABORTED", "conflict", None, "upstream"),
        (413, "X", "large", None, "too_large"),
        (422, "X", "odd", None, "invalid_request"),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and"
         " billing details.", None, "rate_limit"),
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", None, "billing"),
        (499, "CANCELLED", "gone", None, "upstream"),
        (500, "INTERNAL", "oops", None, "upstream"),
        (500, "INTERNAL", "The model is overloaded.", None, "overloaded"),
        (501, "UNIMPLEMENTED", "no", None, "upstream"),
        (503, "UNAVAILABLE", "busy", None, "overloaded"),
        (504, "DEADLINE_EXCEEDED", "slow", None, "timeout"),
        (529, "X", "busy", None, "overloaded"),
    ],
)  # fmt: skip
def test_what_an_error_means(
    status: int, word: str, message: str, reason: str | None, kind: str
) -> None:
    info = [{"@type": RPC + "ErrorInfo", "reason": reason}] if reason else []
    document = body(status, message, word, *info)
    failure = CODEC.decode_error(status, {}, document)
    assert (failure.kind, failure.status) == (ErrorKind(kind), status)
    assert failure.message == message
    assert failure.code == (reason or word)
    assert CODEC.decode_error(status, {}, b"[" + document + b"]") == failure


def test_the_delay_of_the_body_is_read() -> None:
    info = {"@type": RPC + "RetryInfo", "retryDelay": "17.5s"}
    document = body(429, "slow down", "RESOURCE_EXHAUSTED", {"links": 7}, info)
    assert CODEC.decode_error(429, {}, document).retry_after == 17.5
    assert CODEC.decode_error(429, {"retry-after": "3"}, document).retry_after == 3


@pytest.mark.parametrize("delay", ["soon", "-1s", "1e9s", "s", "", 5, None, {"seconds": 1}])
def test_a_delay_that_makes_no_sense_is_none(delay: object) -> None:
    info = {"@type": RPC + "RetryInfo", "retryDelay": delay}
    assert CODEC.decode_error(429, {}, body(429, "m", "X", info)).retry_after is None


def test_the_field_that_was_refused_is_named() -> None:
    violation = {"field": "contents[0].role", "description": "bad"}
    info = {"@type": RPC + "BadRequest", "fieldViolations": [violation]}
    assert CODEC.decode_error(400, {}, body(400, "m", "X", info)).param == "contents[0].role"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the upstream answered with an error"),
        (
            b"<html><h1>Not here</h1>",
            "the upstream answered with a page instead of an error message",
        ),
        (b"upstream connect error", "upstream connect error"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"error":"just words"}', "just words"),
        (b'{"message":"forbidden"}', "forbidden"),
        (b'{"error":{"message":7}}', '{"message":7}'),
        (b"[]", "[]"),
        (b'{"error":{"message":"see https://example.com/x?key=abc"}}', "see [removed]"),
        (b'{"error":{"message":"see HTTPS://example.com/x?key=abc"}}', "see [removed]"),
        (b'{"error":{"message":"a\\u0085b\\u2028c\\u202ed"}}', "a[removed]b[removed]c[removed]d"),
        (b'{"error":{"message":"half \\ud83d"}}', '{"error":{"message":"half \\ud83d"}}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_any_body_becomes_a_message(raw: bytes, message: str) -> None:
    failure = CODEC.decode_error(502, {}, raw)
    assert failure.message == message
    assert failure.kind is ErrorKind.UPSTREAM


def test_a_huge_body_is_cut() -> None:
    raw = b'{"error":{"message":"' + b"x" * (1 << 20) + b'"}}'
    assert len(CODEC.decode_error(500, {}, raw).message) <= 1024


@settings(derandomize=True, max_examples=200)
@given(st.integers(100, 599), st.binary(max_size=40))
def test_no_body_raises(status: int, raw: bytes) -> None:
    for document in (raw, b'{"error":' + raw + b"}", b'{"error":{"details":[' + raw + b"]}}"):
        assert CODEC.decode_error(status, {}, document).status == status


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_has_a_status_and_a_word(kind: ErrorKind) -> None:
    status, raw = CODEC.encode_error(Failure(kind, "what went wrong"), "")
    error = json.loads(raw)["error"]
    assert status == (429 if kind is ErrorKind.BILLING else STATUS[kind])
    assert error == {"code": status, "message": "what went wrong", "status": error["status"]}
    caught = errors.ClientError if status < 500 else errors.ServerError
    client = sdk(raw, status=status, content_type="application/json")
    with pytest.raises(caught, match="what went wrong"):
        client.models.generate_content(model="m", contents="hi")


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (ErrorKind.CONTEXT_LENGTH, 400, "INVALID_ARGUMENT"),
        (ErrorKind.AUTHENTICATION, 401, "UNAUTHENTICATED"),
        (ErrorKind.BILLING, 429, "RESOURCE_EXHAUSTED"),
        (ErrorKind.TOO_LARGE, 413, "INVALID_ARGUMENT"),
        (ErrorKind.UNSUPPORTED, 501, "UNIMPLEMENTED"),
        (ErrorKind.INTERNAL, 500, "INTERNAL"),
        (ErrorKind.UPSTREAM_AUTH, 502, "UNAVAILABLE"),
        (ErrorKind.OVERLOADED, 503, "UNAVAILABLE"),
        (ErrorKind.TIMEOUT, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_the_words_of_the_format(kind: ErrorKind, status: int, word: str) -> None:
    found, raw = CODEC.encode_error(Failure(kind, "m", status=401), "")
    assert (found, json.loads(raw)["error"]["status"]) == (status, word)


def test_details_say_what_is_known() -> None:
    failure = Failure(ErrorKind.INVALID_REQUEST, "m", param="/contents", retry_after=2.5)
    _, raw = CODEC.encode_error(failure, "req-1")
    assert json.loads(raw)["error"]["details"] == [
        {"@type": RPC + "BadRequest",
         "fieldViolations": [{"field": "/contents", "description": "m"}]},
        {"@type": RPC + "RetryInfo", "retryDelay": "2.5s"},
        {"@type": RPC + "RequestInfo", "requestId": "req-1"},
    ]  # fmt: skip
    read = CODEC.decode_error(400, {}, raw)
    assert (read.kind, read.param, read.retry_after) == (failure.kind, "/contents", 2.5)


def test_a_field_of_the_upstreams_request_is_not_shown_as_the_clients() -> None:
    _, raw = CODEC.encode_error(Failure(ErrorKind.UPSTREAM, "m", param="contents[0]"), "")
    assert "details" not in json.loads(raw)["error"]


def test_a_message_with_half_a_character_is_written() -> None:
    _, raw = CODEC.encode_error(Failure(ErrorKind.UPSTREAM, "\ud83d", param="\ud83d"), "")
    assert json.loads(raw)["error"]["message"] == "\ufffd"
