"""``reasoning_details``: where this format's extensions keep the proofs of reasoning.

OpenRouter (and gateways after its example) answer with entries of the types
``reasoning.text`` (``text``, ``signature``), ``reasoning.summary`` and
``reasoning.encrypted`` (``data``), in deltas piece by piece, and want the same
list back. It is carried whole, as the JSON text of one seal.

Entries with the format ``aigw-v1`` are this gateway's own: each holds one seal
that a client of this format shall send back.

Source: OpenRouter's documentation of reasoning tokens; recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.chat import Seal
from aigw_core.codecs.chat.wire import DECODE_ANY, ENCODE
from aigw_core.surrogates import settle

ISSUER = "openrouter"
OWN_FORMAT = "aigw-v1"
OF_TEXT = "content"
"""The ``id`` of an own entry whose seal belongs to the text of the answer."""

MAX_HELD = 8 << 20
"""Bytes of entries held for one part; with more the seal is given up."""

Entry = dict[str, Any]

_GROWING = ("text", "summary")
_PROOFS = ("signature", "data")


def read_entries(raws: Iterable[Raw]) -> list[Entry]:
    """The entries that are objects; anything else is no entry."""
    entries: list[Entry] = []
    for raw in raws:
        try:
            entry = DECODE_ANY(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def visible(entries: Iterable[Entry]) -> tuple[str, bool]:
    """The text that entries show, and whether it is a summary."""
    text, summary = "", False
    for entry in entries:
        piece = entry.get("text") or entry.get("summary")
        if isinstance(piece, str):
            text += piece
            summary = summary or entry.get("type") == "reasoning.summary"
    return text, summary


def proven(entries: Iterable[Entry]) -> bool:
    return any(
        isinstance(entry.get(name), str) and entry[name] for entry in entries for name in _PROOFS
    )


class DetailsMerger:
    """Puts the entries of deltas together: those of one type and index are one.

    ``reasoning.encrypted`` entries come whole and are never merged.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._merged: list[tuple[Entry, dict[str, list[str]]]] = []
        self._open: dict[tuple[Any, Any], int] = {}
        self._held = 0
        self._proven = False
        self._marked = False

    def add(self, entries: Iterable[Entry], *, marked: bool = False) -> None:
        """``marked``: texts may hold the marks of half characters."""
        self._marked = self._marked or marked
        for entry in entries:
            self._held += sum(len(value) for value in entry.values() if isinstance(value, str))
            if self._held > MAX_HELD:
                self._merged.clear()
                self._open.clear()
                return
            self._proven = self._proven or proven((entry,))
            kind, index = entry.get("type"), entry.get("index")
            if not isinstance(kind, str) or isinstance(index, dict | list):
                continue
            known = self._open.get((kind, index))
            if (
                kind == "reasoning.encrypted"
                or known is None
                or _other(self._merged[known][0], entry)
            ):
                self._open[kind, index] = len(self._merged)
                grown = {
                    name: [entry[name]] for name in _GROWING if isinstance(entry.get(name), str)
                }
                self._merged.append((dict(entry), grown))
            else:
                _merge(*self._merged[known], entry)

    def take(self) -> Seal | None:
        """The seal over what was added, if anything in it is a proof. Starts anew."""
        entries: list[Entry] = []
        for entry, grown in self._merged:
            entries.append({**entry, **{name: "".join(pieces) for name, pieces in grown.items()}})
        sealed, marked = self._proven and bool(entries), self._marked
        self._begin()
        if not sealed:
            return None
        data = ENCODE(entries).decode()
        return Seal(ISSUER, "detail", settle(data) if marked else data)


def _other(known: Entry, entry: Entry) -> bool:
    """Whether ``entry`` begins another block than ``known``, which its index names."""
    ours, theirs = known.get("id"), entry.get("id")
    complete = known.get("signature") and entry.get("text")
    return bool(complete or (ours and theirs and ours != theirs))


def _merge(known: Entry, grown: dict[str, list[str]], entry: Entry) -> None:
    for name, value in entry.items():
        if name in _GROWING and isinstance(value, str):
            grown.setdefault(name, []).append(value)
            known.setdefault(name, "")
        elif value and not (known.get(name) and name != "signature"):
            known[name] = value


def join_details(seals: Sequence[Seal]) -> list[Entry]:
    """The entries of several seals of one answer, as one list again."""
    merger = DetailsMerger()
    for seal in seals:
        entries = DECODE_ANY(seal.data)
        if isinstance(entries, list):
            merger.add(entry for entry in entries if isinstance(entry, dict))
    joined = merger.take()
    return [] if joined is None else DECODE_ANY(joined.data)


def own_entry(data: str, index: int, id: str | None, text_length: int | None) -> Entry:
    """An entry of ours. ``text_length`` (characters) tells which end of the joined
    reasoning text belongs to it; only needed from the second reasoning part on.
    A text, since the official SDK adds numbers of deltas up."""
    entry: Entry = {
        "type": "reasoning.encrypted",
        "data": data,
        "format": OWN_FORMAT,
        "index": index,
    }
    if id is not None:
        entry["id"] = id
    if text_length is not None:
        entry["text_length"] = str(text_length)
    return entry
