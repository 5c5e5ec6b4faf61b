"""What the operating system knows of this process and its files."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.memory_watch import resident

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState

LAG_WAIT = 0.005
"""Seconds of a wait that shows how late the event loop is."""

LAG_WAITS = 5


class ProcessFacts(Shape, frozen=True, kw_only=True):
    pid: int
    worker: int | None
    """Its number, from 0; ``None``: it is the only one."""
    rss_bytes: int | None
    """``None``: it cannot be found out here, as is the next."""
    open_files: int | None
    threads: int
    cpu_seconds: float
    loop_lag_ms: float
    """How late the event loop was: the longest of five short waits, while this was asked."""


class DatabaseFile(Shape, frozen=True, kw_only=True):
    name: str
    bytes: int


async def process_facts(state: GatewayState) -> ProcessFacts:
    node = state.node
    return ProcessFacts(
        pid=os.getpid(),
        worker=None if node is None or node.workers == 1 else node.worker,
        rss_bytes=resident(),
        open_files=_open_files(),
        threads=threading.active_count(),
        cpu_seconds=round(time.process_time(), 3),
        loop_lag_ms=await _lag(),
    )


async def _lag() -> float:
    longest = 0.0
    for _ in range(LAG_WAITS):
        began = time.perf_counter()
        await anyio.sleep(LAG_WAIT)
        longest = max(longest, time.perf_counter() - began - LAG_WAIT)
    return round(longest * 1000, 3)


def _open_files() -> int | None:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return None


def database_files(state: GatewayState) -> tuple[DatabaseFile, ...]:
    """The stores that are files, with what SQLite keeps beside them."""
    stores = (state.log, state.app_log, state.sharing.store)
    files = {getattr(store, "file", None) for store in stores}
    found: list[DatabaseFile] = []
    for file in sorted(each for each in files if isinstance(each, Path)):
        for name in (file.name, f"{file.name}-wal"):
            try:
                size = file.with_name(name).stat().st_size
            except OSError:
                continue
            found.append(DatabaseFile(name=name, bytes=size))
    return tuple(found)
