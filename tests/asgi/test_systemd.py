"""What the service manager is told, and the sockets that it hands over."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aigw_asgi.systemd import Notifier, handed_sockets
from tests.running import ROOT

PATIENCE = 20.0


class Manager:
    """The other end of the notify socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(PATIENCE)

    def next(self, *, alive: bool = False) -> dict[str, str]:
        """The next message; signs of life only where asked for."""
        while True:
            text = self.socket.recv(4096).decode()
            if alive == (text == "WATCHDOG=1"):
                return dict(line.split("=", 1) for line in text.split("\n"))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


@contextmanager
def gateway(
    *arguments: str, env: dict[str, str] | None = None, listening: socket.socket | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """``aigw run``, started as a service manager does it."""
    words = ["-m", "aigw_asgi.cli", "run", *arguments]
    script = (
        "import os, sys\n"
        "handed = int(sys.argv[1])\n"
        "if handed >= 0:\n"
        "    os.dup2(handed, 3)\n"
        "    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])\n"
    )
    number = -1 if listening is None else listening.fileno()
    with subprocess.Popen(
        [sys.executable, "-c", script, str(number), *words],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        pass_fds=[] if listening is None else [number],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_is_told_of_the_whole_life(manager: Manager, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("host: 127.0.0.1\nport: 0\nallow-anonymous: true\n")
    env = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"}
    with gateway("-c", str(config), "--shutdown-timeout", "5", env=env) as process:
        ready = manager.next()
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(process.pid))
        host, _, port = ready["STATUS"].removeprefix("listens on ").rpartition(":")
        for _ in range(3):
            assert manager.next(alive=True) == {"WATCHDOG": "1"}

        for text in ("strict-mapping: true\n", "prot: 1\n"):  # the second cannot be used
            config.write_text(config.read_text() + text)
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            process.send_signal(signal.SIGHUP)
            reloading = manager.next()
            assert reloading["RELOADING"] == "1"
            after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert before <= int(reloading["MONOTONIC_USEC"]) <= after
            assert manager.next()["READY"] == "1"

        with socket.create_connection((host, int(port)), PATIENCE) as client:
            body = (
                b'{"model":"echo","stream":true,"messages":'
                b'[{"role":"user","content":"/wps 2 one two three"}]}'
            )
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
            assert client.recv(65536)
            process.send_signal(signal.SIGTERM)
            stopping = manager.next()
            assert stopping["STOPPING"] == "1"
            assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 5_000_000
            assert process.poll() is None  # it was told ahead of the drain
            rest = b""
            while data := client.recv(65536):
                rest += data
        assert b"[DONE]" in rest
        assert process.wait(PATIENCE) == 0


def test_abstract_addresses_are_understood() -> None:
    manager = Manager(f"\0aigw-test-{os.getpid()}")
    env = {"NOTIFY_SOCKET": f"@aigw-test-{os.getpid()}", "OTHER": "x"}
    notifier = Notifier.take(env)
    notifier.ready()
    assert manager.next()["READY"] == "1"
    assert env == {"OTHER": "x"}
    notifier.close()
    manager.socket.close()


@pytest.mark.parametrize("address", ["/no/such/socket", "relative", "", None])
def test_a_manager_that_is_not_there_is_no_trouble(address: str | None) -> None:
    notifier = Notifier(address, watchdog=1.0)
    notifier.ready("here")
    notifier.reloading()
    notifier.stopping(1)
    notifier.close()
    notifier.ready()


def test_a_watchdog_for_another_process_is_left_alone() -> None:
    watched = {"WATCHDOG_USEC": "1000000"}
    assert "watchdog=1.0" in repr(Notifier.take(dict(watched)))
    assert "watchdog=None" in repr(Notifier.take({**watched, "WATCHDOG_PID": "1"}))


def test_sockets_for_another_process_are_left_alone() -> None:
    env = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a"}
    assert handed_sockets(env) == []
    assert env == {}


def ask_over(client: socket.socket) -> None:
    client.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")


def test_a_restart_loses_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        with gateway(listening=listening) as first:
            with socket.create_connection(address, PATIENCE) as client:
                ask_over(client)
                assert client.recv(65536).startswith(b"HTTP/1.1 200")
            first.send_signal(signal.SIGTERM)
            assert first.wait(PATIENCE) == 0
        with socket.create_connection(address, PATIENCE) as between:
            ask_over(between)
            with gateway(listening=listening) as second:
                assert between.recv(65536).startswith(b"HTTP/1.1 200")
                second.send_signal(signal.SIGTERM)
                assert second.wait(PATIENCE) == 0


def test_a_socket_that_others_reach_needs_keys_as_any_listener(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("host: 127.0.0.1\n")
    listening = socket.create_server(("0.0.0.0", 0))
    with listening, gateway("-c", str(config), listening=listening) as process:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 4
    assert b"can be reached from other machines" in said


def test_a_descriptor_that_is_no_listener_is_refused() -> None:
    with socket.socket() as idle, gateway(listening=idle) as process:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert b"not a listening TCP socket" in said
