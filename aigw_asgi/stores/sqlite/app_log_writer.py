"""Writes the app log of one process to the file that all processes share.

A serving process has a thread for that, which waits for a moment after the first record,
so that a burst is one transaction. The process that looks after the others must have
none: it writes each of its few records as it says it, opens the file for that and closes
it again, since no connection survives a fork.

What cannot be written for now is tried again, while records wait, and then are dropped.
The count of those goes into the file with the next that can be written.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from aigw_asgi.stores.app_log import Said
from aigw_asgi.stores.sqlite.database import (
    Database,
    Unusable,
    identity,
    is_damaged,
    set_aside,
)

_LOG = logging.getLogger("aigw")

FILE = "app.db"

APPLICATION = 0x61677761
"""Marks files of this kind."""

STEPS = (
    # ``seq`` counts up without a gap, since only the oldest are removed, and it is given
    # out inside of the transaction that writes. The traceback is last: it is the longest.
    """
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        level INTEGER NOT NULL,
        logger TEXT NOT NULL,
        message TEXT NOT NULL,
        request_id TEXT,
        worker INTEGER,
        pid INTEGER NOT NULL,
        traceback TEXT
    ) STRICT;
    CREATE TABLE counter (dropped INTEGER NOT NULL) STRICT;
    INSERT INTO counter VALUES (0);
    """,
)
"""Never change one that was released; add another."""

MAX_WAITING = 1000
"""Records, of 13 KiB at most."""

BATCH = 500
"""Records of one transaction."""

DELAY = 0.1
"""Seconds that the first record of a batch waits for others."""

BUSY = 1.0
"""Seconds that a transaction waits for another process's."""

BUSY_ALONE = 0.1
"""The same, of a process that has no thread to wait in."""

RETRY = 1.0
"""Seconds until what failed is tried again."""

TELL = 60.0
"""Seconds between two complaints."""

