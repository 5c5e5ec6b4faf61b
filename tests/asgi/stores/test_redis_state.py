"""Shared state in a real server, on both event loops; and all that a server can do
instead of answering."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
import trustme
from anyio import create_task_group

from aigw_asgi.stores.redis.link import tls_context
from aigw_asgi.stores.redis.scripts import KEPT_GONE, MAX_RESTS
from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.redis.values import PREFIX, channel
from aigw_asgi.stores.shared_state import (
    GONE_AFTER,
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
from aigw_core.response_store import StoredResponse
from tests.asgi.stores.worlds import OpenWorld
from tests.redis_server import RedisServer, running_redis
from tests.running import free_port

pytestmark = pytest.mark.anyio

PATIENT, HASTY = 10.0, 0.5
"""Seconds for an answer: where there will be one, and where there will not."""


@asynccontextmanager
async def opened(
    url: Secret, node: str, *, timeout: float = PATIENT, **held: Held
) -> AsyncIterator[RedisState]:
    async with create_task_group() as tasks:
        state = RedisState(url, timeout=timeout)
        state.enter(tasks)
        await state.open(node, held)
        yield state
        await state.aclose()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may do anything to it."""
    with running_redis(tmp_path) as server:
        yield server


def key(**limits: Any) -> ClientKey:
    return ClientKey("k1", "ci", b"digest", **limits)


def node_report(id: str, group: str = "g") -> NodeReport:
    return NodeReport(id, group, 1, 42, "h", "1.0", "v1", 5.0, metrics=b"counters")


ONE = key(max_concurrent=1)


# --- what it is for ----------------------------------------------------------


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
            assert 10 < refusal.wait <= 20
        await a.settle([Settled(first, 5)])


async def test_all_else_is_shared(redis: RedisServer) -> None:
    heard: list[News] = []
    stored = StoredResponse("resp_1", b"body", (b"item",))
    async with opened(redis.url, "a") as a, opened(redis.url, "b") as b:
        await a.tell([RestNews("c1", "m", counting=False, until=time.time() + 60), ReloadNews()])
        async with create_task_group() as listening:

            def hear(each: News) -> None:
                heard.append(each)
                if len(heard) == 2:
                    listening.cancel_scope.cancel()

            listening.start_soon(b.listen, hear)
        assert heard[1:] == [ReloadNews()]
        assert [each.credential for each in await b.rests()] == ["c1"]
        await a.put_response("owner", stored)
        assert await b.response("owner", "resp_1") == stored
        await a.report(node_report("a"))
        assert {each.id for each in await b.report(node_report("b"))} == {"a", "b"}


async def test_nodes_of_other_groups_come_without_counters(redis: RedisServer) -> None:
    async with opened(redis.url, "a") as a, opened(redis.url, "b") as b:
        await a.report(node_report("a", "one"))
        found = {each.id: each.metrics for each in await b.report(node_report("b", "two"))}
        assert found == {"a": b"", "b": b"counters"}


async def test_databases_are_apart(redis: RedisServer) -> None:
    other = Secret(redis.url.reveal().removesuffix("0") + "5")
    async with opened(redis.url, "a") as a, opened(other, "b") as b:
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)
        assert isinstance(await b.reserve(ONE, 0, 1), Grant)
        assert len(await b.report(node_report("b"))) == 1


async def test_a_server_behind_a_socket(redis: RedisServer) -> None:
    url = Secret(f"unix://{redis.socket}?db=3")
    async with opened(url, "a") as a:
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)
        assert repr(a).startswith(f"<RedisState unix://{redis.socket}?db=3 ")


