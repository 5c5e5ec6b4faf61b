"""The configuration as a whole over the API: checked, shown without secrets, replaced."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from aigw_asgi.config_store import version_of
from aigw_asgi.dashboard.operation import PREFIX as API
from aigw_asgi.dashboard.placeholders import PLACEHOLDER
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

CONFIG = """\
# Ours.
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [{name: app, key: sk-app-key-of-the-tests}]
openai-compatibility:
  - name: first          # as it is called
    api-key: secret-of-the-first-one
    base-url: http://127.0.0.1:1
    headers: {x-team: secret-in-a-header}
request-retry: 4
idle-timeout: ${IDLE:-7}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def validate(operator: Operator, body: dict[str, Any]) -> dict[str, Any]:
    reply = await operator.ask("POST", f"{API}/config/validate", body)
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


async def raw(operator: Operator) -> dict[str, Any]:
    reply = await operator.ask("GET", f"{API}/config/raw")
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


async def apply(operator: Operator, text: str, version: str | None = None) -> Reply:
    body = {"yaml": text, "config_version": version}
    return await operator.ask("PUT", f"{API}/config/apply", body)


# --- validate ----------------------------------------------------------------


async def test_all_mistakes_of_a_text_are_told_with_their_lines(operator: Operator) -> None:
    text = CONFIG + "portt: 1\nworkers: 0\nfallbacks: [{model: x, to: [y]}]\n"
    found = await validate(operator, {"yaml": text})
    assert found["valid"] is False
    assert [(each["path"], each["line"]) for each in found["errors"]] == [
        ("portt", 12),
        ("workers", 13),
    ]
    assert 'did you mean "port"?' in found["errors"][0]["message"]
    assert found["message"].startswith("2 problems: ")
    assert operator.file.read_text() == CONFIG
    found = await validate(operator, {"yaml": "a: [\n"})
    assert (found["valid"], found["errors"][0]["line"]) == (False, 2)


async def test_a_good_text_says_what_it_would_come_to(operator: Operator) -> None:
    text = CONFIG.replace("host: 127.0.0.1\n", "host: 127.0.0.1\nport: 9\n") + (
        "openai-api-key: [{name: new, api-key: sk-canary-of-the-new-one}]\n"
    )
    found = await validate(operator, {"yaml": text})
    assert found["valid"] is True
    assert found["effects"] == ["adds 1 provider: new", "sets port", "restart needed for port"]
    assert found["restart"] == ["port"]
    assert "+port: 9" in found["diff"]
    assert "canary" not in json.dumps(found)
    assert [each["message"] for each in found["warnings"]] == [
        'is the old name of "retry.max-retries"'
    ]


async def test_the_reference_sends_the_configuration_as_an_object(operator: Operator) -> None:
    good = {
        "host": "127.0.0.1",
        "openai-api-key": [{"api-key": "k", "models": [{"id": "yes"}], "excluded-models": []}],
        "payload": {"override": [{"models": [{"name": "yes"}], "params": {"a.b": [1, None]}}]},
    }
    found = await validate(operator, good)
    assert found["valid"] is True, found
    for bad, path in (
        ({"config": "garbage"}, "config"),
        ({"port": "many"}, "port"),
        ({**good, "openai-api-key": [{}]}, "openai-api-key[0].api-key"),
    ):
        found = await validate(operator, bad)
        assert (found["valid"], found["errors"][0]["path"]) == (False, path)
        assert found["errors"][0]["line"] is None
    assert (await validate(operator, {}))["valid"] is True
    for body in ({"yaml": 1}, {"yaml": "", "port": 1}):
        reply = await operator.ask("POST", f"{API}/config/validate", body)
        assert reply.status == 422


async def test_without_a_file_texts_are_checked_as_well(tmp_path: Path) -> None:
    async with Operator(tmp_path, None) as operator:
        assert (await validate(operator, {"yaml": "host: 127.0.0.1\n"}))["valid"] is True
        found = await validate(operator, {"yaml": "host: 127.0.0.1\nx: 1\n"})
        assert found["errors"][0]["line"] == 2


# --- raw and apply -----------------------------------------------------------


