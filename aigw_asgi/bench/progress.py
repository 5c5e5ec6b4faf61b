"""How far a measurement is, on standard error.

At a terminal that is a bar on one line, elsewhere a line for a step, or none where the
last one was a moment ago.
"""

from __future__ import annotations

import sys
import time

_WIDTH = 24


class Bar:
    """``total`` steps; ``apart`` is the least time in seconds between two lines elsewhere than
    at a terminal."""

    def __init__(self, total: int, *, apart: float = 0.0) -> None:
        self._total = total
        self._apart = apart
        self._step = 0
        self._began = time.monotonic()
        self._said = float("-inf")
        self._terminal = sys.stderr.isatty()

    def step(self, text: str) -> None:
        """The next step begins."""
        self._step += 1
        now = time.monotonic()
        if self._terminal:
            line = f"{self._bar(self._step - 1)} {self._step}/{self._total} {text}{self._left(now)}"
            self._say(f"\r\x1b[K{line[:119]}")
        elif now - self._said >= self._apart:
            self._said = now
            self._say(f"# {self._step}/{self._total} {text}\n")

    def close(self) -> None:
        """It is over."""
        if self._terminal:
            self._say("\r\x1b[K")

    @staticmethod
    def _say(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def _bar(self, done: int) -> str:
        full = _WIDTH * done // self._total
        return f"[{'#' * full}{'.' * (_WIDTH - full)}]"

    def _left(self, now: float) -> str:
        done = self._step - 1
        if done < self._total / 20:
            return ""
        left = (now - self._began) / done * (self._total - done)
        return f", some {left:.0f} s to go"
