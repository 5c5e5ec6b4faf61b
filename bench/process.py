"""Starts the processes of a benchmark and reads what they cost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A server of a benchmark; ``cpu`` is the processor to run on, where that can be asked."""

    def __init__(
        self,
        arguments: list[str],
        port: int,
        cpu: int | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.port = port
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL,
        )
        if cpu is not None and hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(self._process.pid, {cpu})
        self._await_port()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _await_port(self) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{self._process.args!r} does not listen on {self.port}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Until it has ended; gives its exit status.

        Raises:
            subprocess.TimeoutExpired: it has not, so soon.
        """
        return self._process.wait(seconds)

    @property
    def cpu_seconds(self) -> float:
        """User and system time of the process and all below it, so far."""
        return sum(_cpu_of(pid) for pid in _tree(self._process.pid))

    @property
    def rss_bytes(self) -> int:
        return sum(_rss_of(pid) for pid in _tree(self._process.pid))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _tree(int(child))
    return found


def _cpu_of(pid: int) -> float:
    # schedstat counts nanoseconds; stat only counts ticks of 10 ms.
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(task.read_text().split()[0])
    return total / 1e9


def _rss_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
