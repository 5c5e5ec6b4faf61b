"""Idle connections, the last used first.

Only who waits and since when; a connection is whatever the transport makes of it.
Times are monotonic seconds, told by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from aigw_asgi.transports.base import MAX_IDLE

C = TypeVar("C")


class IdlePool(Generic[C]):
    """Connections that wait, by where they lead.

    A connection is out of the pool once it has been taken, removed, or given to
    ``close`` because it waited for ``expiry`` seconds or too many others did.
    """

    def __init__(self, expiry: float, close: Callable[[C], None]) -> None:
        self._expiry = expiry
        self._close = close
        self._idle: dict[Hashable, deque[tuple[float, C]]] = {}

    def __repr__(self) -> str:
        return f"<IdlePool {len(self)}>"

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, key: Hashable, now: float) -> C | None:
        """The connection to ``key`` that was used last."""
        queue = self._idle.get(key)
        if not queue:
            return None
        if queue[-1][0] + self._expiry <= now:
            self.expire(now)
            return None
        return queue.pop()[1]

    def put(self, key: Hashable, connection: C, now: float) -> None:
        if self._expiry <= 0:
            self._close(connection)
            return
        queue = self._idle.setdefault(key, deque())
        queue.append((now, connection))
        if len(queue) > MAX_IDLE:
            self._close(queue.popleft()[1])

    def remove(self, key: Hashable, connection: C) -> None:
        """Forget a connection that has closed by itself; it may be in use instead."""
        queue = self._idle.get(key, ())
        for at, (_, candidate) in enumerate(queue):
            if candidate is connection:
                del self._idle[key][at]
                return

    def expire(self, now: float) -> None:
        """Close what has waited too long."""
        for key, queue in list(self._idle.items()):
            while queue and queue[0][0] + self._expiry <= now:
                self._close(queue.popleft()[1])
            if not queue:
                del self._idle[key]

    def next_expiry(self) -> float | None:
        """When ``expire`` has something to do; ``None`` while nothing waits."""
        starts = [queue[0][0] for queue in self._idle.values() if queue]
        return min(starts) + self._expiry if starts else None

    def clear(self) -> list[C]:
        """Forget all, and return them unclosed."""
        connections = [connection for queue in self._idle.values() for _, connection in queue]
        self._idle.clear()
        return connections
