"""L11: three times the requests that a key may have under way.

The key may have ``SLOTS`` at once and its upstream takes ``PAUSE`` for each, so that its
peak is known; it is measured by that many clients who ask again at once. Then requests
come at three times that rate, whatever becomes of them, each on a connection of its own.
What is too much is to be refused at once, with a time to come again, and must not cost
the others anything.
"""

from __future__ import annotations

import asyncio
import re
import time

from bench.process import free_port
from bench.soak.client import FORMATS, Answer, ask, connect, once
from bench.soak.gateway import Gateway, configured, show_censuses, upstream
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.soak.upstream import instruction

SLOTS = 12
PAUSE = 0.1
_KEY = "overload-key"
_RETRY = re.compile(rb"\r\nretry-after: *[1-9]", re.IGNORECASE)


async def run(options: Options, progress: Progress) -> list[Figure]:
    port = free_port()
    third = options.seconds / 3
    with upstream() as source:
        text = configured(port, source.port).replace(
            "api-keys: [",
            f"api-keys: [{{name: small, key: {_KEY}, max-concurrent: {SLOTS}}}, ",
        )
        with Gateway(options.folder, text, port) as gateway:
            await gateway.warm()
            await _peak(port, 1.0)
            await _offer(port, 100, 1.0)
            before = await gateway.settled()
            await gateway.lag()
            progress("peak", always=True)
            peak = await _peak(port, third)
            progress(f"three times {peak:.0f} requests a second", always=True)
            offered = await _offer(port, 3 * peak, third)
            lag = await gateway.lag()
            ended = time.monotonic()
            again = 0
            while again < SLOTS:  # so many at once, and none is refused
                answers = await asyncio.gather(*(_one(port, each) for each in range(SLOTS)))
                again = sum(each.end == "complete" for each in answers)
            recovered = time.monotonic() - ended
            after = await gateway.settled()
    show_censuses({"before": before, "after": after})
    served = [each for each in offered if each.answer.end == "complete"]
    refused = [each for each in offered if each.answer.status == 429]
    other = len(offered) - len(served) - len(refused)
    untold = sum(_RETRY.search(each.answer.head) is None for each in refused)
    goodput = len(served) / third
    waits = sorted(each.seconds * 1000 for each in refused) or [0.0]
    leaked = after.leaked(before)
    return [
        Figure("peak, and offered", f"{peak:.0f}/s, {len(offered) / third:.0f}/s"),
        Figure(
            "goodput",
            f"{goodput:.0f}/s, {goodput / peak:.0%}",
            ">= 90 %",
            goodput >= 0.9 * peak,
            False,
        ),
        Figure("refused with 429", str(len(refused))),
        none_of("of them without retry-after", untold),
        none_of("neither served nor refused", other),
        Figure(
            "refused after, median and p99",
            f"{waits[len(waits) // 2]:.1f} and {waits[int(len(waits) * 0.99)]:.1f} ms",
            "< 20 ms",
            waits[len(waits) // 2] < 20,
            counted=False,
        ),
        Figure("recovered after", f"{recovered:.2f} s", "< 2 s", recovered < 2, counted=False),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
        *lag_figures(lag),
    ]


class Offered:
    """A request that came without being asked for."""

    def __init__(self, answer: Answer, seconds: float) -> None:
        self.answer = answer
        self.seconds = seconds


def _asked(number: int) -> tuple[bytes, Answer]:
    format = FORMATS[number % len(FORMATS)]
    asked = instruction(number, 0, int(PAUSE * 1e6))
    return ask(format, asked, stream=False, key=_KEY), Answer(format)


async def _one(port: int, number: int) -> Answer:
    return await once(port, *_asked(number))


async def _peak(port: int, seconds: float) -> float:
    """Requests a second of ``SLOTS`` clients who never wait."""
    until = time.monotonic() + seconds

    async def client(number: int) -> int:
        done = 0
        connection = await connect(port)
        while time.monotonic() < until:
            connection.begin(*_asked(number))
            await connection.until()
            done += connection.answer.end == "complete"
        connection.transport.abort()
        return done

    return sum(await asyncio.gather(*(client(each) for each in range(SLOTS)))) / seconds


async def _offer(port: int, rate: float, seconds: float) -> list[Offered]:
    began = time.monotonic()
    found: list[Offered] = []

    async def offer(number: int) -> None:
        asked = time.monotonic()
        found.append(Offered(await _one(port, number), time.monotonic() - asked))

    async with asyncio.TaskGroup() as tasks:
        number = 0
        while (passed := time.monotonic() - began) < seconds:
            while number < passed * rate:
                tasks.create_task(offer(number))
                number += 1
            await asyncio.sleep(0.002)
    return found
