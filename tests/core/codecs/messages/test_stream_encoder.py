"""What a client of the Messages format is sent, event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import (
    Citation,
    Format,
    Media,
    MediaKind,
    Native,
    Opaque,
    Seal,
    Stop,
    StopReason,
    Url,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.messages import CODEC
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    CitationAdded,
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
from tests.core.codecs.messages.wire_text import CONTEXT, FULL_STREAM, feed_all

START = AnswerStart("chatcmpl-1", "up")
END: list[StreamEvent] = [ChoiceStop(Stop(StopReason.END)), AnswerEnd()]


def encode(*batches: list[StreamEvent]) -> list[dict[str, Any]]:
    encoder = CODEC.stream_encoder(CONTEXT)
    return read(b"".join(encoder.encode(batch) for batch in batches))


def read(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream; their names are checked."""
    documents = []
    assert data.endswith(b"\n\n")
    for piece in data.split(b"\n\n")[:-1]:
        name, line = piece.split(b"\n")
        document = json.loads(line.removeprefix(b"data: "))
        assert name == b"event: " + document["type"].encode()
        documents.append(document)
    return documents


def blocks(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item["content_block"] for item in documents if item["type"] == "content_block_start"]


def deltas(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item["delta"] for item in documents if item["type"] == "content_block_delta"]


def text(part: int, *pieces: str) -> list[StreamEvent]:
    return [PartStart(part, PartKind.TEXT), *[TextDelta(part, p) for p in pieces], PartEnd(part)]


def call(part: int, arguments: str = "{}", **fields: Any) -> list[StreamEvent]:
    start = PartStart(part, PartKind.TOOL_CALL, id=f"call_{part}", name="f", **fields)
    return [start, ToolCallDelta(part, arguments), PartEnd(part)]


