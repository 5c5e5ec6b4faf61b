"""One document of an answer as a Struct, also where that takes a second look.

The usual chunk is one typed decode. A part of an unknown kind is needed as the
bytes that came, and text that was cut inside a character has to be mended before
it decodes at all.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from aigw_core.codecs.gemini.wire import Chunk
from aigw_core.surrogates import mend

decode_chunk = msgspec.json.Decoder(Chunk, strict=False).decode

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _RawContent(Struct):
    parts: list[Raw] | None = None


class _RawCandidate(Struct):
    content: _RawContent | None = None


class _RawChunk(Struct):
    candidates: list[_RawCandidate] | None = None


_DECODE_RAW = msgspec.json.Decoder(_RawChunk).decode


def raw_part(document: bytes, candidate: int, index: int) -> bytes:
    candidates = _DECODE_RAW(document).candidates
    assert candidates is not None
    content = candidates[candidate].content
    assert content is not None
    assert content.parts is not None
    return bytes(content.parts[index])


def mended_chunk(document: bytes) -> tuple[bytes, Chunk] | None:
    """The chunk without lone surrogates: text keeps a half that may be joined with
    the next chunk's, everything else is whole and loses it."""
    plain = mend(document, hold=False)
    if plain is document:
        return None
    try:
        chunk, marked = decode_chunk(plain), decode_chunk(mend(document))
    except UNREADABLE:
        return None
    pairs = zip(chunk.candidates or (), marked.candidates or (), strict=True)
    for candidate, held in pairs:
        if candidate.content is None or held.content is None:
            continue
        parts = zip(candidate.content.parts or (), held.content.parts or (), strict=True)
        for part, held_part in parts:
            if not part.thought_signature:
                part.text = held_part.text
    return plain, chunk
