"""A router under a fake clock, beside a plain model of what it owes.

The world moves by steps; each step asserts the laws that it touches. Hypothesis drives
it where a counter-example must be small, and a seeded random number generator where
there must be many runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.snapshot import RetryPolicy, ServedModel, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import CAPACITY, REFILL, RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.retry import Scope, Verdict
from aigw_core.routing.route import Route
from aigw_core.routing.target import Target
from tests.simulate import credential

MODELS = ("a", "b")

FAILURES = (
    (ErrorKind.RATE_LIMIT, 429, None),
    (ErrorKind.RATE_LIMIT, 429, 7.0),
    (ErrorKind.RATE_LIMIT, 429, 400_000.0),
    (ErrorKind.UPSTREAM, 500, None),
    (ErrorKind.OVERLOADED, 529, 3.0),
    (ErrorKind.OVERLOADED, None, None),
    (ErrorKind.UPSTREAM_AUTH, 401, None),
    (ErrorKind.UPSTREAM_AUTH, 403, None),
    (ErrorKind.INVALID_REQUEST, 400, None),
    (ErrorKind.UPSTREAM, None, None),
    (ErrorKind.UPSTREAM_TRUNCATED, None, None),
)
PAUSES = (0.5, 5.0, 9.0, 20.0, 70.0, 301.0)


class Flight(Struct):
    """A request that is at a target."""

    route: Route
    target: Target
    attempts: int
    tries_out: list[Owed]
    answered: bool = False


class Owed(Struct):
    """What a target owes: its rest, as the rules have it."""

    until: float = 0.0
    limited: bool = False
    named: bool = False


class World:
    """``count`` credentials for two models; ``strategy`` as configured."""

    def __init__(
        self,
        count: int,
        strategy: str = "round-robin",
        *,
        health: Health | None = None,
        balance: Balance | None = None,
        budget: RetryBudget | None = None,
        route: Callable[..., Route] = Route,
    ) -> None:
        served = tuple(ServedModel(model) for model in MODELS)
        self.snapshot = Snapshot(
            "test",
            credentials=tuple(
                replace(credential(number, Format.CHAT), models=served) for number in range(count)
            ),
            strategy=strategy,
            retry=RetryPolicy(),
        )
        self.health = health or Health()
        self.balance = balance or Balance()
        self.budget = budget or RetryBudget()
        self.make_route = route
        self.router = Router(Catalogue(self.snapshot), self.health, self.balance)
        self.now = 0.0
        self.flights: list[Flight] = []
        self.owed: dict[tuple[str, str], Owed] = {}
        self.undisturbed = True
        self.firsts: dict[tuple[str, str], int] = {}
        self.retries = 0
        self.completed = 0

    # --- the model ---

    def owing(self, target: Target) -> list[Owed]:
        keys = ((target.credential.id, ""), (target.credential.id, target.model))
        return [self.owed[key] for key in keys if key in self.owed]

    def rests(self, target: Target) -> bool:
        return any(each.until > self.now for each in self.owing(target))

    def on_probation(self, target: Target) -> bool:
        owing = self.owing(target)
        return bool(owing) and not self.rests(target) and not all(each.named for each in owing)

    def is_tried_out(self, target: Target) -> bool:
        """Somebody is finding out already."""
        return any(
            owed is tried
            for owed in self.owing(target)
            if not owed.named
            for flight in self.flights
            for tried in flight.tries_out
        )

    def free(self, targets: Sequence[Target]) -> list[Target]:
        return [
            target
            for target in targets
            if not self.rests(target)
            and not (self.on_probation(target) and self.is_tried_out(target))
        ]

    def everyone(self, model: str) -> list[Target]:
        tiers = self.router.catalogue.find(model, Format.CHAT).tiers
        return [target for tier in tiers for target in tier]

    # --- the steps ---

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def asks(self, model: str, roll: float) -> None:
        """A client's request: planned, and begun."""
        asked = Asked((model,), Format.CHAT, Caller(), roll=roll)
        everyone = self.everyone(model)
        free = self.free(everyone)
        try:
            plan = self.router.plan(asked, self.now)
        except GatewayError as exc:
            assert not free, "refused, while a target is free"
            self._check_refusal(everyone, exc)
            return
        reloaded = Router(Catalogue(self.snapshot), self.health, self.balance)
        assert reloaded.plan(asked, self.now) == plan, "a reload changes the route"
        chosen = plan.targets
        identifiers = [target.credential.id for target in chosen]
        assert len(set(identifiers)) == len(identifiers)
        if free:
            assert set(identifiers) == {target.credential.id for target in free}
        else:
            assert all(self.rests(target) or self.on_probation(target) for target in chosen)
        self._begin(self.make_route(plan, self.router, self.budget), 0)

    def _check_refusal(self, everyone: Sequence[Target], exc: GatewayError) -> None:
        assert exc.failure.kind is ErrorKind.RATE_LIMIT
        ends = []
        for target in everyone:
            worst = max(self.owing(target), key=lambda each: each.until)
            assert worst.limited, "refused, while a target rests for a fault only"
            ends.append(worst.until)
        wait = exc.failure.retry_after
        assert wait is not None
        assert abs(wait - max(min(ends) - self.now, 1.0)) < 1e-6

    def _begin(self, route: Route, attempts: int) -> None:
        left = list(route._left)
        target = route.take(self.now)
        if target is None:
            return
        if attempts:
            self.retries += 1
            free = self.free(left)
            assert not free or target in free, "a resting target, while another is free"
            allowance = CAPACITY + REFILL * self.completed
            assert self.retries <= allowance + 1e-6, "more retries than the budget has"
        elif self.undisturbed:
            self._check_turns(target)
        probe = self.on_probation(target) and not self.is_tried_out(target)
        route.began(target, self.now)
        tries_out = [each for each in self.owing(target) if not each.named] if probe else []
        self.flights.append(Flight(route, target, attempts + 1, tries_out))

    def _check_turns(self, target: Target) -> None:
        if self.snapshot.strategy != "round-robin":
            return
        key = (target.model, target.credential.id)
        self.firsts[key] = self.firsts.get(key, 0) + 1
        counts = [self.firsts.get((target.model, each.id), 0) for each in self.snapshot.credentials]
        assert max(counts) - min(counts) <= 1, "the turns are not even"

    def answers(self, at: int) -> None:
        """The first content of one flight."""
        flight = self._flight(at)
        if flight is None or flight.answered:
            return
        flight.answered = True
        flight.route.answered(flight.target, 0.5)
        for key in (
            (flight.target.credential.id, ""),
            (flight.target.credential.id, flight.target.model),
        ):
            self.owed.pop(key, None)

    def completes(self, at: int) -> None:
        flight = self._flight(at)
        if flight is None or not flight.answered:
            return
        flight.route.succeeded(flight.target)
        flight.route.ended(flight.target)
        self.flights.remove(flight)
        self.completed += 1

    def leaves(self, at: int) -> None:
        """The client of one flight goes away: nobody's fault."""
        flight = self._flight(at)
        if flight is not None:
            flight.route.ended(flight.target)
            self.flights.remove(flight)

    def fails(self, at: int, kind: int) -> None:
        flight = self._flight(at)
        if flight is None:
            return
        cause, status, wait = FAILURES[kind % len(FAILURES)]
        failure = Failure(cause, "x", status, retry_after=wait)
        verdict = flight.route.failed(flight.target, failure, self.now)
        self._owe(flight.target, verdict)
        flight.route.ended(flight.target)
        self.flights.remove(flight)
        policy = self.snapshot.retry
        if verdict.retry and not flight.answered and flight.attempts < policy.attempts:
            if verdict.same_target:
                flight.route.again(flight.target)
            self._begin(flight.route, flight.attempts)

    def _owe(self, target: Target, verdict: Verdict) -> None:
        if verdict.scope is Scope.NOBODY:
            assert verdict.cooldown == 0
            return
        self.undisturbed = False
        key = (target.credential.id, target.model if verdict.scope is Scope.MODEL else "")
        owed = self.owed.setdefault(key, Owed())
        rest = self.health.rest(target.credential.id, target.model)
        assert rest is not None, "a fault without a rest"
        assert rest.until >= owed.until, "a later failure shortened a rest"
        assert rest.until >= self.now + verdict.cooldown
        assert rest.until <= self.now + 3600.0 or rest.until == owed.until, "a rest of days"
        found = self.health.marked[key[0]][key[1]]
        owed.until, owed.limited, owed.named = found.until, found.limited, found.named

    def _flight(self, at: int) -> Flight | None:
        return self.flights[at % len(self.flights)] if self.flights else None

    # --- what always holds ---

    def check(self) -> None:
        for each in self.snapshot.credentials:
            running = sum(flight.target.credential.id == each.id for flight in self.flights)
            assert self.health.in_flight(each.id) == running, "a flight is not counted"
            for model in MODELS:
                mark = self.health.marked.get(each.id, {}).get(model)
                owed = self.owed.get((each.id, model))
                tried_out = any(
                    owed is tried for flight in self.flights for tried in flight.tries_out
                )
                assert mark is None or not mark.probing or tried_out, "a probe that nobody makes"
