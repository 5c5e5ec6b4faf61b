"""What dashboards are told while it happens: channels, and the hub that keeps them up to date.

There are two kinds. Of a *state channel* the newest value is all that counts: a reader
gets it when it has changed, and what it was too slow for, it does not need. A *row
channel* has numbered rows, in the order of the store that keeps them; a reader gets all
of them in order, or is told exactly which it did not (:mod:`aigw_core.tail`).

So a reader is a few numbers, however slow it is, and nothing is kept for it. Each message
is encoded once, for all. Nothing is looked at while nobody watches.

Where the server allows it, the hub writes what is new straight to the connections of all
readers who can take it, in one piece that is made once for all who know the same; their
tasks sleep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import anyio
import msgspec
from msgspec import Struct

from aigw_core.tail import Gap, Row, Tail

TICK = 0.5
"""Seconds between two looks at what is new."""

STATE_EVERY = 1.0
"""Seconds between two looks at states."""

MAX_FETCH = 500
"""Rows of one look into a store."""

BURST = 200
"""Rows of a channel that a reader takes in one go."""

_LOG = logging.getLogger("aigw")

_ENCODE = msgspec.json.Encoder().encode


FrameMessages = Callable[[Iterable[bytes]], bytes]
"""Makes whole messages what goes over a connection."""

WriteFrames = Callable[[bytes], bool]
"""Writes that to a client at once, unless it does not keep up; whether it did."""


class RowSource(Protocol):
    """A numbered sequence that others add to."""

    async def newest(self) -> int:
        """The number of the last row; 0: there is none."""

    async def after(self, seq: int, limit: int) -> Sequence[tuple[int, Any]]:
        """The next rows with their numbers, oldest first; values that JSON can have.

        Raises:
            SourceLost: it cannot be read now.
        """


class SourceLost(Exception):
    """A source cannot be read now; its text says why."""


class RowChannel:
    """Follows a source while somebody watches."""

    def __init__(self, name: str, source: RowSource) -> None:
        self.name = name
        self.source = source
        self.watchers = 0
        self.tail: Tail | None = None
        """``None``: nobody watches."""
        self._lost = False

    async def refresh(self) -> None:
        try:
            await self._refresh()
            self._lost = False
        except SourceLost as exc:
            if not self._lost:
                _LOG.warning("dashboards are not told of new rows of %s: %s", self.name, exc)
            self._lost = True

    async def _refresh(self) -> None:
        newest = await self.source.newest()
        tail = self.tail
        if tail is None or newest < tail.newest:  # the latter: the store was emptied
            tail = self.tail = Tail(newest)
        # What would not stay in it anyhow is left out, which readers see as a gap.
        after = max(tail.newest, newest - tail.max_rows)
        while after < newest:
            rows = await self.source.after(after, MAX_FETCH)
            if not rows:
                return
            tail.extend(Row(seq, self._message(seq, data)) for seq, data in rows)
            after = tail.newest

    def _message(self, seq: int, data: Any) -> bytes:
        return b'{"type":"%b","seq":%d,"data":%b}' % (self.name.encode(), seq, _ENCODE(data))


class StateChannel:
    """Holds what a function says, as of the last look."""

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self.name = name
        self.watchers = 0
        self.message = b""
        self.version = 0
        """Goes up when it changes; 0: it was never looked at."""
        self._make = make

    def refresh(self) -> None:
        message = b'{"type":"%b","data":%b}' % (self.name.encode(), _ENCODE(self._make()))
        if message != self.message:
            self.message = message
            self.version += 1


class _Step(Struct, frozen=True):
    """What comes next for all readers who know the same, and what they know then."""

    frames: bytes
    rows: dict[str, int]
    states: dict[str, int]
    last: bool
    """Nothing is left to take after it."""


class Reader:
    """One who watches: which channels, and what it knows of each."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rows: dict[str, int] = {}
        """The last row that is known, by channel."""
        self._states: dict[str, int] = {}
        """The version that is known, by channel."""
        self.news = anyio.Event()
        self.alive: Callable[[], bool] = lambda: True
        """Whether it may go on; asked once a second."""
        self.write_now: tuple[FrameMessages, WriteFrames] | None = None
        """Where there is a way to write without waiting."""
        self.saw: object = None
        """What the hub had to tell when this one had taken all of it."""
        self.busy = False
        """Somebody is taking, so that nobody else may."""

    def __repr__(self) -> str:
        return f"<Reader {[*self._states, *self._rows]}>"

    @property
    def channels(self) -> frozenset[str]:
        return frozenset((*self._rows, *self._states))

    def subscribe(self, channels: Iterable[str], after: Mapping[str, int] | None = None) -> None:
        """Watch exactly these; unknown ones are left out. Rows come from now on, or from
        the number ``after`` on; a channel that was watched before goes on where it was."""
        wanted = set(channels)
        rows = {name for name in self._hub.rows if name in wanted}
        states = {name for name in self._hub.states if name in wanted}
        for name in rows:
            if after is not None and name in after:
                self._rows[name] = after[name]
            else:
                self._rows.setdefault(name, _FROM_NOW)
        self._rows = {name: self._rows[name] for name in self._hub.rows if name in rows}
        self._states = {name: self._states.get(name, 0) for name in states}
        self.saw = None
        self._hub.count()

    @property
    def behind(self) -> bool:
        """There is something to take."""
        for name, version in self._states.items():
            if version != self._hub.states[name].version:
                return True
        for name, known in self._rows.items():
            tail = self._hub.rows[name].tail
            if tail is not None and known != tail.newest:
                return True
        return False

    def flush(self, steps: dict[object, _Step]) -> bool:
        """Write what comes next without waiting; whether all of it could be. ``steps`` has
        those of the others."""
        if self.write_now is None or self.busy:
            return False
        frame, write = self.write_now
        place = (*self._states.items(), *self._rows.items())
        step = steps.get(place)
        if step is None:
            step = steps[place] = self._step(frame)
        if not write(step.frames):
            return False
        self._states, self._rows = step.states.copy(), step.rows.copy()
        return step.last

    def _step(self, frame: FrameMessages) -> _Step:
        known = self._states.copy(), self._rows.copy()
        frames = frame(self.take())
        step = _Step(frames, self._rows, self._states, not self.behind)
        self._states, self._rows = known  # it is not written yet
        return step

    def take(self) -> Iterator[bytes]:
        """The messages that come next, at most some hundreds of them. What was given
        counts as known."""
        for name in list(self._states):
            channel = self._hub.states[name]
            if self._states.get(name, channel.version) != channel.version:
                self._states[name] = channel.version
                yield channel.message
        for name in list(self._rows):
            yield from self._take_rows(name)

    def _take_rows(self, name: str) -> Iterator[bytes]:
        tail = self._hub.rows[name].tail
        known = self._rows.get(name)
        if tail is None or known is None:
            return
        if known == _FROM_NOW or known > tail.newest:
            # The latter: those numbers are of a store that is no more.
            self._rows[name] = tail.newest
            return
        for each in list(tail.read(known, BURST)):
            if self._rows.get(name) != known:
                return  # subscribed anew meanwhile
            if isinstance(each, Gap):
                self._rows[name] = known = each.last
                bounds = (name.encode(), each.first, each.last)
                yield b'{"type":"gap","channel":"%b","from":%d,"to":%d}' % bounds
            else:
                self._rows[name] = known = each.seq
                yield each.data


