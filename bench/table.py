"""What every benchmark prints: where it ran, then one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from aigw_asgi.bench.machine import this_machine


def head(title: str) -> list[str]:
    """Print title, versions, processor and commit; gives the lines, too."""
    lines = [title, *this_machine().lines()]
    for line in lines:
        print(f"# {line}", flush=True)
    return lines


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they need to be; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(name), *(len(row[at]) for row in cells)) if cells else len(name)
        for at, name in enumerate(columns)
    ]
    print("  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)))
    for row, values in zip(cells, rows, strict=True):
        print(
            "  ".join(
                cell.rjust(width) if isinstance(value, int | float) else cell.ljust(width)
                for cell, value, width in zip(row, values, widths, strict=True)
            )
        )


def best(run: Callable[[], object], *, number: int, repeat: int = 7) -> float:
    """Seconds of one ``run``, the best of ``repeat`` rounds of ``number``."""
    lowest = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            run()
        lowest = min(lowest, time.perf_counter() - start)
    return lowest / number


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value)
