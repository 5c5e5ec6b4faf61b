"""A relayed stream: the bytes as they came, and what is learnt on the way."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import Usage
from aigw_core.codec import Peek, UsageTap
from aigw_core.codecs.responses import CODEC
from aigw_core.errors import ErrorKind
from aigw_core.sse import SseDecoder, SseEvent
from tests.core.codecs.responses.wires import created, cuts, decode, event, finished, text_stream

USAGE = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
STREAM = created() + text_stream("a", "é") + finished(usage=USAGE)


def relay(*reads: bytes) -> tuple[bytes, UsageTap]:
    tap = CODEC.relay_tap(Peek("m", True))
    passed = b"".join([tap.feed(data) for data in reads])
    return passed + tap.eof(), tap


def test_the_bytes_pass_untouched() -> None:
    data = b": hello\n\n" + STREAM + b"data: [DONE]\n\n"
    passed, tap = relay(data)
    assert passed == data
    assert tap.usage == Usage(input=9, output=2)
    assert (tap.terminal, tap.content, tap.failure) == (True, True, None)


def test_content_begins_after_the_opening() -> None:
    tap = CODEC.relay_tap(Peek("m", True))
    flags = []
    for data in (created(), event("response.in_progress", response={}), text_stream("a")):
        tap.feed(data)
        flags.append((tap.content, tap.terminal))
    assert flags == [(False, False), (False, False), (True, False)]


def test_whole_events_alone_pass() -> None:
    tap = CODEC.relay_tap(Peek("m", True))
    opening = created()
    assert tap.feed(opening + b"event: response.out") == opening
    assert tap.feed(b"") == b""


@pytest.mark.parametrize(
    "data",
    [
        STREAM,
        STREAM.replace(b"\n", b"\r\n"),
        STREAM.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + STREAM,
    ],
    ids=["lf", "crlf", "cr", "bom"],
)
def test_any_cut_passes_the_same_bytes(data: bytes) -> None:
    whole, _ = relay(data)
    assert decode(whole) == decode(STREAM)
    for cut in range(len(data) + 1):
        passed, tap = relay(data[:cut], data[cut:])
        assert passed == whole
        assert tap.usage == Usage(input=9, output=2)
    assert b"\r" not in whole
    assert not whole.startswith(b"\xef")


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            (
                STREAM,
                created(),
                b"\n",
                b"\r",
                b"\r\n",
                b": x\n",
                b"data: 7\n\n",
                b"data: [DONE]\n\n",
            )
        ),
        max_size=4,
    ),
    st.lists(st.integers(0, 1 << 20), max_size=5),
)
def test_reads_make_no_difference(pieces: list[bytes], places: list[int]) -> None:
    data = b"".join(pieces)
    whole, one = relay(data)
    passed, other = relay(*cuts(data, places))
    assert passed == whole
    assert (one.failure, one.terminal, one.content) == (
        other.failure,
        other.terminal,
        other.content,
    )


def test_a_failed_response_is_kept_from_the_client_and_known() -> None:
    # It could not be taken back, and what drives the tap writes one of its own.
    error = {"code": "rate_limit_exceeded", "message": "slow"}
    last = event("response.failed", response={"status": "failed", "error": error})
    passed, tap = relay(created() + last)
    assert passed == created()
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.RATE_LIMIT
    assert not tap.terminal


def test_a_failure_is_told_as_one_of_the_response_that_was_relayed() -> None:
    _, tap = relay(created() + event("response.in_progress", sequence_number=7, response={}))
    assert tap.failure is not None
    told = tap.tell(tap.failure)
    assert told is not None
    [last] = SseDecoder().feed(told)
    assert isinstance(last, SseEvent)
    data = msgspec.json.decode(last.data)
    assert (last.name, data["type"], data["sequence_number"]) == (
        b"response.failed",
        "response.failed",
        8,
    )
    response = data["response"]
    assert (response["id"], response["model"], response["status"]) == (
        "resp_1",
        "gpt-5-2025",
        "failed",
    )
    assert response["error"]["message"] == tap.failure.message


@pytest.mark.parametrize("data", [b"", b": x\n\n", event("response.created", response=7)])
def test_a_failure_before_a_response_stands_for_itself(data: bytes) -> None:
    _, tap = relay(data)
    assert tap.failure is not None
    assert tap.tell(tap.failure) is None


@pytest.mark.parametrize("block", [b"event: x\n\n", b"retry: 3\n\n", b"id: 1\nevent: y\n\n"])
def test_events_without_data_are_taken_out(block: bytes) -> None:
    passed, _ = relay(created() + block + b": comment\n\n")
    assert passed == created() + b": comment\n\n"


@pytest.mark.parametrize(
    "data", [event("error", message="boom"), b'data: {"error": {"message": "boom"}}\n\n']
)
def test_an_error_event_is_kept_from_the_client_and_known(data: bytes) -> None:
    passed, tap = relay(data)
    assert passed == b""
    assert tap.failure is not None
    assert (tap.failure.message, tap.terminal) == ("boom", False)


def test_a_stream_that_breaks_off_is_known() -> None:
    passed, tap = relay(created() + text_stream("a") + b'event: response.completed\ndata: {"ty')
    assert passed == created() + text_stream("a")
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_TRUNCATED
    assert not tap.terminal


@pytest.mark.parametrize("bad", [b"data: {\n\n", b"event: response.completed\ndata: 7\n\n"])
def test_what_cannot_be_read_stops_the_relay(bad: bytes) -> None:
    passed, tap = relay(created() + bad + text_stream("a"))
    assert passed == created()
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_MALFORMED
    assert not tap.terminal


def test_half_characters_pass() -> None:
    data = STREAM.replace(b'"delta":"a"', b'"delta":"\\ud83d"')
    passed, tap = relay(data)
    assert passed == data
    assert tap.failure is None


def test_a_last_event_without_its_blank_line_passes() -> None:
    passed, tap = relay(STREAM[:-2])
    assert passed == STREAM
    assert tap.terminal


def test_nothing_of_substance_follows_the_end() -> None:
    passed, _ = relay(STREAM + text_stream("late"))
    assert passed == STREAM


def test_an_event_may_come_in_many_reads() -> None:
    data = created() + text_stream("x" * 100_000) + finished()
    passed, tap = relay(*[data[at : at + 1000] for at in range(0, len(data), 1000)])
    assert passed == data
    assert tap.terminal
