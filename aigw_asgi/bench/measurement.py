"""What is measured, step by step.

The ways take turns within a step, a few requests each, so that a busy machine disturbs
all of them alike. What a gateway adds is the difference of medians, and likewise of the
99th percentiles: the times of one request on two ways are not known.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from msgspec import Struct

from aigw_asgi.bench.client import StreamTimes, Way, connected
from aigw_asgi.bench.processes import Server
from aigw_asgi.bench.progress import Bar

PACE = 10_000
"""Microseconds between two pieces of a paced stream; models take about as long."""

_TURN = 10
"""Requests of one way before it is the turn of the next."""


class Load(Struct, frozen=True, kw_only=True):
    """How much to ask."""

    requests: int
    streams: int
    chunks: int
    concurrency: tuple[int, ...]
    seconds: float
    """Of each measurement of throughput."""


class Models(Struct, frozen=True):
    """What to ask for: name and text."""

    request: tuple[str, str]
    first: tuple[str, str]
    paced: tuple[str, str] | None
    """``None`` where nothing says when a piece was written."""
    burst: tuple[str, str] | None
    held: tuple[str, str] | None
    """A stream to hold open."""


class Figure(Struct, frozen=True):
    """One thing that was measured on one way."""

    what: str
    way: str
    unit: str
    median: float
    p99: float | None = None
    """``None`` where the figure is none of many."""


async def measure(
    ways: Sequence[Way],
    models: Models,
    load: Load,
    *,
    gateway: Server | None = None,
    context: ssl.SSLContext | None = None,
) -> list[Figure]:
    """All figures of all ways. ``gateway`` is the one behind all but the first of them,
    if it is ours. A bar on standard error says how far it is.

    Raises:
        BenchFailed: a way does not answer as it should.
    """
    run = _Run(ways, models, load, gateway, context)
    own = gateway is not None and gateway.memory is not None and models.held is not None
    steps = [
        ("warming up", run.warm_up, True),
        (f"{load.requests} requests, one after another", run.requests, True),
        (f"{load.requests} streams of one piece", run.firsts, True),
        (f"{load.streams} paced streams", run.paced, models.paced is not None),
        (f"requests, {_listed(load.concurrency)} at a time", run.throughput, True),
        ("4 streams as fast as they come", run.bursts, models.burst is not None),
        (f"memory of {load.streams} streams", run.memory, own),
    ]
    wanted = [(name, step) for name, step, possible in steps if possible]
    bar = Bar(len(wanted))
    try:
        for name, step in wanted:
            bar.step(name)
            await step()
    finally:
        bar.close()
    return run.figures


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


class _Run:
    def __init__(
        self,
        ways: Sequence[Way],
        models: Models,
        load: Load,
        gateway: Server | None,
        context: ssl.SSLContext | None,
    ) -> None:
        self._ways = ways
        self._models = models
        self._load = load
        self._gateway = gateway
        self._context = context
        self._idle = None if gateway is None else gateway.memory
        self.figures: list[Figure] = []

    def _add(self, what: str, way: Way, unit: str, values: Sequence[float], scale: float) -> None:
        ordered = sorted(value * scale for value in values)
        self.figures.append(
            Figure(what, way.name, unit, _percentile(ordered, 0.5), _percentile(ordered, 0.99))
        )

    async def warm_up(self) -> None:
        for way in self._ways:
            async with connected(way, self._context) as connection:
                for _ in range(min(20, self._load.requests)):
                    await connection.ask(*self._models.request)
                    await connection.stream(*self._models.first)
        if self._gateway is not None:
            self._idle = self._gateway.memory

    async def requests(self) -> None:
        times: dict[Way, list[float]] = {way: [] for way in self._ways}
        busy = dict.fromkeys(self._ways, 0.0)
        async with AsyncExitStack() as stack:
            kept = [
                (way, await stack.enter_async_context(connected(way, self._context)))
                for way in self._ways
            ]
            for begin in range(0, self._load.requests, _TURN):
                for way, connection in kept:
                    before = self._cpu
                    for _ in range(min(_TURN, self._load.requests - begin)):
                        times[way].append(await connection.ask(*self._models.request))
                    busy[way] += self._cpu - before
        for way in self._ways:
            self._add("request", way, "ms", times[way], 1e3)
            self._processor("request", way, busy[way] / len(times[way]))

    async def firsts(self) -> None:
        times: dict[Way, list[float]] = {way: [] for way in self._ways}
        async with AsyncExitStack() as stack:
            kept = [
                (way, await stack.enter_async_context(connected(way, self._context)))
                for way in self._ways
            ]
            for begin in range(0, self._load.requests, _TURN):
                for way, connection in kept:
                    for _ in range(min(_TURN, self._load.requests - begin)):
                        times[way].append((await connection.stream(*self._models.first)).first)
        for way in self._ways:
            self._add("first chunk", way, "ms", times[way], 1e3)

    async def paced(self) -> None:
        assert self._models.paced is not None, "else there is no such step"
        for way in self._ways:
            before = self._cpu
            streams = await self._at_once(way, self._models.paced, self._load.streams)
            busy = self._cpu - before
            ages = [age for each in streams for age in each.ages]
            self._add("chunk", way, "us", ages, 1e6)
            self._processor("chunk", way, busy / len(ages))

    async def throughput(self) -> None:
        for number in self._load.concurrency:
            for way in self._ways:
                until = time.perf_counter() + self._load.seconds
                counts = await asyncio.gather(
                    *(self._keep_asking(way, until) for _ in range(number))
                )
                rate = sum(counts) / self._load.seconds
                self.figures.append(Figure(f"requests, {number} at a time", way.name, "1/s", rate))

    async def bursts(self) -> None:
        assert self._models.burst is not None, "else there is no such step"
        for way in self._ways:
            began = time.perf_counter()
            streams = await self._at_once(way, self._models.burst, 4)
            pieces = sum(each.pieces for each in streams)
            rate = pieces / (time.perf_counter() - began)
            self.figures.append(Figure("chunks, 4 streams", way.name, "1/s", rate))

    async def memory(self) -> None:
        gateway = self._gateway
        assert gateway is not None, "it is what is looked at"
        assert self._models.held is not None, "they hold streams open"
        streams = self._load.streams
        held = asyncio.ensure_future(self._at_once(self._ways[-1], self._models.held, streams))
        most = 0
        while not held.done():
            await asyncio.wait([held], timeout=0.05)
            most = max(most, gateway.memory or 0)
        await held
        for what, size in (("idle", self._idle or 0), (f"{streams} streams", most)):
            self.figures.append(Figure(f"memory, {what}", "gateway", "MB", size / 1e6))

    async def _at_once(self, way: Way, model: tuple[str, str], number: int) -> list[StreamTimes]:
        async def one(at: int) -> StreamTimes:
            async with connected(way, self._context) as connection:
                await asyncio.sleep(at * PACE / 1e6 / number)  # not all in step
                return await connection.stream(*model)

        return list(await asyncio.gather(*(one(at) for at in range(number))))

    async def _keep_asking(self, way: Way, until: float) -> int:
        done = 0
        async with connected(way, self._context) as connection:
            while time.perf_counter() < until:
                await connection.ask(*self._models.request)
                done += 1
        return done

    @property
    def _cpu(self) -> float:
        return math.nan if self._gateway is None else self._gateway.cpu_seconds or math.nan

    def _processor(self, what: str, way: Way, seconds: float) -> None:
        if way is not self._ways[0] and not math.isnan(seconds):
            name = f"{what}, processor time"
            self.figures.append(Figure(name, way.name, "us", seconds * 1e6))


def _percentile(ordered: Sequence[float], at: float) -> float:
    return ordered[min(int(len(ordered) * at), len(ordered) - 1)]
