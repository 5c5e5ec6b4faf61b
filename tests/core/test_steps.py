"""The work of a stream grows with its length and not faster (P11).

Counted in calls, of Python and of C, never in time. What one call copies is counted in
``laws_bounds.work_is_linear``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import product
from types import FrameType
from typing import Any

import pytest

from aigw_core.chat import Stop, StopReason
from aigw_core.codec import Codec
from aigw_core.codecs import CODECS
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.http1 import ResponseReader
from tests import laws
from tests.laws import LawBroken, hold
from tests.streams import encode_all


def calls_of(run: Callable[[], object]) -> int:
    """How many functions ``run`` calls."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def grows_with_its_length(run: Callable[[int], Callable[[], object]], size: int) -> None:
    """Four times the length is at most four times the work, and some more."""
    one, four = calls_of(run(size)), calls_of(run(4 * size))
    hold(four <= 4.2 * one + 200, f"{one} calls for {size}, {four} for {4 * size}")


def texts(count: int) -> list[StreamEvent]:
    return _whole([PartStart(0, PartKind.TEXT), *[TextDelta(0, "word ")] * count, PartEnd(0)])


def turns(count: int) -> list[StreamEvent]:
    """Reasoning and text, by turns."""
    parts: list[StreamEvent] = []
    for at in range(0, count, 2):
        parts += [PartStart(at, PartKind.REASONING), ReasoningDelta(at, "hm "), PartEnd(at)]
        parts += [PartStart(at + 1, PartKind.TEXT), TextDelta(at + 1, "so "), PartEnd(at + 1)]
    return _whole(parts)


def calls(count: int) -> list[StreamEvent]:
    """Tool calls that are all open at once, and go on by turns."""
    parts: list[StreamEvent] = [
        PartStart(at, PartKind.TOOL_CALL, id=f"call_{at}", name="f") for at in range(count)
    ]
    parts += [ToolCallDelta(at, '{"a":') for at in range(count)]
    parts += [ToolCallDelta(at, "1}") for at in range(count)]
    parts += [PartEnd(at) for at in range(count)]
    return _whole(parts, StopReason.TOOL_USE)


def _whole(parts: list[StreamEvent], reason: StopReason = StopReason.END) -> list[StreamEvent]:
    return [AnswerStart("up_1", "m"), *parts, ChoiceStop(Stop(reason)), AnswerEnd()]


@pytest.mark.parametrize("shape", [texts, turns, calls])
@pytest.mark.parametrize(
    ("upstream", "client"),
    list(product(CODECS.values(), repeat=2)),
    ids=[f"{a}-{b}" for a, b in product(CODECS, repeat=2)],
)
def test_a_stream_four_times_as_long_is_four_times_the_work(
    upstream: Codec, client: Codec, shape: Callable[[int], list[StreamEvent]]
) -> None:
    def run(size: int) -> Callable[[], object]:
        wire = encode_all(upstream, shape(size))
        reads = [wire[at : at + 100] for at in range(0, len(wire), 100)]
        return lambda: laws.translate(upstream, client, reads)

    run(8)()  # what is only done once, is done
    grows_with_its_length(run, 32)


def test_so_is_an_answer_in_small_chunks() -> None:
    def run(size: int) -> Callable[[], object]:
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        wire = head + b"1;x\r\na\r\n" * size + b"0\r\n\r\n"
        reader = ResponseReader()
        return lambda: [reader.feed(wire[at : at + 7]) for at in range(0, len(wire), 7)]

    grows_with_its_length(run, 300)


def test_the_law_sees_what_is_done_again_and_again() -> None:
    def run(size: int) -> Callable[[], object]:
        return lambda: [len(str(at)) for above in range(size) for at in range(above)]

    with pytest.raises(LawBroken):
        grows_with_its_length(run, 32)
