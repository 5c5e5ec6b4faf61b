"""Several serving processes below one that only looks after them.

All workers accept from the same listening sockets, so one that dies takes with it only the
connections that it had accepted. The supervisor never accepts, and has no event loop and no
thread: it forks for as long as it lives, and what a fork copies must be at rest. It waits
in one ``poll`` for signals, for news of its workers (:mod:`aigw_asgi.worker`) and for what
is due.

=========  =============================================================================
starting   the first worker, then all others at once; what one of them dies of ends it
serving    who dies is replaced (:mod:`aigw_asgi.respawn`); SIGHUP goes to all, and is
           done when all have answered
ending     nobody is replaced; whoever has not ended in time is killed
=========  =============================================================================

A second SIGTERM or SIGINT kills the workers and ends the process, from the handler itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NoReturn

from msgspec import Struct

from aigw_asgi.respawn import TOO_MANY, WITHIN, Deaths
from aigw_asgi.server.signals import Signals
from aigw_asgi.systemd import Notifier
from aigw_asgi.worker import (
    CONFIGURATION,
    DRAIN,
    HURRY,
    READY,
    RELOAD,
    RELOADED,
    Orders,
)

NO_FORK = 1.0
"""Seconds until the next try where the system could not make another process."""

RELOAD_LIMIT = 10.0
"""Seconds for all workers to answer an order to reload; then it counts as done."""

HURRY_LIMIT = 3.0
"""Seconds for workers to end that get no time to drain."""

FAILED = 1

_BLOCKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_LOG = logging.getLogger("aigw")


class Phase(Enum):
    STARTING = "starting"
    SERVING = "serving"
    ENDING = "ending"


class Post(Struct, frozen=True):
    """What a worker begins with."""

    number: int
    """Counted from 0; its successors have the same."""
    orders: Orders
    first: bool
    """It starts together with the gateway."""
    text: bytes | None
    """Of the configuration that some worker put in force last; ``None``: that of the start
    is in force."""


class Plan(Struct, frozen=True, kw_only=True):
    """How to supervise."""

    work: Callable[[Post], int]
    """What a worker does, in a forked process: serves, and gives the exit status."""
    ready: Callable[[], None]
    """All workers serve."""
    sockets: Sequence[socket.socket]
    """What the workers accept from; closed here when the end begins."""
    workers: int
    drain_limit: float
    """Seconds that workers may take to end."""
    notifier: Notifier


class Supervisor:
    """One a process, in its main thread, with no other thread beside it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._slots = [_Slot(number) for number in range(plan.workers)]
        self._phase = Phase.STARTING
        self._signals = Signals(at_once=self._kill)
        self._reload_wanted = False
        self._text: bytes | None = None
        self._status: int | None = None
        """That of the end, when the signal does not say it."""
        self._deadline: float | None = None
        """Of the reload or the end that is under way."""
        self._next_look = time.monotonic()
        """For signs of life."""

    def __repr__(self) -> str:
        return f"<Supervisor {self._phase.value} {self._slots}>"

    def run(self) -> int:
        """Supervise until the end; gives the exit status: 0, 130 after Ctrl-C, that of a
        worker which could not start, or 1 when workers keep dying or had to be killed."""
        here, there = socket.socketpair()
        for end in (here, there):
            end.setblocking(False)
        before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        with here, there, self._signals:
            waker = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
            self._signals.on_reload(self._want_reload)
            self._own = (here, there)
            try:
                self._fork(self._slots[0])
                while self._phase is not Phase.ENDING or any(slot.pid for slot in self._slots):
                    self._wait()
                    self._turn()
            finally:
                signal.set_wakeup_fd(waker)
                signal.signal(signal.SIGCHLD, before)
        if self._status is not None:
            return self._status
        return 128 + signal.SIGINT if self._signals.stopped_by == signal.SIGINT else 0

    def _wait(self) -> None:
        """Until something happens or is due."""
        poll = select.poll()
        here = self._own[0]
        poll.register(here, select.POLLIN)
        for slot in self._slots:
            if slot.link is not None:
                poll.register(slot.link, select.POLLIN)
        due = [slot.due for slot in self._slots if slot.due is not None]
        if self._deadline is not None:
            due.append(self._deadline)
        if self._plan.notifier.watchdog is not None:
            due.append(self._next_look)
        left = max(0.0, min(due) - time.monotonic()) if due else None
        poll.poll(None if left is None else left * 1000 + 1)
        with contextlib.suppress(BlockingIOError):
            while here.recv(4096):
                pass

    def _turn(self) -> None:
        for slot in self._slots:
            for news in slot.read():
                self._hear(slot, news)
        if self._signals.stopped_by is not None and self._phase is not Phase.ENDING:
            self._end(DRAIN, self._plan.drain_limit)
        for slot in self._slots:
            if slot.pid and (status := _ended(slot.pid)) is not None:
                self._bury(slot, status)
        now = time.monotonic()
        if self._phase is Phase.STARTING:
            self._go_on_starting()
        if self._phase is Phase.SERVING:
            self._reload(now)
            for slot in self._slots:
                if slot.due is not None and slot.due <= now:
                    self._fork(slot)
        elif self._deadline is not None and self._deadline <= now:
            self._deadline, self._status = None, FAILED
            _LOG.error("workers do not end and are killed: %s", self._pids())
            self._kill()
        self._look_after(now)

    def _hear(self, slot: _Slot, news: bytes) -> None:
        kind, text = news[:1], news[1:]
        slot.silent = 0
        if kind == READY:
            slot.ready = True
            if self._phase is Phase.SERVING:
                _LOG.info("worker %d is process %d now", slot.number, slot.pid)
        elif kind == RELOADED:
            slot.asked = False
        elif kind == CONFIGURATION:
            self._text = text

    # Start

    def _go_on_starting(self) -> None:
        # One goes ahead: what keeps all of them from starting is said once, and what is
        # made at a first start is made by one.
        if not self._slots[0].ready:
            return
        for slot in self._slots:
            if not slot.pid and self._phase is Phase.STARTING:
                self._fork(slot)
        if all(slot.ready for slot in self._slots):
            self._phase = Phase.SERVING
            self._plan.ready()

    def _fork(self, slot: _Slot) -> None:
        try:
            ours, theirs = socket.socketpair()
        except OSError as exc:
            self._cannot_fork(slot, exc)
            return
        ours.setblocking(False)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()  # else the child says it again
        # A signal that comes before the child has its own handlers waits for those.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        try:
            pid = os.fork()
            if not pid:
                self._be_worker(slot, ours, theirs, mask)
            slot.begin(pid, ours)
        except OSError as exc:
            ours.close()
            self._cannot_fork(slot, exc)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()

    def _cannot_fork(self, slot: _Slot, exc: OSError) -> None:
        _LOG.error("worker %d cannot be started: %s", slot.number, exc.strerror)
        if self._phase is Phase.STARTING:
            self._status = FAILED
            self._end(HURRY, HURRY_LIMIT)
        else:
            slot.due = time.monotonic() + NO_FORK

    def _be_worker(
        self,
        slot: _Slot,
        ours: socket.socket,
        theirs: socket.socket,
        mask: set[int | signal.Signals],
    ) -> NoReturn:
        status = FAILED
        try:
            # Whoever else held an end of the others' links would keep them from noticing
            # the supervisor's death.
            for end in (ours, *self._own, *(other.link for other in self._slots)):
                if end is not None:
                    end.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orders = Orders(theirs)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            first = self._phase is Phase.STARTING
            status = self._plan.work(Post(slot.number, orders, first, self._text))
        except BaseException as exc:  # noqa: BLE001 - the process ends here, and says with what
            sys.excepthook(type(exc), exc, exc.__traceback__)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError):
                    stream.flush()
            os._exit(status)

    # Deaths

    def _bury(self, slot: _Slot, status: int) -> None:
        now = time.monotonic()
        how = f"was killed by {_name(-status)}" if status < 0 else f"exited with {status}"
        who = f"worker {slot.number} (process {slot.pid}) {how}"
        lived = now - slot.began
        slot.end()
        if self._phase is Phase.ENDING:
            if status:
                _LOG.warning("%s", who)
        elif self._phase is Phase.STARTING:
            _LOG.error("%s before it was ready", who)
            self._status = status if status > 0 else FAILED
            self._end(HURRY, HURRY_LIMIT)
        elif (pause := slot.deaths.pause(now, lived)) is None:
            _LOG.critical("%s, %d times within %d s: the gateway ends", who, TOO_MANY, WITHIN)
            self._status = FAILED
            self._end(DRAIN, self._plan.drain_limit)
        else:
            slot.due = now + pause
            _LOG.warning("%s and is replaced%s", who, f" in {pause:g} s" if pause else "")

    # Reload

    def _want_reload(self) -> None:
        self._reload_wanted = True

    def _reload(self, now: float) -> None:
        if self._deadline is not None:
            if any(slot.asked for slot in self._slots) and now < self._deadline:
                return
            self._deadline = None
            # Also after a file that cannot be used: what was in force still is.
            self._plan.notifier.ready()
        if self._reload_wanted:
            self._reload_wanted = False
            self._plan.notifier.reloading()
            self._deadline = now + RELOAD_LIMIT
            for slot in self._slots:
                slot.asked = slot.tell(RELOAD)

    # Signs of life

    def _look_after(self, now: float) -> None:
        interval = self._plan.notifier.watchdog
        if interval is None or now < self._next_look:
            return
        self._next_look = now + interval / 2
        self._plan.notifier.alive()
        for slot in self._slots:
            # Counted in looks of ours and not by the clock, which goes on when the machine
            # holds all of us up.
            if slot.ready and slot.silent >= 2 and self._phase is Phase.SERVING:
                _LOG.error("worker %d (process %d) hangs and is killed", slot.number, slot.pid)
                os.kill(slot.pid, signal.SIGKILL)
            slot.silent += 1

    # The end

    def _end(self, order: bytes, limit: float) -> None:
        self._phase = Phase.ENDING
        self._deadline = time.monotonic() + limit
        self._plan.notifier.stopping(limit)
        for sock in self._plan.sockets:
            sock.close()
        for slot in self._slots:
            slot.due = None
            slot.tell(order)

    def _kill(self) -> None:
        for slot in self._slots:
            if slot.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot.pid, signal.SIGKILL)

    def _pids(self) -> str:
        return ", ".join(str(slot.pid) for slot in self._slots if slot.pid)


