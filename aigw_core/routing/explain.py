"""A route in words: what dispatch would do with a request now, and why.

The same planner decides, over the same state, so that what is explained is what
happens; nothing is changed by asking.
"""

from __future__ import annotations

from typing import Any

from aigw_core.errors import GatewayError
from aigw_core.routing.plan import Asked, RoutePlan, Router
from aigw_core.routing.target import Match, Rejection, Target


def explain(router: Router, asked: Asked, now: float) -> dict[str, Any]:
    """The route for ``asked`` at ``now`` (monotonic seconds), as a JSON document.

    ``selected`` is ``None`` where the request would be refused; ``error`` says how then.
    """
    try:
        plan = router.plan(asked, now)
    except GatewayError as exc:
        failure = exc.failure
        refused = {
            "type": failure.kind.value,
            "message": failure.message,
            "retry_after": failure.retry_after,
        }
        return {**_nothing(router, asked), "error": refused}
    return explained(router, plan, now)


def explained(router: Router, plan: RoutePlan, now: float) -> dict[str, Any]:
    """A plan that was made, with the scores of the moment."""
    candidates = [_candidate(router, target, now) for target in plan.targets]
    return {
        "profile": router.snapshot.strategy,
        "model_chain": [link.asked for link in plan.links],
        "model_resolution": _steps(plan),
        "selected": candidates[0],
        "alternates": candidates[1:],
        "rejections": [_rejection(each) for each in plan.rejections],
        "scoring": [
            {"candidate": target.credential.name, "model": target.model, "score": score, "rank": at}
            for at, (target, score) in enumerate(zip(plan.targets, plan.scores, strict=True), 1)
        ],
        "error": None,
    }


def in_words(document: dict[str, Any]) -> str:
    """The same for a terminal: a line for each target and each rejection."""
    lines = []
    for step in document["model_resolution"]:
        lines.append(f"{step['step']}: {step['from']} -> {step['to']}")
    if document["error"] is not None:
        lines.append(f"refused: {document['error']['message']}")
    else:
        ranked = [document["selected"], *document["alternates"]]
        for at, each in enumerate(ranked, 1):
            why = f"{each['match']} name, {document['profile']}"
            lines.append(f"{at}. {each['credential_name']}: {each['model']} ({why})")
    for each in document["rejections"]:
        asked = f" for {each['model']}" if each["model"] else ""
        lines.append(f"not {each['candidate']}{asked}: {each['reason']}")
    return "\n".join(lines)


def _nothing(router: Router, asked: Asked) -> dict[str, Any]:
    return {
        "profile": router.snapshot.strategy,
        "model_chain": list(asked.models),
        "model_resolution": [],
        "selected": None,
        "alternates": [],
        "rejections": [
            _rejection(each)
            for model in asked.models
            for each in router.catalogue.find(model, asked.format).rejections
        ],
        "scoring": [],
    }


def _steps(plan: RoutePlan) -> list[dict[str, str]]:
    steps = []
    for link in plan.links:
        if link.fallback_for is not None:
            steps.append(
                {"step": "fallback_chain_built", "from": link.fallback_for, "to": link.asked}
            )
        if link.name != link.asked:
            steps.append({"step": "rewrite_applied", "from": link.asked, "to": link.name})
    for target in plan.targets:
        if target.match is Match.ALIAS:
            steps.append({"step": "alias_resolved", "from": target.requested, "to": target.model})
    return steps


def _candidate(router: Router, target: Target, now: float) -> dict[str, Any]:
    credential = target.credential
    seconds = router.balance.seconds(target)
    rest = router.health.rest(credential.id, target.model)
    return {
        "provider": credential.provider,
        "credential_name": credential.name,
        "model": target.model,
        "match": target.match.name.lower(),
        "score": {
            "weight": credential.weight,
            "priority": credential.priority,
            "latency_ms": None if seconds is None else round(seconds * 1000, 1),
            "inflight": router.health.in_flight(credential.id),
            "standing": router.health.standing(credential.id, target.model, now).name.lower(),
            "faults": 0 if rest is None else rest.faults,
        },
    }


def _rejection(rejection: Rejection) -> dict[str, str]:
    return {
        "candidate": rejection.credential,
        "reason": rejection.reason,
        "model": rejection.requested,
    }
