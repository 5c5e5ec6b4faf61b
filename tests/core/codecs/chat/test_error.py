"""Error answers, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.codecs.chat import CODEC
from aigw_core.codecs.chat.error import MAX_BODY
from aigw_core.errors import MAX_MESSAGE, ErrorKind, Failure


def read(status: int, body: Any, **headers: str) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CODEC.decode_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )


def wrapped(message: str = "m", type: Any = None, code: Any = None) -> Any:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.INVALID_REQUEST),
        (401, ErrorKind.UPSTREAM_AUTH),
        (402, ErrorKind.BILLING),
        (403, ErrorKind.UPSTREAM_AUTH),
        (404, ErrorKind.NOT_FOUND),
        (408, ErrorKind.TIMEOUT),
        (409, ErrorKind.INVALID_REQUEST),
        (413, ErrorKind.TOO_LARGE),
        (418, ErrorKind.INVALID_REQUEST),
        (422, ErrorKind.INVALID_REQUEST),
        (429, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.UPSTREAM),
        (502, ErrorKind.UPSTREAM),
        (503, ErrorKind.OVERLOADED),
        (504, ErrorKind.TIMEOUT),
        (529, ErrorKind.OVERLOADED),
    ],
)
def test_the_status_says_what_it_is(status: int, kind: ErrorKind) -> None:
    failure = read(status, wrapped())
    assert (failure.kind, failure.status, failure.message) == (kind, status, "m")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, wrapped(type="insufficient_quota", code="insufficient_quota"), ErrorKind.BILLING),
        (403, wrapped(code="billing_hard_limit_reached"), ErrorKind.BILLING),
        (429, wrapped(type="tokens", code="rate_limit_exceeded"), ErrorKind.RATE_LIMIT),
        (400, wrapped(code="context_length_exceeded"), ErrorKind.CONTEXT_LENGTH),
        (400, wrapped(type="exceed_context_size_error", code=400), ErrorKind.CONTEXT_LENGTH),
        (400, wrapped(type="too_many_prompt_tokens", code=400), ErrorKind.CONTEXT_LENGTH),
        (400, wrapped("prompt too long; exceeded max context length"), ErrorKind.CONTEXT_LENGTH),
        (
            400,
            wrapped("This endpoint's maximum context length is 200000 tokens."),
            ErrorKind.CONTEXT_LENGTH,
        ),
        (400, wrapped(code="invalid_api_key"), ErrorKind.UPSTREAM_AUTH),
        (500, wrapped(type="overloaded_error"), ErrorKind.OVERLOADED),
        (500, wrapped(code="insufficient_quota"), ErrorKind.UPSTREAM),
        (401, wrapped(type="invalid_request_error"), ErrorKind.UPSTREAM_AUTH),
    ],
    ids=range(12),
)
def test_words_that_say_more_than_the_status(status: int, body: Any, kind: ErrorKind) -> None:
    assert read(status, body).kind is kind


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (wrapped("m", "invalid_request_error", "unknown_model"), "m", "unknown_model"),
        (wrapped("m", "invalid_request_error", 400), "m", None),
        (wrapped("m", "too_many_prompt_tokens", 400), "m", "too_many_prompt_tokens"),
        ({"error": "m"}, "m", None),
        ({"detail": "m"}, "m", None),
        ({"detail": [{"loc": ["body"], "msg": "m", "type": "missing"}]}, "m", "missing"),
        (
            {"object": "error", "message": "m", "type": "invalid_model", "code": "1500"},
            "m",
            "invalid_model",
        ),
        ({"code": 400, "message": "m", "type": "Bad Request"}, "m", None),
        ([{"error": {"message": "m", "status": "INVALID"}}], "m", None),
        (b"plain words", "plain words", None),
        (b'"just a string"', "just a string", None),
    ],
    ids=range(11),
)
def test_shapes_of_bodies(body: Any, message: str, code: str | None) -> None:
    failure = read(400, body)
    assert (failure.message, failure.code) == (message, code)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b"{}",
        b"[]",
        b'{"error":null}',
        b'{"error":{}}',
        b"\xff\xfe",
        b"[" * 9999,
    ],
    ids=range(9),
)
def test_bodies_that_say_nothing_still_have_a_message(body: bytes) -> None:
    failure = read(500, body)
    assert failure.kind is ErrorKind.UPSTREAM
    assert failure.message


def test_pages_are_not_shown() -> None:
    failure = read(502, b"<html><body>nginx at https://internal.example</body></html>")
    assert "nginx" not in failure.message
    assert "internal" not in failure.message


def test_secrets_and_addresses_are_taken_out() -> None:
    body = wrapped("key sk-abcdefghijklmnop wrong, see https://x.example/y\x1b[0m")
    message = read(401, body).message
    assert not any(word in message for word in ("abcdefgh", "x.example", "\x1b"))


def test_long_bodies_are_cut() -> None:
    assert len(read(400, wrapped("x" * 5000)).message) == MAX_MESSAGE
    assert read(400, b"x" * (MAX_BODY * 2)).message


def test_times_to_come_back() -> None:
    assert read(429, wrapped(), retry_after="7").retry_after == 7
    assert read(429, wrapped(), retry_after_ms="250").retry_after == 0.25
    assert read(429, wrapped()).retry_after is None


def test_an_error_that_came_as_a_success() -> None:
    # Azure's filter, in a recorded exchange.
    body = {"error": {"message": "filtered", "code": "content_filter", "status": 400}}
    failure = read(200, body)
    assert (failure.kind, failure.status) == (ErrorKind.INVALID_REQUEST, 400)
    assert read(200, {"error": "m"}).status == 502


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        (ErrorKind.INVALID_REQUEST, 400, "invalid_request_error", "invalid_request"),
        (ErrorKind.CONTEXT_LENGTH, 400, "invalid_request_error", "context_length_exceeded"),
        (ErrorKind.AUTHENTICATION, 401, "authentication_error", "invalid_api_key"),
        (ErrorKind.BILLING, 429, "insufficient_quota", "insufficient_quota"),
        (ErrorKind.PERMISSION, 403, "permission_error", "permission_denied"),
        (ErrorKind.NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
        (ErrorKind.METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed"),
        (ErrorKind.TOO_LARGE, 413, "invalid_request_error", "request_too_large"),
        (ErrorKind.RATE_LIMIT, 429, "rate_limit_error", "rate_limit_exceeded"),
        (ErrorKind.TIMEOUT, 504, "server_error", "timeout"),
        (ErrorKind.OVERLOADED, 503, "server_error", "overloaded"),
        (ErrorKind.UNAVAILABLE, 503, "server_error", "unavailable"),
        (ErrorKind.UNSUPPORTED, 501, "server_error", "unsupported"),
        (ErrorKind.INTERNAL, 500, "server_error", "internal_error"),
        (ErrorKind.UPSTREAM, 502, "server_error", "upstream"),
        (ErrorKind.UPSTREAM_AUTH, 502, "server_error", "upstream_auth"),
        (ErrorKind.UPSTREAM_TRUNCATED, 502, "server_error", "upstream_truncated"),
        (ErrorKind.UPSTREAM_MALFORMED, 502, "server_error", "upstream_malformed"),
    ],
)
def test_what_clients_get(kind: ErrorKind, status: int, type_: str, code: str) -> None:
    got, body = CODEC.encode_error(Failure(kind, "m"), "req_1")
    error = {"message": "m", "type": type_, "param": None, "code": code}
    assert (got, json.loads(body)) == (status, {"error": error})


def test_clients_learn_what_was_wrong_with_their_request() -> None:
    own = Failure(ErrorKind.INVALID_REQUEST, "m", code="strict_mapping", param="/n")
    error = json.loads(CODEC.encode_error(own, "")[1])["error"]
    assert (error["code"], error["param"]) == ("strict_mapping", "/n")
    theirs = Failure(ErrorKind.UPSTREAM_AUTH, "m", code="invalid_api_key", param="x")
    error = json.loads(CODEC.encode_error(theirs, "")[1])["error"]
    assert (error["code"], error["param"]) == ("upstream_auth", None)
