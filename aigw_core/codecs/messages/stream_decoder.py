"""An upstream's Messages stream to stream events.

Dispatch is on the name of the event; ``type`` of the data decides where a
server or a proxy lost the name or got it wrong. Blocks become parts as they
come. Those that have no canonical kind are held until they end and come out
whole.

What is repaired: a block that never stops is closed by the end of the
message, and a stop reason that contradicts the blocks is put right. A delta
for a block that is not open, or of another kind than its block, is no stream
of this format: it fails.

Source: the vendor's page on streaming; ``lib/streaming/_messages.py`` of the
official SDK for how usage accumulates and signatures replace each other.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from aigw_core.chat import Opaque, Part, Reasoning, Seal, Text, ToolCall
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.blocks import (
    ISSUER,
    BlockError,
    decode_block,
    decode_citation,
    refuse_ambiguous,
)
from aigw_core.codecs.messages.error import read_error
from aigw_core.codecs.messages.held import HeldBlock
from aigw_core.codecs.messages.response import as_answer_part, repair_stop
from aigw_core.codecs.messages.usage import UsageMeter
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    CitationAdded,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.sse import MAX_EVENT_SIZE, SseDecoder, SseEvent, SseOverflow
from aigw_core.surrogates import Halves, mend

_decode_delta = Decoder(wire.BlockDelta).decode
_decode_start = Decoder(wire.MessageStart).decode
_decode_block_start = Decoder(wire.BlockStart).decode
_decode_stop = Decoder(wire.BlockStop).decode
_decode_change = Decoder(wire.MessageDelta).decode
_decode_any_event = Decoder(wire.AnyEvent).decode

_TYPES = frozenset(
    ("message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop")
)


class _Malformed(Exception):
    """An event that no stream of this format holds."""


class _OpenBlock:
    """A block between its start and its stop."""

    __slots__ = ("arguments", "held", "kind", "part", "seal")

    def __init__(self, part: int, kind: PartKind | None, held: HeldBlock | None = None) -> None:
        self.part = part
        self.kind = kind
        """``None``: held until it is whole."""
        self.held = held
        self.arguments: str | None = None
        """From the start of a tool call; until the first delta replaces them."""
        self.seal: Seal | None = None


class StreamDecoder:
    """See :class:`aigw_core.codec.StreamDecoder`. Holds one event, and blocks
    that have no canonical kind while they are open.

    ``max_event`` bounds one event, in bytes.
    """

    __slots__ = (
        "_calls",
        "_closed",
        "_halves",
        "_id",
        "_meter",
        "_open",
        "_parts",
        "_sse",
        "_stop",
    )

    def __init__(self, max_event: int = MAX_EVENT_SIZE) -> None:
        self._sse = SseDecoder(max_event)
        self._open: dict[int, _OpenBlock] = {}
        self._meter = UsageMeter()
        self._halves: Halves | None = None
        """``None`` until an upstream cuts a character in two."""
        self._id: str | None = None
        """Of the message; ``None`` before it started."""
        self._parts = 0
        self._calls = False
        self._stop: wire.MessageChange | None = None
        self._closed = False

    def __repr__(self) -> str:
        return (
            f"<messages StreamDecoder started={self._id is not None} parts={self._parts} "
            f"open={len(self._open)} closed={self._closed}>"
        )

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if not self._closed:
            self._take(self._sse.feed(data), out)
        return out

    def eof(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._closed:
            return out
        rest = self._sse.eof()
        if rest and isinstance(rest[0], SseEvent) and _is_whole(rest[0].data):
            self._take(rest, out)
        if not self._closed:
            self._fail(
                out,
                ErrorKind.UPSTREAM_TRUNCATED,
                "the upstream's answer ended before it was complete",
            )
        return out

    def _take(self, events: list[SseEvent | SseOverflow], out: list[StreamEvent]) -> None:
        for event in events:
            if type(event) is SseOverflow:
                self._fail(
                    out, ErrorKind.UPSTREAM_MALFORMED, "an event of the upstream is too large"
                )
                return
            assert type(event) is SseEvent
            try:
                if event.name == b"content_block_delta":
                    self._on_delta(event.data, out)
                else:
                    self._on_other(event.name, event.data, out)
            except (_Malformed, BlockError, msgspec.DecodeError) as exc:
                self._fail_malformed(out, str(exc))
            except (UnicodeDecodeError, RecursionError):
                self._fail_malformed(out, "it cannot be read")
            if self._closed:
                return

    def _fail_malformed(self, out: list[StreamEvent], problem: str) -> None:
        self._fail(
            out,
            ErrorKind.UPSTREAM_MALFORMED,
            f"the upstream sent an event that is not understood: {problem}",
        )

    def _fail(self, out: list[StreamEvent], kind: ErrorKind, message: str) -> None:
        out.append(Failure(kind, message))
        self._closed = True

    # --- deltas --------------------------------------------------------------------

    def _on_delta(self, data: bytes, out: list[StreamEvent]) -> None:
        try:
            event = _decode_delta(data)
            if self._halves is not None:
                self._join_halves(event, self._halves)
        except msgspec.DecodeError:
            mended = self._mend_delta(data)
            if mended is None:
                self._on_other(b"", data, out)
                return
            event = mended
        if event.type != "content_block_delta" and event.type:
            self._on_other(b"", data, out)
            return
        block = self._open.get(event.index)
        if block is None:
            raise _Malformed(f"a delta for block {event.index}, which is not open")
        delta, kind = event.delta, block.kind
        name = delta.type
        if name == "text_delta" and kind is PartKind.TEXT:
            if delta.text:
                out.append(TextDelta(block.part, delta.text))
        elif name == "input_json_delta" and kind is PartKind.TOOL_CALL:
            if delta.partial_json:
                block.arguments = None
                out.append(ToolCallDelta(block.part, delta.partial_json))
        elif name == "thinking_delta" and kind is PartKind.REASONING:
            if delta.thinking:
                out.append(ReasoningDelta(block.part, delta.thinking))
        elif block.held is not None:
            block.held.add(data)
        else:
            self._on_rare_delta(block, delta, data, out)

    def _on_rare_delta(
        self, block: _OpenBlock, delta: wire.Delta, data: bytes, out: list[StreamEvent]
    ) -> None:
        if delta.type == "signature_delta" and block.kind is PartKind.REASONING:
            if delta.signature:
                block.seal = Seal(ISSUER, "signature", delta.signature)
        elif delta.type == "citations_delta" and block.kind is PartKind.TEXT:
            if not data.isascii():
                data.decode()
            citation = decode_citation(delta.citation)
            refuse_ambiguous(citation.native)
            out.append(CitationAdded(block.part, citation))
        elif delta.type in _DELTA_TYPES:
            raise _Malformed(f"a {delta.type} in a block of another kind")

    def _mend_delta(self, data: bytes) -> wire.BlockDelta | None:
        """A delta that holds half a character; ``None``: another type of event."""
        plain = mend(data, hold=False)
        if _decode_any_event(plain).type not in ("content_block_delta", ""):
            return None
        if self._halves is None:
            self._halves = Halves()
        event = _decode_delta(mend(data))
        self._join_halves(event, self._halves)
        # What is no text is whole, and may be kept as it came.
        whole = _decode_delta(plain).delta
        event.delta.signature, event.delta.citation = whole.signature, whole.citation
        return event

    @staticmethod
    def _join_halves(event: wire.BlockDelta, halves: Halves) -> None:
        """Characters that were cut in two by the upstream, made whole."""
        delta = event.delta
        for field in ("text", "partial_json", "thinking"):
            text = getattr(delta, field)
            if text:
                setattr(delta, field, halves.join(event.index, text))

    # --- other events --------------------------------------------------------------

    def _on_other(self, name: bytes, data: bytes, out: list[StreamEvent]) -> None:
        if name == b"ping" or data == b"[DONE]":
            return
        try:
            event = _decode_any_event(data)
        except msgspec.DecodeError:
            whole = data
            data = mend(data, hold=False)
            event = _decode_any_event(data)
            if event.type == "content_block_delta":
                data = whole  # its halves may be joined
        kind = event.type
        if not kind:
            kind = "error" if bytes(event.error) != b"null" else name.decode("latin-1")
        if kind == "content_block_delta":
            self._on_delta(data, out)
        elif kind == "error":
            out.append(read_error(data, None))
            self._closed = True
        elif kind in _TYPES:
            if self._id is None and kind != "message_start":
                raise _Malformed(f"{kind} before message_start")
            if not data.isascii():
                data.decode()
            self._on_typed(kind, data, out)

    def _on_typed(self, kind: str, data: bytes, out: list[StreamEvent]) -> None:
        if kind == "content_block_start":
            start = _decode_block_start(data)
            self._on_block_start(start.index, start.content_block, out)
        elif kind == "content_block_stop":
            index = _decode_stop(data).index
            block = self._open.pop(index, None)
            if block is not None:
                self._close(index, block, out)
        elif kind == "message_delta":
            self._on_change(_decode_change(data), out)
        elif kind == "message_start":
            self._on_start(_decode_start(data).message, out)
        else:
            self._on_stop(out)

    def _on_start(self, message: wire.StartMessage, out: list[StreamEvent]) -> None:
        if self._id is not None:
            # Some recorded streams start over in the middle. What was passed on
            # cannot be taken back.
            raise _Malformed("a second message_start")
        self._id = message.id or ""
        if message.usage is None:
            out.append(AnswerStart(self._id, message.model or ""))
            return
        self._meter.add(message.usage)
        usage = self._meter.report
        out += [AnswerStart(self._id, message.model or "", usage=usage), UsageReport(usage)]

    def _on_change(self, event: wire.MessageDelta, out: list[StreamEvent]) -> None:
        if event.usage is not None:
            self._meter.add(event.usage)
            out.append(UsageReport(self._meter.report))
        if event.delta is not None and event.delta.stop_reason is not None:
            self._stop = event.delta

    def _on_stop(self, out: list[StreamEvent]) -> None:
        for index, block in self._open.items():
            self._close(index, block, out)
        self._open.clear()
        change = self._stop or wire.MessageChange()
        details = change.stop_details
        stop = repair_stop(
            change.stop_reason,
            change.stop_sequence,
            None if details is None else details.explanation,
            calls=self._calls,
        )
        out += [ChoiceStop(stop), AnswerEnd()]
        self._closed = True

    # --- blocks --------------------------------------------------------------------

    def _on_block_start(self, index: int, raw: Raw, out: list[StreamEvent]) -> None:
        if index in self._open:
            raise _Malformed(f"block {index} starts twice")
        part = as_answer_part(decode_block(raw, ""), raw, self._id or "", index)
        if isinstance(part, Opaque):
            self._open[index] = _OpenBlock(-1, None, HeldBlock(raw, part.label))
            return
        number = self._parts
        self._parts += 1
        self._open[index] = self._open_part(part, number, out)

    def _open_part(self, part: Part, number: int, out: list[StreamEvent]) -> _OpenBlock:
        if isinstance(part, Text):
            out.append(PartStart(number, PartKind.TEXT, native=part.native))
            out += [CitationAdded(number, citation) for citation in part.citations]
            if part.text:
                out.append(TextDelta(number, part.text))
            return _OpenBlock(number, PartKind.TEXT)
        if isinstance(part, Reasoning):
            block = _OpenBlock(number, PartKind.REASONING)
            block.seal = part.seal
            out.append(PartStart(number, PartKind.REASONING, style=part.style, native=part.native))
            if part.text:
                out.append(ReasoningDelta(number, part.text))
            return block
        assert isinstance(part, ToolCall), part
        block = _OpenBlock(number, PartKind.TOOL_CALL)
        block.arguments = part.arguments
        self._calls = self._calls or not part.server
        out.append(
            PartStart(
                number,
                PartKind.TOOL_CALL,
                id=part.id,
                name=part.name,
                server=part.server,
                native=part.native,
            )
        )
        return block

    def _close(self, index: int, block: _OpenBlock, out: list[StreamEvent]) -> None:
        if block.held is not None:
            number = self._parts
            self._parts += 1
            whole = block.held.whole()
            out += [PartStart(number, PartKind.OPAQUE, opaque=whole), PartEnd(number)]
            return
        if self._halves is not None:
            self._give_up_half(self._halves.take(index), block, out)
        if block.arguments is not None:
            # No delta came: the arguments are those of the start, mostly {}.
            out.append(ToolCallDelta(block.part, block.arguments))
        if block.seal is not None:
            out.append(PartSealed(block.part, block.seal))
        out.append(PartEnd(block.part))

    @staticmethod
    def _give_up_half(text: str, block: _OpenBlock, out: list[StreamEvent]) -> None:
        if not text:
            return
        if block.kind is PartKind.TEXT:
            out.append(TextDelta(block.part, text))
        elif block.kind is PartKind.REASONING:
            out.append(ReasoningDelta(block.part, text))
        else:
            out.append(ToolCallDelta(block.part, text))


_DELTA_TYPES = frozenset(
    ("text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta")
)


def _is_whole(data: bytes) -> bool:
    try:
        _decode_any_event(mend(data, hold=False))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data == b"[DONE]"
    return True
