"""Where values stand in a JSON document, to change a few and keep every other byte.

For documents that were checked before (:mod:`.jsondoc`): what is no JSON gives an
:class:`~aigw_core.errors.ProtocolMisuse`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from aigw_core.errors import ProtocolMisuse

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_string = re.compile(_STRING, re.DOTALL).match
_tokens = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL).finditer
_scalar = re.compile(rb"[^\s,\]}]+").match
_space = re.compile(rb"[\s,:]*").match  # also what stands between values
_follows = re.compile(rb"\s*[,}]").match
_name = msgspec.json.Decoder(str).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

T = TypeVar("T")


class Span(Struct, frozen=True, gc=False):
    """A value, or a member of an object: ``document[start:end]``."""

    start: int
    end: int
    value: int
    """Where the value begins: behind the name of a member."""


def whole(document: bytes) -> Span:
    """The value that the document is."""
    start = _skip(document, 0)
    return Span(start, _end(document, start), start)


def elements(document: bytes, array: Span) -> list[Span]:
    """The elements of an array; none of what is not one."""
    if document[array.value : array.value + 1] != b"[":
        return []
    found: list[Span] = []
    at = array.value + 1
    values = _decoded(_array, document[array.value : array.end])
    if values is None:
        at = _skip(document, at)
        while document[at : at + 1] != b"]":
            end = _end(document, at)
            found.append(Span(at, end, at))
            at = _skip(document, end)
        return found
    for value in values:
        start = _skip(document, at)
        at = start + len(bytes(value))
        found.append(Span(start, at, start))
    return found


def members(document: bytes, object: Span) -> dict[str, Span]:
    """The members of an object, in order; none of what is not one."""
    found: dict[str, Span] = {}
    for name, span in each_member(document, object):
        found.pop(name, None)  # of a name that comes twice the last counts, in its place
        found[name] = span
    return found


def each_member(document: bytes, object: Span) -> list[tuple[str, Span]]:
    """The members of an object with their names, in order, also those whose name comes
    again; none of what is not an object."""
    if document[object.value : object.value + 1] != b"{":
        return []
    values = _decoded(_object, document[object.value : object.end]) or {}
    found: list[tuple[str, Span]] = []
    at = _skip(document, object.value + 1)
    while document[at : at + 1] != b"}":
        end = _end(document, at)
        value = _skip(document, end)
        name = _name(document[at:end])
        # Of a name that comes twice the last value only is known.
        known = bytes(values.get(name, b""))
        behind = value + len(known)
        if not (known and document.startswith(known, value) and _follows(document, behind)):
            behind = _end(document, value)
        found.append((name, Span(at, behind, value)))
        at = _skip(document, behind)
    return found


def _decoded(decode: Callable[[bytes], T], piece: bytes) -> T | None:
    """Values with their lengths, several times as fast as looking for their ends; ``None``
    where a decoder is stricter than that."""
    try:
        return decode(piece)
    except (msgspec.DecodeError, RecursionError):
        return None


class Edits:
    """Changes to one document; each place may be changed once."""

    def __init__(self, document: bytes) -> None:
        self._document = document
        self._edits: list[tuple[int, int, bytes]] = []

    def set(self, span: Span, value: bytes) -> None:
        """Put another value in the place of an element or a member's value."""
        self._edits.append((span.value, span.end, value))

    def remove(self, spans: Sequence[Span], gone: Collection[int]) -> None:
        """Take the elements (or members) ``gone``, by index, out of all of one array
        (or object), with the commas that become too many."""
        kept = [index for index in range(len(spans)) if index not in gone]
        if not kept:
            self._edits.append((spans[0].start, spans[-1].end, b""))
            return
        for index in sorted(gone):
            if index > kept[-1]:
                self._edits.append((spans[index - 1].end, spans[index].end, b""))
            else:
                self._edits.append((spans[index].start, spans[index + 1].start, b""))

    def apply(self) -> bytes:
        pieces: list[bytes] = []
        at = 0
        for start, end, value in sorted(self._edits):
            if start < at:
                raise ProtocolMisuse("a place is changed twice")
            pieces += (self._document[at:start], value)
            at = end
        return b"".join([*pieces, self._document[at:]])


def _skip(document: bytes, at: int) -> int:
    match = _space(document, at)
    assert match is not None
    return match.end()


def _end(document: bytes, start: int) -> int:
    """Where the value that begins at ``start`` ends."""
    first = document[start : start + 1]
    if first in (b"[", b"{"):
        depth = 0
        for token in _tokens(document, start):
            mark = token.group()[:1]
            if mark != b'"':
                depth += 1 if mark in b"[{" else -1
                if depth == 0:
                    return token.end()
        raise ProtocolMisuse("no JSON")
    match = _string(document, start) if first == b'"' else _scalar(document, start)
    if match is None:
        raise ProtocolMisuse("no JSON")
    return match.end()
