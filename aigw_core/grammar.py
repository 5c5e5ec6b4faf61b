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
import math
from collections.abc import Collection
from typing import Any, NoReturn, Protocol

from aigw_core.sse import SseEvent
from aigw_core.surrogates import mend

_SEPARATORS = ("\u2028", "\u2029", "\u0085")


class GrammarViolation(Exception):
    """A client would have been sent something illegal: a bug in an encoder."""

    def __init__(self, problem: str, *shown: object) -> None:
        super().__init__(problem, *shown)
        self.problem = problem
        """Which rule was broken: nothing of the stream is in it."""

    def __str__(self) -> str:
        # What was found may be what people wrote: for tests, never for a log.
        shown = ", ".join(repr(each)[:80] for each in self.args[1:])
        return f"{self.problem}: {shown}" if shown else self.problem


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
        violation("not UTF-8", exc.reason)
    if "\r" in text:
        violation("a CR in the stream")
    if text.startswith("\ufeff"):
        violation("a byte order mark")
    for separator in _SEPARATORS:
        if separator in text:
            violation(f"U+{ord(separator):04X} stands unescaped")
    *lines, rest = data.split(b"\n")
    if rest:
        violation("the last line has no end", rest)
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
        violation("the last event has no blank line", block[0])
    return events


def _read_block(block: list[bytes], *, comments: bool, named: bool) -> SseEvent | None:
    if all(line.startswith(b":") for line in block):
        if not comments:
            violation("a comment, which this format's readers fail on")
        return None
    name = b""
    if named:
        if not block[0].startswith(b"event: "):
            violation("no event line", block[0])
        name = block.pop(0)[7:]
    if len(block) != 1:
        violation(f"an event of {len(block)} data lines", block[:2])
    if not block[0].startswith(b"data: "):
        violation("not a data line", block[0])
    payload = block[0][6:]
    if not payload.strip():
        violation("an event without data")
    return SseEvent(name, payload)


class StreamJudge:
    """Judges a stream while it is sent: ``feed`` it what goes out, then ``end``.

    Any split of the bytes gives the same verdict as :func:`check_stream`, event by
    event. Holds one event, and what the automaton holds.
    """

    def __init__(self, grammar: StreamGrammar) -> None:
        self._grammar = grammar
        self._tail = b""
        self.offset = 0
        """Where the event begins that is judged now, in bytes of the stream."""
        self.events = 0
        """How many went before it."""

    def __repr__(self) -> str:
        return f"<StreamJudge offset={self.offset} {self._grammar!r}>"

    def feed(self, data: bytes) -> None:
        """More of the stream.

        Raises:
            GrammarViolation: an event that ends in ``data`` is not legal.
        """
        *blocks, self._tail = (self._tail + data).split(b"\n\n")
        for block in blocks:
            check_stream(self._grammar, block + b"\n\n")
            self.offset += len(block) + 2
            self.events += 1

    def end(self) -> None:
        """The stream was ended as one that is whole, or failed.

        Raises:
            GrammarViolation: it is neither, or stops within an event.
        """
        check_stream(self._grammar, self._tail)
        if not (self._grammar.complete or self._grammar.failed):
            violation("the stream has no end")


def violation(problem: str, *shown: object) -> NoReturn:
    """``problem`` says which rule was broken, in words of ours; what was found there
    goes to ``shown``."""
    raise GrammarViolation(problem, *shown)


def require(condition: object, problem: str, *shown: object) -> None:
    """Raise :class:`GrammarViolation` unless ``condition`` holds."""
    if not condition:
        raise GrammarViolation(problem, *shown)


def read_payload(data: bytes, *, verbatim: Collection[str] = ()) -> dict[str, Any]:
    """The JSON object that is an event's data.

    ``verbatim`` names fields whose values a model wrote: they go to the client as they
    came, and need only be JSON (RFC 8259), which allows keys that come twice and
    numbers of any size.

    Raises:
        GrammarViolation: not one JSON object that all parsers read alike (a
            duplicate key, a lone surrogate, NaN, a number beyond a double).
    """
    try:
        document = _READER.decode(data.decode())
    except ValueError as exc:
        violation("not JSON", exc, data)
    if mend(data, hold=False) is not data:
        violation("half of a surrogate pair", data)
    if not isinstance(document, dict):
        violation("not a JSON object", data)
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _Ambiguous):
            violation("a key comes twice", value)
        if isinstance(value, _Beyond):
            violation("a number that no double holds", value)
        if isinstance(value, dict):
            waiting += [each for name, each in value.items() if name not in verbatim]
        elif isinstance(value, list):
            waiting += value
    return document


class _Ambiguous(dict[str, Any]):
    """An object in which a key comes twice; the last counts."""


class _Beyond(float):
    """A number that not every parser can hold."""


_INT_DIGITS = 4300
"""What ``int`` reads of a text at most."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    return document if len(document) == len(pairs) else _Ambiguous(document)


def _real(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _Beyond(value)


def _integer(text: str) -> float:
    return int(text) if len(text) <= _INT_DIGITS else _Beyond(float(text))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_READER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_real,
    parse_int=_integer,
    parse_constant=_no_constant,
)


def is_count(value: object) -> bool:
    """A token count or an index: an int, not a bool, not negative."""
    return type(value) is int and value >= 0
