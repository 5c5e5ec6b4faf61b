"""Turns of a conversation to input items.

What is written for a turn depends on that turn alone (and on the names of
tools), so a conversation that grows keeps its beginning byte for byte.
"""

from __future__ import annotations

import re
from itertools import zip_longest

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
    Reasoning,
    ReasoningStyle,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.codec import Caps
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import (
    AUDIO_FORMATS,
    native_fields,
    write_address,
    write_annotation,
    write_logprobs,
)
from aigw_core.codecs.responses.output_items import ISSUER, shown_fields
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames, call_ids

Json = dict[str, object]

_CACHE_OPTIONS = msgspec.json.Decoder(wire.CacheOptions).decode
_LEGAL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
TTLS = {"5m": "30m", "1h": "30m", "30m": "30m", "12h": "12h"}
"""Cache times of all formats to those of this one."""
_RESULT_MEDIA = ("image", "document")


class _InputText(Struct, tag_field="type", tag="input_text", gc=False):
    text: str


class _OutputText(Struct, tag_field="type", tag="output_text", gc=False):
    text: str
    annotations: tuple[()] = ()


class _PlainMessage(Struct, tag_field="type", tag="message", gc=False):
    """A message of one text; a Struct is written in half the time of a dict."""

    role: str
    content: tuple[_InputText | _OutputText]


_SPEAKERS: dict[Role, tuple[str, type[_InputText | _OutputText]]] = {
    Role.USER: ("user", _InputText),
    Role.ASSISTANT: ("assistant", _OutputText),
}


