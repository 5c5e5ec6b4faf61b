"""Providers over the API: looking, changing, trying out."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.config_store import load
from aigw_asgi.dashboard.operation import PREFIX as API
from aigw_asgi.transports import UpstreamFailed
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.errors import ErrorKind
from aigw_core.health import Rest
from aigw_core.routing.retry import Scope, Verdict
from aigw_core.wire_request import FailureKind, WireRequest
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

CONFIG = """\
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [{name: app, key: sk-app-key-of-the-tests}]
proxy-url: http://user:general-password@127.0.0.1:3128
claude-api-key:
  - api-key: ${A_KEY}
    headers: {x-team: the-value-of-a-header, x-user: $x-client-user}
    models: [{id: claude-one, alias: one}, {id: "claude-*"}]
openai-api-key:
  - name: twin
    api-key: sk-twin-key-0123456789
    proxy-url: http://user:own-password@127.0.0.1:3129
  - name: twin-2
    api-key: sk-twin-key-0123456789
openai-compatibility:
  - name: near
    api-key: k
    base-url: http://127.0.0.1:1
    models: [{id: m}]
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operator]:
    monkeypatch.setenv("A_KEY", "sk-ant-from-the-environment")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def listed(operator: Operator) -> dict[str, Any]:
    reply = await operator.ask("GET", f"{API}/providers")
    assert reply.status == 200
    return {each["name"]: each for each in reply.json["providers"]}


async def id_of(operator: Operator, name: str) -> str:
    return str((await listed(operator))[name]["id"])


async def patch(operator: Operator, id: str, body: dict[str, Any]) -> Reply:
    return await operator.ask("PATCH", f"{API}/providers/{id}", body)


def upstream(operator: Operator, script: Callable[[WireRequest], Script]) -> ScriptTransport:
    transport = ScriptTransport(script)
    operator.state._upstream = transport
    return transport


def resting() -> Verdict:
    return Verdict(
        retry=False,
        same_target=False,
        pause=False,
        scope=Scope.CREDENTIAL,
        cooldown=60.0,
        limited=True,
    )


async def test_the_list_says_what_there_is_and_how_it_stands(operator: Operator) -> None:
    found = await listed(operator)
    first = found["claude-1"]
    assert (first["provider_type"], first["key_source"], first["origin"]) == (
        "claude",
        "env",
        "file",
    )
    assert (first["api_key_masked"], first["models_count"]) == ("sk-a****ment", 2)
    assert first["base_url"] == "https://api.anthropic.com"
    assert first["state"] == "ok"
    assert found["twin"]["key_source"] == "inline"
    assert found["near"]["api_key_masked"] == "****"
    assert found["echo-chat"]["origin"] == "builtin"


async def test_all_of_one_without_its_secrets(operator: Operator) -> None:
    reply = await operator.ask("GET", f"{API}/providers/{await id_of(operator, 'claude-1')}")
    detail = reply.json
    assert detail["headers"] == {"x-team": "••••", "x-user": "$x-client-user"}
    assert detail["models"] == [
        {"id": "claude-one", "alias": "one"},
        {"id": "claude-*", "alias": None},
    ]
    assert (detail["source"], detail["line"]) == ("claude-api-key[0]", 6)
    assert (detail["format"], detail["auth_style"]) == ("messages", "x-api-key")
    assert detail["proxy_url"] is None  # the general one
    twin = await operator.ask("GET", f"{API}/providers/{await id_of(operator, 'twin')}")
    assert twin.json["proxy_url"] == "http://127.0.0.1:3129"
    for secret in (b"password", b"the-value-of", b"from-the-environment", b"twin-key"):
        assert secret not in reply.body + twin.body
    assert (await operator.ask("GET", f"{API}/providers/nobody")).status == 404


