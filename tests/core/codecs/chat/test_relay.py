"""Streams that pass to a client of the same format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import Usage
from aigw_core.codec import Peek
from aigw_core.codecs.chat.relay import ChatTap
from aigw_core.errors import ErrorKind
from aigw_core.sse import MAX_EVENT_SIZE
from tests.core.codecs.chat.wire import (
    DONE,
    ROLE,
    call,
    chunk,
    cut,
    documents,
    event,
    splits,
    text_stream,
    usage_chunk,
)

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
STOP = chunk(finish="stop")


def relay(reads: Iterable[bytes] | bytes, *, asked: bool = True) -> tuple[bytes, ChatTap]:
    tap = ChatTap(Peek("m", True, asked))
    out = b"".join([tap.feed(data) for data in ([reads] if isinstance(reads, bytes) else reads)])
    return out + tap.eof(), tap


def nulls(stream: bytes) -> bytes:
    """The stream as it is when usage was asked for."""
    return stream.replace(b"}\n\n", b',"usage":null}\n\n')


def test_bytes_pass_as_they_came() -> None:
    stream = b": hello\n\n" + text_stream("a", "b")
    out, tap = relay(stream)
    assert out == stream
    assert (tap.terminal, tap.content, tap.failure) == (True, True, None)


def test_nothing_passes_after_the_end() -> None:
    assert relay(text_stream("a") + ROLE)[0] == text_stream("a")


def test_usage_is_taken_note_of() -> None:
    stream = ROLE + chunk({"content": "a"}) + STOP + usage_chunk(**USAGE) + DONE
    out, tap = relay(stream)
    assert (out, tap.usage) == (stream, Usage(input=10, output=5))
    groq = ROLE + chunk({"content": "a"}, "stop", x_groq={"usage": USAGE}) + DONE
    assert relay(groq)[1].usage == Usage(input=10, output=5)


def test_usage_nobody_asked_for_is_taken_out() -> None:
    plain = ROLE + chunk({"content": 'say ,"usage":null'}) + STOP
    out, tap = relay(nulls(plain) + usage_chunk(**USAGE) + DONE, asked=False)
    assert out == plain + DONE
    assert tap.usage == Usage(input=10, output=5)


def test_usage_beside_an_answer_is_taken_out_too() -> None:
    # DeepSeek and Mistral have it on the finish chunk, OpenRouter on a second one.
    out, tap = relay(ROLE + chunk({"content": "a"}, "stop", usage=USAGE) + DONE, asked=False)
    assert out == ROLE + chunk({"content": "a"}, "stop") + DONE
    assert tap.usage.output == 5


def test_usage_is_taken_out_of_several_lines() -> None:
    lines = b'data: {"choices":[{"delta":{"content":"a\\ud83d"},\ndata: "finish_reason":"stop"}],'
    out, tap = relay(lines + b'\ndata: "usage":{"prompt_tokens":1}}\n\n' + DONE, asked=False)
    assert tap.failure is None
    first = documents(out)[0]
    assert (first["choices"][0]["finish_reason"], "usage" in first) == ("stop", False)


def test_usage_of_other_things_stays() -> None:
    odd = chunk({"content": "a"}, choice={"x": {"usage": None}}, usage=None)
    kept = documents(relay(odd + STOP + DONE, asked=False)[0])[0]
    assert kept["choices"][0]["x"] == {"usage": None}
    assert "usage" not in kept


def test_chunks_without_usage_and_choices_pass() -> None:
    moderation = event({"id": "x", "choices": [], "moderation": {}})
    stream = text_stream("a").removesuffix(DONE) + moderation + DONE
    assert relay(stream, asked=False)[0] == stream


def test_framing_that_breaks_the_sdk_is_mended() -> None:
    stream = text_stream("a\u00e9")
    assert relay(b"\xef\xbb\xbf" + stream)[0] == stream
    assert relay(stream.replace(b"\n", b"\r\n"))[0] == stream
    assert relay(stream.replace(b"\n", b"\r"))[0] == stream
    assert relay(b"event: ping\n\n" + stream + b"event: ping\n\n")[0] == stream
    assert relay(b"data:\n\n: fine\n\nid: 1\n\n" + stream)[0] == b": fine\n\n" + stream


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"reasoning_content": "a"},
        {"reasoning": "a"},
        {"reasoning_details": [{"type": "x"}]},
        {"refusal": "a"},
        {"tool_calls": [call(0, "c1", "f")]},
        {"function_call": {"name": "f"}},
        {"audio": {"id": "x"}},
        {"content": [{"type": "thinking", "thinking": []}]},
    ],
    ids=range(9),
)
def test_content_begins_with_the_first_word(delta: Any) -> None:
    tap = ChatTap(Peek("m", True))
    tap.feed(b": hello\n\n" + ROLE + chunk({"content": None, "tool_calls": [], "refusal": ""}))
    assert not tap.content
    tap.feed(chunk(delta))
    assert tap.content


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (event({"error": {"message": "m", "code": 429}}), ErrorKind.RATE_LIMIT),
        (b"event: error\ndata: broken\n\n", ErrorKind.UPSTREAM),
        (event({"object": "error", "message": "m", "code": 400}), ErrorKind.INVALID_REQUEST),
        (b"data: {\n\n", ErrorKind.UPSTREAM_MALFORMED),
        (b"data: 5\n\n", ErrorKind.UPSTREAM_MALFORMED),
        (event({"choices": 5}), ErrorKind.UPSTREAM_MALFORMED),
        (chunk({}, index=999), ErrorKind.UPSTREAM_MALFORMED),
        (chunk(finish="error"), ErrorKind.UPSTREAM),
        (b"", ErrorKind.UPSTREAM_TRUNCATED),
        (DONE.rstrip(), ErrorKind.UPSTREAM_TRUNCATED),
    ],
    ids=range(10),
)
def test_a_failure_is_kept_from_the_client(stream: bytes, kind: ErrorKind) -> None:
    out, tap = relay(ROLE + stream + (DONE if stream.endswith(b"\n\n") else b""))
    assert out == ROLE
    assert tap.failure is not None
    assert (tap.failure.kind, tap.terminal) == (kind, False)
    assert tap.feed(ROLE) == b""


def test_an_error_after_a_finish_reason() -> None:
    late = chunk(error={"code": 400, "message": "Token limit reached"})
    out, tap = relay(ROLE + chunk({"content": "a"}, "length") + late + DONE)
    assert out == ROLE + chunk({"content": "a"}, "length")
    assert tap.failure is not None
    assert tap.failure.status == 400


def test_streams_without_done() -> None:
    stream = text_stream("a").removesuffix(DONE)
    out, tap = relay(stream)
    assert (out, tap.terminal, tap.failure) == (stream, True, None)
    out, tap = relay(ROLE + chunk({"content": "a"}))
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_TRUNCATED


def test_a_choice_that_goes_on_after_its_finish_reason_needs_another() -> None:
    begun = ROLE + chunk({"content": "a"}) + STOP
    more = chunk({"tool_calls": [{"index": 1, "function": {"arguments": "{"}}]})
    out, tap = relay(begun + more)
    assert (out, tap.terminal) == (begun + more, False)
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_TRUNCATED
    for stream in (begun + more + STOP, begun + more + DONE, begun + chunk({"content": ""})):
        out, tap = relay(stream)
        assert (out, tap.terminal, tap.failure) == (stream, True, None)
    # Half of a character in it is no obstacle.
    assert relay(begun + chunk({"content": "HALF"}).replace(b"HALF", b"\\ud83d"))[1].failure


def test_a_last_event_without_its_blank_line() -> None:
    assert relay(text_stream("a")[:-2])[0] == text_stream("a")
    assert relay(text_stream("a")[:-1])[1].terminal
    half = ROLE + chunk({"content": "a"}, "stop")[:-3]
    out, tap = relay(half)
    assert (out, tap.failure is not None) == (ROLE, True)


def test_odd_chunks_pass() -> None:
    # What only the loose reading takes: arguments as an object, lone halves, odd usage.
    odd = b"".join(
        [
            chunk({"tool_calls": [call(0, "c1", "f", {"a": 1})]}),
            chunk({"content": "x"}).replace(b'"x"', b'"\\ud83d"'),
            chunk({"content": "y"}, created="soon", usage="none"),
            chunk({"content": "z"}, finish=5),
        ]
    )
    out, tap = relay(odd + STOP + DONE)
    assert (out, tap.failure) == (odd + STOP + DONE, None)
    assert tap.content


def test_events_that_are_too_large() -> None:
    _, tap = relay([b"data: " + b" " * MAX_EVENT_SIZE, b" " * 9])
    assert tap.failure is not None
    _, whole = relay(b"data: " + b" " * MAX_EVENT_SIZE + b"\n\n")
    assert whole.failure == tap.failure


TRICKY = b"".join(
    [
        b"\xef\xbb\xbf: hello\r\n\r\n\r\n",
        nulls(ROLE),
        chunk({"content": "\u00e9"}).replace(b"\n", b"\r"),
        b"data:\n\n",
        chunk({"content": "b"}, usage=USAGE).replace(b"\n", b"\r\n"),
        b"\n\n\n",
        STOP,
        usage_chunk(**USAGE),
        DONE,
    ]
)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("stream", [TRICKY, TRICKY[:-20], TRICKY.replace(b"choices", b"c", 3)])
def test_any_split_gives_the_same_bytes(stream: bytes, asked: bool) -> None:
    expected, whole = relay(stream, asked=asked)
    for edge in range(len(stream)):
        out, tap = relay(cut(stream, [edge]), asked=asked)
        assert (out, tap.usage, tap.failure) == (expected, whole.usage, whole.failure)
    out, tap = relay([bytes([byte]) for byte in stream], asked=asked)
    assert (out, tap.content, tap.terminal) == (expected, whole.content, whole.terminal)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.data())
def test_any_split_of_damaged_streams(data: st.DataObject) -> None:
    damaged = bytearray(TRICKY)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + 1] = data.draw(st.sampled_from([b"", b"\n", b"\r", b'"', b"\xff"]))
    stream = bytes(damaged)
    expected, whole = relay(stream, asked=False)
    out, tap = relay(data.draw(splits(stream)), asked=False)
    assert (out, tap.failure, tap.terminal) == (expected, whole.failure, whole.terminal)
