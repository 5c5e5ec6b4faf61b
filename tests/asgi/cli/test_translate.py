"""``aigw translate`` from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

MESSAGES_STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def translate(*arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "aigw_asgi.cli", "translate", *arguments],
        input=data,
        capture_output=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )


def test_a_request(tmp_path: Path) -> None:
    body = b'{"model":"gpt","seed":1,"messages":[{"role":"user","content":"hi"}]}'
    ledger = tmp_path / "ledger.json"
    done = translate(
        "request", "--from", "chat", "--to", "messages", "--model", "claude", "--stream",
        "--ledger", str(ledger), data=body,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["model"] == "claude"
    assert out["stream"] is True
    assert out["max_tokens"] > 0
    entries = json.loads(ledger.read_text())
    assert ("dropped", "/seed") in [(each["action"], each["pointer"]) for each in entries]
    strict = translate("request", "--from", "chat", "--to", "messages", "--strict", data=body)
    assert strict.returncode == 1
    assert b"/seed" in strict.stderr


def test_a_stream_and_a_cut_one() -> None:
    done = translate("stream", "--from", "messages", "--to", "chat", data=MESSAGES_STREAM)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"data: [DONE]\n\n")
    cut = translate("stream", "--from", "messages", "--to", "chat", data=MESSAGES_STREAM[:-60])
    assert cut.returncode == 1
    assert b'"error"' in cut.stdout
    assert b"[DONE]" not in cut.stdout


def test_an_answer_and_an_error() -> None:
    answer = b'{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}'
    done = translate("response", "--from", "messages", "--to", "chat", data=answer)
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "Hello"
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    done = translate("error", "--from", "messages", "--to", "chat", "--status", "529", data=error)
    assert done.returncode == 0
    assert json.loads(done.stdout)["error"]["message"] == "Overloaded"


def test_bad_input_is_told_and_exits_1() -> None:
    done = translate("request", "--from", "chat", "--to", "messages", data=b"{")
    assert done.returncode == 1
    assert b"not JSON" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_dry_run_of_payload_rules(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "host: 127.0.0.1\npayload:\n"
        "  override:\n"
        "    - models: [{name: 'c*', protocol: claude, from-protocol: chat, headers: {x-a: b}}]\n"
        "      params: {max_tokens: 77}\n"
        "  filter:\n    - models: [{name: '*'}]\n      params: [metadata]\n"
    )
    body = b'{"model":"gpt","max_tokens":5,"user":"u","messages":[{"role":"user","content":"hi"}]}'
    asked = ("request", "--from", "chat", "--to", "messages", "--model", "claude")
    done = translate(*asked, "-c", str(config), "--header", "X-A: b", data=body)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["max_tokens"] == 77
    assert "metadata" not in out
    assert done.stderr.decode().splitlines() == [
        "payload.override[0] /max_tokens: 5 -> 77",
        'payload.filter[0] /metadata: {"user_id":"u"} -> nothing',
    ]
    without = translate(*asked, "-c", str(config), data=body)
    assert json.loads(without.stdout)["max_tokens"] == 5
    config.write_text("payload: {filter: [{models: [{name: '*'}], params: [model]}]}\n")
    refused = translate(*asked, "-c", str(config), data=body)
    assert refused.returncode == 4
    assert refused.stderr.decode().startswith(f"{config}:1:")
    misused = translate("response", "--from", "chat", "--to", "chat", "-c", "x", data=b"")
    assert misused.returncode == 2
