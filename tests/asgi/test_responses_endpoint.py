"""Responses clients that leave the conversation to the gateway."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_asgi.responses import _Recorder
from aigw_asgi.sharing import Sharing
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey, Credential, Snapshot
from aigw_core.health import Health
from aigw_core.limits import Limits
from aigw_core.response_store import ResponseStore
from tests.asgi.clients import LOCAL, error_of, once, said, send

pytestmark = pytest.mark.anyio

PATH = "/v1/responses"
ERROR = Format.RESPONSES


def key(number: int) -> tuple[bytes, ClientKey]:
    digest = hashlib.sha256(f"sk-{number}".encode()).digest()
    return digest, ClientKey(str(number), f"key-{number}", digest)


TWO_KEYS = Snapshot("test", client_keys=dict([key(1), key(2)]), from_file=True, echo="on")


def upstream(format: Format = Format.RESPONSES) -> Snapshot:
    credential = Credential(
        id="1",
        provider="test",
        name="up",
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("upstream-key"),
        auth_style="bearer",
        position=0,
    )
    return Snapshot("test", credentials=(credential,), echo="off")


def answer(id: str, text: str, **fields: Any) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    document = {"id": id, "object": "response", "status": "completed", "output": [message]}
    return json.dumps({**document, **fields}).encode()


def scripted(*bodies: bytes) -> ScriptTransport:
    left = list(bodies)
    headers = (("content-type", "application/json"),)
    return ScriptTransport(lambda request: Script(headers=headers, reads=(left.pop(0),)))


def final_response(stream: bytes) -> dict[str, Any]:
    (line,) = [
        line
        for line in stream.split(b"\n")
        if line.startswith(b'data: {"type":"response.completed"')
    ]
    response: dict[str, Any] = json.loads(line[6:])["response"]
    return response


async def test_a_stored_answer_is_what_the_client_got() -> None:
    async with Gateway(LOCAL) as gateway:
        whole = await send(gateway, "POST", PATH, {"model": "echo", "input": "/wps 0 Hi"})
        again = await send(gateway, "GET", f"{PATH}/{whole.json['id']}")
        assert (again.status, again.body) == (200, whole.body)
        streamed = await send(
            gateway, "POST", PATH, {"model": "echo", "input": "/wps 0 Hi you", "stream": True}
        )
        response = final_response(streamed.body)
        again = await send(gateway, "GET", f"{PATH}/{response['id']}")
        assert again.json == response
        assert response["store"] is True


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_conversation_goes_on(format: Format, stream: bool) -> None:
    async with Gateway(LOCAL) as gateway:
        previous: str | None = None
        for number in range(4):
            fields = {"model": f"echo@{format}", "input": f"/wps 0 turn {number}"}
            if previous is not None:
                fields["previous_response_id"] = previous
            reply = await send(gateway, "POST", PATH, {**fields, "stream": stream})
            response = final_response(reply.body) if stream else reply.json
            assert said(ERROR, response) == f"turn {number}"
            assert response["previous_response_id"] == previous
            # The model saw all turns so far: four words asked, two said, in each.
            assert response["usage"]["input_tokens"] == 4 * (number + 1) + 2 * number
            previous = response["id"]


async def test_a_conversation_moves_between_formats_and_calls_tools() -> None:
    tools = [{"type": "custom", "name": "note"}]
    async with Gateway(LOCAL) as gateway:
        asked = {"model": "echo-tools@chat", "input": "/wps 0 write it", "tools": tools}
        first = (await send(gateway, "POST", PATH, asked)).json
        (call,) = first["output"]
        assert (call["type"], call["name"], call["input"]) == (
            "custom_tool_call",
            "note",
            "write it",
        )
        result = {
            "type": "custom_tool_call_output",
            "call_id": call["call_id"],
            "output": "written",
        }
        for model in ("echo-tools@messages", "echo-tools@gemini", "echo-tools@responses"):
            reply = await send(
                gateway,
                "POST",
                PATH,
                {
                    "model": model,
                    "input": [result],
                    "tools": tools,
                    "previous_response_id": first["id"],
                },
            )
            assert reply.status == 200, reply.body
            assert said(ERROR, reply.json) == "The tool says: written"


async def test_instructions_are_not_remembered() -> None:
    transport = scripted(answer("resp_1", "Hello"), answer("resp_2", "Yes"))
    async with Gateway(upstream(), transport=transport) as gateway:
        await send(gateway, "POST", PATH, {"model": "m", "input": "Hi", "instructions": "Be brief"})
        await send(
            gateway, "POST", PATH, {"model": "m", "input": "So?", "previous_response_id": "resp_1"}
        )
    sent = json.loads(transport.requests[1].body)
    assert "instructions" not in sent
    assert "previous_response_id" not in sent
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]


async def test_items_are_relayed_byte_for_byte() -> None:
    odd = b'{"role": "user", "content": "caf\\u00e9", "n": 1.50}'
    output = b'{"type": "message","role":"assistant", "content": [], "x":1e2}'
    document = b'{"id":"resp_1","status":"completed","output":[%b]}' % output
    transport = scripted(document, answer("resp_2", "Yes"))
    async with Gateway(upstream(), transport=transport) as gateway:
        await send(gateway, "POST", PATH, b'{"model":"m","input":[%b]}' % odd)
        body = b'{"model":"m","previous_response_id":"resp_1","input":[{"a": 0}], "y": [ ]}'
        reply = await send(gateway, "POST", PATH, body)
    assert reply.body == answer("resp_2", "Yes")
    first, second = transport.requests
    assert first.body == b'{"model":"m","input":[%b]}' % odd
    assert second.body == b'{"model":"m","input":[%b,%b,{"a": 0}],"y":[ ]}' % (odd, output)


async def test_a_request_without_memory_is_relayed_untouched() -> None:
    body = b'{ "model": "m",  "input": "Hi", "store": false }'
    transport = scripted(answer("resp_1", "Hello"))
    async with Gateway(upstream(), transport=transport) as gateway:
        await send(gateway, "POST", PATH, body)
    assert transport.requests[0].body == body


async def test_what_is_not_to_be_stored_is_not() -> None:
    async with Gateway(LOCAL) as gateway:
        asked = {"model": "echo", "input": "/wps 0 Hi", "store": False}
        response = (await send(gateway, "POST", PATH, asked)).json
        assert response["store"] is False
        for method in ("GET", "DELETE"):
            reply = await send(gateway, method, f"{PATH}/{response['id']}")
            assert reply.status == 404
            error_of(ERROR, reply.json)


async def test_answers_that_failed_are_not_stored() -> None:
    async with Gateway(LOCAL) as gateway:
        for model in ("echo-error-midstream", "echo-error-429", "echo-truncated"):
            asked = {"model": model, "input": "/wps 0 a b c", "stream": True}
            await send(gateway, "POST", PATH, asked)
        assert gateway.app.state is not None
        assert len(gateway.app.state.responses) == 0


async def test_an_unknown_answer_is_400_and_named() -> None:
    for path in (PATH, f"{PATH}/input_tokens", f"{PATH}/compact"):
        asked = {"model": "echo", "input": "Hi", "previous_response_id": "resp_nope"}
        reply = await once("POST", path, asked)
        assert reply.status == 400
        error = error_of(ERROR, reply.json)
        assert error["param"] == "previous_response_id"
        assert error["code"] == "previous_response_not_found"
        assert "resp_nope" in error["message"]


async def test_another_keys_answer_does_not_exist() -> None:
    mine, theirs = {"authorization": "Bearer sk-1"}, {"authorization": "Bearer sk-2"}
    async with Gateway(TWO_KEYS) as gateway:
        stored = await send(gateway, "POST", PATH, {"model": "echo", "input": "/wps 0 Hi"}, mine)
        id = stored.json["id"]
        asked = {"model": "echo", "input": "/wps 0 So", "previous_response_id": id}
        assert (await send(gateway, "POST", PATH, asked, theirs)).status == 400
        assert (await send(gateway, "GET", f"{PATH}/{id}", None, theirs)).status == 404
        assert (await send(gateway, "DELETE", f"{PATH}/{id}", None, theirs)).status == 404
        assert (await send(gateway, "POST", PATH, asked, mine)).status == 200
        assert (await send(gateway, "GET", f"{PATH}/{id}")).status == 401


async def test_a_deleted_answer_is_gone() -> None:
    async with Gateway(LOCAL) as gateway:
        id = (await send(gateway, "POST", PATH, {"model": "echo", "input": "/wps 0 Hi"})).json["id"]
        gone = await send(gateway, "DELETE", f"{PATH}/{id}")
        assert gone.json == {"id": id, "object": "response", "deleted": True}
        assert (await send(gateway, "GET", f"{PATH}/{id}")).status == 404
        asked = {"model": "echo", "input": "Hi", "previous_response_id": id}
        assert (await send(gateway, "POST", PATH, asked)).status == 400


async def test_methods_of_stored_answers() -> None:
    async with Gateway(LOCAL) as gateway:
        id = (await send(gateway, "POST", PATH, {"model": "echo", "input": "/wps 0 Hi"})).json["id"]
        head = await send(gateway, "HEAD", f"{PATH}/{id}")
        assert (head.status, head.body) == (200, b"")
        wrong = await send(gateway, "POST", f"{PATH}/{id}", {})
        assert (wrong.status, wrong.headers["allow"]) == (405, "GET, DELETE, HEAD")
        assert (await send(gateway, "GET", f"{PATH}/{id}?stream=true")).status == 400


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"conversation": "conv_1"}, "conversation"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "/input/0"),
        ({"background": True}, "background"),
    ],
)
async def test_memory_that_nobody_has_is_refused(fields: dict[str, Any], named: str) -> None:
    reply = await once("POST", PATH, {"model": "echo", "input": "Hi", **fields})
    assert reply.status == 400
    assert named in error_of(ERROR, reply.json)["message"]


# --- compacting ----------------------------------------------------------------


async def test_compacting_is_relayed() -> None:
    compacted = b'{"id":"c","object":"response.compaction","output":[{"type":"compaction"}]}'
    transport = scripted(answer("resp_1", "Hello"), compacted)
    async with Gateway(upstream(), transport=transport) as gateway:
        await send(gateway, "POST", PATH, {"model": "m", "input": "Hi"})
        asked = {"model": "m", "previous_response_id": "resp_1"}
        reply = await send(gateway, "POST", f"{PATH}/compact", asked)
    assert (reply.status, reply.body) == (200, compacted)
    sent = transport.requests[1]
    assert sent.url.endswith("/v1/responses/compact")
    assert [item["role"] for item in json.loads(sent.body)["input"]] == ["user", "assistant"]


@pytest.mark.parametrize("format", [Format.CHAT, Format.MESSAGES, Format.GEMINI])
async def test_compacting_needs_an_upstream_of_this_format(format: Format) -> None:
    transport = scripted()
    async with Gateway(upstream(format), transport=transport) as gateway:
        reply = await send(gateway, "POST", f"{PATH}/compact", {"model": "m", "input": "Hi"})
    assert reply.status == 400
    assert error_of(ERROR, reply.json)["code"] == "compact_unsupported"
    assert transport.requests == []


async def test_the_short_way_out_does_not_overtake_the_store() -> None:
    """Who reads the end of an answer can go on from it, however it was sent."""
    store = ResponseStore()
    health = Health()
    found: list[bool] = []

    class Sender:
        async def __call__(self, message: dict[str, Any]) -> None:
            self.look(message.get("body", b""))

        def write_now(self, body: bytes) -> bool:
            self.look(body)
            return True

        def look(self, body: bytes) -> None:
            if b"response.completed" in body:
                found.append(store.get("me", "resp_1", 0.0) is not None)

    sharing = Sharing(health, Health(), Limits(), store)
    recorder = _Recorder(Sender(), sharing, "me", ())
    headers = [(b"content-type", b"text/event-stream")]
    await recorder({"type": "http.response.start", "status": 200, "headers": headers})
    assert recorder.write_now is not None
    answer = {"id": "resp_1", "object": "response", "status": "completed", "output": []}
    for kind in ("response.created", "response.completed"):
        event = json.dumps({"type": kind, "response": answer})
        body = f"event: {kind}\ndata: {event}\n\n".encode()
        if not recorder.write_now(body):
            await recorder({"type": "http.response.body", "body": body, "more_body": True})
    await recorder({"type": "http.response.body", "body": b""})
    assert found == [True]
