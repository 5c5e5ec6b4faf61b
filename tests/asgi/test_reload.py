"""A gateway whose configuration changes under it."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import anyio
import pytest

from aigw_asgi import Gateway
from aigw_asgi.state import GatewayState
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.config.snapshot import Snapshot
from aigw_core.record import ExchangeRecord
from aigw_core.wire_request import WireRequest
from tests.asgi.test_routing import whole
from tests.running import Running, free_port

pytestmark = pytest.mark.anyio


def text(key: str, upstream: str, **more: str) -> str:
    rest = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in more.items())
    return (
        f"host: 127.0.0.1\napi-keys: [{key}]\nopenai-compatibility:\n"
        f'  - {{name: {upstream}, api-key: k, base-url: "http://127.0.0.1:1/{upstream}"}}\n' + rest
    )


async def put(gateway: Gateway, file: Path, content: str) -> GatewayState:
    """Write the file and have it taken."""
    state = gateway.app.state
    assert state is not None
    await anyio.Path(file).write_text(content)
    outcome = await gateway.app.reload()
    assert outcome is not None
    assert outcome.changed
    return state


async def ask(gateway: Gateway, key: str) -> int:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    response = await gateway.handle("chat", json.dumps(body).encode(), {"x-api-key": key})
    await response.read()
    return response.status


async def test_new_requests_go_by_the_new_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text("old-key", "old"))
    transport = ScriptTransport(whole)
    async with Gateway(str(file), transport=transport) as gateway:
        assert await ask(gateway, "old-key") == 200
        state = await put(gateway, file, text("new-key", "new"))
        assert await ask(gateway, "old-key") == 401
        assert await ask(gateway, "new-key") == 200
        assert state.snapshot.generation == 2
    assert [request.url.split("/")[3] for request in transport.requests] == ["old", "new"]


async def test_a_request_under_way_keeps_what_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is let in by the old file, whose upstreams alone it may reach then: between
    the two lies the body, which a client may send slowly."""
    file = tmp_path / "config.yaml"
    file.write_text(text("old-key", "old"))
    transport = ScriptTransport(whole)
    records: list[ExchangeRecord] = []
    async with Gateway(str(file), transport=transport) as gateway:
        state = gateway.app.state
        assert state is not None
        monkeypatch.setattr(state.metrics, "observe", records.append)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
        half = len(body) // 2
        pieces = [body[:half].encode(), body[half:].encode()]
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if len(pieces) == 1:
                await put(gateway, file, text("new-key", "new"))
            if not pieces:
                await anyio.sleep_forever()
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": [(b"x-api-key", b"old-key")],
        }
        await gateway.app(scope, receive, send)
        assert answer[0]["status"] == 200
        assert await ask(gateway, "new-key") == 200
    assert [request.url.split("/")[3] for request in transport.requests] == ["old", "new"]
    assert [record.config.rpartition("/")[2] for record in records] == ["1", "2"]


async def test_what_was_learned_of_credentials_stays(tmp_path: Path) -> None:
    def refuses(request: WireRequest) -> Script:
        return Script(503, (), (b"{}",))

    file = tmp_path / "config.yaml"
    file.write_text(text("key", "a"))
    async with Gateway(str(file), transport=ScriptTransport(refuses)) as gateway:
        assert await ask(gateway, "key") == 503
        state = gateway.app.state
        assert state is not None
        before = state.health.rests()
        assert before
        await put(gateway, file, text("key", "a", idle_timeout="9"))
        assert state.health.rests() == before


async def test_a_bad_file_is_told_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text("key", "a"))
    async with Gateway(str(file), transport=ScriptTransport(whole)) as gateway:
        file.write_text(text("key", "a") + "prot: 1\n")
        await gateway.app.reload()
        assert await ask(gateway, "key") == 200
        response = await gateway.request("GET", "/admin/config", {})
        told = json.loads(await response.read())["reload"]
        assert told["generation"] == 1
        assert told["failures"] == 1
        assert told["problems"] == [f'{file}:5:1: unknown key "prot" (did you mean "port"?)']


async def test_a_snapshot_has_no_file_to_watch() -> None:
    async with Gateway(Snapshot("test")) as gateway:
        state = gateway.app.state
        assert state is not None
        assert state.reloader is None
        assert await gateway.app.reload() is None


def until_generation(running: Running, number: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with urllib.request.urlopen(running.url + "/admin/config", timeout=10) as response:
            if json.load(response)["reload"]["generation"] == number:
                return
        time.sleep(0.02)
    raise AssertionError(f"generation {number} never came")


def test_sighup_and_the_file_alone_both_reload_a_process(tmp_path: Path) -> None:
    """A real process: the file's change is found by itself, and told of by a signal."""
    file = tmp_path / "config.yaml"
    file.write_text("host: 127.0.0.1\nadmin: {allow: []}\n")
    port = free_port()
    command = ["-m", "aigw_asgi.cli", "run", "-c", str(file), "--port", str(port)]
    with Running(command, port) as running:
        for number in range(2, 5):
            file.write_text(f"host: 127.0.0.1\nidle-timeout: {number}\n")
            if number % 2:
                running.process.send_signal(signal.SIGHUP)
            until_generation(running, number)
        assert running.process.poll() is None
