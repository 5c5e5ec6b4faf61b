"""What the gateway's own log says, as pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from aigw_asgi.dashboard.log_query import reading
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.problem import ApiError
from aigw_asgi.stores.app_log import AppLog, AppRecord, Level

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState


class AppRecords(Shape, frozen=True, kw_only=True):
    logs: tuple[AppRecord, ...]
    """The newest first."""
    newest: int
    """The number of the newest that there is, meant or not; 0: there is none."""
    oldest: int
    """That of the oldest."""
    dropped: int
    """Records that could not be kept, since the log was begun."""
    before: int | None
    """The cursor of older ones; ``None``: there are no more."""
    page: int | UnsetType = UNSET
    """Of pages by number, as the next two."""
    page_size: int | UnsetType = UNSET
    total: int | UnsetType = UNSET


def app_log_of(state: GatewayState) -> AppLog:
    """The app log.

    Raises:
        ApiError: 404, none is kept.
    """
    if state.app_log is None:
        message = "nothing is kept of the gateway's own log here; aigw run keeps it"
        raise ApiError(404, "no_app_log", message)
    return state.app_log


async def records(
    state: GatewayState,
    *,
    limit: int,
    level: Level = Level.DEBUG,
    logger: str = "",
    text: str = "",
    request_id: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> AppRecords:
    """Those that are meant, by cursor.

    Raises:
        ApiError: 404 or 503.
    """
    log = app_log_of(state)
    with reading():
        page = await log.page(
            level=level,
            logger=logger,
            text=text,
            request_id=request_id,
            before=before,
            after=after,
            limit=limit,
        )
    full = len(page.records) == limit
    return AppRecords(
        logs=page.records,
        newest=page.newest,
        oldest=page.oldest,
        dropped=page.dropped,
        before=page.records[-1].seq if full and page.records[-1].seq > page.oldest else None,
    )
