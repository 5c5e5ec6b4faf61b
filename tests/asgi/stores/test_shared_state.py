"""Laws of every store of shared state: several nodes count as one process would."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

import anyio
import pytest
from anyio import create_task_group
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from aigw_asgi.stores.shared_state import (
    GONE_AFTER,
    ForgottenNews,
    Grant,
    Held,
    MarkNews,
    News,
    NodeReport,
    ReloadNews,
    RestNews,
    Settled,
    SharedState,
    StoreLost,
)
from aigw_core.config.snapshot import ClientKey
from aigw_core.limits import Lease, Limit, Limits, Refusal
from aigw_core.marks import MAX_MARKS, Marks
from aigw_core.response_store import Bounds, ResponseStore, StoredResponse
from tests.asgi.stores.worlds import OpenWorld, World
from tests.corpus import DEEP

WELL_TRIED = settings(max_examples=600 if DEEP else 24, derandomize=True)

LIMIT = 60.0
"""Seconds that anything here may take."""


def run(body: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        with anyio.fail_after(LIMIT):
            await body

    anyio.run(main)


def key(id: str = "k", **limits: Any) -> ClientKey:
    return ClientKey(id, "ci", b"digest", **limits)


def node_report(id: str, *, group: str = "g", metrics: bytes = b"") -> NodeReport:
    return NodeReport(id, group, 1, 42, "host", "1.0", "v1", 5.0, metrics=metrics)


def granted(found: Grant | Refusal) -> Grant:
    assert isinstance(found, Grant), found
    return found


def refused(found: Grant | Refusal) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


# --- limits ------------------------------------------------------------------


class Step(Struct, frozen=True):
    """Some time passes; then a request comes to a node, or the oldest one ends."""

    pause: float | None
    """``None``: as long as the last refusal said."""
    node: int
    key: int
    tokens: int
    weight: int
    actual: int | None
    """``None``: a request comes."""


pauses = st.sampled_from([0, 0, 0, 0.001, 0.5, 3, None]).flatmap(
    lambda pause: st.one_of(st.just(pause), st.floats(0, GONE_AFTER - 1))
)
steps = st.lists(
    st.builds(
        Step,
        pause=pauses,
        node=st.integers(0, 1),
        key=st.sampled_from([0, 0, 1]),
        tokens=st.sampled_from([0, 1, 7, 30, 30, 200]),
        weight=st.sampled_from([1, 1, 2, 3]),
        actual=st.one_of(st.none(), st.none(), st.sampled_from([0, 1, 20, 90, 400])),
    ),
    min_size=30,
    max_size=80,
)
keys = st.builds(
    key,
    requests_per_minute=st.sampled_from([None, None, 3, 12, 40]),
    tokens_per_minute=st.sampled_from([None, None, 50, 100, 333]),
    max_concurrent=st.sampled_from([None, 3, 4, 8]),
)


class Running(Struct):
    node: int
    grant: Grant
    lease: Lease


@WELL_TRIED
@given(script=steps, first=keys, second=keys)
def test_nodes_admit_what_one_process_would(
    open_world: OpenWorld, script: list[Step], first: ClientKey, second: ClientKey
) -> None:
    """Same verdicts, same waits, same holdings as ``Limits`` gives for all of it."""
    both = [key(**limits_of(first)), key("other", **limits_of(second))]

    async def body() -> None:
        async with open_world() as world:
            nodes = [await world.join("a"), await world.join("b")]
            limits, running, wait = Limits(), list[Running](), 0.0
            for step in script:
                pause = wait if step.pause is None else step.pause
                await pass_time(world, nodes, pause, running)
                if step.actual is not None:
                    if running:
                        over = running.pop(0)
                        limits.settle(over.lease, step.actual, world.now)
                        await nodes[over.node].settle([Settled(over.grant, step.actual)])
                    continue
                who = both[step.key]
                expected = limits.reserve(who, step.tokens, world.now, weight=step.weight)
                found = await nodes[step.node].reserve(who, step.tokens, step.weight)
                if isinstance(expected, Refusal):
                    refusal = refused(found)
                    assert (refusal.limit, refusal.allowed) == (expected.limit, expected.allowed)
                    assert refusal.wait == pytest.approx(expected.wait, rel=1e-9)
                    wait = refusal.wait
                else:
                    grant = granted(found)
                    assert grant.tokens == pytest.approx(expected.tokens, rel=1e-9)
                    running.append(Running(step.node, grant, expected))

    run(body())


def limits_of(key: ClientKey) -> dict[str, Any]:
    return {
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "max_concurrent": key.max_concurrent,
    }


async def pass_time(
    world: World, nodes: list[SharedState], pause: float, running: list[Running]
) -> None:
    """All nodes stay: they report in time, or connect again and say what they hold."""
    world.now += pause
    for place, (name, node) in enumerate(zip("ab", nodes, strict=True)):
        if pause < GONE_AFTER:
            await node.report(node_report(name))
            continue
        held: dict[str, Held] = {}
        for each in running:
            if each.node == place:
                before = held.get(each.grant.key, Held(0, 0.0))
                held[each.grant.key] = Held(
                    before.running + each.grant.weight, before.tokens + each.grant.tokens
                )
        await node.open(name, held)


def test_many_requests_at_once_get_no_more_than_there_is(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world, create_task_group() as tasks:
            who, found = key(requests_per_minute=100), list[Grant | Refusal]()

            async def ask(node: SharedState) -> None:
                found.append(await node.reserve(who, 0, 1))

            for name in "ab":
                node = await world.join(name)
                for _ in range(200):
                    tasks.start_soon(ask, node)
        assert len(found) == 400
        assert sum(isinstance(each, Grant) for each in found) == 100

    run(body())


def test_requests_are_settled_together(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world:
            node = await world.join("a")
            one, two = key("1", max_concurrent=2), key("2", tokens_per_minute=100)
            grants = [await node.reserve(each, 20, 1) for each in (one, two, one, two)]
            await node.settle([Settled(granted(each), 60) for each in grants])
            granted(await node.reserve(one, 0, 2))
            refusal = refused(await node.reserve(two, 1, 1))
            learned = 40 * 0.2 + (40 - 40 * 0.2) * 0.2  # each used 40 more than it said
            assert refusal.wait == pytest.approx((120 + 1 + learned - 100) * 60 / 100)

    run(body())


def test_a_node_that_is_gone_holds_nothing(open_world: OpenWorld) -> None:
    who = key(max_concurrent=1)

    async def body() -> None:
        async with open_world() as world:
            a, b = await world.join("a"), await world.join("b")
            await a.report(node_report("a"))
            granted(await a.reserve(who, 0, 1))
            world.now += GONE_AFTER - 0.1
            await b.report(node_report("b"))
            refused(await b.reserve(who, 0, 1))
            world.now += 0.1
            granted(await b.reserve(who, 0, 1))
            # It was only slow, and says so: both are counted from then on.
            await a.open("a", {who.id: Held(1, 0.0)})
            assert refused(await b.reserve(key(max_concurrent=2), 0, 1)).limit is Limit.CONCURRENT
            granted(await b.reserve(key(max_concurrent=3), 0, 1))

    run(body())


def test_a_node_that_leaves_holds_nothing(open_world: OpenWorld) -> None:
    who = key(max_concurrent=1)

    async def body() -> None:
        async with open_world() as world:
            a, b = await world.join("a"), await world.join("b")
            granted(await a.reserve(who, 0, 1))
            refused(await b.reserve(who, 0, 1))
            await a.aclose()
            granted(await b.reserve(who, 0, 1))

    run(body())


def test_what_a_node_says_when_it_opens_replaces_what_was_known(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world:
            a, b = await world.join("a"), await world.join("b")
            granted(await a.reserve(key(max_concurrent=9), 0, 9))
            await a.open("a", {"k": Held(2, 30.0)})
            granted(await b.reserve(key(max_concurrent=9), 0, 7))
            refused(await b.reserve(key(max_concurrent=9), 0, 1))
            refusal = refused(await b.reserve(key(tokens_per_minute=100), 80, 1))
            assert refusal.wait == pytest.approx(6.0)

    run(body())


# --- rests and news ----------------------------------------------------------


class Told(Struct, frozen=True):
    node: int
    pause: float
    rests: list[RestNews]


rests = st.builds(
    RestNews,
    credential=st.sampled_from(["c1", "c2"]),
    model=st.sampled_from(["", "m", "ü/\n"]),
    counting=st.booleans(),
    until=st.one_of(st.just(0.0), st.floats(-5, 100)),  # from now
    cause=st.sampled_from(["", "rate_limit"]),
    limited=st.booleans(),
    faults=st.integers(0, 5),
    named=st.booleans(),
)
told = st.lists(
    st.builds(
        Told,
        node=st.integers(0, 1),
        pause=st.one_of(st.just(0.0), st.floats(0, 60)),
        rests=st.lists(rests, max_size=4),
    ),
    max_size=10,
)


@WELL_TRIED
@given(script=told)
def test_rests_are_known_to_all_until_they_are_over(
    open_world: OpenWorld, script: list[Told]
) -> None:
    async def body() -> None:
        async with open_world() as world:
            nodes = [await world.join("a"), await world.join("b")]
            expected: dict[tuple[str, str, bool], RestNews] = {}
            for each in script:
                world.now += each.pause
                news: list[News] = []
                for rest in each.rests:
                    target = (rest.credential, rest.model, rest.counting)
                    expected.pop(target, None)
                    if rest.until:
                        rest = RestNews(*target, world.now + rest.until, rest.cause)
                        expected[target] = rest
                    news.append(rest)
                await nodes[each.node].tell(news)
                live = [rest for rest in expected.values() if rest.until > world.now]
                for node in nodes:
                    found = await node.rests()
                    assert sorted(map(repr, found)) == sorted(map(repr, live))

    run(body())


def test_news_reach_all_but_the_one_who_tells(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world, create_task_group() as tasks:
            heard: dict[str, list[News]] = {name: [] for name in "abc"}
            nodes = {name: await world.join(name) for name in "abc"}
            complete = anyio.Event()

            def hear(name: str, news: News) -> None:
                heard[name].append(news)
                if sum(map(len, heard.values())) == 8:
                    complete.set()

            for name, node in nodes.items():
                tasks.start_soon(node.listen, partial(hear, name))
            rest = RestNews("c", "m", False, world.now + 30, "cause", True, 3, True)
            await nodes["a"].tell([rest, ForgottenNews("owner", "resp_1")])
            await nodes["b"].tell([RestNews("c", "m", False)])
            await nodes["c"].tell([ReloadNews()])
            await complete.wait()
            tasks.cancel_scope.cancel()
        from_a: list[News] = [rest, ForgottenNews("owner", "resp_1")]
        assert heard["a"] == [RestNews("c", "m", False), ReloadNews()]
        assert heard["b"] == [*from_a, ReloadNews()]
        assert heard["c"] == [*from_a, RestNews("c", "m", False)]

    run(body())


# --- marks -------------------------------------------------------------------


class Marking(Struct, frozen=True):
    pause: float
    node: int
    names: list[str]
    end: float | None
    """Seconds from then; ``None``: they are unset."""


names = st.sampled_from(
    ["a:", "a:1", "a:10", "a:1:ü", "a:1~", "b:1", "revoked:x", "revoked:" + "y" * 200]
)
markings = st.lists(
    st.builds(
        Marking,
        pause=st.sampled_from([0.0, 0.0, 1.0, 30.0]),
        node=st.integers(0, 1),
        names=st.lists(names, min_size=1, max_size=3),
        end=st.sampled_from([None, -1.0, 0.0, 1.0, 30.0, 31.0, 1e6]),
    ),
    max_size=30,
)


@WELL_TRIED
@given(script=markings)
def test_marks_are_kept_as_in_one_process(open_world: OpenWorld, script: list[Marking]) -> None:
    async def body() -> None:
        async with open_world() as world:
            nodes, model = [await world.join(name) for name in "ab"], Marks()
            for each in script:
                world.now += each.pause
                node = nodes[each.node]
                if each.end is None:
                    for name in each.names:
                        model.unset(name)
                    await node.unmark(each.names)
                else:
                    until = world.now + each.end
                    for name in each.names:
                        assert await node.mark(name, until) == model.set(name, until, world.now)
                for prefix in ("a:", "a:1", "a:1:", "b:", "revoked:", "c:"):
                    found = await nodes[1 - each.node].marks(prefix)
                    expected = model.beginning(prefix, world.now)
                    assert [mark.name for mark in found] == [mark.name for mark in expected]
                    ends = [mark.until for mark in expected]
                    assert [mark.until for mark in found] == pytest.approx(ends, abs=1e-5)

    run(body())


def test_of_many_who_set_a_mark_at_once_one_does(open_world: OpenWorld) -> None:
    found: list[bool] = []

    async def body() -> None:
        async with open_world() as world, create_task_group() as tasks:

            async def mark(node: SharedState) -> None:
                found.append(await node.mark("once:x", world.now + 10))

            for name in "abc":
                node = await world.join(name)
                for _ in range(50):
                    tasks.start_soon(mark, node)

    run(body())
    assert found.count(True) == 1
    assert len(found) == 150


def test_too_many_marks_of_a_kind_push_out_those_that_end_first(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world:
            node = await world.join("a")
            await node.mark("other:1", world.now + 500)
            async with create_task_group() as tasks:
                for number in range(MAX_MARKS + 3):
                    tasks.start_soon(node.mark, f"many:{number}", world.now + 100 + number)
            kept = {mark.name for mark in await node.marks("many:")}
            assert len(kept) == MAX_MARKS
            assert not kept & {"many:0", "many:1", "many:2"}
            assert await node.mark("many:2", world.now + 1e6)
            assert len(await node.marks("many:")) == MAX_MARKS
            assert [mark.name for mark in await node.marks("other:")] == ["other:1"]
            # Those that are over make room.
            world.now += 200
            await node.mark("many:new", world.now + 1)
            assert len(await node.marks("many:")) == MAX_MARKS + 3 - 101 + 2

    run(body())


def test_marks_that_are_told_are_told_once(open_world: OpenWorld) -> None:
    async def body() -> None:
        heard: dict[str, list[News]] = {name: [] for name in "ab"}
        async with open_world() as world, create_task_group() as tasks:
            nodes, complete = {name: await world.join(name) for name in "ab"}, anyio.Event()

            def hear(name: str, news: News) -> None:
                heard[name].append(news)
                if isinstance(news, ReloadNews):
                    complete.set()

            for name, node in nodes.items():
                tasks.start_soon(node.listen, partial(hear, name))
            end = world.now + 60
            await nodes["a"].mark("quiet:x", end)
            assert await nodes["a"].mark("revoked:x", end)
            assert not await nodes["a"].mark("revoked:x", end + 1)
            await nodes["a"].unmark(["quiet:x", "revoked:x"])
            await nodes["a"].tell([ReloadNews()])
            await complete.wait()
            tasks.cancel_scope.cancel()
        assert heard["a"] == []
        told, untold, _ = heard["b"]
        assert isinstance(told, MarkNews)
        assert told.name == "revoked:x"
        assert told.until == pytest.approx(end, abs=1e-5)
        assert untold == MarkNews("revoked:x")

    run(body())


def test_a_mark_without_a_kind_is_a_mistake(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world:
            node = await world.join("a")
            with pytest.raises(ValueError, match="colon"):
                await node.mark("plain", world.now + 1)
            assert await node.mark("a:kind", world.now + 1)

    run(body())
    with pytest.raises(ValueError, match="colon"):
        Marks().set("plain", 1.0, 0.0)


# --- stored answers ----------------------------------------------------------


class Use(Struct, frozen=True):
    pause: float
    node: int
    action: str
    owner: str
    id: str
    text: bytes
    length: int


uses = st.lists(
    st.builds(
        Use,
        pause=st.sampled_from([0.01, 0.01, 1.0, 60.0]),  # never none: which is older is clear
        node=st.integers(0, 1),
        action=st.sampled_from(["put", "put", "get", "remove"]),
        owner=st.sampled_from(["o1", "o2"]),
        id=st.sampled_from(["r1", "r2", "r3", "r" * 300]),
        text=st.sampled_from([b"x", b"y"]),
        length=st.sampled_from([1, 1, 400, 2000]),
    ),
    max_size=40,
)

SMALL = Bounds(total=1 << 30, owner=1500, entry=1000, entries=3, idle=100.0)


@WELL_TRIED
@given(script=uses)
def test_answers_are_kept_as_in_one_process(open_world: OpenWorld, script: list[Use]) -> None:
    async def body() -> None:
        async with open_world() as world:
            nodes = [await world.join(name, bounds=SMALL) for name in "ab"]
            model = ResponseStore(SMALL)
            for use in script:
                world.now += use.pause
                node, now = nodes[use.node], world.now
                if use.action == "put":
                    stored = StoredResponse(use.id, use.text, (b"?", use.text * use.length))
                    model.put(use.owner, stored, now)
                    await node.put_response(use.owner, stored)
                elif use.action == "get":
                    found = await node.response(use.owner, use.id)
                    assert found == model.get(use.owner, use.id, now)
                else:
                    removed = await node.remove_response(use.owner, use.id)
                    assert removed == model.remove(use.owner, use.id, now)
            for owner in ("o1", "o2"):
                for id in ("r1", "r2", "r3"):
                    found = await nodes[0].response(owner, id)
                    assert found == model.get(owner, id, world.now)

    run(body())


def test_an_identifier_of_two_answers_names_neither_however_large_they_are(
    open_world: OpenWorld,
) -> None:
    async def body() -> None:
        for small, large in ((b"x", b"y" * 2000), (b"y" * 2000, b"x")):
            async with open_world() as world:
                node = await world.join("a", bounds=SMALL)
                model = ResponseStore(SMALL)
                for text in (small, large):
                    stored = StoredResponse("r1", b"body", (b"?", text))
                    await node.put_response("o1", stored)
                    model.put("o1", stored, world.now)
                assert await node.response("o1", "r1") == model.get("o1", "r1", world.now)

    run(body())


def test_a_long_conversation_is_kept(open_world: OpenWorld) -> None:
    items = tuple(bytes([place % 256]) * 100_000 for place in range(100))
    stored = StoredResponse("resp_long", b"\x00\xff" * 1000, items)

    async def body() -> None:
        async with open_world() as world:
            a, b = await world.join("a"), await world.join("b")
            await a.put_response("o", stored)
            assert await b.response("o", "resp_long") == stored
            await a.put_response("o", StoredResponse("larger", b"", items * 2))
            assert await b.response("o", "larger") is None

    run(body())


# --- nodes -------------------------------------------------------------------


def test_nodes_are_told_of_while_they_are_there(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world:
            a, b, far = await world.join("a"), await world.join("b"), await world.join("far")
            await a.report(node_report("a", metrics=b"1"))
            await far.report(node_report("far", group="other"))
            world.now += 1
            found = {each.id: each for each in await b.report(node_report("b", metrics=b"2"))}
            assert found.keys() == {"a", "b", "far"}
            assert found["b"].metrics == b"2"
            assert found["a"].metrics == b"1"
            assert found["a"].seen == pytest.approx(world.now - 1)
            assert found["far"].group == "other"
            assert all(each.alive(world.now) for each in found.values())

            world.now += GONE_AFTER - 1
            found = {each.id: each for each in await b.report(node_report("b"))}
            # Of its own group it is told for its counters, of the other one no more.
            assert found.keys() - {"far"} == {"a", "b"}
            assert not found["a"].alive(world.now)
            assert found["a"].metrics == b"1"
            assert "far" not in found or found["far"].alive(world.now)

            await b.aclose()
            await a.open("a", {})
            found = {each.id: each for each in await a.report(node_report("a"))}
            assert found["a"].alive(world.now)
            assert not found["b"].alive(world.now)

    run(body())


def test_a_store_that_is_not_open_is_lost(open_world: OpenWorld) -> None:
    async def body() -> None:
        async with open_world() as world:
            node = await world.join("a")
            await node.aclose()
            with pytest.raises(StoreLost):
                await node.reserve(key(max_concurrent=1), 0, 1)
            await node.aclose()

    run(body())
