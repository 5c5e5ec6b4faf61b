"""What may happen to the file of the request log, and what that costs."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from aigw_asgi.stores.request_log import LogUnavailable, Query
from aigw_asgi.stores.sqlite import log_writer
from aigw_asgi.stores.sqlite.database import Database
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.log_schema import APPLICATION, FILE, STEPS
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from tests.asgi.stores.records import record
from tests.running import ROOT

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "RETRY", 0.05)
    monkeypatch.setattr(log_writer, "DELAY", 0.01)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteRequestLog]:
    log = SqliteRequestLog(folder, Retention(), busy=0.05)
    try:
        yield log
    finally:
        await log.aclose()


async def kept(log: SqliteRequestLog) -> list[str]:
    assert await log.flush(60)
    return [each.request_id async for block in log.export(Query()) for each in block][::-1]


def process(what: str, folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    """Ready to begin with its first line of input."""
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.asgi.stores.log_process",
            what,
            str(folder),
            name,
            str(count),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def names(name: str, count: int) -> list[str]:
    return [f"{name}-{number:06}" for number in range(count)]


# --- processes ---------------------------------------------------------------


async def test_two_processes_write_to_one_file(tmp_path: Path) -> None:
    running = [process("append", tmp_path, name, 5000) for name in ("a", "b")]
    said = await anyio.to_thread.run_sync(both, running)
    assert [each.split()[-1] for each in said] == ["0", "0"]
    async with opened(tmp_path) as log:
        found = await kept(log)
        page = await log.page(Query(key="ci"), offset=0)
    assert sorted(found) == names("a", 5000) + names("b", 5000)
    assert [each for each in found if each[0] == "a"] == names("a", 5000)
    assert page.total == 10_000


def both(running: list[subprocess.Popen[str]]) -> list[str]:
    """Begin at once; what they said."""
    threads = [threading.Thread(target=begin, args=(each,)) for each in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each.communicate(timeout=100)[0] for each in running]


def begin(running: subprocess.Popen[str]) -> None:
    assert running.stdin is not None
    running.stdin.write("go\n")
    running.stdin.flush()


async def test_a_process_that_is_killed_leaves_a_sound_file(tmp_path: Path) -> None:
    running = process("append", tmp_path, "a", 1_000_000)
    begin(running)
    assert running.stdout is not None
    said = [int(running.stdout.readline()) for _ in range(20)][-1]
    running.kill()
    rest = running.communicate()[0]
    said = int(rest.split()[-1]) if rest.endswith("\n") and rest.split() else said
    async with opened(tmp_path) as log:
        found = await kept(log)
        assert found == names("a", len(found))
        assert said <= len(found)
        log.append(record("after"), PATH)
        assert (await kept(log))[-1] == "after"
        assert (await log.stats(Query(), 60)).whole.requests == len(found) + 1
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_a_full_disk_costs_nothing_that_there_is_room_to_wait_for(tmp_path: Path) -> None:
    running = process("fill", tmp_path, "a", 10_000)
    begin(running)
    said = (await anyio.to_thread.run_sync(running.communicate))[0]
    assert said.split() == ["0", "True", "0"]
    async with opened(tmp_path) as log:
        assert await kept(log) == names("a", 10_000)


# --- files -------------------------------------------------------------------


async def test_a_file_that_another_holds_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as log:
        log.append(record("before"), PATH)
        assert await kept(log) == ["before"]
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING, "aigw"):
            for number in range(5):
                log.append(record(f"while-{number}"), PATH)
                assert not await log.flush(0.2)
        # The log can be read meanwhile, and complains once.
        assert len((await log.page(Query())).entries) == 1
        assert [each.getMessage().split(": ", 1)[1] for each in caplog.records] == [
            "database is locked; dropped so far: 0"
        ]
        other.execute("COMMIT")
        other.close()
        assert await kept(log) == ["before", *[f"while-{number}" for number in range(5)]]
        assert log.dropped == 0


async def test_what_there_is_no_room_for_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "MAX_WAITING", 10)
    async with opened(tmp_path) as log:
        await kept(log)
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        log.append(record("taken"), PATH)
        assert not await log.flush(0.2)  # the thread has it; and there is the flush in the queue
        waiting = len(log._writer._queue)
        for number in range(20):
            log.append(record(f"id-{number}"), PATH)
        assert log.dropped == 10 + waiting
        other.close()
        assert await kept(log) == ["taken", *[f"id-{number}" for number in range(10 - waiting)]]


async def test_closing_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as log:
        await kept(log)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    log = SqliteRequestLog(tmp_path, Retention(), busy=0.05)
    for number in range(5):
        log.append(record(f"id-{number}"), PATH)
    began = time.monotonic()
    await log.aclose()
    assert time.monotonic() - began < 10
    assert log.dropped == 5
    assert "dropped so far: 5" in caplog.text or "5 requests were not written" in caplog.text
    other.close()


async def test_a_file_that_is_removed_is_made_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        log.append(record("lost"), PATH)
        assert await kept(log) == ["lost"]
        for file in list(tmp_path.iterdir()):  # noqa: ASYNC240 - a test
            file.unlink()
        with pytest.raises(LogUnavailable, match="no request log yet"):
            await log.page(Query())
        log.append(record("new"), PATH)
        assert await kept(log) == ["new"]


async def test_a_damaged_file_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(b"nothing like a database" * 500)
    async with opened(tmp_path) as log:
        log.append(record("new"), PATH)
        assert await kept(log) == ["new"]
    [aside] = tmp_path.glob("*.corrupt-*")  # noqa: ASYNC240 - a test
    assert aside.read_bytes() == b"nothing like a database" * 500
    [said] = [each.getMessage() for each in caplog.records]
    assert "is damaged" in said
    assert aside.name in said


async def test_damage_that_is_found_later_is_set_aside(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for name in names("a", 2000):
            log.append(record(name), PATH)
        await kept(log)
    file = tmp_path / FILE
    data = bytearray(file.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)  # its header is as it was
    file.write_bytes(data)
    async with opened(tmp_path) as log:
        log.append(record("new"), PATH)
        assert await kept(log) == ["new"]
        assert log.dropped == 0


async def test_a_newer_file_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer = Database(
        tmp_path / FILE, application=APPLICATION, steps=(*STEPS, "CREATE TABLE x (y INTEGER)")
    )
    newer.close()
    before = (tmp_path / FILE).read_bytes()
    async with opened(tmp_path) as log:
        log.append(record("id-1"), PATH)
        assert not await log.flush(0.3)
    assert log.dropped == 1
    assert (tmp_path / FILE).read_bytes() == before
    assert "newer aigw" in caplog.text
    assert caplog.text.count("takes no requests") == 1


async def test_a_folder_that_cannot_be_used_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_bytes(b"in the way")
    async with opened(folder) as log:
        log.append(record("id-1"), PATH)
        assert not await log.flush(0.2)
        folder.unlink()
        assert await kept(log) == ["id-1"]
