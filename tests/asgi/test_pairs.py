"""Every client format reaches the built-in models behind every upstream format."""

from __future__ import annotations

import pytest

from aigw_core.chat import Format
from tests.asgi.clients import asking, error_of, once, said

pytestmark = pytest.mark.anyio

TEXT = "All work and no play, 日本語 🙂 too."

CLIENT = pytest.mark.parametrize("client", Format)
UPSTREAM = pytest.mark.parametrize("upstream", Format)

FIRST = {
    Format.CHAT: b"data: {",
    Format.MESSAGES: b"event: message_start",
    Format.RESPONSES: b"event: response.created",
    Format.GEMINI: b"data: {",
}
LAST = {
    Format.CHAT: b"data: [DONE]\n\n",
    Format.MESSAGES: b'{"type":"message_stop"}\n\n',
    Format.RESPONSES: b"}\n\n",
    Format.GEMINI: b"}\n\n",
}


@CLIENT
@UPSTREAM
async def test_a_whole_answer(client: Format, upstream: Format) -> None:
    path, body = asking(client, f"echo@{upstream}", f"/wps 0 {TEXT}")
    reply = await once("POST", path, body)
    assert reply.status == 200
    assert reply.headers["x-aigw-provider"] == f"echo-{upstream}"
    assert said(client, reply.json) == TEXT


@CLIENT
@UPSTREAM
async def test_a_stream(client: Format, upstream: Format) -> None:
    path, body = asking(client, f"echo@{upstream}", "/wps 0 one two", stream=True)
    reply = await once("POST", path, body)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.body.startswith(FIRST[client])
    assert reply.body.endswith(LAST[client])
    assert b"one" in reply.body
    assert b" two" in reply.body


@CLIENT
@UPSTREAM
async def test_a_stream_of_tool_calls(client: Format, upstream: Format) -> None:
    # Read by read: an upstream says a call's name long before some formats can write it.
    model = f"echo-parallel-tools@{upstream}"
    path, body = asking(client, model, "/wps 0 one two", stream=True)
    reply = await once("POST", path, body)
    assert reply.status == 200, reply.body
    assert reply.body.endswith(LAST[client])
    path, body = asking(client, model, "/wps 0 one two")
    whole = await once("POST", path, body)
    assert whole.body.count(b'"echo"') == 2
    assert reply.body.count(b'"name":"echo"') >= 2


@CLIENT
async def test_the_first_request_of_each_format_streams(client: Format) -> None:
    path, body = asking(client, "echo", "/wps 0 Hello there", stream=True)
    reply = await once("POST", path, body)
    assert reply.status == 200
    assert reply.body.endswith(LAST[client])


@CLIENT
@UPSTREAM
async def test_an_error_in_a_stream_has_the_shape_of_the_client(
    client: Format, upstream: Format
) -> None:
    path, body = asking(client, f"echo-error-midstream@{upstream}", "/wps 0 a b c d", stream=True)
    reply = await once("POST", path, body)
    assert reply.status == 200
    assert b"echo is overloaded" in reply.body
    assert not reply.body.endswith(LAST[Format.CHAT])
    assert b"message_stop" not in reply.body
    assert b"response.completed" not in reply.body
    assert b"finishReason" not in reply.body


@CLIENT
@UPSTREAM
async def test_a_refusal_has_the_shape_of_the_client(client: Format, upstream: Format) -> None:
    path, body = asking(client, f"echo-error-429@{upstream}", "Hi")
    reply = await once("POST", path, body)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "1"
    assert "echo refuses" in error_of(client, reply.json)["message"]
