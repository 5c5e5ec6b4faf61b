"""Counting the tokens of a prompt: ``POST /v1/messages/count_tokens``.

The body is that of a request without what concerns the answer; the vendor refuses
other fields.

Source: Messages API reference, "Count tokens"; ``message_count_tokens_params`` of
the official SDK.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from aigw_core.chat import ChatRequest, ChatResponse, Usage
from aigw_core.codec import AnswerContext, Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.messages import decode_request as request_decoder
from aigw_core.codecs.messages import encode_request as request_encoder
from aigw_core.codecs.messages import request as request_relay
from aigw_core.jsondoc import splice
from aigw_core.ledger import Ledger
from aigw_core.token_count import counted, only, read_count

PATH = request_encoder.PATH + "/count_tokens"

_FIELDS = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
    }
)
_PLENTY = b"1073741824"
"""``max_tokens`` of a request that has none: above every thinking budget."""


class _Answer(Struct):
    input_tokens: Annotated[int, Meta(ge=0)]


_ANSWER = msgspec.json.Decoder(_Answer).decode


def peek(inbound: Inbound) -> Peek:
    return replace(request_relay.peek(inbound), stream=False)


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    return replace(request_relay.relay_request(inbound, model, caps), path=PATH)


def decode_request(inbound: Inbound) -> ChatRequest:
    """Raises ``InvalidRequest`` with the JSON pointer of what is wrong."""
    body = splice(inbound.fields, {"max_tokens": _PLENTY, "stream": b"false"})
    return replace(request_decoder.decode_request(replace(inbound, body=body)), max_output=None)


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    encoded = request_encoder.encode_request(request, model, caps, ledger)
    return replace(encoded, body=only(encoded.body, _FIELDS), path=PATH)


def decode_response(body: bytes) -> ChatResponse:
    """Raises ``UpstreamError``."""
    return counted(read_count(_ANSWER, body).input_tokens)


def relay_usage(body: bytes) -> Usage:
    return Usage(input=read_count(_ANSWER, body).input_tokens)


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    return b'{"input_tokens":%d}' % (response.usage.input_total or 0)