_INSERT = (
    "INSERT INTO records (at, level, logger, message, request_id, worker, pid, traceback)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class Writer:
    """For one process. ``put`` is called from one thread at a time."""

    def __init__(self, file: Path, max_records: int, *, busy: float = BUSY) -> None:
        self.file = file
        self.dropped = 0
        self._max_records = max_records
        self._busy = busy
        self._waiting: deque[Said] = deque()
        self.untold = 0
        """Of the dropped, to the file."""
        self._counting = threading.Lock()
        self._database: Database | None = None
        self._writing = False  # without a thread
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._flushes: deque[threading.Event] = deque()
        self._stop_at: float | None = None
        self._tell_at = 0.0

    def __repr__(self) -> str:
        return f"<Writer {self.file} waiting={len(self._waiting)} dropped={self.dropped}>"

    def start(self) -> None:
        """From here on a thread writes."""
        self._waiting.clear()  # what was there is the forking process's to write
        self.dropped = self.untold = 0
        self._thread = threading.Thread(target=self._run, name="app-log", daemon=True)
        self._thread.start()

    def put(self, said: Said) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._drop(1)
        else:
            self._waiting.append(said)
        if self._thread is not None:
            self._wake.set()
        elif not self._writing:  # else a complaint about just that
            self._writing = True
            try:
                self._write_at_once()
            finally:
                self._writing = False

    def flush(self) -> threading.Event:
        """Set once all that was put so far is written or given up."""
        done = threading.Event()
        if self._thread is None or not self._thread.is_alive():
            done.set()
        else:
            self._flushes.append(done)
            self._hurry.set()
            self._wake.set()
        return done

    def finish(self, limit: float) -> bool:
        if self._thread is None:
            self._write_at_once()
        else:
            self._stop_at = time.monotonic() + limit
            self._hurry.set()
            self._wake.set()
            self._thread.join(limit)
            if self._thread.is_alive():
                return False  # stuck in the file: it is a daemon thread, and ends with us
        lost = len(self._waiting)
        self._waiting.clear()
        self._drop(lost)
        return not lost

    # --- with a thread -------------------------------------------------------

    def _run(self) -> None:
        try:
            self._attempt(lambda database: None, self._busy)  # whoever asks finds a log
            going_on = True
            while going_on:
                self._wake.wait()
                self._wake.clear()
                self._hurry.wait(0 if self._stop_at is not None else DELAY)
                self._hurry.clear()
                going_on = self._stop_at is None
                flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
                self._write_all()
                for done in flushes:
                    done.set()
        except Exception:  # noqa: BLE001 - a bug of ours; the lines of the log go on
            _LOG.exception("the app log ended")
        finally:
            self._close()
            while self._flushes:
                self._flushes.popleft().set()

    def _write_all(self) -> None:
        """Until all is written, or the time to stop has come."""
        while self._waiting:
            problem = self._write_batch(self._busy)
            if problem is None:
                continue
            self._complain(problem)
            until = time.monotonic() + RETRY
            while (left := until - time.monotonic()) > 0:
                if self._stop_at is not None:
                    break
                time.sleep(min(left, 0.05))
            if self._stop_at is not None:
                self._write_batch(self._busy)  # one more try
                return

    # --- without -------------------------------------------------------------

    def _write_at_once(self) -> None:
        while self._waiting:
            problem = self._write_batch(BUSY_ALONE)
            self._close()
            if problem is not None:
                self._complain(problem)  # and with the next record it is tried again
                return

    # --- the file ------------------------------------------------------------

    def _write_batch(self, busy: float) -> str | None:
        """Why the next batch could not be written; ``None``: it was."""
        # Not by iterating: others add to it meanwhile.
        batch = [self._waiting[at] for at in range(min(BATCH, len(self._waiting)))]
        rows = [
            (
                each.timestamp,
                each.level.number,
                each.logger,
                each.message,
                each.request_id,
                each.worker,
                each.pid,
                each.traceback,
            )
            for each in batch
        ]
        untold = self.untold

        def write(database: Database) -> None:
            with database.transaction() as connection:
                connection.executemany(_INSERT, rows)
                connection.execute(
                    "DELETE FROM records WHERE seq <= (SELECT max(seq) FROM records) - ?",
                    (self._max_records,),
                )
                if untold:
                    connection.execute("UPDATE counter SET dropped = dropped + ?", (untold,))

        problem = self._attempt(write, busy)
        if problem is None:
            with self._counting:
                self.untold -= untold
            for _ in batch:
                self._waiting.popleft()
        return problem

    def _attempt(self, act: Callable[[Database], None], busy: float) -> str | None:
        which = identity(self.file)
        try:
            if self._database is not None and not self._database.in_place():
                self._close()  # it was removed, or set aside by another process
            if self._database is None:
                self._database = Database(
                    self.file,
                    application=APPLICATION,
                    steps=STEPS,
                    busy=busy,
                    patient=self._thread is not None,
                )
            act(self._database)
        except sqlite3.Error as exc:
            self._close()
            return self._set_aside(which, exc) if is_damaged(exc) else str(exc)
        except Unusable as exc:
            self._close()
            return str(exc)
        except OSError as exc:
            self._close()
            return exc.strerror or repr(exc)
        return None

    def _set_aside(self, which: tuple[int, int] | None, damage: sqlite3.Error) -> str:
        try:
            to = set_aside(self.file, which, time.time(), BUSY_ALONE)
        except OSError as exc:
            return f"it is damaged ({damage}), and cannot be moved: {exc.strerror}"
        return f"it was damaged ({damage})" + ("" if to is None else f" and is {to.name} now")

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _drop(self, count: int) -> None:
        with self._counting:
            self.dropped += count
            self.untold += count

    def _complain(self, problem: str) -> None:
        if time.monotonic() >= self._tell_at:
            self._tell_at = time.monotonic() + TELL
            words = "%s does not take what the log says: %s; dropped so far: %d"
            _LOG.warning(words, self.file, problem, self.dropped)
