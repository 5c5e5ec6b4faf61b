"""The one thread of a process that writes the request log.

Whoever serves requests leaves what ended in a bounded queue. The thread waits for a
moment after the first, so that a batch is worth a transaction, and writes all of it at
once. What fails for now (a full disk, a file that another process holds, a folder that
cannot be written) is tried again until it goes, while the queue fills up, and then
overflows, which is counted. A file that is damaged is set aside, and a new one begun.
Nothing of this reaches a request; the log of the process tells of it, at most once a
minute.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from aigw_asgi.stores.sqlite.database import BUSY, Unusable, identity, is_damaged, set_aside
from aigw_asgi.stores.sqlite.log_file import LogFile, Retention
from aigw_asgi.stores.sqlite.log_rows import Batch, Captured, Ended

_LOG = logging.getLogger("aigw")

MAX_WAITING = 20_000
"""Entries in the queue, some 3 KiB each."""

MAX_WAITING_CAPTURES = 64 << 20
"""Bytes of the captures in the queue."""

BATCH = 1000
"""Entries of one transaction; it takes some 10 ms."""

DELAY = 0.1
"""Seconds that the first entry of a batch waits for others."""

RETRY = 1.0
"""Seconds until what failed is tried again."""

TIDY = 600.0
"""Seconds between two times of tidying up."""

HOUSE = 5.0
"""Seconds until what was written is summed up, and what is too much forgotten."""

HOUSE_ROWS = 5000
"""Or so many rows."""

TELL = 60.0
"""Seconds between two complaints."""

BREATH = 0.01
"""Seconds between two steps of forgetting: other processes have batches, too."""


class Flush(Struct, frozen=True):
    """What stands before it in the queue is dealt with once ``done`` is set."""

    done: threading.Event


Waiting = Ended | Captured | Flush


class _Problem(Struct, frozen=True, gc=False):
    """Why something could not be done with the file."""

    words: str
    """Empty: it has been told."""
    pause: float
    """Seconds until it makes sense to try again."""
    final: bool = False
    """It makes no sense."""


class _Complaints:
    """Tells what goes wrong, not too often."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._failing = False
        self._told = 0  # of those that were dropped
        self._next = 0.0

    def tell(self, words: str, dropped: int) -> None:
        if words and time.monotonic() >= self._next:
            self._failing = True
            self._next = time.monotonic() + TELL
            self._told = dropped
            _LOG.warning("%s takes no requests: %s; dropped so far: %d", self._file, words, dropped)

    def works(self, dropped: int) -> None:
        if self._failing:
            self._failing = False
            self._told = dropped
            _LOG.warning("%s takes requests again; dropped so far: %d", self._file, dropped)
        elif dropped > self._told and time.monotonic() >= self._next:
            self._next = time.monotonic() + TELL
            self._told = dropped
            _LOG.warning("more requests than can be written; dropped so far: %d", dropped)

    def last(self, dropped: int) -> None:
        if dropped > self._told:
            _LOG.warning("%s: %d requests were not written", self._file, dropped)