async def test_a_new_one_is_made_with_an_identifier_that_stays(operator: Operator) -> None:
    body = {
        "provider_type": "openai-compat",
        "api_key": "${A_KEY}",
        "base_url": "http://127.0.0.1:9",
        "name": "new",
        "models": [{"id": "x", "alias": "why"}, {"id": "z"}],
        "headers": {"x-a": "b"},
        "timeouts": {"idle": 5},
        "caps": {"thinking_off": False},
        "weight": 3,
    }
    made = await operator.ask("POST", f"{API}/providers", body)
    assert made.status == 201, made.body
    id = made.json["id"]
    assert made.headers["location"] == f"{API}/providers/{id}"
    assert operator.file.read_text() == CONFIG + (
        f"  - name: new\n    id: {id if id[0].isalpha() else json.dumps(id)}\n"
        '    api-key: "${A_KEY}"\n    base-url: "http://127.0.0.1:9"\n'
        "    models:\n      - id: x\n        alias: why\n      - id: z\n"
        "    headers:\n      x-a: b\n    weight: 3\n    timeouts:\n      idle: 5\n"
        "    caps:\n      thinking-off: false\n"
    )
    assert (made.json["key_source"], made.json["caps"]) == ("env", {"thinking_off": False})
    changed = await patch(operator, id, {"base_url": "http://127.0.0.1:10", "api_key": "other-key"})
    assert (changed.status, changed.json["id"]) == (200, id)
    gone = await operator.ask("DELETE", f"{API}/providers/{id}")
    assert gone.status == 200
    assert "new" in gone.json["message"]
    assert operator.file.read_text() == CONFIG
    assert (await operator.ask("DELETE", f"{API}/providers/{id}")).status == 404


async def test_identifiers_of_hand_written_entries_stay_with_them(operator: Operator) -> None:
    before = {name: each["id"] for name, each in (await listed(operator)).items()}
    assert before["twin-2"] == before["twin"] + "-2"
    # What the hash is made of: key, address, prefix. The second twin would take the first's.
    first = await patch(operator, before["twin"], {"api_key": "sk-another-key-of-it"})
    assert first.status == 200, first.body
    assert {name: each["id"] for name, each in (await listed(operator)).items()} == before
    second = await patch(operator, before["claude-1"], {"prefix": "team/"})
    assert second.json["id"] == before["claude-1"]
    assert f"id: {before['claude-1']}" in operator.file.read_text().replace('"', "")
    assert (await operator.ask("DELETE", f"{API}/providers/{before['twin']}")).status == 200
    del before["twin"]
    assert {name: each["id"] for name, each in (await listed(operator)).items()} == before
    # And over a restart.
    snapshot = load(str(operator.file), {"A_KEY": "sk-ant-from-the-environment"}).snapshot
    assert {each.name: each.id for each in snapshot.credentials}.items() <= before.items()


async def test_merge_semantics(operator: Operator) -> None:
    id = await id_of(operator, "claude-1")
    reply = await patch(
        operator,
        id,
        {
            "headers": {"X-Team": "••••", "x-user": None, "x-new": "v"},
            "models": None,
            "weight": 4,
            "timeouts": {"idle": 2.5},
            "cloak": {"mode": "always", "system_prompt": "Be brief."},
        },
    )
    assert reply.status == 200, reply.body
    entry = operator.state.snapshot.credentials[0]
    assert entry.headers == (("x-team", "the-value-of-a-header"), ("x-new", "v"))
    assert (entry.models, entry.weight, entry.timeouts.idle) == ((), 4, 2.5)
    assert entry.cloak is not None
    assert "${A_KEY}" in operator.file.read_text()
    reply = await patch(operator, id, {"timeouts": None, "cloak": None, "weight": None})
    entry = operator.state.snapshot.credentials[0]
    assert (entry.weight, entry.timeouts.idle, entry.cloak) == (1, 300.0, None)
    assert len(entry.headers) == 2


