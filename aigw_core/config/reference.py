"""The table of all keys, for the manual, written from the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

import msgspec
from msgspec import UNSET

from aigw_core.codec import Caps
from aigw_core.config.schema import Config, Section
from aigw_core.config.shape import Key, Kind, Shape, keys_of


def sections() -> Mapping[type[Section], list[str]]:
    """Every section and where it stands: ``tls``, ``api-keys[]``, ``model-prices.*``.

    In the order of the file; the whole file is at the empty place.
    """
    found: dict[type[Section], list[str]] = {}
    _collect(Config, "", found)
    return found


def _collect(section: type[Section], place: str, found: dict[type[Section], list[str]]) -> None:
    found.setdefault(section, []).append(place)
    for key in keys_of(section).values():
        where = f"{place}.{key.name}" if place else key.name
        shape = key.shape
        while shape.kind in (Kind.LIST, Kind.MAP) and shape.item is not None:
            where += "[]" if shape.kind is Kind.LIST else ".*"
            shape = shape.item
        if shape.kind is Kind.SECTION:
            _collect(shape.type, where, found)


def key_paths() -> Iterator[str]:
    """The path of every key: ``port``, ``tls.cert``, ``claude-api-key[].api-key``."""
    for section, places in sections().items():
        for place in places:
            for name in keys_of(section):
                yield f"{place}.{name}" if place else name


def reference_tables() -> str:
    """Markdown: one table for each section."""
    return "\n".join(_table(section, places) for section, places in sections().items())


def _table(section: type[Section], places: list[str]) -> str:
    title = ", ".join(f"`{place}`" for place in places if place) or "Top level"
    lines = [f"### {title}", "", "| Key | Takes | Default | Meaning |", "|---|---|---|---|"]
    for key in keys_of(section).values():
        meaning = key.description + (" *(restart)*" if key.restart else "")
        cells = (f"`{key.name}`", _takes(key.shape), _default(key), meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def _takes(shape: Shape) -> str:
    if shape.kind in (Kind.LIST, Kind.MAP):
        assert shape.item is not None
        what = "list of" if shape.kind is Kind.LIST else "map to"
        text = f"{what} {_bare(shape.item)}" + ("" if shape.item.choices else "s")
    else:
        text = _bare(shape)
    return f"{text}, or null" if shape.nullable else text


def _bare(shape: Shape) -> str:
    for article in ("one of ", "a ", "any "):
        if shape.expected.startswith(article):
            return shape.expected.removeprefix(article)
    return shape.expected


def _default(key: Key) -> str:
    if key.required:
        return "required"
    default = key.default
    if default is UNSET:
        default = getattr(Caps(), key.attribute)
    if isinstance(default, Section):
        return "see below"
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    if isinstance(default, str) and not isinstance(default, Enum):
        return f"`{default}`"
    return f"`{msgspec.json.encode(default).decode()}`"
