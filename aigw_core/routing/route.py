"""A plan that is being carried out: which target is next, and what became of each.

The order is that of the plan, but health is asked anew for each attempt: a target
that has begun to rest since is passed over while another is free.
"""

from __future__ import annotations

from aigw_core.config.snapshot import RetryPolicy
from aigw_core.errors import Failure
from aigw_core.health import Probation, Standing
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.plan import RoutePlan, Router
from aigw_core.routing.retry import Verdict, classify
from aigw_core.routing.strategy import step
from aigw_core.routing.target import Target


class Route:
    """The way of one request. One target at a time is under way."""

    __slots__ = ("_attempts", "_budget", "_health", "_left", "_probation", "_router", "plan")

    def __init__(self, plan: RoutePlan, router: Router, budget: RetryBudget) -> None:
        self.plan = plan
        self._router = router
        self._health = router.health
        self._budget = budget
        self._left = list(plan.targets)
        self._probation: Probation = ()
        self._attempts = 0

    def __repr__(self) -> str:
        return f"<Route attempts={self._attempts} left={len(self._left)}>"

    @property
    def policy(self) -> RetryPolicy:
        return self._router.snapshot.retry

    def peek(self, now: float) -> Target | None:
        """The next target; ``None``: there is none, or a retry there would be one too
        many."""
        retry = self._attempts > 0
        resting: Target | None = None
        for target in self._left:
            credential = target.credential
            if retry and not self._budget.allows(credential.base_url):
                continue
            if self._health.standing(credential.id, target.model, now) is not Standing.RESTING:
                return target
            resting = resting or target
        return resting

    def take(self, now: float) -> Target | None:
        """As ``peek``; it is not offered again."""
        target = self.peek(now)
        if target is not None:
            self._left.remove(target)
        return target

    def began(self, target: Target, now: float) -> None:
        """A request is on its way to ``target``."""
        router = self._router
        weight = step(router.snapshot.strategy, target)
        router.balance.used(target, weight, first=not self._attempts)
        if self._attempts:
            self._budget.take(target.credential.base_url)
        self._attempts += 1
        self._probation = self._health.began(target.credential.id, target.model, now)

    def answered(self, target: Target, seconds: float) -> None:
        """``target`` has begun to answer, ``seconds`` after it was asked."""
        self._health.answered(target.credential.id, target.model)
        self._router.balance.answered(target, seconds)

    def succeeded(self, target: Target) -> None:
        """The answer is complete."""
        self._budget.answered(target.credential.base_url)

    def failed(self, target: Target, failure: Failure, now: float) -> Verdict:
        """The answer failed, or there was none."""
        verdict = classify(failure, self.policy)
        self._health.failed(target.credential.id, target.model, failure.kind, verdict, now)
        return verdict

    def again(self, target: Target) -> None:
        """Let ``target`` have another try, after all others."""
        self._left.append(target)

    def ended(self, target: Target) -> None:
        """The attempt at ``target`` is over, however it went."""
        self._health.ended(target.credential.id, self._probation)
