"""What every scenario is given, and what it gives."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Options:
    """How much of it; a scenario takes what concerns it."""

    folder: str
    """For files, removed afterwards."""
    requests: int = 20_000
    streams: int = 1_000
    seconds: float = 20.0
    runs: int = 5
    workers: int = 4
    seed: int = 1


@dataclass(frozen=True)
class Figure:
    """One result beside its goal."""

    what: str
    value: str
    goal: str = ""
    holds: bool | None = None
    """``None``: there is no goal, or nothing that this machine could say about it."""
    counted: bool = True
    """It does not depend on how busy the machine is."""


def none_of(what: str, count: int, example: str = "") -> Figure:
    """What must not happen at all."""
    return Figure(what, f"{count} {example}".strip(), "0", count == 0)


def missed(figures: list[Figure]) -> list[Figure]:
    """Goals that were missed, and not for the machine's sake."""
    return [each for each in figures if each.counted and each.holds is False]


Scenario = Callable[[Options, "Progress"], Awaitable[list[Figure]]]


class Progress:
    """A line on standard error that says how far it is; at a terminal it is always the same
    line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()
        self._said = float("-inf")
        self._terminal = sys.stderr.isatty()

    def __call__(self, text: str, *, always: bool = False) -> None:
        now = time.monotonic()
        if now - self._said < (0.2 if self._terminal else 10.0) and not always:
            return
        self._said = now
        line = f"# {self._name} {now - self._began:5.0f} s  {text}"
        print(
            f"\r{line:<79}" if self._terminal else line,
            end="" if self._terminal else "\n",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        if self._terminal:
            print(file=sys.stderr)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Of uvloop, where it is installed."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def play(scenario: Scenario, options: Options, name: str) -> list[Figure]:
    """One scenario."""
    progress = Progress(name)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_played(scenario, options, progress))
    finally:
        progress.close()


async def _played(scenario: Scenario, options: Options, progress: Progress) -> list[Figure]:
    return await scenario(options, progress)


def lag_figures(lag: dict[str, dict[str, float]]) -> list[Figure]:
    """How late the gateway's loop was; only what it did itself is held against it."""
    seen, own = lag["lag"], lag["own"]
    return [
        Figure(
            "loop lag with the machine's own, p99.9 and max",
            f"{seen['p99_9']:.1f} and {seen['max']:.1f} ms",
            counted=False,
        ),
        Figure(
            "loop lag by its own work, p99.9 and max",
            f"{own['p99_9']:.1f} and {own['max']:.1f} ms",
            "< 20 and < 100 ms",
            own["p99_9"] < 20 and own["max"] < 100,
            counted=False,
        ),
    ]
