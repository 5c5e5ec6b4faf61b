"""The official SDK reads what our encoders write, as it was meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Format,
    Native,
    Opaque,
    Part,
    Reasoning,
    Seal,
    Stop,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from aigw_core.codec import Inbound, Peek
from aigw_core.codecs.messages import CODEC
from aigw_core.collect import explode
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import StreamEvent
from tests.core.codecs.messages.wire_text import CONTEXT, FULL_STREAM

PARTS: tuple[Part, ...] = (
    Reasoning("I think… 東京\u2028", seal=Seal("messages", "signature", "c2ln")),
    Reasoning("", seal=Seal("messages", "redacted", "YmxvYg==")),
    Text("Grüß \u0085 Gott \U0001f600\r\n"),
    ToolCall("call_1", "get_weather", '{"city":"Zürich","n":9007199254740993}'),
    Text("more"),
    ToolCall("call_2", "now", ""),
    Opaque(
        Native(
            Format.MESSAGES,
            b'{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}',
        ),
        "web_search_tool_result",
    ),
)
USAGE = Usage(input=10, cache_read=85, cache_write=5, output=20, reasoning=30)
RESPONSE = ChatResponse("up", "up", None, (Choice(PARTS, Stop(StopReason.TOOL_USE)),), USAGE)


class _Reads(httpx2.SyncByteStream):
    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        yield from self._reads


class _Memory(httpx2.BaseTransport):
    def __init__(self, status: int, content_type: str, reads: list[bytes]) -> None:
        self._answer = (status, content_type, reads)
        self.request: httpx2.Request | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        status, content_type, reads = self._answer
        return httpx2.Response(
            status, headers={"content-type": content_type}, stream=_Reads(reads), request=request
        )


def client(transport: httpx2.BaseTransport) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key="k",
        base_url="http://gateway.test",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )


def ask(data: bytes) -> Any:
    """What ``messages.stream`` makes of a stream."""
    transport = _Memory(
        200, CODEC.content_type, [data[at : at + 61] for at in range(0, len(data), 61)]
    )
    with client(transport).messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        return stream.get_final_message()


def check(message: Any) -> None:
    blocks = message.content
    assert [block.type for block in blocks] == [
        "thinking", "redacted_thinking", "text", "tool_use", "text", "tool_use",
        "web_search_tool_result",
    ]  # fmt: skip
    assert (blocks[0].thinking, blocks[0].signature) == ("I think… 東京\u2028", "c2ln")
    assert blocks[1].data == "YmxvYg=="
    assert blocks[2].text == "Grüß \u0085 Gott \U0001f600\r\n"
    assert (blocks[3].id, blocks[3].name) == ("call_1", "get_weather")
    assert blocks[3].input == {"city": "Zürich", "n": 9007199254740993}
    assert blocks[5].input == {}
    assert message.stop_reason == "tool_use"
    assert message.stop_sequence is None
    assert message.model == "client-model"
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 50)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (85, 5)
    assert usage.output_tokens_details.thinking_tokens == 30


def test_stream_is_read_as_meant() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    data = [encoder.keepalive()]
    for item in explode(RESPONSE):
        data += [encoder.encode([item]), encoder.keepalive()]
    check(ask(b"".join(data)))


def test_whole_answer_is_read_as_meant() -> None:
    transport = _Memory(200, "application/json", [CODEC.encode_response(RESPONSE, CONTEXT)])
    message = client(transport).messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    )
    check(message)


def test_stop_sequence_and_refusal_reach_the_caller() -> None:
    stop = Stop(StopReason.STOP_SEQUENCE, sequence="###")
    response = ChatResponse("", "", None, (Choice((Text("a"),), stop),))
    message = ask(CODEC.stream_encoder(CONTEXT).encode(explode(response)))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "###")
    stop = Stop(StopReason.REFUSAL, explanation="policy")
    message = ask(
        CODEC.stream_encoder(CONTEXT).encode(
            explode(ChatResponse("", "", None, (Choice((), stop),)))
        )
    )
    assert message.stop_reason == "refusal"
    assert message.stop_details.explanation == "policy"
    assert message.content == []


@pytest.mark.parametrize("kept", [0, 1, 2, 5, 9])
def test_broken_off_stream_raises(kept: int) -> None:
    events: list[StreamEvent] = explode(RESPONSE)[:kept]
    encoder = CODEC.stream_encoder(CONTEXT)
    data = encoder.encode(events)
    data += encoder.encode([Failure(ErrorKind.UPSTREAM_TRUNCATED, "it broke off")])
    with pytest.raises(anthropic.APIStatusError, match="it broke off"):
        ask(data)


def test_overload_is_known_as_such() -> None:
    status, body = CODEC.encode_error(Failure(ErrorKind.OVERLOADED, "busy"), "req_1")
    with pytest.raises(anthropic.OverloadedError) as caught:
        client(_Memory(status, "application/json", [body])).messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.status_code == 529
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == "req_1"


def test_relayed_stream_without_event_names_can_be_read() -> None:
    bare = b"\n".join(line for line in FULL_STREAM.split(b"\n") if not line.startswith(b"event: "))
    tap = CODEC.relay_tap(Peek("m", True))
    message = ask(tap.feed(bare.replace(b"\n", b"\r\n")) + tap.eof())
    assert [block.type for block in message.content][:3] == [
        "thinking",
        "redacted_thinking",
        "text",
    ]
    assert message.usage.output_tokens == 40


def test_request_of_the_sdk_is_understood() -> None:
    transport = _Memory(200, "application/json", [CODEC.encode_response(RESPONSE, CONTEXT)])
    client(transport).messages.create(
        model="m",
        max_tokens=9,
        system="be brief",
        messages=[
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}],
            },
        ],
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        thinking={"type": "adaptive", "display": "omitted"},
    )
    assert transport.request is not None
    body = transport.request.read()
    request = CODEC.decode_request(Inbound(body, dict(transport.request.headers)))
    assert request.extras == ()
    assert [turn.role for turn in request.turns] == ["system", "user", "assistant", "user"]
    assert json.loads(body)["model"] == request.model
    assert request.reasoning.visible == "none"
