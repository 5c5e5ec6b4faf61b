"""Several nodes that share a store behave as one gateway, and go on without it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway, store_link
from aigw_asgi.asgi import App
from aigw_asgi.config_store import Loaded, load
from aigw_asgi.gateway import state_of
from aigw_asgi.node import this_node
from aigw_asgi.sharing import Sharing
from aigw_asgi.state import GatewayState
from aigw_asgi.store_link import RELEARN
from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.shared_state import RestNews
from aigw_asgi.stores.sqlite.shared_state import SqliteState
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.snapshot import ClientKey
from aigw_core.health import Health
from aigw_core.limits import Limits, Refusal
from aigw_core.response_store import ResponseStore
from aigw_core.wire_request import WireRequest
from tests.asgi.clients import Reply, asking, send
from tests.asgi.stores.sharing_nodes import Kind, Node, nodes, sqlite, until
from tests.asgi.test_accounts import AUTH, DIGEST, ask, keyed, upstream
from tests.redis_server import RedisServer, running_redis

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "redis"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    if request.param == "sqlite":
        return sqlite(tmp_path)
    server: RedisServer = request.getfixturevalue("redis")
    return Kind("redis", lambda: RedisState(server.url))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that a busy machine keeps waiting is not lost."""
    monkeypatch.setattr(store_link, "PATIENCE", 30.0)


async def ask_all(among: list[Node], count: int) -> list[Reply]:
    """``count`` requests at once, to one node after the other."""
    replies: list[Reply] = []

    async def one(number: int) -> None:
        replies.append(await ask(among[number % len(among)], Format.CHAT))

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(one, number)
    return replies


def statuses(replies: list[Reply]) -> dict[int, int]:
    found = [reply.status for reply in replies]
    return {status: found.count(status) for status in sorted(set(found))}


# --- limits ------------------------------------------------------------------


async def test_a_limit_of_a_hundred_lets_a_hundred_through(kind: Kind) -> None:
    snapshot = keyed(requests_per_minute=100)
    async with nodes(kind, snapshot, snapshot) as both:
        # The bucket drains one request in 0.6 s, also while this runs.
        began = anyio.current_time()
        found = statuses(await ask_all(both, 200))
        drained = int((anyio.current_time() - began) / 0.6)
    assert 100 <= found[200] <= 100 + drained
    assert found[200] + found[429] == 200


async def test_requests_at_once_are_counted_together_and_given_back(kind: Kind) -> None:
    snapshot = keyed(max_concurrent=3)
    async with nodes(kind, snapshot, snapshot) as both:
        sharing = [node.state.sharing for node in both]
        key = next(iter(snapshot.client_keys.values()))
        leases = [await sharing[at % 2].reserve(key, 0) for at in range(3)]
        assert (await ask(both[0], Format.CHAT)).status == 429
        assert (await ask(both[1], Format.CHAT)).status == 429
        sharing[0].settle(leases[0], 0)  # type: ignore[arg-type]
        await both[0].has_sent()
        assert (await ask(both[1], Format.CHAT)).status == 200
        # One of the first node's is left; what the second held goes with it.
        await both[1].state.sharing.aclose()
        found = [await sharing[0].reserve(key, 0) for _ in range(3)]
        assert [isinstance(each, Refusal) for each in found] == [False, False, True]


async def test_what_a_node_held_is_given_back_when_it_leaves(kind: Kind) -> None:
    snapshot = keyed(max_concurrent=1)
    key = next(iter(snapshot.client_keys.values()))
    async with nodes(kind, snapshot, snapshot) as both:
        await both[1].state.sharing.reserve(key, 0)
        assert (await ask(both[0], Format.CHAT)).status == 429
        await both[1].state.sharing.aclose()
        assert (await ask(both[0], Format.CHAT)).status == 200


async def test_tokens_that_one_used_are_missing_at_the_other(kind: Kind) -> None:
    snapshot = keyed(tokens_per_minute=40)
    async with nodes(kind, snapshot, snapshot) as both:
        path, body = asking(Format.CHAT, "echo", "/wps 0 " + "word " * 60)
        assert (await send(both[0], "POST", path, body, AUTH)).status == 200
        await both[0].has_sent()
        assert (await ask(both[1], Format.CHAT)).status == 429


# --- rests -------------------------------------------------------------------


def limited(request: WireRequest) -> Script:
    headers = (("content-type", "application/json"), ("retry-after", "30"))
    return Script(429, headers, (b'{"error":{"message":"slow down"}}',))


