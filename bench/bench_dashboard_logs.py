"""How soon the dashboard's API answers about a log of --rows requests of a month.

Each question goes through the whole application in this process: access, decoding, the
store, and the answer as JSON. The file is that of ``bench_request_log``; --keep says where
it stays for the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from aigw_asgi import Gateway
from aigw_asgi.dashboard.operation import PREFIX
from aigw_asgi.stores.request_log import Query
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.log_schema import FILE
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from bench.bench_request_log import build, say
from bench.table import head, table

CONFIG = "host: 127.0.0.1\ndashboard: {enabled: true}\necho: 'on'\n"
ROUNDS = 9


async def ask(gateway: Gateway, token: str, path: str) -> bytes:
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {token}"}
    response = await gateway.request("GET", PREFIX + path, headers)
    body = await response.read()
    assert response.status == 200, body[:200]
    return body


async def sign_in(gateway: Gateway) -> str:
    link = gateway.app.dashboard().sessions.new_link()
    headers = {"host": "127.0.0.1"}
    body = json.dumps({"token": link}).encode()
    response = await gateway.request("POST", PREFIX + "/auth/link", headers, body)
    found: dict[str, Any] = json.loads(await response.read())
    return str(found["token"])


async def run(count: int, keep: str | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch)
        if not (folder / FILE).exists():
            build(folder / FILE, count)
        config = Path(scratch) / "config.yaml"
        config.write_text(CONFIG)
        log = SqliteRequestLog(folder, Retention(max_rows=count + 1, days=36_500))
        await log.flush(60)
        first = (await log.page(Query())).entries[0]
        day = f"from={first.timestamp - 86_400_000}&to={first.timestamp}"
        hour = f"from={first.timestamp - 3_600_000}&to={first.timestamp}"
        pages = {
            "newest page": "",
            "by cursor, deep": f"before={count // 10}",
            "by cursor, upwards": f"after={count // 2}",
            "page 10,000": "page=10000",
            "provider": "provider=openai-compat",
            "credential": "credential=up-2",
            "model": "model=model-3",
            "served_model": "served_model=model-3",
            "key": "key=team-7",
            "format": "format=messages",
            "upstream_format": "upstream_format=chat",
            "endpoint": "endpoint=inference",
            "endpoint, none": "endpoint=count",
            "status class": "status=4xx",
            "status": "status=429",
            "status and its total": "status=4xx&page=1",
            "error": "error=rate_limit",
            "stream": "stream=false",
            "failed": "failed=true",
            "retried, none": "retried=true",
            "latency over 10 s": "min_latency_ms=10000",
            "latency never reached": "min_latency_ms=1000000000",
            "latency, total": "min_latency_ms=10000&page=1",
            "first content over 5 s": "min_first_content_ms=5000",
            "cost over 0.0049": "min_cost=0.0049",
            "a day": day,
            "a day, model, key": f"{day}&model=model-*&key=team-1",
            "text": "text=rate_limit+team-3",
            "text, total": "text=model-5&page=1",
            "identifier": f"text={first.request_id[:13]}",
        }
        questions = {f"/logs {name}": f"/logs?{query}" for name, query in pages.items()}
        questions |= {
            "/logs/filters": "/logs/filters",
            "/logs/{id}": f"/logs/{first.request_id}",
            "/logs/stats 1 h": f"/logs/stats?{hour}",
            "/logs/stats 24 h": f"/logs/stats?{day}",
            "/logs/stats 24 h, one model": f"/logs/stats?{day}&model=model-3",
            "/logs/stats 24 h, latency": f"/logs/stats?{day}&min_latency_ms=10000",
            "/metrics/series 24 h by model": f"/metrics/series?by=model&{day}",
            "/metrics/series 24 h by outcome": f"/metrics/series?by=outcome&{day}",
            "/metrics/flow 24 h": f"/metrics/flow?{day}",
            "/overview 5 min": "/overview",
            "/overview 24 h": "/overview?window=86400",
            "/models": "/models",
        }
        rows: list[list[object]] = []
        async with Gateway(str(config), log=log) as gateway:
            token = await sign_in(gateway)
            for name, path in questions.items():
                say(name)
                times = []
                size = 0
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    size = len(await ask(gateway, token, path))
                    times.append((time.perf_counter() - began) * 1e3)
                rows.append([name, times[0], statistics.median(times), max(times), size])
    say("")
    print(f"\n## questions to {count} requests of a month, {ROUNDS} rounds")
    table(["question", "ms_first", "ms_median", "ms_worst", "bytes"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", metavar="FOLDER", help="of the file with many rows")
    options = parser.parse_args()
    head("bench_dashboard_logs")
    asyncio.run(run(options.rows, options.keep))


if __name__ == "__main__":
    main()
