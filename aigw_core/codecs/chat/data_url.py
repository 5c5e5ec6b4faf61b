"""``data:`` URLs, in which this format carries pictures and files (RFC 2397).

Only the base64 form is used by the vendor. The data stays base64 text, except for
``text/*``, which the canonical conversation holds as plain text.
"""

from __future__ import annotations

import base64
import binascii

from aigw_core.chat import Inline


def split_data_url(url: str) -> tuple[str, str] | None:
    """``(media type, data)`` of a base64 ``data:`` URL; ``None`` for anything else."""
    if url[:5].lower() != "data:":
        return None
    header, comma, data = url[5:].partition(",")
    if not comma or header[-7:].lower() != ";base64":
        return None
    media_type = header[:-7].partition(";")[0].strip().lower()
    if not media_type:
        return None
    if not media_type.startswith("text/"):
        return media_type, data
    text = plain_text(data)
    return None if text is None else (media_type, text)


def plain_text(data: str) -> str | None:
    """What base64 ``data`` says in UTF-8, or ``None`` when it says nothing such."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def data_url(source: Inline) -> str:
    data = source.data
    if source.media_type.startswith("text/"):
        data = base64.b64encode(data.encode()).decode()
    return f"data:{source.media_type};base64,{data}"
