"""The schema, in the form that programs walk: what each key takes.

Read from the annotations of the schema Structs, once and when first needed.
The decoder, the manual's table and the JSON Schema go by it.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta, Struct, UnsetType
from msgspec.structs import FieldInfo

from aigw_core.config.schema.section import Section
from aigw_core.config.secret import Secret

Check = Callable[[Any], str | None]


class Kind(Enum):
    SECTION = auto()
    LIST = auto()
    MAP = auto()
    SECRET = auto()
    SCALAR = auto()
    ANY = auto()
    """Any JSON value."""


class Shape(Struct, frozen=True):
    """What a value may be."""

    kind: Kind
    type: Any = None
    """Of a section its class, of a scalar what ``msgspec.convert`` takes."""
    item: Shape | None = None
    """Of a list or map: its values."""
    key: Shape | None = None
    """Of a map."""
    nullable: bool = False
    checks: tuple[Check, ...] = ()
    at_least_one: bool = False
    choices: tuple[str, ...] = ()
    expected: str = ""
    """In words: ``a whole number from 0 to 65535``."""


class Key(Struct, frozen=True):
    """A key of a section."""

    name: str
    """As written: kebab-case."""
    attribute: str
    shape: Shape
    required: bool
    default: object
    description: str
    restart: bool
    """A change needs a restart."""


_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Decimal: "a number",
    datetime: "a time with a zone, as 2027-01-01T00:00:00Z",
}


@cache
def keys_of(section: type[Section]) -> Mapping[str, Key]:
    """The keys of a section, by their written names, in order."""
    return {info.encode_name: _key(info) for info in msgspec.structs.fields(section)}


def _key(info: FieldInfo) -> Key:
    metas = _metas(info.type)[1]
    extra = _extra(metas)
    return Key(
        name=info.encode_name,
        attribute=info.name,
        shape=shape_of(info.type),
        required=info.required,
        default=info.default
        if info.default_factory is msgspec.NODEFAULT
        else info.default_factory(),
        description=next((meta.description for meta in metas if meta.description), ""),
        restart=bool(extra.get("restart")),
    )


def _metas(annotation: Any) -> tuple[Any, tuple[Meta, ...]]:
    if typing.get_origin(annotation) is Annotated:
        base, *metas = typing.get_args(annotation)
        return base, tuple(metas)
    return annotation, ()


def _extra(metas: tuple[Meta, ...]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for meta in metas:
        merged.update(meta.extra or {})
    return merged


def shape_of(annotation: Any) -> Shape:
    """The shape of a type, as the schema Structs use them."""
    base, metas = _metas(annotation)
    check = _extra(metas).get("check")
    checks: tuple[Check, ...] = (check,) if check else ()
    at_least_one = any(meta.min_length for meta in metas)
    origin = typing.get_origin(base)
    if origin in (Union, UnionType):
        return _union(base, checks)
    if origin is tuple:
        item = shape_of(typing.get_args(base)[0])
        return Shape(Kind.LIST, item=item, at_least_one=at_least_one, expected="a list")
    if origin is dict:
        key, value = (shape_of(each) for each in typing.get_args(base))
        return Shape(Kind.MAP, item=value, key=key, at_least_one=at_least_one, expected="a map")
    if base is Any:
        return Shape(Kind.ANY, expected="any value")
    if base is Secret:
        return Shape(Kind.SECRET, checks=checks, expected="a text")
    if isinstance(base, type) and issubclass(base, Section):
        return Shape(Kind.SECTION, base, expected="a map")
    return _scalar(base, metas, checks)


def _union(base: Any, checks: tuple[Check, ...]) -> Shape:
    members = typing.get_args(base)
    nullable = NoneType in members
    rest = [each for each in members if each not in (NoneType, UnsetType)]
    if len(rest) == 1:
        inner = shape_of(rest[0])
        return msgspec.structs.replace(inner, nullable=nullable, checks=(*inner.checks, *checks))
    # The one union in the schema that is not "or null": a switch with a third position.
    choices = tuple(choice for each in rest for choice in shape_of(each).choices)
    expected = f"one of true, false, {', '.join(choices)}"
    return Shape(Kind.SCALAR, base, None, None, nullable, checks, False, choices, expected)


def _scalar(base: Any, metas: tuple[Meta, ...], checks: tuple[Check, ...]) -> Shape:
    choices: tuple[str, ...] = ()
    if typing.get_origin(base) is Literal:
        choices = typing.get_args(base)
    elif isinstance(base, type) and issubclass(base, Enum):
        choices = tuple(str(member.value) for member in base)
    expected = f"one of {', '.join(choices)}" if choices else _WORDS[base] + _bounds(metas)
    kept = base
    for meta in metas:
        kept = Annotated[kept, meta]
    return Shape(Kind.SCALAR, kept, None, None, False, checks, False, choices, expected)


def _bounds(metas: tuple[Meta, ...]) -> str:
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if low is None or high is None:
        return ""
    return f" from {low} to {high}"
