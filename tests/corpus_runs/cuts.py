"""A stream machine at every cut of a stream, without reading the stream anew each time.

For a decoder or a relay's tap (whatever has ``feed`` and ``eof``) and each place
where a stream can be cut in two: what it says of the first part, of the second, and
what it would say if the connection broke there.

Near the ends of events, and everywhere in short streams, both parts are read as
they are. In between, the machine is copied where the event begins, gets the rest of
the first part, and then only as much of the second as ends that event: when its
state is then the one it has after the uncut event, all that follows is the same.
Where that cannot be shown, the stream is read to its end.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from tests.laws import LawBroken, border_cuts, difference, hold

SHORT = 8192
"""Bytes of a stream that is read in full at every cut."""


class Cut(Struct, frozen=True):
    """``at``: the first part is ``data[:at]``."""

    at: int
    first: int
    """Length of what the first part gives; it begins ``Whole.said``."""
    second: int
    """Length of what both parts give, before the end of the stream is told."""
    broken: Any
    """What comes when the stream ends after the first part."""
    machine: Any
    """The machine after that."""


class Whole(Struct, frozen=True):
    """What a machine says of the uncut stream."""

    said: Any
    fed: int
    """How much of it comes before the end of the stream is told."""
    facts: Any
    """What it knows at the end, where that is asked for."""


def read_whole(make: Callable[[], Any], data: bytes) -> Whole:
    machine = make()
    fed = machine.feed(data)
    return Whole(fed + machine.eof(), len(fed), _facts(machine))


def every_cut(
    make: Callable[[], Any], data: bytes, whole: Whole, wrong: Callable[[str], None]
) -> Iterator[Cut]:
    """In order. A cut that changes what the machine says is told to ``wrong``."""
    near = set(range(len(data) + 1)) if len(data) <= SHORT else set(border_cuts(data))
    for start, end, held in _events(make, data, whole):
        for at in range(start, end):
            cut = None
            try:
                if at not in near and held is not None:
                    cut = _inside(held, data, start, at, end)
                yield cut or _in_full(make, data, at, whole)
            except LawBroken as exc:
                wrong(f"cut at {at} of {len(data)}: {exc}")
    try:
        yield _in_full(make, data, len(data), whole)
    except LawBroken as exc:
        wrong(f"cut at the end: {exc}")


def _in_full(make: Callable[[], Any], data: bytes, at: int, whole: Whole) -> Cut:
    machine = make()
    first = machine.feed(data[:at])
    copy = pickle.dumps(machine)
    both = first + machine.feed(data[at:])
    said = both + machine.eof()
    if said != whole.said:
        raise LawBroken(difference(whole.said, said))
    hold(_facts(machine) == whole.facts, f"{_facts(machine)} at the end, not {whole.facts}")
    ended = pickle.loads(copy)
    broken = ended.eof()
    return Cut(at, len(first), len(both), broken, ended)


class _Held(Struct, frozen=True):
    """A machine before an event, and what the uncut event makes of it."""

    copy: bytes
    said: int
    """Length of what came before the event."""
    gives: Any
    after: bytes
    """The machine after the event."""
    fed: int


def _events(
    make: Callable[[], Any], data: bytes, whole: Whole
) -> Iterator[tuple[int, int, _Held | None]]:
    """Where each event starts and ends; short streams are one piece."""
    if len(data) <= SHORT:
        yield 0, len(data), None
        return
    ends = [match.end() for match in re.finditer(rb"\r\n\r\n|\n\n", data)]
    machine, said, start = make(), 0, 0
    for end in dict.fromkeys([*ends, len(data)]):
        if end == start:
            continue
        copy = pickle.dumps(machine)
        gives = machine.feed(data[start:end])
        right = whole.said[said : said + len(gives)] == gives
        # Where reading event by event says something else, the cuts there tell.
        yield (
            start,
            end,
            _Held(copy, said, gives, pickle.dumps(machine), whole.fed) if right else None,
        )
        said += len(gives)
        start = end


def _inside(held: _Held, data: bytes, start: int, at: int, end: int) -> Cut | None:
    machine = pickle.loads(held.copy)
    first = machine.feed(data[start:at])
    if first + machine.feed(data[at:end]) != held.gives or not _is(machine, held.after):
        return None
    ended = pickle.loads(held.copy)
    ended.feed(data[start:at])
    broken = ended.eof()
    return Cut(at, held.said + len(first), held.fed, broken, ended)


def _facts(machine: Any) -> Any:
    """What a tap says beside the bytes; a decoder says nothing."""
    return [getattr(machine, name, None) for name in ("usage", "terminal", "content", "failure")]


def _is(machine: Any, copy: bytes) -> bool:
    """Whether two machines will go on alike: the bytes tell it for most, at once."""
    return pickle.dumps(machine) == copy or state_of(machine) == state_of(pickle.loads(copy))


_PLAIN = (str, bytes, int, float, bool, type(None), Struct)


def state_of(value: Any) -> Any:
    """All that a machine holds, as values that can be compared."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, dict):
        return {key: state_of(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [state_of(each) for each in value]
    if isinstance(value, set | frozenset):
        return value
    if hasattr(value, "__func__"):
        return value.__func__
    names = [*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())]
    if not names:
        return value
    return type(value), {name: state_of(getattr(value, name, None)) for name in names}
