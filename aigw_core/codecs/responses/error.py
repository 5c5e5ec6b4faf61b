"""Errors of this format: an upstream's answer, and what a client gets.

An error body is ``{"error": {"message", "type", "param", "code"}}``, the same
as in Chat Completions. In a stream an answer that began fails as a whole
(``response.failed``), before that there is a bare ``error`` event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from aigw_core.codecs.responses import wire
from aigw_core.errors import STATUS, ErrorKind, Failure, clean_message
from aigw_core.retry_after import read_retry_after

MAX_BODY = 64 << 10
"""Bytes of an error answer that are looked at."""

_KIND_OF_STATUS = {
    400: ErrorKind.INVALID_REQUEST,
    422: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.UPSTREAM_AUTH,
    403: ErrorKind.UPSTREAM_AUTH,
    402: ErrorKind.BILLING,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.UPSTREAM,
    408: ErrorKind.TIMEOUT,
    504: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    529: ErrorKind.OVERLOADED,
}

_KIND_OF_CODE = {
    "context_length_exceeded": ErrorKind.CONTEXT_LENGTH,
    "string_above_max_length": ErrorKind.INVALID_REQUEST,
    "insufficient_quota": ErrorKind.BILLING,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "usage_limit_reached": ErrorKind.BILLING,
    "usage_not_included": ErrorKind.BILLING,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "model_not_found": ErrorKind.NOT_FOUND,
    "invalid_api_key": ErrorKind.UPSTREAM_AUTH,
    "server_error": ErrorKind.UPSTREAM,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "slow_down": ErrorKind.OVERLOADED,
    "vector_store_timeout": ErrorKind.TIMEOUT,
    "invalid_prompt": ErrorKind.INVALID_REQUEST,
    "bio_policy": ErrorKind.INVALID_REQUEST,
    "misalignment_policy_violation": ErrorKind.INVALID_REQUEST,
    "data_residency_mismatch": ErrorKind.INVALID_REQUEST,
}
# The codes about pictures: invalid_image_url, image_too_large, failed_to_download_image ...
_IMAGE_CODE = re.compile(r"(?:invalid|unsupported|empty|failed_to_download)_.*image.*|image_.+")
_KIND_OF_TYPE = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "insufficient_quota": ErrorKind.BILLING,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "tokens": ErrorKind.RATE_LIMIT,
    "requests": ErrorKind.RATE_LIMIT,
    "authentication_error": ErrorKind.UPSTREAM_AUTH,
    "overloaded_error": ErrorKind.OVERLOADED,
    "service_unavailable_error": ErrorKind.OVERLOADED,
}

# What other servers of this format say in words only.
_CONTEXT_WORDS = re.compile(r"context (?:window|length)|maximum context|too many tokens", re.I)
_KEY_WORDS = re.compile(r"incorrect api key|invalid api key", re.I)


class _Body(msgspec.Struct):
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    detail: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_BODY = msgspec.json.Decoder(_Body).decode


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means; any body will do."""
    error = _read_body(body[:MAX_BODY])
    kind = kind_of(error, _KIND_OF_STATUS.get(status))
    return Failure(
        kind,
        clean_message(error.message or "") or f"the upstream answered with status {status}",
        status=status,
        code=_code(error),
        param=error.param,
        retry_after=read_retry_after(headers),
    )


def kind_of(error: wire.ErrorBody, of_status: ErrorKind | None) -> ErrorKind:
    """What an error means; its code says more than its status, and that more than
    its type. ``of_status`` is ``None`` in a stream, and for odd statuses."""
    code, message = _code(error) or "", error.message or ""
    found = _KIND_OF_CODE.get(code)
    if found is None and _IMAGE_CODE.fullmatch(code):
        found = ErrorKind.INVALID_REQUEST
    if found is ErrorKind.UPSTREAM or found is None:
        found = of_status or found or _KIND_OF_TYPE.get(error.type or "", ErrorKind.UPSTREAM)
    if error.type == "insufficient_quota":
        return ErrorKind.BILLING
    if found is ErrorKind.INVALID_REQUEST:
        if _CONTEXT_WORDS.search(message):
            return ErrorKind.CONTEXT_LENGTH
        if _KEY_WORDS.search(message):
            return ErrorKind.UPSTREAM_AUTH
    return found


def _code(error: wire.ErrorBody) -> str | None:
    return None if error.code is None else str(error.code)[:128]


