"""The laws of streams that every codec obeys, as functions.

(Those of whole documents are in ``tests/laws_documents.py``, those of what may be
held in ``tests/laws_bounds.py``.)

A law takes a codec (or an upstream's and a client's), and data; it raises
:class:`LawBroken` or ``GrammarViolation``. ``tests/core/test_laws.py`` applies
them to every codec in ``CODECS`` on generated data, ``tests/corpus_runs`` on
recorded traffic. Each is shown to catch a planted fault in
``tests/core/test_law_faults.py``.

The numbers P1 to P11 are those of the project's property plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from aigw_core.chat import (
    Format,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from aigw_core.codec import AnswerContext, Codec, Inbound, StreamDecoder
from aigw_core.codecs import CODECS
from aigw_core.collect import Collector
from aigw_core.events import (
    EventGrammar,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.grammar import StreamGrammar, check_stream, split_events
from aigw_core.sse import SseDecoder, SseEvent
from tests.compare import TOLERANCES, same_answer
from tests.oracles import ORACLES
from tests.oracles.record import Record, SeenCall, SeenUsage
from tests.streams import CONTEXT

T = TypeVar("T")

GRAMMARS: dict[Format, Callable[[], StreamGrammar]] = {
    name: codec.stream_grammar for name, codec in CODECS.items()
}


class LawBroken(AssertionError):
    """A codec does not obey a law."""


def hold(condition: object, problem: str) -> None:
    if not condition:
        raise LawBroken(problem)


def same(expected: object, got: object, about: str = "") -> None:
    """Raise :class:`LawBroken`, with the first difference, unless both are equal."""
    if expected != got:
        raise LawBroken(f"{about}{difference(expected, got)}")


# --- what the laws run --------------------------------------------------------


def feed_all(decoder: StreamDecoder, reads: Iterable[bytes]) -> list[StreamEvent]:
    """The events of a whole stream."""
    events: list[StreamEvent] = []
    for data in reads:
        events += decoder.feed(data)
    return events + decoder.eof()


def translate(
    upstream: Codec, client: Codec, reads: Iterable[bytes], context: AnswerContext = CONTEXT
) -> bytes:
    """What a client gets for what an upstream sent, read by read."""
    decoder = upstream.stream_decoder()
    encoder = client.stream_encoder(context)
    output = [encoder.encode(decoder.feed(data)) for data in reads]
    output.append(encoder.encode(decoder.eof()))
    return b"".join(output)


_MERGED = {
    TextDelta: "text",
    ReasoningDelta: "text",
    RefusalDelta: "text",
    ToolCallDelta: "arguments",
}


def merge_deltas(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Deltas of the same part that follow each other, made one."""
    merged: list[StreamEvent] = []
    for event in events:
        field = _MERGED.get(type(event))
        last = merged[-1] if merged else None
        if (
            field is not None
            and type(last) is type(event)
            and getattr(last, "part", None) == getattr(event, "part", None)
            and getattr(last, "choice", None) == getattr(event, "choice", None)
        ):
            text = getattr(last, field) + getattr(event, field)
            merged[-1] = msgspec.structs.replace(event, **{field: text})
        else:
            merged.append(event)
    return merged


def check_events(events: Iterable[StreamEvent]) -> None:
    """A decoder's events are in legal order, and end."""
    grammar = EventGrammar()
    for event in events:
        grammar.accept(event)
    hold(grammar.complete, "the events do not end")


# --- P1: any split of the bytes gives the same --------------------------------


def split_changes_nothing(run: Callable[[list[bytes]], T], data: bytes, cuts: Iterable[int]) -> int:
    """``run`` gives the same for ``data`` whole and cut in two at each of ``cuts``.

    Returns how many cuts there were.
    """
    whole = run([data])
    count = 0
    for cut in cuts:
        count += 1
        halves = run([data[:cut], data[cut:]])
        if halves != whole:
            raise LawBroken(
                f"cut at {cut} of {len(data)}, {data[max(0, cut - 20) : cut]!r} | "
                f"{data[cut : cut + 20]!r}:\n{difference(whole, halves)}"
            )
    return count


def reads_change_nothing(run: Callable[[list[bytes]], T], reads: list[bytes]) -> None:
    """``run`` gives the same for ``reads`` and for their concatenation."""
    same(run([b"".join(reads)]), run(reads))


