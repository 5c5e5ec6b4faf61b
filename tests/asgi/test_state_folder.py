"""The state folder, and the key in it."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from aigw_asgi.state_folder import KEY_FILE, SESSION_KEY_FILE, seal_key, session_key, state_folder


@pytest.mark.parametrize(
    ("env", "configured", "expected"),
    [
        ({"AIGW_STATE_DIR": "/a", "XDG_STATE_HOME": "/x"}, "/b", "/a"),
        ({"XDG_STATE_HOME": "/x"}, "/b", "/b"),
        ({"AIGW_STATE_DIR": "", "XDG_STATE_HOME": "/x"}, None, "/x/aigw"),
        ({"XDG_STATE_HOME": "relative"}, None, str(Path.home() / ".local/state/aigw")),
        ({}, None, str(Path.home() / ".local/state/aigw")),
    ],
)
def test_which_folder_it_is(env: dict[str, str], configured: str | None, expected: str) -> None:
    assert state_folder(env, configured) == Path(expected)


def test_the_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "state"
    mask = os.umask(0)
    try:
        key = seal_key(folder)
    finally:
        os.umask(mask)
    assert len(key) == 32
    assert seal_key(folder) == key == (folder / KEY_FILE).read_bytes()
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o077 == 0
    assert os.listdir(folder) == [KEY_FILE]


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        keys.append(seal_key(tmp_path))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert os.listdir(tmp_path) == [KEY_FILE]


def _damaged(file: Path) -> None:
    file.write_bytes(b"short")
    file.chmod(0o600)


def _open_to_all(file: Path) -> None:
    file.write_bytes(b"k" * 32)
    file.chmod(0o644)


def _link(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"k" * 32)
    other.chmod(0o600)
    file.symlink_to(other)


@pytest.mark.parametrize("spoil", [_damaged, _open_to_all, _link, Path.mkdir])
def test_a_file_that_is_no_key_is_left_alone(
    tmp_path: Path, spoil: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(spoil)
    file = tmp_path / KEY_FILE
    spoil(file)
    before = sorted(os.listdir(tmp_path))
    with caplog.at_level(logging.WARNING, "aigw"):
        first, second = seal_key(tmp_path), seal_key(tmp_path)
    assert len(first) == 32
    assert first != second
    assert b"k" * 32 not in (first, second)
    assert [str(file) in record.getMessage() for record in caplog.records] == [True, True]
    assert sorted(os.listdir(tmp_path)) == before


def test_each_purpose_has_a_key_of_its_own(tmp_path: Path) -> None:
    session = session_key(tmp_path)
    assert len(session) == 32
    assert session != seal_key(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([KEY_FILE, SESSION_KEY_FILE])
    assert (tmp_path / SESSION_KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_session_key_without_a_folder_is_the_same_while_the_process_lives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    keys = {session_key(tmp_path / "file" / "state") for _ in range(3)}
    assert len(keys) == 1
    assert len(caplog.records) == 1
    assert keys.pop().hex() not in caplog.text


def test_a_folder_that_cannot_be_made_costs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "aigw"):
        key = seal_key(tmp_path / "file" / "state")
    assert len(key) == 32
    assert "lost at exit" in caplog.text
    assert key.hex() not in caplog.text
