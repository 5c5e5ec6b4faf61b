"""OpenAI Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Codec, Peek, UpstreamProfile
from aigw_core.codecs.responses import compact, count
from aigw_core.codecs.responses.decode_request import POINTERS, decode_request, peek
from aigw_core.codecs.responses.encode_request import FORWARDED, encode_request, relay_request
from aigw_core.codecs.responses.envelopes import strip_envelopes
from aigw_core.codecs.responses.error import decode_error, encode_error
from aigw_core.codecs.responses.relay import RelayTap
from aigw_core.codecs.responses.response import decode_response, encode_response, relay_usage
from aigw_core.codecs.responses.stream_decoder import StreamDecoder
from aigw_core.codecs.responses.stream_encoder import StreamEncoder
from aigw_core.token_count import counting_errors

if TYPE_CHECKING:
    from aigw_core.grammar import StreamGrammar


def _tap(peek: Peek) -> RelayTap:
    return RelayTap()


def _encoder(context: AnswerContext) -> StreamEncoder:
    return StreamEncoder(context)


def _grammar() -> StreamGrammar:
    from aigw_core.codecs.responses.grammar import StreamGrammar

    return StreamGrammar()


CODEC = Codec(
    format=Format.RESPONSES,
    pointers=POINTERS,
    upstream=UpstreamProfile(
        base_url="https://api.openai.com", auth="bearer", forwarded=FORWARDED, lists=FORWARDED
    ),
    relay_request=relay_request,
    relay_tap=_tap,
    relay_usage=relay_usage,
    strip_envelopes=strip_envelopes,
    peek=peek,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    decode_error=decode_error,
    encode_error=encode_error,
    stream_decoder=StreamDecoder,
    stream_encoder=_encoder,
    stream_grammar=_grammar,
    proves_reasoning=True,
    echoes=True,
)

COUNTING = replace(
    CODEC,
    endpoint="count",
    peek=count.peek,
    relay_request=count.relay_request,
    relay_usage=count.relay_usage,
    decode_request=count.decode_request,
    encode_request=count.encode_request,
    decode_response=count.decode_response,
    encode_response=count.encode_response,
    decode_error=counting_errors(decode_error),
)
"""The same for its counting endpoint, whose answers are usage and nothing else."""

COMPACTING = replace(
    CODEC,
    endpoint="compact",
    peek=compact.peek,
    relay_request=compact.relay_request,
    decode_error=counting_errors(decode_error),
)
"""The same for the endpoint that shortens a conversation. It can only be relayed."""
