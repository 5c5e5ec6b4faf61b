"""Starts the processes of a benchmark and reads what they cost."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
"""That this program may use, or was given by ``taskset``."""


_DICE = random.SystemRandom()  # the other one is seeded alike in processes that test


def free_port() -> int:
    """One that nobody listens on, below those that systems give to outgoing connections:
    such a connection would take it before who it is meant for."""
    while True:
        port = _DICE.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


class Tree:
    """Processes and all that they have started, as the system counts them."""

    def __init__(self, *roots: int) -> None:
        self._roots = roots

    @property
    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return sum(_cpu_of(pid) for pid in self._all())

    @property
    def rss_bytes(self) -> int:
        """Resident."""
        return sum(_rss_of(pid) for pid in self._all())

    @property
    def pss_bytes(self) -> int:
        """Resident, of a page that n processes share each has 1/n."""
        return sum(_pss_of(pid) for pid in self._all())

    def _all(self) -> set[int]:
        return {pid for root in self._roots for pid in _tree(root)}


class Process(Tree):
    """A server of a benchmark; ``cpu`` is the processor to run on, where that can be asked
    (``None``: all of them)."""

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
        super().__init__(self._process.pid)
        if hasattr(os, "sched_setaffinity"):
            wanted = PROCESSORS if cpu is None or len(PROCESSORS) < 2 else {PROCESSORS[cpu]}
            os.sched_setaffinity(self._process.pid, wanted)
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
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"{self._process.args!r} does not listen on {self.port}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Until it has ended; gives its exit status.

        Raises:
            subprocess.TimeoutExpired: it has not, so soon.
        """
        return self._process.wait(seconds)


def listening(port: int) -> Tree | None:
    """Whoever accepts connections on a port of this machine; ``None`` where nobody does, or
    nobody that may be looked at."""
    wanted = f":{port:04X}"
    inodes = {
        f"socket:[{fields[9]}]"
        for table in ("tcp", "tcp6")
        for fields in map(str.split, _lines(Path("/proc/net") / table)[1:])
        if fields[1].endswith(wanted) and fields[3] == "0A"
    }
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it is gone, or another's
            if os.readlink(link) in inodes:
                found.add(int(link.parts[2]))
    return Tree(*found) if found else None


def allow_many_files() -> None:
    """For as many connections as the system lets us have; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def keep_to_others() -> None:
    """Leave the first processor to what is measured, where there is another."""
    if hasattr(os, "sched_setaffinity") and len(PROCESSORS) > 1:
        os.sched_setaffinity(0, PROCESSORS[1:])


def _lines(file: Path) -> list[str]:
    """None of a file that is gone: of a thread that has ended, say."""
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for children in _lines(task):
            for child in children.split():
                found += _tree(int(child))
    return found


def _cpu_of(pid: int) -> float:
    # schedstat counts nanoseconds; stat only counts ticks of 10 ms.
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += sum(int(line.split()[0]) for line in _lines(task))
    return total / 1e9


def _kib(pid: int, file: str, name: str) -> int | None:
    for line in _lines(Path(f"/proc/{pid}/{file}")):
        if line.startswith(name):
            return int(line.split()[1])
    return None


def _rss_of(pid: int) -> int:
    return (_kib(pid, "status", "VmRSS:") or 0) << 10


def _pss_of(pid: int) -> int:
    told = _kib(pid, "smaps_rollup", "Pss:")
    return _rss_of(pid) if told is None else told << 10
