"""The gateway as a program: its process, its listener, its files, its readings of the
configuration, the others like it."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING

import msgspec

from aigw_asgi.admin import admin_document
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.process_facts import (
    DatabaseFile,
    ProcessFacts,
    database_files,
    process_facts,
)
from aigw_asgi.routes import Endpoint
from aigw_asgi.version import __version__

if TYPE_CHECKING:
    from aigw_asgi.reloading import Past
    from aigw_asgi.state import GatewayState


class TlsState(Shape, frozen=True, kw_only=True):
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: str
    """ISO 8601, as the next."""
    not_after: str
    client_auth: str
    problem: str | None
    """Why the files, as they are now, are not in force."""


class Reading(Shape, frozen=True, kw_only=True):
    """The configuration was read again."""

    at: int
    """Unix milliseconds."""
    generation: int
    """Of what was in force then."""
    version: str
    changed: bool
    problems: tuple[str, ...]
    restart: tuple[str, ...]
    """Keys whose new values count from the next start on."""


class LogState(Shape, frozen=True, kw_only=True):
    """How a log stands."""

    kept: bool
    dropped: int
    """What this process could not keep."""


class SystemInfo(Shape, frozen=True, kw_only=True):
    version: str
    python: str
    platform: str
    started: int
    """Unix milliseconds."""
    uptime_seconds: float
    process: ProcessFacts
    in_flight: int
    """Requests of this process, as the next."""
    sockets: int
    """Open dashboards."""
    draining: bool
    workers: int
    listen: tuple[str, ...]
    """Addresses; empty: the listener is not the gateway's own."""
    tls: TlsState | None
    """``None``: plain HTTP."""
    databases: tuple[DatabaseFile, ...]
    request_log: LogState
    app_log: LogState
    reloads: tuple[Reading, ...]
    """The newest first, at most fifty."""
    reload_failures: int


class SharedStateView(Shape, frozen=True, kw_only=True):
    kind: str
    """``memory``, ``sqlite`` or ``redis``."""
    up: bool
    problem: str | None


class WorkerView(Shape, frozen=True, kw_only=True, rename={"self_": "self"}):
    id: str
    host: str
    pid: int
    worker: int
    version: str
    config: str
    """Version and generation of its configuration."""
    uptime_seconds: float
    draining: bool
    self_: bool
    """It is the one that answers."""


class Workers(Shape, frozen=True, kw_only=True):
    """All processes of this gateway. Reports are at most two seconds old."""

    shared_state: SharedStateView
    nodes: tuple[WorkerView, ...]


async def system_info(state: GatewayState, *, sockets: int) -> SystemInfo:
    settings, reloader, node = state.settings, state.reloader, state.node
    certificates = state.certificates
    history = () if reloader is None else tuple(reversed(reloader.history))
    return SystemInfo(
        version=__version__,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        started=round((time.time() - state.uptime) * 1000),
        uptime_seconds=round(state.uptime, 3),
        process=await process_facts(state),
        in_flight=state.metrics.in_flight,
        sockets=sockets,
        draining=state.draining,
        workers=1 if node is None else node.workers,
        listen=() if settings is None else (_address(settings.host, settings.port),),
        tls=None if certificates is None else msgspec.convert(certificates.view(), TlsState),
        databases=database_files(state),
        request_log=LogState(
            kept=state.log is not None, dropped=0 if state.log is None else state.log.dropped
        ),
        app_log=LogState(
            kept=state.app_log is not None,
            dropped=0 if state.app_log is None else state.app_log.dropped,
        ),
        reloads=tuple(_reading(past) for past in history),
        reload_failures=0 if reloader is None else reloader.failures,
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reading(past: Past) -> Reading:
    outcome = past.outcome
    return Reading(
        at=round(past.at * 1000),
        generation=outcome.generation,
        version=outcome.version,
        changed=outcome.changed,
        problems=tuple(str(problem) for problem in outcome.problems),
        restart=outcome.restart,
    )


def workers(state: GatewayState) -> Workers:
    return msgspec.convert(admin_document(state, Endpoint.NODES), Workers)
