from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.asgi.stores import worlds
from tests.asgi.stores.worlds import OpenWorld
from tests.redis_server import RedisServer, running_redis

redis_world = worlds.redis_world
sqlite_world = worlds.sqlite_world


@pytest.fixture(scope="session")
def one_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """A server without data, the same process for all tests that leave it running."""
    one_redis.say("FLUSHALL")
    return one_redis


@pytest.fixture(scope="session", params=worlds.WORLDS)
def open_world(request: pytest.FixtureRequest) -> OpenWorld:
    """An empty store, one after the other of all kinds."""
    found: OpenWorld = request.getfixturevalue(request.param)
    return found
