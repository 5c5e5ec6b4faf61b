"""One choice of an answer while it is read: messages or deltas in, events out.

A complete message and a delta have the same fields, so both kinds of answer are
read here, and a message gives the events of the stream that would have brought it.

A part of text, reasoning or refusal is open until another kind begins. Tool calls
stay open until the choice stops: servers interleave them, and some send the pieces
of several calls under one index. ``stop`` comes when the stream has ended and not at
the finish reason, after which servers have been seen to send text, usage and errors.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    Citation,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    ReasoningStyle,
    Seal,
    TokenLogprob,
    Url,
)
from aigw_core.codecs.chat.calls import Call, Calls, call_seal, google_seal
from aigw_core.codecs.chat.data_url import split_data_url
from aigw_core.codecs.chat.details import DetailsMerger, proven, read_entries, visible
from aigw_core.codecs.chat.stops import finish_failure, read_stop
from aigw_core.codecs.chat.wire import (
    ENCODE,
    Annotation,
    AnswerImage,
    AudioPiece,
    ContentItem,
    ExtraContent,
    FunctionDelta,
    Logprob,
    Logprobs,
    Message,
    ToolCallPiece,
)
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from aigw_core.events import (
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
)
from aigw_core.jsondoc import reads_alike
from aigw_core.surrogates import Halves

_ANNOTATION = msgspec.json.Decoder(Annotation).decode
_IMAGE = msgspec.json.Decoder(AnswerImage).decode
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_TEXT = PartKind.TEXT

_AMBIGUOUS = Failure(
    ErrorKind.UPSTREAM_MALFORMED,
    "the upstream sent an annotation that can be read in several ways",
)

_AUDIO = (("UklGR", "audio/wav"), ("SUQz", "audio/mpeg"), ("//", "audio/mpeg"))
"""How base64 of sound begins: RIFF, ID3, a bare MPEG frame."""


class ChoiceReader:
    """Reads one choice; ``add`` its messages or deltas, then ``stop`` once.

    ``answer_id`` goes into the identifiers of tool calls that came without one.
    ``mended`` of ``add`` says that texts which later deltas go on may hold the marks
    of ``halves``.
    """

    def __init__(self, number: int, answer_id: str, halves: Halves) -> None:
        self._number = number
        self._answer_id = answer_id
        self._halves = halves
        self._next_part = 0
        self._open = -1  # the open part of text, reasoning or refusal
        self._kind: PartKind | None = None
        self._calls = Calls()
        self._details = DetailsMerger()
        self._plain = False  # reasoning text comes in a field of its own
        self._citations: list[Citation] = []  # that wait for a text part
        self._logprobs: list[TokenLogprob] = []  # likewise
        self._text_length = 0  # characters of text parts that have ended
        self._open_length = 0
        self._audio = AudioPiece()
        self._audio_data: list[str] = []
        self._transcript: list[str] = []
        self._signature = ""  # Google's, for the whole message
        self.finish: str | None = None
        """The first finish reason that was not empty."""
        self.finished = False
        """One has come, and nothing of the answer after it."""
        self.sequence: str | int | None = None
        """The stop sequence that was met, where the server says."""

    @property
    def begun(self) -> bool:
        return self._next_part > 0 or bool(self._calls.all)

    # --- pieces ----------------------------------------------------------------

    def add(
        self,
        message: Message,
        logprobs: Logprobs | None,
        events: list[StreamEvent],
        mended: bool = False,
        *,
        whole: bool = False,
    ) -> None:
        """Append the events of one delta, or of a ``whole`` message.

        Raises:
            UpstreamError: it cites a source in a way that parsers do not agree on.
        """
        joining = mended or bool(self._halves)
        reasoning = message.reasoning_content or message.reasoning
        if reasoning or message.reasoning_details:
            self._reasoning(reasoning or "", message.reasoning_details, events, joining)
        content = message.content
        if content:
            if not isinstance(content, str):
                self._items(content, events, joining)
            elif self._kind is _TEXT and not joining:
                # Nearly all deltas: spelled out, it saves two calls.
                self._open_length += len(content)
                events.append(TextDelta(self._open, content, self._number))
            else:
                self._text(_TEXT, content, events, joining)
        if message.refusal:
            self._text(PartKind.REFUSAL, message.refusal, events, joining)
        if message.annotations:
            self._annotate(message.annotations, events)
        if logprobs is not None:
            self._add_logprobs(logprobs, events)
        if message.images:
            self._images(message.images, events)
        if message.audio is not None:
            self._add_audio(message.audio)
        if message.extra_content is not None:
            self._signature = _google_signature(message.extra_content) or self._signature
        if message.tool_calls:
            for piece in message.tool_calls:
                self._tool_call(piece, events, joining, whole)
        elif message.function_call is not None:
            self._function_call(message.function_call, events, joining)

    def note_finish(self, finish: str | None, sequence: str | int | None) -> Failure | None:
        """Take the finish reason of a chunk; the first that says something counts."""
        if sequence is not None and self.sequence is None:
            self.sequence = sequence
        if not finish:
            return None
        self.finished = True
        if self.finish is not None:
            return None
        self.finish = finish
        return finish_failure(finish)

    def stop(self, events: list[StreamEvent]) -> Failure | None:
        """Append what closes the choice; a failure instead when it is broken."""
        nameless = [call for call in self._calls.all if call.part < 0]
        if any(call.early for call in nameless):
            return Failure(
                ErrorKind.UPSTREAM_MALFORMED, "the upstream sent a tool call without a name"
            )
        if (self._citations or self._logprobs) and self._kind is not PartKind.TEXT:
            self._start(PartKind.TEXT, events)
        calls = [call for call in self._calls.all if call.part >= 0]
        if self._signature and calls and calls[0].seal is None:
            calls[0].seal = google_seal(self._signature)
            self._signature = ""
        self._close(events)
        for call in calls:
            self._close_call(call, events)
        self._end_audio(events)
        stop = read_stop(self.finish, self.sequence, has_tools=bool(calls))
        events.append(ChoiceStop(stop, self._number))
        return None

    # --- text, reasoning, refusal ----------------------------------------------

    def _text(self, kind: PartKind, text: str, events: list[StreamEvent], joining: bool) -> None:
        if kind is not self._kind:
            self._start(kind, events)
        if joining:
            text = self._halves.join((self._number, kind), text)
            if not text:
                return
        self._delta(kind, text, events)

    def _delta(self, kind: PartKind, text: str, events: list[StreamEvent]) -> None:
        if kind is PartKind.TEXT:
            self._open_length += len(text)
            events.append(TextDelta(self._open, text, self._number))
        elif kind is PartKind.REASONING:
            events.append(ReasoningDelta(self._open, text, self._number))
        else:
            events.append(RefusalDelta(self._open, text, self._number))

    def _items(self, items: list[ContentItem], events: list[StreamEvent], joining: bool) -> None:
        """List content; Mistral mixes ``thinking`` into it."""
        for item in items:
            if isinstance(item.thinking, str):
                if item.thinking:
                    self._text(PartKind.REASONING, item.thinking, events, joining)
            elif item.thinking:
                for inner in item.thinking:
                    if inner.text:
                        self._text(PartKind.REASONING, inner.text, events, joining)
            elif item.text:
                self._text(PartKind.TEXT, item.text, events, joining)
            elif item.refusal:
                self._text(PartKind.REFUSAL, item.refusal, events, joining)

    def _reasoning(
        self, text: str, raws: list[Raw] | None, events: list[StreamEvent], joining: bool
    ) -> None:
        entries = read_entries(raws) if raws else []
        shown, summary = visible(entries)
        # Both say the same where both are sent, if not always in the same delta.
        if text:
            self._plain = True
        elif not self._plain:
            text = shown
        if self._kind is not PartKind.REASONING:
            if not text and not proven(entries):
                return
            style = ReasoningStyle.SUMMARY if summary else ReasoningStyle.RAW
            self._start(PartKind.REASONING, events, style if text else ReasoningStyle.HIDDEN)
        if entries:
            self._details.add(entries, marked=joining)
        if text:
            self._text(PartKind.REASONING, text, events, joining)

    def _start(
        self,
        kind: PartKind,
        events: list[StreamEvent],
        style: ReasoningStyle = ReasoningStyle.RAW,
    ) -> None:
        self._close(events)
        self._open, self._kind = self._next_part, kind
        self._next_part += 1
        events.append(PartStart(self._open, kind, self._number, style=style))
        if kind is PartKind.TEXT and (self._citations or self._logprobs):
            self._release(events)

    def _close(self, events: list[StreamEvent]) -> None:
        kind = self._kind
        if kind is None:
            return
        if self._halves and (rest := self._halves.take((self._number, kind))):
            self._delta(kind, rest, events)
        seal: Seal | None = None
        if kind is PartKind.REASONING:
            seal = self._details.take()
        elif kind is PartKind.TEXT:
            if self._signature:
                seal, self._signature = google_seal(self._signature), ""
            self._text_length += self._open_length
            self._open_length = 0
        if seal is not None:
            events.append(PartSealed(self._open, seal, self._number))
        events.append(PartEnd(self._open, self._number))
        self._open, self._kind = -1, None

    # --- what belongs to a text ------------------------------------------------

    def _annotate(self, raws: list[Raw], events: list[StreamEvent]) -> None:
        for raw in raws:
            try:
                annotation = _ANNOTATION(raw)
            except _ERRORS:
                continue
            cited = annotation.url_citation
            if cited is None:
                continue
            document = bytes(raw)
            if not reads_alike(document):  # a client of this format gets it as it is
                raise UpstreamError(_AMBIGUOUS)
            # Counted over the content; the canonical span is within the part. All
            # zeros (OpenRouter) and a span of an earlier part are no span here.
            start = (cited.start_index or 0) - self._text_length
            end = (cited.end_index or 0) - self._text_length
            spans = 0 <= start < end
            self._citations.append(
                Citation(
                    url=cited.url,
                    title=cited.title or None,
                    start=start if spans else None,
                    end=end if spans else None,
                    cited_text=cited.content,
                    native=Native(Format.CHAT, document),
                )
            )
        if self._kind is PartKind.TEXT:
            self._release(events)

    def _add_logprobs(self, logprobs: Logprobs, events: list[StreamEvent]) -> None:
        if logprobs.content:
            self._logprobs += [read_logprob(token) for token in logprobs.content]
            if self._kind is PartKind.TEXT:
                self._release(events)
        if logprobs.refusal and self._kind is PartKind.REFUSAL:
            tokens = tuple(read_logprob(token) for token in logprobs.refusal)
            events.append(LogprobsAdded(self._open, tokens, self._number))

    def _release(self, events: list[StreamEvent]) -> None:
        for citation in self._citations:
            events.append(CitationAdded(self._open, citation, self._number))
        self._citations.clear()
        if self._logprobs:
            events.append(LogprobsAdded(self._open, tuple(self._logprobs), self._number))
            self._logprobs.clear()

    # --- tool calls --------------------------------------------------------------

    def _tool_call(
        self, piece: ToolCallPiece, events: list[StreamEvent], joining: bool, whole: bool
    ) -> None:
        custom, function = piece.custom, piece.function
        name = arguments = ""
        freeform = False
        if function is not None:
            name, arguments = function.name or "", function.arguments or ""
        if custom is not None:
            # Snowflake sends an empty one beside every function.
            freeform = piece.type == "custom" or bool(custom.name)
            name, arguments = name or custom.name or "", arguments or custom.input or ""
        call = self._calls.find(piece, name, whole=whole)
        if piece.extra_content is not None:
            call.seal = call_seal(piece.extra_content) or call.seal
        call.freeform = call.freeform or freeform
        if name and call.part < 0:
            call.name = name
            self._open_call(call, events)
        if not arguments:
            return
        if joining:
            arguments = self._halves.join((self._number, call), arguments)
        if call.part < 0:
            call.early.append(arguments)
        elif arguments:
            events.append(ToolCallDelta(call.part, arguments, self._number))

    def _open_call(self, call: Call, events: list[StreamEvent]) -> None:
        self._close(events)
        call.part = self._next_part
        self._next_part += 1
        events.append(
            PartStart(
                call.part,
                PartKind.TOOL_CALL,
                self._number,
                id=self._calls.identify(call, f"{self._answer_id}\0{self._number}"),
                name=call.name,
                freeform=call.freeform,
            )
        )
        if early := "".join(call.early):
            events.append(ToolCallDelta(call.part, early, self._number))
        call.early.clear()

    def _close_call(self, call: Call, events: list[StreamEvent]) -> None:
        if self._halves and (rest := self._halves.take((self._number, call))):
            events.append(ToolCallDelta(call.part, rest, self._number))
        if call.seal is not None:
            events.append(PartSealed(call.part, call.seal, self._number))
        events.append(PartEnd(call.part, self._number))

    def _function_call(
        self, function: FunctionDelta, events: list[StreamEvent], joining: bool
    ) -> None:
        """The form before ``tool_calls``; some servers send an empty one always."""
        if function.name or function.arguments:
            self._tool_call(ToolCallPiece(index=0, function=function), events, joining, False)

    # --- pictures and sound --------------------------------------------------------

    def _images(self, raws: list[Raw], events: list[StreamEvent]) -> None:
        for raw in raws:
            try:
                url = _IMAGE(raw).image_url.url
            except _ERRORS:
                continue
            data = split_data_url(url)
            source = Url(url) if data is None else Inline(*data)
            self._media(Media(MediaKind.IMAGE, source), events)

    def _media(self, media: Media, events: list[StreamEvent]) -> None:
        self._close(events)
        part = self._next_part
        self._next_part += 1
        events.append(PartStart(part, PartKind.MEDIA, self._number, media=media))
        events.append(PartEnd(part, self._number))

    def _add_audio(self, piece: AudioPiece) -> None:
        audio = self._audio
        audio.id = piece.id or audio.id
        audio.expires_at = piece.expires_at or audio.expires_at
        self._audio_data.append(piece.data or "")
        self._transcript.append(piece.transcript or "")

    def _end_audio(self, events: list[StreamEvent]) -> None:
        data = "".join(self._audio_data)
        if not data:
            return
        media_type = next((name for head, name in _AUDIO if data.startswith(head)), "audio/pcm")
        self._audio.data = data
        self._audio.transcript = "".join(self._transcript)
        native = Native(Format.CHAT, ENCODE(self._audio))
        self._media(Media(MediaKind.AUDIO, Inline(media_type, data), native=native), events)


def read_logprob(token: Logprob) -> TokenLogprob:
    top = token.top_logprobs or ()
    return TokenLogprob(
        token.token,
        token.logprob,
        token.bytes,
        tuple(TokenLogprob(other.token, other.logprob, other.bytes) for other in top),
    )


def _google_signature(extra: ExtraContent) -> str | None:
    return extra.google.thought_signature if extra.google is not None else None