async def test_a_server_behind_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    names = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca")}
    certificate.cert_chain_pems[0].write_to_path(names["cert"])
    certificate.private_key_pem.write_to_path(names["key"])
    authority.cert_pem.write_to_path(names["ca"])
    port = free_port()
    options = {
        "tls-cert-file": names["cert"],
        "tls-key-file": names["key"],
        "tls-ca-cert-file": names["ca"],
        "tls-auth-clients": "no",
        "tls-port": port,
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    monkeypatch.setenv("SSL_CERT_FILE", str(names["ca"]))
    tls_context.cache_clear()
    try:
        with running_redis(tmp_path, *words):
            async with opened(Secret(f"rediss://localhost:{port}"), "a") as a:
                assert isinstance(await a.reserve(ONE, 0, 1), Grant)
            async with create_task_group() as tasks:
                wrong_name = RedisState(Secret(f"rediss://127.0.0.1:{port}"))
                wrong_name.enter(tasks)
                with pytest.raises(StoreLost, match="certificate verify failed"):
                    await wrong_name.open("b", {})
    finally:
        tls_context.cache_clear()


# --- what may happen to a server ---------------------------------------------


async def test_a_server_that_is_not_there(redis: RedisServer) -> None:
    url = Secret(f"redis://me:hunter2@127.0.0.1:{free_port()}/3")
    async with create_task_group() as tasks:
        state = RedisState(url, timeout=PATIENT)
        state.enter(tasks)
        with pytest.raises(StoreLost, match=r"redis://127.0.0.1:\d+/3: Connection refused") as told:
            await state.open("a", {})
        assert "hunter2" not in str(told.value)
        with pytest.raises(StoreLost, match="not connected"):
            await state.reserve(ONE, 0, 1)
        await state.aclose()


async def test_a_name_that_nobody_knows() -> None:
    async with create_task_group() as tasks:
        state = RedisState(Secret("redis://no-such-host.invalid"), timeout=PATIENT)
        state.enter(tasks)
        with pytest.raises(StoreLost, match=r"redis://no-such-host.invalid:6379/0: "):
            await state.open("a", {})


async def test_a_server_that_dies_and_comes_back(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, "a") as a, create_task_group() as tasks:
        ended = anyio.Event()

        async def listen() -> None:
            with pytest.raises(StoreLost, match="connection broke"):
                await a.listen(lambda _: None)
            ended.set()

        tasks.start_soon(listen)
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)
        own_redis.kill()
        await ended.wait()
        with pytest.raises(StoreLost, match="connection broke"):
            await a.reserve(ONE, 0, 1)
        with pytest.raises(StoreLost, match="Connection refused"):
            await a.open("a", {})
        own_redis.start()
        await a.open("a", {"k1": Held(1, 0.0)})
        assert isinstance(await a.reserve(ONE, 0, 1), Refusal)


async def test_a_server_that_stands_still_is_lost_in_time(own_redis: RedisServer) -> None:
    """And what it does later of what was asked before, counts for nobody."""
    async with opened(own_redis.url, "a", timeout=HASTY) as a:
        own_redis.freeze()
        with pytest.raises(StoreLost, match=r"no answer within 0.5 s"):
            await a.reserve(ONE, 0, 1)
        with pytest.raises(StoreLost, match=r"no answer within 0.5 s"):  # at once
            await a.reserve(ONE, 0, 1)
        with pytest.raises(StoreLost, match="in time"):
            await a.open("a", {})
        own_redis.thaw()
        async with opened(own_redis.url, "a") as again:
            assert isinstance(await again.reserve(ONE, 0, 1), Grant)
            assert isinstance(await again.reserve(ONE, 0, 1), Refusal)


async def test_a_listener_hears_of_a_server_that_stands_still(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, "a", timeout=HASTY) as a:
        own_redis.freeze()
        with pytest.raises(StoreLost, match=r"no answer within 0.5 s"):
            await a.listen(lambda _: None)
        own_redis.thaw()


async def test_a_server_that_lost_its_data(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, "a") as a:
        grant = await a.reserve(ONE, 0, 1)
        assert isinstance(grant, Grant)
        own_redis.say("FLUSHALL")
        with pytest.raises(StoreLost, match="does not know this node any more"):
            await a.settle([Settled(grant, 1)])
        await a.open("a", {"k1": Held(1, 0.0)})
        assert isinstance(await a.reserve(ONE, 0, 1), Refusal)


async def test_a_server_that_forgot_the_scripts(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, "a") as a:
        own_redis.say("SCRIPT", "FLUSH")
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)


