"""Events to a client's stream: the life of every item, the echo of the request,
and the ways an answer can end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from aigw_core.chat import (
    ChatRequest,
    Citation,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    ReasoningStyle,
    Seal,
    StopReason,
    TokenLogprob,
    Usage,
)
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs.responses import CODEC
from aigw_core.collect import collect, explode
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerStart,
    CitationAdded,
    LogprobsAdded,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from tests.core.codecs.responses.wires import (
    CONTEXT,
    START,
    answer,
    call_part,
    decode,
    encode,
    kinds,
    read_events,
    streams,
    text_part,
)


def last_of(data: bytes) -> dict[str, Any]:
    response: dict[str, Any] = read_events(data)[-1]["response"]
    return response


def items_of(data: bytes) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = last_of(data)["output"]
    return items


def test_a_text_lives_its_whole_life() -> None:
    data = encode(answer(text_part(0, "Hel", "lo"), usage=Usage(input=3, output=2)))
    assert kinds(data) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    (item,) = items_of(data)
    assert item["content"][0]["text"] == "Hello"
    assert item["status"] == "completed"
    assert last_of(data)["usage"]["total_tokens"] == 5


def test_lifecycle_events_agree_about_the_answer() -> None:
    events = read_events(encode(answer(text_part(0, "a"))))
    whole = [found["response"] for found in events if "response" in found]
    assert {one["id"] for one in whole} == {"resp_up"}
    assert {one["model"] for one in whole} == {"client-model"}
    assert {one["created_at"] for one in whole} == {1_600_000_000}
    assert [one["output"] for one in whole[:2]] == [[], []]


@pytest.mark.parametrize(
    ("upstream", "shown"),
    [
        ("resp_7", "resp_7"),
        ("chatcmpl-7", "resp_chatcmpl-7"),
        ("", "resp_a1b2"),
        ("a\nb", "resp_a1b2"),
        ("x" * 500, "resp_a1b2"),
    ],
)
def test_the_upstream_names_the_answer_where_it_can(upstream: str, shown: str) -> None:
    events = answer(text_part(0, "a"))
    events[0] = AnswerStart(upstream, "up", None)
    response = last_of(encode(events))
    assert (response["id"], response["created_at"]) == (shown, CONTEXT.created)


def test_item_names_depend_on_place_alone() -> None:
    one = encode(answer(text_part(0, "a"), call_part(1, "{}")))
    other = encode(answer(text_part(0, "b", "c"), call_part(1, "{}")))
    names = [item["id"] for item in items_of(one)]
    assert names == [item["id"] for item in items_of(other)]
    assert len(set(names)) == 2


def test_texts_in_a_row_are_parts_of_one_message() -> None:
    # As when Messages splits a text at its citations.
    data = encode(answer(text_part(0, "a"), text_part(1, "b"), text_part(2, "c")))
    (item,) = items_of(data)
    assert [part["text"] for part in item["content"]] == ["a", "b", "c"]


def test_a_text_after_a_call_is_a_new_message() -> None:
    data = encode(answer(text_part(0, "a"), call_part(1, "{}"), text_part(2, "b")))
    assert [item["type"] for item in items_of(data)] == ["message", "function_call", "message"]


def test_texts_of_different_phases_are_different_messages() -> None:
    parts: list[list[StreamEvent]] = [
        [PartStart(n, PartKind.TEXT, phase=phase), TextDelta(n, "a"), PartEnd(n)]
        for n, phase in enumerate(("commentary", "final_answer"))
    ]
    assert [item["phase"] for item in items_of(encode(answer(*parts)))] == [
        "commentary",
        "final_answer",
    ]


def test_an_answer_without_anything_is_an_empty_message() -> None:
    (item,) = items_of(encode(answer()))
    assert item["content"] == [
        {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    ]
    assert items_of(encode(answer(stop=StopReason.REFUSAL))) == []


def test_parts_that_hold_nothing_leave_no_trace() -> None:
    empty: list[StreamEvent] = [PartStart(0, PartKind.REASONING), PartEnd(0)]
    blank: list[StreamEvent] = [PartStart(1, PartKind.TEXT), PartEnd(1)]
    assert [item["type"] for item in items_of(encode(answer(empty, blank, call_part(2))))] == [
        "function_call"
    ]


def test_parts_that_overlap_stay_in_the_order_of_their_start() -> None:
    events: list[StreamEvent] = [
        PartStart(0, PartKind.REASONING),
        PartStart(1, PartKind.TEXT),
        TextDelta(1, "answer"),
        ReasoningDelta(0, "why"),
        PartEnd(0),
        PartEnd(1),
    ]
    data = encode(answer(events))
    assert [item["type"] for item in items_of(data)] == ["reasoning", "message"]
    assert collect(decode(data)).choices[0].parts == collect(answer(events)).choices[0].parts


# --- calls --------------------------------------------------------------------


def test_arguments_pass_as_they_are() -> None:
    text = '{"n": 9223372036854775807, "x": 1e400, "broken": '
    data = encode(answer(call_part(0, text[:9], text[9:])))
    (item,) = items_of(data)
    assert item["arguments"] == text
    assert (item["call_id"], item["name"]) == ("call_0", "f")


def test_a_call_without_arguments_has_an_empty_object() -> None:
    data = encode(answer(call_part(0)))
    assert items_of(data)[0]["arguments"] == "{}"
    assert "".join(one.get("delta", "") for one in read_events(data)) == "{}"


def test_a_free_text_call_is_a_custom_call() -> None:
    start = PartStart(0, PartKind.TOOL_CALL, id="c", name="sql", freeform=True)
    data = encode(answer([start, ToolCallDelta(0, "SELECT 1"), PartEnd(0)]))
    (item,) = items_of(data)
    assert (item["type"], item["input"]) == ("custom_tool_call", "SELECT 1")
    assert "custom_tool_call_input.done" in kinds(data)


def test_an_answer_cut_short_marks_its_last_item() -> None:
    data = encode(answer(call_part(0, "{}"), call_part(1, '{"a'), stop=StopReason.MAX_TOKENS))
    assert [item["status"] for item in items_of(data)] == ["completed", "incomplete"]
    assert last_of(data)["incomplete_details"] == {"reason": "max_output_tokens"}
    assert kinds(data)[-1] == "incomplete"


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        (StopReason.END, "completed", None),
        (StopReason.STOP_SEQUENCE, "completed", None),
        (StopReason.OTHER, "completed", None),
        (StopReason.CONTEXT_FULL, "incomplete", {"reason": "max_output_tokens"}),
        (StopReason.PAUSE, "incomplete", {"reason": "max_output_tokens"}),
        (StopReason.REFUSAL, "incomplete", {"reason": "content_filter"}),
    ],
)
def test_reasons_become_a_status(reason: StopReason, status: str, why: Any) -> None:
    response = last_of(encode(answer(text_part(0, "a"), stop=reason)))
    assert (response["status"], response["incomplete_details"]) == (status, why)


# --- reasoning and seals ------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "field"), [(ReasoningStyle.RAW, "content"), (ReasoningStyle.SUMMARY, "summary")]
)
def test_reasoning_is_shown_as_what_it_is(style: ReasoningStyle, field: str) -> None:
    part: list[StreamEvent] = [
        PartStart(0, PartKind.REASONING, style=style),
        ReasoningDelta(0, "hm"),
        PartEnd(0),
    ]
    (item,) = items_of(encode(answer(part, stop=StopReason.REFUSAL)))
    assert [piece["text"] for piece in item[field]] == ["hm"]


@pytest.mark.parametrize(
    ("issuer", "carried"), [("responses", True), ("aigw", True), ("messages", False)]
)
def test_only_own_seals_and_envelopes_are_carried(issuer: str, carried: bool) -> None:
    part: list[StreamEvent] = [
        PartStart(0, PartKind.REASONING, style=ReasoningStyle.HIDDEN),
        PartSealed(0, Seal(issuer, "encrypted", "gAAA")),
        PartEnd(0),
    ]
    items = items_of(encode(answer(part, stop=StopReason.REFUSAL)))
    assert [item.get("encrypted_content") for item in items] == (["gAAA"] if carried else [])


def test_the_seal_of_a_call_follows_in_a_reasoning_item() -> None:
    part = call_part(0, "{}")
    part.insert(2, PartSealed(0, Seal("aigw", "thought_signature", "c2VhbA==")))
    data = encode(answer(part))
    call, reasoning = items_of(data)
    assert call["type"] == "function_call"
    assert (reasoning["encrypted_content"], reasoning["summary"]) == ("c2VhbA==", [])


def test_an_upstreams_own_reasoning_keeps_its_name() -> None:
    # The vendor refuses encrypted content under another identifier.
    part: list[StreamEvent] = [
        PartStart(0, PartKind.REASONING, id="rs_up", style=ReasoningStyle.HIDDEN),
        PartSealed(0, Seal("responses", "encrypted", "gAAA", "rs_up")),
        PartEnd(0),
    ]
    events = answer(part)
    assert items_of(encode(events))[0]["id"] == "rs_up"
    body = CODEC.encode_response(collect(events), CONTEXT)
    assert msgspec.json.decode(body)["output"][0]["id"] == "rs_up"


# --- what comes with a text ---------------------------------------------------


def test_citations_become_annotations() -> None:
    native = Native(Format.RESPONSES, b'{"type":"file_citation","file_id":"f","index":1}')
    part = text_part(0, "sun", "ny")
    part[1:1] = [
        CitationAdded(0, Citation(url="https://whole.example", title="W")),
        CitationAdded(0, Citation(url="https://span.example", start=0, end=3)),
        CitationAdded(0, Citation(native=native)),
        CitationAdded(0, Citation(cited_text="no address")),
    ]
    data = encode(answer(part))
    annotations = items_of(data)[0]["content"][0]["annotations"]
    assert [one.get("url") for one in annotations] == [
        "https://span.example",
        None,
        "https://whole.example",
    ]
    assert (annotations[2]["start_index"], annotations[2]["end_index"]) == (0, 5)
    told = [one["annotation"] for one in read_events(data) if "annotation" in one]
    assert told == annotations


def test_logprobs_come_with_deltas_and_at_the_end() -> None:
    token = TokenLogprob("hi", -0.5, None, (TokenLogprob("ho", -1.5, (104, 111)),))
    part = text_part(0, "hi")
    part.insert(2, LogprobsAdded(0, (token,)))
    data = encode(answer(part))
    (written,) = items_of(data)[0]["content"][0]["logprobs"]
    assert written["bytes"] == [104, 105]
    assert written["top_logprobs"][0]["bytes"] == [104, 111]
    assert any(one.get("logprobs") and "delta" in one for one in read_events(data))


def test_pictures_become_image_generation_items() -> None:
    media = Media(MediaKind.IMAGE, Inline("image/png", "AAAA"))
    data = encode(answer([PartStart(0, PartKind.MEDIA, media=media), PartEnd(0)]))
    (item,) = items_of(data)
    assert (item["type"], item["result"]) == ("image_generation_call", "AAAA")


def test_items_of_this_format_pass_and_those_of_others_do_not() -> None:
    parts: list[list[StreamEvent]] = []
    for number, name in enumerate((Format.RESPONSES, Format.MESSAGES)):
        opaque = Opaque(Native(name, b'{\n"type":"compaction",\n"id":"c"}'), "compaction")
        parts.append([PartStart(number, PartKind.OPAQUE, opaque=opaque), PartEnd(number)])
    data = encode(answer(*parts))
    assert items_of(data) == [{"type": "compaction", "id": "c"}]


def test_a_web_search_of_another_vendor_is_shown_as_one() -> None:
    start = PartStart(0, PartKind.TOOL_CALL, id="s", name="web_search", server=True)
    search: list[StreamEvent] = [start, ToolCallDelta(0, '{"query":"sun"}'), PartEnd(0)]
    item, _ = items_of(encode(answer(search, text_part(1, "a"))))
    assert (item["type"], item["action"]["query"]) == ("web_search_call", "sun")
    start = PartStart(0, PartKind.TOOL_CALL, id="s", name="code", server=True)
    assert len(items_of(encode(answer([start, PartEnd(0)], text_part(1, "a"))))) == 1


# --- the echo of the request --------------------------------------------------


def request(**fields: Any) -> ChatRequest:
    body = {"model": "m", "input": "x", **fields}
    return CODEC.decode_request(Inbound(msgspec.json.encode(body)))


def test_the_requests_settings_are_echoed() -> None:
    asked: dict[str, Any] = {
        "instructions": "Be brief.",
        "max_output_tokens": 50,
        "temperature": 0.5,
        "tools": [
            {"type": "function", "name": "f", "parameters": {}, "strict": True},
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "prompt_cache_key": "k",
        "truncation": "auto",
        "service_tier": "flex",
    }
    context = msgspec.structs.replace(CONTEXT, request=request(**asked))
    response = last_of(encode(answer(text_part(0, "a")), context))
    assert {name: response[name] for name in asked} == asked
    assert response["store"] is False


def test_a_response_says_that_it_is_not_stored() -> None:
    assert last_of(encode(answer()))["store"] is False
    for stored in (True, False):
        context = msgspec.structs.replace(CONTEXT, request=request(store=stored))
        assert last_of(encode(answer(), context))["store"] is stored


# --- failures -----------------------------------------------------------------

BUSY = Failure(ErrorKind.OVERLOADED, "the upstream is busy\n\ndata: x")


def test_a_failure_before_the_answer_is_a_bare_error() -> None:
    (error,) = read_events(encode([BUSY]))
    assert error["type"] == "error"
    assert error["message"] == BUSY.message
    assert error["code"] == "server_is_overloaded"
    assert error["param"] is None


def test_a_failure_ends_what_is_open() -> None:
    events: list[StreamEvent] = [START, *text_part(0, "whole"), *call_part(1, '{"a')[:-1], BUSY]
    data = encode(events)
    assert kinds(data)[-1] == "failed"
    assert "completed" not in kinds(data)
    response = last_of(data)
    assert response["error"]["message"] == BUSY.message
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["output"][1]["arguments"] == '{"a'


def test_the_last_item_before_a_failure_may_not_be_whole() -> None:
    data = encode([START, *call_part(0, "{}"), *text_part(1, "a"), BUSY])
    assert [item["status"] for item in items_of(data)] == ["completed", "incomplete"]


def test_nothing_follows_a_failure() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    encoder.encode([START, BUSY])
    assert encoder.encode(text_part(0, "late")) == b""
    assert encoder.keepalive() == b""


def test_an_answer_larger_than_allowed_fails() -> None:
    context = AnswerContext(model="m", id="x", created=1, max_held=100)
    data = encode(answer(text_part(0, *["0123456789"] * 50)), context)
    assert kinds(data)[-1] == "failed"
    assert len(data) < 20_000


def test_a_picture_larger_than_allowed_fails() -> None:
    context = AnswerContext(model="m", id="x", created=1, max_held=100)
    media = Media(MediaKind.IMAGE, Inline("image/png", "A" * 200))
    part: list[StreamEvent] = [PartStart(0, PartKind.MEDIA, media=media), PartEnd(0)]
    assert kinds(encode(answer(part, text_part(1, "a")), context))[-1] == "failed"


def test_a_keepalive_is_a_comment() -> None:
    assert CODEC.stream_encoder(CONTEXT).keepalive().startswith(b":")


# --- laws ---------------------------------------------------------------------

QUICK = settings(max_examples=60, derandomize=True, deadline=None)


@QUICK
@given(streams(interleaved=True))
def test_what_is_written_is_read_again(events: list[StreamEvent]) -> None:
    again = decode(encode(events))
    assert collect(again).choices == collect(events).choices
    assert collect(again).usage == collect(events).usage


@QUICK
@given(streams())
def test_an_answer_and_its_stream_end_in_the_same_object(events: list[StreamEvent]) -> None:
    response = collect(events)
    whole = msgspec.json.decode(CODEC.encode_response(response, CONTEXT))
    assert whole == last_of(encode(events))
    assert collect(explode(response)) == response


@QUICK
@given(streams(interleaved=True))
def test_batches_make_no_difference(events: list[StreamEvent]) -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    assert b"".join(encoder.encode([event]) for event in events) == encode(events)


@QUICK
@given(streams(interleaved=True))
def test_lines_hold_no_line_separators(events: list[StreamEvent]) -> None:
    data = encode(events)
    read_events(data)
    assert len(data.decode().splitlines()) == data.count(b"\n")
