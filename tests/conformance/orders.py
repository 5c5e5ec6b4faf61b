"""The orders in which steps of several calls can follow each other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from math import factorial, prod

from tests.corpus import DEEP

EXHAUSTIVE = 3000 if DEEP else 24
SAMPLED = 600 if DEEP else 12


def count(steps: Sequence[int]) -> int:
    """How many there are, of which :func:`interleavings` gives all in order."""
    total = sum(steps)
    if not total:
        return 1
    # Of all arrangements those in which each call starts before the next: the first
    # step still to come is that of the first call, again and again.
    arrangements, left = 1, total
    for size in steps:
        arrangements *= factorial(left - 1) // (factorial(size - 1) * factorial(left - size))
        left -= size
    return arrangements


def interleavings(steps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every order in which calls of so many ``steps`` can take turns. A call starts
    after the one before it did, since streams number calls as they start."""
    left = list(steps)
    chosen: list[int] = []

    def extend() -> Iterator[tuple[int, ...]]:
        if not any(left):
            yield tuple(chosen)
            return
        for number, size in enumerate(left):
            if size:
                left[number] -= 1
                chosen.append(number)
                yield from extend()
                chosen.pop()
                left[number] += 1
            if size == steps[number]:
                return  # this one has not started, so none of the next may

    return extend()


def some_interleavings(steps: Sequence[int]) -> list[tuple[int, ...]]:
    """All of them where they are few, else the same sample every time."""
    if count(steps) <= EXHAUSTIVE:
        return list(interleavings(steps))
    draw = random.Random(prod(steps))
    return [_drawn(steps, draw) for _ in range(SAMPLED)]


def _drawn(steps: Sequence[int], draw: random.Random) -> tuple[int, ...]:
    left = list(steps)
    order: list[int] = []
    started = 0
    while any(left):
        ready = [number for number, size in enumerate(left) if size and number <= started]
        number = draw.choice(ready)
        started = max(started, number + 1)
        left[number] -= 1
        order.append(number)
    return tuple(order)


def groupings(size: int) -> Iterator[tuple[int, ...]]:
    """Every way to cut ``size`` things that stand in a row into groups."""
    if size == 0:
        yield ()
    for first in range(1, size + 1):
        for rest in groupings(size - first):
            yield (first, *rest)
