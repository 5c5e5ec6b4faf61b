"""Laws of what a machine may hold, and of the work a read may cost (P11).

Both are counted in bytes, never in time. See ``tests/laws.py``.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Mapping
from typing import Any

from aigw_core.codec import Codec
from tests.laws import hold


def retained(machine: object) -> int:
    """Bytes of text and binary that ``machine`` keeps alive through its own state."""
    seen: set[int] = set()
    total = 0
    todo: list[object] = [machine]
    while todo:
        value = todo.pop()
        if id(value) in seen or isinstance(value, type) or callable(value):
            continue
        seen.add(id(value))
        if isinstance(value, bytes | bytearray | str):
            total += len(value)
        elif isinstance(value, Mapping):
            todo += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            todo += value
        else:
            todo += vars(value).values() if hasattr(value, "__dict__") else ()
            for kind in type(value).__mro__:
                todo += [
                    getattr(value, slot)
                    for slot in getattr(kind, "__slots__", ())
                    if hasattr(value, slot)
                ]
            fields = getattr(value, "__struct_fields__", ())
            todo += [getattr(value, field) for field in fields]
    return total


def holds_at_most(bound: int, machine: Any, reads: Iterable[bytes]) -> int:
    """After every read ``machine`` holds no more than ``bound`` bytes. Returns the most."""
    most = 0
    for data in reads:
        machine.feed(data)
        held = retained(machine)
        most = max(most, held)
        hold(held <= bound, f"{held} bytes are held, {bound} allowed")
    return most


def work_is_linear(machine: Any, reads: Iterable[bytes], allowance: int) -> None:
    """A read that completes no event costs no copy of what is held already.

    Counted in bytes allocated during the call, not in time.
    """
    tracemalloc.start()
    try:
        for data in reads:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            machine.feed(data)
            spent = tracemalloc.get_traced_memory()[1] - before
            hold(
                spent <= len(data) * 8 + allowance,
                f"a read of {len(data)} bytes allocated {spent}",
            )
    finally:
        tracemalloc.stop()


def output_is_bounded(
    received: bytes, output: bytes, client: Codec, *, factor: int = 8, more: int = 4096
) -> None:
    """A client gets at most so many bytes for those of the upstream. ``factor`` is right for
    answers as vendors send them; see ``WORST_FACTOR`` for others."""
    limit = factor * len(received) + more
    hold(len(output) <= limit, f"{len(output)} bytes for {len(received)}, as {client.format.value}")


WORST_FACTOR = 96
"""A text of one letter is ten bytes of a Gemini stream, and an item of a Responses stream:
six events and a place in the last one, a thousand bytes."""

WORST_MORE = 64 << 10
"""Beside that: an answer whose only choice is the last of 128 has begun 127 others."""
