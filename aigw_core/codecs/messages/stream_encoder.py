"""Stream events to a Messages stream.

Blocks are written one after another, numbered without gaps. Text and thinking
blocks open with their first content, so that a part which has nothing for this
format leaves no empty block behind; tool calls open at once.

A text or a call has no place for a seal, so a thinking block carries it: behind the
text, since that has been written by then; in front of the call where calls come
whole (clients cut thinking off the end of an answer), else behind it. What tells
those apart is known before the answer, so it does not matter how events are batched.

The official SDK drops every event without an ``event`` line in silence, and
takes the last of several signatures, so each event is named and each signature
is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from aigw_core.chat import Format, Seal, Stop, StopReason, Usage
from aigw_core.codec import AnswerContext
from aigw_core.codecs.messages.blocks import own
from aigw_core.codecs.messages.error import error_document
from aigw_core.codecs.messages.response import (
    carried,
    client_call_id,
    encode_stop,
    start_message,
    text_start,
)
from aigw_core.codecs.messages.usage import encode_usage
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
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.sequence import Sequencer
from aigw_core.sse import escape_separators, sse_event

_encode = msgspec.json.encode

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_COMMENT = b": keepalive\n\n"
_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_BLOCK_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"%s","%s":'
)
_DELTA_END = b"}}\n\n"


class StreamEncoder:
    """See :class:`aigw_core.codec.StreamEncoder`. Holds parts that wait for
    another to end, ``max_held`` of the context at most (counted in characters)."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._sequencer: Sequencer | None = None
        self._held = 0
        self._started = False
        self._closed = False
        self._index = 0
        """Of the block that is open, or comes next."""
        self._part: PartStart | None = None
        """The part that is open."""
        self._prefix: bytes | None = None
        """What stands before the text of a delta; ``None`` while no block is open."""
        self._late_seal: Seal | None = None
        self._held_call: list[str] | None = None
        """The arguments of the open call, which is not written before its end."""
        self._calls = False
        self._usage = Usage()
        self._stop = Stop(StopReason.OTHER)

    def __repr__(self) -> str:
        return (
            f"<messages StreamEncoder started={self._started} index={self._index} "
            f"part={self._part} closed={self._closed}>"
        )

    def encode(self, events: list[StreamEvent]) -> bytes:
        out: list[bytes] = []
        if self._sequencer is not None:
            self._count_held(events)
            events = self._sequencer.order(events)
        self._write(events, out)
        if self._sequencer is not None and not self._sequencer.busy:
            self._sequencer = None
            self._held = 0
        return b"".join(out)

    def keepalive(self) -> bytes:
        if self._closed:
            return b""
        return _PING if self._started else _COMMENT

    # --- order -----------------------------------------------------------------------

    def _interleave(self, events: list[StreamEvent], out: list[bytes]) -> None:
        """A part opens beside another: from here on they are put in order."""
        self._sequencer = Sequencer()
        if self._part is not None:
            self._sequencer.order([self._part])
        self._count_held(events)
        self._write(self._sequencer.order(events), out)

    def _count_held(self, events: list[StreamEvent]) -> None:
        current = None if self._part is None else self._part.part
        for event in events:
            if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
                self._held += len(event.text) if event.part != current else 0
            elif isinstance(event, ToolCallDelta):
                self._held += len(event.arguments) if event.part != current else 0

    # --- writing ---------------------------------------------------------------------

    def _write(self, events: list[StreamEvent], out: list[bytes]) -> None:
        for number, event in enumerate(events):
            if self._closed:
                return
            kind = type(event)
            if kind is TextDelta or kind is RefusalDelta:
                assert isinstance(event, TextDelta | RefusalDelta)
                if event.choice == 0:
                    prefix = self._prefix or self._open_text(out)
                    out.append(prefix + escape_separators(_encode(event.text)) + _DELTA_END)
            elif kind is ToolCallDelta:
                assert isinstance(event, ToolCallDelta)
                if event.choice:
                    continue
                if self._held_call is not None:
                    self._held_call.append(event.arguments)
                    self._held += len(event.arguments)
                elif self._prefix is not None:
                    self._write_arguments(self._prefix, event.arguments, out)
            elif kind is ReasoningDelta:
                assert isinstance(event, ReasoningDelta)
                if event.choice == 0:
                    prefix = self._prefix or self._open_thinking(out)
                    out.append(prefix + escape_separators(_encode(event.text)) + _DELTA_END)
            elif kind is PartStart and self._part is not None and not _other_choice(event):
                self._interleave(events[number:], out)
                return
            else:
                method = _RARE.get(kind)
                if method is not None and not _other_choice(event):
                    method(self, event, events[number + 1 :], out)
        if self._held > self._context.max_held and not self._closed:
            self._on_failure(
                Failure(ErrorKind.INTERNAL, "the answer is too large to be put in order"), [], out
            )

    def _on_start(self, event: AnswerStart, rest: list[StreamEvent], out: list[bytes]) -> None:
        if rest and isinstance(rest[0], UsageReport):
            self._usage = rest[0].usage
        message = start_message(event.id, self._context, self._usage)
        _append(out, "message_start", {"message": message})
        self._started = True

    def _on_part(self, event: PartStart, rest: list[StreamEvent], out: list[bytes]) -> None:
        self._part = event
        self._prefix = None
        self._late_seal = None
        if event.kind is PartKind.TOOL_CALL:
            if event.server and not own(event.native):
                return  # run by another vendor; nothing that a client could send back
            if self._context.whole_calls:
                self._held_call = []
            else:
                self._open_call(event, out)
        elif event.opaque is not None and event.opaque.native.format is Format.MESSAGES:
            self._open(dict(own(event.opaque.native)), b"", b"", out)

    def _open_call(self, event: PartStart, out: list[bytes]) -> bytes:
        block: dict[str, Any] = {
            "type": "tool_use",
            "id": client_call_id(event.id),
            "name": event.name,
            "input": {},
            **own(event.native),
        }
        self._calls = self._calls or block["type"] == "tool_use"
        prefix = self._open(block, b"input_json_delta", b"partial_json", out)
        if event.freeform:
            out.append(prefix + _encode('{"input":"') + _DELTA_END)
        return prefix

    def _write_arguments(self, prefix: bytes, text: str, out: list[bytes]) -> None:
        if self._part is not None and self._part.freeform:
            text = _encode(text)[1:-1].decode()
        out.append(prefix + escape_separators(_encode(text)) + _DELTA_END)

    def _release_call(self, call: PartStart, pieces: list[str], out: list[bytes]) -> None:
        """Write a call that was held, behind what carries its seal."""
        self._held_call = None
        if self._late_seal is not None:
            self._write_seal_block(self._late_seal, out)
            self._late_seal = None
        prefix = self._open_call(call, out)
        for piece in pieces:
            self._write_arguments(prefix, piece, out)
            self._held -= len(piece)

    def _write_seal_block(self, seal: Seal, out: list[bytes]) -> None:
        self._open_thinking(out)
        self._write_signature(seal, out)
        self._close_block(out)

    def _write_signature(self, seal: Seal, out: list[bytes]) -> None:
        delta = {"type": "signature_delta", "signature": seal.data}
        _append(out, "content_block_delta", {"index": self._index, "delta": delta})

    def _open_text(self, out: list[bytes]) -> bytes:
        left = {} if self._part is None else own(self._part.native)
        return self._open(text_start(left), b"text_delta", b"text", out)

    def _open_thinking(self, out: list[bytes]) -> bytes:
        block: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
        if self._part is not None and self._part.kind is PartKind.REASONING:
            block.update(own(self._part.native))
        return self._open(block, b"thinking_delta", b"thinking", out)

    def _open(self, block: dict[str, Any], delta: bytes, field: bytes, out: list[bytes]) -> bytes:
        _append(out, "content_block_start", {"index": self._index, "content_block": block})
        self._prefix = _DELTA % (self._index, delta, field)
        return self._prefix

    def _close_block(self, out: list[bytes]) -> None:
        out.append(_BLOCK_STOP % self._index)
        self._index += 1
        self._prefix = None

    def _on_sealed(self, event: PartSealed, rest: list[StreamEvent], out: list[bytes]) -> None:
        seal = carried(event.seal)
        if seal is None or self._part is None:
            return
        if self._part.kind is not PartKind.REASONING:
            self._late_seal = seal
        elif self._prefix is None and seal.kind == "redacted":
            self._open({"type": "redacted_thinking", "data": seal.data}, b"", b"", out)
        else:
            if self._prefix is None:
                self._open_thinking(out)
            self._write_signature(seal, out)

    def _on_part_end(self, event: PartEnd, rest: list[StreamEvent], out: list[bytes]) -> None:
        if self._held_call is not None and self._part is not None:
            self._release_call(self._part, self._held_call, out)
        if self._prefix is not None:
            if self._part is not None and self._part.freeform:
                out.append(self._prefix + _encode('"}') + _DELTA_END)
            self._close_block(out)
        if self._late_seal is not None:
            self._write_seal_block(self._late_seal, out)
        self._part = None

    def _on_citation(self, event: CitationAdded, rest: list[StreamEvent], out: list[bytes]) -> None:
        citation = event.citation.native
        if citation is None or citation.format is not Format.MESSAGES:
            return
        if self._prefix is None:
            self._open_text(out)
        delta = {"type": "citations_delta", "citation": msgspec.Raw(citation.raw)}
        _append(out, "content_block_delta", {"index": self._index, "delta": delta})

    def _on_usage(self, event: UsageReport, rest: list[StreamEvent], out: list[bytes]) -> None:
        self._usage = event.usage

    def _on_choice_stop(self, event: ChoiceStop, rest: list[StreamEvent], out: list[bytes]) -> None:
        self._stop = event.stop

    def _on_end(self, event: AnswerEnd, rest: list[StreamEvent], out: list[bytes]) -> None:
        stop = encode_stop(self._stop, calls=self._calls)
        usage = encode_usage(self._usage, full=False)
        _append(out, "message_delta", {"delta": stop, "usage": usage})
        out.append(_MESSAGE_STOP)
        self._closed = True

    def _on_failure(self, event: Failure, rest: list[StreamEvent], out: list[bytes]) -> None:
        out.append(sse_event(_encode(error_document(event, self._context.request_id)), b"error"))
        self._closed = True


_Method = Callable[[StreamEncoder, Any, list[StreamEvent], list[bytes]], None]

_RARE: dict[type, _Method] = {
    AnswerStart: StreamEncoder._on_start,
    PartStart: StreamEncoder._on_part,
    PartSealed: StreamEncoder._on_sealed,
    PartEnd: StreamEncoder._on_part_end,
    CitationAdded: StreamEncoder._on_citation,
    UsageReport: StreamEncoder._on_usage,
    ChoiceStop: StreamEncoder._on_choice_stop,
    AnswerEnd: StreamEncoder._on_end,
    Failure: StreamEncoder._on_failure,
}
"""Log probabilities are not here: this format has no place for them."""


def _other_choice(event: StreamEvent) -> bool:
    return getattr(event, "choice", 0) != 0


def _append(out: list[bytes], kind: str, fields: dict[str, Any]) -> None:
    out.append(sse_event(_encode({"type": kind, **fields}), kind.encode()))
