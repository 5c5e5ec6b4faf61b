"""What there is below ``/api/dashboard``, a module for each first word of a path."""

from __future__ import annotations

from aigw_asgi.dashboard.operation import Operation
from aigw_asgi.dashboard.resources import auth, description, logs, system

OPERATIONS: tuple[Operation, ...] = (
    *auth.OPERATIONS,
    *logs.OPERATIONS,
    *system.OPERATIONS,
    *description.OPERATIONS,
)
