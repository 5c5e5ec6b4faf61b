"""Puts parts that were streamed at the same time one after another.

Some upstreams keep two parts of an answer open at once (a reasoning item
beside a message, two tool calls); most client formats cannot say that.
"""

from __future__ import annotations

from aigw_core.events import (
    ChoiceStop,
    CitationAdded,
    LogprobsAdded,
    PartEnd,
    PartSealed,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)

_IN_PART = (
    TextDelta,
    ToolCallDelta,
    ReasoningDelta,
    RefusalDelta,
    CitationAdded,
    LogprobsAdded,
    PartSealed,
    PartEnd,
)

_PartEvent = (
    PartStart
    | TextDelta
    | ToolCallDelta
    | ReasoningDelta
    | RefusalDelta
    | CitationAdded
    | LogprobsAdded
    | PartSealed
    | PartEnd
)


class Sequencer:
    """Reorders events so that one part of choice 0 is open at a time.

    The part that opened first streams through; later ones are held until it
    ends. What is held is a reordering of what came, so the only bound it needs
    is that of the answer. Events of choices other than 0 are left out: the
    formats that need this have one choice.

    A batch without a part that waits comes back as the same list.
    """

    def __init__(self) -> None:
        self._current: int | None = None
        self._waiting: dict[int, list[_PartEvent]] = {}  # in order of start

    @property
    def busy(self) -> bool:
        """More than one part is open."""
        return bool(self._waiting)

    def order(self, events: list[StreamEvent]) -> list[StreamEvent]:
        ordered: list[StreamEvent] = []
        for event in events:
            if isinstance(event, PartStart):
                if event.choice:
                    continue
                if self._current is None:
                    self._current = event.part
                    ordered.append(event)
                else:
                    self._waiting[event.part] = [event]
            elif isinstance(event, _IN_PART):
                if event.choice:
                    continue
                if event.part != self._current:
                    self._waiting[event.part].append(event)
                    continue
                ordered.append(event)
                if isinstance(event, PartEnd):
                    self._current = None
                    self._release(ordered)
            elif not (isinstance(event, ChoiceStop) and event.choice):
                ordered.append(event)
        return ordered

    def _release(self, ordered: list[StreamEvent]) -> None:
        while self._current is None and self._waiting:
            part = next(iter(self._waiting))
            held = self._waiting.pop(part)
            ordered += held
            if not isinstance(held[-1], PartEnd):
                self._current = part
