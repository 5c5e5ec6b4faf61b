"""A stream that goes on takes no more memory, where its formats need no whole answer."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

import pytest

from aigw_core.chat import Format
from aigw_core.translate import AnswerMachine
from bench.bench_codecs import machine, streams
from bench.process import free_port
from bench.soak.client import Answer, ask, connect
from bench.soak.gateway import Gateway, configured, upstream
from bench.soak.upstream import instruction

PAIRS = [
    pytest.param(source, client, relayed, id=f"{source}-{client}{'-relayed' if relayed else ''}")
    for source in Format
    for client in Format
    for relayed in ((False, True) if source is client else (False,))
]
KINDS = ("text", "arguments")

FIXED = 2048
"""Bytes that may be left of any number of deltas: the newest number, the newest time..."""


def keeps_all(source: Format, client: Format, kind: str) -> bool:
    """Clients of Responses and Gemini get the text, or the call, once more at the end; Gemini
    sends a call's arguments by paths, which are no JSON before the last of them."""
    return client in (Format.RESPONSES, Format.GEMINI) or (
        source is Format.GEMINI and kind == "arguments"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "client", "relayed"), PAIRS)
def test_a_delta_leaves_nothing_behind(
    source: Format, client: Format, relayed: bool, kind: str
) -> None:
    subject = machine(source, client, relay=relayed)
    _, opening, deltas = streams(source)[KINDS.index(kind)]
    for read in [*opening, *deltas]:
        subject.feed(read)
    first, most_of_first = _fed(subject, deltas)
    second, most_of_second = _fed(subject, deltas)
    if relayed or not keeps_all(source, client, kind):
        assert max(first, second) <= FIXED
        assert most_of_second <= most_of_first + 64  # nor does it take more for a moment
    else:
        assert max(first, second) <= sum(map(len, deltas)) + FIXED


def _fed(subject: AnswerMachine, reads: list[bytes]) -> tuple[int, int]:
    """Bytes that are left of all the reads, and the most that one of them took meanwhile."""
    most = 0
    gc.collect()
    gc.disable()  # whoever listens to collections (Hypothesis does) takes memory for that
    tracemalloc.start()
    try:
        for read in reads:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            subject.feed(read)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
        return tracemalloc.get_traced_memory()[0], most
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("format", ["messages", "chat"], ids=["relayed", "translated"])
def test_ten_thousand_chunks_leave_nothing_in_the_process(
    loop: str, format: str, tmp_path: Path
) -> None:
    asyncio.run(_compare(loop, format, tmp_path))


async def _compare(loop: str, format: str, folder: Path) -> None:
    port = free_port()
    with (
        upstream() as source,
        Gateway(folder, configured(port, source.port), port, "--loop", loop) as gateway,
    ):
        await gateway.warm()
        await _blocks(gateway, format, 1_000)
        few = await _blocks(gateway, format, 1_000)
        many = await _blocks(gateway, format, 11_000)
    assert many - few < 1_000  # a tenth of a block for each chunk: the process has its own doings


async def _blocks(gateway: Gateway, format: str, words: int) -> int:
    """Python's own blocks while a stream is open of which so many words have come."""
    connection = await connect(gateway.port)
    asked = ask(format, instruction(0, 2 * words, 0, "hang"), stream=True)
    connection.begin(asked, Answer(format, words=2 * words))
    await connection.until(words=words)
    blocks = (await gateway.census())["blocks"]
    assert connection.answer.checker.seen == words
    connection.transport.abort()
    await connection.until()
    return blocks
