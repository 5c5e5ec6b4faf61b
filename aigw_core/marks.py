"""Marks: names that are set until some time, for what may happen only so often.

The first who sets a name is told so, everybody after that the contrary, until it ends
by itself. What is in front of the first colon is the *kind* of a name; of each kind only
so many are kept, so that those who can make one kind of mark pile up cannot push out
another.
"""

from __future__ import annotations

from msgspec import Struct

MAX_MARKS = 10_000
"""Of one kind. Beyond it those that end first are forgotten: they would have had the
least to say."""


class Mark(Struct, frozen=True, gc=False):
    name: str
    """``kind:anything``."""
    until: float


class Marks:
    """Those of one process. All times are in Unix seconds."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, float]] = {}

    def __repr__(self) -> str:
        return f"<Marks { ({kind: len(marks) for kind, marks in self._kinds.items()}) }>"

    def set(self, name: str, until: float, now: float) -> bool:
        """Set ``name`` if it is not; whether it was not."""
        if self.is_set(name, now):
            return False
        self.put(name, until, now)
        return True

    def put(self, name: str, until: float, now: float) -> None:
        """Have ``name`` set until then, whatever was known of it."""
        if until <= now:
            self.unset(name)
            return
        kind = self._kinds.setdefault(kind_of(name), {})
        kind[name] = until
        if len(kind) > MAX_MARKS:
            for each in [each for each, end in kind.items() if end <= now]:
                del kind[each]
        if len(kind) > MAX_MARKS:
            del kind[min(kind, key=lambda each: (kind[each], each))]

    def unset(self, name: str) -> None:
        self._kinds.get(kind_of(name), {}).pop(name, None)

    def is_set(self, name: str, now: float) -> bool:
        return self._kinds.get(kind_of(name), {}).get(name, 0.0) > now

    def beginning(self, prefix: str, now: float) -> list[Mark]:
        """Those whose names begin so, in their order; ``prefix`` has all of the kind."""
        found = self._kinds.get(kind_of(prefix), {}).items()
        return [
            Mark(name, until)
            for name, until in sorted(found)
            if until > now and name.startswith(prefix)
        ]

    def all(self, now: float) -> list[Mark]:
        return [
            Mark(name, until)
            for kind in self._kinds.values()
            for name, until in kind.items()
            if until > now
        ]


def kind_of(name: str) -> str:
    """Of a name, or of the beginning of one.

    Raises:
        ValueError: it has none.
    """
    kind, colon, _ = name.partition(":")
    if not colon:
        raise ValueError(f"a mark needs a kind in front of a colon: {name!r}")
    return kind
