"""Every codec, and every pair of codecs, against the laws of ``tests/laws.py``.

A codec is tested here by being in ``CODECS``. ``AIGW_DEEP=1`` runs forty times
as many examples.
"""

from __future__ import annotations

import contextlib
import json
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigw_core.chat import Format, Stop, StopReason
from aigw_core.codec import Caps, Codec, EncodedRequest
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest, UpstreamError
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartStart,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.translate import Transcoder
from tests import laws, laws_bounds, laws_documents
from tests.compare import same_answer
from tests.corpus import DEEP
from tests.mutate import CONFUSIONS, confusions, deep_list
from tests.oracles import ORACLES
from tests.seeds import SEEDS, wire_event
from tests.streams import (
    CONTEXT,
    batches,
    encode_all,
    event_streams,
    splits,
    texts,
    visible_texts,
    wire_streams,
)

PAIRS = list(product(CODECS.values(), repeat=2))


def examples(count: int) -> settings:
    return settings(
        max_examples=count * (40 if DEEP else 1),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


each_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.format)
each_pair = pytest.mark.parametrize(
    ("upstream", "client"), PAIRS, ids=[f"{a.format}-{b.format}" for a, b in PAIRS]
)


def test_the_table_of_codecs_is_keyed_by_format() -> None:
    assert CODECS
    assert all(codec.format is name for name, codec in CODECS.items())


# --- P1: splits ---------------------------------------------------------------


@each_codec
@examples(40)
@given(data=st.data())
def test_any_split_gives_the_same_events(codec: Codec, data: st.DataObject) -> None:
    stream = data.draw(wire_streams(codec))
    laws.reads_change_nothing(
        lambda reads: laws.feed_all(codec.stream_decoder(), reads), data.draw(splits(stream))
    )


@each_pair
@examples(15)
@given(data=st.data())
def test_any_split_gives_the_client_the_same_bytes(
    upstream: Codec, client: Codec, data: st.DataObject
) -> None:
    stream = data.draw(wire_streams(upstream))
    laws.reads_change_nothing(
        lambda reads: laws.translate(upstream, client, reads), data.draw(splits(stream))
    )


@each_pair
def test_every_two_split_of_the_seed_gives_the_client_the_same_bytes(
    upstream: Codec, client: Codec
) -> None:
    stream = SEEDS[upstream.format].wire()
    cuts = range(len(stream) + 1) if DEEP else laws.border_cuts(stream, 2)
    laws.split_changes_nothing(lambda reads: laws.translate(upstream, client, reads), stream, cuts)
    laws.reads_change_nothing(
        lambda reads: laws.translate(upstream, client, reads),
        [stream[at : at + 1] for at in range(len(stream))],
    )


@each_codec
def test_any_line_end_gives_the_same_events(codec: Codec) -> None:
    stream = SEEDS[codec.format].wire()
    expected = laws.feed_all(codec.stream_decoder(), [stream])
    for end in (b"\r\n", b"\r"):
        other = stream.replace(b"\n", end)
        assert laws.feed_all(codec.stream_decoder(), [other]) == expected
        cuts = range(len(other) + 1) if DEEP else laws.border_cuts(other, 2)
        laws.split_changes_nothing(
            lambda reads: laws.feed_all(codec.stream_decoder(), reads), other, cuts
        )


@each_codec
@examples(40)
@given(data=st.data())
def test_batches_of_events_change_no_byte(codec: Codec, data: st.DataObject) -> None:
    events = data.draw(
        event_streams(interleaved=True, sealed=True, failing=data.draw(st.booleans()))
    )
    encoder = codec.stream_encoder(CONTEXT)
    output = b"".join(encoder.encode(batch) for batch in data.draw(batches(events)))
    assert output == encode_all(codec, events)


@each_pair
def test_what_is_no_utf8_never_reaches_a_client(upstream: Codec, client: Codec) -> None:
    """At the end of every string of the seeds, keys included; a decoder may not look into all."""
    stream = SEEDS[upstream.format].wire()
    places = [at for at, byte in enumerate(stream) if byte == ord('"')]
    for at in places if DEEP else places[upstream.format.value < client.format.value :: 5]:
        damaged = stream[:at] + b"\xff" + stream[at:]
        laws.translate(upstream, client, [damaged]).decode()
    answer = json.dumps(SEEDS[upstream.format].answer).encode()
    for at in (at for at, byte in enumerate(answer) if byte == ord('"')):
        damaged = answer[:at] + b"\xff" + answer[at:]
        response = laws_documents.raises_only(
            UpstreamError,
            lambda body=damaged: upstream.decode_response(body),  # type: ignore[misc]
        )
        if response is not None:
            client.encode_response(response, CONTEXT).decode()


