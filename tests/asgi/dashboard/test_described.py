"""The API does what its description says, also when it is asked for nonsense.

schemathesis makes requests up from the served document, valid ones and others, follows the
links from answer to answer, and compares what comes with what is described.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aigw_asgi.dashboard.operation import PREFIX
from aigw_asgi.dashboard.resources import OPERATIONS
from tests.asgi.dashboard.test_socket import Gateway

LIMIT = 300

# Not among them: that what fits the shapes is accepted. A configuration has rules beyond.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
]

ENDING = {"logout", "refresh"}
"""These end the session that the others are asked with."""

UPSTREAM = """
openai-compatibility:
  - {name: main, api-key: sk-upstream, base-url: "http://127.0.0.1:9", models: [{id: some-model}]}
"""


def run(gateway: Gateway, token: str, folder: Path, *words: str) -> str:
    """What schemathesis says in the end."""
    command = [sys.executable, "-m", "schemathesis.cli", "run"]
    command += [gateway.url + "/api/dashboard/openapi.json"]
    command += ["-H", f"Authorization: Bearer {token}", "--seed", "1", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--generation-database", "none", *words]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert token not in done.stdout
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(LIMIT + 60)
def test_answers_are_as_described(tmp_path: Path) -> None:
    with Gateway(tmp_path, extra=UPSTREAM) as gateway:
        gateway.chat("Hello")
        # All of them now: so many will try to sign in that nobody can any more.
        token, *others = [gateway.sign_in() for _ in range(1 + len(ENDING))]
        left_out = [word for each in sorted(ENDING) for word in ("--exclude-operation-id", each)]
        said = run(gateway, token, tmp_path, "--max-examples", "5", *left_out)
        stateful = re.search(r"(\S+)\s+Stateful", said)
        assert stateful is not None
        assert stateful[1] == "✅", said[-3000:]
        for ending, other in zip(sorted(ENDING), others, strict=True):
            words = ("--phases", "coverage", "--include-operation-id", ending)
            run(gateway, other, tmp_path, *words)
    for each in OPERATIONS:
        asked = re.sub(r"\\{\w+\\}", r"[^/ ]+", re.escape(f" {each.method} {PREFIX}{each.path} "))
        assert re.search(asked, gateway.output), f"{each.id} was not asked for"
    assert "Traceback" not in gateway.output
    assert not [line for line in gateway.output.splitlines() if is_error(line)]


def is_error(line: str) -> bool:
    return " ERROR " in line or (line.startswith("{") and json.loads(line).get("level") == "error")
