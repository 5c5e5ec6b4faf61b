"""What all features together cost a paced chunk (C of bench_gateway): on against off.

On: limits of the key, prices, a strategy that looks at times, fallbacks, pins, payload
rules that match, a cloak that looks for words, headers passed through, a sample of
streams judged; with ``capture``, both sides of every stream kept as well.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from bench.bench_gateway import SERVERS
from bench.client import streams
from bench.process import Process, free_port
from bench.table import head, table

_OFF = """
host: 127.0.0.1
api-keys: [bench-key]
echo: "off"
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
"""
_ON = """
host: 127.0.0.1
api-keys:
  - {{name: bench, key: bench-key, requests-per-minute: 1000000, tokens-per-minute: 900000000,
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--server", choices=[*SERVERS], default="httptools+uvloop")
    options = parser.parse_args()
    head("bench_features: all of them, on and off")
    configs = {"off": _OFF, "on": _ON, "on, with capture": _ON + _CAPTURE}
    costs: dict[str, list[float]] = {name: [] for name in configs}
    upstream = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        Process(["-m", "bench.upstream", str(upstream)], upstream, cpu=1),
    ):
        gateways = {}
        for number, (name, text) in enumerate(configs.items()):
            path = Path(folder) / f"{number}.yaml"
            path.write_text(text.format(upstream=upstream))
            port = free_port()
            arguments = ["-m", "aigw_asgi.cli", "run", "-c", str(path), "--port", str(port)]
            gateways[name] = Process([*arguments, *SERVERS[options.server]], port, cpu=0)
        try:
            for turn in range(options.rounds + 1):
                for name, gateway in gateways.items():
                    print(f"\r# round {turn}, {name}   ", end="", file=sys.stderr, flush=True)
                    before = gateway.cpu_seconds
                    work = streams(
                        gateway.port,
                        "chat",
                        count=options.streams,
                        chunks=options.chunks,
                        pause_us=20_000,
                    )
                    result = asyncio.run(work)
                    if turn:  # the first round warms up
                        cost = (gateway.cpu_seconds - before) * 1e6 / result.deltas
                        costs[name].append(cost)
        finally:
            for gateway in gateways.values():
                gateway.__exit__(None, None, None)
    print(file=sys.stderr)
    rows: list[list[object]] = []
    for name, found in costs.items():
        ratios = [mine / off for mine, off in zip(found, costs["off"], strict=True)]
        rows.append([name, statistics.median(found), statistics.median(ratios)])
    table(["features", "us_per_chunk", "over_off"], rows)


if __name__ == "__main__":
    main()