async def test_what_is_shown_of_a_secret_and_comes_back_is_not_written(operator: Operator) -> None:
    for name in ("claude-1", "twin"):
        shown = (await operator.ask("GET", f"{API}/providers/{await id_of(operator, name)}")).json
        body = {"api_key": shown["api_key_masked"], "headers": shown["headers"]}
        if shown["proxy_url"] is not None:
            body["proxy_url"] = shown["proxy_url"]
        reply = await patch(operator, shown["id"], body)
        assert reply.status == 200, reply.body
    assert operator.file.read_text() == CONFIG


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"weight": 5000}, "/weight"),
        ({"weight": "2"}, "/weight"),
        ({"no_such": 1}, "/no_such"),
        ({"api_key": "${NO_SUCH_VARIABLE}"}, "/api_key"),
        ({"api_key": "file:///no/such/file"}, "/api_key"),
        ({"api_key": ""}, "/api_key"),
        ({"api_key": "${EMPTY_VARIABLE:-}"}, "/api_key"),
        ({"api_key": "two words"}, "/api_key"),
        ({"api_key": "x••••"}, "/api_key"),
        ({"base_url": "http://169.254.169.254"}, "/base_url"),
        ({"base_url": "http://example.com"}, "/base_url"),
        ({"base_url": "https://user:pw@example.com"}, "/base_url"),
        ({"base_url": "file:///etc/passwd"}, "/base_url"),
        ({"proxy_url": "ftp://x"}, "/proxy_url"),
        ({"models": [{"id": "a"}, {"id": ""}]}, "/models/1/id"),
        ({"models": [{"alias": "a"}]}, "/models/0/id"),
        ({"headers": {"authorization": "Bearer x"}}, "/headers/authorization"),
        ({"headers": {"x-a": "line\r\nbreak"}}, "/headers/x-a"),
        ({"headers": {"x-unheard-of": "••••"}}, "/headers/x-unheard-of"),
        ({"caps": {"no_such": True}}, "/caps/no_such"),
        ({"timeouts": {"idle": -1}}, "/timeouts/idle"),
        ({"cloak": {"mode": "always"}}, "/cloak/system_prompt"),
    ],
)
async def test_what_cannot_be_meant_is_told_at_its_field(
    operator: Operator, body: dict[str, Any], path: str
) -> None:
    id = await id_of(operator, "claude-1")
    new = {"provider_type": "claude", "api_key": "sk-ok-0123456789", "name": "new", **body}
    for method, place, fields in (
        ("PATCH", f"/providers/{id}", body),
        ("POST", "/providers", new),
        ("POST", "/providers/test", {**new, "model": "m"}),
    ):
        reply = await operator.ask(method, API + place, fields)
        assert reply.status == 422, (method, place, reply.body)
        assert reply.json["fields"][0]["path"] == path, (method, reply.json)
    assert operator.file.read_text() == CONFIG


async def test_the_same_account_twice_is_refused(operator: Operator) -> None:
    body = {"provider_type": "claude", "api_key": "sk-ant-from-the-environment"}
    reply = await operator.ask("POST", f"{API}/providers", body)
    assert (reply.status, reply.json["error"]) == (409, "duplicate")
    assert reply.json["version"] == operator.state.snapshot.version
    made = await operator.ask("POST", f"{API}/providers", {**body, "prefix": "team/"})
    assert made.status == 201
    reply = await patch(operator, made.json["id"], {"prefix": None})
    assert (reply.status, reply.json["error"]) == (409, "duplicate")


async def test_the_built_in_models_cannot_be_changed(operator: Operator) -> None:
    reply = await patch(operator, "echo-chat", {"weight": 2})
    assert (reply.status, reply.json["error"]) == (409, "builtin")


async def test_credentials_of_the_environment_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment-0123")
    monkeypatch.setenv("GROQ_API_KEY", "gsk-canary")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    async with Operator(tmp_path, None) as operator:
        found = (await listed(operator))["openai-1"]
        assert (found["origin"], found["key_source"]) == ("environment", "env")
        reply = await operator.ask("GET", f"{API}/providers/{found['id']}")
        assert (reply.status, reply.json["line"]) == (200, None)
        presets = await operator.ask("GET", f"{API}/providers/presets")
        assert presets.json["environment"] == ["OPENAI_API_KEY", "GROQ_API_KEY"]
        assert b"canary" not in presets.body
        kinds = {each["id"] for each in presets.json["presets"]}
        assert kinds >= {"openai", "anthropic", "gemini", "openrouter", "ollama", "custom"}


