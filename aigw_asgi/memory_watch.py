"""Looks once a second at how much memory is left, and acts before the kernel does, which
ends the process and every stream in it.

From 85 % of the limit on nothing new is taken on (:mod:`aigw_core.admission`), from 95 % on
the connections are dropped whose clients leave most unread: they hold what others could
have, and cannot be told anything, as they do not read.

The limit is the configured one, of this process alone, or that of its cgroup. Of a cgroup
the memory of files does not count, which the kernel takes back when it needs it: with a log
and a database it is near its limit all day.

Source: the kernel's "Control Group v2", memory.current, memory.max and memory.stat;
proc(5), /proc/PID/statm.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import anyio
from msgspec import Struct

from aigw_asgi.heap import give_back
from aigw_core.admission import Admission, Pressure, pressure_of, surplus

PERIOD = 1.0
"""Seconds between two looks."""

GROUPS = Path("/sys/fs/cgroup")

_LOG = logging.getLogger("aigw")


class Figures(Struct, frozen=True):
    """Bytes."""

    used: int
    limit: int


Read = Callable[[], Figures | None]
"""``None``: there is no limit, or it is not to be known."""

Cut = Callable[[int], int]
"""Drops the connections that leave most unread, until they have left at least so many bytes;
gives how many it was."""


def _nobody(surplus: int) -> int:
    return 0


class MemoryWatch:
    """That of one process. ``cut`` is set by who has the connections."""

    def __init__(self, admission: Admission, read: Read) -> None:
        self.read = read
        self.cut: Cut = _nobody
        self._admission = admission

    def __repr__(self) -> str:
        return f"<MemoryWatch pressed={self._admission.pressed}>"

    async def run(self) -> None:
        while True:
            self.look()
            await anyio.sleep(PERIOD)

    def look(self) -> None:
        """Act by what is used now."""
        figures = self.read()
        pressure = Pressure.NONE
        if figures is not None:
            pressure = pressure_of(figures.used, figures.limit)
        if (pressure is not Pressure.NONE) is not self._admission.pressed:
            self._admission.press(pressure is not Pressure.NONE)
            self._tell(figures)
        if figures is None or pressure is Pressure.NONE:
            return
        if pressure is Pressure.CUT:
            cut = self.cut(surplus(figures.used, figures.limit))
            if cut:
                _LOG.warning("memory is all but used up: %d clients that do not read are cut", cut)
        give_back()

    def _tell(self, figures: Figures | None) -> None:
        if not self._admission.pressed:
            _LOG.info("there is memory again; requests are taken on")
        elif figures is not None:
            _LOG.warning(
                "memory is short, %d of %d MiB are used; new requests get 503",
                figures.used >> 20,
                figures.limit >> 20,
            )


def resident() -> int | None:
    """Bytes of this process that are in memory; ``None``: this system does not say."""
    try:
        with open("/proc/self/statm", "rb") as stream:
            pages = int(stream.read().split()[1])
    except (OSError, ValueError, IndexError):  # not Linux
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def read_process(limit: int) -> Figures | None:
    """What this process uses of ``limit`` bytes."""
    used = resident()
    return None if used is None else Figures(used, limit)


class Group:
    """A cgroup (v2) that has a limit on memory."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def __repr__(self) -> str:
        return f"<Group {self._folder} limit={self._limit}>"

    def read(self) -> Figures | None:
        """What all in it use together."""
        try:
            used = int((self._folder / "memory.current").read_text())
            if pressure_of(used, self._limit) is not Pressure.NONE:
                # Only then: the kernel adds these up when it is asked.
                used -= _files(self._folder)
        except (OSError, ValueError):
            return None
        return Figures(max(0, used), self._limit)


def find_group(groups: Path = GROUPS, of: Path = Path("/proc/self/cgroup")) -> Group | None:
    """The cgroup with the least limit that this process is in; ``None``: none has one."""
    found: Group | None = None
    least: int | None = None
    for folder in _above(groups, of):
        try:
            limit = int((folder / "memory.max").read_text())
        except (OSError, ValueError):  # "max", or a group without the controller
            continue
        if limit > 0 and (least is None or limit < least):
            found, least = Group(folder, limit), limit
    return found


def _above(groups: Path, of: Path) -> list[Path]:
    """The folders of the cgroup and of all that it is in. In a container of its own
    namespace that is the root alone."""
    try:
        lines = of.read_text().splitlines()
    except OSError:
        return []
    path = next((line[3:] for line in lines if line.startswith("0::/")), None)
    if path is None:
        return []
    folder = groups / path.lstrip("/")
    return [each for each in (folder, *folder.parents) if each.is_relative_to(groups)]


def _files(folder: Path) -> int:
    """Bytes of files that are in memory because there is room."""
    held = 0
    for line in (folder / "memory.stat").read_text().splitlines():
        name, _, number = line.partition(" ")
        if name in ("inactive_file", "active_file"):
            held += int(number)
    return held
