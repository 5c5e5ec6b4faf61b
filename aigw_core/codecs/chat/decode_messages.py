"""``messages`` of a request: a client's conversation to canonical turns.

A ``tool`` message becomes a user turn with a tool result, and adjacent ones are one
turn. Fields of a message that have no canonical place stay beside its parts as
:class:`Opaque`, so that the same format gets them back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    Citation,
    Format,
    Media,
    Native,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.codecs.chat.answer import OWN
from aigw_core.codecs.chat.calls import google_seal
from aigw_core.codecs.chat.decode_content import (
    CONTENT,
    mark_last,
    native_of,
    read_content,
    take_cache,
)
from aigw_core.codecs.chat.details import (
    ISSUER,
    OF_TEXT,
    OWN_FORMAT,
    Entry,
    proven,
    read_entries,
    visible,
)
from aigw_core.codecs.chat.fields import (
    given,
    need,
    read,
    rest,
    take,
    take_list,
    take_object,
    take_text,
)
from aigw_core.codecs.chat.wire import (
    ENCODE,
    Annotation,
    Custom,
    ExtraContent,
    Fields,
    Function,
    PlainAssistant,
    PlainMessage,
    PlainResult,
    PlainSystem,
    PlainUser,
)
from aigw_core.errors import InvalidRequest

# Looking up a member of an enumeration takes CPython 3.11 50 ns.
_SYSTEM, _USER, _ASSISTANT = Role.SYSTEM, Role.USER, Role.ASSISTANT

MESSAGE_FIELDS = "message fields"
"""The label of an :class:`Opaque` that holds fields of a message."""

_ALL_PLAIN: Callable[[Raw], list[PlainMessage]] = msgspec.json.Decoder(list[PlainMessage]).decode
_PLAIN: Callable[[Raw], PlainMessage] = msgspec.json.Decoder(PlainMessage).decode
_FIELDS: Callable[[Raw], Fields] = msgspec.json.Decoder(Fields).decode
_FUNCTION = msgspec.json.Decoder(Function).decode
_CUSTOM = msgspec.json.Decoder(Custom).decode
_EXTRA = msgspec.json.Decoder(ExtraContent).decode
_RAWS = msgspec.json.Decoder(list[msgspec.Raw]).decode
_ANNOTATION = msgspec.json.Decoder(Annotation).decode


def decode_messages(raw: Raw) -> tuple[Turn, ...]:
    """The turns of ``messages``.

    Raises:
        InvalidRequest: with the pointer of what is wrong; also when there are none, and
            when tool results and calls do not pair.
    """
    reader = _Messages()
    try:
        messages = _ALL_PLAIN(raw)
    except msgspec.ValidationError:
        for index, item in enumerate(read(_RAWS, raw, "/messages")):
            reader.add(item, f"/messages/{index}", index)
    else:
        for index, message in enumerate(messages):
            reader.add_plain(message, f"/messages/{index}")
    return reader.finish()


class _Messages:
    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._results: list[ToolResult] = []  # of adjacent tool messages
        self._results_at = ""
        self._open: dict[str, ToolCall] = {}  # calls that have no result yet
        self._calls_at = ""

    def add_plain(self, message: PlainMessage, pointer: str) -> None:
        """Add what ``_add_fields`` would, in a fifth of the time."""
        content = message.content
        texts = (Text(content),) if content else ()
        if type(message) is PlainResult:
            call = self._answered(message.tool_call_id, f"{pointer}/tool_call_id")
            self._add_result(ToolResult(call.id, texts, freeform=call.freeform), pointer)
            return
        if self._results:
            self._end_results()
        if type(message) is PlainSystem:
            self._turns.append(Turn(_SYSTEM, texts, pointer=pointer))
            return
        if self._open:
            self._refuse_open()
        if type(message) is PlainUser:
            self._turns.append(Turn(_USER, texts, pointer=pointer))
            return
        parts: tuple[Part, ...] = texts
        if type(message) is PlainAssistant and message.tool_calls:
            calls = [
                ToolCall(call.id, call.function.name, call.function.arguments)
                for call in message.tool_calls
            ]
            self._ask(calls, pointer)
            parts = (*texts, *calls)
        self._turns.append(Turn(_ASSISTANT, parts, pointer=pointer))

    def add(self, raw: Raw, pointer: str, index: int) -> None:
        try:
            plain = _PLAIN(raw)
        except msgspec.ValidationError:
            self._add_fields(read(_FIELDS, raw, pointer), pointer, index)
        else:
            self.add_plain(plain, pointer)

    def _add_fields(self, fields: Fields, pointer: str, index: int) -> None:
        role = need(take_text(fields, "role", pointer), f"{pointer}/role")
        if role in ("tool", "function"):
            self._result(fields, pointer, role)
            return
        self._end_results()
        if role in ("system", "developer"):
            parts = read_content(fields, pointer, system=True)
            self._turn(Role.SYSTEM, parts, fields, pointer, developer=role == "developer")
        elif role == "user":
            self._refuse_open()
            self._turn(Role.USER, read_content(fields, pointer), fields, pointer)
        elif role == "assistant":
            self._refuse_open()
            parts = _assistant(fields, pointer, index)
            self._turn(Role.ASSISTANT, parts, fields, pointer)
            self._ask([part for part in parts if isinstance(part, ToolCall)], pointer)
        else:
            raise InvalidRequest(f"unknown role {role!r}", pointer=f"{pointer}/role")

    def finish(self) -> tuple[Turn, ...]:
        self._end_results()
        self._refuse_open()
        if not self._turns:
            raise InvalidRequest("there are no messages", pointer="/messages")
        return tuple(self._turns)

    def _turn(
        self,
        role: Role,
        parts: list[Part],
        fields: Fields,
        pointer: str,
        *,
        developer: bool = False,
    ) -> None:
        name = take_text(fields, "name", pointer)
        mark_last(parts, fields, pointer)
        kept = rest(fields)
        if kept is not None:
            parts.append(Opaque(Native(Format.CHAT, kept), MESSAGE_FIELDS))
        self._turns.append(Turn(role, tuple(parts), name, developer=developer, pointer=pointer))

    def _ask(self, calls: list[ToolCall], pointer: str) -> None:
        self._open = {call.id: call for call in calls}
        self._calls_at = pointer
        if len(self._open) < len(calls):
            ids = [call.id for call in calls]
            twin = next(place for place, id in enumerate(ids) if id in ids[:place])
            raise InvalidRequest(
                "two tool calls have this id", pointer=f"{pointer}/tool_calls/{twin}/id"
            )

    def _refuse_open(self) -> None:
        if self._open:
            ids = ", ".join(repr(id) for id in list(self._open)[:3])
            raise InvalidRequest(
                f"tool calls without a result: {ids}", pointer=f"{self._calls_at}/tool_calls"
            )

    def _answered(self, id: str | None, pointer: str) -> ToolCall:
        """The open call with this identifier; it is open no more."""
        call = None if id is None else self._open.pop(id, None)
        if call is None:
            raise InvalidRequest("there is no open tool call that this answers", pointer=pointer)
        return call

    def _result(self, fields: Fields, pointer: str, role: str) -> None:
        name = take_text(fields, "name", pointer)
        if role == "function":
            # The deprecated form knows the function's name alone.
            id = next((call.id for call in self._open.values() if call.name == name), None)
            call = self._answered(id, f"{pointer}/name")
        else:
            where = f"{pointer}/tool_call_id"
            call = self._answered(need(take_text(fields, "tool_call_id", pointer), where), where)
        content = read_content(fields, pointer)
        cache = take_cache(fields, pointer)
        kept = rest(fields)
        result = ToolResult(
            call.id,
            tuple([part for part in content if isinstance(part, Text | Media | Opaque)]),
            name=name,
            freeform=call.freeform,
            cache=cache,
            native=None if kept is None else Native(Format.CHAT, kept),
        )
        self._add_result(result, pointer)

    def _add_result(self, result: ToolResult, pointer: str) -> None:
        if not self._results:
            self._results_at = pointer
        self._results.append(result)

    def _end_results(self) -> None:
        if self._results:
            self._turns.append(Turn(Role.USER, tuple(self._results), pointer=self._results_at))
            self._results = []


# --- the assistant's messages --------------------------------------------------


def _assistant(fields: Fields, pointer: str, index: int) -> list[Part]:
    parts: list[Part] = []
    thinking: list[Part] = []
    content = given(fields, "content")
    if content is not None:
        fields["content"] = content
        for part in read_content(_split_thinking(fields, thinking, pointer), pointer):
            if not isinstance(part, Text | Refusal | Opaque):
                raise InvalidRequest(
                    "the assistant's messages hold text alone", pointer=f"{pointer}/content"
                )
            parts.append(part)
    refusal = take_text(fields, "refusal", pointer)
    if refusal:
        parts.append(Refusal(refusal))
    calls = _tool_calls(fields, pointer, index)
    reasoning, text_seals, call_seals = _reasoning(fields, pointer, {call.id for call in calls})
    text_seal: Seal | None = None
    extra = take(fields, "extra_content", _EXTRA, pointer)
    if extra is not None and extra.google is not None and extra.google.thought_signature:
        text_seal = google_seal(extra.google.thought_signature)
    citations = _annotations(fields, pointer)
    if text_seal is not None or citations:
        parts = _seal_text(parts, text_seal, citations)
    # Which piece of the joined text each belongs to only its envelope knows.
    parts += [Text("", seal=seal) for seal in text_seals]
    for call in calls:
        seal = call.seal or call_seals.get(call.id)
        parts.append(call if seal is call.seal else msgspec.structs.replace(call, seal=seal))
    return [*(thinking or reasoning), *parts]


def _split_thinking(fields: Fields, thinking: list[Part], pointer: str) -> Fields:
    """Mistral's ``thinking`` items of list content are reasoning."""
    if bytes(fields["content"])[:1] != b"[":
        return fields
    items = take_list(fields, "content", pointer) or []
    kept: list[Fields] = []
    for index, item in enumerate(items):
        if bytes(item.get("type", msgspec.Raw())) != b'"thinking"':
            kept.append(item)
            continue
        where = f"{pointer}/content/{index}"
        inner = need(given(dict(item), "thinking"), f"{where}/thinking")
        texts = read(CONTENT, inner, f"{where}/thinking")
        text = (
            texts
            if isinstance(texts, str)
            else "".join(take_text(dict(piece), "text", where) or "" for piece in texts)
        )
        thinking.append(Reasoning(text, native=Native(Format.CHAT, ENCODE(item))))
    fields["content"] = msgspec.Raw(ENCODE(kept))
    return fields


