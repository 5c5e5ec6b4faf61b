"""Chat Completions on the wire: the fields that are read, by the vendor's names.

Sources: the vendor's API reference and SDK types; for what other servers of
this format add or leave out, recorded traffic. Answers are decoded by narrow
Structs that fit what well-behaved servers send; ``loose`` reads the others.
Requests are read field by field, since whatever is not known is kept.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

ABSENT = Raw()
"""A field that did not come; ``null`` did."""

# --- answers -----------------------------------------------------------------


class PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class WireUsage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    # Other servers' names for the same counts: Together; DeepSeek; Databricks, Venice.
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    # GitHub Copilot puts it here.
    reasoning_tokens: int | None = None


class XGroq(Struct, gc=False):
    usage: WireUsage | None = None


class FunctionDelta(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class CustomDelta(Struct, gc=False):
    name: str | None = None
    input: str | None = None


class GoogleContent(Struct, gc=False):
    thought_signature: str | None = None


class AigwContent(Struct, gc=False):
    seal: str | None = None


class ExtraContent(Struct, gc=False):
    """Where Google's endpoint of this format puts signatures, and this gateway its seals."""

    google: GoogleContent | None = None
    aigw: AigwContent | None = None


class ToolCallPiece(Struct, gc=False):
    """A tool call of a message, or a piece of one in a delta."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: ExtraContent | None = None


class ContentItem(Struct, gc=False):
    """An entry of list content; Mistral's ``thinking`` holds such entries again."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    thinking: str | list[ContentItem] | None = None


class AudioPiece(Struct, gc=False):
    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Message(Struct, gc=False):
    """A message of an answer, or a delta of one: the fields are the same."""

    content: str | list[ContentItem] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallPiece] | None = None
    refusal: str | None = None
    reasoning_details: list[Raw] | None = None
    annotations: list[Raw] | None = None
    function_call: FunctionDelta | None = None
    audio: AudioPiece | None = None
    images: list[Raw] | None = None
    extra_content: ExtraContent | None = None


class TopLogprob(Struct, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class Logprob(Struct, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top_logprobs: list[TopLogprob] | None = None


class Logprobs(Struct, gc=False):
    content: list[Logprob] | None = None
    refusal: list[Logprob] | None = None


class ChunkChoice(Struct, gc=False):
    index: int | None = None
    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None
    """The stop sequence that was met, as vLLM reports it (or a token's number)."""
    message: Message | None = None
    """Some servers send the whole message in a stream, beside or without deltas."""


class Chunk(Struct, gc=False):
    """What is read of every chunk."""

    choices: list[ChunkChoice] | None = None
    usage: WireUsage | None = None
    error: Raw = ABSENT
    x_groq: XGroq | None = None


class FirstChunk(Chunk, gc=False):
    """What is read of chunks until one names the answer."""

    id: str | None = None
    model: str | None = None
    created: int | None = None


class Tier(Struct, gc=False):
    """Read of a chunk with usage, of which a stream has few."""

    service_tier: str | None = None


class WholeChoice(Struct, gc=False):
    index: int | None = None
    message: Message | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None


class Whole(Struct, gc=False):
    """A complete answer."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[WholeChoice] | None = None
    usage: WireUsage | None = None
    error: Raw = ABSENT
    x_groq: XGroq | None = None
    service_tier: str | None = None


# --- entries that are kept as they came, and the little that is read of them --


class UrlCitation(Struct, gc=False):
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    content: str | None = None
    """OpenRouter: the passage that was found."""


class Annotation(Struct, gc=False):
    type: str | None = None
    url_citation: UrlCitation | None = None


class ImageUrl(Struct, gc=False):
    url: str
    detail: str | None = None


class AnswerImage(Struct, gc=False):
    """A picture in an answer, as OpenRouter sends it."""

    image_url: ImageUrl


# --- requests ----------------------------------------------------------------

Fields = dict[str, Raw]


class StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


class ResponseSchema(Struct, gc=False):
    name: str
    description: str | None = None
    schema: Raw = ABSENT
    strict: bool | None = None


class ResponseFormat(Struct, gc=False):
    type: str
    json_schema: ResponseSchema | None = None


class CacheOptions(Struct, gc=False):
    mode: str | None = None
    ttl: str | None = None


class CacheBreakpoint(Struct, gc=False):
    ttl: str | None = None


class Thinking(Struct, gc=False):
    """DeepSeek, Z.ai and others."""

    type: str | None = None
    budget_tokens: int | None = None


class OpenRouterReasoning(Struct, gc=False):
    effort: str | None = None
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class Body(Struct, gc=False):
    """The fields of a request that have a canonical meaning."""

    model: str
    messages: Raw
    """Read apart from the others."""
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    logit_bias: Raw = ABSENT
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0)] | None = None
    n: Annotated[int, Meta(ge=1)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Fields] | None = None
    tool_choice: Raw = ABSENT
    parallel_tool_calls: bool | None = None
    functions: list[Fields] | None = None
    function_call: Raw = ABSENT
    response_format: Raw = ABSENT
    verbosity: str | None = None
    modalities: list[str] | None = None
    reasoning_effort: str | None = None
    reasoning: OpenRouterReasoning | None = None
    thinking: Thinking | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    store: bool | None = None
    service_tier: str | None = None


# --- plain messages ------------------------------------------------------------
# What nearly all messages of a conversation are: texts, function calls and results with
# nothing beside them. Any other field makes a message one that is read field by field.


class PlainFunction(Struct, forbid_unknown_fields=True, gc=False):
    name: str
    arguments: str


class PlainCall(Struct, forbid_unknown_fields=True, gc=False):
    id: Annotated[str, Meta(min_length=1)]
    type: Literal["function"]
    function: PlainFunction


class PlainSystem(Struct, tag_field="role", tag="system", forbid_unknown_fields=True, gc=False):
    content: str


class PlainUser(Struct, tag_field="role", tag="user", forbid_unknown_fields=True, gc=False):
    content: str


class PlainAssistant(
    Struct, tag_field="role", tag="assistant", forbid_unknown_fields=True, gc=False
):
    content: str | None = None
    tool_calls: list[PlainCall] | None = None
    # The vendor's SDK writes these when it sends an answer back.
    refusal: None = None
    audio: None = None
    function_call: None = None


class PlainResult(Struct, tag_field="role", tag="tool", forbid_unknown_fields=True, gc=False):
    content: str
    tool_call_id: str


PlainMessage = PlainUser | PlainAssistant | PlainResult | PlainSystem


# --- parts -----------------------------------------------------------------------


class InputAudio(Struct, gc=False):
    data: str
    format: str


class File(Struct, gc=False):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Function(Struct, gc=False):
    name: str
    arguments: str


class Custom(Struct, gc=False):
    name: str
    input: str


class NamedFunction(Struct, gc=False):
    name: str


class AllowedTools(Struct, gc=False):
    mode: str
    tools: list[ChoiceObject]


class ChoiceObject(Struct, gc=False):
    """``tool_choice`` as an object, and the entries of ``allowed_tools``."""

    type: str | None = None
    function: NamedFunction | None = None
    custom: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None


ENCODE = msgspec.json.Encoder().encode
DECODE_ANY: Any = msgspec.json.Decoder().decode
