"""The gateway, with a clock on what it does for open dashboards.

``python -m bench.watched FILE run ...`` is ``aigw run ...``; at each SIGUSR2 it adds a line
to FILE: nanoseconds of a processor that the process has used so far, and those that its hub
of channels has. The hub's are by the clock of the thread; what its timer costs the loop,
some 0.1 ms a second, is not among them.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from aigw_asgi.cli import main
from aigw_asgi.dashboard.live import Hub, RowChannel, StateChannel

_spent = 0


def _clocked(kind: Any, name: str) -> None:
    plain: Callable[..., Any] = getattr(kind, name)

    def clocked(self: Any, *arguments: Any) -> Any:
        global _spent
        began = time.thread_time_ns()
        try:
            return plain(self, *arguments)
        finally:
            _spent += time.thread_time_ns() - began

    setattr(kind, name, clocked)


def _clock_rows() -> None:
    plain = RowChannel.refresh

    async def clocked(self: RowChannel) -> None:
        # With what else the loop does while a question is out: more, if anything.
        global _spent
        began = time.thread_time_ns()
        try:
            await plain(self)
        finally:
            _spent += time.thread_time_ns() - began

    RowChannel.refresh = clocked  # type: ignore[method-assign]


if __name__ == "__main__":
    _, file, *arguments = sys.argv

    def tell(*_: object) -> None:
        with open(file, "a") as stream:
            stream.write(f"{time.process_time_ns()} {_spent}\n")

    _clocked(StateChannel, "refresh")
    _clocked(Hub, "_tell")
    _clock_rows()
    signal.signal(signal.SIGUSR2, tell)
    sys.argv = ["aigw", *arguments]
    sys.exit(main())
