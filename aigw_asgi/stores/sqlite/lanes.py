"""Histograms of latencies as whole numbers: 32 bits for each bucket, the lowest first.

Adding two histograms is adding two numbers, which costs 50 ns; a thousand of them are
summed in the time that it takes to read them. Buckets are a quarter of a doubling wide,
from one millisecond to four hours, so that a percentile is off by a tenth at most.
"""

from __future__ import annotations

from math import exp2, log2
from struct import Struct

LANES = 96
_BITS = 32
_PER_DOUBLING = 4
_COUNTS = Struct(f"<{LANES}I")
_FIRST = 2 ** (1 / _PER_DOUBLING)
"""Milliseconds in which the first bucket ends."""

_ONES = tuple(1 << (_BITS * lane) for lane in range(LANES))


def one(us: int) -> int:
    """The histogram of one latency, in microseconds."""
    if us < 1000:
        return 1
    return _ONES[min(int(log2(us / 1000) * _PER_DOUBLING), LANES - 1)]


def pack(histogram: int) -> bytes:
    """As short as it goes: requests of one kind take times of one kind."""
    if not histogram:
        return b""
    low = ((histogram & -histogram).bit_length() - 1) // _BITS
    histogram >>= low * _BITS
    return bytes((low,)) + histogram.to_bytes((histogram.bit_length() + 7) // 8, "little")


def unpack(data: bytes) -> int:
    if not data:
        return 0
    return int.from_bytes(data[1:], "little") << (data[0] * _BITS)


def percentile(histogram: int, share: float) -> float | None:
    """The latency in milliseconds below which ``share`` (0 to 1) of them are; ``None``:
    there are none."""
    counts: tuple[int, ...] = _COUNTS.unpack(histogram.to_bytes(_COUNTS.size, "little"))
    wanted = share * sum(counts)
    if not wanted:
        return None
    passed = 0
    for lane, count in enumerate(counts):
        if count and passed + count >= wanted:
            within = (wanted - passed) / count
            if not lane:  # which begins at nothing
                return round(within * _FIRST, 3)
            return round(exp2((lane + within) / _PER_DOUBLING), 3)
        passed += count
    raise AssertionError("the counts are fewer than their sum")
