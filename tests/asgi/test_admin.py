"""What the gateway tells about itself: to whom, and what not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway, create_app
from aigw_asgi.config_store import load
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import HIDDEN, Secret
from aigw_core.config.shape import Kind, keys_of
from aigw_core.config.snapshot import ServedModel, Snapshot
from aigw_core.config.view import config_view
from aigw_core.wire_request import WireRequest
from tests.asgi.clients import Reply, asking, send
from tests.asgi.test_accounts import AUTH, document, keyed, upstream
from tests.core.config.test_manual import NAMES, uncommented
from tests.core.test_metrics import Samples, scraped, value

pytestmark = pytest.mark.anyio

LOOK = ["/metrics", "/metrics/prometheus", "/admin/metrics", "/admin/config", "/admin/models"]
LOCAL = Snapshot("test")


async def come(
    path: str,
    snapshot: Snapshot = LOCAL,
    *,
    peer: str = "127.0.0.1",
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A request from ``peer`` to a listener on this machine."""
    app = create_app(snapshot)
    messages: list[dict[str, Any]] = []

    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not asked:
            await anyio.sleep_forever()
        return asked.pop()

    async def tell(message: dict[str, Any]) -> None:
        messages.append(message)

    named = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": named,
        "client": (peer, 5000),
        "server": ("127.0.0.1" if peer == "127.0.0.1" else "192.0.2.100", 8317),
    }
    await app(scope, receive, tell)
    await app.aclose()
    start, *rest = messages
    fields = {name.decode(): text.decode() for name, text in start["headers"]}
    return Reply(start["status"], fields, b"".join(each.get("body", b"") for each in rest))


# --- who may look ------------------------------------------------------------


@pytest.mark.parametrize("path", LOOK)
async def test_programs_on_this_machine_may_look(path: str) -> None:
    assert (await come(path)).status == 200


@pytest.mark.parametrize("path", LOOK)
async def test_others_may_not(path: str) -> None:
    reply = await come(path, peer="192.0.2.1")
    assert reply.status == 403
    assert reply.json["error"]["code"] == "local_only"


@pytest.mark.parametrize("path", LOOK)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("forwarded", "for=127.0.0.1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-for", "192.0.2.1"),
    ],
)
async def test_a_forwarded_request_is_not_local(path: str, name: str, text: str) -> None:
    assert (await come(path, headers={name: text})).status == 403
    networks = replace(LOCAL, admin_networks=(ip_network("127.0.0.0/8"),))
    assert (await come(path, networks, headers={name: text})).status == 403


@pytest.mark.parametrize("path", LOOK)
async def test_behind_a_trusted_proxy_its_client_counts(path: str) -> None:
    snapshot = replace(
        LOCAL,
        trusted_proxies=(ip_network("127.0.0.1"),),
        admin_networks=(ip_network("198.51.100.0/24"),),
    )
    assert (await come(path, snapshot, headers={"x-forwarded-for": "198.51.100.7"})).status == 200
    assert (
        await come(path, snapshot, headers={"x-forwarded-for": "198.51.100.7, 192.0.2.1"})
    ).status == 403
    assert (
        await come(path, snapshot, headers={"x-forwarded-for": "127.0.0.1, 192.0.2.1"})
    ).status == 403
    assert (await come(path, snapshot, headers={"x-forwarded-for": "::1"})).status == 200


@pytest.mark.parametrize("path", LOOK)
async def test_networks_of_admins_and_scrapers(path: str) -> None:
    snapshot = replace(
        LOCAL, admin_networks=(ip_network("198.51.100.0/24"),), scrape_token=Secret("scraper")
    )
    assert (await come(path, snapshot, peer="198.51.100.7")).status == 200
    assert (await come(path, snapshot, peer="192.0.2.1")).status == 403
    bearer = {"authorization": "Bearer scraper", "x-forwarded-for": "6.6.6.6"}
    assert (await come(path, snapshot, peer="192.0.2.1", headers=bearer)).status == 200
    wrong = {"authorization": "Bearer scrapes"}
    assert (await come(path, snapshot, peer="192.0.2.1", headers=wrong)).status == 403


async def test_a_forwarded_client_is_not_anonymous_by_being_local() -> None:
    path, body = asking(Format.CHAT, "echo", "/wps 0 Hi")
    raw = json.dumps(body).encode()

    async def status(snapshot: Snapshot, forwarded: str | None) -> int:
        headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
        reply = await come(path, snapshot, method="POST", body=raw, headers=headers)
        return reply.status

    assert await status(LOCAL, None) == 200
    assert await status(LOCAL, "127.0.0.1") == 401
    trusting = replace(LOCAL, trusted_proxies=(ip_network("127.0.0.1"),))
    assert await status(trusting, "192.0.2.1") == 401
    assert await status(trusting, "127.0.0.1") == 200


