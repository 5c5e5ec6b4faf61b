"""JSON documents at the edge: what is refused before anything is decoded.

Parsers disagree about duplicate keys, broken UTF-8 and lone surrogates, and
deep nesting exhausts the stack of the next one. A document that passes here
means the same to everyone behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from aigw_core.errors import InvalidRequest

MAX_DEPTH = 64

T = TypeVar("T")

_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ANY = msgspec.json.Decoder().decode
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_AT = re.compile(r" - at `([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def read_object(body: bytes, *, levels: int = 1) -> dict[str, msgspec.Raw]:
    """The top-level fields of a JSON object, each as the bytes that came.

    ``levels`` is how deep duplicate keys are looked for: 1 is the object
    itself, 2 also the objects directly in it.

    Raises:
        InvalidRequest: not one JSON object in UTF-8 without BOM; a duplicate
            key; nested deeper than ``MAX_DEPTH``; a lone surrogate.
    """
    try:
        fields = _TOP(body)
        body.decode()
    except msgspec.ValidationError:
        raise InvalidRequest("the body must be a JSON object") from None
    except msgspec.DecodeError as exc:
        raise InvalidRequest(f"the body is not JSON: {_decode_problem(body, exc)}") from None
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"the body is not UTF-8: invalid byte at {exc.start}") from None
    except RecursionError:
        raise _too_deep() from None
    for name, raw in fields.items():
        _check_depth(bytes(raw), name)
    if b"\\ud" in body or b"\\uD" in body:
        _refuse_lone_surrogates(body)
    if levels > 1 or not _is_compact(body, fields):
        _refuse_duplicates(body, levels)
    return fields


def splice(fields: Mapping[str, msgspec.Raw], changes: Mapping[str, bytes]) -> bytes:
    """The object again, each value byte for byte, with ``changes`` made.

    A changed field keeps its place; a new one goes last. Space between the
    top-level fields is not kept.
    """
    merged: dict[str, msgspec.Raw] = dict(fields)
    merged.update({name: msgspec.Raw(value) for name, value in changes.items()})
    return msgspec.json.encode(merged)


def decode_as(decode: Callable[[bytes], T], body: bytes) -> T:
    """``decode(body)`` for a typed msgspec decoder, for a client's document.

    Raises:
        InvalidRequest: with the JSON pointer of what has the wrong type.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as exc:
        problem, pointer = pointer_of(exc)
        raise InvalidRequest(problem, pointer=pointer) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InvalidRequest(f"the body is not JSON: {exc}") from None
    except RecursionError:
        raise _too_deep() from None


def pointer_of(exc: msgspec.ValidationError) -> tuple[str, str]:
    """A validation error as ``(problem, JSON pointer)``.

    msgspec writes ``Expected `str`, got `int` - at `$.messages[0].role```.
    """
    text = str(exc)
    match = _AT.search(text)
    if match is None:
        return text, ""
    steps = [name or index for name, index in _STEP.findall(match.group(1))]
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return text[: match.start()], pointer


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"the body is nested deeper than {MAX_DEPTH} levels")


def _decode_problem(body: bytes, exc: msgspec.DecodeError) -> str:
    if not body.strip():
        return "it is empty"
    if body.startswith(b"\xef\xbb\xbf"):
        return "it starts with a byte order mark"
    return str(exc)


def _check_depth(raw: bytes, name: str) -> None:
    # Counting brackets overestimates the depth and is nearly free.
    if raw.count(b"[") + raw.count(b"{") < MAX_DEPTH:
        return
    try:
        level: list[Any] = [_ANY(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InvalidRequest(f"the body is not JSON: {exc}", pointer=f"/{name}") from None
    except RecursionError:
        raise _too_deep() from None
    depth = 1
    while level:
        inner: list[Any] = []
        for value in level:
            if type(value) is dict:
                inner += [item for item in value.values() if type(item) in (dict, list)]
            elif type(value) is list:
                inner += [item for item in value if type(item) in (dict, list)]
        if inner:
            depth += 1
            if depth >= MAX_DEPTH:
                raise _too_deep()
        level = inner


def _refuse_lone_surrogates(body: bytes) -> None:
    high_end = -1  # where a high half ended, if the last escape was one
    for match in _ESCAPE.finditer(body):
        digits = match.group(1)
        code = int(digits, 16) if digits else 0
        is_low = 0xDC00 <= code <= 0xDFFF
        joined = high_end == match.start()
        if (high_end >= 0 and not (joined and is_low)) or (is_low and not joined):
            raise InvalidRequest("the body holds a lone surrogate (half of a character)")
        high_end = match.end() if 0xD800 <= code <= 0xDBFF else -1
    if high_end >= 0:
        raise InvalidRequest("the body holds a lone surrogate (half of a character)")


def _is_compact(body: bytes, fields: Mapping[str, msgspec.Raw]) -> bool:
    # Without space between the tokens the lengths add up exactly, unless a
    # key came twice: then the body is longer. That spares the second parse.
    if not fields:
        return body == b"{}"
    size = 1 + sum(len(name.encode()) + len(bytes(raw)) + 4 for name, raw in fields.items())
    return len(body) == size


class _Pairs(dict[str, Any]):
    duplicate: str | None = None


def _pairs(items: list[tuple[str, Any]]) -> _Pairs:
    pairs = _Pairs(items)
    if len(pairs) != len(items):
        seen: set[str] = set()
        for name, _ in items:
            if name in seen:
                pairs.duplicate = name
                break
            seen.add(name)
    return pairs


def _refuse_duplicates(body: bytes, levels: int) -> None:
    document: _Pairs = json.loads(body, object_pairs_hook=_pairs, parse_int=str, parse_float=str)
    if document.duplicate is not None:
        raise InvalidRequest("the field comes twice", pointer=f"/{document.duplicate}")
    if levels > 1:
        for name, value in document.items():
            if isinstance(value, _Pairs) and value.duplicate is not None:
                raise InvalidRequest("the field comes twice", pointer=f"/{name}/{value.duplicate}")
