"""Requests of all four formats for one text, and what their answers say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from aigw_asgi import Gateway
from aigw_core.chat import Format
from aigw_core.config.snapshot import Snapshot

LOCAL = Snapshot("test")
COUNTERS = (Format.MESSAGES, Format.RESPONSES, Format.GEMINI)
"""Formats that can be asked for a token count."""


class Reply(Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def send(
    gateway: Gateway,
    method: str,
    path: str,
    fields: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """``fields`` are encoded unless they are bytes."""
    body = b"" if fields is None else fields
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    response = await gateway.request(method, path, headers or {}, body)
    return Reply(response.status, response.headers, await response.read())


async def once(
    method: str,
    path: str,
    fields: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    snapshot: Snapshot = LOCAL,
) -> Reply:
    """One request to a gateway of its own."""
    async with Gateway(snapshot) as gateway:
        return await send(gateway, method, path, fields, headers)


def asking(
    format: Format, model: str, text: str, *, stream: bool = False, **more: Any
) -> tuple[str, dict[str, Any]]:
    """Path and body."""
    if format is Format.GEMINI:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        body: dict[str, Any] = {"contents": [{"parts": [{"text": text}]}]}
        return f"/v1beta/models/{quote(model)}:{method}", {**body, **more}
    body = {"model": model}
    if stream:
        body["stream"] = True
    if format is Format.RESPONSES:
        return "/v1/responses", {**body, "input": text, **more}
    body["messages"] = [{"role": "user", "content": text}]
    if format is Format.MESSAGES:
        return "/v1/messages", {**body, "max_tokens": 100, **more}
    return "/v1/chat/completions", {**body, **more}


def counting(format: Format, model: str, text: str) -> tuple[str, dict[str, Any]]:
    path, body = asking(format, model, text)
    if format is Format.GEMINI:
        return path.replace("generateContent", "countTokens"), body
    if format is Format.RESPONSES:
        return f"{path}/input_tokens", body
    del body["max_tokens"]
    return f"{path}/count_tokens", body


def tokens(format: Format, answer: Any) -> int:
    """What a count says."""
    if format is Format.GEMINI:
        assert set(answer) == {"totalTokens"}
        return int(answer["totalTokens"])
    if format is Format.RESPONSES:
        assert answer["object"] == "response.input_tokens"
    else:
        assert set(answer) == {"input_tokens"}
    return int(answer["input_tokens"])


def prompt_tokens(format: Format, answer: Any) -> int:
    """What the usage of an answer says of its prompt."""
    if format is Format.GEMINI:
        return int(answer["usageMetadata"]["promptTokenCount"])
    name = "prompt_tokens" if format is Format.CHAT else "input_tokens"
    return int(answer["usage"][name])


def said(format: Format, answer: Any) -> str:
    """The text of a whole answer."""
    if format is Format.CHAT:
        return str(answer["choices"][0]["message"]["content"])
    if format is Format.MESSAGES:
        return "".join(block["text"] for block in answer["content"])
    if format is Format.RESPONSES:
        items = [item for item in answer["output"] if item["type"] == "message"]
        return "".join(part["text"] for item in items for part in item["content"])
    parts = answer["candidates"][0]["content"]["parts"]
    return "".join(part.get("text", "") for part in parts)


def error_of(format: Format, answer: Any) -> dict[str, Any]:
    """The error object, whose outer shape must be that of ``format``."""
    if format is Format.MESSAGES:
        assert answer["type"] == "error"
        assert set(answer["error"]) >= {"type", "message"}
        assert answer["request_id"]
    elif format is Format.GEMINI:
        assert set(answer) == {"error"}
        assert set(answer["error"]) >= {"code", "message", "status"}
    else:
        assert set(answer) == {"error"}
        assert set(answer["error"]) == {"message", "type", "param", "code"}
    error: dict[str, Any] = answer["error"]
    return error
