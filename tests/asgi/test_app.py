"""The application at its edge: paths, keys, bad input; every error in the client's words."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_core.config.snapshot import ClientKey, Snapshot

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
KEY = "sk-proxy-made-up"
DIGEST = hashlib.sha256(KEY.encode()).digest()

LOCAL = Snapshot("test")
KEYED = Snapshot(
    "test", client_keys={DIGEST: ClientKey("1", "ci", DIGEST)}, from_file=True, echo="on"
)
SMALL = Snapshot("test", body_limit=1000)


def chat(**fields: Any) -> bytes:
    base = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 Hi there"}]}
    return json.dumps({**base, **fields}).encode()


def messages(**fields: Any) -> bytes:
    return chat(max_tokens=50, **fields)


async def ask(
    path: str,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    snapshot: Snapshot = LOCAL,
    method: str = "POST",
) -> tuple[int, dict[str, str], bytes]:
    async with Gateway(snapshot) as gateway:
        response = await gateway.request(method, path, headers or {}, body)
        return response.status, response.headers, await response.read()


def error_of(path: str, body: bytes) -> dict[str, Any]:
    """The error object, whose outer shape must be that of the path's format."""
    document = json.loads(body)
    if path.startswith(MESSAGES):
        assert document["type"] == "error"
        assert set(document["error"]) >= {"type", "message"}
        assert document["request_id"]
    else:
        assert set(document["error"]) >= {"message", "type", "param", "code"}
    error: dict[str, Any] = document["error"]
    return error


BOTH = pytest.mark.parametrize(("path", "make"), [(CHAT, chat), (MESSAGES, messages)])


@BOTH
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": "hi"}, "/messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "/messages/0/content"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "/messages/0"),
        ({"messages": [{"content": "x"}]}, "/messages/0"),
        ({"model": 5}, "/model"),
        ({"model": None}, "/model"),
        ({"stream": "yes"}, "/stream"),
        ({"tools": [{"type": "function"}]}, "/tools/0"),
        ({"temperature": "hot"}, "/temperature"),
    ],
)
async def test_wrong_shapes_are_400_with_a_pointer(
    path: str, make: Any, fields: dict[str, Any], pointer: str
) -> None:
    status, headers, body = await ask(path, make(**fields))
    error = error_of(path, body)
    assert status == 400, error
    assert pointer in error["message"]
    assert headers["x-aigw-origin"] == "gateway"
    assert headers["x-request-id"]


@BOTH
@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: b"{",
        lambda body: b"[]",
        lambda body: b"null",
        lambda body: body[:-1] + b',"model":"echo"}',
        lambda body: body.replace(b"Hi", b"\\ud83d"),
        lambda body: body.replace(b"Hi", b"\xff"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body[:-1] + b',"x":' + b"[" * 70 + b"]" * 70 + b"}",
        lambda body: body[:-1] + b',"x":' + b"[" * 30_000 + b"}",
        lambda body: body[:-1] + b',"seed":NaN}',
        lambda body: body + b"x",
    ],
)
async def test_damaged_documents_are_400(path: str, make: Any, damage: Any) -> None:
    status, _, body = await ask(path, damage(make()))
    assert status == 400
    assert "Traceback" not in error_of(path, body)["message"]


@BOTH
async def test_a_body_over_the_limit_is_413(path: str, make: Any) -> None:
    big = make(messages=[{"role": "user", "content": "x" * 2000}])
    status, _, body = await ask(path, big, snapshot=SMALL)
    assert status == 413
    assert "body-limit-mb" in error_of(path, body)["message"]


@BOTH
async def test_an_unknown_model_is_404_with_close_names(path: str, make: Any) -> None:
    status, _, body = await ask(path, make(model="echo-tool"))
    assert status == 404
    assert "echo-tools" in error_of(path, body)["message"]


