"""Streams by hand, and what the official SDK makes of bytes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import httpx2
import msgspec
import openai
from hypothesis import strategies as st

from aigw_core.chat import ReasoningStyle, Stop, StopReason, Usage
from aigw_core.codec import AnswerContext
from aigw_core.codecs.responses import CODEC
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    EventGrammar,
    PartEnd,
    PartKind,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)

CONTEXT = AnswerContext(model="client-model", id="a1b2", created=1_700_000_000)
START = AnswerStart("resp_up", "up-model", 1_600_000_000)


def event(kind: str, **fields: Any) -> bytes:
    """One event as the vendor writes it."""
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def created(**fields: Any) -> bytes:
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_001.0,
        "status": "in_progress",
        "model": "gpt-5-2025",
        "output": [],
    }
    return event("response.created", response={**response, **fields})


def finished(status: str = "completed", output: list[Any] | None = None, **fields: Any) -> bytes:
    response = {"id": "resp_1", "status": status, "model": "gpt-5-2025", "output": output or []}
    return event(f"response.{status}", response={**response, **fields})


def added(index: int, **item: Any) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def message(text: str, identifier: str = "msg_1", **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": identifier, "role": "assistant", "content": [part], **more}


def text_stream(*deltas: str, index: int = 0, item: str = "msg_1") -> bytes:
    """A whole message item."""
    place = {"item_id": item, "output_index": index, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": []}
    whole = {**empty, "text": "".join(deltas)}
    return b"".join(
        [
            added(index, type="message", id=item, role="assistant", content=[]),
            event("response.content_part.added", **place, part=empty),
            *[
                event("response.output_text.delta", **place, delta=delta, logprobs=[])
                for delta in deltas
            ],
            event("response.output_text.done", **place, text="".join(deltas), logprobs=[]),
            event("response.content_part.done", **place, part=whole),
            done(index, **message("".join(deltas), item)),
        ]
    )


# --- running ------------------------------------------------------------------


def decode(*reads: bytes) -> list[StreamEvent]:
    """The events of a whole stream, which are in legal order and end."""
    decoder = CODEC.stream_decoder()
    events = [found for data in reads for found in decoder.feed(data)] + decoder.eof()
    grammar = EventGrammar()
    for found in events:
        grammar.accept(found)
    assert grammar.complete, "the events do not end"
    return events


def encode(events: list[StreamEvent], context: AnswerContext = CONTEXT) -> bytes:
    return CODEC.stream_encoder(context).encode(events)


def read_events(data: bytes) -> list[dict[str, Any]]:
    """The data of each event of a client's stream; checks names and numbers."""
    found: list[dict[str, Any]] = []
    for block in data.decode().split("\n\n")[:-1]:
        name, _, rest = block.partition("\n")
        assert name.startswith("event: ")
        assert rest.startswith("data: ")
        assert "\n" not in rest
        document = msgspec.json.decode(rest[6:])
        assert document["type"] == name[7:]
        assert document["sequence_number"] == len(found)
        found.append(document)
    return found


def kinds(data: bytes) -> list[str]:
    return [document["type"].removeprefix("response.") for document in read_events(data)]


def answer(
    *parts: list[StreamEvent], stop: StopReason = StopReason.END, usage: Usage | None = None
) -> list[StreamEvent]:
    """A complete stream of events."""
    events: list[StreamEvent] = [START, *[one for part in parts for one in part]]
    events.append(ChoiceStop(Stop(stop)))
    if usage is not None:
        events.append(UsageReport(usage))
    return [*events, AnswerEnd()]


def text_part(number: int, *texts: str) -> list[StreamEvent]:
    deltas = [TextDelta(number, text) for text in texts]
    return [PartStart(number, PartKind.TEXT), *deltas, PartEnd(number)]


def call_part(number: int, *pieces: str, name: str = "f") -> list[StreamEvent]:
    start = PartStart(number, PartKind.TOOL_CALL, id=f"call_{number}", name=name)
    return [start, *[ToolCallDelta(number, piece) for piece in pieces], PartEnd(number)]