class InputWriter:
    """Writes the turns of one request; losses go to ``ledger``."""

    def __init__(self, request: ChatRequest, caps: Caps, names: ToolNames, ledger: Ledger) -> None:
        self._own = request.format is Format.RESPONSES
        self._turns, self._texts = request.turns, request.texts
        self._names = names
        self._ledger = ledger
        self._call_id = str if self._own else call_ids(_LEGAL_ID)
        self._default_ttl = _default_ttl(request)
        self._marks = self._own or bool(caps.cache_marks)
        media = caps.tool_result_media
        self._result_media = _RESULT_MEDIA if media is None or self._own else media
        self.items: list[Json | Raw | _PlainMessage] = []
        self._message: list[Json | Raw] | None = None  # content of the open message
        self._pointer = ""

    def write(self, start: int) -> None:
        """Append the items of the conversation from turn ``start`` on.

        Raises:
            InvalidRequest: for what must not be left out.
        """
        turns = self._turns[start:]
        for turn, text, following in zip_longest(turns, self._texts[start:], turns[1:]):
            speaker = _SPEAKERS.get(turn.role)
            if text and speaker is not None:
                role, kind = speaker
                self.items.append(_PlainMessage(role, (kind(text),)))
                continue
            last = following is None or following.role is not Role.ASSISTANT
            self._write_turn(turn, last_of_step=last)

    def _write_turn(self, turn: Turn, *, last_of_step: bool) -> None:
        """``last_of_step``: no assistant turn follows."""
        self._pointer = turn.pointer
        if turn.name is not None:
            self._ledger.dropped("name_unsupported", turn.pointer)
        parts = turn.parts
        self._message = None
        start = len(self.items)
        if not parts and self._own:
            self.items.append(self._message_item(turn, {}))
        elif not parts and turn.role is Role.USER:
            parts = (Text(""),)
        attached: list[Media] = []
        for part in parts:
            if isinstance(part, Text | Refusal | Media):
                self._write_content(turn, part)
            elif isinstance(part, Opaque) and (own := _opaque_part(part)) is not None:
                if self._message is None:
                    self._message = []
                    self.items.append(self._message_item(turn, {}))
                self._message.append(own)
            else:
                self._message = None
                if isinstance(part, ToolCall):
                    self._write_call(part)
                elif isinstance(part, ToolResult):
                    self._write_result(part, attached)
                elif isinstance(part, Reasoning):
                    self._write_reasoning(part)
                else:
                    self._write_opaque(part)
        if attached:
            content = [self._media(media) for media in attached]
            self.items.append({"type": "message", "role": "user", "content": content})
        if last_of_step and not self._own:
            self._drop_orphans(start)

    def _drop_orphans(self, start: int) -> None:
        # The API refuses reasoning that is not followed by what it led to.
        items = self.items
        while len(items) > start and _is_reasoning(items[-1]):
            items.pop()
            self._ledger.dropped("reasoning_dropped", self._pointer, reported=False)

    # --- messages -------------------------------------------------------------

    def _write_content(self, turn: Turn, part: Text | Refusal | Media) -> None:
        fields = native_fields(part.native) if isinstance(part, Text | Media) else {}
        if isinstance(part, Media) and turn.role is Role.ASSISTANT:
            self._message = None
            self._write_picture(part, fields)
            return
        empty = isinstance(part, Text) and not part.text
        if empty and not self._own and (turn.role is Role.ASSISTANT or len(turn.parts) > 1):
            return
        if self._message is None or "item" in fields:
            self._message = []
            self.items.append(self._message_item(turn, fields))
        if isinstance(part, Text):
            self._message.append(self._text(part, turn.role, fields))
        elif isinstance(part, Refusal):
            self._message.append({"type": "refusal", "refusal": part.text})
        else:
            self._message.append(self._media(part))

    def _message_item(self, turn: Turn, fields: dict[str, Raw]) -> Json:
        role = "developer" if turn.developer else turn.role.value
        content = [] if self._message is None else self._message
        item: Json = {"type": "message", "role": role, "content": content}
        if turn.phase is not None:
            item["phase"] = turn.phase
        if "item" in fields and self._own:
            item = {**_fields(fields["item"]), **item}
        return item

    def _text(self, part: Text, role: Role, fields: dict[str, Raw]) -> Json:
        answer = role is Role.ASSISTANT
        written: Json = {"type": "output_text" if answer else "input_text", "text": part.text}
        if answer:
            annotations = [write_annotation(one, len(part.text)) for one in part.citations]
            written["annotations"] = kept = [one for one in annotations if one is not None]
            if len(kept) < len(annotations):
                self._ledger.dropped("citations_dropped", self._pointer, reported=False)
            if part.logprobs and self._own:
                written["logprobs"] = write_logprobs(part.logprobs)
        self._mark(written, part.cache)
        if "part" in fields and self._own:
            written.update(_fields(fields["part"]))
        return written

    def _mark(self, written: Json, cache: CacheMark | None) -> None:
        if cache is None:
            return
        if not self._marks:
            self._ledger.dropped("cache_mark_unsupported", self._pointer, reported=False)
            return
        mark: Json = {"mode": "explicit"}
        if (ttl := TTLS.get(cache.ttl, "30m")) != self._default_ttl:
            mark["ttl"] = ttl
        written["prompt_cache_breakpoint"] = mark

    def _note_mark(self, cache: CacheMark | None) -> None:
        """The vendor takes marks on content only."""
        if cache is not None:
            self._ledger.dropped("cache_mark_unsupported", self._pointer, reported=False)

    # --- media ----------------------------------------------------------------

    def _media(self, media: Media) -> Json:
        if media.context is not None:
            self._ledger.dropped("document_context_unsupported", self._pointer)
        if media.cite:
            self._ledger.dropped("document_citations_unsupported", self._pointer)
        written = self._source(media)
        if media.detail is not None and media.kind is not MediaKind.AUDIO:
            written["detail"] = media.detail
        self._mark(written, media.cache)
        if self._own and "part" in (fields := native_fields(media.native)):
            written.update(_fields(fields["part"]))
        return written

    def _source(self, media: Media) -> Json:
        source = media.source
        if isinstance(source, FileId) and source.owner is not Format.RESPONSES:
            raise self._refusal("a file of another vendor cannot be read by this model")
        if media.kind is MediaKind.IMAGE:
            if isinstance(source, FileId):
                written: Json = {"type": "input_image", "file_id": source.id}
            else:
                written = {"type": "input_image", "image_url": write_address(source)}
            if not self._own:
                written["detail"] = "auto"
            return written
        if media.kind is MediaKind.DOCUMENT:
            return self._document(media)
        if media.kind is MediaKind.AUDIO and isinstance(source, Inline):
            kind = AUDIO_FORMATS.get(source.media_type)
            if kind is None and self._own:
                kind = source.media_type.removeprefix("audio/")
            if kind is not None:
                audio = {"data": source.data, "format": kind}
                return {"type": "input_audio", "input_audio": audio}
        raise self._refusal(f"this model takes no {media.kind} like this")

    def _document(self, media: Media) -> Json:
        source = media.source
        if isinstance(source, FileId):
            written: Json = {"type": "input_file", "file_id": source.id}
        elif isinstance(source, Inline):
            written = {"type": "input_file", "file_data": write_address(source)}
        elif source.url.startswith("data:"):
            written = {"type": "input_file", "file_data": source.url}
        else:
            written = {"type": "input_file", "file_url": source.url}
        name = media.name
        if name is None and isinstance(source, Inline) and not self._own:
            # The API wants a name beside data; its end says what the data is.
            name = "document" + _ENDINGS.get(source.media_type, "")
        if name is not None:
            written["filename"] = name
        return written

    def _write_picture(self, media: Media, fields: dict[str, Raw]) -> None:
        source = media.source
        if self._own and media.kind is MediaKind.IMAGE and isinstance(source, Inline):
            item = _fields(fields["item"]) if "item" in fields else {}
            kind = source.media_type.removeprefix("image/")
            call = {"type": "image_generation_call", **item, "result": source.data}
            self.items.append({**call, "output_format": kind})
            return
        self._ledger.dropped("generated_media_dropped", self._pointer)

    def _refusal(self, message: str) -> InvalidRequest:
        return InvalidRequest(message, pointer=self._pointer)

    # --- calls ----------------------------------------------------------------

    def _write_call(self, call: ToolCall) -> None:
        if call.server:
            self._ledger.dropped("server_tool_dropped", self._pointer)
            return
        item: Json = {
            "type": "custom_tool_call" if call.freeform else "function_call",
            "call_id": self._call_id(call.id),
            "name": self._names.to_target(call.name),
            "input" if call.freeform else "arguments": call.arguments,
        }
        if not call.freeform and not call.arguments and not self._own:
            item["arguments"] = "{}"
        self._note_mark(call.cache)
        self.items.append({**item, **native_fields(call.native)} if self._own else item)

    def _write_result(self, result: ToolResult, attached: list[Media]) -> None:
        if result.server:
            self._ledger.dropped("server_tool_dropped", self._pointer)
            return
        item: Json = {
            "type": "custom_tool_call_output" if result.freeform else "function_call_output",
            "call_id": self._call_id(result.call_id),
            "output": self._output(result, attached),
        }
        self._note_mark(result.cache)
        if self._own:
            if result.name is not None:
                item["name"] = result.name
            item |= native_fields(result.native)
        self.items.append(item)

    def _output(self, result: ToolResult, attached: list[Media]) -> str | list[Json | Raw]:
        pieces: list[Json | Raw] = []
        for part in result.content:
            if isinstance(part, Text):
                pieces.append(self._text(part, Role.USER, native_fields(part.native)))
            elif isinstance(part, Opaque):
                own = _opaque_part(part)
                if own is not None:
                    pieces.append(own)
                else:
                    self._drop_opaque(part)
            elif self._own or part.kind.value in self._result_media:
                pieces.append(self._media(part))
            else:
                attached.append(part)
                label = f"[{part.kind.value} {len(attached)} attached below]"
                pieces.append({"type": "input_text", "text": label})
                self._ledger.approximated("tool_result_media_moved", self._pointer)
        if result.is_error:
            _say_error(pieces)
        if not pieces:
            return ""
        only = pieces[0]
        if len(pieces) == 1 and isinstance(only, dict) and only.keys() == {"type", "text"}:
            return str(only["text"])
        return pieces

    # --- the rest -------------------------------------------------------------

    def _write_reasoning(self, part: Reasoning) -> None:
        fields = native_fields(part.native) if self._own else {}
        seal = part.seal if part.seal is not None and part.seal.issuer == ISSUER else None
        # Without its proof an item of another turn of events would be refused; one
        # that never had any is the client's own business.
        if seal is None and (not fields or "encrypted_content" in fields):
            self._ledger.dropped("reasoning_dropped", self._pointer, reported=False)
            return
        item: Json = {"type": "reasoning"}
        if seal is not None and seal.id is not None:
            item["id"] = seal.id
        if "summary" not in fields:
            # The vendor's own models refuse reasoning text beside their seal.
            style = part.style if self._own else ReasoningStyle.SUMMARY
            item |= shown_fields([part.text] if part.text else [], style)
        item |= fields
        if seal is not None:
            item["encrypted_content"] = seal.data
        self.items.append(item)

    def _write_opaque(self, part: Opaque) -> None:
        if part.native.format is Format.RESPONSES:
            self.items.append(Raw(part.native.raw))
        else:
            self._drop_opaque(part)

    def _drop_opaque(self, part: Opaque) -> None:
        self._ledger.dropped("native_item_dropped", self._pointer, detail=part.label)


