"""Input items of a request to turns.

Items are finer than turns: one assistant turn is the reasoning, the messages
and the calls of one step. Turns are cut where a role changes, at every message
of a user or of the system, and between two assistant messages that follow each
other or differ in ``phase``. What the canonical parts have no field for stays
in their natives: ``{"item": fields of the item, "part": fields of the part}``,
or the fields alone where part and item are the same. An opaque part of a
message is kept as ``{"part": the part}``, an opaque item as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    CacheMark,
    FileId,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Url,
)
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import (
    AUDIO_TYPES,
    file_id,
    leftovers,
    native,
    read_address,
    read_annotations,
    read_logprobs,
)
from aigw_core.codecs.responses.output_items import (
    item_native,
    other_part,
    reasoning_seal,
    reasoning_text,
    shown_fields,
)
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, pointer_of

T = TypeVar("T")

_MESSAGE_FIELDS = frozenset({"type", "role", "content", "phase"})
_OUTPUT_FIELDS = frozenset({"type", "call_id", "output", "name"})
_CALL_FIELDS = frozenset({"type", "call_id", "name", "arguments", "input"})
_TEXT_FIELDS = frozenset({"type", "text", "annotations", "logprobs", "prompt_cache_breakpoint"})
_MEDIA_FIELDS = frozenset(
    {
        "type",
        "image_url",
        "detail",
        "file_id",
        "file_data",
        "file_url",
        "filename",
        "input_audio",
        "prompt_cache_breakpoint",
    }
)
_TEXTS = frozenset({"input_text", "output_text", "text"})
_MEDIA = frozenset({"input_image", "input_file", "input_audio"})

CLIENT_ITEMS = frozenset(
    {
        "computer_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "mcp_approval_response",
    }
)
"""Items that a client answers a hosted call with; the others come from the model."""

_ROLES = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
}

_MESSAGE = msgspec.json.Decoder(wire.InputMessage).decode
_INPUT = msgspec.json.Decoder(str | list[Raw] | None).decode
_ALL_PLAIN: Callable[[Raw], list[wire.PlainMessage]] = msgspec.json.Decoder(
    list[wire.PlainMessage]
).decode
_PLAIN_MESSAGE: Callable[[Raw], wire.PlainMessage] = msgspec.json.Decoder(wire.PlainMessage).decode
_PLAIN_ITEM: Callable[[Raw], wire.PlainCall | wire.PlainOutput] = msgspec.json.Decoder(
    wire.PlainCall | wire.PlainOutput
).decode
_PLAIN_TEXTS = msgspec.json.Decoder(list[wire.PlainText]).decode
_PART = msgspec.json.Decoder(wire.InputPart).decode
_FUNCTION_CALL = msgspec.json.Decoder(wire.FunctionCall).decode
_CUSTOM_CALL = msgspec.json.Decoder(wire.CustomToolCall).decode
_OUTPUT = msgspec.json.Decoder(wire.CallOutput).decode
_REASONING = msgspec.json.Decoder(wire.ReasoningItem).decode


def decode_at(decode: Callable[[bytes], T], raw: bytes | Raw, pointer: str) -> T:
    """``decode(raw)``; ``raw`` stands at ``pointer`` in the client's request.

    Raises:
        InvalidRequest: with the pointer of what has the wrong type.
    """
    try:
        return decode(bytes(raw))
    except msgspec.ValidationError as exc:
        problem, below = pointer_of(exc)
        raise InvalidRequest(problem, pointer=pointer + below) from None


def decode_input(given: Raw, cache_ttl: str) -> list[Turn]:
    """The turns of ``input``. A cache breakpoint without a time has ``cache_ttl``.

    Raises:
        InvalidRequest: with the JSON pointer.
    """
    try:
        messages = _ALL_PLAIN(given)
    except msgspec.ValidationError:
        whole = decode_at(_INPUT, given, "/input")
    else:
        # None is empty, and nothing but a message joins one: each is a turn.
        return [
            Turn(
                _ROLES[message.role],
                _texts(message.content),
                phase=message.phase or None,
                developer=message.role == "developer",
                pointer=f"/input/{number}",
            )
            for number, message in enumerate(messages)
        ]
    if isinstance(whole, str):
        return [Turn(Role.USER, (Text(whole),), pointer="/input")]
    turns = _Turns()
    for number, raw in enumerate(whole or ()):
        pointer = f"/input/{number}"
        if not _add_plain(turns, raw, pointer):
            _add_item(turns, raw, pointer, cache_ttl)
    return turns.finish()


class _Turns:
    """Joins items that belong to one step into a turn."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._parts: list[Part] = []
        self._role = Role.USER
        self._pointer = ""
        self._phase: str | None = None
        self._open = False
        self._after_message = False  # the last item of this turn is a message
        self._has_message = False

    def message(
        self, message: wire.InputMessage | wire.PlainMessage, parts: Sequence[Part], pointer: str
    ) -> None:
        role = _ROLES[message.role]
        if role is not Role.ASSISTANT:
            if self._open:
                self._end()
            developer = message.role == "developer"
            phase = message.phase or None
            turn = Turn(role, tuple(parts), phase=phase, developer=developer, pointer=pointer)
            self._turns.append(turn)
            return
        joins = (
            self._joins(role)
            and not self._after_message
            and (message.phase == self._phase or not self._has_message)
        )
        if not joins:
            self._begin(role, pointer)
        self._parts += parts
        if parts:  # an empty message says nothing, and has no phase
            self._phase = message.phase
            self._after_message = self._has_message = True

    def part(self, role: Role, part: Part, pointer: str) -> None:
        if not self._joins(role):
            self._begin(role, pointer)
        self._parts.append(part)
        self._after_message = False
        if role is Role.SYSTEM:
            self._end(developer=True)

    def _joins(self, role: Role) -> bool:
        return self._open and self._role is role

    def _begin(self, role: Role, pointer: str) -> None:
        self._end()
        self._open, self._role, self._pointer = True, role, pointer

    def _end(self, *, developer: bool = False) -> None:
        if not self._open:
            return
        self._turns.append(
            Turn(
                self._role,
                tuple(self._parts),
                phase=self._phase or None,
                developer=developer,
                pointer=self._pointer,
            )
        )
        self._parts = []
        self._phase = None
        self._open = self._after_message = self._has_message = False

    def finish(self) -> list[Turn]:
        self._end()
        return self._turns