def _read_body(body: bytes) -> wire.ErrorBody:
    try:
        document = _BODY(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return wire.ErrorBody(message=body.decode("utf-8", "replace"))
    code = _text(document.code)
    for raw in (document.error, document.detail, document.message):
        if raw is msgspec.UNSET:
            continue
        error = read_error_value(bytes(raw))
        if error is not None:
            return (
                error
                if error.code is not None
                else wire.ErrorBody(error.message, error.type, code, error.param)
            )
    return wire.ErrorBody(message=body.decode("utf-8", "replace"), code=code)


def read_error_event(data: bytes) -> wire.ErrorBody:
    """The error of a stream's event: flat, or nested as live servers send it."""
    try:
        fields = wire.decode_fields(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return wire.ErrorBody()
    for document in (bytes(fields.get("error", b"null")), data):
        error = read_error_value(document)
        if error is not None:
            return error
    return wire.ErrorBody()


def read_error_value(raw: bytes) -> wire.ErrorBody | None:
    """An error as an object or as a text; ``None`` for null and what is neither."""
    try:
        value = wire.decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(value, str):
        return wire.ErrorBody(message=value)
    if isinstance(value, list) and value:
        return wire.ErrorBody(message=raw.decode("utf-8", "replace"))
    if not isinstance(value, dict) or not value:
        return None
    code = value.get("code")
    return wire.ErrorBody(
        message=_str(value.get("message")) or raw.decode("utf-8", "replace"),
        type=_str(value.get("type")),
        code=code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        param=_str(value.get("param")),
    )


def _str(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _text(raw: msgspec.Raw | msgspec.UnsetType) -> str | None:
    if raw is msgspec.UNSET:
        return None
    try:
        value = wire.decode_any(bytes(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


# --- to a client --------------------------------------------------------------

_SHOWN: dict[ErrorKind, tuple[str, str | None]] = {
    ErrorKind.INVALID_REQUEST: ("invalid_request_error", None),
    ErrorKind.CONTEXT_LENGTH: ("invalid_request_error", "context_length_exceeded"),
    ErrorKind.AUTHENTICATION: ("authentication_error", "invalid_api_key"),
    ErrorKind.PERMISSION: ("permission_error", None),
    ErrorKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    ErrorKind.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    ErrorKind.METHOD_NOT_ALLOWED: ("invalid_request_error", "method_not_allowed"),
    ErrorKind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    ErrorKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    ErrorKind.TIMEOUT: ("server_error", "timeout"),
    ErrorKind.OVERLOADED: ("server_error", "server_is_overloaded"),
    ErrorKind.UNAVAILABLE: ("server_error", "service_unavailable"),
    ErrorKind.UNSUPPORTED: ("server_error", "unsupported"),
    ErrorKind.INTERNAL: ("server_error", "internal_error"),
    ErrorKind.UPSTREAM: ("server_error", "upstream_error"),
    ErrorKind.UPSTREAM_AUTH: ("server_error", "upstream_error"),
    ErrorKind.UPSTREAM_TRUNCATED: ("server_error", "upstream_truncated"),
    ErrorKind.UPSTREAM_MALFORMED: ("server_error", "upstream_malformed"),
}
"""Type and code. The codes that this format's own clients act upon
(context_length_exceeded, insufficient_quota, rate_limit_exceeded,
server_is_overloaded) are the vendor's."""

_OWN_WORDS = frozenset(
    {
        ErrorKind.INVALID_REQUEST,
        ErrorKind.AUTHENTICATION,
        ErrorKind.PERMISSION,
        ErrorKind.NOT_FOUND,
        ErrorKind.UNSUPPORTED,
    }
)
"""Kinds whose more exact code says something to the client."""


def shown_error(failure: Failure) -> dict[str, object]:
    """The error object."""
    kind, code = _SHOWN[failure.kind]
    if failure.code is not None and failure.kind in _OWN_WORDS:
        code = failure.code
    return {"message": failure.message, "type": kind, "param": failure.param, "code": code}


def encode_error(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body for a client; the identifier travels in a header only."""
    status = 429 if failure.kind is ErrorKind.BILLING else STATUS[failure.kind]
    return status, wire.encode({"error": shown_error(failure)})


def failed_error(failure: Failure) -> dict[str, object]:
    """``response.error`` of a response that failed, in the vendor's words where it
    has one for this."""
    error = shown_error(failure)
    code = _CODE_IN_RESPONSE.get(failure.kind, "server_error")
    return {"code": code, "message": failure.message or "the answer failed", "type": error["type"]}


_CODE_IN_RESPONSE = {
    ErrorKind.RATE_LIMIT: "rate_limit_exceeded",
    ErrorKind.INVALID_REQUEST: "invalid_prompt",
    ErrorKind.CONTEXT_LENGTH: "context_length_exceeded",
    ErrorKind.BILLING: "insufficient_quota",
    ErrorKind.OVERLOADED: "server_is_overloaded",
}
