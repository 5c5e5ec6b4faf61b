"""Routing over the API: what is in force, changes, and where a request would go."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.dashboard.operation import PREFIX as API
from aigw_core.errors import ErrorKind
from aigw_core.routing.retry import Scope, Verdict
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

CONFIG = """\
host: 127.0.0.1
dashboard: {enabled: true}
api-keys:
  - {name: app, key: sk-app-key-of-the-tests}
  - {name: narrow, key: sk-narrow-key-0123, allowed-providers: [b], allowed-models: ["m*"]}
openai-compatibility:
  - {name: a, api-key: k, base-url: "http://127.0.0.1:1", models: [{id: m, alias: em}], weight: 3}
  - {name: b, api-key: l, base-url: "http://127.0.0.1:2", models: [{id: m}]}
  - {name: c, api-key: n, base-url: "http://127.0.0.1:3", models: [{id: other}]}
request-retry: 4             # the old name
model-rewrites:
  - {from: "gpt-*", to: m}   # ours
fallbacks: [{model: m, to: [other]}]
payload:
  override:
    - models: [{name: m}]
      params: {temperature: 0.5, secret: "${A_SECRET}"}
    - models: [{name: "gemini-x", protocol: gemini}]
      params: {a: 1}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operator]:
    monkeypatch.setenv("A_SECRET", "canary-by-reference")
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def patch(operator: Operator, **fields: Any) -> Reply:
    return await operator.ask("PATCH", f"{API}/routing", fields)


async def explain(operator: Operator, path: str = "explain", **fields: Any) -> Any:
    reply = await operator.ask("POST", f"{API}/routing/{path}", fields)
    assert reply.status == 200, reply.body
    return reply.json


async def test_what_is_in_force(operator: Operator) -> None:
    reply = await operator.ask("GET", f"{API}/routing")
    found = reply.json
    assert (found["strategy"], found["request_retry"]) == ("round-robin", 4)
    assert found["retry"]["max_retries"] == 4
    assert found["max_retry_interval"] == 30
    assert found["fallbacks"] == [{"model": "m", "to": ["other"]}]
    assert found["model_rewrites"] == [{"from": "gpt-*", "to": "m"}]
    assert found["provider_pins"] == []
    assert found["force_model_prefix"] is False
    first, second = found["payload"]
    assert (first["kind"], first["index"], first["can_match"]) == ("override", 0, True)
    assert first["params"] == {"temperature": 0.5, "secret": "${A_SECRET}"}
    assert (second["can_match"], second["line"]) == (False, 18)
    assert second["remark"] == "there is no credential of gemini"
    assert b"canary" not in reply.body


async def test_changes_are_merged_and_keep_comments(operator: Operator) -> None:
    reply = await patch(
        operator,
        strategy="FillFirst",
        request_retry=1,
        retry={"cooldown_429_secs": 5, "bootstrap_retries": 0},
        provider_pins=[{"model": "m", "providers": ["a", "b"]}],
        force_model_prefix=True,
    )
    assert reply.status == 200, reply.body
    assert (reply.json["strategy"], reply.json["request_retry"]) == ("fill-first", 1)
    assert reply.json["retry"]["bootstrap_retries"] == 0
    text = operator.file.read_text()
    # Under the name that is there: both would be an error.
    assert "request-retry: 1             # the old name\n" in text
    assert "max-retries" not in text
    assert '  - {from: "gpt-*", to: m}   # ours\n' in text
    snapshot = operator.state.snapshot
    assert snapshot.strategy == "fill-first"
    assert (snapshot.retry.attempts, snapshot.retry.stream_attempts) == (2, 1)
    assert snapshot.provider_pins == (("m", ("a", "b")),)
    reply = await patch(operator, strategy=None, request_retry=None, retry=None, fallbacks=None)
    assert (reply.json["strategy"], reply.json["request_retry"]) == ("round-robin", 2)
    assert reply.json["fallbacks"] == []
    assert reply.json["retry"]["cooldown_429_secs"] == 60


LISTS = """\
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [sk-app-key-of-the-tests]
openai-compatibility:
  - {name: a, api-key: k, base-url: "http://127.0.0.1:1", models: [{id: m}]}
model-rewrites:
  # the first
  - {from: one, to: m}   # of one
  - from: two            # of two
    to: m
  - {from: three, to: m} # of three
"""


