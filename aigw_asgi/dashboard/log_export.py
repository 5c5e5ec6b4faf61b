"""The request log as a file to take away: JSON lines, or a table for spreadsheets.

It is made while it is sent, a block of entries at a time. Should the log fail midway, the
answer breaks off, which no client takes for a whole file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from aigw_asgi.stores.request_log import Entry, Query, RequestLog

BLOCK = 500
"""Entries that are held."""

CONTENT_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

COLUMNS = Entry.__struct_fields__

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ENCODE = msgspec.json.Encoder().encode


class Export:
    """Pieces of the file, as an iterator; ``open`` it first. No generator: nobody would
    close one whose client leaves."""

    def __init__(self, log: RequestLog, query: Query, format: str) -> None:
        """``format`` is one of ``CONTENT_TYPES``."""
        self._log = log
        self._query = query
        self._write = _csv if format == "csv" else _json_lines
        self._head = _csv_line(COLUMNS).encode() if format == "csv" else b""
        self._entries: Sequence[Entry] = ()
        self._before: int | None = None
        self._more = True

    async def open(self) -> None:
        """Read the first block. Later ones are of what was there by then.

        Raises:
            LogUnavailable: it cannot be read.
        """
        await self._read()

    def __aiter__(self) -> Export:
        return self

    async def __anext__(self) -> bytes:
        """Raises ``LogUnavailable``."""
        if not self._entries and self._more:
            await self._read()
        head, self._head = self._head, b""
        piece = head + self._write(self._entries)
        self._entries = ()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _read(self) -> None:
        page = await self._log.page(self._query, limit=BLOCK, before=self._before)
        self._entries, self._before = page.entries, page.before
        self._more = page.before is not None


def _json_lines(entries: Sequence[Entry]) -> bytes:
    return b"".join([_ENCODE(entry) + b"\n" for entry in entries])


def _csv(entries: Sequence[Entry]) -> bytes:
    return "".join(
        [_csv_line([_cell(getattr(entry, name)) for name in COLUMNS]) for entry in entries]
    ).encode("utf-8", "replace")


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: Any) -> str:
    """As text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) else text
