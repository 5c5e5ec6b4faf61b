"""The side of a worker: one of several serving processes, below a supervisor.

A worker and its supervisor (:mod:`aigw_asgi.supervisor`) hold the two ends of a socket.
Orders come down it and news go up, a byte each; only the text of a configuration has a
length and follows its byte. Signals would not do for orders: Ctrl-C and service managers
send theirs to all processes at once, and a second one would then count as impatience. The
end of the socket tells that the supervisor is gone, however it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import anyio.to_thread

from aigw_asgi.config_store import Loaded

RELOAD, DRAIN, HURRY = b"r", b"d", b"h"
"""Orders. The first is answered by ``RELOADED``; after ``HURRY`` no time is left to drain."""

READY, RELOADED, ALIVE, CONFIGURATION = b"R", b"L", b"A", b"C"
"""News. After the last come four bytes of length, and the text that is in force now."""

ORPHAN_LIMIT = 1.7
"""Seconds that a worker may live on without its supervisor, whatever holds it up."""


class Orders:
    """What the supervisor wants, in place of the signals of a process that serves alone;
    and what it is told. It takes over the signals of its process and starts a thread."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sending = threading.Lock()
        self.stopped_by: int | None = None
        self._wanted: set[bytes] = set()
        self._calls: dict[bytes, Callable[[], object]] = {}
        self._timer: asyncio.TimerHandle | None = None
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the terminal's, which the supervisor gets too
        signal.signal(signal.SIGTERM, self._on_term)
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def __repr__(self) -> str:
        return f"<Orders {sorted(self._wanted)}>"

    def on_stop(self, stop: Callable[[], object]) -> None:
        self._on(DRAIN, stop)

    def on_hurry(self, hurry: Callable[[], object]) -> None:
        self._on(HURRY, hurry)

    def on_reload(self, reload: Callable[[], object]) -> None:
        self._on(RELOAD, reload)

    def detach(self) -> None:
        self._calls.clear()
        if self._timer is not None:
            self._timer.cancel()

    def ready(self) -> None:
        """Requests are served."""
        self._say(READY)

    async def reloaded(self) -> None:
        """An order to reload was carried out, whatever came of it."""
        await anyio.to_thread.run_sync(self._say, RELOADED)

    async def taken(self, loaded: Loaded) -> None:
        """This configuration is in force now."""
        if loaded.document is not None:
            text = loaded.document.text.encode()
            message = CONFIGURATION + len(text).to_bytes(4, "big") + text
            # On a thread: the supervisor may have been stopped, and its end be full.
            await anyio.to_thread.run_sync(self._say, message)

    def keep_alive(self, interval: float) -> None:
        """Say from the running loop that it runs, every so many seconds."""
        if self._sending.acquire(blocking=False):  # else it is being told more than that
            with contextlib.suppress(OSError):
                self._link.send(ALIVE, socket.MSG_DONTWAIT)
            self._sending.release()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(interval, partial(self.keep_alive, interval))

    def _say(self, message: bytes) -> None:
        with self._sending, contextlib.suppress(OSError):
            self._link.sendall(message)

    def _on(self, order: bytes, call: Callable[[], object]) -> None:
        self._calls[order] = call
        if order in self._wanted:
            call()

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        # However often it comes, and from whomever: a service manager tells all of its
        # processes to end, and then the supervisor does.
        self._obey(DRAIN)

    def _listen(self) -> None:
        while True:
            try:
                orders = self._link.recv(64)
            except OSError:
                orders = b""
            if not orders:
                break
            for order in orders:
                self._obey(bytes((order,)))
        self._obey(HURRY)
        # From this thread, in case the loop does not turn any more.
        time.sleep(ORPHAN_LIMIT)
        os._exit(1)

    def _obey(self, order: bytes) -> None:
        self._wanted.add(order)
        call = self._calls.get(order)
        if call is not None:
            with contextlib.suppress(RuntimeError):  # its loop has closed this very moment
                call()
