"""Chunks of an answer to stream events: what the stream decoder and the decoder
of whole answers have in common.

A chunk repeats the shape of a whole answer, and its parts are fragments: text of
the same kind goes on, and everything else is whole. A part with a signature
stands alone, since it has to be sent back as it came. There is no end marker but
the end of the bytes, and some servers repeat ``finishReason`` in every chunk, so
choices stop only then. A candidate that goes on without one, as answers that run code
do, needs another.

Source: recorded streams; "Thought signatures" of the Gemini API documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    Format,
    Native,
    Opaque,
    ReasoningStyle,
    Seal,
    Stop,
    StopReason,
    TokenLogprob,
)
from aigw_core.codecs.gemini.calls import arguments_text, call_id
from aigw_core.codecs.gemini.chunks import UNREADABLE, decode_chunk, mended_chunk, raw_part
from aigw_core.codecs.gemini.citations import CitedText, read_logprobs, read_spans
from aigw_core.codecs.gemini.error import failure_of
from aigw_core.codecs.gemini.media import decode_blob, decode_file, is_base64
from aigw_core.codecs.gemini.partial_args import PartialCall
from aigw_core.codecs.gemini.usage import RunningUsage
from aigw_core.codecs.gemini.vocabulary import MALFORMED, block_word, decode_finish, finish_word
from aigw_core.codecs.gemini.wire import (
    ABSENT,
    AnswerCall,
    AnswerPart,
    Candidate,
    Chunk,
    PromptFeedback,
    present,
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
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
    first_left_out,
)
from aigw_core.jsondoc import reads_alike
from aigw_core.surrogates import Halves

MAX_CHOICES = 128
_MAX_PARTIAL = 32 << 20
"""Bytes of one call's arguments that come in pieces."""


_TEXT = PartKind.TEXT  # an attribute of an enum is slow to look up


_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_BESIDE = ("thought", "thoughtSignature")


def says_more(parts: Sequence[SomePart] | None) -> bool:
    """Whether there is something of an answer in the parts of a candidate."""
    return any(part.text is None or part.text != "" for part in parts or ())


class SomePart(Protocol):
    @property
    def text(self) -> str | None: ...


class _Malformed(Exception):
    """A chunk that cannot be part of an answer."""


