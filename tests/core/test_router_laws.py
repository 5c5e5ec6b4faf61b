"""The router as a state machine: plans, failures, successes and time in any order."""

from __future__ import annotations

from typing import Any

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
from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.snapshot import RetryPolicy, ServedModel, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Cooldown, Health
from aigw_core.routing.plan import plan
from aigw_core.routing.retry import Scope, Verdict, classify
from tests.simulate import credential

KINDS = st.sampled_from(
    [
        (ErrorKind.RATE_LIMIT, 429),
        (ErrorKind.UPSTREAM, 500),
        (ErrorKind.OVERLOADED, 529),
        (ErrorKind.UPSTREAM_AUTH, 401),
        (ErrorKind.INVALID_REQUEST, 400),
        (ErrorKind.UPSTREAM, None),
        (ErrorKind.UPSTREAM_TRUNCATED, None),
    ]
)
POLICY = RetryPolicy()
MODELS = ("a", "b")


class Router(RuleBasedStateMachine):
    """A model of what must be resting, kept beside the real thing."""

    health_type: type[Health] = Health

    @initialize(count=st.integers(1, 4))
    def begin(self, count: int) -> None:
        served = tuple(ServedModel(model) for model in MODELS)
        self.snapshot = Snapshot(
            "test",
            credentials=tuple(
                replace(credential(number, Format.CHAT), models=served) for number in range(count)
            ),
        )
        self.health = self.health_type()
        self.now = 0.0
        self.turn = 0
        self.flying: list[str] = []
        self.resting: dict[tuple[str, str], tuple[float, bool]] = {}

    def until(self, identifier: str, model: str) -> tuple[float, bool] | None:
        both = [self.resting.get((identifier, each)) for each in ("", model)]
        running = [each for each in both if each is not None and each[0] > self.now]
        return max(running, default=None)

    @rule(seconds=st.sampled_from([0.5, 9.0, 20.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        number=st.integers(0, 3),
        model=st.sampled_from(MODELS),
        kind=KINDS,
        wait=st.none() | st.floats(0, 9000),
    )
    def fails(
        self, number: int, model: str, kind: tuple[ErrorKind, int | None], wait: float | None
    ) -> None:
        each = self.snapshot.credentials[number % len(self.snapshot.credentials)]
        failure = Failure(kind[0], "x", kind[1], retry_after=wait)
        verdict = classify(failure, POLICY)
        self.health.failed(each.id, model, failure.kind, verdict, self.now)
        if verdict.scope is Scope.NOBODY or not verdict.cooldown:
            return
        key = (each.id, model if verdict.scope is Scope.MODEL else "")
        until = (self.now + verdict.cooldown, verdict.limited)
        known = self.resting.get(key)
        if known is None or known[0] <= self.now or known[0] < until[0]:
            self.resting[key] = until

    @rule(number=st.integers(0, 3), model=st.sampled_from(MODELS))
    def succeeds(self, number: int, model: str) -> None:
        each = self.snapshot.credentials[number % len(self.snapshot.credentials)]
        self.health.succeeded(each.id, model)
        self.resting.pop((each.id, model), None)
        self.resting.pop((each.id, ""), None)

    @rule(number=st.integers(0, 3))
    def begins(self, number: int) -> None:
        each = self.snapshot.credentials[number % len(self.snapshot.credentials)]
        self.health.began(each.id)
        self.flying.append(each.id)

    @rule()
    def ends(self) -> None:
        if self.flying:
            self.health.ended(self.flying.pop())

    @rule(model=st.sampled_from(MODELS))
    def routes(self, model: str) -> None:
        self.turn += 1
        rests = {each.id: self.until(each.id, model) for each in self.snapshot.credentials}
        free = {identifier for identifier, rest in rests.items() if rest is None}
        soft = {identifier for identifier, rest in rests.items() if rest and not rest[1]}
        try:
            found = plan(
                model,
                Format.CHAT,
                Caller(),
                self.snapshot,
                self.health,
                turn=self.turn,
                now=self.now,
            )
        except GatewayError as exc:
            assert not free
            assert not soft
            smallest = min(rest[0] for rest in rests.values() if rest)
            wait = exc.failure.retry_after
            assert wait is not None
            assert abs(wait - max(smallest - self.now, 1.0)) < 1e-6
            return
        chosen = [target.credential.id for target in found.targets]
        # Nobody who rests is chosen while somebody is free, and nobody twice.
        assert set(chosen) == (free or soft)
        assert len(chosen) == len(set(chosen))

    @invariant()
    def counts_are_true(self) -> None:
        if not hasattr(self, "health"):
            return
        for each in self.snapshot.credentials:
            assert self.health.in_flight(each.id) == self.flying.count(each.id)


SETTINGS = settings(
    max_examples=120, stateful_step_count=40, deadline=None, derandomize=True, database=None
)


def test_the_router_keeps_its_laws() -> None:
    run_state_machine_as_test(Router, settings=SETTINGS)


class ForgetsLimits(Health):
    def cooldown(self, credential: str, model: str, now: float) -> Cooldown | None:
        found = super().cooldown(credential, model, now)
        return None if found is not None and found.limited else found


class ShortensRests(Health):
    def failed(
        self, credential: str, model: str, cause: ErrorKind, verdict: Verdict, now: float
    ) -> None:
        self._cooldowns.clear()
        super().failed(credential, model, cause, verdict, now)


class MiscountsFlights(Health):
    def ended(self, credential: str) -> None:
        self._in_flight.pop(credential, None)


@pytest.mark.parametrize("bug", [ForgetsLimits, ShortensRests, MiscountsFlights])
def test_planted_bugs_are_caught(bug: type[Health]) -> None:
    broken: Any = type("Broken", (Router,), {"health_type": bug})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(broken, settings=SETTINGS)


def test_round_robin_is_fair() -> None:
    served = (ServedModel("a"),)
    three = tuple(replace(credential(number, Format.CHAT), models=served) for number in range(3))
    snapshot = Snapshot("test", credentials=three)
    counts: dict[str, int] = {}
    for turn in range(100):
        found = plan("a", Format.CHAT, Caller(), snapshot, Health(), turn=turn, now=0.0)
        first = found.targets[0].credential.id
        counts[first] = counts.get(first, 0) + 1
    assert max(counts.values()) - min(counts.values()) <= 1
