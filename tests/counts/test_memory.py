"""A stream that goes on takes no more memory, where its formats need no whole answer; and
one that is open holds nothing of its request but the bytes that came."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

import pytest

from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs import CODECS
from aigw_core.commands import Emit, ResponseData, ResponseHead
from aigw_core.config.snapshot import Snapshot
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.routing.target import Match, Target
from aigw_core.translate import AnswerMachine
from bench.bench_codecs import machine, streams
from bench.process import free_port
from bench.soak.client import Answer, ask, connect
from bench.soak.gateway import Gateway, configured, upstream
from bench.soak.upstream import instruction
from tests.simulate import credential, route_of

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
    # The runner of the tests has a thread that takes memory now and then; not in all of three.
    again = [_fed(subject, deltas) for _ in range(3)]
    most_left = max(first, *(left for left, _ in again))
    most_of_second = min(most for _, most in again)
    if relayed or not keeps_all(source, client, kind):
        assert most_left <= FIXED
        assert most_of_second <= most_of_first + 64  # nor does it take more for a moment
    else:
        assert most_left <= sum(map(len, deltas)) + FIXED


LARGE = "word " * 100_000
OPEN = 16 << 10
"""Bytes of the core's for a stream that is open: it takes 5 to 12 KB, most of it for clients of
Responses and Gemini, which get the whole answer once more at its end."""


def _large(format: Format) -> Inbound:
    if format is Format.GEMINI:
        body = f'{{"contents":[{{"role":"user","parts":[{{"text":"{LARGE}"}}]}}]}}'
        return Inbound(body.encode(), model="m", stream=True)
    if format is Format.RESPONSES:
        body = f'{{"model":"m","stream":true,"input":"{LARGE}"}}'
    else:
        turns = f'[{{"role":"user","content":"{LARGE}"}}]'
        body = f'{{"model":"m","max_tokens":9,"stream":true,"messages":{turns}}}'
    return Inbound(body.encode())


@pytest.mark.parametrize("client", Format)
@pytest.mark.parametrize("source", Format)
def test_an_open_stream_holds_nothing_that_was_made_of_its_request(
    source: Format, client: Format
) -> None:
    inbound, codec, snapshot = _large(client), CODECS[client], Snapshot("test")
    _, opening, deltas = streams(source)[0]
    target = Target(credential(0, source), "upstream-model", Match.EXACT, "m")
    route = route_of([target], snapshot, Health())
    made = held = 0
    for _ in range(2):  # what is made once for all comes with the first
        gc.collect()
        tracemalloc.start()
        try:
            context = AnswerContext(model="m", id="0" * 32, created=1, request_id="r-1")
            call = Call(codec, inbound, codec.peek(inbound), context)
            exchange = Exchange(call, route, snapshot, CODECS, lambda: 0.5)
            exchange.start(0.0)
            route.again(target)
            made = tracemalloc.get_traced_memory()[0]
            exchange.receive(ResponseHead(1, 200, {"content-type": "text/event-stream"}), 0.0)
            for read in [*opening, *deltas[:2]]:
                commands = exchange.receive(ResponseData(1, read), 0.0)
            assert any(isinstance(command, Emit) for command in commands)
            del commands
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
    assert source is client or made > 2 * len(LARGE)
    assert held <= OPEN
    assert call.codec.peek(call.inbound) == call.peek  # what is asked for later is read again


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
        # The process has its own doings: up to a tenth of a block for each chunk, and now
        # and then something that is made once, which is not there each time.
        for _ in range(3):
            few = await _blocks(gateway, format, 1_000)
            many = await _blocks(gateway, format, 11_000)
            if many - few < 1_000:
                break
    assert many - few < 1_000


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
