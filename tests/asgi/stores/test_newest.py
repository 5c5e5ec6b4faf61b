"""The newest number is asked for when the file has changed, and only then."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigw_asgi.stores.sqlite.newest import Newest

pytestmark = pytest.mark.anyio


class Numbers:
    """A file as the logs have them, and what a reader of it sees."""

    def __init__(self, file: Path) -> None:
        self.writer = sqlite3.connect(file, isolation_level=None)
        self.writer.execute("PRAGMA journal_mode = WAL")
        self.writer.execute("CREATE TABLE numbers (number INTEGER)")
        self.writer.execute("INSERT INTO numbers VALUES (0)")
        self.reader = sqlite3.connect(file, isolation_level=None)
        self.newest = Newest(file, self._ask)

    async def _ask(self) -> int:
        return int(self.reader.execute("SELECT number FROM numbers").fetchone()[0])

    def put(self, number: int) -> None:
        self.writer.execute("UPDATE numbers SET number = ?", (number,))

    def close(self) -> None:
        self.writer.close()
        self.reader.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


@pytest.fixture
def numbers(file: Path) -> Iterator[Numbers]:
    made = Numbers(file)
    yield made
    made.close()


def age(file: Path, seconds: float) -> None:
    """As if the last change had been so long ago."""
    for each in (file, Path(f"{file}-wal")):
        times = each.stat()
        back = int(seconds * 1e9)
        os.utime(each, ns=(times.st_atime_ns - back, times.st_mtime_ns - back))


async def test_a_file_that_stands_still_is_not_asked(file: Path, numbers: Numbers) -> None:
    numbers.put(5)
    age(file, 10)
    for _ in range(5):
        assert await numbers.newest.get() == 5
    assert numbers.newest.asked == 1
    numbers.put(6)
    assert await numbers.newest.get() == 6
    assert numbers.newest.asked == 2


async def test_two_commits_of_one_tick_of_the_clock_are_told_apart(
    file: Path, numbers: Numbers
) -> None:
    numbers.put(1)
    numbers.writer.execute("PRAGMA wal_checkpoint(RESTART)")  # the log keeps its size from here
    numbers.put(2)
    before = [(each, each.stat()) for each in (file, Path(f"{file}-wal"))]
    assert await numbers.newest.get() == 2
    numbers.writer.execute("PRAGMA wal_checkpoint(RESTART)")
    numbers.put(3)
    for each, stat in before:
        assert each.stat().st_size == stat.st_size
        os.utime(each, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert await numbers.newest.get() == 3


async def test_a_file_that_is_not_there_yet_is_asked(tmp_path: Path) -> None:
    async def ask() -> int:
        return 7

    newest = Newest(tmp_path / "none.db", ask)
    assert (await newest.get(), await newest.get(), newest.asked) == (7, 7, 2)


async def test_what_goes_wrong_is_asked_again(file: Path, numbers: Numbers) -> None:
    age(file, 10)
    numbers.reader.close()
    with pytest.raises(sqlite3.ProgrammingError):
        await numbers.newest.get()
    with pytest.raises(sqlite3.ProgrammingError):
        await numbers.newest.get()
