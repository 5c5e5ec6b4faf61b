"""Damage: JSON documents with one node replaced by something unfit (P10), bytes changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

CONFUSIONS: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    0,
    -1,
    1e308,
    1 << 64,
    True,
    "x",
    [None],
    [[]],
    [{}],
    {"type": "x"},
)


def confusions(document: Any, values: Iterable[Any] = CONFUSIONS) -> Iterator[Any]:
    """``document`` again and again, each time with one node replaced or gone."""
    for path in _paths(document):
        for value in values:
            yield _replaced(document, path, value)
        if path and isinstance(path[-1], str):
            yield _replaced(document, path, _GONE)


_GONE = object()


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is _GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy


def deep_list(levels: int = 10_000) -> bytes:
    return b"[" * levels + b"]" * levels


_PIECES: tuple[bytes, ...] = (
    *(b"", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b" ", b'"', b"{", b"}", b"[]", b":", b","),
    *(
        b"null",
        b"0",
        b"-1",
        b"1e400",
        b"%00",
        b"\xff",
        b"\\ud83d",
        "\u2028".encode(),
        "😀".encode(),
    ),
)


def damaged_bytes(data: bytes, count: int) -> Iterator[bytes]:
    """``data`` again and again, each time after one to three accidents; always the same ones."""
    dice = Random(len(data))
    for _ in range(count):
        changed = data
        for _ in range(dice.choice((1, 1, 2, 3))):
            at = dice.randint(0, len(changed))
            end = min(len(changed), at + dice.choice((0, 0, 1, 2, 20)))
            kind = dice.randrange(4)
            if kind == 0:
                piece = dice.choice(_PIECES)
            elif kind == 1:
                piece = bytes([dice.randrange(256)])
            elif kind == 2:
                piece = changed[at:end] * 2
            else:
                other = dice.randint(0, len(changed))
                piece = changed[other : other + dice.choice((1, 8, 40))]
            changed = changed[:at] + piece + changed[end:]
        yield changed
