"""A gateway that can be looked into: ``aigw`` with a probe beside it.

``python -m bench.soak.observed SOCKET run -c FILE`` is ``aigw run -c FILE``, and answers on
the Unix socket at SOCKET: ``census`` with what there is in the process, after a collection,
and ``lag`` with how late its loop has been since it was last asked. The probe costs a
thread that sleeps and a timer every 10 ms.

Lateness is what a caller sees, and on a shared machine it is the machine's as well. Beside
it stands ``own``: no more of it than the loop's thread has computed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import socket
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from aigw_asgi import cli
from aigw_asgi.asgi import App
from aigw_asgi.cli import serving
from aigw_asgi.server import Hooks

BEAT = 0.01
STEP = 0.25e-3
"""Of the histogram, in seconds."""
STEPS = 4000


class Lateness:
    """A histogram that never grows."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._counts = [0] * (STEPS + 1)
        self._most = 0.0

    def add(self, seconds: float) -> None:
        self._counts[min(STEPS, int(seconds / STEP))] += 1
        self._most = max(self._most, seconds)

    def told(self) -> dict[str, float]:
        """In milliseconds."""
        total = sum(self._counts)
        return {
            "beats": total,
            "p50": self._quantile(total * 0.5),
            "p99_9": self._quantile(total * 0.999),
            "max": self._most * 1e3,
        }

    def _quantile(self, wanted: float) -> float:
        passed = 0
        for at, count in enumerate(self._counts):
            passed += count
            if passed >= wanted and passed:
                return min((at + 1) * STEP, self._most) * 1e3
        return 0.0


class _Mallinfo(ctypes.Structure):
    """Source: mallinfo(3), ``struct mallinfo2``."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def heap() -> dict[str, int]:
    """What the C library has given out and what it keeps, in KiB, where it is glibc. Python's
    small objects are apart (``blocks``)."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):
        return {}
    ask.restype = _Mallinfo
    found: _Mallinfo = ask()
    return {
        "heap_used_kib": (found.uordblks + found.hblkhd) >> 10,
        "heap_kept_kib": found.fordblks >> 10,
    }


def _kib(status: str, name: str) -> int:
    return int(status.partition(name)[2].split()[0])


def _kind(thing: object) -> str:
    kind = type(thing)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return f"{name} to {type(thing()).__qualname__}" if kind is weakref.ref else name


class Probe:
    def __init__(self, path: str, app: App) -> None:
        self._path = path
        self._app = app
        self.lag, self.own = Lateness(), Lateness()

    def start(self) -> None:
        """To be called in the loop that is observed."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._serve, daemon=True).start()
        self._due = self._loop.time() + BEAT
        self._computed = time.thread_time()
        self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        now, computed = self._loop.time(), time.thread_time()
        late = max(0.0, now - self._due)
        self.lag.add(late)
        self.own.add(min(late, computed - self._computed))
        self._computed = computed
        self._due = now + BEAT
        self._loop.call_at(self._due, self._beat)

    def _serve(self) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            listener.listen()
            while True:
                asker, _ = listener.accept()
                with asker:
                    told: Future[Any] = Future()
                    work = self._lag if asker.recv(64) == b"lag" else self._census
                    self._loop.call_soon_threadsafe(self._tell, told, work)
                    asker.sendall(json.dumps(told.result()).encode())

    @staticmethod
    def _tell(told: Future[Any], work: Callable[[], Any]) -> None:
        try:
            told.set_result(work())
        except Exception as exc:  # noqa: BLE001 (for who asked)
            told.set_exception(exc)

    def _lag(self) -> dict[str, dict[str, float]]:
        told = {"lag": self.lag.told(), "own": self.own.told()}
        self.lag.clear()
        self.own.clear()
        return told

    def _census(self) -> dict[str, Any]:
        garbage = gc.collect()
        objects = gc.get_objects()
        kinds = Counter(map(_kind, objects))
        counted = len(objects)
        del objects
        found: Counter[str] = Counter()
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                name = os.readlink(f"/proc/self/fd/{number}")
                # SQLite keeps descriptors that it cannot close yet, and uses them again.
                found["database" if ".db" in name else name.partition(":")[0]] += 1
        state = self._app.state
        assert state is not None
        status = Path("/proc/self/status").read_text()
        return {
            "fds": sum(found.values()) - found["database"],
            "database_fds": found["database"],
            "connections": found["socket"],
            "tasks": len(asyncio.all_tasks(self._loop)),
            "threads": threading.active_count(),
            "in_flight": state.metrics.in_flight,
            "attempts": sum(state.health.in_flight(each.id) for each in state.snapshot.credentials),
            "permits": sum(
                state.limits.used(each, time.monotonic()).running
                for each in state.snapshot.client_keys.values()
            ),
            "running": len(state.running),
            "objects": counted,
            "garbage": garbage,
            "blocks": sys.getallocatedblocks(),
            "rss_kib": _kib(status, "VmRSS:"),
            "peak_rss_kib": _kib(status, "VmHWM:"),
            **heap(),
            "kinds": kinds,
        }


def main() -> int:
    path = sys.argv.pop(1)
    run = serving.run

    def observed(app: App, *arguments: Any, hooks: Hooks, **others: Any) -> int:
        probe = Probe(path, app)

        def ready(bound: Any) -> None:
            probe.start()
            hooks.ready(bound)

        return run(app, *arguments, hooks=replace(hooks, ready=ready), **others)

    serving.run = observed
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
