"""The app log: what the gateway has said of itself, for whoever looks at it later.

These are the records of the log of the process (:mod:`aigw_asgi.logs`) once more, apart
from where its lines go: the newest ``MAX_RECORDS``, with numbers, so that a reader knows
what it has seen. They come from the thread that writes the lines
(:mod:`aigw_asgi.log_keeper`), with secrets hidden and control characters escaped already.
The lines about requests are not among them; those are in the request log.

What cannot be kept is dropped and counted. It gets no number: those count up without a
gap, in the order in which records became visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct

MAX_RECORDS = 10_000
"""Kept; the oldest go."""

MAX_PAGE = 1000
"""Records of one page."""

MAX_MESSAGE = 4096
"""Characters."""

MAX_TRACEBACK = 8192
"""Characters of a traceback; its end says most."""

MAX_NAME = 256
"""Characters of the name of a logger, and of a request's identifier."""


class Level(Enum):
    """How much a record matters, the least first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def number(self) -> int:
        """As in :mod:`logging`."""
        return _NUMBERS[self]

    @classmethod
    def of(cls, number: int) -> Level:
        """The highest that ``number`` reaches."""
        return next((each for each in reversed(cls) if number >= each.number), cls.DEBUG)


_NUMBERS = {level: 10 * at for at, level in enumerate(Level, 1)}


class Said(Struct, frozen=True, kw_only=True):
    """What goes in."""

    timestamp: int
    """Unix milliseconds."""
    level: Level
    logger: str
    message: str
    """One line."""
    request_id: str | None = None
    """The request that it is about, where that is known."""
    worker: int | None
    """The number of the process that said it, from 0; ``None``: the one that looks after
    the others."""
    pid: int
    traceback: str | None = None
    """Lines."""


class AppRecord(Said, frozen=True, kw_only=True):
    """What comes out."""

    seq: int
    """Counted up from 1; newer ones are higher."""


class AppLogPage(Struct, frozen=True):
    records: tuple[AppRecord, ...]
    """The newest first."""
    newest: int
    """The number of the newest record that there is, meant or not; 0: there is none."""
    oldest: int
    """That of the oldest; one above ``newest`` where there is none."""
    dropped: int
    """Records that could not be kept, since the log was begun."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which records are meant: all that is said must hold."""

    level: Level = Level.DEBUG
    """This and above."""
    logger: str = ""
    """What its name begins with."""
    text: str = ""
    """Somewhere in the message or the traceback, in whatever case."""
    request_id: str | None = None

    def allows(self, record: Said) -> bool:
        return (
            record.level.number >= self.level.number
            and record.logger.startswith(self.logger)
            and self.request_id in (None, record.request_id)
            and (not self.text or holds(self.text, record.message, record.traceback))
        )


def holds(text: str, message: str, traceback: str | None) -> bool:
    """Whether ``text`` is in one of both, in whatever case."""
    wanted = text.casefold()
    return wanted in message.casefold() or (
        traceback is not None and wanted in traceback.casefold()
    )


class AppLog(Protocol):
    """Where records are kept. Writing is for the log of the process alone; anybody may
    read, in an event loop. What cannot be read raises
    :class:`~aigw_asgi.stores.request_log.LogUnavailable`."""

    @property
    def dropped(self) -> int:
        """Records of this process that were not kept."""

    def start(self) -> None:
        """From here on threads may be used. What a process that forks has not written
        stays its own: to be called in the child."""

    def put(self, said: Said) -> None:
        """Keep it, soon. Never raises, and with a thread never waits; what there is no
        room for is dropped and counted. From one thread at a time."""

    def finish(self, limit: float) -> bool:
        """Write what waits, at most for so many seconds, and let go; whether that worked.
        Blocks."""

    async def page(
        self,
        *,
        level: Level = Level.DEBUG,
        logger: str = "",
        text: str = "",
        request_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> AppLogPage:
        """The newest of those that are meant (:class:`Wanted`): with ``before`` of those
        below that number, with both cursors of those between them. With ``after`` alone
        it is those next above: the way up, page by page, is ``after`` the first of each."""

    async def after(self, seq: int, limit: int = MAX_PAGE) -> Sequence[AppRecord]:
        """The next above that number, the oldest first. Cheap: to be asked often."""

    async def newest(self) -> int:
        """The number of the newest; 0: there is none. As cheap."""

    async def flush(self, limit: float) -> bool:
        """Wait until all that was put so far is kept or given up, at most so many
        seconds; whether it is."""