# --- the official SDK ---------------------------------------------------------


class _Bytes(httpx2.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data


class _Memory(httpx2.BaseTransport):
    def __init__(self, status: int, kind: str, data: bytes) -> None:
        self._answer = (status, kind, data)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        status, kind, data = self._answer
        headers = {"content-type": kind}
        return httpx2.Response(status, headers=headers, stream=_Bytes(data), request=request)


def sdk(status: int, kind: str, data: bytes) -> openai.OpenAI:
    """The vendor's client, which gets ``data`` for whatever it asks."""
    client = httpx2.Client(transport=_Memory(status, kind, data))
    return openai.OpenAI(
        api_key="test", base_url="http://up.test/v1", max_retries=0, http_client=client
    )


def sdk_events(data: bytes) -> list[Any]:
    """The events as they come, without the accumulator."""
    client = sdk(200, "text/event-stream", data)
    return list(client.responses.create(model="m", input="x", stream=True))


def sdk_stream(data: bytes) -> tuple[list[Any], Any]:
    """All events that the SDK's accumulator yields, and the final response."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with sdk(200, "text/event-stream", data).responses.stream(model="m", input="x") as stream:
            events = list(stream)
            return events, stream.get_final_response()


# --- generated streams --------------------------------------------------------

texts = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8),
    st.sampled_from(
        ("\u2028", "\x85", "data: x\n\n", "\r\n", '"}}\n\n', "👩‍👩‍👧", "\x00", "[DONE]")
    ),
)


@st.composite
def streams(draw: st.DrawFn, *, interleaved: bool = False) -> list[StreamEvent]:
    """A complete answer of texts, refusals, reasoning and calls."""
    parts: list[list[StreamEvent]] = []
    has_calls = False
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(("text", "refusal", "raw", "summary", "call", "custom")))
        pieces = draw(st.lists(texts, min_size=1, max_size=3))
        if kind in ("call", "custom"):
            has_calls = True
            start = PartStart(
                number,
                PartKind.TOOL_CALL,
                id=f"call_{number}",
                name="f",
                freeform=kind == "custom",
            )
            deltas: list[StreamEvent] = [ToolCallDelta(number, piece) for piece in pieces]
        elif kind == "text":
            start = PartStart(number, PartKind.TEXT)
            deltas = [TextDelta(number, piece) for piece in pieces]
        elif kind == "refusal":
            start = PartStart(number, PartKind.REFUSAL)
            deltas = [RefusalDelta(number, piece) for piece in pieces]
        else:
            start = PartStart(number, PartKind.REASONING, style=ReasoningStyle(kind))
            deltas = [ReasoningDelta(number, piece) for piece in pieces]
        parts.append([start, *deltas, PartEnd(number)])
    events = _merged(draw, parts) if interleaved else [one for part in parts for one in part]
    if draw(st.booleans()):
        reason = StopReason.TOOL_USE if has_calls else StopReason.END
    else:
        reason = draw(st.sampled_from((StopReason.MAX_TOKENS, StopReason.REFUSAL)))
    native = "completed"
    if reason is StopReason.MAX_TOKENS:
        native = "max_output_tokens"
    elif reason is StopReason.REFUSAL:
        native = "content_filter"
    usage = Usage(input=draw(st.integers(0, 99)), cache_read=1, output=7, reasoning=3)
    return [START, *events, ChoiceStop(Stop(reason, native)), UsageReport(usage), AnswerEnd()]


def _merged(draw: st.DrawFn, parts: list[list[StreamEvent]]) -> list[StreamEvent]:
    # Parts start in order; what follows may come in any.
    merged: list[StreamEvent] = []
    waiting = [list(part) for part in parts]
    begun = 0
    while any(waiting):
        ready = [part for part in waiting[:begun] if part]
        if begun < len(waiting) and (not ready or draw(st.booleans())):
            merged.append(waiting[begun].pop(0))
            begun += 1
        else:
            merged.append(draw(st.sampled_from(ready)).pop(0))
    return merged


def cuts(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]
