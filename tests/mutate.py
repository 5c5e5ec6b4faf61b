"""Type confusion: JSON documents with one node replaced by something unfit (P10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
