"""Streamed answers of a Gemini upstream as events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import (
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Reasoning,
    ReasoningStyle,
    Seal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Usage,
)
from aigw_core.codecs.gemini import CODEC
from aigw_core.collect import Collector, collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartSealed,
    PartStart,
    TextDelta,
    UsageReport,
)
from tests.core.codecs.gemini.helpers import (
    SIGNATURE,
    call,
    chunk,
    decode,
    feed_all,
    merge_deltas,
    splits,
    sse,
    text,
)

SEAL = Seal("gemini", "thought_signature", SIGNATURE)

STREAM = sse(
    chunk(text("I think", thought=True), usageMetadata={"promptTokenCount": 9}),
    chunk(text(" it through", thought=True)),
    chunk(text("Grüße, ")),
    chunk(text("日本 🎉")),
    chunk(call("f", {"n": 1}, thoughtSignature=SIGNATURE), call("g")),
    chunk(
        text("", thoughtSignature=SIGNATURE),
        finish="STOP",
        usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 8, "thoughtsTokenCount": 5},
    ),
)


def failure(data: bytes) -> Failure:
    last = decode(data)[-1]
    assert isinstance(last, Failure)
    return last


def test_parts_are_told_apart_and_keep_their_order() -> None:
    answer = collect(decode(STREAM))
    thought, said, first, second, last = answer.choices[0].parts
    assert thought == Reasoning("I think it through", ReasoningStyle.SUMMARY)
    assert said == Text("Grüße, 日本 🎉")
    assert isinstance(first, ToolCall)
    assert (first.name, first.arguments, first.seal) == ("f", '{"n":1}', SEAL)
    assert isinstance(second, ToolCall)
    assert (second.name, second.arguments, second.seal) == ("g", "{}", None)
    assert last == Text("", seal=SEAL)
    assert answer.choices[0].stop == Stop(StopReason.TOOL_USE, "STOP")
    assert answer.usage == Usage(input=9, output=8, reasoning=5)
    assert (answer.id, answer.model) == ("r-1", "gemini-test-001")


@settings(derandomize=True, max_examples=200)
@given(st.data())
def test_any_split_gives_the_same_events(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from([STREAM, STREAM[:-150], STREAM.replace(b"\r\n", b"\n")]))
    assert decode(data.draw(splits(stream))) == decode(stream)


@settings(derandomize=True, max_examples=300)
@given(st.data())
def test_damaged_streams_obey_the_grammar_at_any_split(data: st.DataObject) -> None:
    damaged = bytearray(STREAM)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from(
                [b"", b"\n", b"\r\n\r\n", b'"', b"{", b"}", b"[", b"null", b"\xff", b"-1"]
            )
        )
    stream = bytes(damaged)
    assert decode(data.draw(splits(stream))) == decode(stream)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["candidates", "content", "parts", "text", "thought", "thoughtSignature", "index",
             "functionCall", "name", "args", "id", "partialArgs", "jsonPath", "finishReason",
             "usageMetadata", "promptFeedback", "blockReason", "error", "code", "message",
             "inlineData", "mimeType", "data", "fileData", "fileUri", "executableCode",
             "groundingMetadata", "groundingSupports", "segment", "logprobsResult"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(derandomize=True, max_examples=400)
@given(st.lists(JSON, max_size=4))
def test_any_json_obeys_the_grammar(documents: list[object]) -> None:
    decode(sse(*documents))


@settings(derandomize=True, max_examples=300)
@given(st.lists(JSON, min_size=1, max_size=4), st.data())
def test_any_candidate_obeys_the_grammar(parts: list[object], data: st.DataObject) -> None:
    finish = data.draw(st.sampled_from(["STOP", 1, "X", None]))
    candidate = {"content": {"parts": parts}, "finishReason": finish}
    decode(sse({"candidates": [candidate]}))


def test_every_prefix_fails_until_the_finish_reason_came() -> None:
    finish_at = STREAM.rindex(b"data:")
    for cut in range(len(STREAM)):
        last = decode(STREAM[:cut])[-1]
        # Without the last blank line the event is whole all the same.
        if cut < len(STREAM) - 4:
            assert isinstance(last, Failure), cut
            assert last.kind is ErrorKind.UPSTREAM_TRUNCATED
        else:
            assert not isinstance(last, Failure)
    assert finish_at > 0


def test_the_stream_equals_the_whole_answer() -> None:
    parts: list[dict[str, Any]] = []
    documents = [json.loads(line[6:]) for line in STREAM.split(b"\r\n\r\n") if line]
    for document in documents:
        parts += document["candidates"][0]["content"]["parts"]
    whole = {**documents[-1]}
    whole["candidates"] = [{**whole["candidates"][0], "content": {"parts": parts}}]
    assert CODEC.decode_response(json.dumps(whole, indent=2).encode()) == collect(decode(STREAM))


def test_an_array_of_chunks_decodes_like_events() -> None:
    documents = [json.loads(line[6:]) for line in STREAM.split(b"\r\n\r\n") if line]
    array = json.dumps(documents, indent=1).encode()
    events = decode(STREAM)
    assert decode(array) == events
    assert decode([array[i : i + 3] for i in range(0, len(array), 3)]) == events


def test_no_event_waits_for_the_end_of_the_stream_but_the_stop() -> None:
    decoder = CODEC.stream_decoder()
    first = decoder.feed(sse(chunk(text("a"))))
    assert first[0] == AnswerStart("r-1", "gemini-test-001")
    assert first[2:] == [TextDelta(0, "a")]
    assert decoder.feed(sse(chunk(text("b"), finish="STOP"))) == [TextDelta(0, "b")]
    assert decoder.eof()[-2] == ChoiceStop(Stop(StopReason.END, "STOP"))


def test_a_finish_reason_in_every_chunk_does_not_end_the_answer() -> None:
    # As the first version of the API did, and the vendor's test data still has it.
    events = decode(sse(chunk(text("a"), finish="STOP"), chunk(text("b"), finish="STOP")))
    assert collect(events).choices[0].parts == (Text("ab"),)


def test_text_before_and_after_a_signed_part_is_not_joined_with_it() -> None:
    parts = [text("a"), text("b", thoughtSignature=SIGNATURE), text("c"), text("d")]
    answer = collect(decode(sse(chunk(*parts, finish="STOP"))))
    assert answer.choices[0].parts == (Text("a"), Text("b", seal=SEAL), Text("cd"))


def test_an_empty_text_opens_no_part() -> None:
    answer = collect(decode(sse(chunk(text("")), chunk(text("", thought=True), finish="STOP"))))
    assert answer.choices[0].parts == ()
    assert answer.choices[0].stop.reason is StopReason.END


def test_a_signature_without_text_is_kept() -> None:
    answer = collect(decode(sse(chunk({"thoughtSignature": SIGNATURE}, finish="STOP"))))
    assert answer.choices[0].parts == (Text("", seal=SEAL),)


def test_a_signed_thought_keeps_its_signature() -> None:
    part = text("hm", thought=True, thoughtSignature=SIGNATURE)
    answer = collect(decode(sse(chunk(part, finish="STOP"))))
    assert answer.choices[0].parts == (Reasoning("hm", ReasoningStyle.SUMMARY, SEAL),)


def test_calls_without_ids_get_distinct_ones_that_depend_on_the_answer_only() -> None:
    stream = sse(chunk(call("f"), call("f")), chunk(call("f"), finish="STOP"))
    ids = [event.id for event in decode(stream) if isinstance(event, PartStart)]
    again = [event.id for event in decode(stream) if isinstance(event, PartStart)]
    assert len(set(ids)) == 3
    assert ids == again
    other = stream.replace(b"r-1", b"r-2")
    assert not set(ids) & {event.id for event in decode(other) if isinstance(event, PartStart)}


def test_an_id_of_the_upstream_is_kept() -> None:
    part = {"functionCall": {"name": "f", "id": "up-1"}}
    answer = collect(decode(sse(chunk(part, finish="STOP"))))
    assert answer.choices[0].parts == (ToolCall("up-1", "f", "{}"),)


def test_numbers_in_arguments_keep_their_spelling() -> None:
    arguments = b'{"a":1.0e5,"b":9223372036854775808,"c":1e400,"d":0.10}'
    stream = sse(chunk(call("f"), finish="STOP")).replace(b'"args": {}', b'"args": ' + arguments)
    (part,) = collect(decode(stream)).choices[0].parts
    assert isinstance(part, ToolCall)
    assert part.arguments.encode() == arguments


def test_arguments_in_pieces_become_one_call() -> None:
    # Vertex AI, streamFunctionCallArguments.
    def pieces(more: bool, *args: dict[str, Any], name: str | None = None) -> dict[str, Any]:
        function: dict[str, Any] = {"partialArgs": list(args), "willContinue": more}
        return {"functionCall": {**function, **({"name": name} if name else {})}}

    stream = sse(
        chunk({"functionCall": {"name": "f", "id": "c", "willContinue": True},
               "thoughtSignature": SIGNATURE}),
        chunk(pieces(True, {"jsonPath": "$.city", "stringValue": "Zü", "willContinue": True})),
        chunk(pieces(True, {"jsonPath": "$.city", "stringValue": "rich"},
                     {"jsonPath": "$.days[0].n", "numberValue": 3})),
        chunk(pieces(False, {"jsonPath": "$.days[1]", "nullValue": "NULL_VALUE"},
                     {"jsonPath": "$['on']", "boolValue": True})),
        chunk(call("g"), finish="STOP"),
    )  # fmt: skip
    first, second = collect(decode(stream)).choices[0].parts
    arguments = '{"city":"Zürich","days":[{"n":3},null],"on":true}'
    assert first == ToolCall("c", "f", arguments, seal=SEAL)
    assert isinstance(second, ToolCall)
    assert second.name == "g"


@pytest.mark.parametrize("path", ["city", "$", "$.a[99999999]", "$.a..b", "$.s[0]"])
def test_a_path_that_leads_nowhere_is_malformed(path: str) -> None:
    def piece(where: str) -> dict[str, Any]:
        partial = [{"jsonPath": where, "stringValue": "x"}]
        return {"functionCall": {"name": "f", "partialArgs": partial, "willContinue": True}}

    stream = sse(chunk(piece("$.s.t")), chunk({"functionCall": {**piece(path)["functionCall"],
                                                                "name": None}}))  # fmt: skip
    assert failure(stream).kind is ErrorKind.UPSTREAM_MALFORMED


def test_kinds_that_only_this_format_knows_are_opaque() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": SIGNATURE}
    future = {"hologram": {"depth": "?"}}
    stream = sse(chunk(code, {}, future, finish="STOP")).replace(b'"?"', b"1.00000000000000000001")
    first, second = collect(decode(stream)).choices[0].parts
    assert isinstance(first, Opaque)
    assert first.label == "executableCode"
    assert json.loads(first.native.raw) == code
    exact = b'{"hologram": {"depth": 1.00000000000000000001}}'
    assert second == Opaque(Native(Format.GEMINI, exact), "hologram")


def test_pictures_are_media_with_standard_base64() -> None:
    stream = sse(chunk({"inlineData": {"mimeType": "image/png", "data": "-_8"}}, finish="STOP"))
    (part,) = collect(decode(stream)).choices[0].parts
    assert part == Media(MediaKind.IMAGE, Inline("image/png", "+/8="))


def test_candidates_may_interleave() -> None:
    def candidate(index: int, said: str, finish: str | None = None) -> dict[str, Any]:
        fields: dict[str, Any] = {"content": {"parts": [{"text": said}]}, "index": index}
        return {**fields, "finishReason": finish} if finish else fields

    stream = sse(
        {"candidates": [candidate(0, "a"), candidate(1, "x")]},
        {"candidates": [candidate(1, "y", "MAX_TOKENS"), candidate(0, "b", "STOP")]},
    )
    first, second = collect(decode(stream)).choices
    assert (first.parts, first.stop.reason) == ((Text("ab"),), StopReason.END)
    assert (second.parts, second.stop.reason) == ((Text("xy"),), StopReason.MAX_TOKENS)


def test_a_candidate_that_goes_on_after_its_finish_reason_needs_another() -> None:
    # Answers that run code: a first finishReason comes before the code's output.
    first = chunk(text("a"), finish="STOP")
    for more in (chunk(text("b")), chunk(call("f", {}))):
        assert failure(sse(first, more)).kind is ErrorKind.UPSTREAM_TRUNCATED
        assert isinstance(decode(sse(first, more, chunk(text("c"), finish="STOP")))[-1], AnswerEnd)
        assert isinstance(decode(sse(first, more, chunk(finish="STOP")))[-1], AnswerEnd)
    # Nothing that counts: an empty text, and only counts.
    said = sse(first, chunk(text("")), {"usageMetadata": {"candidatesTokenCount": 2}})
    assert isinstance(decode(said)[-1], AnswerEnd)


def test_one_candidate_without_an_end_is_a_truncated_stream() -> None:
    stream = sse({"candidates": [{"index": 0, "finishReason": "STOP"}, {"index": 1}]})
    assert failure(stream).kind is ErrorKind.UPSTREAM_TRUNCATED


@pytest.mark.parametrize(
    "part",
    [
        {"text": "a", "thoughtSignature": "\u2028n"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "a b="},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo*"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "AAAAA"},
    ],
)
def test_bytes_that_are_no_base64_are_no_answer(part: dict[str, Any]) -> None:
    # The vendor's SDK decodes them, and breaks off with an error of its own.
    assert failure(sse(chunk(part, finish="STOP"))).kind is ErrorKind.UPSTREAM_MALFORMED


def test_a_candidate_that_is_left_out_is_no_answer() -> None:
    ended = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
    stream = sse({"candidates": [{"index": 0, **ended}, {"index": 2, **ended}]})
    assert failure(stream).kind is ErrorKind.UPSTREAM_MALFORMED


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", StopReason.END),
        (1, StopReason.END),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("SAFETY", StopReason.REFUSAL),
        ("RECITATION", StopReason.REFUSAL),
        ("MODEL_ARMOR", StopReason.REFUSAL),
        ("IMAGE_RECITATION", StopReason.REFUSAL),
        ("CONTINUATION", StopReason.PAUSE),
        ("LANGUAGE", StopReason.OTHER),
        ("MALFORMED_FUNCTION_CALL", StopReason.OTHER),
        ("A_REASON_OF_NEXT_YEAR", StopReason.OTHER),
        (99, StopReason.OTHER),
    ],
)
def test_finish_reasons(word: str | int, reason: StopReason) -> None:
    document = chunk(text("a"))
    document["candidates"][0] |= {"finishReason": word, "finishMessage": "because"}
    stop = collect(decode(sse(document))).choices[0].stop
    assert stop.reason is reason
    assert stop.explanation == "because"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", StopReason.TOOL_USE),
        ("A_REASON_OF_NEXT_YEAR", StopReason.TOOL_USE),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("SAFETY", StopReason.REFUSAL),
    ],
)
def test_a_call_makes_a_stop_one_for_tools_unless_it_was_cut(word: str, reason: StopReason) -> None:
    stop = collect(decode(sse(chunk(call("f"), finish=word)))).choices[0].stop
    assert stop == Stop(reason, word)


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "NO_IMAGE", "UNEXPECTED_TOOL_CALL"])
def test_an_unusable_answer_before_any_content_is_a_failure(reason: str) -> None:
    assert failure(sse(chunk(finish=reason))).kind is ErrorKind.UPSTREAM_MALFORMED


def test_a_candidate_without_parts_is_an_empty_answer() -> None:
    stream = sse({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]})
    choice = collect(decode(stream)).choices[0]
    assert (choice.parts, choice.stop.reason) == ((), StopReason.MAX_TOKENS)


def test_a_blocked_prompt_is_a_refusal() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}
    stream = sse({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4}})
    answer = collect(decode(stream))
    stop = Stop(StopReason.REFUSAL, "PROHIBITED_CONTENT", explanation="no")
    assert answer.choices[0].stop == stop
    assert answer.choices[0].parts == ()
    assert answer.usage.input == 4


def test_ratings_of_a_prompt_that_was_not_blocked_end_nothing() -> None:
    stream = sse({"promptFeedback": {"safetyRatings": []}})
    assert failure(stream).kind is ErrorKind.UPSTREAM_TRUNCATED


def test_usage_is_cumulative_and_absent_counts_stay() -> None:
    stream = sse(
        chunk(text("a"), usageMetadata={"promptTokenCount": 55, "thoughtsTokenCount": 202}),
        *[chunk(text("b"), usageMetadata={"candidatesTokenCount": n}) for n in range(1, 20)],
        chunk(
            finish="STOP",
            usageMetadata={
                "promptTokenCount": 257,
                "cachedContentTokenCount": 57,
                "candidatesTokenCount": None,
                "toolUsePromptTokenCount": 3,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
                "serviceTier": "standard",
            },
        ),
    )
    reports = [event.usage for event in decode(stream) if isinstance(event, UsageReport)]
    assert reports[0] == Usage(input=55, reasoning=202)
    assert reports[-1] == Usage(
        input=200,
        cache_read=57,
        tool_prompt=3,
        output=19,
        reasoning=202,
        audio_input=7,
        tier="default",
    )
    assert reports[-1].output_total == 221
    assert len(reports) < 6


def test_the_start_tells_the_usage_known_by_then() -> None:
    events = decode(sse(chunk(text("a"), usageMetadata={"promptTokenCount": 4})))
    assert events[0] == AnswerStart("r-1", "gemini-test-001", usage=Usage(input=4))
    assert UsageReport(Usage(input=4)) in events


def test_usage_so_far_comes_before_a_failure() -> None:
    chunks = [chunk(text("a"), usageMetadata={"candidatesTokenCount": n}) for n in range(1, 6)]
    for ending in (b"", b"data: {]\n\n", sse({"error": {"code": 500}})):
        events = decode(sse(*chunks) + ending)
        report, last = events[-2:]
        assert isinstance(last, Failure)
        assert report == UsageReport(Usage(output=5))


def test_usage_after_the_finish_is_taken() -> None:
    stream = sse(chunk(text("a"), finish="STOP"), {"usageMetadata": {"promptTokenCount": 3}})
    assert collect(decode(stream)).usage.input == 3


@pytest.mark.parametrize("counts", ["many", [], {"promptTokenCount": {}}, {"promptTokenCount": -1}])
def test_counts_that_make_no_sense_are_unknown(counts: object) -> None:
    stream = sse(chunk(text("a"), finish="STOP", usageMetadata=counts))
    assert collect(decode(stream)).usage == Usage()


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "ending",
    [
        sse(ERROR),
        json.dumps(ERROR).encode(),
        json.dumps(ERROR, indent=2).replace("\n", "\r\n").encode(),
        json.dumps([ERROR]).encode(),
        json.dumps([ERROR], indent=2).encode() + b"\n",
    ],
    ids=["event", "bare", "bare, CRLF", "list", "list, indented"],
)
def test_an_error_in_the_stream_ends_it(ending: bytes) -> None:
    for before in (b"", sse(chunk(text("a"))), sse(chunk(text("a"), finish="STOP"))):
        events = decode(before + ending + sse(chunk(text("more"), finish="STOP")))
        last = events[-1]
        assert isinstance(last, Failure)
        assert (last.kind, last.status, last.code) == (ErrorKind.OVERLOADED, 503, "UNAVAILABLE")
        assert last.message == "The model is overloaded."
        if not before:
            assert events == [last]


@pytest.mark.parametrize(
    "bad",
    [b"data: {]\n\n", b"data: []\n\n", b'data: {"candidates":7}\n\n', b"data: \xff\n\n",
     b"data: 1\n\n",
     b'data: {"candidates":[{"index":-1}]}\n\n', b'data: {"candidates":[{"index":99999}]}\n\n',
     b'data: {"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}\n\n', b"{nonsense",
     b'[1]', b'data: {"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"text/x",'
     b'"data":"%"}}]}}]}\n\n'],
)  # fmt: skip
def test_an_event_of_another_shape_ends_the_stream(bad: bytes) -> None:
    stream = sse(chunk(text("a")), line_end="\n") + bad + b"data: more\n\n"
    last = failure(stream)
    assert last.kind in (ErrorKind.UPSTREAM_MALFORMED, ErrorKind.UPSTREAM_TRUNCATED)
    if bad != b"{nonsense":
        assert last.kind is ErrorKind.UPSTREAM_MALFORMED


def test_a_done_marker_is_ignored() -> None:
    stream = sse(chunk(text("a"), finish="STOP")) + b"data: [DONE]\n\n"
    assert collect(decode(stream)).choices[0].parts == (Text("a"),)


def test_chunks_without_anything_are_no_answer() -> None:
    events = decode(sse({}, {}, chunk(text("a"), finish="STOP")))
    assert events[0] == AnswerStart("r-1", "gemini-test-001")


def test_the_time_of_the_answer_is_read() -> None:
    stream = sse(chunk(finish="STOP", createTime="2025-12-19T23:45:33.943266Z"))
    assert collect(decode(stream)).created == 1766187933
    assert collect(decode(stream.replace(b"2025-", b"noon-"))).created is None


# --- halves of characters ----------------------------------------------------


def escaped(*texts: str, thought: bool = False) -> bytes:
    """A stream whose texts are given as JSON escapes."""
    beside = ',"thought":true' if thought else ""
    return "".join(
        f'data: {{"candidates":[{{"content":{{"parts":[{{"text":"{said}"{beside}}}]}}}}]}}\n\n'
        for said in texts
    ).encode() + sse({"candidates": [{"finishReason": "STOP"}]})


@pytest.mark.parametrize("thought", [False, True])
@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("a\\ud83d", "\\ude00b"), "a😀b"),
        (("\\ud83d", "\\ude00"), "😀"),
        (("a\\ud83d", "b"), "a\ufffdb"),
        (("a\\ud83d",), "a\ufffd"),
        (("\\ude00b",), "\ufffdb"),
        (("a\\ud83db",), "a\ufffdb"),
        (("\\ud83d", "\\ud83d", "\\ude00"), "\ufffd😀"),
    ],
)
def test_halves_of_a_character_are_joined_or_replaced(
    texts: tuple[str, ...], expected: str, thought: bool
) -> None:
    stream = escaped(*texts, thought=thought)
    (part,) = collect(decode(stream)).choices[0].parts
    assert isinstance(part, Text | Reasoning)
    assert part.text == expected
    whole = merge_deltas(decode(stream))
    assert merge_deltas(decode([stream[i : i + 1] for i in range(len(stream))])) == whole


def test_a_half_waits_for_its_own_part_only() -> None:
    stream = escaped("a\\ud83d") + sse(chunk(text("x", thought=True))) + escaped("\\ude00")
    first, thought, second = collect(decode(stream)).choices[0].parts
    assert first == Text("a\ufffd")
    assert isinstance(thought, Reasoning)
    assert second == Text("\ufffd")


def test_a_half_in_arguments_is_replaced() -> None:
    document = (
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":'
        b'{"x":"\\ud83d"}}}]},"finishReason":"STOP"}]}\n\n'
    )
    (part,) = collect(decode(document)).choices[0].parts
    assert isinstance(part, ToolCall)
    assert json.loads(part.arguments) == {"x": "\ufffd"}


# --- sources and probabilities -----------------------------------------------

GROUNDING = {
    "groundingChunks": [
        {"web": {"uri": "https://a.example", "title": "A"}},
        {"retrievedContext": {"uri": "https://b.example", "title": "B"}},
    ],
    "groundingSupports": [
        {"segment": {"endIndex": 8}, "groundingChunkIndices": [0]},
        {"segment": {"startIndex": 9, "endIndex": 15}, "groundingChunkIndices": [0, 1, 7]},
    ],
}


def test_grounding_counts_bytes_on_the_wire_and_characters_here() -> None:
    said = "é🎉é 日本!"  # 8 bytes, a space, 6 bytes, one
    first = chunk(text(said[:2]))
    last = chunk(text(said[2:]), finish="STOP")
    last["candidates"][0]["groundingMetadata"] = GROUNDING
    (part,) = collect(decode(sse(first, last))).choices[0].parts
    assert isinstance(part, Text)
    spans = [(said[c.start : c.end], c.url, c.title) for c in part.citations]
    assert spans == [
        ("é🎉é", "https://a.example", "A"),
        ("日本", "https://a.example", "A"),
        ("日本", "https://b.example", "B"),
    ]


def test_grounding_that_is_repeated_cites_once() -> None:
    documents = [chunk(text("é🎉é 日本!")), chunk(text("."), finish="STOP")]
    for document in documents:
        document["candidates"][0]["groundingMetadata"] = GROUNDING
    (part,) = collect(decode(sse(*documents))).choices[0].parts
    assert isinstance(part, Text)
    assert len(part.citations) == 3


def test_grounding_goes_to_the_part_it_is_about() -> None:
    document = chunk(text("aaaa"), call("f"), text("bbbb"), finish="STOP")
    document["candidates"][0]["groundingMetadata"] = {
        "groundingChunks": [{"maps": {"uri": "https://a.example"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 5, "endIndex": 8}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 1, "endIndex": 3}, "groundingChunkIndices": [0]},
        ],
    }
    first, _, second = collect(decode(sse(document))).choices[0].parts
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert [(c.start, c.end) for c in first.citations] == [(1, 3)]
    assert [(c.start, c.end) for c in second.citations] == [(1, 4)]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.text("ab é日🎉", min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_any_span_of_bytes_is_found(pieces: list[str], data: st.DataObject) -> None:
    said = "".join(pieces)
    start = data.draw(st.integers(0, len(said) - 1))
    end = data.draw(st.integers(start, len(said)))
    segment = {"startIndex": len(said[:start].encode()), "endIndex": len(said[:end].encode())}
    document = chunk(finish="STOP")
    document["candidates"][0]["groundingMetadata"] = {
        "groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
    stream = sse(*[chunk(text(piece)) for piece in pieces], document)
    (part,) = collect(decode(stream)).choices[0].parts
    assert isinstance(part, Text)
    assert [(c.start, c.end) for c in part.citations] == [(start, end)]


@pytest.mark.parametrize(("start", "end"), [(0, 99), (5, 2), (1, 2), (2, 3), (99, 100)])
def test_a_span_that_makes_no_sense_stays_within_the_text(start: int, end: int) -> None:
    document = chunk(text("日é"), finish="STOP")
    document["candidates"][0]["groundingMetadata"] = {
        "groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [
            {"segment": {"startIndex": start, "endIndex": end}, "groundingChunkIndices": [0]}
        ],
    }
    (part,) = collect(decode(sse(document))).choices[0].parts
    assert isinstance(part, Text)
    for citation in part.citations:
        assert citation.start is not None
        assert citation.end is not None
        assert 0 <= citation.start <= citation.end <= 2


@pytest.mark.parametrize("name", ["citations", "citationSources"])
def test_citation_metadata_cites(name: str) -> None:
    document = chunk(text("né code"), finish="STOP")
    document["candidates"][0]["citationMetadata"] = {
        name: [{}, {"startIndex": 4, "endIndex": 8, "uri": "https://a.example", "license": "mit"}]
    }
    (part,) = collect(decode(sse(document))).choices[0].parts
    assert isinstance(part, Text)
    assert [(c.url, c.start, c.end) for c in part.citations] == [("https://a.example", 3, 7)]


@pytest.mark.parametrize("metadata", [7, [], {"groundingSupports": 1}, None, {}])
def test_metadata_of_another_shape_cites_nothing(metadata: object) -> None:
    document = chunk(text("a"), finish="STOP")
    document["candidates"][0] |= {"groundingMetadata": metadata, "logprobsResult": metadata}
    assert collect(decode(sse(document))).choices[0].parts == (Text("a"),)


def test_log_probabilities_are_read_with_their_alternatives() -> None:
    document = chunk(text("Hi", thoughtSignature=SIGNATURE), finish="STOP")
    document["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": [{"token": "Hi", "tokenId": 5, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "Yo", "logProbability": -1.5}]}],
    }
    (part,) = collect(decode(sse(document))).choices[0].parts
    assert isinstance(part, Text)
    assert part.logprobs == (TokenLogprob("Hi", -0.5, top=(TokenLogprob("Yo", -1.5),)),)


def test_the_seal_comes_after_everything_else_of_its_part() -> None:
    document = chunk(text("é🎉é 日本!", thoughtSignature=SIGNATURE), finish="STOP")
    document["candidates"][0]["groundingMetadata"] = GROUNDING
    events = decode(sse(document))
    sealed = next(i for i, event in enumerate(events) if isinstance(event, PartSealed))
    assert type(events[sealed - 1]).__name__ == "CitationAdded"


def test_what_was_received_is_known_at_any_time() -> None:
    decoder, collector = CODEC.stream_decoder(), Collector()
    collector.add(decoder.feed(sse(chunk(text("half an ")))))
    assert collector.partial.choices[0].parts == (Text("half an "),)
    collector.add(feed_all(CODEC.stream_decoder(), []))
    assert collector.failure is not None
    assert "closed" in repr(decoder)
