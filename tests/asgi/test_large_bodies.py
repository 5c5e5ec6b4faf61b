"""A large body is put together while others go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aigw_asgi.http import LARGE_BODY, HttpRequest

pytestmark = pytest.mark.anyio

PIECE = bytes(range(256)) * 256


def asked() -> HttpRequest:
    scope: dict[str, Any] = {"method": "POST", "path": "/", "raw_path": b"/", "query_string": b""}
    return HttpRequest({**scope, "scheme": "http", "headers": [], "client": None, "server": None})


async def read(count: int) -> tuple[bytes, int]:
    """A body of so many pieces, none of which is waited for; and the turns that another task
    had before it was there."""
    pieces: Iterator[int] = iter(range(count - 1, -1, -1))
    turns = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": PIECE, "more_body": next(pieces) > 0}

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        body = await asked().body(receive, 1 << 30)
        had = turns
        tasks.cancel_scope.cancel()
    return body, had


async def test_others_go_on_while_a_large_body_is_put_together() -> None:
    count = LARGE_BODY // len(PIECE)
    body, turns = await read(count)
    assert body == PIECE * count
    assert turns > 0


@pytest.mark.parametrize("count", [1, 2, LARGE_BODY // len(PIECE) - 1])
async def test_a_small_one_is_not_worth_a_thread(count: int) -> None:
    body, turns = await read(count)
    assert body == PIECE * count
    assert turns == 0
