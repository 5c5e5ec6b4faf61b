"""Errors of the Gemini format: read from an upstream, written for a client.

An error is ``{"error": {code, message, status, details}}``; a stream that is an
array wraps it in a list. ``details`` are ``google.rpc`` messages.

Source: Gemini API reference, "Troubleshooting"; google/rpc/error_details.proto;
recorded errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from aigw_core.codecs.gemini.calls import clean
from aigw_core.errors import STATUS, ErrorKind, Failure, clean_message
from aigw_core.retry_after import read_retry_after

_MAX_BODY = 64 << 10
_NOTHING_SAID = "the upstream answered with an error"


class _Violation(Struct):
    field: str | None = None


class _Detail(Struct, rename="camel"):
    type: str = msgspec.field(name="@type", default="")
    reason: str | None = None
    retry_delay: str | None = None
    field_violations: list[_Violation] | None = None


class _Error(Struct):
    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: Raw = Raw()


class _Envelope(Struct):
    error: Raw = Raw()
    message: str | None = None
    detail: Raw = Raw()


_ENVELOPE = msgspec.json.Decoder(_Envelope | list[_Envelope], strict=False).decode
_ERROR = msgspec.json.Decoder(_Error | str, strict=False).decode
_DETAILS = msgspec.json.Decoder(list[Raw]).decode
_DETAIL = msgspec.json.Decoder(_Detail, strict=False).decode

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_BY_STATUS: dict[int, ErrorKind] = {
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
_STATUS_OF_WORD: dict[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_TOO_LONG = re.compile(
    r"exceeds the maximum number of tokens|input token count.{0,40}exceeds"
    r"|context (?:length|window).{0,40}exceed",
    re.IGNORECASE,
)
_UNPAID = re.compile(
    r"prepayment credits|credits are depleted|billing (?:is )?(?:not )?(?:been )?"
    r"(?:disabled|enabled)|spend(?:ing)? (?:limit|cap)",
    re.IGNORECASE,
)
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Read an upstream's error answer; ``body`` may be anything.

    ``retry_after`` is what the headers say, else the ``RetryInfo`` of the body.
    """
    body = body[:_MAX_BODY]
    raw = _error_object(body)
    if raw is None:
        text = body.decode("utf-8", "replace")
        failure = _classify(status, _Error(message=text), [])
    else:
        failure = _read(raw, status)
    waits = read_retry_after(headers)
    if waits is not None:
        failure = msgspec.structs.replace(failure, retry_after=waits)
    return failure


def failure_of(raw: bytes) -> Failure:
    """The failure that an ``error`` object in a stream, as JSON, amounts to."""
    return _read(raw[:_MAX_BODY], None)


def _error_object(body: bytes) -> bytes | None:
    try:
        envelope = _ENVELOPE(body)
    except _UNREADABLE:
        return None
    if isinstance(envelope, list):
        if not envelope:
            return None
        envelope = envelope[0]
    for raw in (bytes(envelope.error), bytes(envelope.detail)):
        if raw not in (b"", b"null"):
            return raw
    if envelope.message is not None:
        return msgspec.json.encode(envelope.message)
    return None


def _read(raw: bytes, status: int | None) -> Failure:
    try:
        error = _ERROR(raw)
    except _UNREADABLE:
        error = _Error(message=raw.decode("utf-8", "replace"))
    if isinstance(error, str):
        error = _Error(message=error)
    if status is None:
        status = error.code if error.code is not None and 100 <= error.code <= 599 else None
        if status is None:
            status = _STATUS_OF_WORD.get(error.status or "", 500)
    return _classify(status, error, _details(error))


def _details(error: _Error) -> list[_Detail]:
    details: list[_Detail] = []
    try:
        for raw in _DETAILS(error.details) if bytes(error.details) else ():
            try:
                details.append(_DETAIL(raw))
            except msgspec.ValidationError:
                continue  # a detail of a kind that is not needed
    except _UNREADABLE:
        pass
    return details


