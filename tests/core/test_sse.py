"""The reader against the standard, and the bounds the standard does not have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from aigw_core.sse import (
    SseBlocks,
    SseDecoder,
    SseEvent,
    SseOverflow,
    escape_separators,
    sse_event,
)
from tests.laws import reader_agrees_with_standard, split_changes_nothing, whatwg_events
from tests.laws_bounds import holds_at_most, work_is_linear
from tests.streams import splits, texts

ALPHABET = (b"data", b":", b"\n", b"\r", b" ", b"x")
SMALL = (b"data:", b"\n", b"\r", b"\xef\xbb\xbf")


def strings(pieces: tuple[bytes, ...], longest: int) -> Iterator[bytes]:
    for length in range(longest + 1):
        for combination in product(pieces, repeat=length):
            yield b"".join(combination)


def decode(reads: list[bytes], max_event: int = 1 << 20) -> list[SseEvent | SseOverflow]:
    decoder = SseDecoder(max_event)
    return [event for data in reads for event in decoder.feed(data)] + decoder.eof()


def test_agrees_with_the_standard_on_every_short_string() -> None:
    for data in strings(ALPHABET, 5):
        reader_agrees_with_standard([data])


def test_every_split_of_every_short_string_gives_the_same_events() -> None:
    for data in strings(SMALL, 6):
        split_changes_nothing(decode, data, range(len(data) + 1))


def split_blocks(reads: list[bytes], max_block: int = 1 << 20) -> list[bytes | bool]:
    splitter = SseBlocks(max_block)
    blocks = [block for data in reads for block in splitter.feed(data)]
    return [*blocks, splitter.eof(), splitter.overflow, *splitter.feed(b"x\n\n")]


def test_every_split_of_every_short_string_gives_the_same_blocks() -> None:
    for data in strings(SMALL, 6):
        split_changes_nothing(split_blocks, data, range(len(data) + 1))


def test_blocks_are_the_bytes_that_came_but_for_line_ends_and_bom() -> None:
    text = b": hi\n\n\ndata: a\n\nevent: b\ndata: c\n\n\n\nrest"
    blocks = [b": hi", b"\ndata: a", b"event: b\ndata: c", b"", b"rest", False]
    for end in (b"\n", b"\r\n", b"\r"):
        assert split_blocks([b"\xef\xbb\xbf" + text.replace(b"\n", end)]) == blocks


lines = st.sampled_from(
    (b"data: x", b"data:x", b"data", b"data: ", b"event: e", b"id: 1\x00", b": c", b"", b"x", b" ")
)
line_ends = st.sampled_from((b"\n", b"\r\n", b"\r"))


@st.composite
def sse_bytes(draw: st.DrawFn) -> bytes:
    start = draw(st.sampled_from((b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\n")))
    pairs = draw(st.lists(st.tuples(lines, line_ends), max_size=12))
    return start + b"".join(line + end for line, end in pairs) + draw(st.binary(max_size=6))


@given(st.data())
def test_agrees_with_the_standard_however_it_is_cut(data: st.DataObject) -> None:
    reads = data.draw(splits(data.draw(sse_bytes())))
    # The standard dispatches at a blank line, which a CR at the end may begin.
    reader_agrees_with_standard(reads)


@given(st.data())
def test_any_split_gives_the_same_events(data: st.DataObject) -> None:
    stream = data.draw(sse_bytes())
    reads = data.draw(splits(stream))
    assert decode(reads) == decode([stream])


@given(st.data(), st.integers(1, 40))
def test_any_split_gives_the_same_blocks_within_any_limit(data: st.DataObject, limit: int) -> None:
    stream = data.draw(sse_bytes())
    reads = data.draw(splits(stream))
    assert split_blocks(reads, limit) == split_blocks([stream], limit)


@given(st.data(), st.integers(1, 12))
def test_the_limit_does_not_depend_on_the_split(data: st.DataObject, limit: int) -> None:
    stream = data.draw(sse_bytes())
    reads = data.draw(splits(stream))
    assert decode(reads, limit) == decode([stream], limit)


def test_the_limit_does_not_depend_on_the_split_of_short_strings() -> None:
    for data in strings((b"data: 12", b"\n", b"\r"), 5):
        for limit in (1, 7, 8, 9, 16):
            split_changes_nothing(
                lambda reads, limit=limit: decode(reads, limit),  # type: ignore[misc]
                data,
                range(len(data) + 1),
            )


def test_an_event_over_the_limit_ends_the_stream() -> None:
    decoder = SseDecoder(max_event=16)
    assert decoder.feed(b"data: ok\n\ndata: " + b"x" * 20) == [SseEvent(b"", b"ok"), SseOverflow()]
    assert decoder.feed(b"\n\ndata: more\n\n") == []
    assert decoder.eof() == []


def test_no_more_is_held_than_the_limit() -> None:
    decoder = SseDecoder(max_event=4096)
    most = holds_at_most(4096 + 65536, decoder, [b"%0100d" % number for number in range(2000)])
    assert most > 3000


def test_pieces_of_a_long_event_are_not_copied_again_and_again() -> None:
    work_is_linear(SseDecoder(), [b"data: ", *[b"x" * 1024] * 2048], allowance=65536)


def test_one_event_of_16_mib_in_small_reads_arrives_whole() -> None:
    decoder = SseDecoder()
    piece = b"x" * 1024
    assert decoder.feed(b"data: ") == []
    for _ in range(16384):
        assert decoder.feed(piece) == []
    (event,) = decoder.feed(b"\n\n")
    assert isinstance(event, SseEvent)
    assert len(event.data) == 16 << 20


def test_the_end_of_the_stream_gives_the_event_that_lacks_its_blank_line() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b'event: a\ndata: {"x":1}\n') == []
    assert decoder.eof() == [SseEvent(b"a", b'{"x":1}')]
    assert decoder.eof() == []


def test_bytes_at_which_str_splitlines_would_break_stay_in_the_event() -> None:
    data = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode()
    assert decode([b"data: " + data + b"\n\n"]) == [SseEvent(b"", data)]


@given(texts, st.sampled_from((b"", b"message_start")))
@example("\u2028\u2029\u0085", b"")
def test_what_is_written_is_read_back_as_one_event(text: str, name: bytes) -> None:
    document = msgspec.json.encode(text)
    written = sse_event(document, name)
    assert decode([written]) == [SseEvent(name, escape_separators(document))]
    assert decode([written]) == whatwg_events(written)
    assert msgspec.json.decode(escape_separators(document)) == text
    assert len(written.decode().splitlines()) == (3 if name else 2)
