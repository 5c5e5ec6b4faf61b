"""Client keys over the API: shown once, kept as a hash, never an open door."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.client_keys import key_hash
from aigw_asgi.config_store import load
from aigw_asgi.dashboard.operation import PREFIX as API
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

APP = "sk-app-key-of-the-tests"

CONFIG = f"""\
host: 127.0.0.1
dashboard: {{enabled: true}}
api-keys:
  # The oldest.
  - {APP}
  - name: hashed
    key-hash: "{key_hash("another-key")}"
    requests-per-minute: 5   # few
"""

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def keys(operator: Operator) -> dict[str, Any]:
    reply = await operator.ask("GET", f"{API}/auth-keys")
    assert reply.status == 200
    return {each["name"]: each for each in reply.json["auth_keys"]}


async def create(operator: Operator, **fields: Any) -> Reply:
    return await operator.ask("POST", f"{API}/auth-keys", fields)


async def chat(operator: Operator, key: str | None = None, *, peer: str = "127.0.0.1") -> int:
    headers = {} if key is None else {"x-api-key": key}
    reply = await operator.ask(
        "POST", "/v1/chat/completions", CHAT, headers, signed_in=False, peer=peer
    )
    return reply.status


async def test_a_key_is_shown_once_and_lets_in_at_once(operator: Operator) -> None:
    made = await create(
        operator,
        name="ci",
        expires_at="2040-01-01T00:00:00Z",
        allowed_models=["echo*"],
        max_concurrent=3,
    )
    assert made.status == 201, made.body
    key = made.json["key"]
    assert re.fullmatch(r"sk-proxy-[0-9a-f]{64}", key)
    assert made.headers["location"] == f"{API}/auth-keys/{made.json['id']}"
    assert made.headers["cache-control"] == "no-store"
    assert await chat(operator, key) == 200
    text = operator.file.read_text()
    assert text.startswith(CONFIG)
    assert key not in text
    assert key_hash(key) in text
    found = (await keys(operator))["ci"]
    assert found["key_masked"] == f"{key[:13]}..."
    assert found["created"] == pytest.approx(made.json["created"])
    assert (found["expires_at"], found["expired"]) == (2208988800000, False)
    assert (found["allowed_models"], found["max_concurrent"]) == (["echo*"], 3)
    everything = b""
    for path in ("/auth-keys", f"/auth-keys/{found['id']}", "/config/raw", "/system/audit"):
        everything += (await operator.ask("GET", API + path)).body
    assert key.encode() not in everything
    assert key_hash(key).encode() not in everything


async def test_a_key_is_in_no_file(tmp_path: Path) -> None:
    """Neither in the configuration nor in logs, the trail or what processes share."""
    async with Operator(tmp_path) as operator:
        key = (await create(operator, name="ci")).json["key"]
        assert await chat(operator, key) == 200
        await operator.ask(
            "PATCH", f"{API}/auth-keys/{(await keys(operator))['ci']['id']}", {"name": "cd"}
        )
        assert await chat(operator, key) == 200
        assert await chat(operator, key + "x") == 401
        assert operator.state.log is not None
        await operator.state.log.flush(5)
    written = all_files(tmp_path)
    assert {"config.yaml", "audit.jsonl", "requests.db"} <= set(written)
    assert not [name for name, data in written.items() if key.encode() in data]


def all_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_what_a_key_has_used_and_what_still_uses_it(operator: Operator) -> None:
    for _ in range(3):
        assert await chat(operator, APP) == 200
    assert operator.state.log is not None
    assert await operator.state.log.flush(10)
    found = (await keys(operator))["key-1"]
    assert found["usage_today"]["requests"] == 3
    assert found["last_used"] is not None
    assert found["key_masked"] == "sk-a****ests"
    assert (await keys(operator))["hashed"]["last_used"] is None
    detail = (await operator.ask("GET", f"{API}/auth-keys/{found['id']}")).json
    assert detail["last_hour"] == {"requests": 3, "failed": 0, "models": ["echo"]}
    assert (await operator.ask("GET", f"{API}/auth-keys/00000000")).status == 404


async def test_what_counts_against_limits_just_now_is_told(operator: Operator) -> None:
    for _ in range(2):
        assert await chat(operator, "another-key") == 200
    assert await chat(operator, APP) == 200
    found = await keys(operator)
    now = found["hashed"]["used_now"]
    # Two of five a minute, less what has drained since.
    assert 1 < now["requests"] <= 2
    assert (now["tokens"], now["concurrent"]) == (0, 0)
    # Without limits nothing counts.
    assert found["key-1"]["used_now"] == {"requests": 0, "tokens": 0, "concurrent": 0}


async def test_limits_and_names_can_be_changed(operator: Operator) -> None:
    found = await keys(operator)
    id = found["hashed"]["id"]
    reply = await operator.ask(
        "PATCH",
        f"{API}/auth-keys/{id}",
        {"name": "renamed", "requests_per_minute": None, "allowed_models": ["none-*"]},
    )
    assert reply.status == 200, reply.body
    assert (reply.json["id"], reply.json["name"]) == (id, "renamed")
    assert reply.json["requests_per_minute"] is None
    assert await chat(operator, "another-key") == 403
    # A plain text has to become a map for that.
    plain = found["key-1"]["id"]
    reply = await operator.ask("PATCH", f"{API}/auth-keys/{plain}", {"name": "app"})
    assert (reply.status, reply.json["id"], reply.json["name"]) == (200, plain, "app")
    assert f"- {{key: {APP}, name: app}}\n" in operator.file.read_text()
    assert "# The oldest." in operator.file.read_text()
    assert await chat(operator, APP) == 200


async def test_two_keys_of_one_name_are_refused(operator: Operator) -> None:
    reply = await create(operator, name="hashed")
    assert (reply.status, reply.json["error"]) == (409, "duplicate")
    id = (await keys(operator))["key-1"]["id"]
    reply = await operator.ask("PATCH", f"{API}/auth-keys/{id}", {"name": "hashed"})
    assert (reply.status, reply.json["error"]) == (409, "duplicate")
    same = (await keys(operator))["hashed"]["id"]
    assert (
        await operator.ask("PATCH", f"{API}/auth-keys/{same}", {"name": "hashed"})
    ).status == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x", "key": "mine"}, "/key"),
        ({"name": "x", "expires_at": "tomorrow"}, "/expires_at"),
        ({"name": "x", "expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
        ({"name": "x", "requests_per_minute": 0}, "/requests_per_minute"),
        ({"name": "x", "allowed_models": [""]}, "/allowed_models/0"),
        ({"name": "x", "requests_per_minute": 9, "tokens_per_minute": 5}, "/tokens_per_minute"),
    ],
)
async def test_what_cannot_be_meant_is_told_at_its_field(
    operator: Operator, body: dict[str, Any], path: str
) -> None:
    reply = await create(operator, **body)
    assert reply.status == 422
    assert reply.json["fields"][0]["path"] == path
    assert operator.file.read_text() == CONFIG


async def delete_all(operator: Operator) -> Reply:
    reply = None
    for each in (await keys(operator)).values():
        reply = await operator.ask("DELETE", f"{API}/auth-keys/{each['id']}")
        assert reply.status == 200, reply.body
    assert reply is not None
    return reply


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_deleting_the_last_key_opens_nothing(tmp_path: Path, host: str) -> None:
    # Signing in by link takes a listener for this machine only; what the file says counts
    # from the next start on.
    async with Operator(tmp_path, CONFIG) as operator:
        change = {"yaml": CONFIG.replace("host: 127.0.0.1", f"host: {host}")}
        assert (await operator.ask("PUT", f"{API}/config/apply", change)).status == 200
        last = await delete_all(operator)
        assert "no client is let in" in last.json["message"]
        assert "no client is let in any more: there is no key left" in last.json["effects"]
        for peer in ("127.0.0.1", "::1", "203.0.113.9"):
            for key in (None, APP, "another-key", ""):
                assert await chat(operator, key, peer=peer) == 401
        # Nor does a restart.
        snapshot = load(str(operator.file), {}).snapshot
        assert snapshot.client_keys == {}
        assert snapshot.allow_anonymous is not True
        assert (await keys(operator)) == {}
        made = await create(operator, name="again")
        assert await chat(operator, made.json["key"]) == 200


async def test_who_had_opened_the_gateway_is_told_that_it_still_is(tmp_path: Path) -> None:
    async with Operator(tmp_path, CONFIG + "allow-anonymous: true\n") as operator:
        last = await delete_all(operator)
        assert "lets everybody in as before" in last.json["message"]
        assert (await operator.ask("GET", f"{API}/auth-keys")).json["open_to_all"] is True
