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
    value = millis << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"


def sane_id(value: str | None) -> str | None:
    """A client's own request identifier, when it is fit for headers and logs."""
    return value if value is not None and _SANE.fullmatch(value) else None
