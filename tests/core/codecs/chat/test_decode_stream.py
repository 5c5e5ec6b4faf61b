"""What upstreams send, and what it means. Each quirk names who has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import (
    Inline,
    Media,
    MediaKind,
    Reasoning,
    ReasoningStyle,
    Refusal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
)
from aigw_core.codec import Codec
from aigw_core.codecs import CODECS
from aigw_core.codecs.chat import CODEC
from aigw_core.codecs.chat.decode_stream import MAX_CHOICES
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartKind,
    PartStart,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.sse import MAX_EVENT_SIZE
from tests import laws
from tests.core.codecs.chat.wire import (
    DONE,
    ROLE,
    answer,
    call,
    chunk,
    cut,
    decode,
    event,
    failure,
    feed_all,
    text_stream,
    usage_chunk,
)

STOP = chunk(finish="stop")
CALLED = chunk(finish="tool_calls")


def calls(*chunks: bytes) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the tool calls of a stream."""
    parts = answer(b"".join([ROLE, *chunks, CALLED, DONE])).choices[0].parts
    return [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]


def tools(*entries: Any) -> bytes:
    return chunk({"tool_calls": list(entries)})


# --- text ------------------------------------------------------------------------


def test_a_plain_answer() -> None:
    response = answer(text_stream("Hel", "lo"))
    assert (response.id, response.model, response.created) == ("chatcmpl-1", "m-1", 1699999999)
    assert response.choices[0].parts == (Text("Hello"),)
    assert response.choices[0].stop == Stop(StopReason.END, "stop")


def test_each_delta_is_passed_on_as_it_comes() -> None:
    decoder = CODEC.stream_decoder()
    assert decoder.feed(ROLE) == [AnswerStart("chatcmpl-1", "m-1", 1699999999)]
    started = decoder.feed(chunk({"content": "a"}))
    assert started == [PartStart(0, PartKind.TEXT), TextDelta(0, "a")]
    assert decoder.feed(chunk({"content": "b"})) == [TextDelta(0, "b")]


def test_empty_deltas_open_no_part() -> None:
    # DeepSeek sends null beside the other field, OpenRouter an empty content always.
    stream = b"".join(
        [
            ROLE,
            chunk({"content": None, "reasoning_content": ""}),
            chunk({"role": "assistant", "content": "", "reasoning": None}),
            chunk({"refusal": "", "tool_calls": [], "reasoning_details": []}),
            STOP,
            DONE,
        ]
    )
    assert answer(stream).choices[0].parts == ()


