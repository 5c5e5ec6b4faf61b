"""The official SDK as a judge of what clients of this format get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
import openai
import pytest
from msgspec.structs import replace
from openai.types.chat import ChatCompletion

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Usage,
)
from aigw_core.codec import Inbound
from aigw_core.codecs.chat import CODEC
from aigw_core.codecs.chat.wire import ENCODE
from aigw_core.collect import explode
from aigw_core.errors import ErrorKind, Failure
from tests.core.codecs.chat.wire import CONTEXT

MESSAGES: Any = [{"role": "user", "content": "hi"}]


def client(status: int, body: bytes, content_type: str) -> openai.OpenAI:
    """The SDK, talking to someone who always answers this."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": content_type})

    return openai.OpenAI(
        api_key="key",
        base_url="http://gateway.example/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def from_stream(body: bytes) -> ChatCompletion:
    """What the SDK's stream helper puts together."""
    with client(200, body, "text/event-stream").chat.completions.stream(
        model="m", messages=MESSAGES, stream_options={"include_usage": True}
    ) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


def raw_stream(body: bytes) -> list[Any]:
    chunks = client(200, body, "text/event-stream").chat.completions.create(
        model="m", messages=MESSAGES, stream=True
    )
    return list(chunks)


def whole(body: bytes) -> ChatCompletion:
    return client(200, body, "application/json").chat.completions.create(
        model="m", messages=MESSAGES
    )


def response(*parts: Part, stop: Stop = Stop(StopReason.END)) -> ChatResponse:  # noqa: B008
    usage = Usage(input=7, cache_read=2, cache_write=1, output=3, reasoning=4)
    return ChatResponse("chatcmpl-1", "m", 1600000000, (Choice(parts, stop),), usage)


def both(answer: ChatResponse) -> list[ChatCompletion]:
    """The answer as the SDK sees it in a stream and whole."""
    stream = CODEC.stream_encoder(CONTEXT).encode(explode(answer))
    return [from_stream(stream), whole(CODEC.encode_response(answer, CONTEXT))]


def test_text_reasoning_and_usage() -> None:
    answer = response(Reasoning("hm. "), Reasoning("ah"), Text("Hello "), Text("you"))
    for seen in both(answer):
        message = seen.choices[0].message
        assert message.content == "Hello you"
        assert message.model_extra is not None
        assert message.model_extra["reasoning_content"] == "hm. ah"
        assert message.role == "assistant"
        assert (seen.id, seen.created, seen.model) == ("chatcmpl-1", 1600000000, "asked-model")
        assert seen.choices[0].finish_reason == "stop"
        assert seen.usage is not None
        assert (seen.usage.prompt_tokens, seen.usage.completion_tokens) == (10, 7)
        assert seen.usage.total_tokens == 17
        assert seen.usage.prompt_tokens_details is not None
        assert seen.usage.prompt_tokens_details.cached_tokens == 2
        assert seen.usage.completion_tokens_details is not None
        assert seen.usage.completion_tokens_details.reasoning_tokens == 4


def test_tool_calls() -> None:
    calls = (ToolCall("c1", "f", '{"a": "é"}'), ToolCall("c2", "g", ""), ToolCall("c3", "f", "{}"))
    for seen in both(response(Text("Let me"), *calls, stop=Stop(StopReason.TOOL_USE))):
        assert seen.choices[0].finish_reason == "tool_calls"
        found = seen.choices[0].message.tool_calls or []
        assert [
            (call.id, call.function.name, call.function.arguments)
            for call in found
            if call.type == "function"
        ] == [("c1", "f", '{"a": "é"}'), ("c2", "g", ""), ("c3", "f", "{}")]


def test_an_answer_of_tool_calls_alone() -> None:
    for seen in both(response(ToolCall("c1", "f", "{}"), stop=Stop(StopReason.TOOL_USE))):
        assert not seen.choices[0].message.content
        assert len(seen.choices[0].message.tool_calls or []) == 1


def test_seals_survive_the_merging_of_deltas() -> None:
    answer = response(
        Reasoning("one", seal=Seal("aigw", "encrypted", "e1")),
        Reasoning("two", seal=Seal("aigw", "encrypted", "e2")),
        ToolCall("c1", "f", "{}", seal=Seal("aigw", "encrypted", "e3")),
        ToolCall("c2", "g", "{}", seal=Seal("aigw", "encrypted", "e4")),
        stop=Stop(StopReason.TOOL_USE),
    )
    for seen in both(answer):
        message = seen.choices[0].message
        assert message.model_extra is not None
        details = message.model_extra["reasoning_details"]
        assert [(entry["data"], entry["format"], entry["index"]) for entry in details] == [
            ("e1", "aigw-v1", 0),
            ("e2", "aigw-v1", 1),
            ("e3", "aigw-v1", 2),
            ("e4", "aigw-v1", 3),
        ]
        carried = [(call.model_extra or {})["extra_content"] for call in message.tool_calls or []]
        assert carried == [
            {"aigw": {"seal": "e3"}},
            {"aigw": {"seal": "e4"}},
        ]


def test_details_of_openrouter_survive_the_merging_of_deltas() -> None:
    def seal(text: str) -> Seal:
        entry = '{"type":"reasoning.text","text":"%s","signature":"s%s","format":"f","index":0}'
        return Seal("openrouter", "detail", f"[{entry % (text, text)}]")

    answer = response(Reasoning("a", seal=seal("a")), Text("x"), Reasoning("b", seal=seal("b")))
    for seen in both(answer):
        assert seen.choices[0].message.model_extra is not None
        details = seen.choices[0].message.model_extra["reasoning_details"]
        assert [(entry["text"], entry["format"]) for entry in details] == [("a", "f"), ("b", "f")]


def test_citations() -> None:
    cited = (Citation(url="https://a.example", title="A", start=0, end=2), Citation(url="u"))
    answer = response(Text("ab", cited), Text("cd", (Citation(url="v", start=1, end=2),)))
    for seen in both(answer):
        spans = [
            (entry.url_citation.url, entry.url_citation.start_index, entry.url_citation.end_index)
            for entry in seen.choices[0].message.annotations or []
        ]
        assert spans == [("https://a.example", 0, 2), ("u", 0, 2), ("v", 3, 4)]


def test_refusals() -> None:
    for seen in both(response(Refusal("I can't"))):
        assert seen.choices[0].message.refusal == "I can't"
        assert seen.choices[0].finish_reason == "stop"


def test_a_filtered_answer() -> None:
    answer = response(stop=Stop(StopReason.REFUSAL))
    stream = CODEC.stream_encoder(CONTEXT).encode(explode(answer))
    with pytest.raises(openai.ContentFilterFinishReasonError):
        from_stream(stream)
    seen = whole(CODEC.encode_response(answer, CONTEXT))
    assert seen.choices[0].finish_reason == "content_filter"
    assert seen.choices[0].message.content is None


def test_logprobs() -> None:
    tokens = (TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -2.0),)), TokenLogprob("é", -1.0))
    for seen in both(response(Text("aé", logprobs=tokens))):
        assert seen.choices[0].logprobs is not None
        content = seen.choices[0].logprobs.content or []
        assert [(token.token, token.bytes) for token in content] == [("a", [97]), ("é", None)]
        assert content[0].top_logprobs[0].logprob == -2.0


