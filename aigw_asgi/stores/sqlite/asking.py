"""Asks a file of SQLite that others write: in one thread at a time, on a connection of
its own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from aigw_asgi.stores.request_log import LogUnavailable
from aigw_asgi.stores.sqlite.database import identity, open_reader

QUERY_LIMIT = 10.0
"""Seconds that one question may take."""

_T = TypeVar("_T")


class Asking:
    """Each question sees the file as it is at one moment, and raises ``LogUnavailable``
    where it cannot be read, or takes longer than ``QUERY_LIMIT``."""

    def __init__(
        self,
        file: Path,
        what: str,
        *,
        busy: float,
        prepare: Callable[[sqlite3.Connection], object] | None = None,
    ) -> None:
        """``what`` is the file's name in what is raised; ``prepare`` is done to each new
        connection."""
        self._file = file
        self._what = what
        self._busy = busy
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None
        self._which: tuple[int, int] | None = None
        self._turn = anyio.Lock()

    def __repr__(self) -> str:
        return f"<Asking {self._file}>"

    async def run(self, ask: Callable[[], _T]) -> _T:
        """What ``ask`` gives, in another thread, when those before it are done."""
        async with self._turn:
            return await anyio.to_thread.run_sync(ask)

    def ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            connection = self._open()
            deadline = time.monotonic() + QUERY_LIMIT
            # Looked at every 10,000 steps of the virtual machine, some 0.2 ms.
            connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                connection.execute("ROLLBACK")
        except FileNotFoundError as exc:
            raise LogUnavailable(f"there is no {self._what} yet") from exc
        except OSError as exc:
            raise LogUnavailable(f"the {self._what} cannot be read: {exc.strerror}") from exc
        except sqlite3.Error as exc:
            self.close()
            late = exc.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
            words = f"it takes longer than {QUERY_LIMIT:.0f} s; ask for less" if late else str(exc)
            raise LogUnavailable(f"the {self._what} cannot be read: {words}") from exc

    def _open(self) -> sqlite3.Connection:
        which = identity(self._file)
        if self._connection is None or which != self._which:
            self.close()
            connection = open_reader(self._file, busy=self._busy)
            if self._prepare is not None:
                self._prepare(connection)
            self._connection, self._which = connection, which
        return self._connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