def test_missing_and_null_members_are_no_obstacle() -> None:
    stream = b"".join(
        [
            event({"choices": [{"delta": {"content": "a"}}]}),
            event({"choices": None, "id": None, "model": None}),
            event({"id": "x", "choices": [{"delta": None, "index": None, "finish_reason": ""}]}),
            event({"choices": [{"delta": {"content": "b"}, "finish_reason": None}]}),
            event({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
            DONE,
        ]
    )
    response = answer(stream)
    assert response.choices[0].parts == (Text("ab"),)
    assert response.created is None


def test_an_opening_chunk_without_an_answer_is_skipped() -> None:
    # Azure reports on the prompt first, without id and model.
    opening = event({"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]})
    assert decode(opening + text_stream("a"))[0] == AnswerStart("chatcmpl-1", "m-1", 1699999999)


def test_comments_and_odd_line_ends_are_framing() -> None:
    plain = text_stream("a\u2028b\u0085c")
    odd = b": OPENROUTER PROCESSING\n\n" * 30 + plain.replace(b"\n", b"\r\n")
    assert decode(odd) == decode(plain)
    assert decode(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r")) == decode(plain)


def test_what_comes_after_the_end_is_ignored() -> None:
    assert decode(text_stream("a") + chunk({"content": "late"}) + DONE) == decode(text_stream("a"))


def test_text_after_the_finish_reason_is_kept() -> None:
    stream = ROLE + chunk({"content": "a"}) + STOP + chunk({"content": "b"}) + DONE
    assert answer(stream).choices[0].parts == (Text("ab"),)


def test_text_between_tool_calls_is_a_part_of_its_own() -> None:
    stream = b"".join(
        [
            chunk({"content": "a"}),
            tools(call(0, "c1", "f", "{}")),
            chunk({"content": "b"}),
            CALLED,
            DONE,
        ]
    )
    parts = answer(stream).choices[0].parts
    assert parts == (Text("a"), ToolCall("c1", "f", "{}"), Text("b"))


def test_a_refusal_has_its_own_part() -> None:
    stream = ROLE + chunk({"refusal": "I "}) + chunk({"refusal": "can't"}) + STOP + DONE
    assert answer(stream).choices[0].parts == (Refusal("I can't"),)


def test_logprobs_stay_with_the_text() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    other = token | {"top_logprobs": [{"token": "b", "logprob": -1, "bytes": None}]}
    stream = b"".join(
        [
            # A token that ends no character yet comes without content.
            chunk({"content": ""}, choice={"logprobs": {"content": [token]}}),
            chunk({"content": "a"}, choice={"logprobs": {"content": [other], "refusal": None}}),
            STOP,
            DONE,
        ]
    )
    first = TokenLogprob("a", -0.5, (97,))
    second = TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -1.0, None),))
    assert answer(stream).choices[0].parts == (Text("a", logprobs=(first, second)),)


def test_logprobs_of_reasoning_are_left_out() -> None:
    # DeepSeek.
    token = {"token": "We", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    odd = {"logprobs": {"reasoning_content": [token]}}
    stream = chunk({"reasoning_content": "We"}, choice=odd) + STOP + DONE
    assert answer(stream).choices[0].parts == (Reasoning("We"),)


def test_citations_are_counted_from_their_part() -> None:
    cited = {"url": "https://a.example", "title": "A", "start_index": 5, "end_index": 7}
    stream = b"".join(
        [
            chunk({"content": "one"}),
            chunk({"reasoning_content": "hm"}),
            chunk({"content": "two four"}),
            chunk(
                {"annotations": [{"type": "url_citation", "url_citation": cited}, {"type": "x"}]}
            ),
            STOP,
            DONE,
        ]
    )
    part = answer(stream).choices[0].parts[2]
    assert isinstance(part, Text)
    [citation] = part.citations
    assert (citation.url, citation.title, citation.start, citation.end) == (
        "https://a.example",
        "A",
        2,
        4,
    )


def test_citations_without_text_are_kept() -> None:
    # OpenRouter sends them with empty content and indices of 0, before the text.
    cited = {"url": "u", "title": "", "start_index": 0, "end_index": 0, "content": "passage"}
    early = chunk({"content": "", "annotations": [{"url_citation": cited}]})
    part = answer(early + chunk({"content": "a"}) + STOP + DONE).choices[0].parts[0]
    assert isinstance(part, Text)
    assert part.text == "a"
    assert (part.citations[0].start, part.citations[0].cited_text) == (None, "passage")
    part = answer(early + STOP + DONE).choices[0].parts[0]
    assert isinstance(part, Text)
    assert part.citations[0].url == "u"


# --- reasoning -------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(field: str) -> None:
    # DeepSeek, xAI and older vLLM; Groq, OpenRouter, newer vLLM.
    stream = b"".join(
        [
            chunk({field: "Let me ", "content": None}),
            chunk({field: "see."}),
            chunk({"content": "Yes", field: None}),
            STOP,
            DONE,
        ]
    )
    assert answer(stream).choices[0].parts == (Reasoning("Let me see."), Text("Yes"))


def test_mistral_mixes_thinking_into_the_content() -> None:
    def thinking(text: str) -> Any:
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

    stream = b"".join(
        [
            chunk({"content": [thinking("Ok")]}),
            chunk({"content": [thinking("ay."), {"type": "text", "text": "4"}]}),
            chunk({"content": "2"}),
            STOP,
            DONE,
        ]
    )
    assert answer(stream).choices[0].parts == (Reasoning("Okay."), Text("42"))


def detail(type_: str, **fields: Any) -> Any:
    return {"type": f"reasoning.{type_}", **fields, "format": "f-v1", "index": 0}


def test_details_and_their_text_are_one() -> None:
    # OpenRouter sends the text in both fields.
    stream = b"".join(
        [
            chunk({"reasoning": "a", "reasoning_details": [detail("text", text="a")]}),
            chunk({"reasoning": "b", "reasoning_details": [detail("text", text="b")]}),
            chunk({"content": "", "reasoning_details": [detail("text", signature="sig")]}),
            chunk({"content": "yes"}),
            STOP,
            DONE,
        ]
    )
    reasoning, text = answer(stream).choices[0].parts
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.text, text) == ("ab", Text("yes"))
    assert reasoning.seal is not None
    assert (reasoning.seal.issuer, reasoning.seal.kind) == ("openrouter", "detail")
    assert json.loads(reasoning.seal.data) == [detail("text", text="ab", signature="sig")]


def test_details_alone_are_reasoning_too() -> None:
    stream = b"".join(
        [
            chunk({"reasoning_details": [detail("summary", summary="So")]}),
            chunk({"reasoning_details": [detail("summary", summary="!")]}),
            chunk({"reasoning_details": [detail("encrypted", data="xyz", id="rs_1")]}),
            tools(call(0, "c1", "f", "{}")),
            CALLED,
            DONE,
        ]
    )
    reasoning = answer(stream).choices[0].parts[0]
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.text, reasoning.style) == ("So!", ReasoningStyle.SUMMARY)
    assert reasoning.seal is not None
    assert json.loads(reasoning.seal.data) == [
        detail("summary", summary="So!"),
        detail("encrypted", data="xyz", id="rs_1"),
    ]


def test_proof_without_text_is_kept() -> None:
    # Gemini models at OpenRouter.
    stream = b"".join(
        [
            chunk({"reasoning_details": [detail("encrypted", data="xyz", id="call")]}),
            tools(call(0, "call", "f", "{}")),
            CALLED,
            DONE,
        ]
    )
    reasoning = answer(stream).choices[0].parts[0]
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.text, reasoning.style) == ("", ReasoningStyle.HIDDEN)
    assert reasoning.seal is not None


