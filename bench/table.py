"""What every benchmark prints: where it ran, then one table."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("msgspec", "anyio", "uvicorn", "httptools", "uvloop", "h11", "httpcore2")


def head(title: str) -> list[str]:
    """Print title, versions, processor and commit; gives the lines, too."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    lines = [
        title,
        f"{python}, {_cpu()}, {platform.system()} {platform.release()}, {_commit()}",
        ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    ]
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


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return f"commit {done.stdout.strip() or 'unknown'}"