def _add_plain(turns: _Turns, raw: Raw, pointer: str) -> bool:
    """Add an item with nothing beside what every format has, as nearly all are: what
    :func:`_add_item` would add, in a third of the time. Whether it is one."""
    try:
        message = _PLAIN_MESSAGE(raw)
    except msgspec.ValidationError:
        pass
    else:
        turns.message(message, _texts(message.content), pointer)
        return True
    try:
        item = _PLAIN_ITEM(raw)
    except msgspec.ValidationError:
        return False
    if isinstance(item, wire.PlainCall):
        turns.part(Role.ASSISTANT, ToolCall(item.call_id, item.name, item.arguments), pointer)
    else:
        said = (Text(item.output),) if item.output else ()
        turns.part(Role.USER, ToolResult(item.call_id, said), pointer)
    return True


def _texts(content: str | list[wire.PlainText]) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    if len(content) == 1:
        return (Text(content[0].text),)
    return tuple([Text(part.text) for part in content])


def _add_item(turns: _Turns, raw: Raw, pointer: str, cache_ttl: str) -> None:
    head = decode_at(wire.decode_head, raw, pointer)
    kind = head.type
    if kind == "message" or (kind is None and head.role is not None):
        message = decode_at(_MESSAGE, raw, pointer)
        turns.message(message, _message_parts(message, raw, pointer, cache_ttl), pointer)
    elif kind == "function_call":
        call = decode_at(_FUNCTION_CALL, raw, pointer)
        part = ToolCall(call.call_id, call.name, call.arguments, native=_call_native(raw))
        turns.part(Role.ASSISTANT, _checked(part, pointer), pointer)
    elif kind == "custom_tool_call":
        custom = decode_at(_CUSTOM_CALL, raw, pointer)
        part = ToolCall(
            custom.call_id, custom.name, custom.input, freeform=True, native=_call_native(raw)
        )
        turns.part(Role.ASSISTANT, _checked(part, pointer), pointer)
    elif kind in ("function_call_output", "custom_tool_call_output"):
        output = decode_at(_OUTPUT, raw, pointer)
        result = ToolResult(
            output.call_id,
            _output_content(output, f"{pointer}/output", cache_ttl),
            name=output.name,
            freeform=kind == "custom_tool_call_output",
            native=native(leftovers(raw, _OUTPUT_FIELDS)),
        )
        turns.part(Role.USER, result, pointer)
    elif kind == "reasoning":
        turns.part(Role.ASSISTANT, _reasoning(raw, pointer), pointer)
    else:
        _add_other(turns, raw, head, pointer)