_FROM_NOW = -1


class Hub:
    """All channels and readers of one process."""

    def __init__(self, rows: Iterable[RowChannel], states: Iterable[StateChannel]) -> None:
        self.rows = {each.name: each for each in rows}
        self.states = {each.name: each for each in states}
        self.readers: set[Reader] = set()
        self._ask = anyio.Event()
        self._at_once = False

    def __repr__(self) -> str:
        return f"<Hub {[*self.states, *self.rows]} readers={len(self.readers)}>"

    async def newest(self) -> dict[str, int]:
        """The number of the last row, by channel; without those that cannot be read now."""
        found: dict[str, int] = {}
        for name, channel in self.rows.items():
            try:
                found[name] = await channel.source.newest()
            except SourceLost:
                continue
        return found

    def join(self) -> Reader:
        reader = Reader(self)
        self.readers.add(reader)
        self._ask.set()
        return reader

    def leave(self, reader: Reader) -> None:
        self.readers.discard(reader)
        self.count()

    def count(self) -> None:
        """Find out what is watched, and look at it soon."""
        watched = [name for reader in self.readers for name in reader.channels]
        for state in self.states.values():
            before, state.watchers = state.watchers, watched.count(state.name)
            # While others watch, what they were told last is new enough.
            self._at_once |= state.watchers > 0 and not before
        for channel in self.rows.values():
            channel.watchers = watched.count(channel.name)
            if not channel.watchers:
                channel.tail = None
        self._ask.set()

    def wake(self) -> None:
        """Have every reader look up."""
        for reader in self.readers:
            reader.news.set()

    async def run(self) -> None:
        """Keep watched channels up to date, until cancelled."""
        due = anyio.current_time()
        news: tuple[int, ...] = ()
        while True:
            if self.readers:
                with anyio.move_on_after(TICK):
                    await self._ask.wait()
            else:
                await self._ask.wait()
            self._ask = anyio.Event()
            # By the clock: whoever wishes for something anew all the time cuts each pause short.
            if self._at_once or anyio.current_time() >= due:
                self._at_once, due = False, anyio.current_time() + STATE_EVERY
                for state in self.states.values():
                    if state.watchers:
                        state.refresh()
                self._show_out()
            for channel in self.rows.values():
                if channel.watchers:
                    await channel.refresh()
            now = self._news()
            news = news if now == news else now
            self._tell(news)

    def _show_out(self) -> None:
        """Have readers look up that are no longer to be told anything."""
        # Not in the loop above, which would hold the last of them as long as nobody comes.
        for reader in self.readers:
            if not reader.alive():
                reader.news.set()

    def _news(self) -> tuple[int, ...]:
        """What there is to tell, in numbers."""
        rows = [-1 if each.tail is None else each.tail.newest for each in self.rows.values()]
        return (*rows, *(each.version for each in self.states.values()))

    def _tell(self, news: object) -> None:
        steps: dict[object, _Step] = {}
        for reader in self.readers:
            if reader.saw is news:
                continue
            if not reader.behind or reader.flush(steps):
                reader.saw = news
            else:
                reader.news.set()
