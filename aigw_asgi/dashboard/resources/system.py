"""``system``: the gateway itself."""

from __future__ import annotations

from typing import Any

from aigw_asgi.dashboard.operation import Call, Operation, Shape
from aigw_asgi.dashboard.views import HealthState, health_state
from aigw_asgi.version import __version__
from aigw_core.config.identity import PROVIDERS


class SystemHealth(Shape, frozen=True, kw_only=True):
    status: str
    """As that of ``health``."""
    version: str
    uptime_secs: float
    host: str | None
    """Of the listener; ``None``: it is not the gateway's own."""
    port: int | None
    tls_enabled: bool
    providers: dict[str, int]
    """How many credentials that are not disabled, by kind."""
    health: HealthState


async def _health(call: Call) -> SystemHealth:
    state = call.state
    settings, health = state.settings, health_state(state)
    used = [each.provider for each in state.snapshot.credentials if not each.disabled]
    counts: dict[str, Any] = {
        kind.replace("-", "_"): used.count(kind) for kind in PROVIDERS.values()
    }
    return SystemHealth(
        status=health.status,
        version=__version__,
        uptime_secs=round(state.uptime, 3),
        host=None if settings is None else settings.host,
        port=None if settings is None else settings.port,
        tls_enabled=settings is not None and settings.tls is not None,
        providers=counts,
        health=health,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/system/health",
        id="systemHealth",
        summary="How the gateway is",
        handler=_health,
        answer=SystemHealth,
    ),
)
