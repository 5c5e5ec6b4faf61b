"""What the tests of the Gemini codec share: wire bytes, cuts, and the vendor's SDK."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import httpx2
from google import genai
from google.genai import types
from hypothesis import strategies as st

from aigw_core.codec import AnswerContext, Inbound, StreamDecoder
from aigw_core.codecs.gemini import CODEC
from aigw_core.events import (
    EventGrammar,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)

CONTEXT = AnswerContext(model="asked-for", id="abc123", created=1_700_000_000)

SIGNATURE = "CvkTAcu98PDKNriXzBqqOq6Z8+JY3Kh2/A=="


def chunk(*parts: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """One event of a stream: candidate 0 with ``parts``."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "modelVersion": "gemini-test-001",
        "responseId": "r-1",
        **fields,
    }


def text(value: str, **beside: Any) -> dict[str, Any]:
    return {"text": value, **beside}


def call(name: str, args: dict[str, Any] | None = None, **beside: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args or {}}, **beside}


def sse(*documents: object, line_end: str = "\r\n") -> bytes:
    """Documents framed as the vendor frames them."""
    return "".join(
        f"data: {json.dumps(document, ensure_ascii=False)}{line_end * 2}" for document in documents
    ).encode()


def decode(data: bytes | Iterable[bytes]) -> list[StreamEvent]:
    """All events of a stream; the grammar is checked."""
    reads = [data] if isinstance(data, bytes) else data
    return feed_all(CODEC.stream_decoder(), reads)


def feed_all(decoder: StreamDecoder, reads: Iterable[bytes]) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    for read in reads:
        events += decoder.feed(read)
    events += decoder.eof()
    grammar = EventGrammar()
    for event in events:
        grammar.accept(event)
    assert grammar.complete, events
    assert decoder.feed(b"data: {}\n\n") == []
    assert decoder.eof() == []
    return events


def merge_deltas(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Neighbouring deltas of a part joined, and only the last usage report."""
    merged: list[StreamEvent] = []
    usage: UsageReport | None = None
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, UsageReport):
            usage = event
        elif (
            isinstance(event, TextDelta | ReasoningDelta | RefusalDelta)
            and type(last) is type(event)
            and (last.part, last.choice) == (event.part, event.choice)
        ):
            merged[-1] = type(event)(event.part, last.text + event.text, event.choice)
        elif (
            isinstance(event, ToolCallDelta)
            and isinstance(last, ToolCallDelta)
            and (last.part, last.choice) == (event.part, event.choice)
        ):
            joined = last.arguments + event.arguments
            merged[-1] = ToolCallDelta(event.part, joined, event.choice)
        else:
            merged.append(event)
    return merged if usage is None else [*merged, usage]


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Some way a network might cut ``data`` into reads; empty reads included."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12).map(sorted))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def inbound(document: object, *, stream: bool = False, model: str = "gemini-x") -> Inbound:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Inbound(body, model=model, stream=stream)


def sdk(answer: bytes, *, status: int = 200, content_type: str = CODEC.content_type) -> Any:
    """The vendor's client, answered with these bytes. ``Any``: its types are many."""

    def handle(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": content_type}, content=answer)

    client = httpx2.Client(transport=httpx2.MockTransport(handle))
    return genai.Client(api_key="test-key", http_options=types.HttpOptions(httpx_client=client))
