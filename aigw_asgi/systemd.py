"""The service manager: what it is told (sd_notify), and the sockets that it hands over.

Sources: the manuals sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3) and
systemd.service(5), "Type=notify-reload". What it tells us stands in variables that are
meant for this process alone; they are taken out of the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

_FIRST_SOCKET = 3  # SD_LISTEN_FDS_START


class Notifier:
    """Tells the service manager how we are. Says nothing where there is none."""

    def __init__(self, address: str | None, watchdog: float | None = None) -> None:
        """``watchdog``: seconds after whose silence we are taken to hang."""
        self._watchdog = watchdog
        self._timer: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        if address and address[0] in "/@":
            self._address = "\0" + address[1:] if address[0] == "@" else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def __repr__(self) -> str:
        return f"<Notifier {'on' if self._socket else 'off'} watchdog={self._watchdog}>"

    @classmethod
    def take(cls, env: MutableMapping[str, str]) -> Notifier:
        """The one that the environment names; the variables are taken out."""
        address = env.pop("NOTIFY_SOCKET", None)
        interval = env.pop("WATCHDOG_USEC", "")
        ours = env.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watches = ours and interval.isdigit() and int(interval) > 0
        return cls(address, int(interval) / 1e6 if watches else None)

    def ready(self, status: str = "") -> None:
        """Requests are served; also after a reload, whatever came of that."""
        self._send("READY=1", f"MAINPID={os.getpid()}", *([f"STATUS={status}"] if status else []))

    def reloading(self) -> None:
        """A reload begins; :meth:`ready` has to follow."""
        # The manager tells by the time that this answers the signal that it sent.
        self._send(
            "RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
        )

    def stopping(self, seconds: float) -> None:
        """The end begins, and may take so long."""
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    @property
    def watchdog(self) -> float | None:
        """Seconds after whose silence we are taken to hang; ``None``: nobody looks."""
        return None if self._socket is None else self._watchdog

    def alive(self) -> None:
        """A sign of life; one is due twice in the time of the watchdog."""
        self._send("WATCHDOG=1")

    def keep_alive(self) -> None:
        """Give signs of life from the running loop, as often as they are due."""
        if self.watchdog is None:
            return
        self.alive()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.watchdog / 2, self.keep_alive)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        if self._socket is not None:
            # A manager that is gone or busy is no reason to do anything else.
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), self._address)


def handed_sockets(env: MutableMapping[str, str]) -> list[socket.socket]:
    """The listening sockets that the service manager opened for us, as it gave them.

    Raises:
        OSError: one is not a listening TCP socket.
    """
    count = env.pop("LISTEN_FDS", "")
    ours = env.pop("LISTEN_PID", "") == str(os.getpid())
    env.pop("LISTEN_FDNAMES", None)
    if not ours or not count.isdigit():
        return []
    found = []
    for number in range(_FIRST_SOCKET, _FIRST_SOCKET + int(count)):
        os.set_inheritable(number, False)
        handed = socket.socket(fileno=number)
        stream = (
            handed.family in (socket.AF_INET, socket.AF_INET6) and handed.type == socket.SOCK_STREAM
        )
        if not stream or not handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError(f"descriptor {number} of LISTEN_FDS is not a listening TCP socket")
        handed.setblocking(False)
        found.append(handed)
    return found
