"""The stream to a client: events in, chunks out.

Deltas of text, reasoning and tool arguments are nearly all of the traffic; they
are a prefix and a suffix of bytes, made once, around one encoded string.

What the official SDK asks of a stream, beyond the reference: ``role``, and ``id``
and ``name`` of a tool call, are sent once; tool calls are numbered from 0 without
gaps and choices announced in order; ``annotations`` come in one delta, and each
entry of ``reasoning_details`` in one delta with an ``index`` of its own; no delta
holds numbers beside these; the usage chunk is the last, since a later chunk would
erase it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from aigw_core.chat import Citation, Seal, TokenLogprob, Usage
from aigw_core.codec import AnswerContext
from aigw_core.codecs.chat.answer import (
    DetailsWriter,
    annotation,
    answer_id,
    audio,
    created_at,
    extra_content,
    logprob_list,
    span_of_part,
)
from aigw_core.codecs.chat.error import error_object
from aigw_core.codecs.chat.stops import write_stop
from aigw_core.codecs.chat.usage import write_usage
from aigw_core.codecs.chat.wire import ENCODE
from aigw_core.errors import Failure
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
from aigw_core.sse import escape_separators, sse_event

DONE = b"data: [DONE]\n\n"
KEEPALIVE = b": keepalive\n\n"

_FIELDS = {
    PartKind.TEXT: b'"content":',
    PartKind.REASONING: b'"reasoning_content":',
    PartKind.REFUSAL: b'"refusal":',
}
"""Where the texts of a delta are."""


class _Ends(NamedTuple):
    """What comes behind the variable piece of a chunk."""

    delta: bytes
    call: bytes
    """Of a delta of arguments."""
    finish: bytes

    @classmethod
    def of(cls, usage: bytes) -> _Ends:
        delta = b'},"finish_reason":null}]%b}\n\n' % usage
        return cls(delta, b"}}]" + delta, b"}]%b}\n\n" % usage)


# Asked for usage, a client finds the key in every chunk.
_ENDS = {False: _Ends.of(b""), True: _Ends.of(b',"usage":null')}


class _Part:
    """What must be known of a part until it ends."""

    __slots__ = (
        "citations",
        "ended",
        "held",
        "id",
        "index",
        "kind",
        "length",
        "logprobs",
        "name",
        "prefix",
        "queue",
        "seal",
    )

    def __init__(self, start: PartStart) -> None:
        self.kind = start.kind
        self.id = start.id
        self.name = start.name
        self.index = -1  # of a tool call among those of its choice, once it is sent
        self.prefix = b""  # of a delta of its text, or of arguments
        self.held: list[str] | None = None  # the input of a free-form call, sent whole
        self.queue: list[str] | None = None  # what waits for a part of this kind to end
        self.ended = False  # while it waits
        self.length = 0
        self.citations: list[Citation] | None = None
        self.logprobs: list[TokenLogprob] | None = None  # while it waits
        self.seal: Seal | None = None


class _Choice:
    """One choice on the way out. What it repeats in each chunk is made again for those that
    are rare, and kept by the part whose deltas they are for all others."""

    __slots__ = (
        "annotations",
        "calls",
        "current",
        "details",
        "length",
        "number",
        "parts",
        "waiting",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.parts: dict[int, _Part] = {}
        self.current: list[_Part] = []  # those that stream, one of a kind
        self.waiting: list[_Part] | None = None  # others of these kinds, in order of start
        self.calls = 0
        self.length = 0  # characters of the texts that have ended
        self.annotations: list[Any] | None = None
        self.details = DetailsWriter(streamed=True)


class ChatStreamEncoder:
    """Implements :class:`aigw_core.codec.StreamEncoder`.

    Texts of one kind are one text to a client, so a part that began while another
    of its kind is open waits for it. Beside that the input of open free-form tool
    calls and the citations of open choices are held; nothing that has been sent.
    """

    __slots__ = (
        "_call_suffix",
        "_choices",
        "_closed",
        "_context",
        "_finish_suffix",
        "_head",
        "_suffix",
        "_usage",
    )

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._closed = False
        self._head = b""
        self._suffix, self._call_suffix, self._finish_suffix = _ENDS[context.stream_usage]
        self._choices: list[_Choice] = []
        self._usage = Usage()

    def __repr__(self) -> str:
        return f"<ChatStreamEncoder choices={len(self._choices)} closed={self._closed}>"

    def keepalive(self) -> bytes:
        return KEEPALIVE

    def encode(self, events: list[StreamEvent]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                part = self._choices[event.choice].parts[event.part]
                part.length += len(event.text)
                if part.queue is None:
                    out += (part.prefix, _text(event.text), self._suffix)
                else:
                    part.queue.append(event.text)
            elif isinstance(event, ToolCallDelta):
                part = self._choices[event.choice].parts[event.part]
                if part.held is not None:
                    part.held.append(event.arguments)
                elif part.prefix:
                    out += (part.prefix, _text(event.arguments), self._call_suffix)
            elif isinstance(event, ReasoningDelta):
                part = self._choices[event.choice].parts[event.part]
                part.length += len(event.text)
                if part.queue is None:
                    out += (part.prefix, _text(event.text), self._suffix)
                else:
                    part.queue.append(event.text)
            else:
                self._other(event, out)
        return b"".join(out)

    def _other(self, event: StreamEvent, out: list[bytes]) -> None:
        if self._closed:
            return
        if isinstance(event, PartStart):
            self._start_part(event, out)
        elif isinstance(event, PartEnd):
            self._end_part(event, out)
        elif isinstance(event, RefusalDelta):
            part = self._choices[event.choice].parts[event.part]
            if part.queue is None:
                out += (part.prefix, _text(event.text), self._suffix)
            else:
                part.queue.append(event.text)
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, CitationAdded):
            part = self._choices[event.choice].parts[event.part]
            part.citations = part.citations or []
            part.citations.append(event.citation)
        elif isinstance(event, LogprobsAdded):
            self._logprobs(event, out)
        elif isinstance(event, PartSealed):
            self._choices[event.choice].parts[event.part].seal = event.seal
        elif isinstance(event, ChoiceStop):
            self._stop(event, out)
        elif isinstance(event, AnswerStart):
            self._start(event, out)
        elif isinstance(event, AnswerEnd):
            self._end(out)
        elif isinstance(event, Failure):
            out.append(sse_event(ENCODE({"error": error_object(event)})))
            self._closed = True

    # --- the answer --------------------------------------------------------------

    def _start(self, event: AnswerStart, out: list[bytes]) -> None:
        context = self._context
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,' % (
            _text(answer_id(event.id, context)),
            created_at(event.created, context),
            _text(context.model),
        )
        self._announce(0, out)

    def _end(self, out: list[bytes]) -> None:
        if self._context.stream_usage:
            out += (
                self._head,
                b'"choices":[],"usage":',
                ENCODE(write_usage(self._usage)),
                b"}\n\n",
            )
        out.append(DONE)
        self._closed = True

    def _announce(self, number: int, out: list[bytes]) -> _Choice:
        """The choice ``number``; it and those before it have said their role."""
        while len(self._choices) <= number:
            choice = _Choice(len(self._choices))
            self._choices.append(choice)
            out += (self._opening(choice), b'"role":"assistant","content":""', self._suffix)
        return self._choices[number]

    def _opening(self, choice: _Choice) -> bytes:
        """A chunk up to what is new in the delta."""
        return b'%b"choices":[{"index":%d,"delta":{' % (self._head, choice.number)

    def _stop(self, event: ChoiceStop, out: list[bytes]) -> None:
        choice = self._announce(event.choice, out)
        if choice.annotations:
            self._delta(choice, {"annotations": choice.annotations}, out)
        out += (
            self._opening(choice),
            b'},"finish_reason":',
            _text(write_stop(event.stop, has_tools=choice.calls > 0)),
            self._finish_suffix,
        )

    def _delta(self, choice: _Choice, fields: dict[str, Any], out: list[bytes]) -> None:
        members = escape_separators(ENCODE(fields)[1:-1])
        out += (self._opening(choice), members, self._suffix)

    def _logprobs(self, event: LogprobsAdded, out: list[bytes]) -> None:
        choice = self._choices[event.choice]
        part = choice.parts[event.part]
        if part.queue is None:
            self._write_logprobs(event.tokens, part, choice, out)
        else:
            part.logprobs = part.logprobs or []
            part.logprobs += event.tokens

    def _write_logprobs(
        self, logprobs: Sequence[TokenLogprob], part: _Part, choice: _Choice, out: list[bytes]
    ) -> None:
        refused = part.kind is PartKind.REFUSAL
        tokens = logprob_list(logprobs)
        members = {
            "content": None if refused else tokens,
            "refusal": tokens if refused else None,
        }
        out += (
            self._opening(choice),
            b'},"logprobs":',
            escape_separators(ENCODE(members)),
            b',"finish_reason":null',
            self._finish_suffix,
        )

    # --- parts -------------------------------------------------------------------

    def _start_part(self, event: PartStart, out: list[bytes]) -> None:
        choice = self._announce(event.choice, out)
        part = choice.parts[event.part] = _Part(event)
        if event.kind in _FIELDS:
            if any(other.kind is event.kind for other in choice.current):
                part.queue = []
                choice.waiting = choice.waiting or []
                choice.waiting.append(part)
            else:
                self._stream(part, choice)
        elif event.kind is PartKind.TOOL_CALL and not event.server:
            if event.freeform:
                part.held = []
            else:
                part.index = choice.calls
                choice.calls += 1
                self._start_call(event, part, choice, out)
        elif event.kind is PartKind.MEDIA and event.media is not None:
            sound = audio(event.media)
            if sound is not None:
                self._delta(choice, {"audio": sound}, out)

    def _stream(self, part: _Part, choice: _Choice) -> None:
        part.prefix = self._opening(choice) + _FIELDS[part.kind]
        choice.current.append(part)

    def _start_call(self, event: PartStart, part: _Part, choice: _Choice, out: list[bytes]) -> None:
        opening = b'%b"tool_calls":[{"index":%d,' % (self._opening(choice), part.index)
        part.prefix = opening + b'"function":{"arguments":'
        out += (
            opening,
            b'"id":%b,"type":"function","function":{"name":%b,"arguments":""'
            % (_text(event.id), _text(event.name)),
            self._call_suffix,
        )

    def _end_part(self, event: PartEnd, out: list[bytes]) -> None:
        choice = self._choices[event.choice]
        part = choice.parts.pop(event.part)
        if part.queue is not None:
            part.ended = True
            return
        self._close_part(part, choice, out)
        if part.kind in _FIELDS:
            choice.current.remove(part)
            if choice.waiting:
                self._release(part.kind, choice, choice.waiting, out)

    def _release(
        self, kind: PartKind, choice: _Choice, waiting: list[_Part], out: list[bytes]
    ) -> None:
        """Let the parts of ``kind`` that waited go on, to the first that is open."""
        for part in [part for part in waiting if part.kind is kind]:
            waiting.remove(part)
            self._stream(part, choice)
            if text := "".join(part.queue or ()):
                out += (part.prefix, _text(text), self._suffix)
            part.queue = None
            if part.logprobs:
                self._write_logprobs(part.logprobs, part, choice, out)
                part.logprobs = None
            if not part.ended:
                return
            choice.current.remove(part)
            self._close_part(part, choice, out)

    def _close_part(self, part: _Part, choice: _Choice, out: list[bytes]) -> None:
        seal = part.seal
        fields: dict[str, Any] = {}
        details: list[dict[str, Any]] = []
        if part.kind is PartKind.TEXT:
            offset = choice.length
            choice.length += part.length
            for citation in part.citations or ():
                entry = annotation(span_of_part(citation, part.length), offset)
                if entry is not None:
                    choice.annotations = choice.annotations or []
                    choice.annotations.append(entry)
            if seal is not None:
                details = choice.details.text(seal)
                if not details and (carrier := extra_content(seal)) is not None:
                    fields["extra_content"] = carrier
        elif part.kind is PartKind.REASONING:
            details = choice.details.reasoning(seal, part.length)
        elif part.index >= 0 or part.held is not None:
            call: dict[str, Any] = {"index": part.index}
            if part.held is not None:  # sent now, perhaps after calls that began later
                call = {
                    "index": choice.calls,
                    "id": part.id,
                    "type": "custom",
                    "custom": {"name": part.name, "input": "".join(part.held)},
                }
                choice.calls += 1
            if seal is not None:
                details = choice.details.tool_call(seal, part.id)
                if (carrier := extra_content(seal)) is not None:
                    if part.held is None:
                        # The SDK wants it in every delta of a function.
                        call["function"] = {"arguments": ""}
                    call["extra_content"] = carrier
            if len(call) > 1:
                fields["tool_calls"] = [call]
        if details:
            fields["reasoning_details"] = details
        if fields:
            self._delta(choice, fields, out)


def _text(text: str) -> bytes:
    """``text`` as JSON, fit for a ``data:`` line."""
    return escape_separators(ENCODE(text))
