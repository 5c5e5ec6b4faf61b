"""What open dashboards cost: 1,000 translated chunks a second, watched by nobody and by fifty.

While the streams run, the dashboards watch all channels and watch none, turn by turn.
``over_alone`` is the processor time of the gateway in one turn against that in the turn
before: the median of all pairs, since a shared machine is now faster, now slower, by more
than what is looked for. ``from`` and ``to`` are what half of the pairs lie between.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import bcrypt
from websockets.asyncio.client import ClientConnection, connect

from bench.client import streams
from bench.process import Process, free_port
from bench.table import head, table

_CONFIG = """
host: 127.0.0.1
port: {port}
api-keys: [bench-key]
echo: "off"
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
dashboard: {{enabled: true, password-hash: "{hash}"}}
state: {{path: "{folder}"}}
"""

_SETTLE = 0.5
"""Seconds after which a change of what is watched is over."""

_WATCHED = ["metrics", "running", "health", "config", "request_log", "log"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40, help="pairs of turns")
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each turn")
    options = parser.parse_args()
    head("bench_watchers: 1,000 chunks/s, with dashboards open and without")
    upstream, port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        file = Path(folder) / "config.yaml"
        hash = bcrypt.hashpw(b"bench-password", bcrypt.gensalt(4)).decode()
        file.write_text(_CONFIG.format(port=port, upstream=upstream, hash=hash, folder=folder))
        with Process(["-m", "aigw_asgi.cli", "run", "-c", str(file)], port, cpu=0) as gateway:
            watch = _Watch(gateway, options.rounds, options.seconds)
            asyncio.run(watch.run(_sign_in(port), options.watchers))
            rss = gateway.rss_bytes
    alone, watched = watch.costs
    low, middle, high = statistics.quantiles(
        [with_them / without for without, with_them in zip(alone, watched, strict=True)], n=4
    )
    rows: list[list[object]] = [
        ["0", statistics.median(alone), min(alone), 1.0, 1.0, 1.0],
        [str(options.watchers), statistics.median(watched), min(watched), middle, low, high],
    ]
    table(["dashboards", "ms_per_second", "least", "over_alone", "from", "to"], rows)
    print(f"# {watch.frames} frames, RSS {rss / 1e6:.0f} MB at the end")


class _Watch:
    """Turns without and with dashboards, while streams run."""

    def __init__(self, gateway: Process, rounds: int, seconds: float) -> None:
        self.costs: tuple[list[float], list[float]] = ([], [])
        """Milliseconds of a processor in a second, without and with."""
        self.frames = 0
        self._gateway = gateway
        self._rounds = rounds
        self._seconds = seconds

    async def run(self, token: str, watchers: int) -> None:
        async with contextlib.AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(
                    connect(
                        f"ws://127.0.0.1:{self._gateway.port}/ws/dashboard",
                        additional_headers={"authorization": f"Bearer {token}"},
                        compression=None,
                    )
                )
                for _ in range(watchers)
            ]
            readers = [asyncio.create_task(self._read(each)) for each in sockets]
            lasts = (self._rounds + 1) * 2 * (self._seconds + _SETTLE) + 2
            load = asyncio.create_task(
                streams(
                    self._gateway.port, "chat", count=20, chunks=int(lasts * 50), pause_us=20_000
                )
            )
            await asyncio.sleep(1)
            for round in range(self._rounds):
                print(f"# round {round} of {self._rounds}", file=sys.stderr, flush=True)
                for channels, costs in zip(([], _WATCHED), self.costs, strict=True):
                    for each in sockets:
                        await each.send(json.dumps({"type": "subscribe", "channels": channels}))
                    await asyncio.sleep(_SETTLE)
                    costs.append(await self._cost())
            await load
            for reader in readers:
                reader.cancel()

    async def _cost(self) -> float:
        began, before = time.perf_counter(), self._gateway.cpu_seconds
        await asyncio.sleep(self._seconds)
        spent = self._gateway.cpu_seconds - before
        return spent * 1e3 / (time.perf_counter() - began)

    async def _read(self, socket: ClientConnection) -> None:
        async for _ in socket:
            self.frames += 1


def _sign_in(port: int) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/dashboard/auth/login",
        json.dumps({"username": "admin", "password": "bench-password"}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        token: str = json.load(reply)["token"]
    return token


if __name__ == "__main__":
    main()
