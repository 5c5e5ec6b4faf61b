"""Between a whole answer and its stream.

The non-streaming path is defined through events: ``explode`` turns an answer
into the events that would have streamed it, :class:`Collector` folds events
into an answer. ``collect(explode(answer)) == answer`` for what decoders make.
"""

from __future__ import annotations

from collections.abc import Iterable

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Usage,
)
from aigw_core.errors import ErrorKind, Failure, UpstreamError
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


class _OpenPart:
    """A part while its deltas come in."""

    def __init__(self, start: PartStart) -> None:
        self.start = start
        self.texts: list[str] = []
        self.citations: list[Citation] = []
        self.logprobs: list[TokenLogprob] = []
        self.seal: Seal | None = None

    def build(self) -> Part:
        start = self.start
        text = "".join(self.texts)
        if start.kind is PartKind.TEXT:
            return Text(
                text,
                tuple(self.citations),
                seal=self.seal,
                logprobs=tuple(self.logprobs),
                native=start.native,
            )
        if start.kind is PartKind.REASONING:
            return Reasoning(text, start.style, self.seal, start.native)
        if start.kind is PartKind.REFUSAL:
            return Refusal(text, tuple(self.logprobs))
        if start.kind is PartKind.TOOL_CALL:
            return ToolCall(
                start.id,
                start.name,
                text,
                start.freeform,
                start.server,
                seal=self.seal,
                native=start.native,
            )
        whole: Media | Opaque | None = start.media or start.opaque
        assert whole is not None, start
        return whole


class Collector:
    """Folds events into a :class:`ChatResponse`.

    ``partial`` is the answer as far as it came, at any time.
    """

    def __init__(self) -> None:
        self._start = AnswerStart("", "")
        self._parts: dict[tuple[int, int], _OpenPart] = {}
        self._stops: dict[int, Stop] = {}
        self.usage = Usage()
        self.failure: Failure | None = None
        self.ended = False

    def add(self, events: Iterable[StreamEvent]) -> None:
        for event in events:
            kind = type(event)
            if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
                self._parts[event.choice, event.part].texts.append(event.text)
            elif isinstance(event, ToolCallDelta):
                self._parts[event.choice, event.part].texts.append(event.arguments)
            elif isinstance(event, CitationAdded):
                self._parts[event.choice, event.part].citations.append(event.citation)
            elif isinstance(event, LogprobsAdded):
                self._parts[event.choice, event.part].logprobs.extend(event.tokens)
            elif isinstance(event, PartSealed):
                self._parts[event.choice, event.part].seal = event.seal
            elif isinstance(event, PartStart):
                self._parts[event.choice, event.part] = _OpenPart(event)
            elif isinstance(event, ChoiceStop):
                self._stops[event.choice] = event.stop
            elif isinstance(event, UsageReport):
                self.usage = event.usage
            elif isinstance(event, AnswerStart):
                self._start = event
            elif isinstance(event, Failure):
                self.failure = event
            elif kind is AnswerEnd:
                self.ended = True

    @property
    def partial(self) -> ChatResponse:
        numbers = sorted({choice for choice, _ in self._parts} | self._stops.keys())
        choices = tuple(
            Choice(
                tuple(self._parts[key].build() for key in sorted(self._parts) if key[0] == number),
                self._stops.get(number, Stop(StopReason.OTHER)),
            )
            for number in numbers
        )
        start = self._start
        return ChatResponse(start.id, start.model, start.created, choices, self.usage)


def collect(events: Iterable[StreamEvent]) -> ChatResponse:
    """The answer that a complete stream of events amounts to.

    Raises:
        UpstreamError: the stream ended in a failure, or did not end.
    """
    collector = Collector()
    collector.add(events)
    if collector.failure is not None:
        raise UpstreamError(collector.failure)
    if not collector.ended:
        raise UpstreamError(
            Failure(
                ErrorKind.UPSTREAM_TRUNCATED, "the upstream's answer ended before it was complete"
            )
        )
    return collector.partial


def explode(response: ChatResponse) -> list[StreamEvent]:
    """The events that stream ``response``, one delta a part."""
    events: list[StreamEvent] = [AnswerStart(response.id, response.model, response.created)]
    for number, choice in enumerate(response.choices):
        for index, part in enumerate(choice.parts):
            events += _explode_part(part, index, number)
        events.append(ChoiceStop(choice.stop, number))
    if response.usage != Usage():
        events.append(UsageReport(response.usage))
    events.append(AnswerEnd())
    return events


def _explode_part(part: Part, index: int, choice: int) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    seal: Seal | None = None
    if isinstance(part, Text):
        events.append(PartStart(index, PartKind.TEXT, choice, native=part.native))
        events += [CitationAdded(index, citation, choice) for citation in part.citations]
        if part.text:
            events.append(TextDelta(index, part.text, choice))
        if part.logprobs:
            events.append(LogprobsAdded(index, part.logprobs, choice))
        seal = part.seal
    elif isinstance(part, Reasoning):
        events.append(
            PartStart(index, PartKind.REASONING, choice, style=part.style, native=part.native)
        )
        if part.text:
            events.append(ReasoningDelta(index, part.text, choice))
        seal = part.seal
    elif isinstance(part, Refusal):
        events.append(PartStart(index, PartKind.REFUSAL, choice))
        if part.text:
            events.append(RefusalDelta(index, part.text, choice))
        if part.logprobs:
            events.append(LogprobsAdded(index, part.logprobs, choice))
    elif isinstance(part, ToolCall):
        events.append(
            PartStart(
                index,
                PartKind.TOOL_CALL,
                choice,
                id=part.id,
                name=part.name,
                freeform=part.freeform,
                server=part.server,
                native=part.native,
            )
        )
        if part.arguments:
            events.append(ToolCallDelta(index, part.arguments, choice))
        seal = part.seal
    elif isinstance(part, Media):
        events.append(PartStart(index, PartKind.MEDIA, choice, media=part))
    elif isinstance(part, Opaque):
        events.append(PartStart(index, PartKind.OPAQUE, choice, opaque=part))
    else:
        raise TypeError(f"an answer has no {type(part).__name__}")
    if seal is not None:
        events.append(PartSealed(index, seal, choice))
    events.append(PartEnd(index, choice))
    return events
