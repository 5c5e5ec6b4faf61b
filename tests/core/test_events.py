"""The grammar of stream events: what it lets pass and what it stops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.chat import Seal, Stop, StopReason, Usage
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    EventGrammar,
    GrammarError,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from tests.streams import event_streams

START = AnswerStart("id", "model")
TEXT = PartStart(0, PartKind.TEXT)
HI = TextDelta(0, "hi")
CLOSE = PartEnd(0)
STOP = ChoiceStop(Stop(StopReason.END))
END = AnswerEnd()
FAILURE = Failure(ErrorKind.UPSTREAM, "no")
SEALED = PartSealed(0, Seal("messages", "signature", "abc"))


def accepts(events: list[StreamEvent]) -> bool:
    """Whether all are legal; raises at the first that is not."""
    grammar = EventGrammar()
    for event in events:
        grammar.accept(event)
    return grammar.complete


@given(event_streams(interleaved=True))
def test_generated_streams_are_legal(events: list[StreamEvent]) -> None:
    assert accepts(events)


@given(event_streams(failing=True))
def test_generated_failures_are_legal(events: list[StreamEvent]) -> None:
    assert accepts(events)


@given(event_streams(), st.data())
def test_no_event_may_follow_the_end(events: list[StreamEvent], data: st.DataObject) -> None:
    late = data.draw(st.sampled_from(events))
    with pytest.raises(GrammarError):
        accepts([*events, late])


@given(event_streams(max_parts=3), st.data())
def test_every_event_before_the_end_is_needed(
    events: list[StreamEvent], data: st.DataObject
) -> None:
    required = [i for i, e in enumerate(events) if type(e) in (AnswerStart, PartEnd, ChoiceStop)]
    index = data.draw(st.sampled_from(required))
    if isinstance(events[index], ChoiceStop) and len(events) <= 4:
        return  # an answer without choices is legal
    without = events[:index] + events[index + 1 :]
    if isinstance(events[index], ChoiceStop) and not any(
        isinstance(event, PartStart) for event in events
    ):
        return
    with pytest.raises(GrammarError):
        accepts(without)


def test_an_answer_may_be_empty() -> None:
    assert accepts([START, STOP, END])


def test_a_stream_may_fail_at_once() -> None:
    assert accepts([FAILURE])


def test_a_stream_without_its_end_is_not_complete() -> None:
    assert not accepts([START, TEXT, HI, CLOSE, STOP])


@pytest.mark.parametrize(
    "events",
    [
        [HI],
        [TEXT],
        [END],
        [START, START],
        [START, HI],
        [START, PartStart(1, PartKind.TEXT)],
        [START, TEXT, TEXT],
        [START, TEXT, CLOSE, HI],
        [START, TEXT, CLOSE, CLOSE],
        [START, TEXT, STOP],
        [START, TEXT, CLOSE, STOP, STOP],
        [START, TEXT, CLOSE, STOP, PartStart(1, PartKind.TEXT)],
        [START, TEXT, CLOSE, END],
        [START, STOP, END, UsageReport(Usage())],
        [START, FAILURE, FAILURE],
        [START, TEXT, TextDelta(0, "")],
        [START, TEXT, ReasoningDelta(0, "x")],
        [START, TEXT, ToolCallDelta(0, "{}")],
        [START, PartStart(0, PartKind.TOOL_CALL, id="a", name="f"), ToolCallDelta(0, "")],
        [START, PartStart(0, PartKind.TOOL_CALL, name="f")],
        [START, PartStart(0, PartKind.TOOL_CALL, id="a")],
        [START, TEXT, SEALED, HI],
        [START, TEXT, PartSealed(0, Seal("messages", "signature", ""))],
        [START, PartStart(0, PartKind.REFUSAL), SEALED],
    ],
    ids=lambda events: "-".join(type(event).__name__ for event in events),
)
def test_illegal_order(events: list[StreamEvent]) -> None:
    with pytest.raises(GrammarError):
        accepts(events)


def test_parts_of_one_choice_may_overlap() -> None:
    call = PartStart(1, PartKind.TOOL_CALL, id="a", name="f")
    assert accepts([START, TEXT, call, HI, ToolCallDelta(1, "{}"), PartEnd(1), CLOSE, STOP, END])


def test_choices_count_their_parts_apart() -> None:
    other = PartStart(0, PartKind.TEXT, choice=1)
    stop = ChoiceStop(Stop(StopReason.END), choice=1)
    assert accepts([START, TEXT, other, CLOSE, PartEnd(0, choice=1), STOP, stop, END])
