"""How an input is cut: by its own checksum, so that an input says all of its test."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from zlib import crc32


def dice(data: bytes) -> Random:
    """The same for the same input."""
    return Random(crc32(data))


def reads_of(data: bytes, most: int = 4) -> list[bytes]:
    """``data`` in one to ``most`` pieces and one more; empty ones included."""
    rolled = dice(data)
    cuts = sorted(rolled.randint(0, len(data)) for _ in range(rolled.randint(1, most)))
    return [data[a:b] for a, b in pairwise([0, *cuts, len(data)])]
