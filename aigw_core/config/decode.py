"""Plain data to schema Structs, with every problem found on the way.

``msgspec.convert`` stops at the first problem; a person wants to see all of
them. This walks the data along the schema, resolves references, converts each
value by itself, and goes on after a failure. A section that failed is not
built, so the checks between its keys wait until they can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, Final, Literal, TypeVar

import msgspec

from aigw_core.config.path import Path
from aigw_core.config.references import References, Unresolved
from aigw_core.config.report import Report
from aigw_core.config.schema.section import Section
from aigw_core.config.secret import Secret
from aigw_core.config.shape import Key, Kind, Shape, keys_of

_S = TypeVar("_S", bound=Section)

Relation = Callable[[Any, Path, Report], None]
"""Checks a section that was built; the path leads to it."""


class _Failed(Enum):
    FAILED = auto()


_FAILED: Final = _Failed.FAILED
_MISSING = object()


class Decoder:
    """Decodes one configuration into ``report``.

    ``relations`` are run on each section of their type that could be built.
    """

    def __init__(
        self,
        references: References,
        report: Report,
        relations: Mapping[type[Section], Relation],
    ) -> None:
        self._references = references
        self._report = report
        self._relations = relations

    def section(self, cls: type[_S], raw: object, path: Path = ()) -> _S | None:
        """The section, or ``None`` after a problem was reported."""
        built = self._section(cls, raw, path)
        return None if built is _FAILED else built

    def _value(self, shape: Shape, raw: object, path: Path) -> Any:
        if raw is None and shape.nullable:
            return None
        match shape.kind:
            case Kind.SECTION:
                return self._section(shape.type, raw, path)
            case Kind.LIST:
                return self._list(shape, raw, path)
            case Kind.MAP:
                return self._map(shape, raw, path)
            case Kind.SECRET:
                return self._secret(shape, raw, path)
            case Kind.ANY:
                return self._any(raw, path)
            case Kind.SCALAR:
                return self._scalar(shape, raw, path)

    def _section(self, cls: type[_S], raw: object, path: Path) -> _S | Literal[_Failed.FAILED]:
        if raw is None:
            raw = {}  # a key whose entries are all commented out
        if isinstance(raw, str) and cls.shorthand is not None:
            raw = {cls.shorthand: raw}
        if not isinstance(raw, dict):
            return self._mismatch("a map", raw, path)
        keys = keys_of(cls)
        failed = False
        misspelt: set[str | None] = set()
        for name in raw:
            if name not in keys:
                failed = True
                close = _nearest(str(name), keys)
                misspelt.add(close)
                self._report.unknown_key((*path, name), f'unknown key "{name}"{_hint(close)}')
        values: dict[str, object] = {}
        for key in keys.values():
            value = self._key(key, raw.get(key.name, _MISSING), (*path, key.name), misspelt)
            if value is _FAILED:
                failed = True
            elif value is not _MISSING:
                values[key.attribute] = value
        if failed:
            return _FAILED
        built = cls(**values)
        relation = self._relations.get(cls)
        if relation is not None:
            before = len(self._report.problems)
            relation(built, path, self._report)
            if len(self._report.problems) > before:
                return _FAILED
        return built

    def _key(self, key: Key, raw: object, path: Path, misspelt: set[str | None]) -> object:
        if raw is not _MISSING:
            return self._value(key.shape, raw, path)
        if key.required and key.name not in misspelt:
            return self._fail(path, "is required")
        return _MISSING

    def _list(self, shape: Shape, raw: object, path: Path) -> object:
        if raw is None:
            raw = []
        if not isinstance(raw, list | tuple):
            return self._mismatch("a list", raw, path)
        if not raw and shape.at_least_one:
            return self._fail(path, "needs at least one entry")
        assert shape.item is not None
        values = [self._value(shape.item, each, (*path, at)) for at, each in enumerate(raw)]
        return _FAILED if _FAILED in values else tuple(values)

    def _map(self, shape: Shape, raw: object, path: Path) -> object:
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            return self._mismatch("a map", raw, path)
        if not raw and shape.at_least_one:
            return self._fail(path, "needs at least one entry")
        assert shape.item is not None
        assert shape.key is not None
        values: dict[str, object] = {}
        failed = False
        for name, each in raw.items():
            where = (*path, name)
            if not self._passes(shape.key, name, where):
                failed = True
            values[name] = self._value(shape.item, each, where)
            failed = failed or values[name] is _FAILED
        return _FAILED if failed else values

    def _secret(self, shape: Shape, raw: object, path: Path) -> object:
        text = self._resolve(raw, path)
        if text is _FAILED:
            return _FAILED
        if not isinstance(text, str):
            return self._mismatch("a text", text, path)
        return Secret(text) if self._passes(shape, text, path) else _FAILED

    def _scalar(self, shape: Shape, raw: object, path: Path) -> object:
        value = self._resolve(raw, path)
        if value is _FAILED:
            return _FAILED
        # What comes from the environment is text, whatever it stands for.
        written = value is raw and path not in self._report.origins
        try:
            value = msgspec.convert(value, shape.type, strict=written)
        except msgspec.ValidationError:
            return self._mismatch(shape.expected, raw, path, shape.choices if written else ())
        return value if self._passes(shape, value, path) else _FAILED

    def _any(self, raw: object, path: Path) -> object:
        if isinstance(raw, dict):
            values = {name: self._any(each, (*path, name)) for name, each in raw.items()}
            return _FAILED if _FAILED in values.values() else values
        if isinstance(raw, list | tuple):
            items = [self._any(each, (*path, at)) for at, each in enumerate(raw)]
            return _FAILED if _FAILED in items else items
        return self._resolve(raw, path)

    def _resolve(self, raw: object, path: Path) -> object:
        if not isinstance(raw, str) or path in self._report.origins:
            return raw
        try:
            return self._references.resolve(raw)
        except Unresolved as exc:
            return self._fail(path, str(exc))

    def _passes(self, shape: Shape, value: object, path: Path) -> bool:
        problems = [problem for check in shape.checks if (problem := check(value)) is not None]
        for problem in problems:
            self._report.problem(path, problem)
        return not problems

    def _mismatch(
        self, expected: str, raw: object, path: Path, choices: tuple[str, ...] = ()
    ) -> Literal[_Failed.FAILED]:
        message = f"must be {expected}"
        got = _kind(raw)
        if choices and isinstance(raw, str):
            message += _hint(_nearest(raw, choices))
        elif not _same_kind(expected, got):
            message += f", not {got}"
            if expected == "a text" and got in ("a number", "true or false"):
                message += " (put it in quotes)"
        return self._fail(path, message)

    def _fail(self, path: Path, message: str) -> Literal[_Failed.FAILED]:
        self._report.problem(path, message)
        return _FAILED


def _kind(raw: object) -> str:
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return "true or false"
    if isinstance(raw, int | float):
        return "a number"
    if isinstance(raw, str):
        return "a text"
    return "a list" if isinstance(raw, list | tuple) else "a map"


def _same_kind(expected: str, got: str) -> bool:
    if got == "a text":
        return expected.startswith("a time")
    return got == expected or (got == "a number" and "number" in expected)


def _nearest(word: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # slow to import, and only of use after a mistake

    close = get_close_matches(word[:64].lower().replace("_", "-"), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def _hint(close: str | None) -> str:
    return f' (did you mean "{close}"?)' if close else ""
