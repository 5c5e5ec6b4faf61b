"""Content blocks and the canonical parts they stand for, one at a time.

A block that is fully understood becomes a typed part. Fields beside those go
to the part's ``native``; a block of an unknown kind becomes :class:`Opaque`.
Both come back out as they were when the target speaks this format too.

Which blocks may stand where is the business of the callers.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from aigw_core.chat import (
    CacheMark,
    Citation,
    FileId,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.wire import decode_fields
from aigw_core.jsondoc import pointer_of, reads_alike

_encode = msgspec.json.encode
_decode_block = Decoder(wire.Block).decode
_decode_str = Decoder(str).decode
_decode_cache = Decoder(wire.CacheControl).decode
_decode_search_result = Decoder(wire.SearchResultBlock).decode
_decode_citation = Decoder(wire.CitationFields).decode
_decode_any = Decoder().decode

ISSUER = Format.MESSAGES.value
"""Of the seals that this format's vendor makes."""

MCP_CALL = "mcp_tool_use"
SERVER_CALL = "server_tool_use"


class BlockError(Exception):
    """A block that is not what it says it is."""

    def __init__(self, problem: str, pointer: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.pointer = pointer


class LooseCache(msgspec.Struct):
    type: str
    ttl: str | None = None


_decode_loose_cache = Decoder(LooseCache).decode


# --- wire to parts ---------------------------------------------------------------


def decode_blocks(raws: list[Raw], pointer: str) -> tuple[Part, ...]:
    """The parts of a list of blocks.

    Raises:
        BlockError: with the JSON pointer below ``pointer``.
    """
    return tuple([decode_block(raw, f"{pointer}/{number}") for number, raw in enumerate(raws)])


def decode_block(raw: Raw, pointer: str) -> Part:
    """The part that one block stands for.

    Raises:
        BlockError: with the JSON pointer below ``pointer``.
    """
    try:
        try:
            block = _decode_block(raw)
        except ValidationError:
            return _decode_odd(raw, pointer)
        return _to_part(block, None, pointer)
    except ValidationError as exc:
        problem, below = pointer_of(exc)
        raise BlockError(problem, pointer + below) from None


def native(raw: bytes) -> Native:
    """``raw`` as a leftover of this format, without the space between its tokens:
    what is read back then equals what was written.

    Raises:
        UnicodeDecodeError: not UTF-8, which no encoder may pass on.
        msgspec.DecodeError: not JSON.
    """
    if not raw.isascii():
        raw.decode()
    return Native(Format.MESSAGES, msgspec.json.format(raw, indent=-1))


def refuse_ambiguous(*leftovers: Native | None) -> None:
    """Of an answer: what its client gets as it came.

    Raises:
        BlockError: parsers do not agree on it.
    """
    for leftover in leftovers:
        if leftover is not None and not reads_alike(leftover.raw):
            raise BlockError("it holds what can be read in more ways than one", "")


def own(leftover: Native | None) -> dict[str, Raw]:
    """The fields of a leftover of this format; empty for others'."""
    if leftover is None or leftover.format is not Format.MESSAGES:
        return {}
    return decode_fields(leftover.raw)


def decode_cache(control: wire.CacheControl | None) -> CacheMark | None:
    return None if control is None else CacheMark(control.ttl or "5m")


def decode_citation(raw: Raw) -> Citation:
    fields = _decode_citation(raw)
    url = fields.url
    if url is None and fields.source is not None and fields.source.startswith("http"):
        url = fields.source
    return Citation(
        url=url,
        title=fields.title or fields.document_title,
        cited_text=fields.cited_text,
        native=native(bytes(raw)),
    )


def _decode_odd(raw: Raw, pointer: str) -> Part:
    """A block that the strict union does not take: unknown, or with unknown
    fields, or wrong (which raises ``ValidationError``)."""
    fields = decode_fields(raw)
    if "type" not in fields:
        raise ValidationError("Object missing required field `type`")
    kind = _decode_str(fields["type"])
    if kind == "search_result":
        return _decode_search(raw, pointer)
    block_type = wire.BLOCKS.get(kind)
    if block_type is None:
        return Opaque(native(bytes(raw)), kind)
    known = {"type", *block_type.__struct_fields__}
    left = {name: value for name, value in fields.items() if name not in known}
    typed = {name: value for name, value in fields.items() if name in known}
    control = typed.get("cache_control")
    if control is not None:
        try:
            _decode_cache(control)
        except ValidationError:
            loose = _decode_loose_cache(control)
            left["cache_control"] = control
            typed["cache_control"] = Raw(_encode({"type": loose.type, "ttl": loose.ttl}))
    try:
        block = _decode_block(_encode(typed))
    except ValidationError:
        if kind in ("image", "document") and _unknown_source(fields):
            return Opaque(native(bytes(raw)), kind)
        raise
    leftover = native(_encode(left)) if left else None
    return _to_part(block, leftover, pointer)


def _unknown_source(fields: dict[str, Raw]) -> bool:
    try:
        source = decode_fields(fields["source"])
        return _decode_str(source["type"]) not in ("base64", "url", "text", "content", "file")
    except (KeyError, ValidationError):
        return False


def _decode_search(raw: Raw, pointer: str) -> Text:
    found = _decode_search_result(raw)
    texts = [f"{found.title} ({found.source})"]
    for number, inner in enumerate(found.content):
        part = decode_block(inner, f"{pointer}/content/{number}")
        if isinstance(part, Text):
            texts.append(part.text)
    return Text(
        "\n".join(texts), cache=decode_cache(found.cache_control), native=native(bytes(raw))
    )


def _to_part(block: wire.Block, left: Native | None, pointer: str) -> Part:
    if isinstance(block, wire.TextBlock):
        citations = tuple([decode_citation(raw) for raw in block.citations or ()])
        return Text(block.text, citations, decode_cache(block.cache_control), native=left)
    if isinstance(block, wire.ToolUseBlock):
        return ToolCall(
            block.id,
            block.name,
            _read_input(block.input, pointer),
            cache=decode_cache(block.cache_control),
            native=left,
        )
    if isinstance(block, wire.ToolResultBlock):
        return _decode_result(block, left, pointer)
    if isinstance(block, wire.ThinkingBlock):
        # An empty signature is as good as none: nobody accepts it back.
        seal = Seal(ISSUER, "signature", block.signature) if block.signature else None
        return Reasoning(block.thinking, ReasoningStyle.SUMMARY, seal, left)
    if isinstance(block, wire.RedactedBlock):
        seal = Seal(ISSUER, "redacted", block.data) if block.data else None
        return Reasoning("", ReasoningStyle.HIDDEN, seal, left)
    if isinstance(block, wire.ImageBlock):
        return Media(
            MediaKind.IMAGE,
            _decode_source(block.source),
            cache=decode_cache(block.cache_control),
            native=left,
        )
    if isinstance(block, wire.DocumentBlock):
        return _decode_document(block, left, pointer)
    server = {} if left is None else decode_fields(left.raw)
    kind = SERVER_CALL
    if isinstance(block, wire.McpToolUseBlock):
        kind = MCP_CALL
        server = {"server_name": Raw(_encode(block.server_name)), **server}
    # The type is kept as a leftover: it says that the call is this vendor's.
    server = {"type": Raw(_encode(kind)), **server}
    return ToolCall(
        block.id,
        block.name,
        _read_input(block.input, pointer),
        server=True,
        cache=decode_cache(block.cache_control),
        native=native(_encode(server)),
    )


def _read_input(raw: Raw, pointer: str) -> str:
    text = bytes(raw).decode()
    if not text.startswith("{"):
        raise BlockError("the input of a tool is an object", f"{pointer}/input")
    return text


def _decode_result(block: wire.ToolResultBlock, left: Native | None, pointer: str) -> ToolResult:
    content: list[Text | Media | Opaque] = []
    if isinstance(block.content, str):
        if block.content:
            content.append(Text(block.content))
    else:
        for number, raw in enumerate(block.content or ()):
            where = f"{pointer}/content/{number}"
            part = decode_block(raw, where)
            if not isinstance(part, Text | Media | Opaque):
                raise BlockError("a tool result cannot hold this block", where)
            content.append(part)
    return ToolResult(
        block.tool_use_id,
        tuple(content),
        bool(block.is_error),
        cache=decode_cache(block.cache_control),
        native=left,
    )


def _decode_source(source: wire.Base64Source | wire.UrlSource | wire.FileSource) -> Any:
    if isinstance(source, wire.Base64Source):
        return Inline(source.media_type, source.data)
    if isinstance(source, wire.UrlSource):
        return Url(source.url)
    return FileId(source.file_id, Format.MESSAGES)


def _decode_document(block: wire.DocumentBlock, left: Native | None, pointer: str) -> Part:
    source: Inline | Url | FileId
    if isinstance(block.source, wire.TextSource):
        source = Inline(block.source.media_type, block.source.data)
    elif isinstance(block.source, wire.ContentSource):
        source = Inline("text/plain", _flatten(block.source, pointer))
        left = native(_encode({**own(left), "source": block.source}))
    else:
        source = _decode_source(block.source)
        if isinstance(source, Url):
            source = Url(source.url, "application/pdf")
    return Media(
        MediaKind.DOCUMENT,
        source,
        name=block.title,
        context=block.context,
        cite=None if block.citations is None else block.citations.enabled,
        cache=decode_cache(block.cache_control),
        native=left,
    )


def _flatten(source: wire.ContentSource, pointer: str) -> str:
    if isinstance(source.content, str):
        return source.content
    parts = decode_blocks(source.content, f"{pointer}/source/content")
    return "\n".join(part.text for part in parts if isinstance(part, Text))


# --- parts to wire ---------------------------------------------------------------


def tool_input(arguments: str) -> tuple[Raw, bool]:
    """The arguments as an object, and whether they were one.

    A legal object is passed on as the text it is: numbers keep their spelling.
    Anything else is wrapped, so that nothing of it is lost.
    """
    if not arguments or arguments.isspace():
        return Raw(b"{}"), True
    try:
        legal = type(_decode_any(arguments)) is dict
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        legal = False
    if legal:
        return Raw(arguments.strip()), True
    return Raw(_encode({"_raw": arguments})), False


def encode_call(call: ToolCall, name: str, call_id: str) -> tuple[dict[str, Any], bool]:
    """A tool call block, and whether its arguments were an object."""
    left = own(call.native)
    if call.freeform:
        arguments, legal = Raw(_encode({"input": call.arguments})), True
    else:
        arguments, legal = tool_input(call.arguments)
    block: dict[str, Any] = {"type": "tool_use", "id": call_id, "name": name, "input": arguments}
    block.update(left)
    return block, legal


def encode_citations(citations: tuple[Citation, ...]) -> list[Raw]:
    """Those that this format's vendor wrote: others lack what clients need."""
    return [
        Raw(citation.native.raw)
        for citation in citations
        if citation.native is not None and citation.native.format is Format.MESSAGES
    ]


def encode_reasoning(part: Reasoning) -> dict[str, Any]:
    """A thinking block; the seal, if any, is written as it is."""
    seal = part.seal
    if seal is not None and seal.kind == "redacted" and not part.text:
        block: dict[str, Any] = {"type": "redacted_thinking", "data": seal.data}
    else:
        signature = "" if seal is None else seal.data
        block = {"type": "thinking", "thinking": part.text, "signature": signature}
    block.update(own(part.native))
    return block
