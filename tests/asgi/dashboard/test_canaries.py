"""A secret in every place for one: no answer, no record and no log line has any of them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from aigw_asgi.config_store import load
from aigw_asgi.dashboard.operation import PREFIX as API
from aigw_asgi.dashboard.placeholders import secret_paths
from aigw_asgi.dashboard.resources import OPERATIONS
from aigw_asgi.redaction import secrets_in
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_asgi.yaml_values import block
from aigw_core.config.schema import Config
from aigw_core.config.shape import Kind, Shape, keys_of
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

BCRYPT = "$2b$12$" + "canary." * 7 + "aaaa"
DIGEST = "sha256:" + "ca4a27" * 10 + "0123"


def canary(number: int) -> str:
    return f"canary-{number:03d}-of-at-least-thirty-two-bytes"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def everywhere() -> dict[str, Any]:
    """A configuration with a secret wherever there may be one."""
    numbers = iter(range(1000))

    def headers() -> dict[str, str]:
        return {"x-one": canary(next(numbers)), "x-two": f"Bearer {canary(next(numbers))}"}

    def proxy() -> str:
        return f"http://user:{canary(next(numbers))}@127.0.0.1:9"

    def entry(**more: Any) -> dict[str, Any]:
        made = {"api-key": canary(next(numbers)), "headers": headers(), "proxy-url": proxy()}
        return {**made, **more}

    return {
        "host": "127.0.0.1",
        "proxy-url": proxy(),
        "api-keys": [
            canary(next(numbers)),
            {"name": "second", "key": canary(next(numbers))},
            {"name": "third", "key-hash": DIGEST},
        ],
        "admin": {"scrape-token": canary(next(numbers))},
        "claude-api-key": [
            entry(
                cloak={
                    "mode": "always",
                    "system-prompt": "Be brief.",
                    "sensitive-words": ["Blue Whale"],
                }
            )
        ],
        "openai-api-key": [entry(), {"api-key": "file:///the-canary-file"}],
        "gemini-api-key": [{"api-key": "${A_CANARY}"}, {"api-key": "env://ANOTHER"}],
        "openai-compatibility": [entry(**{"base-url": "http://127.0.0.1:1"})],
        "claude-header-defaults": headers(),
        "payload": {
            "override": [{"models": [{"name": "*"}], "params": {"a.b": "${A_CANARY}"}}],
            "filter": [{"models": [{"name": "*", "match": {"x": "${A_CANARY}"}}], "params": ["y"]}],
        },
        "dashboard": {
            "enabled": True,
            "password-hash": BCRYPT,
            "jwt-secret": canary(next(numbers)),
            "previous-jwt-secret": canary(next(numbers)),
        },
        "seals": {"secret": canary(next(numbers)), "previous": canary(next(numbers))},
    }


def all_secret_keys(shape: Shape, place: str) -> Iterator[str]:
    """Every place of the schema that takes a secret."""
    if shape.kind is Kind.SECTION:
        for name, key in keys_of(shape.type).items():
            yield from all_secret_keys(key.shape, f"{place}.{name}")
    elif shape.kind in (Kind.LIST, Kind.MAP):
        assert shape.item is not None
        yield from all_secret_keys(shape.item, f"{place}[]")
    elif shape.kind is Kind.SECRET:
        yield place.lstrip(".")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "key").write_text("canary-in-a-file-0123456789")
    monkeypatch.setenv("A_CANARY", "canary-in-a-variable-0123456789")
    monkeypatch.setenv("ANOTHER", "canary-in-another-0123456789")
    text = "\n".join(block(everywhere(), 0)) + "\n# api-key: canary-in-a-comment-0123\n"
    return text.replace("file:///the-canary-file", f"file://{tmp_path}/key")


def test_there_is_one_in_every_place(config: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(config)
    loaded = load(str(tmp_path / "c.yaml"), os.environ)
    assert loaded.document is not None
    lists = {"claude-api-key", "openai-api-key", "gemini-api-key", "openai-compatibility"}
    written = set()
    for path in secret_paths(loaded.document.data):
        steps = ["[]" if isinstance(step, int) else step for step in path]
        if "headers" in steps[:-1] or path[0] == "claude-header-defaults":
            steps[-1] = "[]"
        place = ".".join(steps).replace(".[]", "[]")
        first = place.partition("[")[0]
        written.add(place.replace(first, "*", 1) if first in lists else place)
    # A key in clear may stand for its map.
    written = {"api-keys[].key" if each == "api-keys[]" else each for each in written}
    wanted = set()
    for name, key in keys_of(Config).items():
        for place in all_secret_keys(key.shape, name):
            wanted.add(place.replace(name, "*", 1) if name in lists else place)
    # Redis would have to be there.
    assert wanted - {"state.redis"} <= written


class Watch:
    def __init__(self, secrets: set[str]) -> None:
        self._secrets = secrets
        self.seen = 0

    def look(self, what: str, text: str) -> None:
        self.seen += 1
        found = {each for each in self._secrets if each in text}
        assert not found, (what, found)
        assert "canary" not in text.replace("A_CANARY", "").replace("/the-canary", ""), what


async def test_no_answer_record_or_log_line_has_one(
    tmp_path: Path, config: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Operator(tmp_path, config) as operator:
        reloader = operator.state.reloader
        assert reloader is not None
        secrets = {each for each in secrets_in(reloader.loaded.reading.config) if len(each) > 8}
        secrets |= {"in-a-variable-0123", "in-another-0123", "in-a-file-0123", "in-a-comment"}
        assert len(secrets) > 30
        watch = Watch(secrets)

        async def ask(method: str, path: str, body: Any = None) -> Reply:
            reply = await operator.ask(method, API + path, body)
            assert reply.status < 500, (path, reply.body)
            # The folder of this test has the name of the test.
            shown = reply.body.decode().replace(str(tmp_path), "")
            watch.look(f"{method} {path}", shown + repr(reply.headers))
            return reply

        providers = (await ask("GET", "/providers")).json["providers"]
        keys = (await ask("GET", "/auth-keys")).json["auth_keys"]
        identifiers = [each["id"] for each in (*providers, *keys)]
        for operation in OPERATIONS:
            if operation.method == "GET":
                for id in identifiers if operation.names else [""]:
                    path = operation.path
                    for name in operation.names:
                        path = path.replace(f"{{{name}}}", id)
                    await ask("GET", path)

        def talkative(request: Any) -> Script:
            """Repeats in its error whatever it was sent."""
            text = repr(request.headers) + repr(request.body)
            body = b'{"error":{"message":' + repr(text).replace("'", '"').encode() + b"}}"
            return Script(400, (("content-type", "application/json"),), (body,))

        operator.state._upstream = ScriptTransport(talkative)
        for each in providers:
            await ask("POST", f"/providers/{each['id']}/test", {"model": "claude-x"})
            await ask("POST", f"/providers/{each['id']}/models")
            await ask("PATCH", f"/providers/{each['id']}?dry_run=true", {"weight": 7})
            await ask("PATCH", f"/providers/{each['id']}", {"weight": 8, "name": each["id"]})
        for each in keys:
            await ask("PATCH", f"/auth-keys/{each['id']}", {"name": each["id"]})
        content = (await ask("GET", "/config/raw")).json["content"]
        await ask("POST", "/config/validate", {"yaml": content + "echo: on\n"})
        await ask("PUT", "/config/apply?dry_run=true", {"yaml": content + "echo: on\n"})
        assert (await ask("PUT", "/config/apply", {"yaml": content + "echo: on\n"})).status == 200
        await ask("PUT", "/config/apply", {"yaml": content + "echo: maybe\n"})
        await ask("PATCH", "/routing", {"strategy": "fill-first"})
        await ask("POST", "/routing/explain", {"model": "claude-x", "body": {"messages": []}})
        for each in keys[:1]:
            await ask("DELETE", f"/auth-keys/{each['id']}")
        await ask("DELETE", f"/providers/{providers[0]['id']}")
        await ask("POST", "/config/reload")
        await ask("GET", "/system/audit?limit=1000")
        asked = {"model": "claude-x", "messages": [{"role": "user", "content": "Hello"}]}
        refused = await operator.ask("POST", "/v1/chat/completions", asked, signed_in=False)
        assert refused.status == 401  # and is in the request log
        hub = operator.dashboard.hub
        reader = hub.join()
        reader.subscribe([*hub.rows, *hub.states], dict.fromkeys(hub.rows, 0))
        assert operator.state.log is not None
        await operator.state.log.flush(5)
        told: set[str] = set()
        with anyio.fail_after(10):
            while told < {*hub.rows, *hub.states}:
                await reader.news.wait()
                reader.news = anyio.Event()
                for message in reader.take():
                    watch.look("frame", message.decode().replace(str(tmp_path), ""))
                    told.add(json.loads(message)["type"].replace("gap", "request_log"))
        for path in ("/metrics", "/metrics/prometheus", "/admin/config", "/admin/models"):
            reply = await operator.ask("GET", path, signed_in=False)
            assert reply.status == 200
            watch.look(path, reply.body.decode().replace(str(tmp_path), ""))
        watch.look("audit.jsonl", (tmp_path / "state" / "audit.jsonl").read_text())
        watch.look("log", caplog.text.replace(str(tmp_path), ""))
        # And the file has kept them all, but those of what was deleted.
        text = operator.file.read_text()
        assert text.count("canary-0") == config.count("canary-0") - 5
        assert watch.seen > 80
