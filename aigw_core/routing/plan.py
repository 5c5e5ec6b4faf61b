"""The route of a request: targets in order, and why the others were rejected.

``Router.plan`` is a pure function of what is asked and of the state that it is shown;
:class:`~aigw_core.routing.route.Route` carries a plan out.

Order: the names of the chain one after another; for each the credentials' priority,
then exact before alias before glob before no list, then the client's own format, then
the strategy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.snapshot import Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Health, Standing
from aigw_core.routing.balance import Balance
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.chain import Link, chain
from aigw_core.routing.glob import glob_match
from aigw_core.routing.names import close_names, served_names
from aigw_core.routing.strategy import Draw, scores
from aigw_core.routing.target import Rejection, Target


class Asked(Struct, frozen=True):
    """What routing looks at in a request."""

    models: tuple[str, ...]
    """In the client's order; at least one."""
    format: Format
    caller: Caller
    sticky: str | None = None
    """See :func:`aigw_core.routing.affinity.sticky_value`."""
    roll: float = 0.0
    """A random number in [0, 1)."""


class RoutePlan(Struct, frozen=True):
    targets: tuple[Target, ...]
    """In the order to try; at least one. Resting ones only when no other is left."""
    scores: tuple[float, ...] = ()
    """Of the strategy, for each target; the lowest of its tier comes first. For resting
    ones the time at which they have rested."""
    rejections: tuple[Rejection, ...] = ()
    links: tuple[Link, ...] = ()
    """The names that were looked for."""

    @property
    def summary(self) -> str:
        """In one line: the targets in order, then who is none and why."""
        ways = [f"{each.credential.name}={each.model}" for each in self.targets]
        others = [f"{each.credential}:{each.reason}" for each in self.rejections]
        return ", ".join(ways) + ("; " + ", ".join(others) if others else "")

    def only(self, targets: Iterable[Target]) -> RoutePlan:
        """The same, for some of its targets."""
        kept = {id(target) for target in targets}
        few = [at for at, target in enumerate(self.targets) if id(target) in kept]
        return RoutePlan(
            tuple([self.targets[at] for at in few]),
            tuple([self.scores[at] for at in few]),
            self.rejections,
            self.links,
        )


class _Order:
    """Targets that are in order, and their scores."""

    def __init__(self) -> None:
        self.targets: list[Target] = []
        self.scores: list[float] = []

    def add(self, targets: Sequence[Target], scores: Sequence[float]) -> None:
        """Add targets behind the others, by score; equal ones in the order given."""
        # By their places: tuples of score and target take thrice as long to sort.
        places = sorted(range(len(scores)), key=scores.__getitem__)
        self.targets += [targets[place] for place in places]
        self.scores += [scores[place] for place in places]


class Router:
    """Plans routes over one snapshot; health and balance outlive it."""

    def __init__(self, catalogue: Catalogue, health: Health, balance: Balance) -> None:
        self.catalogue = catalogue
        self.snapshot: Snapshot = catalogue.snapshot
        self.health = health
        self.balance = balance

    def __repr__(self) -> str:
        return f"<Router {self.catalogue!r} {self.health!r}>"

    def plan(self, asked: Asked, now: float) -> RoutePlan:
        """The route for what is asked. Changes nothing.

        Raises:
            GatewayError: the model is unknown (404, with close names), not allowed
                for this key (403), or all its targets rest under a limit (429).
        """
        links = chain(asked.models, self.snapshot)
        allowed = [link for link in links if asked.caller.may_use(link.asked)]
        if not allowed:
            raise _forbidden(asked.models[0])
        rejections: list[Rejection] = []
        ready = _Order()
        resting: list[Target] = []
        for link in allowed:
            for tier in self._find(link, asked, rejections):
                self._add_ready(ready, tier, asked, now, resting)
        if not ready.targets:
            if not resting:
                raise _unknown_model(allowed[0].asked, self.snapshot)
            self._add_least_bad(ready, resting, now)
        rejections += [
            Rejection(target.credential.name, "cooldown_active", target.requested)
            for target in resting
        ]
        return RoutePlan(tuple(ready.targets), tuple(ready.scores), tuple(rejections), links)

    def _find(
        self, link: Link, asked: Asked, rejections: list[Rejection]
    ) -> Sequence[Sequence[Target]]:
        """The targets of one name that the client may reach, the best ones first."""
        found = self.catalogue.find(link.name, asked.format)
        rejections += found.rejections
        pinned = self._pinned(link.name)
        if pinned is None and asked.caller.reaches_all:
            return found.tiers
        return [
            [target for target in tier if _is_open(target, asked.caller, pinned, rejections)]
            for tier in found.tiers
        ]

    def _pinned(self, name: str) -> Sequence[str] | None:
        for pattern, providers in self.snapshot.provider_pins:
            if glob_match(pattern, name):
                return providers
        return None

    def _add_ready(
        self,
        ready: _Order,
        tier: Sequence[Target],
        asked: Asked,
        now: float,
        resting: list[Target],
    ) -> None:
        """Add those that can be used now to ``ready``, the others to ``resting``."""
        health = self.health
        marked = health.marked
        targets = []
        for target in tier:
            identifier = target.credential.id
            if (
                identifier in marked
                and health.standing(identifier, target.model, now) is Standing.RESTING
            ):
                resting.append(target)
            else:
                targets.append(target)
        if len(targets) == 1:
            ready.targets += targets
            ready.scores.append(0.0)
        elif targets:
            draw = Draw(targets[0].requested, health, self.balance, asked.roll, asked.sticky)
            ready.add(targets, scores(self.snapshot.strategy, targets, draw))

    def _add_least_bad(self, ready: _Order, resting: list[Target], now: float) -> None:
        """What to do when all rest.

        Raises:
            GatewayError: wait (429).
        """
        # A target that rests after a fault may have recovered: trying it beats failing.
        # One that rests under a limit has not: the vendor said when.
        free: list[Target] = []
        ends: list[float] = []
        free_ends: list[float] = []
        for target in resting:
            rest = self.health.rest(target.credential.id, target.model)
            assert rest is not None
            ends.append(rest.until)
            if not rest.limited:
                free.append(target)
                free_ends.append(rest.until)
        if free:
            ready.add(free, free_ends)
            return
        raise GatewayError(
            Failure(
                ErrorKind.RATE_LIMIT,
                "every credential for this model is at its limit",
                code="rate_limit_exceeded",
                retry_after=max(min(ends) - now, 1.0),
            )
        )


def _is_open(
    target: Target, caller: Caller, pinned: Sequence[str] | None, rejections: list[Rejection]
) -> bool:
    credential = target.credential
    if not caller.may_reach(credential.name, credential.provider):
        rejections.append(Rejection(credential.name, "access_denied", target.requested))
        return False
    if pinned is not None and not any(
        glob_match(pattern, name)
        for pattern in pinned
        for name in (credential.name, credential.provider)
    ):
        rejections.append(Rejection(credential.name, "provider_pin_excluded", target.requested))
        return False
    return True


def _forbidden(model: str) -> GatewayError:
    return GatewayError(
        Failure(
            ErrorKind.PERMISSION,
            f"this key may not use the model {model!r}",
            code="model_not_allowed",
        )
    )


def _unknown_model(model: str, snapshot: Snapshot) -> GatewayError:
    close = close_names(model, served_names(snapshot))
    hint = f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
    if not snapshot.credentials:
        hint = "; no provider is configured"
    return GatewayError(
        Failure(
            ErrorKind.NOT_FOUND,
            f"the model {model!r} is not served here{hint}",
            code="model_not_found",
            param="model",
        )
    )
