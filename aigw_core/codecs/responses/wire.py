"""Responses on the wire: the fields that are read, by the vendor's names.

Sources: the vendor's API reference and the official Python SDK
(``types/responses``); for what other servers of this format add or leave out,
recorded traffic. Input items and output items are decoded by their ``type``
after a look at :class:`ItemHead`, since unknown types are normal.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from aigw_core.chat import Effort

Fields = dict[str, Raw]

decode_fields = msgspec.json.Decoder(Fields).decode
decode_any = msgspec.json.Decoder().decode
decode_strings = msgspec.json.Decoder(list[str]).decode
encode = msgspec.json.encode

# --- requests -----------------------------------------------------------------


class ReasoningConfig(Struct, gc=False):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class TextFormat(Struct):
    type: str
    name: str | None = None
    schema: Raw | UnsetType = UNSET
    strict: bool | None = None
    description: str | None = None


class TextConfig(Struct):
    format: TextFormat | None = None
    verbosity: str | None = None


class CacheOptions(Struct, gc=False):
    mode: str | None = None
    ttl: str | None = None


class Request(Struct):
    """The fields with a canonical meaning; the others are kept as they are."""

    model: str
    input: Raw | UnsetType = UNSET
    """Read apart from the others."""
    instructions: str | None = None
    stream: bool | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw | UnsetType = UNSET
    parallel_tool_calls: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=0)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: Annotated[int, Meta(ge=0)] | None = None
    reasoning: ReasoningConfig | None = None
    text: TextConfig | None = None
    include: list[str] | None = None
    metadata: dict[str, Raw] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    service_tier: str | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    conversation: Raw | UnsetType = UNSET


class ItemHead(Struct, gc=False):
    """What an item, a part or a tool is."""

    type: str | None = None
    role: str | None = None


class InputMessage(Struct):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Raw] | None = None
    phase: str | None = None


Nothing = Annotated[list[Raw], Meta(max_length=0)]


class PlainText(Struct, forbid_unknown_fields=True, gc=False):
    """A text part and nothing beside; most are."""

    text: str
    type: Literal["input_text", "output_text"]
    annotations: Nothing | None = None
    logprobs: Nothing | None = None


class PlainMessage(Struct, forbid_unknown_fields=True, gc=False):
    """A message of text and nothing beside; most are."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | Annotated[list[PlainText], Meta(min_length=1)]
    type: Literal["message"] | None = None
    phase: str | None = None


class PlainCall(
    Struct, tag_field="type", tag="function_call", forbid_unknown_fields=True, gc=False
):
    """A function call that stands in the history without the vendor's own fields."""

    call_id: Annotated[str, Meta(min_length=1)]
    name: Annotated[str, Meta(min_length=1)]
    arguments: str = ""


class PlainOutput(
    Struct, tag_field="type", tag="function_call_output", forbid_unknown_fields=True, gc=False
):
    call_id: str
    output: str


class CacheBreakpoint(Struct, gc=False):
    ttl: str | None = None


class AudioInput(Struct, gc=False):
    data: str
    format: str


class InputPart(Struct):
    """Any part of an input message or of a tool's output."""

    type: str
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    logprobs: list[Logprob] | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: AudioInput | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class FunctionCall(Struct):
    call_id: str
    name: Annotated[str, Meta(min_length=1)]
    arguments: str = ""


class CustomToolCall(Struct):
    call_id: str
    name: Annotated[str, Meta(min_length=1)]
    input: str = ""


class CallOutput(Struct):
    call_id: str
    output: str | list[Raw] | None = None
    name: str | None = None


class ShownText(Struct, gc=False):
    """A piece of reasoning, summarised or not."""

    text: str | None = None


class ReasoningItem(Struct):
    id: str | None = None
    summary: list[ShownText] | None = None
    content: list[ShownText] | None = None
    encrypted_content: str | None = None


class FunctionTool(Struct):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None


class CustomTool(Struct):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    format: Raw | UnsetType = UNSET


class NamedTool(Struct, gc=False):
    type: str
    name: str | None = None


class NamespaceTool(Struct):
    tools: list[NamedTool] = []


class ToolChoiceObject(Struct):
    type: str
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[NamedTool] | None = None


# --- answers ------------------------------------------------------------------


class TopLogprob(Struct, gc=False):
    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


class Logprob(Struct, gc=False):
    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] | None = None


class Annotation(Struct, gc=False):
    type: str | None = None
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class CacheWriteDetails(Struct, gc=False):
    ttl_30m_tokens: int | None = None
    ttl_12h_tokens: int | None = None


class InputDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_tokens_details: CacheWriteDetails | None = None
    audio_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class WireUsage(Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class ErrorBody(Struct, gc=False):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    param: str | None = None


class IncompleteDetails(Struct, gc=False):
    reason: str | None = None


class Response(Struct):
    """An answer, whole or in a lifecycle event of a stream."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: WireUsage | None = None
    service_tier: str | None = None
    incomplete_details: IncompleteDetails | None = None
    error: ErrorBody | str | None = None


class OutputPart(Struct):
    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    logprobs: list[Logprob] | None = None


class OutputItem(Struct):
    """The fields of the output items that have a canonical meaning."""

    type: str = ""
    id: str | None = None
    phase: str | None = None
    content: list[OutputPart] | None = None
    summary: list[ShownText] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    result: str | None = None
    output_format: str | None = None


decode_head = msgspec.json.Decoder(ItemHead).decode
decode_output_item = msgspec.json.Decoder(OutputItem).decode
decode_response_object = msgspec.json.Decoder(Response).decode
decode_annotation = msgspec.json.Decoder(Annotation).decode

# --- stream events ------------------------------------------------------------


class EventHead(Struct):
    """What an event without a name is; an error may have nothing else."""

    type: str = ""
    error: Raw | UnsetType = UNSET


class TextDeltaEvent(Struct, gc=False):
    """``response.output_text.delta`` and its siblings with a content index."""

    delta: str
    output_index: int = 0
    content_index: int = 0
    logprobs: list[Logprob] | None = None


class SummaryDeltaEvent(Struct, gc=False):
    delta: str
    output_index: int = 0
    summary_index: int = 0


class ItemDeltaEvent(Struct, gc=False):
    """Arguments of a call, and input of a custom tool."""

    delta: str
    output_index: int = 0


class TextDoneEvent(Struct, gc=False):
    """The ``done`` events of a text, whichever it is."""

    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    logprobs: list[Logprob] | None = None


class PartEvent(Struct):
    part: OutputPart
    output_index: int = 0
    content_index: int = 0


class AnnotationEvent(Struct):
    annotation: Raw | UnsetType = UNSET
    output_index: int = 0
    content_index: int = 0


class ItemEvent(Struct):
    item: Raw
    output_index: int = 0


class ResponseEvent(Struct):
    response: Response