class _Slot:
    """The place of one worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.deaths = Deaths()
        self.pid = 0
        """0: nobody is there."""
        self.link: socket.socket | None = None
        self.began = 0.0
        self.ready = False
        self.asked = False
        """Has yet to answer an order to reload."""
        self.silent = 0
        """Looks since its last sign of life."""
        self.due: float | None = None
        """When the next worker starts."""
        self._held = b""

    def __repr__(self) -> str:
        return f"<worker {self.number} pid={self.pid} ready={self.ready}>"

    def begin(self, pid: int, link: socket.socket) -> None:
        self.pid, self.link, self.began = pid, link, time.monotonic()
        self.due = None

    def end(self) -> None:
        if self.link is not None:
            self.link.close()
        self.link, self.pid, self.ready, self.asked, self.silent = None, 0, False, False, 0
        self._held = b""

    def tell(self, order: bytes) -> bool:
        """Whether it could be told."""
        if self.link is None:
            return False
        try:
            return self.link.send(order) == 1
        except OSError:
            return False

    def read(self) -> list[bytes]:
        """What it has said: a kind each, and the text that comes with it."""
        if self.link is None:
            return []
        try:
            data = self.link.recv(1 << 20)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            # Its end is closed: it is dead, or will be.
            self.link.close()
            self.link = None
            return []
        self._held += data
        news = []
        while self._held:
            size = 1
            if self._held[:1] == CONFIGURATION:
                size = 5 + int.from_bytes(self._held[1:5], "big")
                if len(self._held) < size:
                    break
                news.append(CONFIGURATION + self._held[5:size])
            else:
                news.append(self._held[:1])
            self._held = self._held[size:]
        return news


def _ended(pid: int) -> int | None:
    """The exit status of a child, negative for a signal; ``None``: it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
