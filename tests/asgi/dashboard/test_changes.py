"""Changes of the configuration: in force before the answer, all or nothing, and recorded."""

from __future__ import annotations

import contextlib
import json
import os
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from aigw_asgi.config_store import Loaded, version_of
from aigw_asgi.dashboard.operation import PREFIX as API
from aigw_asgi.dashboard.resources import OPERATIONS
from aigw_core.errors import ConfigError, InvalidConfig
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

CONFIG = """\
# Ours.
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [{name: app, key: sk-app-key-of-the-tests}]

openai-compatibility:
  # The first one.
  - name: first          # as it is called
    api-key: secret-of-the-first-one
    base-url: http://127.0.0.1:1
    weight: 2            # double
  - {name: second, api-key: secret-of-the-second, base-url: "http://127.0.0.1:2"}
routing:
  strategy: weighted     # as it was
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def provider(operator: Operator, name: str) -> str:
    listed = (await operator.ask("GET", f"{API}/providers")).json["providers"]
    return str(next(each["id"] for each in listed if each["name"] == name))


async def weigh(operator: Operator, weight: int, **more: Any) -> Reply:
    id = await provider(operator, "first")
    return await operator.ask("PATCH", f"{API}/providers/{id}", {"weight": weight}, **more)


async def records(operator: Operator) -> list[dict[str, Any]]:
    page = (await operator.ask("GET", f"{API}/system/audit")).json
    return [each for each in page["records"] if not each["action"].startswith("session.")]


async def test_a_change_is_in_force_with_its_answer_and_keeps_the_rest(operator: Operator) -> None:
    reply = await weigh(operator, 5)
    assert reply.status == 200
    assert operator.file.read_text() == CONFIG.replace("weight: 2 ", "weight: 5 ")
    version = version_of(operator.file.read_bytes())
    assert reply.headers["etag"] == f'"{version}"'
    assert (reply.json["version"], reply.json["weight"]) == (version, 5)
    assert reply.json["effects"] == ["changes provider first: weight"]
    assert operator.state.snapshot.version == version
    assert operator.state.snapshot.credentials[0].weight == 5


async def test_a_change_thought_out_for_another_version_conflicts(operator: Operator) -> None:
    seen = (await operator.ask("GET", f"{API}/routing")).headers["etag"]
    assert (await weigh(operator, 5)).status == 200
    now = version_of(operator.file.read_bytes())
    for method, path, body in (
        ("PATCH", "/routing", {"strategy": "fill-first"}),
        ("POST", "/auth-keys", {"name": "x"}),
        ("PUT", "/config/apply", {"yaml": "host: 127.0.0.1\n"}),
    ):
        for dry in ("", "?dry_run=true"):
            reply = await operator.ask(method, API + path + dry, body, {"if-match": seen})
            assert (reply.status, reply.json["error"]) == (409, "config_conflict"), path
            assert reply.json["version"] == now
    assert version_of(operator.file.read_bytes()) == now
    assert (await weigh(operator, 6, headers={"if-match": f'"{now}"'})).status == 200
    assert (await weigh(operator, 7, headers={"if-match": "*"})).status == 200


async def test_a_dry_run_says_what_would_be_and_changes_nothing(operator: Operator) -> None:
    id = await provider(operator, "first")
    calls = [
        ("POST", "/providers", {"provider_type": "openai", "api_key": "sk-new-canary-0123456"}),
        ("PATCH", f"/providers/{id}", {"api_key": "sk-new-canary-0123456"}),
        ("DELETE", f"/providers/{id}", None),
        ("POST", "/auth-keys", {"name": "ci"}),
        ("PATCH", "/routing", {"strategy": "fill-first"}),
        ("PUT", "/config/apply", {"yaml": CONFIG.replace("host:", "port: 9000\nhost:")}),
    ]
    for method, path, body in calls:
        reply = await operator.ask(method, f"{API}{path}?dry_run=true", body)
        assert reply.status == 200, (path, reply.body)
        assert reply.json["dry_run"] is True
        assert reply.json["diff"].startswith("--- config.yaml\n+++ config.yaml\n@@ ")
        assert reply.json["effects"], path
        assert reply.json["version"] == version_of(CONFIG.encode())
        assert b"canary" not in reply.body
        assert b"secret-of" not in reply.body
    assert reply.json["restart"] == ["port"]
    assert reply.json["effects"][-1] == "restart needed for port"
    assert operator.file.read_text() == CONFIG
    assert await records(operator) == []
    assert operator.state.snapshot.generation == 1


async def test_every_change_of_the_file_takes_a_version_and_a_dry_run() -> None:
    changes = {each.id for each in OPERATIONS if each.versioned and each.query is not None}
    assert changes == {
        "createProvider",
        "changeProvider",
        "deleteProvider",
        "createAuthKey",
        "changeAuthKey",
        "deleteAuthKey",
        "changeRouting",
        "applyConfig",
        "undoConfig",
    }
    assert changes == {each.id for each in OPERATIONS if each.versioned}


async def test_without_a_file_there_is_nothing_to_change(tmp_path: Path) -> None:
    async with Operator(tmp_path, None) as operator:
        for method, path, body in (
            ("POST", "/providers", {"provider_type": "openai", "api_key": "sk-x"}),
            ("POST", "/auth-keys", {"name": "ci"}),
            ("PATCH", "/routing", {"strategy": "fill-first"}),
            ("PUT", "/config/apply", {"yaml": ""}),
            ("POST", "/config/reload", None),
        ):
            reply = await operator.ask(method, API + path, body)
            assert (reply.status, reply.json["error"]) == (409, "no_config_file"), path
            assert "aigw init" in reply.json["message"]
        reply = await operator.ask("GET", f"{API}/config/raw")
        assert reply.status == 200
        assert (reply.json["file"], reply.json["content"]) == ("", "")


async def test_a_read_only_file_is_told_with_what_would_have_been_changed(
    operator: Operator,
) -> None:
    operator.file.chmod(0o444)
    id = await provider(operator, "first")
    body = {"weight": 7, "headers": {"x-team": "canary-in-a-header"}}
    reply = await operator.ask("PATCH", f"{API}/providers/{id}", body)
    assert (reply.status, reply.json["error"]) == (409, "read_only")
    assert "-    weight: 2            # double\n+    weight: 7 " in reply.json["diff"]
    assert b"canary" not in reply.body
    assert str(operator.folder) not in reply.body.decode()
    assert operator.file.read_text() == CONFIG
    assert (await operator.ask("GET", f"{API}/config/raw")).json["read_only"] is True


async def test_a_layout_that_cannot_be_changed_is_told(tmp_path: Path) -> None:
    # An explicit key, after which a value has no line of its own.
    config = CONFIG.replace("routing:\n  strategy: weighted     # as it was\n", "") + (
        "? routing\n: ? strategy\n  : weighted\n"
    )
    async with Operator(tmp_path, config) as operator:
        reply = await operator.ask("PATCH", f"{API}/routing", {"strategy": None})
        assert (reply.status, reply.json["error"]) == (409, "edit_refused")
        assert "routing.strategy" in reply.json["message"]
        assert operator.file.read_text() == config


async def test_what_cannot_be_put_in_force_is_taken_back(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    reloader = operator.state.reloader
    assert reloader is not None
    put = reloader._put

    def refuse(loaded: Loaded) -> None:
        if loaded.snapshot.credentials[0].weight == 9:
            raise InvalidConfig([ConfigError("is not to be had", path="retry.max-retries")])
        put(loaded)

    monkeypatch.setattr(reloader, "_put", refuse)
    reply = await weigh(operator, 9)
    assert (reply.status, reply.json["error"]) == (422, "validation_failed")
    assert reply.json["fields"][0]["message"] == "is not to be had"
    assert operator.file.read_text() == CONFIG
    assert operator.state.snapshot.credentials[0].weight == 2
    assert reloader.last.problems == ()
    assert await records(operator) == []
    assert (await weigh(operator, 8)).status == 200


async def test_a_file_that_cannot_be_used_is_not_changed(operator: Operator) -> None:
    broken = CONFIG + "no-such-key: 1\n"
    operator.file.write_text(broken)
    reply = await weigh(operator, 5)
    assert reply.status == 422
    assert "no-such-key" in reply.json["message"]
    assert reply.json["fields"][0]["line"] == broken.count("\n")
    assert operator.file.read_text() == broken


async def test_changes_at_once_are_all_made_and_recorded_in_order(operator: Operator) -> None:
    ids = [await provider(operator, name) for name in ("first", "second")]
    weights = range(3, 9)

    async def one(id: str, weight: int) -> None:
        reply = await operator.ask("PATCH", f"{API}/providers/{id}", {"weight": weight})
        assert reply.status == 200

    async with anyio.create_task_group() as tasks:
        for weight in weights:
            for id in ids:
                tasks.start_soon(one, id, weight)
    made = list(reversed(await records(operator)))
    assert len(made) == 2 * len(weights)
    chain = [version_of(CONFIG.encode()), *(each["version_after"] for each in made)]
    assert [each["version_before"] for each in made] == chain[:-1]
    assert chain[-1] == version_of(operator.file.read_bytes())
    numbers = [each["seq"] for each in made]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_record_says_who_did_what(operator: Operator) -> None:
    reply = await weigh(operator, 5, headers={"x-request-id": "the-request-of-this-test"})
    (made,) = await records(operator)
    assert made["who"] == "admin"
    assert made["address"] == "127.0.0.1"
    assert made["action"] == "provider.update"
    assert made["target"] == "first"
    assert (made["before"]["weight"], made["after"]["weight"]) == (2, 5)
    assert made["before"]["api-key"] == "••••"
    assert made["effects"] == reply.json["effects"]
    assert made["version_before"] == version_of(CONFIG.encode())
    assert made["version_after"] == reply.json["version"]
    assert made["request_id"] == "the-request-of-this-test"
    file = (operator.folder / "state" / "audit.jsonl").read_text()
    assert json.loads(file.splitlines()[-1]) == made
    assert "secret-of" not in file


async def test_a_change_that_changes_nothing_writes_nothing(operator: Operator) -> None:
    before = os.stat(operator.file)
    reply = await weigh(operator, 2)
    assert (reply.status, reply.json["effects"]) == (200, [])
    after = os.stat(operator.file)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert await records(operator) == []
    assert operator.state.snapshot.generation == 1


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """No file may grow beyond what the configuration has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONFIG) - 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_told_and_the_file_is_as_it_was(operator: Operator) -> None:
    before = operator.state.snapshot.version
    with no_room():
        reply = await weigh(operator, 5)
    assert (reply.status, reply.json["error"]) == (507, "disk_full")
    assert "config.yaml cannot be written: File too large; it is as it was" in reply.json["message"]
    assert str(operator.file.parent) not in reply.json["message"]
    assert operator.file.read_text() == CONFIG
    assert [each.name for each in operator.file.parent.glob(".config.yaml.*")] == [
        ".config.yaml.lock"
    ]
    assert operator.state.snapshot.version == before
    assert await records(operator) == []
    reply = await weigh(operator, 5)
    assert reply.status == 200
    assert operator.state.snapshot.credentials[0].weight == 5