def test_details_that_prove_nothing_are_no_seal() -> None:
    delta = {"reasoning": "a", "reasoning_details": [detail("text", text="a", signature="")]}
    assert answer(chunk(delta) + STOP + DONE).choices[0].parts == (Reasoning("a"),)


def test_details_of_no_shape_are_ignored() -> None:
    odd = [1, None, "x", {"type": 5, "data": "q"}, {"type": "reasoning.text", "index": [1]}]
    stream = chunk({"reasoning": "a", "reasoning_details": odd}) + STOP + DONE
    assert answer(stream).choices[0].parts[0] == Reasoning("a")


# --- tool calls ------------------------------------------------------------------


def test_a_call_in_pieces() -> None:
    found = calls(
        tools(call(0, "c1", "f", "")),
        tools({"index": 0, "function": {"arguments": '{"a"'}}),
        tools({"index": 0, "function": {"arguments": ":1}"}}),
    )
    assert found == [("c1", "f", '{"a":1}')]


def test_calls_may_interleave() -> None:
    found = calls(
        tools(call(0, "c1", "f", "1"), call(1, "c2", "g", "2")),
        tools({"index": 1, "function": {"arguments": "2"}}),
        tools({"index": 0, "function": {"arguments": "1"}}),
    )
    assert found == [("c1", "f", "11"), ("c2", "g", "22")]


def test_another_id_under_the_same_index_is_another_call() -> None:
    # Ollama numbers every parallel call 0 (ollama#15457).
    found = calls(tools(call(0, "c1", "f", "{}")), tools(call(0, "c2", "f", '{"b":2}')))
    assert found == [("c1", "f", "{}"), ("c2", "f", '{"b":2}')]


def test_the_same_id_again_is_the_same_call() -> None:
    found = calls(tools(call(0, "c1", "f", "1")), tools(call(0, "c1", "f", "2")))
    assert found == [("c1", "f", "12")]


def test_calls_without_an_index() -> None:
    # Older Ollama (ollama#7881) and Mistral: whole calls with an id each.
    found = calls(
        tools(call(None, "c1", "f", "{}")),
        tools(call(None, "c2", "g", "1")),
        tools({"function": {"arguments": "2"}}),
        tools({"id": "c1", "function": {"arguments": " "}}),
    )
    assert found == [("c1", "f", "{} "), ("c2", "g", "12")]


def test_calls_without_index_and_id_are_told_apart_by_name() -> None:
    found = calls(tools(call(None, None, "f", "1"), call(None, None, "g", "2")))
    assert [(name, arguments) for _, name, arguments in found] == [("f", "1"), ("g", "2")]
    assert len({id for id, _, _ in found}) == 2


@pytest.mark.parametrize("blank", ["", None])
def test_blank_id_and_name_overwrite_nothing(blank: str | None) -> None:
    later = {"index": 0, "id": blank, "function": {"name": blank, "arguments": "1"}}
    assert calls(tools(call(0, "c1", "f", "")), tools(later)) == [("c1", "f", "1")]


def test_arguments_may_come_before_the_name() -> None:
    found = calls(
        tools({"index": 0, "id": "c1", "function": {"arguments": "{"}}),
        tools({"index": 0, "function": {"name": "f", "arguments": "}"}}),
    )
    assert found == [("c1", "f", "{}")]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"a": 1}, '{"a":1}'), (None, ""), ([1], "[1]"), (12, "12")],
    ids=["object", "null", "list", "number"],
)
def test_arguments_that_are_no_text(arguments: Any, text: str) -> None:
    assert calls(tools(call(0, "c1", "f", arguments))) == [("c1", "f", text)]


def test_arguments_keep_the_spelling_of_numbers() -> None:
    body = (
        b'{"id":"x","choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f"'
    )
    body += b',"arguments":{"n":1e400,"m":9223372036854775807}}}]}}]}'
    stream = b"data: " + body + b"\n\n" + CALLED + DONE
    part = answer(stream).choices[0].parts[0]
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"n":1e400,"m":9223372036854775807}'


