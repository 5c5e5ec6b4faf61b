"""What the gateway tells about itself, to those who may look."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from aigw_asgi.routes import Endpoint
from aigw_asgi.state import GatewayState
from aigw_core.config.snapshot import Price
from aigw_core.health import Rest
from aigw_core.prometheus import exposition
from aigw_core.routing.names import served_targets


def admin_document(state: GatewayState, endpoint: Endpoint) -> dict[str, Any]:
    """What an administration route answers with."""
    if endpoint is Endpoint.ADMIN_CONFIG:
        from aigw_core.config.view import config_view

        return {**config_view(state.snapshot, state.settings), "reload": _reload(state)}
    if endpoint is Endpoint.ADMIN_MODELS:
        return {"models": _models(state)}
    return state.metrics.report(state.uptime, resting=len(_resting(state)))


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


def metrics_text(state: GatewayState) -> bytes:
    """The counters for Prometheus."""
    names = {each.id: each.name for each in state.snapshot.credentials}
    resting: Counter[str] = Counter(names.get(rest.credential, "gone") for rest in _resting(state))
    return exposition(state.metrics.families(state.uptime, resting))


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
