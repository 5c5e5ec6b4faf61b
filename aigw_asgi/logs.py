"""Where the log of the process goes: lines for people or JSON lines, to standard output
and to a file a day.

Whoever logs puts a record into a bounded queue and goes on; one thread makes the lines
and writes them. A disk that is full, or a reader of our output that has stopped, costs
lines, which are counted and told when there is room again. It never costs a request.

Each record is one line (in the form for people a traceback follows, each line of it
marked), with control characters escaped and secrets hidden, and no longer than
``MAX_LINE``.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import re
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from logging.handlers import QueueHandler, QueueListener
from types import TracebackType
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from aigw_asgi.access_log import AccessLine
from aigw_asgi.log_file import DailyFile, write_all
from aigw_asgi.redaction import Redactor

try:
    import fcntl
except ImportError:  # Windows, where nothing forks
    fcntl = None  # type: ignore[assignment]  # used only after a fork

QUEUE_SIZE = 10_000
"""Records that wait for the writer; at 1 KiB each that is 10 MiB at worst."""

MAX_LINE = 8 << 10
"""Characters of a line, before its traceback."""

MAX_TRACEBACK = 16 << 10
"""Characters of a traceback; its end says most."""

GATHER = 0.02
"""Seconds that the writer sleeps when it has written all, so that the next lines are many."""

STOP_LIMIT = 2.0
"""Seconds that the last lines get to be written in."""

REDACTOR = Redactor()
"""What all lines of this process go through; tell it the secrets of each snapshot."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODER = msgspec.json.Encoder()
_FORMATTER = logging.Formatter()

# Libraries whose word on each connection would drown ours, and show headers.
_CHATTY = ("asyncio", "httpcore2", "hpack", "uvicorn", "websockets")


class LogSettings(Struct, frozen=True, kw_only=True):
    format: str = "text"
    """``text`` or ``json``."""
    level: str = "info"
    folder: str | None = None
    """Of the daily files; ``None``: none."""
    retention_days: int = 14


class Sink(Protocol):
    """Takes whole lines."""

    def write(self, data: bytes, now: float) -> None:
        """Raises ``OSError`` when they could not all be written."""

    def close(self) -> None: ...


class Keeper(Protocol):
    """Takes the records themselves, beside the lines."""

    def begin(self, worker: int | None) -> None:
        """Of which process they are: see :class:`~aigw_asgi.stores.app_log.Said`. But for
        the one that forks, it may have threads from here on."""

    def take(self, record: logging.LogRecord, redactor: Redactor) -> None:
        """In the thread that writes. Never raises, never waits."""

    def finish(self) -> None:
        """Nothing follows. Blocks, within a bound."""


class Output:
    """An open file descriptor as a sink, past Python's buffers: a writer that is stuck in
    one of those would keep the interpreter from ending."""

    def __init__(self, number: int, *, shared: bool = False) -> None:
        """``shared``: processes that are forked from here on write to it as well."""
        self._number = number
        self._turns = _turns() if shared else None
        self.may_wait = True
        """For a reader that has stopped; otherwise it gets no lines."""

    def __repr__(self) -> str:
        return f"<Output {self._number}>"

    def write(self, data: bytes, now: float) -> None:
        if not self.may_wait and not _has_room(self._number):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if self._turns is None:
            write_all(self._number, data)
            return
        # A pipe that is nearly full takes a line in pieces, and others' between them.
        fcntl.lockf(self._turns, fcntl.LOCK_EX | (0 if self.may_wait else fcntl.LOCK_NB))
        try:
            write_all(self._number, data)
        finally:
            fcntl.lockf(self._turns, fcntl.LOCK_UN)

    def close(self) -> None:
        """The descriptor is not ours to close."""
        if self._turns is not None:
            os.close(self._turns)
            self._turns = None


def _has_room(number: int) -> bool:
    """Whether a short write would not wait."""
    try:
        return bool(select.select((), (number,), (), 0)[1])
    except (OSError, ValueError):
        return True  # nothing that could be waited for, or on a system that cannot tell


