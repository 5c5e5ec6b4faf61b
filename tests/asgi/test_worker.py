"""A worker's end of the link, in a process whose loop does not turn."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aigw_asgi.worker import DRAIN, ORPHAN_LIMIT, READY, RELOAD
from tests.fleet import PATIENCE
from tests.running import ROOT

_STUCK = """
import socket, sys, time
from aigw_asgi.worker import Orders
orders = Orders(socket.socket(fileno=int(sys.argv[1])))
orders.on_stop(lambda: print("stop", flush=True))
orders.on_reload(lambda: print("reload", flush=True))
orders.ready()
time.sleep(600)
"""


@contextmanager
def started(script: str) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
    with process, ours:
        try:
            yield process, ours
        finally:
            process.kill()


def test_an_orphan_ends_though_it_stands_still() -> None:
    with started(_STUCK) as (process, link):
        assert link.recv(1) == READY
        link.send(RELOAD)
        assert process.stdout is not None
        assert process.stdout.readline() == "reload\n"
        assert process.poll() is None
        began = time.monotonic()
        link.close()
        assert process.wait(PATIENCE) == 1
        assert time.monotonic() - began >= ORPHAN_LIMIT


_STARTS_LATE = """
import os, signal, socket, sys, threading
from aigw_asgi.worker import Orders
orders = Orders(socket.socket(fileno=int(sys.argv[1])))
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGHUP)
orders.ready()
told = threading.Event()
orders.on_stop(told.set)
told.wait()
orders.on_reload(lambda: print("reload", flush=True))
orders.on_stop(lambda: print("stop", flush=True))
orders.detach()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_orders_that_come_early_are_kept() -> None:
    """And those after the end are nobody's; the signals of a terminal are none at all."""
    with started(_STARTS_LATE) as (process, link):
        assert link.recv(1) == READY
        link.send(RELOAD + RELOAD + DRAIN)
        said, _ = process.communicate(timeout=PATIENCE)
        assert said == "reload\nstop\n"
        assert process.returncode == 0