def test_missing_ids_are_made_and_stay_the_same() -> None:
    # Google's endpoint of this format sends empty ones.
    first = calls(tools(call(0, "", "f", "{}"), call(1, "", "f", "{}")))
    assert first == calls(tools(call(0, "", "f", "{}"), call(1, "", "f", "{}")))
    assert len({id for id, _, _ in first}) == 2
    assert all(id.startswith("call_") and len(id) <= 40 for id, _, _ in first)


def test_an_id_that_comes_twice_is_made_anew() -> None:
    found = calls(tools(call(0, "c1", "f", "1"), call(1, "c1", "g", "2")))
    assert [name for _, name, _ in found] == ["f", "g"]
    assert found[0][0] == "c1"
    assert found[1][0] != "c1"


def test_custom_calls_are_free_text() -> None:
    stream = b"".join(
        [
            tools(
                {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "p", "input": "a"}}
            ),
            tools({"index": 0, "custom": {"input": "b"}}),
            CALLED,
            DONE,
        ]
    )
    assert answer(stream).choices[0].parts == (ToolCall("c1", "p", "ab", freeform=True),)


def test_an_empty_custom_beside_a_function_is_none() -> None:
    # Snowflake sends both.
    entry = call(0, "c1", "f", "{}") | {"custom": {"name": "", "input": ""}}
    assert calls(tools(entry)) == [("c1", "f", "{}")]


def test_the_form_before_tool_calls() -> None:
    stream = b"".join(
        [
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{}"}}),
            chunk(finish="function_call"),
            DONE,
        ]
    )
    choice = answer(stream).choices[0]
    assert [(part.name, part.arguments) for part in choice.parts if isinstance(part, ToolCall)] == [
        ("f", "{}")
    ]
    assert choice.stop.reason is StopReason.TOOL_USE


def test_googles_signature_seals_its_call() -> None:
    # On the call, or in a delta after it that names no call.
    extra = {"extra_content": {"google": {"thought_signature": "sig"}}}
    for pieces in (
        [tools(call(0, "c1", "f", "{}") | extra)],
        [tools(call(0, "c1", "f", "{}")), tools(extra)],
        [tools(call(0, "c1", "f", "{}")), chunk(extra)],
    ):
        [part] = answer(b"".join([ROLE, *pieces, CALLED, DONE])).choices[0].parts
        assert isinstance(part, ToolCall)
        assert part.seal is not None
        assert (part.seal.issuer, part.seal.kind, part.seal.data) == (
            "chat",
            "thought_signature",
            "sig",
        )


def test_a_call_that_never_gets_a_name() -> None:
    nameless = tools({"index": 0, "id": "c1", "function": {"arguments": "{}"}})
    assert failure(ROLE + nameless + CALLED + DONE).kind is ErrorKind.UPSTREAM_MALFORMED
    stub = tools({"index": 0, "function": {"arguments": ""}})
    assert answer(chunk({"content": "a"}) + stub + STOP + DONE).choices[0].parts == (Text("a"),)


# --- the end ---------------------------------------------------------------------


def test_a_choice_that_is_left_out_is_no_answer() -> None:
    # Clients count choices from 0; one that never comes would never end for them.
    stream = ROLE + chunk({"content": "b"}, index=2) + STOP + chunk(finish="stop", index=2) + DONE
    found = failure(stream)
    assert found.kind is ErrorKind.UPSTREAM_MALFORMED
    assert found.message == "the upstream left out choice 1"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", StopReason.END),
        ("length", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSAL),
        ("tool_calls", StopReason.END),
        ("eos", StopReason.END),
        ("STOP", StopReason.END),
        ("end_turn", StopReason.END),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("model_length", StopReason.CONTEXT_FULL),
        ("abort", StopReason.OTHER),
    ],
)
def test_finish_reasons(finish: str, reason: StopReason) -> None:
    stop = answer(chunk({"content": "a"}, finish) + DONE).choices[0].stop
    assert stop == Stop(reason, finish)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", StopReason.TOOL_USE),
        ("tool_calls", StopReason.TOOL_USE),
        ("length", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSAL),
        ("abort", StopReason.OTHER),
    ],
)
def test_finish_reasons_after_a_tool_call(finish: str, reason: StopReason) -> None:
    stop = answer(tools(call(0, "c1", "f")) + chunk(finish=finish) + DONE).choices[0].stop
    assert stop.reason is reason


