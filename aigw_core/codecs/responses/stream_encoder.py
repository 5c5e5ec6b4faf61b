"""Events to a client's stream of this format.

The format is the chattiest of all: every item and every part of one is opened,
told and closed again with its whole value, and the last event repeats the whole
answer. So what was sent is held until the end, within ``AnswerContext.max_held``.

Items may be open at the same time, so parts that interleave need no reordering.
The choices made here:

* Consecutive texts and refusals are parts of one message; one part of a message
  is open at a time, so a text that overlaps another gets a message of its own.
* A part opens with the first thing it holds. What holds nothing leaves no trace.
* The last message or call stays open until something else begins or the answer
  ends, since only then it is known whether it was cut short.
* A seal that belongs to a text or a call travels in a reasoning item behind it.
"""

from __future__ import annotations

import re

import msgspec

from aigw_core.chat import (
    Citation,
    Format,
    Media,
    Opaque,
    ReasoningStyle,
    Seal,
    Stop,
    StopReason,
    TokenLogprob,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import native_fields, write_annotation, write_logprobs
from aigw_core.codecs.responses.error import failed_error, shown_error
from aigw_core.codecs.responses.item_writer import (
    ARGUMENTS,
    INPUT,
    RAW,
    REFUSAL,
    SUMMARY,
    TEXT,
    WHOLE,
    Channel,
    Item,
    ItemWriter,
    compact,
    picture,
    web_search,
)
from aigw_core.codecs.responses.output_items import ISSUER
from aigw_core.codecs.responses.response_object import ResponseObject, safe_json
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    CitationAdded,
    LogprobsAdded,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.sse import escape_separators

_ENCODE = msgspec.json.Encoder().encode

KEEPALIVE = b": keepalive\n\n"

_INCOMPLETE = {
    StopReason.MAX_TOKENS: "max_output_tokens",
    StopReason.CONTEXT_FULL: "max_output_tokens",
    StopReason.PAUSE: "max_output_tokens",
    StopReason.REFUSAL: "content_filter",
}
"""Reasons that leave an answer incomplete; the others complete it."""

_CARRIED = frozenset({ISSUER, "aigw"})
"""Issuers of seals that may stand in ``encrypted_content``."""

_REASONING_ID = re.compile(r"[A-Za-z0-9_.:+/=-]{1,1024}")


class _Part:
    """A part that is open."""

    __slots__ = (
        "annotations",
        "channel",
        "item",
        "logprobs",
        "pieces",
        "prefix",
        "seal",
        "start",
        "suffix",
        "waiting",
    )

    def __init__(self, start: PartStart, channel: Channel) -> None:
        self.start = start
        self.channel = channel
        self.item: Item | None = None  # None: nothing was sent of it
        self.prefix = b""
        self.suffix = b""
        self.pieces: list[str] = []
        self.annotations: list[bytes] = []
        self.waiting: list[Citation] = []  # until the length of the text is known
        self.logprobs: list[TokenLogprob] = []
        self.seal: Seal | None = None


class StreamEncoder:
    """``response`` is the whole response object once the stream has ended."""

    def __init__(self, context: AnswerContext) -> None:
        self._id = context.id
        self._context: AnswerContext | None = context
        """Until the answer has begun: the whole request may be in it."""
        self._object: ResponseObject | None = None
        self._writer = ItemWriter()
        self._held = 0
        self._max_held = context.max_held
        self._parts: dict[int, _Part] = {}
        self._given: set[str] = set()  # names of reasoning items that the upstream gave
        self._idle: Item | None = None  # the last item, all of whose parts ended
        self._stop = Stop(StopReason.END)
        self._usage = Usage()
        self._closed = False
        self.response = b""

    def __repr__(self) -> str:
        items = len(self._writer.output)
        return f"<responses StreamEncoder items={items} closed={self._closed}>"

    def keepalive(self) -> bytes:
        return b"" if self._closed else KEEPALIVE

    def encode(self, events: list[StreamEvent]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta:
                self._tell(event.part, event.text, event.choice, out)
            elif type(event) is ToolCallDelta:
                self._tell(event.part, event.arguments, event.choice, out)
            elif type(event) is ReasoningDelta or type(event) is RefusalDelta:
                self._tell(event.part, event.text, event.choice, out)
            elif not self._closed:
                self._receive(event, out)
        return b"".join(out)

    def _tell(self, number: int, text: str, choice: int, out: list[bytes]) -> None:
        if choice or self._closed:
            return
        part = self._parts[number]
        self._held += len(text)
        if self._held > self._max_held:
            self._overflow(out)
            return
        if not part.prefix and not self._begin(part, text, out):
            return
        part.pieces.append(text)
        encoded = _ENCODE(text)
        if not encoded.isascii():
            encoded = escape_separators(encoded)
        writer = self._writer
        out.append(b"%b%b%b%d}\n\n" % (part.prefix, encoded, part.suffix, writer.sequence))
        writer.sequence += 1

    def _overflow(self, out: list[bytes]) -> None:
        message = "the answer is larger than this gateway holds"
        self._fail(Failure(ErrorKind.INTERNAL, message), out)

    def _receive(self, event: StreamEvent, out: list[bytes]) -> None:
        if isinstance(event, AnswerStart):
            self._start(event, out)
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, AnswerEnd):
            self._finish(out)
        elif isinstance(event, Failure):
            self._fail(event, out)
        elif event.choice:
            return
        elif isinstance(event, PartStart):
            self._start_part(event, out)
        elif isinstance(event, PartEnd):
            self._end_part(self._parts.pop(event.part), out)
        elif isinstance(event, PartSealed):
            self._seal(self._parts[event.part], event.seal, out)
        elif isinstance(event, CitationAdded):
            self._cite(self._parts[event.part], event.citation, out)
        elif isinstance(event, LogprobsAdded):
            self._add_logprobs(self._parts[event.part], event.tokens, out)
        elif isinstance(event, ChoiceStop):
            self._stop_choice(event.stop, out)

    # --- the answer -----------------------------------------------------------

    def _start(self, event: AnswerStart, out: list[bytes]) -> None:
        assert self._context is not None, "an answer begins once"
        self._object = ResponseObject(self._context, event)
        self._context = None
        for name in ("created", "in_progress"):
            response = self._object.write("in_progress", [], Usage())
            out.append(self._writer.event(f"response.{name}", b'"response":' + response))

    def _stop_choice(self, stop: Stop, out: list[bytes]) -> None:
        self._stop = stop
        incomplete = stop.reason in _INCOMPLETE
        if not self._writer.output and not incomplete:
            # Clients take the answer from the message; so there is one, if empty.
            item = self._begin_message(None, out)
            self._writer.begin_part(item, TEXT, out)
            self._writer.end_part(item, TEXT, "", out)
            self._idle = item
        self._end_idle(out, "incomplete" if incomplete else "completed")

    def _finish(self, out: list[bytes]) -> None:
        assert self._object is not None
        reason = _INCOMPLETE.get(self._stop.reason)
        status = "completed" if reason is None else "incomplete"
        self.response = self._object.write(
            status, self._writer.output, self._usage, incomplete=reason
        )
        event = self._writer.event(f"response.{status}", b'"response":' + self.response)
        self._close(event, out)

    def _fail(self, failure: Failure, out: list[bytes]) -> None:
        if self._object is None:
            # The flat fields are the documented form. The official SDKs raise their
            # error only for the nested one that live servers send.
            error = shown_error(failure)
            error["message"] = failure.message or "the answer failed"
            flat = {name: error[name] for name in ("code", "message", "param")}
            fields = {**flat, "error": error}
            self._close(self._writer.event("error", safe_json(fields)[1:-1]), out)
            return
        for number in list(self._parts):
            self._end_part(self._parts.pop(number), out, cut=True)
        self._end_idle(out, "incomplete")
        self.response = self._object.write(
            "failed", self._writer.output, self._usage, error=failed_error(failure)
        )
        event = self._writer.event("response.failed", b'"response":' + self.response)
        self._close(event, out)

    def _close(self, event: bytes, out: list[bytes]) -> None:
        out.append(event)
        self._closed = True
        self._parts.clear()
        self._idle = None

    # --- items ----------------------------------------------------------------

    def _name(self, prefix: str) -> str:
        return f"{prefix}_{self._id}_{len(self._writer.output)}"

    def _end_idle(self, out: list[bytes], status: str = "completed") -> None:
        if self._idle is not None:
            self._writer.end(self._idle, status, out)
            self._idle = None

    def _rest(self, item: Item, out: list[bytes], *, cut: bool) -> None:
        """All parts of ``item`` ended; close it, unless it is the last."""
        if cut or item.index < len(self._writer.output) - 1:
            self._writer.end(item, "incomplete" if cut else "completed", out)
        else:
            self._idle = item

    def _begin_message(self, phase: str | None, out: list[bytes]) -> Item:
        fields: dict[str, object] = {
            "id": self._name("msg"),
            "type": "message",
            "role": "assistant",
        }
        shown = {"content": []} if phase is None else {"content": [], "phase": phase}
        item = self._writer.begin(fields, out, **shown)
        item.phase = phase
        return item

    def _begin(self, part: _Part, text: str, out: list[bytes]) -> bool:
        """Open a part for ``text``, the first of it. Returns whether that is still to
        be told."""
        start = part.start
        if start.server:
            part.pieces.append(text)
            return False
        if start.kind is PartKind.REASONING and part.item is None:
            pieces = _pieces(start)
            if text == "\n\n".join(pieces):
                self._begin_reasoning(part, out)
                self._tell_pieces(part, pieces, out)
                return False
        self._begin_part(part, out)
        return True

    def _begin_part(self, part: _Part, out: list[bytes]) -> None:
        """Open a part on the wire, and its item where it is the first of one."""
        start, idle = part.start, self._idle
        if start.kind is PartKind.REASONING:
            if part.item is None:
                self._begin_reasoning(part, out)
        elif part.item is None:
            phase = start.phase or _phase_of(start)
            if idle is not None and idle.type == "message" and idle.phase == phase:
                part.item, self._idle = idle, None
            else:
                self._end_idle(out)
                part.item = self._begin_message(phase, out)
        assert part.item is not None
        part.prefix, part.suffix = self._writer.begin_part(part.item, part.channel, out)

    def _begin_reasoning(self, part: _Part, out: list[bytes]) -> None:
        self._end_idle(out)
        given = part.start.id
        own = given not in self._given and _REASONING_ID.fullmatch(given)
        name = given if own else self._name("rs")
        self._given.add(given)
        fields: dict[str, object] = {"id": name, "type": "reasoning", "summary": []}
        part.item = self._writer.begin(fields, out)

    def _tell_pieces(self, part: _Part, pieces: list[str], out: list[bytes]) -> None:
        """Summaries that came apart go out apart."""
        assert part.item is not None
        for piece in pieces:
            prefix, suffix = self._writer.begin_part(part.item, part.channel, out)
            sequence = self._writer.sequence
            out.append(b"%b%b%b%d}\n\n" % (prefix, safe_json(piece), suffix, sequence))
            self._writer.sequence += 1
            self._writer.end_part(part.item, part.channel, piece, out)

    # --- parts ----------------------------------------------------------------

    def _start_part(self, start: PartStart, out: list[bytes]) -> None:
        for earlier in self._parts.values():
            # Items stand in the order of their parts, so what opened before and has
            # said nothing yet must begin now.
            if not earlier.prefix and earlier.channel.index and not earlier.start.server:
                self._begin_part(earlier, out)
        if start.media is not None:
            self._write_media(start.media, out)
        elif start.opaque is not None:
            self._write_opaque(start.opaque, out)
        channel = _CHANNELS.get(start.kind, WHOLE)
        if start.kind is PartKind.REASONING and start.style is ReasoningStyle.RAW:
            channel = RAW
        elif start.freeform:
            channel = INPUT
        part = self._parts[start.part] = _Part(start, channel)
        if self._closed:
            return
        if start.kind is PartKind.TOOL_CALL and not start.server:
            self._end_idle(out)
            part.item = self._begin_call(start, channel, out)
            part.prefix, part.suffix = self._writer.begin_part(part.item, channel, out)

    def _begin_call(self, start: PartStart, channel: Channel, out: list[bytes]) -> Item:
        fields: dict[str, object] = {
            "id": self._name("ctc" if start.freeform else "fc"),
            "type": "custom_tool_call" if start.freeform else "function_call",
            "call_id": start.id,
            "name": start.name,
            **native_fields(start.native),
        }
        return self._writer.begin(fields, out, **{channel.field: ""})

    def _end_part(self, part: _Part, out: list[bytes], *, cut: bool = False) -> None:
        start = part.start
        if start.kind is PartKind.TOOL_CALL:
            self._end_call(part, out, cut=cut)
            return
        self._cite_waiting(part, out)
        item = part.item
        if item is None:
            return
        if part.prefix:
            self._writer.end_part(
                item,
                part.channel,
                "".join(part.pieces),
                out,
                annotations=tuple(part.annotations),
                logprobs=tuple(write_logprobs(part.logprobs)),
            )
        if start.kind is PartKind.REASONING:
            if part.seal is not None:
                item.fields["encrypted_content"] = part.seal.data
            self._writer.end(item, "incomplete" if cut else "completed", out)
        else:
            self._rest(item, out, cut=cut)

    def _end_call(self, part: _Part, out: list[bytes], *, cut: bool) -> None:
        text, start = "".join(part.pieces), part.start
        if start.server:
            if start.name.startswith("web_search") and not cut:
                self._write_search(text, out)
            return
        if not text and not start.freeform and not cut:
            # Clients parse the arguments of every call.
            self._tell_call(part, text := "{}", out)
        assert part.item is not None
        self._writer.end_part(part.item, part.channel, text, out)
        self._rest(part.item, out, cut=cut)

    def _tell_call(self, part: _Part, text: str, out: list[bytes]) -> None:
        sequence = self._writer.sequence
        out.append(b"%b%b%b%d}\n\n" % (part.prefix, safe_json(text), part.suffix, sequence))
        self._writer.sequence += 1

    def _seal(self, part: _Part, seal: Seal, out: list[bytes]) -> None:
        if seal.issuer not in _CARRIED:
            return
        if part.start.kind is PartKind.REASONING:
            self._held += len(seal.data)
            if part.item is None:
                self._begin_reasoning(part, out)
            part.seal = seal
            return
        fields: dict[str, object] = {
            "id": self._name("rs"),
            "type": "reasoning",
            "summary": [],
            "encrypted_content": seal.data,
            "status": "completed",
        }
        self._write_whole(fields, out, status="in_progress", encrypted_content=None)

    def _cite(self, part: _Part, citation: Citation, out: list[bytes]) -> None:
        native = citation.native
        own = native is not None and native.format is Format.RESPONSES
        if own or citation.end is not None:
            self._annotate(part, citation, 0, out)
        else:
            part.waiting.append(citation)

    def _cite_waiting(self, part: _Part, out: list[bytes]) -> None:
        if part.waiting:
            length = sum(map(len, part.pieces))
            for citation in part.waiting:
                self._annotate(part, citation, length, out)
            part.waiting.clear()

    def _annotate(self, part: _Part, citation: Citation, length: int, out: list[bytes]) -> None:
        written = write_annotation(citation, length)
        if written is None:
            return
        if part.item is None:
            self._begin_part(part, out)
        assert part.item is not None
        raw = compact(wire.encode(written))
        self._held += len(raw)
        self._writer.annotate(part.item, len(part.annotations), raw, out)
        part.annotations.append(raw)

    def _add_logprobs(
        self, part: _Part, tokens: tuple[TokenLogprob, ...], out: list[bytes]
    ) -> None:
        if part.channel is not TEXT:
            return
        if part.item is None:
            self._begin_part(part, out)
        assert part.item is not None
        part.logprobs += tokens
        self._held += 64 * len(tokens)
        out.append(
            self._writer.event(
                f"{TEXT.event}.delta",
                b'%b,"content_index":%d,"delta":"","logprobs":%b'
                % (
                    part.item.place,
                    len(part.item.content),
                    safe_json(write_logprobs(tokens)),
                ),
            )
        )

    # --- items that are whole ------------------------------------------------

    def _write_media(self, media: Media, out: list[bytes]) -> None:
        fields = picture(media, self._name("ig"))
        if fields is not None:
            self._write_whole(
                fields, out, "in_progress", "completed", status="in_progress", result=None
            )

    def _write_opaque(self, opaque: Opaque, out: list[bytes]) -> None:
        if opaque.native.format is Format.RESPONSES:
            fields: dict[str, object] = dict(wire.decode_fields(compact(opaque.native.raw)))
            fields.setdefault("id", self._name("it"))
            self._write_whole(fields, out)

    def _write_search(self, arguments: str, out: list[bytes]) -> None:
        steps = ("in_progress", "searching", "completed")
        fields = web_search(arguments, self._name("ws"))
        self._write_whole(fields, out, *steps, status="in_progress")

    def _write_whole(
        self, fields: dict[str, object], out: list[bytes], *steps: str, **shown: object
    ) -> None:
        self._end_idle(out)
        self._held += self._writer.whole(fields, out, *steps, **shown)
        if self._held > self._max_held:
            self._overflow(out)


_CHANNELS = {
    PartKind.TEXT: TEXT,
    PartKind.REFUSAL: REFUSAL,
    PartKind.REASONING: SUMMARY,
    PartKind.TOOL_CALL: ARGUMENTS,
}


def _phase_of(start: PartStart) -> str | None:
    """The phase that an answer without a stream keeps beside its text."""
    item = native_fields(start.native).get("item")
    if item is None:
        return None
    phase = wire.decode_any(bytes(item)).get("phase")
    return phase if isinstance(phase, str) else None


def _pieces(start: PartStart) -> list[str]:
    """The summaries, where the part knows them apart."""
    fields = native_fields(start.native)
    told = fields.get("content" if start.style is ReasoningStyle.RAW else "summary")
    if told is None:
        return []
    pieces = wire.decode_any(bytes(told))
    return [piece["text"] for piece in pieces]
