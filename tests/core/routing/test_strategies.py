"""The order among equal targets."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.errors import ErrorKind
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.retry import Scope, Verdict
from aigw_core.routing.strategy import STRATEGIES, Draw, scores, step
from aigw_core.routing.target import Match, Target
from tests.simulate import credential


def targets(*weights: int) -> list[Target]:
    return [
        Target(
            replace(credential(number, Format.CHAT), weight=weight, position=number),
            "m",
            Match.EXACT,
            "m",
        )
        for number, weight in enumerate(weights)
    ]


def first(strategy: str, of: list[Target], draw: Draw) -> Target:
    found = scores(strategy, of, draw)
    return of[found.index(min(found))]


def drawing(
    balance: Balance | None = None,
    health: Health | None = None,
    *,
    roll: float = 0.0,
    sticky: str | None = None,
) -> Draw:
    return Draw("m", health or Health(), balance or Balance(), roll, sticky)


def run(strategy: str, of: list[Target], times: int) -> list[int]:
    """The positions chosen, one request after another."""
    balance, chosen = Balance(), []
    for _ in range(times):
        target = first(strategy, of, drawing(balance))
        balance.used(target, step(strategy, target), first=True)
        chosen.append(target.credential.position)
    return chosen


def test_round_robin_ignores_weights_and_weighted_follows_them() -> None:
    assert run("round-robin", targets(1, 5, 1), 6) == [0, 1, 2, 0, 1, 2]
    assert Counter(run("weighted", targets(1, 3, 2), 600)) == {0: 100, 1: 300, 2: 200}


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 120))
def test_weighted_turns_are_never_more_than_one_off(weights: list[int], times: int) -> None:
    counts = Counter(run("weighted", targets(*weights), times))
    for position, weight in enumerate(weights):
        due = times * weight / sum(weights)
        assert abs(counts[position] - due) <= len(weights)


def test_two_models_do_not_share_their_turns() -> None:
    """Requests that alternate between two models must not give each its own credential."""
    balance, pair = Balance(), targets(1, 1)
    chosen: dict[str, list[int]] = {"a": [], "b": []}
    for number in range(8):
        model = "ab"[number % 2]
        named = [replace(target, requested=model) for target in pair]
        draw = Draw(model, Health(), balance, 0.0)
        target = first("round-robin", named, draw)
        balance.used(target, 1.0, first=True)
        chosen[model].append(target.credential.position)
    assert chosen == {"a": [0, 1, 0, 1], "b": [0, 1, 0, 1]}


def test_a_target_that_was_away_does_not_catch_up() -> None:
    balance, pair = Balance(), targets(1, 1)
    for _ in range(50):
        balance.used(pair[0], 1.0, first=True)
    chosen = []
    for _ in range(6):
        target = first("round-robin", pair, drawing(balance))
        balance.used(target, 1.0, first=True)
        chosen.append(target.credential.position)
    assert sorted(chosen) == [0, 0, 0, 1, 1, 1]


def test_what_failed_over_counts_too() -> None:
    balance, three = Balance(), targets(1, 1, 1)
    balance.used(three[0], 1.0, first=True)
    balance.used(three[1], 1.0, first=False)
    assert first("round-robin", three, drawing(balance)) is three[2]


def test_least_in_flight_by_weight() -> None:
    health, pair = Health(), targets(1, 3)
    for _ in range(2):
        health.began("id-1", "m", 0.0)
    health.began("id-0", "m", 0.0)
    assert first("least-in-flight", pair, drawing(health=health)) is pair[1]
    health.began("id-1", "m", 0.0)
    health.began("id-1", "m", 0.0)
    assert first("least-in-flight", pair, drawing(health=health)) is pair[0]


def test_least_in_flight_takes_turns_among_equals() -> None:
    assert run("least-in-flight", targets(1, 1, 1), 6) == [0, 1, 2, 0, 1, 2]


def test_lowest_latency_never_takes_the_slowest_of_three() -> None:
    balance, three = Balance(), targets(1, 1, 1)
    for target, seconds in zip(three, (3.0, 1.0, 2.0), strict=True):
        balance.answered(target, seconds)
    rolls = [number / 60 for number in range(60)]
    chosen = Counter(
        first("lowest-latency", three, drawing(balance, roll=roll)).credential.position
        for roll in rolls
    )
    assert chosen == {1: 40, 2: 20}


def test_a_target_without_a_time_is_tried() -> None:
    balance, pair = Balance(), targets(1, 1)
    balance.answered(pair[0], 0.1)
    assert first("lowest-latency", pair, drawing(balance)) is pair[1]


def test_the_average_moves_by_three_tenths() -> None:
    balance, (target,) = Balance(), targets(1)
    balance.answered(target, 1.0)
    balance.answered(target, 2.0)
    assert balance.seconds(target) == pytest.approx(1.3)


@pytest.mark.parametrize("strategy", ["sticky-key", "sticky-session", "sticky-prefix"])
def test_sticky_stays_and_moves_little(strategy: str) -> None:
    four = targets(1, 1, 1, 1)
    before = {
        value: first(strategy, four, drawing(sticky=value)).credential.position
        for value in map(str, range(400))
    }
    assert all(60 < count < 140 for count in Counter(before.values()).values())
    left = four[:2] + four[3:]
    for value, position in before.items():
        after = first(strategy, left, drawing(sticky=value)).credential.position
        assert after == position or position == 2


def test_sticky_follows_weights_and_without_a_value_takes_turns() -> None:
    pair = targets(1, 3)
    counts = Counter(
        first("sticky-key", pair, drawing(sticky=str(value))).credential.position
        for value in range(1000)
    )
    assert 180 < counts[0] < 320
    assert run("sticky-key", targets(1, 1), 4) == [0, 1, 0, 1]


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(1, 6), st.floats(0, 1, exclude_max=True), st.none() | st.text(max_size=9))
def test_every_strategy_is_a_function(
    strategy: str, count: int, roll: float, sticky: str | None
) -> None:
    of = targets(*range(1, count + 1))
    draw = drawing(roll=roll, sticky=sticky)
    assert len(scores(strategy, of, draw)) == count
    assert scores(strategy, of, draw) == scores(strategy, of, draw)


def test_what_is_remembered_is_bounded() -> None:
    balance, (target,) = Balance(), targets(1)
    for number in range(3000):
        balance.used(replace(target, requested=f"made-up-{number}"), 1.0, first=True)
        balance.answered(replace(target, model=f"made-up-{number}"), 1.0)
    assert len(balance._turns) <= 1024
    assert len(balance._seconds) <= 1024
    health = Health()
    verdict = Verdict(True, False, False, Scope.MODEL, 5.0)
    for number in range(9000):
        health.failed("id", f"m-{number}", ErrorKind.UPSTREAM, verdict, float(number))
    assert len(health.rests()) <= 256
