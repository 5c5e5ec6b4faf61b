"""Pictures and documents as content blocks."""

from __future__ import annotations

from typing import Any

from aigw_core.chat import FileId, Format, Inline, Media, MediaKind, Url
from aigw_core.codecs.messages.blocks import own

IMAGE_TYPES = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))


class UnsendableMedia(Exception):
    """This format has no place for it."""


def encode_media(part: Media, *, exact: bool) -> dict[str, Any]:
    """The block for ``part``; ``exact``: its media type is the client's own word for
    this very format, and not judged here.

    Raises:
        UnsendableMedia: with what is wrong.
    """
    left = own(part.native)
    if part.kind is MediaKind.IMAGE:
        block: dict[str, Any] = {"type": "image", "source": _image_source(part, exact=exact)}
    elif part.kind is MediaKind.DOCUMENT:
        source = left["source"] if "source" in left else _document_source(part, exact=exact)
        block = {"type": "document", "source": source}
        if part.name is not None:
            block["title"] = part.name
        if part.context is not None:
            block["context"] = part.context
        if part.cite is not None:
            block["citations"] = {"enabled": part.cite}
    else:
        raise UnsendableMedia(f"this upstream takes no {part.kind.value}")
    block.update(left)
    return block


def _image_source(part: Media, *, exact: bool) -> dict[str, Any]:
    source = part.source
    if not isinstance(source, Inline):
        return _remote_source(source)
    kind = source.media_type
    if not exact:
        kind = kind.lower().replace("image/jpg", "image/jpeg")
        if kind not in IMAGE_TYPES:
            raise UnsendableMedia(f"this upstream takes no picture of type {kind[:64]!r}")
    return {"type": "base64", "media_type": kind, "data": source.data}


def _document_source(part: Media, *, exact: bool) -> dict[str, Any]:
    source = part.source
    if not isinstance(source, Inline):
        return _remote_source(source)
    kind = source.media_type
    if kind.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": source.data}
    if kind != "application/pdf" and not exact:
        raise UnsendableMedia(f"this upstream takes no document of type {kind[:64]!r}")
    return {"type": "base64", "media_type": kind, "data": source.data}


def _remote_source(source: Url | FileId) -> dict[str, Any]:
    if isinstance(source, Url):
        return {"type": "url", "url": source.url}
    if source.owner is not Format.MESSAGES:
        raise UnsendableMedia("the file is stored at another vendor")
    return {"type": "file", "file_id": source.id}
