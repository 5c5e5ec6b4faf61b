"""Errors of the Chat Completions format, both ways.

The documented body is ``{"error": {"message", "type", "param", "code"}}``.
Compatible servers also send an integer code, a bare string, a list, the fields
without the wrapper, ``{"detail": ...}``, or a page of a proxy; all of it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from aigw_core.codecs.chat.wire import DECODE_ANY, ENCODE
from aigw_core.errors import STATUS, ErrorKind, Failure, clean_message
from aigw_core.retry_after import read_retry_after

MAX_BODY = 64 << 10
"""Bytes of an error body that are looked at."""

_INVALID_TYPE = "invalid_request_error"

_WIRE: dict[ErrorKind, tuple[str, str | None]] = {
    ErrorKind.INVALID_REQUEST: (_INVALID_TYPE, "invalid_request"),
    ErrorKind.CONTEXT_LENGTH: (_INVALID_TYPE, "context_length_exceeded"),
    ErrorKind.AUTHENTICATION: ("authentication_error", "invalid_api_key"),
    ErrorKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    ErrorKind.PERMISSION: ("permission_error", "permission_denied"),
    ErrorKind.NOT_FOUND: (_INVALID_TYPE, "model_not_found"),
    ErrorKind.METHOD_NOT_ALLOWED: (_INVALID_TYPE, "method_not_allowed"),
    ErrorKind.TOO_LARGE: (_INVALID_TYPE, "request_too_large"),
    ErrorKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    ErrorKind.UNSUPPORTED: ("server_error", "unsupported"),
    ErrorKind.INTERNAL: ("server_error", "internal_error"),
}
"""``type`` and usual ``code``; what is not here is a ``server_error`` named by its kind."""

_OWN_CODE = frozenset(
    {
        ErrorKind.INVALID_REQUEST,
        ErrorKind.CONTEXT_LENGTH,
        ErrorKind.AUTHENTICATION,
        ErrorKind.PERMISSION,
        ErrorKind.NOT_FOUND,
        ErrorKind.TOO_LARGE,
        ErrorKind.UNSUPPORTED,
    }
)
"""Kinds where the failure's own code says more than the usual one."""

_BY_STATUS: dict[int, ErrorKind] = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.UPSTREAM_AUTH,
    402: ErrorKind.BILLING,
    403: ErrorKind.UPSTREAM_AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.INVALID_REQUEST,
    413: ErrorKind.TOO_LARGE,
    422: ErrorKind.INVALID_REQUEST,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}

# By the words of ``code`` and ``type``; the first set that has one of them decides.
_BY_WORD: tuple[tuple[frozenset[str], ErrorKind], ...] = (
    (
        frozenset(
            {
                "insufficient_quota",
                "billing_hard_limit_reached",
                "billing_not_active",
                "insufficient_balance",
                "enforced_spend_limit_reached",
                "billing_error",
            }
        ),
        ErrorKind.BILLING,
    ),
    (
        frozenset(
            {
                "context_length_exceeded",
                "too_many_prompt_tokens",
                "exceed_context_size_error",
                "tokens_limit_reached",
            }
        ),
        ErrorKind.CONTEXT_LENGTH,
    ),
    (
        frozenset(
            {"rate_limit_exceeded", "rate_limit_error", "rate_limited", "requests", "tokens"}
        ),
        ErrorKind.RATE_LIMIT,
    ),
    (
        frozenset({"overloaded_error", "overloaded", "slow_down", "insufficient_system_resource"}),
        ErrorKind.OVERLOADED,
    ),
    (
        frozenset({"invalid_api_key", "authentication_error", "permission_error"}),
        ErrorKind.UPSTREAM_AUTH,
    ),
    (frozenset({"model_not_found", "not_found_error"}), ErrorKind.NOT_FOUND),
    (frozenset({"timeout", "timeout_error"}), ErrorKind.TIMEOUT),
    (frozenset({_INVALID_TYPE, "invalid_argument", "bad request"}), ErrorKind.INVALID_REQUEST),
)

_SURE = (ErrorKind.BILLING, ErrorKind.CONTEXT_LENGTH, ErrorKind.UPSTREAM_AUTH)
"""Kinds whose words say more than a 4xx status."""