# --- P3, P6: a legal stream for any input -------------------------------------


@each_pair
@examples(25)
@given(data=st.data())
def test_the_client_stream_is_legal_whatever_the_upstream_sent(
    upstream: Codec, client: Codec, data: st.DataObject
) -> None:
    reads = data.draw(splits(data.draw(wire_streams(upstream))))
    laws.client_stream_is_legal(upstream, client, reads)


@each_pair
@examples(10)
@given(junk=st.binary(max_size=60) | st.lists(texts).map("".join).map(str.encode))
def test_the_client_stream_is_legal_for_garbage(
    upstream: Codec, client: Codec, junk: bytes
) -> None:
    grammar = laws.client_stream_is_legal(upstream, client, [junk])
    assert grammar.failed


@each_codec
@examples(60)
@given(events=event_streams(interleaved=True, sealed=True))
def test_every_legal_event_stream_is_written_legally(
    codec: Codec, events: list[StreamEvent]
) -> None:
    assert laws.check_ended(codec, encode_all(codec, events)).complete


ALL_KINDS = (PartKind.TEXT, PartKind.REASONING, PartKind.TOOL_CALL, PartKind.REFUSAL)


@each_codec
@examples(60)
@given(events=event_streams(interleaved=True, failing=True, kinds=ALL_KINDS))
def test_every_failure_is_written_legally(codec: Codec, events: list[StreamEvent]) -> None:
    assert laws.check_ended(codec, encode_all(codec, events)).failed


@each_codec
@examples(30)
@given(events=event_streams(), data=st.data())
def test_a_keepalive_is_legal_anywhere_and_changes_nothing(
    codec: Codec, events: list[StreamEvent], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(events) - 1))
    encoder = codec.stream_encoder(CONTEXT)
    output = encoder.encode(events[:at]) + encoder.keepalive() + encoder.encode(events[at:])
    assert laws.check_ended(codec, output).complete
    oracle = ORACLES[codec.format]
    assert oracle.read_stream(output) == oracle.read_stream(encode_all(codec, events))


def _text_stream(pieces: list[str]) -> list[StreamEvent]:
    return [
        AnswerStart("up_1", "m"),
        PartStart(0, PartKind.TEXT),
        *[TextDelta(0, piece) for piece in pieces],
        PartEnd(0),
        ChoiceStop(Stop(StopReason.END)),
        AnswerEnd(),
    ]


@each_codec
@examples(60)
@given(pieces=st.lists(visible_texts, min_size=1, max_size=4))
def test_text_is_never_taken_for_structure(codec: Codec, pieces: list[str]) -> None:
    laws.text_makes_no_events(codec, _text_stream(["x"] * len(pieces)), _text_stream(pieces))


# --- P4: conservation ---------------------------------------------------------


@each_codec
@examples(60)
@given(events=event_streams(texts=visible_texts, interleaved=True, sealed=True))
def test_the_sdk_sees_what_the_events_say(codec: Codec, events: list[StreamEvent]) -> None:
    laws.conserves_events(codec, events, encode_all(codec, events))


@each_codec
@examples(30)
@given(events=event_streams(texts=visible_texts, kinds=(PartKind.REFUSAL,), max_parts=1))
def test_the_sdk_sees_a_refusal(codec: Codec, events: list[StreamEvent]) -> None:
    record = ORACLES[codec.format].read_stream(encode_all(codec, events))
    expected = "".join(getattr(event, "text", "") for event in events)
    assert record.refusal + record.text == expected


