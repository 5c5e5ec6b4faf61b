"""The SSE decoder alone, over the reads a network may make of one stream."""

from __future__ import annotations

from aigw_core.sse import SseDecoder
from bench.table import best, head, table
from bench.wire import WIRES

EVENTS = 500


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def decode(reads: list[bytes]) -> int:
    decoder = SseDecoder()
    return sum(len(decoder.feed(read)) for read in reads)


def main() -> None:
    head("bench_sse: SseDecoder.feed")
    rows: list[list[object]] = []
    for format, wire in WIRES.items():
        events = [wire.delta(f" w{number}").encode() for number in range(EVENTS)]
        whole = wire.open().encode() + b"".join(events) + wire.close(EVENTS).encode()
        cases: list[tuple[str, list[bytes]]] = [
            ("one event", events),
            ("1448 bytes", cut(whole, 1448)),
            ("64 KiB", cut(whole, 65536)),
            ("1448 bytes, CRLF", cut(whole.replace(b"\n", b"\r\n"), 1448)),
        ]
        for name, reads in cases:
            count = decode(reads)
            seconds = best(lambda reads=reads: decode(reads), number=5)  # type: ignore[misc]  # bound now
            rows.append([format, name, count, seconds / count * 1e6])
    table(["format", "read", "events", "us_per_event"], rows)


if __name__ == "__main__":
    main()
