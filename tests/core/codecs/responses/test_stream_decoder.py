"""An upstream's stream to events. Shapes are those of recorded traffic, by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import (
    Media,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Refusal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from aigw_core.codec import Codec
from aigw_core.codecs import CODECS
from aigw_core.codecs.responses import CODEC
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    CitationAdded,
    LogprobsAdded,
    PartStart,
    TextDelta,
    ToolCallDelta,
)
from tests import laws
from tests.core.codecs.responses.wires import (
    added,
    created,
    cuts,
    decode,
    done,
    encode,
    event,
    finished,
    message,
    streams,
    text_stream,
)


def parts_of(*reads: bytes) -> tuple[Any, ...]:
    return collect(decode(*reads)).choices[0].parts


def failure_of(*reads: bytes) -> Failure:
    last = decode(*reads)[-1]
    assert isinstance(last, Failure)
    return last


def test_text_streams_through() -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    events = decode(created(), text_stream("Hel", "lo"), finished(usage=usage))
    assert events[0] == AnswerStart("resp_1", "gpt-5-2025", 1_700_000_001)
    assert [one.text for one in events if isinstance(one, TextDelta)] == ["Hel", "lo"]
    answer = collect(events)
    assert answer.usage == Usage(input=9, output=2)
    assert answer.choices[0].stop.reason is StopReason.END
    assert isinstance(events[-1], AnswerEnd)


def test_events_without_names_are_told_by_their_type() -> None:
    data = created() + text_stream("a", "b") + finished()
    bare = b"".join(line + b"\n" for line in data.split(b"\n") if not line.startswith(b"event:"))
    assert collect(decode(bare)) == collect(decode(data))


def test_a_stream_without_created_or_added_still_has_its_text() -> None:
    delta = event("response.output_text.delta", output_index=0, content_index=0, delta="hi")
    assert parts_of(delta, finished()) == (Text("hi"),)


@pytest.mark.parametrize("marker", [b"data: [DONE]\n\n", b": OPENROUTER PROCESSING\n\n"])
def test_done_markers_and_comments_mean_nothing(marker: bytes) -> None:
    data = [marker, created(), marker, text_stream("a"), marker, finished(), marker]
    assert parts_of(*data) == (Text("a"),)


def test_unknown_events_and_queued_are_ignored() -> None:
    queued = event("response.queued", response={"id": "resp_1", "status": "queued"})
    odd = event("response.something.new", output_index="x", delta=[1])
    assert parts_of(queued, created(), odd, text_stream("a"), finished()) == (Text("a"),)


def test_nothing_follows_the_terminal_event() -> None:
    data = created() + text_stream("a") + finished()
    assert decode(data + created() + b"data: {broken\n\n") == decode(data)


# --- interleaving -------------------------------------------------------------


def test_a_message_may_stream_while_reasoning_is_open() -> None:
    # As OpenRouter sends it: the reasoning item is finished after the message.
    thought = {"item_id": "rs_1", "output_index": 0, "content_index": 0}
    events = decode(
        created(),
        added(0, type="reasoning", id="rs_1", summary=[]),
        event("response.reasoning_text.delta", **thought, delta="think"),
        text_stream("4", index=1),
        event("response.reasoning_text.delta", **thought, delta=" more"),
        event("response.reasoning_text.done", **thought, text="think more"),
        done(
            0,
            type="reasoning",
            id="rs_1",
            summary=[],
            content=[{"type": "reasoning_text", "text": "think more"}],
        ),
        finished(),
    )
    assert collect(events).choices[0].parts == (Reasoning("think more"), Text("4"))


def test_parts_keep_the_order_of_their_items() -> None:
    place = {"output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    late = event("response.output_text.delta", **place, delta="first")
    data = [
        created(),
        added(0, type="message", id="msg_0", role="assistant", content=[]),
        event("response.content_part.added", **place, part=part),
        text_stream("second", index=1),
        late,
        done(0, **message("first", "msg_0")),
        finished(),
    ]
    assert parts_of(*data) == (Text("first"), Text("second"))


# --- what done events fill in -------------------------------------------------


def test_done_repeats_nothing() -> None:
    assert parts_of(created(), text_stream("a", "b"), finished(output=[message("ab")])) == (
        Text("ab"),
    )


def test_done_delivers_what_deltas_did_not() -> None:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    data = [
        created(),
        added(0, type="message", id="msg_1", role="assistant", content=[]),
        event("response.output_text.delta", **place, delta="Hel"),
        event("response.output_text.done", **place, text="Hello"),
        done(0, **message("Hello!")),
        finished(),
    ]
    assert parts_of(*data) == (Text("Hello!"),)


def test_a_text_that_contradicts_its_deltas_does_not_replace_them() -> None:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    data = [
        created(),
        added(0, type="message", id="msg_1", role="assistant", content=[]),
        event("response.output_text.delta", **place, delta="Hello"),
        done(0, **message("Good morning")),
        finished(),
    ]
    assert parts_of(*data) == (Text("Hello"),)


def test_items_that_were_never_streamed_come_from_the_terminal_event() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
    data = [created(), text_stream("a"), finished(output=[message("a"), call])]
    assert parts_of(*data) == (Text("a"), ToolCall("c1", "f", "{}"))


def test_an_empty_terminal_output_takes_nothing_away() -> None:
    # chatgpt.com/backend-api sends the terminal event without output.
    assert parts_of(created(), text_stream("a"), finished(output=[])) == (Text("a"),)


def test_identifiers_that_change_between_events_do_not_double_items() -> None:
    # GitHub Copilot gives an item another identifier in every event.
    data = [created(), text_stream("a", item="x1"), finished(output=[message("a", "x2")])]
    assert parts_of(*data) == (Text("a"),)


# --- reasoning ----------------------------------------------------------------


def summary(index: int, piece: int, *deltas: str) -> bytes:
    place = {"item_id": "rs_1", "output_index": index, "summary_index": piece}
    empty = {"type": "summary_text", "text": ""}
    return b"".join(
        [
            event("response.reasoning_summary_part.added", **place, part=empty),
            *[event("response.reasoning_summary_text.delta", **place, delta=d) for d in deltas],
            event("response.reasoning_summary_text.done", **place, text="".join(deltas)),
        ]
    )


def reasoning(*texts: str, **more: Any) -> dict[str, Any]:
    told = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": "rs_1", "summary": told, **more}


def test_summaries_are_joined_by_a_blank_line() -> None:
    whole = reasoning("One.", "Two.", "Three.")
    data = [
        created(),
        added(0, **reasoning()),
        summary(0, 0, "One", "."),
        summary(0, 1, "Two."),
        done(0, **whole),
        finished(output=[whole]),
    ]
    assert parts_of(*data) == (Reasoning("One.\n\nTwo.\n\nThree.", ReasoningStyle.SUMMARY),)


def test_the_seal_of_item_done_counts() -> None:
    data = [
        created(),
        added(0, **reasoning(encrypted_content="provisional")),
        summary(0, 0, "hm"),
        done(0, **reasoning("hm", encrypted_content="final")),
        finished(output=[reasoning("hm", encrypted_content="yet another")]),
    ]
    (part,) = parts_of(*data)
    assert part.seal.issuer == "responses"
    assert part.seal.kind == "encrypted"
    assert (part.seal.data, part.seal.id) == ("final", "rs_1")


def test_reasoning_that_is_only_sealed_is_not_lost() -> None:
    item = reasoning(encrypted_content="gAAA")
    (part,) = parts_of(created(), added(0, **reasoning()), done(0, **item), finished())
    assert (part.text, part.style) == ("", ReasoningStyle.HIDDEN)
    assert part.seal.data == "gAAA"


def test_reasoning_without_words_and_seal_leaves_no_part() -> None:
    data = [created(), added(0, **reasoning()), done(0, **reasoning()), text_stream("a", index=1)]
    assert parts_of(*data, finished()) == (Text("a"),)


def test_the_same_thoughts_in_two_forms_are_told_once() -> None:
    place = {"item_id": "rs_1", "output_index": 0}
    item = reasoning("short", content=[{"type": "reasoning_text", "text": "at length"}])
    data = [
        created(),
        added(0, **reasoning()),
        event("response.reasoning_text.delta", **place, content_index=0, delta="at length"),
        summary(0, 0, "short"),
        done(0, **item),
        finished(),
    ]
    assert parts_of(*data) == (Reasoning("at length"),)


# --- calls --------------------------------------------------------------------


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather"}


def test_a_call_is_known_by_its_call_id() -> None:
    delta = event("response.function_call_arguments.delta", output_index=0, delta='{"a":')
    rest = event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    whole = done(0, **CALL, arguments='{"a":1}')
    events = decode(created(), added(0, **CALL, arguments=""), delta, rest, whole, finished())
    answer = collect(events)
    assert answer.choices[0].parts == (ToolCall("call_1", "weather", '{"a":1}'),)
    assert answer.choices[0].stop.reason is StopReason.TOOL_USE
    pieces = [one.arguments for one in events if isinstance(one, ToolCallDelta)]
    assert pieces == ['{"a":', "1}"]


def test_arguments_without_deltas_come_once() -> None:
    arguments = event("response.function_call_arguments.done", output_index=0, arguments="{}")
    whole = done(0, **CALL, arguments="{}")
    assert parts_of(created(), added(0, **CALL), arguments, whole, finished()) == (
        ToolCall("call_1", "weather", "{}"),
    )


def test_a_call_whose_name_comes_late_has_all_its_arguments() -> None:
    nameless = added(0, type="function_call", id="fc_1", call_id="call_1", arguments="")
    delta = event("response.function_call_arguments.delta", output_index=0, delta='{"a":')
    data = [created(), nameless, delta, done(0, **CALL, arguments='{"a":1}'), finished()]
    assert parts_of(*data) == (ToolCall("call_1", "weather", '{"a":1}'),)


def test_a_call_that_never_gets_a_name_is_no_answer() -> None:
    nameless = done(0, type="function_call", id="fc_1", call_id="call_1", arguments="{}")
    assert failure_of(created(), nameless, finished()).kind is ErrorKind.UPSTREAM_MALFORMED


def test_free_text_goes_to_a_custom_tool() -> None:
    item = {"type": "custom_tool_call", "id": "ct_1", "call_id": "c1", "name": "sql"}
    delta = event("response.custom_tool_call_input.delta", output_index=0, delta="SELECT ")
    data = [added(0, **item, input=""), delta, done(0, **item, input="SELECT 1"), finished()]
    assert parts_of(*data) == (ToolCall("c1", "sql", "SELECT 1", freeform=True),)


def test_parallel_calls_may_overlap() -> None:
    second = {**CALL, "id": "fc_2", "call_id": "call_2"}
    data = [
        created(),
        added(0, **CALL),
        added(1, **second),
        event("response.function_call_arguments.delta", output_index=1, delta="{}"),
        event("response.function_call_arguments.delta", output_index=0, delta='{"a":1}'),
        done(0, **CALL, arguments='{"a":1}'),
        done(1, **second, arguments="{}"),
        finished(),
    ]
    assert [(part.id, part.arguments) for part in parts_of(*data)] == [
        ("call_1", '{"a":1}'),
        ("call_2", "{}"),
    ]


# --- the rest of an answer ----------------------------------------------------


def test_refusals_have_a_channel_of_their_own() -> None:
    place = {"output_index": 0, "content_index": 0}
    data = [
        added(0, type="message", id="msg_1", role="assistant", content=[]),
        event("response.refusal.delta", **place, delta="I can"),
        event("response.refusal.done", **place, refusal="I cannot"),
        finished(),
    ]
    assert parts_of(*data) == (Refusal("I cannot"),)


def test_annotations_come_once_however_often_they_are_said() -> None:
    cite = {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "start_index": 0,
        "end_index": 2,
    }
    other = {"type": "file_citation", "file_id": "file_1", "filename": "a.pdf", "index": 3}
    place = {"output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "hi", "annotations": [cite, other]}
    events = decode(
        added(0, type="message", id="msg_1", role="assistant", content=[]),
        event("response.output_text.delta", **place, delta="hi"),
        event("response.output_text.annotation.added", **place, annotation=cite),
        event("response.content_part.done", **place, part=part),
        done(0, type="message", id="msg_1", role="assistant", content=[part]),
        finished(),
    )
    cited = [one.citation for one in events if isinstance(one, CitationAdded)]
    assert [(one.url, one.start, one.end) for one in cited] == [
        ("https://a.example", 0, 2),
        (None, None, None),
    ]


def test_logprobs_of_deltas_are_not_doubled_by_done() -> None:
    token = {"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": []}
    place = {"output_index": 0, "content_index": 0}
    events = decode(
        added(0, type="message", id="msg_1", role="assistant", content=[]),
        event("response.output_text.delta", **place, delta="hi", logprobs=[token]),
        event("response.output_text.done", **place, text="hi", logprobs=[token]),
        finished(),
    )
    (one,) = [one for one in events if isinstance(one, LogprobsAdded)]
    assert [token.token for token in one.tokens] == ["hi"]


def test_the_phase_of_a_message_is_told() -> None:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "phase": "commentary"}
    delta = event("response.output_text.delta", output_index=0, content_index=0, delta="a")
    events = decode(added(0, **item, content=[]), delta, finished())
    assert [one.phase for one in events if isinstance(one, PartStart)] == ["commentary"]


def test_pictures_and_hosted_items_come_whole() -> None:
    picture = {"type": "image_generation_call", "id": "ig_1", "result": "AAAA"}
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    data = [done(0, **picture, output_format="webp"), done(1, **search), finished()]
    media, opaque = parts_of(*data)
    assert isinstance(media, Media)
    assert media.source.media_type == "image/webp"  # type: ignore[union-attr]
    assert isinstance(opaque, Opaque)
    assert opaque.label == "web_search_call"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("max_output_tokens", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSAL),
        ("steered", StopReason.OTHER),
    ],
)
def test_incomplete_is_a_stop_and_no_error(reason: str, expected: StopReason) -> None:
    last = finished("incomplete", incomplete_details={"reason": reason})
    stop = collect(decode(created(), text_stream("a"), last)).choices[0].stop
    assert (stop.reason, stop.native) == (expected, reason)


def test_a_cut_call_stays_a_matter_of_tokens() -> None:
    last = finished("incomplete", incomplete_details={"reason": "max_output_tokens"})
    answer = collect(decode(created(), added(0, **CALL), last))
    assert answer.choices[0].stop.reason is StopReason.MAX_TOKENS


# --- failures -----------------------------------------------------------------


def test_a_failed_response_is_a_failure() -> None:
    error = {"code": "rate_limit_exceeded", "message": "slow"}
    last = event("response.failed", response={"status": "failed", "error": error})
    failure = failure_of(created(), text_stream("a"), last)
    assert failure.kind is ErrorKind.RATE_LIMIT
    assert failure.message == "slow"


@pytest.mark.parametrize(
    "data",
    [
        event("error", code="server_error", message="boom", param=None, sequence_number=3),
        event("error", error={"type": "server_error", "code": "server_error", "message": "boom"}),
        b'data: {"error": {"message": "boom"}}\n\n',
        b'data: {"error": "boom"}\n\n',
    ],
    ids=["flat", "nested", "bare", "text"],
)
def test_errors_are_read_flat_and_nested(data: bytes) -> None:
    failure = failure_of(created(), data)
    assert (failure.kind, failure.message) == (ErrorKind.UPSTREAM, "boom")


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_stream_that_breaks_off_failed(cut: int) -> None:
    pieces = [created(), text_stream("a"), text_stream("b", index=1), finished()]
    assert failure_of(*pieces[:cut]).kind is ErrorKind.UPSTREAM_TRUNCATED
    half = b"".join(pieces)[: -len(finished()) // 2]
    assert failure_of(half).kind is ErrorKind.UPSTREAM_TRUNCATED


def test_a_last_event_without_its_blank_line_counts() -> None:
    data = (created() + text_stream("a") + finished()).rstrip(b"\n")
    assert isinstance(decode(data)[-1], AnswerEnd)


@pytest.mark.parametrize(
    "data",
    [
        b"event: response.output_text.delta\ndata: {\n\n",
        b"event: response.output_text.delta\ndata: {}\n\n",
        b'event: response.output_text.delta\ndata: {"delta": 1}\n\n',
        b"data: 7\n\n",
        b"data: <html>\n\n",
        event("response.output_item.done", output_index=0, item={"type": "message", "content": 7}),
        event("response.output_item.added", output_index=0, item="x"),
    ],
)
def test_what_is_no_event_fails_the_stream(data: bytes) -> None:
    assert failure_of(created(), data, text_stream("a")).kind is ErrorKind.UPSTREAM_MALFORMED


# --- half characters ----------------------------------------------------------


def halves(*deltas: str) -> bytes:
    data = text_stream(*deltas)
    return data.replace(b"<high>", b"\\ud83d").replace(b"<low>", b"\\ude00")


def test_a_character_cut_between_deltas_is_joined() -> None:
    data = created() + halves("a<high>", "<low>b") + finished()
    assert parts_of(data) == (Text("a😀b"),)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("refusal", Refusal("😀")),
        ("reasoning_text", Reasoning("😀", ReasoningStyle.RAW)),
        ("reasoning_summary_text", Reasoning("😀", ReasoningStyle.SUMMARY)),
        ("function_call_arguments", ToolCall("call_1", "weather", "😀")),
    ],
)
def test_a_character_cut_between_other_deltas_is_joined(kind: str, part: Part) -> None:
    data = created() + (added(0, **CALL) if isinstance(part, ToolCall) else b"")
    for half in (b"\\ud83d", b"\\ude00"):
        delta = event(f"response.{kind}.delta", output_index=0, delta="@")
        data += delta.replace(b"@", half)
    assert parts_of(data, finished()) == (part,)


@pytest.mark.parametrize("deltas", [("<high>",), ("<high>", "x"), ("<low>",), ("x<high>y",)])
def test_half_a_character_is_replaced(deltas: tuple[str, ...]) -> None:
    expected = "".join(deltas).replace("<high>", "\ufffd").replace("<low>", "\ufffd")
    assert parts_of(created(), halves(*deltas), finished()) == (Text(expected),)


def test_half_a_character_is_replaced_where_nothing_says_the_whole() -> None:
    delta = event("response.output_text.delta", output_index=0, content_index=0, delta="a@")
    assert parts_of(delta.replace(b"@", b"\\ud83d"), finished()) == (Text("a\ufffd"),)


TOKEN = {"token": "<high>", "logprob": -1.0, "top_logprobs": [{"token": "<low>"}]}
PLACE = {"output_index": 0, "content_index": 0}
CITATION = {"type": "url_citation", "url": "<high>", "title": "<low>", "own": {"<low>": "<high>"}}
OWN = {"type": "own_call", "id": "<high>", "own": "<low>"}
HALVES = [
    event("response.output_text.delta", **PLACE, delta="<high>", logprobs=[TOKEN]),
    event("response.output_text.done", **PLACE, text="a<high>", logprobs=[TOKEN]),
    event("response.refusal.delta", **PLACE, delta="<high>"),
    event("response.refusal.done", **PLACE, refusal="<low>"),
    event("response.reasoning_text.delta", **PLACE, delta="<high>", logprobs=[TOKEN]),
    event("response.reasoning_summary_text.delta", **PLACE, delta="<low>"),
    event("response.output_text.annotation.added", **PLACE, annotation=CITATION),
    added(0, type="function_call", call_id="<high>", name="f<high>", namespace="<low>"),
    added(0, type="message", phase="<high>") + text_stream("a"),
    done(0, **OWN),
    done(0, **message("<low>", "<high>", phase="<low>")),
    done(0, type="reasoning", id="<high>", encrypted_content="<low>", summary=[]),
    added(0, **CALL) + event("response.function_call_arguments.delta", **PLACE, delta="<high>"),
]


@pytest.mark.parametrize("data", HALVES)
@pytest.mark.parametrize("client", CODECS.values(), ids=lambda codec: codec.format)
def test_half_a_character_anywhere_leaves_no_mark(data: bytes, client: Codec) -> None:
    stream = created(id="<low>", model="<high>") + data + finished(output=[OWN, OWN])
    named = stream.replace(b"<high>", b"\\ud83d").replace(b"<low>", b"\\ude00")
    bare = b"".join(line + b"\n" for line in named.split(b"\n") if not line.startswith(b"event:"))
    for sent in (named, bare):
        laws.halves_leave_no_marks(CODEC, client, [sent])


@pytest.mark.parametrize(
    ("written", "read"),
    [(b"\\ud83d", '{"a":"\ufffd"}'), (b"\\\\ud83d", '{"a":"\\ud83d"}')],
    ids=["half", "escape"],
)
def test_arguments_lose_half_characters_and_keep_escapes(written: bytes, read: str) -> None:
    whole = done(0, **CALL, arguments='{"a":"@"}').replace(b"@", written)
    data = [created(), added(0, **CALL), whole, finished()]
    assert parts_of(*data) == (ToolCall("call_1", "weather", read),)


# --- laws ---------------------------------------------------------------------

QUICK = settings(max_examples=60, derandomize=True, deadline=None)


@QUICK
@given(streams(interleaved=True), st.lists(st.integers(0, 1 << 20), max_size=6))
def test_any_split_gives_the_same_events(events: list[Any], places: list[int]) -> None:
    data = encode(events)
    assert decode(*cuts(data, places)) == decode(data)


def test_every_cut_in_two_gives_the_same_events() -> None:
    data = created() + halves("ä<high>", "<low>") + text_stream("é", index=1) + finished()
    data = data.replace(b"\n", b"\r\n", 40)
    whole = decode(data)
    for cut in range(len(data)):
        assert decode(data[:cut], data[cut:]) == whole


@QUICK
@given(
    streams(),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 1 << 20),
)
def test_damage_never_breaks_the_grammar(
    events: list[Any], damage: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(encode(events))
    for place, byte in damage:
        data[place % len(data)] = byte
    decode(bytes(data))
    decode(bytes(data[: cut % (len(data) + 1)]))


@QUICK
@given(streams())
def test_events_in_any_order_keep_the_grammar(events: list[Any]) -> None:
    blocks = encode(events).split(b"\n\n")[:-1]
    for step in (2, 3, 5):
        mixed = [block for start in range(step) for block in blocks[start::step]]
        decode(b"\n\n".join(mixed) + b"\n\n")
        decode(b"\n\n".join([*blocks[:-1], *mixed]) + b"\n\n")


def test_a_closed_decoder_is_silent() -> None:
    decoder = CODEC.stream_decoder()
    decoder.feed(created() + finished())
    assert decoder.feed(text_stream("late")) == []
    assert decoder.eof() == []
