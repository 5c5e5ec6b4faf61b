"""The deep runs see what they are for, at the very byte where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Codec, Peek
from aigw_core.codecs import CODECS
from aigw_core.codecs.chat.encode_stream import ChatStreamEncoder
from aigw_core.codecs.chat.relay import ChatTap
from aigw_core.codecs.messages.stream_decoder import StreamDecoder
from aigw_core.errors import Failure
from aigw_core.events import AnswerEnd, StreamEvent, TextDelta
from tests.corpus import Exchange, Source
from tests.corpus_runs import deep
from tests.corpus_runs.cuts import Cut, every_cut, read_whole
from tests.corpus_runs.deep import Line, run_stream
from tests.seeds import SEEDS, wire_event

LONG = SEEDS[Format.MESSAGES].wire(
    [
        *SEEDS[Format.MESSAGES].stream[:8],
        *[("ping", {"type": "ping", "padding": "x" * 300})] * 2,
        *SEEDS[Format.MESSAGES].stream[8:],
    ]
)
INSIDE = LONG.index(b"padding") + 100
"""A cut in an event of a long stream, far from its ends."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has no stream read in full at every cut."""
    monkeypatch.setattr("tests.corpus_runs.cuts.SHORT", 0)


def case(name: Format, data: bytes | None = None) -> Exchange:
    data = SEEDS[name].wire() if data is None else data
    return Exchange("made-up", name, "h", "/", 200, Source("", ""), sse=data.decode())


def failures(line: Line) -> dict[str, list[str]]:
    return {name: column.failures for name, column in line.columns.items() if column.failed}


@pytest.mark.parametrize("name", Format)
def test_every_cut_of_a_stream_is_made_for_every_client(name: Format) -> None:
    data = SEEDS[name].wire()
    line = run_stream(CODECS[name], case(name, data))
    assert not failures(line)
    for column in line.columns.values():
        assert (column.splits, column.prefixes) == (len(data) + 1, len(data))
        assert column.asked > 5


@pytest.mark.usefixtures("quick")
def test_a_long_stream_is_cut_everywhere_too() -> None:
    line = run_stream(CODECS[Format.MESSAGES], case(Format.MESSAGES, LONG))
    assert not failures(line)
    assert {column.splits for column in line.columns.values()} == {len(LONG) + 1}


def test_the_quick_way_says_what_reading_in_full_says(monkeypatch: pytest.MonkeyPatch) -> None:
    make = CODECS[Format.MESSAGES].stream_decoder
    whole = read_whole(make, LONG)

    def cuts() -> list[tuple[int, int, int, Any]]:
        found: list[Cut] = list(every_cut(make, LONG, whole, pytest.fail))
        return [(cut.at, cut.first, cut.second, cut.broken) for cut in found]

    monkeypatch.setattr("tests.corpus_runs.cuts.SHORT", 0)
    quick = cuts()
    monkeypatch.setattr("tests.corpus_runs.cuts.SHORT", len(LONG))
    assert quick == cuts()


# --- planted faults ------------------------------------------------------------


class _Decoder(StreamDecoder):
    """Counts what it read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.odd = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        self.read += len(data)
        return super().feed(data)


class LosesAtOneCut(_Decoder):
    """Loses the text of the read that ends at one place in the middle of an event."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        self.odd |= self.read == INSIDE
        events = super().feed(data)
        return [event for event in events if not (self.odd and isinstance(event, TextDelta))]


class ForgetsItsFailure(_Decoder):
    """Takes a connection that breaks at one place for the end."""

    def eof(self) -> list[StreamEvent]:
        events = super().eof()
        if self.read == INSIDE:
            return [AnswerEnd() if isinstance(event, Failure) else event for event in events]
        return events


class BatchedEncoder(ChatStreamEncoder):
    """Writes something else for events that come together."""

    def encode(self, events: list[StreamEvent]) -> bytes:
        data = super().encode(events)
        return (
            data.replace(b'"finish_reason":null', b'"finish_reason": null') if events[2:] else data
        )