_ENDINGS = {
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/html": ".html",
    "text/csv": ".csv",
}


def _fields(raw: Raw) -> Json:
    return dict(wire.decode_fields(raw))


def _opaque_part(part: Opaque) -> Raw | None:
    """A part of a message that only this format understands; ``None`` for an item."""
    fields = native_fields(part.native)
    return fields["part"] if fields.keys() == {"part"} else None


def _is_reasoning(item: Json | Raw | _PlainMessage) -> bool:
    return isinstance(item, dict) and item["type"] == "reasoning"


def _default_ttl(request: ChatRequest) -> str:
    """How long a breakpoint without a time of its own lasts."""
    if request.cache is not None:
        return TTLS.get(request.cache.ttl, "30m")
    for extra in request.extras:
        if extra.name == "prompt_cache_options" and request.format is Format.RESPONSES:
            return _CACHE_OPTIONS(extra.raw).ttl or "30m"
    return "30m"


def _say_error(pieces: list[Json | Raw]) -> None:
    """This format has no flag for a failed tool; its text says so."""
    for piece in pieces:
        if isinstance(piece, dict) and piece["type"] == "input_text":
            text = str(piece["text"])
            if not text.lower().startswith("error"):
                piece["text"] = f"Error: {text}"
            return
    pieces.insert(0, {"type": "input_text", "text": "Error: the tool failed"})
