"""A complete answer of this format, both ways."""

from __future__ import annotations

import msgspec

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Part,
    Reasoning,
    ToolCall,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.output_items import ISSUER, MalformedItem, item_parts
from aigw_core.codecs.responses.reading import created_at, failure_of, stop_of
from aigw_core.codecs.responses.stream_encoder import StreamEncoder
from aigw_core.codecs.responses.usage import read_usage
from aigw_core.collect import explode
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from aigw_core.events import PartKind, PartStart, StreamEvent
from aigw_core.surrogates import mend

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_UNFINISHED = frozenset({"queued", "in_progress"})


def decode_response(body: bytes) -> ChatResponse:
    """An upstream's answer.

    Raises:
        UpstreamError: no answer of this format, an unfinished one, or a failure.
    """
    response = _read(body)
    if response.status in _UNFINISHED:
        raise _malformed(f"the upstream's answer is still {response.status}")
    if response.output is None:
        raise _malformed("the upstream's answer has no output")
    parts: list[Part] = []
    try:
        for raw in response.output:
            parts += item_parts(raw)
    except MalformedItem:
        raise _malformed("the upstream's answer has an item that is none") from None
    return ChatResponse(
        response.id or "",
        response.model or "",
        created_at(response),
        (Choice(tuple(parts), stop_of(response, any(map(_is_call, parts)))),),
        read_usage(response.usage, response.service_tier),
    )


def _is_call(part: Part) -> bool:
    return isinstance(part, ToolCall) and not part.server


def _read(body: bytes) -> wire.Response:
    """The answer, checked for being one."""
    if b"\\ud" in body or b"\\uD" in body:
        body = mend(body, hold=False)
    try:
        response = wire.decode_response_object(body)
    except _UNREADABLE:
        raise _malformed("the upstream's answer is not an answer of this format") from None
    if response.error is not None or response.status in ("failed", "cancelled"):
        raise UpstreamError(failure_of(response))
    return response


def _malformed(message: str) -> UpstreamError:
    return UpstreamError(Failure(ErrorKind.UPSTREAM_MALFORMED, message))


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    """The response object that a stream of the same answer would end with."""
    encoder = StreamEncoder(context)
    encoder.encode([_named(event, response) for event in explode(response)])
    return encoder.response


def _named(event: StreamEvent, response: ChatResponse) -> StreamEvent:
    """A reasoning item keeps the name that its seal was made for."""
    if isinstance(event, PartStart) and event.kind is PartKind.REASONING:
        part = response.choices[event.choice].parts[event.part]
        if isinstance(part, Reasoning) and part.seal is not None and part.seal.issuer == ISSUER:
            return msgspec.structs.replace(event, id=part.seal.id or "")
    return event


def relay_usage(body: bytes) -> Usage:
    """The usage of an answer that is relayed as it is.

    Raises:
        UpstreamError: no answer of this format, or a failure.
    """
    response = _read(body)
    if response.output is None:
        raise _malformed("the upstream's answer has no output")
    return read_usage(response.usage, response.service_tier)