# Ollama, OpenRouter, vLLM and others have no code for it, only these words.
_CONTEXT_PHRASES = (
    "maximum context length",
    "max context length",
    "context length exceeded",
    "exceeds the context",
    "context window",
    "prompt is too long",
    "prompt too long",
    "too many tokens",
)


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What an error body says, in whatever shape."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int | None = None


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An error answer as a failure; never raises.

    ``retry_after`` is in seconds from now. A ``status`` below 400 means that
    an error came as a success; the status the body names counts then.
    """
    said = _read_body(body[:MAX_BODY])
    if status < 400:
        status = said.status or 502
    return _failure(said, status, read_retry_after(headers))


def read_stream_error(raw: bytes) -> Failure:
    """The ``error`` value of a chunk, or a whole event that is one."""
    said = _read_body(raw[:MAX_BODY])
    return _failure(said, said.status, None)


def _failure(said: _Said, status: int | None, retry_after: float | None) -> Failure:
    message = clean_message(said.message)
    if not message:
        message = "the upstream answered with an error"
        if status is not None:
            message += f" (status {status})"
    return Failure(
        _kind(said, status),
        message,
        status=status,
        code=clean_message(said.code or _telling(said.type))[:64] or None,
        param=None if said.param is None else clean_message(said.param)[:256],
        retry_after=retry_after,
    )


def _telling(type_: str) -> str:
    """``type_`` where servers put the code there, as Perplexity does."""
    return "" if type_.endswith("_error") or " " in type_ else type_


def _kind(said: _Said, status: int | None) -> ErrorKind:
    words = {said.code.lower(), said.type.lower()}
    by_word = next((kind for known, kind in _BY_WORD if words & known), None)
    by_status = _BY_STATUS.get(status) if status is not None else None
    if status is None:
        kind = by_word or ErrorKind.UPSTREAM
    elif by_word is not None and _outweighs(by_word, status):
        kind = by_word
    else:
        kind = by_status or (
            ErrorKind.INVALID_REQUEST if 400 <= status < 500 else ErrorKind.UPSTREAM
        )
    if kind is ErrorKind.INVALID_REQUEST:
        lowered = said.message.lower()
        if any(phrase in lowered for phrase in _CONTEXT_PHRASES):
            kind = ErrorKind.CONTEXT_LENGTH
    return kind


def _outweighs(word: ErrorKind, status: int) -> bool:
    if status < 500:
        return word in _SURE
    return word is ErrorKind.OVERLOADED


def _read_body(body: bytes) -> _Said:
    try:
        document: Any = DECODE_ANY(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said(body.decode("utf-8", "replace"))
    return _read(document, 4)


def _read(document: Any, depth: int) -> _Said:
    """``depth`` bounds how many wrappers are opened."""
    if isinstance(document, str):
        return _Said(document)
    if isinstance(document, list) and document and depth:
        return _read(document[0], depth - 1)
    if not isinstance(document, dict):
        return _Said()
    for wrapper in ("error", "detail"):
        inner = document.get(wrapper)
        if inner and depth and not isinstance(inner, bool | int | float):
            said = _read(inner, depth - 1)
            if said.message or said.code or said.type:
                return said
    code, kind = document.get("code"), document.get("type")
    param = document.get("param")
    return _Said(
        message=_first_text(document, ("message", "msg", "error_description", "title")),
        type=kind if isinstance(kind, str) else "",
        code=code if isinstance(code, str) and not code.isdigit() else "",
        param=param if isinstance(param, str) else None,
        status=_status(document, ("status_code", "status", "raw_status_code", "code")),
    )


def _first_text(document: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _status(document: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value.isdigit() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def error_object(failure: Failure) -> dict[str, Any]:
    """The ``error`` member, of a body and of a stream alike."""
    kind = failure.kind
    type_, code = _WIRE.get(kind, ("server_error", kind.value))
    return {
        "message": failure.message,
        "type": type_,
        "param": failure.param if kind in _OWN_CODE else None,
        "code": failure.code if failure.code and kind in _OWN_CODE else code,
    }


def encode_error(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body. The format carries the request's id in a header alone."""
    # The vendor answers 429 when the money has run out, and clients know it by that.
    status = 429 if failure.kind is ErrorKind.BILLING else STATUS[failure.kind]
    return status, ENCODE({"error": error_object(failure)})