def test_several_choices() -> None:
    stops = (Stop(StopReason.END), Stop(StopReason.OTHER), Stop(StopReason.STOP_SEQUENCE))
    texts = ("a", "b", "c")
    choices = tuple(Choice((Text(text),), stop) for text, stop in zip(texts, stops, strict=True))
    for seen in both(replace(response(), choices=choices)):
        assert [choice.message.content for choice in seen.choices] == ["a", "b", "c"]
        assert [choice.finish_reason for choice in seen.choices] == ["stop", "stop", "stop"]


def test_an_answer_that_was_cut_short() -> None:
    answer = response(Text("a"), stop=Stop(StopReason.MAX_TOKENS))
    chunks = raw_stream(CODEC.stream_encoder(CONTEXT).encode(explode(answer)))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert whole(CODEC.encode_response(answer, CONTEXT)).choices[0].finish_reason == "length"


def test_free_form_calls_in_a_plain_stream() -> None:
    # The stream helper knows functions alone; the chunks themselves are fine.
    answer = response(ToolCall("c1", "patch", "text", freeform=True))
    stream = CODEC.stream_encoder(CONTEXT).encode(explode(answer))
    found = [
        call
        for chunk in raw_stream(stream)
        for choice in chunk.choices
        for call in choice.delta.tool_calls or []
    ]
    assert [(call.id, call.type, call.custom) for call in found] == [
        ("c1", "custom", {"name": "patch", "input": "text"})
    ]
    seen = whole(CODEC.encode_response(answer, CONTEXT)).choices[0].message.tool_calls or []
    assert seen[0].type == "custom"
    assert seen[0].custom.input == "text"


