"""Pieces of an answer on its way to a client, whole and streamed alike.

Kept to what the official SDK puts together again from deltas: it joins texts of
the same field, adds numbers up, and merges list entries by ``index``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.chat import Citation, Format, Media, Seal, TokenLogprob
from aigw_core.codec import AnswerContext
from aigw_core.codecs.chat.details import ISSUER, OF_TEXT, Entry, own_entry
from aigw_core.codecs.chat.wire import DECODE_ANY

OWN = "aigw"
"""The issuer of seals that only this gateway can open."""

_PREFIX = "chatcmpl-"
_SAFE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def answer_id(upstream: str, context: AnswerContext) -> str:
    """The upstream's identifier in this format's manner, or one of our own."""
    if not _SAFE_ID.fullmatch(upstream):
        return _PREFIX + context.id
    return upstream if upstream.startswith(_PREFIX) else _PREFIX + upstream


def created_at(upstream: int | None, context: AnswerContext) -> int:
    """The upstream's time where it is one, in Unix seconds."""
    return context.created if upstream is None or upstream <= 0 else upstream


def annotation(citation: Citation, offset: int) -> Any:
    """An entry of ``annotations``; ``None`` for what has no address.

    ``offset`` is where the citation's part begins in the content, in characters.
    """
    native = citation.native
    if native is not None and native.format is Format.CHAT:
        return Raw(native.raw)
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url_citation": {
            "url": citation.url,
            "title": citation.title or "",
            "start_index": offset + (citation.start or 0),
            "end_index": offset + (citation.end or 0),
        },
    }


def span_of_part(citation: Citation, length: int) -> Citation:
    """A citation without a span cites the part it came with, ``length`` characters."""
    if citation.end is not None:
        return citation
    return msgspec.structs.replace(citation, start=0, end=length)


def logprob_list(tokens: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    return [
        {**_token(token), "top_logprobs": [_token(other) for other in token.top]}
        for token in tokens
    ]


def _token(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def tool_call(id: str, name: str, arguments: str, *, freeform: bool) -> dict[str, Any]:
    if freeform:
        return {"id": id, "type": "custom", "custom": {"name": name, "input": arguments}}
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def extra_content(seal: Seal) -> dict[str, Any] | None:
    """The member of a tool call that carries its seal."""
    if seal.issuer == OWN:
        return {"aigw": {"seal": seal.data}}
    if seal.issuer == Format.CHAT.value:
        if seal.kind == "thought_signature":
            return {"google": {"thought_signature": seal.data}}
        return {"aigw": {"seal": seal.data}}
    return None


class DetailsWriter:
    """Numbers the entries of ``reasoning_details`` over one choice.

    In a stream each has an ``index`` of its own, from 0 without gaps, since a client
    merges entries of one index; a whole answer leaves OpenRouter's as they were.
    """

    __slots__ = ("_next", "_reasoning_parts", "_streamed")

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed
        self._next = 0
        self._reasoning_parts = 0

    def reasoning(self, seal: Seal | None, text_length: int) -> list[Entry]:
        """The entries of a reasoning part that ended; its text has ``text_length``
        characters."""
        first = self._reasoning_parts == 0
        self._reasoning_parts += 1
        if seal is None:
            return []
        if seal.issuer == OWN:
            return self._own(seal, seal.id, None if first else text_length)
        if seal.issuer == ISSUER:
            return self._native(seal)
        return []

    def tool_call(self, seal: Seal, call_id: str) -> list[Entry]:
        return self._own(seal, call_id, None) if seal.issuer == OWN else []

    def text(self, seal: Seal) -> list[Entry]:
        return self._own(seal, OF_TEXT, None) if seal.issuer == OWN else []

    def _own(self, seal: Seal, id: str | None, text_length: int | None) -> list[Entry]:
        entry = own_entry(seal.data, self._next, id, text_length)
        self._next += 1
        return [entry]

    def _native(self, seal: Seal) -> list[Entry]:
        document = DECODE_ANY(seal.data)
        entries: list[Entry] = [entry for entry in document if isinstance(entry, dict)]
        if self._streamed:
            entries = [
                {**entry, "index": self._next + place} for place, entry in enumerate(entries)
            ]
        self._next += len(entries)
        return entries


def audio(media: Media) -> Any:
    """``message.audio`` of what came from this format; ``None`` for other media."""
    native = media.native
    return Raw(native.raw) if native is not None and native.format is Format.CHAT else None
