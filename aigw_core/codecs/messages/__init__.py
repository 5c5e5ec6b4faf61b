"""The Anthropic Messages wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import Codec, UpstreamProfile
from aigw_core.codecs.messages import count
from aigw_core.codecs.messages.decode_request import decode_request
from aigw_core.codecs.messages.encode_request import encode_request
from aigw_core.codecs.messages.envelopes import strip_envelopes
from aigw_core.codecs.messages.error import decode_error, encode_error
from aigw_core.codecs.messages.relay import UsageTap
from aigw_core.codecs.messages.request import FORWARDED, peek, relay_request
from aigw_core.codecs.messages.response import decode_response, encode_response, relay_usage
from aigw_core.codecs.messages.stream import StreamDecoder, StreamEncoder
from aigw_core.codecs.messages.wire import VERSION_2023
from aigw_core.token_count import counting_errors

if TYPE_CHECKING:
    from aigw_core.grammar import StreamGrammar

_POINTERS = {
    "model": "/model",
    "turns": "/messages",
    "stream": "/stream",
    "tools": "/tools",
    "tool_choice": "/tool_choice",
    "parallel_tools": "/tool_choice/disable_parallel_tool_use",
    "max_output": "/max_tokens",
    "stop": "/stop_sequences",
    "sampling.temperature": "/temperature",
    "sampling.top_p": "/top_p",
    "sampling.top_k": "/top_k",
    "reasoning": "/thinking",
    "reasoning.effort": "/output_config/effort",
    "reasoning.budget": "/thinking/budget_tokens",
    "reasoning.visible": "/thinking/display",
    "reasoning.mode": "/thinking/type",
    "output": "/output_config/format",
    "identity.user": "/metadata/user_id",
    "identity.safety_id": "/metadata/user_id",
    "identity.metadata": "/metadata",
    "tier": "/service_tier",
    "cache": "/cache_control",
    "server_state": "/thread",
    "server_state.conversation": "/thread",
}


def _grammar() -> StreamGrammar:
    from aigw_core.codecs.messages.grammar import StreamGrammar

    return StreamGrammar()


CODEC = Codec(
    format=Format.MESSAGES,
    pointers=_POINTERS,
    upstream=UpstreamProfile(
        base_url="https://api.anthropic.com",
        auth="x-api-key",
        native_hosts=("anthropic.com", "api.anthropic.com"),
        headers=(("anthropic-version", VERSION_2023),),
        forwarded=FORWARDED,
        lists=("anthropic-beta",),
    ),
    relay_request=relay_request,
    relay_tap=UsageTap,
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
    stream_encoder=StreamEncoder,
    stream_grammar=_grammar,
    proves_reasoning=True,
    request_id_headers=("request-id",),
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

__all__ = ["CODEC", "COUNTING"]
