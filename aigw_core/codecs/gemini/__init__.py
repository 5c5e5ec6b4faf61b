"""The Gemini format: ``generateContent`` and ``streamGenerateContent``.

Stop reasons come without a word for tool calls, token counts overlap, offsets are
bytes, and a reasoning signature sits on the very part it proves.
"""

from __future__ import annotations

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Codec, StreamEncoder, UpstreamProfile
from aigw_core.codecs.gemini.envelopes import strip_envelopes
from aigw_core.codecs.gemini.error import decode_error, encode_error
from aigw_core.codecs.gemini.relay import GeminiTap
from aigw_core.codecs.gemini.request import decode_request, encode_request, peek, relay_request
from aigw_core.codecs.gemini.response import decode_response, encode_response, relay_usage
from aigw_core.codecs.gemini.stream import GeminiStreamDecoder
from aigw_core.codecs.gemini.stream_encoder import GeminiStreamEncoder

__all__ = ["ARRAY_CONTENT_TYPE", "CODEC", "json_array_encoder"]

_GENERATION = "/generationConfig"

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
    seals_texts=True,
)

ARRAY_CONTENT_TYPE = "application/json; charset=utf-8"


def json_array_encoder(context: AnswerContext) -> StreamEncoder:
    """The stream encoder for a client that did not ask for ``alt=sse``: one JSON array,
    an element for each event, an error as its last element. To be sent as
    ``ARRAY_CONTENT_TYPE``."""
    return GeminiStreamEncoder(context, array=True)