def _classify(status: int, error: _Error, details: list[_Detail]) -> Failure:
    message = clean_message(clean(error.message or "")) or _NOTHING_SAID
    reason = next((detail.reason for detail in details if detail.reason), None)
    fields = [
        violation.field
        for detail in details
        for violation in detail.field_violations or ()
        if violation.field
    ]
    return Failure(
        _kind(status, error, reason, message),
        message,
        status=status,
        code=clean(reason or error.status or "") or None,
        param=clean(fields[0]) if fields else None,
        retry_after=_delay(details),
    )


def _kind(status: int, error: _Error, reason: str | None, message: str) -> ErrorKind:
    kind = _BY_STATUS.get(status, ErrorKind.UPSTREAM)
    if status == 400:
        # An invalid key is a 400 here, and so is an account or a place that the
        # vendor does not serve: both are the gateway's trouble, not the client's.
        if reason in ("API_KEY_INVALID", "API_KEY_EXPIRED") or "API key" in message[:40]:
            return ErrorKind.UPSTREAM_AUTH
        if _UNPAID.search(message):
            return ErrorKind.BILLING
        if error.status == "FAILED_PRECONDITION":
            return ErrorKind.UPSTREAM_AUTH
        if _TOO_LONG.search(message):
            return ErrorKind.CONTEXT_LENGTH
    elif status in (403, 429) and (_UNPAID.search(message) or reason == "BILLING_DISABLED"):
        return ErrorKind.BILLING
    elif status == 500 and "overloaded" in message.lower():
        return ErrorKind.OVERLOADED
    return kind


def _delay(details: list[_Detail]) -> float | None:
    for detail in details:
        if detail.retry_delay is not None:
            match = _DELAY.fullmatch(detail.retry_delay)
            if match is not None:
                return float(match[1])
    return None


# --- for a client ------------------------------------------------------------

_WORD: dict[ErrorKind, str] = {
    ErrorKind.INVALID_REQUEST: "INVALID_ARGUMENT",
    ErrorKind.CONTEXT_LENGTH: "INVALID_ARGUMENT",
    ErrorKind.AUTHENTICATION: "UNAUTHENTICATED",
    ErrorKind.BILLING: "RESOURCE_EXHAUSTED",
    ErrorKind.PERMISSION: "PERMISSION_DENIED",
    ErrorKind.NOT_FOUND: "NOT_FOUND",
    ErrorKind.METHOD_NOT_ALLOWED: "UNIMPLEMENTED",
    ErrorKind.TOO_LARGE: "INVALID_ARGUMENT",
    ErrorKind.RATE_LIMIT: "RESOURCE_EXHAUSTED",
    ErrorKind.INTERNAL: "INTERNAL",
    ErrorKind.UNSUPPORTED: "UNIMPLEMENTED",
    ErrorKind.UPSTREAM: "UNAVAILABLE",
    ErrorKind.UPSTREAM_AUTH: "UNAVAILABLE",
    ErrorKind.UPSTREAM_TRUNCATED: "UNAVAILABLE",
    ErrorKind.UPSTREAM_MALFORMED: "UNAVAILABLE",
    ErrorKind.OVERLOADED: "UNAVAILABLE",
    ErrorKind.UNAVAILABLE: "UNAVAILABLE",
    ErrorKind.TIMEOUT: "DEADLINE_EXCEEDED",
}
# Clients of this format know no 402.
_OWN_STATUS = {ErrorKind.BILLING: 429}
_RPC = "type.googleapis.com/google.rpc."


def encode_error(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body. ``details`` name the field of a refused request, when to come
    back, and the request, each only where it is known."""
    status = _OWN_STATUS.get(failure.kind, STATUS[failure.kind])
    error: dict[str, Any] = {
        "code": status,
        "message": clean(failure.message),
        "status": _WORD[failure.kind],
    }
    details: list[dict[str, Any]] = []
    if failure.param is not None and status < 500:
        violation = {"field": clean(failure.param), "description": clean(failure.message)}
        details.append({"@type": _RPC + "BadRequest", "fieldViolations": [violation]})
    if failure.retry_after is not None:
        details.append({"@type": _RPC + "RetryInfo", "retryDelay": f"{failure.retry_after:g}s"})
    if request_id:
        details.append({"@type": _RPC + "RequestInfo", "requestId": request_id})
    if details:
        error["details"] = details
    return status, msgspec.json.encode({"error": error})
