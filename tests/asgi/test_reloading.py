"""A configuration that changes while it is in force."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from aigw_asgi.config_store import Loaded, load
from aigw_asgi.reloading import Reloader
from aigw_core.errors import ConfigError, InvalidConfig

pytestmark = pytest.mark.anyio

FIRST = "host: 127.0.0.1\nidle-timeout: 1\n"
SECOND = "host: 127.0.0.1\nidle-timeout: 2\n"


class Place:
    """A file, and what has been put in force."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_text(FIRST)
        self.put: list[Loaded] = []
        self.environment: dict[str, str] = {}
        self.reloader = Reloader(self.read(), self.read, self.put.append, look=0.01, still=0.005)

    def read(self) -> Loaded:
        return load(str(self.file), self.environment)

    @property
    def idle(self) -> float:
        return self.put[-1].document.data["idle-timeout"] if self.put[-1].document else 0.0

    async def until(self, what: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not what():  # noqa: ASYNC110 (that nobody tells of it is the point)
                await anyio.sleep(0.005)

    async def has(self, idle: float) -> None:
        await self.until(lambda: bool(self.put) and self.idle == idle)


@asynccontextmanager
async def watching(file: Path) -> AsyncIterator[Place]:
    place = Place(file)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(place.reloader.run)
        await anyio.sleep(0.02)
        yield place
        tasks.cancel_scope.cancel()


def rename(file: Path) -> None:
    new = file.with_suffix(".new")
    new.write_text(SECOND)
    new.replace(file)


def in_place(file: Path) -> None:
    file.write_text(SECOND)


def in_place_with_the_old_time(file: Path) -> None:
    """As some tools restore it; the size differs."""
    before = file.stat()
    file.write_text(SECOND + "# longer\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [rename, in_place, in_place_with_the_old_time])
async def test_a_changed_file_is_taken(tmp_path: Path, change: Callable[[Path], None]) -> None:
    async with watching(tmp_path / "config.yaml") as place:
        change(place.file)
        await place.has(2)
        assert place.reloader.last.generation == 2
        assert place.reloader.last.changed


async def test_a_swapped_link_is_seen(tmp_path: Path) -> None:
    """As orchestrators mount their maps: config.yaml -> ..data/config.yaml -> a folder."""
    for name, text in (("one", FIRST), ("two", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "config.yaml").symlink_to("data/config.yaml")
    async with watching(tmp_path / "config.yaml") as place:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(tmp_path / "data")
        await place.has(2)


async def test_a_bad_file_changes_nothing_and_is_shown_with_its_place(tmp_path: Path) -> None:
    async with watching(tmp_path / "config.yaml") as place:
        place.file.write_text("host: 127.0.0.1\nprot: 1\n")
        outcome = await place.reloader.reload()
        assert place.put == []
        [problem] = outcome.problems
        assert (problem.line, problem.column) == (2, 1)
        assert outcome.generation == 1
        place.file.write_text(SECOND)
        await place.has(2)
        assert place.reloader.last.problems == ()


async def test_a_file_that_vanishes_changes_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path / "config.yaml") as place:
        place.file.unlink()
        await place.until(lambda: bool(place.reloader.last.problems))
        assert place.put == []
        place.file.write_text(SECOND)
        await place.has(2)


async def test_what_is_refused_when_it_is_put_in_force_changes_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path / "config.yaml") as place:

        def refuse(loaded: Loaded) -> None:
            raise InvalidConfig([ConfigError("no")])

        place.reloader._put = refuse
        place.file.write_text(SECOND)
        outcome = await place.reloader.reload()
        assert [each.problem for each in outcome.problems] == ["no"]
        assert place.reloader.loaded.document is not None
        assert place.reloader.loaded.document.data["idle-timeout"] == 1


async def test_the_same_bytes_are_no_change(tmp_path: Path) -> None:
    async with watching(tmp_path / "config.yaml") as place:
        place.file.write_text(FIRST)
        outcome = await place.reloader.reload()
        assert (outcome.changed, outcome.generation, place.put) == (False, 1, [])


async def test_references_are_read_again(tmp_path: Path) -> None:
    place = Place(tmp_path / "config.yaml")
    place.environment["KEY"] = "one"
    place.file.write_text("host: 127.0.0.1\nclaude-api-key: [{api-key: '${KEY}'}]\n")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(place.reloader.run)
        first = await place.reloader.reload()
        assert not (await place.reloader.reload()).changed
        place.environment["KEY"] = "two"
        second = await place.reloader.reload()
        assert (second.changed, second.version) == (True, first.version)
        assert place.put[-1].snapshot.credentials[0].api_key.reveal() == "two"
        tasks.cancel_scope.cancel()


async def test_a_hundred_wishes_at_once_are_two_readings_at_most(tmp_path: Path) -> None:
    async with watching(tmp_path / "config.yaml") as place:
        before = place.reloader.readings
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(place.reloader.reload)
        assert 1 <= place.reloader.readings - before <= 2


async def test_what_needs_a_restart_says_so(tmp_path: Path) -> None:
    async with watching(tmp_path / "config.yaml") as place:
        place.file.write_text("host: 127.0.0.1\nport: 9999\nlog: {level: debug}\n")
        outcome = await place.reloader.reload()
        assert outcome.restart == ("port", "log.level")
        place.file.write_text(FIRST)
        assert (await place.reloader.reload()).restart == ()


async def test_a_slow_writer_is_waited_for(tmp_path: Path) -> None:
    """Each half of this file is a configuration, too."""
    async with watching(tmp_path / "config.yaml") as place:
        place.reloader._still = 0.2
        with place.file.open("w") as stream:
            for line in ("host: 127.0.0.1\n", "idle-timeout: 5\n", "write-timeout: 6\n"):
                stream.write(line)
                stream.flush()
                await anyio.sleep(0.03)
        await place.has(5)
        assert len(place.put) == 1
