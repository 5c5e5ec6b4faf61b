"""Shared state in a real server: limits, rests, news, nodes, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio import create_task_group

from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.shared_state import (
    Grant,
    Held,
    News,
    NodeReport,
    ReloadNews,
    RestNews,
    Settled,
    StoreLost,
)
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey
from aigw_core.limits import Limit, Refusal
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(url: Secret, node: str, **held: Held) -> AsyncIterator[RedisState]:
    async with create_task_group() as tasks:
        state = RedisState(url)
        state.enter(tasks)
        await state.open(node, held)
        yield state
        await state.aclose()


def key(**limits: Any) -> ClientKey:
    return ClientKey("k1", "ci", b"digest", **limits)


async def test_two_nodes_share_a_limit(redis: RedisServer) -> None:
    who = key(requests_per_minute=3, max_concurrent=3)
    async with opened(redis.url, "a") as a, opened(redis.url, "b") as b:
        first = await a.reserve(who, 0, 1)
        assert isinstance(first, Grant)
        assert isinstance(await b.reserve(who, 0, 2), Grant)
        for each in (a, b):
            refusal = await each.reserve(who, 0, 1)
            assert isinstance(refusal, Refusal)
            assert (refusal.limit, refusal.allowed) == (Limit.REQUESTS, 3)
            assert 19 < refusal.wait <= 20
        await a.settle([Settled(first, 5)])


async def test_news_reach_the_other_node(redis: RedisServer) -> None:
    news: list[News] = [RestNews("c1", "m", counting=False, until=2e9, cause="x"), ReloadNews()]
    heard: list[News] = []
    async with opened(redis.url, "a") as a, opened(redis.url, "b") as b:
        await a.tell(news)
        with anyio.fail_after(5):
            async with create_task_group() as listening:

                def hear(each: News) -> None:
                    heard.append(each)
                    if len(heard) == 2:
                        listening.cancel_scope.cancel()

                listening.start_soon(b.listen, hear)
        assert isinstance(heard[0], RestNews)
        assert heard[0].until == pytest.approx(2e9, abs=0.5)
        assert heard[1:] == news[1:]
        assert [each.credential for each in await b.rests()] == ["c1"]


async def test_nodes_know_each_other(redis: RedisServer) -> None:
    def report(id: str, group: str) -> NodeReport:
        return NodeReport(id, group, 1, 42, "h", "1.0", "v1", 5.0, metrics=b"counters")

    async with opened(redis.url, "a") as a, opened(redis.url, "b") as b:
        await a.report(report("a", "one"))
        found = {each.id: each for each in await b.report(report("b", "two"))}
        assert found["a"].metrics == b""
        assert found["b"].metrics == b"counters"


async def test_a_lost_server_is_told_with_its_address(redis: RedisServer) -> None:
    async with create_task_group() as tasks:
        state = RedisState(Secret("redis://me:hunter2@127.0.0.1:1/3"))
        state.enter(tasks)
        with pytest.raises(StoreLost, match=r"redis://127.0.0.1:1/3: Connection refused") as told:
            await state.open("a", {})
        assert "hunter2" not in str(told.value)
        with pytest.raises(StoreLost, match="not connected"):
            await state.reserve(key(max_concurrent=1), 0, 1)
