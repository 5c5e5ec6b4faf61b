"""``aigw`` whose loop counts what is scheduled on it: ``python -m tests.counts.counted FILE run ...``

FILE gets, when it ends, how many callbacks were scheduled: the step of a task that is woken
is one, that of a socket that can be read is none.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigw_asgi import cli
from aigw_asgi.server import serving

scheduled = 0


def _counting(base: type[asyncio.AbstractEventLoop]) -> type[asyncio.AbstractEventLoop]:
    class Counting(base):  # type: ignore[misc, valid-type]  # a class that is chosen at run time
        def call_soon(self, *arguments: Any, **others: Any) -> asyncio.Handle:
            global scheduled
            scheduled += 1
            handle: asyncio.Handle = super().call_soon(*arguments, **others)
            return handle

    return Counting


def main() -> int:
    file = Path(sys.argv.pop(1))
    made = serving._loop_factory

    def factory(choice: Any) -> Callable[[], asyncio.AbstractEventLoop]:
        sample = (made(choice) or asyncio.new_event_loop)()
        sample.close()
        return _counting(type(sample))

    serving._loop_factory = factory
    try:
        return cli.main()
    finally:
        file.write_text(str(scheduled))


if __name__ == "__main__":
    sys.exit(main())
