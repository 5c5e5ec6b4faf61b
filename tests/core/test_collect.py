"""Between a whole answer and its stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Turn,
    Usage,
)
from aigw_core.collect import Collector, collect, explode
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from aigw_core.events import AnswerEnd, EventGrammar, StreamEvent
from tests.laws import merge_deltas
from tests.streams import batches, event_streams, names, texts, usages

seals = st.builds(Seal, st.just("messages"), st.just("signature"), st.sampled_from(("a", "bc")))
logprobs = st.lists(st.builds(TokenLogprob, texts, st.floats(-9, 0)), max_size=2).map(tuple)
parts = st.one_of(
    st.builds(
        Text,
        text=texts | st.just(""),
        citations=st.lists(st.builds(Citation, url=st.just("http://x.test")), max_size=2).map(
            tuple
        ),
        seal=st.none() | seals,
        logprobs=logprobs,
    ),
    st.builds(
        Reasoning,
        text=texts | st.just(""),
        style=st.sampled_from(ReasoningStyle),
        seal=st.none() | seals,
    ),
    st.builds(Refusal, texts, logprobs),
    st.builds(
        ToolCall,
        id=st.sampled_from(("a", "b")),
        name=names,
        arguments=st.sampled_from(("", "{}", '{"a":')),
        freeform=st.booleans(),
        server=st.booleans(),
        seal=st.none() | seals,
    ),
    st.just(Media(MediaKind.IMAGE, Inline("image/png", "AAAA"))),
    st.just(Opaque(Native(Format.MESSAGES, b"{}"), "web_search_tool_result")),
)
choices = st.builds(
    Choice,
    st.lists(parts, max_size=5).map(tuple),
    st.builds(Stop, st.sampled_from(StopReason), st.none() | st.just("word")),
)
answers = st.builds(
    ChatResponse,
    id=st.sampled_from(("", "resp_1")),
    model=st.just("m"),
    created=st.none() | st.integers(0, 1 << 40),
    choices=st.lists(choices, min_size=1, max_size=3).map(tuple),
    usage=st.just(Usage()) | usages,
)


@given(answers)
def test_exploding_and_collecting_gives_the_answer_back(answer: ChatResponse) -> None:
    assert collect(explode(answer)) == answer


@given(answers)
def test_an_exploded_answer_is_a_legal_stream(answer: ChatResponse) -> None:
    grammar = EventGrammar()
    for event in explode(answer):
        grammar.accept(event)
    assert grammar.complete


@given(event_streams())
def test_collecting_does_not_depend_on_how_deltas_are_cut(events: list[StreamEvent]) -> None:
    assert collect(events) == collect(merge_deltas(events))


@given(st.data())
def test_collecting_does_not_depend_on_batches(data: st.DataObject) -> None:
    events = data.draw(event_streams(interleaved=True))
    collector = Collector()
    for batch in data.draw(batches(events)):
        collector.add(batch)
    assert collector.ended
    assert collector.partial == collect(events)


@given(event_streams(failing=True))
def test_a_failed_stream_is_no_answer(events: list[StreamEvent]) -> None:
    failure = events[-1]
    assert isinstance(failure, Failure)
    with pytest.raises(UpstreamError) as caught:
        collect(events)
    assert caught.value.failure == failure


@given(event_streams())
def test_a_stream_without_its_end_is_no_answer(events: list[StreamEvent]) -> None:
    assert isinstance(events[-1], AnswerEnd)
    with pytest.raises(UpstreamError) as caught:
        collect(events[:-1])
    assert caught.value.failure.kind is ErrorKind.UPSTREAM_TRUNCATED


@given(event_streams(), st.data())
def test_the_partial_answer_grows(events: list[StreamEvent], data: st.DataObject) -> None:
    collector = Collector()
    collector.add(events[: data.draw(st.integers(0, len(events)))])
    early = collector.partial.choices
    if early:
        whole = collect(events).choices[0].parts
        for before, after in zip(early[0].parts, whole, strict=False):
            text = getattr(before, "text", getattr(before, "arguments", ""))
            assert getattr(after, "text", getattr(after, "arguments", "")).startswith(text)


def test_a_part_that_answers_cannot_have_is_refused() -> None:
    turn = Turn("user", ())  # type: ignore[arg-type]
    answer = ChatResponse("", "", None, (Choice((turn,), Stop(StopReason.END)),))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        explode(answer)