def _reasoning(
    fields: Fields, pointer: str, call_ids: set[str]
) -> tuple[list[Part], list[Seal], dict[str, Seal]]:
    """The reasoning parts of a message, the seals of its texts, and those of its calls."""
    content = take_text(fields, "reasoning_content", pointer)
    named_content = content is not None
    plain = take_text(fields, "reasoning", pointer)
    text = content or plain or ""
    raws = take(fields, "reasoning_details", _RAWS, pointer) or []
    own: list[Entry] = []
    native: list[Entry] = []
    text_seals: list[Seal] = []
    call_seals: dict[str, Seal] = {}
    for entry in read_entries(raws):
        data = entry.get("data")
        if entry.get("format") != OWN_FORMAT or not isinstance(data, str) or not data:
            native.append(entry)
            continue
        seal = Seal(OWN, "encrypted", data)
        id = entry.get("id")
        if id == OF_TEXT:
            text_seals.append(seal)
        elif isinstance(id, str) and id in call_ids:
            call_seals[id] = seal
        else:
            own.append(entry)
    if own:
        return list(_own_parts(text, own)), text_seals, call_seals
    if native:
        shown, summary = visible(native)
        style = ReasoningStyle.SUMMARY if summary else ReasoningStyle.RAW
        if not (text or shown):
            style = ReasoningStyle.HIDDEN
        kept = ENCODE(native)
        if proven(native):
            seal = Seal(ISSUER, "detail", kept.decode())
            return [Reasoning(text or shown, style, seal)], text_seals, call_seals
        field = Native(Format.CHAT, b'{"reasoning_details":%b}' % kept)
        return [Reasoning(text or shown, style, native=field)], text_seals, call_seals
    if not text and not named_content:
        return [], text_seals, call_seals
    # Which of the two names it had; DeepSeek and vLLM want their own back. An empty
    # ``reasoning_content`` is meant: DeepSeek asks for it.
    name = b"reasoning_content" if named_content else b"reasoning"
    native_text = Native(Format.CHAT, b'{"%b":%b}' % (name, ENCODE(text)))
    return [Reasoning(text, native=native_text)], text_seals, call_seals