class SilentEncoder(ChatStreamEncoder):
    """Ends a stream that failed like one that is whole."""

    def encode(self, events: list[StreamEvent]) -> bytes:
        if any(isinstance(event, Failure) for event in events):
            return b"data: [DONE]\n\n"
        return super().encode(events)


class DeafTap(ChatTap):
    """Takes any end for the right one."""

    def eof(self) -> bytes:
        rest = super().eof()
        self.failure = None
        return rest


class LeakyTap(ChatTap):
    """Passes on what the decoder of the client cannot read when it breaks off."""

    def tell(self, failure: Failure) -> bytes | None:
        return b""


def with_decoder(make: Callable[[], Any]) -> Codec:
    return replace(CODECS[Format.MESSAGES], stream_decoder=make)


@pytest.mark.usefixtures("quick")
def test_a_loss_at_one_cut_inside_an_event_is_seen() -> None:
    line = run_stream(with_decoder(LosesAtOneCut), case(Format.MESSAGES, LONG))
    told = failures(line)
    assert set(told) == {"chat", "messages", "responses", "gemini"}
    assert line.columns["chat"].failed == 1
    assert told["chat"][0].startswith(f"cut at {INSIDE} of {len(LONG)}: ")


@pytest.mark.usefixtures("quick")
def test_a_false_success_at_one_cut_is_seen() -> None:
    line = run_stream(with_decoder(ForgetsItsFailure), case(Format.MESSAGES, LONG))
    told = failures(line)
    assert set(told) == {"chat", "messages", "responses", "gemini"}
    assert all(f"broken off at {INSIDE}: " in each[0] for each in told.values())


@pytest.mark.parametrize("encoder", [BatchedEncoder, SilentEncoder])
def test_a_fault_of_an_encoder_is_seen_for_its_client_alone(
    encoder: Callable[[AnswerContext], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    codecs = dict(CODECS) | {Format.CHAT: replace(CODECS[Format.CHAT], stream_encoder=encoder)}
    monkeypatch.setattr(deep, "CODECS", codecs)
    line = run_stream(CODECS[Format.MESSAGES], case(Format.MESSAGES))
    assert set(failures(line)) == {"chat"}


@pytest.mark.parametrize("tap", [DeafTap, LeakyTap])
def test_a_fault_of_a_relay_is_seen(tap: Callable[[Peek], Any]) -> None:
    codec = replace(CODECS[Format.CHAT], relay_tap=tap)
    assert set(failures(run_stream(codec, case(Format.CHAT)))) == {"relay"}


class _Crashing(_Decoder):
    def feed(self, data: bytes) -> list[StreamEvent]:
        raise ZeroDivisionError


def test_a_crash_is_a_failure_of_every_client() -> None:
    line = run_stream(with_decoder(_Crashing), case(Format.MESSAGES))
    assert set(failures(line)) == {"chat", "messages", "responses", "gemini"}


# --- going on where it was stopped ----------------------------------------------


def test_what_is_done_is_not_run_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        Exchange(f"made-up-{n}", "chat", "h", "/", 200, Source("", ""), sse=text)
        for n, text in enumerate([wire_event("", "[DONE]").decode(), "data: x\n\n", ""])
    ]
    said: list[str] = []
    digest = "1"
    monkeypatch.setattr(deep, "RESULTS", tmp_path)
    monkeypatch.setattr(deep, "digest_of", lambda name: digest)
    monkeypatch.setattr("tests.corpus.streams", lambda name: cases)

    def run(again: bool = False) -> int:
        """How many streams were run."""
        said.clear()
        lines = deep.results_of(Format.CHAT, said.append, again=again)
        assert [line.id for line in lines] == [each.id for each in cases]
        return len([text for text in said if "made-up" in text])

    assert run() == 3
    assert run() == 0
    path = tmp_path / "chat.jsonl"
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:3]) + b'\n{"id":"made-')
    assert run() == 1  # it was stopped while it wrote
    assert run(again=True) == 3
    digest = "2"
    assert run() == 3
