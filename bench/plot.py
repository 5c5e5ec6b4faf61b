"""A picture of a TSV of :mod:`bench.samples`: ``python -m bench.plot FILE.tsv FILE.svg``.

A line for each scenario and contestant: a dot for each round, a bar from the least to the
most, a mark at the median. Costs are ratios to the pump of the same round, memory is KiB,
both on a scale of powers.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path

from bench.samples import Samples, read

_LEFT, _WIDTH, _RIGHT, _LINE = 250, 560, 90, 22
_COLOURS = ("#5b6770", "#1f6fb2", "#c2570c", "#2c8a4b", "#8a3ea8", "#b3263a", "#8a7414", "#0f7f86")
_STEPS = (1, 2, 5)

Scale = Callable[[float], float]
"""From a value to its place, 0 to 1."""


def picture(samples: Samples) -> str:
    """The SVG."""
    contestants = list(dict.fromkeys(each.contestant for each in samples))
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(contestants)}
    parts: list[str] = []
    at = 34.0
    for line in samples.head:
        parts.append(_text(20, at, line, "head" if at < 40 else "note"))
        at += 18
    for figure, title in (
        ("over_pump", "processor time, as multiples of the pump's in the same round"),
        ("KiB_per_stream", "memory of each open stream, KiB"),
    ):
        if samples.pairs(figure):
            panel, at = _panel(samples, figure, title, colours, at + 26)
            parts += panel
    width, height = _LEFT + _WIDTH + _RIGHT, at + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" '
        f'viewBox="0 0 {width} {height:.0f}" font-family="system-ui, sans-serif" font-size="12">'
        "<style>.head{font-size:15px;font-weight:600}.note{fill:#5b6770;font-size:11px}"
        ".title{font-weight:600}.grid{stroke:#dfe3e8}.one{stroke:#5b6770;stroke-dasharray:3 3}"
        "</style>"
        f'<rect width="{width}" height="{height:.0f}" fill="#ffffff"/>'
        + "".join(parts)
        + "</svg>\n"
    )


def _panel(
    samples: Samples, figure: str, title: str, colours: dict[str, str], top: float
) -> tuple[list[str], float]:
    """Its parts, and where it ends."""
    pairs = sorted(samples.pairs(figure), key=lambda pair: _place(samples, figure, pair))
    all_values = [each.value for each in samples if each.figure == figure]
    place, ticks = _powers(all_values)
    parts = [_text(20, top, title, "title")]
    first = at = top + 14
    scenario = ""
    for pair in pairs:
        if pair[0] != scenario:
            at += 8
            scenario = pair[0]
            parts.append(_text(20, at + 15, scenario, "title"))
        values = samples.values(*pair, figure)
        parts += _row(pair[1], values, place, colours[pair[1]], at + 11)
        at += _LINE
    grid: list[str] = []
    for tick in ticks:
        x = _LEFT + place(tick) * _WIDTH
        kind = "one" if figure == "over_pump" and tick == 1 else "grid"
        grid.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{first}" y2="{at + 4}"/>')
        grid.append(_text(x, at + 18, f"{tick:,g}", anchor="middle"))
    unit = "times the pump" if figure == "over_pump" else "KiB"
    grid.append(_text(_LEFT + _WIDTH / 2, at + 34, unit, "note", anchor="middle"))
    return grid + parts, at + 40


def _place(samples: Samples, figure: str, pair: tuple[str, str]) -> tuple[int, int]:
    """Scenarios as they came, and the contestants of each as they came."""
    pairs = samples.pairs(figure)
    scenarios = list(dict.fromkeys(scenario for scenario, _ in pairs))
    return scenarios.index(pair[0]), pairs.index(pair)


def _row(name: str, values: list[float], place: Scale, colour: str, y: float) -> list[str]:
    def x(value: float) -> float:
        return _LEFT + place(value) * _WIDTH

    median = statistics.median(values)
    low, middle, high = x(min(values)), x(median), x(max(values))
    label = f"{median:,.0f}" if median >= 100 else f"{median:.3g}"
    return [
        _text(_LEFT - 10, y + 4, name, anchor="end"),
        f'<rect x="{low:.1f}" y="{y - 4}" width="{max(high - low, 1):.1f}" height="8" rx="3" '
        f'fill="{colour}" opacity="0.25"/>',
        *(
            f'<circle cx="{x(value):.1f}" cy="{y}" r="2.5" fill="{colour}" opacity="0.7"/>'
            for value in values
        ),
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - 7}" y2="{y + 7}" stroke="{colour}" '
        'stroke-width="2.5"/>',
        _text(high + 8, y + 4, label),
    ]


def _powers(values: list[float]) -> tuple[Scale, list[float]]:
    usable = [each for each in values if each > 0] or [1.0]
    low = math.log10(min(0.9, *usable, 1.0) * 0.95)
    high = math.log10(max(*usable, 2.0) * 1.05)
    ticks = [
        step * 10.0**power
        for power in range(math.floor(low), math.ceil(high) + 1)
        for step in _STEPS
    ]

    def place(value: float) -> float:
        return (math.log10(max(value, 10**low)) - low) / (high - low)

    return place, [each for each in ticks if low <= math.log10(each) <= high]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("python -m bench.plot FILE.tsv FILE.svg")
    Path(sys.argv[2]).write_text(picture(read(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
