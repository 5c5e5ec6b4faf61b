"""What it costs to decide where a request goes: 20 credentials, 200 models each."""

from __future__ import annotations

from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, ServedModel, Snapshot
from aigw_core.errors import ErrorKind
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.retry import Scope, Verdict
from aigw_core.routing.route import Route
from aigw_core.routing.strategy import STRATEGIES
from bench.table import best, head, table


def router_for(strategy: str) -> Router:
    """Every credential serves every model; three of them rest."""
    models = tuple(ServedModel(f"model-{number}", f"alias-{number}") for number in range(200))
    first = Credential(
        id="0",
        provider="openai-compat",
        name="c-0",
        format=Format.CHAT,
        base_url="http://127.0.0.1:1",
        api_key=Secret("k"),
        auth_style="bearer",
        position=0,
        models=models,
    )
    credentials = tuple(
        replace(first, id=str(number), name=f"c-{number}", position=number) for number in range(20)
    )
    health = Health()
    verdict = Verdict(True, False, False, Scope.MODEL, 1e9)
    for number in range(3):
        health.failed(str(number), "model-7", ErrorKind.UPSTREAM, verdict, 0.0)
    snapshot = Snapshot("bench", credentials=credentials, strategy=strategy)
    return Router(Catalogue(snapshot), health, Balance())


def main() -> None:
    head("bench_routing: a decision, us")
    rows: list[list[object]] = []
    for strategy in STRATEGIES:
        router, budget = router_for(strategy), RetryBudget()
        asked = Asked(("model-7",), Format.MESSAGES, Caller(), "sticky", 0.3)

        def decide(
            router: Router = router, asked: Asked = asked, budget: RetryBudget = budget
        ) -> None:
            route = Route(router.plan(asked, 1.0), router, budget)
            target = route.take(1.0)
            assert target is not None
            route.began(target, 1.0)
            route.ended(target)

        rows.append([strategy, best(decide, number=200) * 1e6])
    table(["strategy", "us"], rows)


if __name__ == "__main__":
    main()
