"""What open dashboards cost: 1,000 translated chunks a second, watched by some of them.

``share`` is what the gateway spends on them, of all that it spends: by a clock in its process
(:mod:`bench.watched`), since the machine is now faster, now slower, by more than what is
looked for. ``over_alone`` is its processor time beside that without them, turn by turn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import statistics
import sys
import tempfile
import urllib.request
from pathlib import Path

import bcrypt
from websockets.asyncio.client import ClientConnection, connect

from bench.address import Address
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each turn")
    options = parser.parse_args()
    head("bench_watchers: 1,000 chunks/s, with dashboards open and without")
    upstream, port = free_port(), free_port()
    turns: dict[int, list[tuple[float, float]]] = {0: [], 1: [], options.watchers: []}
    frames = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        file, clock = Path(folder) / "config.yaml", Path(folder) / "clock"
        hash = bcrypt.hashpw(b"bench-password", bcrypt.gensalt(4)).decode()
        file.touch(0o600)
        file.write_text(_CONFIG.format(port=port, upstream=upstream, hash=hash, folder=folder))
        command = ["-m", "bench.watched", str(clock), "run", "-c", str(file)]
        with Process(command, port, cpu=0) as gateway:
            token = _sign_in(port)
            for turn in range(options.rounds + 1):
                print(f"# round {turn} of {options.rounds}", file=sys.stderr, flush=True)
                for watchers, costs in turns.items():
                    heard = asyncio.run(_turn(gateway, token, watchers, options.seconds))
                    frames = max(frames, heard)
                    if turn:  # the first round warms up
                        costs.append(_read(clock))
            rss = gateway.rss_bytes
    alone = statistics.median(total for total, _ in turns[0])
    rows: list[list[object]] = []
    for watchers, costs in turns.items():
        shares = [100 * spent / total for total, spent in costs]
        ms = statistics.median(total for total, _ in costs)
        rows.append([watchers, ms, statistics.median(shares), max(shares), ms / alone])
    table(["dashboards", "ms_a_turn", "share_%", "highest_%", "over_alone"], rows)
    print(f"# {frames} frames in a turn, RSS {rss / 1e6:.0f} MB at the end")


async def _turn(gateway: Process, token: str, watchers: int, seconds: float) -> int:
    """Has the clock told at both ends; gives the frames that dashboards got."""
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
        load = asyncio.create_task(_load(gateway.port, seconds))
        await asyncio.sleep(1)
        gateway.signal(signal.SIGUSR2)
        await asyncio.sleep(seconds)
        gateway.signal(signal.SIGUSR2)
        await load
        for reader in readers:
            reader.cancel()
    return heard[0]


async def _load(port: int, seconds: float) -> None:
    await streams(Address(port), "chat", count=20, chunks=int((seconds + 2) * 50), pause_us=20_000)


def _read(clock: Path) -> tuple[float, float]:
    """Milliseconds of the last turn: of the process, and for dashboards."""
    before, after = [list(map(int, line.split())) for line in clock.read_text().splitlines()[-2:]]
    return (after[0] - before[0]) / 1e6, (after[1] - before[1]) / 1e6


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
