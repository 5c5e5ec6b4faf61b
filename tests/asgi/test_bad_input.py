"""What no client should send, in every format: refused in that format's own shape."""

from __future__ import annotations

import hashlib
import json
from itertools import product
from typing import Any

import pytest

from aigw_core.chat import Format
from aigw_core.config.snapshot import ClientKey, Snapshot
from tests.asgi.clients import COUNTERS, asking, counting, error_of, once, said

pytestmark = pytest.mark.anyio

KEY = "sk-proxy-made-up"
DIGEST = hashlib.sha256(KEY.encode()).digest()
KEYED = Snapshot(
    "test", client_keys={DIGEST: ClientKey("1", "ci", DIGEST)}, from_file=True, echo="on"
)
SMALL = Snapshot("test", body_limit=1000)

CLIENT = pytest.mark.parametrize("client", Format)
COUNTER = pytest.mark.parametrize("client", COUNTERS)


@CLIENT
@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: b"{",
        lambda body: b"[]",
        lambda body: b"null",
        lambda body: body[:-1] + b',"x":1,"x":2}',
        lambda body: body.replace(b"Hi", b"\\ud83d"),
        lambda body: body.replace(b"Hi", b"\xff"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body[:-1] + b',"x":' + b"[" * 70 + b"]" * 70 + b"}",
        lambda body: body[:-1] + b',"x":NaN}',
        lambda body: body + b"x",
    ],
)
async def test_damaged_documents_are_400(client: Format, damage: Any) -> None:
    path, body = asking(client, "echo", "Hi")
    reply = await once("POST", path, damage(json.dumps(body).encode()))
    assert reply.status == 400
    assert "Traceback" not in error_of(client, reply.json)["message"]
    if client in COUNTERS:
        path, body = counting(client, "echo", "Hi")
        reply = await once("POST", path, damage(json.dumps(body).encode()))
        assert reply.status == 400
        error_of(client, reply.json)


@pytest.mark.parametrize(
    ("client", "fields", "pointer"),
    [
        (Format.RESPONSES, {"input": []}, "/input"),
        (Format.RESPONSES, {"input": 5}, "/input"),
        (Format.RESPONSES, {"input": None}, "/input"),
        (Format.RESPONSES, {"input": [{"role": "nobody", "content": "x"}]}, "/input/0"),
        (Format.RESPONSES, {"model": 5}, "/model"),
        (Format.RESPONSES, {"model": None}, "/model"),
        (Format.RESPONSES, {"stream": "yes"}, "/stream"),
        (Format.RESPONSES, {"tools": [{"name": "x"}]}, "/tools/0"),
        (Format.RESPONSES, {"temperature": "hot"}, "/temperature"),
        (Format.RESPONSES, {"store": 1}, "/store"),
        (Format.RESPONSES, {"background": True}, "/background"),
        (Format.GEMINI, {"contents": []}, "/contents"),
        (Format.GEMINI, {"contents": "Hi"}, "/contents"),
        (Format.GEMINI, {"contents": None}, "/contents"),
        (Format.GEMINI, {"contents": [{"parts": [{"text": 5}]}]}, "/contents/0"),
        (Format.GEMINI, {"generationConfig": {"temperature": "hot"}}, "/generationConfig"),
        (Format.GEMINI, {"tools": [{"functionDeclarations": [{}]}]}, "/tools/0"),
    ],
)
async def test_wrong_shapes_are_400_with_a_pointer(
    client: Format, fields: dict[str, Any], pointer: str
) -> None:
    path, body = asking(client, "echo", "Hi")
    reply = await once("POST", path, {**body, **fields})
    assert reply.status == 400, reply.json
    assert pointer in error_of(client, reply.json)["message"]
    assert reply.headers["x-aigw-origin"] == "gateway"


@CLIENT
async def test_a_body_over_the_limit_is_413(client: Format) -> None:
    path, body = asking(client, "echo", "x" * 2000)
    reply = await once("POST", path, body, snapshot=SMALL)
    assert reply.status == 413
    assert "body-limit-mb" in error_of(client, reply.json)["message"]


@CLIENT
async def test_an_unknown_model_is_404_with_close_names(client: Format) -> None:
    path, body = asking(client, "echo-tool", "Hi")
    reply = await once("POST", path, body)
    assert reply.status == 404
    assert "echo-tools" in error_of(client, reply.json)["message"]


@CLIENT
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
async def test_the_wrong_method_is_405_with_allow(client: Format, method: str) -> None:
    path, _ = asking(client, "echo", "Hi")
    reply = await once(method, path)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    if method == "HEAD":
        assert reply.body == b""
    else:
        error_of(client, reply.json)


@COUNTER
async def test_counting_has_its_own_405(client: Format) -> None:
    path, _ = counting(client, "echo", "Hi")
    reply = await once("GET", path)
    assert reply.status == 405
    error_of(client, reply.json)


