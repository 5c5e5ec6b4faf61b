"""The cloak from a configuration file to the wire and back to the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.transports.memory import Script
from aigw_core.chat import Format, Reasoning, Seal, Stop, StopReason, Text, ToolCall
from aigw_core.codec import AnswerContext
from aigw_core.codecs import CODECS
from aigw_core.collect import collect
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.wire_request import WireRequest
from tests.asgi.clients import Reply, asking, counting, once, send
from tests.asgi.rewriting import JSON, KEY, SSE, Upstream, configured
from tests.core.cloak.texts import holds_word, strings

pytestmark = pytest.mark.anyio

CODEC = CODECS[Format.MESSAGES]
CONTEXT = AnswerContext(model="m", id="1" * 24, created=1)
WORDS = ("Acme", "Rocket")
CLOAK: dict[str, Any] = {
    "mode": "always",
    "system-prompt": "Be kind.",
    "sensitive-words": list(WORDS),
}


def config(**cloak: Any) -> dict[str, Any]:
    written = {**CLOAK, **{key.replace("_", "-"): value for key, value in cloak.items()}}
    credential = {"api-key": "a", "base-url": "http://127.0.0.1:1", "cloak": written}
    return {
        "claude-api-key": [credential],
        "claude-header-defaults": {"X-Team": "t", "anthropic-beta": "b-1"},
        "retry": {"max-retries": 0},
    }


def answer(text: str) -> list[StreamEvent]:
    """Says ``text`` in every kind of part, letter by letter."""
    arguments = json.dumps({"who": text})
    return [
        AnswerStart("msg_1", "m"),
        PartStart(0, PartKind.REASONING),
        *(ReasoningDelta(0, char) for char in text),
        PartSealed(0, Seal("messages", "signature", "c2lnbmVk")),
        PartEnd(0),
        PartStart(1, PartKind.TEXT),
        *(TextDelta(1, char) for char in text),
        PartEnd(1),
        PartStart(2, PartKind.TOOL_CALL, id="toolu_1", name="f"),
        *(ToolCallDelta(2, char) for char in arguments),
        PartEnd(2),
        ChoiceStop(Stop(StopReason.TOOL_USE)),
        AnswerEnd(),
    ]


def echoing(change: Callable[[str], str] = str) -> Upstream:
    """Says what the last text of the user says, after ``change``."""

    def script(request: WireRequest) -> Script:
        asked = json.loads(request.body)
        text = next(
            (each for turn in reversed(asked["messages"]) for each in strings(turn["content"])
             if "says" in each),
            "nothing",
        )  # fmt: skip
        events = answer(change(text))
        if asked.get("stream"):
            wire = CODEC.stream_encoder(CONTEXT).encode(events)
            # Cut without regard to anything.
            reads = tuple(wire[at : at + 37] for at in range(0, len(wire), 37))
            return Script(headers=SSE, reads=reads)
        return Script(headers=JSON, reads=(CODEC.encode_response(collect(events), CONTEXT),))

    upstream = Upstream()
    upstream.answer = script
    return upstream


def parts(client: Format, reply: Reply, *, stream: bool) -> tuple[Any, ...]:
    codec = CODECS[client]
    if not stream:
        return codec.decode_response(reply.body).choices[0].parts
    decoder = codec.stream_decoder()
    return collect([*decoder.feed(reply.body), *decoder.eof()]).choices[0].parts


def clean(there: Upstream) -> bool:
    return not any(
        holds_word(text, WORDS) for body in there.bodies for text in strings(json.loads(body))
    )


@pytest.mark.parametrize("client", Format)
@pytest.mark.parametrize("stream", [True, False])
async def test_words_leave_and_come_back(client: Format, stream: bool, tmp_path: Path) -> None:
    there = echoing()
    says = 'he says ACME, "Rocket" and acmes'
    async with configured(tmp_path, config(), there) as gateway:
        path, body = asking(client, "m", says, stream=stream)
        reply = await send(gateway, "POST", path, body, KEY)
    assert reply.status == 200, reply.body
    assert clean(there)
    assert b"[[w:" in there.bodies[0]
    assert b"[[w:" not in reply.body
    found = parts(client, reply, stream=stream)
    assert [part.text for part in found if isinstance(part, Text) and part.text] == [says]
    [call] = [part for part in found if isinstance(part, ToolCall)]
    assert json.loads(call.arguments) == {"who": says}
    assert says in [part.text for part in found if isinstance(part, Reasoning)]


async def test_the_rest_of_the_request_is_cloaked(tmp_path: Path) -> None:
    there = echoing()
    async with configured(tmp_path, config(cache_user_id=True), there) as gateway:
        path, body = asking(Format.MESSAGES, "m", "hi", system="Own.")
        body["metadata"] = {"user_id": "somebody@example.com"}
        headers = {**KEY, "anthropic-beta": "b-2"}
        await send(gateway, "POST", path, body, headers)
        first = there.sent
        assert [block["text"] for block in first["system"]] == ["Be kind.", "Own."]
        assert first["metadata"]["user_id"].startswith("user_")
        assert there.headers["x-team"] == "t"
        assert set(there.headers["anthropic-beta"].split(",")) == {"b-1", "b-2"}
        await send(gateway, "POST", path, body, headers)
        assert there.sent == first


async def test_without_the_setting_each_request_has_its_user(tmp_path: Path) -> None:
    there = echoing()
    async with configured(tmp_path, config(strict_mode=True), there) as gateway:
        path, body = asking(Format.CHAT, "m", "hi")
        body["messages"].insert(0, {"role": "system", "content": "Own."})
        for _ in range(2):
            await send(gateway, "POST", path, body, KEY)
    users = [json.loads(each)["metadata"]["user_id"] for each in there.bodies]
    assert users[0] != users[1]
    assert "Own." not in strings(there.sent)


async def test_clients_that_are_left_alone(tmp_path: Path) -> None:
    there = echoing()
    written = config(mode="auto", skip_user_agents=["tool/"])
    async with configured(tmp_path, written, there) as gateway:
        path, body = asking(Format.MESSAGES, "m", "says Acme", stream=True)
        reply = await send(gateway, "POST", path, body, {**KEY, "user-agent": "tool/1"})
        assert there.sent == body
        assert "x-team" not in there.headers
        assert b'"text":"A"' in reply.body  # relayed, letter by letter
        await send(gateway, "POST", path, body, {**KEY, "user-agent": "other/1"})
        assert b"[[w:" in there.bodies[-1]


@pytest.mark.parametrize("client", [Format.MESSAGES, Format.CHAT, Format.RESPONSES])
async def test_signed_thinking_goes_back_as_it_was_signed(client: Format, tmp_path: Path) -> None:
    there = echoing()
    async with configured(tmp_path, config(), there) as gateway:
        path, body = asking(client, "m", "he says Acme")
        if client is Format.RESPONSES:
            body["include"] = ["reasoning.encrypted_content"]
        first = await send(gateway, "POST", path, body, KEY)
        name = "input" if client is Format.RESPONSES else "messages"
        history: list[Any] = [{"role": "user", "content": "he says Acme"}]
        history += HISTORIES[client](first.json)
        await send(gateway, "POST", path, {**body, name: history}, KEY)
    assert clean(there)
    [thought] = [
        block
        for turn in there.sent["messages"]
        if isinstance(turn["content"], list)
        for block in turn["content"]
        if block["type"] == "thinking"
    ]
    said = next(text for text in strings(json.loads(there.bodies[0])["messages"]) if "says" in text)
    assert thought["thinking"] == said
    assert thought["signature"] == "c2lnbmVk"


def _messages_history(reply: Any) -> list[Any]:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "he says Rocket"}
    return [
        {"role": "assistant", "content": reply["content"]},
        {"role": "user", "content": [result]},
    ]


def _chat_history(reply: Any) -> list[Any]:
    message = reply["choices"][0]["message"]
    call = message["tool_calls"][0]["id"]
    return [message, {"role": "tool", "tool_call_id": call, "content": "he says Rocket"}]


def _responses_history(reply: Any) -> list[Any]:
    [call] = [item for item in reply["output"] if item["type"] == "function_call"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "says Rocket"}
    return [*reply["output"], output]


HISTORIES: dict[Format, Callable[[Any], list[Any]]] = {
    Format.MESSAGES: _messages_history,
    Format.CHAT: _chat_history,
    Format.RESPONSES: _responses_history,
}


async def test_an_altered_token_stays_and_is_warned_of(tmp_path: Path) -> None:
    there = echoing(str.lower)
    async with configured(tmp_path, config(), there) as gateway:
        path, body = asking(Format.MESSAGES, "m", "he says Acme")
        reply = await send(gateway, "POST", path, body, KEY)
    assert b"[[w:" in reply.body
    assert "word_not_restored;/content/1" in reply.headers["x-aigw-warnings"]


async def test_counts_are_cloaked_too(tmp_path: Path) -> None:
    there = Upstream((b'{"input_tokens":5}',))
    async with configured(tmp_path, config(), there) as gateway:
        path, body = counting(Format.MESSAGES, "m", "says Acme")
        reply = await send(gateway, "POST", path, body, KEY)
    assert reply.json["input_tokens"] == 5
    assert clean(there)
    assert "metadata" not in there.sent
    assert there.sent["system"] == "Be kind."


async def test_other_formats_and_other_credentials_stay_as_they_are(tmp_path: Path) -> None:
    there = Upstream()
    written = {
        "openai-api-key": [{"api-key": "a", "base-url": "http://127.0.0.1:1", "cloak": CLOAK}],
        "claude-header-defaults": {"X-Team": "t"},
        "retry": {"max-retries": 0},
    }
    async with configured(tmp_path, written, there) as gateway:
        path, body = asking(Format.CHAT, "m", "says Acme")
        await send(gateway, "POST", path, body, KEY)
    assert there.sent == body
    assert "x-team" not in there.headers


async def test_payload_rules_come_before_the_cloak(tmp_path: Path) -> None:
    there = echoing()
    rule = {"models": [{"name": "*"}], "params": {"system": "Rule of Acme."}}
    written = {**config(), "payload": {"override": [rule]}}
    async with configured(tmp_path, written, there) as gateway:
        path, body = asking(Format.MESSAGES, "m", "hi", system="Own.")
        await send(gateway, "POST", path, body, KEY)
    texts = [block["text"] for block in there.sent["system"]]
    assert texts[0] == "Be kind."
    assert texts[1].startswith("Rule of [[w:")


async def test_without_a_cloak_nothing_is_read_for_it() -> None:
    path, body = asking(Format.MESSAGES, "echo@messages", "/wps 0 [[w:ABCDEFGH]]")
    reply = await once("POST", path, body)
    assert b"[[w:ABCDEFGH]]" in reply.body
