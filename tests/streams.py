"""Hypothesis strategies for streams: of events, of bytes, and how they are cut.

Event streams are always legal (``events.EventGrammar`` accepts them). Byte
streams come in three states: valid (what a codec's own encoder writes),
truncated, and damaged.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from aigw_core.chat import ReasoningStyle, Seal, Stop, StopReason, Usage
from aigw_core.codec import AnswerContext, Codec
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
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

EDGES = "\x00\x07\x0b\x0c\x1c\x85\xa0\u200d\u2028\u2029\ufeff\ufffd\ufffe𝄞👩‍👩‍👧e\u0301"
"""Characters that parsers, line readers and writers stumble over."""

PHRASES = (
    "data: [DONE]\n\n",
    "\r\n\r\nevent: error\r\n",
    ': x\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    '"}}\n\ndata: {"error":{}}\n\n',
    "\\u0000 \\ud83d \\n",
    "null",
    "{}",
    "<think>a</think>",
)
"""Text that means something to a parser that looks at the wrong place."""

texts: SearchStrategy[str] = st.one_of(
    st.text(st.characters(codec="ascii"), min_size=1, max_size=12),
    st.text(st.sampled_from(EDGES), min_size=1, max_size=6),
    st.sampled_from(PHRASES),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
)

visible_texts = texts.filter(lambda text: bool(text.strip()))
"""With something to see: some formats leave out what is only white space."""

argument_texts = st.sampled_from(
    (
        "{}",
        '{"a":1}',
        '{"city":"Zürich","days":[1,2.50,null,true]}',
        '{"n":9223372036854775807,"s":"\\u2028\\"}{"}',
        '{"nested":{"deep":[{"x":"👩‍👩‍👧"}]}}',
        '{ "spaces" : "kept" }',
    )
)
names = st.sampled_from(("get_weather", "search", "f", "Read_File-2"))
counts = st.integers(0, 1 << 31)
usages = st.builds(
    Usage,
    input=counts,
    cache_read=st.none() | counts,
    output=counts,
    reasoning=st.none() | counts,
)
failures = st.builds(
    Failure,
    st.sampled_from(ErrorKind),
    st.sampled_from(("the upstream is busy", "no\nluck \u2028 today", "x")),
)


ENVELOPE = Seal("aigw", "signature", "QUdXMWVudmVsb3Bl")


def cut_text(draw: DrawFn, text: str) -> list[str]:
    """``text`` as non-empty deltas."""
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=3).map(sorted))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    return [piece for piece in pieces if piece]


@st.composite
def event_streams(
    draw: DrawFn,
    *,
    texts: SearchStrategy[str] = texts,
    kinds: tuple[PartKind, ...] = (PartKind.TEXT, PartKind.REASONING, PartKind.TOOL_CALL),
    interleaved: bool = False,
    failing: bool = False,
    sealed: bool = False,
    max_parts: int = 5,
) -> list[StreamEvent]:
    """A legal stream of one choice.

    ``interleaved`` lets parts overlap; ``failing`` ends it in a failure at any
    place, else it is complete; ``sealed`` gives some parts an envelope that every
    client carries. The stop reason fits the parts.
    """
    parts: list[list[StreamEvent]] = []
    calls = 0
    for number in range(draw(st.integers(0, max_parts))):
        kind = draw(st.sampled_from(kinds))
        part: list[StreamEvent] = []
        if kind is PartKind.TOOL_CALL:
            part.append(
                PartStart(number, kind, id=f"call_{number}", name=draw(names)),
            )
            part += [ToolCallDelta(number, piece) for piece in cut_text(draw, draw(argument_texts))]
            calls += 1
        elif kind is PartKind.REASONING:
            style = draw(st.sampled_from((ReasoningStyle.RAW, ReasoningStyle.SUMMARY)))
            part.append(PartStart(number, kind, style=style))
            part += [ReasoningDelta(number, piece) for piece in cut_text(draw, draw(texts))]
        elif kind is PartKind.REFUSAL:
            part.append(PartStart(number, kind))
            part += [RefusalDelta(number, piece) for piece in cut_text(draw, draw(texts))]
        else:
            part.append(PartStart(number, kind))
            part += [TextDelta(number, piece) for piece in cut_text(draw, draw(texts))]
        if sealed and draw(st.booleans()):
            part.append(PartSealed(number, ENVELOPE))
        part.append(PartEnd(number))
        parts.append(part)
    events: list[StreamEvent] = [AnswerStart("up_1", "upstream-model", 1_700_000_000)]
    events += _interleave(draw, parts) if interleaved else [e for part in parts for e in part]
    first = draw(st.none() | usages)
    if first is not None:
        place = draw(st.integers(1, len(events)))
        events.insert(place, UsageReport(first))
        if place == 1 and draw(st.booleans()):
            events[0] = AnswerStart("up_1", "upstream-model", 1_700_000_000, first)
    reasons = [StopReason.MAX_TOKENS, StopReason.REFUSAL]
    reasons.insert(0, StopReason.TOOL_USE if calls else StopReason.END)
    events.append(ChoiceStop(Stop(draw(st.sampled_from(reasons)))))
    last = draw(st.none() | usages)
    if last is not None:
        events.append(UsageReport(_later(first, last)))
    events.append(AnswerEnd())
    if failing:
        events = [*events[: draw(st.integers(0, len(events) - 1))], draw(failures)]
    return events


def _later(first: Usage | None, last: Usage) -> Usage:
    # What was known once stays known: a report has everything so far.
    if first is None:
        return last
    known = {
        field: getattr(first, field)
        for field in Usage.__struct_fields__
        if getattr(last, field) is None
    }
    return msgspec.structs.replace(last, **known)


def _interleave(draw: DrawFn, parts: list[list[StreamEvent]]) -> list[StreamEvent]:
    # Parts must start in order, so a later one joins only when those before
    # it have begun.
    queues = [list(part) for part in parts]
    started = 0
    events: list[StreamEvent] = []
    while any(queues):
        ready = [queue for queue in queues[: started + 1] if queue]
        queue = draw(st.sampled_from(ready))
        if started < len(queues) and queue is queues[started]:
            started += 1
        events.append(queue.pop(0))
    return events


@st.composite
def batches(draw: DrawFn, events: list[StreamEvent]) -> list[list[StreamEvent]]:
    """``events`` as they might come out of several reads; empty ones included."""
    cuts = draw(st.lists(st.integers(0, len(events)), max_size=6).map(sorted))
    return [events[a:b] for a, b in pairwise([0, *cuts, len(events)])]


@st.composite
def splits(draw: DrawFn, data: bytes) -> list[bytes]:
    """Some way a network might cut ``data`` into reads; empty reads included."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12).map(sorted))
    return [data[a:b] for a, b in pairwise([0, *cuts, len(data)])]


