"""L3: requests of all kinds, three in ten of which are left by their clients, one in twenty
of which meets a fault upstream. Nothing may stay behind.

Formats of clients and upstreams are drawn, all sixteen pairs; so is the moment at which a
client leaves, from the middle of its request's head to the middle of the answer. Who stays
and meets no fault must get every word; who meets one must see that.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.process import free_port
from bench.soak.client import FORMATS, Answer, Connection, ask, connect
from bench.soak.gateway import Gateway, configured, show_censuses, upstream
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.soak.upstream import FAULTS, SLOW_FAULTS, instruction

CLIENTS = 48
_DEAD = "weakref.ReferenceType to NoneType"
"""What asyncio's list of all tasks has not swept out yet: as many as it happens to be."""
WORDS = 12
LEAVING = ("in the head", "in the body", "at once", "waiting", "at the answer's head", "at a word")

EXTRA = (
    # No target rests: one that does would be out for all the others as well (see L12).
    "retry: {max-retries: 1, max-backoff-secs: 0.2, cooldown-429-secs: 0, cooldown-5xx-secs: 0,"
    " cooldown-network-secs: 0}",
    "first-byte-timeout: 10",
    "idle-timeout: 10",
    "request-timeout: 10",
)


@dataclass
class Drawn:
    """One request."""

    number: int
    format: str
    upstream: str
    stream: bool
    pause_us: int
    how: str
    leaves: str
    """When its client does; empty: it stays."""
    after: int
    """Words, or milliseconds."""

    def encode(self) -> bytes:
        words = WORDS if self.stream else 0
        return ask(
            self.format,
            instruction(self.number, words, self.pause_us, self.how),
            stream=self.stream,
            model=f"soak-{self.upstream}",
        )


def draw(seed: int) -> Iterator[Drawn]:
    """Requests without end."""
    dice = random.Random(seed)
    number = 0
    while True:
        number += 1
        how = "fine"
        if dice.random() < 0.05:
            how = dice.choice(SLOW_FAULTS if dice.random() < 0.01 else FAULTS)
        leaves = dice.choice(LEAVING) if dice.random() < 0.3 else ""
        yield Drawn(
            number,
            dice.choice(FORMATS),
            dice.choice(FORMATS),
            dice.random() < 0.6,
            dice.choice((0, 0, 1000, 5000)),
            how,
            leaves,
            dice.randrange(WORDS),
        )


class Churn:
    def __init__(
        self, port: int, seed: int, only: Callable[[Drawn], bool] = lambda drawn: True
    ) -> None:
        """``only`` some of what is drawn."""
        self._port = port
        self._drawn = filter(only, draw(seed))
        self.done = 0
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def go_on(self, requests: int, clients: int = CLIENTS) -> None:
        """So many more."""
        self._until = self.done + requests
        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(self._client())

    async def _client(self) -> None:
        connection: Connection | None = None
        while self.done < self._until:
            self.done += 1
            drawn = next(self._drawn)
            if connection is None or connection.lost:
                connection = await connect(self._port)
            answer = Answer(drawn.format, stream=drawn.number, words=WORDS if drawn.stream else 0)
            if drawn.leaves:
                await self._leave(connection, drawn, answer)
                self.ends["left " + drawn.leaves] += 1
            else:
                connection.begin(drawn.encode(), answer)
                await connection.until()
                self._judge(drawn, answer)
            if drawn.leaves or not answer.whole or b"connection: close" in answer.head.lower():
                connection.transport.abort()
                connection = None
        if connection is not None:
            connection.transport.abort()

    async def _leave(self, connection: Connection, drawn: Drawn, answer: Answer) -> None:
        data = drawn.encode()
        head = data.index(b"\r\n\r\n")
        part = {"in the head": head // 2, "in the body": (head + len(data)) // 2}
        connection.begin(data[: part.get(drawn.leaves, len(data))], answer)
        if drawn.leaves == "at a word":
            await connection.until(words=drawn.after if drawn.stream else None)
        elif drawn.leaves == "at the answer's head":
            await connection.until(words=0)
        elif drawn.leaves == "waiting":
            await asyncio.sleep(drawn.after * 1e-3)
        else:
            await asyncio.sleep(0)

    def _judge(self, drawn: Drawn, answer: Answer) -> None:
        end = answer.end
        self.ends[f"{'fine' if drawn.how == 'fine' else 'fault'}: {end}"] += 1
        expected = ("complete",) if drawn.how == "fine" else ("error", "broken", "refused")
        if end not in expected:
            self.wrong.append(f"{drawn} {end} {answer.head[:15]!r} {answer.body[:300]!r}")


async def run(options: Options, progress: Progress) -> list[Figure]:
    port = free_port()
    warm = min(4000, options.requests // 5)
    with (
        upstream() as source,
        Gateway(options.folder, configured(port, source.port, *EXTRA), port) as gateway,
    ):
        churn = Churn(port, options.seed)

        async def go_on(requests: int, what: str) -> None:
            work = asyncio.create_task(churn.go_on(requests))
            while not work.done():
                rss = gateway.rss_bytes >> 20
                progress(
                    f"{what}: {churn.done} of {options.requests + warm} requests, RSS {rss} MiB"
                )
                await asyncio.wait([work], timeout=1.0)
            work.result()

        await go_on(warm, "warming up")
        censuses = {"before": await gateway.settled()}
        await gateway.lag()
        half = options.requests // 2
        await go_on(half, "first half")
        censuses["half"] = await gateway.settled()
        await go_on(options.requests - half, "second half")
        lag = await gateway.lag()
        censuses["after"] = await gateway.settled()
    show_censuses(censuses)
    before, middle, after = censuses.values()
    leaked = after.leaked(before)
    grown = (after["rss_kib"] - middle["rss_kib"]) / 1024
    for each in (middle, after):
        del each.kinds[_DEAD]
    objects = (after.kinds.total() / middle.kinds.total() - 1) * 100
    kinds = (after.kinds - middle.kinds).most_common(4)
    many = options.requests >= 20_000  # before that, tables and pools still fill
    ends = ", ".join(f"{count} {end}" for end, count in sorted(churn.ends.items()))
    return [
        Figure("requests", str(churn.done), str(options.requests + warm)),
        Figure("how they ended", ends),
        none_of("that ended as they should not", len(churn.wrong), "; ".join(churn.wrong[:3])),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
        Figure("RSS, second half", f"{grown:+.2f} MiB", "<= 2 MiB", grown <= 2.0, many),
        Figure(
            "objects, second half", f"{objects:+.2f} % {kinds}", "+-0.1 %", objects <= 0.1, many
        ),
        *lag_figures(lag),
    ]
