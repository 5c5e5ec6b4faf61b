"""A file of SQLite that several processes share, and what may be wrong with it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from aigw_asgi.stores.sqlite.database import Database, Unusable, is_damaged, is_taken, open_reader

STEPS = (
    "CREATE TABLE t (n INTEGER) STRICT; CREATE INDEX i ON t (n);",
    "ALTER TABLE t ADD COLUMN m INTEGER; INSERT INTO t (n) VALUES (1);",
)
APPLICATION = 0x61696777


def opened(file: Path, steps: tuple[str, ...] = STEPS, busy: float = 5.0) -> Database:
    return Database(file, application=APPLICATION, steps=steps, busy=busy)


def rows(database: Database) -> list[tuple[object, ...]]:
    return database.connection.execute("SELECT n, m FROM t").fetchall()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "some" / "state" / "x.db"
    mask = os.umask(0)
    try:
        database = opened(file)
    finally:
        os.umask(mask)
    modes = {each.name: each.stat().st_mode & 0o777 for each in file.parent.iterdir()}
    assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
    assert file.parent.stat().st_mode & 0o777 == 0o700
    database.close()


def test_steps_are_taken_once_each(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    first = opened(file, STEPS[:1])
    first.connection.execute("INSERT INTO t VALUES (7)")
    first.close()
    for _ in range(2):
        database = opened(file)
        assert rows(database) == [(7, None), (1, None)]
        database.close()


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with pytest.raises(sqlite3.OperationalError):
        opened(file, ("CREATE TABLE t (n INTEGER); CREATE TABLE t (n INTEGER);",))
    database = opened(file)
    assert rows(database) == [(1, None)]
    database.close()


_START = """
import sys
from pathlib import Path
from tests.asgi.stores.test_database import opened, rows
sys.stdout.write("."); sys.stdout.flush()
sys.stdin.read(1)
database = opened(Path(sys.argv[1]))
print(rows(database))
"""


def test_processes_that_start_together_take_the_steps_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _START, str(tmp_path / "x.db")]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.read(1) == "."
    said = [process.communicate("go", timeout=60)[0] for process in running]
    assert said == ["[(1, None)]\n"] * 6


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    newer = opened(file, (*STEPS, "CREATE TABLE more (n INTEGER)"))
    with pytest.raises(Unusable, match=r"newer aigw \(version 3 of its tables, this one knows 2\)"):
        opened(file)
    assert newer.in_place()
    newer.close()


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    theirs = sqlite3.connect(file)
    theirs.execute("CREATE TABLE theirs (n INTEGER)")
    theirs.close()
    with pytest.raises(Unusable, match="another program"):
        opened(file)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / "x.db").symlink_to(tmp_path / "other")
    with pytest.raises(Unusable, match="is no file"):
        opened(tmp_path / "x.db")
    assert (tmp_path / "other").read_bytes() == b""


def test_a_damaged_file_is_set_aside_once(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    first, second = opened(file), opened(file)
    assert first.set_aside(0.0) == tmp_path / "x.db.corrupt-19700101T000000Z"
    assert not second.in_place()
    fresh = opened(file)
    assert second.set_aside(0.0) is None
    assert fresh.in_place()
    assert rows(fresh) == [(1, None)]
    fresh.close()


def test_what_is_no_database_is_told_from_what_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"nothing like a database" * 1000)
    with pytest.raises(sqlite3.DatabaseError) as no_database:
        opened(file)
    assert is_damaged(no_database.value)
    file.unlink()
    one, other = opened(file), opened(file, busy=0.0)
    with one.transaction(), pytest.raises(sqlite3.OperationalError) as taken, other.transaction():
        pass
    assert is_taken(taken.value)
    assert not is_damaged(taken.value)
    one.close()
    other.close()


def test_a_file_that_was_removed_leaves_no_log_to_its_successor(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    old = opened(file)
    old.connection.execute("INSERT INTO t (n) VALUES (99)")
    file.unlink()
    assert not old.in_place()
    new = opened(file)
    assert rows(new) == [(1, None)]
    new.close()
    old.close()
    again = opened(file)
    assert rows(again) == [(1, None)]
    again.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path / "x.db")

    def fail_midway() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO t (n) VALUES (5)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_midway()
    assert rows(database) == [(1, None)]
    database.close()


def test_readers_read_only(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with pytest.raises(FileNotFoundError):
        open_reader(file)
    assert not file.exists()
    database = opened(file)
    reader = open_reader(file)
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM t")
    assert reader.execute("SELECT n FROM t").fetchall() == [(1,)]
    reader.close()
    database.close()


def test_who_is_not_patient_does_not_wait_for_who_opens_files_beside_it(tmp_path: Path) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    try:
        with pytest.raises(BlockingIOError, match="opening files beside it"):
            Database(tmp_path / "x.db", application=1, steps=(), busy=0.05, patient=False)
    finally:
        os.close(number)
    Database(tmp_path / "x.db", application=1, steps=(), busy=0.05, patient=False).close()
