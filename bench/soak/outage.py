"""L12: a provider fails. First one of three credentials, all the time; then all three, and
back.

The upstream is in this process and goes by a switch for each credential: 529 while it is
off.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import ClassVar

from bench.process import free_port
from bench.soak.client import FORMATS, Answer, ask, once
from bench.soak.gateway import Gateway, show_censuses
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.soak.upstream import SoakUpstream, instruction

RATE = 40
"""Requests a second."""
WORDS = 5

_CONFIG = """
host: 127.0.0.1
api-keys: [soak-key]
echo: "off"
keepalive-expiry: 1
claude-api-key:
  - {{api-key: k1, base-url: "http://127.0.0.1:{upstream}"}}
  - {{api-key: k2, base-url: "http://127.0.0.1:{upstream}"}}
  - {{api-key: k3, base-url: "http://127.0.0.1:{upstream}"}}
"""


class _Switched(SoakUpstream):
    off: ClassVar[set[bytes]] = set()
    asked: ClassVar[Counter[bytes]] = Counter()

    def _answer(self, head: bytes, body: bytes) -> None:
        key = next((each for each in (b"k1", b"k2", b"k3") if b"earer " + each in head), b"")
        self.asked[key] += 1
        if key in self.off:
            self._document(
                529, b'{"type":"error","error":{"type":"overloaded_error","message":"later"}}'
            )
        else:
            super()._answer(head, body)


class _Load:
    """Requests at a steady rate; when each began, and how it ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.ended: list[tuple[float, str]] = []
        self._dice = random.Random(1)

    async def go_on(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            while time.monotonic() < until:
                tasks.create_task(self._one(len(self.ended)))
                await asyncio.sleep(self._dice.expovariate(RATE))

    async def _one(self, number: int) -> None:
        format = FORMATS[number % len(FORMATS)]
        stream = number % 2 == 0
        answer = Answer(format, stream=number, words=WORDS if stream else 0)
        asked = instruction(number, answer.words, 10_000 if stream else 0)
        began = time.monotonic()
        await once(self._port, ask(format, asked, stream=stream), answer)
        self.ended.append((began, answer.end))

    def failed(self) -> int:
        return sum(end != "complete" for _, end in self.ended)


async def run(options: Options, progress: Progress) -> list[Figure]:
    port = free_port()
    loop = asyncio.get_running_loop()
    _Switched.off = set()
    server = await loop.create_server(_Switched, "127.0.0.1", 0)
    text = _CONFIG.format(upstream=server.sockets[0].getsockname()[1])
    with Gateway(options.folder, text, port) as gateway:
        await gateway.warm()
        before = await gateway.settled()
        await gateway.lag()
        progress("one of three answers 529", always=True)
        _Switched.off = {b"k1"}
        _Switched.asked.clear()
        one = _Load(port)
        await one.go_on(options.seconds)
        dead = _Switched.asked[b"k1"]

        progress("all of them do", always=True)
        _Switched.off = {b"k1", b"k2", b"k3"}
        _Switched.asked.clear()
        outage = _Load(port)
        await outage.go_on(options.seconds)
        sent = sum(_Switched.asked.values())

        progress("none does", always=True)
        _Switched.off = set()
        back = time.monotonic()
        recovery = _Load(port)
        await recovery.go_on(min(10.0, options.seconds))
        lag = await gateway.lag()
        after = await gateway.settled()
    server.close()
    show_censuses({"before": before, "after": after})
    last = max((began for began, end in recovery.ended if end != "complete"), default=back) - back
    amplified = sent / len(outage.ended)
    leaked = after.leaked(before)
    share = one.failed() / len(one.ended)
    late = sum(end in ("silent", "damaged") for _, end in one.ended + outage.ended + recovery.ended)
    return [
        Figure("one off: requests, and asked of the dead one", f"{len(one.ended)}, {dead}"),
        Figure("one off: clients that saw an error", f"{one.failed()}", "< 0.1 %", share < 0.001),
        Figure(
            "all off: sent upstream for each request",
            f"{amplified:.2f} of {len(outage.ended)}",
            "<= 1.2",
            amplified <= 1.2,
        ),
        Figure(
            "back: the last error came after", f"{last:.1f} s", "< 5 s", last < 5, counted=False
        ),
        none_of("answers that looked complete", late),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
        *lag_figures(lag),
    ]
