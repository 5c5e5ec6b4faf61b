"""Which channels there are, and where what they tell comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aigw_asgi.admin import merged_metrics
from aigw_asgi.dashboard.live import RowChannel, SourceLost, StateChannel
from aigw_asgi.dashboard.views import config_state, health_state, running
from aigw_asgi.stores.request_log import LogUnavailable

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState
    from aigw_asgi.stores.app_log import AppLog
    from aigw_asgi.stores.request_log import RequestLog


def all_channels(state: GatewayState) -> tuple[list[RowChannel], list[StateChannel]]:
    rows: list[RowChannel] = []
    if state.log is not None:
        rows.append(RowChannel("request_log", _Stored(state.log)))
    if state.app_log is not None:
        rows.append(RowChannel("log", _Stored(state.app_log)))
    makers: dict[str, Callable[[], Any]] = {
        "metrics": lambda: merged_metrics(state).report(state.uptime),
        "running": lambda: running(state),
        "health": lambda: health_state(state),
        "config": lambda: config_state(state),
    }
    return rows, [StateChannel(name, make) for name, make in makers.items()]


class _Stored:
    """The rows of a log, as a source."""

    def __init__(self, log: RequestLog | AppLog) -> None:
        self._log = log

    async def newest(self) -> int:
        try:
            return await self._log.newest()
        except LogUnavailable as exc:
            raise SourceLost(str(exc)) from exc

    async def after(self, seq: int, limit: int) -> Sequence[tuple[int, Any]]:
        try:
            return [(each.seq, each) for each in await self._log.after(seq, limit)]
        except LogUnavailable as exc:
            raise SourceLost(str(exc)) from exc
