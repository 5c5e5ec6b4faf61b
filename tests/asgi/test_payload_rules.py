"""Payload rules from a configuration file to the bytes that an upstream gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aigw_core.chat import Format
from tests.asgi.clients import asking, counting, send
from tests.asgi.rewriting import KEY, Upstream, configured

pytestmark = pytest.mark.anyio

CREDENTIALS: dict[str, Any] = {
    "claude-api-key": [
        {
            "api-key": "a",
            "base-url": "http://127.0.0.1:1",
            "models": [{"id": "m-claude", "alias": "best"}],
        }
    ],
    "openai-api-key": [
        {"api-key": "b", "base-url": "http://127.0.0.1:1", "models": [{"id": "m-gpt"}]}
    ],
    "gemini-api-key": [
        {"api-key": "c", "base-url": "http://127.0.0.1:1", "models": [{"id": "m-gemini"}]}
    ],
    "openai-compatibility": [
        {
            "api-key": "d",
            "base-url": "http://127.0.0.1:1",
            "models": [{"id": "m-responses"}],
            "wire-api": "responses",
        }
    ],
}
MODELS = {
    Format.CHAT: "m-gpt",
    Format.MESSAGES: "m-claude",
    Format.GEMINI: "m-gemini",
    Format.RESPONSES: "m-responses",
}


def config(**payload: Any) -> dict[str, Any]:
    return {**CREDENTIALS, "payload": payload, "retry": {"max-retries": 0}}


def rule(params: Any, name: str = "*", **match: Any) -> list[Any]:
    entry = {key.replace("_", "-"): value for key, value in match.items()}
    return [{"models": [{"name": name, **entry}], "params": params}]


@pytest.mark.parametrize("client", Format)
@pytest.mark.parametrize("upstream", Format)
async def test_every_pair_follows_them(client: Format, upstream: Format, tmp_path: Path) -> None:
    written = config(
        default=rule({"added.deep": 1}),
        override=rule({"only.here": True}, protocol=CREDENTIAL_KINDS[upstream]),
        filter=rule(["user"]),
    )
    there = Upstream()
    async with configured(tmp_path, written, there) as gateway:
        path, body = asking(client, MODELS[upstream], "hi", user="somebody")
        await send(gateway, "POST", path, body, KEY)
    assert there.sent["added"] == {"deep": 1}
    assert there.sent["only"] == {"here": True}
    assert "user" not in there.sent


CREDENTIAL_KINDS = {
    Format.CHAT: "openai",
    Format.MESSAGES: "claude",
    Format.GEMINI: "gemini",
    Format.RESPONSES: "openai-compat",
}


async def test_conditions_see_the_client(tmp_path: Path) -> None:
    written = config(
        override=[
            *rule({"a": 1}, name="best"),
            *rule({"b": 1}, from_protocol="chat"),
            *rule({"c": 1}, headers={"X-Team": "r*"}),
            *rule({"d": 1}, from_protocol="gemini"),
        ]
    )
    there = Upstream()
    async with configured(tmp_path, written, there) as gateway:
        path, body = asking(Format.CHAT, "best", "hi")
        await send(gateway, "POST", path, body, {**KEY, "X-Team": "research"})
    assert {name: there.sent.get(name) for name in "abcd"} == {"a": 1, "b": 1, "c": 1, "d": None}


async def test_a_relayed_body_keeps_every_other_byte(tmp_path: Path) -> None:
    body = (
        b'{ "model" : "m-claude", "zeta": 1.50, "max_tokens": 1e2 , "alpha":{"b":1,"a":2} ,\n'
        b' "messages":[{"role":"user","content":"\\u00e9"}] }'
    )
    there = Upstream()
    written = config(override=rule({"alpha.a": 3}), filter=rule(["zeta"], name="other"))
    written["openai-api-key"][0]["models"] = [{"id": "m-gpt"}, {"id": "other"}]
    async with configured(tmp_path, written, there) as gateway:
        await send(gateway, "POST", "/v1/messages", body, KEY)
    assert there.bodies == [body.replace(b'"a":2', b'"a":3')]
    there = Upstream()
    async with configured(tmp_path, config(default=rule({"zeta": 0})), there) as gateway:
        await send(gateway, "POST", "/v1/messages", body, KEY)
    assert there.bodies == [body]


async def test_counting_endpoints_get_nothing_that_is_not_there(tmp_path: Path) -> None:
    there = Upstream()
    written = config(default=rule({"temperature": 1}), override=rule({"system": "be brief"}))
    async with configured(tmp_path, written, there) as gateway:
        path, body = counting(Format.MESSAGES, "m-claude", "hi")
        await send(gateway, "POST", path, body, KEY)
        assert json.loads(there.bodies[-1]) == body
        await send(gateway, "POST", path, {**body, "system": "be long"}, KEY)
    assert there.sent == {**body, "system": "be brief"}