@CLIENT
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"x-goog-api-key": "wrong"}, 401),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer {KEY}"}, 200),
        ({"x-api-key": KEY}, 200),
        ({"x-goog-api-key": KEY}, 200),
        ({"authorization": f"Bearer {KEY}", "x-api-key": KEY}, 200),
        ({"authorization": f"Bearer {KEY}", "x-api-key": "other"}, 400),
        ({"authorization": f"Bearer {KEY}", "x-goog-api-key": "other"}, 400),
    ],
)
async def test_keys(client: Format, headers: dict[str, str], expected: int) -> None:
    path, body = asking(client, "echo", "/wps 0 Hi")
    reply = await once("POST", path, body, headers, snapshot=KEYED)
    assert reply.status == expected
    if expected != 200:
        message = error_of(client, reply.json)["message"]
        assert KEY not in message
        assert "wrong" not in message


@CLIENT
async def test_a_key_in_the_query_is_for_gemini_clients_only(client: Format) -> None:
    path, body = asking(client, "echo", "/wps 0 Hi")
    reply = await once("POST", f"{path}?key={KEY}", body, snapshot=KEYED)
    assert reply.status == (200 if client is Format.GEMINI else 401)
    if client is Format.GEMINI:
        assert said(client, reply.json) == "Hi"
        other = {"x-goog-api-key": "other"}
        assert (await once("POST", f"{path}?key={KEY}", body, other, snapshot=KEYED)).status == 400
        twice = f"{path}?key={KEY}&key=other"
        assert (await once("POST", twice, body, snapshot=KEYED)).status == 401


@pytest.mark.parametrize("client", [Format.GEMINI, Format.CHAT])
async def test_all_sixteen_combinations_of_keys(client: Format) -> None:
    """Each of the four places has a key that would be let in alone."""
    keys = [f"sk-proxy-of-place-{number}" for number in range(4)]
    digests = [hashlib.sha256(key.encode()).digest() for key in keys]
    known = {digest: ClientKey(digest.hex(), digest.hex(), digest) for digest in digests}
    snapshot = Snapshot("test", client_keys=known, from_file=True, echo="on")
    path, body = asking(client, "echo", "/wps 0 Hi")
    for present in product([False, True], repeat=4):
        bearer, *named, in_query = present
        headers = {"authorization": f"Bearer {keys[0]}"} if bearer else {}
        for name, key, here in zip(("x-api-key", "x-goog-api-key"), keys[1:3], named, strict=True):
            if here:
                headers[name] = key
        query = f"?key={keys[3]}" if in_query else ""
        counted = sum(present) - (in_query and client is not Format.GEMINI)
        reply = await once("POST", path + query, body, headers, snapshot=snapshot)
        assert reply.status == {0: 401, 1: 200}.get(counted, 400), present
        if reply.status == 400:
            assert "different keys" in error_of(client, reply.json)["message"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/v1beta/models?key={KEY}", 200),
        (f"/v1beta/models/echo?key={KEY}", 200),
        (f"/v1/models?key={KEY}", 401),
        (f"/v1/models/echo?key={KEY}", 401),
    ],
)
async def test_a_key_in_the_query_of_lists(path: str, expected: int) -> None:
    assert (await once("GET", path, snapshot=KEYED)).status == expected


@CLIENT
async def test_losses_are_told_and_strict_refuses_them(client: Format) -> None:
    lossy: dict[Format, dict[str, Any]] = {
        Format.CHAT: {"seed": 7},
        Format.MESSAGES: {"top_k": 7},
        Format.RESPONSES: {"truncation": "auto"},
        Format.GEMINI: {"generationConfig": {"seed": 7}},
    }
    upstream = "chat" if client is Format.MESSAGES else "messages"
    path, body = asking(client, f"echo@{upstream}", "/wps 0 Hi", **lossy[client])
    reply = await once("POST", path, body)
    assert reply.status == 200
    warned = reply.headers["x-aigw-warnings"]
    reply = await once("POST", path, body, {"x-aigw-strict": "1"})
    assert reply.status == 400
    pointer = warned.partition(";")[2].partition(",")[0]
    assert pointer in error_of(client, reply.json)["message"]


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("/v1/responses/", Format.RESPONSES),
        ("/v1/responses/resp_1/cancel", Format.RESPONSES),
        ("/v1/messages/batches", Format.MESSAGES),
        ("/v1beta/nothing", Format.GEMINI),
        ("/v1beta/models/", Format.GEMINI),
        ("/v1beta/models/a%2fb:generateContent", Format.CHAT),
        ("/v1beta/models/../x:generateContent", Format.CHAT),
        ("/v1/models//x", Format.CHAT),
        ("/nothing", Format.CHAT),
    ],
)
async def test_other_paths_are_404(path: str, format: Format) -> None:
    reply = await once("POST", path, {})
    assert reply.status == 404
    error_of(format, reply.json)


@pytest.mark.parametrize(
    "path", ["/v1/v1/responses", "/responses", "/messages/count_tokens", "/v1/v1beta/models/echo"]
)
async def test_a_wrong_base_url_gets_a_hint(path: str) -> None:
    reply = await once("POST", path, {})
    assert reply.status == 404
    message = reply.json["error"]["message"]
    assert "did you mean" in message or "base URL" in message
