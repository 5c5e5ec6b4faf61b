"""The Messages format as Structs, with the vendor's field names.

Blocks come in two strengths. The strict union (``Block``) refuses unknown
fields, so that one typed pass over a conversation either understands all of it
or says that a block needs the slow path, which keeps what it does not know.
Stream events are narrow: only the fields that a translation reads.

Source: Messages API reference and the types of the official Python SDK (2.12).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

VERSION_2023 = "2023-06-01"
VERSION_2026 = "2026-10-21"
"""Without sampling parameters, without documents in assistant messages and
without citations on what the user says."""

NULL = Raw(b"null")
"""What an absent raw field reads as (``Raw | None`` is no type that msgspec knows)."""

# --- blocks --------------------------------------------------------------------


class CacheControl(Struct, forbid_unknown_fields=True):
    type: Literal["ephemeral"]
    ttl: str | None = None


class Base64Source(Struct, tag_field="type", tag="base64", forbid_unknown_fields=True):
    media_type: str
    data: str


class UrlSource(Struct, tag_field="type", tag="url", forbid_unknown_fields=True):
    url: str


class TextSource(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    data: str
    media_type: str = "text/plain"


class ContentSource(Struct, tag_field="type", tag="content", forbid_unknown_fields=True):
    content: str | list[Raw]


class FileSource(Struct, tag_field="type", tag="file", forbid_unknown_fields=True):
    file_id: str


Source = Base64Source | UrlSource | TextSource | ContentSource | FileSource


class CitationsConfig(Struct, forbid_unknown_fields=True):
    enabled: bool | None = None


class TextBlock(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str
    citations: list[Raw] | None = None
    cache_control: CacheControl | None = None


class ImageBlock(Struct, tag_field="type", tag="image", forbid_unknown_fields=True):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class DocumentBlock(Struct, tag_field="type", tag="document", forbid_unknown_fields=True):
    source: Source
    title: str | None = None
    context: str | None = None
    citations: CitationsConfig | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(Struct, tag_field="type", tag="tool_use", forbid_unknown_fields=True):
    id: str
    name: str
    input: Raw = Raw(b"{}")
    cache_control: CacheControl | None = None


class ToolResultBlock(Struct, tag_field="type", tag="tool_result", forbid_unknown_fields=True):
    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(Struct, tag_field="type", tag="thinking", forbid_unknown_fields=True):
    thinking: str = ""
    signature: str | None = None


class RedactedBlock(Struct, tag_field="type", tag="redacted_thinking", forbid_unknown_fields=True):
    data: str


class ServerToolUseBlock(
    Struct, tag_field="type", tag="server_tool_use", forbid_unknown_fields=True
):
    id: str
    name: str
    input: Raw = Raw(b"{}")
    cache_control: CacheControl | None = None


class McpToolUseBlock(Struct, tag_field="type", tag="mcp_tool_use", forbid_unknown_fields=True):
    id: str
    name: str
    server_name: str
    input: Raw = Raw(b"{}")
    cache_control: CacheControl | None = None


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock
    | RedactedBlock
    | ServerToolUseBlock
    | McpToolUseBlock
)

BLOCKS: dict[str, type[Block]] = {
    "text": TextBlock,
    "image": ImageBlock,
    "document": DocumentBlock,
    "tool_use": ToolUseBlock,
    "tool_result": ToolResultBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedBlock,
    "server_tool_use": ServerToolUseBlock,
    "mcp_tool_use": McpToolUseBlock,
}


class SearchResultBlock(Struct):
    """Read beside the raw block, which is kept whole."""

    source: str
    title: str
    content: list[Raw] = []
    cache_control: CacheControl | None = None


class CitationFields(Struct):
    """What the kinds of citations have in common, by different names."""

    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


# --- request -------------------------------------------------------------------


class Message(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Raw]


class PlainMessage(Message, forbid_unknown_fields=True):
    """A message with nothing beside; nearly all are."""


class Thinking(Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class OutputFormat(Struct):
    type: str
    schema: Raw = NULL


class OutputConfig(Struct):
    effort: str | None = None
    format: OutputFormat | None = None


class Metadata(Struct):
    user_id: str | None = None


class ToolChoice(Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class FunctionTool(Struct):
    """A tool that the client runs; ``type`` is absent or ``custom``."""

    name: str
    input_schema: Raw
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    type: str | None = None


class Request(Struct):
    model: str
    max_tokens: int
    messages: Raw
    """Read apart from the others."""
    system: str | list[Raw] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[Raw] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    cache_control: CacheControl | None = None
    thread: Raw = NULL


# --- response ------------------------------------------------------------------


class CacheCreation(Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(Struct):
    thinking_tokens: int | None = None


class Usage(Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None


class StopDetails(Struct):
    explanation: str | None = None


class Response(Struct):
    type: str = ""
    id: str | None = None
    model: str | None = None
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None


# --- stream events -------------------------------------------------------------


class AnyEvent(Struct):
    """Enough to tell what an event is."""

    type: str = ""
    error: Raw = NULL


class StartMessage(Struct):
    id: str | None = None
    model: str | None = None
    usage: Usage | None = None


class MessageStart(Struct):
    message: StartMessage
    type: str = ""


class BlockStart(Struct):
    index: int
    content_block: Raw
    type: str = ""


class Delta(Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: Raw = NULL


class BlockDelta(Struct):
    index: int
    delta: Delta
    type: str = ""


class RawDelta(Struct):
    """A delta whose fields are not known beforehand."""

    delta: dict[str, Raw]


class BlockStop(Struct):
    index: int
    type: str = ""


class MessageChange(Struct):
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class MessageDelta(Struct):
    delta: MessageChange | None = None
    usage: Usage | None = None
    type: str = ""


decode_fields = Decoder(dict[str, Raw]).decode
