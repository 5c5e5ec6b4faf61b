"""Signs of life ahead of a slow document, as a client of a running gateway sees them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway
from aigw_core.config.snapshot import Snapshot

pytestmark = pytest.mark.anyio

BODY = {"model": "echo", "messages": [{"role": "user", "content": "/wps 20 Hello there, you"}]}
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/echo:generateContent",
}


def body_of(format: str) -> bytes:
    text = "/wps 20 Hello there, you"
    if format == "gemini":
        return json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
    if format == "responses":
        return json.dumps({"model": "echo", "input": text}).encode()
    return json.dumps({**BODY, "max_tokens": 50}).encode()


@pytest.mark.parametrize("format", PATHS)
async def test_a_slow_document_is_announced_by_spaces(format: str) -> None:
    snapshot = replace(Snapshot("test"), non_stream_keepalive=0.02)
    async with Gateway(snapshot) as gateway:
        response = await gateway.request("POST", PATHS[format], {}, body_of(format))
        assert response.status == 200
        assert "content-length" not in response.headers
        first, *rest = [piece async for piece in response]
        assert first.startswith(b" ")
        whole = first + b"".join(rest)
        assert whole.lstrip(b" ") == whole.strip()
        assert "there" in json.dumps(json.loads(whole))


async def test_without_the_key_there_are_none() -> None:
    async with Gateway(Snapshot("test")) as gateway:
        response = await gateway.request("POST", PATHS["chat"], {}, body_of("chat"))
        body = await response.read()
        assert response.headers["content-length"] == str(len(body))
