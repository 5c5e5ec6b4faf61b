"""Canonical turns to ``messages`` for an upstream.

What a turn becomes depends on that turn and on the request's format alone, so a
longer conversation begins with the same messages as a shorter one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any

import msgspec
from msgspec import Raw, Struct

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    FileId,
    Format,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Url,
)
from aigw_core.codec import Caps
from aigw_core.codecs.chat.answer import extra_content, tool_call
from aigw_core.codecs.chat.data_url import data_url
from aigw_core.codecs.chat.decode_messages import MESSAGE_FIELDS
from aigw_core.codecs.chat.details import ISSUER, join_details
from aigw_core.codecs.chat.wire import ENCODE, Fields
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames, call_ids

Json = dict[str, Any]

read_fields: Callable[[bytes], Json] = msgspec.json.Decoder(Fields).decode
"""An object as its members, each as the bytes that came."""

# The vendor takes identifiers of up to 40 characters in a conversation.
_legal_id = call_ids(re.compile(r"[A-Za-z0-9_-]{1,40}"))

_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_DETAILS = frozenset({"auto", "low", "high", "original"})
_ASSISTANT = Role.ASSISTANT  # looking it up takes CPython 3.11 50 ns
_SPEAKERS = {Role.USER: "user", Role.ASSISTANT: "assistant"}


def speaks_openai(caps: Caps) -> bool:
    """Whether the target takes what the vendor has added of late: developer
    messages, free-form tools, subsets of tools. A server that only knows the old
    name of the token limit is not asked to."""
    return caps.token_field == "max_completion_tokens"


class PlainMessage(Struct, gc=False):
    """A message of one text; a Struct is cheaper to make and to write than a dict."""

    role: str
    content: str


class MessageWriter:
    """Writes the turns of one request. ``tool_name`` maps a client's tool name to
    the target's; ``wrapped`` holds the client's names of free-form tools that the
    target gets as functions."""

    def __init__(
        self,
        request: ChatRequest,
        caps: Caps,
        ledger: Ledger,
        names: ToolNames,
        wrapped: frozenset[str],
    ) -> None:
        self._own = request.format is Format.CHAT
        self._modern = speaks_openai(caps)
        self._caps = caps
        self._ledger = ledger
        self._names = names
        self._wrapped = wrapped
        self._call_id: Callable[[str], str] = str if self._own else _legal_id
        self._messages: list[Json | PlainMessage] = []
        self._next_result = 0  # where the next tool message of the running step goes
        self._moved = 0  # media out of results of that step
        self._turns, self._texts = request.turns, request.texts
        if not self._own and _PIECES in pairwise([turn.role for turn in request.turns]):
            self._turns = _whole_answers(request.turns)
            self._texts = [turn.only_text for turn in self._turns]

    def write(self) -> list[Json | PlainMessage]:
        for turn, text in zip(self._turns, self._texts, strict=True):
            role = _SPEAKERS.get(turn.role)
            if text and role is not None:
                self._messages.append(PlainMessage(role, text))
            else:
                self._write_turn(turn)
            if turn.role is _ASSISTANT:
                self._next_result = len(self._messages)
                self._moved = 0
        return self._messages

    def _write_turn(self, turn: Turn) -> None:
        if turn.phase is not None:
            self._ledger.dropped("phase_dropped", turn.pointer, reported=False)
        if turn.role is Role.ASSISTANT:
            self._assistant(turn)
        elif turn.role is Role.SYSTEM:
            self._system(turn)
        else:
            self._user(turn)

    def _add(self, turn: Turn, message: Json) -> None:
        if turn.name is not None:
            message["name"] = turn.name
        for part in turn.parts:
            # Last, so that a field that was known too keeps its own value.
            if isinstance(part, Opaque) and part.label == MESSAGE_FIELDS and self._own:
                message = {**read_fields(part.native.raw), **message}
        self._messages.append(message)

    # --- system and user -----------------------------------------------------------

    def _system(self, turn: Turn) -> None:
        developer = turn.developer and self._modern
        content = self._content(turn, turn.parts)
        self._add(turn, {"role": "developer" if developer else "system", "content": content})

    def _user(self, turn: Turn) -> None:
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        attached: list[Json] = []
        for result in results:
            self._result(turn, result, attached)
        others = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
        if results and not others and not attached:
            return
        content = self._content(turn, others)
        if attached:
            # After all tool messages of the step, never between them.
            after = [{"type": "text", "text": content}] if isinstance(content, str) else content
            content = [*attached, *(item for item in after if item.get("text") != "")]
        self._add(turn, {"role": "user", "content": content})

    def _result(self, turn: Turn, result: ToolResult, attached: list[Json]) -> None:
        if result.server:
            self._ledger.dropped("server_tool_dropped", turn.pointer)
            return
        self._lose_mark(result.cache, turn)
        inline = self._own or bool(self._caps.tool_result_media)
        content: list[Json] = []
        for part in result.content:
            if isinstance(part, Media) and not inline:
                attached.append(self._media(turn, part))
                self._moved += 1
                note = f"[{part.kind.value} {self._moved} attached below]"
                content.append({"type": "text", "text": note})
                self._ledger.approximated("tool_result_media_moved", turn.pointer)
            else:
                content += self._item(turn, part)
        if result.is_error:
            content = _as_error(content)
        message: Json = {
            "role": "tool",
            "tool_call_id": self._call_id(result.call_id),
            # Lists of texts are newer than most servers of this format.
            "content": _joined(content, None if self._own or self._modern else "\n"),
        }
        if self._own:
            if result.name is not None:
                message["name"] = result.name
            if result.native is not None:
                message.update(read_fields(result.native.raw))
        # Results of one step may come in several turns, with more said between them;
        # the vendor refuses anything between its tool messages.
        self._messages.insert(self._next_result, message)
        self._next_result += 1

    def _content(self, turn: Turn, parts: tuple[Part, ...]) -> Any:
        content: list[Json] = []
        for part in parts:
            content += self._item(turn, part)
        return _joined(content)

    def _item(self, turn: Turn, part: Part) -> list[Json]:
        """A part as items of ``content``: one or none."""
        if isinstance(part, Text):
            item: Json = {"type": "text", "text": part.text}
            return [self._marked(item, part, turn)]
        if isinstance(part, Media):
            return [self._media(turn, part)]
        if isinstance(part, Refusal):
            return [{"type": "refusal", "refusal": part.text}]
        if isinstance(part, Opaque):
            if part.label == MESSAGE_FIELDS:
                return []
            if self._own:
                return [read_fields(part.native.raw)]
            self._ledger.dropped("opaque_dropped", turn.pointer, detail=part.label)
        return []

    def _marked(self, item: Json, part: Text | Media, turn: Turn) -> Json:
        """``item`` with its cache mark, or with the fields that stood beside it."""
        if self._own:
            if part.native is not None and part.native.format is Format.CHAT:
                item.update(read_fields(part.native.raw))
        elif part.cache is not None:
            if self._caps.cache_marks:
                item["prompt_cache_breakpoint"] = {
                    "mode": "explicit",
                    "ttl": breakpoint_ttl(part.cache),
                }
            else:
                self._lose_mark(part.cache, turn)
        return item

    def _lose_mark(self, mark: CacheMark | None, turn: Turn) -> None:
        if mark is not None and not self._own:
            self._ledger.dropped("cache_mark_dropped", turn.pointer, reported=False)

    # --- media -----------------------------------------------------------------------

    def _media(self, turn: Turn, part: Media) -> Json:
        native = part.native
        if self._own and native is not None and b'"type"' in native.raw:
            whole: Json = read_fields(native.raw)
            if "type" in whole:
                return whole
        if not self._own and (part.context is not None or part.cite is not None):
            self._ledger.dropped("document_hints_dropped", turn.pointer)
        return self._marked(self._source(turn, part), part, turn)

    def _source(self, turn: Turn, part: Media) -> Json:
        source = part.source
        if isinstance(source, FileId):
            if source.owner is Format.CHAT and part.kind is MediaKind.DOCUMENT:
                return {"type": "file", "file": {"file_id": source.id, **_filename(part.name)}}
            raise _refused("a file that is stored at another vendor cannot be used here", turn)
        if part.kind is MediaKind.IMAGE:
            image: Json = {"url": source.url if isinstance(source, Url) else data_url(source)}
            if part.detail is not None and (self._own or part.detail in _DETAILS):
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        if part.kind is MediaKind.AUDIO and isinstance(source, Inline):
            return self._audio(turn, source)
        if part.kind is MediaKind.DOCUMENT and isinstance(source, Inline):
            return self._document(part, source)
        what = "by its address" if isinstance(source, Url) else "inline"
        raise _refused(f"{part.kind.value} {what} cannot be sent in this format", turn)

    def _audio(self, turn: Turn, source: Inline) -> Json:
        format_ = _AUDIO_FORMATS.get(source.media_type)
        if format_ is None and self._own:
            format_ = source.media_type.removeprefix("audio/")
        if format_ is None:
            raise _refused(f"{source.media_type} cannot be sent, only wav and mp3", turn)
        return {"type": "input_audio", "input_audio": {"data": source.data, "format": format_}}

    def _document(self, part: Media, source: Inline) -> Json:
        if source.media_type.startswith("text/") and not self._own:
            title = f"{part.name}:\n" if part.name else ""
            return {"type": "text", "text": title + source.data}
        name = part.name
        if name is None and not self._own:
            # The vendor wants a name beside the data.
            name = "document.pdf" if source.media_type == "application/pdf" else "document"
        return {"type": "file", "file": {"file_data": data_url(source), **_filename(name)}}

    # --- the assistant -------------------------------------------------------------

    def _assistant(self, turn: Turn) -> None:
        content: list[Json] = []
        refusals: list[str] = []
        calls: list[Json] = []
        reasoning: list[Reasoning] = []
        annotations: list[Raw] = []
        message: Json = {"role": "assistant", "content": None}
        for part in turn.parts:
            if isinstance(part, ToolCall):
                if part.server:
                    self._ledger.dropped("server_tool_dropped", turn.pointer)
                else:
                    self._lose_mark(part.cache, turn)
                    calls.append(self._call(part))
            elif isinstance(part, Reasoning):
                reasoning.append(part)
            elif isinstance(part, Refusal):
                refusals.append(part.text)
            elif isinstance(part, Text):
                if part.text or part.native is not None:
                    content += self._item(turn, part)
                self._text_fields(turn, part, message, annotations)
            elif isinstance(part, Media):
                self._ledger.dropped("assistant_media_dropped", turn.pointer)
            else:
                content += self._item(turn, part)
        thinking = self._reasoning(turn, reasoning, message, has_calls=bool(calls))
        if thinking:
            content = [*thinking, *content]
        if content:
            # Several texts were shown to the client as one.
            message["content"] = _joined(content, None if self._own else "")
        elif not calls and not refusals:
            message["content"] = ""
        if refusals:
            message["refusal"] = "".join(refusals)
        if annotations:
            message["annotations"] = annotations
        if calls:
            message["tool_calls"] = calls
        said = len(message) > 2 or bool(message["content"])
        if said or self._own:
            self._add(turn, message)

    def _text_fields(self, turn: Turn, part: Text, message: Json, annotations: list[Raw]) -> None:
        if part.citations:
            if self._own:
                annotations += [
                    Raw(citation.native.raw) for citation in part.citations if citation.native
                ]
            else:
                self._ledger.dropped("citations_dropped", turn.pointer, reported=False)
        if part.seal is not None:
            if part.seal.issuer == Format.CHAT.value:
                message["extra_content"] = extra_content(part.seal)
            else:
                self._ledger.dropped("seal_dropped", turn.pointer, reported=False)

    def _call(self, part: ToolCall) -> Json:
        name = self._names.to_target(part.name)
        arguments = part.arguments
        freeform = part.freeform
        if freeform and part.name in self._wrapped:
            arguments = ENCODE({"input": arguments}).decode()
            freeform = False
        call = tool_call(self._call_id(part.id), name, arguments, freeform=freeform)
        if part.seal is not None and part.seal.issuer == Format.CHAT.value:
            call["extra_content"] = extra_content(part.seal)
        if self._own and part.native is not None:
            call.update(read_fields(part.native.raw))
        return call

    def _reasoning(
        self, turn: Turn, parts: list[Reasoning], message: Json, *, has_calls: bool
    ) -> list[Json]:
        """Put reasoning where the target wants it; items for ``content``, if there."""
        items: list[Json] = []
        sealed: list[Seal] = []
        texts: list[str] = []
        for part in parts:
            native = part.native
            if part.seal is not None and part.seal.issuer == ISSUER:
                sealed.append(part.seal)
                texts.append(part.text)
            elif self._own and part.seal is None and native is not None:
                fields: Json = read_fields(native.raw)
                if "type" in fields:
                    items.append(fields)
                else:
                    message.update(fields)
            else:
                texts.append(part.text)
                if not self._caps.needs_reasoning_content or not has_calls:
                    self._ledger.dropped("reasoning_dropped", turn.pointer, reported=False)
        if sealed:
            message["reasoning_details"] = join_details(sealed)
        if has_calls and self._caps.needs_reasoning_content:
            # DeepSeek refuses tool calls of a thinking model without it, even empty.
            message.setdefault("reasoning_content", "".join(texts))
        return items


_PIECES = (Role.ASSISTANT, Role.ASSISTANT)


def _whole_answers(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Clients of formats that stream whole turns send an answer back in pieces. Here all
    calls of a step stand in one message, with what was thought before them."""
    whole: list[Turn] = []
    for role, run in groupby(turns, key=lambda turn: turn.role):
        pieces = list(run)
        first = pieces[0]
        if role is Role.ASSISTANT and all(
            (piece.name, piece.phase) == (first.name, first.phase) for piece in pieces
        ):
            parts = tuple([part for piece in pieces for part in piece.parts])
            whole.append(msgspec.structs.replace(first, parts=parts))
        else:
            whole += pieces
    return tuple(whole)


def breakpoint_ttl(mark: CacheMark) -> str:
    """The nearest time that the vendor offers."""
    return "12h" if mark.ttl == "12h" else "30m"


def _filename(name: str | None) -> Json:
    return {} if name is None else {"filename": name}


def _refused(problem: str, turn: Turn) -> InvalidRequest:
    return InvalidRequest(problem, pointer=turn.pointer)


def _as_error(content: list[Json]) -> list[Json]:
    """The format has no flag for a tool that failed; its text says so."""
    first = content[0].get("text") if content else None
    if not isinstance(first, str):
        return [{"type": "text", "text": "Error"}, *content]
    if first.startswith("Error:"):
        return content
    return [{**content[0], "text": f"Error: {first}"}, *content[1:]]


def _joined(content: list[Json], separator: str | None = None) -> Any:
    """Content as a text where that says the same, else the list of its items.

    ``separator`` joins several plain texts to one; ``None`` keeps them apart.
    """
    plain = all(item.get("type") == "text" and len(item) == 2 for item in content)
    if not content:
        return ""
    if plain and (len(content) == 1 or separator is not None):
        return (separator or "").join(item["text"] for item in content)
    return content
