"""A gateway of several processes, seen from outside: who is there, and who serves whom.

What the kernel tells of processes and sockets is Linux's.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE = 100.0
"""Seconds; a machine that is shared stands still now and then."""


def until(true: Callable[[], object]) -> None:
    """Wait for something outside of this process, which tells nobody."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(pid: int) -> set[int]:
    try:
        return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except (FileNotFoundError, ProcessLookupError):
        return set()


def gone(pid: int) -> bool:
    """Also when it is dead and nobody has asked how it went."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def has_a_loop(pid: int) -> bool:
    """What a worker makes last before it serves."""
    found = []
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return "anon_inode:[eventpoll]" in found


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Client:
    """A connection to the gateway."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.inode: str | None = None
        ours = self._socket.getsockname()[1]
        wanted = (f"0100007F:{port:04X}", f"0100007F:{ours:04X}")

        def accepted() -> bool:
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
                words = line.split()
                if (words[1], words[2]) == wanted and words[9] != "0":
                    self.inode = words[9]
            return self.inode is not None

        until(accepted)

    def owner(self, pids: set[int]) -> int | None:
        """Which of these processes holds the other end."""
        for pid in pids:
            with contextlib.suppress(OSError):
                for number in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(OSError):
                        if os.readlink(f"/proc/{pid}/fd/{number}") == f"socket:[{self.inode}]":
                            return pid
        return None

    def ask(self, text: str, *, stream: bool = False, key: str = "") -> None:
        body = json.dumps(
            {"model": "echo", "stream": stream, "messages": [{"role": "user", "content": text}]}
        ).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {key}\r\n"
        self._socket.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def begin(self, text: str) -> None:
        """Ask for a stream, and wait until it runs."""
        self.ask(text, stream=True)
        assert self._socket.recv(65536).startswith(b"HTTP/1.1 200")

    def rest(self) -> bytes:
        """All that comes until the end, whichever that is."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while read := self._socket.recv(65536):
                data += read
        return data

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def client(port: int) -> Iterator[Client]:
    made = Client(port)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def client_of(port: int, pid: int) -> Iterator[Client]:
    """A connection that this process has accepted."""
    with contextlib.ExitStack() as others:
        deadline = time.monotonic() + PATIENCE
        while (found := others.enter_context(client(port))).owner({pid}) is None:
            assert time.monotonic() < deadline
        yield found
