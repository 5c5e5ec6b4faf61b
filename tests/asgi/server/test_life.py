"""From start to end of a real process, by signals."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigw_asgi.server import HttpChoice, LoopChoice, ServerSettings, StartupFailed, bind, run
from aigw_asgi.server.listen import addresses
from tests.asgi.server.harness import PATIENCE, Client, Receive, Send, get

ROOT = Path(__file__).parents[3]
Stack = tuple[LoopChoice, HttpChoice]


class Process:
    """The subprocess, and what it says."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self._popen = popen
        self.port = 0

    def expect(self, *lines: str) -> None:
        assert self._popen.stdout is not None
        for line in lines:
            assert self._popen.stdout.readline() == line + "\n"

    def expect_ready(self) -> None:
        assert self._popen.stdout is not None
        word, port = self._popen.stdout.readline().split()
        assert word == "ready"
        self.port = int(port)

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def exit_status(self) -> int:
        return self._popen.wait(PATIENCE)

    @contextlib.contextmanager
    def stream(self, path: str) -> Iterator[Client]:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as sock:
            client = Client(sock)
            client.send(get(path))
            client.read_until(b"begun\r\n")
            yield client


@contextlib.contextmanager
def process(stack: Stack, *, timeout: float = 5.0) -> Iterator[Process]:
    """A process that has said "starting"."""
    command = [sys.executable, "-W", "error", "-m", "tests.asgi.server.process"]
    command += [*stack, str(timeout)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as popen:
        try:
            running = Process(popen)
            running.expect("starting")
            yield running
        finally:
            popen.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_stop_signal_ends_an_idle_process(stack: Stack, number: int, status: int) -> None:
    with process(stack) as running:
        running.expect_ready()
        with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as idle:
            running.signal(number)
            running.expect("drain", "shutdown")
            assert idle.recv(1) == b""
        assert running.exit_status() == status


def test_a_stream_may_finish_while_nothing_new_is_taken(stack: Stack) -> None:
    with process(stack) as running:
        running.expect_ready()
        with running.stream("/polite") as client:
            running.signal(signal.SIGTERM)
            running.expect("drain")
            client.read_until(b"9\r\nlast word\r\n0\r\n\r\n")
            assert client.read_all() == b""
        running.expect("shutdown")
        assert running.exit_status() == 0


def test_a_stream_beyond_the_time_has_a_last_word(stack: Stack) -> None:
    with process(stack, timeout=0.2) as running:
        running.expect_ready()
        with running.stream("/late") as client:
            running.signal(signal.SIGTERM)
            running.expect("drain", "overdue")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", running.port), PATIENCE)
            client.read_until(b"9\r\nlast word\r\n0\r\n\r\n")
        running.expect("shutdown")
        assert running.exit_status() == 0


def test_a_stream_that_never_ends_is_cut_and_not_closed_cleanly(stack: Stack) -> None:
    with process(stack, timeout=0.2) as running:
        running.expect_ready()
        with running.stream("/deaf") as client:
            began = time.monotonic()
            running.signal(signal.SIGTERM)
            running.expect("drain", "overdue")
            assert client.read_all() == b""
            running.expect("shutdown")
            assert running.exit_status() == 0
            assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["/deaf", "/blocking"])
def test_a_second_signal_ends_the_process_at_once(stack: Stack, path: str) -> None:
    with process(stack, timeout=600) as running:
        running.expect_ready()
        with running.stream(path):
            running.signal(signal.SIGTERM)
            if path == "/deaf":
                running.expect("drain")
            # Two of the same, not yet delivered, would be one.
            running.signal(signal.SIGINT)
            assert running.exit_status() in (143, 130)


def test_hangups_reload_and_never_kill(stack: Stack) -> None:
    with process(stack) as running:
        running.expect_ready()
        with running.stream("/polite") as client:
            for _ in range(20):
                running.signal(signal.SIGHUP)
                running.expect("reload")
            running.signal(signal.SIGTERM)
            running.signal(signal.SIGHUP)
            client.read_until(b"last word")
        assert running.exit_status() == 0


def test_a_hangup_during_the_start_is_kept_for_later(stack: Stack) -> None:
    with process(stack) as running:
        running.signal(signal.SIGHUP)
        running.expect_ready()
        running.expect("reload")


def test_a_stop_signal_during_the_start_is_kept_for_later(stack: Stack) -> None:
    with process(stack) as running:
        running.signal(signal.SIGTERM)
        running.expect_ready()
        running.expect("drain", "shutdown")
        assert running.exit_status() == 0


def test_a_websocket_does_not_hold_up_the_end(stack: Stack) -> None:
    with process(stack, timeout=600) as running:
        running.expect_ready()
        with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as sock:
            client = Client(sock)
            client.send(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
            )
            client.read_until(b"\r\n\r\n")
            running.signal(signal.SIGTERM)
            running.expect("drain")
            assert client.read_all()[:4] == b"\x88\x02\x03\xe9"  # close, 1001: going away
            running.expect("shutdown")
            assert running.exit_status() == 0


async def _refuses_to_start(scope: object, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


def test_an_application_that_does_not_start_is_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StartupFailed):
        run(_refuses_to_start, ServerSettings(port=0))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_taken_port_is_known_before_the_application_starts() -> None:
    async def app(scope: object, receive: Receive, send: Send) -> None:
        pytest.fail("the application was started")

    (taken,) = bind("127.0.0.1", 0)
    with taken:
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            run(app, ServerSettings(port=addresses([taken])[0][1]))


def test_a_name_with_two_addresses_has_one_port() -> None:
    sockets = bind("localhost", 0)
    with contextlib.ExitStack() as stack:
        for sock in sockets:
            stack.enter_context(sock)
        assert len({port for _, port in addresses(sockets)}) == 1
        assert {host for host, _ in addresses(sockets)} <= {"127.0.0.1", "::1"}
