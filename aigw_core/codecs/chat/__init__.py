"""Chat Completions, the format of OpenAI and of the many servers that speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigw_core.chat import Format
from aigw_core.codec import Codec, UpstreamProfile
from aigw_core.codecs.chat.decode_request import decode_request
from aigw_core.codecs.chat.decode_stream import ChatStreamDecoder
from aigw_core.codecs.chat.encode_request import encode_request
from aigw_core.codecs.chat.encode_stream import ChatStreamEncoder
from aigw_core.codecs.chat.envelopes import strip_envelopes
from aigw_core.codecs.chat.error import decode_error, encode_error
from aigw_core.codecs.chat.relay import ChatTap
from aigw_core.codecs.chat.request import peek, relay_request
from aigw_core.codecs.chat.response import decode_response, encode_response, relay_usage

if TYPE_CHECKING:
    from aigw_core.grammar import StreamGrammar

_POINTERS = {
    "model": "/model",
    "turns": "/messages",
    "tools": "/tools",
    "tool_choice": "/tool_choice",
    "parallel_tools": "/parallel_tool_calls",
    "output": "/response_format",
    "output.verbosity": "/verbosity",
    "output.modalities": "/modalities",
    "reasoning": "/reasoning_effort",
    "reasoning.effort": "/reasoning_effort",
    "reasoning.budget": "/reasoning",
    "reasoning.visible": "/reasoning",
    "reasoning.mode": "/thinking",
    "sampling.temperature": "/temperature",
    "sampling.top_p": "/top_p",
    "sampling.top_k": "/top_k",
    "sampling.frequency_penalty": "/frequency_penalty",
    "sampling.presence_penalty": "/presence_penalty",
    "sampling.seed": "/seed",
    "sampling.logit_bias": "/logit_bias",
    "sampling.logprobs": "/logprobs",
    "sampling.top_logprobs": "/top_logprobs",
    "max_output": "/max_completion_tokens",
    "stop": "/stop",
    "n": "/n",
    "stream": "/stream",
    "stream_usage": "/stream_options/include_usage",
    "tier": "/service_tier",
    "cache": "/prompt_cache_options",
    "identity.user": "/user",
    "identity.safety_id": "/safety_identifier",
    "identity.cache_key": "/prompt_cache_key",
    "identity.metadata": "/metadata",
    "server_state.store": "/store",
}


def _grammar() -> StreamGrammar:
    from aigw_core.codecs.chat.grammar import StreamGrammar

    return StreamGrammar()


CODEC = Codec(
    format=Format.CHAT,
    pointers=_POINTERS,
    upstream=UpstreamProfile(base_url="https://api.openai.com", auth="bearer"),
    relay_request=relay_request,
    relay_tap=ChatTap,
    relay_usage=relay_usage,
    strip_envelopes=strip_envelopes,
    peek=peek,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    decode_error=decode_error,
    encode_error=encode_error,
    stream_decoder=ChatStreamDecoder,
    stream_encoder=ChatStreamEncoder,
    stream_grammar=_grammar,
    seals_texts=True,
)
"""The codec of this format."""
