"""Reading one field of a client's JSON object, with the pointer for what is wrong.

Objects of a request are held as field names with the bytes of their values, so
that what nobody knows can be passed on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from aigw_core.codecs.chat.wire import ENCODE, Fields
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import pointer_of

T = TypeVar("T")

_STRING = msgspec.json.Decoder(str).decode
_FIELDS: Callable[[Raw | bytes], Fields] = msgspec.json.Decoder(Fields).decode
_LIST: Callable[[Raw | bytes], list[Fields]] = msgspec.json.Decoder(list[Fields]).decode

_MISSING = re.compile(r"Object missing required field `(\w+)`")

# Says nothing, whatever it is the value of.
_BLANK = frozenset({b"null", b"false", b'""', b"[]", b"{}"})


def read(decode: Callable[[Raw], T], raw: Raw, pointer: str) -> T:
    """``raw`` as what ``decode`` wants.

    Raises:
        InvalidRequest: at ``pointer`` or below.
    """
    try:
        return decode(raw)
    except msgspec.ValidationError as exc:
        problem, below = pointer_of(exc)
        missing = _MISSING.fullmatch(problem)
        if missing is not None:
            problem, below = "the field is required", f"{below}/{missing.group(1)}"
        raise InvalidRequest(problem, pointer=pointer + below) from None


def given(fields: Fields, name: str) -> Raw | None:
    """Take ``name`` out of ``fields``; ``None`` when absent or null."""
    raw = fields.pop(name, None)
    return None if raw is None or bytes(raw) == b"null" else raw


def take(fields: Fields, name: str, decode: Callable[[Raw], T], pointer: str) -> T | None:
    """Take ``name`` out of ``fields`` and read it."""
    raw = given(fields, name)
    return None if raw is None else read(decode, raw, f"{pointer}/{name}")


def take_text(fields: Fields, name: str, pointer: str) -> str | None:
    return take(fields, name, _STRING, pointer)


def take_object(fields: Fields, name: str, pointer: str) -> Fields | None:
    return take(fields, name, _FIELDS, pointer)


def take_list(fields: Fields, name: str, pointer: str) -> list[Fields] | None:
    """A list of objects."""
    return take(fields, name, _LIST, pointer)


def need(value: T | None, pointer: str) -> T:
    """``value``, which the format requires.

    Raises:
        InvalidRequest: it is missing.
    """
    if value is None:
        raise InvalidRequest("the field is required", pointer=pointer)
    return value


def leftovers(fields: Mapping[str, Raw]) -> Fields:
    """The fields that say something."""
    return {name: raw for name, raw in fields.items() if bytes(raw).strip() not in _BLANK}


def rest(fields: Mapping[str, Raw]) -> bytes | None:
    """The fields that say something, as one JSON object."""
    kept = leftovers(fields)
    return ENCODE(kept) if kept else None
