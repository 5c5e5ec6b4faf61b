"""What the request log takes, what it adds to a request, and how soon it answers.

Four tables, each by itself with --only: ``write`` (records from ``append`` to the file),
``request`` (a gateway in this process with and without its log, turn by turn: processor
time of the whole process), ``read`` (questions to a file of --rows requests), ``follow``
(until who follows the log sees a request). ``ms_cold`` is the first question of a
connection, with nothing of the file in memory, as far as the system forgets it when asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from aigw_asgi import Gateway, collector
from aigw_asgi.stores.request_log import Query
from aigw_asgi.stores.sqlite.log_file import LogFile, Retention
from aigw_asgi.stores.sqlite.log_rows import Batch, Ended
from aigw_asgi.stores.sqlite.log_schema import FILE
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Format, StopReason, Usage
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, Snapshot
from aigw_core.errors import ErrorKind, Failure
from aigw_core.ids import uuid7
from aigw_core.record import ExchangeRecord
from aigw_core.routing.plan import RoutePlan
from aigw_core.routing.target import Match, Target
from aigw_core.wire_request import WireRequest
from bench.table import head, table
from bench.wire import WIRES

PATHS = {
    Format.CHAT: "/v1/chat/completions",
    Format.MESSAGES: "/v1/messages",
    Format.RESPONSES: "/v1/responses",
}
MODELS = [f"model-{number}" for number in range(12)]
KEYS = [f"team-{number}" for number in range(20)]
MONTH = 30 * 86_400


def credential(name: str, format: Format) -> Credential:
    return Credential(
        id=name,
        provider="openai-compat",
        name=name,
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("bench"),
        auth_style="bearer",
        position=0,
    )


CREDENTIALS = [credential(f"up-{number}", list(PATHS)[number % 3]) for number in range(6)]


def made_up(dice: random.Random, wall: float) -> ExchangeRecord:
    """A request as a busy gateway has them: 3 in 100 fail, two targets could be had."""
    # Each team has a program of its own: a format, streams or not, some models.
    team = dice.randrange(len(KEYS))
    of_team = random.Random(team)
    format, stream = of_team.choice(list(PATHS)), of_team.random() < 0.7
    model = dice.choice(of_team.sample(MODELS, 3))
    there, other = random.Random(model).sample(CREDENTIALS, 2)
    if dice.random() < 0.5:
        there, other = other, there
    failure = None
    if dice.random() < 0.03:
        failure = Failure(ErrorKind.RATE_LIMIT, "made up", 429, code="rate_limit_exceeded")
    seconds = dice.lognormvariate(0.5, 0.8)
    tried = AttemptRecord("openai-compat", there.name, model, 200, failure, seconds)
    again = dice.random() < 0.005
    plan = RoutePlan(tuple(Target(each, model, Match.EXACT, model) for each in (there, other)))
    return ExchangeRecord(
        request_id=uuid7(wall, dice.randbytes(10)),
        format=format,
        model=model,
        stream=stream,
        status=200 if failure is None else 429,
        seconds=seconds,
        first_content=seconds / 4 if failure is None else None,
        attempts=(tried, tried) if again else (tried,),
        usage=Usage(input=dice.randrange(20_000), output=dice.randrange(2000), cache_read=100),
        stop=StopReason.END if failure is None else None,
        failure=failure,
        client_left=False,
        ledger=(),
        relayed=False,
        config="0123456789ab/1",
        plan=plan,
        bytes_out=4096,
        key=KEYS[team],
        overhead=0.0004,
        cost=Decimal(dice.randrange(1, 5000)) / 1_000_000 if failure is None else None,
    )


def say(text: str) -> None:
    print(f"\r# {text}   ", end="", file=sys.stderr, flush=True)


# --- writing -----------------------------------------------------------------


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def write(count: int, rounds: int, rate: int) -> None:
    """``rate`` 0: as fast as it goes, the queue never empty and never full."""
    dice = random.Random(1)
    records = [made_up(dice, time.time()) for _ in range(count)]
    rows: list[list[object]] = []
    for turn in range(rounds):
        say(f"writing, round {turn + 1} of {rounds}")
        with tempfile.TemporaryDirectory() as folder:
            log = SqliteRequestLog(Path(folder), Retention())
            await log.flush(60)
            began, cpu = time.perf_counter(), time.process_time()
            mine = 0.0
            for at in range(0, count, 500):
                before = time.thread_time()
                for record in records[at : at + 500]:
                    log.append(record, PATHS[record.format])
                mine += time.thread_time() - before
                if rate:
                    await asyncio.sleep(max(0.0, began + (at + 500) / rate - time.perf_counter()))
                elif at % 5000 == 0:
                    await log.flush(60)
            await log.flush(60)
            seconds = time.perf_counter() - began
            used = time.process_time() - cpu
            size = _size(Path(folder))
            await log.aclose()
            rows.append(
                [
                    turn + 1,
                    int(count / seconds),
                    mine / count * 1e6,
                    (used - mine) / count * 1e6,
                    size / count,
                    log.dropped,
                ]
            )
    say("")
    print(f"\n## {count} records, {'as fast as it goes' if not rate else f'{rate} a second'}")
    columns = ["round", "records_per_s", "loop_us", "rest_us", "bytes_each", "dropped"]
    table(columns, rows)


# --- a request ---------------------------------------------------------------


async def request(rounds: int, count: int) -> None:
    """Small requests without a stream, one after another."""
    wire = WIRES["messages"]
    body = wire.answer("Hello there, how are you?").encode()

    def answer(request: WireRequest) -> Script:
        return Script(200, (("content-type", "application/json"),), (body,))

    snapshot = Snapshot("bench", credentials=(credential("up", Format.MESSAGES),))
    asked = json.dumps(
        {"model": "bench", "messages": [{"role": "user", "content": "Hello there"}]}
    ).encode()
    costs: dict[str, list[tuple[float, float]]] = {"off": [], "on": []}
    if hasattr(os, "sched_setaffinity"):
        # On one processor: two that share a core slow each other down, whatever runs.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    collector.settle()  # as `aigw run` does
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteRequestLog(Path(folder), Retention())
        async with (
            Gateway(snapshot, transport=ScriptTransport(answer)) as off,
            Gateway(snapshot, transport=ScriptTransport(answer), log=log) as on,
        ):
            gateways = {"off": off, "on": on}
            for turn in range(rounds + 1):
                for name in ("off", "on") if turn % 2 else ("on", "off"):
                    say(f"requests, round {turn} of {rounds}, {name}")
                    before, before_loop = time.process_time(), time.thread_time()
                    for _ in range(count):
                        response = await gateways[name].handle("chat", asked)
                        await response.read()
                    loop = time.thread_time() - before_loop
                    # What it left to be written is its cost, too.
                    await log.flush(60)
                    if turn:  # the first warms up
                        whole = time.process_time() - before
                        costs[name].append((loop / count * 1e6, whole / count * 1e6))
        dropped = log.dropped
    say("")
    print(f"\n## a request, {rounds} rounds of {count} (dropped: {dropped})")
    rows: list[list[object]] = []
    for at, what in enumerate(("the thread that serves", "the whole process")):
        off, on = ([each[at] for each in costs[name]] for name in ("off", "on"))
        ratios = [mine / other for mine, other in zip(on, off, strict=True)]
        rows.append([what, min(off), min(on), min(on) / min(off), statistics.median(ratios)])
    table(["processor time, us", "off", "on", "best_ratio", "median_ratio"], rows)


# --- reading -----------------------------------------------------------------


async def read(count: int, keep: str | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch)
        if not (folder / FILE).exists():
            build(folder / FILE, count)
        log = SqliteRequestLog(folder, Retention(max_rows=count + 1, days=36_500))
        await log.flush(60)
        now = int(time.time() * 1000)
        first = (await log.page(Query())).entries[0]
        day = {"since": first.timestamp - 86_400_000, "until": now}

        def page(query: Query, **more: Any) -> Callable[[], Awaitable[object]]:
            return lambda: log.page(query, **more)

        questions: dict[str, Callable[[], Awaitable[object]]] = {
            "newest page": page(Query()),
            "deep cursor": page(Query(), before=count // 10),
            "page 10,000 and total": page(Query(), offset=500_000),
            "model and status": page(Query(model="model-3", status_class=4)),
            "key, deep cursor": page(Query(key="team-7"), before=count // 10),
            "key and total": page(Query(key="team-7"), offset=0),
            "failed, by credential": page(Query(failed=True, credential="up-2")),
            "nothing matches": page(Query(model="none")),
            "latency over 10 s": page(Query(min_latency_ms=10_000)),
            "latency over 60 s": page(Query(min_latency_ms=60_000)),
            "latency over 60 s, total": page(Query(min_latency_ms=60_000), offset=0),
            "latency over 20 s, total": page(Query(min_latency_ms=20_000), offset=0),
            "latency over 2 s, total": page(Query(min_latency_ms=2000), offset=0),
            "latency over 20 s, 1000": page(Query(min_latency_ms=20_000), limit=1000),
            "latency never reached": page(Query(min_latency_ms=1e9)),
            "key, latency over 20 s": page(Query(key="team-7", min_latency_ms=20_000)),
            "model, latency never": page(Query(model="model-5", min_latency_ms=1e9)),
            "text, latency over 20 s": page(Query(text="up-3", min_latency_ms=20_000)),
            "failed with a first token": page(Query(failed=True, min_first_content_ms=0)),
            "first token never so late": page(Query(min_first_content_ms=1e9)),
            "cost never reached": page(Query(min_cost=Decimal(1))),
            "slow and dear": page(Query(min_latency_ms=20_000, min_cost=Decimal("0.0049"))),
            "tried again": page(Query(attempts_over=1)),
            "tried again, total": page(Query(attempts_over=1), offset=0),
            "tried 3 times": page(Query(attempts_over=2)),
            "upwards from the oldest": page(Query(), after=1),
            "key, upwards": page(Query(key="team-7"), after=count // 10),
            "latency over 20 s, up": page(Query(min_latency_ms=20_000), after=1),
            "nothing matches, up": page(Query(model="none"), after=1),
            "follow: newest": log.newest,
            "follow: nothing new": lambda: log.after(first.seq),
            "follow: 100 new": lambda: log.after(first.seq - 100),
            "a day, one model": page(Query(model="model-*", key="team-1", **day)),
            "text in names": page(Query(text="rate_limit team-3")),
            "text in names, total": page(Query(text="model-5"), offset=0),
            "identifier": page(Query(text=first.request_id[:13])),
            "one entry": lambda: log.entry(first.request_id),
            "stats of a day, 15 min": lambda: log.stats(Query(**day), 900),
            "stats of a month, 1 h": lambda: log.stats(Query(), 3600),
            "stats of slow ones, month": lambda: log.stats(Query(min_latency_ms=20_000), 3600),
            "use of keys": lambda: log.key_usage("2000-01-01", "2999-12-31"),
        }
        rows: list[list[object]] = []
        for name, ask in questions.items():
            say(name)
            for reader in (log._reader, log._following):
                reader.close()  # with what it remembers; a question opens it again
            _forget(folder)
            times = []
            for _ in range(8):
                began = time.perf_counter()
                await ask()
                times.append((time.perf_counter() - began) * 1e3)
            rows.append([name, times[0], statistics.median(times[1:]), max(times[1:])])
        await log.aclose()
    say("")
    print(f"\n## questions to {count} requests of a month")
    table(["question", "ms_cold", "ms_median", "ms_worst"], rows)


def _forget(folder: Path) -> None:
    """Have the system read the files anew."""
    for file in folder.iterdir():
        number = os.open(file, os.O_RDONLY)
        os.fsync(number)
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(number)


def build(path: Path, count: int) -> None:
    """A month of requests, written as the gateway writes them."""
    dice = random.Random(2)
    began = time.time() - MONTH
    file = LogFile(path, busy=5.0)
    for at in range(0, count, 1000):
        batch = Batch()
        for number in range(at, min(count, at + 1000)):
            wall = began + MONTH * number / count
            record = made_up(dice, wall)
            batch.add(Ended(wall, record, PATHS[record.format]))
        file.write(batch)
        while file.sum_up():
            pass
        if at % 10_000 == 0:
            say(f"building {at * 100 // count} %")
    file.tidy(Retention(days=36_500), time.time())
    file.database.close()


# --- following ---------------------------------------------------------------


async def follow(count: int, look: float) -> None:
    """One request at a time, and one who looks every ``look`` seconds."""
    dice = random.Random(3)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteRequestLog(Path(folder), Retention())
        await log.flush(60)
        for every in (0.0, look):
            seen = await log.newest()
            times = []
            for number in range(count):
                say(f"following, {number} of {count}")
                await asyncio.sleep(dice.random() * 0.3)
                record = made_up(dice, time.time())
                began = time.perf_counter()
                log.append(record, PATHS[record.format])
                while not (found := await log.after(seen)):  # noqa: ASYNC110 - as one who follows
                    await asyncio.sleep(every or 0.001)
                seen = found[-1].seq
                times.append((time.perf_counter() - began) * 1e3)
            times.sort()
            name = f"looks every {every * 1e3:.0f} ms" if every else "looks all the time"
            rows.append([name, statistics.median(times), times[-1]])
        await log.aclose()
    say("")
    print(f"\n## until a request is seen, {count} of them")
    table(["who follows", "ms_median", "ms_worst"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=["write", "request", "read", "follow"])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=0, help="records a second; 0: no limit")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", metavar="FOLDER", help="of the file with many rows")
    options = parser.parse_args()
    head("bench_request_log")
    if options.only in (None, "write"):
        asyncio.run(write(options.records, 3, options.rate))
    if options.only in (None, "request"):
        asyncio.run(request(options.rounds, 1000))
    if options.only in (None, "read"):
        asyncio.run(read(options.rows, options.keep))
    if options.only in (None, "follow"):
        asyncio.run(follow(100, 0.15))


if __name__ == "__main__":
    main()
