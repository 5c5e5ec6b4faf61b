"""Pitfalls of requests that no codec shows alone: from a client's document to what each
upstream gets. :mod:`.pitfalls` lists what each test is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from aigw_core.chat import Format
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.translate import Translation, translate_request
from tests.conformance.replies import REPLIES
from tests.conformance.running import serve
from tests.conformance.seals import found, proofs, sealing, translated
from tests.conformance.wires import SIGNATURE, WRITERS, Call, Script

_C, _M, _R, _G = Format.CHAT, Format.MESSAGES, Format.RESPONSES, Format.GEMINI
PAIRS = list(product(Format, repeat=2))
OTHERS = [(client, upstream) for client, upstream in PAIRS if client is not upstream]


def translate(client: Format, upstream: Format, body: Any, caps: Caps | None = None) -> Translation:
    inbound = Inbound(json.dumps(body).encode())
    if client is _G:
        inbound = Inbound(inbound.body, {}, "m", False)
    codecs = CODECS[client], CODECS[upstream]
    request = None if client is upstream else codecs[0].decode_request(inbound)
    return translate_request(inbound, request, *codecs, "up", caps or Caps())


def texts(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a document, with the name of the field that it stands in."""
    if isinstance(node, str):
        yield name, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item, name)


# --- reasoning ----------------------------------------------------------------

THOUGHT = "a thought of its own"


def _thinking(*blocks: Any) -> Any:
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [*blocks, {"type": "text", "text": "said"}]},
        {"role": "user", "content": "y"},
    ]
    return {"model": "m", "max_tokens": 9, "messages": turns}


def _reasoned(**fields: Any) -> Any:
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "said", **fields},
        {"role": "user", "content": "y"},
    ]
    return {"model": "m", "messages": turns}


def _item(**fields: Any) -> Any:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], **fields}
    said = {"type": "message", "role": "assistant", "content": "said"}
    user = [{"role": "user", "content": text} for text in "xy"]
    return {"model": "m", "input": [user[0], item, said, user[1]]}


def _thought(**fields: Any) -> Any:
    user = [{"role": "user", "parts": [{"text": text}]} for text in "xy"]
    part = {"text": THOUGHT, "thought": True, **fields}
    return {"contents": [user[0], {"role": "model", "parts": [part, {"text": "said"}]}, user[1]]}


