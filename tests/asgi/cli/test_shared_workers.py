"""The workers of one supervisor, from outside: one gateway."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import until
from tests.running import Running, free_port

KEY = "sk-made-up-shared"
CONFIG = f"""
host: 127.0.0.1
echo: "on"
api-keys: [{{name: ci, key: {KEY}, requests-per-minute: 30}}, sk-other]
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("shared") / "config.yaml"
    found.write_text(CONFIG)
    return found


@pytest.fixture(scope="module")
def running(file: Path) -> Iterator[Running]:
    port = free_port()
    command = ["-m", "aigw_asgi.cli", "run", "-c", str(file), "--port", str(port), "--workers=3"]
    with Running(command, port) as found:
        # Twelve times, so that all of them, most likely, have been asked.
        until(lambda: all(len(get(found, "/admin/nodes")["nodes"]) == 3 for _ in range(12)))
        yield found


def ask(running: Running, path: str, fields: Any = None, key: str = "sk-other") -> tuple[int, Any]:
    """Over a connection of its own, which any of the workers may accept."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    body = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(running.url + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.load(exc)


def get(running: Running, path: str) -> Any:
    status, document = ask(running, path)
    assert status == 200, document
    return document


def test_a_limit_holds_for_all_together(running: Running) -> None:
    message = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 hello"}]}
    began = time.monotonic()
    statuses = [ask(running, "/v1/chat/completions", message, KEY)[0] for _ in range(80)]
    drained = int((time.monotonic() - began) / 2)  # one request in two seconds
    assert 30 <= statuses.count(200) <= 30 + drained
    assert statuses.count(200) + statuses.count(429) == 80


def test_an_answer_is_found_whoever_is_asked(running: Running) -> None:
    status, first = ask(running, "/v1/responses", {"model": "echo", "input": "/wps 0 hello"})
    assert status == 200
    for _ in range(12):
        assert get(running, f"/v1/responses/{first['id']}")["id"] == first["id"]


def test_every_worker_tells_of_all(running: Running) -> None:
    seen: set[int] = set()

    def told() -> bool:
        nodes = get(running, "/admin/nodes")
        seen.update(node["pid"] for node in nodes["nodes"] if node["self"])
        up = nodes["shared_state"] == {"kind": "sqlite", "up": True, "problem": None}
        return up and {node["worker"] for node in nodes["nodes"]} == {0, 1, 2}

    # A machine that stands still for 5 s has them count each other as gone for a moment.
    until(lambda: all(told() for _ in range(40)))
    assert len(seen) > 1  # else this shows nothing


def total(running: Running) -> int:
    return int(get(running, "/metrics")["total_requests"])


def settled(running: Running) -> int:
    """When all workers have told what they counted so far: each tells once a second."""
    found: list[tuple[float, set[int]]] = []

    def still() -> bool:
        found.append((time.monotonic(), {total(running) for _ in range(12)}))
        when, totals = found[-1]
        return (
            len(totals) == 1
            and all(each == totals for at, each in found if at > when - 3)
            and found[0][0] < when - 3
        )

    until(still)
    return found[-1][1].pop()


def test_counters_are_those_of_all(running: Running) -> None:
    """Also of one that is killed, whose place another takes."""
    message = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 hello"}]}
    before = settled(running)
    for _ in range(60):
        assert ask(running, "/v1/chat/completions", message)[0] == 200
    until(lambda: all(total(running) == before + 60 for _ in range(12)))
    killed = next(node for node in get(running, "/admin/nodes")["nodes"] if not node["self"])
    os.kill(killed["pid"], signal.SIGKILL)
    until(lambda: all(total(running) == before + 60 for _ in range(12)))

    def replaced() -> bool:
        found = [get(running, "/admin/nodes")["nodes"] for _ in range(12)]
        return all(len(nodes) == 3 and killed["pid"] not in map(pid_of, nodes) for nodes in found)

    until(replaced)
    assert total(running) == before + 60


def pid_of(node: dict[str, Any]) -> int:
    return int(node["pid"])


def test_a_reload_reaches_all(running: Running, file: Path) -> None:
    before = {node["config"] for node in get(running, "/admin/nodes")["nodes"]}
    assert len(before) == 1
    file.write_text(CONFIG + "idle-timeout: 9\n")
    headers = {"content-length": "0"}
    request = urllib.request.Request(running.url + "/admin/reload", b"", headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        version = json.load(response)["version"]
    until(
        lambda: (
            {node["config"] for node in get(running, "/admin/nodes")["nodes"]} == {f"{version}/2"}
        )
    )