def _checked(call: ToolCall, pointer: str) -> ToolCall:
    if not call.id:
        raise InvalidRequest("a call needs an identifier", pointer=f"{pointer}/call_id")
    return call


def _call_native(raw: Raw) -> Native | None:
    return native(leftovers(raw, _CALL_FIELDS))


def _add_other(turns: _Turns, raw: Raw, head: wire.ItemHead, pointer: str) -> None:
    """Items that only this format understands. ``item_reference`` may omit its type."""
    kind = head.type or "item_reference"
    document = bytes(raw)
    essential = kind == "item_reference"
    part: Part = Opaque(Native(Format.RESPONSES, document), kind, essential)
    if kind == "image_generation_call":
        item = decode_at(wire.decode_output_item, raw, pointer)
        part = other_part(item, document)
        if isinstance(part, Media) and item.id:
            # As part of a request the identifier says which picture is meant.
            fields = leftovers(document, frozenset({"type", "result", "output_format"}))
            part = msgspec.structs.replace(part, native=item_native(fields))
    if head.role in _ROLES:
        role = _ROLES[head.role or ""]
    else:
        role = Role.USER if kind in CLIENT_ITEMS else Role.ASSISTANT
    turns.part(role, part, pointer)


# --- reasoning ----------------------------------------------------------------


def _reasoning(raw: Raw, pointer: str) -> Reasoning:
    """A reasoning item. Its native holds the whole item where the parts of it do
    not say everything; of a sealed one, ``encrypted_content`` is null in there,
    which tells it from an item that came without."""
    item = decode_at(_REASONING, raw, pointer)
    text, style, shown = reasoning_text(item)
    seal = reasoning_seal(item)
    kept: dict[str, object] = {
        name: value
        for name, value in leftovers(raw, frozenset()).items()
        if name not in ("type", "encrypted_content")
    }
    if seal is None:
        return Reasoning(text, style, None, native(kept))
    plain = shown_fields(shown, style)
    if item.id is not None:
        plain["id"] = item.id
    if len(shown) < 2 and _same_fields(kept, plain):
        return Reasoning(text, style, seal)
    kept.pop("id", None)
    return Reasoning(text, style, seal, native({**kept, "encrypted_content": None}))


def _same_fields(fields: dict[str, object], plain: dict[str, object]) -> bool:
    # An empty list says as much as none.
    def bare(item: dict[str, object]) -> object:
        value = decode_as(wire.decode_any, wire.encode(item))
        return {name: field for name, field in value.items() if field != []}

    return bare(fields) == bare(plain)


# --- messages -----------------------------------------------------------------


