"""The support bundle: what somebody who helps needs to know, in one document.

It has no prompt, no answer and no secret: what may hold one is left out, and every text
goes through the redactor besides.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import msgspec

from aigw_asgi.admin import merged_metrics
from aigw_asgi.dashboard.model_list import model_rows
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.system_view import system_info, workers
from aigw_asgi.dashboard.views import config_state, health_state
from aigw_asgi.logs import REDACTOR
from aigw_asgi.stores.request_log import LogUnavailable, Query
from aigw_core.config.view import config_view

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState

RECORDS = 500
"""Of the gateway's own log."""

REQUESTS = 200
"""Of the request log."""

PACKAGES = ("anyio", "h11", "httpcore2", "httptools", "msgspec", "trio", "uvicorn", "uvloop")

CONTENTS = {
    "info": "the process, its memory, files, listener and databases",
    "packages": "versions of the libraries",
    "health": "how credentials stand",
    "config": "the configuration in force, secrets and header values hidden",
    "config_state": "version of the configuration, and what is wrong with its file",
    "workers": "the processes of this gateway",
    "metrics": "counters since the start",
    "models": "names that clients may ask for, and where they lead",
    "records": f"the last {RECORDS} records of the gateway's own log",
    "requests": f"names, numbers and times of the last {REQUESTS} requests; no bodies",
}


class SupportPart(Shape, frozen=True, kw_only=True):
    name: str
    about: str


class SupportBundle(Shape, frozen=True, kw_only=True):
    created: int
    """Unix milliseconds."""
    contents: tuple[SupportPart, ...]
    parts: dict[str, Any]
    """By name; empty where only the contents were asked for. Those that could not be had
    say why."""


def contents() -> SupportBundle:
    return SupportBundle(
        created=round(time.time() * 1000),
        contents=tuple(SupportPart(name=name, about=about) for name, about in CONTENTS.items()),
        parts={},
    )


async def support_bundle(state: GatewayState, *, sockets: int) -> SupportBundle:
    REDACTOR.know(state.snapshot, state.settings)
    parts = {
        "info": await system_info(state, sockets=sockets),
        "packages": _packages(),
        "health": health_state(state),
        "config": config_view(state.snapshot, state.settings),
        "config_state": config_state(state),
        "workers": workers(state),
        "metrics": merged_metrics(state).report(state.uptime),
        "models": model_rows(state, {}),
        "records": await _records(state),
        "requests": await _requests(state),
    }
    shown = {name: _hidden(msgspec.to_builtins(part)) for name, part in parts.items()}
    return msgspec.structs.replace(contents(), parts=shown)


def _packages() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


async def _records(state: GatewayState) -> Any:
    if state.app_log is None:
        return "none are kept"
    try:
        return (await state.app_log.page(limit=RECORDS)).records
    except LogUnavailable as exc:
        return str(exc)


async def _requests(state: GatewayState) -> Any:
    if state.log is None:
        return "none are kept"
    try:
        return (await state.log.page(Query(), limit=REQUESTS)).entries
    except LogUnavailable as exc:
        return str(exc)


def _hidden(value: Any) -> Any:
    """``value`` without secrets in its texts."""
    if isinstance(value, str):
        return REDACTOR.hide(value)
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(each) for each in value]
    return value
