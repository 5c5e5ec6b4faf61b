"""What there is below ``/api/dashboard``, by the first word of a path."""

from __future__ import annotations

from aigw_asgi.dashboard.operation import Operation
from aigw_asgi.dashboard.resources import (
    audit,
    auth,
    auth_keys,
    config,
    description,
    logs,
    metrics,
    models,
    overview,
    playground,
    provider_trials,
    providers,
    routing,
    system,
)

OPERATIONS: tuple[Operation, ...] = (
    *auth.OPERATIONS,
    *overview.OPERATIONS,
    *metrics.OPERATIONS,
    *logs.OPERATIONS,
    *playground.OPERATIONS,
    *models.OPERATIONS,
    *system.OPERATIONS,
    *providers.OPERATIONS,
    *provider_trials.OPERATIONS,
    *auth_keys.OPERATIONS,
    *routing.OPERATIONS,
    *config.OPERATIONS,
    *audit.OPERATIONS,
    *description.OPERATIONS,
)