def test_a_stop_sequence_is_reported_by_vllm() -> None:
    named = chunk(finish="stop", choice={"stop_reason": "END"})
    stop = answer(chunk({"content": "a"}) + named + DONE).choices[0].stop
    assert stop == Stop(StopReason.STOP_SEQUENCE, "stop", "END")
    numbered = chunk(finish="stop", choice={"stop_reason": 128001})
    assert answer(numbered + DONE).choices[0].stop == Stop(StopReason.END, "stop")


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("error", ErrorKind.UPSTREAM),
        ("network_error", ErrorKind.UPSTREAM),
        ("insufficient_system_resource", ErrorKind.OVERLOADED),
    ],
)
def test_finish_reasons_that_are_failures(finish: str, kind: ErrorKind) -> None:
    assert failure(chunk({"content": "a"}, finish) + DONE).kind is kind


def test_the_first_finish_reason_counts() -> None:
    # OpenRouter sends two, the second with usage and a choice.
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    second = chunk({"content": ""}, "stop", usage=usage)
    stream = chunk({"content": "a"}, "length") + second + DONE
    events = decode(stream)
    assert [item.stop.reason for item in events if isinstance(item, ChoiceStop)] == [
        StopReason.MAX_TOKENS
    ]
    assert answer(stream).usage.output_total == 2


def test_done_without_a_finish_reason_ends_an_answer() -> None:
    # Snowflake never gives a reason, and Kimi at OpenRouter has been seen without.
    assert answer(chunk({"content": "a"}) + DONE).choices[0].stop == Stop(StopReason.END)
    stop = answer(tools(call(0, "c1", "f", "{}")) + DONE).choices[0].stop
    assert stop == Stop(StopReason.TOOL_USE)


def test_a_finish_reason_without_done_ends_an_answer() -> None:
    # Perplexity, GPUStack and Groq behind Hugging Face's router.
    stream = text_stream("a")
    assert decode(stream.removesuffix(DONE)) == decode(stream)


GOES_ON = (
    {"content": "b"},
    {"reasoning_content": "b"},
    {"reasoning": "b"},
    {"refusal": "b"},
    {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
    {"function_call": {"name": "g", "arguments": ""}},
    {"audio": {"data": "AAAA"}},
)


@pytest.mark.parametrize("delta", GOES_ON, ids=range(len(GOES_ON)))
def test_a_choice_that_goes_on_after_its_finish_reason_needs_another(delta: Any) -> None:
    # Together gives a finish reason for each call: with one of two, half of the second
    # call was taken for all of it.
    begun = ROLE + tools(call(0, "c1", "f", "{}")) + chunk(finish="tool_calls")
    assert failure(begun + chunk(delta)).kind is ErrorKind.UPSTREAM_TRUNCATED
    for end in (chunk(finish="tool_calls"), DONE):
        assert isinstance(decode(begun + chunk(delta) + end)[-1], AnswerEnd)
    both = begun + chunk(delta, "tool_calls")
    assert isinstance(decode(both)[-1], AnswerEnd)
    assert failure(both + chunk(delta)).kind is ErrorKind.UPSTREAM_TRUNCATED


@pytest.mark.parametrize(
    "delta",
    [
        {},
        {"role": "assistant", "content": None},
        {"content": "", "tool_calls": [], "function_call": {"name": "", "arguments": ""}},
    ],
    ids=range(3),
)
def test_a_choice_may_say_nothing_after_its_finish_reason(delta: Any) -> None:
    stream = ROLE + chunk({"content": "a"}) + STOP + chunk(delta) + usage_chunk(prompt_tokens=1)
    assert isinstance(decode(stream)[-1], AnswerEnd)


def test_one_choice_of_two_may_not_go_on_without_an_end() -> None:
    stream = chunk({"content": "a"}, "stop") + chunk({"content": "b"}, "stop", index=1)
    assert isinstance(decode(stream)[-1], AnswerEnd)
    assert failure(stream + chunk({"content": "c"})).kind is ErrorKind.UPSTREAM_TRUNCATED


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b": nothing\n\n",
        DONE,
        ROLE,
        ROLE + DONE,
        ROLE + chunk({"content": "a"}),
        text_stream("a")[:-40].removesuffix(DONE)[:-30],
        usage_chunk(prompt_tokens=1) + DONE,
        chunk({"content": "a"}, "stop") + chunk({"content": "b"}, index=1),
    ],
    ids=range(9),
)
def test_a_stream_that_breaks_off(stream: bytes) -> None:
    assert failure(stream).kind is ErrorKind.UPSTREAM_TRUNCATED


