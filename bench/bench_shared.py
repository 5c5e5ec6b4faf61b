"""What shared state costs a request of a key with limits: room asked for, and given back.

Each of ``at_once`` requests asks the store and settles, over and over, for keys of which
there are as many. ``cpu_us`` is the processor time of this process for one request, all
threads; ``server_us`` that of the Redis server for its two scripts. A store of its own
for each row; ``redis-server`` is started when there is one.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import anyio
from anyio import create_task_group

from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.redis.values import NODES, REPORTS, account_key, group_key
from aigw_asgi.stores.shared_state import Grant, NodeReport, Settled, SharedState
from aigw_asgi.stores.sqlite.shared_state import SqliteState
from aigw_core.config.snapshot import ClientKey
from aigw_core.limits import Limits, Refusal
from bench.table import head, table
from tests.redis_server import PROGRAMS, RedisServer

LIMIT = 10**9  # never reached: a refusal would be cheaper

OpenStore = Callable[[], AbstractAsyncContextManager[SharedState]]
ServerTime = Callable[[], float]
"""Microseconds that the server has worked."""


def key(number: int) -> ClientKey:
    return ClientKey(
        f"{number:08x}",
        "bench",
        b"",
        requests_per_minute=LIMIT,
        tokens_per_minute=LIMIT,
        max_concurrent=LIMIT,
    )


async def measure(store: SharedState, at_once: int, seconds: float) -> list[float]:
    """Seconds of each ``reserve``."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(who: ClientKey) -> None:
        while time.perf_counter() < end:
            start = time.perf_counter()
            grant = await store.reserve(who, 100, 1)
            taken.append(time.perf_counter() - start)
            assert isinstance(grant, Grant)
            await store.settle([Settled(grant, 120)])

    async with create_task_group() as tasks:
        for number in range(at_once):
            tasks.start_soon(ask, key(number))
    return taken


async def row(
    name: str, open_store: OpenStore, server_time: ServerTime | None, at_once: int, seconds: float
) -> list[object]:
    async with open_store() as store:
        await measure(store, at_once, seconds / 4)
        spent, worked = time.process_time(), server_time() if server_time else 0.0
        start = time.perf_counter()
        taken = sorted(await measure(store, at_once, seconds))
        whole = time.perf_counter() - start
        spent = time.process_time() - spent
        worked = server_time() - worked if server_time else 0.0
    count = len(taken)
    return [
        name,
        at_once,
        taken[count // 2] * 1e6,
        taken[math.ceil(count * 0.99) - 1] * 1e6,
        round(count / whole),
        spent / count * 1e6,
        worked / count if server_time else "",
    ]


def in_memory(seconds: float) -> list[object]:
    limits, who, taken = Limits(), key(0), list[float]()
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        lease = limits.reserve(who, 100, time.monotonic())
        taken.append(time.perf_counter() - start)
        assert not isinstance(lease, Refusal)
        limits.settle(lease, 120, time.monotonic())
    count = len(taken)
    taken.sort()
    p99 = taken[math.ceil(count * 0.99) - 1]
    return ["none", 1, taken[count // 2] * 1e6, p99 * 1e6, round(count / seconds), 0.0, ""]


def redis_at(server: RedisServer) -> OpenStore:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[SharedState]:
        server.say("FLUSHALL")
        async with create_task_group() as tasks:
            state = RedisState(server.url, timeout=10.0)
            state.enter(tasks)
            await state.open("bench", {})
            yield state
            await state.aclose()

    return open_store


def sqlite_in(folder: Path) -> OpenStore:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[SharedState]:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            state = SqliteState(Path(own) / "shared.db")
            await state.open("bench", {})
            yield state
            await state.aclose()

    return open_store


def server_time(server: RedisServer) -> ServerTime:
    def read() -> float:
        found = re.search(
            r"cmdstat_evalsha:calls=\d+,usec=(\d+)", server.ask("INFO", "commandstats")
        )
        return float(found[1]) if found else 0.0

    return read


async def sizes(server: RedisServer) -> str:
    """Bytes that the server holds for what it is told."""
    async with redis_at(server)() as store:
        await store.reserve(key(0), 100, 1)
        id = "0" * 32
        counters = b"c" * 3000
        await store.report(NodeReport(id, id, 1, 42, "host", "1.0", "label", 1.0, metrics=counters))
        use = memory(server, account_key(key(0).id))
        node = sum(memory(server, each) for each in (NODES, REPORTS, group_key(id)))
        return f"# Redis: {use} bytes a key, {node} bytes a node with {len(counters)} of counters"


def memory(server: RedisServer, name: bytes) -> int:
    return int(server.say("MEMORY", "USAGE", name).strip(":\r\n"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each row")
    seconds: float = parser.parse_args().seconds
    head("bench_shared: reserve and settle")
    rows = [in_memory(seconds / 4)]
    note = "# no redis-server here"
    loop = {"use_uvloop": find_spec("uvloop") is not None}
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with tempfile.TemporaryDirectory() as folder:
        server = None if program is None else RedisServer(Path(folder), program=program)
        if server is not None:
            server.start()
        try:
            for at_once in (1, 16, 64):
                if server is not None:
                    kind = ("redis", redis_at(server), server_time(server))
                    rows.append(anyio.run(row, *kind, at_once, seconds, backend_options=loop))
                kept = ("sqlite", sqlite_in(Path(folder)), None)
                rows.append(anyio.run(row, *kept, at_once, seconds, backend_options=loop))
            if server is not None:
                note = anyio.run(sizes, server)
        finally:
            if server is not None:
                server.close()
    columns = ["store", "at_once", "p50_us", "p99_us", "per_s", "cpu_us", "server_us"]
    table(columns, rows)
    print(note)


if __name__ == "__main__":
    main()
