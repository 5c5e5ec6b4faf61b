"""The joined view of a capture: no byte is lost, and each is where it came from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from aigw_core.capture import Capture, CapturedCall, Wire
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, EncodedRequest, Peek
from aigw_core.codecs import CODECS
from aigw_core.events import ReasoningDelta, StreamEvent, TextDelta
from aigw_core.replay import Cause, Fidelity, Joined, joined
from aigw_core.sealing import Sealing
from aigw_core.seals import Provenance, Sealer, SealKeys
from aigw_core.translate import Translation, answer_machine
from tests.streams import event_streams

SSE = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)
KEEPALIVES = {
    Format.CHAT: b": keepalive\n\n",
    Format.RESPONSES: b": keepalive\n\n",
    Format.MESSAGES: b'event: ping\ndata: {"type":"ping"}\n\n',
    Format.GEMINI: b"\n",
}


def wire(pieces: Iterable[tuple[float, bytes]], limit: int = 1 << 20) -> Wire:
    made = Wire(limit)
    for at, data in pieces:
        made.add(at, data)
    return made


def a_capture(
    client: Format,
    upstream: Format,
    came: list[tuple[float, bytes]],
    sent: list[tuple[float, bytes]],
    *,
    stream: bool = True,
    streamed: bool = True,
    relayed: bool = False,
    status: int = 200,
    limit: int = 1 << 20,
) -> Capture:
    call = CapturedCall(
        0.0,
        "openai",
        "POST",
        "http://up/",
        (),
        b"{}",
        wire(came, limit),
        status,
        SSE if streamed else JSON,
        credential="up",
        format=upstream,
        model="m",
        relayed=relayed,
    )
    return Capture(
        request_id="r",
        taken=0.0,
        format=client,
        model="m",
        key="k",
        headers=(),
        body=b"{}",
        answer=wire(sent, limit),
        calls=[call],
        status=200,
        stream=stream,
        answer_id="abc",
        created=1,
    )


def upstream_bytes(upstream: Format, events: list[StreamEvent]) -> bytes:
    context = AnswerContext("m", "xyz", 2)
    return CODECS[upstream].stream_encoder(context).encode(events)


def answered(
    client: Format, upstream: Format, reads: list[bytes], key: bytes = bytes(32)
) -> list[bytes]:
    """What each read made the gateway write."""
    sealing = Sealing(Sealer(SealKeys(key), "t"), Provenance(upstream, "m", "group"))
    machine = answer_machine(
        CODECS[upstream],
        CODECS[client],
        AnswerContext("m", "abc", 1, stream_usage=False, request_id="r"),
        Translation(EncodedRequest(b"", ""), sealing=sealing, relayed=client is upstream),
        Peek("m", stream=True),
        dict(SSE),
    )
    return [machine.feed(read) for read in reads]


def cut(data: DataObject, whole: bytes) -> list[bytes]:
    places = data.draw(st.lists(st.integers(0, len(whole)), max_size=8).map(sorted))
    edges = [0, *places, len(whole)]
    return [whole[a:b] for a, b in pairwise(edges) if b > a]


def check(capture: Capture, found: Joined) -> None:
    """The law: the rows are the streams."""
    for number, call in enumerate(capture.calls, 1):
        rows = [row for row in found.rows if row.attempt == number]
        assert b"".join(row.upstream for row in rows) == call.answer.data
    assert b"".join(row.client for row in found.rows) == capture.answer.data
    for row in found.rows:
        assert row.upstream or row.client or row.events
        assert all(0 < each < len(row.upstream) for each in row.upstream_cuts)
        assert all(0 < each < len(row.client) for each in row.client_cuts)


PAIRS = [(client, upstream) for client in Format for upstream in Format]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.data())
def test_each_events_bytes_are_beside_it(
    client: Format, upstream: Format, data: DataObject
) -> None:
    events = data.draw(event_streams(sealed=False))
    came = upstream_bytes(upstream, events)
    reads = cut(data, came)
    wrote = answered(client, upstream, reads)
    moments = [round(0.1 * (1 + at), 1) for at in range(len(reads))]
    # An opening may be held back; what follows goes out with the read that it came of.
    held = data.draw(st.integers(0, max(0, len(reads) - 1)))
    sent: list[tuple[float, bytes]] = []
    for at, piece in zip(moments, wrote, strict=True):
        when = max(at, moments[held])
        if piece:
            sent.append((when, piece))
    idle = data.draw(st.lists(st.integers(0, len(sent)), max_size=2).map(sorted))
    for place in reversed(idle):
        when = (sent[place - 1][0] if place else 0.0) + 0.05
        sent.insert(place, (when, KEEPALIVES[client]))
    capture = a_capture(
        client,
        upstream,
        list(zip(moments, reads, strict=True)),
        sent,
        relayed=client is upstream,
    )
    found = joined(capture, CODECS)
    check(capture, found)
    # Reasoning bears an envelope, whose key the replay has not.
    thought = any(isinstance(event, ReasoningDelta) for event in events)
    assert found.fidelity is Fidelity.BYTES or (thought and found.fidelity is Fidelity.FRAMES)
    quiet = [row for row in found.rows if row.cause is Cause.KEEPALIVE]
    assert len(quiet) == len(idle)
    # Every event is of some row, in order, and as a decoder of the whole says.
    decoder = CODECS[upstream].stream_decoder()
    assert [each for row in found.rows for each in row.events] == decoder.feed(came)
    if found.fidelity is Fidelity.BYTES:
        # Beside each of the upstream's events is what that makes the gateway write; where a
        # keepalive went out in the middle of it, in two rows.
        beside: list[list[bytes]] = []
        for row in found.rows:
            if row.upstream:
                beside.append([row.upstream, row.client])
            elif row.cause is Cause.UPSTREAM:
                beside[-1][1] += row.client
        made = answered(client, upstream, [each for each, _ in beside])
        assert [each for _, each in beside] == made
    for row in found.rows:
        if row.cause is Cause.UPSTREAM and row.client:
            assert row.client_at is not None
            assert row.client_at >= row.at


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.data())
def test_any_capture_can_be_joined(data: DataObject) -> None:
    """Of whatever bytes at whatever times, cut at whatever size."""
    moments = st.lists(st.floats(0, 10), max_size=8).map(sorted)
    junk = st.one_of(
        st.binary(max_size=30),
        st.sampled_from([b"data: {}\n\n", b": x\n\n", b" ", b"\n", b"event: ping\n\n"]),
    )

    def stream() -> list[tuple[float, bytes]]:
        return [(at, data.draw(junk)) for at in data.draw(moments)]

    capture = a_capture(
        data.draw(st.sampled_from(Format)),
        data.draw(st.sampled_from(Format)),
        stream(),
        stream(),
        stream=data.draw(st.booleans()),
        streamed=data.draw(st.booleans()),
        relayed=data.draw(st.booleans()),
        status=data.draw(st.sampled_from([200, 429, 500])),
        limit=data.draw(st.sampled_from([20, 1 << 20])),
    )
    if data.draw(st.booleans()):
        capture.calls.append(capture.calls[0])
    if data.draw(st.booleans()):
        capture.calls[-1].format = None
    check(capture, joined(capture, CODECS))


def test_envelopes_of_another_key_are_found_by_their_place() -> None:
    came = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":'
        b'"message","role":"assistant","model":"m","content":[],"stop_reason":null,'
        b'"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"thinking_delta","thinking":"hm"}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"signature_delta","signature":"c2VhbA=="}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        b'"stop_sequence":null},"usage":{"output_tokens":2}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    [wrote] = answered(Format.RESPONSES, Format.MESSAGES, [came], key=b"k" * 32)
    capture = a_capture(Format.RESPONSES, Format.MESSAGES, [(0.5, came)], [(0.5, wrote)])
    found = joined(capture, CODECS)
    check(capture, found)
    assert found.fidelity is Fidelity.FRAMES
    thought = next(row for row in found.rows if b"thinking_delta" in row.upstream)
    assert b'"delta":"hm"' in thought.client
    assert b"response.completed" in found.rows[-1].client


def test_a_refusal_is_beside_what_the_client_was_told_of_it() -> None:
    refused = b'{"error":{"message":"slow down","type":"rate_limit_error"}}'
    capture = a_capture(
        Format.MESSAGES,
        Format.CHAT,
        [(0.1, refused)],
        [(0.2, b'{"type":"error"}')],
        streamed=False,
        status=429,
    )
    [row] = joined(capture, CODECS).rows
    assert (row.upstream, row.client) == (refused, b'{"type":"error"}')
    assert "slow down" in repr(row.events)


def test_what_the_gateway_says_by_itself_is_told_apart() -> None:
    came = upstream_bytes(Format.CHAT, [])
    capture = a_capture(Format.CHAT, Format.CHAT, [], [(30.0, b'{"error":{}}')])
    [row] = joined(capture, CODECS).rows
    assert came == b""
    assert (row.cause, row.client) == (Cause.GATEWAY, b'{"error":{}}')


def test_a_document_is_one_row() -> None:
    came = (
        b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}'
    )
    capture = a_capture(
        Format.MESSAGES,
        Format.CHAT,
        [(0.1, came[:20]), (0.2, came[20:])],
        [(0.15, b" "), (0.3, b'{"type":"message"}')],
        stream=False,
        streamed=False,
    )
    found = joined(capture, CODECS)
    check(capture, found)
    row = next(row for row in found.rows if row.upstream)
    assert (row.upstream, row.upstream_cuts) == (came, (20,))
    assert any(isinstance(event, TextDelta) and event.text == "Hello" for event in row.events)
