"""Identifiers: UUIDv7, so that they sort by time. Clock and dice come in."""

from __future__ import annotations

import re

_SANE = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def uuid7(wall: float, random: bytes) -> str:
    """32 hex digits. ``wall`` is the time in Unix seconds, ``random`` ten bytes.

    Source: RFC 9562 5.7.
    """
    millis = int(wall * 1000) & (1 << 48) - 1
    tail = int.from_bytes(random[:10], "big") & _DICE
    return "%032x" % (millis << 80 | _VERSION_AND_VARIANT | tail)


_VERSION_AND_VARIANT = 7 << 76 | 2 << 62
_DICE = 0xFFF << 64 | (1 << 62) - 1
"""Where version and variant are not."""


def sane_id(value: str | None) -> str | None:
    """A client's own request identifier, when it is fit for headers and logs."""
    return value if value is not None and _SANE.fullmatch(value) else None
