"""Legal client streams: the protocol of the four automata, and the framing.

An automaton says whether a stream of one wire format is one that a client may
be sent. It is written from the vendor's specification and from what the
official SDKs choke on, and knows nothing of the encoders: that makes it a
judge of them. ``codecs/<format>/grammar.py`` holds one each.

What all formats share sits here: how events are framed. The rules are those
of WHATWG HTML 9.2.6, narrowed to what every known reader agrees on: LF only,
no byte order mark, one ``data`` line an event and never an empty one, none of
the characters at which ``str.splitlines`` breaks a line.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, Protocol

import msgspec

from aigw_core.sse import SseEvent

_SEPARATORS = ("\u2028", "\u2029", "\u0085")


class GrammarViolation(Exception):
    """A client would have been sent something illegal: a bug in an encoder."""


class StreamGrammar(Protocol):
    """The automaton of one format; one for each stream."""

    @property
    def comments(self) -> bool:
        """Comment lines are legal (they break one vendor's SDK)."""
        ...

    @property
    def named(self) -> bool:
        """Every event has an ``event`` line, equal to ``type`` of its data;
        otherwise no event may have one."""
        ...

    @property
    def complete(self) -> bool:
        """The success terminator has been seen."""
        ...

    @property
    def failed(self) -> bool:
        """The error event has been seen."""
        ...

    def accept(self, event: SseEvent) -> None:
        """Take the next event.

        Raises:
            GrammarViolation: it is not legal here.
        """
        ...


def check_stream(grammar: StreamGrammar, data: bytes) -> None:
    """Check that ``data`` is whole, legally framed events that ``grammar`` accepts.

    Whether the stream *ended* is not judged: look at ``grammar.complete`` and
    ``grammar.failed``, of which a finished stream has exactly one.

    Raises:
        GrammarViolation: naming the first offence.
    """
    for event in split_events(data, comments=grammar.comments, named=grammar.named):
        grammar.accept(event)


def split_events(data: bytes, *, comments: bool, named: bool) -> list[SseEvent]:
    """The events of ``data``, read strictly.

    Raises:
        GrammarViolation: the framing has a flaw.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        violation(f"not UTF-8: {exc}")
    if "\r" in text:
        violation("a CR in the stream")
    if text.startswith("\ufeff"):
        violation("a byte order mark")
    for separator in _SEPARATORS:
        if separator in text:
            violation(f"U+{ord(separator):04X} stands unescaped")
    *lines, rest = data.split(b"\n")
    if rest:
        violation(f"the last line has no end: {rest[:80]!r}")
    events: list[SseEvent] = []
    block: list[bytes] = []
    for line in lines:
        if line:
            block.append(line)
        elif block:
            event = _read_block(block, comments=comments, named=named)
            if event is not None:
                events.append(event)
            block = []
    if block:
        violation(f"the last event has no blank line: {block[0][:80]!r}")
    return events


def _read_block(block: list[bytes], *, comments: bool, named: bool) -> SseEvent | None:
    if all(line.startswith(b":") for line in block):
        if not comments:
            violation("a comment, which this format's readers fail on")
        return None
    name = b""
    if named:
        if not block[0].startswith(b"event: "):
            violation(f"no event line: {block[0][:80]!r}")
        name = block.pop(0)[7:]
    if len(block) != 1:
        violation(f"an event of {len(block)} data lines: {block[:2]!r}")
    if not block[0].startswith(b"data: "):
        violation(f"not a data line: {block[0][:80]!r}")
    payload = block[0][6:]
    if not payload.strip():
        violation("an event without data")
    return SseEvent(name, payload)


def violation(problem: str) -> NoReturn:
    raise GrammarViolation(problem)


def require(condition: object, problem: str) -> None:
    """Raise :class:`GrammarViolation` unless ``condition`` holds."""
    if not condition:
        raise GrammarViolation(problem)


def read_payload(data: bytes) -> dict[str, Any]:
    """The JSON object that is an event's data.

    Raises:
        GrammarViolation: not one JSON object that all parsers read alike (a
            duplicate key, a lone surrogate, NaN).
    """
    try:
        msgspec.json.decode(data)
        document = json.loads(data, object_pairs_hook=_unique)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as exc:
        violation(f"not JSON ({exc}): {data[:80]!r}")
    if not isinstance(document, dict):
        violation(f"not a JSON object: {data[:80]!r}")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        violation(f"a key comes twice: {names}")
    return document


def is_count(value: object) -> bool:
    """A token count or an index: an int, not a bool, not negative."""
    return type(value) is int and value >= 0
