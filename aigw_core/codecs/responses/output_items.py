"""Output items of an answer, whole, to canonical parts.

Streams use the same reading for what their deltas did not deliver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    Citation,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Seal,
    Text,
    ToolCall,
)
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import (
    leftovers,
    native,
    read_annotations,
    read_logprobs,
)
from aigw_core.jsondoc import is_utf8, reads_alike

ISSUER = Format.RESPONSES.value
"""Of the seals that come from this format's upstreams."""

CALLS = frozenset({"function_call", "custom_tool_call"})
_CALL_FIELDS = frozenset(
    {"type", "id", "status", "call_id", "name", "arguments", "input", "item_id", "output_index"}
)
_IMAGE_FIELDS = frozenset({"type", "id", "status", "result", "output_format"})


class MalformedItem(Exception):
    """An item whose fields are not what its type says, or that holds what a client of
    this format gets as it came and parsers do not agree on."""


def read_item(raw: Raw | bytes) -> wire.OutputItem:
    """The item's fields; of an item that only this format understands, its type
    and identifier.

    Raises:
        MalformedItem: not an object in UTF-8, or a known type with wrong fields.
    """
    document = bytes(raw)
    if not is_utf8(document):
        raise MalformedItem("an item that is not UTF-8")
    try:
        head = wire.decode_head(document)
        if not head.type:
            raise MalformedItem("an item without a type")
        if head.type in _KNOWN:
            return wire.decode_output_item(document)
        identifier = wire.decode_fields(document).get("id")
        name = wire.decode_any(bytes(identifier)) if identifier is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedItem(str(exc)) from None
    return wire.OutputItem(type=head.type, id=name if isinstance(name, str) else None)


_KNOWN = CALLS | {"message", "reasoning", "image_generation_call"}


def item_parts(raw: Raw | bytes) -> list[Part]:
    """What a whole item amounts to. Empty texts are left out: they say nothing,
    and formats without items cannot carry them.

    Raises:
        MalformedItem: as :func:`read_item`; a call without a name; something that
            parsers do not agree on and its client would get as it came.
    """
    item = read_item(raw)
    if item.type == "message":
        return _message_parts(item)
    if item.type == "reasoning":
        return reasoning_parts(item)
    if item.type in CALLS:
        if not item.name:
            raise MalformedItem("a call without a name")
        return [answered_call(item, raw)]
    return [answered_other(item, raw)]


def _message_parts(item: wire.OutputItem) -> list[Part]:
    parts: list[Part] = []
    leftover = phase_native(item)
    for piece in item.content or ():
        if piece.refusal:
            parts.append(Refusal(piece.refusal))
        elif piece.text or piece.annotations:
            parts.append(
                Text(
                    piece.text or "",
                    answered_citations(piece.annotations or ()),
                    logprobs=read_logprobs(piece.logprobs or ()),
                    native=leftover,
                )
            )
    return parts


def phase_native(item: wire.OutputItem) -> Native | None:
    """What a text part keeps of its message beside the text."""
    return item_native({"phase": item.phase} if item.phase else {})


def item_native(fields: Mapping[str, object]) -> Native | None:
    """Fields of an item, kept by the first part that it holds."""
    return native({"item": fields}) if fields else None


def reasoning_text(
    item: wire.OutputItem | wire.ReasoningItem,
) -> tuple[str, ReasoningStyle, list[str]]:
    """The text, how it is to be understood, and the pieces it is made of."""
    for pieces, style in (
        (item.content, ReasoningStyle.RAW),
        (item.summary, ReasoningStyle.SUMMARY),
    ):
        shown = [piece.text for piece in pieces or () if piece.text]
        if shown:
            return "\n\n".join(shown), style, shown
    return "", ReasoningStyle.HIDDEN, []


def reasoning_seal(item: wire.OutputItem | wire.ReasoningItem) -> Seal | None:
    if not item.encrypted_content:
        return None
    return Seal(ISSUER, "encrypted", item.encrypted_content, item.id)


def reasoning_parts(item: wire.OutputItem) -> list[Part]:
    text, style, shown = reasoning_text(item)
    seal = reasoning_seal(item)
    if not text and seal is None:
        return []
    leftover = native(shown_fields(shown, style)) if len(shown) > 1 else None
    return [Reasoning(text, style, seal, leftover)]


def shown_fields(pieces: Sequence[str], style: ReasoningStyle) -> dict[str, object]:
    """The fields of a reasoning item that show ``pieces``."""
    if style is ReasoningStyle.RAW:
        return {
            "summary": [],
            "content": [{"type": "reasoning_text", "text": piece} for piece in pieces],
        }
    return {"summary": [{"type": "summary_text", "text": piece} for piece in pieces]}


def other_part(item: wire.OutputItem, raw: Raw | bytes) -> Media | Opaque:
    """A picture that was made, or an item for this format alone."""
    document = bytes(raw)
    if item.type == "image_generation_call" and item.result:
        return Media(
            MediaKind.IMAGE,
            Inline(f"image/{item.output_format or 'png'}", item.result),
            native=item_native(leftovers(document, _IMAGE_FIELDS)),
        )
    # Without the space between its fields, so that it is the same when it comes again.
    whole = wire.encode(wire.decode_fields(document))
    return Opaque(Native(Format.RESPONSES, whole), item.type)


# --- what a client of this format gets as it came -------------------------------
# Only in answers, each with MalformedItem for what parsers do not agree on.


def answered_citations(raws: Sequence[Raw]) -> tuple[Citation, ...]:
    _refuse_ambiguous(*raws)
    return read_annotations(raws)


def answered_call(item: wire.OutputItem, raw: Raw | bytes) -> ToolCall:
    freeform = item.type == "custom_tool_call"
    more = native(leftovers(bytes(raw), _CALL_FIELDS))  # ``namespace``, ``caller``
    if more is not None:
        _refuse_ambiguous(more.raw)
    return ToolCall(
        item.call_id or item.id or "call_0",
        item.name or "",
        (item.input if freeform else item.arguments) or "",
        freeform=freeform,
        native=more,
    )


def answered_other(item: wire.OutputItem, raw: Raw | bytes) -> Media | Opaque:
    part = other_part(item, raw)
    if isinstance(part, Opaque):
        _refuse_ambiguous(raw)
    elif part.native is not None:
        _refuse_ambiguous(part.native.raw)
    return part


def _refuse_ambiguous(*documents: Raw | bytes) -> None:
    if not all(reads_alike(bytes(document)) for document in documents):
        raise MalformedItem("it holds what can be read in more ways than one")