async def test_a_server_that_demands_a_password(own_redis: RedisServer) -> None:
    own_redis.say("CONFIG", "SET", "requirepass", "s3cr/t")
    where = f"127.0.0.1:{own_redis.port}"
    for user, problem in {
        "": "it demands a password",
        ":wrong@": "does not accept the user name and password",
        "nobody:s3cr%2Ft@": "does not accept the user name and password",
    }.items():
        async with create_task_group() as tasks:
            state = RedisState(Secret(f"redis://{user}{where}"), timeout=PATIENT)
            state.enter(tasks)
            with pytest.raises(StoreLost, match=problem) as told:
                await state.open("a", {})
            assert "s3cr" not in f"{told.value!r} {told.value.__cause__!r} {state!r}"
    async with opened(Secret(f"redis://:s3cr%2Ft@{where}"), "a") as a:
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)
        assert "s3cr" not in repr(a)


async def test_a_user_who_may_do_little(own_redis: RedisServer) -> None:
    own_redis.say("ACL", "SETUSER", "few", "on", ">pw", "~aigw:*", "&aigw:*", "+@all")
    own_redis.say("ACL", "SETUSER", "fewer", "on", ">pw", "~other:*", "&aigw:*", "+@all")
    own_redis.say("ACL", "SETUSER", "deaf", "on", ">pw", "~aigw:*", "resetchannels", "+@all")
    where = f"pw@127.0.0.1:{own_redis.port}"
    async with opened(Secret(f"redis://few:{where}"), "a") as a:
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)
        await a.tell([ReloadNews()])
    for user, problem in {"fewer": "may not do", "deaf": "confirms no subscription"}.items():
        async with create_task_group() as tasks:
            state = RedisState(Secret(f"redis://{user}:{where}"), timeout=1.0)
            state.enter(tasks)
            with pytest.raises(StoreLost, match=problem):
                await state.open("a", {})


async def test_a_server_that_is_read_only(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, "a") as a:
        own_redis.say("REPLICAOF", "127.0.0.1", free_port())
        with pytest.raises(StoreLost, match="it is read-only"):
            await a.reserve(ONE, 0, 1)


async def test_a_server_without_memory(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, "a") as a:
        own_redis.say("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreLost, match="it is out of memory"):
            await a.reserve(ONE, 0, 1)
        with pytest.raises(StoreLost, match="it is out of memory"):
            await a.put_response("o", StoredResponse("r", b"", ()))
        own_redis.say("CONFIG", "SET", "maxmemory", "0")
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)


async def test_a_server_that_is_still_loading(own_redis: RedisServer) -> None:
    own_redis.say("CONFIG", "SET", "rdbcompression", "no")
    for number in range(100):
        own_redis.say("SET", f"key{number}", "x" * 1024)
    own_redis.say("SAVE")
    own_redis.kill()
    slow = ["--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024"]
    own_redis.start(*slow, until="Loading RDB")
    async with create_task_group() as tasks:
        state = RedisState(own_redis.url, timeout=PATIENT)
        state.enter(tasks)
        with pytest.raises(StoreLost, match="it is still loading its data"):
            await state.open("a", {})


# --- what others may do ------------------------------------------------------


async def test_a_request_that_is_given_up_leaves_nothing_behind(redis: RedisServer) -> None:
    async with opened(redis.url, "a") as a:
        granted: list[Grant | Refusal] = []
        with anyio.CancelScope() as scope:
            scope.cancel()
            granted.append(await a.reserve(ONE, 0, 1))
        [grant] = granted
        assert isinstance(grant, Grant)
        await a.settle([Settled(grant, 0)])
        assert isinstance(await a.reserve(ONE, 0, 1), Grant)


async def test_leaving_under_cancellation(redis: RedisServer) -> None:
    async with opened(redis.url, "b") as b:
        async with create_task_group() as tasks:
            a = RedisState(redis.url, timeout=PATIENT)
            a.enter(tasks)
            await a.open("a", {})
            assert isinstance(await a.reserve(ONE, 0, 1), Grant)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await a.aclose()
        assert isinstance(await b.reserve(ONE, 0, 1), Grant)


async def test_a_node_is_counted_while_it_asks(open_world: OpenWorld) -> None:
    """Nobody else has held it to be gone, so what it holds it still holds."""
    async with open_world() as world:
        node = await world.join("a")
        assert isinstance(await node.reserve(ONE, 0, 1), Grant)
        world.now += 10 * GONE_AFTER
        assert isinstance(await node.reserve(ONE, 0, 1), Refusal)


