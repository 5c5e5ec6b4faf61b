"""Envelopes through the whole gateway: its key, and whose they are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from aigw_asgi.gateway import Gateway
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey, Snapshot
from aigw_core.seals import Sealer, SealKeys, key_of

pytestmark = pytest.mark.anyio


def key(name: str) -> ClientKey:
    digest = hashlib.sha256(name.encode()).digest()
    return ClientKey(digest.hex()[:8], name, digest)


KEYS = {each.digest: each for each in (key("one"), key("two"))}


async def ask(gateway: Gateway, name: str, messages: list[Any]) -> tuple[Any, str]:
    body = {"model": "echo-reasoning@messages", "messages": messages}
    response = await gateway.handle(
        "chat", json.dumps(body).encode(), {"authorization": f"Bearer {name}"}
    )
    answer = json.loads(await response.read())
    assert response.status == 200, answer
    return answer["choices"][0]["message"], response.headers.get("x-aigw-warnings", "")


@pytest.mark.parametrize("secret", ["s3cret", None])
async def test_an_answers_seals_are_its_clients(secret: str | None) -> None:
    snapshot = Snapshot(
        "test",
        client_keys=KEYS,
        echo="on",
        seal_secret=None if secret is None else Secret(secret),
    )
    question = {"role": "user", "content": "hello"}
    async with Gateway(snapshot) as gateway:
        message, _ = await ask(gateway, "one", [question])
        [entry] = message["reasoning_details"]
        state = await gateway.app.open()
        keys = state.seal_keys
        if secret is not None:
            keys = SealKeys(key_of(secret))
        assert Sealer(keys, key("one").digest.hex()).open(entry["data"]) is not None
        assert Sealer(keys, key("two").digest.hex()).open(entry["data"]) is None
        history = [question, message, {"role": "user", "content": "again"}]
        _, warnings = await ask(gateway, "one", history)
        assert "seal" not in warnings
        _, warnings = await ask(gateway, "two", history)
        assert warnings == "seal_invalid;/messages/1"
