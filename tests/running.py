"""Real processes: a gateway, and the echo models behind a real listener."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from bench.process import free_port as free_port

ROOT = Path(__file__).parent.parent
START_LIMIT = 30.0


class Running:
    """A Python module run as a server on ``port``, with a state folder of its own."""

    def __init__(
        self,
        arguments: list[str],
        port: int,
        env: dict[str, str] | None = None,
        stdout: int = subprocess.PIPE,
    ) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        clean = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
        self._state = tempfile.TemporaryDirectory(prefix="aigw-state-")
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**clean, "AIGW_STATE_DIR": self._state.name, **(env or {})},
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        self.process.kill()
        output = self.process.communicate()[0]
        self._state.cleanup()
        raise RuntimeError(f"{arguments} does not listen on {port}:\n{output}")

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.output = self.process.communicate(timeout=10)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output = self.process.communicate()[0]
        self._state.cleanup()


@contextmanager
def echo_upstream() -> Iterator[Running]:
    """The echo models as an upstream on a port, in every wire format."""
    port = free_port()
    arguments = ["-m", "uvicorn", "aigw_asgi.echo:echo", "--port", str(port), "--lifespan", "off"]
    with Running([*arguments, "--log-level", "critical"], port) as running:
        yield running


def gateway(*arguments: str, config: Path | None = None, state: Path | None = None) -> Running:
    """``aigw run`` on a free port; ``state`` is a folder that outlives it."""
    port = free_port()
    file = [] if config is None else ["-c", str(config)]
    command = ["-m", "aigw_asgi.cli", "run", *file, "--port", str(port), *arguments]
    env = None if state is None else {"AIGW_STATE_DIR": str(state)}
    return Running(command, port, env)
