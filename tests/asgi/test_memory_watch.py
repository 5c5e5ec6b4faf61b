"""How much memory there is, and what is done about it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from aigw_asgi.memory_watch import Figures, MemoryWatch, find_group, read_process
from aigw_core.admission import Admission

MIB = 1 << 20


def group(root: Path, name: str, limit: str, used: int, files: int) -> Path:
    """A cgroup as the kernel shows it."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    halves = files // 2
    stat = f"anon {used - files}\nfile {files + 7}\nshmem 7\n"
    (folder / "memory.stat").write_text(
        f"{stat}inactive_anon 5\ninactive_file {halves}\nactive_file {files - halves}\n"
    )
    return folder


def named(folder: Path, text: str) -> Path:
    """What a process reads of the groups that it is in."""
    file = folder / "self-cgroup"
    file.write_text(text)
    return file


def figures_of(root: Path, groups: str) -> Figures | None:
    """What is read of the group of a process that is in ``groups``."""
    found = find_group(root, named(root.parent, groups))
    assert found is not None
    return found.read()


def test_the_least_limit_above_a_process_counts(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    group(root, "a.slice", "1000", 600, 0)
    group(root, "a.slice/b.service", "4000", 500, 0)
    group(root, "a.slice/b.service/c", "max", 400, 0)
    assert figures_of(root, "0::/a.slice/b.service/c\n") == Figures(600, 1000)


def test_the_root_of_a_container_has_the_limit(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    group(root, "", "1000", 600, 0)
    assert figures_of(root, "12:memory:/old\n0::/\n") == Figures(600, 1000)


def test_files_in_memory_do_not_count(tmp_path: Path) -> None:
    """The kernel takes them back: 990 of 1000 are used, and 900 of that are files."""
    root = tmp_path / "cgroup"
    group(root, "g", "1000", 990, 900)
    assert figures_of(root, "0::/g\n") == Figures(90, 1000)


@pytest.mark.parametrize("text", ["0::/g\n", "4:memory:/g\n", "", "0::/elsewhere\n", "0::/../x\n"])
def test_without_a_limit_there_are_no_figures(text: str, tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    group(root, "g", "max", 990, 0)
    assert find_group(root, named(tmp_path, text)) is None
    assert find_group(root, tmp_path / "missing") is None


def test_a_group_that_is_gone_has_no_figures(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    folder = group(root, "g", "1000", 10, 0)
    found = find_group(root, named(tmp_path, "0::/g\n"))
    assert found is not None
    (folder / "memory.current").unlink()
    assert found.read() is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_a_process_knows_what_it_uses() -> None:
    before = read_process(100)
    held = b"x" * (64 * MIB)
    after = read_process(100)
    assert before is not None
    assert after is not None
    assert after.limit == 100
    assert 60 * MIB < after.used - before.used < 80 * MIB
    assert len(held) == 64 * MIB


def test_it_acts_by_what_it_reads(caplog: pytest.LogCaptureFixture) -> None:
    cut: list[int] = []
    figures: Figures | None = Figures(80 * MIB, 100 * MIB)
    admission = Admission()
    watch = MemoryWatch(admission, lambda: figures)
    watch.cut = lambda surplus: cut.append(surplus) or 3  # type: ignore[func-returns-value]
    with caplog.at_level(logging.INFO, logger="aigw"):
        watch.look()
        assert (admission.pressed, cut, caplog.messages) == (False, [], [])
        figures = Figures(86 * MIB, 100 * MIB)
        watch.look()
        watch.look()
        assert (admission.pressed, cut) == (True, [])
        figures = Figures(97 * MIB, 100 * MIB)
        watch.look()
        assert (admission.pressed, cut) == (True, [12 * MIB])
        figures = None
        watch.look()
        assert (admission.pressed, cut) == (False, [12 * MIB])
    assert caplog.messages == [
        "memory is short, 86 of 100 MiB are used; new requests get 503",
        "memory is all but used up: 3 clients that do not read are cut",
        "there is memory again; requests are taken on",
    ]
