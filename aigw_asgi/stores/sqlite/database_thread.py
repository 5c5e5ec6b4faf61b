"""A thread that does jobs on a database, for tasks that wait for them.

Jobs that came while it was busy are done in one transaction: all of them are done, or
none is. An exception of a job is one of the database's; the thread ends with it, and
everything that waits is told so.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import msgspec

from aigw_asgi.stores.shared_state import StoreLost
from aigw_asgi.stores.sqlite.database import Database, Unusable, is_damaged

MAX_BATCH = 256
"""Jobs of one transaction."""

_Answer = TypeVar("_Answer")


class _Job(Generic[_Answer]):
    __slots__ = ("answer", "done", "error", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], _Answer]) -> None:
        self.work = work
        self.done = anyio.Event()
        self.answer: _Answer
        self.error: StoreLost | None = None


class DatabaseThread:
    """Opens the file with its first job; see :class:`Database` for the arguments. Make it,
    and use it, in one event loop."""

    def __init__(self, file: Path, *, application: int, steps: Sequence[str], busy: float) -> None:
        self._file = file
        self._open = partial(Database, file, application=application, steps=steps, busy=busy)
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._token = anyio.lowlevel.current_token()
        self._broken: StoreLost | None = None
        self._thread = threading.Thread(target=self._work, name=f"aigw {file.name}", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<DatabaseThread {self._file} jobs={self._jobs.qsize()}>"

    async def run(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """What ``work`` gives, done in the thread. A task that gives up waiting does not
        undo it.

        Raises:
            StoreLost: it was not done.
        """
        if self._broken is not None:
            raise self._broken
        job = _Job(work)
        self._jobs.put(job)
        if self._broken is not None:  # perhaps too late for the thread to see it
            raise self._broken
        await job.done.wait()
        if job.error is not None:
            raise job.error
        return job.answer

    def stop(self) -> None:
        """End the thread after the jobs that wait. Does not wait."""
        self._jobs.put(None)

    def _work(self) -> None:
        database: Database | None = None
        going_on = True
        while going_on:
            batch, going_on = self._next()
            try:
                if batch:
                    database = database or self._open()
                    with database.transaction() as connection:
                        _do(batch, connection)
            except (sqlite3.Error, OSError, Unusable, msgspec.DecodeError) as exc:
                if database is not None and isinstance(exc, sqlite3.Error) and is_damaged(exc):
                    database.set_aside(time.time())
                self._broken = StoreLost(f"{self._file}: {exc}")
                going_on = False
                while not self._jobs.empty():  # nobody adds to it any more, but those at it
                    waiting = self._jobs.get()
                    if waiting is not None:
                        batch.append(waiting)
                _fail(batch, self._broken)
            try:
                anyio.from_thread.run_sync(_tell, batch, token=self._token)
            except RuntimeError:  # the loop is gone, and with it who waited
                going_on = False
            batch.clear()  # jobs hold whole conversations, and the next may be far
        if database is not None:
            database.close()

    def _next(self) -> tuple[list[_Job[Any]], bool]:
        """The jobs of the next transaction, and whether others may follow."""
        job = self._jobs.get()
        batch: list[_Job[Any]] = []
        while job is not None:
            batch.append(job)
            if self._jobs.empty() or len(batch) >= MAX_BATCH:
                return batch, True
            job = self._jobs.get()
        return batch, False


def _do(batch: list[_Job[Any]], connection: sqlite3.Connection) -> None:
    for job in batch:
        job.answer = job.work(connection)


def _fail(batch: list[_Job[Any]], error: StoreLost) -> None:
    for job in batch:
        job.error = error


def _tell(batch: list[_Job[Any]]) -> None:
    for job in batch:
        job.done.set()
