"""What a Gemini client gets to read, with the vendor's own SDK as the judge."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.genai import errors, types
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    FileId,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.gemini import CODEC
from aigw_core.collect import collect, explode
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
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from tests.core.codecs.gemini.helpers import CONTEXT, SIGNATURE, decode, merge_deltas, sdk

ENVELOPE = Seal("aigw", "envelope", base64.urlsafe_b64encode(b"AGW1\xff\xfe\xfd").decode())
END = Stop(StopReason.END)


def answer(*parts: Part, stop: Stop = END, usage: Usage | None = None) -> ChatResponse:
    return ChatResponse("up-1", "m", None, (Choice(parts, stop),), usage or Usage())


def stream_of(response: ChatResponse, context: AnswerContext = CONTEXT) -> bytes:
    return CODEC.stream_encoder(context).encode(explode(response))


def documents(stream: bytes) -> list[dict[str, Any]]:
    blocks = stream.split(b"\n\n")
    assert blocks.pop() == b""
    for block in blocks:
        assert block.startswith(b"data: {")
        assert b"\n" not in block
    return [json.loads(block[6:]) for block in blocks]


def parts_of(stream: bytes) -> list[dict[str, Any]]:
    return [
        part
        for document in documents(stream)
        for candidate in document.get("candidates", [])
        for part in candidate["content"]["parts"]
    ]


def read_stream(stream: bytes, content_type: str = CODEC.content_type) -> list[Any]:
    client = sdk(stream, content_type=content_type)
    return list(client.models.generate_content_stream(model="asked-for", contents="hi"))


def read_whole(body: bytes) -> Any:
    client = sdk(body, content_type="application/json")
    return client.models.generate_content(model="asked-for", contents="hi")


FULL = answer(
    Reasoning("thinking", ReasoningStyle.SUMMARY),
    Text("Grüße \u2028 🎉"),
    ToolCall("c1", "get_weather", '{"city": "Zürich",\n "big": 1e400}', seal=ENVELOPE),
    ToolCall("c2", "no_arguments", ""),
    stop=Stop(StopReason.TOOL_USE),
    usage=Usage(input=10, cache_read=90, tool_prompt=4, output=8, reasoning=202, tier="flex"),
)


def sdk_parts(chunks: list[Any]) -> list[Any]:
    return [
        part
        for chunk in chunks
        for candidate in chunk.candidates or []
        for part in (candidate.content.parts if candidate.content else None) or []
    ]


@pytest.mark.parametrize("whole", [False, True], ids=["stream", "whole"])
def test_the_sdk_reads_what_was_meant(whole: bool) -> None:
    body = CODEC.encode_response(FULL, CONTEXT)
    chunks = [read_whole(body)] if whole else read_stream(stream_of(FULL))
    parts = sdk_parts(chunks)
    assert "".join(p.text for p in parts if p.thought and p.text) == "thinking"
    assert "".join(p.text for p in parts if p.text and not p.thought) == "Grüße \u2028 🎉"
    first, second = (part for part in parts if part.function_call)
    assert first.function_call.id == "c1"
    assert first.function_call.name == "get_weather"
    assert first.function_call.args == {"city": "Zürich", "big": float("inf")}
    assert first.thought_signature == base64.urlsafe_b64decode(ENVELOPE.data)
    assert (second.function_call.id, second.function_call.args) == ("c2", {})
    assert second.thought_signature is None
    last = chunks[-1]
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    usage = last.usage_metadata
    assert usage.prompt_token_count == 100
    assert usage.cached_content_token_count == 90
    assert usage.candidates_token_count == 8
    assert usage.thoughts_token_count == 202
    assert usage.tool_use_prompt_token_count == 4
    assert usage.total_token_count == 314
    assert (last.model_version, last.response_id) == ("asked-for", "up-1")


def test_nothing_but_data_lines_with_a_space() -> None:
    stream = stream_of(FULL)
    for line in stream.split(b"\n"):
        assert line == b"" or line.startswith(b"data: {")
    assert b"[DONE]" not in stream


def test_keepalives_between_any_two_events_do_not_disturb_the_sdk() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    pieces = [encoder.keepalive()]
    for event in explode(FULL):
        pieces += [encoder.encode([event]), encoder.keepalive()]
    kept = read_stream(b"".join(pieces))
    without = {"sdk_http_response"}  # tells the length
    assert [chunk.model_dump(exclude=without) for chunk in kept] == [
        chunk.model_dump(exclude=without) for chunk in read_stream(stream_of(FULL))
    ]


@settings(derandomize=True, max_examples=60)
@given(st.text(st.characters(codec=None), min_size=1), st.text(min_size=1))
def test_no_text_breaks_out_of_its_document(said: str, more: str) -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    start: list[StreamEvent] = [AnswerStart("i", "m"), PartStart(0, PartKind.TEXT)]
    stream = encoder.encode([*start, TextDelta(0, said), TextDelta(0, more), TextDelta(0, said)])
    stream += encoder.encode([PartEnd(0), ChoiceStop(END), AnswerEnd()])
    for separator in ("\u2028", "\u2029", "\x85"):
        assert separator.encode() not in stream
    clean = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    (part,) = collect(decode(stream)).choices[0].parts
    assert part == Text(clean + more + clean)


# --- round trips -------------------------------------------------------------

TEXTS = st.text(max_size=8)
SEALS = st.none() | st.just(Seal("gemini", "thought_signature", SIGNATURE))
CALLS = st.builds(
    ToolCall,
    id=st.sampled_from(["a", "b"]),
    name=st.sampled_from(["f", "g.h"]),
    arguments=st.sampled_from(["{}", '{"a":1e400}', '{"é":[null,{"x":"}"}]}']),
    seal=SEALS,
)
PARTS = st.lists(
    st.builds(Text, st.text(min_size=1, max_size=8), seal=SEALS)
    | st.builds(
        Reasoning, st.text(min_size=1, max_size=8), st.just(ReasoningStyle.SUMMARY), seal=SEALS
    )
    | CALLS
    | st.just(Media(MediaKind.IMAGE, Inline("image/png", "AAAA")))
    | st.just(Opaque(Native(Format.GEMINI, b'{"executableCode":{"code":"1"}}'), "executableCode")),
    max_size=5,
)
COUNTS = st.none() | st.integers(0, 9)


def joined(parts: list[Part]) -> tuple[Part, ...]:
    """Unsigned neighbours of one kind are one part on this wire."""
    result: list[Part] = []
    for part in parts:
        last = result[-1] if result else None
        if (
            isinstance(part, Text | Reasoning)
            and type(last) is type(part)
            and part.seal is None
            and last.seal is None
        ):
            if isinstance(part, Text):
                result[-1] = Text(last.text + part.text)
            else:
                result[-1] = Reasoning(last.text + part.text, ReasoningStyle.SUMMARY)
        else:
            result.append(part)
    return tuple(result)


@settings(derandomize=True, max_examples=200)
@given(PARTS, COUNTS, COUNTS, COUNTS)
def test_what_was_encoded_decodes_to_the_same(
    parts: list[Part], fresh: int | None, said: int | None, thought: int | None
) -> None:
    usage = Usage(input=fresh, output=said, reasoning=thought)
    calls = any(isinstance(part, ToolCall) for part in parts)
    stop = Stop(StopReason.TOOL_USE if calls else StopReason.END, "STOP")
    response = ChatResponse("r", "asked-for", None, (Choice(joined(parts), stop),), usage)
    assert CODEC.decode_response(CODEC.encode_response(response, CONTEXT)) == response


@settings(derandomize=True, max_examples=200)
@given(PARTS)
def test_the_stream_says_what_the_whole_answer_says(parts: list[Part]) -> None:
    response = answer(*parts)
    streamed = collect(decode(stream_of(response)))
    whole = CODEC.decode_response(CODEC.encode_response(response, CONTEXT))
    # In a stream the signature of text follows it, in an empty part of its own, so
    # that the text before may join with what came before that.
    for kind in (Text, Reasoning):
        assert said(streamed, kind) == said(whole, kind)
        assert seals(streamed, kind) == seals(whole, kind)
    assert [p for p in streamed.choices[0].parts if isinstance(p, ToolCall | Media | Opaque)] == [
        p for p in whole.choices[0].parts if isinstance(p, ToolCall | Media | Opaque)
    ]


def said(response: ChatResponse, kind: type[Text | Reasoning]) -> str:
    return "".join(p.text for p in response.choices[0].parts if isinstance(p, kind))


def seals(response: ChatResponse, kind: type[Text | Reasoning]) -> list[Seal | None]:
    return [p.seal for p in response.choices[0].parts if isinstance(p, kind) and p.seal]


# --- calls -------------------------------------------------------------------


def tool_events(*arguments: str, stop: StopReason = StopReason.TOOL_USE) -> list[StreamEvent]:
    """Calls that are all open at once and get their arguments in turns."""
    events: list[StreamEvent] = [AnswerStart("i", "m")]
    for part in range(len(arguments)):
        events.append(PartStart(part, PartKind.TOOL_CALL, id=f"c{part}", name=f"f{part}"))
    for place in range(max(map(len, arguments))):
        for part, text in enumerate(arguments):
            if text[place : place + 1]:
                events.append(ToolCallDelta(part, text[place]))
    events += [PartEnd(part) for part in range(len(arguments))]
    return [*events, ChoiceStop(Stop(stop)), AnswerEnd()]


def calls_in(stream: bytes) -> list[dict[str, Any]]:
    return [part["functionCall"] for part in parts_of(stream) if "functionCall" in part]


def test_arguments_are_one_object_however_they_came() -> None:
    stream = CODEC.stream_encoder(CONTEXT).encode(tool_events('{"a": 1}', '{"b":\n[2]}'))
    assert calls_in(stream) == [
        {"name": "f0", "args": {"a": 1}, "id": "c0"},
        {"name": "f1", "args": {"b": [2]}, "id": "c1"},
    ]


@pytest.mark.parametrize("broken", ['{"a":', "[1]", "7", "nonsense", '{"a":NaN}', '{"a":1}}'])
def test_arguments_that_are_no_object_are_wrapped(broken: str) -> None:
    stream = CODEC.stream_encoder(CONTEXT).encode(tool_events(broken, '{"b":1}'))
    assert calls_in(stream)[0]["args"] == {"_raw": broken}
    assert calls_in(stream)[1]["args"] == {"b": 1}
    assert read_stream(stream)[0].candidates[0].content.parts[0].function_call.name == "f0"
    whole = json.loads(CODEC.encode_response(answer(ToolCall("c", "f", broken)), CONTEXT))
    part = whole["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["args"] == {"_raw": broken}


@pytest.mark.parametrize("half", ['{"a":', ""])
def test_half_a_call_at_the_token_limit_is_left_out(half: str) -> None:
    limit = Stop(StopReason.MAX_TOKENS)
    response = answer(ToolCall("a", "f", "{}"), ToolCall("b", "g", half), stop=limit)
    stream = stream_of(response)
    assert [function["name"] for function in calls_in(stream)] == ["f"]
    assert documents(stream)[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    (candidate,) = json.loads(CODEC.encode_response(response, CONTEXT))["candidates"]
    assert len(candidate["content"]["parts"]) == 1


def test_a_freeform_call_goes_out_as_its_wrapper() -> None:
    call = ToolCall("c", "shell", "ls\n-l", freeform=True)
    assert calls_in(stream_of(answer(call)))[0]["args"] == {"input": "ls\n-l"}


def test_a_call_of_the_vendors_own_tool_is_left_out() -> None:
    call = ToolCall("c", "web_search", "{}", server=True)
    assert calls_in(stream_of(answer(call))) == []


# --- order -------------------------------------------------------------------


def test_parts_that_were_open_at_once_come_out_one_after_another() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    events: list[StreamEvent] = [
        AnswerStart("i", "m"),
        PartStart(0, PartKind.REASONING),
        ReasoningDelta(0, "th"),
        PartStart(1, PartKind.TEXT),
        TextDelta(1, "sa"),
        PartStart(2, PartKind.TOOL_CALL, id="c", name="f"),
        PartEnd(2),
        ReasoningDelta(0, "ink"),
        PartEnd(0),
        TextDelta(1, "id"),
        PartEnd(1),
        ChoiceStop(END),
        AnswerEnd(),
    ]
    out = [encoder.encode([event]) for event in events]
    assert [bool(piece) for piece in out[4:8]] == [False, False, False, True]
    thought, text, function = collect(decode(b"".join(out))).choices[0].parts
    assert thought == Reasoning("think", ReasoningStyle.SUMMARY)
    assert text == Text("said")
    assert function == ToolCall("c", "f", "{}")


def test_choices_keep_their_index() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    events: list[StreamEvent] = [AnswerStart("i", "m")]
    for choice in (0, 1):
        events.append(PartStart(0, PartKind.TEXT, choice))
    for text in ("a", "b"):
        events += [TextDelta(0, text + str(choice), choice) for choice in (0, 1)]
    events += [PartEnd(0, 0), PartEnd(0, 1)]
    events += [ChoiceStop(END, 1), ChoiceStop(Stop(StopReason.MAX_TOKENS), 0), AnswerEnd()]
    first, second = collect(decode(encoder.encode(events))).choices
    assert first.parts == (Text("a0b0"),)
    assert first.stop.reason is StopReason.MAX_TOKENS
    assert second.parts == (Text("a1b1"),)


def test_text_goes_out_at_once() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    assert encoder.encode([AnswerStart("i", "m"), PartStart(0, PartKind.TEXT)]) == b""
    for word in ("a", "b", "c"):
        (document,) = documents(encoder.encode([TextDelta(0, word)]))
        assert document["candidates"][0]["content"]["parts"] == [{"text": word}]
        assert document["responseId"] == "i"


def test_the_answer_bears_an_identifier_and_the_name_asked_for() -> None:
    response = ChatResponse("", "upstream-name", None, (Choice((Text("a"),), END),))
    for document in documents(stream_of(response)):
        assert (document["responseId"], document["modelVersion"]) == ("abc123", "asked-for")


# --- seals -------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ["messages", "responses", "openrouter"])
def test_a_seal_of_another_vendor_is_left_out(issuer: str) -> None:
    seal = Seal(issuer, "signature", SIGNATURE)
    response = answer(
        Reasoning("a", seal=seal), Text("b", seal=seal), ToolCall("c", "f", "{}", seal=seal)
    )
    assert b"ignature" not in stream_of(response)
    assert b"ignature" not in CODEC.encode_response(response, CONTEXT)
    assert b'"text":""' not in stream_of(response).rsplit(b"data:", 1)[0]


def test_the_seal_of_streamed_text_follows_it() -> None:
    events = explode(answer(Text("said", seal=ENVELOPE)))
    assert any(isinstance(event, PartSealed) for event in events)
    said, carrier, last = parts_of(CODEC.stream_encoder(CONTEXT).encode(events))
    assert said == {"text": "said"}
    assert carrier == {"text": "", "thoughtSignature": ENVELOPE.data}
    assert last == {"text": ""}


def test_hidden_reasoning_is_an_empty_thought_with_its_seal() -> None:
    stream = stream_of(answer(Reasoning("", ReasoningStyle.HIDDEN, ENVELOPE)))
    first = parts_of(stream)[0]
    assert first == {"text": "", "thought": True, "thoughtSignature": ENVELOPE.data}


# --- stops and errors --------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop(StopReason.END), "STOP"),
        (Stop(StopReason.STOP_SEQUENCE, sequence="x"), "STOP"),
        (Stop(StopReason.MAX_TOKENS), "MAX_TOKENS"),
        (Stop(StopReason.CONTEXT_FULL), "MAX_TOKENS"),
        (Stop(StopReason.REFUSAL), "SAFETY"),
        (Stop(StopReason.REFUSAL, "RECITATION"), "RECITATION"),
        (Stop(StopReason.REFUSAL, "content_filter"), "SAFETY"),
        (Stop(StopReason.OTHER), "OTHER"),
        (Stop(StopReason.OTHER, "MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL"),
        (Stop(StopReason.PAUSE, "pause_turn"), "OTHER"),
        (Stop(StopReason.PAUSE, "CONTINUATION"), "CONTINUATION"),
    ],
)
def test_stops(stop: Stop, word: str) -> None:
    response = answer(Text("a"), stop=stop)
    for document in (
        documents(stream_of(response))[-1],
        json.loads(CODEC.encode_response(response, CONTEXT)),
    ):
        (candidate,) = document["candidates"]
        assert candidate["finishReason"] == word
        assert ("finishMessage" in candidate) == (stop.reason is StopReason.PAUSE)


def test_an_answer_of_nothing_is_an_empty_text() -> None:
    response = answer()
    assert parts_of(stream_of(response)) == [{"text": ""}]
    assert read_whole(CODEC.encode_response(response, CONTEXT)).text == ""


@pytest.mark.parametrize(
    ("native", "word"), [("PROHIBITED_CONTENT", "PROHIBITED_CONTENT"), ("refusal", "OTHER")]
)
def test_a_refusal_before_anything_is_prompt_feedback(native: str, word: str) -> None:
    stop = Stop(StopReason.REFUSAL, native, explanation="because")
    (chunk,) = read_stream(stream_of(answer(stop=stop)))
    whole = read_whole(CODEC.encode_response(answer(stop=stop), CONTEXT))
    for document in (chunk, whole):
        assert document.candidates is None
        assert document.prompt_feedback.block_reason.value == word
        assert document.prompt_feedback.block_reason_message == "because"


def test_a_model_that_says_no_in_words_is_heard() -> None:
    assert parts_of(stream_of(answer(Refusal("I would rather not"))))[0] == {
        "text": "I would rather not"
    }


def test_a_failure_makes_the_sdk_raise() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    begun = encoder.encode([AnswerStart("i", "m"), PartStart(0, PartKind.TEXT), TextDelta(0, "a")])
    stream = begun + encoder.encode([Failure(ErrorKind.UPSTREAM_TRUNCATED, "cut off")])
    with pytest.raises(errors.ServerError, match="cut off"):
        read_stream(stream)
    assert b"finishReason" not in stream
    assert encoder.encode([TextDelta(0, "late")]) == b""


def test_a_failure_at_once_is_nothing_but_the_error() -> None:
    failure = Failure(ErrorKind.RATE_LIMIT, "slow down", retry_after=2.5)
    (document,) = documents(CODEC.stream_encoder(CONTEXT).encode([failure]))
    assert list(document) == ["error"]
    with pytest.raises(errors.ClientError) as caught:
        read_stream(CODEC.stream_encoder(CONTEXT).encode([failure]))
    assert caught.value.code == 429


def test_an_answer_longer_than_may_be_held_fails() -> None:
    context = AnswerContext("m", "i", 1, max_held=100)
    for kind, delta in (
        (PartKind.TEXT, TextDelta(0, "x" * 30)),
        (PartKind.TOOL_CALL, ToolCallDelta(0, "x" * 30)),
    ):
        encoder = CODEC.stream_encoder(context)
        encoder.encode([AnswerStart("i", "m"), PartStart(0, kind, id="c", name="f")])
        out = b"".join(encoder.encode([delta]) for _ in range(9))
        assert documents(out)[-1]["error"]["code"] == 502
        assert out.count(b'"error"') == 1


# --- what stands beside the text ---------------------------------------------


def test_citations_are_written_in_bytes() -> None:
    cited = (
        Citation("https://a.example", "A", 2, 4),
        Citation("https://b.example", None, 2, 4),
        Citation("https://a.example", "A", None, None),
        Citation(None, "a document of another vendor", 0, 1),
    )
    response = answer(Text("é"), ToolCall("c", "f", "{}"), Text("🎉 日本", cited))
    for document in (
        documents(stream_of(response))[-1],
        json.loads(CODEC.encode_response(response, CONTEXT)),
    ):
        metadata = document["candidates"][0]["groundingMetadata"]
        assert [item["web"] for item in metadata["groundingChunks"]] == [
            {"uri": "https://a.example", "title": "A"},
            {"uri": "https://b.example"},
        ]
        spans = [
            (s["segment"]["startIndex"], s["segment"]["endIndex"], s["groundingChunkIndices"])
            for s in metadata["groundingSupports"]
        ]
        assert spans == [(7, 13, [0, 1]), (2, 13, [0])]
        assert "é🎉 日本".encode()[7:13].decode() == "日本"


def test_citations_survive_the_round_trip() -> None:
    cited = Citation("https://a.example", "A", 2, 4)
    response = answer(Text("🎉 日本", (cited,)))
    whole = CODEC.decode_response(CODEC.encode_response(response, CONTEXT))
    for answered in (collect(decode(stream_of(response))), whole):
        assert answered.choices[0].parts == (Text("🎉 日本", (cited,)),)


def test_a_citation_before_its_text_is_accepted() -> None:
    events: list[StreamEvent] = [
        AnswerStart("i", "m"),
        PartStart(0, PartKind.TEXT),
        CitationAdded(0, Citation("https://a.example", None, 0, 1)),
        TextDelta(0, "é"),
        PartEnd(0),
        ChoiceStop(END),
        AnswerEnd(),
    ]
    (part,) = collect(decode(CODEC.stream_encoder(CONTEXT).encode(events))).choices[0].parts
    assert isinstance(part, Text)
    assert [(c.start, c.end) for c in part.citations] == [(0, 1)]


def test_log_probabilities_reach_the_sdk() -> None:
    tokens = (TokenLogprob("H", -0.5, top=(TokenLogprob("Y", -1.5),)),)
    response = answer(Text("H", logprobs=tokens))
    for chunk in (
        read_stream(stream_of(response))[-1],
        read_whole(CODEC.encode_response(response, CONTEXT)),
    ):
        result = chunk.candidates[0].logprobs_result
        assert result.chosen_candidates[0].log_probability == -0.5
        assert result.top_candidates[0].candidates[0].token == "Y"


def test_pictures_and_files_are_parts() -> None:
    response = answer(
        Media(MediaKind.IMAGE, Inline("image/png", "AAAA")),
        Media(MediaKind.DOCUMENT, Inline("text/plain", "Grüße")),
        Media(MediaKind.IMAGE, FileId("file-1", Format.CHAT)),
    )
    picture, document, _ = parts_of(stream_of(response))
    assert picture == {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    assert base64.b64decode(document["inlineData"]["data"]).decode() == "Grüße"


def test_usage_comes_once_with_the_end() -> None:
    events = explode(FULL)
    stop = next(i for i, event in enumerate(events) if isinstance(event, ChoiceStop))
    early = [events[0], UsageReport(Usage(input=1)), *events[1:stop], *events[stop:]]
    stream = CODEC.stream_encoder(CONTEXT).encode(early)
    found = ["usageMetadata" in document for document in documents(stream)]
    assert found == [False] * (len(found) - 1) + [True]
    assert merge_deltas(decode(stream))[-1] == UsageReport(FULL.usage)