@pytest.mark.parametrize("path", LOOK)
async def test_looking_changes_nothing(path: str) -> None:
    assert (await come(path, method="POST")).status == 405
    head = await come(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")


# --- metrics -----------------------------------------------------------------


async def busy(gateway: Gateway) -> None:
    for format in Format:
        for stream in (False, True):
            path, body = asking(format, "echo", "/wps 0 Hi there, you", stream=stream)
            assert (await send(gateway, "POST", path, body, AUTH)).status == 200
    path, body = asking(Format.CHAT, "echo-error-429", "Hi", stream=True)
    assert (await send(gateway, "POST", path, body, AUTH)).status == 429
    await send(gateway, "POST", path, b"{", AUTH)


def read(reply: Reply) -> Samples:
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return scraped(reply.body)


async def test_the_metrics_in_both_forms() -> None:
    async with Gateway(keyed(requests_per_minute=100)) as gateway:
        await busy(gateway)
        plain = (await send(gateway, "GET", "/metrics")).json
        admin = (await send(gateway, "GET", "/admin/metrics")).json
        accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        samples = read(await send(gateway, "GET", "/metrics", None, accept))
        assert read(await send(gateway, "GET", "/metrics/prometheus")).keys() == samples.keys()
    different = {"uptime_seconds", "requests_per_minute"}
    assert {name for name in plain if plain[name] != admin[name]} <= different
    assert plain["total_requests"] == 10
    assert plain["total_streams"] == 5
    assert plain["by_key"]["ci"]["requests"] == 9
    assert plain["by_error"] == {"rate_limit": 1, "invalid_request": 1}
    assert plain["by_format"] == {"chat": 3, "messages": 2, "responses": 2, "gemini": 2}
    whole = {"format": "chat", "endpoint": "inference", "status": "2xx", "stream": "false"}
    assert value(samples, "aigw_requests_total", **whole) == 1
    assert value(samples, "aigw_request_seconds_count", stream="true") == 5
    assert value(samples, "aigw_time_to_first_token_seconds_count") == 4
    # Pieces that come while the loop is busy are read as one, so how many gaps there are
    # is the machine's choice.
    assert value(samples, "aigw_chunk_gap_seconds_count") > 0
    assert value(samples, "aigw_overhead_seconds_count") == 9
    assert 0 < value(samples, "aigw_overhead_seconds_sum") < 5
    assert value(samples, "aigw_in_flight") == 0
    assert value(samples, "aigw_tokens_total", model="echo", kind="output") > 8
    assert value(samples, "aigw_unpriced_requests_total") == 8
    assert value(samples, "aigw_cooldowns", credential="echo-messages") == 1


async def test_a_failover_is_counted() -> None:
    def answer(request: WireRequest) -> Script:
        if "127.0.0.1:1/" in request.url:
            return Script(503, (("content-type", "application/json"),), (b"{}",))
        return document(Format.CHAT)(request)

    first = upstream(Format.CHAT)
    second = replace(first, id="2", name="second", base_url="http://127.0.0.1:2", position=1)
    policy = replace(Snapshot("x").retry, attempts=3)
    snapshot = replace(keyed(first, second), retry=policy, strategy="fill-first")
    async with Gateway(snapshot, transport=ScriptTransport(answer)) as gateway:
        path, body = asking(Format.CHAT, "some-model", "Hi")
        await send(gateway, "POST", path, body, AUTH)
        metrics = (await send(gateway, "GET", "/metrics")).json
        samples = read(await send(gateway, "GET", "/metrics/prometheus"))
    assert (metrics["retries"], metrics["failovers"], metrics["cooldowns"]) == (1, 1, 1)
    assert value(samples, "aigw_failovers_total") == 1
    assert value(samples, "aigw_cooldowns", credential="up-chat") == 1


# --- configuration -----------------------------------------------------------


def secrets_of(data: Any, section: Any) -> list[str]:
    """Every value of the file that its schema calls a secret."""
    found: list[str] = []
    for key in keys_of(section).values():
        if isinstance(data, dict) and key.name in data:
            found += _secrets(data[key.name], key.shape)
    return found


def _secrets(value: Any, shape: Any) -> list[str]:
    if value is None:
        return []
    if shape.kind is Kind.SECRET:
        return [value]
    if shape.kind is Kind.SECTION:
        if isinstance(value, str):
            return [value]  # a key in short
        return secrets_of(value, shape.type)
    if shape.kind is Kind.LIST:
        return [each for item in value for each in _secrets(item, shape.item)]
    if shape.kind is Kind.MAP:
        return [each for item in value.values() for each in _secrets(item, shape.item)]
    return []


def full_file(folder: Path) -> Path:
    """The example with every line in force, a proxy with a password among them."""
    text = uncommented().replace("proxy-url: null", "proxy-url: http://user:pass@10.1.1.1:3128")
    text = text.replace("scrape-token: null", "scrape-token: scrape-token-value")
    file = folder / "config.yaml"
    file.write_text(text)
    return file


ENV = {name: f"canary-{name}-canary" for name in (*NAMES, "DEEPSEEK_API_KEY")}


def test_no_secret_is_shown(tmp_path: Path) -> None:
    loaded = load(str(full_file(tmp_path)), ENV)
    assert loaded.document is not None
    from aigw_core.config.schema import Config

    shown = json.dumps(config_view(loaded.snapshot, loaded.settings))
    written = secrets_of(loaded.document.data, Config)
    assert len(written) > 8
    for secret in [*written, *ENV.values(), "user:pass", "scrape-token-value"]:
        if len(secret) > 3:
            assert secret not in shown
    for key in loaded.snapshot.client_keys.values():
        assert key.digest.hex() not in shown
    assert shown.count(HIDDEN) > 8


def test_the_summary_of_the_configuration(tmp_path: Path) -> None:
    loaded = load(str(full_file(tmp_path)), ENV)
    view = config_view(loaded.snapshot, loaded.settings)
    assert {name: each for name, each in view.items() if name not in ("version", "snapshot")} == {
        "host": "127.0.0.1",
        "port": 8317,
        "tls": {"enable": False},
        "api_keys_count": 3,
        "routing": {"strategy": "round-robin"},
        "retry": {
            "max-retries": loaded.snapshot.retry.attempts - 1,
            "max-backoff-secs": 30.0,
            "cooldown-429-secs": 60.0,
            "cooldown-5xx-secs": 15.0,
            "cooldown-network-secs": 10.0,
        },
        "body_limit_mb": 32,
        "streaming": {
            "keepalive-seconds": 15.0,
            "bootstrap-retries": loaded.snapshot.retry.stream_attempts - 1,
        },
        "connect_timeout": 10.0,
        "request_timeout": 600.0,
        "claude_keys_count": 1,
        "openai_keys_count": 1,
        "gemini_keys_count": 1,
        "compat_keys_count": 1,
    }
    ci = next(key for key in view["snapshot"]["client_keys"] if key["name"] == "ci")
    assert ci["requests_per_minute"] == 60


async def test_the_configuration_is_that_of_the_listener(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("host: 127.0.0.1\nport: 4711\nallow-anonymous: true\n")
    async with Gateway(str(file)) as gateway:
        shown = (await send(gateway, "GET", "/admin/config")).json
    assert (shown["host"], shown["port"]) == ("127.0.0.1", 4711)


# --- models ------------------------------------------------------------------


async def test_the_models_with_where_they_are_and_what_they_cost() -> None:
    first = replace(
        upstream(Format.CHAT),
        models=(ServedModel("gpt-4o-2024-08-06", "smart"), ServedModel("homemade")),
    )
    second = replace(
        upstream(Format.MESSAGES),
        name="second",
        models=(ServedModel("claude-haiku-4-5", "smart"), ServedModel("glob-*")),
    )
    snapshot = replace(keyed(first, second), echo="off")
    transport = ScriptTransport(lambda request: Script(429, (), (b"{}",)))
    async with Gateway(snapshot, transport=transport) as gateway:
        path, body = asking(Format.CHAT, "homemade", "Hi")
        await send(gateway, "POST", path, body, AUTH)
        models = (await send(gateway, "GET", "/admin/models")).json["models"]
    assert [(model["id"], model["owned_by"]) for model in models] == [
        ("homemade", "made-up"),
        ("smart", "made-up"),
    ]
    [target] = models[0]["targets"]
    assert target["price"] is None
    assert target["cooldown"]["cause"] == "rate_limit"
    assert 0 < target["cooldown"]["seconds"] <= 60
    assert [(each["credential"], each["model"]) for each in models[1]["targets"]] == [
        ("up-chat", "gpt-4o-2024-08-06"),
        ("second", "claude-haiku-4-5"),
    ]
    assert models[1]["targets"][0]["price"]["output"] == 10.0
    assert models[1]["targets"][1]["cooldown"] is None


def test_nothing_of_payload_rules_and_cloak_is_shown_that_may_be_secret(tmp_path: Path) -> None:
    match = {"name": "*", "match": {"a.b": "v-match"}, "not-match": {"c": "v-not"}}
    cloak = {"mode": "always", "system-prompt": "p", "sensitive-words": ["v-word", "v-other"]}
    data = {
        "host": "127.0.0.1",
        "payload": {"override": [{"models": [{**match, "headers": {"x": "v-header"}}], "params": {"d": "v-set"}}]},
        "claude-api-key": [{"api-key": "v-key", "cloak": cloak}],
        "claude-header-defaults": {"x-y": "v-default"},
    }  # fmt: skip
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(data))
    loaded = load(str(file), {})
    view = config_view(loaded.snapshot, loaded.settings)["snapshot"]
    assert "v-" not in json.dumps(view)
    assert view["credentials"][0]["cloak"]["sensitive_words"] == [HIDDEN, HIDDEN]
    assert view["payload"]["override"][0]["matches"][0]["match"] == {"a.b": HIDDEN}
