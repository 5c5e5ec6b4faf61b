"""Errors of upstreams and for clients."""

from __future__ import annotations

import json

import pytest

from aigw_core.codecs.messages import CODEC
from aigw_core.errors import ErrorKind, Failure


def error(kind: str, message: str = "because", **fields: object) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message, **fields}, "request_id": "r"}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("invalid_request_error"), ErrorKind.INVALID_REQUEST),
        (422, error("invalid_request_error"), ErrorKind.INVALID_REQUEST),
        (
            400,
            error("invalid_request_error", "prompt is too long: 2 > 1"),
            ErrorKind.CONTEXT_LENGTH,
        ),
        (400, error("invalid_request_error", "Your credit balance is too low"), ErrorKind.BILLING),
        (401, error("authentication_error"), ErrorKind.UPSTREAM_AUTH),
        (402, error("billing_error"), ErrorKind.BILLING),
        (403, error("permission_error"), ErrorKind.UPSTREAM_AUTH),
        (404, error("not_found_error"), ErrorKind.NOT_FOUND),
        (408, b"", ErrorKind.TIMEOUT),
        (413, error("request_too_large"), ErrorKind.TOO_LARGE),
        (429, error("rate_limit_error"), ErrorKind.RATE_LIMIT),
        (
            429,
            error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            ErrorKind.BILLING,
        ),
        (500, error("api_error"), ErrorKind.UPSTREAM),
        (500, error("overloaded_error"), ErrorKind.OVERLOADED),
        (503, b"", ErrorKind.OVERLOADED),
        (504, error("timeout_error"), ErrorKind.TIMEOUT),
        (529, error("overloaded_error"), ErrorKind.OVERLOADED),
        (401, error("invalid_request_error"), ErrorKind.UPSTREAM_AUTH),
        (409, error("conflict_error"), ErrorKind.UPSTREAM),
        (418, b"teapot", ErrorKind.UPSTREAM),
    ],
)
def test_kind_follows_code_type_and_status(status: int, body: bytes, kind: ErrorKind) -> None:
    failure = CODEC.decode_error(status, {}, body)
    assert failure.kind is kind
    assert failure.status == status
    assert failure.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the upstream answered 500"),
        (b"<html><body>502</body></html>", "the upstream answered with a page"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"detail":"Not here"}', "Not here"),
        (b'{"detail":[{"loc":["body"]}]}', '[{"loc":["body"]}]'),
        (b'{"error":"plain"}', "plain"),
        (b'{"message":"top"}', "top"),
        (b'[{"error":{"message":"in a list"}}]', "in a list"),
        (b'"text"', "text"),
        (b"[]", "the upstream answered 500"),
        (b'{"error":{"message":{"a":1}}}', '{"a":1}'),
        (b'{"error":{"message":"' + b"x" * 100_000 + b'"}}', "{"),
        (b"\xff\xfe", "\ufffd"),
    ],
)
def test_any_body_gives_a_message(body: bytes, message: str) -> None:
    shown = CODEC.decode_error(500, {}, body).message
    assert shown.startswith(message)
    assert len(shown) <= 1024


def test_secrets_and_addresses_do_not_get_through() -> None:
    body = error("api_error", "call https://internal/x with sk-ant-api03-abcdefghijkl")
    message = CODEC.decode_error(500, {}, body).message
    assert "internal" not in message
    assert "abcdefghijkl" not in message


def test_named_time_is_kept() -> None:
    assert CODEC.decode_error(429, {"retry-after": "7"}, b"").retry_after == 7
    assert CODEC.decode_error(429, {"retry-after-ms": "1500"}, b"").retry_after == 1.5
    assert CODEC.decode_error(429, {}, b"").retry_after is None


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (ErrorKind.INVALID_REQUEST, 400, "invalid_request_error"),
        (ErrorKind.AUTHENTICATION, 401, "authentication_error"),
        (ErrorKind.BILLING, 402, "billing_error"),
        (ErrorKind.PERMISSION, 403, "permission_error"),
        (ErrorKind.NOT_FOUND, 404, "not_found_error"),
        (ErrorKind.METHOD_NOT_ALLOWED, 405, "invalid_request_error"),
        (ErrorKind.TOO_LARGE, 413, "request_too_large"),
        (ErrorKind.RATE_LIMIT, 429, "rate_limit_error"),
        (ErrorKind.INTERNAL, 500, "api_error"),
        (ErrorKind.UNSUPPORTED, 501, "api_error"),
        (ErrorKind.UPSTREAM, 502, "api_error"),
        (ErrorKind.UPSTREAM_AUTH, 502, "api_error"),
        (ErrorKind.UPSTREAM_TRUNCATED, 502, "api_error"),
        (ErrorKind.UPSTREAM_MALFORMED, 502, "api_error"),
        (ErrorKind.UNAVAILABLE, 503, "overloaded_error"),
        (ErrorKind.TIMEOUT, 504, "timeout_error"),
        (ErrorKind.OVERLOADED, 529, "overloaded_error"),
    ],
)
def test_client_sees_status_and_type(kind: ErrorKind, status: int, word: str) -> None:
    shown_status, body = CODEC.encode_error(Failure(kind, "why"), "req_9")
    assert shown_status == status
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": word, "message": "why"},
        "request_id": "req_9",
    }


def test_every_kind_can_be_shown() -> None:
    for kind in ErrorKind:
        status, body = CODEC.encode_error(Failure(kind, ""), "")
        assert 400 <= status < 600
        assert json.loads(body)["error"]["message"]


def test_words_that_clients_look_for_are_said() -> None:
    _, body = CODEC.encode_error(Failure(ErrorKind.CONTEXT_LENGTH, "too many tokens"), "")
    assert json.loads(body)["error"]["message"] == "prompt is too long: too many tokens"
