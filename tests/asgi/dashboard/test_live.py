"""The hub: what readers of channels are told, whatever they do and however slow they are."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_asgi.dashboard.live import Hub, Reader, RowChannel, SourceLost, StateChannel

pytestmark = pytest.mark.anyio


class Rows:
    """A source that is a list."""

    def __init__(self, newest: int = 0) -> None:
        self.rows: list[tuple[int, Any]] = []
        self.last = newest
        self.lost = False
        self.asked = 0

    def add(self, count: int, skip: int = 0) -> None:
        for _ in range(count):
            self.last += 1 + skip
            skip = 0
            self.rows.append((self.last, {"n": self.last}))

    async def newest(self) -> int:
        self.asked += 1
        if self.lost:
            raise SourceLost("the disk is away")
        return self.last

    async def after(self, seq: int, limit: int) -> Sequence[tuple[int, Any]]:
        return [each for each in self.rows if each[0] > seq][:limit]


def told(reader: Reader) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in reader.take()]


async def refresh(hub: Hub) -> None:
    """One look, as ``run`` takes them."""
    for row_channel in hub.rows.values():
        if row_channel.watchers:
            await row_channel.refresh()
    for state_channel in hub.states.values():
        if state_channel.watchers:
            state_channel.refresh()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 700), st.sampled_from([0, 0, 0, 5])),
        st.tuples(st.just("look"), st.just(0), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, 2), st.integers(1, 300)),
        st.tuples(st.just("leave"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("mute"), st.integers(0, 2), st.just(0)),
    ),
    max_size=40,
)


class Client:
    """Counts what it is told, and comes back with the last number that it knows."""

    def __init__(self, hub: Hub, start: int) -> None:
        self.hub = hub
        self.known = start
        self.reader: Reader | None = None

    def come(self) -> Reader:
        if self.reader is None:
            self.reader = self.hub.join()
            self.reader.subscribe(["rows"], {"rows": self.known})
        return self.reader

    def leave(self) -> None:
        if self.reader is not None:
            self.hub.leave(self.reader)
            self.reader = None

    def take(self, most: int, source: Rows) -> None:
        reader = self.come()
        published = dict(source.rows)
        for frame in reader.take():
            message = json.loads(frame)
            if message["type"] == "gap":
                assert message["from"] == self.known + 1
                assert message["to"] >= message["from"]
                self.known = message["to"]
            else:
                assert message["seq"] == self.known + 1
                assert message["data"] == published[message["seq"]]
                self.known = message["seq"]
            most -= 1
            if not most:
                break


@given(STEPS)
@settings(max_examples=120, derandomize=True, deadline=None)
def test_any_order_of_coming_and_going_tells_of_every_row_once(
    steps: list[tuple[str, int, int]],
) -> None:
    async def main() -> None:
        source = Rows(7)
        hub = Hub([RowChannel("rows", source)], [])
        clients = [Client(hub, 7) for _ in range(3)]
        for what, first, second in steps:
            if what == "add":
                source.add(first, second)
            elif what == "look":
                await refresh(hub)
            elif what == "leave":
                clients[first].leave()
            elif what == "mute":
                clients[first].come().subscribe([])
                clients[first].leave()
            else:
                clients[first].come()
                await refresh(hub)
                clients[first].take(second, source)
        for client in clients:
            client.come()
            await refresh(hub)
            while client.known != source.last:
                before = client.known
                client.take(10_000, source)
                assert client.known > before

    anyio.run(main)


async def test_rows_are_looked_for_only_while_somebody_watches() -> None:
    source = Rows()
    hub = Hub([RowChannel("rows", source)], [])
    await refresh(hub)
    assert source.asked == 0
    reader = hub.join()
    reader.subscribe(["rows", "unheard-of"])
    assert reader.channels == {"rows"}
    await refresh(hub)
    assert source.asked == 1
    hub.leave(reader)
    await refresh(hub)
    assert source.asked == 1
    assert hub.rows["rows"].tail is None


async def test_a_new_reader_gets_what_comes_from_now_on() -> None:
    source = Rows()
    source.add(5)
    hub = Hub([RowChannel("rows", source)], [])
    reader = hub.join()
    reader.subscribe(["rows"])
    await refresh(hub)
    assert told(reader) == []
    source.add(2)
    await refresh(hub)
    assert [each["seq"] for each in told(reader)] == [6, 7]
    assert not reader.behind


async def test_a_burst_larger_than_what_is_held_is_a_gap_and_the_newest() -> None:
    source = Rows()
    hub = Hub([RowChannel("rows", source)], [])
    reader = hub.join()
    reader.subscribe(["rows"])
    await refresh(hub)
    told(reader)
    source.add(10_000)
    await refresh(hub)
    frames = told(reader)
    while reader.behind:
        frames += told(reader)
    assert frames[0] == {"type": "gap", "channel": "rows", "from": 1, "to": 8000}
    assert [each["seq"] for each in frames[1:]] == list(range(8001, 10_001))


async def test_a_store_that_was_emptied_begins_anew() -> None:
    source = Rows()
    source.add(50)
    hub = Hub([RowChannel("rows", source)], [])
    reader = hub.join()
    reader.subscribe(["rows"], {"rows": 900})  # of a store that is no more
    await refresh(hub)
    assert told(reader) == []
    source.add(1)
    await refresh(hub)
    assert [each["seq"] for each in told(reader)] == [51]


async def test_a_source_that_is_lost_comes_back() -> None:
    source = Rows()
    hub = Hub([RowChannel("rows", source)], [])
    reader = hub.join()
    reader.subscribe(["rows"])
    await refresh(hub)
    told(reader)
    source.lost = True
    source.add(3)
    await refresh(hub)
    assert told(reader) == []
    assert await hub.newest() == {}
    source.lost = False
    await refresh(hub)
    assert [each["seq"] for each in told(reader)] == [1, 2, 3]


async def test_a_state_is_told_when_it_has_changed_and_only_the_newest() -> None:
    value = {"n": 0}
    hub = Hub([], [StateChannel("state", lambda: value)])
    reader = hub.join()
    reader.subscribe(["state"])
    await refresh(hub)
    assert told(reader) == [{"type": "state", "data": {"n": 0}}]
    await refresh(hub)
    assert told(reader) == []
    for number in range(1, 6):
        value["n"] = number
        await refresh(hub)
    assert told(reader) == [{"type": "state", "data": {"n": 5}}]


async def test_subscribing_anew_goes_on_where_it_was() -> None:
    source = Rows()
    hub = Hub([RowChannel("rows", source)], [StateChannel("state", lambda: {"n": 1})])
    reader = hub.join()
    reader.subscribe(["rows"])
    await refresh(hub)
    told(reader)
    source.add(2)
    reader.subscribe(["rows", "state"])
    await refresh(hub)
    assert [each["type"] for each in told(reader)] == ["state", "rows", "rows"]
    reader.subscribe(["rows"])
    await refresh(hub)
    assert told(reader) == []


async def test_the_run_wakes_only_those_who_are_behind() -> None:
    first, second = Rows(), Rows()
    hub = Hub([RowChannel("first", first), RowChannel("second", second)], [])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.run)
        watching, other = hub.join(), hub.join()
        watching.subscribe(["first"])
        other.subscribe(["second"])
        with anyio.fail_after(5):
            for reader in (watching, other):
                while reader.behind or hub.rows["first"].tail is None:
                    told(reader)
                    await anyio.sleep(0.01)
                told(reader)
        watching.news, other.news = anyio.Event(), anyio.Event()
        first.add(1)
        with anyio.fail_after(5):
            await watching.news.wait()
        assert [each["seq"] for each in told(watching)] == [1]
        assert not other.news.is_set()
        tasks.cancel_scope.cancel()


async def test_who_asks_all_the_time_holds_up_nobody() -> None:
    looks = 0

    def look() -> dict[str, int]:
        nonlocal looks
        looks += 1
        return {"n": looks}

    hub = Hub([], [StateChannel("state", look)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.run)
        reader, restless = hub.join(), hub.join()
        reader.subscribe(["state"])
        asked = 0

        def alive() -> bool:
            nonlocal asked
            asked += 1
            return True

        reader.alive = alive
        with anyio.fail_after(30):
            while looks < 3 or not asked:
                restless.subscribe(["state"])
                await anyio.sleep(0.02)
        tasks.cancel_scope.cancel()


async def test_who_has_left_is_held_by_nobody() -> None:
    hub = Hub([], [StateChannel("state", dict)])
    looked = anyio.Event()

    def alive() -> bool:
        looked.set()
        return True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.run)
        reader: Reader | None = hub.join()
        assert reader is not None
        reader.alive = alive
        reader.subscribe(["state"])
        with anyio.fail_after(5):
            await looked.wait()
        hub.leave(reader)
        for _ in range(5):  # until the hub waits for somebody to come
            await anyio.lowlevel.checkpoint()
        left = weakref.ref(reader)
        reader = None
        gc.collect()
        assert left() is None
        tasks.cancel_scope.cancel()
