"""Putting overlapping parts one after another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aigw_core.chat import Stop, StopReason
from aigw_core.collect import collect
from aigw_core.events import (
    AnswerStart,
    ChoiceStop,
    EventGrammar,
    PartEnd,
    PartKind,
    PartStart,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.sequence import Sequencer
from tests.streams import batches, event_streams


def order(reads: list[list[StreamEvent]]) -> list[StreamEvent]:
    sequencer = Sequencer()
    return [event for batch in reads for event in sequencer.order(batch)]


@given(event_streams(interleaved=True))
def test_one_part_is_open_at_a_time(events: list[StreamEvent]) -> None:
    current: int | None = None
    for event in order([events]):
        if isinstance(event, PartStart):
            assert current is None
            current = event.part
        elif isinstance(event, PartEnd):
            assert current == event.part
            current = None


@given(event_streams(interleaved=True))
def test_the_order_is_legal_and_the_answer_the_same(events: list[StreamEvent]) -> None:
    ordered = order([events])
    grammar = EventGrammar()
    for event in ordered:
        grammar.accept(event)
    assert grammar.complete
    assert collect(ordered) == collect(events)


@given(st.data())
def test_batches_change_nothing(data: st.DataObject) -> None:
    events = data.draw(event_streams(interleaved=True))
    assert order(data.draw(batches(events))) == order([events])


@given(event_streams())
def test_parts_that_do_not_overlap_pass_as_they_are(events: list[StreamEvent]) -> None:
    assert order([events]) == events


def test_the_part_that_opened_first_streams_through() -> None:
    sequencer = Sequencer()
    text = PartStart(0, PartKind.TEXT)
    call = PartStart(1, PartKind.TOOL_CALL, id="a", name="f")
    assert sequencer.order([text, call, ToolCallDelta(1, "{"), TextDelta(0, "x")]) == [
        text,
        TextDelta(0, "x"),
    ]
    assert sequencer.order([PartEnd(0)]) == [PartEnd(0), call, ToolCallDelta(1, "{")]
    # The call is now the one that streams.
    assert sequencer.order([ToolCallDelta(1, "}")]) == [ToolCallDelta(1, "}")]


def test_other_choices_are_left_out() -> None:
    first: list[StreamEvent] = [
        AnswerStart("", ""),
        PartStart(0, PartKind.TEXT),
        TextDelta(0, "a"),
    ]
    second: list[StreamEvent] = [
        PartStart(0, PartKind.TEXT, choice=1),
        TextDelta(0, "b", choice=1),
        PartEnd(0, choice=1),
        ChoiceStop(Stop(StopReason.END), choice=1),
    ]
    assert order([[*first, *second]]) == first


def test_busy_while_a_part_waits() -> None:
    text = PartStart(0, PartKind.TEXT)
    call = PartStart(1, PartKind.TOOL_CALL, id="a", name="f")
    waiting = Sequencer()
    waiting.order([text, call])
    assert waiting.busy
    released = Sequencer()
    released.order([text, call, PartEnd(0)])
    assert not released.busy