async def test_a_rest_that_one_finds_is_kept_by_the_other(kind: Kind) -> None:
    snapshot = keyed(upstream(Format.CHAT))
    async with nodes(kind, snapshot, snapshot, transports=[ScriptTransport(limited)] * 2) as both:
        assert (await ask(both[0], Format.CHAT, "some-model")).status == 429
        await both[1].rests(1)
        (mine,), (other,) = (node.state.health.rests() for node in both)
        assert (other.credential, other.model, other.cause) == (
            mine.credential,
            mine.model,
            mine.cause,
        )
        assert abs(other.until - mine.until) < 1.0
        assert (await ask(both[1], Format.CHAT, "some-model")).status == 429
        cleared = await send(both[1], "DELETE", "/admin/cooldowns/up-chat", None, {})
        assert cleared.json["cleared"] == 1
        await both[0].rests(0)


async def test_a_node_that_comes_later_learns_of_rests(kind: Kind) -> None:
    snapshot = keyed(upstream(Format.CHAT))
    async with nodes(kind, snapshot, transports=[ScriptTransport(limited)]) as (first,):
        assert (await ask(first, Format.CHAT, "some-model")).status == 429
        await first.has_sent()
        async with nodes(kind, snapshot, others=1) as (second,):
            await second.rests(1)


async def test_rests_and_answers_outlive_a_process_on_its_own(tmp_path: Path) -> None:
    kind = Kind("sqlite", lambda: SqliteState(tmp_path / "shared.db", alone=True))
    snapshot = keyed(upstream(Format.CHAT))
    for life in range(2):
        script = ScriptTransport(limited)
        node = Node(snapshot, script, kind.store())
        async with node:
            await node.rests(life)
            if not life:
                assert (await ask(node, Format.CHAT, "some-model")).status == 429
                await node.has_sent()
                stored = await respond(node)
            else:
                assert (await look_up(node, stored)).status == 200


async def test_a_process_on_its_own_does_without_a_file(tmp_path: Path) -> None:
    (tmp_path / "shared.db").mkdir()
    node = Node(keyed(), ScriptTransport(limited), SqliteState(tmp_path / "shared.db", alone=True))
    async with node:
        assert not node.state.sharing.up
        first = await respond(node)
        assert (await look_up(node, first)).status == 200
        assert (await look_up(node, "resp_unknown")).status == 404
        reply = await send(node, "DELETE", f"/v1/responses/{first}", None, AUTH)
        assert reply.json["deleted"] is True


async def test_a_bug_in_a_store_is_a_store_that_is_lost(tmp_path: Path) -> None:
    class Buggy(SqliteState):
        bugs = 2

        async def rests(self) -> list[RestNews]:
            self.bugs -= 1
            if self.bugs >= 0:
                raise LookupError("planted")
            return await super().rests()

    store = Buggy(tmp_path / "shared.db")
    async with Node(keyed(), ScriptTransport(limited), store) as node:
        await until(lambda: "its log" in node.state.sharing.why_lost)
        assert (await ask(node, Format.CHAT)).status == 200
        await until(lambda: store.bugs < 0 and node.state.sharing.up)


# --- marks -------------------------------------------------------------------


def soon() -> float:
    return time.time() + 300


async def test_a_mark_is_set_once_whoever_sets_it(kind: Kind) -> None:
    async with nodes(kind, keyed(), keyed()) as both:
        one, two = (node.state.sharing for node in both)
        assert await one.mark("try:1", soon())
        assert not await two.mark("try:1", soon())
        assert await two.mark("try:2", soon())
        assert [mark.name for mark in await one.marks("try:")] == ["try:1", "try:2"]
        await two.unmark(["try:1", "try:2"])
        assert await one.marks("try:") == []
        assert await one.mark("try:1", soon())
        assert not await one.mark("try:1", soon())


async def test_what_one_revokes_the_others_learn_at_once(kind: Kind) -> None:
    async with nodes(kind, keyed(), keyed()) as both:
        one, two = (node.state.sharing for node in both)
        assert not one.marked("revoked:a")
        assert await one.mark("revoked:a", soon())
        told = time.monotonic()
        assert one.marked("revoked:a")
        await until(lambda: two.marked("revoked:a"))
        assert time.monotonic() - told < RELEARN / 2  # by news, not by looking
        # Who comes later knows before its first request.
        async with nodes(kind, keyed(), others=2) as (third,):
            assert third.state.sharing.marked("revoked:a")
        await one.unmark(["revoked:a"])
        await until(lambda: not two.marked("revoked:a"))


async def test_marks_that_are_over_are_not_set(kind: Kind) -> None:
    async with nodes(kind, keyed(), keyed()) as both:
        one, two = (node.state.sharing for node in both)
        assert await one.mark("revoked:a", time.time() + 0.3)
        # By the clock of each node, which is not read at the same moment as ours.
        await until(lambda: not one.marked("revoked:a") and not two.marked("revoked:a"))
        # Redis lets go of it by a third clock, from when the mark reached it.
        with anyio.fail_after(20):
            while not await two.mark("revoked:a", soon()):  # noqa: ASYNC110 - a server's clock
                await anyio.sleep(0.01)


