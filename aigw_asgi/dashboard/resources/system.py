"""``system``: the gateway itself."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from aigw_asgi.dashboard.log_query import Cursor
from aigw_asgi.dashboard.operation import Answer, Body, Call, Operation, Shape
from aigw_asgi.dashboard.problem import invalid
from aigw_asgi.dashboard.records import AppRecords, numbered, records
from aigw_asgi.dashboard.support import SupportBundle, contents, support_bundle
from aigw_asgi.dashboard.system_view import SystemInfo, Workers, system_info, workers
from aigw_asgi.dashboard.views import HealthState, health_state
from aigw_asgi.stores.app_log import Level, Wanted
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


class RecordsQuery(Body, frozen=True, kw_only=True):
    """Either by cursor (``before``, ``after``, ``limit``) or by page."""

    level: Level = Level.DEBUG
    """This and above."""
    logger: Annotated[str, Meta(max_length=256)] = ""
    """What its name begins with."""
    search: Annotated[str, Meta(max_length=200)] = ""
    """Somewhere in the message or the traceback, in whatever case."""
    request_id: Annotated[str, Meta(max_length=256)] | None = None
    before: Cursor | None = None
    """Those below this number."""
    after: Cursor | None = None
    """Those next above this number; with ``before``, those between."""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    page: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    page_size: Annotated[int, Meta(ge=1, le=1000)] = 100


class SupportQuery(Body, frozen=True, kw_only=True):
    list: bool = False
    """Only say what would be in it."""


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


async def _info(call: Call) -> SystemInfo:
    return await system_info(call.state, sockets=call.dashboard.sockets)


async def _workers(call: Call) -> Workers:
    return workers(call.state)


async def _logs(call: Call) -> AppRecords:
    asked: RecordsQuery = call.query
    wanted = Wanted(
        level=asked.level, logger=asked.logger, text=asked.search, request_id=asked.request_id
    )
    if asked.page is None:
        return await records(
            call.state, wanted, limit=asked.limit, before=asked.before, after=asked.after
        )
    if asked.before is not None or asked.after is not None:
        raise invalid("/page", "a page has a number or a cursor, not both")
    return await numbered(call.state, wanted, asked.page, asked.page_size)


async def _support(call: Call) -> Answer:
    if call.query.list:
        return Answer(contents())
    bundle = await support_bundle(call.state, sockets=call.dashboard.sockets)
    name = f"aigw-support-{bundle.created}.json"
    return Answer(bundle, {"content-disposition": f'attachment; filename="{name}"'})


OPERATIONS = (
    Operation(
        method="GET",
        path="/system/health",
        id="systemHealth",
        summary="How the gateway is",
        handler=_health,
        answer=SystemHealth,
    ),
    Operation(
        method="GET",
        path="/system/info",
        id="systemInfo",
        summary="The process, its listener and its files",
        handler=_info,
        answer=SystemInfo,
    ),
    Operation(
        method="GET",
        path="/system/workers",
        id="systemWorkers",
        summary="The processes of this gateway",
        handler=_workers,
        answer=Workers,
    ),
    Operation(
        method="GET",
        path="/system/logs",
        id="systemLogs",
        summary="The gateway's own log, the newest first, by cursor or by page",
        handler=_logs,
        query=RecordsQuery,
        answer=AppRecords,
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/system/support",
        id="supportBundle",
        summary="What somebody who helps needs to know, without secrets",
        handler=_support,
        query=SupportQuery,
        answer=SupportBundle,
    ),
)