CONTEXT = AnswerContext(model="client-model", id="a1b2c3", created=1_700_000_000)


def encode_all(codec: Codec, events: list[StreamEvent], context: AnswerContext = CONTEXT) -> bytes:
    """The stream that ``codec`` writes of ``events``."""
    return codec.stream_encoder(context).encode(events)


@st.composite
def wire_streams(draw: DrawFn, codec: Codec) -> bytes:
    """Bytes of ``codec``'s format as an upstream might send them: valid,
    truncated or damaged."""
    data = encode_all(codec, draw(event_streams(failing=draw(st.booleans()))))
    state = draw(st.sampled_from(("valid", "truncated", "damaged")))
    if state == "truncated":
        return data[: draw(st.integers(0, len(data)))]
    if state == "damaged":
        return draw(damaged(data))
    return data


@st.composite
def damaged(draw: DrawFn, data: bytes) -> bytes:
    """``data`` after one to three accidents: bytes lost, doubled, changed or
    put in; events lost, doubled or exchanged."""
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            data = _damage_events(draw, data)
        else:
            at = draw(st.integers(0, len(data)))
            end = draw(st.integers(at, min(len(data), at + 20)))
            junk = draw(
                st.binary(max_size=4) | st.sampled_from((b"\n\n", b"\r", b"null", b"{}", b'"'))
            )
            data = data[:at] + junk + data[end:]
    return data


def _damage_events(draw: DrawFn, data: bytes) -> bytes:
    blocks = data.split(b"\n\n")
    first = draw(st.integers(0, len(blocks) - 1))
    second = draw(st.integers(0, len(blocks) - 1))
    accident = draw(st.sampled_from(("lose", "double", "exchange")))
    if accident == "lose":
        del blocks[first]
    elif accident == "double":
        blocks.insert(second, blocks[first])
    else:
        blocks[first], blocks[second] = blocks[second], blocks[first]
    return b"\n\n".join(blocks)
