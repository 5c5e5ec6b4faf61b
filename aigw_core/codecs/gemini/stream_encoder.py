"""Stream events to the bytes of a streamed Gemini answer.

Each document is a whole ``GenerateContentResponse`` with the parts that are new.
(:mod:`~aigw_core.codecs.gemini.array` makes one JSON array of the stream.)

The vendor's SDK fails on comments, ``event`` lines, ``[DONE]`` and ``data:`` without
the space; it takes blank lines. Arguments are one object on the wire, so a call
is written when it is complete. Finish reasons and usage go out together, at the
very end, as the vendor does it.

Source: what google-genai 3.4 does with each of these; recorded streams.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    Choice,
    Citation,
    Part,
    Reasoning,
    Seal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.gemini.calls import arguments_object, clean
from aigw_core.codecs.gemini.error import encode_error
from aigw_core.codecs.gemini.response import (
    block_reason,
    cited_fields,
    encode_document,
    encode_part,
    envelope,
    finish_fields,
)
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

_STRING = msgspec.json.Encoder().encode
_TEXT_KINDS = (PartKind.TEXT, PartKind.REASONING, PartKind.REFUSAL)


class _Held:
    """A part that has begun and is not written to its end."""

    __slots__ = ("ended", "pieces", "seal", "start")

    def __init__(self, start: PartStart) -> None:
        self.start = start
        self.pieces: list[str] = []  # not written yet
        self.seal: Seal | None = None
        self.ended = False


class _Choice:
    """One candidate: its parts in order of start. The first is written as it comes;
    the others wait for it to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.parts: dict[int, _Held] = {}
        self.live: int | None = None  # the text part whose deltas are written at once
        self.stop: Stop | None = None
        self.written = False
        self.texts: dict[int, list[str]] = {}  # all text, by part; what citations count in
        self.citations: dict[int, list[Citation]] = {}
        self.logprobs: list[TokenLogprob] = []


