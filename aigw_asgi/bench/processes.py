"""The processes that are measured, and what the system says of them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from aigw_asgi.bench.client import BenchFailed

START_LIMIT = 60.0
"""Seconds for a process to listen; a machine may be busy."""

KEY = "bench-key"

_CONFIG = """\
host: 127.0.0.1
api-keys: [{key}]
echo: "off"
openai-compatibility:
  - name: relayed
    api-key: none
    base-url: http://127.0.0.1:{upstream}
    models: [{{id: "bench-*"}}]
claude-api-key:
  - name: translated
    api-key: none
    base-url: http://127.0.0.1:{upstream}
    prefix: translated/
    models: [{{id: "bench-*"}}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process that listens on ``port``, with all that it has started."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cpu_seconds(self) -> float | None:
        """So far; ``None`` where the system does not tell (only Linux does)."""
        try:
            # In nanoseconds; the plain figures count ticks of 10 ms.
            return (
                sum(
                    int(task.read_text().split()[0])
                    for number in _family(self._process.pid)
                    for task in Path(f"/proc/{number}/task").glob("*/schedstat")
                )
                / 1e9
                or None
            )
        except OSError:
            return None

    @property
    def memory(self) -> int | None:
        """Bytes that are resident; ``None`` likewise."""
        try:
            pages = [
                int(Path(f"/proc/{number}/statm").read_text().split()[1])
                for number in _family(self._process.pid)
            ]
        except OSError:
            return None
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def _family(number: int) -> list[int]:
    found = [number]
    for task in Path(f"/proc/{number}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _family(int(child))
    return found


@contextlib.contextmanager
def upstream() -> Iterator[Server]:
    """An upstream of our own.

    Raises:
        BenchFailed: it does not start.
    """
    port = free_port()
    with _running(["-m", "aigw_asgi.bench.upstream", str(port)], port, dict(os.environ)) as server:
        yield server


@contextlib.contextmanager
def gateway(behind: Server, folder: Path) -> Iterator[Server]:
    """``aigw run`` before an upstream of our own, with its files in ``folder``.

    Raises:
        BenchFailed: it does not start.
    """
    file = folder / "config.yaml"
    file.write_text(_CONFIG.format(key=KEY, upstream=behind.port))
    port = free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    state = {"AIGW_STATE_DIR": str(folder / "state")}
    arguments = ["-m", "aigw_asgi.cli", "run", "-c", str(file), *where]
    with _running(arguments, port, {**os.environ, **state}) as server:
        yield server


@contextlib.contextmanager
def _running(arguments: list[str], port: int, env: dict[str, str]) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_LIMIT
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchFailed(f"{' '.join(arguments[1:])} does not start")
            time.sleep(0.02)
        yield Server(process, port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
