"""Values from beside the file: the command line, the environment, no file at all.

Flag over environment over file over default. The layers are laid over the
data before it is decoded, so that all values meet the same checks, and are
laid again at each reload.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigw_core.config.path import Path, parse_path
from aigw_core.config.report import Report

Overrides = Mapping[str, str | int | float | None]
"""Flags of the command line: path of the key (``log.level``) to value; ``None``
when the flag was not given."""

ENVIRONMENT: Mapping[str, str] = {
    "AIGW_HOST": "host",
    "AIGW_PORT": "port",
    "AIGW_LOG_LEVEL": "log.level",
    "AIGW_STATE_DIR": "state.path",
}
"""Variables that override a key."""

JWT_VARIABLE = "DASHBOARD_JWT_SECRET"
"""Fills ``dashboard.jwt-secret`` where the file has none."""

API_KEY_VARIABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("claude-api-key", ("ANTHROPIC_API_KEY",)),
    ("openai-api-key", ("OPENAI_API_KEY",)),
    ("gemini-api-key", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
)
"""Variables that make a credential when there is no file; the first that is set counts."""

_LOOPBACK = "127.0.0.1"


def lay(
    data: Mapping[str, Any],
    overrides: Overrides,
    env: Mapping[str, str],
    report: Report,
    *,
    from_file: bool,
) -> dict[str, Any]:
    """The data with all layers; what was given stays as it is."""
    laid = dict(data)
    if not laid:
        # Nothing was asked for, so nothing is opened to other machines.
        laid["host"] = _LOOPBACK
    if not from_file:
        _lay_api_keys(laid, env, report)
    dashboard = laid.get("dashboard")
    if not (isinstance(dashboard, dict) and dashboard.get("jwt-secret")):
        _put(laid, ("dashboard", "jwt-secret"), env.get(JWT_VARIABLE), JWT_VARIABLE, report)
    for variable, key in ENVIRONMENT.items():
        _put(laid, parse_path(key), env.get(variable), variable, report)
    for key, value in overrides.items():
        _put(laid, parse_path(key), value, "command line", report)
    return laid


def _put(data: dict[str, Any], path: Path, value: object, origin: str, report: Report) -> None:
    # A variable that is set to nothing is as good as none: compose files do that.
    if value is None or value == "":
        return
    section = data
    for step in path[:-1]:
        inner = section.get(str(step))
        if inner is not None and not isinstance(inner, dict):
            return  # the decoder says what is wrong with it
        copy = dict(inner or {})
        section[str(step)] = copy
        section = copy
    section[str(path[-1])] = value
    report.origins[path] = origin


def _lay_api_keys(data: dict[str, Any], env: Mapping[str, str], report: Report) -> None:
    for key, variables in API_KEY_VARIABLES:
        for variable in variables:
            value = env.get(variable, "").strip()
            if value:
                data[key] = [{"api-key": value}]
                report.origins[(key, 0, "api-key")] = variable
                break
