"""Envelopes: what a client can do to one, and what becomes of it."""

from __future__ import annotations

import base64
import hmac
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import ChatRequest, Format, Part, Reasoning, Role, Seal, Text, ToolCall, Turn
from aigw_core.errors import ProtocolMisuse
from aigw_core.events import (
    AnswerStart,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.ledger import Ledger
from aigw_core.sealing import AnswerSealer, Sealing
from aigw_core.seals import (
    Bind,
    Opened,
    Provenance,
    Sealer,
    SealKeys,
    bind_call,
    is_envelope,
    key_of,
    may_hold_envelope,
    text_digest,
)
from aigw_core.unsealing import unseal

KEY = b"k" * 32
SEALER = Sealer(SealKeys(KEY), "t1")
HERE = Provenance(Format.GEMINI, "m-1", "c-1")
OTHERS = [
    Provenance(Format.CHAT, "m-1", "c-1"),
    Provenance(Format.GEMINI, "m-2", "c-1"),
    Provenance(Format.GEMINI, "m-1", "c-2"),
]
CALL = bind_call("call_1", "f")
SEAL = Seal("gemini", "thought_signature", "++//AAAA", "rs_1")

seal_texts = st.one_of(
    st.binary(min_size=1).map(lambda data: base64.b64encode(data).decode()),
    st.text(min_size=1),
    st.just('[{"type":"reasoning.text","signature":"x"}]'),
    st.just("AAB="),  # base64 that is written in another way than it would be
)


def envelope(seal: Seal | None = SEAL, made: Provenance = HERE, bind: Bind = CALL) -> str:
    return SEALER.wrap(seal, made, bind).data


def opened(text: str, sealer: Sealer = SEALER) -> Opened:
    found = sealer.open(text)
    assert found is not None
    return found


@given(data=seal_texts, kind=st.text(), id=st.none() | st.text())
def test_what_is_put_in_comes_out(data: str, kind: str, id: str | None) -> None:
    seal = Seal("openrouter", kind, data, id)
    bind = Bind(PartKind.TEXT, text_digest("a"), 3, 1)
    found = opened(envelope(seal, HERE, bind))
    assert (found.seal, found.bind) == (seal, bind)


def test_an_envelope_is_base64_as_the_strictest_reader_wants_it() -> None:
    text = envelope()
    assert base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    assert base64.b64decode(text).startswith(b"AGW1")
    assert is_envelope(text)
    assert envelope() == text  # nothing of the moment is in it


def test_both_alphabets_and_missing_padding_are_read() -> None:
    seals = [Seal("gemini", "k", "\u00ff\u00fe" * size) for size in range(1, 40)]
    texts = [envelope(seal) for seal in seals]
    assert any(set("+/") & set(text) for text in texts)
    for seal, text in zip(seals, texts, strict=True):
        safe = text.translate(str.maketrans("+/", "-_"))
        for written in (safe, safe.rstrip("="), text.rstrip("=")):
            assert opened(written).seal == seal


def test_no_flipped_bit_goes_unseen() -> None:
    raw = base64.b64decode(envelope())
    for place in range(len(raw)):
        for bit in range(8):
            bent = bytearray(raw)
            bent[place] ^= 1 << bit
            assert SEALER.open(base64.b64encode(bent).decode()) is None, (place, bit)


def test_nothing_cut_off_or_added_goes_unseen() -> None:
    raw = base64.b64decode(envelope())
    for end in range(len(raw)):
        assert SEALER.open(base64.b64encode(raw[:end]).decode()) is None
    assert SEALER.open(base64.b64encode(raw + b"\x00").decode()) is None


@given(st.text() | st.text().map("QUdXMQ".__add__) | st.binary().map(
    lambda data: base64.b64encode(b"AGW1\x01" + data).decode()))  # fmt: skip
@settings(max_examples=300)
def test_no_text_raises(text: str) -> None:
    assert SEALER.open(text) is None


def test_another_tenant_opens_nothing() -> None:
    text = envelope()
    for tenant in ("", "t2", "t1 ", "t"):
        assert Sealer(SealKeys(KEY), tenant).open(text) is None


def test_tenants_are_told_apart_where_they_end() -> None:
    """The name of one is no part of what another's envelope holds."""
    long = Sealer(SealKeys(KEY), "t1" + "\x00" * 4).wrap(SEAL, HERE, CALL).data
    assert SEALER.open(long) is None


def test_keys_rotate() -> None:
    text = envelope()
    new = SealKeys(b"n" * 32, KEY)
    assert opened(text, Sealer(new, "t1")).seal == SEAL
    made = Sealer(new, "t1").wrap(SEAL, HERE, CALL).data
    assert SEALER.open(made) is None
    assert Sealer(SealKeys(b"n" * 32), "t1").open(text) is None
    assert key_of("a secret") != key_of("a Secret")
    assert "kkkk" not in repr(new)


@pytest.mark.parametrize("other", OTHERS, ids=["format", "model", "credential"])
def test_a_seal_fits_where_it_was_made(other: Provenance) -> None:
    found = opened(envelope())
    assert found.fits(HERE)
    assert not found.fits(other)
    assert found.fits(Provenance(Format.GEMINI, "m-9", "c-1"), ("m-0", "m-1"))
    assert not found.fits(other, ("m-9",))


def test_names_of_upstreams_are_not_in_the_envelope() -> None:
    raw = base64.b64decode(envelope())
    assert b"m-1" not in raw
    assert b"c-1" not in raw


def test_an_empty_seal_is_refused() -> None:
    with pytest.raises(ProtocolMisuse):
        envelope(Seal("gemini", "k", ""))


def test_a_text_binds_to_itself_and_a_call_to_its_names() -> None:
    assert text_digest("a") != text_digest("b")
    assert text_digest("\ud800") == text_digest("\ud800")
    assert bind_call("1", "f") != bind_call("1", "g") != bind_call("2", "g")
    # An identifier that one format must rename is the same call under its new name.
    assert re.fullmatch("call_[a-z2-7]{24}", renamed := _renamed("a b"))
    assert bind_call("a b", "f") == bind_call(renamed, "f")


def _renamed(id: str) -> str:
    from aigw_core.codecs.messages.response import client_call_id

    return client_call_id(id)


@pytest.mark.parametrize(
    "written", [b'"QUdXMQ=="', b'"\\u0051UdXMQ=="', b'"QUdX\\u004dQ=="', b'"QUd\\u0058\\u004DQ"']
)
def test_an_envelope_is_found_however_its_text_is_written(written: bytes) -> None:
    assert may_hold_envelope(b'{"a":%b}' % written)
    assert not may_hold_envelope(b'{"a":"\\u00e9 QUdX"}')


@given(st.text("QUdXM\\", max_size=12), st.integers(0, 200), st.text("QUdXM\\", max_size=12))
def test_an_envelope_is_found_wherever_it_stands(before: str, many: int, behind: str) -> None:
    body = f"{before}{'X' * many}{behind}".encode()
    assert may_hold_envelope(body) == (b"QUdXM" in body)


# --- answers -----------------------------------------------------------------------------


Events = list[StreamEvent]


def sealed(kind: PartKind) -> Events:
    start = PartStart(0, kind, id="call_1", name="f")
    deltas: Events = [ToolCallDelta(0, "{}")]
    if kind is PartKind.TEXT:
        deltas = [TextDelta(0, piece) for piece in "abc"]
    elif kind is PartKind.REASONING:
        deltas = [ReasoningDelta(0, piece) for piece in "abc"]
    return [AnswerStart("", ""), start, *deltas, PartSealed(0, SEAL), PartEnd(0)]


def wrap_all(batches: list[Events], *, proofs: bool = False) -> list[StreamEvent]:
    machine = AnswerSealer(Sealing(SEALER, HERE), texts=True, proofs=proofs)
    return [event for batch in batches for event in machine.wrap(batch)]


@pytest.mark.parametrize("kind", [PartKind.TEXT, PartKind.REASONING, PartKind.TOOL_CALL])
def test_batches_change_no_envelope(kind: PartKind) -> None:
    events = sealed(kind)
    whole = wrap_all([events])
    assert wrap_all([[event] for event in events]) == whole
    [seal] = [event.seal for event in whole if isinstance(event, PartSealed)]
    found = opened(seal.data)
    expected = CALL.digest if kind is PartKind.TOOL_CALL else text_digest("abc")
    assert (seal.issuer, found.seal, found.bind.digest) == ("aigw", SEAL, expected)


def test_a_long_part_is_hashed_whole() -> None:
    events: list[StreamEvent] = [AnswerStart("", ""), PartStart(0, PartKind.REASONING)]
    events += [ReasoningDelta(0, f"é{number} ") for number in range(1000)]
    events += [PartSealed(0, SEAL), PartEnd(0)]
    [seal] = [event.seal for event in wrap_all([events]) if isinstance(event, PartSealed)]
    text = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    found = opened(seal.data).bind
    assert (found.digest, found.length) == (text_digest(text), len(text))


def test_reasoning_without_a_seal_gets_an_envelope_where_it_needs_one() -> None:
    events: Events = [
        event for event in sealed(PartKind.REASONING) if not isinstance(event, PartSealed)
    ]
    assert wrap_all([events]) == events
    *_, proof, end = wrap_all([events], proofs=True)
    assert isinstance(proof, PartSealed)
    assert opened(proof.seal.data).seal is None
    assert end == PartEnd(0)


def test_events_without_seals_pass_as_they_are() -> None:
    events: list[StreamEvent] = [AnswerStart("", ""), PartStart(0, PartKind.TEXT)]
    machine = AnswerSealer(Sealing(SEALER, HERE), texts=True)
    assert machine.wrap(events) is events


# --- requests ----------------------------------------------------------------------------


def asked(*parts: Part) -> ChatRequest:
    return ChatRequest("m", (Turn(Role.ASSISTANT, parts, pointer="/messages/0"),), Format.CHAT)


def for_text(text: str, start: int = 0, kind: PartKind = PartKind.TEXT) -> Seal:
    return SEALER.wrap(SEAL, HERE, Bind(kind, text_digest(text), start, len(text)))


def taken_out(*parts: Part, target: Provenance = HERE) -> tuple[list[Part], list[str]]:
    ledger = Ledger()
    request = unseal(asked(*parts), Sealing(SEALER, target), ledger)
    return list(request.turns[0].parts), [entry.code for entry in ledger.entries if entry.reported]


def test_a_request_without_envelopes_is_not_touched() -> None:
    request = asked(Text("a"), Reasoning("b", seal=Seal("messages", "signature", "x")))
    assert unseal(request, Sealing(SEALER, HERE), Ledger()) is request


CALL_SEAL = SEALER.wrap(SEAL, HERE, CALL)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_call_gets_its_seal_from_what_carried_it(place: int) -> None:
    call, text = ToolCall("call_1", "f", "{}"), Text("a")
    parts: list[Part] = [text, call]
    parts.insert(place, Reasoning("", seal=CALL_SEAL))
    assert taken_out(*parts) == ([text, msgspec.structs.replace(call, seal=SEAL)], [])


@pytest.mark.parametrize("call", [ToolCall("call_2", "f", "{}"), ToolCall("call_1", "g", "{}")])
def test_a_seal_does_not_go_to_another_call(call: ToolCall) -> None:
    moved = msgspec.structs.replace(call, seal=CALL_SEAL)
    right = ToolCall("call_1", "f", "{}")
    assert taken_out(moved) == ([call], ["seal_moved"])
    assert taken_out(moved, right) == ([call, right], ["seal_moved"])
    assert taken_out(Reasoning("", seal=CALL_SEAL), call) == ([call], ["seal_moved"])


def test_a_seal_is_used_once() -> None:
    call = ToolCall("call_1", "f", "{}", seal=CALL_SEAL)
    good = msgspec.structs.replace(call, seal=SEAL)
    assert taken_out(call, Reasoning("", seal=CALL_SEAL)) == ([good], ["seal_moved"])


@pytest.mark.parametrize("behind", [True, False])
def test_a_text_gets_its_seal_from_what_carried_it(behind: bool) -> None:
    carrier = Reasoning("", seal=for_text("two", 3))
    parts: list[Part] = [Text("one"), Text("two"), Text("one")]
    parts.insert(2 if behind else 1, carrier)
    assert taken_out(*parts) == ([Text("one"), Text("two", seal=SEAL), Text("one")], [])


def test_joined_texts_come_apart_again() -> None:
    beside = [Text("", seal=for_text("two", 3)), Text("", seal=for_text("", 8))]
    parts, codes = taken_out(Text("onetwothree"), *beside)
    assert parts == [Text("one"), Text("two", seal=SEAL), Text("th"), Text("", seal=SEAL),
                     Text("ree")]  # fmt: skip
    assert codes == []


@pytest.mark.parametrize("kind", [PartKind.TEXT, PartKind.REASONING])
def test_pieces_of_a_stream_come_together_again(kind: PartKind) -> None:
    make = Text if kind is PartKind.TEXT else Reasoning
    pieces: list[Part] = [make("x"), make("on"), make("e"), make("", seal=for_text("one", 1, kind))]
    assert taken_out(*pieces) == ([make("x"), make("one", seal=SEAL)], [])


def test_pieces_in_turns_of_their_own_come_together_again() -> None:
    def turn(part: Part) -> Turn:
        return Turn(Role.ASSISTANT, (part,))

    seal = for_text("one", 0, PartKind.REASONING)
    call = ToolCall("1", "f", "{}")
    pieces: list[Part] = [Reasoning("on"), Reasoning("e"), Reasoning("", seal=seal), call]
    request = ChatRequest("m", tuple(turn(part) for part in pieces), Format.GEMINI)
    [whole] = unseal(request, Sealing(SEALER, HERE), Ledger()).turns
    assert whole.parts == (Reasoning("one", seal=SEAL), call)


@pytest.mark.parametrize("kind", [PartKind.TEXT, PartKind.REASONING])
@pytest.mark.parametrize("text", ["", "on", "One", " one"])
def test_an_edited_text_loses_its_seal_and_stays(kind: PartKind, text: str) -> None:
    make = Text if kind is PartKind.TEXT else Reasoning
    expected: list[Part] = [make(text)] if text else []
    part: Part = make(text, seal=for_text("one", 0, kind))
    assert taken_out(part) == (expected, ["seal_moved"])


def test_what_a_client_adds_stays_apart_from_what_was_sealed() -> None:
    thought = Reasoning("one more", seal=for_text("one", 0, PartKind.REASONING))
    assert taken_out(thought) == ([Reasoning("one", seal=SEAL), Reasoning(" more")], [])


def test_an_unknown_envelope_leaves_unsigned_reasoning() -> None:
    wrong = Seal("messages", "signature", "QUdXMQ" + "A" * 80)
    assert taken_out(Reasoning("a", seal=wrong)) == ([Reasoning("a")], ["seal_invalid"])
    assert taken_out(Text("a", seal=wrong)) == ([Text("a")], ["seal_invalid"])
    own = Seal("aigw", "encrypted", "no envelope")
    assert taken_out(Reasoning("a", seal=own)) == ([Reasoning("a")], ["seal_invalid"])
    request = unseal(asked(Reasoning("a", seal=CALL_SEAL)), None, ledger := Ledger())
    assert request.turns[0].parts == (Reasoning("a"),)
    assert [entry.code for entry in ledger.entries] == ["seal_invalid"]


@pytest.mark.parametrize("other", OTHERS, ids=["format", "model", "credential"])
def test_a_seal_of_another_upstream_stays_closed(other: Provenance) -> None:
    thought = Reasoning("a", seal=for_text("a", 0, PartKind.REASONING))
    [kept], codes = taken_out(thought, target=other)
    assert isinstance(kept, Reasoning)
    assert kept.seal == Seal("aigw", "encrypted", thought.seal.data if thought.seal else "")
    assert codes == ["seal_foreign"]
    call = ToolCall("call_1", "f", "{}")
    assert taken_out(Reasoning("", seal=CALL_SEAL), call, target=other) == (
        [call],
        ["seal_foreign"],
    )


def test_unsigned_reasoning_is_no_loss() -> None:
    proof = SEALER.wrap(None, HERE, Bind(PartKind.REASONING, text_digest("a"), 0, 1))
    for target in (HERE, *OTHERS):
        [kept], codes = taken_out(Reasoning("a", seal=proof), target=target)
        assert isinstance(kept, Reasoning)
        assert (kept.text, codes) == ("a", [])
        assert kept.seal is not None
        assert kept.seal.issuer == "aigw"
    assert taken_out(Reasoning("b", seal=proof)) == ([Reasoning("b")], [])


def test_a_check_that_nobody_looks_at_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: True)
    with pytest.raises(AssertionError):
        test_no_flipped_bit_goes_unseen()
    with pytest.raises(AssertionError):
        test_another_tenant_opens_nothing()