async def test_the_text_is_shown_without_secrets_and_taken_back(operator: Operator) -> None:
    found = await raw(operator)
    assert found["content"] == CONFIG.replace("sk-app-key-of-the-tests", PLACEHOLDER).replace(
        "secret-of-the-first-one", PLACEHOLDER
    ).replace("secret-in-a-header", PLACEHOLDER)
    assert (found["file"], found["read_only"], found["in_force"]) == ("config.yaml", False, True)
    assert found["version"] == found["config_version"] == version_of(CONFIG.encode())
    text = found["content"].replace("# Ours.", "# Theirs.").replace("api-keys", "port: 9\napi-keys")
    reply = await apply(operator, text, found["version"])
    assert reply.status == 200, reply.body
    assert reply.json["effects"] == ["sets port", "restart needed for port"]
    assert reply.json["restart"] == ["port"]
    expected = CONFIG.replace("# Ours.", "# Theirs.").replace("api-keys", "port: 9\napi-keys")
    assert operator.file.read_text() == expected
    version = version_of(expected.encode())
    assert reply.json["version"] == reply.json["config_version"] == version
    assert operator.state.snapshot.version == version
    assert operator.state.reloader is not None
    assert operator.state.reloader.last.restart == ("port",)
    # And back, as an undo does.
    assert (await apply(operator, found["content"], version)).status == 200
    assert operator.file.read_text() == CONFIG


async def test_nobody_shuts_himself_out(operator: Operator) -> None:
    before = operator.file.read_bytes()
    text = (await raw(operator))["content"].replace("enabled: true", "enabled: false")
    for query in ("", "?dry_run=true"):
        reply = await operator.ask("PUT", f"{API}/config/apply{query}", {"yaml": text})
        assert (reply.status, reply.json["error"]) == (409, "dashboard_off")
        assert "in the file itself" in reply.json["message"]
    assert operator.file.read_bytes() == before
    assert (await operator.ask("GET", f"{API}/providers")).status == 200


async def test_a_text_that_was_changed_meanwhile_conflicts(operator: Operator) -> None:
    found = await raw(operator)
    other = CONFIG + "port: 1\n"
    operator.file.write_text(other)
    reply = await apply(operator, found["content"], found["version"])
    assert (reply.status, reply.json["error"]) == (409, "config_conflict")
    assert reply.json["version"] == version_of(other.encode())
    assert operator.file.read_text() == other


async def test_mistakes_are_told_with_their_lines_and_nothing_is_written(
    operator: Operator,
) -> None:
    found = await raw(operator)
    reply = await apply(operator, found["content"] + "workers: none\n")
    assert (reply.status, reply.json["error"]) == (422, "validation_failed")
    assert (reply.json["fields"][0]["path"], reply.json["fields"][0]["line"]) == ("workers", 12)
    moved = found["content"].replace(
        "request-retry", f"openai-api-key: [{{api-key: {PLACEHOLDER}}}]\nrequest-retry"
    )
    reply = await apply(operator, moved)
    assert (reply.status, reply.json["fields"][0]["line"]) == (422, 10)
    assert "stands for no secret" in reply.json["message"]
    assert operator.file.read_text() == CONFIG
    assert operator.state.snapshot.generation == 1


async def test_a_file_that_cannot_be_used_is_shown_and_can_be_mended(operator: Operator) -> None:
    operator.file.write_text(CONFIG + "unknown-key: secret-that-was-misspelt\n")
    found = await raw(operator)
    assert found["in_force"] is False
    assert found["problems"][0]["line"] == 12
    assert f"unknown-key: {PLACEHOLDER}" in found["content"]
    mended = found["content"].partition("unknown-key")[0]
    assert (await apply(operator, mended, found["version"])).status == 200
    assert operator.file.read_text() == CONFIG


async def test_a_file_that_is_no_yaml_can_be_replaced(operator: Operator) -> None:
    broken = CONFIG + "port: [secret-in-half-a-list\n"
    operator.file.write_text(broken)
    found = await raw(operator)
    # It cannot be told where secrets are in it, so what is in force is shown.
    assert found["content"] == (
        CONFIG.replace("sk-app-key-of-the-tests", PLACEHOLDER)
        .replace("secret-of-the-first-one", PLACEHOLDER)
        .replace("secret-in-a-header", PLACEHOLDER)
    )
    assert (found["in_force"], found["problems"][0]["line"]) == (False, 13)
    assert found["version"] == version_of(broken.encode())
    reply = await apply(operator, found["content"], found["version"])
    assert reply.status == 200, reply.body
    assert operator.file.read_text() == CONFIG


async def test_a_file_that_is_gone_is_told(operator: Operator) -> None:
    operator.file.unlink()
    reply = await operator.ask("GET", f"{API}/config/raw")
    assert (reply.status, reply.json["error"]) == (503, "file_unreadable")
    assert str(operator.folder) not in reply.body.decode()
    assert (await apply(operator, CONFIG)).status == 422


async def test_of_two_who_apply_at_once_one_is_told(operator: Operator) -> None:
    found = await raw(operator)
    replies: list[Reply] = []

    async def one(port: int) -> None:
        replies.append(
            await apply(operator, found["content"] + f"port: {port}\n", found["version"])
        )

    async with anyio.create_task_group() as tasks:
        for port in range(1, 6):
            tasks.start_soon(one, port)
    assert sorted(each.status for each in replies) == [200, 409, 409, 409, 409]
    won = next(each for each in replies if each.status == 200)
    assert operator.state.snapshot.version == won.json["version"]
    assert {each.json["version"] for each in replies} == {won.json["version"]}


