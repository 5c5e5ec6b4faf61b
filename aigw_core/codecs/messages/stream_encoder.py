"""Stream events to a Messages stream.

Blocks are written one after another, numbered without gaps. Text and thinking
blocks open with their first content, so that a part which has nothing for this
format leaves no empty block behind.

A text or a tool call has no place for another vendor's seal; a thinking block
without text carries it. In front of a call, where the vendor's own thoughts
stand: a call therefore waits for what follows its first arguments (a call that
is sealed comes whole). Behind a text, whose seal comes when it has been sent.

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
        self._waiting: list[str] | None = None
        """The first arguments of a call that is not written yet; ``None``: no such call."""
        self._plain = True
        """The open part is no call with free text."""
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
        done = self._write(events, out) if self._sequencer is None else 0
        for event in events[done:]:
            self._put_in_order(event, out)
        return b"".join(out)

    def keepalive(self) -> bytes:
        if self._closed:
            return b""
        return _PING if self._started else _COMMENT

    # --- order -----------------------------------------------------------------------

    def _put_in_order(self, event: StreamEvent, out: list[bytes]) -> None:
        """One event, while parts are open beside each other."""
        if self._sequencer is None:
            if not self._write([event], out) and self._part is not None:
                self._sequencer = Sequencer()
                self._sequencer.order([self._part, event])
            return
        if self._part is not None and getattr(event, "part", None) != self._part.part:
            self._held += len(getattr(event, "text", "") or getattr(event, "arguments", ""))
        self._write(self._sequencer.order([event]), out)
        if not self._sequencer.busy:
            self._sequencer = None
            self._held = 0
        elif self._held > self._context.max_held and not self._closed:
            problem = "the answer is too large to be put in order"
            self._on_failure(Failure(ErrorKind.INTERNAL, problem), out)

    # --- writing ---------------------------------------------------------------------

    def _write(self, events: list[StreamEvent], out: list[bytes]) -> int:
        """How many were written: all, or those before a part that opens beside another."""
        for number, event in enumerate(events):
            if self._closed:
                break
            kind = type(event)
            if kind is TextDelta or kind is RefusalDelta:
                assert isinstance(event, TextDelta | RefusalDelta)
                if event.choice == 0:
                    prefix = self._prefix or self._open_text(out)
                    out.append(prefix + escape_separators(_encode(event.text)) + _DELTA_END)
            elif kind is ToolCallDelta:
                assert isinstance(event, ToolCallDelta)
                if event.choice == 0:
                    if self._prefix is not None and self._plain:
                        data = escape_separators(_encode(event.arguments))
                        out.append(self._prefix + data + _DELTA_END)
                    else:
                        self._on_arguments(event.arguments, out)
            elif kind is ReasoningDelta:
                assert isinstance(event, ReasoningDelta)
                if event.choice == 0:
                    prefix = self._prefix or self._open_thinking(out)
                    out.append(prefix + escape_separators(_encode(event.text)) + _DELTA_END)
            elif getattr(event, "choice", 0) == 0:
                if kind is PartStart and self._part is not None:
                    return number
                method = _RARE.get(kind)
                if method is not None:
                    method(self, event, out)
        return len(events)

    def _on_start(self, event: AnswerStart, out: list[bytes]) -> None:
        if event.usage is not None:
            self._usage = event.usage
        message = start_message(event.id, self._context, self._usage)
        _append(out, "message_start", {"message": message})
        self._started = True

    def _on_part(self, event: PartStart, out: list[bytes]) -> None:
        self._part = event
        self._prefix = None
        self._late_seal = None
        self._waiting = None
        self._plain = not event.freeform
        if event.kind is PartKind.TOOL_CALL:
            # A call that another vendor runs is nothing that a client could send back.
            if not event.server or own(event.native):
                self._waiting = []
        elif event.opaque is not None and event.opaque.native.format is Format.MESSAGES:
            self._open(dict(own(event.opaque.native)), b"", b"", out)

    def _on_arguments(self, arguments: str, out: list[bytes]) -> None:
        """Arguments that wait, come first, or are free text."""
        if self._waiting is not None:
            if not self._waiting:
                self._waiting.append(arguments)
                return
            self._open_call(self._waiting, out)
        self._write_arguments(arguments, out)

    def _open_call(self, waiting: list[str], out: list[bytes]) -> None:
        self._waiting = None
        if self._part is None:
            return
        block: dict[str, Any] = {
            "type": "tool_use",
            "id": client_call_id(self._part.id),
            "name": self._part.name,
            "input": {},
            **own(self._part.native),
        }
        self._calls = self._calls or block["type"] == "tool_use"
        prefix = self._open(block, b"input_json_delta", b"partial_json", out)
        if self._part.freeform:
            out.append(prefix + _encode('{"input":"') + _DELTA_END)
        for arguments in waiting:
            self._write_arguments(arguments, out)

    def _write_arguments(self, arguments: str, out: list[bytes]) -> None:
        if self._prefix is None:
            return
        if not self._plain:
            arguments = _encode(arguments)[1:-1].decode()
        out.append(self._prefix + escape_separators(_encode(arguments)) + _DELTA_END)

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

    def _on_sealed(self, event: PartSealed, out: list[bytes]) -> None:
        seal = carried(event.seal)
        if seal is None or self._part is None:
            return
        if self._waiting is not None:
            waiting = self._waiting
            self._write_seal_block(seal, out)
            self._open_call(waiting, out)
        elif self._part.kind is not PartKind.REASONING:
            self._late_seal = seal
        elif self._prefix is None and seal.kind == "redacted":
            self._open({"type": "redacted_thinking", "data": seal.data}, b"", b"", out)
        else:
            if self._prefix is None:
                self._open_thinking(out)
            self._write_signature(seal, out)

    def _on_part_end(self, event: PartEnd, out: list[bytes]) -> None:
        if self._waiting is not None:
            self._open_call(self._waiting, out)
        if self._prefix is not None:
            if not self._plain:
                out.append(self._prefix + _encode('"}') + _DELTA_END)
            self._close_block(out)
        if self._late_seal is not None:
            self._write_seal_block(self._late_seal, out)
        self._part = None

    def _on_citation(self, event: CitationAdded, out: list[bytes]) -> None:
        citation = event.citation.native
        if citation is None or citation.format is not Format.MESSAGES:
            return
        if self._prefix is None:
            self._open_text(out)
        delta = {"type": "citations_delta", "citation": msgspec.Raw(citation.raw)}
        _append(out, "content_block_delta", {"index": self._index, "delta": delta})

    def _on_usage(self, event: UsageReport, out: list[bytes]) -> None:
        self._usage = event.usage

    def _on_choice_stop(self, event: ChoiceStop, out: list[bytes]) -> None:
        self._stop = event.stop

    def _on_end(self, event: AnswerEnd, out: list[bytes]) -> None:
        stop = encode_stop(self._stop, calls=self._calls)
        usage = encode_usage(self._usage, full=False)
        _append(out, "message_delta", {"delta": stop, "usage": usage})
        out.append(_MESSAGE_STOP)
        self._closed = True

    def _on_failure(self, event: Failure, out: list[bytes]) -> None:
        out.append(sse_event(_encode(error_document(event, self._context.request_id)), b"error"))
        self._closed = True


_Method = Callable[[StreamEncoder, Any, list[bytes]], None]

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


def _append(out: list[bytes], kind: str, fields: dict[str, Any]) -> None:
    out.append(sse_event(_encode({"type": kind, **fields}), kind.encode()))
