"""The PID file: only the holder of its lock is meant by it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aigw_asgi import pid_file
from aigw_asgi.pid_file import Holder, PidFile, PidFileTaken, Process, State, look
from tests.running import ROOT

_HOLD = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
from aigw_asgi.pid_file import PidFile
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with PidFile(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, how: str = "polite") -> Iterator[subprocess.Popen[str]]:
    """A process that holds ``path`` until its input ends."""
    command = [sys.executable, "-c", _HOLD, str(path), how]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aigw.pid"


def test_it_names_its_process_and_goes_with_it(path: Path) -> None:
    with PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
        assert look(str(path)) == Holder(State.RUNNING, os.getpid())
    assert not path.exists()
    assert look(str(path)) == Holder(State.ABSENT)


def test_a_second_one_leaves_the_first_as_it_is(path: Path) -> None:
    with holder(path) as process:
        with pytest.raises(PidFileTaken, match=str(process.pid)) as caught, PidFile(str(path)):
            pass
        assert caught.value.pid == process.pid
        assert path.read_text() == f"{process.pid}\n"


def test_a_killed_process_leaves_a_stale_file_which_the_next_one_takes(path: Path) -> None:
    with holder(path) as process:
        process.kill()
        process.wait()
        assert look(str(path)) == Holder(State.STALE, process.pid)
        with pytest.raises(ProcessLookupError):
            Process(str(path))
    with PidFile(str(path)):
        assert look(str(path)).pid == os.getpid()


def test_a_number_that_another_process_has_by_now_means_nobody(path: Path) -> None:
    path.write_text(f"{os.getpid()}\n")  # it lives, and is not the one
    assert look(str(path)) == Holder(State.STALE, os.getpid())
    with pytest.raises(ProcessLookupError):
        Process(str(path))


@pytest.mark.parametrize("text", ["", "1\n", "0", "-1", "all"])
def test_a_locked_file_without_a_usable_number_means_nobody(
    path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pid_file, "_PATIENCE", 0.0)
    with PidFile(str(path)):
        path.write_text(text)
        assert look(str(path)) == Holder(State.RUNNING, None)
        with pytest.raises(ProcessLookupError):
            Process(str(path))


def test_signals_reach_the_holder_and_its_end_is_seen(path: Path) -> None:
    with holder(path) as running:
        process = Process(str(path))
        assert process.pid == running.pid
        assert not process.gone_within(0)
        process.send(signal.SIGTERM)
        assert process.gone_within(10)
        process.close()
        assert running.wait() == -signal.SIGTERM


def test_the_same_without_handles_of_processes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    with holder(path) as running:
        process = Process(str(path))
        assert not process.gone_within(0)
        process.send(signal.SIGTERM)
        assert process.gone_within(10)
        running.wait()
        with pytest.raises(ProcessLookupError):
            process.send(signal.SIGTERM)


def test_a_look_at_the_moment_of_a_start_does_not_spoil_it(path: Path) -> None:
    path.touch()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    found: list[Holder] = []

    def start() -> None:
        with PidFile(str(path)):
            found.append(look(str(path)))

    starting = threading.Thread(target=start)
    starting.start()
    os.close(looking)
    starting.join()
    assert found == [Holder(State.RUNNING, os.getpid())]


def test_a_file_that_took_its_place_is_not_removed(path: Path) -> None:
    with PidFile(str(path)):
        path.unlink()
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"


def test_links_are_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic"), PidFile(str(path)):
        pass
    assert target.read_text() == "precious"
