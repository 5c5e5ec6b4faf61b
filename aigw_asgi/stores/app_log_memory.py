"""The app log of one process, in its memory, for as long as that lives."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice

from msgspec.structs import asdict

from aigw_asgi.stores.app_log import (
    MAX_PAGE,
    MAX_RECORDS,
    AppLogPage,
    AppRecord,
    Level,
    Said,
    Wanted,
)


class MemoryAppLog:
    """See :class:`~aigw_asgi.stores.app_log.AppLog`."""

    def __init__(self, max_records: int = MAX_RECORDS) -> None:
        self._records: deque[AppRecord] = deque(maxlen=max_records)
        self._newest = 0
        self._lock = threading.Lock()
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<MemoryAppLog {len(self._records)} records, newest={self._newest}>"

    def start(self) -> None:
        """Nothing needs a thread here."""

    def put(self, said: Said) -> None:
        with self._lock:
            self._newest += 1
            self._records.append(AppRecord(seq=self._newest, **asdict(said)))

    def finish(self, limit: float) -> bool:
        return True

    async def page(
        self,
        *,
        level: Level = Level.DEBUG,
        logger: str = "",
        text: str = "",
        request_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> AppLogPage:
        wanted = Wanted(level=level, logger=logger, text=text, request_id=request_id)
        limit = max(1, min(limit, MAX_PAGE))
        records, newest = self._now()
        up = after is not None and before is None
        found = tuple(
            islice(
                (
                    each
                    for each in (records if up else reversed(records))
                    if (after is None or each.seq > after)
                    and (before is None or each.seq < before)
                    and wanted.allows(each)
                ),
                limit,
            )
        )
        oldest = records[0].seq if records else newest + 1
        return AppLogPage(found[::-1] if up else found, newest, oldest, self.dropped)

    async def after(self, seq: int, limit: int = MAX_PAGE) -> Sequence[AppRecord]:
        records, newest = self._now()
        missing = max(0, min(newest - seq, len(records)))
        first = len(records) - missing
        return records[first : first + max(1, min(limit, MAX_PAGE))]

    async def newest(self) -> int:
        return self._newest

    async def flush(self, limit: float) -> bool:
        return True

    def _now(self) -> tuple[list[AppRecord], int]:
        with self._lock:
            return list(self._records), self._newest
