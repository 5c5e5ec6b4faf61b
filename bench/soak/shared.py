"""Two gateways on one Redis: whether they are one, and what becomes of them without it.

========  ====================================================================================
limit     a key with 100 requests a minute, asked 300 times through both: 100 get through
rest      a credential that one finds at its limit: how soon the other leaves it alone
answer    stored by one, found by the other
outage    Redis is killed under load, comes back empty: requests that fail, how many the two
          let through of a limit meanwhile, how soon they share again
========  ====================================================================================

``redis-server`` or ``valkey-server`` must be there.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import httpcore2

from bench.process import Process, free_port
from bench.soak.scenario import Figure, Options, Progress, none_of

PATIENCE = 20.0

_CONFIG = """
host: 127.0.0.1
echo: "on"
api-keys: [free, {keys}]
state: {{redis: "redis://127.0.0.1:{redis}/0"}}
openai-compatibility:
{credentials}
"""
_KEY = "{{name: k{0}, key: key-{0}, requests-per-minute: 100}}"


class Redis:
    def __init__(self, folder: str) -> None:
        self.port = free_port()
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            sys.exit("there is no redis-server here (Debian: apt-get install redis-server)")
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--dir", folder, "--save", "", "--appendonly", "no"]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "eady to accept connections" in line:
                return
        raise RuntimeError("Redis did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Client:
    """Asks two gateways."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._pool = httpcore2.AsyncConnectionPool(max_connections=40)

    async def ask(self, which: int, path: str, fields: Any = None, key: str = "free") -> Any:
        """The status, and the document."""
        response = await self._pool.request(
            "GET" if fields is None else "POST",
            f"http://127.0.0.1:{self._ports[which]}{path}",
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
            content=None if fields is None else json.dumps(fields).encode(),
        )
        return response.status, json.loads(response.content)

    async def chat(self, which: int, key: str = "free", model: str = "echo") -> int:
        messages = [{"role": "user", "content": "/wps 0 hello"}]
        status, _ = await self.ask(
            which, "/v1/chat/completions", {"model": model, "messages": messages}, key
        )
        return int(status)

    async def spread(self, count: int, key: str) -> Counter[int]:
        """``count`` requests at once, half to each."""
        found = await asyncio.gather(*(self.chat(number % 2, key) for number in range(count)))
        return Counter(found)

    async def shared(self, *, up: bool) -> float:
        """How long it takes until both say so."""
        began = time.perf_counter()
        while True:
            states = [(await self.ask(which, "/admin/nodes"))[1] for which in (0, 1)]
            nodes = min(len(state["nodes"]) for state in states)
            if all(state["shared_state"]["up"] is up for state in states) and (
                nodes == 2 or not up
            ):
                return time.perf_counter() - began
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(states)
            await asyncio.sleep(0.005)


async def _limit(client: Client, round: int) -> tuple[int, int]:
    """Requests let through, and what had drained meanwhile."""
    began = time.perf_counter()
    found = await client.spread(300, f"key-{round}-limit")
    if set(found) - {200, 429}:
        raise RuntimeError(found)
    return found[200], int((time.perf_counter() - began) / 0.6)


async def _rest(client: Client, round: int) -> float:
    """Milliseconds from the answer of the one to the first look of the other that sees it."""
    name = f"c{round}"
    await client.chat(0, model=f"m{round}")
    began = time.perf_counter()
    while True:
        _, found = await client.ask(1, f"/admin/cooldowns/{name}")
        if found["cooldowns"]:
            return (time.perf_counter() - began) * 1000
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError


async def _answer(client: Client) -> bool:
    _, first = await client.ask(0, "/v1/responses", {"model": "echo", "input": "/wps 0 hi"})
    status, found = await client.ask(1, f"/v1/responses/{first['id']}")
    _, second = await client.ask(
        1,
        "/v1/responses",
        {"model": "echo", "input": "/wps 0 on", "previous_response_id": first["id"]},
    )
    return status == 200 and found["id"] == first["id"] and "output" in second


class Outage:
    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.through: list[int] = []
        self.slowest = 0.0
        self.back: list[float] = []


async def _outage(client: Client, redis: Redis, round: int, outage: Outage) -> None:
    stop = asyncio.Event()

    async def load(which: int) -> None:
        while not stop.is_set():
            began = time.perf_counter()
            outage.requests[await client.chat(which, "key-load")] += 1
            outage.slowest = max(outage.slowest, time.perf_counter() - began)

    tasks = [asyncio.create_task(load(number % 2)) for number in range(8)]
    await asyncio.sleep(0.5)
    redis.kill()
    await client.shared(up=False)
    await asyncio.sleep(0.5)
    found = await client.spread(300, f"key-{round}-outage")
    outage.through.append(found[200])
    redis.start()
    outage.back.append(await client.shared(up=True) * 1000)
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*tasks)


async def run(options: Options, progress: Progress) -> list[Figure]:
    rounds = options.runs
    redis = Redis(options.folder)
    upstream = free_port()
    names = [f"{round}-{use}" for round in range(rounds) for use in ("limit", "outage")]
    keys = [_KEY.format(name) for name in names]
    keys.append("{name: load, key: key-load, requests-per-minute: 1000000}")
    credentials = "\n".join(
        f'  - {{name: c{round}, api-key: k, base-url: "http://127.0.0.1:{upstream}",'
        f" models: [{{id: m{round}}}]}}"
        for round in range(rounds)
    )
    file = Path(options.folder) / "config.yaml"
    text = _CONFIG.format(keys=", ".join(keys), redis=redis.port, credentials=credentials)
    file.write_text(text)
    limited = Process(["-m", "bench.limited", str(upstream)], upstream)
    ports = [free_port(), free_port()]
    command = ["-m", "aigw_asgi.cli", "run", "-c", str(file), "--port"]
    one, other = (Process([*command, str(port)], port) for port in ports)
    try:
        with limited, one, other:
            return await _rounds(ports, redis, rounds, progress)
    finally:
        redis.kill()


async def _rounds(ports: list[int], redis: Redis, rounds: int, progress: Progress) -> list[Figure]:
    client = Client(ports)
    await client.shared(up=True)
    limits, rests, answers, outage = [], [], [], Outage()
    for round in range(rounds):
        progress(f"round {round + 1} of {rounds}")
        limits.append(await _limit(client, round))
        rests.append(await _rest(client, round))
        answers.append(await _answer(client))
        await _outage(client, redis, round, outage)
    asked = sum(outage.requests.values())
    through = " ".join(str(each) for each, _ in limits)
    fair = all(each <= 100 + drained for each, drained in limits)
    return [
        Figure("let through of 300, each round", through, "100", fair),
        Figure("what had drained by then", " ".join(str(each) for _, each in limits)),
        _time("the other knows of a rest after", rests),
        none_of("stored answers the other did not find", rounds - sum(answers)),
        none_of(f"outage: of {asked} requests, failed", asked - outage.requests[200]),
        Figure("outage: slowest request", f"{outage.slowest * 1000:.0f} ms", counted=False),
        Figure("outage: let through of 300", " ".join(map(str, outage.through)), "about 100"),
        _time("outage: both share again after", outage.back),
    ]


def _time(what: str, found: list[float]) -> Figure:
    return Figure(what, f"{median(found):.0f} ms, worst {max(found):.0f}", counted=False)
