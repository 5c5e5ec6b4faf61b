"""Ordinary configuration files, made up: what people write, with comments everywhere.

The writer notes which lines each value is on, so that a test can say which lines a change
may touch without asking the code under test.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct

Path = tuple[str | int, ...]

_KEYS = (
    *("host", "port", "api-keys", "name", "key", "models", "id", "alias", "log", "level", "dir"),
    *("claude-api-key", "base-url", "headers", "retry", "max-retries", "x", "on", "a b", "é"),
)
_TEXTS = (
    *("info", "claude-*", "https://api.example/x?y=1", "${OPENAI_API_KEY}", "sk-1 # no comment"),
    *("", "yes", "010", "12:30", "it's", 'say "so"', "a: b", "- dash", "naïve", "file:///x", "\\d"),
)
_COMMENTS = ("# note", "#", "# key: value", "# - item", "#   indented {", "# it's | odd: [")


class Written(Struct):
    """A file."""

    text: str
    data: dict[str, Any]
    lines: dict[Path, tuple[int, int]]
    """First and last line of the content at each path, its key or dash included."""
    flow: set[Path]
    """Paths of maps and lists within brackets."""
    sharing: set[Path]
    """Paths whose key or dash stands behind the dash of an entry."""


class Writer:
    """Lays data out as a file; ``pick`` chooses among what it is given, each time anew."""

    def __init__(self, pick: Callable[..., Any]) -> None:
        self.pick = pick
        self.lines: list[str] = []
        self.spans: dict[Path, tuple[int, int]] = {}
        self.flow: set[Path] = set()
        self.sharing: set[Path] = set()
        self._step = pick(2, 2, 4, 3)
        self._flat_lists = pick(True, False)
        self._gap = pick(1, 1, 1, 3)  # behind a dash

    def comments(self, indent: int) -> None:
        for _ in range(self.pick(0, 0, 0, 1, 2)):
            lead = " " * self.pick(indent, indent, indent, 0, indent + 2)
            self.lines.append(self.pick(lead + self.pick(*_COMMENTS), ""))

    def tail(self) -> str:
        return str(self.pick("", "", "", "  # of this line", " #", "   "))

    def block(self, path: Path, value: Any, indent: int, lead: str | None = None) -> None:
        """A map or a list that is not empty; ``lead`` is what its first line begins with."""
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for at, (step, inner) in enumerate(entries):
            here = (*path, step)
            start = " " * indent
            if at == 0 and lead is not None:
                start = lead
                self.sharing.add(here)
            else:
                self.comments(indent)
            first = len(self.lines)
            if isinstance(value, dict):
                self.entry(here, inner, indent, f"{start}{self.key(str(step))}:")
            else:
                self.item(here, inner, indent, start)
            self.spans[here] = (first, self.last)

    def key(self, key: str) -> str:
        if not key.isascii() or self.pick(True, True, True, False):
            return key
        return str(self.pick(f'"{key}"', f"'{key}'"))

    def entry(self, path: Path, value: Any, indent: int, start: str) -> None:
        if isinstance(value, dict | list) and value and self.pick(True, True, False):
            self.lines.append(start + self.tail())
            flat = isinstance(value, list) and self._flat_lists
            self.block(path, value, indent + (0 if flat else self._step))
        else:
            self.inline(path, value, indent, start)

    def item(self, path: Path, value: Any, indent: int, start: str) -> None:
        if not (isinstance(value, dict | list) and value and self.pick(True, True, False)):
            self.inline(path, value, indent, f"{start}-")
        elif self.pick(True, True, True, False):
            lead = f"{start}-{' ' * self._gap}"
            self.block(path, value, indent + 1 + self._gap, lead)
        else:
            self.lines.append(f"{start}-{self.tail()}")
            self.block(path, value, indent + 2)

    def inline(self, path: Path, value: Any, indent: int, start: str) -> None:
        if isinstance(value, dict | list):
            self.in_brackets(path, value, indent, f"{start} ")
            self.lines[-1] += self.tail()
        elif isinstance(value, str) and "\n" in value:
            # Lines with an end each, as a literal block.
            self.lines.append(f"{start} |{self.tail()}")
            inner = " " * (indent + self._step)
            self.lines += [inner + line if line else "" for line in value.splitlines()]
            self.last = len(self.lines) - 1
            return
        elif isinstance(value, str) and value.count(" ") > 9 and self.pick(True, False):
            self.lines.append(f"{start} >-{self.tail()}")
            inner = " " * (indent + self._step)
            self.lines += textwrap.wrap(value, 50, initial_indent=inner, subsequent_indent=inner)
            self.last = len(self.lines) - 1
            return
        elif isinstance(value, str) and value.isalpha() and self.pick(True, False, False):
            # One line with its end: a literal block that is kept, or one with its end cut off.
            self.lines.append(f"{start} {self.pick('|-', '>-')}{self.tail()}")
            self.lines.append(" " * (indent + 3) + value)
            self.last = len(self.lines) - 1
            self.lines += [""] * self.pick(0, 0, 1, 2)
            return
        elif value is None and self.pick(True, False):
            self.lines.append(start + self.tail())
        else:
            self.lines.append(f"{start} {self.scalar(value, flow=False)}{self.tail()}")
        self.last = len(self.lines) - 1

    def in_brackets(self, path: Path, value: Any, indent: int, start: str) -> None:
        self.flow.add(path)
        many = bool(value) and self.pick(True, False)
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        self.lines.append(start + opening)
        entries = list(value.items() if isinstance(value, dict) else enumerate(value))
        for at, (step, inner) in enumerate(entries):
            here = (*path, step)
            if many:
                self.lines.append(" " * (indent + 6))
            elif at:
                self.lines[-1] += " "
            first = len(self.lines) - 1
            if isinstance(value, dict):
                self.lines[-1] += f"{self.key(str(step))}: "
            if isinstance(inner, dict | list):
                rest = self.lines.pop()
                self.in_brackets(here, inner, indent + 6, rest)
            else:
                self.lines[-1] += self.scalar(inner, flow=True)
            self.spans[here] = (first, len(self.lines) - 1)
            if at + 1 < len(entries) or (many and self.pick(True, False)):
                self.lines[-1] += ","
            if many:
                self.lines[-1] += self.pick("", "", "  # inside")
        if many:
            self.lines.append(" " * (indent + 4) + closing)
        else:
            self.lines[-1] += closing
        self.last = len(self.lines) - 1

    def scalar(self, value: Any, *, flow: bool) -> str:
        if value is None:
            return str(self.pick("null", "~"))
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            return repr(value)
        if "\n" in value:
            return '"' + value.replace("\n", "\\n") + '"'
        plain = (
            value not in ("", "010")
            and value[0] not in "-${*[&!%@|>"
            and not (set(value) & set("#:\"'"))
        )
        plain = plain and not (flow and set(value) & set("{}[],?"))
        single = "'" + value.replace("'", "''") + "'"
        double = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return str(self.pick(single, double, *([value] if plain else [])))


def values(depth: int = 2) -> st.SearchStrategy[Any]:
    scalars = st.one_of(
        st.sampled_from(_TEXTS), st.integers(0, 9999), st.booleans(), st.none(), st.just(0.5)
    )
    if depth == 0:
        return scalars
    inner = values(depth - 1)
    return st.one_of(
        scalars,
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    )


def lay_out(data: dict[str, Any], pick: Callable[..., Any]) -> Written:
    """A file that says ``data``, in one of the ways in which that can be written."""
    writer = Writer(pick)
    if pick(True, False):
        writer.lines.append(pick("# top", "---", ""))
    writer.block((), data, 0)
    writer.comments(0)
    end = pick("\n", "\n", "\r\n")
    text = end.join(writer.lines) + pick(end, end, "")
    mark = pick("", "", "\ufeff")
    return Written(mark + text, data, writer.spans, writer.flow, writer.sharing)


@st.composite
def files(draw: st.DrawFn) -> Written:
    data = draw(st.dictionaries(st.sampled_from(_KEYS), values(), min_size=1, max_size=6))
    return lay_out(data, lambda *choices: draw(st.sampled_from(choices)))
