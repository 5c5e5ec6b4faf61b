"""What of the log is kept for its viewer: by the thread that writes, and without secrets."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from aigw_asgi import logs
from aigw_asgi.access_log import log_exchange, log_other
from aigw_asgi.log_keeper import AppLogKeeper
from aigw_asgi.logs import Log, LogSettings
from aigw_asgi.redaction import Redactor
from aigw_asgi.stores.app_log import MAX_MESSAGE, MAX_TRACEBACK, AppRecord, Level, Said
from aigw_asgi.stores.app_log_memory import MemoryAppLog
from aigw_asgi.stores.sqlite.app_log import SqliteAppLog
from aigw_core.config.secret import Secret
from aigw_core.errors import ErrorKind, Failure
from tests.asgi.test_access_log import RECORD

LOG = logging.getLogger("aigw")


@pytest.fixture(autouse=True)
def own_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "REDACTOR", Redactor())


def kept(do: Callable[[], object], level: str = "info") -> list[AppRecord]:
    log = MemoryAppLog()
    with Log(LogSettings(level=level), output=None, keeper=AppLogKeeper(log)):
        do()
    return list(anyio.run(log.after, 0, 1000))


def failing() -> None:
    try:
        raise ValueError("one\n2026-11-23T00:00:00.000Z INFO    forged")
    except ValueError:
        LOG.exception("request %s failed", "id-1", extra={"request_id": "id-1"})


def test_a_record_says_who_when_and_about_what() -> None:
    [plain] = kept(lambda: LOG.info("%s of %d", "one", 2))
    [failed] = kept(failing)
    assert (plain.level, plain.logger, plain.message) == (Level.INFO, "aigw", "one of 2")
    assert (plain.worker, plain.pid, plain.request_id) == (0, os.getpid(), None)
    assert plain.traceback is None
    assert 0 <= failed.timestamp - plain.timestamp < 60_000
    assert (failed.level, failed.request_id) == (Level.ERROR, "id-1")
    assert failed.traceback is not None
    assert failed.traceback.split("\n")[0] == "Traceback (most recent call last):"


def test_from_info_on_whatever_the_log_says_below_that() -> None:
    def say() -> None:
        for number in (5, 10, 20, 25, 30, 40, 50):
            LOG.log(number, "%d", number)

    assert [each.message for each in kept(say, "debug")] == ["20", "25", "30", "40", "50"]
    assert [each.message for each in kept(say, "error")] == ["40", "50"]


def test_requests_are_not_in_it_but_for_those_that_failed_inside_the_gateway() -> None:
    def say() -> None:
        log_exchange(RECORD, path="/v1/messages")
        slow = Failure(ErrorKind.OVERLOADED, "busy", 529)
        log_exchange(replace(RECORD, status=529, failure=slow), path="/v1/messages")
        bug = Failure(ErrorKind.INTERNAL, "the gateway failed")
        log_other("id-9", "POST", "/v1/messages", 500, 0.1, bug)

    [record] = kept(say)
    assert (record.logger, record.request_id) == ("aigw.access", "id-9")
    assert record.message.startswith("500 ")


CANARY = "canary-0123456789"


def test_secrets_are_not_in_it(tmp_path: Path) -> None:
    """Not in a single byte of the file."""
    logs.REDACTOR.know(Secret(CANARY))

    def say() -> None:
        LOG.info("key %s", CANARY)
        LOG.info("a %s", Secret(CANARY))
        LOG.info("%s", "x" * (MAX_MESSAGE - 8) + CANARY)  # cut in its middle
        logging.getLogger(f"aigw.{CANARY}").info("of that name", extra={"request_id": CANARY})
        try:
            raise ValueError(f"bad {CANARY}")
        except ValueError:
            LOG.exception("failed")
        bug = Failure(ErrorKind.INTERNAL, CANARY)
        log_other("id-9", "POST", f"/v1/{CANARY}", 500, 0.1, bug)

    log = SqliteAppLog(tmp_path)
    with Log(LogSettings(), output=None, keeper=AppLogKeeper(log)):
        say()
    data = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert data.count(b"***") >= 6
    assert CANARY.encode() not in data
    assert CANARY[:8].encode() not in data


@pytest.mark.parametrize(
    "odd", ["\r\n2026 ERROR forged", "\x1b[2J", "\x00", "\u2028", "\x85", "\ud800", "é" * 70_000]
)
def test_whatever_is_logged_is_one_bounded_line(odd: str) -> None:
    [record] = kept(
        lambda: logging.getLogger(odd).warning("got %s", odd, extra={"request_id": odd})
    )
    for text in (record.message, record.logger, record.request_id or ""):
        assert text.isprintable()
        assert len(text) <= MAX_MESSAGE
    json.dumps(record.message).encode()


def test_a_traceback_is_bounded_and_forges_nothing() -> None:
    def deep() -> None:
        try:
            raise ValueError("\x1b[2J" + "x" * 100_000 + "\rthe end")
        except ValueError:
            LOG.exception("failed")

    [record] = kept(deep)
    assert record.traceback is not None
    assert len(record.traceback) <= MAX_TRACEBACK
    assert record.traceback.endswith("x\\x0dthe end")
    assert "\x1b" not in record.traceback


class Watched(MemoryAppLog):
    """Knows which threads put records into it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def put(self, said: Said) -> None:
        self.threads.add(threading.get_ident())
        super().put(said)


def test_who_logs_does_no_more_than_before() -> None:
    """One record into one queue; all else is done by the thread that writes."""
    log = Watched()
    root = logging.getLogger()
    entries = []

    class Counted(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            entries.append(threading.get_ident())
            return True

    with Log(LogSettings(), output=None, keeper=AppLogKeeper(log)):
        [handler] = root.handlers
        handler.addFilter(Counted())
        for _ in range(100):
            LOG.info("here")
    assert entries == [threading.get_ident()] * 100
    assert anyio.run(log.newest) == 100
    assert threading.get_ident() not in log.threads


def test_a_sink_that_is_stuck_keeps_nothing_from_what_came_before() -> None:
    """The record is kept before its line is written."""
    reader, writer = os.pipe()
    log = MemoryAppLog()
    with Log(LogSettings(), output=writer, keeper=AppLogKeeper(log)):
        LOG.info("here")
        os.read(reader, 4096)
        assert anyio.run(log.newest) == 1
    os.close(reader)
    os.close(writer)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test runner has threads
def test_those_who_fork_and_those_who_are_forked_share_a_file(tmp_path: Path) -> None:
    log = SqliteAppLog(tmp_path)
    with Log(LogSettings(), output=None, forks=True, keeper=AppLogKeeper(log)) as opened:
        threads = threading.active_count()
        LOG.warning("before")
        assert threading.active_count() == threads
        pids = []
        for number in range(3):
            pid = os.fork()
            if not pid:
                try:
                    opened.own_thread(number)
                    LOG.info("from %d", number)
                    opened.close()
                finally:
                    os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        LOG.warning("after")
    found = list(anyio.run(log.after, 0, 1000))
    anyio.run(log.aclose)
    assert [each.seq for each in found] == [1, 2, 3, 4, 5]
    assert (found[0].message, found[0].worker) == ("before", None)
    assert (found[4].message, found[4].worker) == ("after", None)
    workers = {(each.message, each.worker, each.pid) for each in found[1:4]}
    assert workers == {(f"from {number}", number, pids[number]) for number in range(3)}
