"""Model names are whatever a client writes. They never change where a request goes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.wire_request import WireRequest
from tests.asgi.clients import asking

pytestmark = pytest.mark.anyio

NAMES = [
    "../../v1/files",
    "..",
    ".",
    "a/../../b",
    "a?key=x",
    "a#b",
    "a%2f..%2fb",
    "a:countTokens",
    "a b",
    "a\tb",
    "a\r\nx-injected: 1",
    "a\u0000b",
    "é",
    "\U0001f600",
    "a\\..\\b",
    "//other.test/a",
    "https://other.test/a",
    "@other.test",
    "x" * 10_240,
]

CONFIG = """
host: 127.0.0.1
allow-anonymous: true
gemini-api-key: [{api-key: at-gemini, base-url: "http://127.0.0.1:1/base"}]
"""
"""An account without a list of models serves whatever it is asked for."""


def answer(request: WireRequest) -> Script:
    return Script(404, (("content-type", "application/json"),), (b'{"error":{"message":"no"}}',))


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
async def test_a_name_is_one_segment_of_the_path_and_nothing_else(
    name: str, format: Format, tmp_path: Path
) -> None:
    """Or the request is refused, and nobody is asked."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    transport = ScriptTransport(answer)
    async with Gateway(str(file), transport=transport) as gateway:
        path, body = asking(format, name, "Hello", stream=False)
        if format is Format.GEMINI:
            # In the path, as a client of its own would write it.
            path = f"/v1beta/models/{quote(name, safe='')}:generateContent"
        headers = {"content-type": "application/json"}
        response = await gateway.request("POST", path, headers, json.dumps(body).encode())
        told: Any = json.loads(await response.read())
    assert 400 <= response.status < 500
    assert told["error"]["message"]
    if format in (Format.CHAT, Format.MESSAGES):
        assert transport.requests  # these take any name
    for request in transport.requests:
        url = urlsplit(request.url)
        assert (url.scheme, url.netloc, url.query, url.fragment) == ("http", "127.0.0.1:1", "", "")
        segment = url.path.removeprefix("/base/v1beta/models/").removesuffix(":generateContent")
        # With what follows it in the segment, ".." is no step upwards.
        assert url.path == f"/base/v1beta/models/{segment}:generateContent"
        assert unquote(segment) == name
        assert re.fullmatch(r"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})+", segment)
        assert all(value.isascii() and value.isprintable() for _, value in request.headers)
