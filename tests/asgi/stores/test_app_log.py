"""What the app log keeps, wherever it keeps it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import anyio
import pytest

from aigw_asgi.stores.app_log import AppLog, AppRecord, Level, Said
from aigw_asgi.stores.app_log_memory import MemoryAppLog
from aigw_asgi.stores.request_log import LogUnavailable
from aigw_asgi.stores.sqlite import app_log_writer
from aigw_asgi.stores.sqlite.app_log import SqliteAppLog
from aigw_asgi.stores.sqlite.app_log_writer import APPLICATION, FILE, STEPS
from aigw_asgi.stores.sqlite.database import Database
from tests.running import ROOT

pytestmark = pytest.mark.anyio

Make = Callable[[int], AppLog]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "memory":
        return MemoryAppLog
    return lambda bound: SqliteAppLog(tmp_path, max_records=bound, busy=5.0)


@asynccontextmanager
async def opened(log: AppLog) -> AsyncIterator[AppLog]:
    log.start()
    try:
        yield log
    finally:
        assert await anyio.to_thread.run_sync(log.finish, 60.0)
        if isinstance(log, SqliteAppLog):
            await log.aclose()


def said(message: str, level: Level = Level.INFO, **more: object) -> Said:
    fields = {"timestamp": 1000, "logger": "aigw", "worker": 0, "pid": 1, **more}
    return Said(message=message, level=level, **fields)  # type: ignore[arg-type]  # by name


async def messages(log: AppLog) -> list[str]:
    return [each.message for each in reversed((await log.page(limit=1000)).records)]


# --- laws of all -------------------------------------------------------------


async def test_what_goes_in_comes_out(make: Make) -> None:
    whole = said(
        "one \\x0a line",
        Level.CRITICAL,
        timestamp=1_795_000_000_123,
        logger="aigw.part",
        request_id="id-1",
        worker=None,
        pid=77,
        traceback="Traceback:\nValueError: no",
    )
    async with opened(make(10)) as log:
        log.put(whole)
        assert await log.flush(60)
        [record] = (await log.page()).records
        assert await log.after(0) == [record]
    assert record == AppRecord(
        seq=1,
        timestamp=1_795_000_000_123,
        level=Level.CRITICAL,
        logger="aigw.part",
        message="one \\x0a line",
        request_id="id-1",
        worker=None,
        pid=77,
        traceback="Traceback:\nValueError: no",
    )


async def test_an_empty_log_says_that_it_is(make: Make) -> None:
    async with opened(make(10)) as log:
        assert await log.flush(60)
        page = await log.page()
        assert (page.records, page.newest, page.oldest, page.dropped) == ((), 0, 1, 0)
        assert await log.newest() == 0
        assert list(await log.after(0)) == []


async def test_the_newest_are_kept_and_numbered_without_a_gap(make: Make) -> None:
    async with opened(make(50)) as log:
        for number in range(1, 131):
            log.put(said(f"m{number}"))
        assert await log.flush(60)
        page = await log.page(limit=1000)
        assert (page.newest, page.oldest) == (130, 81)
        assert await log.newest() == 130
        assert [each.seq for each in page.records] == list(range(130, 80, -1))
        assert all(each.message == f"m{each.seq}" for each in page.records)
        assert [each.seq for each in await log.after(0, 10)] == list(range(81, 91))
        assert [each.seq for each in await log.after(125)] == list(range(126, 131))
        assert list(await log.after(130)) == []
        assert list(await log.after(1 << 40)) == []


WORDS = ["Öffnen", "straße", "needle", "NEEDLE in hay", "50% off_", "x" * 30]
LOGGERS = ["aigw", "aigw.access", "uvicorn.error", "aig%", "AIGW"]


def some(dice: Random) -> Said:
    trace = None if dice.random() < 0.7 else f"Traceback\n{dice.choice(WORDS)}"
    return said(
        dice.choice(WORDS),
        dice.choice(list(Level)),
        logger=dice.choice(LOGGERS),
        request_id=dice.choice([None, "id-1", "id-2"]),
        traceback=trace,
    )


def meant(each: Said, asked: dict[str, object]) -> bool:
    """What is asked for, said in another way."""
    order = ["debug", "info", "warning", "error", "critical"]
    level, text = asked.get("level"), str(asked.get("text", "")).casefold()
    everything = f"{each.message}\x00{each.traceback or ''}".casefold()
    return (
        (not isinstance(level, Level) or each.level.value in order[order.index(level.value) :])
        and each.logger[: len(str(asked.get("logger", "")))] == asked.get("logger", "")
        and asked.get("request_id") in (None, each.request_id)
        and text in everything
    )


ASKED: dict[str, list[object]] = {
    "level": list(Level),
    "logger": ["aigw", "aigw.", "aig%", "uvicorn.error.x", ""],
    "text": ["needle", "ÖFF", "STRASSE", "%", "_", "off_", "traceback", "nowhere", ""],
    "request_id": ["id-1", "id-3"],
}


@pytest.mark.parametrize("seed", range(6))
async def test_a_page_has_what_is_meant_in_order_and_once(make: Make, seed: int) -> None:
    """Downwards, upwards and between two cursors, by pages of any length."""
    dice = Random(seed)
    given = [some(dice) for _ in range(60)]
    async with opened(make(40)) as log:
        for each in given:
            log.put(each)
        assert await log.flush(60)
        kept = list(enumerate(given, 1))[-40:]
        for _ in range(25):
            names = dice.sample(sorted(ASKED), dice.choice([0, 1, 1, 2, 3]))
            asked = {name: dice.choice(ASKED[name]) for name in names}
            expected = [seq for seq, each in kept if meant(each, asked)]
            limit = dice.randrange(1, 15)
            down: list[int] = []
            before = None
            while found := (
                await log.page(**asked, before=before, limit=limit)  # type: ignore[arg-type]  # by name
            ).records:
                down += [each.seq for each in found]
                before = down[-1]
            assert down == expected[::-1]
            up: list[int] = []
            after = dice.randrange(0, 40)
            while found := (
                await log.page(**asked, after=up[-1] if up else after, limit=limit)  # type: ignore[arg-type]  # by name
            ).records:
                up += [each.seq for each in reversed(found)]
            assert up == [seq for seq in expected if seq > after]
            low, high = sorted(dice.sample(range(65), 2))
            between = await log.page(**asked, after=low, before=high)  # type: ignore[arg-type]  # by name
            assert [each.seq for each in between.records] == [
                seq for seq in reversed(expected) if low < seq < high
            ]


async def test_pages_stay_while_others_are_added(make: Make) -> None:
    async with opened(make(1000)) as log:
        for number in range(30):
            log.put(said(f"first {number}"))
        assert await log.flush(60)
        found: list[str] = []
        before = None
        while records := (await log.page(before=before, limit=4)).records:
            found += [each.message for each in records]
            before = records[-1].seq
            log.put(said("later"))
            assert await log.flush(60)
        assert found == [f"first {number}" for number in reversed(range(30))]


async def test_who_follows_sees_each_once(make: Make) -> None:
    async with opened(make(10_000)) as log:
        assert await log.flush(60)
        seen: list[str] = []
        at = 0

        def write() -> None:
            for number in range(2000):
                log.put(said(str(number)))
                if number % 500 == 499:
                    time.sleep(0)  # to others

        writing = threading.Thread(target=write)
        writing.start()
        with anyio.fail_after(60):
            while len(seen) + log.dropped < 2000:
                for each in await log.after(at, 300):
                    assert each.seq == at + 1
                    at = each.seq
                    seen.append(each.message)
        writing.join()
        assert seen == sorted(set(seen), key=int)
        assert await log.newest() == at


# --- of the file -------------------------------------------------------------


@pytest.fixture
def in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_log_writer, "RETRY", 0.05)
    monkeypatch.setattr(app_log_writer, "DELAY", 0.01)


async def test_a_file_outlives_its_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        async with opened(SqliteAppLog(tmp_path)) as log:
            log.put(said(name))
    async with opened(SqliteAppLog(tmp_path)) as log:
        assert await messages(log) == ["one", "two"]
        assert await log.newest() == 2


async def test_without_a_thread_each_record_is_there_at_once(tmp_path: Path) -> None:
    threads = threading.active_count()
    log = SqliteAppLog(tmp_path)
    log.put(said("one"))
    assert threading.active_count() == threads
    held = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing
            held.append(os.readlink(f"/proc/self/fd/{number}"))
    assert not [each for each in held if each.startswith(str(tmp_path))]
    reader = sqlite3.connect(tmp_path / FILE)
    assert reader.execute("SELECT seq, message FROM records").fetchall() == [(1, "one")]
    reader.close()
    assert log.finish(1.0)


def process(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.asgi.stores.app_log_process", str(folder), name, str(count)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def begin(running: subprocess.Popen[str]) -> None:
    assert running.stdin is not None
    running.stdin.write("go\n")
    running.stdin.flush()


async def test_processes_write_to_one_file(tmp_path: Path) -> None:
    count = 1500
    running = [process(tmp_path, name, count) for name in "abc"]
    for each in running:
        begin(each)
    ends = [await anyio.to_thread.run_sync(each.communicate) for each in running]
    assert [out.split()[-1] for out, _ in ends] == ["dropped=0"] * 3
    async with opened(SqliteAppLog(tmp_path)) as log:
        records: list[AppRecord] = []
        while more := await log.after(len(records)):
            records += more
    assert [each.seq for each in records] == list(range(1, 3 * count + 1))
    for name in "abc":
        of_one = [each.message for each in records if each.message.startswith(name)]
        assert of_one == [f"{name}-{number}" for number in range(count)]


async def test_a_process_that_is_killed_leaves_a_sound_file(tmp_path: Path) -> None:
    running = process(tmp_path, "a", 10_000_000)
    begin(running)
    assert running.stdout is not None
    said_to_be_kept = [int(running.stdout.readline()) for _ in range(20)][-1]
    running.kill()
    running.communicate()
    async with opened(SqliteAppLog(tmp_path)) as log:
        newest = await log.newest()
        assert newest >= said_to_be_kept
        [last] = (await log.page(limit=1)).records
        assert (last.seq, last.message) == (newest, f"a-{newest - 1}")
        log.put(said("after"))
        assert await log.flush(60)
        assert await log.newest() == newest + 1
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.usefixtures("in_short")
async def test_what_cannot_be_written_waits_and_then_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app_log_writer, "MAX_WAITING", 5)
    log = SqliteAppLog(tmp_path, busy=0.05)
    log.start()
    log.put(said("before"))
    assert await log.flush(60)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(12):
        log.put(said(f"while {number}"))
    assert not await log.flush(0.3)
    assert log.dropped == 7
    # It can be read meanwhile, and knows what it has lost.
    page = await log.page()
    assert (page.newest, page.dropped) == (1, 7)
    other.execute("COMMIT")
    other.close()
    assert await log.flush(60)
    assert await messages(log) == ["before", *[f"while {number}" for number in range(5)]]
    log.put(said("after"))
    assert await log.flush(60)
    page = await log.page()
    assert (page.newest, page.dropped) == (7, 7)  # numbered without a gap, and told once
    assert log.finish(60)
    await log.aclose()
    assert caplog.text.count("does not take what the log says: database is locked") == 1
    again = SqliteAppLog(tmp_path)
    assert (await again.page()).dropped == 7  # by those before us
    await again.aclose()


@pytest.mark.usefixtures("in_short")
async def test_a_full_disk_makes_nobody_wait(tmp_path: Path) -> None:
    """Without a thread as well: what waits is written with what comes later."""
    file = tmp_path / "state"
    file.write_bytes(b"in the way")
    alone = SqliteAppLog(file)
    alone.put(said("one"))
    file.unlink()
    alone.put(said("two"))
    assert alone.finish(1.0)
    reader = SqliteAppLog(file)
    assert await messages(reader) == ["one", "two"]
    await reader.aclose()


@pytest.mark.usefixtures("in_short")
async def test_the_end_does_not_wait_for_ever(tmp_path: Path) -> None:
    first = SqliteAppLog(tmp_path)
    first.put(said("one"))
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    log = SqliteAppLog(tmp_path, busy=0.05)
    log.start()
    log.put(said("lost"))
    began = time.monotonic()
    assert not log.finish(1.0)
    assert time.monotonic() - began < 10
    assert log.dropped == 1
    other.close()


@pytest.mark.usefixtures("in_short")
async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nothing like a database" * 500)
    async with opened(SqliteAppLog(tmp_path)) as log:
        log.put(said("new"))
        assert await log.flush(60)
        assert await messages(log) == ["new"]
    [aside] = tmp_path.glob("*.corrupt-*")  # noqa: ASYNC240 - a test
    assert aside.read_bytes() == b"nothing like a database" * 500


async def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    newer = Database(
        tmp_path / FILE, application=APPLICATION, steps=(*STEPS, "CREATE TABLE x (y INTEGER)")
    )
    newer.close()
    before = (tmp_path / FILE).read_bytes()
    log = SqliteAppLog(tmp_path)
    log.start()
    log.put(said("no"))
    assert not log.finish(0.3)
    assert (tmp_path / FILE).read_bytes() == before


async def test_without_a_file_it_says_so(tmp_path: Path) -> None:
    log = SqliteAppLog(tmp_path)
    with pytest.raises(LogUnavailable, match="no app log yet"):
        await log.page()
    with pytest.raises(LogUnavailable):
        await log.newest()
