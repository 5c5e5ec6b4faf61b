"""Requests alone: a long conversation translated, a long prompt looked at and relayed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from aigw_core.chat import Format
from aigw_core.codec import Caps
from aigw_core.codecs import CODECS
from aigw_core.jsondoc import read_object
from aigw_core.translate import translate_request
from bench.table import best, head, table
from bench.wire import inbound

TURNS = 199  # odd, so that the client speaks last
TEXT = ("All work and no play makes a model a dull tool. " * 22)[:1024]
CAPS = Caps()
PROMPT = ("All work and no play. " * 9310)[:204_800]


def cost(run: Callable[[], object]) -> float:
    """Microseconds."""
    return best(run, number=5, repeat=25) * 1e6


def translated(client: Format, upstream: Format) -> list[object]:
    asked = inbound(client, "bench", stream=True, prompt=TEXT, turns=TURNS)
    source, target = CODECS[client], CODECS[upstream]

    def whole() -> None:
        request = source.decode_request(asked)
        translate_request(asked, request, source, target, "bench", CAPS)

    return [f"{client} -> {upstream}", cost(whole), cost(lambda: source.decode_request(asked))]


def long_prompt(format: Format) -> list[object]:
    asked = inbound(format, "bench", stream=True, prompt=PROMPT)
    spaced = asked.body.replace(b'":', b'": ', 1)
    codec = CODECS[format]
    return [
        format,
        cost(lambda: codec.peek(asked)),
        cost(lambda: codec.relay_request(asked, "bench", CAPS)),
        cost(lambda: codec.relay_request(asked, "bench-2", CAPS)),
        cost(lambda: read_object(asked.body)),
        cost(lambda: read_object(spaced)),
    ]


def main() -> None:
    head(f"bench_requests: {TURNS} messages of {len(TEXT)} bytes, and a prompt of {len(PROMPT)}")
    rows = [translated(*pair) for pair in product(CODECS, repeat=2)]
    table(["translated", "us_per_request", "of_which_decode"], rows)
    print()
    columns = ["us_peek", "us_relay", "us_relay_renamed", "us_read_object", "us_read_spaced"]
    table(["long prompt", *columns], [long_prompt(format) for format in CODECS])


if __name__ == "__main__":
    main()
