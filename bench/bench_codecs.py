"""Translation alone, bytes to bytes: every pair of formats, text and tool arguments."""

from __future__ import annotations

from collections.abc import Callable

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, EncodedRequest, Peek
from aigw_core.codecs import CODECS
from aigw_core.translate import AnswerMachine, Relay, Transcoder
from bench.table import best, head, table
from bench.wire import OPEN, delta, tool_delta, tool_open

EVENTS = 400


def machine(upstream: Format, client: Format, *, relay: bool) -> AnswerMachine:
    context = AnswerContext(model="bench", id="0" * 32, created=1)
    if relay:
        return Relay(CODECS[client], context, Peek("bench", True))
    return Transcoder(CODECS[upstream], CODECS[client], context, EncodedRequest(b"", ""))


def cost(make: Callable[[], AnswerMachine], opening: list[bytes], reads: list[bytes]) -> float:
    """Microseconds a read, the opening not counted."""

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


def main() -> None:
    head("bench_codecs: upstream bytes to client bytes")
    rows: list[list[object]] = []
    formats = [format for format in CODECS if str(format) in OPEN]
    for upstream in formats:
        texts = [delta(upstream, f" w{number}").encode() for number in range(EVENTS)]
        tools = [tool_delta(upstream, f' w{number}\\", ').encode() for number in range(EVENTS)]
        for client in formats:
            for relay in (True, False) if upstream is client else (False,):
                for what, opening, reads in (
                    ("text", [OPEN[upstream]().encode(), texts[0]], texts),
                    (
                        "tool arguments",
                        [OPEN[upstream]().encode(), tool_open(upstream).encode()],
                        tools,
                    ),
                ):
                    if upstream is Format.MESSAGES and what == "tool arguments":
                        opening = [opening[0].split(b"event: content_block_start")[0], opening[1]]
                    make = lambda u=upstream, c=client, r=relay: machine(u, c, relay=r)  # noqa: E731
                    single = cost(make, opening, reads) / EVENTS
                    joined = [b"".join(reads[at : at + 16]) for at in range(0, EVENTS, 16)]
                    many = cost(make, opening, joined) / EVENTS
                    name = f"{upstream} -> {client}" + (" (relayed)" if relay else "")
                    rows.append([name, what, single, many])
    table(["pair", "delta", "us_per_event_1_a_read", "us_per_event_16_a_read"], rows)


if __name__ == "__main__":
    main()