async def test_marks_without_a_store_are_those_of_the_process() -> None:
    sharing = Sharing(Health(), Health(), Limits(), ResponseStore())
    assert await sharing.mark("revoked:a", soon())
    assert not await sharing.mark("revoked:a", soon())
    assert sharing.marked("revoked:a")
    assert [mark.name for mark in await sharing.marks("revoked:")] == ["revoked:a"]
    await sharing.unmark(["revoked:a"])
    assert not sharing.marked("revoked:a")


async def test_marks_outlive_a_process_on_its_own(tmp_path: Path) -> None:
    kind = Kind("sqlite", lambda: SqliteState(tmp_path / "shared.db", alone=True))
    for life in range(2):
        async with Node(keyed(), ScriptTransport(limited), kind.store()) as node:
            assert node.state.sharing.marked("revoked:a") is bool(life)
            assert await node.state.sharing.mark("revoked:a", soon()) is not bool(life)


async def test_marks_are_set_while_the_store_is_lost_and_told_later(tmp_path: Path) -> None:
    async with nodes(sqlite(tmp_path), keyed(), keyed()) as both:
        one, two = (node.state.sharing for node in both)
        assert await one.mark("try:1", soon())
        async with locked(tmp_path / "shared.db"):
            assert not await one.mark("try:1", soon())  # which finds it lost
            assert await one.mark("revoked:a", soon())
            assert not await one.mark("revoked:a", soon())
            assert not two.marked("revoked:a")
        await until(lambda: two.marked("revoked:a"))
        assert not await two.mark("try:1", soon())


# --- stored answers ----------------------------------------------------------


async def respond(node: Node, **more: Any) -> str:
    reply = await ask(node, Format.RESPONSES, **more)
    assert reply.status == 200, reply.body
    return str(reply.json["id"])


async def look_up(node: Node, id: str) -> Reply:
    return await send(node, "GET", f"/v1/responses/{id}", None, AUTH)


async def test_an_answer_that_one_stored_is_found_by_the_other(kind: Kind) -> None:
    async with nodes(kind, keyed(), keyed()) as both:
        first = await respond(both[0])
        assert (await look_up(both[1], first)).json["id"] == first
        second = await respond(both[1], previous_response_id=first)
        assert (await look_up(both[0], second)).json["previous_response_id"] == first


async def test_an_answer_that_one_deleted_is_gone_for_the_other(kind: Kind) -> None:
    async with nodes(kind, keyed(), keyed()) as both:
        first = await respond(both[0])
        reply = await send(both[1], "DELETE", f"/v1/responses/{first}", None, AUTH)
        assert reply.json["deleted"] is True
        await until(lambda: not both[0].state.responses)
        assert (await look_up(both[0], first)).status == 404
        assert (await look_up(both[1], first)).status == 404


async def test_owners_do_not_see_each_others_answers(kind: Kind) -> None:
    other = replace(keyed(), client_keys={DIGEST: ClientKey("2", "other", DIGEST)})
    async with nodes(kind, keyed(), other) as (mine, theirs):
        assert (await look_up(theirs, await respond(mine))).status == 404


# --- a store that is lost ----------------------------------------------------


