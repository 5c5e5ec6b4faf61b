"""The configuration of a running gateway: watched, read anew, put in force whole.

One task does it, whoever asks for it: a change of the file, SIGHUP, the API. So no two
readings overlap, and a hundred wishes during one reading are one more reading. A file
that cannot be used leaves everything as it is.

A file is looked at twice a second (2.5 us a look), by what ``stat`` says of it, through
symbolic links: that sees a rename, a write in place, a swapped link and a mount of a
single file alike. It is read once it has stood still for a moment, since a half-written
file may well be a configuration.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread
from msgspec import Struct
from msgspec.structs import replace

from aigw_asgi.config_store import Loaded
from aigw_core.errors import ConfigError, InvalidConfig

if TYPE_CHECKING:  # imports the schema
    from aigw_core.config.settings import ServerSettings

LOOK = 0.5
"""Seconds between two looks at the file."""

STILL = 0.05
"""Seconds without a change before it is read."""

HISTORY = 50
"""Readings that are remembered."""

_LOG = logging.getLogger("aigw")


class Outcome(Struct, frozen=True):
    """What came of a reading."""

    generation: int
    """Of what is in force now; counts from 1."""
    version: str
    changed: bool
    problems: tuple[ConfigError, ...] = ()
    """Why the file was not taken."""
    restart: tuple[str, ...] = ()
    """Keys whose new values count from the next start on."""


class Past(Struct, frozen=True):
    """A reading that was."""

    at: float
    """Unix seconds."""
    outcome: Outcome


class Beside(Protocol):
    """What is made from further files, and follows their changes."""

    @property
    def watched(self) -> tuple[str, ...]: ...

    async def refresh(self, settings: ServerSettings) -> None:
        """Read them again; ``settings`` are those in force. What cannot be used is no
        error here."""
        ...


class Reloader:
    """Keeps a configuration up to date.

    ``read`` reads it as at the start, flags and environment included; it blocks, and
    raises ``InvalidConfig``. ``put`` puts a new one in force in one step, or raises
    ``InvalidConfig`` and changes nothing.
    """

    def __init__(
        self,
        loaded: Loaded,
        read: Callable[[], Loaded],
        put: Callable[[Loaded], None],
        *,
        look: float = LOOK,
        still: float = STILL,
    ) -> None:
        self.loaded = loaded
        self.started_with = loaded.settings
        """What counts at the start only is what it was then."""
        self._read = read
        self._put = put
        self._look = look
        self._still = still
        self._wish = anyio.Event()
        self._waiting: list[anyio.Event] = []
        self.last = Outcome(1, loaded.snapshot.version, changed=False)
        self.history: deque[Past] = deque(maxlen=HISTORY)
        """What came of the last readings after the first, the newest last."""
        self.beside: Beside | None = None
        """Looked at together with the file."""
        self.readings = 0
        self.failures = 0
        self.taken: Callable[[Loaded], Awaitable[None]] | None = None
        """Told of each configuration that was put in force."""

    def __repr__(self) -> str:
        return f"<Reloader generation={self.last.generation} of {self._file}>"

    async def run(self) -> None:
        """Watch, until cancelled."""
        seen = self._look_at_files()
        if self.beside is not None:
            # They may have changed since the start, or since the start of another process.
            await self.beside.refresh(self.loaded.settings)
        while True:
            with anyio.move_on_after(self._look):
                await self._wish.wait()
            wished = self._wish.is_set()
            now = self._look_at_files()
            if now == seen and not wished:
                continue
            before, seen = seen, await self._settled(now)
            self._wish = anyio.Event()
            waiting, self._waiting = self._waiting, []
            try:
                if wished or seen[0] != before[0]:
                    await self._reload()
                    self.history.append(Past(time.time(), self.last))
                if self.beside is not None:
                    await self.beside.refresh(self.loaded.settings)
            finally:
                for each in waiting:
                    each.set()

    def ask(self) -> None:
        """Have it read again, changed or not. Does not wait."""
        self._wish.set()

    async def reload(self) -> Outcome:
        """Have it read again, and wait for what comes of it. ``run`` must be running."""
        done = anyio.Event()
        self._waiting.append(done)
        self.ask()
        await done.wait()
        return self.last

    @property
    def _file(self) -> str | None:
        document = self.loaded.document
        return None if document is None else document.file

    def _look_at_files(self) -> list[_Signature]:
        """The configuration, then what is beside it."""
        beside = () if self.beside is None else self.beside.watched
        return [_signature(each) for each in (self._file, *beside)]

    async def _settled(self, now: list[_Signature]) -> list[_Signature]:
        while True:
            await anyio.sleep(self._still)
            later = self._look_at_files()
            if later == now:
                return now
            now = later

    async def _reload(self) -> None:
        self.readings += 1
        try:
            loaded = await anyio.to_thread.run_sync(partial(self._read), abandon_on_cancel=True)
            if (loaded.snapshot, loaded.settings) == (self.loaded.snapshot, self.loaded.settings):
                self.last = replace(self.last, changed=False, problems=())
                return
            self._put(loaded)
        except InvalidConfig as exc:
            self.failures += 1
            if exc.problems != self.last.problems:  # said once, however often it is asked for
                for problem in exc.problems:
                    _LOG.error("the configuration is not taken: %s", problem)
            self.last = Outcome(
                self.last.generation, self.last.version, changed=False, problems=exc.problems
            )
            return
        self.loaded = loaded
        restart = loaded.settings.differing(self.started_with)
        generation = self.last.generation + 1
        self.last = Outcome(generation, loaded.snapshot.version, changed=True, restart=restart)
        _LOG.info("configuration %s is in force (%d)", loaded.snapshot.version, generation)
        for warning in loaded.warnings:
            _LOG.warning("%s", warning)
        for key in restart:
            _LOG.warning("%s has changed, which needs a restart", key)
        if self.taken is not None:
            await self.taken(loaded)


_Signature = tuple[int, ...] | None


def _signature(file: str | None) -> _Signature:
    """What ``stat`` says of a file; ``None``: it is not there."""
    if file is None:
        return None
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