class Writer:
    """``put`` may be called from any thread, and before ``start``."""

    def __init__(self, file: Path, retention: Retention, *, busy: float = BUSY) -> None:
        self.file = file
        self.retention = retention
        self._busy = busy
        self._queue: deque[Waiting] = deque()
        self._wake = threading.Event()  # there is something
        self._full = threading.Event()  # there is enough, or no time left
        self._overflowed = 0
        self._lost = 0  # by the thread
        self._lock = threading.Lock()
        self._capture_bytes = 0
        self._stop_at: float | None = None
        self._unsummed = 0  # rows, of those that this process wrote
        self._house_at = time.monotonic() + HOUSE
        self._tidy_at = 0.0  # at once: the process may have been away for long
        self._opened: LogFile | None = None
        self._complaints = _Complaints(file)
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)

    def __repr__(self) -> str:
        return f"<Writer {self.file} waiting={len(self._queue)} dropped={self.dropped}>"

    @property
    def dropped(self) -> int:
        return self._overflowed + self._lost

    def start(self) -> None:
        self._thread.start()

    def put(self, ended: Ended) -> None:
        """Leave it for the thread; drop it when there is no room."""
        queue = self._queue
        waiting = len(queue)
        if waiting >= MAX_WAITING:
            self._overflowed += 1
            return
        queue.append(ended)
        if not waiting:
            self._wake.set()
        elif waiting == BATCH:
            self._full.set()

    def put_capture(self, captured: Captured) -> None:
        with self._lock:
            fits = self._capture_bytes + captured.size <= MAX_WAITING_CAPTURES
            if not fits or len(self._queue) >= MAX_WAITING:
                self._overflowed += 1
                return
            self._capture_bytes += captured.size
        self._queue.append(captured)
        self._wake.set()

    def flush(self) -> threading.Event:
        """Set once all that was put so far is written or given up."""
        done = threading.Event()
        self._queue.append(Flush(done))
        self._full.set()
        self._wake.set()
        return done

    def finish(self, limit: float) -> bool:
        """Write what waits, at most for so many seconds, and end; whether that worked.
        Blocks."""
        self._stop_at = time.monotonic() + limit
        self._full.set()
        self._wake.set()
        self._thread.join(limit + 1.0)
        return not self._thread.is_alive() and not self._queue

    # --- the thread ----------------------------------------------------------

    def _run(self) -> None:
        try:
            self._open()  # at once: whoever asks finds an empty log, and steps are taken
            while True:
                if not self._queue and not self._wait():
                    break
                if self._overdue:
                    break
                self._full.wait(0 if self._stop_at is not None else DELAY)
                self._full.clear()
                self._one_batch()
                if self._unsummed >= HOUSE_ROWS or time.monotonic() >= self._house_at:
                    self._keep_house()
        except Exception:  # noqa: BLE001 - a bug of ours; requests go on without their log
            _LOG.exception("the request log ended")
        finally:
            self._give_up()
            self._close()

    @property
    def _overdue(self) -> bool:
        return self._stop_at is not None and time.monotonic() >= self._stop_at

    def _wait(self) -> bool:
        """Until there is something to do; ``False``: all is done."""
        while not self._queue:
            if self._stop_at is not None:
                return False
            due = self._house_at if self._unsummed else self._tidy_at
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            if not self._queue and self._stop_at is None and time.monotonic() >= due:
                self._keep_house()
        return True

    def _one_batch(self) -> None:
        batch = Batch()
        flushes = []
        while len(batch) < BATCH and self._queue:
            each = self._queue.popleft()
            if isinstance(each, Flush):
                flushes.append(each)
            else:
                self._add(each, batch)
        if len(batch):
            self._write(batch)
        for flush in flushes:
            flush.done.set()
        if len(self._queue) >= BATCH:
            self._full.set()

    def _add(self, each: Ended | Captured, batch: Batch) -> None:
        try:
            if isinstance(each, Captured):
                with self._lock:
                    self._capture_bytes -= each.size
                batch.add_capture(each)
            else:
                batch.add(each)
        except Exception as exc:  # noqa: BLE001 - one that cannot be written must not stop the others
            self._lost += 1
            self._complaints.tell(f"an entry cannot be made: {exc!r}", self.dropped)

    def _write(self, batch: Batch) -> None:
        """Until it is written, given up for good, or the time to stop has come."""
        while True:
            problem = self._try(lambda file: file.write(batch))
            if problem is None:
                self._unsummed += len(batch)
                self._complaints.works(self.dropped)
                return
            if problem.final or self._stop_at is not None:
                # At the end each batch gets one more try.
                self._lost += len(batch)
                self._complaints.tell(problem.words, self.dropped)
                return
            self._complaints.tell(problem.words, self.dropped)
            self._rest(problem.pause)

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._stop_at is None and (left := until - time.monotonic()) > 0:
            # Not by ``_full``, which a queue that overflows has set.
            time.sleep(min(left, 0.05))

    def _keep_house(self) -> None:
        """What is due, in small steps: all of it when nothing else waits."""
        self._unsummed = 0
        self._house_at = time.monotonic() + HOUSE
        tidy = time.monotonic() >= self._tidy_at
        if tidy:
            self._tidy_at = time.monotonic() + TIDY
        more = True

        def step(file: LogFile) -> None:
            nonlocal more
            wall = time.time()
            more = file.sum_up()
            more = file.forget(self.retention, wall) or more
            if tidy and not more:
                file.tidy(self.retention, wall)

        while more and self._stop_at is None:
            problem = self._try(step)
            if problem is not None:
                self._complaints.tell(problem.words, self.dropped)
                return
            if more and len(self._queue) >= BATCH:
                self._house_at = 0.0  # after the next batch
                return
            time.sleep(BREATH if more else 0.0)

    # --- the file ------------------------------------------------------------

    def _open(self) -> None:
        problem = self._try(lambda file: None)
        if problem is not None:
            self._complaints.tell(problem.words, self.dropped)

    def _try(self, act: Callable[[LogFile], None]) -> _Problem | None:
        """Do ``act`` with the file as it is in its place now."""
        which = identity(self.file)
        try:
            if self._opened is not None and not self._opened.database.in_place():
                self._close()  # it was removed, or set aside by another process
            if self._opened is None:
                self._opened = LogFile(self.file, busy=self._busy)
            act(self._opened)
        except Unusable as exc:
            self._close()
            return _Problem(str(exc), 60 * RETRY)
        except sqlite3.Error as exc:
            if is_damaged(exc):
                return self._set_aside(which, exc)
            # What comes of constraints and types is no state of the file.
            final = not isinstance(exc, sqlite3.OperationalError)
            self._close()
            return _Problem(str(exc), RETRY, final)
        except OSError as exc:
            self._close()
            return _Problem(exc.strerror or repr(exc), RETRY)
        except (OverflowError, UnicodeError) as exc:
            return _Problem(f"it cannot be written: {exc}", RETRY, final=True)
        return None

    def _set_aside(self, which: tuple[int, int] | None, exc: sqlite3.Error) -> _Problem | None:
        self._close()
        words = f"{self.file} is damaged ({exc})"
        try:
            to = set_aside(self.file, which, time.time())
        except OSError as cannot:
            return _Problem(f"{words}, and cannot be moved: {cannot.strerror}", RETRY)
        if to is not None:
            _LOG.error("%s; it is %s now, and a new one is begun", words, to.name)
        return _Problem("", 0.05)

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.database.close()

    def _give_up(self) -> None:
        """Nobody will write what waits."""
        while self._queue:
            each = self._queue.popleft()
            if isinstance(each, Flush):
                each.done.set()
            else:
                self._lost += 1
        if self._lost or self._overflowed:
            self._complaints.last(self.dropped)
