"""Counting the tokens of a prompt: ``POST /v1/responses/input_tokens``.

The body is that of a request without what concerns the answer.

Source: API reference, "Get input token counts"; ``input_token_count_params`` of the
official SDK.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from aigw_core.chat import ChatRequest, ChatResponse, Usage
from aigw_core.codec import AnswerContext, Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.responses import decode_request as request_decoder
from aigw_core.codecs.responses import encode_request as request_encoder
from aigw_core.ledger import Ledger
from aigw_core.token_count import counted, only, read_count

PATH = request_encoder.PATH + "/input_tokens"

_FIELDS = frozenset(
    {
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
        "truncation",
    }
)


class _Answer(Struct):
    input_tokens: Annotated[int, Meta(ge=0)]


_ANSWER = msgspec.json.Decoder(_Answer).decode


def peek(inbound: Inbound) -> Peek:
    return replace(request_decoder.peek(inbound), stream=False)


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    return replace(request_encoder.relay_request(inbound, model, caps), path=PATH)


def decode_request(inbound: Inbound) -> ChatRequest:
    return replace(request_decoder.decode_request(inbound), stream=False)


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    encoded = request_encoder.encode_request(request, model, caps, ledger)
    return replace(encoded, body=only(encoded.body, _FIELDS), path=PATH)


def decode_response(body: bytes) -> ChatResponse:
    """Raises ``UpstreamError``."""
    return counted(read_count(_ANSWER, body).input_tokens)


def relay_usage(body: bytes) -> Usage:
    return Usage(input=read_count(_ANSWER, body).input_tokens)


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    tokens = response.usage.input_total or 0
    return b'{"object":"response.input_tokens","input_tokens":%d}' % tokens