@each_pair
@examples(15)
@given(data=st.data())
def test_a_translation_says_what_the_upstream_said(
    upstream: Codec, client: Codec, data: st.DataObject
) -> None:
    events = data.draw(event_streams(texts=visible_texts))
    sent = encode_all(upstream, events)
    output = laws.translate(upstream, client, [sent])
    faults = same_answer(
        ORACLES[upstream.format].read_stream(sent),
        ORACLES[client.format].read_stream(output),
        client.format,
    )
    assert not faults, faults
    laws_bounds.output_is_bounded(sent, output, client)


@each_pair
def test_the_seed_stream_says_the_same_in_every_format(upstream: Codec, client: Codec) -> None:
    sent = SEEDS[upstream.format].wire()
    output = laws.translate(upstream, client, [sent])
    assert laws.check_ended(client, output).complete
    faults = same_answer(
        ORACLES[upstream.format].read_stream(sent),
        ORACLES[client.format].read_stream(output),
        client.format,
    )
    assert not faults, faults


@each_pair
def test_the_seed_answer_says_the_same_in_every_format(upstream: Codec, client: Codec) -> None:
    body = json.dumps(SEEDS[upstream.format].answer).encode()
    written = client.encode_response(upstream.decode_response(body), CONTEXT)
    faults = same_answer(
        ORACLES[upstream.format].read_body(200, body),
        ORACLES[client.format].read_body(200, written),
        client.format,
    )
    assert not faults, faults


@each_codec
@examples(40)
@given(events=event_streams(texts=visible_texts))
def test_the_whole_answer_says_what_its_stream_says(
    codec: Codec, events: list[StreamEvent]
) -> None:
    laws_documents.whole_equals_stream(codec, events)


@each_pair
@examples(10)
@given(data=st.data())
def test_the_transcoder_is_decode_then_encode(
    upstream: Codec, client: Codec, data: st.DataObject
) -> None:
    reads = data.draw(splits(data.draw(wire_streams(upstream))))
    machine = Transcoder(upstream, client, CONTEXT, EncodedRequest(b"", "/"))
    output = b"".join(machine.feed(read) for read in reads) + machine.eof()
    if machine.failure is not None:
        output += machine.fail(machine.failure)
    assert machine.ended != (machine.failure is not None)
    assert output == laws.translate(upstream, client, reads)


# --- P5: unicode --------------------------------------------------------------

half_texts = st.lists(
    st.sampled_from((laws.HIGH, laws.LOW, laws.HIGH + laws.LOW, "a", "é", "\u2028", "\x00", "😀")),
    min_size=1,
    max_size=6,
).map("".join)


@each_pair
@examples(12)
@given(data=st.data())
def test_lone_surrogates_are_joined_or_replaced(
    upstream: Codec, client: Codec, data: st.DataObject
) -> None:
    text = data.draw(half_texts)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3).map(sorted))
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges) if text[a:b]]
    events = _text_stream(["x", *pieces, "y"])
    sent = laws.with_halves(encode_all(upstream, events))
    laws.text_survives(upstream, client, events, data.draw(splits(sent)))


@each_pair
@examples(15)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_text_survives(upstream: Codec, client: Codec, text: str) -> None:
    events = _text_stream(["x", text, "y"])
    laws.text_survives(upstream, client, events, [encode_all(upstream, events)])


# --- P7: round trips ----------------------------------------------------------


@each_codec
def test_the_seed_request_round_trips(codec: Codec) -> None:
    laws_documents.request_round_trips(codec, SEEDS[codec.format].inbound())


@each_codec
def test_a_seed_request_without_any_one_field_settles_or_is_refused(codec: Codec) -> None:
    seed = SEEDS[codec.format]
    read = 0
    for document in confusions(seed.request, values=()):
        with contextlib.suppress(InvalidRequest):
            # A field that should be there may be filled in once, and then stays.
            request = codec.decode_request(seed.inbound(document))
            laws_documents.request_round_trips(codec, laws_documents.reencode(codec, request))
            read += 1
    assert read > 20


@each_codec
def test_the_seed_answer_round_trips(codec: Codec) -> None:
    laws_documents.response_round_trips(codec, json.dumps(SEEDS[codec.format].answer).encode())


@each_codec
@examples(60)
@given(events=event_streams(interleaved=True))
def test_what_an_encoder_writes_its_decoder_reads(codec: Codec, events: list[StreamEvent]) -> None:
    laws_documents.stream_round_trips(codec, events)


# --- P9: prefixes -------------------------------------------------------------


