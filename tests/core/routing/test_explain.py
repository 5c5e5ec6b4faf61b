"""What is explained is what happens."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.snapshot import ClientKey, Credential, ServedModel, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.explain import explain, explained, in_words
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.retry import classify
from aigw_core.routing.route import Route
from aigw_core.routing.strategy import STRATEGIES
from tests.simulate import credential

NAMES = ("a", "b", "c", "x/a", "a-1", "unknown")
FORMATS = tuple(Format)


def some_router(dice: random.Random) -> Router:
    def served() -> tuple[ServedModel, ...]:
        choices = [
            ServedModel("a"),
            ServedModel("b"),
            ServedModel("c", "a"),
            ServedModel("a-*"),
            ServedModel("b", "c"),
        ]
        return tuple(dice.sample(choices, dice.randint(0, 3)))

    def one(number: int) -> Credential:
        return replace(
            credential(number, dice.choice(FORMATS)),
            models=served(),
            prefix=dice.choice(["", "", "x/"]),
            excluded_models=dice.choice([(), (), ("a-*",)]),
            weight=dice.randint(1, 3),
            priority=dice.choice([0, 0, 1]),
            disabled=dice.random() < 0.1,
        )

    snapshot = Snapshot(
        "test",
        credentials=tuple(one(number) for number in range(dice.randint(0, 6))),
        strategy=dice.choice(list(STRATEGIES)),
        force_model_prefix=dice.random() < 0.2,
        model_rewrites=dice.choice([(), (("b*", "a"),)]),
        fallbacks=dice.choice([(), (("a", ("b", "c")),), (("*", ("a",)),)]),
        provider_pins=dice.choice([(), (("a", ("upstream-[01]", "upstream-1")),)]),
    )
    return Router(Catalogue(snapshot), Health(), Balance())


def disturb(router: Router, dice: random.Random, now: float) -> None:
    """Some history: uses, times and failures."""
    for each in router.snapshot.credentials:
        if dice.random() < 0.3:
            kind, status = dice.choice([(ErrorKind.UPSTREAM, 500), (ErrorKind.RATE_LIMIT, 429)])
            failure = Failure(kind, "x", status, retry_after=dice.choice([None, 9.0]))
            verdict = classify(failure, router.snapshot.retry)
            router.health.failed(each.id, "a", kind, verdict, now - dice.choice([0.0, 12.0, 100.0]))


def same_order(document: dict[str, Any], route: Route, now: float) -> bool:
    """Whether attempts that all fail (and cool nobody) follow what was explained."""
    told = [document["selected"], *document["alternates"]]
    for each in told:
        target = route.take(now)
        if target is None:
            return False
        if (target.credential.name, target.model) != (each["credential_name"], each["model"]):
            return False
        route._attempts = 0  # the budget is another matter
    return route.take(now) is None


def test_explain_equals_dispatch_for_ten_thousand_requests() -> None:
    dice = random.Random(4)
    served = refused = 0
    for _ in range(500):
        router, now = some_router(dice), 200.0
        disturb(router, dice, now)
        for _ in range(20):
            key = ClientKey("1", "k", b"", allowed_providers=("upstream-0", "upstream-2"))
            asked = Asked(
                tuple(dice.sample(NAMES, dice.choice([1, 1, 2]))),
                dice.choice(FORMATS),
                dice.choice([Caller(), Caller(key)]),
                dice.choice([None, "session"]),
                dice.random(),
            )
            document = explain(router, asked, now)
            assert explain(router, asked, now) == document, "asking changed something"
            if document["error"] is not None:
                refused += 1
                assert document["selected"] is None
                with pytest.raises(GatewayError) as caught:
                    router.plan(asked, now)
                assert document["error"]["message"] == caught.value.failure.message
                continue
            plan = router.plan(asked, now)
            served += 1
            assert document == explained(router, plan, now)
            route = Route(plan, router, RetryBudget())
            assert same_order(document, route, now)
            target = plan.targets[0]
            router.balance.used(target, 1.0, first=True)
            if dice.random() < 0.3:
                router.balance.answered(target, dice.random())
    assert served + refused == 10_000
    assert min(served, refused) > 2_000


def test_every_credential_is_accounted_for() -> None:
    """Chosen, or rejected with a reason, for each name of the chain."""
    dice = random.Random(5)
    for _ in range(300):
        router = some_router(dice)
        disturb(router, dice, 200.0)
        document = explain(router, Asked(("a",), Format.CHAT, Caller()), 200.0)
        if document["error"] is not None:
            continue
        told = [document["selected"], *document["alternates"]]
        seen = {each["credential_name"] for each in told}
        seen |= {each["candidate"] for each in document["rejections"]}
        assert seen == {each.name for each in router.snapshot.credentials}


def test_in_words() -> None:
    served = (ServedModel("real", "nick"),)
    pair = tuple(replace(credential(number, Format.CHAT), models=served) for number in range(2))
    other = replace(credential(2, Format.CHAT), models=(ServedModel("other"),))
    snapshot = Snapshot("t", credentials=(*pair, other), model_rewrites=(("gpt-*", "nick"),))
    router = Router(Catalogue(snapshot), Health(), Balance())
    document = explain(router, Asked(("gpt-4",), Format.CHAT, Caller()), 0.0)
    assert in_words(document).splitlines() == [
        "rewrite_applied: gpt-4 -> nick",
        "alias_resolved: nick -> real",
        "alias_resolved: nick -> real",
        "1. upstream-0: real (alias name, round-robin)",
        "2. upstream-1: real (alias name, round-robin)",
        "not upstream-2 for nick: model_not_supported",
    ]
