"""What open dashboards cost: 1,000 translated chunks a second, watched by nobody and by fifty.

One gateway, turn by turn; each dashboard watches all channels. ``over_alone`` is the
processor time of the gateway with them against that without: the median of many short
rounds, since a shared machine is now faster, now slower, by more than what is looked for.
``from`` and ``to`` are what half of the rounds lie between.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
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

_WATCHED = ["metrics", "running", "health", "config", "request_log", "log"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    options = parser.parse_args()
    head("bench_watchers: 1,000 chunks/s, with dashboards open and without")
    upstream, port = free_port(), free_port()
    alone: list[float] = []
    watched: list[float] = []
    frames = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        file = Path(folder) / "config.yaml"
        hash = bcrypt.hashpw(b"bench-password", bcrypt.gensalt(4)).decode()
        file.write_text(_CONFIG.format(port=port, upstream=upstream, hash=hash, folder=folder))
        with Process(["-m", "aigw_asgi.cli", "run", "-c", str(file)], port, cpu=0) as gateway:
            token = _sign_in(port)
            for turn in range(options.rounds + 1):
                print(f"# round {turn} of {options.rounds}", file=sys.stderr, flush=True)
                for watchers, costs in ((0, alone), (options.watchers, watched)):
                    cost, heard = asyncio.run(_turn(gateway, token, watchers, options.seconds))
                    frames = max(frames, heard)
                    if turn:  # the first round warms up
                        costs.append(cost)
            rss = gateway.rss_bytes
    ratios = [with_them / without for with_them, without in zip(watched, alone, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    rows: list[list[object]] = [
        ["0", statistics.median(alone), min(alone), 1.0, 1.0, 1.0],
        [str(options.watchers), statistics.median(watched), min(watched), middle, low, high],
    ]
    table(["dashboards", "us_per_chunk", "least", "over_alone", "from", "to"], rows)
    print(f"# {frames} frames in a turn, RSS {rss / 1e6:.0f} MB at the end")


async def _turn(gateway: Process, token: str, watchers: int, seconds: float) -> tuple[float, int]:
    """Microseconds that the gateway spends on a chunk, and frames that dashboards got."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connect(
                    f"ws://127.0.0.1:{gateway.port}/ws/dashboard",
                    additional_headers={"authorization": f"Bearer {token}"},
                    compression=None,
                )
            )
            for _ in range(watchers)
        ]
        heard = [0]
        readers = [asyncio.create_task(_watch(each, heard)) for each in sockets]
        await asyncio.sleep(0.5)
        before = gateway.cpu_seconds
        result = await streams(
            gateway.port, "chat", count=20, chunks=int(seconds * 50), pause_us=20_000
        )
        spent = gateway.cpu_seconds - before
        for reader in readers:
            reader.cancel()
    return spent * 1e6 / result.deltas, heard[0]


async def _watch(socket: ClientConnection, heard: list[int]) -> None:
    await socket.send(json.dumps({"type": "subscribe", "channels": _WATCHED}))
    async for _ in socket:
        heard[0] += 1


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
