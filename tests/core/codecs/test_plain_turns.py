"""Turns of one text take shorter ways; they lead to the same as the longer ones."""

from __future__ import annotations

import json
from itertools import product

import pytest
from msgspec.structs import replace

from aigw_core.chat import ChatRequest, Format, Native, Refusal, Role, Text, Turn
from aigw_core.codec import Caps, Codec
from aigw_core.codecs import CODECS
from aigw_core.ledger import Ledger
from bench.wire import WIRES, inbound

TEXTS = ("Hello", 'a "quote" and \\ and é', " ", "0")


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.format)
@pytest.mark.parametrize("text", TEXTS)
def test_a_plain_turn_is_decoded_like_one_that_says_more(codec: Codec, text: str) -> None:
    """A field of null takes the longer way and says nothing."""
    escaped = json.dumps(text)[1:-1]
    asked = inbound(codec.format, "m", stream=True, prompt=escaped, turns=3)
    document = json.loads(asked.body)
    name = next(key for key in ("messages", "input", "contents") if key in document)
    for turn in document[name]:
        for place in (turn, *(turn.get("content") or turn.get("parts") or ())):
            if isinstance(place, dict):
                place["nothing"] = None
    longer = replace(asked, body=json.dumps(document).encode())
    assert codec.decode_request(longer).turns == codec.decode_request(asked).turns


@pytest.mark.parametrize(
    ("source", "codec"), list(product(CODECS, CODECS.values())), ids=lambda it: str(it)[:20]
)
@pytest.mark.parametrize("text", TEXTS)
def test_a_plain_turn_is_encoded_like_one_that_says_more(
    source: Format, codec: Codec, text: str
) -> None:
    """Fields beside the text, of which there are none, take the longer way."""
    turns = tuple(
        Turn(role, (Text(f"{at}{text}"),), pointer=f"/{at}")
        for at, role in enumerate((Role.USER, Role.ASSISTANT, Role.USER))
    )
    nothing = Native(source, b"{}")
    longer = tuple(
        replace(turn, parts=(Text(part.text, native=nothing),))
        for turn in turns
        for part in turn.parts
        if isinstance(part, Text)
    )
    assert all(turn.only_text for turn in turns)
    assert not any(turn.only_text for turn in longer)
    bodies = [
        codec.encode_request(ChatRequest("m", each, source), "m", Caps(), Ledger()).body
        for each in (turns, longer)
    ]
    assert bodies[0] == bodies[1]


def test_there_is_a_wire_for_every_format() -> None:
    assert set(WIRES) == set(CODECS)


def test_a_refusal_is_no_plain_text() -> None:
    assert not Turn(Role.ASSISTANT, (Refusal("no"),)).only_text
