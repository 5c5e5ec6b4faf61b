"""What the gateway tells about itself, to those who may look."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from aigw_asgi.routes import Endpoint
from aigw_asgi.state import GatewayState
from aigw_core.config.snapshot import Price
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Rest
from aigw_core.metrics import Metrics
from aigw_core.prometheus import exposition
from aigw_core.routing.names import served_targets

if TYPE_CHECKING:
    from aigw_asgi.reloading import Outcome


def admin_document(state: GatewayState, endpoint: Endpoint, name: str = "") -> dict[str, Any]:
    """What an administration route answers with; ``name`` is what its path names.

    Raises:
        GatewayError: there is no such thing (404).
    """
    if endpoint is Endpoint.COOLDOWNS:
        identifiers = _credentials(state, name)
        return {"cooldowns": [each for each in _cooldowns(state) if each.pop("id") in identifiers]}
    if endpoint is Endpoint.ADMIN_CONFIG:
        from aigw_core.config.view import config_view

        document = {**config_view(state.snapshot, state.settings), "reload": _reload(state)}
        if state.certificates is not None:
            document["tls"] = {"enable": True, **state.certificates.view()}
        return document
    if endpoint is Endpoint.ADMIN_MODELS:
        return {"models": _models(state)}
    if endpoint is Endpoint.NODES:
        return _nodes(state)
    return merged_metrics(state).report(state.uptime, resting=len(_resting(state)))


def _reload(state: GatewayState) -> dict[str, Any]:
    """How the file and what is in force stand to each other."""
    reloader = state.reloader
    last = None if reloader is None else reloader.last
    return {
        "generation": state.snapshot.generation,
        "failures": 0 if reloader is None else reloader.failures,
        "problems": [] if last is None else [str(problem) for problem in last.problems],
        "restart": [] if last is None else list(last.restart),
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """What came of reading the configuration again."""
    return {
        "generation": outcome.generation,
        "version": outcome.version,
        "changed": outcome.changed,
        "problems": [str(problem) for problem in outcome.problems],
        "restart": list(outcome.restart),
    }


def _nodes(state: GatewayState) -> dict[str, Any]:
    """The processes of this gateway, and what they share. The newest report of each is at
    most two seconds old."""
    sharing, now = state.sharing, time.time()
    store = sharing.store
    found = list(sharing.nodes)
    if not found and state.node is not None:
        found = [replace(state.node.report(state), seen=now)]
    return {
        "shared_state": {
            "kind": "memory" if store is None else store.kind,
            "up": store is None or sharing.up,
            "problem": sharing.why_lost or None,
        },
        "nodes": [
            {
                "id": each.id,
                "host": each.host,
                "pid": each.pid,
                "worker": each.worker,
                "version": each.version,
                "config": each.config,
                "uptime_seconds": round(now - each.started, 1),
                "draining": each.draining,
                "self": state.node is not None and each.id == state.node.id,
            }
            for each in sorted(found, key=lambda each: (each.host, each.worker, each.started))
            if each.alive(now)
        ],
    }


def clear_cooldowns(state: GatewayState, name: str) -> dict[str, Any]:
    """Forget what is held against the credentials that are called ``name``.

    Raises:
        GatewayError: there are none (404).
    """
    cleared = clear_cooldowns_of(state, _credentials(state, name))
    return {"credential": name, "cleared": cleared}


def clear_cooldowns_of(state: GatewayState, identifiers: set[str]) -> int:
    """Forget what is held against these credentials; gives how many rests there were."""
    cleared = sum(each["id"] in identifiers for each in _cooldowns(state))
    for identifier in identifiers:
        for router in (state.router, state.counting_router):
            router.health.clear(identifier)
    return cleared


def _credentials(state: GatewayState, name: str) -> set[str]:
    """The identifiers of those that are called ``name``; of all without a name."""
    found = {each.id for each in state.snapshot.credentials if name in ("", each.name)}
    if name and not found:
        message = f"there is no credential called {name!r}"
        raise GatewayError(Failure(ErrorKind.NOT_FOUND, message, code="unknown_credential"))
    return found


def _cooldowns(state: GatewayState) -> list[dict[str, Any]]:
    """What is held against credentials, for answers and for counts of tokens."""
    now = time.monotonic()
    names = {each.id: each.name for each in state.snapshot.credentials}
    return [
        {
            "id": rest.credential,
            "credential": names.get(rest.credential, "gone"),
            "model": rest.model or None,
            "use": use,
            "state": "resting" if rest.until > now else "probation",
            "seconds_left": round(max(0.0, rest.until - now), 1),
            "cause": rest.cause.value,
            "limited": rest.limited,
            "faults": rest.faults,
        }
        for use, router in (("answers", state.router), ("counts", state.counting_router))
        for rest in router.health.rests()
    ]


def metrics_text(state: GatewayState) -> bytes:
    """The counters for Prometheus."""
    names = {each.id: each.name for each in state.snapshot.credentials}
    resting: Counter[str] = Counter(names.get(rest.credential, "gone") for rest in _resting(state))
    return exposition(merged_metrics(state).families(state.uptime, resting))


def merged_metrics(state: GatewayState) -> Metrics:
    """The counters of all workers together: this one's as they are, the others' as they
    last told, which is at most two seconds ago."""
    node = state.node
    if node is None or node.workers == 1:
        return state.metrics
    now = time.time()
    others = [
        each for each in state.sharing.nodes if each.group == node.group and each.id != node.id
    ]
    return Metrics.merged(
        [state.metrics.dump(), *(each.metrics for each in others if each.alive(now))],
        gone=[each.metrics for each in others if not each.alive(now)],
    )


def _resting(state: GatewayState) -> list[Rest]:
    now = time.monotonic()
    return [rest for rest in state.health.rests() if rest.until > now]


def _models(state: GatewayState) -> list[dict[str, Any]]:
    """Every model that can be listed, with where it is served and what it costs there."""
    now = time.monotonic()
    models: dict[str, dict[str, Any]] = {}
    for name, credential, upstream in served_targets(state.snapshot):
        model = models.setdefault(
            name,
            {
                "id": name,
                "provider": credential.provider,
                "owned_by": credential.provider,
                "targets": [],
            },
        )
        rest = state.health.rest(credential.id, upstream)
        model["targets"].append(
            {
                "credential": credential.name,
                "provider": credential.provider,
                "format": credential.format,
                "model": upstream,
                "price": _price(state.prices.find(upstream)),
                "cooldown": None
                if rest is None or rest.until <= now
                else {"cause": rest.cause, "seconds": round(rest.until - now, 3)},
            }
        )
    return [models[name] for name in sorted(models)]


def _price(price: Price | None) -> dict[str, float] | None:
    """USD for a million tokens."""
    if price is None:
        return None
    return {
        "input": float(price.input),
        "output": float(price.output),
        "cache_read": float(price.cache_read),
        "cache_write": float(price.cache_write),
    }
