"""SIGTERM, SIGINT and SIGHUP, from the first moment of a process to its last.

uvicorn has handlers of its own, which come late and leave SIGHUP to kill the
process. These are installed before there is a loop, so that a signal during
start-up is kept for when somebody can act on it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Protocol

_STOP = (signal.SIGTERM, signal.SIGINT)
_RELOAD = getattr(signal, "SIGHUP", None)  # not on Windows


class Control(Protocol):
    """Who decides when a serving process reloads and ends.

    Each of the first three takes what to call, and calls it also for a wish that came
    before. The calls come from anywhere, so they may only pass the news on to a loop.
    """

    stopped_by: int | None
    """The number of the signal that began the end, if it was one."""

    def on_stop(self, stop: Callable[[], object]) -> None:
        """No new requests; those in flight get the time to drain."""
        ...

    def on_hurry(self, hurry: Callable[[], object]) -> None:
        """The time to drain is over, whatever is left of it."""
        ...

    def on_reload(self, reload: Callable[[], object]) -> None: ...

    def detach(self) -> None:
        """Call none of them from here on."""
        ...


class Signals:
    """Catches the signals of this process while it is entered (in the main thread).

    The first SIGTERM or SIGINT is handed to ``stop``; a second one ends the
    process at once, with status 128 + its number, whatever the loop is doing.
    SIGHUP is handed to ``reload``, and never kills.
    """

    def __init__(self, *, at_once: Callable[[], object] = lambda: None) -> None:
        """``at_once`` is called before a second signal ends the process."""
        self._at_once = at_once
        self.stopped_by: int | None = None
        """The number of the first stop signal."""
        self._reload_wanted = False
        self._stop: Callable[[], object] | None = None
        self._reload: Callable[[], object] | None = None
        self._before: dict[int, object] = {}

    def __repr__(self) -> str:
        return f"<Signals stopped_by={self.stopped_by} reload_wanted={self._reload_wanted}>"

    def __enter__(self) -> Signals:
        for number in _STOP:
            self._before[number] = signal.signal(number, self._on_stop)
        if _RELOAD is not None:
            self._before[_RELOAD] = signal.signal(_RELOAD, self._on_reload)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as it was given to us
        self._before.clear()

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Hand on the first stop signal, also if it came before. ``stop`` is called in
        the middle of whatever runs, so it may only pass the news on to a loop."""
        self._stop = stop
        if self.stopped_by is not None:
            stop()

    def on_hurry(self, hurry: Callable[[], object]) -> None:
        """Nothing: a second signal does not wait for a loop."""

    def on_reload(self, reload: Callable[[], object]) -> None:
        """Likewise each SIGHUP; those that came before count as one."""
        self._reload = reload
        if self._reload_wanted:
            self._reload_wanted = False
            reload()

    def detach(self) -> None:
        self._stop = self._reload = None

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stopped_by is not None:
            self._at_once()
            for stream in (sys.stdout, sys.stderr):
                # Closed, gone, or interrupted in the middle of a write.
                with contextlib.suppress(OSError, RuntimeError, ValueError, AttributeError):
                    stream.flush()
            os._exit(128 + number)
        self.stopped_by = number
        if self._stop is not None:
            self._stop()

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        if self._reload is not None:
            self._reload()
        else:
            self._reload_wanted = True