# --- trying out --------------------------------------------------------------

ANSWER = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "OK " * 100},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}

JSON = (("content-type", "application/json"),)


def answers(request: WireRequest) -> Script:
    body = json.loads(request.body)
    if not body.get("stream"):
        return Script(200, JSON, (json.dumps(ANSWER).encode(),))
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "O"}, {"content": "K"}]
    chunks = [
        {**ANSWER, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": each}]}
        for each in deltas
    ]
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks.append({**ANSWER, "object": "chat.completion.chunk", "choices": [last]})
    lines = [f"data: {json.dumps(each)}\n\n".encode() for each in chunks]
    head = (("content-type", "text/event-stream"),)
    return Script(200, head, (*lines, b"data: [DONE]\n\n"))


@pytest.mark.parametrize("stream", [True, False])
async def test_a_trial_goes_to_the_provider_and_shows_what_it_says(
    operator: Operator, stream: bool
) -> None:
    transport = upstream(operator, answers)
    id = await id_of(operator, "near")
    counted = operator.state.metrics.report(1.0)
    reply = await operator.ask("POST", f"{API}/providers/{id}/test", {"stream": stream})
    found = reply.json
    assert found["error"] is None, found
    assert (found["ok"], found["status"], found["model"]) == (True, 200, "m")
    assert found["text"] == ("OK" if stream else ("OK " * 100)[:200])
    assert (found["tls"], found["format"]) == (False, "chat")
    assert found["latency_ms"] >= (found["first_content_ms"] or 0)
    (request,) = transport.requests
    sent = json.loads(request.body)
    assert (sent["model"], sent.get("stream", False)) == ("m", stream)
    assert sent["max_tokens"]  # as servers of this kind call it
    assert dict(request.headers)["authorization"] == "Bearer k"
    # It is nobody's request: not counted, and no word about health.
    assert operator.state.metrics.report(1.0)["total_requests"] == counted["total_requests"]
    assert operator.state.running == set()


async def test_a_trial_passes_on_what_the_upstream_complains_of(operator: Operator) -> None:
    def refuses(request: WireRequest) -> Script:
        error = {"message": "Incorrect API key provided: sk-twin-key-0123456789", "type": "x"}
        return Script(401, JSON, (json.dumps({"error": error}).encode(),))

    transport = upstream(operator, refuses)
    id = await id_of(operator, "twin")
    reply = await operator.ask("POST", f"{API}/providers/{id}/test", {"model": "gpt-x"})
    found = reply.json
    assert (reply.status, found["ok"], found["status"]) == (200, False, 401)
    assert found["error"]["kind"] == "upstream_auth"
    assert found["error"]["message"] == "Incorrect API key provided: [removed]"
    assert "key" in found["error"]["hint"]
    assert len(transport.requests) == 1  # no other, and not once more
    assert operator.state.health.rests() == []


async def test_a_trial_of_an_address_where_nobody_is(operator: Operator) -> None:
    def nobody(request: WireRequest) -> Script:
        failed = UpstreamFailed(FailureKind.CONNECT, "connection refused", sent=False)
        return Script(refusal=failed)

    upstream(operator, nobody)
    reply = await operator.ask("POST", f"{API}/providers/{await id_of(operator, 'near')}/test")
    assert (reply.json["ok"], reply.json["status"]) == (False, None)
    assert "could not be reached" in reply.json["error"]["hint"]


async def test_a_trial_needs_a_model_that_is_served(operator: Operator) -> None:
    for name, body in (("twin", {}), ("near", {"model": "other"})):
        id = await id_of(operator, name)
        reply = await operator.ask("POST", f"{API}/providers/{id}/test", body)
        assert (reply.status, reply.json["fields"][0]["path"]) == (422, "/model")


async def test_a_disabled_and_resting_provider_can_be_tried(operator: Operator) -> None:
    id = await id_of(operator, "near")
    await patch(operator, id, {"disabled": True})
    verdict = resting()
    operator.state.health.failed(id, "m", ErrorKind.UPSTREAM, verdict, time.monotonic())
    upstream(operator, answers)
    reply = await operator.ask("POST", f"{API}/providers/{id}/test")
    assert reply.json["ok"]
    assert len(operator.state.health.rests()) == 1


async def test_the_built_in_models_can_be_tried(operator: Operator) -> None:
    for name in ("chat", "messages", "responses", "gemini"):
        reply = await operator.ask("POST", f"{API}/providers/echo-{name}/test", {"stream": False})
        assert reply.json["ok"], reply.json
        assert reply.json["text"] == "Reply with the single word OK."
        listed = await operator.ask("POST", f"{API}/providers/echo-{name}/models")
        assert "echo" in {each["id"] for each in listed.json["models"]}


async def test_settings_can_be_tried_before_they_are_saved(operator: Operator) -> None:
    transport = upstream(operator, answers)
    body = {
        "provider_type": "openai-compat",
        "api_key": "the-new-key",
        "base_url": "http://127.0.0.1:7",
        "headers": {"x-a": "b"},
        "model": "m",
    }
    reply = await operator.ask("POST", f"{API}/providers/test", body)
    assert reply.json["ok"], reply.json
    (request,) = transport.requests
    assert request.url.startswith("http://127.0.0.1:7/")
    assert dict(request.headers)["authorization"] == "Bearer the-new-key"
    # The form of one that is there does not have its key.
    known = (await listed(operator))["near"]
    form = {**body, "id": known["id"], "api_key": known["api_key_masked"], "headers": {"x-c": "d"}}
    assert (await operator.ask("POST", f"{API}/providers/test", form)).json["ok"]
    sent = dict(transport.requests[1].headers)
    assert (sent["authorization"], sent["x-c"]) == ("Bearer k", "d")
    assert operator.file.read_text() == CONFIG


def lists(request: WireRequest) -> Script:
    """One page after another, in each vendor's way."""
    path = request.url.partition("//")[2].partition("/")[2]
    headers = dict(request.headers)
    assert request.method == "GET"
    assert "content-type" not in headers
    if path.startswith("v1beta/models"):
        assert "x-goog-api-key" in headers
        page: dict[str, Any] = {"models": [{"name": "models/g2", "displayName": "G 2"}]}
        if "pageToken" not in path:
            page = {"models": [{"name": "models/g1"}], "nextPageToken": "a/b"}
        else:
            assert "pageToken=a/b" in path
    elif "x-api-key" in headers:
        assert headers["anthropic-version"]
        page = {"data": [{"id": "c2"}], "has_more": False, "last_id": "c2"}
        if "after_id" not in path:
            page = {"data": [{"id": "c1", "display_name": "C 1"}], "has_more": True}
            page["last_id"] = "c1"
    else:
        page = {"object": "list", "data": [{"id": "o1"}, {"id": "o1"}, {"no": 1}]}
    return Script(200, JSON, (json.dumps(page).encode(),))


async def test_models_are_fetched_in_each_vendors_way(operator: Operator) -> None:
    upstream(operator, lists)
    body = {"api_key": "a-key-for-all-of-them", "proxy_url": ""}
    for kind, expected in (
        ("claude", [{"id": "c1", "name": "C 1"}, {"id": "c2", "name": None}]),
        ("gemini", [{"id": "g1", "name": None}, {"id": "g2", "name": "G 2"}]),
        ("openai", [{"id": "o1", "name": None}]),
    ):
        reply = await operator.ask(
            "POST", f"{API}/providers/models", {**body, "provider_type": kind}
        )
        assert (reply.json["models"], reply.json["complete"]) == (expected, True), kind
    id = await id_of(operator, "near")
    reply = await operator.ask("POST", f"{API}/providers/{id}/models")
    assert [each["id"] for each in reply.json["models"]] == ["o1"]


@pytest.mark.parametrize(
    "script",
    [
        Script(401, JSON, (b'{"error":{"message":"bad key a-key-that-is-secret"}}',)),
        Script(200, JSON, (b"<html>",)),
        Script(200, JSON, (b'{"data": 1}',)),
        Script(200, JSON, (b"[" * 100_000,)),
        Script(302, (("location", "http://169.254.169.254/"),), (b"",)),
        Script(200, JSON, (b"x" * (9 << 20), b"x" * (9 << 20))),
        Script(refusal=UpstreamFailed(FailureKind.DNS, "no such host", sent=False)),
    ],
    ids=["refused", "html", "no-list", "deep", "redirect", "endless", "nobody"],
)
async def test_a_list_that_cannot_be_had_is_told(operator: Operator, script: Script) -> None:
    transport = upstream(operator, lambda request: script)
    body = {"provider_type": "openai", "api_key": "a-key-that-is-secret"}
    reply = await operator.ask("POST", f"{API}/providers/models", body)
    assert (reply.status, reply.json["models"], reply.json["complete"]) == (200, [], False)
    assert reply.json["error"].startswith("the list could not be had: ")
    assert b"a-key-that-is-secret" not in reply.body
    assert len(transport.requests) == 1
    assert transport.in_use == 0


async def test_a_list_without_end_is_cut(operator: Operator) -> None:
    count = 0

    def endless(request: WireRequest) -> Script:
        nonlocal count
        count += 1
        page = {"models": [{"name": f"models/m{count}"}], "nextPageToken": str(count)}
        return Script(200, JSON, (json.dumps(page).encode(),))

    upstream(operator, endless)
    body = {"provider_type": "gemini", "api_key": "k" * 20}
    reply = await operator.ask("POST", f"{API}/providers/models", body)
    assert (reply.status, reply.json["complete"], len(reply.json["models"])) == (200, False, 20)
    assert count == 20


# --- health ------------------------------------------------------------------


def fail(operator: Operator, id: str) -> None:
    verdict = resting()
    operator.state.health.failed(id, "m", ErrorKind.RATE_LIMIT, verdict, time.monotonic())


async def test_rests_are_shown_told_in_order_and_can_be_ended(operator: Operator) -> None:
    id = await id_of(operator, "near")
    fail(operator, id)
    found = (await listed(operator))["near"]
    assert (found["state"], found["cause"]) == ("cooling", "rate_limit")
    assert found["resting_model"] is None  # all of it
    assert 50_000 < found["until"] - time.time() * 1000 <= 60_001  # rounded
    reply = await operator.ask("DELETE", f"{API}/providers/{id}/cooldown")
    assert (reply.status, reply.json["cleared"]) == (200, 1)
    assert (await listed(operator))["near"]["state"] == "ok"
    # What another node has found is in it, too.
    now = time.monotonic()
    operator.state.health.adopt(Rest(id, "m", now + 9, ErrorKind.TIMEOUT, False, 2), now)
    operator.state.health.drop(id, "m")
    events = (await operator.ask("GET", f"{API}/providers/{id}/events")).json["events"]
    assert [(each["kind"], each["model"], each["cause"]) for each in events] == [
        ("rests", "", "rate_limit"),
        ("recovered", "", None),
        ("rests", "m", "timeout"),
        ("recovered", "m", None),
    ]
    assert (await operator.ask("GET", f"{API}/providers/echo-chat/events")).json == {"events": []}


async def test_another_key_begins_without_what_was_held_against_the_old_one(
    operator: Operator,
) -> None:
    id = await id_of(operator, "near")
    fail(operator, id)
    await patch(operator, id, {"weight": 2})
    assert len(operator.state.health.rests()) == 1
    await patch(operator, id, {"api_key": "another-key"})
    assert operator.state.health.rests() == []
