"""What becomes of a record of the log: one of the app log.

The lines about requests do not go there, since the request log has them, but for those of
requests that failed inside the gateway. Whoever logs something about a request says so by
``extra={"request_id": ...}``.
"""

from __future__ import annotations

import logging
import os

from aigw_asgi.access_log import AccessLine
from aigw_asgi.logs import one_line
from aigw_asgi.redaction import Redactor
from aigw_asgi.stores.app_log import (
    MAX_MESSAGE,
    MAX_NAME,
    MAX_TRACEBACK,
    AppLog,
    Level,
    Said,
)
from aigw_core.errors import ErrorKind

FINISH_LIMIT = 1.0
"""Seconds that the last records get to be written in."""


class AppLogKeeper:
    """A :class:`~aigw_asgi.logs.Keeper` that fills ``log``, from a level on."""

    def __init__(self, log: AppLog, level: Level = Level.INFO) -> None:
        self.log = log
        self._floor = level.number
        self._worker: int | None = None

    def __repr__(self) -> str:
        return f"<AppLogKeeper of {self.log!r}>"

    def begin(self, worker: int | None) -> None:
        self._worker = worker
        if worker is not None:
            self.log.start()

    def take(self, record: logging.LogRecord, redactor: Redactor) -> None:
        if record.levelno < self._floor:
            return
        try:
            said = said_of(record, redactor, self._worker)
        except Exception as exc:  # noqa: BLE001 - the thread must go on; the record says what went wrong
            words = f"a record of the log cannot be kept: {exc!r}"
            odd = logging.LogRecord("aigw", logging.WARNING, "", 0, words, None, None)
            said = said_of(odd, redactor, self._worker)
        if said is not None:
            self.log.put(said)

    def finish(self) -> None:
        self.log.finish(FINISH_LIMIT)


def said_of(record: logging.LogRecord, redactor: Redactor, worker: int | None) -> Said | None:
    """What the app log gets of a record that has its message made and its traceback
    formatted (as those in the queue have); ``None``: it does not get it."""
    request_id = getattr(record, "request_id", None)
    if isinstance(record.msg, AccessLine):
        if record.msg.fields.get("error.type") != ErrorKind.INTERNAL.value:
            return None
        request_id = record.msg.fields["request_id"]

    def clean(text: object, longest: int) -> str:
        # Hidden before it is cut: half a secret is no match.
        return one_line(redactor.hide(str(text)))[:longest]

    trace = None
    if record.exc_text:
        lines = redactor.hide(record.exc_text)[-MAX_TRACEBACK:].split("\n")
        trace = "\n".join(map(one_line, lines))[-MAX_TRACEBACK:]
    return Said(
        timestamp=int(record.created * 1000),
        level=Level.of(record.levelno),
        logger=clean(record.name, MAX_NAME),
        message=clean(record.msg, MAX_MESSAGE),
        request_id=None if request_id is None else clean(request_id, MAX_NAME),
        worker=worker,
        pid=record.process or os.getpid(),
        traceback=trace,
    )
