"""Requests alone: long conversations translated, a long prompt looked at and relayed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from aigw_core.chat import ChatRequest, Format, Role, Text, Tool, ToolCall, ToolResult, Turn
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs import CODECS
from aigw_core.jsondoc import read_object
from aigw_core.ledger import Ledger
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


def plain(client: Format) -> Inbound:
    """A conversation of texts."""
    return inbound(client, "bench", stream=True, prompt=TEXT, turns=TURNS)


def mixed(client: Format) -> Inbound:
    """A conversation with tools: of four messages one is a call, one its result."""
    turns: list[Turn] = []
    for step in range((TURNS + 3) // 4):
        call = ToolCall(f"call_{step}", "look_up", '{"query":"%s"}' % TEXT[:200])
        turns += [
            Turn(Role.USER, (Text(TEXT),)),
            Turn(Role.ASSISTANT, (Text(TEXT[:100]), call)),
            Turn(Role.USER, (ToolResult(call.id, (Text(TEXT),)),)),
            Turn(Role.ASSISTANT, (Text(TEXT),)),
        ]
    tools = (Tool("look_up", "Looks up.", b'{"type":"object","properties":{}}'),)
    # Of any other format, since nothing then goes back as it came.
    other = Format.GEMINI if client is Format.MESSAGES else Format.MESSAGES
    asked = ChatRequest("bench", tuple(turns[:TURNS]), other, tools, stream=True)
    body = CODECS[client].encode_request(asked, "bench", CAPS, Ledger()).body
    if client is Format.GEMINI:
        return Inbound(body, model="bench", stream=True)
    return Inbound(body)


def translated(client: Format, upstream: Format) -> list[object]:
    source, target = CODECS[client], CODECS[upstream]

    def whole(asked: Inbound) -> None:
        request = source.decode_request(asked)
        translate_request(asked, request, source, target, "bench", CAPS)

    row: list[object] = [f"{client} -> {upstream}"]
    for asked in (plain(client), mixed(client)):
        row += [
            cost(lambda asked=asked: whole(asked)),  # type: ignore[misc]  # a default binds it now
            cost(lambda asked=asked: source.decode_request(asked)),  # type: ignore[misc]
        ]
    return row


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
    table(["translated", "us_texts", "of_which_decode", "us_with_tools", "of_which_decode"], rows)
    print()
    columns = ["us_peek", "us_relay", "us_relay_renamed", "us_read_object", "us_read_spaced"]
    table(["long prompt", *columns], [long_prompt(format) for format in CODECS])


if __name__ == "__main__":
    main()
