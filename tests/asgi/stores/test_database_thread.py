from __future__ import annotations

import sqlite3
import weakref
from pathlib import Path

import anyio
import pytest

from aigw_asgi.stores.sqlite.database_thread import DatabaseThread

pytestmark = pytest.mark.anyio


class Work:
    """As jobs are: with a whole conversation in it."""

    def __call__(self, connection: sqlite3.Connection) -> int:
        found: tuple[int] = connection.execute("SELECT 41 + 1").fetchone()
        return found[0]


async def test_a_thread_that_waits_does_not_hold_on_to_what_it_has_done(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    thread = DatabaseThread(file, application=1, steps=["CREATE TABLE t (a)"], busy=1.0)
    work = Work()
    gone = weakref.ref(work)
    assert await thread.run(work) == 42
    del work
    with anyio.fail_after(20):
        while gone() is not None:  # noqa: ASYNC110 (threads tell nobody what they have let go)
            await anyio.sleep(0.01)
    thread.stop()
