"""Prefix-stable requests, on generated and on recorded conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import Format
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.codecs import CODECS
from tests import corpus
from tests.conformance.prefixes import PAIRS, TOOLS, begins_alike, conversation, cuts
from tests.corpus import DEEP
from tests.corpus_runs.runs import inbound_of
from tests.laws import LawBroken

IDS = [f"{client.format}-{upstream.format}" for client, upstream in PAIRS]
CAPS = (
    Caps(),
    Caps(mid_system=True, thinking="budget"),
    Caps(thinking="level", block_binding=True, tool_result_media=()),
    Caps(token_field="max_tokens", needs_reasoning_content=True, json_schema=False),
)

texts = st.sampled_from(("a", "Grüße, 世界", "json", " \n", "{}", '{"error":"x"}', "<system>"))
arguments = st.sampled_from(("{}", '{"q":"Zürich"}', '{"q":"x","n":1.50}'))
calls = st.lists(st.tuples(st.sampled_from(TOOLS), arguments, texts), max_size=3)
asks = st.tuples(st.just("user"), texts.filter(str.strip))
answers = st.tuples(st.just("answer"), st.just("") | texts, st.just("") | texts, calls)


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Any that a client can have had: it asks, the model calls tools until it answers."""
    steps: list[tuple[Any, ...]] = []
    for _ in range(draw(st.integers(1, 4))):
        steps.append(draw(asks))
        if draw(st.integers(0, 3)) == 0:
            steps.append(("system", draw(texts.filter(str.strip))))
        for answer in draw(st.lists(answers, min_size=1, max_size=3)):
            steps.append(answer)
            if not answer[3]:
                break
    return [*steps, draw(asks)]


@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=IDS)
@settings(max_examples=400 if DEEP else 40)
@given(steps=conversations(), caps=st.sampled_from(CAPS))
def test_a_longer_conversation_begins_alike(
    client: Codec, upstream: Codec, steps: list[tuple[Any, ...]], caps: Caps
) -> None:
    document = conversation(client.format, steps)
    model = "m" if client.format is Format.GEMINI else None
    inbound = Inbound(json.dumps(document).encode(), {}, model, False if model else None)
    assert begins_alike(client, upstream, inbound, document, caps)


@corpus.needs_corpus
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=IDS)
def test_recorded_conversations_begin_alike(client: Codec, upstream: Codec) -> None:
    checked, faults = 0, []
    for case in [*corpus.requests(client.format), *corpus.client_requests(client.format)]:
        inbound = inbound_of(case)
        document = json.loads(inbound.body)
        if not isinstance(document, dict) or not list(cuts(client.format, document)):
            continue
        try:
            checked += begins_alike(client, upstream, inbound, document) or 0
        except LawBroken as exc:
            faults.append(f"{case.id}: {exc}")
    assert not faults, f"{len(faults)} of them\n" + "\n".join(faults[:10])
    assert checked > 50


def test_a_beginning_that_changes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    client, upstream = CODECS[Format.CHAT], CODECS[Format.MESSAGES]
    document = conversation(Format.CHAT, [("user", "a"), ("answer", "", "b", []), ("user", "c")])
    inbound = Inbound(json.dumps(document).encode())
    assert begins_alike(client, upstream, inbound, document) == 1
    hoisted = conversation(
        Format.CHAT, [("user", "a"), ("answer", "", "b", []), ("system", "s"), ("user", "c")]
    )
    real = Codec.__getattribute__

    def hoist(self: Codec, name: str) -> Any:
        value = real(self, name)
        if name != "decode_request":
            return value

        def first_the_system_turns(inbound: Inbound) -> Any:
            request = value(inbound)
            turns = sorted(request.turns, key=lambda turn: turn.role != "system")
            return type(request)(
                **{
                    field: tuple(turns) if field == "turns" else getattr(request, field)
                    for field in request.__struct_fields__
                }
            )

        return first_the_system_turns

    monkeypatch.setattr(Codec, "__getattribute__", hoist)
    with pytest.raises(LawBroken):
        begins_alike(client, upstream, Inbound(json.dumps(hoisted).encode()), hoisted)