@pytest.mark.parametrize(
    ("rules", "kept", "gone"),
    [
        ("one:m two:m three:m four:m", ("# of one", "# of two", "# of three"), ()),
        ("one:m three:m", ("# of one", "# of three"), ("# of two",)),
        ("zero:m one:m two:m three:m", ("# of one", "# of two", "# of three"), ()),
        ("one:m two:one three:m", ("# of one", "# of two", "# of three"), ()),
        ("one:m other:one three:m", ("# of one", "# of three"), ("# of two",)),
        ("three:m one:m two:m", ("# of one", "# of two"), ()),
        ("only:m", (), ("# of two", "# of three")),
    ],
)
async def test_entries_that_stay_keep_their_comments(
    tmp_path: Path, rules: str, kept: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    async with Operator(tmp_path, LISTS) as operator:
        wanted = [dict(zip(("from", "to"), each.split(":"), strict=True)) for each in rules.split()]
        reply = await patch(operator, model_rewrites=wanted)
        assert reply.status == 200, reply.body
        assert reply.json["model_rewrites"] == wanted
        text = operator.file.read_text()
        assert all(comment in text for comment in kept), text
        assert not any(comment in text for comment in gone), text


async def test_the_names_of_the_reference(operator: Operator) -> None:
    for name, own in (("RoundRobin", "round-robin"), ("FillFirst", "fill-first")):
        assert (await patch(operator, strategy=name)).json["strategy"] == own
    assert (await patch(operator, strategy="roundrobin")).status == 422
    assert (await patch(operator, max_retry_interval=2.5)).json["max_retry_interval"] == 2.5


async def test_payload_rules_are_replaced_list_by_list(operator: Operator) -> None:
    rules = [
        {"models": [{"name": "m", "from_protocol": "openai"}], "params": {"top_p": 1}},
        {"models": [{"name": "m", "not_match": {"a.b": 1}}], "params": {"top_p": 0.5}},
    ]
    reply = await patch(operator, payload={"default": rules, "filter": []})
    assert reply.status == 200, reply.body
    assert [(each["kind"], each["params"]) for each in reply.json["payload"]][:2] == [
        ("default", {"top_p": 1}),
        ("default", {"top_p": 0.5}),
    ]
    assert reply.json["payload"][1]["models"][0]["not_match"] == {"a.b": 1}
    assert len(operator.state.snapshot.payload.override) == 2
    assert (await patch(operator, payload={"override": None})).status == 200
    assert not operator.state.snapshot.payload.override


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"fallbacks": [{"model": "x", "to": ["no-such"]}]}, "/fallbacks/0/to/0"),
        ({"fallbacks": [{"model": "m", "to": ["m"]}]}, "/fallbacks/0/to/0"),
        ({"model_rewrites": [{"from": "", "to": "m"}]}, "/model_rewrites/0/from"),
        ({"provider_pins": [{"model": "m", "providers": ["z"]}]}, "/provider_pins/0/providers/0"),
        ({"request_retry": 99}, "/request_retry"),
        ({"retry": {"cooldown_429_secs": -1}}, "/retry/cooldown_429_secs"),
        ({"retry": {"bootstrap_retries": 99}}, "/retry/bootstrap_retries"),
        ({"retry": {"nothing": 1}}, "/retry/nothing"),
        (
            {"payload": {"override": [{"models": [{"name": "zzz"}], "params": {"a": 1}}]}},
            "/payload/override/0/models/0/name",
        ),
    ],
)
async def test_rules_that_cannot_be_meant_are_told_at_their_place(
    operator: Operator, body: dict[str, Any], path: str
) -> None:
    reply = await patch(operator, **body)
    assert reply.status == 422, reply.body
    assert reply.json["fields"][0]["path"] == path, reply.json
    assert operator.file.read_text() == CONFIG
    compared = await operator.ask(
        "POST", f"{API}/routing/explain", {"model": "m", "routing_override": body}
    )
    assert compared.status == 422
    assert compared.json["fields"][0]["path"] == f"/routing_override{path}"


# --- explaining --------------------------------------------------------------


async def test_a_route_says_where_and_why(operator: Operator) -> None:
    found = await explain(operator, model="gpt-4", format="openai", stream=True)
    assert found["profile"] == "round-robin"
    assert found["model_chain"] == ["gpt-4"]
    (step,) = found["model_resolution"]
    assert step == {
        "step": "rewrite_applied",
        "from": "gpt-4",
        "to": "m",
        "source": "model-rewrites[0]",
        "line": 12,
    }
    selected = found["selected"]
    assert (selected["credential_name"], selected["model"]) == ("a", "m")
    assert (selected["source"], selected["line"]) == ("openai-compatibility[0]", 7)
    assert selected["score"]["weight"] == 3
    assert [each["credential_name"] for each in found["alternates"]] == ["b"]
    why = {each["candidate"]: (each["reason"], each["line"]) for each in found["rejections"]}
    assert why["c"] == ("model_not_supported", 9)
    assert [each["rank"] for each in found["scoring"]] == [1, 2]
    assert found["attempt_plan"].startswith("a → b → ")
    assert "at most 5 attempts" in found["attempt_plan"]
    assert found["error"] is None
    preview = await explain(operator, "preview", model="gpt-4")
    assert (preview["scoring"], preview["selected"]["model"]) == ([], "m")


