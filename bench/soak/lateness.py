"""L13: how late the gateway's loop is for others, while people sign in, the configuration is
read again and large bodies come.

200 streams at a time; five passwords a second, right and wrong; a configuration of 2,000
models swapped four times a second; and bodies of 31 MB, one after another. ``/health`` is
asked all the time, which is what a caller waits at least.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import urllib.error
from collections import Counter

from bench.process import free_port
from bench.soak.attack import PASSWORD, dashboard, sign_in
from bench.soak.client import FORMATS, Answer, ask, connect, once
from bench.soak.gateway import Gateway, configured, show_censuses, upstream
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.soak.upstream import instruction

MODELS = 2_000
BODY = 31 << 20
_HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


class _Works:
    def __init__(self, port: int, until: float) -> None:
        self.port = port
        self.until = until
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self.waits: list[float] = []

    def going(self) -> bool:
        return time.monotonic() < self.until

    async def streams(self, number: int) -> None:
        format = FORMATS[number % len(FORMATS)]
        while self.going():
            answer = Answer(format, stream=number, words=20)
            asked = instruction(number, 20, 100_000)
            self._note("streams", await once(self.port, ask(format, asked, stream=True), answer))

    async def bodies(self) -> None:
        # Above what is passed on in one go, below the limit.
        number = 0
        while self.going():
            number += 1
            format = FORMATS[number % len(FORMATS)]
            asked = "x" * BODY + instruction(number)
            answer = await once(self.port, ask(format, asked, stream=False), Answer(format))
            self._note("large bodies", answer)

    def _note(self, what: str, answer: Answer) -> None:
        self.done[what] += 1
        if answer.end != "complete":
            self.failed.append(f"{what} {answer.end} {answer.head[:20]!r} {answer.body[:100]!r}")

    async def signing_in(self) -> None:
        while self.going():
            self.done["sign-ins"] += 1
            password = PASSWORD if self.done["sign-ins"] % 3 else b"wrong"
            with contextlib.suppress(urllib.error.HTTPError):  # limited, before long
                await asyncio.to_thread(sign_in, self.port, password)
            await asyncio.sleep(0.2)

    async def reloads(self, gateway: Gateway, texts: list[str]) -> None:
        while self.going():
            self.done["reloads"] += 1
            new = gateway.file.with_suffix(".new")
            new.write_text(texts[self.done["reloads"] % 2])
            new.replace(gateway.file)
            gateway.signal(signal.SIGHUP)
            await asyncio.sleep(0.25)

    async def health(self) -> None:
        connection = await connect(self.port)
        while self.going():
            began = time.perf_counter()
            connection.begin(_HEALTH, Answer("chat"))
            await connection.until()
            self.waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.005)
        connection.transport.abort()


async def run(options: Options, progress: Progress) -> list[Figure]:
    port = free_port()
    figures: list[Figure] = []
    with upstream() as source:
        texts = [_text(port, source.port, side) for side in ("a", "b")]
        with Gateway(options.folder, texts[0], port) as gateway:
            await gateway.warm()
            await asyncio.to_thread(sign_in, port)
            await _load(gateway, texts, _Works(port, time.monotonic() + 2.0), 10, {"all"})
            before = await gateway.settled()
            for what in ("streams alone", "sign-ins", "reloads", "large bodies"):
                progress(what, always=True)
                works = _Works(port, time.monotonic() + options.seconds / 3)
                await gateway.lag()
                await _load(gateway, texts, works, min(200, options.streams), {what})
                figures += _figures(what, works, await gateway.lag())
            after = await gateway.settled()
    show_censuses({"before": before, "after": after})
    leaked = after.leaked(before)
    return [*figures, none_of("left in the gateway", sum(leaked.values()), str(leaked or ""))]


async def _load(
    gateway: Gateway, texts: list[str], works: _Works, streams: int, wanted: set[str]
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(works.health())
        for number in range(streams):
            tasks.create_task(works.streams(number))
        if wanted & {"all", "sign-ins"}:
            tasks.create_task(works.signing_in())
        if wanted & {"all", "reloads"}:
            tasks.create_task(works.reloads(gateway, texts))
        if wanted & {"all", "large bodies"}:
            tasks.create_task(works.bodies())


def _figures(what: str, works: _Works, lag: dict[str, dict[str, float]]) -> list[Figure]:
    waits = sorted(works.waits)
    done = ", ".join(f"{count} {each}" for each, count in works.done.items())
    found = lag_figures(lag)
    return [
        Figure(f"{what}: done", done),
        none_of(f"{what}: failed", len(works.failed), "; ".join(works.failed[:2])),
        Figure(
            f"{what}: /health, p99.9 and max",
            f"{waits[int(len(waits) * 0.999)]:.1f} and {waits[-1]:.1f} ms",
            counted=False,
        ),
        *(
            Figure(f"{what}: {each.what}", each.value, each.goal, each.holds, each.counted)
            for each in found
        ),
    ]


def _text(port: int, source: int, side: str) -> str:
    models = ", ".join(f"{{id: {side}-model-{number}}}" for number in range(MODELS))
    return configured(
        port,
        source,
        dashboard(),
        "fallbacks: []",
        f"model-rewrites: [{{from: {side}, to: soak}}]",
    ).replace("{id: soak-chat}", "{id: soak-chat}, " + models)
