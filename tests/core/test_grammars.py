"""The automata of client streams: what they accept, and above all what not."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest

from aigw_core.chat import Format
from aigw_core.grammar import GrammarViolation, check_stream
from tests.laws import GRAMMARS
from tests.seeds import SEEDS

Events = list[tuple[str, Any]]


def stream_of(name: Format) -> Events:
    return copy.deepcopy(SEEDS[name].stream)


def check(name: Format, events: Events) -> tuple[bool, bool]:
    """``(complete, failed)`` after ``events``."""
    grammar = GRAMMARS[name]()
    check_stream(grammar, SEEDS[name].wire(events))
    return grammar.complete, grammar.failed


@pytest.mark.parametrize("name", Format)
def test_the_vendors_own_form_is_legal(name: Format) -> None:
    assert check(name, stream_of(name)) == (True, False)


@pytest.mark.parametrize("name", Format)
def test_no_prefix_is_complete(name: Format) -> None:
    events = stream_of(name)
    for length in range(len(events)):
        assert check(name, events[:length]) == (False, False)


IN_BAND_ERRORS: dict[Format, tuple[str, Any]] = {
    Format.CHAT: ("", {"error": {"message": "m", "type": "server_error", "code": None}}),
    Format.MESSAGES: ("error", {"type": "error", "error": {"type": "api_error", "message": "m"}}),
    Format.RESPONSES: (
        "error",
        {"type": "error", "code": "server_error", "message": "m", "sequence_number": 0},
    ),
    Format.GEMINI: ("", {"error": {"code": 502, "message": "m", "status": "UNAVAILABLE"}}),
}


@pytest.mark.parametrize("name", Format)
def test_a_stream_may_fail_before_it_began(name: Format) -> None:
    assert check(name, [IN_BAND_ERRORS[name]]) == (False, True)


def test_a_responses_stream_that_began_fails_as_a_response() -> None:
    events = stream_of(Format.RESPONSES)[:2]
    failed = copy.deepcopy(events[0][1]["response"])
    failed |= {"status": "failed", "error": {"code": "server_error", "message": "m"}}
    data = {"type": "response.failed", "sequence_number": 2, "response": failed}
    assert check(Format.RESPONSES, [*events, ("response.failed", data)]) == (False, True)
    late = ("error", {**IN_BAND_ERRORS[Format.RESPONSES][1], "sequence_number": 2})
    with pytest.raises(GrammarViolation):
        check(Format.RESPONSES, [*events, late])


@pytest.mark.parametrize("name", [Format.CHAT, Format.MESSAGES, Format.GEMINI])
def test_a_stream_may_fail_in_the_middle_and_nothing_follows(name: Format) -> None:
    events = [*stream_of(name)[:4], IN_BAND_ERRORS[name]]
    assert check(name, events) == (False, True)
    for late in stream_of(name)[-1], IN_BAND_ERRORS[name]:
        with pytest.raises(GrammarViolation):
            check(name, [*events, late])


@pytest.mark.parametrize("name", Format)
def test_nothing_follows_the_end(name: Format) -> None:
    events = stream_of(name)
    for late in (events[0], events[-2], IN_BAND_ERRORS[name]):
        with pytest.raises(GrammarViolation):
            check(name, [*events, late])


OPTIONAL = {
    Format.CHAT: {1, 2, 3, 4, 6, 7, 8, 10},
    Format.MESSAGES: {1, 3, 4, 5, 10, 11, 12, 15, 16, 17, 20},
    Format.RESPONSES: set[int](),
    Format.GEMINI: {0, 1, 2, 3, 4},
}
"""Events of the seeds that a legal stream may also lack, by position."""


@pytest.mark.parametrize("name", Format)
def test_every_other_event_is_needed(name: Format) -> None:
    events = stream_of(name)
    optional = set()
    for index in range(len(events) - 1):
        with contextlib.suppress(GrammarViolation):
            check(name, events[:index] + events[index + 1 :])
            optional.add(index)
    assert optional == OPTIONAL[name]


FLAWS = (
    pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="CRLF"),
    pytest.param(lambda data: data.replace(b"\n\n", b"\r\r", 1), id="CR"),
    pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="BOM"),
    pytest.param(lambda data: data[:-1], id="no blank line"),
    pytest.param(lambda data: data[:-2], id="no line end"),
    pytest.param(lambda data: data + b"data:\n\n", id="empty data"),
    pytest.param(lambda data: b"data: \n\n" + data, id="blank data"),
    pytest.param(lambda data: data.replace(b"data: ", b"data:", 1), id="no space"),
    pytest.param(lambda data: data.replace(b"data: ", b"data: {}\ndata: ", 1), id="two data lines"),
    pytest.param(lambda data: b"id: 1\n" + data, id="id"),
    pytest.param(lambda data: b"retry: 1\n\n" + data, id="retry"),
    pytest.param(lambda data: data.replace(b"m-1", "m\u2028".encode(), 1), id="U+2028"),
    pytest.param(lambda data: data.replace(b"m-1", "m\u2029".encode(), 1), id="U+2029"),
    pytest.param(lambda data: data.replace(b"m-1", "m\u0085".encode(), 1), id="U+0085"),
    pytest.param(lambda data: data.replace(b"m-1", b"m\xff", 1), id="not UTF-8"),
    pytest.param(lambda data: data.replace(b"m-1", b"m\\ud83d", 1), id="lone surrogate"),
    pytest.param(lambda data: data.replace(b'"m-1"', b"NaN", 1), id="NaN"),
    pytest.param(lambda data: data.replace(b"data: {", b'data: {"a":1,"a":1,', 1), id="duplicate"),
    pytest.param(lambda data: data.replace(b"data: {", b"data: [{", 1), id="not JSON"),
    pytest.param(lambda data: b"event: x\n" + data.partition(b"\n")[2], id="wrong event line"),
    pytest.param(lambda data: b"data: [1]\n\n" + data, id="no object"),
)


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("name", Format)
def test_flaws_of_framing(name: Format, flaw: Callable[[bytes], bytes]) -> None:
    data = SEEDS[name].wire()
    assert flaw(data) != data
    with pytest.raises(GrammarViolation):
        check_stream(GRAMMARS[name](), flaw(data))


@pytest.mark.parametrize("name", Format)
def test_comments_are_for_those_who_can_read_them(name: Format) -> None:
    data = b": keepalive\n\n" + SEEDS[name].wire()
    if name is Format.GEMINI:
        with pytest.raises(GrammarViolation):
            check_stream(GRAMMARS[name](), data)
    else:
        check_stream(GRAMMARS[name](), data)
    # Blank lines mean nothing to anybody.
    check_stream(GRAMMARS[name](), b"\n" + SEEDS[name].wire())


# --- what each format forbids ----------------------------------------------------


def chunk(events: Events, index: int) -> dict[str, Any]:
    data: dict[str, Any] = events[index][1]
    return data


def delta(events: Events, index: int) -> dict[str, Any]:
    inner: dict[str, Any] = chunk(events, index)["choices"][0]["delta"]
    return inner


def call(events: Events, index: int) -> dict[str, Any]:
    inner: dict[str, Any] = delta(events, index)["tool_calls"][0]
    return inner


def refused(name: Format, change: Callable[[Events], object]) -> None:
    events = stream_of(name)
    change(events)
    assert events != stream_of(name)
    with pytest.raises(GrammarViolation):
        check(name, events)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: delta(e, 4).update(role="assistant"),
        lambda e: delta(e, 0).pop("role"),
        lambda e: chunk(e, 3).update(id="other"),
        lambda e: chunk(e, 3).update(created=1),
        lambda e: chunk(e, 3).update(obfuscation="xx"),
        lambda e: chunk(e, 3).pop("usage"),
        lambda e: chunk(e, 3).update(object="chat.completion"),
        lambda e: chunk(e, 3)["choices"][0].update(index=1),
        lambda e: chunk(e, 3)["choices"][0].pop("finish_reason"),
        lambda e: chunk(e, 3)["choices"][0].update(finish_reason="tool_calls"),
        lambda e: chunk(e, 9)["choices"][0].update(finish_reason="stop"),
        lambda e: chunk(e, 9)["choices"][0].update(finish_reason="eos"),
        lambda e: call(e, 5).update(index=1),
        lambda e: call(e, 5).pop("index"),
        lambda e: call(e, 5).update(id=""),
        lambda e: call(e, 5)["function"].update(name=""),
        lambda e: call(e, 6).update(id="call_1"),
        lambda e: call(e, 6).update(type="function"),
        lambda e: call(e, 6)["function"].update(name="get_weather"),
        lambda e: call(e, 6)["function"].update(arguments={}),
        lambda e: call(e, 8).update(index=0),
        lambda e: delta(e, 3).update(token_id=5),
        lambda e: delta(e, 3).update(content=5),
        lambda e: (delta(e, 3).update(annotations=[]), delta(e, 4).update(annotations=[])),
        lambda e: delta(e, 3).update(reasoning_details=[{"type": "reasoning.text", "index": 1}]),
        lambda e: delta(e, 3).update(reasoning_details=[{"type": "reasoning.text"}]),
        lambda e: chunk(e, 10)["usage"].update(total_tokens=1),
        lambda e: chunk(e, 10)["usage"].update(prompt_tokens=-1),
        lambda e: e.insert(11, e[3]),
        lambda e: e.insert(11, e[10]),
        lambda e: e.insert(10, e[3]),
    ],
)
def test_chat_forbids(change: Callable[[Events], object]) -> None:
    refused(Format.CHAT, change)


def test_chat_choices_are_announced_in_order() -> None:
    events = stream_of(Format.CHAT)
    other = copy.deepcopy(events[0])
    other[1]["choices"][0]["index"] = 1
    end = copy.deepcopy(events[9])
    end[1]["choices"][0].update(index=1, finish_reason="stop")
    assert check(Format.CHAT, [events[0], other, *events[1:10], end, *events[10:]])[0]
    with pytest.raises(GrammarViolation):
        check(Format.CHAT, [other, events[0]])
    with pytest.raises(GrammarViolation):
        check(Format.CHAT, [events[0], other, *events[1:]])


def test_chat_without_usage_has_no_usage_key() -> None:
    events = [event for index, event in enumerate(stream_of(Format.CHAT)) if index != 10]
    for _, data in events[:-1]:
        del data["usage"]
    assert check(Format.CHAT, events) == (True, False)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: chunk(e, 0)["message"].update(content=[{}]),
        lambda e: chunk(e, 0)["message"].update(id=""),
        lambda e: chunk(e, 0)["message"].update(stop_reason="end_turn"),
        lambda e: chunk(e, 0)["message"]["usage"].pop("input_tokens"),
        lambda e: chunk(e, 2).update(index=1),
        lambda e: chunk(e, 2)["content_block"].update(signature="x"),
        lambda e: chunk(e, 3).update(index=1),
        lambda e: chunk(e, 3)["delta"].update(type="text_delta", text="x"),
        lambda e: chunk(e, 5)["delta"].update(signature=""),
        lambda e: e.insert(6, e[5]),
        lambda e: e.insert(6, e[3]),
        lambda e: chunk(e, 7)["content_block"].update(data=""),
        lambda e: chunk(e, 7).update(index=3),
        lambda e: chunk(e, 14)["content_block"].update(id="a b"),
        lambda e: chunk(e, 14)["content_block"].update(input={"a": 1}),
        lambda e: chunk(e, 14)["content_block"].update(name=""),
        lambda e: chunk(e, 24)["delta"].update(stop_reason="end_turn"),
        lambda e: chunk(e, 24)["delta"].update(stop_reason="stop"),
        lambda e: chunk(e, 24)["delta"].update(stop_reason=None),
        lambda e: chunk(e, 24)["delta"].update(stop_sequence="END"),
        lambda e: chunk(e, 24)["usage"].pop("output_tokens"),
        lambda e: chunk(e, 24)["usage"].update(input_tokens=-1),
        lambda e: e.insert(24, e[24]),
        lambda e: e.insert(0, e[1]),
        lambda e: e.insert(3, e[0]),
        lambda e: e.insert(3, e[2]),
        lambda e: e.insert(3, e[-1]),
        lambda e: e.insert(3, ("unheard_of", {"type": "unheard_of"})),
        lambda e: e.append(("", "[DONE]")),
    ],
)
def test_messages_forbids(change: Callable[[Events], object]) -> None:
    assert chunk(stream_of(Format.MESSAGES), 24)["type"] == "message_delta"
    refused(Format.MESSAGES, change)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: chunk(e, 0)["response"].update(output=[{}]),
        lambda e: chunk(e, 0)["response"].update(status="completed"),
        lambda e: chunk(e, 0)["response"].pop("parallel_tool_calls"),
        lambda e: chunk(e, 1)["response"].update(id="resp_2"),
        lambda e: chunk(e, 1).update(sequence_number=3),
        lambda e: chunk(e, 2).update(output_index=1),
        lambda e: chunk(e, 4).update(summary_index=1),
        lambda e: chunk(e, 4).update(item_id="rs_2"),
        lambda e: chunk(e, 4).update(delta=None),
        lambda e: chunk(e, 5).update(text="Other."),
        lambda e: chunk(e, 6)["part"].update(text="Other."),
        lambda e: chunk(e, 7)["item"].update(id="rs_2"),
        lambda e: chunk(e, 7)["item"].update(summary=[]),
        lambda e: chunk(e, 9)["part"].update(text="early"),
        lambda e: chunk(e, 9)["part"].pop("annotations"),
        lambda e: chunk(e, 10).pop("logprobs"),
        lambda e: chunk(e, 10).update(obfuscation="xx"),
        lambda e: chunk(e, 12).update(annotation_index=1),
        lambda e: chunk(e, 13).update(text="Let me"),
        lambda e: chunk(e, 15)["item"].update(content=[]),
        lambda e: chunk(e, 16)["item"].update(call_id=""),
        lambda e: chunk(e, 17).update(delta="x"),
        lambda e: chunk(e, 19).update(arguments="{}"),
        lambda e: chunk(e, 20)["item"].update(call_id="call_2"),
        lambda e: chunk(e, 20)["item"].update(arguments="{}"),
        lambda e: chunk(e, 21)["response"].update(output=[]),
        lambda e: chunk(e, 21)["response"].update(status="incomplete"),
        lambda e: chunk(e, 21)["response"]["usage"].update(total_tokens=1),
        lambda e: chunk(e, 21)["response"]["usage"].pop("input_tokens_details"),
        lambda e: chunk(e, 21).update(type="response.done"),
    ],
)
def test_responses_forbids(change: Callable[[Events], object]) -> None:
    refused(Format.RESPONSES, change)


def test_responses_items_may_overlap() -> None:
    events = stream_of(Format.RESPONSES)
    # The message opens and closes while the reasoning item is open.
    order = [0, 1, 2, 3, 4, *range(8, 16), 5, 6, 7, *range(16, 22)]
    mixed = [events[index] for index in order]
    for number, (_, data) in enumerate(mixed):
        data["sequence_number"] = number
    assert check(Format.RESPONSES, mixed) == (True, False)


def candidate(events: Events, index: int) -> dict[str, Any]:
    inner: dict[str, Any] = chunk(events, index)["candidates"][0]
    return inner


def part(events: Events, index: int) -> dict[str, Any]:
    inner: dict[str, Any] = candidate(events, index)["content"]["parts"][0]
    return inner


@pytest.mark.parametrize(
    "change",
    [
        lambda e: chunk(e, 0).update(unheard_of=1),
        lambda e: chunk(e, 1).update(responseId="other"),
        lambda e: chunk(e, 1)["usageMetadata"].update(promptTokenCount=None),
        lambda e: candidate(e, 0).update(finishReason="STOP"),
        lambda e: candidate(e, 5).update(finishReason="tool_calls"),
        lambda e: candidate(e, 0)["content"].update(role="assistant"),
        lambda e: part(e, 0).update(inlineData={"mimeType": "image/png", "data": "AAAA"}),
        lambda e: part(e, 0).update(thought="yes"),
        lambda e: part(e, 0).update(text=None),
        lambda e: part(e, 0).update(thoughtSignature="not base64!"),
        lambda e: part(e, 0).update(thoughtSignature=""),
        lambda e: part(e, 0).update(unheard_of=1),
        lambda e: part(e, 0).clear(),
        lambda e: part(e, 4)["functionCall"].update(args='{"city":"Bern"}'),
        lambda e: part(e, 4)["functionCall"].update(name=""),
        lambda e: e.append(("", "[DONE]")),
        lambda e: e.insert(2, ("x", e[2][1])),
    ],
)
def test_gemini_forbids(change: Callable[[Events], object]) -> None:
    refused(Format.GEMINI, change)


def test_gemini_may_say_nothing_or_only_usage() -> None:
    events = stream_of(Format.GEMINI)
    usage = ("", {"usageMetadata": {"totalTokenCount": 3}})
    assert check(Format.GEMINI, [("", {}), *events, usage]) == (True, False)


def test_a_gemini_part_of_the_vendors_own_kind_is_passed_on() -> None:
    events = stream_of(Format.GEMINI)
    part(events, 0).clear()
    part(events, 0).update(somethingNew={"x": 1}, thought="perhaps")
    assert check(Format.GEMINI, events) == (True, False)


def test_a_blocked_prompt_is_a_whole_gemini_answer() -> None:
    blocked = ("", {"promptFeedback": {"blockReason": "SAFETY"}})
    assert check(Format.GEMINI, [blocked]) == (True, False)
    with pytest.raises(GrammarViolation):
        check(Format.GEMINI, [blocked, stream_of(Format.GEMINI)[0]])
