"""``system/audit``: who changed what, and who came in."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aigw_asgi.dashboard.audit import Record
from aigw_asgi.dashboard.operation import Body, Call, Operation, Shape
from aigw_asgi.dashboard.problem import ApiError


class AuditQuery(Body, frozen=True, kw_only=True):
    before: Annotated[int, Meta(ge=1)] | None = None
    """Records below this number; default: the newest."""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class AuditPage(Shape, frozen=True, kw_only=True):
    records: tuple[Record, ...]
    """The newest first."""
    before: int | None
    """The cursor of the next page; ``null``: this is the last."""


async def _page(call: Call) -> AuditPage:
    query: AuditQuery = call.query
    try:
        found = await call.dashboard.audit.page(before=query.before, limit=query.limit + 1)
    except OSError as exc:
        message = f"the audit trail cannot be read: {exc.strerror}"
        raise ApiError(503, "audit_unavailable", message, retry_after=5) from exc
    records = found[: query.limit]
    return AuditPage(records=records, before=records[-1].seq if len(found) > query.limit else None)


OPERATIONS = (
    Operation(
        method="GET",
        path="/system/audit",
        id="auditTrail",
        summary="Who changed what, and who came in",
        handler=_page,
        query=AuditQuery,
        answer=AuditPage,
        problems=(503,),
    ),
)