def difference(expected: Any, got: Any, where: str = "") -> str:
    """The first place where two values part: ``path: this, not that``."""
    if isinstance(expected, bytes) and isinstance(got, bytes):
        at = next(
            (i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b),
            min(len(expected), len(got)),
        )
        start = max(0, at - 60)
        return f"{where} at {at}: {expected[start : at + 120]!r}\n not {got[start : at + 120]!r}"
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        for index, (a, b) in enumerate(zip(expected, got, strict=False)):
            if a != b:
                return difference(a, b, f"{where}[{index}]")
        longer = expected if len(expected) > len(got) else got
        extra = longer[min(len(expected), len(got))]
        return f"{where}: {len(expected)} entries, not {len(got)}; the longer goes on {extra!r}"
    if isinstance(expected, msgspec.Struct) and type(expected) is type(got):
        for field in expected.__struct_fields__:
            a, b = getattr(expected, field), getattr(got, field)
            if a != b:
                return difference(a, b, f"{where}.{field}")
    return f"{where}: {expected!r}\n not {got!r}"


def border_cuts(data: bytes, reach: int = 4) -> list[int]:
    """The cuts near the ends of events, and those inside characters."""
    cuts = {0, len(data)}
    for match in re.finditer(rb"\r\n\r\n|\n\n", data):
        cuts.update(range(match.start() - reach, match.end() + reach + 1))
    cuts.update(at for at, byte in enumerate(data) if 0x80 <= byte < 0xC0)
    return sorted(cut for cut in cuts if 0 <= cut <= len(data))


# --- P2: the reader agrees with the standard ----------------------------------


def whatwg_events(data: bytes) -> list[SseEvent]:
    """WHATWG HTML 9.2.6 to the letter, but for one thing: an event of empty
    data is not delivered, since no vendor sends one and two SDKs break on it."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    name, lines, events = b"", list[bytes](), list[SseEvent]()
    for line in re.sub(rb"\r\n|\r", b"\n", data).split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if any(lines) or len(lines) > 1:
                events.append(SseEvent(name, b"\n".join(lines)))
            name, lines = b"", []
        elif field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value
    return events


def reader_agrees_with_standard(reads: list[bytes]) -> None:
    data = b"".join(reads)
    decoder = SseDecoder()
    got = [event for read in reads for event in decoder.feed(read)]
    expected: list[Any] = list(whatwg_events(data))
    # A CR at the very end ends a line, whatever comes next.
    same(expected, got, f"{reads!r}: ")
    rest = decoder.eof()
    whole = whatwg_events(data + b"\n\n")
    same(whole, got + rest, f"{reads!r} and eof: ")


# --- P3: a client gets a legal stream, whatever the upstream sent --------------


def client_stream_is_legal(upstream: Codec, client: Codec, reads: list[bytes]) -> StreamGrammar:
    """Returns the automaton after the stream."""
    check_events(feed_all(upstream.stream_decoder(), reads))
    return check_ended(client, translate(upstream, client, reads))


def check_ended(client: Codec, output: bytes) -> StreamGrammar:
    """``output`` is legal, and ends in success or in an error."""
    grammar = GRAMMARS[client.format]()
    check_stream(grammar, output)
    hold(
        grammar.complete != grammar.failed,
        f"the stream has {'two ends' if grammar.complete else 'no end'}: {output[-200:]!r}",
    )
    return grammar


# --- P4: nothing is lost or invented ------------------------------------------


def conserves_events(client: Codec, events: list[StreamEvent], output: bytes) -> None:
    """The client's SDK sees in ``output`` what the complete stream ``events`` says."""
    collector = Collector()
    collector.add(events)
    choice = collector.partial.choices[0]
    record = ORACLES[client.format].read_stream(output)
    refusals = [part.text for part in choice.parts if isinstance(part, Refusal)]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    usage = collector.usage
    expected = Record(
        text="".join(part.text for part in choice.parts if isinstance(part, Text)),
        refusal="".join(refusals),
        reasoning="".join(part.text for part in choice.parts if isinstance(part, Reasoning)),
        calls=tuple(SeenCall(call.id, call.name, call.arguments or "{}") for call in calls),
        stop=_REASONS[choice.stop.reason],
        usage=SeenUsage(
            input=usage.input_total,
            output=usage.output_total,
            cached=usage.cache_read,
            reasoning=usage.reasoning,
        ),
    )
    # An order that a format cannot keep shows in the joined text of the others.
    skip = {"refusal", "text"} if refusals and TOLERANCES[client.format].refusal_is_text else set()
    faults = same_answer(expected, record, client.format, skip)
    hold(not faults, "; ".join(faults))


_REASONS = {
    "end": "end",
    "stop_sequence": "end",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "context_full": "max_tokens",
    "refusal": "refusal",
    "pause": "pause",
    "other": "end",
}


# --- P5: any text survives ----------------------------------------------------

