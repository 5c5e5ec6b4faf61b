"""Other ASGI servers can serve the application: uvicorn, and hypercorn on trio."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Running, free_port

BODY = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 Hello there"}]}


def commands(port: int) -> dict[str, list[str]]:
    hypercorn = ["-m", "hypercorn", "--bind", f"127.0.0.1:{port}", "--worker-class"]
    return {
        "uvicorn": ["-m", "uvicorn", "aigw_asgi:app", "--port", str(port)],
        "hypercorn-trio": [*hypercorn, "trio", "aigw_asgi:app"],
        "hypercorn-asyncio": [*hypercorn, "asyncio", "aigw_asgi:app"],
    }


@pytest.fixture(scope="module", params=list(commands(0)))
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    port = free_port()
    with Running(commands(port)[request.param], port) as running:
        yield running


def post(server: Running, path: str, document: dict[str, Any]) -> bytes:
    request = urllib.request.Request(
        server.url + path, json.dumps(document).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        body: bytes = response.read()
    return body


def test_a_whole_answer(server: Running) -> None:
    answer = json.loads(post(server, "/v1/chat/completions", BODY))
    assert answer["choices"][0]["message"]["content"] == "Hello there"


def test_a_stream(server: Running) -> None:
    body = post(server, "/v1/messages", {**BODY, "max_tokens": 9, "stream": True})
    assert b"event: message_stop" in body
    assert b'"text":"Hello"' in body
