"""The Gemini format: ``generateContent`` and ``streamGenerateContent``.

Stop reasons come without a word for tool calls, token counts overlap, offsets are
bytes, and a reasoning signature sits on the very part it proves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import Codec, UpstreamProfile
from aigw_core.codecs.gemini import count
from aigw_core.codecs.gemini.envelopes import strip_envelopes
from aigw_core.codecs.gemini.error import decode_error, encode_error
from aigw_core.codecs.gemini.relay import GeminiTap
from aigw_core.codecs.gemini.request import decode_request, encode_request, peek, relay_request
from aigw_core.codecs.gemini.response import decode_response, encode_response, relay_usage
from aigw_core.codecs.gemini.stream import GeminiStreamDecoder
from aigw_core.codecs.gemini.stream_encoder import GeminiStreamEncoder
from aigw_core.token_count import counting_errors

if TYPE_CHECKING:
    from aigw_core.grammar import StreamGrammar

__all__ = ["CODEC", "COUNTING"]

_GENERATION = "/generationConfig"


def _grammar() -> StreamGrammar:
    from aigw_core.codecs.gemini.grammar import StreamGrammar

    return StreamGrammar()


CODEC = Codec(
    format=Format.GEMINI,
    pointers={
        "turns": "/contents",
        "tools": "/tools",
        "tool_choice": "/toolConfig/functionCallingConfig",
        "max_output": f"{_GENERATION}/maxOutputTokens",
        "stop": f"{_GENERATION}/stopSequences",
        "n": f"{_GENERATION}/candidateCount",
        "sampling.temperature": f"{_GENERATION}/temperature",
        "sampling.top_p": f"{_GENERATION}/topP",
        "sampling.top_k": f"{_GENERATION}/topK",
        "sampling.frequency_penalty": f"{_GENERATION}/frequencyPenalty",
        "sampling.presence_penalty": f"{_GENERATION}/presencePenalty",
        "sampling.seed": f"{_GENERATION}/seed",
        "sampling.logprobs": f"{_GENERATION}/responseLogprobs",
        "sampling.top_logprobs": f"{_GENERATION}/logprobs",
        "output": f"{_GENERATION}/responseMimeType",
        "output.schema": f"{_GENERATION}/responseJsonSchema",
        "output.modalities": f"{_GENERATION}/responseModalities",
        "reasoning": f"{_GENERATION}/thinkingConfig",
        "reasoning.effort": f"{_GENERATION}/thinkingConfig/thinkingLevel",
        "reasoning.budget": f"{_GENERATION}/thinkingConfig/thinkingBudget",
        "reasoning.visible": f"{_GENERATION}/thinkingConfig/includeThoughts",
        "identity.metadata": "/labels",
        "tier": "/serviceTier",
        "server_state.store": "/store",
        "server_state.conversation": "/cachedContent",
    },
    upstream=UpstreamProfile(
        base_url="https://generativelanguage.googleapis.com", auth="x-goog-api-key"
    ),
    relay_request=relay_request,
    relay_tap=GeminiTap,
    relay_usage=relay_usage,
    strip_envelopes=strip_envelopes,
    peek=peek,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    decode_error=decode_error,
    encode_error=encode_error,
    stream_decoder=GeminiStreamDecoder,
    stream_encoder=GeminiStreamEncoder,
    stream_grammar=_grammar,
    seals_texts=True,
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
