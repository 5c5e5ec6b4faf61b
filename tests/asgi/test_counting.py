"""Token counts for every upstream: its own, or an estimate that says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_asgi.transports.base import UpstreamFailed
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, RetryPolicy, Snapshot
from aigw_core.wire_request import FailureKind, WireRequest
from tests.asgi.clients import (
    COUNTERS,
    LOCAL,
    asking,
    counting,
    error_of,
    once,
    prompt_tokens,
    send,
    tokens,
)

pytestmark = pytest.mark.anyio

CLIENT = pytest.mark.parametrize("client", COUNTERS)
UPSTREAM = pytest.mark.parametrize("upstream", COUNTERS)
JSON = (("content-type", "application/json"),)
ESTIMATED = "x-aigw-token-count"
NATIVE = {
    Format.MESSAGES: b'{"input_tokens":17}',
    Format.RESPONSES: b'{"object":"response.input_tokens","input_tokens":17}',
    Format.GEMINI: b'{"totalTokens":17,"promptTokensDetails":[]}',
}
PATHS = {
    Format.MESSAGES: "/v1/messages/count_tokens",
    Format.RESPONSES: "/v1/responses/input_tokens",
    Format.GEMINI: "/v1beta/models/m:countTokens",
}


def credential(number: int, format: Format) -> Credential:
    return Credential(
        id=str(number),
        provider="test",
        name=f"up-{number}",
        format=format,
        base_url=f"http://127.0.0.1:{number}",
        api_key=Secret("upstream-key"),
        auth_style="bearer",
        position=number,
    )


def upstreams(*formats: Format) -> Snapshot:
    credentials = tuple(credential(1 + n, format) for n, format in enumerate(formats))
    retry = RetryPolicy(attempts=len(formats), cooldown_5xx=0, cooldown_network=0)
    return Snapshot("test", credentials=credentials, echo="off", strategy="fill-first", retry=retry)


Answer = Callable[[WireRequest], Script]


@CLIENT
@UPSTREAM
async def test_a_count_is_what_the_answer_will_report(client: Format, upstream: Format) -> None:
    async with Gateway(LOCAL) as gateway:
        path, body = counting(client, f"echo@{upstream}", "/wps 0 one two three")
        count = await send(gateway, "POST", path, body)
        assert count.status == 200
        assert ESTIMATED not in count.headers
        assert count.headers["x-aigw-provider"] == f"echo-{upstream}"
        path, body = asking(client, f"echo@{upstream}", "/wps 0 one two three")
        answer = await send(gateway, "POST", path, body)
        assert tokens(client, count.json) == prompt_tokens(client, answer.json) == 5


@CLIENT
@UPSTREAM
async def test_the_upstream_is_asked_at_its_own_address(client: Format, upstream: Format) -> None:
    transport = ScriptTransport(lambda request: Script(headers=JSON, reads=(NATIVE[upstream],)))
    async with Gateway(upstreams(upstream), transport=transport) as gateway:
        path, body = counting(client, "m", "Hi")
        reply = await send(gateway, "POST", f"{path}?beta=true", body)
    assert tokens(client, reply.json if client is not upstream else _plain(reply.json)) == 17
    (sent,) = transport.requests
    assert sent.url.endswith(PATHS[upstream])
    if client is upstream:
        assert json.loads(sent.body) == body
        assert reply.body == NATIVE[upstream]
    assert "max_tokens" not in json.loads(sent.body)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    answer.pop("promptTokensDetails", None)  # relayed with the rest
    return answer


@CLIENT
async def test_an_upstream_without_a_count_is_estimated(client: Format) -> None:
    transport = ScriptTransport(lambda request: Script(status=500))
    async with Gateway(upstreams(Format.CHAT), transport=transport) as gateway:
        few, many = [
            await send(gateway, "POST", *counting(client, "m", text))
            for text in ("Hi", "word " * 1000)
        ]
    assert few.headers[ESTIMATED] == many.headers[ESTIMATED] == "estimated"
    assert few.headers["x-aigw-provider"] == "up-1"
    assert few.headers["x-request-id"]
    assert tokens(client, few.json) < 20
    assert 1000 < tokens(client, many.json) < 1500
    assert transport.requests == []


@CLIENT
async def test_estimates_learn_from_usage(client: Format) -> None:
    async with Gateway(LOCAL) as gateway:
        text = "/wps 0 " + "abcdefghijkl " * 300  # a token a word, says echo
        before = await send(gateway, "POST", *counting(client, "echo@chat", text))
        for _ in range(12):
            await send(gateway, "POST", *asking(Format.MESSAGES, "echo@chat", text))
        after = await send(gateway, "POST", *counting(client, "echo@chat", text))
        assert after.headers[ESTIMATED] == "estimated"
    truth = 302
    assert tokens(client, before.json) > 2 * truth
    assert abs(tokens(client, after.json) - truth) < 0.2 * truth


@CLIENT
@UPSTREAM
@pytest.mark.parametrize(
    "answer",
    [
        Script(status=404, headers=JSON, reads=(b'{"detail":"Not Found"}',)),
        Script(status=405),
        Script(status=501, reads=(b"<html>",)),
    ],
    ids=["404", "405", "501"],
)
async def test_a_server_without_the_endpoint_is_estimated_and_not_blamed(
    client: Format, upstream: Format, answer: Script
) -> None:
    transport = ScriptTransport(lambda request: answer)
    async with Gateway(upstreams(upstream), transport=transport) as gateway:
        for _ in range(2):
            reply = await send(gateway, "POST", *counting(client, "m", "Hi"))
            assert reply.status == 200
            assert reply.headers[ESTIMATED] == "estimated"
    assert len(transport.requests) == 2


@CLIENT
@pytest.mark.parametrize(
    "failure",
    [
        Script(status=529, headers=JSON, reads=(b"{}",)),
        Script(status=500),
        Script(status=429),
        Script(status=401),
        Script(headers=JSON, reads=(b'{"nothing":1}',)),
        Script(headers=JSON, reads=(b'{"input_tokens":-1,"totalTokens":"x"}',)),
        Script(refusal=UpstreamFailed(FailureKind.CONNECT, "no", sent=False)),
    ],
    ids=["529", "500", "429", "401", "nothing", "nonsense", "refused"],
)
async def test_a_failed_count_goes_to_the_next_target(client: Format, failure: Script) -> None:
    def answer(request: WireRequest) -> Script:
        if ":1/" in request.url:
            return failure
        return Script(headers=JSON, reads=(NATIVE[Format.MESSAGES],))

    both = upstreams(Format.MESSAGES, Format.MESSAGES)
    transport = ScriptTransport(answer)
    async with Gateway(both, transport=transport) as gateway:
        reply = await send(gateway, "POST", *counting(client, "m", "Hi"))
    assert reply.status == 200
    assert tokens(client, reply.json) == 17
    assert reply.headers["x-aigw-attempts"] == "2"
    # A target that cannot count at all does as well.
    transport = ScriptTransport(lambda request: failure)
    mixed = upstreams(client, Format.CHAT)
    async with Gateway(mixed, transport=transport) as gateway:
        reply = await send(gateway, "POST", *counting(client, "m", "Hi"))
    assert reply.status == 200
    assert reply.headers[ESTIMATED] == "estimated"
    assert reply.headers["x-aigw-provider"] == "up-2"


@CLIENT
@pytest.mark.parametrize(("status", "expected"), [(500, 502), (429, 429), (400, 400)])
async def test_a_count_that_fails_everywhere_is_an_error(
    client: Format, status: int, expected: int
) -> None:
    transport = ScriptTransport(lambda request: Script(status=status))
    async with Gateway(upstreams(Format.GEMINI), transport=transport) as gateway:
        reply = await send(gateway, "POST", *counting(client, "m", "Hi"))
        assert reply.status == expected, reply.body
        error_of(client, reply.json)


async def test_a_limit_on_counting_is_no_limit_on_answers() -> None:
    answer = (
        b'{"type":"message","id":"msg_1","role":"assistant","model":"m","stop_reason":"end_turn",'
        b'"content":[{"type":"text","text":"Hi"}],"usage":{"input_tokens":1,"output_tokens":1}}'
    )

    def script(request: WireRequest) -> Script:
        if request.url.endswith("count_tokens"):
            return Script(status=429, headers=(("retry-after", "60"),))
        return Script(headers=JSON, reads=(answer,))

    async with Gateway(upstreams(Format.MESSAGES), transport=ScriptTransport(script)) as gateway:
        path, body = counting(Format.MESSAGES, "m", "Hi")
        assert (await send(gateway, "POST", path, body)).status == 429
        again = await send(gateway, "POST", path, body)
        assert (again.status, again.headers["retry-after"]) == (429, "60")
        path, body = asking(Format.MESSAGES, "m", "Hi")
        assert (await send(gateway, "POST", path, body)).status == 200


async def test_a_whole_gemini_request_is_counted_with_its_instructions() -> None:
    inner = {
        "model": "models/echo@messages",
        "systemInstruction": {"parts": [{"text": "Be very brief"}]},
        "contents": [{"parts": [{"text": "one two"}]}],
    }
    for name in ("generateContentRequest", "generate_content_request"):
        reply = await once("POST", "/v1beta/models/echo@messages:countTokens", {name: inner})
        assert reply.json == {"totalTokens": 5}
    transport = ScriptTransport(
        lambda request: Script(headers=JSON, reads=(NATIVE[Format.GEMINI],))
    )
    async with Gateway(upstreams(Format.GEMINI), transport=transport) as gateway:
        path = "/v1/models/real:countTokens"
        await send(gateway, "POST", path, {"generateContentRequest": inner})
    sent = json.loads(transport.requests[0].body)
    assert sent == {"generateContentRequest": {**inner, "model": "models/real"}}


async def test_counts_are_not_usage() -> None:
    async with Gateway(LOCAL) as gateway:
        await send(gateway, "POST", *counting(Format.MESSAGES, "echo@messages", "one two"))
        await send(gateway, "POST", *counting(Format.MESSAGES, "echo@chat", "one two"))
        metrics = (await send(gateway, "GET", "/metrics")).json
    assert metrics["total_requests"] == 2
    assert metrics["total_attempts"] == 1
    assert metrics["total_input_tokens"] == 0


async def test_the_version_decides_for_counts_too() -> None:
    path, body = counting(Format.MESSAGES, "echo@gemini", "Hi")
    for version, expected in (("2023-06-01", 200), ("2026-10-21", 400)):
        headers = {"anthropic-version": version}
        reply = await once("POST", path, {**body, "temperature": 1}, headers)
        assert reply.status == expected
    error = error_of(Format.MESSAGES, reply.json)
    assert error["type"] == "invalid_request_error"
    assert "temperature" in error["message"]
