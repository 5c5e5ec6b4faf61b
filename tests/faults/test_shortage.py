"""A gateway that runs out of file descriptors."""

from __future__ import annotations

import http.client
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

import pytest

from aigw_core.chat import Format
from tests.asgi.clients import asking, error_of
from tests.running import gateway

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is of Linux")

PATIENCE = 30.0
SPARE = 10
"""Descriptors that the gateway may have beyond those that it has when it is idle."""


def ask(connection: http.client.HTTPConnection, format: Format, model: str, *, stream: bool) -> int:
    """On a connection that stands. Gives the status; an error must be one of the format."""
    path, body = asking(format, model, "/wps 0 Hi there", stream=stream)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        assert error_of(format, json.loads(content))["message"]
        assert response.headers["x-aigw-origin"] == "gateway"
    return response.status


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_without_descriptors_it_serves_whom_it_has_and_nobody_is_blamed(
    loop: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        config.write_text(
            "host: 127.0.0.1\nallow-anonymous: true\necho: 'on'\nopenai-compatibility:\n"
            "  - {name: up, api-key: k, models: [{id: far}],"
            f" base-url: 'http://127.0.0.1:{upstream.getsockname()[1]}'}}\n"
        )
        with gateway("--loop", loop, config=config) as running:
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
            for format in Format:  # they are imported when first asked for, from files
                assert ask(connection, format, "echo", stream=False) == 200
            pid = running.process.pid
            limit = descriptors(pid) + SPARE
            _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
            crowd = [
                socket.create_connection(("127.0.0.1", running.port)) for _ in range(4 * SPARE)
            ]
            deadline = time.monotonic() + PATIENCE
            while descriptors(pid) < limit and time.monotonic() < deadline:
                time.sleep(0.01)
            for format in Format:
                for stream in (False, True):
                    assert ask(connection, format, "far", stream=stream) == 503
                    assert ask(connection, format, "echo", stream=stream) == 200
            connection.request("GET", "/admin/cooldowns")
            assert json.load(connection.getresponse()) == {"cooldowns": []}
            for each in crowd:
                each.close()
            while descriptors(pid) >= limit and time.monotonic() < deadline:
                time.sleep(0.01)
            late = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
            assert ask(late, Format.CHAT, "echo", stream=False) == 200
            late.close()
            connection.close()
    # uvloop closes who comes too many, and says nothing.
    said = running.output.count("out of system resource")
    assert 1 <= said <= 3 if loop == "asyncio" else said == 0
