"""Stream events: what a streamed answer is made of, and in which order.

Every stream decoder produces these and obeys the grammar for *any* input;
every stream encoder may rely on it.

===================  =======================================================
event                may come
===================  =======================================================
``AnswerStart``      first, exactly once (a stream that fails at once has none)
``PartStart``        opens part 0, 1, 2 ... of a choice that has not stopped
``*Delta`` etc.      while its part is open
``PartSealed``       at most once a part, after its deltas
``PartEnd``          closes an open part
``UsageReport``      after ``AnswerStart``, any number; each replaces the last
``ChoiceStop``       once a choice, when all its parts are closed
``AnswerEnd``        last, once every choice that began has stopped, and none is left out
``Failure``          anywhere, last
===================  =======================================================

Parts of one choice may be open at the same time (two tool calls, say);
:class:`~aigw_core.sequence.Sequencer` puts them one after another for the
formats that cannot carry that.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, StrEnum, auto

from msgspec import Struct

from aigw_core.chat import (
    Citation,
    Media,
    Native,
    Opaque,
    ReasoningStyle,
    Seal,
    Stop,
    TokenLogprob,
    Usage,
)
from aigw_core.errors import Failure


class PartKind(StrEnum):
    TEXT = "text"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    TOOL_CALL = "tool_call"
    MEDIA = "media"
    OPAQUE = "opaque"


class AnswerStart(Struct, frozen=True, gc=False):
    """An answer begins. ``id`` and ``model`` are the upstream's, maybe empty."""

    id: str
    model: str
    created: int | None = None
    usage: Usage | None = None
    """What the upstream said of the usage in the same breath; a report repeats it."""


class PartStart(Struct, frozen=True):
    """A part opens."""

    part: int
    """Counted from 0 within its choice, without gaps."""
    kind: PartKind
    choice: int = 0
    id: str = ""
    """Of a tool call; never empty there."""
    name: str = ""
    freeform: bool = False
    server: bool = False
    style: ReasoningStyle = ReasoningStyle.RAW
    phase: str | None = None
    media: Media | None = None
    """A media part is whole at its start, and so is an opaque one."""
    opaque: Opaque | None = None
    native: Native | None = None
    """Fields of a text, reasoning or tool call part beside these, for the same
    format; not part of the streamed content."""


class TextDelta(Struct, frozen=True, gc=False):
    """More of a text part; never empty."""

    part: int
    text: str
    choice: int = 0


class ReasoningDelta(Struct, frozen=True, gc=False):
    """More of a reasoning part; never empty."""

    part: int
    text: str
    choice: int = 0


class RefusalDelta(Struct, frozen=True, gc=False):
    """More of a refusal part; never empty."""

    part: int
    text: str
    choice: int = 0


class ToolCallDelta(Struct, frozen=True, gc=False):
    """More of the arguments of a tool call; never empty."""

    part: int
    arguments: str
    """A piece of text; JSON may be cut in the middle of a token."""
    choice: int = 0


class CitationAdded(Struct, frozen=True):
    part: int
    citation: Citation
    choice: int = 0


class LogprobsAdded(Struct, frozen=True):
    part: int
    tokens: tuple[TokenLogprob, ...]
    choice: int = 0


class PartSealed(Struct, frozen=True):
    """The vendor's proof for a part, whole."""

    part: int
    seal: Seal
    choice: int = 0


class PartEnd(Struct, frozen=True, gc=False):
    part: int
    choice: int = 0


class UsageReport(Struct, frozen=True):
    """All that is known of the usage so far; replaces the report before."""

    usage: Usage


class ChoiceStop(Struct, frozen=True):
    stop: Stop
    choice: int = 0


class AnswerEnd(Struct, frozen=True, gc=False):
    """The answer is complete."""


def first_left_out(choices: Collection[int]) -> int | None:
    """The lowest number that is missing below the highest: clients count choices from 0,
    and would wait for the end of that one."""
    if not choices or max(choices) < len(choices):
        return None
    return next(number for number in range(len(choices)) if number not in choices)


StreamEvent = (
    TextDelta
    | ToolCallDelta
    | ReasoningDelta
    | RefusalDelta
    | CitationAdded
    | LogprobsAdded
    | AnswerStart
    | PartStart
    | PartSealed
    | PartEnd
    | UsageReport
    | ChoiceStop
    | AnswerEnd
    | Failure
)

