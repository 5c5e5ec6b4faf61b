"""Counting the tokens of a prompt: ``models/M:countTokens``.

The body has the turns alone, or a whole request under ``generateContentRequest``,
which is the only way to have instructions and tools counted.

Source: Gemini API reference, "Counting tokens".
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from aigw_core.chat import ChatRequest, ChatResponse, Usage
from aigw_core.codec import AnswerContext, Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.gemini import decode_request as request_decoder
from aigw_core.codecs.gemini import encode_request as request_encoder
from aigw_core.codecs.gemini import request as request_relay
from aigw_core.jsondoc import read_object, splice
from aigw_core.ledger import Ledger
from aigw_core.token_count import counted, read_count

_WHOLE = ("generateContentRequest", "generate_content_request")


class _Answer(Struct, rename="camel"):
    total_tokens: Annotated[int, Meta(ge=0)]


_ANSWER = msgspec.json.Decoder(_Answer, strict=False).decode


def _inner(inbound: Inbound) -> Inbound:
    """The request whose prompt is counted."""
    fields = inbound.fields
    for name in _WHOLE:
        raw = bytes(fields.get(name, Raw(b"null")))
        if raw != b"null":
            return replace(inbound, body=raw, stream=False)
    return replace(inbound, stream=False)


def peek(inbound: Inbound) -> Peek:
    return request_relay.peek(_inner(inbound))


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    """The client's own bytes; a whole request in them names ``model``."""
    fields = inbound.fields
    body = inbound.body
    for name in _WHOLE:
        raw = bytes(fields.get(name, Raw(b"null")))
        if raw != b"null":
            named = splice(read_object(raw), {"model": _resource(model)})
            body = splice(fields, {name: named})
    return EncodedRequest(body, _path(model, caps))


def decode_request(inbound: Inbound) -> ChatRequest:
    """Raises ``InvalidRequest`` with the pointer of what is refused."""
    return request_decoder.decode_request(_inner(inbound))


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    encoded = request_encoder.encode_request(replace(request, stream=False), model, caps, ledger)
    whole = splice(read_object(encoded.body), {"model": _resource(model)})
    body = b'{"generateContentRequest":%b}' % whole
    return replace(encoded, body=body, path=_path(model, caps))


def _resource(model: str) -> bytes:
    known = model.startswith(("models/", "tunedModels/"))
    return msgspec.json.encode(model if known else f"models/{model}")


def _path(model: str, caps: Caps) -> str:
    path = request_encoder.upstream_path(model, caps, stream=False)
    return path.removesuffix("generateContent") + "countTokens"


def decode_response(body: bytes) -> ChatResponse:
    """Raises ``UpstreamError``."""
    return counted(read_count(_ANSWER, body).total_tokens)


def relay_usage(body: bytes) -> Usage:
    return Usage(input=read_count(_ANSWER, body).total_tokens)


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    return b'{"totalTokens":%d}' % (response.usage.input_total or 0)