def test_a_last_event_without_its_blank_line() -> None:
    stream = text_stream("a")
    assert decode(stream[:-2]) == decode(stream)
    assert decode(stream.removesuffix(DONE)[:-2]) == decode(stream)
    # Half an event is not read, even when what is there could be.
    half = ROLE + chunk({"content": "a"}, "stop")[:-3]
    assert failure(half).kind is ErrorKind.UPSTREAM_TRUNCATED


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"5",
        b'"text"',
        b"[]",
        b'{"choices":5}',
        b'{"choices":[5]}',
        b'{"choices":[{"delta":"a"}]}',
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b'{"choices":[{"delta":{"tool_calls":5}}]}',
        b"[" * 5000,
        b'{"choices":null,"\xff":1}',
        b'{"choices":[{"index":-1,"delta":{"content":"a"}}]}',
        b'{"choices":[{"index":%d,"delta":{"content":"a"}}]}' % MAX_CHOICES,
    ],
    ids=range(13),
)
def test_what_is_no_chunk_is_malformed(data: bytes) -> None:
    stream = ROLE + b"data: " + data + b"\n\n" + text_stream("never")
    events = decode(stream)
    assert failure(stream).kind is ErrorKind.UPSTREAM_MALFORMED
    assert not any(isinstance(item, TextDelta) for item in events)


def test_an_event_that_is_too_large_is_malformed() -> None:
    decoder = CODEC.stream_decoder()
    events = feed_all(decoder, [ROLE, b"data: " + b" " * MAX_EVENT_SIZE, b" " * 100])
    assert isinstance(events[-1], Failure)
    assert events[-1].kind is ErrorKind.UPSTREAM_MALFORMED


# --- errors in the stream --------------------------------------------------------


def test_an_error_after_a_finish_reason_is_an_error() -> None:
    # OpenRouter: a chunk of the usual shape, with [DONE] behind it.
    late = chunk(error={"code": 400, "message": "Token limit reached"}, usage={"prompt_tokens": 1})
    stream = chunk({"content": "a"}, "length") + late + DONE
    last = failure(stream)
    assert (last.kind, last.status, last.message) == (
        ErrorKind.INVALID_REQUEST,
        400,
        "Token limit reached",
    )
    assert not any(isinstance(item, ChoiceStop) for item in decode(stream))


def test_groqs_error_event() -> None:
    error = {"message": "failed", "type": "invalid_request_error", "code": "tool_use_failed"}
    data = event({"error": error | {"status_code": 400}})
    last = failure(ROLE + b"event: error\n" + data)
    assert (last.kind, last.status, last.code) == (
        ErrorKind.INVALID_REQUEST,
        400,
        "tool_use_failed",
    )


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (b'data: {"error":"boom"}\n\n', ErrorKind.UPSTREAM, "boom"),
        (b'data: {"error":{"message":"m","type":"server_error"}}\n\n', ErrorKind.UPSTREAM, "m"),
        (b'data: {"error":{"message":"m","code":429}}\n\n', ErrorKind.RATE_LIMIT, "m"),
        (b'data: [{"error":{"message":"m","code":503}}]\n\n', ErrorKind.OVERLOADED, "m"),
        (b'data: {"object":"error","message":"m","code":400}\n\n', ErrorKind.INVALID_REQUEST, "m"),
        (b'data: {"detail":"m"}\n\n', ErrorKind.UPSTREAM, "m"),
        (b"event: error\ndata: not json\n\n", ErrorKind.UPSTREAM, "not json"),
        (
            b'data: {"error":{"message":"m","type":"insufficient_quota"}}\n\n',
            ErrorKind.BILLING,
            "m",
        ),
    ],
    ids=range(8),
)
def test_shapes_of_errors(raw: bytes, kind: ErrorKind, message: str) -> None:
    for before in (b"", ROLE):
        last = failure(before + raw + text_stream("a"))
        assert (last.kind, last.message) == (kind, message)


def test_an_error_that_says_nothing_is_none() -> None:
    blank: tuple[Any, ...] = (None, {}, "", False)
    stream = b"".join(chunk({"content": "a"}, error=error) for error in blank)
    assert answer(stream + STOP + DONE).choices[0].parts == (Text("aaaa"),)


# --- usage -----------------------------------------------------------------------

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize(
    "ending",
    [
        STOP + usage_chunk(**USAGE),
        chunk(finish="stop", usage=USAGE),
        chunk({"content": "b"}, usage=USAGE | {"completion_tokens": 3})
        + chunk(finish="stop", usage=USAGE),
        chunk(finish="stop", x_groq={"id": "r", "usage": USAGE}),
        STOP + usage_chunk(**USAGE) + event({"choices": [], "moderation": {}, "usage": None}),
    ],
    ids=["own chunk", "finish chunk", "every chunk", "x_groq", "moderation after it"],
)
def test_usage_wherever_it_is(ending: bytes) -> None:
    usage = answer(ROLE + chunk({"content": "a"}) + ending + DONE).usage
    assert (usage.input_total, usage.output_total) == (10, 5)


