"""The watch itself: a process that tells what it was entrusted with is found out, whichever
way it tells, and one that does not is not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.asgi.dashboard.test_socket import Gateway, heard, watch
from tests.canaries.plugin import MEANT, Canaries

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"

PROCESS = """
import asyncio, json, logging, os, sys
from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, Snapshot

KEY, PROMPT, TOKEN = "canary-0123456789", "a canary and a question", "token-of-the-client"
LOG = logging.getLogger("aigw.somewhere")
leak = sys.argv[1]

def upstream(request):
    text = KEY if leak == "answer" else "fine"
    if leak == "debug":
        LOG.debug("sent %s", dict(request.headers))
    elif leak == "argument":
        LOG.info("sent", extra={"headers": request.headers})
    elif leak == "traceback":
        try:
            raise ValueError(request.headers)
        except ValueError:
            LOG.exception("not sent")
    elif leak == "prompt":
        LOG.debug("sent %s", request.body)
    elif leak == "token":
        LOG.debug("for %s", TOKEN)
    elif leak == "print":
        print("sent", request.headers, file=sys.stderr)
    elif leak == "write":
        os.write(2, KEY.encode())
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Script(200, (("content-type", "application/json"),), (json.dumps(answer).encode(),))

async def main():
    Secret("another-that-nobody-tells")
    credential = Credential("1", "test", "one", Format.CHAT, "http://127.0.0.1:1", Secret(KEY), "bearer", 0)
    snapshot = Snapshot("t", credentials=(credential,), from_file=True, allow_anonymous=True)
    async with Gateway(snapshot, transport=ScriptTransport(upstream)) as gateway:
        body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
        headers = {"authorization": "Bearer " + TOKEN}
        await (await gateway.request("POST", "/v1/chat/completions", headers, json.dumps(body).encode())).read()

asyncio.run(main())
"""

LEAKS = {
    "debug": "secret 'canary-0123456789' in log",
    "argument": "secret 'canary-0123456789' in log",
    "traceback": "secret 'canary-0123456789' in log",
    "prompt": "prompt 'a canary and a question' in log",
    "token": "presented 'token-of-the-client' in log",
    "print": "secret 'canary-0123456789' in print",
    "write": "secret 'canary-0123456789' in print",
    "answer": "secret 'canary-0123456789' in answer POST /v1/chat/completions",
    "nothing": "",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_each_kind_of_leak_is_found(leak: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, leak],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(SITE), "AIGW_CANARIES": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    canaries = Canaries(tmp_path)
    found = canaries.compare()
    assert canaries.counts["process"] == 1
    assert canaries.counts["secret"] == 2
    assert canaries.counts["presented"] == canaries.counts["prompt"] == 1
    assert min(canaries.counts["log"], canaries.counts["answer"]) > 0
    if leak == "nothing":
        assert found == []
    else:
        assert any(each.startswith(LEAKS[leak]) for each in found), found
    assert canaries.compare() == []  # once is enough


def test_what_a_dashboard_is_told_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is written without waking a task."""
    folder = tmp_path / "canaries"
    folder.mkdir()
    monkeypatch.setenv("AIGW_CANARIES", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(SITE))

    async def look(gateway: Gateway, token: str) -> None:
        async with gateway.open(f"?token={token}") as socket:
            await heard(socket, "hello")
            await watch(socket, "request_log")
            await asyncio.to_thread(gateway.chat, "Hello")
            await heard(socket, "request_log")

    with Gateway(tmp_path) as gateway:
        asyncio.run(look(gateway, gateway.sign_in()))
    lines = [line for file in folder.iterdir() for line in file.read_text().splitlines()]
    said = [
        text
        for kind, text, about in map(json.loads, lines)
        if (kind, about) == ("answer", "WS /ws/dashboard")
    ]
    assert any('"type":"hello"' in text for text in said)
    assert any('"type":"request_log"' in text for text in said)


def test_what_is_meant_exists() -> None:
    for name in MEANT:
        file, _, test = name.partition("::")
        assert re.search(rf"^(?:async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE)