def _own_parts(text: str, entries: list[Entry]) -> list[Reasoning]:
    """The parts that were joined to ``text``, each with its seal again.

    The first has what the others' ``text_length`` leaves over.
    """
    lengths = [_length(entry) for entry in entries[1:]]
    cut = len(text) - sum(lengths)
    if cut < 0:
        lengths, cut = [0] * len(lengths), len(text)
    parts: list[Reasoning] = []
    for entry, length in zip(entries, [cut, *lengths], strict=True):
        piece, text = text[:length], text[length:]
        id = entry.get("id")
        seal = Seal(OWN, "encrypted", entry["data"], id if isinstance(id, str) else None)
        style = ReasoningStyle.RAW if piece else ReasoningStyle.HIDDEN
        parts.append(Reasoning(piece, style, seal))
    return parts


def _length(entry: Entry) -> int:
    length = entry.get("text_length")
    return int(length) if isinstance(length, str) and length.isdecimal() else 0


def _annotations(fields: Fields, pointer: str) -> tuple[Citation, ...]:
    raws = take(fields, "annotations", _RAWS, pointer) or []
    citations: list[Citation] = []
    for index, raw in enumerate(raws):
        cited = read(_ANNOTATION, raw, f"{pointer}/annotations/{index}").url_citation
        citations.append(
            Citation(
                url=None if cited is None else cited.url,
                title=None if cited is None else cited.title or None,
                start=None if cited is None else cited.start_index,
                end=None if cited is None else cited.end_index,
                native=Native(Format.CHAT, bytes(raw)),
            )
        )
    return tuple(citations)


