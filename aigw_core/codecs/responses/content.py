"""The small pieces that requests and answers share: media addresses,
citations, log probabilities, and leftovers of items and parts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    Citation,
    FileId,
    Format,
    Inline,
    Native,
    TokenLogprob,
    Url,
)
from aigw_core.codecs.responses import wire
from aigw_core.jsondoc import is_utf8

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,", re.IGNORECASE)
_NULL = b"null"

AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The two formats of ``input_audio``."""
AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


# --- leftovers ----------------------------------------------------------------


def leftovers(raw: bytes, known: frozenset[str]) -> dict[str, Raw]:
    """The fields of an object that are not ``known`` and not null."""
    return {
        name: value
        for name, value in wire.decode_fields(raw).items()
        if name not in known and bytes(value) != _NULL
    }


def native(fields: Mapping[str, Raw | bytes | object]) -> Native | None:
    """``fields`` as a leftover of this format; nothing without fields."""
    return Native(Format.RESPONSES, wire.encode(fields)) if fields else None


def native_fields(leftover: Native | None) -> dict[str, Raw]:
    """The fields of a leftover, when it is one of this format."""
    if leftover is None or leftover.format is not Format.RESPONSES:
        return {}
    try:
        return wire.decode_fields(leftover.raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


# --- media --------------------------------------------------------------------


def read_address(address: str) -> Inline | Url:
    """An ``image_url`` or ``file_data``. A data URL of base64 becomes inline
    data; text in one becomes plain text, as canonical text is."""
    match = _DATA_URL.match(address)
    if match is None or match.group(3) is None:
        return Url(address)
    media_type = match.group(1) or "application/octet-stream"
    data = address[match.end() :]
    if media_type.startswith("text/"):
        try:
            return Inline(media_type, base64.b64decode(data, validate=True).decode())
        except (binascii.Error, ValueError):
            return Url(address)
    return Inline(media_type, data)


def write_address(source: Inline | Url) -> str:
    if isinstance(source, Url):
        return source.url
    data = source.data
    if source.media_type.startswith("text/"):
        data = base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()
    return f"data:{source.media_type};base64,{data}"


def file_id(identifier: str) -> FileId:
    return FileId(identifier, Format.RESPONSES)


# --- citations ----------------------------------------------------------------


def read_annotations(raws: Iterable[Raw]) -> tuple[Citation, ...]:
    return tuple([one for one in map(read_annotation, raws) if one is not None])


def read_annotation(raw: Raw) -> Citation | None:
    """One annotation; a kind without an address lives in its native form alone.
    What is no object in UTF-8 is none."""
    document = bytes(raw)
    if not document.startswith(b"{") or not is_utf8(document):
        return None
    leftover = Native(Format.RESPONSES, document)
    try:
        fields = wire.decode_annotation(document)
    except msgspec.ValidationError:
        return Citation(native=leftover)
    return Citation(
        url=fields.url,
        title=fields.title,
        start=fields.start_index,
        end=fields.end_index,
        native=leftover,
    )


def write_annotation(citation: Citation, length: int) -> Raw | dict[str, object] | None:
    """``citation`` for a text of ``length`` characters, or nothing when this
    format cannot say it. A citation without a span means the whole text."""
    if citation.native is not None and citation.native.format is Format.RESPONSES:
        return Raw(citation.native.raw)
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": 0 if citation.start is None else citation.start,
        "end_index": length if citation.end is None else citation.end,
    }


# --- log probabilities --------------------------------------------------------


def read_logprobs(tokens: Iterable[wire.Logprob]) -> tuple[TokenLogprob, ...]:
    return tuple(
        [
            TokenLogprob(
                token.token,
                token.logprob,
                _bytes(token.bytes),
                tuple(
                    [
                        TokenLogprob(top.token, top.logprob, _bytes(top.bytes))
                        for top in token.top_logprobs or ()
                    ]
                ),
            )
            for token in tokens
        ]
    )


def _bytes(values: list[int] | None) -> tuple[int, ...] | None:
    return None if values is None else tuple(values)


def write_logprobs(tokens: Iterable[TokenLogprob]) -> list[dict[str, object]]:
    return [
        {**_write_logprob(token), "top_logprobs": [_write_logprob(top) for top in token.top]}
        for token in tokens
    ]


def _write_logprob(token: TokenLogprob) -> dict[str, object]:
    # The SDK's types want the bytes; where the upstream gave none they follow
    # from the token, unless it is a piece of a character.
    octets = token.token.encode("utf-8", "replace") if token.bytes is None else token.bytes
    return {"token": token.token, "logprob": token.logprob, "bytes": list(octets)}
