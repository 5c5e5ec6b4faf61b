"""What the gateway's own log says, as pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from aigw_asgi.dashboard.log_query import reading
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.problem import ApiError
from aigw_asgi.stores.app_log import MAX_PAGE, AppLog, AppRecord, Wanted

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
    wanted: Wanted,
    *,
    limit: int,
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
            level=wanted.level,
            logger=wanted.logger,
            text=wanted.text,
            request_id=wanted.request_id,
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


async def numbered(state: GatewayState, wanted: Wanted, number: int, size: int) -> AppRecords:
    """The ``number``-th page, from 1, and how many records are meant. All of those are
    read: there are some thousands at most.

    Raises:
        ApiError: 404 or 503.
    """
    skip = (number - 1) * size
    found: list[AppRecord] = []
    total, before = 0, None
    while True:
        block = await records(state, wanted, limit=MAX_PAGE, before=before)
        found += block.logs[max(0, skip - total) : max(0, skip + size - total)]
        total += len(block.logs)
        before = block.before
        if before is None:
            return replace(block, logs=tuple(found), page=number, page_size=size, total=total)