def _message_parts(
    message: wire.InputMessage, raw: Raw, pointer: str, cache_ttl: str
) -> list[Part]:
    kept = leftovers(raw, _MESSAGE_FIELDS)
    content = message.content
    if content is None:
        parts: list[Part] = []
    elif isinstance(content, str):
        parts = [Text(content)]
    else:
        parts = _content_parts(content, f"{pointer}/content", cache_ttl)
    if kept and parts:
        first = parts[0]
        if isinstance(first, Text | Media):
            below = _native_part(first.native)
            both = native({"item": kept, **({"part": below} if below else {})})
            parts[0] = msgspec.structs.replace(first, native=both)
    return parts


def _native_part(leftover: Native | None) -> Raw | None:
    return None if leftover is None else wire.decode_fields(leftover.raw).get("part")


def _output_content(
    output: wire.CallOutput, pointer: str, cache_ttl: str
) -> tuple[Text | Media | Opaque, ...]:
    if not output.output:
        return ()
    if isinstance(output.output, str):
        return (Text(output.output),)
    parts = _content_parts(output.output, pointer, cache_ttl)
    return tuple(
        [
            part if isinstance(part, Text | Media | Opaque) else Text(part.text)
            for part in parts
            if isinstance(part, Text | Media | Opaque | Refusal)
        ]
    )


def _content_parts(raws: list[Raw], pointer: str, cache_ttl: str) -> list[Part]:
    try:
        # Nearly all content is text with nothing beside it.
        return [Text(part.text) for part in _PLAIN_TEXTS(wire.encode(raws))]
    except msgspec.ValidationError:
        return [
            _content_part(raw, f"{pointer}/{number}", cache_ttl) for number, raw in enumerate(raws)
        ]


def _content_part(raw: Raw, pointer: str, cache_ttl: str) -> Part:
    kind = decode_at(wire.decode_head, raw, pointer).type
    if kind not in _TEXTS and kind not in _MEDIA and kind != "refusal":
        if kind is None:
            raise InvalidRequest("a part needs a type", pointer=f"{pointer}/type")
        # Wrapped, which tells it from an item.
        return Opaque(Native(Format.RESPONSES, wire.encode({"part": raw})), kind)
    part = decode_at(_PART, raw, pointer)
    if kind == "refusal":
        return Refusal(_needed(part.refusal, f"{pointer}/refusal"))
    mark = part.prompt_cache_breakpoint
    cache = None if mark is None else CacheMark(mark.ttl or cache_ttl)
    if kind in _TEXTS:
        kept = leftovers(raw, _TEXT_FIELDS)
        return Text(
            _needed(part.text, f"{pointer}/text"),
            read_annotations(part.annotations or ()),
            cache=cache,
            logprobs=read_logprobs(part.logprobs or ()),
            native=native({"part": kept}) if kept else None,
        )
    kept = leftovers(raw, _MEDIA_FIELDS)
    source, media_kind = _media_source(part, pointer)
    return Media(
        media_kind,
        source,
        detail=part.detail,
        name=part.filename,
        cache=cache,
        native=native({"part": kept}) if kept else None,
    )


def _media_source(part: wire.InputPart, pointer: str) -> tuple[Inline | Url | FileId, MediaKind]:
    if part.type == "input_audio":
        if part.input_audio is None:
            raise InvalidRequest("the audio is missing", pointer=f"{pointer}/input_audio")
        audio = part.input_audio
        media_type = AUDIO_TYPES.get(audio.format, f"audio/{audio.format}")
        return Inline(media_type, audio.data), MediaKind.AUDIO
    if part.type == "input_image":
        kind, address = MediaKind.IMAGE, part.image_url
    else:
        kind, address = MediaKind.DOCUMENT, part.file_data or part.file_url
    if address is not None:
        if part.file_data is not None and not address.startswith("data:"):
            # Servers take bare base64 too; this format was made for PDF.
            return Inline("application/pdf", address), kind
        return read_address(address), kind
    if part.file_id is not None:
        return file_id(part.file_id), kind
    raise InvalidRequest(f"the {part.type} names no source", pointer=pointer)


def _needed(text: str | None, pointer: str) -> str:
    if text is None:
        raise InvalidRequest("Object missing required field", pointer=pointer)
    return text
