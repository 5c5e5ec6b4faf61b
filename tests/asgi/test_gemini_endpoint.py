"""Gemini paths as real clients write them, and both forms of a stream."""

from __future__ import annotations

import json

import pytest

from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, ServedModel, Snapshot
from tests.asgi.clients import LOCAL, asking, error_of, once, said, send

pytestmark = pytest.mark.anyio

BODY = {"contents": [{"parts": [{"text": "/wps 0 Hi there"}]}]}


def upstream(format: Format) -> Snapshot:
    credential = Credential(
        id="1",
        provider="test",
        name="up",
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("upstream-key"),
        auth_style="bearer",
        position=0,
        models=(ServedModel("group/name:8b"), ServedModel("tunedModels/mine")),
    )
    return Snapshot("test", credentials=(credential,), echo="off")


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
@pytest.mark.parametrize(
    "name",
    [
        "models/echo:generateContent",
        "models/models/echo:generateContent",
        "models/echo%3AgenerateContent",
        "models/echo%3agenerateContent",
        "models/echo@chat:generateContent",
        "models/echo%40chat:generateContent",
        "models/%65cho:generateContent",
    ],
)
async def test_ways_to_write_a_model(version: str, name: str) -> None:
    reply = await once("POST", f"/{version}/{name}", BODY)
    assert reply.status == 200, reply.body
    assert said(Format.GEMINI, reply.json) == "Hi there"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("models/group/name:8b:generateContent", "/v1beta/models/group%2Fname%3A8b"),
        ("models/group/name%3A8b:generateContent", "/v1beta/models/group%2Fname%3A8b"),
        ("models/group/name%3A8b%3AgenerateContent", "/v1beta/models/group%2Fname%3A8b"),
        ("models/models/group/name:8b:generateContent", "/v1beta/models/group%2Fname%3A8b"),
        ("tunedModels/mine:generateContent", "/v1beta/tunedModels/mine"),
    ],
)
async def test_slashes_and_colons_in_names(path: str, target: str) -> None:
    answer = (
        b'{"candidates":[{"content":{"role":"model","parts":[{"text":"Yes"}]},'
        b'"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}'
    )
    transport = ScriptTransport(
        lambda request: Script(headers=(("content-type", "application/json"),), reads=(answer,))
    )
    async with Gateway(upstream(Format.GEMINI), transport=transport) as gateway:
        reply = await send(gateway, "POST", f"/v1beta/{path}?key=client-key", BODY)
    assert reply.status == 200, reply.body
    assert reply.body == answer
    (sent,) = transport.requests
    assert sent.url == f"http://127.0.0.1:1{target}:generateContent"
    assert json.loads(sent.body) == BODY
    # The client's own key goes no further.
    assert "client-key" not in repr((sent.url, sent.headers, sent.body))


async def test_an_array_is_what_a_client_gets_that_asks_for_nothing() -> None:
    path = "/v1beta/models/echo:streamGenerateContent"
    same = {"x-request-id": "r-1"}  # the answer's identifier comes from it
    events = await once("POST", f"{path}?alt=sse", BODY, same)
    array = await once("POST", path, BODY, same)
    assert array.status == 200
    assert array.headers["content-type"].startswith("application/json")
    documents = [line.removeprefix("data: ") for line in events.body.decode().split("\n\n")[:-1]]
    assert array.json == [json.loads(document) for document in documents]
    assert len(array.json) > 2


@pytest.mark.parametrize("query", ["alt=json", "%24alt=json", "key=x"])
async def test_other_ways_to_ask_for_an_array(query: str) -> None:
    reply = await once("POST", f"/v1beta/models/echo:streamGenerateContent?{query}", BODY)
    assert isinstance(reply.json, list)


async def test_the_other_spelling_of_alt() -> None:
    reply = await once("POST", "/v1beta/models/echo:streamGenerateContent?%24alt=sse", BODY)
    assert reply.body.startswith(b"data: ")


async def test_an_unknown_alt_is_400() -> None:
    reply = await once("POST", "/v1beta/models/echo:streamGenerateContent?alt=proto", BODY)
    assert reply.status == 400


async def test_a_relayed_array_has_the_documents_byte_for_byte() -> None:
    documents = [
        b'{"candidates": [{"content": {"parts": [{"text": "a"}]}}], "odd": 1.50}',
        b'{"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 2}}',
    ]
    reads = tuple(b"data: " + document + b"\r\n\r\n" for document in documents)
    transport = ScriptTransport(
        lambda request: Script(headers=(("content-type", "text/event-stream"),), reads=reads)
    )
    async with Gateway(upstream(Format.GEMINI), transport=transport) as gateway:
        path = "/v1/models/group/name:8b:streamGenerateContent"
        reply = await send(gateway, "POST", path, BODY)
    assert reply.body == b"[" + b",\r\n".join(documents) + b"]"
    assert transport.requests[0].url.endswith(":streamGenerateContent?alt=sse")


async def test_an_array_ends_with_the_error() -> None:
    path = "/v1beta/models/echo-error-midstream:streamGenerateContent"
    reply = await once("POST", path, {"contents": [{"parts": [{"text": "/wps 0 a b c d"}]}]})
    assert reply.status == 200
    assert len(reply.json) > 1
    assert error_of(Format.GEMINI, reply.json[-1])["status"] == "UNAVAILABLE"


@pytest.mark.parametrize("model", ["echo-error-429", "no-such-model"])
async def test_an_error_instead_of_an_array_is_in_one(model: str) -> None:
    reply = await once("POST", f"/v1beta/models/{model}:streamGenerateContent", BODY)
    assert reply.status in (404, 429)
    assert len(reply.body) == int(reply.headers["content-length"])
    (element,) = reply.json
    error_of(Format.GEMINI, element)


@pytest.mark.parametrize("method", ["embedContent", "batchGenerateContent", "predict"])
async def test_other_methods_are_400(method: str) -> None:
    reply = await once("POST", f"/v1beta/models/echo:{method}", BODY)
    assert reply.status == 400
    assert method in error_of(Format.GEMINI, reply.json)["message"]


async def test_a_path_without_a_model_is_404() -> None:
    reply = await once("POST", "/v1beta/models/:generateContent", BODY)
    assert reply.status in (400, 404)
    error_of(Format.GEMINI, reply.json)


async def test_the_embedded_gateway_takes_the_model_apart() -> None:
    _, body = asking(Format.GEMINI, "echo", "/wps 0 Hi there")
    async with Gateway(LOCAL) as gateway:
        response = await gateway.handle("gemini", json.dumps(body).encode(), model="echo")
        assert said(Format.GEMINI, json.loads(await response.read())) == "Hi there"
        response = await gateway.handle(
            "gemini", json.dumps(body).encode(), model="echo", stream=True
        )
        assert (await response.read()).startswith(b"data: ")
