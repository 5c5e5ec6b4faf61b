"""Each law, shown a codec with a fault planted in it, objects.

A law that nothing can break says nothing. The faults are wrappers around a
working codec, one for each law; the codec itself passes (see ``test_laws``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from aigw_core.chat import ChatRequest, ChatResponse, Format, Stop, StopReason, Usage
from aigw_core.codec import AnswerContext, Codec, Inbound, StreamDecoder, StreamEncoder
from aigw_core.codecs import CODECS
from aigw_core.errors import Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartStart,
    StreamEvent,
    TextDelta,
    UsageReport,
)
from aigw_core.grammar import GrammarViolation
from aigw_core.sse import SseDecoder, SseEvent, SseOverflow
from tests import laws, laws_bounds, laws_documents
from tests.compare import same_answer
from tests.oracles import ORACLES
from tests.oracles.record import Record
from tests.seeds import SEEDS
from tests.streams import encode_all

CODEC = CODECS[Format.CHAT]
STREAM = SEEDS[Format.CHAT].wire()
BROKEN = (laws.LawBroken, GrammarViolation)

Change = Callable[[list[StreamEvent]], list[StreamEvent]]


class Decoding:
    """A decoder whose events are changed, batch by batch."""

    def __init__(self, change: Change, at_eof: Change | None = None) -> None:
        self._decoder = CODEC.stream_decoder()
        self._change = change
        self._at_eof = at_eof or change

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self._change(self._decoder.feed(data))

    def eof(self) -> list[StreamEvent]:
        return self._at_eof(self._decoder.eof())


class Encoding:
    """An encoder whose bytes are changed, batch by batch."""

    def __init__(self, context: AnswerContext, change: Callable[[bytes], bytes]) -> None:
        self._encoder = CODEC.stream_encoder(context)
        self._change = change

    def encode(self, events: list[StreamEvent]) -> bytes:
        return self._change(self._encoder.encode(events))

    def keepalive(self) -> bytes:
        return self._encoder.keepalive()


def decoding(change: Change, at_eof: Change | None = None) -> Codec:
    def decoder() -> StreamDecoder:
        return Decoding(change, at_eof)

    return msgspec.structs.replace(CODEC, stream_decoder=decoder)


def encoding(change: Callable[[bytes], bytes]) -> Codec:
    def encoder(context: AnswerContext) -> StreamEncoder:
        return Encoding(context, change)

    return msgspec.structs.replace(CODEC, stream_encoder=encoder)


def text_stream(*pieces: str) -> list[StreamEvent]:
    return [
        AnswerStart("up_1", "m"),
        PartStart(0, PartKind.TEXT),
        *[TextDelta(0, piece) for piece in pieces],
        PartEnd(0),
        ChoiceStop(Stop(StopReason.END)),
        AnswerEnd(),
    ]


def test_p1_a_delta_lost_at_the_end_of_a_read() -> None:
    def lossy(events: list[StreamEvent]) -> list[StreamEvent]:
        return events[:-1] if events and isinstance(events[-1], TextDelta) else events

    broken = decoding(lossy)
    with pytest.raises(BROKEN):
        laws.split_changes_nothing(
            lambda reads: laws.feed_all(broken.stream_decoder(), reads),
            STREAM,
            laws.border_cuts(STREAM),
        )
    with pytest.raises(BROKEN):
        laws.reads_change_nothing(
            lambda reads: laws.translate(broken, CODEC, reads),
            [STREAM[:at] if at == 0 else STREAM[at - 50 : at] for at in range(0, len(STREAM), 50)],
        )


def test_p2_a_reader_that_loses_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lossy(SseDecoder):
        def feed(self, data: bytes) -> list[SseEvent | SseOverflow]:
            return [event for event in super().feed(data) if event != SseEvent(b"", b"lost")]

    monkeypatch.setattr(laws, "SseDecoder", Lossy)
    laws.reader_agrees_with_standard([b"data: x\n\n"])
    with pytest.raises(BROKEN):
        laws.reader_agrees_with_standard([b"data: lost\n\n"])


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"index":0', b'"index":1'),
        lambda data: data.replace(b"data: [DONE]\n\n", b""),
        lambda data: data.replace(b"data: [DONE]\n\n", b"data: [DONE]\n\n" * 2),
        lambda data: data.replace(b"\n\n", b"\r\n\r\n"),
        lambda data: data + b"data: \n\n" if data else data,
    ],
)
def test_p3_a_stream_that_is_not_legal(change: Callable[[bytes], bytes]) -> None:
    laws.client_stream_is_legal(CODEC, CODEC, [STREAM])
    with pytest.raises(BROKEN):
        laws.client_stream_is_legal(CODEC, encoding(change), [STREAM])


def test_p3_an_error_with_an_end_after_it() -> None:
    half = STREAM[: len(STREAM) // 2]
    assert laws.client_stream_is_legal(CODEC, CODEC, [half]).failed
    broken = encoding(lambda data: data + b"data: [DONE]\n\n" if b'"error"' in data else data)
    with pytest.raises(BROKEN):
        laws.client_stream_is_legal(CODEC, broken, [half])


def test_p3_events_out_of_order() -> None:
    broken = decoding(lambda events: [e for e in events if not isinstance(e, PartEnd)])
    with pytest.raises(Exception, match="open parts"):
        laws.client_stream_is_legal(broken, CODEC, [STREAM])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"content":"x"', b'"content":"y"'),
        (b'"finish_reason":"stop"', b'"finish_reason":"length"'),
    ],
)
def test_p4_an_answer_that_says_something_else(old: bytes, new: bytes) -> None:
    events = text_stream("x")
    output = encode_all(CODEC, events)
    assert old in output
    laws.conserves_events(CODEC, events, output)
    with pytest.raises(BROKEN):
        laws.conserves_events(CODEC, events, output.replace(old, new))


@pytest.mark.parametrize(
    "change",
    [
        lambda r: msgspec.structs.replace(r, text=r.text + "x"),
        lambda r: msgspec.structs.replace(r, reasoning=""),
        lambda r: msgspec.structs.replace(r, refusal="no"),
        lambda r: msgspec.structs.replace(r, stop="max_tokens"),
        lambda r: msgspec.structs.replace(r, calls=r.calls[:1]),
        lambda r: msgspec.structs.replace(r, calls=r.calls[::-1]),
        lambda r: msgspec.structs.replace(
            r, calls=tuple(msgspec.structs.replace(c, arguments="{}") for c in r.calls)
        ),
        lambda r: msgspec.structs.replace(
            r, calls=tuple(msgspec.structs.replace(c, id="other") for c in r.calls)
        ),
        lambda r: msgspec.structs.replace(
            r, usage=msgspec.structs.replace(r.usage, output=r.usage.output + 1)
        ),
        lambda r: msgspec.structs.replace(r, usage=msgspec.structs.replace(r.usage, cached=None)),
    ],
)
def test_p4_every_field_of_an_answer_is_compared(
    change: Callable[[Record], Record],
) -> None:
    record = ORACLES[Format.CHAT].read_stream(STREAM)
    for name in Format:
        assert same_answer(record, record, name) == []
    assert same_answer(record, change(record), Format.CHAT)


def test_p5_half_a_character_that_gets_lost() -> None:
    events = text_stream("a" + laws.HIGH, laws.LOW + "b")
    sent = laws.with_halves(encode_all(CODEC, events))
    laws.text_survives(CODEC, CODEC, events, [sent])

    def lossy(events: list[StreamEvent]) -> list[StreamEvent]:
        return [
            msgspec.structs.replace(event, text=event.text.replace("😀", "?"))
            if isinstance(event, TextDelta)
            else event
            for event in events
        ]

    with pytest.raises(BROKEN):
        laws.text_survives(decoding(lossy), CODEC, events, [sent])


def test_p5_a_half_that_stays_a_mark() -> None:
    sent = encode_all(CODEC, text_stream("a"))
    laws.halves_leave_no_marks(CODEC, CODEC, [sent])

    def marked(events: list[StreamEvent]) -> list[StreamEvent]:
        return [
            msgspec.structs.replace(event, text="\U0010f83d")
            if isinstance(event, TextDelta)
            else event
            for event in events
        ]

    with pytest.raises(BROKEN):
        laws.halves_leave_no_marks(decoding(marked), CODEC, [sent])


def test_p6_text_that_ends_an_event() -> None:
    broken = encoding(lambda data: data.replace(b"\\n", b"\n"))
    laws.text_makes_no_events(CODEC, text_stream("x"), text_stream("a\n\ndata: {}\n\n"))
    with pytest.raises(BROKEN):
        laws.text_makes_no_events(broken, text_stream("x"), text_stream("a\n\ndata: {}\n\n"))


def test_p7_a_request_field_that_is_not_written_back() -> None:
    def forgetful(request: ChatRequest, *args: Any) -> Any:
        return CODEC.encode_request(msgspec.structs.replace(request, stop=()), *args)

    broken = msgspec.structs.replace(CODEC, encode_request=forgetful)
    inbound = SEEDS[Format.CHAT].inbound()
    laws_documents.request_round_trips(CODEC, inbound)
    with pytest.raises(BROKEN):
        laws_documents.request_round_trips(broken, inbound)


def test_p7_an_answer_field_that_is_not_written_back() -> None:
    def forgetful(response: ChatResponse, context: AnswerContext) -> bytes:
        return CODEC.encode_response(msgspec.structs.replace(response, usage=Usage()), context)

    broken = msgspec.structs.replace(CODEC, encode_response=forgetful)
    body = json.dumps(SEEDS[Format.CHAT].answer).encode()
    laws_documents.response_round_trips(CODEC, body)
    with pytest.raises(BROKEN):
        laws_documents.response_round_trips(broken, body)


def test_p7_a_stream_that_grows_each_time() -> None:
    def growing(events: list[StreamEvent]) -> list[StreamEvent]:
        return [
            msgspec.structs.replace(event, text=event.text + "!")
            if isinstance(event, TextDelta)
            else event
            for event in events
        ]

    laws_documents.stream_round_trips(CODEC, text_stream("x"))
    with pytest.raises(BROKEN):
        laws_documents.stream_round_trips(decoding(growing), text_stream("x"))


def test_p7_a_whole_answer_that_says_less_than_its_stream() -> None:
    def short(response: ChatResponse, context: AnswerContext) -> bytes:
        return CODEC.encode_response(response, context).replace(b"xyz", b"xy")

    laws_documents.whole_equals_stream(CODEC, text_stream("xyz"))
    with pytest.raises(BROKEN):
        laws_documents.whole_equals_stream(
            msgspec.structs.replace(CODEC, encode_response=short), text_stream("xyz")
        )


def _never_fails(events: list[StreamEvent]) -> list[StreamEvent]:
    return [event for event in events if not isinstance(event, Failure)]


def test_p9_a_break_that_looks_like_an_end() -> None:
    whole = ORACLES[Format.CHAT].read_stream(STREAM)
    # After the second piece of text: parts are open, nothing has stopped.
    cut = STREAM.index(b"look.") + 20
    assert not laws.prefix_is_safe(CODEC, CODEC, STREAM, cut, whole, ask_sdk=True)

    def closing(events: list[StreamEvent]) -> list[StreamEvent]:
        return [PartEnd(1), ChoiceStop(Stop(StopReason.END)), AnswerEnd()] if events else []

    with pytest.raises(BROKEN):
        laws.prefix_is_safe(
            decoding(_never_fails, closing), CODEC, STREAM, cut, whole, ask_sdk=True
        )
    with pytest.raises(BROKEN):
        laws.prefix_is_safe(
            decoding(_never_fails, _never_fails), CODEC, STREAM, cut, whole, ask_sdk=True
        )


def test_p10_an_error_that_is_not_declared() -> None:
    def careless(inbound: Inbound) -> ChatRequest:
        return CODEC.decode_request(Inbound(json.dumps(json.loads(inbound.body)).encode()))

    broken = msgspec.structs.replace(CODEC, decode_request=careless)
    laws_documents.request_errors_are_declared(CODEC, (), Inbound(b"{"))
    with pytest.raises(BROKEN):
        laws_documents.request_errors_are_declared(broken, (), Inbound(b"{"))

    def untyped(body: bytes) -> ChatResponse:
        return CODEC.decode_response(json.dumps(json.loads(body)).encode())

    broken = msgspec.structs.replace(CODEC, decode_response=untyped)
    laws_documents.answer_errors_are_declared(CODEC, (), b"{")
    with pytest.raises(BROKEN):
        laws_documents.answer_errors_are_declared(broken, (), b"{")

    def indexed(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        return CODEC.decode_error(status, headers, json.loads(body)["error"]["message"].encode())

    broken = msgspec.structs.replace(CODEC, decode_error=indexed)
    laws_documents.error_bodies_are_read(CODEC, (), 400, b"<html>")
    with pytest.raises(BROKEN):
        laws_documents.error_bodies_are_read(broken, (), 400, b"<html>")


def test_p11_a_decoder_that_keeps_everything() -> None:
    class Hoarding(Decoding):
        def __init__(self) -> None:
            super().__init__(lambda events: events)
            self.all: list[bytes] = []

        def feed(self, data: bytes) -> list[StreamEvent]:
            self.all.append(data)
            return super().feed(data)

    reads = [b": %01000d\n\n" % number for number in range(100)]
    laws_bounds.holds_at_most(65536, CODEC.stream_decoder(), reads)
    with pytest.raises(BROKEN):
        laws_bounds.holds_at_most(65536, Hoarding(), reads)


def test_p11_a_decoder_that_joins_at_every_read() -> None:
    class Joining:
        def __init__(self) -> None:
            self.tail = b""

        def feed(self, data: bytes) -> None:
            self.tail = self.tail + data

    reads = [b"%01024d" % number for number in range(256)]
    laws_bounds.work_is_linear(CODEC.stream_decoder(), reads, allowance=65536)
    with pytest.raises(BROKEN):
        laws_bounds.work_is_linear(Joining(), reads, allowance=65536)


def test_p11_an_encoder_that_says_everything_ten_times() -> None:
    sent = encode_all(CODEC, text_stream("x" * 10_000))
    laws_bounds.output_is_bounded(sent, sent, CODEC)
    with pytest.raises(BROKEN):
        laws_bounds.output_is_bounded(sent, sent * 10, CODEC)


def test_usage_in_a_stream_is_compared() -> None:
    events = [*text_stream("x")[:-1], UsageReport(Usage(input=5, output=3)), AnswerEnd()]
    laws.conserves_events(CODEC, events, encode_all(CODEC, events))
    other = [*text_stream("x")[:-1], UsageReport(Usage(input=5, output=4)), AnswerEnd()]
    with pytest.raises(BROKEN):
        laws.conserves_events(CODEC, events, encode_all(CODEC, other))
