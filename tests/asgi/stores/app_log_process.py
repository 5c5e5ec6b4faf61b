"""A process that writes to an app log: ``python -m tests.asgi.stores.app_log_process``.

Arguments: the folder, a name for its records, how many there are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from aigw_asgi.stores.app_log import Level, Said
from aigw_asgi.stores.sqlite.app_log import SqliteAppLog


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(folder: str, name: str, count: str) -> None:
    log = SqliteAppLog(Path(folder), busy=30.0)
    log.start()
    assert await log.flush(60)
    say("ready")
    sys.stdin.readline()
    for number in range(int(count)):
        log.put(
            Said(
                timestamp=0,
                level=Level.INFO,
                logger="aigw",
                message=f"{name}-{number}",
                worker=0,
                pid=1,
            )
        )
        if number % 100 == 99:
            assert await log.flush(60)
            say(number + 1)
    log.finish(60)
    say(f"dropped={log.dropped}")


if __name__ == "__main__":
    where, who, how_many = sys.argv[1:]
    anyio.run(main, where, who, how_many)
