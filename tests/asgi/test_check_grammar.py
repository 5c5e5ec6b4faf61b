"""``debug.check-grammar`` in a running gateway: the log, the counters, and nothing when off."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import anyio
import pytest

from aigw_asgi import Gateway
from aigw_core.codecs.chat.encode_stream import ChatStreamEncoder
from aigw_core.config.snapshot import Snapshot
from aigw_core.events import StreamEvent
from aigw_core.judged_reply import is_sampled

PRIVATE = "What-nobody-but-the-client-may-read"
BODY = json.dumps(
    {
        "model": "echo@messages",
        "stream": True,
        "messages": [{"role": "user", "content": f"/wps 0 {PRIVATE} and more"}],
    }
).encode()
JUDGED = next(name for name in map(str, range(1000)) if is_sampled(name))


async def ask(request_id: str) -> tuple[bytes, dict[str, int]]:
    """The stream, and the counters after it."""
    async with Gateway(Snapshot("test", check_grammar=True)) as gateway:
        response = await gateway.handle("chat", BODY, {"x-request-id": request_id})
        body = await response.read()
        metrics = {"in_flight": 1}
        with anyio.fail_after(5):
            while metrics["in_flight"]:  # the upstream's end is still waited for
                shown = await gateway.request("GET", "/metrics", {})
                metrics = json.loads(await shown.read())
    return body, {name: metrics[name] for name in ("checked_streams", "illegal_streams")}


@pytest.mark.anyio
async def test_a_bug_in_an_encoder_is_logged_once_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    legal, counts = await ask(JUDGED)
    assert counts == {"checked_streams": 1, "illegal_streams": 0}
    assert not caplog.records
    encode = ChatStreamEncoder.encode

    def planted(encoder: ChatStreamEncoder, events: list[StreamEvent]) -> bytes:
        return encode(encoder, events).replace(b'"choices"', b'"choises"')

    monkeypatch.setattr(ChatStreamEncoder, "encode", planted)
    broken, counts = await ask(JUDGED)
    assert counts == {"checked_streams": 1, "illegal_streams": 1}
    assert broken.count(b'"choises"') == legal.count(b'"choices"') > 2
    (told,) = caplog.records
    assert told.levelno == logging.ERROR
    assert told.getMessage() == (
        f"request {JUDGED}: the stream that a chat client got from a messages upstream"
        " (echo-messages, model 'echo') is not legal at byte 0 (event 0):"
        " unknown fields in a chunk; this is a bug in aigw"
    )
    assert PRIVATE in broken.decode().replace('"', "")
    assert PRIVATE not in caplog.text


_SERVE = """
import anyio, sys
from aigw_asgi import Gateway
from aigw_core.config.snapshot import Snapshot

async def main():
    async with Gateway(Snapshot("test", check_grammar={check})) as gateway:
        response = await gateway.handle("chat", {body!r}, {{"x-request-id": {id!r}}})
        assert b"[DONE]" in await response.read()

anyio.run(main)
print(*(name for name in sys.modules if "grammar" in name or "judged" in name))
"""


@pytest.mark.parametrize("check", [False, True])
def test_no_automaton_is_imported_unless_it_is_on(check: bool) -> None:
    script = _SERVE.format(check=check, body=BODY, id=JUDGED)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    expected = {"aigw_core.codecs.chat.grammar", "aigw_core.grammar", "aigw_core.judged_reply"}
    assert set(ran.stdout.split()) == (expected if check else set())
