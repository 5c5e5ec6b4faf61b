"""The stream of an upstream: chunks in, events out.

Grammar: ``data: {chunk}`` events and ``data: [DONE]``. A stream has ended well when
``[DONE]`` came, or when it just ended after every choice had its finish reason: some
servers never write ``[DONE]``, others never give a finish reason. Either alone will
do, neither is a truncated answer. A choice that goes on after its finish reason needs
another one, or ``[DONE]``: Together gives one for each tool call.

Sources: the vendor's reference, "Streaming"; recorded traffic of compatible servers.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from aigw_core.codecs.chat.choice import ChoiceReader
from aigw_core.codecs.chat.error import read_stream_error
from aigw_core.codecs.chat.loose import read_chunk
from aigw_core.codecs.chat.usage import UsageReader
from aigw_core.codecs.chat.wire import (
    ABSENT,
    Chunk,
    ChunkChoice,
    FirstChunk,
    FunctionDelta,
    Message,
    Tier,
)
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from aigw_core.events import AnswerEnd, AnswerStart, StreamEvent, UsageReport, first_left_out
from aigw_core.sse import SseDecoder, SseEvent, SseOverflow
from aigw_core.surrogates import Halves, mend

MAX_CHOICES = 128
"""The vendor's limit of ``n``."""

_CHUNK = msgspec.json.Decoder(Chunk).decode
_FIRST = msgspec.json.Decoder(FirstChunk).decode
_TIER = msgspec.json.Decoder(Tier).decode
_ANY = msgspec.json.Decoder().decode

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NO_ERROR = frozenset({b"", b"null", b"false", b'""', b"{}", b"[]", b"0"})


class ChatStreamDecoder:
    """Implements :class:`aigw_core.codec.StreamDecoder`.

    Holds one event (see :class:`SseDecoder`), tool arguments that came before
    their tool's name, proofs of reasoning (``details.MAX_HELD`` for one part), and
    the sound of an answer.
    """

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._started = False
        self._closed = False
        self._id = ""
        self._choices: dict[int, ChoiceReader] = {}
        self._usage = UsageReader()
        self._halves = Halves()

    def __repr__(self) -> str:
        return (
            f"<ChatStreamDecoder started={self._started} choices={len(self._choices)} "
            f"closed={self._closed}>"
        )

    def feed(self, data: bytes) -> list[StreamEvent]:
        if self._closed:
            return []
        events: list[StreamEvent] = []
        for item in self._sse.feed(data):
            if isinstance(item, SseOverflow):
                self._fail(malformed("the upstream sent an event that is too large"), events)
            elif not self._event(item, events):
                break
        return events

    def eof(self) -> list[StreamEvent]:
        if self._closed:
            return []
        events: list[StreamEvent] = []
        for item in self._sse.eof():
            # Without its blank line an event may be cut anywhere.
            if not isinstance(item, SseEvent) or not is_complete(item.data):
                break
            if not self._event(item, events):
                return events
        finished = [reader.finished for reader in self._choices.values()]
        if finished and all(finished):
            self._end(events)
        else:
            self._fail(truncated(), events)
        return events

    def _event(self, item: SseEvent, events: list[StreamEvent]) -> bool:
        """Append what one event says; whether more is to be read."""
        data = item.data
        if data[:1] == b"[" and data.strip() == b"[DONE]":
            return self._done(events)
        mended = False
        try:
            chunk = _CHUNK(data) if self._started else _FIRST(data)
        except UNREADABLE:
            try:
                plain = mend(data, hold=False)
                chunk = _again(plain)
                mended = plain is not data
                if mended:
                    _take_marked(chunk, _again(mend(data)))
            except UNREADABLE:
                return self._fail(_no_chunk(item), events)
        if item.name == b"error" or chunk.error is not ABSENT or chunk.choices is None:
            failure = in_band_error(item.name, chunk.error, data, bare=chunk.choices is None)
            if failure is not None:
                return self._fail(failure, events)
        if not self._started:
            self._start(chunk, events)
        usage = chunk.usage or (chunk.x_groq.usage if chunk.x_groq is not None else None)
        for choice in chunk.choices or ():
            failure = self._choice(choice, events, mended)
            if failure is not None:
                return self._fail(failure, events)
        if usage is not None and self._started:
            known = self._usage.usage
            report = self._usage.add(usage, read_tier(data))
            if report != known:
                events.append(UsageReport(report))
        return True

    def _start(self, chunk: Chunk, events: list[StreamEvent]) -> None:
        """The first chunk that names the answer or says something of it. Azure
        begins with one that only reports on the prompt, without id and model."""
        if not isinstance(chunk, FirstChunk):
            return
        if not chunk.id and not chunk.choices and chunk.usage is None:
            return
        self._started = True
        self._id = chunk.id or ""
        events.append(AnswerStart(self._id, chunk.model or "", unix_time(chunk.created)))

    def _choice(
        self, choice: ChunkChoice, events: list[StreamEvent], mended: bool
    ) -> Failure | None:
        number = choice.index or 0
        reader = self._choices.get(number)
        if reader is None:
            if not 0 <= number < MAX_CHOICES:
                return malformed(f"the upstream numbered a choice {number}")
            reader = self._choices[number] = ChoiceReader(number, self._id, self._halves)
        delta = choice.delta
        if reader.finish is not None and says_more(choice):
            reader.finished = False
        try:
            if delta is not None:
                reader.add(delta, choice.logprobs, events, mended)
            elif choice.message is not None and not reader.begun:
                reader.add(choice.message, choice.logprobs, events, mended, whole=True)
        except UpstreamError as exc:
            return exc.failure
        if choice.finish_reason or choice.stop_reason is not None:
            return reader.note_finish(choice.finish_reason, choice.stop_reason)
        return None

    def _done(self, events: list[StreamEvent]) -> bool:
        answered = any(
            reader.finish is not None or reader.begun for reader in self._choices.values()
        )
        return self._end(events) if answered else self._fail(truncated(), events)

    def _end(self, events: list[StreamEvent]) -> bool:
        left_out = first_left_out(self._choices)
        if left_out is not None:
            return self._fail(malformed(f"the upstream left out choice {left_out}"), events)
        for number in sorted(self._choices):
            failure = self._choices[number].stop(events)
            if failure is not None:
                return self._fail(failure, events)
        events.append(AnswerEnd())
        self._closed = True
        return False

    def _fail(self, failure: Failure, events: list[StreamEvent]) -> bool:
        events.append(failure)
        self._closed = True
        return False


