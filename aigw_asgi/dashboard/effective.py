"""The configuration in force, value by value, with where each came from."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from aigw_asgi.config_store import Loaded
from aigw_asgi.dashboard.edits import value_at
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.placeholders import PLACEHOLDER, secret_paths
from aigw_core.config.path import Path, render_path
from aigw_core.config.schema import Section
from aigw_core.config.secret import Secret
from aigw_core.config.shape import keys_of

_COMMAND_LINE = "command line"

_HIDDEN = ("params", "match", "not-match", "sensitive-words")
"""Keys whose values may be secrets, by reference, or are not for every eye."""


class Effective(Shape, frozen=True, kw_only=True):
    """One value."""

    path: str
    value: Any
    """``••••`` for a secret."""
    source: str
    """``file``, ``environment``, ``flag`` or ``default``."""
    origin: str | None
    """The variable, or the reference in the file."""
    line: int | None
    """In the file."""


def effective(loaded: Loaded) -> tuple[Effective, ...]:
    """All values, in the order of the schema."""
    return tuple(_Values(loaded).of(loaded.reading.config, ()))


class _Values:
    def __init__(self, loaded: Loaded) -> None:
        self._reading = loaded.reading
        self._document = loaded.document
        self._data: dict[str, Any] = {} if loaded.document is None else loaded.document.data
        self._secrets = set(secret_paths(self._data))

    def of(self, section: Section, path: Path) -> Iterator[Effective]:
        for name, key in keys_of(type(section)).items():
            yield from self._value(getattr(section, key.attribute), (*path, name))

    def _value(self, value: Any, path: Path) -> Iterator[Effective]:
        if isinstance(value, Section):
            yield from self.of(value, path)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for at, each in enumerate(value):
                yield from self.of(each, (*path, at))
        elif isinstance(value, dict) and value:
            for name, each in value.items():
                yield from self._value(each, (*path, name))
        elif value is not UNSET:
            yield self._one(value, path)

    def _one(self, value: Any, path: Path) -> Effective:
        source, origin, line = "default", None, None
        place = self._reading.moved.get(path, path)
        beside = self._reading.origins.get(path)
        written = value_at(self._data, place)
        if beside == _COMMAND_LINE:
            source = "flag"
        elif beside is not None:
            source, origin = "environment", beside
        elif written is not None or self._is_there(place):
            source = "file"
            if isinstance(written, str) and place not in self._secrets and _refers(written):
                origin = written
            if self._document is not None:
                line = self._document.locate(render_path(place))[0]
        return Effective(
            path=render_path(path),
            value=_shown(value, path),
            source=source,
            origin=origin,
            line=line,
        )

    def _is_there(self, path: Path) -> bool:
        parent = value_at(self._data, path[:-1])
        return isinstance(parent, dict) and path[-1] in parent


def _refers(text: str) -> bool:
    return "${" in text or text.startswith(("env://", "file://"))


def _shown(value: Any, path: Path) -> Any:
    if isinstance(value, Secret):
        return PLACEHOLDER if value else ""
    if any(step in _HIDDEN for step in path):
        return PLACEHOLDER
    if isinstance(value, Decimal):
        return float(value)
    return msgspec.to_builtins(value)
