"""With ``capture`` on, what went over the wires can be looked at afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aigw_asgi import Gateway
from aigw_core.capture import Capture

pytestmark = pytest.mark.anyio

FILE = """
host: 127.0.0.1
echo: "on"
api-keys: [{name: watched, key: key-watched}, {name: other, key: key-other}]
"""


async def captured(
    folder: Path, rules: str, *, key: str, stream: bool
) -> tuple[Capture | None, bytes]:
    path = folder / "config.yaml"
    path.write_text(FILE + rules)
    body = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 Hello there, you"}]}
    async with Gateway(str(path)) as gateway:
        response = await gateway.handle(
            "chat",
            json.dumps({**body, "stream": stream}).encode(),
            {"x-api-key": key, "x-request-id": "request-0001"},
        )
        answer = await response.read()
        state = gateway.app.state
        assert state is not None
    return state.captures.get("request-0001"), answer  # requests have ended by now


ON = "capture: {enabled: true, keys: [watched]}"


@pytest.mark.parametrize("stream", [True, False])
async def test_both_sides_are_kept(tmp_path: Path, stream: bool) -> None:
    capture, answer = await captured(tmp_path, ON, key="key-watched", stream=stream)
    assert capture is not None
    assert (capture.key, capture.model, capture.status) == ("watched", "echo", 200)
    assert json.loads(capture.body)["model"] == "echo"
    assert capture.answer.data == answer
    [call] = capture.calls
    assert (call.status, call.method) == (200, "POST")
    assert call.url.endswith("/v1/messages")
    assert json.loads(call.body)["messages"]
    if stream:
        assert b"event: message_stop" in call.answer.data
        assert len(call.answer.pieces) > 1
        assert b"[DONE]" in answer
    times = [piece.at for piece in call.answer.pieces]
    assert times == sorted(times)
    assert "key-watched" not in repr(capture)


@pytest.mark.parametrize(
    ("rules", "key"),
    [("", "key-watched"), (ON, "key-other"), (ON[:-1] + ", models: [x]}", "key-watched")],
)
async def test_others_are_not(tmp_path: Path, rules: str, key: str) -> None:
    capture, _ = await captured(tmp_path, rules, key=key, stream=True)
    assert capture is None


async def test_bodies_are_kept_up_to_the_size(tmp_path: Path) -> None:
    rules = "capture: {enabled: true, max-body-bytes: 64}"
    capture, answer = await captured(tmp_path, rules, key="key-watched", stream=True)
    assert capture is not None
    assert (len(capture.body), capture.answer.data) == (64, answer[:64])
    assert capture.answer.size == len(answer)
    assert len(capture.calls[0].body) == 64
