"""Translation alone, bytes to bytes: every pair of formats, text and tool arguments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, EncodedRequest, Peek
from aigw_core.codecs import CODECS
from aigw_core.translate import AnswerMachine, Relay, Transcoder
from bench.table import best, head, table
from bench.wire import WIRES

EVENTS = 400


def machine(upstream: Format, client: Format, *, relay: bool) -> AnswerMachine:
    context = AnswerContext(model="bench", id="0" * 32, created=1)
    if relay:
        return Relay(CODECS[client], context, Peek("bench", True))
    return Transcoder(CODECS[upstream], CODECS[client], context, EncodedRequest(b"", ""))


def cost(make: Callable[[], AnswerMachine], opening: list[bytes], reads: list[bytes]) -> float:
    """Microseconds for all the reads, the opening not counted."""

    def run() -> None:
        subject = make()
        for read in opening:
            subject.feed(read)
        for read in reads:
            subject.feed(read)

    def open_only() -> None:
        subject = make()
        for read in opening:
            subject.feed(read)

    whole = best(run, number=3, repeat=15)
    start = best(open_only, number=3, repeat=15)
    return (whole - start) * 1e6


def streams(upstream: Format) -> list[tuple[str, list[bytes], list[bytes]]]:
    """``(what, opening, reads)``: the reads are one delta each."""
    wire = WIRES[upstream]
    texts = [wire.delta(f" w{number}").encode() for number in range(EVENTS)]
    tools = [wire.tool_delta(f' w{number}\\", ').encode() for number in range(EVENTS)]
    return [
        ("text", [wire.open().encode(), texts[0]], texts),
        ("tool arguments", [wire.tool_open().encode(), tools[0]], tools),
    ]


def check(make: Callable[[], AnswerMachine], opening: list[bytes], reads: list[bytes]) -> None:
    """Whether there is anything to measure: nothing failed."""
    subject = make()
    for read in [*opening, *reads]:
        subject.feed(read)
    if subject.failure is not None or subject.ended:
        raise RuntimeError(f"{subject!r} came to an end")


def main() -> None:
    head("bench_codecs: upstream bytes to client bytes")
    rows: list[list[object]] = []
    for upstream, client in product(CODECS, repeat=2):
        for relay in (True, False) if upstream is client else (False,):
            make = lambda u=upstream, c=client, r=relay: machine(u, c, relay=r)  # noqa: E731
            for what, opening, reads in streams(upstream):
                check(make, opening, reads)
                single = cost(make, opening, reads) / EVENTS
                joined = [b"".join(reads[at : at + 16]) for at in range(0, EVENTS, 16)]
                many = cost(make, opening, joined) / EVENTS
                name = f"{upstream} -> {client}" + (" (relayed)" if relay else "")
                rows.append([name, what, single, many])
    table(["pair", "delta", "us_per_event_1_a_read", "us_per_event_16_a_read"], rows)


if __name__ == "__main__":
    main()
