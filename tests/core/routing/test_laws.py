"""The router as a state machine: requests, answers, failures and time in any order."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from aigw_core.errors import ErrorKind, Failure
from aigw_core.health import Health, Probation, Standing
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.retry import Verdict
from aigw_core.routing.route import Route
from aigw_core.routing.strategy import STRATEGIES
from aigw_core.routing.target import Target
from tests.core.routing.world import FAILURES, MODELS, PAUSES, World

RUNS = int(os.environ.get("AIGW_ROUTER_RUNS", "600"))
STEPS = 200


class Machine(RuleBasedStateMachine):
    @initialize(count=st.integers(1, 4), strategy=st.sampled_from(sorted(STRATEGIES)))
    def begin(self, count: int, strategy: str) -> None:
        self.world = World(count, strategy)

    @rule(seconds=st.sampled_from(PAUSES))
    def passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    @rule(model=st.sampled_from(MODELS), roll=st.floats(0, 1, exclude_max=True))
    def asks(self, model: str, roll: float) -> None:
        self.world.asks(model, roll)

    @rule(at=st.integers(0, 9))
    def answers(self, at: int) -> None:
        self.world.answers(at)

    @rule(at=st.integers(0, 9))
    def completes(self, at: int) -> None:
        self.world.completes(at)

    @rule(at=st.integers(0, 9))
    def leaves(self, at: int) -> None:
        self.world.leaves(at)

    @rule(at=st.integers(0, 9), kind=st.integers(0, len(FAILURES) - 1))
    def fails(self, at: int, kind: int) -> None:
        self.world.fails(at, kind)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()


def test_the_router_keeps_its_laws() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=100, stateful_step_count=40, deadline=None, derandomize=True, database=None
        ),
    )


def run(seed: int, make: Callable[[int, str], World] = World) -> None:
    """200 steps, drawn by lot."""
    dice = random.Random(seed)
    world = make(dice.randint(1, 4), dice.choice(["round-robin", *STRATEGIES]))
    faults = dice.choice([0.0, 0.05, 0.15])
    for _ in range(STEPS):
        lot = dice.random()
        if lot < 0.35:
            world.asks(dice.choice(MODELS), dice.random())
        elif lot < 0.5:
            world.answers(dice.randrange(10))
        elif lot < 0.65:
            world.completes(dice.randrange(10))
        elif lot < 0.7:
            world.leaves(dice.randrange(10))
        elif lot < 0.7 + faults:
            world.fails(dice.randrange(10), dice.randrange(len(FAILURES)))
        elif lot > 0.85:
            world.passes(dice.choice(PAUSES))
        world.check()


def many(runs: int, make: Callable[[int, str], World] = World) -> None:
    for seed in range(runs):
        run(seed, make)


def test_many_runs_keep_them() -> None:
    """``AIGW_ROUTER_RUNS`` sets how many."""
    many(RUNS)


class ForgetsLimits(Health):
    def standing(self, credential: str, model: str, now: float) -> Standing:
        rest = self.rest(credential, model)
        limited = rest is not None and rest.limited
        return Standing.READY if limited else super().standing(credential, model, now)


class ShortensRests(Health):
    def failed(
        self, credential: str, model: str, cause: ErrorKind, verdict: Verdict, now: float
    ) -> None:
        self.marked.pop(credential, None)
        super().failed(credential, model, cause, verdict, now)


class MiscountsFlights(Health):
    def ended(self, credential: str, probation: Probation) -> None:
        self._in_flight.pop(credential, None)


class ForgetsProbes(Health):
    def ended(self, credential: str, probation: Probation) -> None:
        super().ended(credential, ())


class AdmitsCrowds(Health):
    """Everybody may try a target out."""

    def began(self, credential: str, model: str, now: float) -> Probation:
        for mark in super().began(credential, model, now):
            mark.probing = False
        return ()


class RestsForDays(Health):
    def failed(
        self, credential: str, model: str, cause: ErrorKind, verdict: Verdict, now: float
    ) -> None:
        super().failed(credential, model, cause, verdict, now)
        for mark in self.marked.get(credential, {}).values():
            if mark.named:
                mark.until = now + 400_000.0


class SkipsTurns(Balance):
    def used(self, target: Target, weight: float, *, first: bool) -> None:
        super().used(target, weight, first=first)
        if target.credential.position == 0:
            super().used(target, weight, first=False)


class Generous(RetryBudget):
    def allows(self, base_url: str) -> bool:
        return True


class Stubborn(Route):
    """Goes by the plan, whatever has happened since."""

    def peek(self, now: float) -> Target | None:
        return self._left[0] if self._left else None


class BlamesClients(Route):
    def failed(self, target: Target, failure: Failure, now: float) -> Verdict:
        if failure.kind is ErrorKind.INVALID_REQUEST:
            failure = Failure(ErrorKind.UPSTREAM, "x", 500)
            super().failed(target, failure, now)
            return super().failed(target, Failure(ErrorKind.INVALID_REQUEST, "x", 400), now)
        return super().failed(target, failure, now)


BUGS: dict[str, Callable[[int, str], World]] = {
    "forgets limits": lambda count, strategy: World(count, strategy, health=ForgetsLimits()),
    "shortens rests": lambda count, strategy: World(count, strategy, health=ShortensRests()),
    "miscounts flights": lambda count, strategy: World(count, strategy, health=MiscountsFlights()),
    "forgets probes": lambda count, strategy: World(count, strategy, health=ForgetsProbes()),
    "admits crowds": lambda count, strategy: World(count, strategy, health=AdmitsCrowds()),
    "rests for days": lambda count, strategy: World(count, strategy, health=RestsForDays()),
    "skips turns": lambda count, strategy: World(count, strategy, balance=SkipsTurns()),
    "retries without bound": lambda count, strategy: World(count, strategy, budget=Generous()),
    "goes by an old plan": lambda count, strategy: World(count, strategy, route=Stubborn),
    "blames clients": lambda count, strategy: World(count, strategy, route=BlamesClients),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_caught(bug: str) -> None:
    with pytest.raises(AssertionError):
        many(600, BUGS[bug])
