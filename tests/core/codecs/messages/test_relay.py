"""Messages to Messages: bytes untouched, with an eye on what they mean."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from aigw_core.chat import Usage
from aigw_core.codec import Caps, Inbound, Peek, UsageTap
from aigw_core.codecs.messages import CODEC
from aigw_core.collect import Collector
from aigw_core.errors import ErrorKind, InvalidRequest
from tests.core.codecs.messages.wire_text import (
    FULL_STREAM,
    ending,
    event,
    feed_all,
    message_start,
    text_block,
)

PEEK = Peek("m", stream=True)


def run(*reads: bytes) -> tuple[UsageTap, bytes]:
    tap = CODEC.relay_tap(PEEK)
    passed = b"".join(tap.feed(read) for read in reads) + tap.eof()
    return tap, passed


def test_stream_passes_untouched() -> None:
    tap, passed = run(b": hello\n\n" + FULL_STREAM)
    assert passed == b": hello\n\n" + FULL_STREAM
    assert (tap.terminal, tap.content, tap.failure) == (True, True, None)
    assert tap.usage == Usage(10, 85, 2, 3, output=25, reasoning=15, tier="standard")


@pytest.mark.parametrize(
    "stream", [FULL_STREAM, b"\xef\xbb\xbf" + FULL_STREAM.replace(b"\n", b"\r\n")]
)
def test_any_split_passes_the_same(stream: bytes) -> None:
    for at in range(0, len(stream), 3):
        tap, passed = run(stream[:at], stream[at:])
        assert passed == FULL_STREAM
        assert tap.terminal
    assert run(*[stream[at : at + 1] for at in range(len(stream))])[1] == FULL_STREAM


def test_whole_events_only() -> None:
    tap = CODEC.relay_tap(PEEK)
    start = message_start()
    assert tap.feed(start[:-1]) == b""
    assert tap.feed(start[-1:] + b"event: pi") == start


def test_carriage_returns_are_made_line_feeds() -> None:
    assert run(FULL_STREAM.replace(b"\n", b"\r"))[1] == FULL_STREAM


def test_events_without_names_get_them() -> None:
    bare = b"\n".join(line for line in FULL_STREAM.split(b"\n") if not line.startswith(b"event: "))
    tap, passed = run(bare)
    assert passed == FULL_STREAM
    assert tap.terminal


def test_many_events_without_names_in_one_read() -> None:
    text = text_block(0, *["a"] * 3000)
    stream = message_start() + text + ending()
    bare = b"\n".join(line for line in stream.split(b"\n") if not line.startswith(b"event: "))
    assert run(bare)[1] == stream


def test_what_comes_after_the_end_is_dropped() -> None:
    tap, passed = run(FULL_STREAM + b"data: [DONE]\n\n" + text_block(0, "x"))
    assert passed == FULL_STREAM
    assert tap.failure is None
    assert tap.feed(b"more") == b""


def test_last_blank_line_is_put_back() -> None:
    tap, passed = run(FULL_STREAM[:-1])
    assert passed == FULL_STREAM
    assert tap.terminal


def test_content_begins_with_the_first_delta() -> None:
    tap = CODEC.relay_tap(PEEK)
    tap.feed(message_start() + event("ping"))
    tap.feed(event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    assert not tap.content
    tap.feed(event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"}))
    assert tap.content


def test_error_event_is_told_and_not_passed() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "busy"})
    tap, passed = run(message_start() + error + text_block(0, "a"))
    assert passed == message_start()
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.OVERLOADED
    assert not tap.terminal


@pytest.mark.parametrize(
    "bad",
    [
        b"event: content_block_delta\ndata: {\n\n",
        b"event: message_delta\ndata: nonsense\n\n",
        b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":"1"}}\n\n',
        b'event: content_block_delta\ndata: {"type":"\xff"}\n\n',
        b"event: content_block_delta\ndata: " + b"[" * 5000 + b"\n\n",
    ],
)
def test_nonsense_is_told_and_not_passed(bad: bytes) -> None:
    tap, passed = run(message_start(), bad + text_block(0, "a"))
    assert passed == message_start()
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_MALFORMED


def test_broken_off_stream_is_told() -> None:
    tap, passed = run(message_start() + text_block(0, "abc")[:-20])
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_TRUNCATED
    assert passed.endswith(b"\n\n")


def test_half_a_character_passes() -> None:
    delta = (
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}'
    )
    line = b"event: content_block_delta\ndata: %s\n\n" % delta
    stream = message_start() + line + ending()
    tap, passed = run(stream)
    assert passed == stream
    assert tap.failure is None


def test_tap_and_decoder_agree_on_damaged_streams() -> None:
    rng = random.Random(7)
    for _ in range(300):
        data = bytearray(FULL_STREAM)
        at = rng.randrange(len(data))
        del data[at : at + rng.randrange(1, 60)]
        tap, passed = run(bytes(data))
        assert tap.terminal != (tap.failure is not None)
        collector = Collector()
        collector.add(feed_all(CODEC.stream_decoder(), [bytes(data)]))
        # The decoder is the stricter of the two: it knows the order of events.
        if collector.failure is None:
            assert tap.failure is None
            assert tap.usage == collector.usage
        cut = rng.randrange(len(data))
        again, passed_again = run(bytes(data[:cut]), bytes(data[cut:]))
        assert passed_again == passed
        assert again.failure == tap.failure


def request(**fields: Any) -> bytes:
    return json.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **fields}
    ).encode()


def test_request_is_relayed_untouched_or_with_its_model() -> None:
    body = request(novel={"a": 1.5}).replace(b"1.5", b"1.50")
    headers = {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "a,b",
        "anthropic-workspace-id": "w",
        "x-api-key": "secret",
    }
    same = CODEC.relay_request(Inbound(body, headers), "m", Caps())
    assert same.body == body
    assert same.path == "/v1/messages"
    assert dict(same.headers) == {key: headers[key] for key in headers if key != "x-api-key"}
    other = CODEC.relay_request(Inbound(body, {}), "n/2", Caps())
    assert json.loads(other.body) == {**json.loads(body), "model": "n/2"}
    assert b"1.50" in other.body
    assert other.headers == (("anthropic-version", "2023-06-01"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"model":"m"}',
        b'{"model":"m","messages":[]}',
        b'{"model":"m","messages":{}}',
        b'{"model":"","messages":[1]}',
        b'{"model":1,"messages":[1]}',
        b'{"model":"m","messages":[1],"stream":"yes"}',
        b'{"model":"m","model":"n","messages":[1]}',
        b'{"model":"m","messages":[1],"x":"\\ud83d"}',
    ],
)
def test_peek_refuses_what_cannot_be_routed(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        CODEC.peek(Inbound(body))


def test_peek_sees_what_routing_needs() -> None:
    assert CODEC.peek(Inbound(request(stream=True))) == Peek("m", True, True)
    assert not CODEC.peek(Inbound(request(stream=None))).stream
