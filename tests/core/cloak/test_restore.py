"""Words come back in answers: at every split, in every kind of part, and nothing else does.

Each law is also run against a restorer with a planted bug, and must fail there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    Format,
    Native,
    Reasoning,
    Seal,
    Stop,
    StopReason,
    Text,
    ToolCall,
)
from aigw_core.cloak.pseudonyms import TOKEN_LENGTH
from aigw_core.cloak.restore import WordRestorer, restoring
from aigw_core.cloak.words import Hider, code_of, unmarked
from aigw_core.codec import EncodedRequest, Peek
from aigw_core.codecs import CODECS
from aigw_core.collect import collect, explode
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    EventGrammar,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.translate import Transcoder, Translation, answer_machine
from tests.core.cloak.texts import PSEUDONYMS, WORDS, texts
from tests.streams import CONTEXT

Make = Callable[[dict[str, str]], WordRestorer]
CALL = "tool_call"
SEAL = Seal("messages", "signature", "c2ln")


def hidden(text: str) -> tuple[str, dict[str, str]]:
    using = Hider(WORDS, PSEUDONYMS, whole=False)
    return using.hide(text), using.spellings


def delta(kind: str, text: str, part: int = 0) -> StreamEvent:
    if kind == PartKind.TEXT:
        return TextDelta(part, text)
    if kind == PartKind.REASONING:
        return ReasoningDelta(part, text)
    return ToolCallDelta(part, text)


def stream(kind: str, pieces: list[str]) -> list[list[StreamEvent]]:
    """Batches: the opening, one for each piece, the end."""
    start = PartStart(0, PartKind(kind), id="1", name="f")
    end: list[StreamEvent] = [PartEnd(0), ChoiceStop(Stop(StopReason.END)), AnswerEnd()]
    middle: list[list[StreamEvent]] = [[delta(kind, piece)] for piece in pieces if piece]
    return [[AnswerStart("a", "m"), start], *middle, end]


def said(events: list[StreamEvent]) -> str:
    [part] = collect(events).choices[0].parts
    if isinstance(part, ToolCall):
        return part.arguments
    assert isinstance(part, Text | Reasoning)
    return part.text


def cut(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(min(each, len(text)) for each in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


# --- laws ------------------------------------------------------------------------------------


def law_of_return(make: Make, kind: str, text: str, cuts: list[int]) -> None:
    """What was hidden is back, however it came; arguments are the same JSON."""
    if kind == CALL:
        plain = json.dumps({"a": text, "b": [text]}, ensure_ascii=len(text) % 2 == 0)
        # The model writes the hidden text, in its own way of escaping.
        token_text, words = hidden(text)
        wire = json.dumps({"a": token_text, "b": [token_text]}, ensure_ascii=len(text) % 2 == 0)
    else:
        plain = text
        wire, words = hidden(text)
    restorer = make(words)
    grammar = EventGrammar()
    events: list[StreamEvent] = []
    for batch in stream(kind, cut(wire, cuts)):
        restored = restorer.restore(batch)
        for event in restored:
            grammar.accept(event)
        events += restored
    assert grammar.complete
    if kind == CALL:
        assert json.loads(said(events)) == json.loads(plain)
    elif plain:
        assert said(events) == plain


def law_of_bounds(make: Make, kind: str, text: str, cuts: list[int]) -> None:
    """Never more than the beginning of one token is held, and nothing that is none."""
    wire, words = hidden(text)
    restorer = make(words)
    came = ""
    gone = 0
    for batch in stream(kind, cut(wire, cuts))[:-1]:
        came += "".join(
            getattr(event, "text", "") or getattr(event, "arguments", "") for event in batch
        )
        for event in restorer.restore(batch):
            gone += len(getattr(event, "text", "") or getattr(event, "arguments", ""))
        assert restorer.held < TOKEN_LENGTH
        rest = came[len(came) - restorer.held :]
        assert not rest or rest.startswith("[")
        if not words:
            assert gone == len(came) - restorer.held


LAWS = {"return": law_of_return, "bounds": law_of_bounds}
kinds = st.sampled_from([PartKind.TEXT.value, PartKind.REASONING.value, CALL])
cuts = st.lists(st.integers(0, 200), max_size=12)


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=300)
@given(kinds, texts, cuts)
def test_laws(law: str, kind: str, text: str, cuts: list[int]) -> None:
    LAWS[law](WordRestorer, kind, text, cuts)


@pytest.mark.parametrize("kind", [PartKind.TEXT.value, PartKind.REASONING.value, CALL])
def test_every_split_of_one_text(kind: str) -> None:
    text = 'a [Acme Rocket]] and "quo"te", [[w:x Acme'
    wire = hidden(text)[0]
    for first in range(len(wire) + 4):
        for second in range(first, first + 20):
            law_of_return(WordRestorer, kind, text, [first, second])
    law_of_return(WordRestorer, kind, text, list(range(len(wire) + 60)))


class HoldsNothing(WordRestorer):
    def _more(self, part: Any, text: str) -> str:
        return self._put_back(part, text)


class HoldsAll(WordRestorer):
    def _more(self, part: Any, text: str) -> str:
        part.held += text
        return ""


class ForgetsTheRest(WordRestorer):
    def _rest(self, part: Any) -> list[StreamEvent]:
        part.held = ""
        return []


class EscapesNothing(WordRestorer):
    def __init__(self, words: Any) -> None:
        super().__init__(words)
        self._json_words = dict(words)


@pytest.mark.parametrize(
    ("law", "bug"),
    [
        ("return", HoldsNothing),
        ("return", ForgetsTheRest),
        ("return", EscapesNothing),
        ("bounds", HoldsAll),
    ],
)
def test_the_laws_catch_planted_bugs(law: str, bug: Make) -> None:
    # The first example that shows it will do: it need not be made small.
    @settings(max_examples=500, database=None, report_multiple_bugs=False, phases=[Phase.generate])
    @given(kinds, texts, cuts)
    def run(kind: str, text: str, cuts: list[int]) -> None:
        LAWS[law](bug, kind, text, cuts)

    with pytest.raises((AssertionError, json.JSONDecodeError)):
        run()


# --- what is beside the texts --------------------------------------------------------------

TOKEN = PSEUDONYMS.token("Acme")
OF_ACME = {TOKEN: "Acme"}


def test_parts_that_are_open_together_are_held_apart() -> None:
    restorer = WordRestorer(OF_ACME)
    restorer.restore(
        [
            PartStart(0, PartKind.TOOL_CALL, id="1", name="f"),
            PartStart(1, PartKind.TOOL_CALL, id="2", name="f"),
        ]
    )
    events: list[StreamEvent] = []
    for char in TOKEN:
        events += restorer.restore([ToolCallDelta(0, char), ToolCallDelta(1, char)])
    assert events == [ToolCallDelta(0, "Acme"), ToolCallDelta(1, "Acme")]


def test_what_was_held_comes_before_a_failure() -> None:
    restorer = WordRestorer(OF_ACME)
    restorer.restore([AnswerStart("a", "m"), PartStart(0, PartKind.TEXT)])
    failure = Failure(ErrorKind.UPSTREAM_TRUNCATED, "gone")
    assert restorer.restore([TextDelta(0, "x [[w:AB")]) == [TextDelta(0, "x ")]
    assert restorer.restore([failure]) == [TextDelta(0, "[[w:AB"), failure]


def test_words_come_back_in_stop_sequences_and_citations() -> None:
    restorer = WordRestorer(OF_ACME)
    raw = json.dumps({"cited_text": f"by {TOKEN}"}).encode()
    citation = Citation(cited_text=f"by {TOKEN}", title=TOKEN, native=Native(Format.MESSAGES, raw))
    response = ChatResponse(
        "a",
        "m",
        None,
        (
            Choice(
                (Text(TOKEN, (citation,)),),
                Stop(StopReason.STOP_SEQUENCE, sequence=TOKEN),
            ),
        ),
    )
    expected = json.loads(json.dumps({"cited_text": "by Acme"}))
    for restored in (
        restorer.restore_response(response),
        collect(WordRestorer(OF_ACME).restore(explode(response))),
    ):
        [choice] = restored.choices
        [part] = choice.parts
        assert isinstance(part, Text)
        assert part.text == "Acme"
        assert choice.stop.sequence == "Acme"
        [found] = part.citations
        assert (found.cited_text, found.title) == ("by Acme", "Acme")
        assert found.native is not None
        assert json.loads(found.native.raw) == expected


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        (f"{TOKEN}", False),
        (f"{TOKEN.lower()}", True),
        (f"{TOKEN[1:-1]}", True),
        ("[[ w: ABCDEFGH ]]", True),
        ("[[w:ABCDEFGH]]", True),
        ("[[w:ABC]]", True),
        ("[[wiki:page]] [w] [[w:]] [1] [[a, b]]", False),
    ],
)
def test_a_token_that_was_altered_stays_and_is_told(text: str, noted: bool) -> None:
    restored = text.replace(TOKEN, "Acme")
    for pieces in ([text], list(text), [text[:5], text[5:]]):
        restorer = WordRestorer(OF_ACME)
        events = [event for batch in stream("text", pieces) for event in restorer.restore(batch)]
        assert said(events) == restored
        codes = [(entry.code, entry.pointer) for entry in restorer.ledger.entries]
        assert codes == ([("word_not_restored", "/content/0")] if noted else [])


def test_signed_reasoning_says_which_words_were_put_back() -> None:
    parts = (Reasoning(f"of {TOKEN}", seal=SEAL), Reasoning("of ACME", seal=SEAL), Text(TOKEN))
    response = ChatResponse("a", "m", None, (Choice(parts, Stop(StopReason.END)),))
    for restored in (
        WordRestorer(OF_ACME).restore_response(response),
        collect(WordRestorer(OF_ACME).restore(explode(response))),
    ):
        first, second, _ = restored.choices[0].parts
        assert isinstance(first, Reasoning)
        assert isinstance(second, Reasoning)
        assert first.text == "of Acme"
        assert first.seal is not None
        assert unmarked(first.seal.data) == ("c2ln", frozenset({code_of(TOKEN)}))
        assert second.seal == SEAL


# --- with a codec ----------------------------------------------------------------------------


@pytest.mark.parametrize("client", Format)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_client_gets_words(client: Format, size: int) -> None:
    events: list[StreamEvent] = [
        AnswerStart("msg_1", "m"),
        PartStart(0, PartKind.REASONING),
        *(ReasoningDelta(0, char) for char in f"hm {TOKEN}"),
        PartSealed(0, SEAL),
        PartEnd(0),
        PartStart(1, PartKind.TEXT),
        *(TextDelta(1, char) for char in f"by {TOKEN}!"),
        PartEnd(1),
        PartStart(2, PartKind.TOOL_CALL, id="c1", name="f"),
        *(ToolCallDelta(2, char) for char in json.dumps({"who": TOKEN})),
        PartEnd(2),
        ChoiceStop(Stop(StopReason.TOOL_USE)),
        AnswerEnd(),
    ]
    codec = CODECS[Format.MESSAGES]
    wire = codec.stream_encoder(CONTEXT).encode(events)
    upstream = restoring(codec, WordRestorer({TOKEN: 'Ac"me'}))
    machine = Transcoder(upstream, CODECS[client], CONTEXT, EncodedRequest(b"", ""))
    out = b"".join(machine.feed(wire[at : at + size]) for at in range(0, len(wire), size))
    out += machine.eof()
    assert machine.ended
    answer = collect([*(decoder := CODECS[client].stream_decoder()).feed(out), *decoder.eof()])
    parts = answer.choices[0].parts
    assert [part.text for part in parts if isinstance(part, Text)] == ['by Ac"me!']
    [call] = [part for part in parts if isinstance(part, ToolCall)]
    assert json.loads(call.arguments) == {"who": 'Ac"me'}
    thoughts = [part.text for part in parts if isinstance(part, Reasoning)]
    assert 'hm Ac"me' in thoughts
    assert TOKEN not in out.decode()


def test_a_whole_answer_of_the_same_format_is_restored_too() -> None:
    codec = CODECS[Format.MESSAGES]
    parts = (Text(f"by {TOKEN}"), ToolCall("c1", "f", json.dumps({"who": TOKEN})))
    response = ChatResponse("msg_1", "m", None, (Choice(parts, Stop(StopReason.TOOL_USE)),))
    wire = codec.encode_response(response, CONTEXT)
    translation = Translation(EncodedRequest(b"", ""), words=OF_ACME)
    machine = answer_machine(
        restoring(codec, WordRestorer(OF_ACME)),
        codec,
        CONTEXT,
        translation,
        Peek("m", stream=False),
        {"content-type": "application/json"},
    )
    machine.feed(wire)
    content = json.loads(machine.eof())["content"]
    assert content[0]["text"] == "by Acme"
    assert content[1]["input"] == {"who": "Acme"}