def unix_time(created: int | None) -> int | None:
    """``created`` where it is a time; some servers write 0, or milliseconds."""
    if created is None or created <= 0:
        return None
    return created // 1000 if created > 10**11 else created


def read_tier(data: bytes) -> str | None:
    """The service tier that a chunk names."""
    try:
        return _TIER(data).service_tier
    except UNREADABLE:
        return None


def _again(data: bytes) -> FirstChunk:
    """A chunk that the narrow decoder refused."""
    try:
        return _FIRST(data)
    except msgspec.ValidationError:
        return read_chunk(data)


def _take_marked(chunk: Chunk, marked: Chunk) -> None:
    """Take what later deltas go on from the same chunk with marks of half characters.
    All else is whole, and what is kept as it came must not hold any."""
    for choice, other in zip(chunk.choices or (), marked.choices or (), strict=True):
        if choice.delta is not None and other.delta is not None:
            _take_texts(choice.delta, other.delta)
        if choice.message is not None and other.message is not None:
            _take_texts(choice.message, other.message)


def _take_texts(message: Message, marked: Message) -> None:
    message.content = marked.content
    message.reasoning_content = marked.reasoning_content
    message.reasoning = marked.reasoning
    message.reasoning_details = marked.reasoning_details
    message.refusal = marked.refusal
    _take_arguments(message.function_call, marked.function_call)
    for call, other in zip(message.tool_calls or (), marked.tool_calls or (), strict=True):
        _take_arguments(call.function, other.function)
        if call.custom is not None and other.custom is not None:
            call.custom.input = other.custom.input


def _take_arguments(function: FunctionDelta | None, marked: FunctionDelta | None) -> None:
    if function is not None and marked is not None:
        function.arguments = marked.arguments


def says_more(choice: ChunkChoice) -> bool:
    """Whether there is something of an answer in a choice of a chunk."""
    delta = choice.delta
    if delta is None:
        return False
    call = delta.function_call
    return bool(
        delta.content
        or delta.tool_calls
        or delta.reasoning_content
        or delta.reasoning
        or delta.reasoning_details
        or delta.refusal
        or delta.audio is not None
        or delta.images
        or (call is not None and (call.name or call.arguments))
    )


def going_on(data: bytes) -> set[int]:
    """The choices of which a chunk, that was read before, says more."""
    try:
        chunk = _again(mend(data, hold=False))
    except UNREADABLE:
        return set()
    return {choice.index or 0 for choice in chunk.choices or () if says_more(choice)}


def is_complete(data: bytes) -> bool:
    """Whether the data of a last event without blank line is all there."""
    if data.strip() == b"[DONE]":
        return True
    try:
        _ANY(mend(data, hold=False))
    except UNREADABLE:
        return False
    return True


def in_band_error(name: bytes, error: Raw, data: bytes, *, bare: bool) -> Failure | None:
    """The failure that an event is, if it is one.

    ``error`` is the member of that name; ``bare`` says that there were no choices:
    Mistral and vLLM send the fields of an error without a wrapper then.
    """
    if bytes(error).strip() not in _NO_ERROR:
        return read_stream_error(b'{"error":%s}' % bytes(error))
    if name == b"error":
        return read_stream_error(data)
    if bare:
        try:
            document = _ANY(mend(data, hold=False))
        except UNREADABLE:
            # Broken in a place that the narrow decoder skipped.
            return no_chunk()
        kind = document.get("object")
        if kind == "error" or ("detail" in document and kind is None):
            return read_stream_error(data)
    return None


def _no_chunk(item: SseEvent) -> Failure:
    """What to say of data that is no chunk."""
    if item.name == b"error" or (item.data[:1] == b"[" and b'"error"' in item.data):
        return read_stream_error(item.data)
    return no_chunk()


def no_chunk() -> Failure:
    return malformed("the upstream sent an event that is no chunk of this format")


def malformed(message: str) -> Failure:
    return Failure(ErrorKind.UPSTREAM_MALFORMED, message)


def truncated() -> Failure:
    return Failure(
        ErrorKind.UPSTREAM_TRUNCATED, "the upstream's stream ended before the answer was complete"
    )