async def test_each_step_says_where_its_rule_is(operator: Operator) -> None:
    found = await explain(operator, model="em")
    (alias,) = found["model_resolution"]
    assert (alias["step"], alias["source"]) == ("alias_resolved", "openai-compatibility[0].models")
    assert alias["line"] == 7
    chained = await explain(operator, model="m")
    (fallback,) = chained["model_resolution"]
    assert (fallback["step"], fallback["source"]) == ("fallback_chain_built", "fallbacks[0]")
    assert fallback["line"] == 13


async def test_it_goes_by_the_health_of_this_process(operator: Operator) -> None:
    id = operator.state.snapshot.credentials[0].id
    verdict = Verdict(
        retry=True,
        same_target=False,
        pause=False,
        scope=Scope.CREDENTIAL,
        cooldown=60.0,
        limited=True,
    )
    operator.state.health.failed(id, "m", ErrorKind.RATE_LIMIT, verdict, time.monotonic())
    before = operator.state.health.rests()
    found = await explain(operator, model="m")
    assert found["selected"]["credential_name"] == "b"
    (rest,) = [each for each in found["rejections"] if each["reason"] == "cooldown_active"]
    assert (rest["candidate"], rest["cause"]) == ("a", "rate_limit")
    assert 50_000 < rest["until"] - time.time() * 1000 <= 60_001  # rounded
    assert operator.state.health.rests() == before


async def test_it_goes_by_what_the_key_may_use(operator: Operator) -> None:
    listed = (await operator.ask("GET", f"{API}/auth-keys")).json["auth_keys"]
    narrow = next(each["id"] for each in listed if each["name"] == "narrow")
    for asked in ({"api_key_id": narrow}, {"key": "sk-narrow-key-0123"}):
        found = await explain(operator, model="m", **asked)
        assert found["selected"]["credential_name"] == "b"
        why = {each["candidate"]: each["reason"] for each in found["rejections"]}
        assert (why["a"], why["c"]) == ("access_denied", "model_not_supported")
        refused = await explain(operator, model="other", **asked)
        assert refused["selected"] is None
        assert refused["error"]["type"] == "permission"
        assert refused["attempt_plan"].startswith("refused: ")
    for asked in ({"api_key_id": "nobody"}, {"key": "sk-not-a-key-of-ours"}):
        reply = await operator.ask("POST", f"{API}/routing/explain", {"model": "m", **asked})
        assert reply.status == 422
        assert b"sk-not-a-key" not in reply.body


async def test_edited_rules_are_compared_and_not_saved(operator: Operator) -> None:
    override = {"model_rewrites": [{"from": "gpt-*", "to": "other"}], "fallbacks": None}
    found = await explain(operator, model="gpt-4", routing_override=override)
    assert found["selected"]["credential_name"] == "a"
    assert found["edited"]["selected"]["credential_name"] == "c"
    assert operator.file.read_text() == CONFIG
    assert operator.state.snapshot.generation == 1


async def test_a_body_shows_what_rules_make_of_it(operator: Operator) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5, "top_k": 3}
    found = await explain(operator, model="m", format="claude", body=body)
    assert {"cause": "payload.override[0]", "pointer": "/temperature"} in found["changes"]
    assert any("top_k" in each for each in found["warnings"])
    reply = await operator.ask(
        "POST", f"{API}/routing/explain", {"model": "m", "body": {"messages": 1}}
    )
    assert (reply.status, reply.json["fields"][0]["path"]) == (422, "/body")


async def test_an_unknown_model_is_an_answer(operator: Operator) -> None:
    found = await explain(operator, model="none")
    assert found["selected"] is None
    assert found["error"]["type"] == "not_found"
    assert len(found["rejections"]) >= 3
    assert (await operator.ask("POST", f"{API}/routing/explain", {})).status == 422


async def test_gemini_and_responses_can_be_asked_about(operator: Operator) -> None:
    for format, body in (
        ("gemini", {"contents": [{"parts": [{"text": "hello"}]}]}),
        ("responses", {"input": "hello"}),
        ("chat", {"messages": [{"role": "user", "content": "hello"}]}),
    ):
        found = await explain(operator, model="m", format=format, body=body, stream=True)
        assert found["selected"]["credential_name"] == "a"
        assert found["changes"]