class GeminiStreamEncoder:
    """Encodes one answer.

    Holds the text, for the byte offsets of citations, and the arguments of calls:
    together at most ``context.max_held`` bytes, beyond which the answer fails.
    """

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._closed = False
        self._id = ""
        self._usage = Usage()
        self._choices: dict[int, _Choice] = {}
        self._held = 0
        self._live = (-1, -1)  # choice and part of the last text delta
        self._live_pieces: list[str] | None = None
        self._prefix = b""  # of a document with more of that part
        self._suffix = b""

    def encode(self, events: list[StreamEvent]) -> bytes:
        if self._closed:
            return b""
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta or type(event) is ReasoningDelta:
                if (event.choice, event.part) == self._live:
                    out.append(self._live_delta(event.text))
                else:
                    self._delta(event.choice, event.part, event.text, out)
            else:
                self._other(event, out)
            if self._held > self._context.max_held:
                self._fail(_TOO_LONG, out)
                break
        return b"".join(out)

    def _live_delta(self, text: str) -> bytes:
        try:
            string = _STRING(text)
        except UnicodeEncodeError:
            string = _STRING(clean(text))
        if not string.isascii():
            string = escape_separators(string)
        if self._live_pieces is not None:
            self._live_pieces.append(text)
            self._held += len(string)
        return self._prefix + string + self._suffix

    def keepalive(self) -> bytes:
        """A blank line: legal between events."""
        return b"\n"

    # -- events ---------------------------------------------------------------

    def _other(self, event: StreamEvent, out: list[bytes]) -> None:
        kind = type(event)
        if isinstance(event, ToolCallDelta):
            self._held += _size(event.arguments)
            self._choices[event.choice].parts[event.part].pieces.append(event.arguments)
        elif isinstance(event, RefusalDelta):
            self._delta(event.choice, event.part, event.text, out)
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, PartStart):
            self._start(event, out)
        elif isinstance(event, PartEnd):
            choice = self._choices[event.choice]
            choice.parts[event.part].ended = True
            self._advance(choice, out)
        elif isinstance(event, PartSealed):
            self._choices[event.choice].parts[event.part].seal = event.seal
        elif isinstance(event, CitationAdded):
            known = self._choices[event.choice].citations
            known.setdefault(event.part, []).append(event.citation)
        elif isinstance(event, LogprobsAdded):
            self._choices[event.choice].logprobs += event.tokens
        elif isinstance(event, AnswerStart):
            self._id = event.id
        elif isinstance(event, ChoiceStop):
            self._stop(event, out)
        elif kind is AnswerEnd:
            self._finish(out)
        elif isinstance(event, Failure):
            self._fail(event, out)

    def _start(self, event: PartStart, out: list[bytes]) -> None:
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice(event.choice)
        choice.parts[event.part] = _Held(event)
        if event.kind in (PartKind.TEXT, PartKind.REFUSAL):
            choice.texts[event.part] = []
        self._advance(choice, out)

    def _delta(self, number: int, part: int, text: str, out: list[bytes]) -> None:
        choice = self._choices[number]
        held = choice.parts[part]
        pieces = choice.texts.get(part)
        if pieces is not None or choice.live != part:
            self._held += _size(text)
        if pieces is not None:
            pieces.append(text)
        if choice.live != part:
            held.pieces.append(text)
            return
        whole: dict[str, Any] = {"text": text}
        if held.start.kind is PartKind.REASONING:
            whole["thought"] = True
        self._part(whole, choice, out)
        self._go_live(choice, part, whole)

    def _go_live(self, choice: _Choice, part: int, whole: dict[str, Any]) -> None:
        """From here on text of this part takes the short way: between two fixed pieces."""
        content = {"parts": [{**whole, "text": Raw(b"0")}], "role": "model"}
        frame = self._frame(self._chunk([{"content": content, "index": choice.number}]))
        before, after = frame.split(b'{"text":0', 1)
        self._prefix, self._suffix = before + b'{"text":', after
        self._live_pieces = choice.texts.get(part)
        self._live = (choice.number, part)

    def _advance(self, choice: _Choice, out: list[bytes]) -> None:
        """Write what is not held up by a part before it."""
        choice.live = None
        while choice.parts:
            part, held = next(iter(choice.parts.items()))
            if not held.ended:
                if held.start.kind in _TEXT_KINDS:
                    choice.live = part
                    self._flush(choice, held, out)
                return
            if choice.stop is None and len(choice.parts) == 1 and _may_be_half(held):
                return  # the stop tells whether the token limit cut it
            del choice.parts[part]
            self._write(choice, part, held, out)

    def _flush(self, choice: _Choice, held: _Held, out: list[bytes]) -> None:
        if held.pieces:
            text = "".join(held.pieces)
            held.pieces.clear()
            whole: Part = Reasoning(text) if held.start.kind is PartKind.REASONING else Text(text)
            self._write_part(whole, choice, out)

    def _write(self, choice: _Choice, part: int, held: _Held, out: list[bytes]) -> None:
        """The rest of a part that ended."""
        if self._live == (choice.number, part):
            self._live = (-1, -1)
        start = held.start
        text = "".join(held.pieces)
        if start.kind is PartKind.TOOL_CALL:
            call = ToolCall(
                start.id, start.name, text, start.freeform, start.server, seal=held.seal
            )
            stop = choice.stop
            truncated = stop is not None and stop.reason is StopReason.MAX_TOKENS
            self._write_part(call, choice, out, truncated=truncated)
        elif start.kind is PartKind.REASONING:
            if text or held.seal is not None:
                self._write_part(Reasoning(text, seal=held.seal), choice, out)
        elif start.kind in _TEXT_KINDS:
            if text or held.seal is not None:
                self._write_part(Text(text, seal=held.seal), choice, out)
        else:
            whole = start.media or start.opaque
            if whole is not None:
                self._write_part(whole, choice, out)
        choice.written = True

    def _stop(self, event: ChoiceStop, out: list[bytes]) -> None:
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice(event.choice)
        choice.stop = event.stop
        self._advance(choice, out)

    # -- documents ------------------------------------------------------------

    def _write_part(
        self, part: Part, choice: _Choice, out: list[bytes], *, truncated: bool = False
    ) -> None:
        encoded = encode_part(part, truncated=truncated)
        if encoded is None or (isinstance(encoded, dict) and encoded == {"text": ""}):
            return
        self._part(encoded, choice, out)

    def _part(self, part: dict[str, Any] | Raw, choice: _Choice, out: list[bytes]) -> None:
        content = {"parts": [part], "role": "model"}
        document = self._chunk([{"content": content, "index": choice.number}])
        out.append(self._frame(document))
        choice.written = True

    def _chunk(self, candidates: list[dict[str, Any]]) -> dict[str, Any]:
        return {"candidates": candidates, **envelope(Usage(), self._id, self._context)}

    def _finish(self, out: list[bytes]) -> None:
        ended = [self._choices[number] for number in sorted(self._choices)]
        document: dict[str, Any] = {}
        block = block_reason(_bare(choice) for choice in ended)
        if block is not None and not ended[0].written:
            document["promptFeedback"] = block
        else:
            document["candidates"] = [self._last(choice) for choice in ended]
        document |= envelope(self._usage, self._id, self._context)
        out.append(self._frame(document))
        self._end(out)

    def _last(self, choice: _Choice) -> dict[str, Any]:
        texts = (
            ("".join(pieces), choice.citations.get(part, ()))
            for part, pieces in sorted(choice.texts.items())
        )
        return {
            "content": {"parts": [{"text": ""}], "role": "model"},
            **finish_fields(_bare(choice), choice.number),
            **cited_fields(texts if choice.citations else (), choice.logprobs),
        }

    def _fail(self, failure: Failure, out: list[bytes]) -> None:
        _, body = encode_error(failure, self._context.request_id)
        out.append(self._frame(Raw(body)))
        self._end(out)

    def _end(self, out: list[bytes]) -> None:
        self._closed = True
        self._live = (-1, -1)

    def _frame(self, document: dict[str, Any] | Raw) -> bytes:
        data = escape_separators(
            bytes(document) if isinstance(document, Raw) else encode_document(document)
        )
        return b"data: %s\n\n" % data


_TOO_LONG = Failure(ErrorKind.UPSTREAM_MALFORMED, "the answer is longer than the gateway holds")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _may_be_half(held: _Held) -> bool:
    """A call whose arguments are no object, or missing."""
    start = held.start
    if start.kind is not PartKind.TOOL_CALL or start.freeform or start.server:
        return False
    text = "".join(held.pieces)
    return not text.strip() or arguments_object(text) is None


def _bare(choice: _Choice) -> Choice:
    return Choice((), choice.stop or Stop(StopReason.OTHER))
