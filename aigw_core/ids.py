"""Identifiers: UUIDv7, so that they sort by time. Clock and dice come in."""

from __future__ import annotations

import re

_SANE = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def uuid7(wall: float, random: bytes) -> str:
    """32 hex digits. ``wall`` is the time in Unix seconds, ``random`` ten bytes.

    Source: RFC 9562 5.7.
    """
    millis = int(wall * 1000) & (1 << 48) - 1
    tail = int.from_bytes(random[:10], "big")
    version, variant = 0x7, 0x2
    low = variant << 62 | tail & (1 << 62) - 1
    return f"{millis:012x}{version:x}{tail >> 64 & 0xFFF:03x}{low:016x}"


def sane_id(value: str | None) -> str | None:
    """A client's own request identifier, when it is fit for headers and logs."""
    return value if value is not None and _SANE.fullmatch(value) else None
