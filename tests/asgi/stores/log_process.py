"""A process that writes to a request log: ``python -m tests.asgi.stores.log_process``.

Arguments: what to do, the folder, a name for its requests, how many there are.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import anyio.lowlevel

from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from tests.asgi.stores.records import record

PATH = "/v1/chat/completions"


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def append(log: SqliteRequestLog, name: str, count: int) -> None:
    """Say how many are kept for certain after each hundred."""
    for number in range(count):
        log.append(record(f"{name}-{number:06}"), PATH)
        if number % 100 == 99:
            assert await log.flush(60)
            say(number + 1)


async def fill(log: SqliteRequestLog, name: str, count: int) -> None:
    """Have no room for longer, then have it again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, hard))
    for number in range(count):
        log.append(record(f"{name}-{number:06}"), PATH)
        await anyio.lowlevel.checkpoint()
    assert not await log.flush(3)
    say(log.dropped)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    say(await log.flush(60))


async def main(what: str, folder: str, name: str, count: str) -> None:
    log = SqliteRequestLog(Path(folder), Retention())
    await log.flush(60)
    say("ready")
    sys.stdin.readline()
    await {"append": append, "fill": fill}[what](log, name, int(count))
    await log.aclose()
    say(log.dropped)


if __name__ == "__main__":
    task, where, who, how_many = sys.argv[1:]
    anyio.run(main, task, where, who, how_many)
