"""Limits, usage and cost, through a running gateway: each test fails when its wire is cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from decimal import Decimal
from typing import Any, cast

import anyio
import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway
from aigw_asgi.state import GatewayState
from aigw_asgi.transports.memory import Pause, Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey, Credential, Price, RetryPolicy, Snapshot
from aigw_core.errors import InvalidConfig
from aigw_core.limits import Lease, LimitInactive, Limits, Refusal
from aigw_core.wire_request import WireRequest
from tests.asgi.clients import COUNTERS, Reply, asking, counting, error_of, send
from tests.usage_documents import ANSWERS

pytestmark = pytest.mark.anyio

KEY = "sk-made-up"
DIGEST = hashlib.sha256(KEY.encode()).digest()
AUTH = {"authorization": f"Bearer {KEY}"}


def upstream(format: Format) -> Credential:
    return Credential(
        id=f"up-{format}",
        provider="made-up",
        name=f"up-{format}",
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("upstream"),
        auth_style="bearer",
        position=0,
    )


def keyed(*credentials: Credential, **limits: Any) -> Snapshot:
    return Snapshot(
        "test",
        credentials=credentials,
        client_keys={DIGEST: ClientKey("1", "ci", DIGEST, **limits)},
        from_file=True,
        echo="on",
        retry=RetryPolicy(attempts=1, stream_attempts=1),
    )


async def metrics_of(gateway: Gateway) -> Any:
    return (await send(gateway, "GET", "/metrics")).json


async def ask(gateway: Gateway, format: Format, model: str = "echo", **more: Any) -> Reply:
    path, body = asking(format, model, "/wps 0 Hi there", **more)
    return await send(gateway, "POST", path, body, AUTH)


def refused_by(reply: Reply, format: Format, limit: str, allowed: int) -> None:
    assert reply.status == 429, reply.body
    error = error_of(format, reply.json)
    assert reply.headers["x-aigw-origin"] == "gateway"
    assert int(reply.headers["retry-after"]) >= 1
    assert limit in error["message"]
    assert f" {allowed} " in error["message"]
    assert "'ci'" in error["message"]
    if format in (Format.CHAT, Format.RESPONSES):
        assert error["code"] == "rate_limit_exceeded"  # what clients of these formats act on


@pytest.mark.parametrize("format", Format)
async def test_requests_in_a_minute(format: Format) -> None:
    async with Gateway(keyed(requests_per_minute=2)) as gateway:
        for _ in range(2):
            assert (await ask(gateway, format)).status == 200
        refused_by(await ask(gateway, format), format, "requests-per-minute", 2)
        metrics = await metrics_of(gateway)
    assert metrics["limits_refused"] == {"requests-per-minute": 1}
    assert metrics["total_requests"] == 3
    assert metrics["total_attempts"] == 2


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_in_a_minute(format: Format, stream: bool) -> None:
    """The first request is let in on its estimate; what it really used is too much."""
    async with Gateway(keyed(tokens_per_minute=40)) as gateway:
        path, body = asking(format, "echo", "/wps 0 " + "word " * 60, stream=stream)
        assert (await send(gateway, "POST", path, body, AUTH)).status == 200
        refused_by(await ask(gateway, format), format, "tokens-per-minute", 40)
        assert (await metrics_of(gateway))["by_key"]["ci"]["tokens"] > 40


async def test_what_an_estimate_held_too_much_is_given_back() -> None:
    """Ten prompts that are estimated at half of the allowance each, and used little."""
    function = {"name": "f", "description": "x " * 1000}
    fields: dict[str, Any] = {"tools": [{"type": "function", "function": function}]}
    async with Gateway(keyed(tokens_per_minute=1000)) as gateway:
        for _ in range(10):
            assert (await ask(gateway, Format.CHAT, **fields)).status == 200
        assert (await metrics_of(gateway))["by_key"]["ci"]["tokens"] < 1000


async def test_a_request_that_is_refused_by_routing_gives_back() -> None:
    limits = {"tokens_per_minute": 100, "max_concurrent": 1}
    async with Gateway(keyed(**limits)) as gateway:
        for _ in range(5):
            assert (await ask(gateway, Format.CHAT, "nobody-serves-this")).status == 404
        assert (await ask(gateway, Format.CHAT)).status == 200


async def test_a_limit_comes_before_routing() -> None:
    async with Gateway(keyed(requests_per_minute=1)) as gateway:
        assert (await ask(gateway, Format.CHAT, "nobody-serves-this")).status == 404
        assert (await ask(gateway, Format.CHAT, "nobody-serves-this")).status == 429


async def test_a_failed_request_gives_back() -> None:
    def fail(request: WireRequest) -> Script:
        return Script(500, (("content-type", "application/json"),), (b"{}",))

    snapshot = keyed(upstream(Format.CHAT), tokens_per_minute=100, max_concurrent=1)
    async with Gateway(snapshot, transport=ScriptTransport(fail)) as gateway:
        for _ in range(5):
            assert (await ask(gateway, Format.CHAT, "some-model")).status == 502
        metrics = await metrics_of(gateway)
    assert metrics["by_key"]["ci"]["tokens"] == 0
    assert metrics["unpriced_requests"] == 0


@pytest.mark.parametrize("format", COUNTERS)
async def test_counting_uses_requests_and_no_tokens(format: Format) -> None:
    limits = {"requests_per_minute": 10, "tokens_per_minute": 10}
    async with Gateway(keyed(**limits)) as gateway:
        assert (await ask(gateway, format, "echo")).status == 200  # uses all of them
        path, body = counting(format, "echo", "word " * 100)
        for _ in range(9):
            assert (await send(gateway, "POST", path, body, AUTH)).status == 200
        reply = await send(gateway, "POST", path, body, AUTH)
        refused_by(reply, format, "requests-per-minute", 10)
        metrics = await metrics_of(gateway)
    assert metrics["total_tokens"] < 30


async def test_nobody_else_is_limited() -> None:
    snapshot = Snapshot("test")
    async with Gateway(snapshot) as gateway:
        for _ in range(20):
            path, body = asking(Format.CHAT, "echo", "/wps 0 Hi")
            assert (await send(gateway, "POST", path, body)).status == 200


# --- streams that do not end -------------------------------------------------


def chat_stream(*, ends: bool) -> Callable[[WireRequest], Script]:
    def chunk(text: str) -> bytes:
        delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        document = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [delta],
        }
        return f"data: {json.dumps(document)}\n\n".encode()

    reads: list[bytes | Pause] = [chunk(f"word{number} ") for number in range(20)]
    reads.append(Pause.FOREVER if not ends else b"data: [DONE]\n\n")

    def script(request: WireRequest) -> Script:
        return Script(200, (("content-type", "text/event-stream"),), tuple(reads))

    return script


def messages_stream(request: WireRequest) -> Script:
    start: dict[str, Any] = {
        "type": "message_start",
        "message": {
            "id": "1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 321, "output_tokens": 1, "cache_read_input_tokens": 50},
        },
    }
    block: dict[str, Any] = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    deltas: list[dict[str, Any]] = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": f"x{number}"},
        }
        for number in range(1, 21)
    ]
    events = [start, block, *deltas]
    reads = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]
    headers = (("content-type", "text/event-stream"),)
    return Script(200, headers, (*reads, Pause.FOREVER))


async def left_midway(gateway: Gateway, format: Format) -> None:
    """Read all that comes of a stream that does not end, and leave."""
    path, body = asking(format, "some-model", "Hi there, how are you?", stream=True)
    response = await gateway.request("POST", path, AUTH, json.dumps(body).encode())
    assert response.status == 200
    last = b"word19" if format is Format.CHAT else b'"x20"'
    async with aclosing(cast(AsyncGenerator[bytes], aiter(response))) as reads:
        async for data in reads:
            if last in data:
                break
    await response.aclose()
    await anyio.wait_all_tasks_blocked()


async def test_an_aborted_stream_is_booked_as_far_as_the_upstream_told() -> None:
    snapshot = keyed(upstream(Format.MESSAGES), tokens_per_minute=400)
    async with Gateway(snapshot, transport=ScriptTransport(messages_stream)) as gateway:
        await left_midway(gateway, Format.MESSAGES)
        metrics = await metrics_of(gateway)
        assert metrics["total_cancelled"] == 1
        assert metrics["tokens"]["input"] == 321
        assert metrics["tokens"]["cache_read"] == 50
        assert 20 <= metrics["tokens"]["output"] <= 25
        assert metrics["estimated_requests"] == 1
        refused = await ask(gateway, Format.MESSAGES)
        refused_by(refused, Format.MESSAGES, "tokens-per-minute", 400)


async def test_an_aborted_stream_without_any_usage_is_estimated() -> None:
    transport = ScriptTransport(chat_stream(ends=False))
    snapshot = keyed(upstream(Format.CHAT), tokens_per_minute=30)
    async with Gateway(snapshot, transport=transport) as gateway:
        await left_midway(gateway, Format.CHAT)
        metrics = await metrics_of(gateway)
        assert metrics["tokens"]["input"] > 5
        assert metrics["tokens"]["output"] == 20
        refused_by(await ask(gateway, Format.CHAT), Format.CHAT, "tokens-per-minute", 30)


async def test_an_upstream_that_reports_no_usage_is_no_way_around() -> None:
    transport = ScriptTransport(chat_stream(ends=True))
    snapshot = keyed(upstream(Format.CHAT), tokens_per_minute=30)
    async with Gateway(snapshot, transport=transport) as gateway:
        assert (await ask(gateway, Format.CHAT, "some-model", stream=True)).status == 200
        refused_by(await ask(gateway, Format.CHAT), Format.CHAT, "tokens-per-minute", 30)


async def test_requests_at_the_same_time() -> None:
    transport = ScriptTransport(chat_stream(ends=False))
    snapshot = keyed(upstream(Format.CHAT), max_concurrent=2)
    async with Gateway(snapshot, transport=transport) as gateway:
        path, fields = asking(Format.CHAT, "some-model", "Hi", stream=True)
        body = json.dumps(fields).encode()
        open_streams = [await gateway.request("POST", path, AUTH, body) for _ in range(2)]
        assert [each.status for each in open_streams] == [200, 200]
        refused_by(await ask(gateway, Format.CHAT), Format.CHAT, "max-concurrent", 2)
        assert (await metrics_of(gateway))["in_flight"] == 2
        await open_streams[0].aclose()
        await anyio.wait_all_tasks_blocked()
        assert (await ask(gateway, Format.CHAT)).status == 200
        assert (await metrics_of(gateway))["in_flight"] == 1
        await open_streams[1].aclose()


async def test_a_cancelled_request_gives_back() -> None:
    """The server gives up on a request whose upstream never answers."""

    def never(request: WireRequest) -> Script:
        return Script(refusal=Pause.FOREVER)

    snapshot = keyed(upstream(Format.CHAT), max_concurrent=1)
    async with Gateway(snapshot, transport=ScriptTransport(never)) as gateway:
        for _ in range(3):
            with anyio.move_on_after(0.02) as scope:
                await ask(gateway, Format.CHAT, "some-model")
            assert scope.cancelled_caught
            await anyio.wait_all_tasks_blocked()
        assert (await ask(gateway, Format.CHAT)).status == 200


# --- the proof at start ------------------------------------------------------


class Deaf(Limits):
    def reserve(
        self, key: ClientKey, tokens: int, now: float, *, weight: int = 1
    ) -> Lease | Refusal:
        return super().reserve(ClientKey(key.id, key.name, key.digest), tokens, now)


async def test_a_limit_that_would_do_nothing_stops_the_start() -> None:
    snapshot = keyed(requests_per_minute=5)
    transport = ScriptTransport(messages_stream)
    with pytest.raises(LimitInactive, match="requests-per-minute of the key 'ci' is configured"):
        GatewayState(snapshot, transport, own_seal_key=lambda: b"k" * 32, limits=Deaf())
    GatewayState(keyed(), transport, own_seal_key=lambda: b"k" * 32, limits=Deaf())


async def test_use_outlives_a_reload() -> None:
    async with Gateway(keyed(requests_per_minute=2)) as gateway:
        state = gateway.app.state
        assert state is not None
        for _ in range(2):
            assert (await ask(gateway, Format.CHAT)).status == 200
        state.use(replace(state.snapshot, version="second"))
        refused_by(await ask(gateway, Format.CHAT), Format.CHAT, "requests-per-minute", 2)
        [known] = state.snapshot.client_keys.values()
        more = replace(known, requests_per_minute=3)
        state.use(replace(state.snapshot, client_keys={DIGEST: more}))
        assert (await ask(gateway, Format.CHAT)).status == 200
        refused_by(await ask(gateway, Format.CHAT), Format.CHAT, "requests-per-minute", 3)


async def test_a_reload_that_would_lift_limits_changes_nothing() -> None:
    transport = ScriptTransport(messages_stream)
    state = GatewayState(keyed(), transport, own_seal_key=lambda: b"k" * 32, limits=Deaf())
    before = state.snapshot
    with pytest.raises(InvalidConfig, match="not enforced"):
        state.use(keyed(max_concurrent=1))
    assert state.snapshot is before


async def test_the_proof_uses_nothing_up() -> None:
    async with Gateway(keyed(requests_per_minute=1, max_concurrent=1)) as gateway:
        assert (await ask(gateway, Format.CHAT)).status == 200


# --- cost --------------------------------------------------------------------


def document(format: Format) -> Callable[[WireRequest], Script]:
    return lambda request: Script(200, (("content-type", "application/json"),), (ANSWERS[format],))


PRICE = Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"), reasoning=Decimal(50))


@pytest.mark.parametrize("answers", [Format.CHAT, Format.GEMINI])
@pytest.mark.parametrize("asks", [Format.CHAT, Format.GEMINI, Format.MESSAGES])
async def test_an_answer_has_a_cost(asks: Format, answers: Format) -> None:
    """200 * 3 + 800 * 0.3 + 60 * 15 + 40 * 50, relayed or translated."""
    snapshot = replace(keyed(upstream(answers)), prices={"my-model": PRICE})
    async with Gateway(snapshot, transport=ScriptTransport(document(answers))) as gateway:
        reply = await ask(gateway, asks, "my-model-20250514")
        assert reply.status == 200, reply.body
        metrics = await metrics_of(gateway)
    assert metrics["total_cost_usd"] == 0.00374
    assert metrics["cost_by_model"] == {"my-model-20250514": 0.00374}
    assert metrics["by_key"]["ci"]["cost_usd"] == 0.00374
    assert metrics["unpriced_requests"] == 0


async def test_bundled_prices_need_no_configuration() -> None:
    transport = ScriptTransport(document(Format.CHAT))
    async with Gateway(keyed(upstream(Format.CHAT)), transport=transport) as gateway:
        await ask(gateway, Format.CHAT, "gpt-4o-2024-08-06")
        metrics = await metrics_of(gateway)
    # 200 * 2.5 + 800 * 1.25 + 100 * 10
    assert metrics["total_cost_usd"] == 0.0025


async def test_an_unknown_price_is_unpriced_and_not_nothing() -> None:
    async with Gateway(keyed()) as gateway:
        await ask(gateway, Format.CHAT)
        metrics = await metrics_of(gateway)
    assert metrics["unpriced_requests"] == 1
    assert metrics["cost_by_model"] == {}


async def test_the_record_of_an_aborted_stream_has_a_cost() -> None:
    snapshot = replace(keyed(upstream(Format.MESSAGES)), prices={"some-model": PRICE})
    async with Gateway(snapshot, transport=ScriptTransport(messages_stream)) as gateway:
        await left_midway(gateway, Format.MESSAGES)
        metrics = await metrics_of(gateway)
    # at least 321 * 3 + 50 * 0.3 + 20 * 15
    assert 0.00127 < metrics["total_cost_usd"] < 0.0014