def test_a_report_is_given_once_for_each_change() -> None:
    stream = ROLE + chunk({"content": "a"}, usage=USAGE) * 3 + STOP + DONE
    assert len([item for item in decode(stream) if isinstance(item, UsageReport)]) == 1


def test_usage_of_no_sense_is_left_out() -> None:
    odd = chunk({"content": "a"}, usage={"prompt_tokens": "many", "completion_tokens": 5.0})
    usage = answer(odd + chunk(usage=[1]) + STOP + DONE).usage
    assert (usage.input, usage.output) == (None, 5)


def test_the_tier_comes_with_the_usage() -> None:
    stream = ROLE + chunk({"content": "a"}) + chunk(finish="stop", usage=USAGE, service_tier="flex")
    assert answer(stream + DONE).usage.tier == "flex"


# --- choices, media, surrogates --------------------------------------------------


def test_choices_are_told_apart() -> None:
    stream = b"".join(
        [
            chunk({"content": "a"}),
            chunk({"content": "x"}, index=1),
            chunk({"content": "b"}),
            chunk({"content": "y"}, index=1),
            chunk(finish="length", index=1),
            STOP,
            DONE,
        ]
    )
    first, second = answer(stream).choices
    assert (first.parts, first.stop.reason) == ((Text("ab"),), StopReason.END)
    assert (second.parts, second.stop.reason) == ((Text("xy"),), StopReason.MAX_TOKENS)


