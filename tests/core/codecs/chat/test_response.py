"""Complete answers, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Inline,
    Media,
    MediaKind,
    Native,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from aigw_core.chat import Format as WireFormat
from aigw_core.codecs.chat import CODEC
from aigw_core.collect import collect, explode
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from tests.core.codecs.chat.wire import CONTEXT, DONE, chunk, decode

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def body(message: Any, finish: Any = "stop", **top: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    document = {"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m"}
    document |= {"choices": [choice], "usage": USAGE} | top
    return json.dumps(document, separators=(",", ":")).encode()


def read(message: Any, finish: Any = "stop", **top: Any) -> Choice:
    return CODEC.decode_response(body(message, finish, **top)).choices[0]


def refused(raw: bytes) -> Failure:
    with pytest.raises(UpstreamError) as caught:
        CODEC.decode_response(raw)
    with pytest.raises(UpstreamError):
        CODEC.relay_usage(raw)
    return caught.value.failure


def write(*parts: Part, stop: Stop = Stop(StopReason.END), **fields: Any) -> Any:  # noqa: B008
    answer = ChatResponse("chatcmpl-1", "m", 5, (Choice(parts, stop),), **fields)
    return json.loads(CODEC.encode_response(answer, CONTEXT))


def test_an_answer() -> None:
    response = CODEC.decode_response(body({"content": "hi"}, service_tier="default"))
    assert (response.id, response.model, response.created) == ("chatcmpl-1", "m", 5)
    assert response.choices == (Choice((Text("hi"),), Stop(StopReason.END, "stop")),)
    assert response.usage == Usage(input=10, output=5, tier="default")
    assert CODEC.relay_usage(body({"content": "hi"})) == Usage(input=10, output=5)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "hi"},
        {"content": None, "refusal": "no"},
        {"reasoning_content": "hm", "content": "a"},
        {
            "reasoning": "hm",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}
            ],
            "content": "a",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"content": [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}]},
        {"content": "ab", "annotations": [{"url_citation": {"url": "u", "end_index": 1}}]},
    ],
    ids=range(6),
)
def test_an_answer_is_what_its_stream_would_be(message: Any) -> None:
    whole = CODEC.decode_response(body(message))
    stream = chunk(message) + chunk(finish="stop", usage=USAGE) + DONE
    streamed = collect(decode(stream.replace(b"1699999999", b"5").replace(b"m-1", b"m")))
    assert whole == streamed
    assert collect(explode(whole)) == whole


def test_calls_in_an_answer_are_one_each() -> None:
    calls = [
        {"id": "", "function": {"name": "f", "arguments": {"a": 1}}, "type": "function"},
        {"id": "", "function": {"name": "f", "arguments": "{}"}},
        {"index": 0, "id": "c", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "type": "custom", "id": "d", "custom": {"name": "p", "input": "x"}},
    ]
    choice = read({"content": None, "tool_calls": calls})
    found = [part for part in choice.parts if isinstance(part, ToolCall)]
    assert [(call.name, call.arguments) for call in found] == [
        ("f", '{"a":1}'),
        ("f", "{}"),
        ("g", ""),
        ("p", "x"),
    ]
    assert len({call.id for call in found}) == 4
    assert choice.stop.reason is StopReason.TOOL_USE


def test_odd_shapes_of_content() -> None:
    # Cloudflare's JSON mode; Snowflake's empty members and finish reason.
    assert read({"content": {"a": 1.50}}).parts == (Text('{"a":1.5}'),)
    empty = {"function_call": {"arguments": "", "name": ""}, "audio": {"data": "", "id": ""}}
    choice = read({"content": "a", "tool_calls": None, "annotations": None} | empty, "")
    assert choice == Choice((Text("a"),), Stop(StopReason.END))


def test_googles_signature_of_the_message() -> None:
    extra = {"extra_content": {"google": {"thought": True, "thought_signature": "sig"}}}
    calls = [{"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    for choice in (read(extra | {"content": "a"}), read(extra | {"tool_calls": calls * 2})):
        part = choice.parts[0]
        assert isinstance(part, Text | ToolCall)
        assert part.seal == Seal("chat", "thought_signature", "sig")
        assert all(other.seal is None for other in choice.parts[1:] if isinstance(other, ToolCall))


def test_lone_halves_become_replacement_characters() -> None:
    raw = body({"content": "x"}).replace(b'"x"', b'"a\\ud83d"')
    assert CODEC.decode_response(raw).choices[0].parts == (Text("a\ufffd"),)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", ErrorKind.UPSTREAM_MALFORMED),
        (b"<html>", ErrorKind.UPSTREAM_MALFORMED),
        (b"[]", ErrorKind.UPSTREAM_MALFORMED),
        (b"{}", ErrorKind.UPSTREAM_MALFORMED),
        (b'{"choices":[]}', ErrorKind.UPSTREAM_MALFORMED),
        (b'{"choices":[5]}', ErrorKind.UPSTREAM_MALFORMED),
        (b'{"choices":"\xff"}', ErrorKind.UPSTREAM_MALFORMED),
        (b'{"error":{"message":"m","code":429}}', ErrorKind.RATE_LIMIT),
        (b'{"error":"m"}', ErrorKind.UPSTREAM),
        (b'{"error":{"status":400,"code":"content_filter"}}', ErrorKind.INVALID_REQUEST),
        (b'[{"error":{"message":"m","code":503}}]', ErrorKind.OVERLOADED),
        (b'{"object":"error","message":"m","code":404}', ErrorKind.NOT_FOUND),
    ],
    ids=range(12),
)
def test_what_is_no_answer(raw: bytes, kind: ErrorKind) -> None:
    assert refused(raw).kind is kind


@pytest.mark.parametrize(
    "raw",
    [
        body({"content": "a"}, "error"),
        body({"tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]}),
        json.dumps({"choices": [{"index": 0, "message": {}}] * 2}).encode(),
        json.dumps({"choices": [{"index": 999, "message": {}}]}).encode(),
        json.dumps(
            {"choices": [{"index": at, "message": {"content": "a"}} for at in (0, 2)]}
        ).encode(),
    ],
    ids=range(5),
)
def test_an_answer_that_is_broken(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        CODEC.decode_response(raw)


# --- to clients ------------------------------------------------------------------


def test_the_whole_document() -> None:
    usage = Usage(input=3, cache_read=1, cache_write_long=2, output=1, reasoning=4, tier="flex")
    assert write(Text("hi"), usage=usage) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "asked-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 6,
            "completion_tokens": 5,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        "service_tier": "flex",
    }


@pytest.mark.parametrize(
    ("parts", "stop", "content"),
    [
        ((), StopReason.END, ""),
        ((), StopReason.REFUSAL, None),
        ((ToolCall("c", "f", ""),), StopReason.TOOL_USE, None),
        ((Refusal("no"),), StopReason.END, None),
        ((Text("a"), ToolCall("c", "f", ""), Text("b")), StopReason.TOOL_USE, "ab"),
        ((Reasoning("hm"),), StopReason.MAX_TOKENS, ""),
    ],
    ids=range(6),
)
def test_content_is_null_only_beside_something(
    parts: tuple[Part, ...], stop: StopReason, content: str | None
) -> None:
    message = write(*parts, stop=Stop(stop))["choices"][0]["message"]
    assert message["content"] == content
    assert ("tool_calls" in message) == any(isinstance(part, ToolCall) for part in parts)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        (StopReason.END, "stop"),
        (StopReason.STOP_SEQUENCE, "stop"),
        (StopReason.TOOL_USE, "tool_calls"),
        (StopReason.MAX_TOKENS, "length"),
        (StopReason.CONTEXT_FULL, "length"),
        (StopReason.REFUSAL, "content_filter"),
        (StopReason.PAUSE, "length"),
        (StopReason.OTHER, "stop"),
    ],
)
def test_finish_reasons(reason: StopReason, finish: str) -> None:
    assert write(Text("a"), stop=Stop(reason))["choices"][0]["finish_reason"] == finish


def test_what_the_format_cannot_carry_is_left_out() -> None:
    picture = Media(MediaKind.IMAGE, Inline("image/png", "QUJD"))
    hosted = ToolCall("s", "search", "{}", server=True)
    seal = Seal("messages", "signature", "secret")
    written = json.dumps(write(Reasoning("hm", seal=seal), picture, hosted, Text("a", seal=seal)))
    assert not any(word in written for word in ("secret", "search", "QUJD"))


def test_sound_of_this_format() -> None:
    native = Native(WireFormat.CHAT, b'{"id":"au","data":"UklGR","transcript":"t"}')
    sound = Media(MediaKind.AUDIO, Inline("audio/wav", "UklGR"), native=native)
    message = write(sound)["choices"][0]["message"]
    assert (message["audio"]["id"], message["content"]) == ("au", None)
    assert CODEC.decode_response(body({"audio": message["audio"]})).choices[0].parts[0] == Media(
        MediaKind.AUDIO,
        Inline("audio/wav", "UklGR"),
        native=Native(
            WireFormat.CHAT, b'{"id":"au","data":"UklGR","transcript":"t","expires_at":null}'
        ),
    )


def test_a_stream_of_the_answer_and_the_answer_agree() -> None:
    answer = ChatResponse(
        "chatcmpl-1",
        "asked-model",
        5,
        (
            Choice(
                (
                    Reasoning(
                        "hm",
                        seal=Seal("openrouter", "detail", '[{"type":"x","data":"d","index":0}]'),
                    ),
                    Text("é\u2028"),
                    ToolCall("c1", "f", '{"a":1}'),
                ),
                Stop(StopReason.TOOL_USE, "tool_calls"),
            ),
            Choice((Text("b"),), Stop(StopReason.MAX_TOKENS, "length")),
        ),
        Usage(input=3, cache_read=1, output=1, reasoning=4),
    )
    again = CODEC.decode_response(CODEC.encode_response(answer, CONTEXT))
    streamed = collect(decode(CODEC.stream_encoder(CONTEXT).encode(explode(answer))))
    assert again == answer == streamed