@BOTH
async def test_the_wrong_method_is_405_with_allow(path: str, make: Any) -> None:
    status, headers, body = await ask(path, b"", method="GET")
    assert status == 405
    assert headers["allow"] == "POST"
    error_of(path, body)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/v1/../v1/models",
        "/v1//models",
        "/v1/%2e%2e/metrics",
        "/v1/models%00",
        "/v1/models/",
        "/v1%2fmodels",
    ],
)
async def test_other_paths_are_404(path: str) -> None:
    status, _, body = await ask(path, b"", method="GET")
    assert status == 404
    error_of(path, body)


async def test_a_doubled_v1_gets_a_hint() -> None:
    _, _, body = await ask("/v1/v1/chat/completions", chat())
    assert "base URL" in error_of(CHAT, body)["message"]


@BOTH
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": KEY}, 200),
        ({"x-goog-api-key": KEY}, 200),
        ({"authorization": f"Bearer {KEY}", "x-api-key": "other"}, 400),
    ],
)
async def test_keys(path: str, make: Any, headers: dict[str, str], expected: int) -> None:
    status, _, body = await ask(path, make(), headers, snapshot=KEYED)
    assert status == expected
    if status != 200:
        message = error_of(path, body)["message"]
        assert KEY not in message
        assert "wrong" not in message


async def test_a_sane_request_id_is_kept_and_others_are_replaced() -> None:
    _, headers, _ = await ask(CHAT, chat(), {"x-request-id": "abc-1"})
    assert headers["x-request-id"] == "abc-1"
    _, headers, _ = await ask(CHAT, chat(), {"x-request-id": "not sane!"})
    assert len(headers["x-request-id"]) == 32
    _, headers, _ = await ask(MESSAGES, messages(), {"x-request-id": "abc-2"})
    assert headers["request-id"] == "abc-2"


async def test_losses_are_in_the_warnings_header_and_strict_refuses_them() -> None:
    status, headers, _ = await ask(CHAT, chat(seed=7))
    assert status == 200
    assert ";/seed" in headers["x-aigw-warnings"]
    status, _, body = await ask(CHAT, chat(seed=7), {"x-aigw-strict": "1"})
    assert status == 400
    assert "/seed" in error_of(CHAT, body)["message"]


async def test_the_answer_bears_the_requested_name_and_says_who_answered() -> None:
    _, headers, body = await ask(CHAT, chat(model="echo@messages"))
    assert json.loads(body)["model"] == "echo@messages"
    assert headers["x-aigw-provider"] == "echo-messages"
    assert headers["x-aigw-model"] == "echo"
    assert headers["x-aigw-attempts"] == "1"


async def test_models_come_in_the_shape_of_the_client() -> None:
    _, _, body = await ask("/v1/models", b"", method="GET")
    listed = json.loads(body)
    assert listed["object"] == "list"
    assert {"id", "object", "created", "owned_by"} <= set(listed["data"][0])
    _, _, body = await ask("/v1/models", b"", {"anthropic-version": "2023-06-01"}, method="GET")
    listed = json.loads(body)
    assert listed["first_id"] == listed["data"][0]["id"]
    assert listed["data"][0]["type"] == "model"


async def test_health_and_metrics() -> None:
    async with Gateway(LOCAL) as gateway:
        health = await gateway.request("GET", "/health", {})
        assert json.loads(await health.read()) == {"status": "ok"}
        answer = await gateway.handle("chat", chat())
        await answer.read()
        refused = await gateway.handle("chat", b"{")
        await refused.read()
        metrics = json.loads(await (await gateway.request("GET", "/metrics", {})).read())
    assert metrics["total_requests"] == 2
    assert metrics["total_errors"] == 1
    assert metrics["total_attempts"] == 1
    assert metrics["total_output_tokens"] > 0
    assert metrics["by_model"] == {"echo": 1}
    assert metrics["in_flight"] == 0


async def test_a_compressed_body_is_refused() -> None:
    status, _, body = await ask(CHAT, b"\x1f\x8b", {"content-encoding": "gzip"})
    assert status == 400
    assert "gzip" in error_of(CHAT, body)["message"]
