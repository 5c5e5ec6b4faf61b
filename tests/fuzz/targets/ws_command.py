"""What a dashboard sends through its WebSocket: a message a line, with rows coming meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aigw_asgi.dashboard.live import Hub, Reader, RowChannel, StateChannel
from aigw_asgi.dashboard.socket import read_command
from aigw_core.tail import Row, Tail
from tests.laws import hold

JSON = True

_FIRST = 100
"""The last row there was before anybody watched."""


def check(data: bytes) -> None:
    """Whoever subscribes to anything gets messages that are JSON, and each row once and in
    order, or a gap in its place; between two wishes at least."""
    hub = Hub([RowChannel("rows", _Nothing())], [StateChannel("state", lambda: {"a": 1})])
    reader = hub.join()
    channel = hub.rows["rows"]
    tail = channel.tail = Tail(_FIRST, max_rows=3)
    hub.states["state"].refresh()
    for line in data.split(b"\n"):
        command = read_command(line)
        if command is not None:
            reader.subscribe(command.channels, command.after)
            asked = command.after.get("rows")
            channel.tail = tail if channel.watchers else None
            if channel.watchers:
                _check_told(reader, asked, tail.newest)
        tail.extend([Row(tail.newest + 1, b'{"seq":%d}' % (tail.newest + 1))])
        if channel.watchers:
            _check_told(reader, None, tail.newest)
    hub.leave(reader)
    hold(not channel.watchers and channel.tail is None, "somebody watches still")


def _check_told(reader: Reader, after: int | None, newest: int) -> None:
    told = [json.loads(message) for message in reader.take()]
    rows = [each for each in told if each.get("type") != "state"]
    known: int | None = after
    for each in rows:
        first = each.get("from", each.get("seq"))
        last = each.get("to", each.get("seq"))
        hold(known is None or first == known + 1, f"after {known} it goes on with {each}")
        hold(1 <= first <= last <= newest, f"there is no such row: {each}")
        known = last
    hold(not rows or known == newest, f"it ends with {known}, not {newest}")
    hold(not reader.behind, "something is left")


class _Nothing:
    async def newest(self) -> int:
        return _FIRST

    async def after(self, seq: int, limit: int) -> Sequence[tuple[int, Any]]:
        return ()
