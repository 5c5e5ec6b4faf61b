"""A real ``redis-server`` (or ``valkey-server``) for tests: on a free port of loopback,
with nothing on disk, and able to die, to stand still and to come back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from aigw_core.config.secret import Secret
from tests.running import free_port

PROGRAMS = ("redis-server", "valkey-server")


class RedisServer:
    """One server. Its data are lost when it ends."""

    def __init__(self, folder: Path, *options: str, program: str) -> None:
        self.port = free_port()
        self.socket = folder / f"redis-{self.port}.sock"
        self._folder = folder
        self._options = options
        self._program = program
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> Secret:
        return Secret(f"redis://127.0.0.1:{self.port}/0")

    def start(self, *options: str, until: str = "eady to accept connections") -> None:
        """Returns when it accepts connections, or says something else. ``options`` come on
        top, for this time."""
        process = subprocess.Popen(
            [
                *(self._program, "--bind", "127.0.0.1", "--port", str(self.port)),
                *("--unixsocket", str(self.socket), "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "no", *self._options, *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if until in line:
                break
        else:
            process.wait()
            process.stdout.close()
            raise RuntimeError("".join(["the server did not start:\n", *said]))
        self._process = process

    def kill(self) -> None:
        """As a machine that fails: at once."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Accepts connections still, but does nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def say(self, *words: bytes | str | int) -> str:
        """The answer to a command, as it is on the wire: one line of at most 4 KiB."""
        return self._exchange(words, lambda answer: answer.endswith(b"\r\n"))

    def ask(self, *words: bytes | str | int) -> str:
        """The text that answers a command."""

        def complete(answer: bytes) -> bool:
            head, _, body = answer.partition(b"\r\n")
            return head.startswith(b"$") and len(body) == int(head[1:]) + 2

        return self._exchange(words, complete).partition("\r\n")[2]

    def _exchange(
        self, words: Sequence[bytes | str | int], complete: Callable[[bytes], bool]
    ) -> str:
        texts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"$%d\r\n%b\r\n" % (len(text), text) for text in texts]
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
            sock.sendall(b"*%d\r\n%b" % (len(texts), b"".join(parts)))
            answer = b""
            while not complete(answer):
                read = sock.recv(65536)
                if not read:
                    break
                answer += read
        return answer.decode()

    def close(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._end(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A server that runs. Skips the test where there is no program for it."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no redis-server here (Debian: apt-get install redis-server)")
    server = RedisServer(folder, *options, program=program)
    server.start()
    try:
        yield server
    finally:
        server.close()