def _seal_text(parts: list[Part], seal: Seal | None, citations: tuple[Citation, ...]) -> list[Part]:
    """The last text with its seal and citations; an empty one when there is none."""
    for place in reversed(range(len(parts))):
        part = parts[place]
        if isinstance(part, Text):
            parts[place] = msgspec.structs.replace(part, seal=seal, citations=citations)
            return parts
    return [*parts, Text("", citations, seal=seal)]


def _tool_calls(fields: Fields, pointer: str, index: int) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for place, entry in enumerate(take_list(fields, "tool_calls", pointer) or []):
        calls.append(_tool_call(dict(entry), f"{pointer}/tool_calls/{place}"))
    function = take(fields, "function_call", _FUNCTION, pointer)
    if function is not None and not calls:
        # The deprecated form has no id; this one is the same on every turn.
        seed = f"{index}\0{function.name}\0{function.arguments}"
        id = "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24]
        calls.append(ToolCall(id, function.name, function.arguments))
    return calls


def _tool_call(fields: Fields, pointer: str) -> ToolCall:
    id = need(take_text(fields, "id", pointer) or None, f"{pointer}/id")
    type_ = take_text(fields, "type", pointer) or "function"
    fields.pop("index", None)  # left over from a stream
    extra = take(fields, "extra_content", _EXTRA, pointer)
    cache = take_cache(fields, pointer, keep=True)
    seal: Seal | None = None
    if extra is not None:
        if extra.aigw is not None and extra.aigw.seal:
            seal = Seal(OWN, "encrypted", extra.aigw.seal)
        elif extra.google is not None and extra.google.thought_signature:
            seal = google_seal(extra.google.thought_signature)
    if type_ == "custom":
        custom = need(take(fields, "custom", _CUSTOM, pointer), f"{pointer}/custom")
        name, arguments = custom.name, custom.input
    elif type_ == "function":
        where = f"{pointer}/function"
        function_fields = need(take_object(fields, "function", pointer), where)
        name = need(take_text(function_fields, "name", where), f"{where}/name")
        arguments = take_text(function_fields, "arguments", where) or ""
    else:
        raise InvalidRequest(f"unknown type {type_!r} of a tool call", pointer=f"{pointer}/type")
    return ToolCall(
        id,
        name,
        arguments,
        freeform=type_ == "custom",
        cache=cache,
        seal=seal,
        native=native_of(fields),
    )
