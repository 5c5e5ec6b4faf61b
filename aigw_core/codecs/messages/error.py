"""Errors of the Messages format: an upstream's to a failure, a failure to a client's.

The wording of messages is unstable; ``details.error_code`` is looked at
first, then ``type``, then the status.

Source: Messages API reference, "Errors". Status 529 is described there and is
not in RFC 9110.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from aigw_core.errors import STATUS, ErrorKind, Failure, clean_message
from aigw_core.retry_after import read_retry_after

MAX_BODY = 64 << 10
"""Bytes of an error body that are looked at."""

_decode_any = msgspec.json.Decoder().decode

_CODES = {"enforced_spend_limit_reached": ErrorKind.BILLING}
_TYPES = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "authentication_error": ErrorKind.UPSTREAM_AUTH,
    "permission_error": ErrorKind.UPSTREAM_AUTH,
    "billing_error": ErrorKind.BILLING,
    "not_found_error": ErrorKind.NOT_FOUND,
    "request_too_large": ErrorKind.TOO_LARGE,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "overloaded_error": ErrorKind.OVERLOADED,
    "timeout_error": ErrorKind.TIMEOUT,
    "api_error": ErrorKind.UPSTREAM,
}
_STATUSES = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.UPSTREAM_AUTH,
    402: ErrorKind.BILLING,
    403: ErrorKind.UPSTREAM_AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    422: ErrorKind.INVALID_REQUEST,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}
_VAGUE = (ErrorKind.INVALID_REQUEST, ErrorKind.UPSTREAM)
"""Types that servers in front of the vendor put on anything."""

_TOO_LONG = ("prompt is too long", "exceed context limit", "context window")
_NO_CREDIT = ("credit balance is too low",)

_WIRE_TYPES = {
    ErrorKind.INVALID_REQUEST: "invalid_request_error",
    ErrorKind.CONTEXT_LENGTH: "invalid_request_error",
    ErrorKind.AUTHENTICATION: "authentication_error",
    ErrorKind.BILLING: "billing_error",
    ErrorKind.PERMISSION: "permission_error",
    ErrorKind.NOT_FOUND: "not_found_error",
    ErrorKind.METHOD_NOT_ALLOWED: "invalid_request_error",
    ErrorKind.TOO_LARGE: "request_too_large",
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.TIMEOUT: "timeout_error",
    ErrorKind.OVERLOADED: "overloaded_error",
    ErrorKind.UNAVAILABLE: "overloaded_error",
}
OVERLOADED_STATUS = 529
NO_THREADS = "thread_unsupported_request"
"""Upon this code the official SDKs go on without a thread."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer, whatever its body is.

    ``retry_after`` is in seconds from now, or ``None`` when the upstream named
    no time.
    """
    return read_error(body[:MAX_BODY], status, read_retry_after(headers))


def read_error(body: bytes, status: int | None, retry_after: float | None = None) -> Failure:
    """The failure that an error document tells of; in a stream without status."""
    error_type, code, message = _read_body(body)
    kind = _classify(status, error_type, code, message)
    shown = clean_message(message)
    if not shown:
        shown = "the upstream failed" if status is None else f"the upstream answered {status}"
    return Failure(kind, shown, status, code, None, retry_after)


def encode_error(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body for a client."""
    return error_status(failure.kind), msgspec.json.encode(error_document(failure, request_id))


def error_status(kind: ErrorKind) -> int:
    return OVERLOADED_STATUS if kind is ErrorKind.OVERLOADED else STATUS[kind]


def error_document(failure: Failure, request_id: str) -> dict[str, Any]:
    message = failure.message
    if failure.kind is ErrorKind.CONTEXT_LENGTH and _TOO_LONG[0] not in message.lower():
        # Clients look for these words to know that they must shorten.
        message = f"{_TOO_LONG[0]}: {message}"
    error: dict[str, Any] = {
        "type": _WIRE_TYPES.get(failure.kind, "api_error"),
        "message": message or "failed",
    }
    if failure.code == NO_THREADS:
        unsupported = [failure.param.removeprefix("/")] if failure.param else []
        error["details"] = {"error_code": NO_THREADS, "unsupported": unsupported}
    return {"type": "error", "error": error, "request_id": request_id or None}


def _read_body(body: bytes) -> tuple[str, str | None, str]:
    """Type, machine-readable code and message, as far as they can be found."""
    try:
        document: Any = _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", None, body.decode("utf-8", "replace")
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return "", None, document if isinstance(document, str) else ""
    error = document.get("error")
    if not isinstance(error, dict):
        error = {"message": error} if isinstance(error, str) else document
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    message = error.get("message") or error.get("detail") or ""
    if not isinstance(message, str):
        message = msgspec.json.encode(message).decode()
    return _text(error.get("type")) or "", _text(code), message


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _classify(status: int | None, error_type: str, code: str | None, message: str) -> ErrorKind:
    if code in _CODES:
        return _CODES[code]
    kind = _TYPES.get(error_type)
    by_status = _STATUSES.get(status or 0)
    if kind is None or (kind in _VAGUE and by_status is not None):
        kind = by_status or kind or ErrorKind.UPSTREAM
    if kind is ErrorKind.INVALID_REQUEST:
        words = message.lower()
        if any(phrase in words for phrase in _TOO_LONG):
            return ErrorKind.CONTEXT_LENGTH
        if any(phrase in words for phrase in _NO_CREDIT):
            return ErrorKind.BILLING
    return kind
