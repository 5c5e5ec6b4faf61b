"""The checks of the soak runs notice what they are there for."""

from __future__ import annotations

import pytest

from bench.soak.client import FORMATS, Answer
from bench.soak.words import PAYLOADS, Checker, word
from bench.wire import WIRES

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
WORDS = 2 * len(PAYLOADS)


def read(words: list[bytes]) -> Checker:
    checker = Checker(7)
    for each in words:
        checker.read(each)
    return checker


def words(stream: int = 7) -> list[bytes]:
    return [word(stream, number).encode() for number in range(WORDS)]


def test_every_word_is_found() -> None:
    assert read(words()).fine(WORDS)


def test_a_lost_word_is_noticed_wherever_it_was() -> None:
    for at in range(WORDS):
        found = read(words()[:at] + words()[at + 1 :])
        assert (found.lost(WORDS), found.doubled, found.reordered) == (1, 0, 0)


def test_a_doubled_word_is_noticed() -> None:
    found = read(words()[:5] + words()[4:])
    assert (found.lost(WORDS), found.doubled, found.reordered) == (0, 1, 0)


def test_words_in_another_order_are_noticed() -> None:
    all_words = words()
    all_words[3], all_words[4] = all_words[4], all_words[3]
    found = read(all_words)
    assert (found.lost(WORDS), found.doubled, found.reordered) == (0, 0, 1)


def test_a_changed_letter_is_noticed() -> None:
    changed = words()
    at = next(at for at, each in enumerate(changed) if "日".encode() in each)
    changed[at] = changed[at].replace("日".encode(), "月".encode())
    assert read(changed).corrupted == 1


def test_a_word_of_another_stream_is_noticed() -> None:
    assert read([*words()[:3], *words(8)[3:]]).corrupted == WORDS - 3


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(format: str, texts: list[str]) -> bytes:
    wire = WIRES[format]
    pieces = [wire.open(), *(wire.delta(each) for each in texts), wire.close(len(texts))]
    return HEAD + b"".join(chunked(each.encode()) for each in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_an_answer_is_read_however_it_is_cut(format: str, size: int) -> None:
    data = streamed(format, [word(7, number) for number in range(WORDS)])
    answer = Answer(format, stream=7, words=WORDS)
    for at in range(0, len(data), size):
        assert answer.end == ""
        answer.feed(data[at : at + size])
    assert answer.end == "complete"


@pytest.mark.parametrize("format", FORMATS)
def test_an_end_that_only_looks_complete_is_noticed(format: str) -> None:
    data = streamed(format, [word(7, number) for number in range(WORDS)])
    last = data.rindex(chunked(WIRES[format].close(WORDS).encode()))
    answer = Answer(format, stream=7, words=WORDS)
    answer.feed(data[:last])
    assert answer.end == ""
    answer.feed(b"0\r\n\r\n")
    assert answer.end == "silent"
    short = Answer(format, stream=7, words=WORDS + 1)
    short.feed(data)
    assert short.end == "damaged"
