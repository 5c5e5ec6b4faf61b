"""What was captured of a request, as it may be shown: texts without secrets.

Headers that let somebody in were hidden when the capture was made; here whatever looks
like a secret in a text is hidden as well, with a mark in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aigw_asgi.dashboard.operation import Shape
from aigw_core.capture import Capture, CapturedCall, Wire
from aigw_core.codec import Headers
from aigw_core.errors import Failure
from aigw_core.events import (
    AnswerStart,
    ChoiceStop,
    PartSealed,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.replay import Joined, JoinedRow

Hide = Callable[[str], str]

MAX_SUMMARY = 200
"""Characters."""


class Header(Shape, frozen=True, kw_only=True):
    name: str
    value: str


class Captured(Shape, frozen=True, kw_only=True):
    """A request or an answer as it went over a wire."""

    headers: tuple[Header, ...]
    body: str
    size: int
    """Bytes of the body in all."""
    kept: int
    """Bytes of it that were kept, from the beginning."""


class CapturedAttempt(Shape, frozen=True, kw_only=True):
    """One upstream call."""

    attempt: int
    start_ms: float
    provider: str
    credential: str
    format: str | None
    model: str
    method: str
    url: str
    status: int | None
    request: Captured
    answer: Captured


class CaptureView(Shape, frozen=True, kw_only=True):
    taken: int
    """Unix milliseconds."""
    format: str
    path: str
    stream: bool
    status: int | None
    request: Captured
    """From the client."""
    answer: Captured
    """To the client."""
    attempts: tuple[CapturedAttempt, ...]


class CanonicalEvent(Shape, frozen=True, kw_only=True):
    """What some bytes of an upstream mean."""

    type: str
    """As ``text_delta``, ``part_start``, ``usage_report``, ``failure``."""
    summary: str
    """A line for people."""
    choice: int | None = None
    part: int | None = None
    text: str | None = None
    """Of a delta."""


class StreamRow(Shape, frozen=True, kw_only=True):
    """What an upstream sent, what it means, and what the client was sent because of it."""

    number: int
    """From 0."""
    t_ms: float
    """Since the request began: when it came, or, where nothing came, when it was sent."""
    attempt: int
    """From 1; 0: none had begun."""
    cause: str
    """``upstream``, ``end``: what was made of the end of the upstream's answer;
    ``keepalive``, or ``gateway``: what it said by itself."""
    upstream: str
    upstream_cuts: tuple[int, ...]
    """Where in it one read ended and the next began, in characters as JavaScript counts;
    empty as well where a secret was hidden."""
    events: tuple[CanonicalEvent, ...]
    client: str
    client_t_ms: float | None
    client_cuts: tuple[int, ...]


class Streams(Shape, frozen=True, kw_only=True):
    """Rows of the two streams of a request, joined by cause."""

    total: int
    offset: int
    fidelity: str
    """What the join rests on: ``bytes`` (the same came out again), ``frames`` (as many
    events came out again), ``times`` (what was sent at a moment came of what came then)."""
    upstream_format: str | None
    client_format: str
    stream: bool
    cut: bool
    """Not all was kept."""
    rows: tuple[StreamRow, ...]


def capture_view(capture: Capture, hide: Hide) -> CaptureView:
    size = capture.body_size or len(capture.body)
    return CaptureView(
        taken=round(capture.taken * 1000),
        format=capture.format,
        path=capture.path,
        stream=capture.stream,
        status=capture.status,
        request=_captured(capture.headers, capture.body, size, hide),
        answer=_answer(capture.answer_headers, capture.answer, hide),
        attempts=tuple(
            _attempt(number, call, hide) for number, call in enumerate(capture.calls, 1)
        ),
    )


def _attempt(number: int, call: CapturedCall, hide: Hide) -> CapturedAttempt:
    size = call.body_size or len(call.body)
    return CapturedAttempt(
        attempt=number,
        start_ms=round(call.at * 1000, 3),
        provider=call.provider,
        credential=call.credential,
        format=call.format,
        model=call.model,
        method=call.method,
        url=hide(call.url),
        status=call.status,
        request=_captured(call.headers, call.body, size, hide),
        answer=_answer(call.answer_headers, call.answer, hide),
    )


def _answer(headers: Headers, wire: Wire, hide: Hide) -> Captured:
    return _captured(headers, wire.data, wire.size, hide)


def _captured(headers: Headers, body: bytes, size: int, hide: Hide) -> Captured:
    return Captured(
        headers=tuple(Header(name=name, value=hide(value)) for name, value in headers),
        body=hide(body.decode("utf-8", "replace")),
        size=size,
        kept=len(body),
    )


def streams(capture: Capture, found: Joined, hide: Hide, *, offset: int, limit: int) -> Streams:
    wires = [capture.answer, *(call.answer for call in capture.calls)]
    return Streams(
        total=len(found.rows),
        offset=offset,
        fidelity=found.fidelity,
        upstream_format=capture.calls[-1].format if capture.calls else None,
        client_format=capture.format,
        stream=capture.stream,
        cut=any(wire.size > len(wire.data) for wire in wires),
        rows=tuple(
            _stream_row(number, row, hide)
            for number, row in enumerate(found.rows[offset : offset + limit], offset)
        ),
    )


def _stream_row(number: int, row: JoinedRow, hide: Hide) -> StreamRow:
    upstream, upstream_cuts = _shown(row.upstream, row.upstream_cuts, hide)
    client, client_cuts = _shown(row.client, row.client_cuts, hide)
    return StreamRow(
        number=number,
        t_ms=round(row.at * 1000, 3),
        attempt=row.attempt,
        cause=row.cause,
        upstream=upstream,
        upstream_cuts=upstream_cuts,
        events=tuple(_event(each, hide) for each in row.events),
        client=client,
        client_t_ms=None if row.client_at is None else round(row.client_at * 1000, 3),
        client_cuts=client_cuts,
    )


def _shown(data: bytes, cuts: tuple[int, ...], hide: Hide) -> tuple[str, tuple[int, ...]]:
    text = data.decode("utf-8", "replace")
    hidden = hide(text)
    if hidden != text or not cuts:
        return hidden, ()
    return text, tuple(
        len(data[:cut].decode("utf-8", "ignore").encode("utf-16-le")) // 2 for cut in cuts
    )


_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


def _event(event: StreamEvent, hide: Hide) -> CanonicalEvent:
    text = None
    if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
        text = event.text
    elif isinstance(event, ToolCallDelta):
        text = event.arguments
    return CanonicalEvent(
        type=_WORDS.sub("_", type(event).__name__).lower(),
        summary=hide(_summary(event, text))[:MAX_SUMMARY],
        choice=getattr(event, "choice", None),
        part=getattr(event, "part", None),
        text=None if text is None else hide(text),
    )


_DELTAS = {
    TextDelta: "text",
    ReasoningDelta: "reasoning",
    RefusalDelta: "refusal",
    ToolCallDelta: "arguments",
}


def _summary(event: StreamEvent, text: str | None) -> str:
    if text is not None:
        return f'{_DELTAS[type(event)]} += "{text}"'
    if isinstance(event, AnswerStart):
        return f"start ({event.model})" if event.model else "start"
    if isinstance(event, PartStart):
        return f"{event.kind.replace('_', ' ')} {event.part} begins{_named(event.name)}"
    if isinstance(event, UsageReport):
        usage = event.usage
        return f"usage: {_known(usage.input_total)} in, {_known(usage.output_total)} out"
    if isinstance(event, ChoiceStop):
        return f"finish: {event.stop.reason}"
    if isinstance(event, PartSealed):
        return f"part {event.part} is sealed by {event.seal.issuer}"
    if isinstance(event, Failure):
        return f"failure: {event.kind}: {event.message}"
    words = _WORDS.sub(" ", type(event).__name__).lower()
    return {"answer end": "done", "part end": f"part {getattr(event, 'part', 0)} ends"}.get(
        words, words
    )


def _named(name: str) -> str:
    return f": {name}" if name else ""


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)