def _turns() -> int:
    """A file of no name to lock, by each of the processes that have it open."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("turns")
    import tempfile  # brings much with it

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Log:
    """The log of this process, while it is entered.

    ::

        with Log(settings):
            REDACTOR.know(snapshot)
            logging.getLogger("aigw").info("here")

    ``output`` is the descriptor for lines beside the files; ``None``: files only.
    ``forks`` is for a process that must have no thread: its lines are written by whoever
    logs, without waiting, until ``own_thread`` is called in a child. The ``keeper`` is
    given all records, and is finished at the end.

    Raises:
        OSError: the folder for files cannot be used.
    """

    def __init__(
        self,
        settings: LogSettings,
        *,
        output: int | None = 1,
        forks: bool = False,
        keeper: Keeper | None = None,
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._output = None if output is None else Output(output, shared=forks)
        sinks: list[Sink] = [] if self._output is None else [self._output]
        if settings.folder is not None:
            sinks.append(DailyFile(settings.folder, settings.retention_days))
        as_line = json_line if settings.format == "json" else text_line
        self._writers = [_Writer(sink, as_line) for sink in sinks]
        # The keeper first: a sink may be stuck.
        self._handlers: list[logging.Handler] = [] if keeper is None else [_Keeping(keeper)]
        self._handlers += self._writers
        self._entry = _Entry(queue.Queue(QUEUE_SIZE))
        self._listener = _Listener(self._entry, self._handlers)
        self._forks = forks

    def __repr__(self) -> str:
        return f"<Log {self._settings.format} dropped={self.dropped} unwritten={self.unwritten}>"

    @property
    def dropped(self) -> int:
        """Lines that found the queue full."""
        return self._entry.dropped

    @property
    def unwritten(self) -> int:
        """Lines that a sink did not take."""
        return sum(writer.unwritten for writer in self._writers)

    def __enter__(self) -> Log:
        root = logging.getLogger()
        level = self._settings.level.upper()
        self._level_before, self._handlers_before = root.level, root.handlers[:]
        root.setLevel(level)
        self._quieted = [(name, logging.getLogger(name).level) for name in _CHATTY]
        for name, _ in self._quieted:
            logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
        if self._forks:
            self._wait(allowed=False)
            self._begin(None)
            root.handlers[:] = [_Direct(self._handlers)]
        else:
            self.own_thread()
        return self

    def own_thread(self, worker: int = 0) -> None:
        """From here on a thread writes; this is the process of that number."""
        self._wait(allowed=True)
        self._begin(worker)
        logging.getLogger().handlers[:] = [self._entry]
        self._listener.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """The end, also for a forked child, which leaves no ``with``."""
        root = logging.getLogger()
        root.handlers[:] = self._handlers_before
        root.setLevel(self._level_before)
        for name, before in self._quieted:
            logging.getLogger(name).setLevel(before)
        if self._listener.finish():
            for writer in self._writers:
                writer.close()
        if self._keeper is not None:
            self._keeper.finish()

    def _begin(self, worker: int | None) -> None:
        if self._keeper is not None:
            self._keeper.begin(worker)

    def _wait(self, *, allowed: bool) -> None:
        if self._output is not None:
            self._output.may_wait = allowed


class _Entry(QueueHandler):
    """The one handler: into the queue, or counted."""

    def __init__(self, waiting: queue.Queue[Any]) -> None:
        super().__init__(waiting)
        self._waiting = waiting
        self.dropped = 0
        self._told = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        # What the arguments say now, not when the writer gets to them. An access line
        # does not change, so it becomes a text where that holds nobody up.
        if not isinstance(record.msg, AccessLine):
            try:
                record.msg = record.getMessage()
            except Exception as exc:  # noqa: BLE001 - a wrong call of the log is no reason to fail
                record.msg = f"{record.msg!r} cannot be formatted: {exc!r}"
            record.args = None
        if record.exc_info:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
            record.exc_info = None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def is_empty(self) -> bool:
        return self._waiting.empty()

    def news(self) -> int:
        """How many were dropped since this was asked last."""
        dropped, self._told = self.dropped - self._told, self.dropped
        return dropped


class _Direct(_Entry):
    """To the writers, here and now."""

    def __init__(self, handlers: Sequence[logging.Handler]) -> None:
        super().__init__(queue.Queue(1))
        self._handlers = handlers

    def enqueue(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            handler.handle(record)


class _Listener(QueueListener):
    """The thread that writes."""

    _thread: threading.Thread | None  # the base's own

    def __init__(self, entry: _Entry, handlers: Sequence[logging.Handler]) -> None:
        super().__init__(entry.queue, *handlers)
        self._entry = entry

    def dequeue(self, block: bool) -> logging.LogRecord:
        # Woken for each line, the thread would wrest the interpreter from who serves.
        if self._entry.is_empty():
            time.sleep(GATHER)
        return super().dequeue(block)

    def handle(self, record: logging.LogRecord) -> None:
        super().handle(record)
        self._tell()

    def finish(self) -> bool:
        """Write what waits; whether all of it got written in time."""
        deadline = time.monotonic() + STOP_LIMIT
        thread, self._thread = self._thread, None
        if thread is not None:
            with contextlib.suppress(queue.Full):
                # ``stop`` of the base waits without a limit, and fails on a full queue.
                self.queue.put(None, timeout=STOP_LIMIT)  # type: ignore[attr-defined]
                thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                return False  # stuck in a write: it is a daemon thread, and ends with us
            self._tell()
        return True

    def _tell(self) -> None:
        if dropped := self._entry.news():
            super().handle(_notice(f"{dropped} lines were dropped: too many came at once"))


class _Keeping(logging.Handler):
    """Records to the keeper."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self._keeper = keeper

    def handle(self, record: logging.LogRecord) -> bool:
        self._keeper.take(record, REDACTOR)
        return True