async def test_clocks_that_differ(redis: RedisServer) -> None:
    """A rest of a minute is one of a minute for a node whose clock is an hour ahead."""
    async with create_task_group() as tasks:
        a = RedisState(redis.url, timeout=PATIENT)
        a.enter(tasks)
        b = RedisState(redis.url, timeout=PATIENT, clock=lambda: time.time() + 3600)
        b.enter(tasks)
        await a.open("a", {})
        await b.open("b", {})
        await a.tell([RestNews("c", "m", counting=False, until=time.time() + 60)])
        [rest] = await b.rests()
        assert rest.until == pytest.approx(time.time() + 3600 + 60, abs=30)
        await a.report(node_report("a"))
        assert all(each.alive(time.time() + 3600) for each in await b.report(node_report("b")))
        await a.aclose()
        await b.aclose()


async def test_what_others_wrote_and_nobody_understands(redis: RedisServer) -> None:
    async with opened(redis.url, "a") as a:
        prefix, heard = PREFIX.decode(), list[News]()
        redis.say("HSET", f"{prefix}rests", "x", "garbage")
        redis.say("HSET", f"{prefix}group:g", "x", "garbage", "y", "1.5 garbage", "z", "")
        redis.say("SET", f"{prefix}answer:o:r", "garbage")
        redis.say("ZADD", f"{prefix}answers:o", 9_000_000_000, "r")
        assert await a.rests() == []
        assert [each.id for each in await a.report(node_report("a"))] == ["a"]
        assert await a.response("o", "r") is None
        async with create_task_group() as listening:

            def hear(news: News) -> None:
                heard.append(news)
                listening.cancel_scope.cancel()

            listening.start_soon(a.listen, hear)
            to = channel(0).decode()
            later = msgspec.msgpack.encode([["invented", 1], ["reload"]])
            for payload in (b"garbage", b"b garbage", b"b \x91", b"b " + later):
                redis.say("PUBLISH", to, payload)
        assert heard == [ReloadNews()]


async def test_an_answer_that_the_server_dropped(redis: RedisServer) -> None:
    """For want of memory. It is counted until it is stored again, and then once."""
    stored = StoredResponse("r", b"x" * 1000, ())
    async with opened(redis.url, "a") as a:
        for _ in range(3):
            await a.put_response("o", stored)
            redis.say("DEL", f"{PREFIX.decode()}answer:o:r")
            assert await a.response("o", "r") is None
        answer = redis.say("HGET", f"{PREFIX.decode()}answers:size:o", "")
        assert answer.split()[1] == str(stored.size)


async def test_what_is_remembered_is_bounded(redis: RedisServer) -> None:
    prefix = PREFIX.decode()
    async with opened(redis.url, "a") as a:
        until = time.time() + 1000
        for start in range(0, MAX_RESTS + 1000, 1000):
            numbers = range(start, start + 1000)
            await a.tell([RestNews("c", f"m{n}", False, until + n) for n in numbers])
        found = await a.rests()
        assert len(found) == MAX_RESTS
        assert min(each.until for each in found) > until + 900  # the first to end went first
        for number in range(2 * KEPT_GONE):
            redis.say("HSET", f"{prefix}group:g", f"gone{number}", f"{number + 1} ")
        await a.report(node_report("a"))
        assert redis.say("HLEN", f"{prefix}group:g") == f":{KEPT_GONE + 1}\r\n"


async def test_what_nobody_uses_is_forgotten(redis: RedisServer) -> None:
    """Every key ends by itself, but for two small ones that nodes clean up."""
    async with opened(redis.url, "a") as a:
        grant = await a.reserve(key(tokens_per_minute=10**6, requests_per_minute=5), 100, 1)
        assert isinstance(grant, Grant)
        await a.settle([Settled(grant, 10**12)])
        await a.put_response("o", StoredResponse("r", b"", ()))
        await a.report(node_report("a"))
        lasting = {
            name
            for name in ("use:k1", "group:g", "answer:o:r", "answers:o", "answers:size:o")
            if int(redis.say("TTL", f"{PREFIX.decode()}{name}").strip(":\r\n")) <= 0
        }
        assert not lasting
        assert redis.say("DBSIZE") == ":7\r\n"
        overdraft = 10**12 / 10**6 * 60
        assert int(redis.say("TTL", f"{PREFIX.decode()}use:k1").strip(":\r\n")) > overdraft