HIGH, LOW = "\ue000", "\ue001"
"""Stand for the halves of a surrogate pair while a stream is written."""


def with_halves(data: bytes) -> bytes:
    """``data`` with the stand-ins written as JSON escapes of lone surrogates."""
    return data.replace(HIGH.encode(), b"\\ud83d").replace(LOW.encode(), b"\\ude00")


def joined_text(text: str) -> str:
    """What is right to read where ``text`` stood: pairs joined, halves replaced."""
    return text.replace(HIGH + LOW, "😀").replace(HIGH, "\ufffd").replace(LOW, "\ufffd")


def text_survives(
    upstream: Codec, client: Codec, events: list[StreamEvent], reads: list[bytes]
) -> None:
    """``events`` hold stand-ins; ``reads`` are they as ``upstream`` sends them,
    with lone surrogates in their place."""
    expected = "".join(event.text for event in events if isinstance(event, TextDelta))
    got = feed_all(upstream.stream_decoder(), reads)
    text = "".join(event.text for event in got if isinstance(event, TextDelta))
    hold(text == joined_text(expected), f"{expected!r} became {text!r}")
    output = translate(upstream, client, reads)
    check_ended(client, output)
    seen = ORACLES[client.format].read_stream(output).text
    hold(seen == joined_text(expected), f"{expected!r} became {seen!r} for the client")


_MARK = re.compile("[\U0010f800-\U0010ffff]")


def halves_leave_no_marks(upstream: Codec, client: Codec, reads: list[bytes]) -> None:
    """``reads``, a whole answer with lone surrogates anywhere, is one for the client too:
    without the characters by which a decoder remembers halves that may be joined."""
    output = translate(upstream, client, reads)
    failure = check_ended(client, output).failed
    hold(not failure, "half a character made the answer fail")
    mark = _MARK.search(output.decode())
    hold(mark is None, f"the client got {mark and mark.group()!a}")


# --- P6: text is never taken for structure ------------------------------------


def text_makes_no_events(
    client: Codec, plain: list[StreamEvent], hostile: list[StreamEvent]
) -> None:
    """Two streams that differ only in their texts have the same events on the wire."""
    hold(
        _skeleton(client, plain) == _skeleton(client, hostile),
        f"the text changed the events: {_skeleton(client, hostile)}",
    )


def _skeleton(client: Codec, events: list[StreamEvent]) -> list[tuple[bytes, str]]:
    output = client.stream_encoder(CONTEXT).encode(events)
    grammar = GRAMMARS[client.format]()
    strict = split_events(output, comments=grammar.comments, named=grammar.named)
    hold(strict == whatwg_events(output), "readers disagree about the events")
    return [(event.name, _shape(event.data)) for event in strict]


def _shape(data: bytes) -> str:
    if data == b"[DONE]":
        return "[DONE]"
    return _shape_of(msgspec.json.decode(data))


def _shape_of(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_shape_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_shape_of, value)) + "]"
    return type(value).__name__


# --- P9: half an answer never looks like a whole one ---------------------------


def prefix_is_safe(
    upstream: Codec, client: Codec, data: bytes, cut: int, whole: Record, *, ask_sdk: bool
) -> bool:
    """The connection breaks after ``cut`` bytes of a stream.

    Either the client's stream ends in its error form, or nothing was missing but
    bookkeeping. ``whole`` is what the client's SDK reads of the whole stream.
    ``ask_sdk`` has the SDK confirm an error. Returns whether it succeeded.
    """
    output = translate(upstream, client, [data[:cut]])
    grammar = check_ended(client, output)
    if grammar.complete:
        seen = ORACLES[client.format].read_stream(output)
        faults = same_answer(whole, seen, client.format, {"usage"})
        hold(not faults, f"cut at {cut} of {len(data)}, a success: {'; '.join(faults)}")
    elif ask_sdk:
        seen = ORACLES[client.format].read_stream(output)
        hold(seen.error is not None, f"cut at {cut}: the SDK sees no error in {output[-300:]!r}")
    return grammar.complete


# --- relays -------------------------------------------------------------------


def relay_reads(codec: Codec, inbound: Inbound, reads: Iterable[bytes]) -> tuple[bytes, Any]:
    """What a client of the same format gets, and the tap that read along.

    As in an exchange, reads after the one that brought the end are dropped.
    """
    tap = codec.relay_tap(codec.peek(inbound))
    output: list[bytes] = []
    for data in reads:
        output.append(tap.feed(data))
        if tap.terminal:
            return b"".join(output), tap
    output.append(tap.eof())
    return b"".join(output), tap