class _Choice:
    """One candidate, as far as it came."""

    __slots__ = (
        "calls",
        "cited",
        "finish",
        "kind",
        "logprobs",
        "message",
        "number",
        "part",
        "partial",
        "resumed",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.part = 0  # the open part, else the next one
        self.kind: PartKind | None = None  # of the open part
        self.calls = False
        self.finish: str | None = None
        self.resumed = False  # it went on after that, and no other reason has come
        self.message: str | None = None
        self.cited = CitedText()
        self.logprobs: tuple[TokenLogprob, ...] = ()
        self.partial: PartialCall | None = None


class AnswerReader:
    """Documents of one answer to events, in the order of the grammar.

    ``add`` gives the events of one document. A document that is no chunk, or
    that holds an error, gives a :class:`Failure` as its last event, after
    which nothing may be added. ``finish`` tells that all documents came.
    """

    def __init__(self) -> None:
        self._started = False
        self._id = ""
        self._choices: dict[int, _Choice] = {}
        self._counts = RunningUsage()
        self._block: Stop | None = None
        self._halves = Halves()
        self._mending = False  # a half waits, or this chunk had to be mended

    def add(self, document: bytes) -> list[StreamEvent]:
        try:
            chunk = decode_chunk(document)
        except UNREADABLE:
            mended = mended_chunk(document)
            if mended is None:
                return self._fail("an event of the upstream's stream is not a valid answer")
            document, chunk = mended
            self._mending = True
        events: list[StreamEvent] = []
        if chunk.error is not ABSENT and present(chunk.error):
            return [*self._last_usage(), failure_of(bytes(chunk.error))]
        if not self._started:
            self._start(chunk, events)
        if chunk.prompt_feedback is not None:
            self._feedback(chunk.prompt_feedback)
        try:
            for position, candidate in enumerate(chunk.candidates or ()):
                self._candidate(candidate, position, document, events)
        except _Malformed as exc:
            return [*events, *self._fail(str(exc))]
        except UnicodeDecodeError:  # in what the first look skipped
            return [*events, *self._fail("the upstream's answer is not UTF-8")]
        if chunk.usage_metadata is not ABSENT and self._counts.add(chunk.usage_metadata):
            events.append(UsageReport(self._counts.read()))
        if self._mending:
            self._mending = bool(self._halves)
        return events

    def finish(self, *, whole: bool = False) -> list[StreamEvent]:
        """``whole``: it was one document, which is complete even if its candidates
        do not say why they ended."""
        events: list[StreamEvent] = []
        choices = [self._choices[number] for number in sorted(self._choices)]
        if not choices and self._block is None:
            return [
                *self._last_usage(),
                Failure(ErrorKind.UPSTREAM_MALFORMED, "the upstream's answer has no candidates")
                if whole
                else _TRUNCATED,
            ]
        running = any(choice.finish is None or choice.resumed for choice in choices)
        if running and self._block is None and not whole:
            return [*self._last_usage(), _TRUNCATED]
        left_out = first_left_out(self._choices)
        if left_out is not None:
            return self._fail(f"the upstream's answer has no candidate of index {left_out}")
        for choice in choices:
            self._flush(choice, events)
        if choices and all(choice.finish in MALFORMED and choice.part == 0 for choice in choices):
            said = choices[0].message or choices[0].finish
            return self._fail(f"the model's answer was unusable: {said}")
        for choice in choices:
            events.append(ChoiceStop(self._stop(choice), choice.number))
        if not choices and self._block is not None:
            events.append(ChoiceStop(self._block))
        return [*events, *self._last_usage(), AnswerEnd()]

    # -- chunks ---------------------------------------------------------------

    def _start(self, chunk: Chunk, events: list[StreamEvent]) -> None:
        feedback = chunk.prompt_feedback
        if not chunk.candidates and feedback is None and chunk.usage_metadata is ABSENT:
            return  # an empty chunk keeps the connection busy
        self._started = True
        self._id = chunk.response_id or ""
        created = _unix_seconds(chunk.create_time)
        counts = RunningUsage()
        if chunk.usage_metadata is not ABSENT:
            counts.add(chunk.usage_metadata)
        known = counts.read() if counts.due else None
        events.append(AnswerStart(self._id, chunk.model_version or "", created, known))

    def _feedback(self, feedback: PromptFeedback) -> None:
        word = block_word(feedback.block_reason)
        if word is not None:
            self._block = Stop(StopReason.REFUSAL, word, explanation=feedback.block_reason_message)

    def _candidate(
        self, candidate: Candidate, position: int, document: bytes, events: list[StreamEvent]
    ) -> None:
        number = position if candidate.index is None else candidate.index
        choice = self._choices.get(number)
        if choice is None:
            choice = self._open(number)
        grounding, citations = candidate.grounding_metadata, candidate.citation_metadata
        if grounding is not ABSENT or citations is not ABSENT:
            choice.cited.cite(read_spans(grounding, citations))
        if candidate.logprobs_result is not ABSENT:
            choice.logprobs += read_logprobs(candidate.logprobs_result)
        content = candidate.content
        if content is not None and content.parts is not None:
            for place, part in enumerate(content.parts):
                text = part.text
                if text is None or part.function_call is not None:
                    self._other(choice, part, (document, position, place), events)
                elif part.thought_signature:
                    self._signed(choice, part, events)
                elif choice.kind is _TEXT and not (part.thought or self._mending):
                    if text:  # nearly all parts of nearly all streams
                        if text.isascii():
                            choice.cited.ascii += len(text)
                        else:
                            choice.cited.add(text)
                        events.append(TextDelta(choice.part, text, number))
                elif text:
                    self._text(choice, text, bool(part.thought), events)
        if choice.logprobs and choice.kind is PartKind.TEXT:
            self._report_logprobs(choice, events)
        if candidate.finish_reason is not None:
            choice.finish = finish_word(candidate.finish_reason) or choice.finish
            choice.message = candidate.finish_message or choice.message
            choice.resumed = False
        elif choice.finish is not None and content is not None and says_more(content.parts):
            choice.resumed = True

    def _open(self, number: int) -> _Choice:
        if not 0 <= number < MAX_CHOICES:
            raise _Malformed(f"the upstream's answer has a candidate of index {number}")
        choice = self._choices[number] = _Choice(number)
        return choice

    # -- parts ----------------------------------------------------------------

    def _text(self, choice: _Choice, text: str, thought: bool, events: list[StreamEvent]) -> None:
        """More of the open part, if that is of the same kind."""
        kind = PartKind.REASONING if thought else PartKind.TEXT
        if choice.kind is not kind:
            self._begin(choice, kind, events)
        if self._mending:
            text = self._halves.join((choice.number, kind), text)
            if not text:
                return
        if thought:
            events.append(ReasoningDelta(choice.part, text, choice.number))
        else:
            choice.cited.add(text)
            events.append(TextDelta(choice.part, text, choice.number))

    def _begin(self, choice: _Choice, kind: PartKind, events: list[StreamEvent]) -> None:
        self._close(choice, events)
        style = ReasoningStyle.SUMMARY if kind is PartKind.REASONING else ReasoningStyle.RAW
        events.append(PartStart(choice.part, kind, choice.number, style=style))
        choice.kind = kind

    def _close(
        self, choice: _Choice, events: list[StreamEvent], signature: str | None = None
    ) -> None:
        """End the open part, if there is one."""
        kind, part, number = choice.kind, choice.part, choice.number
        if kind is None:
            return
        if self._mending and (rest := self._halves.take((number, kind))):
            if kind is PartKind.TEXT:
                choice.cited.add(rest)
                events.append(TextDelta(part, rest, number))
            else:
                events.append(ReasoningDelta(part, rest, number))
        if kind is PartKind.TEXT:
            events += [CitationAdded(part, cite, number) for cite in choice.cited.close()]
            if choice.logprobs:
                self._report_logprobs(choice, events)
        if signature:
            events.append(PartSealed(part, _seal(signature), number))
        events.append(PartEnd(part, number))
        choice.kind = None
        choice.part += 1

    def _flush(self, choice: _Choice, events: list[StreamEvent]) -> None:
        self._close(choice, events)
        if choice.partial is not None:
            self._end_partial(choice, choice.partial, events)

    def _signed(self, choice: _Choice, part: AnswerPart, events: list[StreamEvent]) -> None:
        self._begin(choice, PartKind.REASONING if part.thought else PartKind.TEXT, events)
        if part.text and part.thought:
            events.append(ReasoningDelta(choice.part, part.text, choice.number))
        elif part.text:
            choice.cited.add(part.text)
            events.append(TextDelta(choice.part, part.text, choice.number))
        self._close(choice, events, part.thought_signature)

    def _other(
        self,
        choice: _Choice,
        part: AnswerPart,
        place: tuple[bytes, int, int],
        events: list[StreamEvent],
    ) -> None:
        if part.function_call is not None:
            if part.text:
                self._text(choice, part.text, bool(part.thought), events)
            self._call(choice, part.function_call, part.thought_signature, events)
        elif part.inline_data is not None or part.file_data is not None:
            self._media(choice, part, events)
        else:
            self._opaque(choice, part, place, events)

    def _call(
        self,
        choice: _Choice,
        call: AnswerCall,
        signature: str | None,
        events: list[StreamEvent],
    ) -> None:
        self._close(choice, events)
        partial = choice.partial
        if partial is not None and call.name:
            self._end_partial(choice, partial, events)
            partial = None
        if partial is None:
            if not call.name:
                raise _Malformed("the upstream's answer has a function call without a name")
            if not call.will_continue and call.partial_args is None:
                arguments = arguments_text(call.args)
                self._whole_call(choice, call.name, call.id, arguments, signature, events)
                return
            partial = choice.partial = PartialCall(call.name, call.id)
        partial.signature = signature or partial.signature
        try:
            partial.add(call)
        except ValueError as exc:
            raise _Malformed(str(exc)) from None
        if partial.size > _MAX_PARTIAL:
            raise _Malformed("the arguments of a function call are larger than the limit")
        if not call.will_continue:
            self._end_partial(choice, partial, events)

    def _end_partial(
        self, choice: _Choice, partial: PartialCall, events: list[StreamEvent]
    ) -> None:
        choice.partial = None
        self._whole_call(
            choice, partial.name, partial.id, partial.arguments(), partial.signature, events
        )

    def _whole_call(
        self,
        choice: _Choice,
        name: str,
        identifier: str | None,
        arguments: str,
        signature: str | None,
        events: list[StreamEvent],
    ) -> None:
        part, number = choice.part, choice.number
        known = identifier or call_id(self._id, number, part, name, arguments)
        events.append(PartStart(part, PartKind.TOOL_CALL, number, id=known, name=name))
        events.append(ToolCallDelta(part, arguments, number))
        if signature:
            events.append(PartSealed(part, _seal(signature), number))
        events.append(PartEnd(part, number))
        choice.part += 1
        choice.calls = True

    def _media(self, choice: _Choice, part: AnswerPart, events: list[StreamEvent]) -> None:
        self._close(choice, events)
        beside: dict[str, bool | str] = {}
        if part.thought:
            beside["thought"] = True
        if part.thought_signature:
            beside["thoughtSignature"] = _seal(part.thought_signature).data
        native = Native(Format.GEMINI, msgspec.json.encode(beside)) if beside else None
        try:
            if part.inline_data is not None:
                if not is_base64(part.inline_data.data):
                    raise ValueError("not base64")
                media = decode_blob(part.inline_data, native)
            else:
                assert part.file_data is not None
                media = decode_file(part.file_data, native)
        except ValueError as exc:
            raise _Malformed(f"the upstream's answer has inline data that is {exc}") from None
        events.append(PartStart(choice.part, PartKind.MEDIA, choice.number, media=media))
        events.append(PartEnd(choice.part, choice.number))
        choice.part += 1

    def _opaque(
        self,
        choice: _Choice,
        part: AnswerPart,
        place: tuple[bytes, int, int],
        events: list[StreamEvent],
    ) -> None:
        document, candidate, index = place
        raw = raw_part(document, candidate, index)
        if not reads_alike(raw):  # a client of this format gets it as it is
            raise _Malformed("the upstream's answer has a part that can be read in several ways")
        label = next(
            (
                name
                for name, value in _FIELDS(raw).items()
                if name not in _BESIDE and present(value)
            ),
            None,
        )
        if label is None:
            if part.thought_signature:
                self._signed(choice, part, events)
            return
        self._close(choice, events)
        opaque = Opaque(Native(Format.GEMINI, raw), label)
        events.append(PartStart(choice.part, PartKind.OPAQUE, choice.number, opaque=opaque))
        events.append(PartEnd(choice.part, choice.number))
        choice.part += 1

    def _report_logprobs(self, choice: _Choice, events: list[StreamEvent]) -> None:
        events.append(LogprobsAdded(choice.part, choice.logprobs, choice.number))
        choice.logprobs = ()

    # -- ends -----------------------------------------------------------------

    def _stop(self, choice: _Choice) -> Stop:
        if choice.finish is None:
            return self._block or Stop(StopReason.TOOL_USE if choice.calls else StopReason.OTHER)
        return decode_finish(choice.finish, choice.message, calls=choice.calls)

    def _fail(self, problem: str) -> list[StreamEvent]:
        return [*self._last_usage(), Failure(ErrorKind.UPSTREAM_MALFORMED, problem)]

    def _last_usage(self) -> list[StreamEvent]:
        """The report that is due, if there is one."""
        return [UsageReport(self._counts.read())] if self._counts.due else []


_TRUNCATED = Failure(
    ErrorKind.UPSTREAM_TRUNCATED, "the upstream's answer ended before it was complete"
)


def _seal(signature: str) -> Seal:
    """Raises ``_Malformed``: clients decode it, and would break off."""
    if not is_base64(signature):
        raise _Malformed("the upstream's answer has a signature that is not base64")
    return Seal("gemini", "thought_signature", signature)


def _unix_seconds(moment: str | None) -> int | None:
    if moment is None:
        return None
    try:
        return int(datetime.fromisoformat(moment).timestamp())
    except (ValueError, OverflowError):
        return None
