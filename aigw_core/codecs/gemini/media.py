"""Pictures, sound, video and documents: ``inlineData`` and ``fileData``.

The data is base64 in either alphabet, padded or not; elsewhere it is standard
base64 with padding, and plain text for ``text/*``.

Source: ProtoJSON format guide ("bytes"); the vendor's Python SDK sends the URL
alphabet. Public https addresses in ``fileData`` are answered with 200 in
recorded traffic of both of the vendor's hosts.
"""

from __future__ import annotations

import base64
import binascii
import string
from typing import Any

import msgspec

from aigw_core.chat import FileId, Format, Inline, Media, MediaKind, Native, Url
from aigw_core.codecs.gemini.vocabulary import guess_media_type, is_video_page, media_kind
from aigw_core.codecs.gemini.wire import Blob, FileData

_DIGITS = (string.ascii_letters + string.digits + "+/-_").encode()
_URL_ALPHABET = str.maketrans("-_", "+/")
_VENDOR_FILES = "generativelanguage.googleapis.com/"


def decode_blob(blob: Blob, native: Native | None = None) -> Media:
    """Raises ``ValueError`` when text is not base64 of UTF-8."""
    data = standard_base64(blob.data)
    if is_text(blob.mime_type):
        try:
            data = base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as exc:
            raise ValueError("not base64 of UTF-8 text") from exc
    return Media(media_kind(blob.mime_type), Inline(blob.mime_type, data), native=native)


def is_base64(data: str) -> bool:
    """Whether ``data`` is base64 in either alphabet, padded or not; a MiB takes 1 ms."""
    try:
        digits = data.encode("ascii").rstrip(b"=")
    except UnicodeEncodeError:
        return False
    return len(digits) % 4 != 1 and not digits.translate(None, _DIGITS)


def standard_base64(data: str) -> str:
    if "-" in data or "_" in data:
        data = data.translate(_URL_ALPHABET)
    missing = -len(data) % 4
    return data + "=" * missing if missing else data


def is_text(media_type: str) -> bool:
    return media_type.lower().startswith("text/")


def decode_file(file: FileData, native: Native | None = None) -> Media:
    media_type = file.mime_type or guess_media_type(file.file_uri)
    kind = MediaKind.VIDEO if is_video_page(file.file_uri) else media_kind(media_type or "")
    if file.file_uri.startswith(("https://", "http://")) and _VENDOR_FILES not in file.file_uri:
        # The type is kept as the client gave it, so that it goes back the same.
        return Media(kind, Url(file.file_uri, file.mime_type), native=native)
    if file.mime_type is not None:
        # A file's identifier is of use only here; its type would be lost.
        native = _with_type(native, file.mime_type)
    return Media(kind, FileId(file.file_uri, Format.GEMINI), native=native)


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _with_type(native: Native | None, media_type: str) -> Native:
    beside: dict[str, Any] = {} if native is None else dict(_FIELDS(native.raw))
    beside["mimeType"] = media_type
    return Native(Format.GEMINI, msgspec.json.encode(beside))


def encode_media(media: Media, *, guess: bool = False) -> dict[str, Any] | None:
    """The part that carries ``media``; ``None`` for another vendor's file. ``guess``:
    give an address without a type the one that its extension says."""
    beside: dict[str, Any] = {}
    if media.native is not None and media.native.format is Format.GEMINI:
        beside = dict(_FIELDS(media.native.raw))
    source = media.source
    if isinstance(source, Inline):
        data = source.data
        if is_text(source.media_type):
            data = base64.b64encode(data.encode("utf-8", "replace")).decode()
        member = {"inlineData": {"mimeType": source.media_type, "data": data}}
    else:
        if isinstance(source, FileId):
            if source.owner is not Format.GEMINI:
                return None
            uri, media_type = source.id, beside.pop("mimeType", None)
        else:
            uri = source.url
            media_type = source.media_type
            if media_type is None and guess:
                media_type = guess_media_type(uri)
        file = {"fileUri": uri} if media_type is None else {"fileUri": uri, "mimeType": media_type}
        member = {"fileData": file}
    return {**member, **beside}
