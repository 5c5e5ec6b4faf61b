"""What clients have not read yet of what was sent to them, over all connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aigw_asgi.server.guard import Guard

LEAST = 64 << 10
"""Bytes; who leaves less than uvicorn lets wait before it stops a stream is not slow."""


def cut_unread(connections: Iterable[Any], surplus: int) -> int:
    """Drop those whose clients leave most unread, until they have left ``surplus`` bytes or
    there is no more to be had that way; gives how many."""
    found: list[tuple[int, int, Any]] = []
    for number, connection in enumerate(connections):
        size = connection.transport.get_write_buffer_size()
        if size >= LEAST:
            found.append((size, number, connection))
    found.sort(key=lambda each: each[:2], reverse=True)
    count = freed = 0
    for size, _, connection in found:
        if freed >= surplus:
            break
        freed += size
        count += 1
        if isinstance(connection, Guard):
            connection.disconnect()
        else:
            connection.transport.abort()
    return count
