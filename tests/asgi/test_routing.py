"""Each rule of routing, from the text of a configuration to the upstream's request.

Every test fails when its rule is read, but not followed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.record import ExchangeRecord
from aigw_core.wire_request import WireRequest

pytestmark = pytest.mark.anyio

UPSTREAMS = """
host: 127.0.0.1
api-keys: [{name: one, key: key-one}, {name: two, key: key-two},
  {name: few, key: key-few, allowed-models: [plain, open]}]
openai-compatibility:
  - {name: a, api-key: at-a, base-url: "http://127.0.0.1:1/a", weight: 1,
     models: [{id: plain}, {id: only-a}, {id: real, alias: nick}]}
  - {name: b, api-key: at-b, base-url: "http://127.0.0.1:1/b", weight: 3,
     models: [{id: plain}, {id: only-b}]}
"""

Upstream = Callable[[WireRequest], Script]


def whole(request: WireRequest) -> Script:
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": json.loads(request.body)["model"],
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        ],
    }
    return Script(200, (("content-type", "application/json"),), (json.dumps(body).encode(),))


def refuses(*names: str, status: int = 500) -> Upstream:
    """Answers, but for the upstreams called ``names``."""

    def script(request: WireRequest) -> Script:
        if upstream_of(request) not in names:
            return whole(request)
        error = b'{"error":{"message":"no","type":"server_error","param":null,"code":null}}'
        return Script(status, (("content-type", "application/json"),), (error,))

    return script


def upstream_of(request: WireRequest) -> str:
    return request.url.split("/")[3]


class Asker:
    """A gateway with its upstreams; remembers what they were asked."""

    def __init__(self, folder: Path, rules: str, script: Upstream = whole) -> None:
        path = folder / "config.yaml"
        path.write_text(UPSTREAMS + rules)
        self.transport = ScriptTransport(script)
        self.gateway = Gateway(str(path), transport=self.transport)

    async def __aenter__(self) -> Asker:
        await self.gateway.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.gateway.__aexit__(*exc)

    async def ask(
        self, model: str, key: str = "key-one", headers: dict[str, str] | None = None, **fields: Any
    ) -> tuple[int, dict[str, Any]]:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **fields}
        response = await self.gateway.handle(
            "chat", json.dumps(body).encode(), {"x-api-key": key, **(headers or {})}
        )
        return response.status, json.loads(await response.read())

    @property
    def ways(self) -> list[str]:
        """Upstream and model of each upstream request."""
        return [
            f"{upstream_of(each)}:{json.loads(each.body)['model']}"
            for each in self.transport.requests
        ]


async def test_an_alias_stands_for_its_model(tmp_path: Path) -> None:
    async with Asker(tmp_path, "") as asker:
        await asker.ask("nick")
        assert asker.ways == ["a:real"]


async def test_a_rewrite_comes_first(tmp_path: Path) -> None:
    rules = 'model-rewrites: [{from: "gpt-*", to: only-b}]'
    async with Asker(tmp_path, rules) as asker:
        await asker.ask("gpt-9")
        assert asker.ways == ["b:only-b"]


async def test_a_configured_fallback_takes_over(tmp_path: Path) -> None:
    rules = "fallbacks: [{model: only-a, to: [only-b]}]"
    async with Asker(tmp_path, rules, refuses("a")) as asker:
        status, answer = await asker.ask("only-a")
        assert status == 200
        assert asker.ways == ["a:only-a", "b:only-b"]
        assert answer["choices"][0]["message"]["content"] == "hi"


async def test_the_clients_own_list_takes_over_and_is_not_sent(tmp_path: Path) -> None:
    async with Asker(tmp_path, "", refuses("a")) as asker:
        status, _ = await asker.ask("only-a", models=["only-b"])
        assert (status, asker.ways) == (200, ["a:only-a", "b:only-b"])
        assert all(b"models" not in each.body for each in asker.transport.requests)


async def test_each_name_of_a_list_is_checked(tmp_path: Path) -> None:
    async with Asker(tmp_path, "", refuses("a")) as asker:
        status, _ = await asker.ask("plain", "key-few", models=["only-a", "only-b"])
        assert (status, asker.ways) == (200, ["a:plain", "b:plain"])
        status, _ = await asker.ask("only-a", "key-few", models=["only-b"])
        assert status == 403


async def test_a_pin_keeps_a_model_at_its_provider(tmp_path: Path) -> None:
    rules = "provider-pins: [{model: plain, providers: [b]}]"
    async with Asker(tmp_path, rules) as asker:
        for _ in range(4):
            await asker.ask("plain")
        assert asker.ways == ["b:plain"] * 4


STRATEGIES = {
    "round-robin": {"a": 4, "b": 4},
    "weighted": {"a": 2, "b": 6},
    "fill-first": {"a": 8},
    "least-in-flight": {"a": 2, "b": 6},
}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_strategy_is_followed(tmp_path: Path, strategy: str) -> None:
    async with Asker(tmp_path, f"routing: {{strategy: {strategy}}}") as asker:
        for _ in range(8):
            await asker.ask("plain")
        assert Counter(way[0] for way in asker.ways) == STRATEGIES[strategy]


async def test_the_quicker_of_two_is_taken(tmp_path: Path) -> None:
    """Both are tried once; then their times decide."""
    async with Asker(tmp_path, "routing: {strategy: lowest-latency}") as asker:
        for _ in range(2):
            await asker.ask("plain")
        state = asker.gateway.app.state
        assert state is not None
        seconds = list(state.balance._seconds)
        assert len(seconds) == 2
        slow, quick = seconds
        state.balance._seconds = {slow: 9.0, quick: 0.1}
        names = {each.id: each.name for each in state.snapshot.credentials}
        for _ in range(5):
            await asker.ask("plain")
        assert {way[0] for way in asker.ways[2:]} == {names[quick[0]]}


@pytest.mark.parametrize(
    ("strategy", "vary"),
    [
        ("sticky-key", lambda n: {"key": ("key-one", "key-two")[n % 2]}),
        ("sticky-session", lambda n: {"headers": {"x-session-id": f"s-{n}"}}),
        (
            "sticky-prefix",
            lambda n: {"messages": [{"role": "user", "content": f"a question {n}"}]},
        ),
    ],
)
async def test_what_sticks_goes_the_same_way(
    tmp_path: Path, strategy: str, vary: Callable[[int], dict[str, Any]]
) -> None:
    async with Asker(tmp_path, f"routing: {{strategy: {strategy}}}") as asker:
        for _ in range(3):
            for number in range(8):
                await asker.ask("plain", **vary(number))
        ways = asker.ways
        assert ways[:8] == ways[8:16] == ways[16:]
        if strategy != "sticky-key":
            assert len(set(ways)) == 2


async def test_a_key_may_not_be_cooled_by_a_bad_request(tmp_path: Path) -> None:
    async with Asker(tmp_path, "", refuses("a", "b", status=400)) as asker:
        assert (await asker.ask("plain"))[0] == 400
        assert len(asker.ways) == 1
        state = asker.gateway.app.state
        assert state is not None
        assert state.health.rests() == []


async def test_who_fails_rests_and_others_serve(tmp_path: Path) -> None:
    async with Asker(tmp_path, "", refuses("a")) as asker:
        for _ in range(6):
            assert (await asker.ask("plain"))[0] == 200
        assert Counter(way[0] for way in asker.ways) == {"a": 1, "b": 6}


async def test_retries_are_budgeted(tmp_path: Path) -> None:
    """All fail: after the first ten, each request is sent once."""
    rules = (
        "retry: {max-retries: 1, max-backoff-secs: 0, cooldown-5xx-secs: 0}\n"
        "routing: {strategy: fill-first}"
    )
    async with Asker(tmp_path, rules, refuses("a", "b")) as asker:
        for _ in range(40):
            await asker.ask("plain")
        assert len(asker.ways) <= 40 + 20


async def test_the_record_tells_the_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = "fallbacks: [{model: only-a, to: [only-b]}]"
    async with Asker(tmp_path, rules) as asker:
        state = asker.gateway.app.state
        assert state is not None
        records: list[ExchangeRecord] = []
        monkeypatch.setattr(state.metrics, "observe", records.append)
        await asker.ask("only-a")
        plan = records[0].plan
        assert [(each.credential.name, each.model) for each in plan.targets] == [
            ("a", "only-a"),
            ("b", "only-b"),
        ]
        found = [(each.credential, each.reason, each.requested) for each in plan.rejections]
        assert [each for each in found if not each[0].startswith("echo")] == [
            ("b", "model_not_supported", "only-a"),
            ("a", "model_not_supported", "only-b"),
        ]


async def test_a_client_may_ask_for_the_route(tmp_path: Path) -> None:
    async with Asker(tmp_path, 'echo: "off"') as asker:
        body = json.dumps({"model": "only-a", "messages": [{"role": "user", "content": "x"}]})
        for asked in ("1", "0"):
            headers = {"x-api-key": "key-one", "x-aigw-debug": asked}
            response = await asker.gateway.handle("chat", body.encode(), headers)
            await response.read()
            told = response.headers.get("x-aigw-route")
            assert told == ("a=only-a; b:model_not_supported" if asked == "1" else None)