def test_message_starts_at_once_and_tells_usage_at_the_end() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    (start,) = read(encoder.encode([START]))
    assert start["message"]["id"] == "msg_chatcmpl-1"
    assert start["message"]["model"] == "client-model"
    assert start["message"]["usage"]["input_tokens"] == 0
    assert start["message"]["usage"]["output_tokens"] == 0
    usage = Usage(input=10, cache_read=85, cache_write=5, output=3, reasoning=4)
    *_, change, stop = read(encoder.encode([*text(0, "a"), *END[:1], UsageReport(usage), END[1]]))
    assert change["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 85,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    assert stop == {"type": "message_stop"}


def test_usage_that_is_known_at_the_start_is_in_it() -> None:
    known = AnswerStart("msg_1", "up", usage=Usage(input=9, output=1))
    start = encode([known, *END])[0]
    assert start["message"]["usage"]["input_tokens"] == 9


def test_blocks_are_numbered_without_gaps() -> None:
    events = [START, *text(0, "a"), *call(1), *text(2, "b"), *END]
    documents = encode(events)
    assert [item["index"] for item in documents if "index" in item] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [item["type"] for item in blocks(documents)] == ["text", "tool_use", "text"]
    assert documents[-2]["delta"]["stop_reason"] == "tool_use"


def test_answer_without_content_is_whole() -> None:
    documents = encode([START, *END])
    assert [item["type"] for item in documents] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    assert documents[1]["delta"]["stop_reason"] == "end_turn"


def test_parts_with_nothing_to_show_leave_no_block() -> None:
    foreign = Seal("gemini", "thought_signature", "sig")
    events: list[StreamEvent] = [
        START,
        *text(0),
        PartStart(1, PartKind.REASONING),
        PartSealed(1, foreign),
        PartEnd(1),
        PartStart(2, PartKind.MEDIA, media=Media(MediaKind.IMAGE, Url("https://x"))),
        PartEnd(2),
        PartStart(3, PartKind.OPAQUE, opaque=Opaque(Native(Format.RESPONSES, b"{}"), "x")),
        PartEnd(3),
        *call(4, server=True),
        *text(5, "a"),
        *END,
    ]
    documents = encode(events)
    assert blocks(documents) == [{"type": "text", "text": ""}]
    assert documents[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize("width", [1, 2, 3, 99])
def test_batches_do_not_matter_to_interleaved_parts(width: int) -> None:
    events: list[StreamEvent] = [START]
    starts: list[StreamEvent] = [PartStart(part, PartKind.TEXT) for part in range(3)]
    events += starts
    for number in range(4):
        events += [TextDelta(part, f"{part}{number}") for part in (2, 0, 1)]
    events += [PartEnd(1), PartEnd(0), PartEnd(2), *text(3, "x"), *END]
    assert encode(*[events[at : at + width] for at in range(0, len(events), width)]) == encode(
        events
    )
    assert "".join(item["text"] for item in deltas(encode(events))) == (
        "00010203" + "10111213" + "20212223" + "x"
    )


def test_interleaved_parts_come_one_after_another() -> None:
    events: list[list[StreamEvent]] = [
        [START, PartStart(0, PartKind.REASONING), ReasoningDelta(0, "a")],
        [PartStart(1, PartKind.TEXT), TextDelta(1, "x"), ReasoningDelta(0, "b")],
        [
            PartStart(2, PartKind.TOOL_CALL, id="c", name="f"),
            ToolCallDelta(2, "{"),
            TextDelta(1, "y"),
        ],
        [PartEnd(1), PartEnd(0), ToolCallDelta(2, "}")],
        [PartEnd(2), *text(3, "z"), *END],
    ]
    documents = encode(*events)
    assert [item["type"] for item in blocks(documents)] == ["thinking", "text", "tool_use", "text"]
    open_block = -1
    for item in documents:
        if item["type"] == "content_block_start":
            open_block = item["index"]
        elif "index" in item:
            assert item["index"] == open_block
    assert [next(iter(set(delta) - {"type"})) for delta in deltas(documents)] == [
        "thinking", "thinking", "text", "text", "partial_json", "partial_json", "text"
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1, 2, 99])
def test_what_waits_is_bounded(width: int) -> None:
    encoder = CODEC.stream_encoder(AnswerContext("m", "id", 0, max_held=100))
    events: list[StreamEvent] = [
        START,
        PartStart(0, PartKind.TEXT),
        TextDelta(0, "a"),
        PartStart(1, PartKind.TEXT),
        TextDelta(1, "x" * 100),
        TextDelta(0, "b" * 500),
        TextDelta(1, "x"),
        TextDelta(0, "c"),
    ]
    data = b"".join(encoder.encode(events[at : at + width]) for at in range(0, len(events), width))
    documents = read(data)
    assert documents[-1]["type"] == "error"
    assert [item["text"] for item in deltas(documents)] == ["a", "b" * 500]


def test_only_the_first_choice_is_written() -> None:
    events: list[StreamEvent] = [
        START,
        PartStart(0, PartKind.TEXT),
        PartStart(0, PartKind.TEXT, choice=1),
        TextDelta(0, "no", choice=1),
        TextDelta(0, "yes"),
        PartEnd(0, choice=1),
        ChoiceStop(Stop(StopReason.MAX_TOKENS), choice=1),
        PartEnd(0),
        *END,
    ]
    documents = encode(events)
    assert [item["text"] for item in deltas(documents)] == ["yes"]
    assert documents[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize("issuer", ["messages", "aigw"])
def test_signature_comes_whole_and_last(issuer: str) -> None:
    events: list[StreamEvent] = [
        START,
        PartStart(0, PartKind.REASONING),
        ReasoningDelta(0, "a"),
        PartSealed(0, Seal(issuer, "signature", "sig")),
        PartEnd(0),
        *END,
    ]
    assert deltas(encode(events)) == [
        {"type": "thinking_delta", "thinking": "a"},
        {"type": "signature_delta", "signature": "sig"},
    ]


def test_hidden_thoughts_are_carried() -> None:
    events: list[StreamEvent] = [
        START,
        PartStart(0, PartKind.REASONING),
        PartSealed(0, Seal("messages", "redacted", "blob")),
        PartEnd(0),
        PartStart(1, PartKind.REASONING),
        PartSealed(1, Seal("aigw", "encrypted", "AGW1")),
        PartEnd(1),
        *END,
    ]
    documents = encode(events)
    assert blocks(documents) == [
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "thinking", "thinking": "", "signature": ""},
    ]
    assert deltas(documents) == [{"type": "signature_delta", "signature": "AGW1"}]


@pytest.mark.parametrize("width", [1, 99])
def test_seal_of_a_call_goes_in_front_of_it(width: int) -> None:
    start, delta, end = call(0)
    seal = PartSealed(0, Seal("aigw", "thought_signature", "AGW1"))
    events = [START, start, delta, seal, end, *END]
    documents = encode(*[events[at : at + width] for at in range(0, len(events), width)])
    assert [item["type"] for item in blocks(documents)] == ["thinking", "tool_use"]
    assert deltas(documents) == [
        {"type": "signature_delta", "signature": "AGW1"},
        {"type": "input_json_delta", "partial_json": "{}"},
    ]


@pytest.mark.parametrize("width", [1, 99])
def test_seal_of_a_text_goes_behind_it(width: int) -> None:
    seal = PartSealed(0, Seal("aigw", "thought_signature", "AGW1"))
    start: list[StreamEvent] = [PartStart(0, PartKind.TEXT), TextDelta(0, "a")]
    events = [START, *start, seal, PartEnd(0), *END]
    documents = encode(*[events[at : at + width] for at in range(0, len(events), width)])
    assert [item["type"] for item in blocks(documents)] == ["text", "thinking"]


def test_arguments_flow_once_the_second_piece_came() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    encoder.encode([START, PartStart(0, PartKind.TOOL_CALL, id="c", name="f")])
    assert encoder.encode([ToolCallDelta(0, "{")]) == b""
    opened = read(encoder.encode([ToolCallDelta(0, '"a"')]))
    assert [item["type"] for item in opened] == ["content_block_start"] + [
        "content_block_delta"
    ] * 2
    assert len(read(encoder.encode([ToolCallDelta(0, ":1}")]))) == 1


def test_only_citations_of_this_vendor_are_shown() -> None:
    own = Native(Format.MESSAGES, b'{"type":"char_location","cited_text":"q"}')
    events: list[StreamEvent] = [
        START,
        PartStart(0, PartKind.TEXT),
        CitationAdded(0, Citation(native=own)),
        CitationAdded(0, Citation(url="https://x", native=Native(Format.CHAT, b"{}"))),
        TextDelta(0, "a"),
        PartEnd(0),
        *END,
    ]
    kinds = [item["type"] for item in deltas(encode(events))]
    assert kinds == ["citations_delta", "text_delta"]


def test_refusal_in_words_is_text() -> None:
    events = [START, PartStart(0, PartKind.REFUSAL), RefusalDelta(0, "No."), PartEnd(0), *END]
    assert deltas(encode(events)) == [{"type": "text_delta", "text": "No."}]


def test_free_text_of_a_tool_is_wrapped() -> None:
    start = PartStart(0, PartKind.TOOL_CALL, id="c", name="f", freeform=True)
    pieces: list[StreamEvent] = [ToolCallDelta(0, 'say "hi"\n'), ToolCallDelta(0, "\\o/")]
    documents = encode([START, start, *pieces, PartEnd(0), *END])
    arguments = "".join(item["partial_json"] for item in deltas(documents))
    assert json.loads(arguments) == {"input": 'say "hi"\n\\o/'}


def test_illegal_ids_become_legal_ones() -> None:
    start = PartStart(0, PartKind.TOOL_CALL, id="call|1 x", name="f")
    (shown,) = blocks(encode([START, start, PartEnd(0), *END]))
    (again,) = blocks(encode([START, start, PartEnd(0), *END]))
    assert shown == again
    assert set(shown["id"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_line_separators_are_escaped() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    data = encoder.encode([START, *text(0, "a\u2028b\u2029c\u0085d\r\ne"), *END])
    assert len(data.decode().splitlines()) == data.count(b"\n")
    assert deltas(read(data))[0]["text"] == "a\u2028b\u2029c\u0085d\r\ne"


@pytest.mark.parametrize("opened", [True, False])
def test_failure_is_the_error_event_and_nothing_more(opened: bool) -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    if opened:
        encoder.encode([START, PartStart(0, PartKind.TEXT), TextDelta(0, "half")])
    error = encoder.encode([Failure(ErrorKind.OVERLOADED, "busy")])
    assert read(error) == [
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "busy"},
            "request_id": "req_1",
        }
    ]
    assert encoder.encode([TextDelta(0, "more")]) == b""
    assert encoder.keepalive() == b""


def test_keepalive_is_a_comment_first_and_then_a_ping() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    assert encoder.keepalive() == b": keepalive\n\n"
    encoder.encode([START])
    assert read(encoder.keepalive()) == [{"type": "ping"}]
    encoder.encode(END)
    assert encoder.keepalive() == b""


def test_stream_of_this_vendor_comes_through_whole() -> None:
    events = feed_all(CODEC.stream_decoder(), [FULL_STREAM])
    data = CODEC.stream_encoder(CONTEXT).encode(events)
    assert collect(feed_all(CODEC.stream_decoder(), [data])).choices == collect(events).choices
    assert collect(feed_all(CODEC.stream_decoder(), [data])).usage == collect(events).usage


def test_batches_do_not_matter() -> None:
    events = feed_all(CODEC.stream_decoder(), [FULL_STREAM])
    whole = CODEC.stream_encoder(CONTEXT).encode(events)
    encoder = CODEC.stream_encoder(CONTEXT)
    assert b"".join(encoder.encode([item]) for item in events) == whole
