"""What ``python -m bench.soak`` counts, for seconds: goals that no busy machine excuses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bench.soak import attack, churn, endings, leaving, outage, reload, streams
from bench.soak.scenario import Options, Scenario, missed, play

SCENARIOS: dict[str, tuple[Scenario, Options]] = {
    "L1": (partial(streams.run, chunks=40), Options("", streams=40)),
    "L3": (churn.run, Options("", requests=300)),
    "L5": (reload.run, Options("", streams=20, seconds=3.0)),
    "L8": (endings.run, Options("", streams=40, runs=1, workers=2)),
    "L9": (leaving.run, Options("", runs=1)),
    "L10": (attack.run, Options("", streams=20, seconds=2.0)),
    "L12": (outage.run, Options("", seconds=2.0)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_and_nothing_stays_behind(name: str, tmp_path: Path) -> None:
    scenario, sizes = SCENARIOS[name]
    figures = play(scenario, replace(sizes, folder=str(tmp_path)), name)
    assert missed(figures) == []
