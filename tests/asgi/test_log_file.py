"""A file a day, kept for so many days."""

from __future__ import annotations

import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from aigw_asgi.log_file import NAME, DailyFile

DAY = 86_400
NOON = 20_000 * DAY + DAY // 2  # 2024-10-04
TODAY = "2024-10-04"


def age(file: Path, when: float) -> None:
    os.utime(file, (when, when))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("time.time", lambda: float(NOON))
    return tmp_path / "logs"


def test_files_and_folder_are_closed_to_strangers(folder: Path) -> None:
    before = os.umask(0)
    try:
        file = DailyFile(folder, 14)
    finally:
        os.umask(before)
    file.write(b"one\n", NOON)
    file.close()
    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o640
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_a_new_day_gets_a_new_file(folder: Path) -> None:
    file = DailyFile(folder, 14)
    file.write(b"one\n", NOON)
    age(folder / NAME, NOON)
    file.write(b"two\n", NOON + DAY)
    file.close()
    assert names(folder) == [NAME, f"{NAME}.{TODAY}"]
    assert (folder / f"{NAME}.{TODAY}").read_text() == "one\n"
    assert (folder / NAME).read_text() == "two\n"


def test_the_file_of_an_earlier_run_is_set_aside_at_start(folder: Path) -> None:
    folder.mkdir()
    (folder / NAME).write_text("old\n")
    age(folder / NAME, NOON - 3 * DAY)
    DailyFile(folder, 14).close()
    assert names(folder) == [NAME, f"{NAME}.2024-10-01"]


def test_today_is_continued(folder: Path) -> None:
    for line in (b"one\n", b"two\n"):
        file = DailyFile(folder, 14)
        file.write(line, NOON)
        file.close()
        age(folder / NAME, NOON)
    assert (folder / NAME).read_text() == "one\ntwo\n"


def test_days_beyond_the_limit_go_and_other_files_stay(folder: Path) -> None:
    folder.mkdir()
    for name in ("aigw.log.2024-09-20", "aigw.log.2024-09-19", "aigw.log.2024-09-19.1", "notes"):
        (folder / name).touch()
    DailyFile(folder, 14).close()
    assert names(folder) == [NAME, "aigw.log.2024-09-20", "notes"]


def test_a_day_whose_name_is_taken_loses_nothing(folder: Path) -> None:
    folder.mkdir()
    (folder / f"{NAME}.2024-10-03").write_text("first\n")
    (folder / NAME).write_text("second\n")
    age(folder / NAME, NOON - DAY)
    DailyFile(folder, 14).close()
    assert names(folder) == [NAME, f"{NAME}.2024-10-03", f"{NAME}.2024-10-03.1"]


def test_a_file_that_somebody_moved_is_made_anew(folder: Path) -> None:
    file = DailyFile(folder, 14)
    (folder / NAME).rename(folder / "moved")
    file.write(b"here\n", NOON)
    file.close()
    assert (folder / NAME).read_text() == "here\n"


def test_links_and_pipes_are_not_written_to(folder: Path) -> None:
    folder.mkdir()
    (folder / "target").touch()
    (folder / NAME).symlink_to(folder / "target")
    with pytest.raises(OSError, match="symbolic"):
        DailyFile(folder, 14)
    (folder / NAME).unlink()
    os.mkfifo(folder / NAME)
    with pytest.raises(OSError, match="No such device"):
        DailyFile(folder, 14)


def _write_over_midnight(folder: Path, mark: str) -> None:
    file = DailyFile(folder, 14)
    for at in range(200):
        file.write(f"{mark}{at}\n".encode(), time.time())
    file.close()


def test_processes_that_share_a_folder_lose_no_line(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / NAME).write_text("yesterday\n")
    age(folder / NAME, time.time() - DAY)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_write_over_midnight, args=(folder, mark)) for mark in "abc"
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    today, yesterday = names(folder)
    assert (folder / yesterday).read_text() == "yesterday\n"
    assert today == NAME
    expected = sorted(f"{mark}{at}" for mark in "abc" for at in range(200))
    assert sorted((folder / NAME).read_text().split()) == expected


def test_lines_of_the_moment_before_midnight_do_not_keep_a_day_open(folder: Path) -> None:
    """They come late, and so make yesterday's file look like one of today."""
    ours, others = DailyFile(folder, 14), DailyFile(folder, 14)
    ours.write(b"one\n", NOON)
    midnight = NOON + DAY / 2
    others.write(b"late\n", midnight - 0.001)
    age(folder / NAME, midnight + 0.01)
    for file in (ours, others):
        file.write(b"today\n", midnight + 0.02)
        file.close()
    assert names(folder) == [NAME, f"{NAME}.{TODAY}"]
    assert (folder / f"{NAME}.{TODAY}").read_text() == "one\nlate\n"
    assert (folder / NAME).read_text() == "today\ntoday\n"


def test_a_day_without_lines_leaves_no_file(folder: Path) -> None:
    file = DailyFile(folder, 14)
    age(folder / NAME, NOON)
    file.write(b"today\n", NOON + DAY)
    file.close()
    assert names(folder) == [NAME]


def _go_over_midnight(file: DailyFile, mark: str, start: int) -> None:
    os.read(start, 1)  # all at the same moment
    for at in range(100):
        file.write(f"{mark}{at}\n".encode(), NOON + DAY)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test runner has threads
def test_forked_processes_set_a_day_aside_once(folder: Path) -> None:
    """They share what is open at the fork, locks included."""
    file = DailyFile(folder, 14)
    for turn in range(5):
        file.write(f"yesterday {turn}\n".encode(), NOON)
        age(folder / NAME, NOON)
        reader, writer = os.pipe()
        pids = []
        for mark in "abcd":
            pid = os.fork()
            if not pid:
                status = 1
                try:
                    os.close(writer)
                    _go_over_midnight(file, mark, reader)
                    status = 0
                finally:
                    os._exit(status)
            pids.append(pid)
        os.close(reader)
        os.close(writer)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
        assert names(folder) == [NAME, f"{NAME}.{TODAY}"]
        assert (folder / f"{NAME}.{TODAY}").read_text() == f"yesterday {turn}\n"
        lines = (folder / NAME).read_text().split()
        assert sorted(lines) == sorted(f"{mark}{at}" for mark in "abcd" for at in range(100))
        for name in names(folder):
            (folder / name).unlink()
    file.close()
