"""L10: what good clients notice of attackers (:mod:`bench.soak.attackers`).

Good traffic is 20 streams at a time and 20 small requests a second, first alone, then
beside the attack, then alone again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import bcrypt

from bench.process import ROOT, free_port
from bench.soak.client import FORMATS, Answer, ask, once
from bench.soak.gateway import Census, Gateway, configured, show_censuses, upstream
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.soak.upstream import instruction

T = TypeVar("T")

STREAMS = 20
PASSWORD = b"the right one"


def dashboard() -> str:
    """A line for the configuration."""
    hash = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(10)).decode()
    return f'dashboard: {{enabled: true, password-hash: "{hash}"}}'


def sign_in(port: int, password: bytes = PASSWORD) -> str:
    """The token of a session."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/dashboard/auth/login",
        json.dumps({"username": "admin", "password": password.decode()}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        token: str = json.load(reply)["token"]
    return token


class Good:
    """Clients who are to notice nothing. ``seconds`` are those of small requests."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.seconds: list[float] = []
        self.ends: Counter[str] = Counter()
        self.failed: list[str] = []

    async def go_on(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            for number in range(STREAMS):
                tasks.create_task(self._stream(number, until))
            while time.monotonic() < until:
                tasks.create_task(self._small(len(self.seconds)))
                await asyncio.sleep(0.05)

    async def _stream(self, number: int, until: float) -> None:
        format = FORMATS[number % len(FORMATS)]
        while time.monotonic() < until:
            await self._ask(format, Answer(format, stream=number, words=40), 50_000, number)

    async def _small(self, number: int) -> None:
        format = FORMATS[number % len(FORMATS)]
        began = time.perf_counter()
        await self._ask(format, Answer(format), 0, number)
        self.seconds.append(time.perf_counter() - began)

    async def _ask(self, format: str, answer: Answer, pause_us: int, number: int) -> None:
        asked = instruction(number, answer.words, pause_us)
        try:
            await once(self._port, ask(format, asked, stream=answer.words > 0), answer)
        except OSError as exc:
            self.failed.append(repr(exc))
            return
        self.ends[answer.end] += 1
        if answer.end != "complete":
            self.failed.append(f"{answer.end} {answer.head[:20]!r} {answer.body[:100]!r}")

    def p99_ms(self) -> float:
        found = sorted(self.seconds)
        return found[int(len(found) * 0.99)] * 1000 if found else 0.0


async def _attack(port: int, sockets: int, meanwhile: Awaitable[T]) -> tuple[dict[str, int], T]:
    """What attackers did until ``meanwhile`` was done, and what that gave."""
    token = await asyncio.to_thread(sign_in, port)
    attackers = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.soak.attackers", str(port), str(sockets), token),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    found = await meanwhile
    told, _ = await attackers.communicate(b"")
    done: dict[str, int] = json.loads(told)
    return done, found


async def run(options: Options, progress: Progress) -> list[Figure]:
    port = free_port()
    sockets = min(5_000, 5 * options.streams)
    with upstream() as source:
        text = configured(port, source.port, dashboard())
        with Gateway(options.folder, text, port) as gateway:
            await gateway.warm()
            await _attack(port, 5, Good(port).go_on(min(4.0, options.seconds / 2)))
            before = await gateway.settled()
            alone, beside, afterwards = Good(port), Good(port), Good(port)
            progress("good clients alone", always=True)
            await alone.go_on(options.seconds / 2)
            quiet = await gateway.census()
            await gateway.lag()
            progress(f"beside {sockets} sockets of attackers", always=True)

            async def meanwhile() -> tuple[Census, dict[str, dict[str, float]]]:
                await beside.go_on(options.seconds)
                return await gateway.census(), await gateway.lag()

            told, (most, lag) = await _attack(port, sockets, meanwhile())
            progress("good clients alone again", always=True)
            await afterwards.go_on(options.seconds / 2)
            after = await gateway.settled(30)
    show_censuses({"before": before, "attacked": most, "after": after})
    leaked = after.leaked(before)
    ratio = beside.p99_ms() / max(alone.p99_ms(), 0.001)
    failed = [*alone.failed, *beside.failed, *afterwards.failed]
    grown = (most["rss_kib"] - quiet["rss_kib"]) / 1024
    did = ", ".join(f"{count} {what}" for what, count in told.items())
    return [
        Figure("attackers did", did),
        Figure("sockets open at the end of it", str(most["connections"])),
        Figure("good answers beside them", str(beside.ends["complete"])),
        none_of("good clients that failed", len(failed), "; ".join(failed[:3])),
        Figure(
            "p99 of small requests: alone, beside, afterwards",
            f"{alone.p99_ms():.0f}, {beside.p99_ms():.0f}, {afterwards.p99_ms():.0f} ms",
            "beside < 1.5 x alone",
            ratio < 1.5,
            counted=False,
        ),
        Figure("RSS", f"{grown:+.1f} MiB", "< 64 MiB", grown < 64),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
        *lag_figures(lag),
    ]
