"""What widely used clients send, path and headers as captured: every one is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_asgi.routes import find_route
from aigw_core.chat import Format
from tests.asgi.clients import LOCAL, asking, error_of, once, said, send
from tests.corpus import needs_corpus, root

pytestmark = pytest.mark.anyio

WEBSOCKETS = {"codex.S11.json", "py-openai-responses.S11.json"}


def captured() -> Iterator[Any]:
    place = root()
    for file in sorted((place / "corpus-clients").glob("*.json")) if place else ():
        if file.name in WEBSOCKETS:
            continue
        for number, request in enumerate(json.loads(file.read_text())["requests"]):
            yield pytest.param(request, id=f"{file.stem}-{number}")


@needs_corpus
def test_there_are_captured_requests() -> None:
    assert len(list(captured())) > 60


@pytest.mark.parametrize("request_", list(captured()))
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_captured_request_is_answered(request_: dict[str, Any], anyio_backend: str) -> None:
    path: str = request_["path"]
    body: Any = request_.get("body")
    route = find_route(path.partition("?")[0].replace("gemini-2.5-pro", "mock-large"))
    assert route is not None
    # This one breaks off after its first words: enough to see that the request got there.
    # Behind its own format nothing is lost; what others cannot take is not the point here.
    model = f"echo-cut@{route.format}"
    path = path.replace("mock-large", model).replace("gemini-2.5-pro", model)
    if isinstance(body, dict) and "model" in body:
        body = {**body, "model": model}
    headers = {name.lower(): value for name, value in request_["headers"]}
    for name in ("host", "content-length", "accept-encoding"):
        headers.pop(name, None)
    async with Gateway(LOCAL) as gateway:
        wire = b"" if body is None else json.dumps(body).encode()
        response = await gateway.request(request_["method"], path, headers, wire)
        data = b""
        async for piece in response:
            data += piece
            if len(data) > 2000:
                break
        await response.aclose()
    if "thread" in (body or {}):
        assert response.status == 400
        details = error_of(Format.MESSAGES, json.loads(data))["details"]
        assert details == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    elif "previous_response_id" in (body or {}):
        assert response.status == 400
        error = error_of(Format.RESPONSES, json.loads(data))
        assert error["code"] == "previous_response_not_found"
    elif response.status == 502:
        error_of(route.format, json.loads(data))  # a whole answer that broke off
    else:
        assert response.status == 200, data


# --- versions ---------------------------------------------------------------------


@pytest.mark.parametrize("upstream", Format)
@pytest.mark.parametrize(
    ("version", "expected"),
    [("2023-06-01", 200), ("2026-10-21", 400), ("2023-01-01", 200), (None, 200)],
)
@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
async def test_a_version_decides_about_sampling(
    upstream: Format, version: str | None, expected: int, field: str
) -> None:
    path, body = asking(Format.MESSAGES, f"echo@{upstream}", "/wps 0 Hi")
    body[field] = 1
    headers = {} if version is None else {"anthropic-version": version}
    reply = await once("POST", path, body, headers)
    assert reply.status == expected
    if expected == 400:
        error = error_of(Format.MESSAGES, reply.json)
        assert error["type"] == "invalid_request_error"
        assert f"/{field}" in error["message"]
    else:
        assert said(Format.MESSAGES, reply.json) == "Hi"


async def test_each_request_has_its_own_version() -> None:
    path, body = asking(Format.MESSAGES, "echo", "/wps 0 Hi", temperature=1)
    async with Gateway(LOCAL) as gateway:
        for version, expected in [("2026-10-21", 400), ("2023-06-01", 200)] * 2:
            headers = {"anthropic-version": version}
            reply = await send(gateway, "POST", path, body, headers)
            assert reply.status == expected


# --- message threads ---------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    "thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}]
)
async def test_message_threads_are_refused_as_documented(path: str, thread: Any) -> None:
    _, body = asking(Format.MESSAGES, "echo", "Hi", thread=thread)
    headers = {"anthropic-beta": "message-threads-2026-08-12"}
    reply = await once("POST", path, body, headers)
    assert reply.status == 400
    error = error_of(Format.MESSAGES, reply.json)
    assert error["type"] == "invalid_request_error"
    assert error["details"]["error_code"] == "thread_unsupported_request"
