"""Documents come out the same however they are framed and cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.codecs.gemini.framing import Broken, Documents
from tests.core.codecs.gemini.helpers import chunk, splits, sse, text

DOCUMENTS = [
    chunk(text('quotes " and \\ and {braces} and [brackets]')),
    chunk(text("日本語 \u2028 🎉")),
    chunk(text(""), finish="STOP"),
]


def documents(reads: list[bytes], limit: int = 1 << 20) -> list[bytes | Broken]:
    machine = Documents(limit)
    found: list[bytes | Broken] = []
    for read in reads:
        found += machine.feed(read)
    return [*found, *machine.eof()]


def loaded(found: list[bytes | Broken]) -> list[object]:
    return [json.loads(item) for item in found if isinstance(item, bytes)]


ARRAY = json.dumps(DOCUMENTS, indent=1).encode()
FRAMINGS = {
    "crlf": sse(*DOCUMENTS),
    "lf": sse(*DOCUMENTS, line_end="\n"),
    "cr": sse(*DOCUMENTS, line_end="\r"),
    "array": ARRAY,
    "array, CRLF": ARRAY.replace(b"\n", b"\r\n"),
    "array after a BOM and space": b"\xef\xbb\xbf \r\n" + ARRAY,
    "events after a BOM": b"\xef\xbb\xbf" + sse(*DOCUMENTS),
    "events after blank lines": b"\r\n\r\n" + sse(*DOCUMENTS),
    "comments and other fields": b": hi\n\n" + sse(*DOCUMENTS).replace(b"data", b"id: 1\r\ndata"),
    "no last blank line": sse(*DOCUMENTS)[:-4],
    "bare objects": b"\n".join(json.dumps(item).encode() for item in DOCUMENTS),
    "an event, then bare": sse(DOCUMENTS[0])
    + b"\r\n".join(json.dumps(item, indent=2).encode() for item in DOCUMENTS[1:]),
    "an event with CR, then bare": sse(DOCUMENTS[0], line_end="\r")
    + b"\r".join(json.dumps(item).encode() for item in DOCUMENTS[1:]),
    "an event, then a list": sse(DOCUMENTS[0]) + json.dumps(DOCUMENTS[1:]).encode(),
}


@pytest.mark.parametrize("data", FRAMINGS.values(), ids=FRAMINGS)
def test_every_framing_gives_the_documents(data: bytes) -> None:
    assert loaded(documents([data])) == DOCUMENTS


@pytest.mark.parametrize("data", FRAMINGS.values(), ids=FRAMINGS)
def test_one_byte_at_a_time_gives_the_same(data: bytes) -> None:
    assert documents([data[i : i + 1] for i in range(len(data))]) == documents([data])


@pytest.mark.parametrize("data", FRAMINGS.values(), ids=FRAMINGS)
def test_every_cut_in_two_gives_the_same(data: bytes) -> None:
    whole = documents([data])
    for cut in range(len(data)):
        assert documents([data[:cut], b"", data[cut:]]) == whole, cut


PIECES = [b"data: {}", b"data:", b"\n", b"\r", b"\r\n", b"{", b"}", b"[", b"]", b'"', b"\\", b",",
          b" ", b"\xef\xbb\xbf", b"x", b"data: 1\r\n\r\n"]  # fmt: skip


@settings(derandomize=True, max_examples=400)
@given(st.data())
def test_any_bytes_give_the_same_at_any_cut(data: st.DataObject) -> None:
    stream = b"".join(data.draw(st.lists(st.sampled_from(PIECES), max_size=14)))
    reads = data.draw(splits(stream))
    assert documents(reads, 24) == documents([stream], 24)


@pytest.mark.parametrize("framed", [b"data: %s\n\n", b"data: %s\r\n\r\n", b"[%s]", b"%s"])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_document_larger_than_the_limit_breaks_the_stream(framed: bytes, step: int) -> None:
    data = framed % b'{"a":"%s"}' % (b"x" * 64)
    found = documents([data[i : i + step] for i in range(0, len(data), step)], 40)
    assert [type(item) for item in found] == [Broken]


def test_what_is_held_is_bounded() -> None:
    machine = Documents(1000)
    machine.feed(b"[{")
    found = [machine.feed(b'"aaaaaaaaaaaaaaaa",') for _ in range(1000)]
    assert sum(len(item) for item in found) == 1
    assert "held=0" in repr(machine)


def test_space_before_the_stream_is_not_held_without_end() -> None:
    machine = Documents()
    for _ in range(100):
        assert machine.feed(b" " * 1000) == []
    assert loaded(machine.feed(b'[{"a":1}]')) == [{"a": 1}]