_DELTA_KIND: dict[type, tuple[PartKind, ...]] = {
    TextDelta: (PartKind.TEXT,),
    ReasoningDelta: (PartKind.REASONING,),
    RefusalDelta: (PartKind.REFUSAL,),
    ToolCallDelta: (PartKind.TOOL_CALL,),
    CitationAdded: (PartKind.TEXT,),
    LogprobsAdded: (PartKind.TEXT, PartKind.REFUSAL),
    PartSealed: (PartKind.TEXT, PartKind.REASONING, PartKind.TOOL_CALL, PartKind.MEDIA),
}


class GrammarError(Exception):
    """A stream of events is not legal: a bug in the decoder that made it."""


class _Phase(Enum):
    EMPTY = auto()
    OPEN = auto()
    ENDED = auto()


class EventGrammar:
    """Checks the order of stream events, one at a time.

    ``accept`` raises :class:`GrammarError` at the first illegal event.
    ``complete`` tells whether the stream may end here.
    """

    def __init__(self) -> None:
        self._phase = _Phase.EMPTY
        self._open: dict[tuple[int, int], PartKind] = {}
        self._sealed: set[tuple[int, int]] = set()
        self._next_part: dict[int, int] = {}
        self._stopped: set[int] = set()

    @property
    def complete(self) -> bool:
        return self._phase is _Phase.ENDED

    def accept(self, event: StreamEvent) -> None:
        if self._phase is _Phase.ENDED:
            raise GrammarError(f"{event!r} after the end")
        if isinstance(event, Failure):
            self._phase = _Phase.ENDED
        elif isinstance(event, AnswerStart):
            if self._phase is not _Phase.EMPTY:
                raise GrammarError("a second AnswerStart")
            self._phase = _Phase.OPEN
        elif self._phase is _Phase.EMPTY:
            raise GrammarError(f"{event!r} before AnswerStart")
        elif isinstance(event, AnswerEnd):
            if running := self._next_part.keys() - self._stopped:
                raise GrammarError(f"AnswerEnd while choices {sorted(running)} run")
            if first_left_out(self._stopped) is not None:
                raise GrammarError(f"AnswerEnd with choices {sorted(self._stopped)} alone")
            self._phase = _Phase.ENDED
        elif isinstance(event, PartStart):
            self._accept_start(event)
        elif isinstance(event, PartEnd):
            if self._open.pop((event.choice, event.part), None) is None:
                raise GrammarError(f"{event!r} of a part that is not open")
        elif isinstance(event, ChoiceStop):
            if event.choice in self._stopped:
                raise GrammarError(f"choice {event.choice} stops twice")
            if any(choice == event.choice for choice, _ in self._open):
                raise GrammarError(f"choice {event.choice} stops with open parts")
            self._next_part.setdefault(event.choice, 0)
            self._stopped.add(event.choice)
        elif not isinstance(event, UsageReport):
            self._accept_delta(event)

    def _accept_start(self, event: PartStart) -> None:
        if event.choice in self._stopped:
            raise GrammarError(f"{event!r} after its choice stopped")
        expected = self._next_part.get(event.choice, 0)
        if event.part != expected:
            raise GrammarError(f"{event!r}: part {expected} is next")
        if event.kind is PartKind.TOOL_CALL and not (event.id and event.name):
            raise GrammarError(f"{event!r}: a tool call has an id and a name")
        self._next_part[event.choice] = expected + 1
        self._open[event.choice, event.part] = event.kind

    def _accept_delta(
        self,
        event: TextDelta
        | ReasoningDelta
        | RefusalDelta
        | ToolCallDelta
        | CitationAdded
        | LogprobsAdded
        | PartSealed,
    ) -> None:
        key = (event.choice, event.part)
        kind = self._open.get(key)
        if kind is None:
            raise GrammarError(f"{event!r} of a part that is not open")
        if kind not in _DELTA_KIND[type(event)]:
            raise GrammarError(f"{event!r} in a {kind} part")
        if isinstance(event, PartSealed):
            if not event.seal.data:
                raise GrammarError("an empty seal")
            self._sealed.add(key)
        elif key in self._sealed:
            raise GrammarError(f"{event!r} after the part was sealed")
        if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta) and not event.text:
            raise GrammarError(f"{event!r} is empty")
        if isinstance(event, ToolCallDelta) and not event.arguments:
            raise GrammarError(f"{event!r} is empty")