def test_keepalives_anywhere() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    stream = encoder.keepalive()
    for event in explode(response(Text("a"), ToolCall("c1", "f", "{}"))):
        stream += encoder.encode([event]) + encoder.keepalive()
    assert from_stream(stream).choices[0].message.content == "a"


@pytest.mark.parametrize("events", [0, 1, 2, 3])
def test_an_error_in_the_stream_raises(events: int) -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    before = encoder.encode(explode(response(Text("a")))[:events])
    stream = before + encoder.encode([Failure(ErrorKind.UPSTREAM_TRUNCATED, "it broke off")])
    with pytest.raises(openai.APIError, match="it broke off"):
        raw_stream(stream)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (ErrorKind.INVALID_REQUEST, openai.BadRequestError),
        (ErrorKind.AUTHENTICATION, openai.AuthenticationError),
        (ErrorKind.PERMISSION, openai.PermissionDeniedError),
        (ErrorKind.NOT_FOUND, openai.NotFoundError),
        (ErrorKind.RATE_LIMIT, openai.RateLimitError),
        (ErrorKind.BILLING, openai.RateLimitError),
        (ErrorKind.UPSTREAM_AUTH, openai.InternalServerError),
        (ErrorKind.INTERNAL, openai.InternalServerError),
    ],
)
def test_error_answers_raise_what_they_should(
    kind: ErrorKind, error: type[openai.APIStatusError]
) -> None:
    failure = Failure(kind, "because", param="/messages/0")
    status, body = CODEC.encode_error(failure, "req_1")
    with pytest.raises(error, match="because") as caught:
        client(status, body, "application/json").chat.completions.create(
            model="m", messages=MESSAGES
        )
    assert caught.value.body is not None
    assert isinstance(caught.value.code, str)


def parts_of(answer: ChatResponse) -> Sequence[Part]:
    return answer.choices[0].parts


def test_an_answer_that_the_sdk_sends_back_is_the_same_again() -> None:
    """Seals and reasoning come back the way a client that keeps messages sends them."""
    answer = response(
        Reasoning("one", seal=Seal("aigw", "encrypted", "e1")),
        Text("text", seal=Seal("aigw", "encrypted", "e2")),
        ToolCall("c1", "f", "{}", seal=Seal("aigw", "encrypted", "e3")),
        stop=Stop(StopReason.TOOL_USE),
    )
    for seen in both(answer):
        history = [
            *MESSAGES,
            seen.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ]
        request = CODEC.decode_request(Inbound(ENCODE({"model": "m", "messages": history})))
        reasoning, text, call = parts_of(answer)
        assert isinstance(text, Text)
        # Texts are joined on the way, so what seals one comes back beside it.
        beside = (Text(text.text), Text("", seal=text.seal))
        assert request.turns[1].parts == (reasoning, *beside, call)