@asynccontextmanager
async def locked(file: Path) -> AsyncGenerator[None, None]:
    """Nobody else can use the file."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=5)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def test_without_the_store_each_node_lets_its_share_through(tmp_path: Path) -> None:
    snapshot = keyed(requests_per_minute=100)
    async with nodes(sqlite(tmp_path), snapshot, snapshot) as both:
        sharing = [node.state.sharing for node in both]
        async with locked(tmp_path / "shared.db"):
            for node in both:
                assert (await ask(node, Format.CHAT)).status == 200
            await until(lambda: not any(each.up for each in sharing))
            found = statuses(await ask_all(both, 160))
            assert 98 <= found[200] <= 100  # with the two: 50 of each
            told = (await send(both[0], "GET", "/admin/nodes", None, {})).json
            assert told["shared_state"]["up"] is False
            assert "locked" in told["shared_state"]["problem"]
        await until(lambda: all(each.up for each in sharing))
        told = (await send(both[0], "GET", "/admin/nodes", None, {})).json
        assert told["shared_state"] == {"kind": "sqlite", "up": True, "problem": None}
        assert [node["self"] for node in told["nodes"]].count(True) == 1
        assert statuses(await ask_all(both, 40)) == {200: 40}


async def test_what_ran_on_a_lost_store_is_held_anew(tmp_path: Path) -> None:
    snapshot = keyed(max_concurrent=2)
    key = next(iter(snapshot.client_keys.values()))
    async with nodes(sqlite(tmp_path), snapshot, snapshot) as both:
        sharing = both[0].state.sharing
        leases = [await sharing.reserve(key, 0) for _ in range(2)]
        async with locked(tmp_path / "shared.db"):
            await both[1].state.sharing.reserve(key, 0)
            await until(lambda: not sharing.up)
            sharing.settle(leases[0], 0)  # type: ignore[arg-type]
        await until(lambda: sharing.up and both[1].state.sharing.up)
        # One is still running; what was granted without the store is nobody's business.
        found = [await both[1].state.sharing.reserve(key, 0) for _ in range(2)]
        assert [isinstance(each, Refusal) for each in found] == [False, True]
        sharing.settle(leases[1], 0)  # type: ignore[arg-type]
        await both[0].has_sent()
        assert (await ask(both[0], Format.CHAT)).status == 200


async def test_what_was_found_without_the_store_is_told_when_it_is_back(tmp_path: Path) -> None:
    snapshot = keyed(upstream(Format.CHAT), requests_per_minute=10)
    transports = [ScriptTransport(limited)] * 2
    async with nodes(sqlite(tmp_path), snapshot, snapshot, transports=transports) as both:
        async with locked(tmp_path / "shared.db"):
            assert (await ask(both[0], Format.CHAT, "some-model")).status == 429
            await until(lambda: not both[0].state.sharing.up)
            await both[0].rests(1)
            assert not both[1].state.health.rests()
        await both[1].rests(1)


async def test_who_is_asked_to_reload_asks_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGW_STATE_DIR", str(tmp_path))

    def gateway(name: str) -> Gateway:
        file = tmp_path / f"{name}.yaml"
        file.write_text("host: 127.0.0.1\n")

        def read() -> Loaded:
            return load(str(file), {})

        async def open_state() -> GatewayState:
            node = this_node(0, 2)
            return state_of(read(), read, transport=ScriptTransport(limited), node=node)

        found = Gateway(str(file))
        found.app = App(open_state)
        return found

    async with gateway("one") as one, gateway("two") as two:
        assert one.app.state is not None
        assert two.app.state is not None
        reloader = two.app.state.reloader
        assert reloader is not None
        (tmp_path / "one.yaml").write_text("host: 127.0.0.1\nidle-timeout: 9\n")
        before = reloader.readings
        reply = await send(one, "POST", "/admin/reload", None, {})
        assert (reply.status, reply.json["changed"], reply.json["problems"]) == (200, True, [])
        await until(lambda: reloader.readings > before)
        (tmp_path / "one.yaml").write_text("prot: 1\n")
        reply = await send(one, "POST", "/admin/reload", None, {})
        assert reply.status == 422
        assert reply.json["generation"] == 2
        assert "one.yaml:1:1" in reply.json["problems"][0]


async def test_answers_stay_to_be_had_where_they_were_made(tmp_path: Path) -> None:
    async with nodes(sqlite(tmp_path), keyed(), keyed()) as both:
        first = await respond(both[0])
        async with locked(tmp_path / "shared.db"):
            assert (await look_up(both[0], first)).status == 200
            await respond(both[0], previous_response_id=first)
            missing = await look_up(both[1], first)
            assert missing.status == 503
            assert missing.headers["retry-after"] == "1"


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, to be killed."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_no_request_fails_for_want_of_redis(mortal: RedisServer, how: str) -> None:
    """It comes back empty, and is told what the nodes know."""
    kind = Kind("redis", lambda: RedisState(mortal.url))
    snapshot = keyed(upstream(Format.CHAT), requests_per_minute=100)
    transports = [ScriptTransport(limited)] * 2
    async with nodes(kind, snapshot, snapshot, transports=transports) as both:
        sharing = [node.state.sharing for node in both]
        assert (await ask(both[0], Format.CHAT, "some-model")).status == 429
        await both[1].rests(1)
        assert await sharing[0].mark("revoked:a", soon())
        assert await sharing[0].mark("used:b", soon())
        getattr(mortal, how)()
        found = statuses(await ask_all(both, 90))
        assert found == {200: 90}
        await until(lambda: not any(each.up for each in sharing))
        assert statuses(await ask_all(both, 90)).get(200, 0) <= 100
        if how == "kill":
            mortal.start()
        else:
            mortal.thaw()
        await until(lambda: all(each.up for each in sharing))
        async with nodes(kind, snapshot, others=2) as (third,):
            await third.rests(1)
            await until(lambda: third.state.sharing.marked("revoked:a"))
            assert not await third.state.sharing.mark("used:b", soon())
