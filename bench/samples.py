"""What was measured, one value a row, and its files: TSV to count with, SVG to look at.

The first lines of a TSV begin with ``#`` and say where it was measured.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PUMP = "pump"
"""The contestant that all others are compared with."""


class Sample(NamedTuple):
    """One value."""

    scenario: str
    contestant: str
    round: int
    figure: str
    """What it is of them, with the unit: ``us_per_unit``, ``over_pump``, ``KiB_per_stream``..."""
    value: float


class Samples:
    """All of a run, in the order in which they came."""

    def __init__(self, head: Iterable[str] = (), samples: Iterable[Sample] = ()) -> None:
        self.head = list(head)
        self._all = list(samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._all)

    def add(self, scenario: str, contestant: str, round: int, **figures: float) -> None:
        self._all += [Sample(scenario, contestant, round, *each) for each in figures.items()]

    def values(self, scenario: str, contestant: str, figure: str) -> list[float]:
        """Round by round."""
        wanted = (scenario, contestant, figure)
        return [each.value for each in self if (each[0], each[1], each[3]) == wanted]

    def median(self, scenario: str, contestant: str, figure: str) -> float | str:
        """``"-"`` where there is none."""
        found = self.values(scenario, contestant, figure)
        return statistics.median(found) if found else "-"

    def pairs(self, figure: str) -> list[tuple[str, str]]:
        """Scenarios and contestants of which there is such a figure, as they came."""
        return list(dict.fromkeys(each[:2] for each in self if each.figure == figure))

    def compare(self, figure: str, floors: dict[str, str]) -> None:
        """Add ``over_pump``, round by round. ``floors`` says beside which scenario of the pump a
        scenario stands, where that is not the same."""
        for scenario, contestant in self.pairs(figure):
            base = self.values(floors.get(scenario, scenario), PUMP, figure)
            for at, value in enumerate(self.values(scenario, contestant, figure)):
                if at < len(base):
                    self.add(scenario, contestant, at + 1, over_pump=value / base[at])

    def write(self, file: Path) -> None:
        lines = [f"# {each}" for each in self.head]
        lines.append("\t".join(Sample._fields))
        lines += [
            "\t".join((*each[:2], str(each.round), each.figure, f"{each.value:.6g}"))
            for each in self
        ]
        file.write_text("\n".join(lines) + "\n")


def read(file: Path) -> Samples:
    """What :meth:`Samples.write` has written.

    Raises:
        ValueError: it has not.
    """
    lines = file.read_text().splitlines()
    head = [each[2:] for each in lines if each.startswith("# ")]
    names, *rows = [each.split("\t") for each in lines if not each.startswith("#")]
    if names != list(Sample._fields):
        raise ValueError(f"{file} has no columns {', '.join(Sample._fields)}")
    return Samples(head, (Sample(a, b, int(c), d, float(e)) for a, b, c, d, e in rows))


def add_files(parser: argparse.ArgumentParser) -> None:
    """The options that ask for them."""
    parser.add_argument("--tsv", type=Path, metavar="FILE", help="all values, round by round")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="the same to look at")


def write_files(samples: Samples, options: argparse.Namespace) -> None:
    """Those that were asked for."""
    from bench.plot import picture  # it reads them

    if options.tsv is not None:
        samples.write(options.tsv)
    if options.plot is not None:
        options.plot.write_text(picture(samples))
