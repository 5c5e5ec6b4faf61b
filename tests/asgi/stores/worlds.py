"""Stores of shared state, each with the nodes that share it and a clock that tests set.

A store that is added to ``WORLDS`` has to keep the laws of ``test_shared_state.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from anyio import create_task_group
from anyio.abc import TaskGroup

from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.redis.values import number
from aigw_asgi.stores.shared_state import Held, SharedState
from aigw_asgi.stores.sqlite.shared_state import SqliteState
from aigw_core.config.secret import Secret
from aigw_core.response_store import Bounds
from tests.redis_server import RedisServer

START = 1_800_000_000.0

PATIENCE = 10.0
"""Seconds for one answer: no law is about how fast this machine is."""


class World(ABC):
    """One store, empty at first."""

    now = START
    """The time for all nodes and for the store, which stands still."""

    @abstractmethod
    async def join(
        self, node: str, held: Mapping[str, Held] | None = None, bounds: Bounds | None = None
    ) -> SharedState:
        """A node that is connected. It is closed with the world."""


OpenWorld = Callable[[], AbstractAsyncContextManager[World]]


# --- Redis -------------------------------------------------------------------


class ClockedRedis(RedisState):
    """Tells the server the time."""

    world: World

    def _time(self) -> bytes:
        return number(self.world.now)


class RedisWorld(World):
    def __init__(self, url: Secret, tasks: TaskGroup) -> None:
        self._url = url
        self._tasks = tasks
        self.nodes: list[RedisState] = []

    async def join(
        self, node: str, held: Mapping[str, Held] | None = None, bounds: Bounds | None = None
    ) -> SharedState:
        state = ClockedRedis(
            self._url,
            timeout=PATIENCE,
            bounds=bounds,
            clock=lambda: self.now,
        )
        state.world = self
        state.enter(self._tasks)
        await state.open(node, held or {})
        self.nodes.append(state)
        return state


@pytest.fixture(scope="session")
def redis_world(one_redis: RedisServer) -> OpenWorld:
    @asynccontextmanager
    async def open_world() -> AsyncIterator[World]:
        one_redis.say("FLUSHALL")
        async with create_task_group() as tasks:
            world = RedisWorld(one_redis.url, tasks)
            yield world
            for node in world.nodes:
                await node.aclose()

    return open_world


# --- SQLite ------------------------------------------------------------------


class SqliteWorld(World):
    def __init__(self, file: Path) -> None:
        self._file = file
        self.nodes: list[SqliteState] = []

    async def join(
        self, node: str, held: Mapping[str, Held] | None = None, bounds: Bounds | None = None
    ) -> SharedState:
        state = SqliteState(
            self._file, bounds=bounds, wall=lambda: self.now, ticks=lambda: self.now
        )
        await state.open(node, held or {})
        self.nodes.append(state)
        return state


@pytest.fixture(scope="session")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> OpenWorld:
    folder = tmp_path_factory.mktemp("sqlite")
    numbers = count()

    @asynccontextmanager
    async def open_world() -> AsyncIterator[World]:
        world = SqliteWorld(folder / f"{next(numbers)}.db")
        yield world
        for node in world.nodes:
            await node.aclose()

    return open_world


WORLDS = ["redis_world", "sqlite_world"]
"""Names of fixtures of this module that give an ``OpenWorld``."""
