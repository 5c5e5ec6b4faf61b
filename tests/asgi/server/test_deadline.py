from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from aigw_asgi.server.deadline import Deadline


class Timer:
    def __init__(self, at: float, fire: Callable[[], None]) -> None:
        self.at = at
        self.fire = fire
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """The two methods of a loop that a deadline uses, with time moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def advance(self, to: float) -> None:
        while due := [t for t in self.timers if not t.cancelled and t.at <= to]:
            timer = min(due, key=lambda t: t.at)
            self.timers.remove(timer)
            self.now = timer.at
            timer.fire()
        self.now = to


def _deadline() -> tuple[Clock, Deadline, list[float]]:
    clock = Clock()
    fired: list[float] = []
    loop = cast(asyncio.AbstractEventLoop, clock)  # all it needs
    return clock, Deadline(loop, lambda: fired.append(clock.now)), fired


def test_it_fires_once_at_its_time() -> None:
    clock, deadline, fired = _deadline()
    deadline.set(10)
    clock.advance(200)
    assert fired == [110]


def test_moving_it_later_takes_no_timer() -> None:
    clock, deadline, fired = _deadline()
    deadline.set(10)
    for _ in range(1000):
        deadline.at += 0.01
    deadline.set(15)
    assert len(clock.timers) == 1
    clock.advance(200)
    assert fired == [115]


def test_moving_it_earlier_takes_the_timer_along() -> None:
    clock, deadline, fired = _deadline()
    deadline.set(30)
    deadline.set(5)
    clock.advance(200)
    assert fired == [105]


def test_a_cleared_one_does_not_fire_and_can_be_set_again() -> None:
    clock, deadline, fired = _deadline()
    deadline.set(10)
    deadline.clear()
    clock.advance(150)
    assert fired == []
    deadline.set(10)
    clock.advance(200)
    assert fired == [160]


def test_a_cancelled_one_leaves_no_timer() -> None:
    clock, deadline, fired = _deadline()
    deadline.set(10)
    deadline.cancel()
    clock.advance(200)
    assert fired == []