def test_a_stream_of_one_message() -> None:
    whole = event(
        {"id": "x", "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}
    )
    assert answer(whole + DONE).choices[0].parts == (Text("a"),)


def test_a_message_beside_the_deltas_is_ignored() -> None:
    # Perplexity repeats the text so far in each chunk.
    stream = chunk({"content": "a"}, choice={"message": {"content": "a"}})
    stream += chunk({"content": "b"}, "stop", choice={"message": {"content": "ab"}})
    assert answer(stream).choices[0].parts == (Text("ab"),)


def test_pictures_are_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    stream = chunk({"content": "a", "images": [image, {"type": "?"}]}) + STOP + DONE
    picture = Media(MediaKind.IMAGE, Inline("image/png", "QUJD"))
    assert answer(stream).choices[0].parts == (Text("a"), picture)


def test_sound_is_put_together() -> None:
    stream = b"".join(
        [
            chunk({"audio": {"id": "au", "transcript": "Hel"}}),
            chunk({"audio": {"data": "UklGR"}}),
            chunk({"audio": {"data": "AAAA", "transcript": "lo", "expires_at": 9}}),
            STOP,
            DONE,
        ]
    )
    [part] = answer(stream).choices[0].parts
    assert isinstance(part, Media)
    assert part.source == Inline("audio/wav", "UklGRAAAA")
    assert part.native is not None
    assert json.loads(part.native.raw) == {
        "id": "au",
        "data": "UklGRAAAA",
        "transcript": "Hello",
        "expires_at": 9,
    }


def raw_chunk(delta: bytes) -> bytes:
    return b'data: {"id":"x","choices":[{"index":0,"delta":%b}]}\n\n' % delta


@pytest.mark.parametrize("field", [b"content", b"reasoning_content", b"refusal"])
def test_a_character_cut_between_two_deltas(field: bytes) -> None:
    deltas = [b"a\\ud83d", b"\\ude00b", b"\\ud83d", b"c", b"\\ude00", b"\\ud83d"]
    stream = b"".join(raw_chunk(b'{"%b":"%b"}' % (field, text)) for text in deltas) + STOP + DONE
    [part] = answer(stream).choices[0].parts
    assert isinstance(part, Text | Reasoning | Refusal)
    assert part.text == "a😀b\ufffdc\ufffd\ufffd"


def test_a_character_cut_in_arguments() -> None:
    stream = b"".join(
        [
            raw_chunk(
                b'{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"\\ud83d"}}]}'
            ),
            raw_chunk(b'{"tool_calls":[{"index":0,"function":{"arguments":"\\ude00"}}]}'),
            raw_chunk(b'{"tool_calls":[{"index":0,"function":{"arguments":"\\ud83d"}}]}'),
            CALLED,
            DONE,
        ]
    )
    [part] = answer(stream).choices[0].parts
    assert isinstance(part, ToolCall)
    assert part.arguments == "😀\ufffd"


def test_a_character_cut_in_the_input_of_a_custom_tool() -> None:
    pieces = [tools({"index": 0, "custom": {"name": "f", "input": half}}) for half in (HIGH, LOW)]
    assert [arguments for _, _, arguments in calls(*pieces)] == ["😀"]


def test_a_lone_half_where_it_does_not_matter_loses_nothing() -> None:
    odd = b'data: {"id":"x","note":"\\ud83d","choices":[{"delta":{"content":"a\\udc00b"}}]}\n\n'
    assert answer(odd + STOP + DONE).choices[0].parts == (Text("a\ufffdb"),)


HIGH, LOW = "\ud83d", "\ude00"
TOKEN = {"token": HIGH, "logprob": -1.0, "top_logprobs": [{"token": LOW, "logprob": -1.0}]}
CITED = {"url": HIGH, "title": LOW, "content": HIGH, "start_index": 0, "end_index": 1}
HALVES: list[Any] = [
    {"content": [{"type": HIGH, "text": LOW}, {"thinking": [{"text": HIGH}]}]},
    {"content": {"own": HIGH, LOW: 1}},  # Cloudflare
    {"reasoning_details": [detail("text", text=HIGH, signature=LOW, id=HIGH)]},
    {"reasoning_details": [detail("text", text=HIGH), detail("text", text=HIGH)]},
    {"annotations": [{"type": HIGH, "url_citation": CITED, "own": {LOW: HIGH}}]},
    {"images": [{"image_url": {"url": HIGH}}]},
    {"audio": {"id": HIGH, "data": "AAAA", "transcript": LOW}},
    {"tool_calls": [call(0, HIGH, LOW, HIGH)], "extra_content": {"google": {"x": HIGH}}},
    {"tool_calls": [call(0, "c", "f", {"own": HIGH})]},
    {"tool_calls": [{"type": "custom", "id": LOW, "custom": {"name": HIGH, "input": LOW}}]},
    {"function_call": {"name": HIGH, "arguments": LOW}},
]


@pytest.mark.parametrize("delta", HALVES)
@pytest.mark.parametrize("client", CODECS.values(), ids=lambda codec: codec.format)
def test_half_a_character_anywhere_leaves_no_mark(delta: Any, client: Codec) -> None:
    choice = {"logprobs": {"content": [TOKEN], "refusal": [TOKEN]}, "stop_reason": HIGH}
    for content in ("a", HIGH):
        first = chunk({"content": content}, id=LOW, model=HIGH, choice=choice)
        whole = chunk(choice={"delta": None, "message": delta, **choice})
        for stream in (first + chunk(delta), chunk(delta, id=LOW, choice=choice), whole):
            laws.halves_leave_no_marks(CODEC, client, [stream + STOP + DONE])


def test_half_a_character_in_an_error_leaves_no_mark() -> None:
    assert failure(event({"error": {"message": "a" + HIGH}})).message == "a\ufffd"


def test_a_character_cut_in_details_of_reasoning() -> None:
    stream = b"".join(
        [
            chunk({"reasoning_details": [detail("text", text="a" + HIGH)]}),
            chunk({"reasoning_details": [detail("text", text=LOW), detail("text", text=HIGH)]}),
            chunk({"reasoning_details": [detail("text", text=LOW + HIGH, signature="s")]}),
            STOP,
            DONE,
        ]
    )
    [part] = answer(stream).choices[0].parts
    assert isinstance(part, Reasoning)
    assert part.text == "a😀😀\ufffd"
    assert part.seal is not None
    assert json.loads(part.seal.data)[0]["text"] == part.text


# --- machine ---------------------------------------------------------------------


def test_every_cut_in_two_gives_the_same_events() -> None:
    stream = b"".join(
        [
            b": hello\r\n\r\n",
            chunk({"reasoning": "é", "reasoning_details": [detail("text", signature="s")]}),
            chunk({"content": "ü\u2028"}),
            raw_chunk(b'{"content":"\\ud83d"}'),
            raw_chunk(b'{"content":"\\ude00"}'),
            tools(call(0, "c1", "f", "{}")).replace(b"\n", b"\r\n"),
            CALLED,
            usage_chunk(**USAGE),
            DONE,
        ]
    )
    expected = decode(stream)
    for edge in range(len(stream)):
        assert feed_all(CODEC.stream_decoder(), cut(stream, [edge])) == expected
    assert feed_all(CODEC.stream_decoder(), [bytes([byte]) for byte in stream]) == expected


def test_it_is_silent_after_its_end() -> None:
    for stream in (text_stream("a"), ROLE + b"data: {\n\n"):
        decoder = CODEC.stream_decoder()
        decoder.feed(stream)
        assert decoder.feed(text_stream("b")) == []
        assert decoder.eof() == []
        assert "closed=True" in repr(decoder)


def test_argument_deltas_are_not_held_back() -> None:
    decoder = CODEC.stream_decoder()
    decoder.feed(ROLE + tools(call(0, "c1", "f")))
    piece = tools({"index": 0, "function": {"arguments": '{"a'}})
    assert decoder.feed(piece) == [ToolCallDelta(0, '{"a')]