@each_pair
def test_no_prefix_of_the_seed_passes_for_an_answer(upstream: Codec, client: Codec) -> None:
    sent = SEEDS[upstream.format].wire()
    whole = ORACLES[client.format].read_stream(laws.translate(upstream, client, [sent]))
    cuts = range(len(sent)) if DEEP else laws.border_cuts(sent, 1)
    ends = [
        laws.prefix_is_safe(upstream, client, sent, cut, whole, ask_sdk=DEEP or number % 5 == 0)
        for number, cut in enumerate(cuts)
    ]
    # Success, once there, stays.
    assert ends == sorted(ends)


# --- P10: only declared errors ------------------------------------------------

FEW: tuple[Any, ...] = (None, [], {}, "", -1, 1 << 64, [None])


@each_codec
def test_no_confused_request_raises_what_is_not_declared(codec: Codec) -> None:
    seed = SEEDS[codec.format]
    count = 0
    for document in confusions(seed.request, CONFUSIONS if DEEP else FEW):
        laws_documents.request_errors_are_declared(codec, CODECS.values(), seed.inbound(document))
        count += 1
    assert count > 500


@each_codec
@examples(50)
@given(body=st.binary(max_size=40) | texts.map(str.encode))
def test_no_bytes_as_a_request_raise_what_is_not_declared(codec: Codec, body: bytes) -> None:
    laws_documents.request_errors_are_declared(codec, (), SEEDS[codec.format].inbound_of(body))


@each_codec
def test_no_confused_answer_raises_what_is_not_declared(codec: Codec) -> None:
    for document in confusions(SEEDS[codec.format].answer, CONFUSIONS if DEEP else FEW):
        body = json.dumps(document).encode()
        laws_documents.answer_errors_are_declared(codec, CODECS.values(), body)


HOSTILE_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"<html><body>Bad gateway</body></html>",
    b'{"detail":"no"}',
    b'{"error":"no"}',
    b'{"error":{"message":{"x":1}}}',
    b'[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]',
    b'{"object":"error","message":"x","code":400}',
    b'{"error":{"message":"\\ud83d"}}',
    b'{"error":{"code":1e999}}',
    deep_list(),
    b"x" * 200_000,
)


@each_codec
@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=lambda body: repr(body[:20]))
def test_hostile_bodies(codec: Codec, body: bytes) -> None:
    laws_documents.answer_errors_are_declared(codec, CODECS.values(), body)
    laws_documents.request_errors_are_declared(codec, (), SEEDS[codec.format].inbound_of(body))
    for status in (400, 401, 429, 500, 529, 200, 99):
        laws_documents.error_bodies_are_read(codec, CODECS.values(), status, body)


@each_codec
def test_no_confused_error_stops_an_error_from_being_shown(codec: Codec) -> None:
    for document in confusions(SEEDS[codec.format].error):
        body = json.dumps(document).encode()
        laws_documents.error_bodies_are_read(codec, CODECS.values(), 400, body)


@each_codec
def test_no_confused_event_raises_or_breaks_the_stream(codec: Codec) -> None:
    events = SEEDS[codec.format].stream
    for number, (name, data) in enumerate(events):
        if isinstance(data, str):
            continue
        before = b"".join(wire_event(*event) for event in events[:number])
        after = b"".join(wire_event(*event) for event in events[number + 1 :])
        for document in confusions(data, CONFUSIONS if DEEP else FEW):
            # 1 << 64 is no number to msgspec, but it is one to the wire.
            changed = wire_event(name, json.dumps(document))
            got = laws.feed_all(codec.stream_decoder(), [before + changed + after])
            laws.check_events(got)
            for client in CODECS.values():
                output = encode_all(client, got)
                # To a client of its own format an upstream's nonsense goes as it is.
                if client is not codec:
                    laws.check_ended(client, output)


@each_codec
def test_no_confused_event_stops_the_relay(codec: Codec) -> None:
    seed = SEEDS[codec.format]
    for number, (name, data) in enumerate(seed.stream):
        if isinstance(data, str):
            continue
        before = seed.wire(seed.stream[:number])
        after = seed.wire(seed.stream[number + 1 :])
        for document in confusions(data, FEW):
            sent = before + wire_event(name, json.dumps(document)) + after
            output, _ = laws.relay_reads(codec, seed.inbound(), [sent])
            halves, _ = laws.relay_reads(codec, seed.inbound(), [sent[:70], sent[70:]])
            assert output == halves


