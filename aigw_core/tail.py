"""The newest rows of a numbered sequence, and readers who follow it at their own pace.

A reader has a number and nothing else: that of the last row it knows. Whatever it missed,
because it was slow or away, it is told of as a :class:`Gap` with exact bounds; so readers
cost no memory, and what they get is always the sequence with holes that are marked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec import Struct

MAX_ROWS = 2000
MAX_SIZE = 4 << 20


class Row(Struct, frozen=True, gc=False):
    seq: int
    """From 1; the next one is higher by one, unless some are lost."""
    data: bytes


class Gap(Struct, frozen=True, gc=False):
    """Rows that this reader does not get from here."""

    first: int
    last: int
    """Inclusive."""


class Tail:
    """Holds the last rows, at most ``max_rows`` of them with ``max_size`` bytes in all."""

    def __init__(self, newest: int, *, max_rows: int = MAX_ROWS, max_size: int = MAX_SIZE) -> None:
        """``newest`` is the number of the last row there was before."""
        self.newest = newest
        self._rows: deque[Row] = deque()
        self._size = 0
        self.max_rows = max_rows
        self.max_size = max_size

    def __repr__(self) -> str:
        return f"<Tail newest={self.newest} rows={len(self._rows)}>"

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows, in order; those that are known already are left out."""
        for row in rows:
            if row.seq <= self.newest:
                continue
            self._rows.append(row)
            self._size += len(row.data)
            self.newest = row.seq
        while self._rows and (len(self._rows) > self.max_rows or self._size > self.max_size):
            self._size -= len(self._rows.popleft().data)

    def read(self, after: int, limit: int) -> Iterator[Row | Gap]:
        """What comes next for a reader that knows all up to ``after``: at most ``limit``
        rows, and the gaps before and between them."""
        known = after
        start = self._first_behind(after)
        for row in islice(self._rows, start, start + limit):
            if row.seq > known + 1:
                yield Gap(known + 1, row.seq - 1)
            yield row
            known = row.seq
        if not self._rows and after < self.newest:
            yield Gap(after + 1, self.newest)

    def _first_behind(self, after: int) -> int:
        """The position of the first row with a higher number. Numbers mostly go up by one,
        so it is where it would be then, or before."""
        rows = self._rows
        at = max(0, min(after - rows[0].seq + 1, len(rows))) if rows else 0
        while at and rows[at - 1].seq > after:
            at -= 1
        return at
