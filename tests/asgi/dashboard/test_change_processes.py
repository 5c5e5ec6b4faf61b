"""Changes of the configuration in gateways of real processes: several, and killed ones."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.config_store import load
from aigw_asgi.dashboard.operation import PREFIX as API
from tests.fleet import until
from tests.running import Running, free_port

CONFIG = """\
# Ours.
host: 127.0.0.1
dashboard: {enabled: true}
api-keys:
  - {name: app, key: sk-app-key-of-the-tests}   # the first
openai-api-key:
  - {name: here, api-key: sk-key-of-the-tests, weight: 1}
"""


class Gateway:
    def __init__(self, folder: Path, workers: int) -> None:
        self.port = free_port()
        self.file = folder / "config.yaml"
        self.state = folder / "state"
        self.output = folder / "output"
        self._command = ["-m", "aigw_asgi.cli", "run", "-c", str(self.file)]
        self._command += [f"--port={self.port}", f"--workers={workers}"]
        self.token = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[Running]:
        env = {"AIGW_STATE_DIR": str(self.state)}
        with (
            self.output.open("w") as output,
            Running(self._command, self.port, env, stdout=output.fileno()) as running,
        ):
            if not self.token:
                until(lambda: "link=" in self.output.read_text())
                (link,) = re.findall(r"#link=([\w.-]+)", self.output.read_text())[:1]
                self.token = self.ask("POST", "/auth/link", {"token": link})[1]["token"]
            yield running

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """On a connection of its own, so to any worker."""
        headers = {} if body is None else {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return self.send(method, API + path, body, headers)

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if raw else None
        finally:
            connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path


def test_changes_through_several_workers(folder: Path) -> None:
    gateway = Gateway(folder, 2)
    with gateway.running():
        with ThreadPoolExecutor(4) as pool:
            made = list(
                pool.map(
                    lambda at: gateway.ask("POST", "/auth-keys", {"name": f"key-of-{at}"}),
                    range(12),
                )
            )
        assert [status for status, _ in made] == [201] * 12
        keys = [answer["key"] for _, answer in made]

        def let_in(key: str) -> bool:
            body = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
            fields = {"content-type": "application/json", "x-api-key": key}
            status, _ = gateway.send("POST", "/v1/chat/completions", body, fields)
            assert status in (200, 401)
            return status == 200

        # By every worker: several times on connections of their own.
        until(lambda: all(let_in(key) for key in keys for _ in range(3)))
        _, listed = gateway.ask("GET", "/auth-keys")
        assert {each["name"] for each in listed["auth_keys"]} == {
            "app",
            *(f"key-of-{at}" for at in range(12)),
        }
        _, trail = gateway.ask("GET", "/system/audit?limit=100")
        records = [each for each in trail["records"] if each["action"] == "auth-key.create"]
        numbers = sorted(each["seq"] for each in trail["records"])
        assert numbers == list(range(1, len(numbers) + 1))
        # Whoever was second went on from what the first had written.
        assert {each["target"] for each in records} == {f"key-of-{at}" for at in range(12)}
        befores = {each["version_before"] for each in records}
        assert len(befores) == 12
        # A key that is deleted at one worker is refused by all.
        gone = keys[0]
        identifier = made[0][1]["id"]
        assert gateway.ask("DELETE", f"/auth-keys/{identifier}")[0] == 200
        until(lambda: not any(let_in(gone) for _ in range(6)))
    text = gateway.file.read_text()
    assert text.startswith("# Ours.\n")
    assert "# the first" in text
    assert not any(key in gateway.output.read_text() for key in keys)
    everything = (gateway.state / "audit.jsonl").read_text()
    assert not any(key in everything for key in keys)


def test_a_gateway_that_is_killed_leaves_the_old_file_or_the_new_one(folder: Path) -> None:
    gateway = Gateway(folder, 1)
    weight, sent = 1, [1]
    for round in range(4):
        with gateway.running() as running:
            listed = gateway.ask("GET", "/providers")[1]["providers"]
            (id,) = [each["id"] for each in listed if each["name"] == "here"]
            killer = threading.Timer(0.15 + 0.11 * round, running.process.kill)
            killer.start()
            deadline = time.monotonic() + 60
            with contextlib.suppress(OSError, http.client.HTTPException):
                while time.monotonic() < deadline:
                    weight += 1
                    sent.append(weight)
                    assert gateway.ask("PATCH", f"/providers/{id}", {"weight": weight})[0] == 200
            killer.join()
        text = gateway.file.read_text()
        written = load(str(gateway.file), os.environ).snapshot.credentials[0].weight
        # The last that was answered, or the one that was under way.
        assert written in (sent[-2], sent[-1])
        lines = CONFIG.replace("weight: 1", f"weight: {written}").splitlines()
        assert text.splitlines() == lines
        weight = written
    records = (gateway.state / "audit.jsonl").read_text().splitlines()
    numbers = [json.loads(each)["seq"] for each in records]
    assert numbers == list(range(1, len(numbers) + 1))
