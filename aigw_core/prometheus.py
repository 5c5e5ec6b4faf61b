"""Prometheus text exposition, version 0.0.4.

Source: the format's description in the Prometheus documentation, "Exposition
formats": one HELP and TYPE line for each family, all its samples together; backslash,
quote and line feed escaped in label values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]
Number = int | float | Decimal

_TEXT = ("text/plain", "application/openmetrics-text")


class Family(Struct, frozen=True):
    """All samples of one name."""

    name: str
    kind: str
    """``counter``, ``gauge`` or ``histogram``."""
    help: str
    samples: tuple[tuple[str, Labels, Number], ...]
    """Suffix of the name, labels, value."""


def exposition(families: Iterable[Family]) -> bytes:
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for suffix, labels, value in family.samples:
            lines.append(f"{family.name}{suffix}{_labels(labels)} {_number(value)}")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def counter(name: str, help: str, table: Mapping[Labels, Number] | Number) -> Family:
    """``name`` ends in ``_total``."""
    return _flat(name, "counter", help, table)


def gauge(name: str, help: str, table: Mapping[Labels, Number] | Number) -> Family:
    return _flat(name, "gauge", help, table)


def _flat(name: str, kind: str, help: str, table: Mapping[Labels, Number] | Number) -> Family:
    samples = table if isinstance(table, Mapping) else {(): table}
    return Family(name, kind, help, tuple(("", labels, value) for labels, value in samples.items()))


class Histogram:
    """Counts values below ``bounds``, which ascend."""

    def __init__(self, *bounds: float) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def __repr__(self) -> str:
        return f"<Histogram count={self.count} sum={self.sum:g}>"

    @property
    def count(self) -> int:
        return sum(self._counts)

    @property
    def bounds(self) -> tuple[float, ...]:
        return self._bounds

    @property
    def counts(self) -> tuple[int, ...]:
        """One for each bound, and one for what is above them all."""
        return tuple(self._counts)

    def add(self, counts: Sequence[int], sum: float) -> None:
        """What another one with the same bounds has counted."""
        self._counts = [mine + more for mine, more in zip(self._counts, counts, strict=True)]
        self.sum += sum

    def observe(self, value: float, weight: int = 1) -> None:
        """``weight`` observations of ``value``."""
        at = 0
        for bound in self._bounds:
            if value <= bound:
                break
            at += 1
        self._counts[at] += weight
        self.sum += value * weight

    def samples(self, labels: Labels = ()) -> list[tuple[str, Labels, Number]]:
        found: list[tuple[str, Labels, Number]] = []
        below = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            below += count
            found.append(("_bucket", (*labels, ("le", _number(bound))), below))
        return [*found, ("_sum", labels, self.sum), ("_count", labels, below)]


def histogram(name: str, help: str, table: Mapping[Labels, Histogram] | Histogram) -> Family:
    histograms = {(): table} if isinstance(table, Histogram) else table
    samples = [sample for labels, each in histograms.items() for sample in each.samples(labels)]
    return Family(name, "histogram", help, tuple(samples))


def wanted(accept: str | None) -> bool:
    """Whether an ``accept`` header asks for this format rather than for JSON.

    Scrapers that prefer OpenMetrics take this one as well. ``*/*``, which
    most clients send, asks for neither.
    """
    text = json = 0.0
    for entry in (accept or "").split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                weight = _weight(parameter[2:])
        if kind in _TEXT or kind == "text/*":
            text = max(text, weight)
        elif kind == "application/json":
            json = max(json, weight)
    return text > json


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped_value(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escaped_value(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _number(value: Number) -> str:
    if value == float("inf"):
        return "+Inf"
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)