# --- reload and current ------------------------------------------------------


async def test_reload_reads_the_file_again(operator: Operator) -> None:
    reply = await operator.ask("POST", f"{API}/config/reload")
    assert (reply.status, reply.json["changed"]) == (200, False)
    operator.file.write_text(CONFIG.replace("request-retry: 4", "request-retry: 5"))
    assert (await operator.ask("POST", f"{API}/config/reload")).status == 200
    assert operator.state.snapshot.retry.attempts == 6
    operator.file.write_text(CONFIG + "x: 1\n")
    reply = await operator.ask("POST", f"{API}/config/reload")
    assert (reply.status, reply.json["error"]) == (422, "reload_failed")
    assert reply.json["fields"][0]["line"] == 12
    assert operator.state.snapshot.retry.attempts == 6
    actions = (await operator.ask("GET", f"{API}/system/audit")).json["records"]
    assert [each["action"] for each in actions][:2] == ["config.reload", "config.reload"]


async def test_what_is_in_force_with_the_source_of_each_value(operator: Operator) -> None:
    reply = await operator.ask("GET", f"{API}/config/current")
    found = reply.json
    assert (found["host"], found["port"], found["file"]) == ("127.0.0.1", 8317, "config.yaml")
    assert found["dashboard"]["username"] == "admin"
    assert found["providers"] == {"claude": 0, "openai": 0, "gemini": 0, "openai_compat": 1}
    values = {each["path"]: each for each in found["values"]}
    assert values["host"] == {
        "path": "host",
        "value": "127.0.0.1",
        "source": "file",
        "origin": None,
        "line": 2,
    }
    assert values["port"]["source"] == "default"
    assert (values["idle-timeout"]["value"], values["idle-timeout"]["origin"]) == (
        7.0,
        "${IDLE:-7}",
    )
    # Under its old name, and still found.
    retry = values["retry.max-retries"]
    assert (retry["value"], retry["source"], retry["line"]) == (4, "file", 10)
    key = values["openai-compatibility[0].api-key"]
    assert (key["value"], key["source"], key["origin"]) == (PLACEHOLDER, "file", None)
    state = values["state.path"]
    assert (state["source"], state["origin"]) == ("environment", "AIGW_STATE_DIR")
    assert b"secret-" not in reply.body


async def test_values_without_a_file_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-of-the-environment")
    async with Operator(tmp_path, None) as operator:
        reply = await operator.ask("GET", f"{API}/config/current")
        values = {each["path"]: each for each in reply.json["values"]}
        key = values["openai-api-key[0].api-key"]
        assert (key["source"], key["origin"]) == ("environment", "OPENAI_API_KEY")
        assert b"canary" not in reply.body
        assert reply.json["file"] is None


async def test_the_schema_is_the_one_of_the_file(operator: Operator) -> None:
    reply = await operator.ask("GET", f"{API}/config/schema")
    assert reply.json["title"] == "aigw configuration"
    assert "id" in reply.json["$defs"]["CredentialEntry"]["properties"]


async def test_a_change_is_undone_with_its_secrets(operator: Operator) -> None:
    first = await raw(operator)
    without = "\n".join(
        line for line in first["content"].splitlines() if not line.startswith(("openai", "  "))
    )
    done = await apply(operator, without, first["version"])
    assert done.status == 200, done.body
    # The text with placeholders alone would not bring the key back.
    assert (await apply(operator, first["content"], done.json["version"])).status == 422
    undone = await operator.ask(
        "POST",
        f"{API}/config/undo",
        {"version": first["version"]},
        headers={"if-match": f'"{done.json["version"]}"'},
    )
    assert undone.status == 200, undone.body
    assert undone.json["version"] == first["version"]
    assert operator.file.read_text() == CONFIG
    (record, *_) = (await operator.ask("GET", f"{API}/system/audit")).json["records"]
    assert record["action"] == "config.undo"
    assert "secret-of-the-first-one" not in json.dumps(record)


async def test_what_is_not_kept_or_has_moved_on_is_not_undone(operator: Operator) -> None:
    first = await raw(operator)
    unknown = await operator.ask("POST", f"{API}/config/undo", {"version": "v-unknown"})
    assert unknown.status == 404
    done = await apply(operator, first["content"] + "# more\n", first["version"])
    assert done.status == 200
    stale = await operator.ask(
        "POST",
        f"{API}/config/undo",
        {"version": first["version"]},
        headers={"if-match": f'"{first["version"]}"'},
    )
    assert (stale.status, stale.json["error"]) == (409, "config_conflict")
    assert operator.file.read_text().endswith("# more\n")
