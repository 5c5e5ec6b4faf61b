"""What all features together cost a paced chunk (C of bench_gateway): on against off.

On: limits of the key, prices, a strategy that looks at times, fallbacks, pins, payload
rules that match, a cloak that looks for words, headers passed through, a sample of
streams judged; with ``capture``, both sides of every stream kept as well.

Two processes with the very same configuration differ by up to a tenth, each for as long
as it lives. So one process serves all configurations, each under a key of its own, turn
by turn; "off, again" is the same as "off", and shows the noise that is left.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from aigw_asgi import create_app
from aigw_asgi.asgi import App
from aigw_asgi.driver import ReceiveMessage, SendMessage
from aigw_asgi.server import HttpChoice, LoopChoice, ServerSettings, run
from bench.address import Address
from bench.client import streams
from bench.process import Process, free_port
from bench.table import head, table

_OFF = """
host: 127.0.0.1
api-keys: [{key}]
echo: "off"
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
"""
_ON = """
host: 127.0.0.1
api-keys:
  - {{name: bench, key: {key}, requests-per-minute: 1000000, tokens-per-minute: 900000000,
      max-concurrent: 10000, allowed-models: ["bench-*"]}}
echo: "off"
claude-api-key:
  - name: main
    api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
    headers: {{x-own: "$x-user"}}
    cloak: {{mode: always, system-prompt: Be kind., sensitive-words: [secretword, other]}}
routing: {{strategy: lowest-latency}}
fallbacks: [{{model: "bench-*", to: [bench-0-0]}}]
provider-pins: [{{model: "bench-*", providers: [main]}}]
passthrough-headers: [x-vendor]
payload:
  default: [{{models: [{{name: "*"}}], params: {{temperature: 0.5}}}}]
  override: [{{models: [{{name: "*"}}], params: {{top_k: 5}}}}]
model-prices: {{"bench-*": {{input: 1, output: 2}}}}
debug: {{check-grammar: true}}
"""
_CAPTURE = "capture: {{enabled: true}}\n"

_CONFIGS = {"off": _OFF, "off, again": _OFF, "on": _ON, "on, with capture": _ON + _CAPTURE}


class _Several:
    """Gateways in one process; which one answers is said by the client's key."""

    def __init__(self, files: list[str]) -> None:
        self._apps = [create_app(file) for file in files]
        self._by_key = {f"key-{at}".encode(): app for at, app in enumerate(self._apps)}

    async def __call__(self, scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
        if scope["type"] == "http":
            await self._chosen(scope)(scope, receive, send)
        elif scope["type"] == "lifespan":
            for app in self._apps:
                await app.open()
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})

    def _chosen(self, scope: Any) -> App:
        return next(self._by_key[value] for name, value in scope["headers"] if name == b"x-api-key")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--serve", nargs="+", metavar=("PORT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        port, *files = options.serve
        settings = ServerSettings(port=int(port), loop=LoopChoice.UVLOOP, http=HttpChoice.HTTPTOOLS)
        run(_Several(files), settings)
        return
    head("bench_features: all of them, on and off")
    costs: dict[str, list[float]] = {name: [] for name in _CONFIGS}
    upstream, port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        files = []
        for at, text in enumerate(_CONFIGS.values()):
            file = Path(folder) / f"{at}.yaml"
            file.write_text(text.format(upstream=upstream, key=f"key-{at}"))
            files.append(str(file))
        arguments = ["-m", "bench.bench_features", "--serve", str(port), *files]
        with Process(arguments, port, cpu=0) as gateway:
            for turn in range(options.rounds + 1):
                print(f"# round {turn} of {options.rounds}", file=sys.stderr, flush=True)
                for at, name in enumerate(_CONFIGS):
                    cost = _cost(gateway, f"key-{at}", options)
                    if turn:  # the first round warms up
                        costs[name].append(cost)
    rows: list[list[object]] = []
    for name, found in costs.items():
        both = zip(found, costs["off"], costs["off, again"], strict=True)
        ratios = [mine * 2 / (off + again) for mine, off, again in both]
        rows.append([name, statistics.median(found), min(found), statistics.median(ratios)])
    table(["features", "us_per_chunk", "least", "over_off"], rows)


def _cost(gateway: Process, key: str, options: argparse.Namespace) -> float:
    """Microseconds that the process spends on a chunk."""
    before = gateway.cpu_seconds
    work = streams(
        Address(gateway.port, key=key),
        "chat",
        count=options.streams,
        chunks=options.chunks,
        pause_us=20_000,
    )
    result = asyncio.run(work)
    return (gateway.cpu_seconds - before) * 1e6 / result.deltas


if __name__ == "__main__":
    main()