_DETAIL = {"type": "reasoning.text", "text": THOUGHT, "format": "f", "index": 0}
_SUMMARY = [{"type": "summary_text", "text": THOUGHT}]
HISTORIES: dict[Format, tuple[Any, ...]] = {
    _C: (
        _reasoned(reasoning_content=THOUGHT),
        _reasoned(reasoning=THOUGHT),
        _reasoned(reasoning_details=[_DETAIL]),
        _reasoned(reasoning=THOUGHT, reasoning_details=[{**_DETAIL, "signature": SIGNATURE}]),
        _reasoned(content=[{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                           {"type": "text", "text": "said"}]),
    ),
    _M: (
        _thinking({"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}),
        _thinking({"type": "thinking", "thinking": THOUGHT, "signature": ""}),
    ),
    _R: (
        _item(summary=_SUMMARY),
        _item(summary=_SUMMARY, encrypted_content=SIGNATURE),
        _item(content=[{"type": "reasoning_text", "text": THOUGHT}]),
    ),
    _G: (_thought(), _thought(thoughtSignature=SIGNATURE)),
}  # fmt: skip
REASONED = [
    pytest.param(client, upstream, body, id=f"{client}-{upstream}-{number}")
    for client, upstream in OTHERS
    for number, body in enumerate(HISTORIES[client])
]


@pytest.mark.parametrize(("client", "upstream", "body"), REASONED)
def test_reasoning_of_the_history_is_never_text(
    client: Format, upstream: Format, body: Any
) -> None:
    for caps in (Caps(), Caps(needs_reasoning_content=True)):
        sent = json.loads(translate(client, upstream, body, caps).encoded.body)
        names = {name for name, text in texts(sent) if THOUGHT in text}
        # One server wants it, in a field of its own.
        wants = upstream is _C and caps.needs_reasoning_content
        assert names <= ({"reasoning_content"} if wants else set())
        assert "said" in {text for _, text in texts(sent)}


_UNPROVED: dict[Format, Any] = {
    _C: _reasoned(reasoning=THOUGHT, reasoning_details=[{**_DETAIL, "signature": ""}]),
    _M: HISTORIES[_M][1],
    _R: _item(summary=_SUMMARY, encrypted_content=""),
    _G: _thought(thoughtSignature=""),
}


@pytest.mark.parametrize("client", [_C, _R, _G])
def test_an_empty_signature_proves_nothing(client: Format) -> None:
    done = translate(client, _M, _UNPROVED[client])
    said = json.loads(done.encoded.body)["messages"][1]["content"]
    assert said in ("said", [{"type": "text", "text": "said"}])


def test_an_empty_signature_of_this_format_proves_nothing_elsewhere() -> None:
    for upstream in (_C, _R, _G):
        sent = translate(_M, upstream, _UNPROVED[_M]).encoded.body
        assert THOUGHT.encode() not in sent


# --- the proofs of Gemini through a Chat Completions client -----------------------

_LOOP = Script(calls=(Call("call_1", "get_weather", ('{"city":"Bern"}',)),), signed=True)


def _second_turn(upstream: Format, *dropped: str) -> Translation:
    """The request with the result, of a client that does not keep these fields."""
    codecs = CODECS[upstream], CODECS[_C]
    own = sealing(codecs[0])
    [reply] = REPLIES[_C]
    first = translated(codecs[1], codecs[0], reply(None), own)
    answer = serve(*codecs, WRITERS[upstream](_LOOP), translation=first).output
    document = json.loads(reply(answer).body)
    message = document["messages"][1]
    for holder in (message, *message["tool_calls"]):
        for name in dropped:
            holder.pop(name, None)
    return translated(codecs[1], codecs[0], Inbound(json.dumps(document).encode()), own)


@pytest.mark.parametrize("dropped", ["reasoning_details", "extra_content"])
def test_one_of_the_two_carriers_of_a_chat_client_is_enough(dropped: str) -> None:
    body = _second_turn(_G, dropped).encoded.body
    assert found(_G, body) == proofs(_G, _LOOP) == [f"functionCall: {SIGNATURE}"]


EVERYTHING = ("reasoning_details", "reasoning_content", "extra_content")


def test_a_chat_client_that_drops_everything_is_served() -> None:
    done = _second_turn(_G, *EVERYTHING)
    assert found(_G, done.encoded.body) == []
    [call] = [
        part
        for content in json.loads(done.encoded.body)["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ]
    # What the vendor takes in the place of a signature that is not there.
    assert call["thoughtSignature"] == "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
    for upstream in (_M, _R):
        done = _second_turn(upstream, *EVERYTHING)
        assert found(upstream, done.encoded.body) == []
        assert "get_weather" in {text for _, text in texts(json.loads(done.encoded.body))}


# --- tools ----------------------------------------------------------------------

_FUNCTION = {"name": "f", "arguments": "{}"}
_CALL = {"id": "c", "type": "function", "function": _FUNCTION}
CALLED: dict[Format, Any] = {
    _C: {
        "model": "m",
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c", "content": "y"},
        ],
    },
    _M: {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": ""},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "y"}]},
        ],
    },
    _R: {
        "model": "m",
        "input": [
            {"role": "user", "content": "x"},
            {"type": "message", "role": "assistant", "content": []},
            {"type": "function_call", "call_id": "c", **_FUNCTION},
            {"type": "function_call_output", "call_id": "c", "output": "y"},
        ],
    },
    _G: {
        "contents": [
            {"role": "user", "parts": [{"text": "x"}]},
            {"role": "model", "parts": [{"text": ""}, {"functionCall": {"name": "f", "id": "c"}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "f", "id": "c", "response": {"a": "y"}}}],
            },
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize(("client", "upstream"), OTHERS)
def test_calls_without_content_have_no_text(client: Format, upstream: Format) -> None:
    bodies = [CALLED[client]]
    if client is _C:
        for content in ("", [], [{"type": "text", "text": ""}]):
            messages = [dict(message) for message in CALLED[_C]["messages"]]
            messages[1]["content"] = content
            bodies.append({**CALLED[_C], "messages": messages})
    for body in bodies:
        sent = json.loads(translate(client, upstream, body).encoded.body)
        said = list(texts(sent))
        assert ("name", "f") in said
        assert not [name for name, text in said if name in ("text", "content") and not text]
        if upstream is _C:
            assert sent["messages"][1]["content"] is None


_NOTE = {"type": "text", "text": "note"}
_SAID_M = [_NOTE, {"type": "tool_result", "tool_use_id": "c", "content": "y"}]
_SAID_G = [
    {"text": "note"},
    {"functionResponse": {"name": "f", "id": "c", "response": {"a": "y"}}},
]
NOTES: dict[Format, tuple[list[Any], ...]] = {
    _M: (
        [{"role": "user", "content": _SAID_M}],
        [{"role": "user", "content": [block]} for block in _SAID_M],
    ),
    _G: (
        [{"role": "user", "parts": _SAID_G}],
        [{"role": "user", "parts": [part]} for part in _SAID_G],
    ),
    _R: (
        [
            {"role": "user", "content": "note"},
            {"type": "function_call_output", "call_id": "c", "output": "y"},
        ],
    ),
}
"""What the user says before a result, in one turn and in two."""


@pytest.mark.parametrize(
    ("client", "upstream", "number"),
    [
        (client, upstream, number)
        for client, upstream in OTHERS
        for number in range(len(NOTES.get(client, ())))
    ],
)
def test_results_stand_before_what_else_the_user_says(
    client: Format, upstream: Format, number: int
) -> None:
    field = {_G: "contents", _R: "input"}.get(client, "messages")
    called = CALLED[client][field]
    turns = [*called[:-1], *NOTES[client][number]]
    sent = json.loads(translate(client, upstream, {**CALLED[client], field: turns}).encoded.body)
    if upstream is _M:
        kinds = [block["type"] for block in sent["messages"][-1]["content"]]
        assert kinds == ["tool_result", "text"]
    elif upstream is _G:
        kinds = [next(iter(part)) for part in sent["contents"][-1]["parts"]]
        assert kinds == ["functionResponse", "text"]
    elif upstream is _C:
        assert [message["role"] for message in sent["messages"][-2:]] == ["tool", "user"]
    else:
        # Items stand as they were said.
        assert {item["type"] for item in sent["input"][-2:]} == {"function_call_output", "message"}


_IMAGE = {"type": "base64", "media_type": "image/png", "data": "QUJD"}


def _spread(*between: Any) -> Any:
    """Two results of one step with a picture each, in user turns of their own."""
    calls = [{"type": "tool_use", "id": call, "name": "f", "input": {}} for call in "ab"]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": call,
            "content": [{"type": "image", "source": _IMAGE}],
        }
        for call in "ab"
    ]
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": [results[0], {"type": "text", "text": "note"}]},
        *between,
        {"role": "user", "content": [results[1]]},
    ]
    return {"model": "m", "max_tokens": 9, "messages": messages}


def test_pictures_are_numbered_anew_in_each_step() -> None:
    once = _spread()["messages"]
    step = json.dumps(once[1:]).replace('"a"', '"c"').replace('"b"', '"d"')
    body = {"model": "m", "max_tokens": 9, "messages": [*once, *json.loads(step)]}
    numbers = ["[image 1 attached below]", "[image 2 attached below]"] * 2
    for upstream in (_C, _G):
        sent = json.loads(translate(_M, upstream, body).encoded.body)
        assert [text for _, text in texts(sent) if text.endswith("below]")] == numbers
    # A model of the other vendor that takes no pictures in results.
    pictures = [{"type": "input_image", "image_url": "data:image/png;base64,QUJD"}]
    items = [
        item
        for call in "ab"
        for item in (
            {"type": "function_call", "call_id": call, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": call, "output": pictures},
        )
    ]
    body = {"model": "m", "input": [{"role": "user", "content": "x"}, *items]}
    sent = json.loads(translate(_R, _M, body, Caps(tool_result_media=())).encoded.body)
    assert [text for _, text in texts(sent) if text.endswith("below]")] == numbers[:1] * 2


@pytest.mark.parametrize("between", [[], [{"role": "system", "content": "be brief"}]])
def test_nothing_stands_between_the_results_of_a_step(between: list[Any]) -> None:
    sent = json.loads(translate(_M, _C, _spread(*between)).encoded.body)["messages"]
    _, called, first, second, *rest = sent
    assert [call["id"] for call in called["tool_calls"]] == ["a", "b"]
    assert [first["tool_call_id"], second["tool_call_id"]] == ["a", "b"]
    assert "tool" not in [message["role"] for message in rest]
    pictures = [name for name, text in texts(rest) if text.endswith(";base64,QUJD")]
    assert len(pictures) == 2
    # Each result says which of the pictures behind all results is its own.
    assert (first["content"], second["content"]) == (
        "[image 1 attached below]",
        "[image 2 attached below]",
    )
    # The vendor of the other format puts them together as well.
    parts = json.loads(translate(_M, _G, _spread(*between)).encoded.body)["contents"][2]["parts"]
    assert [next(iter(part)) for part in parts][:2] == ["functionResponse"] * 2


@pytest.mark.parametrize("upstream", [_M, _R])
@pytest.mark.parametrize(
    ("client", "fields", "pointer"),
    [
        (_C, {"n": 2}, "/n"),
        (_G, {"generationConfig": {"candidateCount": 2}}, "/generationConfig/candidateCount"),
    ],
)
def test_several_choices_are_refused_where_there_is_one(
    client: Format, fields: dict[str, Any], pointer: str, upstream: Format
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate(client, upstream, {**CALLED[client], **fields})
    assert caught.value.failure.param == pointer
    other = _G if client is _C else _C
    sent = json.loads(translate(client, other, {**CALLED[client], **fields}).encoded.body)
    assert 2 in (sent.get("n"), sent.get("generationConfig", {}).get("candidateCount"))


# --- fields that nobody knows -------------------------------------------------------


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_an_unknown_field_is_passed_on_or_named(client: Format, upstream: Format) -> None:
    done = translate(client, upstream, {**CALLED[client], "brand_new": {"n": 1}})
    if client is upstream:
        assert json.loads(done.encoded.body)["brand_new"] == {"n": 1}
        assert done.ledger == ()
    else:
        assert b"brand_new" not in done.encoded.body
        told = [(entry.code, entry.pointer) for entry in done.ledger if entry.reported]
        assert told == [("unknown_field", "/brand_new")]
