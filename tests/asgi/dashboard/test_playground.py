"""The operator's own requests to models: in through the session, then as any other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest

from aigw_asgi.dashboard.operation import PREFIX
from aigw_core.chat import Format
from tests.asgi.clients import asking
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

PLAYGROUND = PREFIX + "/playground/"
CONFIG = """\
host: 127.0.0.1
dashboard: {enabled: true}
echo: "on"
api-keys: [{name: app, key: sk-app-key-of-the-tests}]
openai-api-key:
  - {name: dead, api-key: sk-upstream-canary-0123, base-url: "http://127.0.0.1:9", models: [{id: m}]}
"""


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def play(
    operator: Operator,
    format: Format = Format.CHAT,
    model: str = "echo",
    *,
    text: str = "/wps 0 Hello there, you",
    stream: bool = False,
    id: str = "played-1",
    leave_after: int | None = None,
    headers: dict[str, str] | None = None,
    signed_in: bool = True,
    **query: Any,
) -> Reply:
    _, body = asking(format, model, text, stream=stream)
    if format is Format.GEMINI:
        query = {"model": model, "stream": str(stream).lower(), **query}
    path = PLAYGROUND + format + ("?" + urlencode(query) if query else "")
    fields = {"x-request-id": id, **(headers or {})}
    return await operator.ask(
        "POST", path, body, fields, leave_after=leave_after, signed_in=signed_in
    )


async def look(operator: Operator, path: str) -> Any:
    assert operator.state.log is not None
    assert await operator.state.log.flush(60)
    reply = await operator.ask("GET", f"{PREFIX}/logs/{path}")
    assert reply.status == 200, reply.body
    return reply.json


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("format", list(Format))
async def test_answers_as_a_client_of_the_format_gets_it(
    operator: Operator, format: Format, stream: bool
) -> None:
    reply = await play(operator, format, stream=stream)
    assert reply.status == 200, reply.body
    assert b"Hello" in reply.body
    assert reply.headers["x-request-id"] == "played-1"
    assert reply.headers["x-aigw-provider"].startswith("echo-")
    kind = "text/event-stream" if stream else "application/json"
    assert reply.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("format", list(Format))
async def test_is_in_the_log_with_both_streams_though_nothing_is_captured(
    operator: Operator, format: Format
) -> None:
    assert operator.state.snapshot.capture is None
    reply = await play(operator, format, stream=True)
    found = await look(operator, "played-1")
    assert found["entry"]["key"] == "playground"
    assert found["entry"]["format"] == format
    assert found["capture"]["answer"]["body"] == reply.body.decode()
    streams = await look(operator, "played-1/streams")
    assert "".join(row["client"] for row in streams["rows"]) == reply.body.decode()
    assert any(row["upstream"] for row in streams["rows"])


async def test_nothing_of_the_session_goes_with_it(operator: Operator) -> None:
    await play(operator, headers={"cookie": f"a={operator.token}"})
    found = await look(operator, "played-1")
    names = {each["name"] for each in found["capture"]["request"]["headers"]}
    assert not names & {"authorization", "cookie", "x-csrf-token", "host"}
    assert operator.token not in str(found)


async def test_others_stay_uncaptured(operator: Operator) -> None:
    path, body = asking(Format.CHAT, "echo", "/wps 0 Hi", stream=False)
    headers = {"authorization": "Bearer sk-app-key-of-the-tests", "x-request-id": "other"}
    await operator.ask("POST", path, body, headers, signed_in=False)
    assert not (await look(operator, "other"))["captured"]


@pytest.mark.parametrize("format", [Format.CHAT, Format.MESSAGES])
async def test_an_error_is_in_the_client_s_format(operator: Operator, format: Format) -> None:
    reply = await play(operator, format, "nowhere")
    assert reply.status == 404
    assert ("type" in reply.json) == (format is Format.MESSAGES)
    assert "nowhere" in reply.json["error"]["message"]
    entry = (await look(operator, "played-1"))["entry"]
    assert (entry["status"], entry["key"]) == (404, "playground")


async def test_an_upstream_s_error_comes_as_it_would(operator: Operator) -> None:
    reply = await play(operator, model="echo-error-429", credential="echo-messages")
    assert reply.status == 429
    assert reply.headers["x-aigw-origin"] == "upstream"


async def test_the_one_credential_that_may_answer(operator: Operator) -> None:
    reply = await play(operator, credential="dead")
    assert reply.status in (403, 404), "dead does not serve echo, and nobody else may"
    reply = await play(operator, credential="unheard-of")
    assert reply.status == 422
    assert reply.json["fields"][0]["path"] == "/credential"


async def test_leaving_ends_the_upstream_call(operator: Operator) -> None:
    text = "/wps 1 " + "word " * 100_000
    with anyio.fail_after(30):
        await play(operator, model="echo", text=text, stream=True, leave_after=2)
    entry = (await look(operator, "played-1"))["entry"]
    assert entry["status"] == 499
    assert not operator.state.running


async def test_needs_a_session(operator: Operator) -> None:
    reply = await play(operator, signed_in=False)
    assert reply.status == 401
    assert reply.json["error"]
    _, body = asking(Format.CHAT, "echo", "hi", stream=False)
    key = {"authorization": "Bearer sk-app-key-of-the-tests"}
    reply = await operator.ask("POST", PLAYGROUND + "chat", body, key, signed_in=False)
    assert reply.status == 401


async def test_a_browser_s_session_needs_the_token_against_forgery(operator: Operator) -> None:
    cookie = {"cookie": f"aigw_session={operator.token}"}
    reply = await play(operator, headers=cookie, signed_in=False)
    assert reply.status == 403
    assert not operator.state.running


@pytest.mark.parametrize(("path", "status"), [("nonsense", 404), ("gemini", 422)])
async def test_what_cannot_be_meant(operator: Operator, path: str, status: int) -> None:
    reply = await operator.ask("POST", PLAYGROUND + path, {"model": "echo", "messages": []})
    assert reply.status == status


async def test_what_is_no_json(operator: Operator) -> None:
    headers = {"content-type": "application/json"}
    reply = await operator.ask("POST", PLAYGROUND + "chat", b"{nonsense", headers)
    assert reply.status == 400
