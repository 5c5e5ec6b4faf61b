"""Runs an upstream's bytes through the machine that serves the pair, as the shell
does, and judges what the client got."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Codec, EncodedRequest, Peek
from aigw_core.grammar import GrammarViolation, StreamGrammar
from aigw_core.sse import SseDecoder, SseEvent
from aigw_core.translate import AnswerMachine, Translation, answer_machine
from tests.compare import same_answer
from tests.laws import GRAMMARS, check_ended, hold
from tests.oracles import ORACLES
from tests.oracles.record import Record
from tests.streams import CONTEXT

STREAM = {"content-type": "text/event-stream; charset=utf-8"}


class Served(Struct, frozen=True):
    """What a client got of one answer."""

    pieces: tuple[bytes, ...]
    """For each read of the upstream, then for its end, then the error if any."""
    machine: AnswerMachine
    received: bytes
    """What the upstream sent."""

    @property
    def output(self) -> bytes:
        return b"".join(self.pieces)


def serve(
    upstream: Codec,
    client: Codec,
    reads: Iterable[bytes],
    *,
    stream_usage: bool = True,
    context: AnswerContext = CONTEXT,
    translation: Translation | None = None,
) -> Served:
    """Feed ``reads`` until the end or the first failure, which is then told."""
    if translation is None:
        translation = Translation(EncodedRequest(b"{}", "/"), relayed=upstream is client)
    peek = Peek("client-model", True, stream_usage)
    machine = answer_machine(upstream, client, context, translation, peek, STREAM)
    pieces, received = [], []
    for data in reads:
        received.append(data)
        pieces.append(machine.feed(data))
        if machine.failure is not None:
            break
    else:
        pieces.append(machine.eof())
    if machine.failure is not None:
        pieces.append(machine.fail(machine.failure))
    return Served(tuple(pieces), machine, b"".join(received))


def check_legal(client: Codec, served: Served, *, relayed: bool) -> None:
    """The automaton accepts the stream, which has one end.

    A relay passes on what the vendor sent: where that is not legal for the automaton
    (which judges what *we* may write), the bytes must be the vendor's own.
    """
    if not relayed:
        grammar = check_ended(client, served.output)
        hold(grammar.complete == served.machine.ended, "the end is not what the machine says")
        return
    try:
        grammar = _accept(client.format, _events(served.output))
    except GrammarViolation as exc:
        hold(
            served.machine.failure is None and _events(served.output) == _events(served.received),
            f"neither legal nor the vendor's own: {exc}",
        )
        return
    hold(grammar.complete == served.machine.ended, "the end is not what the machine says")
    hold(grammar.failed == (served.machine.failure is not None), "the failure is not told")


def _events(data: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for event in [*decoder.feed(data), *decoder.eof()] if isinstance(event, SseEvent)]


def _accept(name: Format, events: list[SseEvent]) -> StreamGrammar:
    grammar = GRAMMARS[name]()
    for event in events:
        grammar.accept(event)
    return grammar


def see(upstream: Codec, client: Codec, served: Served) -> Record:
    """What the official SDK of the client makes of a legal stream."""
    check_legal(client, served, relayed=upstream is client)
    return ORACLES[client.format].read_stream(served.output)


def check_same(expected: Record, seen: Record, client: Codec, *skip: str) -> None:
    faults = same_answer(expected, seen, client.format, skip)
    hold(not faults, "; ".join(faults))


def check_failed(upstream: Codec, client: Codec, served: Served, said: str = "") -> Record:
    """The client's SDK raises; no success is told, nothing follows."""
    machine = served.machine
    hold(machine.failure is not None, "the machine sees no failure")
    hold(not machine.ended, "a failure that is complete as well")
    hold(machine.feed(b"data: {}\n\n") == b"", "something follows the failure")
    seen = see(upstream, client, served)
    hold(seen.error is not None, f"the SDK sees no error in {served.output[-300:]!r}")
    hold(seen.stop is None, f"the SDK sees the stop {seen.stop}")
    if said:
        hold(said in (seen.error.message if seen.error else ""), f"{said!r} became {seen.error}")
    return seen
