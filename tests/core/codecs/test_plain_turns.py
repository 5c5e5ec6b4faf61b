"""Plain turns take shorter ways; they lead to the same as the longer ones."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aigw_core.chat import (
    ChatRequest,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import MAX_DEPTH
from aigw_core.ledger import Ledger
from bench.wire import WIRES, inbound
from tests.conformance.prefixes import TOOLS, conversation

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


def described(nothing: Native, turn: Turn) -> Turn:
    """The same with fields beside each text, of which there are none. An empty one takes
    the longer way as it is."""
    parts = [
        replace(part, native=nothing) if isinstance(part, Text) and part.text else part
        for part in turn.parts
    ]
    return replace(turn, parts=tuple(parts))


def encoded(codec: Codec, request: ChatRequest) -> object:
    """The body and what went into the ledger, or what is said to be wrong."""
    ledger = Ledger(codec.pointers)
    try:
        body = codec.encode_request(
            request, "m", Caps(prefill=True, tool_result_media=()), ledger
        ).body
    except InvalidRequest as exc:
        return exc.failure.message, exc.failure.param
    noted = [entry for entry in ledger.entries if entry.code != "native_fields_dropped"]
    return body, noted


call = ToolCall("c1", TOOLS[0], '{"q":1}')
picture = Media(MediaKind.IMAGE, Inline("image/png", "AAAA"))
shown = Turn(Role.USER, (ToolResult("c1", (picture,)),))
said = st.sampled_from((*TEXTS, "\n", ""))
turns_of_text = st.builds(
    lambda role, texts: Turn(role, tuple(map(Text, texts))),
    st.sampled_from(Role),
    st.lists(said, min_size=1, max_size=2),
)
steps_of_turns = st.one_of(
    st.sampled_from((Role.USER, Role.ASSISTANT)).map(lambda role: (Turn(role, (Text("a"),)),)),
    st.just((Turn(Role.ASSISTANT, (Text(""),)),)),  # most formats have no place for it
    turns_of_text.map(lambda turn: (turn,)),
    # What one step says comes in several turns, and late.
    st.tuples(
        st.just(Turn(Role.ASSISTANT, (call,))), st.just(shown), turns_of_text, st.just(shown)
    ),
    turns_of_text.map(
        lambda turn: (
            Turn(Role.ASSISTANT, (call,)),
            replace(turn, role=Role.USER, parts=(ToolResult("c1", (Text("r"),)), *turn.parts)),
        )
    ),
)


@pytest.mark.parametrize(
    ("source", "codec"), list(product(CODECS, CODECS.values())), ids=lambda it: str(it)[:20]
)
@settings(max_examples=100, derandomize=True)
@given(data=st.data(), steps=st.lists(steps_of_turns, min_size=1, max_size=6))
def test_any_conversation_is_encoded_like_one_that_says_more(
    source: Format, codec: Codec, data: st.DataObject, steps: list[tuple[Turn, ...]]
) -> None:
    """Turns of any roles in any order: what becomes of each does not depend on how its
    neighbours are read, and nothing else is said of them."""
    turns = [Turn(Role.USER, (Text("a"),)), *(turn for step in steps for turn in step)]
    turns = [replace(turn, pointer=f"/turns/{at}") for at, turn in enumerate(turns)]
    nothing = Native(source, b"{}")
    longer = [described(nothing, turn) if data.draw(st.booleans()) else turn for turn in turns]
    requests = [ChatRequest("m", tuple(each), source) for each in (turns, longer)]
    assert encoded(codec, requests[1]) == encoded(codec, requests[0])


texts = st.sampled_from(("", "a", "Grüße \U0001f600 \u2028", " \n", "{}", '{"error":"x"}', '"'))
arguments = st.sampled_from(("{}", '{"q": "Zürich"}', '{"q":"x","n":1.50}'))
steps = st.one_of(
    st.tuples(st.just("user"), texts),
    st.tuples(st.just("system"), texts),
    st.tuples(
        st.just("answer"),
        texts,
        st.just(""),
        st.lists(st.tuples(st.sampled_from(TOOLS), arguments, texts), max_size=3),
    ),
)


def decoded(codec: Codec, document: dict[str, Any], space: str = " ") -> object:
    """The turns, or what is said to be wrong."""
    model = "m" if codec.format is Format.GEMINI else None
    separators = ("," + space, ":" + space)
    body = json.dumps(document, ensure_ascii=False, separators=separators).encode()
    try:
        return codec.decode_request(Inbound(body, {}, model, False if model else None)).turns
    except InvalidRequest as exc:
        return exc.failure.message, exc.failure.param


GEMINI = CODECS[Format.GEMINI]


def in_snake_case(value: Any, names: set[str]) -> Any:
    """The format's own fields of these ``names`` as its other clients spell them."""
    if isinstance(value, list):
        return [in_snake_case(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub("[A-Z]", lambda match: "_" + match[0].lower(), name) if name in names else name: (
            inner if name in ("args", "response") else in_snake_case(inner, names)
        )
        for name, inner in value.items()
    }


spelled = st.sets(st.sampled_from(("functionCall", "functionResponse", "inlineData", "mimeType")))


@settings(max_examples=200, derandomize=True)
@given(names=spelled, steps=st.lists(steps, min_size=1, max_size=4), everywhere=st.booleans())
def test_either_spelling_is_found_wherever_it_stands(
    names: set[str], steps: list[tuple[Any, ...]], everywhere: bool
) -> None:
    document = conversation(Format.GEMINI, steps)
    picture = {"mimeType": "image/png", "data": "AAAA"}
    for content in turns_of(document):
        for part in content["parts"]:
            if "functionResponse" in part:
                part["functionResponse"]["parts"] = [{"inlineData": picture}]
        if everywhere:
            content["parts"].append({"inlineData": picture})
    mixed = in_snake_case(document, names)
    assert decoded(GEMINI, mixed, space="") == decoded(GEMINI, document, space="")


def turns_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    name = next(key for key in ("messages", "input", "contents") if key in document)
    turns: list[dict[str, Any]] = document[name]
    return turns


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.format)
@settings(max_examples=300, derandomize=True)
@given(data=st.data(), steps=st.lists(steps, min_size=1, max_size=5))
def test_any_conversation_is_decoded_like_one_that_says_more(
    codec: Codec, data: st.DataObject, steps: list[tuple[Any, ...]]
) -> None:
    """All turns at once, each for itself, and some of them the longer way: the same turns,
    and where turns are missing or doubled the same complaint."""
    document = conversation(codec.format, steps)
    turns = turns_of(document)
    if data.draw(st.booleans()) and turns:
        place = data.draw(st.integers(0, len(turns) - 1))
        turns[place : place + 1] = [dict(turns[place])] * data.draw(st.sampled_from((0, 2)))
    plain = decoded(codec, document)
    for turn in turns:
        if data.draw(st.booleans()):
            turn["nothing"] = None
    assert decoded(codec, document) == plain


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.format)
@pytest.mark.parametrize("more", [False, True])
def test_the_depth_of_a_list_counts_from_its_field(codec: Codec, more: bool) -> None:
    """However a turn is read: whole, or field by field since it says ``more``."""
    call = ("answer", "", "", [(TOOLS[0], '{"q":"deep"}', "found")])
    document = conversation(codec.format, [("user", "a"), call, ("user", "b")])
    turns = turns_of(document)
    if more or '"deep"' not in json.dumps(turns):  # arguments may be a text
        turns[0]["nothing"] = {"q": "deep"}

    def nested(levels: int) -> dict[str, Any]:
        body = json.dumps(document).replace('"deep"', "[" * levels + "]" * levels)
        return dict(json.loads(body))

    levels = range(1, MAX_DEPTH + 1)
    too_deep = next(n for n in levels if "nested deeper" in str(decoded(codec, nested(n))))
    assert depth(nested(too_deep)) == MAX_DEPTH + 1


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def test_there_is_a_wire_for_every_format() -> None:
    assert set(WIRES) == set(CODECS)


def test_a_refusal_is_no_plain_text() -> None:
    assert not Turn(Role.ASSISTANT, (Refusal("no"),)).only_text
