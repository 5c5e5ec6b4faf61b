"""An upstream's Messages stream becomes legal stream events, whatever it holds."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import Opaque, Reasoning, ReasoningStyle, StopReason, Text, ToolCall, Usage
from aigw_core.codecs.messages import CODEC
from aigw_core.codecs.messages.stream import StreamDecoder
from aigw_core.collect import Collector, collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    CitationAdded,
    PartStart,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from tests.core.codecs.messages.wire_text import (
    FULL_STREAM,
    PING,
    block,
    call_block,
    check_order,
    ending,
    event,
    feed_all,
    message_start,
    text_block,
)


def decode(*pieces: bytes) -> list[Any]:
    events = feed_all(CODEC.stream_decoder(), [b"".join(pieces)])
    check_order(events)
    return events


def failure(*pieces: bytes) -> Failure:
    last = decode(*pieces)[-1]
    assert isinstance(last, Failure)
    return last


def text_of(events: list[Any]) -> str:
    return "".join(item.text for item in events if isinstance(item, TextDelta))


def test_all_kinds_of_blocks_in_order() -> None:
    answer = collect(decode(FULL_STREAM))
    kinds = [type(part) for part in answer.choices[0].parts]
    assert kinds == [
        Reasoning, Reasoning, Text, Text, ToolCall, Opaque, ToolCall, ToolCall
    ]  # fmt: skip
    thought, hidden, text, cited, search, found, call, bare = answer.choices[0].parts
    assert isinstance(thought, Reasoning)
    assert thought.text == "Let me see… 東京"
    assert thought.seal is not None
    assert (thought.seal.kind, thought.seal.data) == ("signature", "EqUvELGo9M==")
    assert isinstance(hidden, Reasoning)
    assert hidden.style is ReasoningStyle.HIDDEN
    assert hidden.seal is not None
    assert (hidden.seal.kind, hidden.seal.data) == ("redacted", "EqVqjTwn")
    assert isinstance(text, Text)
    assert text.text == "Grüß Gott\u2028😀"
    assert isinstance(cited, Text)
    assert (cited.citations[0].url, cited.citations[0].title) == ("https://example.com/a", "A")
    assert isinstance(search, ToolCall)
    assert search.server
    assert search.arguments == '{"query": "x"}'
    assert isinstance(found, Opaque)
    assert json.loads(found.native.raw)["tool_use_id"] == "srvtoolu_1"
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"city": "Zürich", "days": 2.50}'
    assert isinstance(bare, ToolCall)
    assert bare.arguments == "{}"
    assert answer.choices[0].stop.reason is StopReason.TOOL_USE


def test_usage_is_disjoint_and_cumulative() -> None:
    reports = [item.usage for item in decode(FULL_STREAM) if isinstance(item, UsageReport)]
    assert reports == [
        Usage(10, 85, 2, 3, output=1, tier="standard"),
        Usage(10, 85, 2, 3, output=25, reasoning=15, tier="standard"),
    ]
    assert reports[-1].input_total == 100


def test_later_counts_replace_earlier_ones_after_compaction() -> None:
    start = message_start(
        {"input_tokens": 100, "cache_read_input_tokens": 55096, "output_tokens": 1}
    )
    usage = {"input_tokens": 181, "cache_read_input_tokens": 0, "output_tokens": 8}
    report = decode(start, text_block(0, "hi"), ending(usage=usage))[-3]
    assert report == UsageReport(Usage(181, 0, output=8))


def test_absent_counts_keep_what_the_start_said() -> None:
    start = message_start({"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1})
    events = decode(start, ending(usage={"output_tokens": 4, "input_tokens": None}))
    assert collect(events).usage == Usage(7, 3, output=4)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 64])
def test_narrow_reads_give_the_same_events(width: int) -> None:
    reads = [FULL_STREAM[at : at + width] for at in range(0, len(FULL_STREAM), width)]
    assert feed_all(CODEC.stream_decoder(), reads) == decode(FULL_STREAM)


def test_every_cut_in_two_gives_the_same_events() -> None:
    whole = decode(FULL_STREAM)
    for at in range(0, len(FULL_STREAM), 3):
        halves = [FULL_STREAM[:at], FULL_STREAM[at:]]
        assert feed_all(CODEC.stream_decoder(), halves) == whole


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_other_line_ends_are_read(end: bytes) -> None:
    assert decode(b"\xef\xbb\xbf" + FULL_STREAM.replace(b"\n", end)) == decode(FULL_STREAM)


def test_every_prefix_ends_in_a_failure_unless_the_message_stopped() -> None:
    whole = len(FULL_STREAM)
    for at in range(0, whole, 5):
        events = decode(FULL_STREAM[:at])
        # The last blank line may be missing: the event before it is whole.
        if at < whole - 2:
            assert isinstance(events[-1], Failure), at
            assert events[-1].kind is ErrorKind.UPSTREAM_TRUNCATED


def test_last_event_without_its_blank_line_counts() -> None:
    assert isinstance(decode(FULL_STREAM.rstrip(b"\n"))[-1], AnswerEnd)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_any_damage_gives_legal_events_in_any_split(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(FULL_STREAM)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        action = rng.randrange(4)
        if action == 0:
            data[at] = rng.randrange(256)
        elif action == 1:
            del data[at : at + rng.randrange(40)]
        elif action == 2:
            piece = bytes(data[at : at + rng.randrange(200)])
            data[at:at] = piece
        else:
            other = rng.randrange(len(data))
            data[at : at + 30], data[other : other + 30] = (
                data[other : other + 30],
                data[at : at + 30],
            )
    damaged = bytes(data)
    events = decode(damaged)
    cut = rng.randrange(len(damaged))
    assert feed_all(CODEC.stream_decoder(), [damaged[:cut], damaged[cut:]]) == events


_JUNK: list[Any] = [None, [], {}, "", 0, -1, 1e300, True, "text", [[]], {"type": "text"}]


def test_any_value_anywhere_gives_legal_events() -> None:
    documents = [
        json.loads(line[6:])
        for line in FULL_STREAM.decode().split("\n")
        if line.startswith("data: ")
    ]

    def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        found = [path] if path else []
        if isinstance(value, dict):
            items = list(value.items())
        else:
            items = list(enumerate(value)) if isinstance(value, list) else []
        for key, inner in items:
            found += paths(inner, (*path, key))
        return found

    good = [b"%s\n\n" % piece for piece in FULL_STREAM.split(b"\n\n")[:-1]]
    assert len(good) == len(documents)
    for number, document in enumerate(documents):
        for path in paths(document):
            for junk in _JUNK:
                changed = json.loads(json.dumps(document))
                target = changed
                for key in path[:-1]:
                    target = target[key]
                target[path[-1]] = junk
                lines = list(good)
                data = json.dumps(changed)
                lines[number] = f"event: {document['type']}\ndata: {data}\n\n".encode()
                decode(b"".join(lines))


def test_nothing_follows_the_terminal_event() -> None:
    decoder = CODEC.stream_decoder()
    assert isinstance(decoder.feed(FULL_STREAM)[-1], AnswerEnd)
    assert decoder.feed(FULL_STREAM) == []
    assert decoder.feed(event("error", error={"type": "api_error", "message": "x"})) == []
    assert decoder.eof() == []


def test_ping_inside_a_block_and_padding_do_not_disturb() -> None:
    start = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"})
    padded = delta.replace(b"\n\n", b"       \n\n")
    stop = event("content_block_stop", index=0)
    events = decode(message_start(), start, PING, padded, PING, stop, ending())
    assert text_of(events) == "a"


def test_events_without_their_names_are_known_by_type() -> None:
    bare = b"\n".join(line for line in FULL_STREAM.split(b"\n") if not line.startswith(b"event: "))
    assert decode(bare) == decode(FULL_STREAM)


def test_type_decides_where_name_and_type_differ() -> None:
    wrong = FULL_STREAM.replace(b"event: message_delta", b"event: content_block_delta")
    assert decode(wrong) == decode(FULL_STREAM)


def test_unknown_events_and_done_marker_are_ignored() -> None:
    pieces = [message_start(), event("vendor_event", x=1), b"data: [DONE]\n\n", text_block(0, "a")]
    pieces += [b"event: data\ndata: [DONE]\n\n", ending()]
    assert text_of(decode(*pieces)) == "a"


def test_unknown_block_and_delta_types_survive() -> None:
    start: dict[str, Any] = {"type": "hologram", "depth": 3, "note": "a"}
    deltas: list[dict[str, Any]] = [
        {"type": "hologram_delta", "note": "b"},
        {"type": "hologram_delta", "depth": 4, "colour": "red"},
        {"type": "hologram_delta", "note": "c"},
    ]
    answer = collect(decode(message_start(), block(0, start, *deltas), ending()))
    (part,) = answer.choices[0].parts
    assert isinstance(part, Opaque)
    assert part.label == "hologram"
    assert json.loads(part.native.raw) == {**start, "note": "abc", "depth": 4, "colour": "red"}


def test_unknown_delta_in_a_known_block_is_ignored() -> None:
    deltas = [{"type": "mood_delta", "mood": "calm"}, {"type": "text_delta", "text": "a"}]
    events = decode(message_start(), block(0, {"type": "text", "text": ""}, *deltas), ending())
    assert text_of(events) == "a"


def test_compaction_block_is_put_together() -> None:
    start = {"type": "compaction", "content": None}
    deltas = [
        {"type": "compaction_delta", "content": "The user "},
        {"type": "compaction_delta", "content": "asked"},
    ]
    answer = collect(decode(message_start(), block(0, start, *deltas), ending("compaction")))
    (part,) = answer.choices[0].parts
    assert isinstance(part, Opaque)
    assert json.loads(part.native.raw) == {"type": "compaction", "content": "The user asked"}
    assert answer.choices[0].stop.reason is StopReason.PAUSE


def test_mcp_call_keeps_its_server() -> None:
    start = {
        "type": "mcp_tool_use",
        "id": "mcptoolu_1",
        "name": "ask",
        "server_name": "wiki",
        "input": {},
    }
    delta = {"type": "input_json_delta", "partial_json": '{"q":1}'}
    answer = collect(decode(message_start(), block(0, start, delta), ending()))
    (part,) = answer.choices[0].parts
    assert isinstance(part, ToolCall)
    assert part.server
    assert part.native is not None
    assert json.loads(part.native.raw) == {"type": "mcp_tool_use", "server_name": "wiki"}
    assert answer.choices[0].stop.reason is StopReason.END


def test_answer_may_start_with_a_result_of_a_paused_turn() -> None:
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_0", "content": []}
    answer = collect(decode(message_start(), block(0, result), text_block(1, "so"), ending()))
    assert [type(part) for part in answer.choices[0].parts] == [Opaque, Text]


def test_thinking_with_nothing_but_a_signature_is_kept() -> None:
    start = {"type": "thinking", "thinking": ""}
    delta = {"type": "signature_delta", "signature": "sig"}
    answer = collect(decode(message_start(), block(0, start, delta), ending()))
    (part,) = answer.choices[0].parts
    assert isinstance(part, Reasoning)
    assert part.text == ""
    assert part.seal is not None
    assert part.seal.data == "sig"


def test_empty_signature_is_no_seal() -> None:
    start = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [
        {"type": "thinking_delta", "thinking": "a"},
        {"type": "signature_delta", "signature": ""},
    ]
    answer = collect(decode(message_start(), block(0, start, *deltas), ending()))
    (part,) = answer.choices[0].parts
    assert isinstance(part, Reasoning)
    assert part.seal is None


def test_last_signature_wins() -> None:
    start = {"type": "thinking", "thinking": ""}
    deltas = [{"type": "signature_delta", "signature": name} for name in ("first", "second")]
    answer = collect(decode(message_start(), block(0, start, *deltas), ending()))
    (part,) = answer.choices[0].parts
    assert isinstance(part, Reasoning)
    assert part.seal is not None
    assert part.seal.data == "second"


def test_input_of_the_start_counts_until_a_delta_replaces_it() -> None:
    start: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    delta = {"type": "input_json_delta", "partial_json": '{"b":2}'}
    whole = collect(decode(message_start(), block(0, start), ending("tool_use")))
    replaced = collect(decode(message_start(), block(0, start, delta), ending("tool_use")))
    assert [
        part.arguments
        for part in (*whole.choices[0].parts, *replaced.choices[0].parts)
        if isinstance(part, ToolCall)
    ] == ['{"a": 1}', '{"b":2}']


def test_call_without_an_id_gets_one_that_does_not_change() -> None:
    start = {"type": "tool_use", "id": "", "name": "f", "input": {}}
    data = message_start() + block(0, start) + ending("tool_use")
    body = {
        "type": "message",
        "id": "msg_up",
        "model": "m",
        "content": [start],
        "stop_reason": "tool_use",
    }
    (part,) = collect(decode(data)).choices[0].parts
    (again,) = CODEC.decode_response(json.dumps(body).encode()).choices[0].parts
    assert isinstance(part, ToolCall)
    assert isinstance(again, ToolCall)
    assert part.id == again.id
    assert part.id.startswith("toolu_")


def test_interleaved_blocks_are_told_apart() -> None:
    starts = [
        event("content_block_start", index=index, content_block={"type": "text", "text": ""})
        for index in (0, 1)
    ]
    deltas = [
        event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})
        for index, text in ((0, "a"), (1, "x"), (0, "b"), (1, "y"))
    ]
    stops = [event("content_block_stop", index=index) for index in (1, 0)]
    answer = collect(decode(message_start(), *starts, *deltas, *stops, ending()))
    assert [part.text for part in answer.choices[0].parts if isinstance(part, Text)] == ["ab", "xy"]


def test_block_that_never_stops_is_closed_by_the_end() -> None:
    start = event(
        "content_block_start",
        index=0,
        content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}},
    )
    delta = event(
        "content_block_delta",
        index=0,
        delta={"type": "input_json_delta", "partial_json": '{"a": "b'},
    )
    answer = collect(decode(message_start(), start, delta, ending("max_tokens")))
    (part,) = answer.choices[0].parts
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"a": "b'
    assert answer.choices[0].stop.reason is StopReason.MAX_TOKENS


@pytest.mark.parametrize(
    ("word", "call", "reason"),
    [
        ("end_turn", False, StopReason.END),
        ("end_turn", True, StopReason.TOOL_USE),
        ("tool_use", False, StopReason.END),
        ("stop_sequence", True, StopReason.TOOL_USE),
        ("max_tokens", True, StopReason.MAX_TOKENS),
        ("pause_turn", False, StopReason.PAUSE),
        ("refusal", False, StopReason.REFUSAL),
        ("model_context_window_exceeded", False, StopReason.CONTEXT_FULL),
        ("tired", False, StopReason.OTHER),
        ("tired", True, StopReason.TOOL_USE),
    ],
)
def test_stop_reason_is_mapped_and_repaired(word: str, call: bool, reason: StopReason) -> None:
    part = call_block(0, "{}") if call else text_block(0, "a")
    stop = decode(message_start(), part, ending(word))[-2]
    assert isinstance(stop, ChoiceStop)
    assert stop.stop.reason is reason
    assert stop.stop.native == word


def test_stop_sequence_and_refusal_say_more() -> None:
    stop = decode(message_start(), ending("stop_sequence", stop_sequence="###"))[-2]
    assert stop.stop.sequence == "###"
    details = {"type": "refusal", "category": None, "explanation": "against policy"}
    stop = decode(message_start(), ending("refusal", stop_details=details))[-2]
    assert stop.stop.explanation == "against policy"


def test_null_stop_reason_is_not_the_stop() -> None:
    early = event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 1})
    stop = decode(message_start(), early, text_block(0, "a"), ending("max_tokens"))[-2]
    assert stop.stop.reason is StopReason.MAX_TOKENS


def test_error_event_ends_the_stream() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert failure(error).kind is ErrorKind.OVERLOADED
    assert failure(message_start(), text_block(0, "a"), error, text_block(1, "b")).message == (
        "Overloaded"
    )


@pytest.mark.parametrize(
    "bad",
    [
        b"event: content_block_delta\ndata: {\n\n",
        event("content_block_delta", index=5, delta={"type": "text_delta", "text": "a"}),
        event(
            "content_block_start",
            index=0,
            content_block={"type": "tool_use", "id": "t", "name": ""},
        ),
        event("content_block_start", index="0", content_block={"type": "text", "text": ""}),
        message_start(),
        b"event: message_delta\ndata: nonsense\n\n",
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"\xff"}}\n\n',
    ],
)
def test_impossible_events_fail(bad: bytes) -> None:
    assert failure(message_start(), bad, ending()).kind is ErrorKind.UPSTREAM_MALFORMED


def test_delta_of_another_kind_than_its_block_fails() -> None:
    wrong = block(0, {"type": "text", "text": ""}, {"type": "thinking_delta", "thinking": "a"})
    assert failure(message_start(), wrong, ending()).kind is ErrorKind.UPSTREAM_MALFORMED


def test_content_before_the_start_fails() -> None:
    assert failure(text_block(0, "a")).kind is ErrorKind.UPSTREAM_MALFORMED


def test_a_second_message_in_the_stream_fails() -> None:
    events = decode(message_start(), text_block(0, "a"), message_start(), text_block(0, "b"))
    assert text_of(events) == "a"
    assert events[-1].kind is ErrorKind.UPSTREAM_MALFORMED


def test_line_separators_inside_text_do_not_split() -> None:
    text = "a\u2028b\u0085c\u000cd"
    raw = text_block(0, text).replace(
        json.dumps(text)[1:-1].encode(), text.replace("\f", "\\f").encode()
    )
    assert text_of(decode(message_start(), raw, ending())) == text


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["\\ud83d", "\\ude00"], "😀"),
        (["a\\ud83d", "\\ude00b"], "a😀b"),
        (["a\\ud83d", "b"], "a\ufffdb"),
        (["\\ude00b"], "\ufffdb"),
        (["a\\ud83d"], "a\ufffd"),
        (["a\\ud83dx"], "a\ufffdx"),
    ],
)
@pytest.mark.parametrize("kind", ["text", "thinking", "partial_json"])
def test_halves_of_characters_are_joined_or_replaced(
    pieces: list[str], text: str, kind: str
) -> None:
    start, delta = {
        "text": ({"type": "text", "text": ""}, "text_delta"),
        "thinking": ({"type": "thinking", "thinking": ""}, "thinking_delta"),
        "partial_json": ({"type": "tool_use", "id": "t", "name": "f"}, "input_json_delta"),
    }[kind]
    lines = [event("content_block_start", index=0, content_block=start)]
    for piece in pieces:
        data = '{"type":"content_block_delta","index":0,"delta":{"type":"%s","%s":"%s"}}'
        lines.append(
            b"event: content_block_delta\ndata: %s\n\n" % (data % (delta, kind, piece)).encode()
        )
    events = decode(message_start(), *lines, event("content_block_stop", index=0), ending())
    joined = "".join(
        item.arguments if isinstance(item, ToolCallDelta) else item.text
        for item in events
        if hasattr(item, "text") or isinstance(item, ToolCallDelta)
    )
    assert joined == text


def test_half_a_character_in_an_opaque_block_is_replaced() -> None:
    start = b'{"type":"content_block_start","index":0,"content_block":{"type":"x","y":"\\ud83d"}}'
    line = b"event: content_block_start\ndata: %s\n\n" % start
    events = decode(message_start(), line, event("content_block_stop", index=0), ending())
    (part,) = collect(events).choices[0].parts
    assert isinstance(part, Opaque)
    assert json.loads(part.native.raw) == {"type": "x", "y": "\ufffd"}


def test_too_large_an_event_fails() -> None:
    decoder = StreamDecoder(max_event=2000)
    events = feed_all(decoder, [message_start(), text_block(0, "a" * 3000)])
    check_order(events)
    assert isinstance(events[-1], Failure)
    assert events[-1].kind is ErrorKind.UPSTREAM_MALFORMED


def test_partial_answer_is_what_came() -> None:
    collector = Collector()
    collector.add(decode(message_start(), text_block(0, "half")))
    (part,) = collector.partial.choices[0].parts
    assert part == Text("half")
    assert collector.failure is not None


def test_citations_of_the_start_count() -> None:
    citation = {
        "type": "char_location",
        "document_index": 0,
        "document_title": "D",
        "cited_text": "q",
    }
    start = {"type": "text", "text": "", "citations": [citation]}
    events = decode(message_start(), block(0, start), ending())
    added = [item for item in events if isinstance(item, CitationAdded)]
    assert [item.citation.title for item in added] == ["D"]


def test_start_says_who_answers() -> None:
    events = decode(FULL_STREAM)
    usage = Usage(10, 85, 2, 3, output=1, tier="standard")
    assert events[0] == AnswerStart("msg_up", "up-model", usage=usage)
    assert isinstance(events[2], PartStart)
