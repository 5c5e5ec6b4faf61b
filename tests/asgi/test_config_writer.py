"""Writing the configuration: one at a time, all or nothing, and no wider than it was."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aigw_asgi import config_writer
from aigw_asgi.config_store import load, version_of
from aigw_asgi.config_writer import VersionConflict, WriteRefused, change_file
from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import insert_item, set_value
from aigw_core.errors import InvalidConfig

TEXT = "# mine\nhost: 127.0.0.1  # only here\napi-keys: [k0]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


def write(file: Path, port: int, version: str | None = None) -> str:
    return change_file(
        str(file), lambda document: set_value(document, ("port",), port), {}, version=version
    )


def hidden(file: Path) -> list[str]:
    return sorted(entry.name for entry in file.parent.iterdir() if entry.name != file.name)


def test_the_file_is_replaced_and_its_version_given(file: Path) -> None:
    inode = file.stat().st_ino
    version = write(file, 9000)
    assert file.read_text() == TEXT + "port: 9000\n"
    assert version == version_of(file.read_bytes()) == load(str(file), {}).snapshot.version
    assert file.stat().st_ino != inode
    assert hidden(file) == [".config.yaml.lock"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)
    before = os.umask(0)
    try:
        write(file, 9000)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_link_keeps_leading_to_the_file(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(file)
    write(link, 9000)
    assert link.is_symlink()
    assert "9000" in file.read_text()


def test_a_change_for_another_version_is_a_conflict(file: Path) -> None:
    version = version_of(file.read_bytes())
    later = write(file, 9000, version)
    with pytest.raises(VersionConflict) as caught:
        write(file, 9001, version)
    assert caught.value.version == later
    assert "9001" not in file.read_text()


THEIRS = "# theirs\nhost: 127.0.0.1\n"


def test_what_is_written_beside_is_changed_in_turn(file: Path) -> None:
    texts = []

    def change(document: YamlDocument) -> str:
        texts.append(document.text)
        if len(texts) == 1:
            file.write_text(THEIRS)  # an editor that knows of no lock
        return set_value(document, ("port",), 1)

    change_file(str(file), change, {})
    assert texts == [TEXT, THEIRS]
    assert file.read_text() == THEIRS + "port: 1\n"
    assert hidden(file) == [".config.yaml.lock"]


def test_a_change_for_a_version_is_not_made_to_another(file: Path) -> None:
    def change(document: YamlDocument) -> str:
        file.write_text(THEIRS)
        return set_value(document, ("port",), 1)

    with pytest.raises(VersionConflict):
        change_file(str(file), change, {}, version=version_of(file.read_bytes()))
    assert file.read_text() == THEIRS
    assert hidden(file) == [".config.yaml.lock"]


def test_a_file_that_never_stays_the_same_is_left_alone(file: Path) -> None:
    asked = []

    def change(document: YamlDocument) -> str:
        asked.append(1)
        file.write_text(f"{THEIRS}# {len(asked)}\n")
        os.utime(file, (1, 1))  # long ago, so that nobody waits for more
        return set_value(document, ("port",), 1)

    with pytest.raises(VersionConflict):
        change_file(str(file), change, {})
    assert len(asked) == config_writer.ATTEMPTS
    assert file.read_text() == f"{THEIRS}# {len(asked)}\n"


def test_half_a_file_is_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The half is a configuration, too, and would be taken for what there is."""
    file.write_text(TEXT[: TEXT.index("api-keys")])
    monkeypatch.setattr(config_writer, "STILL", 3600.0)  # however slow this machine is

    def later(seconds: float) -> None:
        file.write_text(TEXT)  # the editor goes on,
        os.utime(file, (1, 1))  # and an hour passes

    monkeypatch.setattr("aigw_asgi.config_writer.time.sleep", later)
    write(file, 1)
    assert file.read_text() == TEXT + "port: 1\n"


def test_a_file_that_is_always_being_written_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_writer, "STILL", 3600.0)
    monkeypatch.setattr(config_writer, "STILL_LIMIT", 0.0)
    with pytest.raises(WriteRefused, match="changed all the time"):
        write(file, 1)
    assert file.read_text() == TEXT


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_an_editor_that_has_the_file_open_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes for the second half."""
    with contextlib.ExitStack() as stack:
        editor = stack.enter_context(file.open("w"))
        editor.write(TEXT[: TEXT.index("api-keys")])
        editor.flush()
        os.utime(file, (1, 1))  # long ago
        monkeypatch.setattr("aigw_asgi.config_writer.time.sleep", lambda seconds: later())

        def later() -> None:
            editor.write(TEXT[TEXT.index("api-keys") :])
            stack.close()
            os.utime(file, (2, 2))

        write(file, 1)
    assert file.read_text() == TEXT + "port: 1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_an_editor_that_has_just_opened_the_file_is_not_pushed_aside(file: Path) -> None:
    """Its text would go into a file that has no name any more."""
    with contextlib.ExitStack() as stack:

        def change(document: YamlDocument) -> str:
            stack.enter_context(file.open("r+"))
            return set_value(document, ("port",), 1)

        with pytest.raises(VersionConflict):
            change_file(str(file), change, {}, version=version_of(file.read_bytes()))
    assert file.read_text() == TEXT


def test_our_own_writes_are_not_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, 1)
    monkeypatch.setattr(
        "aigw_asgi.config_writer.time.sleep", lambda seconds: pytest.fail("it waits")
    )
    write(file, 2)
    assert "port: 2" in file.read_text()


def test_what_would_not_be_usable_is_not_written(file: Path) -> None:
    with pytest.raises(InvalidConfig, match="port"):
        write(file, 99999)
    assert file.read_text() == TEXT


def test_a_lock_that_somebody_keeps_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aigw_asgi.config_writer.LOCK_LIMIT", 0.0)

    def change(document: YamlDocument) -> str:
        with pytest.raises(WriteRefused, match="locked"):
            write(file, 1)
        return set_value(document, ("port",), 2)

    change_file(str(file), change, {})
    assert "port: 2" in file.read_text()


_LIMITED = """
import resource, signal, sys
from aigw_asgi.config_writer import WriteRefused, change_file
from aigw_asgi.yaml_edit import set_value
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    change_file(sys.argv[1], lambda document: set_value(document, ("port",), 1), {})
except WriteRefused as exc:
    print(exc)
"""


def test_a_full_disk_leaves_the_old_file(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(file)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "cannot be written: File too large" in done.stdout
    assert file.read_text() == TEXT
    assert hidden(file) == [".config.yaml.lock"]


def _add_keys(file: str, mark: str) -> None:
    for at in range(20):
        change_file(file, lambda document: insert_item(document, ("api-keys",), f"{mark}{at}"), {})  # noqa: B023 - called at once


def test_writers_side_by_side_lose_nothing_and_readers_see_whole_files(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_keys, args=(str(file), mark)) for mark in "ab"]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        seen = len(load(str(file), {}).snapshot.client_keys)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen <= 41
    assert len(load(str(file), {}).snapshot.client_keys) == 41
    assert file.read_text().startswith("# mine\nhost: 127.0.0.1  # only here\n")