class _Writer(logging.Handler):
    """Records to one sink."""

    def __init__(self, sink: Sink, as_line: Callable[[logging.LogRecord, Redactor], bytes]) -> None:
        super().__init__()
        self._sink = sink
        self._as_line = as_line
        self.unwritten = 0
        self._untold = 0

    def handle(self, record: logging.LogRecord) -> bool:
        try:
            data = self._as_line(record, REDACTOR)
        except Exception as exc:  # noqa: BLE001 - the thread must go on; the line says what went wrong
            data = text_line(_notice(f"a line of the log could not be made: {exc!r}"), REDACTOR)
        if self._untold:
            notice = _notice(f"{self._untold} lines could not be written here")
            data = self._as_line(notice, REDACTOR) + data
        try:
            self._sink.write(data, record.created)
        except OSError as exc:
            if not self._untold:
                _complain(f"aigw: {self._sink!r} takes no lines: {exc.strerror}\n")
            self.unwritten += 1
            self._untold += 1
        else:
            self._untold = 0
        return True

    def close(self) -> None:
        self._sink.close()
        super().close()


def text_line(record: logging.LogRecord, redactor: Redactor) -> bytes:
    """A line for people, and the traceback after it."""
    message = one_line(redactor.hide(str(record.msg)))
    name = "" if record.name in ("aigw", "root") else f" {record.name}:"
    lines = [f"{_when(record)} {record.levelname:<7}{name} {message}"[:MAX_LINE]]
    if record.exc_text:
        trace = redactor.hide(record.exc_text)[-MAX_TRACEBACK:]
        lines += [f"    | {one_line(line)}" for line in trace.split("\n")]
    return "\n".join([*lines, ""]).encode()


def json_line(record: logging.LogRecord, redactor: Redactor) -> bytes:
    """A JSON object."""
    line: dict[str, Any] = {"ts": _when(record), "level": record.levelname.lower()}
    if isinstance(record.msg, AccessLine):
        line["msg"] = "request"
        line["logger"] = record.name
        line.update(_safe(record.msg.fields, redactor))
    else:
        line["msg"] = _clean(redactor.hide(str(record.msg)))[:MAX_LINE]
        line["logger"] = record.name
    if record.exc_text:
        line["exception"] = _clean(redactor.hide(record.exc_text))[-MAX_TRACEBACK:]
    return _ENCODER.encode(line) + b"\n"


def _safe(fields: Mapping[str, Any], redactor: Redactor) -> Mapping[str, Any]:
    # Nearly always there is nothing to hide, which one look at all texts together tells.
    texts = "\n".join([value for value in fields.values() if type(value) is str])
    if texts.isascii() and redactor.hide(texts) == texts:
        return fields
    return {name: _scalar(value, redactor) for name, value in fields.items()}


def _scalar(value: object, redactor: Redactor) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    return _clean(redactor.hide(str(value)))[:MAX_LINE]


def _when(record: logging.LogRecord) -> str:
    seconds, millis = divmod(int(record.created * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03d}Z"


def one_line(text: str) -> str:
    """``text`` with its control characters escaped."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _clean(text: str) -> str:
    """Without what JSON cannot bear, and what readers take for the end of a line."""
    return _NOT_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _notice(message: str) -> logging.LogRecord:
    return logging.LogRecord("aigw", logging.WARNING, "", 0, message, None, None)


def _complain(message: str) -> None:
    """Say on standard error that a sink fails; who starts the process may look there."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        number = sys.__stderr__.fileno()  # type: ignore[union-attr]
        if _has_room(number):
            os.write(number, message.encode())
