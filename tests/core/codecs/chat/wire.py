"""Bytes of this format for tests: chunks, streams, ways to cut them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from aigw_core.chat import ChatResponse
from aigw_core.codec import AnswerContext, StreamDecoder
from aigw_core.codecs.chat import CODEC
from aigw_core.collect import collect
from aigw_core.errors import Failure
from aigw_core.events import EventGrammar, StreamEvent

CONTEXT = AnswerContext(model="asked-model", id="abc123", created=1700000000)
DONE = b"data: [DONE]\n\n"


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def chunk(
    delta: Any = None, finish: Any = None, *, index: int = 0, choice: Any = None, **top: Any
) -> bytes:
    """One chunk as the vendor writes it, with ``delta`` in one choice."""
    entry = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1699999999,
            "model": "m-1",
            "choices": [entry | (choice or {})],
            **top,
        }
    )


ROLE = chunk({"role": "assistant", "content": "", "refusal": None})


def usage_chunk(**usage: Any) -> bytes:
    return event(
        {"id": "chatcmpl-1", "created": 1699999999, "model": "m-1", "choices": [], "usage": usage}
    )


def text_stream(*texts: str) -> bytes:
    deltas = [chunk({"content": text}) for text in texts]
    return b"".join([ROLE, *deltas, chunk(finish="stop"), DONE])


def call(index: int | None, id: str | None, name: str | None, arguments: Any = "") -> Any:
    """An entry of ``tool_calls``; what is ``None`` is left out."""
    entry: dict[str, Any] = {"type": "function", "function": {"arguments": arguments}}
    if index is not None:
        entry["index"] = index
    if id is not None:
        entry["id"] = id
    if name is not None:
        entry["function"]["name"] = name
    return entry


def feed_all(decoder: StreamDecoder, reads: Iterable[bytes]) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    for data in reads:
        events += decoder.feed(data)
    return events + decoder.eof()


def decode(stream: bytes) -> list[StreamEvent]:
    """All events of a stream; they are legal."""
    events = feed_all(CODEC.stream_decoder(), [stream])
    grammar = EventGrammar()
    for item in events:
        grammar.accept(item)
    assert grammar.complete
    return events


def answer(stream: bytes) -> ChatResponse:
    return collect(decode(stream))


def failure(stream: bytes) -> Failure:
    last = decode(stream)[-1]
    assert isinstance(last, Failure), last
    return last


def documents(stream: bytes) -> list[Any]:
    """The JSON of every event of a stream; ``[DONE]`` as it is."""
    found: list[Any] = []
    for block in stream.split(b"\n\n"):
        if block.startswith(b"data: "):
            data = block[6:]
            found.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    return found


def cut(stream: bytes, edges: Iterable[int]) -> list[bytes]:
    ends = [0, *sorted(edges), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


@st.composite
def splits(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """Some way a network might cut ``stream`` into reads; empty reads included."""
    return cut(stream, draw(st.lists(st.integers(0, len(stream)), max_size=12)))
