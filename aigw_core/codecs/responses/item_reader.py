"""The items of an upstream's stream: which parts they open, what their events add,
what is still missing when they are done.

Everything is keyed by ``output_index`` and the index within the item, never by
"the current item": some servers keep a reasoning item open while they stream
the message.

* A part opens at the first thing that it holds, since an empty one says nothing
  and how reasoning is to be shown is known no sooner; a call opens with its item.
* ``done`` events repeat what the deltas said. They fill in what was missing, at
  the end of a text; where they contradict the deltas, the deltas stand. A text
  is compared by its length and its last delta, so nothing of it is kept.
* A part of a message stays open until the next one of that message begins or
  the message is done: annotations may come as late as that.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw

from aigw_core.chat import Media, Native, Opaque, ReasoningStyle
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import read_logprobs
from aigw_core.codecs.responses.output_items import (
    CALLS,
    MalformedItem,
    answered_call,
    answered_citations,
    answered_other,
    phase_native,
    read_item,
    reasoning_seal,
)
from aigw_core.events import (
    AnswerStart,
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
)
from aigw_core.surrogates import Halves

_TEXT_DELTA = msgspec.json.Decoder(wire.TextDeltaEvent).decode
_SUMMARY_DELTA = msgspec.json.Decoder(wire.SummaryDeltaEvent).decode
_ITEM_DELTA = msgspec.json.Decoder(wire.ItemDeltaEvent).decode
_DONE = msgspec.json.Decoder(wire.TextDoneEvent).decode
_PART = msgspec.json.Decoder(wire.PartEvent).decode
_ANNOTATION = msgspec.json.Decoder(wire.AnnotationEvent).decode
_ITEM = msgspec.json.Decoder(wire.ItemEvent).decode


class _Part:
    """A part that is open."""

    __slots__ = ("annotations", "last", "length", "logprobs", "make", "number")

    def __init__(self, number: int, make: Callable[[int, str], StreamEvent]) -> None:
        self.number = number
        self.make = make
        self.length = 0  # characters delivered, of the current piece of reasoning
        self.last = ""  # the last delta
        self.annotations = 0
        self.logprobs = 0


class _Item:
    """An item that is not done."""

    __slots__ = (
        "announced",
        "content_index",
        "id",
        "kind",
        "native",
        "part",
        "phase",
        "piece",
        "style",
        "told",
    )

    def __init__(self, kind: str, item: wire.OutputItem | None = None) -> None:
        self.kind = kind
        self.id = (item and item.id) or ""
        self.phase = item.phase if item is not None else None
        self.native: Native | None = phase_native(item) if item is not None else None
        self.part: _Part | None = None
        self.content_index = -1  # of the part that is open or was last
        self.style = ReasoningStyle.HIDDEN
        self.piece = 0  # which piece of reasoning is being told
        self.told = False  # any piece had text
        self.announced: tuple[str | None, int] | None = None
        """Type and index of a part that was added and has said nothing yet."""


class ItemReader:
    """Turns the events of items into those of parts. Each method takes the data of
    one event and adds to ``out``; it may raise what the JSON decoder raises, or
    ``MalformedItem``, and has then changed nothing that matters."""

    def __init__(self) -> None:
        self.started = False
        """The answer's start was told."""
        self.calls = False
        """Any call was opened."""
        self.parts = 0
        self.marked = b""
        """The document at hand with marks of half characters, where it had any: what a
        delta says is taken from there, all else is whole."""
        self._items: dict[int, _Item] = {}
        self._done: set[int] = set()
        self._done_ids: set[str] = set()
        self._texts: dict[tuple[int, int], _Part] = {}  # open text parts
        self._halves = Halves()

    def finish(self, output: list[Raw], out: list[StreamEvent]) -> None:
        """The answer is over: deliver what of ``output``, all its items, never came,
        and close what is open."""
        whole = [(read_item(raw), raw) for raw in output]
        for index, (item, raw) in enumerate(whole):
            if index not in self._done and not (item.id and item.id in self._done_ids):
                self._complete(index, item, raw, out)
        for index in list(self._items):
            self._end_part(self._items.pop(index), index, out)

    # --- items ----------------------------------------------------------------

    def on_item_added(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _ITEM(data)
        fields, index = read_item(event.item), event.output_index
        known = self._items.get(index)
        if known is not None:
            if known.kind == fields.type and known.id in ("", fields.id or ""):
                return
            self._end_part(self._items.pop(index), index, out)
        item = self._items[index] = _Item(fields.type, fields)
        self._done.discard(index)
        if fields.type in CALLS and fields.name:
            self._open_call(item, index, fields, event.item, out)

    def on_item_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _ITEM(data)
        self._complete(event.output_index, read_item(event.item), event.item, out)

    def _item(self, index: int, kind: str) -> _Item:
        """The item of a delta; servers may forget to add it."""
        item = self._items.get(index)
        if item is None:
            item = self._items[index] = _Item(kind)
        return item

    def _message(self, index: int, out: list[StreamEvent]) -> _Item:
        item = self._item(index, "message")
        if item.kind != "message":
            self._end_part(item, index, out)
            item = self._items[index] = _Item("message")
        return item

    def _complete(
        self, index: int, fields: wire.OutputItem, raw: Raw, out: list[StreamEvent]
    ) -> None:
        """An item is whole: deliver what of it did not come yet, and close it."""
        if index in self._done and fields.id and fields.id in self._done_ids:
            return
        item = self._items.get(index)
        if item is not None and item.kind != fields.type:
            self._end_part(item, index, out)
            item = None
        if item is None:
            item = self._items[index] = _Item(fields.type, fields)
        if fields.type == "message":
            item.phase = item.phase or fields.phase
            for number, piece in enumerate(fields.content or ()):
                self._fill_content(item, index, number, piece, out)
        elif fields.type == "reasoning":
            item.id = fields.id or item.id
            self._complete_reasoning(item, index, fields, out)
        elif fields.type in CALLS:
            if item.part is None:
                if not fields.name:
                    raise MalformedItem("a call without a name")
                self._open_call(item, index, fields, raw, out)
            if item.part is not None:
                self._fill(item.part, fields.arguments or fields.input, out)
        else:
            self._add_whole(index, answered_other(fields, raw), out)
        self._end_part(item, index, out)
        del self._items[index]
        self._done.add(index)
        if fields.id:
            self._done_ids.add(fields.id)

    def _end_part(self, item: _Item, index: int, out: list[StreamEvent]) -> None:
        part = item.part
        if part is None:
            return
        if self._halves and (rest := self._halves.take(part.number)):
            out.append(part.make(part.number, rest))
        out.append(PartEnd(part.number))
        item.part = None
        self._texts.pop((index, item.content_index), None)

    def _open_announced(self, index: int, out: list[StreamEvent]) -> None:
        """Open the parts that were added before item ``index`` begins to speak: the
        order of an answer is that of its items, and parts are ordered by their start."""
        for earlier in sorted(self._items):
            item = self._items[earlier]
            if earlier >= index:
                break
            if item.announced is None or item.part is not None:
                continue
            kind, content_index = item.announced
            if item.kind == "reasoning":
                raw = kind == "reasoning_text"
                style = ReasoningStyle.RAW if raw else ReasoningStyle.SUMMARY
                item.piece = content_index
                self._open_reasoning(item, earlier, style, out)
            elif item.kind == "message":
                self._open_text(earlier, content_index, out, refusal=kind == "refusal")

    def _start(self, out: list[StreamEvent], start: PartStart) -> int:
        if not self.started:
            self.started = True
            out.append(AnswerStart("", ""))
        out.append(start)
        self.parts += 1
        return start.part

    def _add_whole(self, index: int, part: Media | Opaque, out: list[StreamEvent]) -> None:
        self._open_announced(index, out)
        number = self.parts
        if isinstance(part, Media):
            self._start(out, PartStart(number, PartKind.MEDIA, media=part))
        else:
            self._start(out, PartStart(number, PartKind.OPAQUE, opaque=part))
        out.append(PartEnd(number))

    # --- texts and refusals ---------------------------------------------------

    def on_text(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _TEXT_DELTA(data)
        text = event.delta
        part = self._texts.get((event.output_index, event.content_index))
        if part is None:
            if not text and not event.logprobs:
                return
            part = self._open_text(event.output_index, event.content_index, out)
        if self.marked or self._halves:
            if self.marked:
                text = _TEXT_DELTA(self.marked).delta
            text = self._halves.join(part.number, text)
        if text:
            part.length += len(text)
            part.last = text
            out.append(TextDelta(part.number, text))
        if event.logprobs:
            self._add_logprobs(part, event.logprobs, out)

    def _open_text(
        self, index: int, content_index: int, out: list[StreamEvent], *, refusal: bool = False
    ) -> _Part:
        item = self._message(index, out)
        self._end_part(item, index, out)
        item.announced = None
        if len(self._items) > 1:
            self._open_announced(index, out)
        kind = PartKind.REFUSAL if refusal else PartKind.TEXT
        leftover = None if refusal else item.native
        number = self._start(out, PartStart(self.parts, kind, phase=item.phase, native=leftover))
        part = item.part = _Part(number, RefusalDelta if refusal else TextDelta)
        item.content_index = content_index
        if not refusal:
            self._texts[index, content_index] = part
        return part

    def _open_content(
        self, index: int, content_index: int, out: list[StreamEvent], *, refusal: bool
    ) -> _Part | None:
        """The open part at a place; ``None`` where the part is closed already."""
        item = self._message(index, out)
        if item.part is not None and item.content_index == content_index:
            same = item.part.make is (RefusalDelta if refusal else TextDelta)
            return item.part if same else None
        if content_index <= item.content_index:
            return None
        return self._open_text(index, content_index, out, refusal=refusal)

    def on_refusal(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _TEXT_DELTA(self.marked or data)
        if event.delta:
            part = self._open_content(event.output_index, event.content_index, out, refusal=True)
            if part is not None:
                self._tell(part, event.delta, out)

    def on_text_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _DONE(data)
        piece = wire.OutputPart(text=event.text, logprobs=event.logprobs)
        self._fill_content(
            self._item(event.output_index, "message"),
            event.output_index,
            event.content_index,
            piece,
            out,
        )

    def on_refusal_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _DONE(data)
        self._fill_content(
            self._item(event.output_index, "message"),
            event.output_index,
            event.content_index,
            wire.OutputPart(refusal=event.refusal),
            out,
        )

    def on_part_added(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _PART(data)
        item, index = self._items.get(event.output_index), event.content_index
        if item is None:
            return
        if item.kind == "message" and index > item.content_index:
            self._end_part(item, event.output_index, out)
            item.announced = (event.part.type, index)
        elif item.kind == "reasoning" and item.part is None:
            item.announced = (event.part.type, index)

    def on_part_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _PART(data)
        piece, index = event.part, event.output_index
        if piece.type == "reasoning_text":
            self._fill_reasoning(index, ReasoningStyle.RAW, event.content_index, piece.text, out)
            return
        item = self._item(index, "message")
        self._fill_content(item, index, event.content_index, piece, out)

    def _fill_content(
        self,
        item: _Item,
        index: int,
        content_index: int,
        piece: wire.OutputPart,
        out: list[StreamEvent],
    ) -> None:
        """Deliver what a finished part of a message says more than its deltas did."""
        refusal = piece.refusal is not None
        text = piece.refusal if refusal else piece.text
        if not text and not piece.annotations:
            return
        part = self._open_content(index, content_index, out, refusal=refusal)
        if part is None:
            return
        self._fill(part, text, out)
        if refusal:
            return
        for raw in (piece.annotations or [])[part.annotations :]:
            self._cite(part, raw, out)
        if piece.logprobs and not part.logprobs:
            self._add_logprobs(part, piece.logprobs, out)

    def on_annotation(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _ANNOTATION(data)
        if event.annotation is msgspec.UNSET or bytes(event.annotation) == b"null":
            return
        part = self._open_content(event.output_index, event.content_index, out, refusal=False)
        if part is not None:
            self._cite(part, event.annotation, out)

    def _cite(self, part: _Part, raw: Raw, out: list[StreamEvent]) -> None:
        citations = answered_citations((raw,))
        part.annotations += 1
        out.extend([CitationAdded(part.number, citation) for citation in citations])

    def _add_logprobs(
        self, part: _Part, tokens: list[wire.Logprob], out: list[StreamEvent]
    ) -> None:
        part.logprobs += len(tokens)
        out.append(LogprobsAdded(part.number, read_logprobs(tokens)))

    def _tell(self, part: _Part, text: str, out: list[StreamEvent]) -> None:
        if self.marked or self._halves:
            text = self._halves.join(part.number, text)
        if text:
            part.length += len(text)
            part.last = text
            out.append(part.make(part.number, text))

    def _fill(self, part: _Part, text: str | None, out: list[StreamEvent]) -> None:
        """The rest of a part whose whole text is ``text``."""
        if text is None or len(text) <= part.length:
            return
        if text[: part.length].endswith(part.last):
            self._halves.take(part.number)
            self._tell(part, text[part.length :], out)

    # --- reasoning ------------------------------------------------------------

    def on_summary(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _SUMMARY_DELTA(self.marked or data)
        self._reason(
            event.output_index, ReasoningStyle.SUMMARY, event.summary_index, event.delta, out
        )

    def on_reasoning_text(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _TEXT_DELTA(self.marked or data)
        self._reason(event.output_index, ReasoningStyle.RAW, event.content_index, event.delta, out)

    def on_summary_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _DONE(data)
        style = ReasoningStyle.SUMMARY
        self._fill_reasoning(event.output_index, style, event.summary_index, event.text, out)

    def on_reasoning_text_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _DONE(data)
        style = ReasoningStyle.RAW
        self._fill_reasoning(event.output_index, style, event.content_index, event.text, out)

    def _reason(
        self, index: int, style: ReasoningStyle, piece: int, text: str, out: list[StreamEvent]
    ) -> None:
        if not text:
            return
        item = self._item(index, "reasoning")
        if item.kind != "reasoning":
            return
        part = item.part
        if part is None:
            part = self._open_reasoning(item, index, style, out)
            item.piece = piece
        elif item.style is not style:
            return  # the same thoughts in the other form
        elif piece != item.piece:
            self._next_piece(item, part, piece, out)
        self._tell(part, text, out)
        item.told = True

    def _open_reasoning(
        self, item: _Item, index: int, style: ReasoningStyle, out: list[StreamEvent]
    ) -> _Part:
        item.style = style
        item.announced = None
        if len(self._items) > 1:
            self._open_announced(index, out)
        number = self._start(
            out, PartStart(self.parts, PartKind.REASONING, id=item.id, style=style)
        )
        part = item.part = _Part(number, ReasoningDelta)
        return part

    def _next_piece(self, item: _Item, part: _Part, piece: int, out: list[StreamEvent]) -> None:
        if self._halves and (rest := self._halves.take(part.number)):
            out.append(ReasoningDelta(part.number, rest))
        if item.told:
            out.append(ReasoningDelta(part.number, "\n\n"))
        item.piece = piece
        part.length = 0
        part.last = ""

    def _fill_reasoning(
        self,
        index: int,
        style: ReasoningStyle,
        piece: int,
        text: str | None,
        out: list[StreamEvent],
    ) -> None:
        item = self._item(index, "reasoning")
        if not text or item.kind != "reasoning":
            return
        if item.part is None or (item.style is style and piece > item.piece):
            self._reason(index, style, piece, text, out)
        elif item.style is style and piece == item.piece:
            self._fill(item.part, text, out)

    def _complete_reasoning(
        self, item: _Item, index: int, fields: wire.OutputItem, out: list[StreamEvent]
    ) -> None:
        for style, pieces in (
            (ReasoningStyle.RAW, [piece.text for piece in fields.content or ()]),
            (ReasoningStyle.SUMMARY, [piece.text for piece in fields.summary or ()]),
        ):
            if item.part is None or item.style is style:
                for number, text in enumerate(pieces):
                    self._fill_reasoning(index, style, number, text, out)
        seal = reasoning_seal(fields)
        if seal is None:
            return
        part = item.part or self._open_reasoning(item, index, ReasoningStyle.HIDDEN, out)
        if self._halves and (rest := self._halves.take(part.number)):
            out.append(ReasoningDelta(part.number, rest))
        out.append(PartSealed(part.number, seal))

    # --- calls ----------------------------------------------------------------

    def _open_call(
        self, item: _Item, index: int, fields: wire.OutputItem, raw: Raw, out: list[StreamEvent]
    ) -> None:
        call = answered_call(fields, raw)
        self._open_announced(index, out)
        number = self._start(
            out,
            PartStart(
                self.parts,
                PartKind.TOOL_CALL,
                id=call.id,
                name=call.name,
                freeform=call.freeform,
                native=call.native,
            ),
        )
        item.part = _Part(number, ToolCallDelta)
        self.calls = True

    def on_call_delta(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _ITEM_DELTA(self.marked or data)
        item = self._items.get(event.output_index)
        # A call that was not added is taken from its end, which has its name.
        if item is not None and item.part is not None and item.kind in CALLS and event.delta:
            self._tell(item.part, event.delta, out)

    def on_call_done(self, data: bytes, out: list[StreamEvent]) -> None:
        event = _DONE(data)
        item = self._items.get(event.output_index)
        if item is not None and item.part is not None and item.kind in CALLS:
            self._fill(item.part, event.arguments or event.input, out)


TEXT_DELTA = b"response.output_text.delta"

ITEM_EVENTS: dict[bytes, Callable[[ItemReader, bytes, list[StreamEvent]], None]] = {
    TEXT_DELTA: ItemReader.on_text,
    b"response.function_call_arguments.delta": ItemReader.on_call_delta,
    b"response.reasoning_summary_text.delta": ItemReader.on_summary,
    b"response.reasoning_text.delta": ItemReader.on_reasoning_text,
    b"response.custom_tool_call_input.delta": ItemReader.on_call_delta,
    b"response.refusal.delta": ItemReader.on_refusal,
    b"response.output_item.added": ItemReader.on_item_added,
    b"response.output_item.done": ItemReader.on_item_done,
    b"response.content_part.added": ItemReader.on_part_added,
    b"response.reasoning_summary_part.added": ItemReader.on_part_added,
    b"response.content_part.done": ItemReader.on_part_done,
    b"response.reasoning_part.done": ItemReader.on_part_done,
    b"response.output_text.done": ItemReader.on_text_done,
    b"response.output_text.annotation.added": ItemReader.on_annotation,
    b"response.refusal.done": ItemReader.on_refusal_done,
    b"response.reasoning_summary_text.done": ItemReader.on_summary_done,
    b"response.reasoning_text.done": ItemReader.on_reasoning_text_done,
    b"response.function_call_arguments.done": ItemReader.on_call_done,
    b"response.custom_tool_call_input.done": ItemReader.on_call_done,
}
"""By the name of the event."""