# --- relays -------------------------------------------------------------------


@each_codec
def test_the_relay_passes_the_seed_on_and_reads_its_usage(codec: Codec) -> None:
    seed = SEEDS[codec.format]
    sent = seed.wire()
    for reads in ([sent], [sent[at : at + 1] for at in range(len(sent))]):
        output, tap = laws.relay_reads(codec, seed.inbound(), reads)
        assert output == sent
        assert tap.terminal
        assert tap.content
        assert tap.failure is None
        assert (tap.usage.input_total, tap.usage.output_total) == (100, 50)
        assert (tap.usage.cache_read, tap.usage.reasoning) == (40, 20)


@each_codec
@examples(40)
@given(data=st.data())
def test_any_split_relays_the_same_bytes(codec: Codec, data: st.DataObject) -> None:
    inbound = SEEDS[codec.format].inbound()
    reads = data.draw(splits(data.draw(wire_streams(codec))))
    laws.reads_change_nothing(lambda parts: laws.relay_reads(codec, inbound, parts)[0], reads)


@each_codec
def test_a_number_beyond_all_bounds_anywhere_is_passed_on_or_refused(codec: Codec) -> None:
    seed = SEEDS[codec.format]
    for document in confusions(seed.request, ["a large number"]):
        body = json.dumps(document).replace('"a large number"', "2e308").encode()
        laws_documents.request_errors_are_declared(codec, CODECS.values(), seed.inbound_of(body))


@each_codec
def test_a_relayed_request_is_the_clients_own(codec: Codec) -> None:
    inbound = SEEDS[codec.format].inbound()
    model = codec.peek(inbound).model
    assert codec.relay_request(inbound, model, Caps()).body == inbound.body
    renamed = json.loads(codec.relay_request(inbound, "other", Caps()).body)
    original = json.loads(inbound.body)
    if codec.format is not Format.GEMINI:
        assert renamed.pop("model") == "other"
        assert original.pop("model") == model
    assert renamed == original


# --- P11: bounds --------------------------------------------------------------


@each_codec
def test_a_decoder_holds_no_text_that_it_has_passed_on(codec: Codec) -> None:
    opening = encode_all(codec, _text_stream(["x"])[:2])
    encoder = codec.stream_encoder(CONTEXT)
    encoder.encode(_text_stream(["x"])[:2])
    reads = [opening]
    reads += [encoder.encode([TextDelta(0, f"{number:0200d}")]) for number in range(1000)]
    received = sum(map(len, reads))
    assert received > 200_000
    laws_bounds.holds_at_most(65536, codec.stream_decoder(), reads)


@each_codec
def test_an_event_without_end_is_held_once_and_not_copied(codec: Codec) -> None:
    reads = [b"data: ", *[b"%01024d" % number for number in range(1024)]]
    laws_bounds.work_is_linear(codec.stream_decoder(), reads, allowance=65536)
    decoder = codec.stream_decoder()
    laws_bounds.holds_at_most((1 << 20) + 65536, decoder, reads[:200])


@each_codec
def test_arguments_in_many_pieces_are_not_copied_again_and_again(codec: Codec) -> None:
    piece = "x" * 1024
    call = PartStart(0, PartKind.TOOL_CALL, id="call_1", name="f")
    start: list[StreamEvent] = [AnswerStart("up_1", "m"), call, ToolCallDelta(0, '{"a":"')]
    encoder = codec.stream_encoder(CONTEXT)
    encoder.encode(start)

    class Encoding:
        def feed(self, data: bytes) -> None:
            encoder.encode([ToolCallDelta(0, data.decode())])

    laws_bounds.work_is_linear(Encoding(), [piece.encode()] * 1024, allowance=65536)


@each_codec
def test_what_a_client_gets_is_in_proportion(codec: Codec) -> None:
    events = _text_stream(["x" * 300] * 300)
    for upstream in CODECS.values():
        sent = encode_all(upstream, events)
        laws_bounds.output_is_bounded(sent, laws.translate(upstream, codec, [sent]), codec)
