"""What goes into the request log comes out of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import product
from pathlib import Path
from random import Random

import anyio
import pytest
from msgspec.structs import replace

from aigw_asgi.stores.request_log import Entry, LogUnavailable, Page, Query, RequestLog, TurnedAway
from aigw_asgi.stores.sqlite import log_file, log_peaks, log_search
from aigw_asgi.stores.sqlite.log_file import LogFile, Retention
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from aigw_core.chat import Format, Usage
from aigw_core.errors import ErrorKind, Failure
from aigw_core.ledger import Action, LedgerEntry
from aigw_core.record import ExchangeRecord
from aigw_core.routing.target import Rejection
from tests.asgi.stores.records import failed, record
from tests.corpus import DEEP

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


@asynccontextmanager
async def opened(
    folder: Path, *records: ExchangeRecord | TurnedAway, max_rows: int = 1_000_000, days: int = 30
) -> AsyncIterator[SqliteRequestLog]:
    log = SqliteRequestLog(folder, Retention(max_rows=max_rows, days=days))
    try:
        for each in records:
            log.append(each, PATH)
        assert await log.flush(60)
        yield log
    finally:
        await log.aclose()


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def all_of(log: RequestLog, query: Query, limit: int = 7) -> list[Entry]:
    """By pages, to the last."""
    found: list[Entry] = []
    before = None
    while True:
        page = await log.page(query, limit=limit, before=before)
        found += page.entries
        before = page.before
        if before is None:
            return found


async def all_above(log: RequestLog, query: Query, limit: int) -> list[Entry]:
    """By pages upwards, from the oldest; the oldest first."""
    found: list[Entry] = []
    after: int | None = 0
    while after is not None:
        page = await log.page(query, limit=limit, after=after)
        assert len(page.entries) == limit or page.after is None
        found += reversed(page.entries)
        after = page.after
    return found


async def test_an_entry_has_what_the_record_had(tmp_path: Path) -> None:
    began = time.time()
    async with opened(tmp_path, record("id-1", provider="claude")) as log:
        found = await log.entry("id-1")
    assert found is not None
    entry = found.entry
    assert began * 1000 - 1 <= entry.timestamp <= time.time() * 1000
    assert entry == Entry(
        seq=1,
        timestamp=entry.timestamp,
        request_id="id-1",
        endpoint="inference",
        method="POST",
        path=PATH,
        format="chat",
        stream=True,
        status=200,
        failed=False,
        client_left=False,
        error=None,
        error_code=None,
        stop="end",
        model="gpt-4o-mini",
        served_model="gpt-4o-mini-2024-07-18",
        provider="claude",
        credential="up-1",
        upstream_format="messages",
        relayed=False,
        key="ci",
        attempts=1,
        latency_ms=1500.0,
        first_content_ms=250.0,
        overhead_ms=0.4,
        input_tokens=120,
        output_tokens=50,
        cache_read_tokens=20,
        cache_write_tokens=None,
        reasoning_tokens=10,
        usage_estimated=False,
        cost=Decimal("0.0001125"),
        bytes_out=2048,
        config="0123456789ab/1",
    )
    assert found.detail.attempts == ()
    assert not found.captured


async def test_what_is_unknown_stays_unknown(tmp_path: Path) -> None:
    nothing = record("id-1", usage=Usage(), cost=None, first=None)
    async with opened(tmp_path, nothing) as log:
        [entry] = (await log.page(Query())).entries
    assert entry.cost is None
    assert entry.first_content_ms is None
    assert (entry.input_tokens, entry.output_tokens, entry.reasoning_tokens) == (None,) * 3


async def test_a_failure_is_told_without_its_text(tmp_path: Path) -> None:
    broken = failed("id-1")
    plan = replace(
        broken.plan,
        rejections=(
            Rejection("resting", "cooldown_active", "gpt-4o-mini"),
            Rejection("other", "model_not_supported", "gpt-4o-mini"),
        ),
    )
    lost = LedgerEntry(Action.DROPPED, "seed_unsupported", "/seed")
    attempts = (*broken.attempts, replace(broken.attempts[0], credential="up-2", status=None))
    broken = replace(broken, plan=plan, ledger=(lost,), attempts=attempts)
    async with opened(tmp_path, broken) as log:
        found = await log.entry("id-1")
    assert found is not None
    assert (found.entry.failed, found.entry.error, found.entry.error_code) == (
        True,
        "rate_limit",
        "too_fast",
    )
    assert found.entry.credential == "up-2"
    assert [(each.credential, each.status, each.error) for each in found.detail.attempts] == [
        ("up-1", 429, "rate_limit"),
        ("up-2", None, "rate_limit"),
    ]
    assert found.detail.ledger == (lost,)
    assert [each.credential for each in found.detail.candidates] == ["up-1"]
    assert found.detail.rejections == plan.rejections[:1]
    assert (found.detail.upstream_status, found.detail.retry_after) == (429, 3.0)
    assert b"WHAT THE PROMPT WAS" not in all_bytes(tmp_path)


async def test_a_client_that_left_is_no_failure(tmp_path: Path) -> None:
    gone = record("id-1", status=499, client_left=True)
    async with opened(tmp_path, gone) as log:
        [entry] = (await log.page(Query(failed=False))).entries
        assert entry.client_left
        assert (await log.page(Query(failed=True))).entries == ()


async def test_one_that_was_turned_away(tmp_path: Path) -> None:
    failure = Failure(ErrorKind.NOT_FOUND, "there is nothing", code="unknown_path")
    refused = TurnedAway("id-1", Format.MESSAGES, "GET", 404, 0.001, failure)
    async with opened(tmp_path, refused) as log:
        [entry] = (await log.page(Query(endpoint="refused", status=404, failed=True))).entries
        assert (entry.method, entry.path, entry.format) == ("GET", PATH, "messages")
        assert (entry.error, entry.error_code) == ("not_found", "unknown_path")
        assert (entry.model, entry.key, entry.provider) == (None, None, None)
        assert (await log.page(Query(failed=False))).entries == ()


async def test_names_that_are_no_text_can_be_kept(tmp_path: Path) -> None:
    odd = record("id-1", model="half \ud800 of a pair", key="\udfff")
    large = record("id-2", usage=Usage(input=1 << 80))
    async with opened(tmp_path, odd, large) as log:
        two, one = (await log.page(Query())).entries
    assert one.model == "half ? of a pair"
    assert two.input_tokens is not None
    assert two.input_tokens > 1 << 39


# --- searching ---------------------------------------------------------------

MODELS = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4"]
KEYS = ["", "ci", "laptop"]

PREFIXES = ["aa", "ab", "mini", "4o"]
QUERIES: dict[str, list[object]] = {
    "model": ["gpt-4o", "gpt-*", "*", "gpt-4?", "gpt-[4]o"],
    "key": ["ci"],
    "format": ["gemini"],
    "status": [502],
    "status_class": [2, 4],
    "stream": [True, False],
    "failed": [True, False],
    "min_latency_ms": [1000.0, 50_000.0, 50_000.001, 10.0, 0.0, -1.0, float("inf"), float("nan")],
    "min_first_content_ms": [0.0, 250.0, 250.001, 4000.0],
    "min_cost": [Decimal(0), Decimal("0.0001125"), Decimal("0.5"), Decimal("0.5000000000001")],
    "attempts_over": [-1, 0, 1, 2],
    "text": ["mini", "claude-son", "rate_l", "4o ci", "aa-0", "a", "/v1/chat", '"', "no-such", " "],
}


def some_record(dice: Random, number: int, *, alike: bool) -> ExchangeRecord:
    """``alike``: most have the same names, and differ in what was measured."""
    request_id = f"{dice.choice(PREFIXES)}-{number:04}"
    if alike and dice.random() < 0.9:
        return with_measures(dice, replace(record(request_id), model=MODELS[0], key=KEYS[1]))
    status = dice.choice([200, 200, 200, 429, 502])
    made = record(request_id) if status == 200 else failed(request_id, status=status)
    names = replace(
        made,
        model=dice.choice(MODELS),
        key=dice.choice(KEYS),
        stream=dice.random() < 0.5,
        format=dice.choice([Format.GEMINI, Format.CHAT]),
    )
    return with_measures(dice, names)


def with_measures(dice: Random, made: ExchangeRecord) -> ExchangeRecord:
    return replace(
        made,
        seconds=dice.choice([0.0, 0.01, 0.01, 0.01, 1.0, 50.0]),
        first_content=dice.choice([None, 0.0, 0.25, 0.25, 4.0]),
        cost=dice.choice([None, Decimal(0), Decimal("0.0001125"), Decimal("0.5")]),
        attempts=made.attempts * dice.choice([0, 1, 1, 1, 1, 2, 3]),
    )


def some_query(dice: Random) -> Query:
    conditions = dice.sample(sorted(QUERIES), dice.choice([0, 1, 1, 1, 2, 2, 3, 4]))
    return Query(**{name: dice.choice(QUERIES[name]) for name in conditions})  # type: ignore[arg-type]  # by name


def meant(each: ExchangeRecord, query: Query, *, identifiers: bool = True) -> bool:
    """What a query means, said in another way."""
    error = each.failure is not None
    words = " ".join(
        [
            each.model,
            f"{each.attempts[-1].model} made-up up-1" if each.attempts else "",
            each.key,
            "rate_limit too_fast" if error else "",
            PATH,
            "inference",
        ]
    )
    tokens = "".join(c if c.isalnum() else " " for c in words.lower()).split()
    text = query.text.strip()
    asked = ["".join(c if c.isalnum() else " " for c in word).split() for word in text.split()]

    def found(phrase: list[str]) -> bool:
        return any(
            tokens[at : at + len(phrase) - 1] == phrase[:-1]
            and at + len(phrase) <= len(tokens)
            and tokens[at + len(phrase) - 1].startswith(phrase[-1])
            for at in range(len(tokens))
        )

    phrases = [phrase for phrase in asked if phrase]
    first_ms = -1.0 if each.first_content is None else each.first_content * 1000
    return (
        (
            query.model in (None, "*", each.model)
            or (query.model == "gpt-*" and each.model.startswith("gpt-"))
        )
        and query.key in (None, each.key)
        and query.format in (None, each.format)
        and query.status in (None, each.status)
        and query.status_class in (None, each.status // 100)
        and query.stream in (None, each.stream)
        and query.failed in (None, error)
        and (query.min_latency_ms is None or each.seconds * 1000 >= query.min_latency_ms)
        and (query.min_first_content_ms is None or first_ms >= query.min_first_content_ms)
        and (query.min_cost is None or (each.cost is not None and each.cost >= query.min_cost))
        and (query.attempts_over is None or len(each.attempts) > query.attempts_over)
        and (
            not text
            or (bool(phrases) and all(map(found, phrases)))
            or (identifiers and each.request_id.startswith(text))
        )
    )


def in_blocks_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (log_peaks, log_file):
        monkeypatch.setattr(module, "BLOCK", size)


def sum_up(path: Path) -> None:
    file = LogFile(path, busy=5.0)
    while file.sum_up():
        pass
    file.database.close()


def assert_counted(page: Page, expected: list[int]) -> None:
    """All of them; or, where not all of 60 were looked at, those among the newest at least."""
    lowest = 60 - log_search.MAX_SEARCHED + 1
    least = min(sum(seq >= lowest for seq in expected), log_search.MAX_COUNTED)
    assert page.total is not None
    assert (len(expected) if page.exact else least) <= page.total <= len(expected)


WAYS = list(product([(0, 0), (1000, 1 << 20), (1000, 2)], [0, 30, 60]))
"""Of looking a query up, and how many of the requests the sums know of."""

SEEDS = 8
TRIED = [
    (*way, summed, seed)
    for number, (way, summed) in enumerate(WAYS)
    # Each way with records that are alike and with some that are not.
    for seed in (range(SEEDS) if DEEP else (2 * number % SEEDS, (2 * number + 3) % SEEDS))
]


@pytest.mark.parametrize(("merged", "by_index", "summed", "seed"), TRIED)
async def test_a_query_finds_what_it_means_once_and_in_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    merged: int,
    by_index: int,
    summed: int,
    seed: int,
) -> None:
    """By cursor, downwards, upwards and between two, by offset, in number and in an export,
    whichever way it is looked up, and however many of the requests the sums know of."""
    monkeypatch.setattr(log_search, "MAX_MERGED", merged)
    monkeypatch.setattr(log_peaks, "BY_INDEX", by_index)
    monkeypatch.setattr(log_peaks, "SCAN", by_index % 3)
    monkeypatch.setattr(log_search, "MAX_COUNTED", 20)
    monkeypatch.setattr(log_search, "MAX_SEARCHED", 40)
    in_blocks_of(7, monkeypatch)
    dice = Random(seed)
    given_records = [some_record(dice, number, alike=seed % 2 == 1) for number in range(60)]
    async with opened(tmp_path, *given_records[:summed]) as log:
        sum_up(log.file)
        for each in given_records[summed:]:
            log.append(each, PATH)
        assert await log.flush(60)
        limit = dice.randrange(1, 20)
        asked = [some_query(dice) for _ in range(25)]
        for query in asked:
            numbers = [n for n, each in enumerate(given_records, 1) if meant(each, query)]
            expected = [given_records[n - 1].request_id for n in reversed(numbers)]
            assert [each.request_id for each in await all_of(log, query, limit)] == expected
            upwards = await all_above(log, query, limit)
            assert [each.request_id for each in upwards] == expected[::-1]
            low, high = sorted(dice.sample(range(65), 2))
            between = await log.page(query, limit=1000, after=low, before=high, offset=0)
            some = [n for n in numbers if low < n < high]
            assert [each.seq for each in between.entries] == some[::-1]
            assert_counted(between, numbers)
            page = await log.page(query, limit=limit, offset=2)
            assert [each.request_id for each in page.entries] == expected[2 : 2 + limit]
            assert_counted(page, numbers)
            exported = [each.request_id async for block in log.export(query) for each in block]
            assert exported == expected
            stats = await log.stats(query, 60)
            counted = [meant(each, query, identifiers=False) for each in given_records]
            assert stats.whole.requests == sum(counted)


async def test_a_nul_is_in_no_name_and_ends_no_question(tmp_path: Path) -> None:
    async with opened(tmp_path, record("id-1", model="gpt-4o")) as log:
        for query, expected in [
            (Query(model="gpt-*\0"), 0),
            (Query(text="gpt\0"), 1),
            (Query(text='"\0gpt'), 1),
            (Query(text="\0"), 0),
        ]:
            assert len((await log.page(query)).entries) == expected, query


async def test_time_is_a_condition(tmp_path: Path) -> None:
    async with opened(tmp_path, record("id-1")) as log:
        [entry] = (await log.page(Query())).entries
        at = entry.timestamp
        for since, until, expected in [
            (at, at, 1),
            (at + 1, None, 0),
            (None, at - 1, 0),
            (at - 1000, at + 1000, 1),
            (at + 600_000, None, 0),
            (None, at - 600_000, 0),
        ]:
            page = await log.page(Query(since=since, until=until), offset=0)
            assert len(page.entries) == page.total == expected, (since, until)


async def test_pages_stay_while_others_are_added(tmp_path: Path) -> None:
    first = [record(f"first-{number}") for number in range(30)]
    async with opened(tmp_path, *first) as log:
        found: list[str] = []
        before = None
        for turn in range(100):
            page = await log.page(Query(), limit=4, before=before)
            found += [each.request_id for each in page.entries]
            before = page.before
            if before is None:
                break
            log.append(record(f"later-{turn}"), PATH)
            assert await log.flush(60)
    assert found == [each.request_id for each in reversed(first)]


async def test_from_a_page_there_is_a_way_up_and_down(tmp_path: Path) -> None:
    async with opened(tmp_path, *[record(f"id-{number}") for number in range(1, 31)]) as log:
        top = await log.page(Query(), limit=10)
        assert (top.after, top.before) == (None, 21)
        middle = await log.page(Query(), limit=10, before=21)
        assert (middle.after, middle.before) == (20, 11)
        up = await log.page(Query(), limit=5, after=20)
        assert [each.seq for each in up.entries] == [25, 24, 23, 22, 21]
        assert (up.after, up.before) == (25, 21)
        assert (await log.page(Query(), limit=10, after=20)).after is None
        nothing = await log.page(Query(), after=30)
        assert (nothing.entries, nothing.after, nothing.before) == ((), None, None)


async def test_who_follows_sees_each_once_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        assert await log.newest() == 0
        assert list(await log.after(0)) == []
        seen: list[Entry] = []
        given_ids = [f"id-{number}" for number in range(500)]
        for request_id in given_ids:
            log.append(record(request_id), PATH)
        with anyio.fail_after(60):
            while len(seen) < 500:
                seen += await log.after(seen[-1].seq if seen else 0, 70)
        assert [each.request_id for each in seen] == given_ids
        assert [each.seq for each in seen] == list(range(1, 501))
        assert await log.newest() == 500
        assert list(await log.after(500)) == []
        assert [each.seq for each in await log.after(498)] == [499, 500]


async def test_who_follows_does_not_wait_for_who_searches(tmp_path: Path) -> None:
    async with opened(tmp_path, record("id-1")) as log, anyio.create_task_group() as tasks:
        holding, done = anyio.Event(), anyio.Event()

        async def search() -> None:
            async with log._reader._turn:  # as a long question has it
                holding.set()
                await done.wait()

        tasks.start_soon(search)
        await holding.wait()
        with anyio.fail_after(60):
            assert await log.newest() == 1
            assert [each.request_id for each in await log.after(0)] == ["id-1"]
        done.set()


# --- sums --------------------------------------------------------------------


async def test_sums_are_those_of_the_entries(tmp_path: Path) -> None:
    given_records = [
        record("id-1", key="ci", cost=Decimal("0.5"), seconds=0.1, first=None),
        record("id-2", key="ci", cost=None, seconds=0.1),
        record("id-3", key="", cost=Decimal("0.25"), seconds=0.1),
        failed("id-4"),
    ]
    async with opened(tmp_path, *given_records) as log:
        stats = await log.stats(Query(), 60)
        [day] = {each.day for each in await log.key_usage("2000-01-01", "2999-12-31")}
        usage = await log.key_usage(day, day)
        assert await log.key_usage("2000-01-01", "2000-12-31") == []
    whole = stats.whole
    assert (whole.requests, whole.failed, whole.cost) == (4, 1, Decimal("0.75"))
    assert (whole.input_tokens, whole.output_tokens) == (480, 200)
    assert whole.mean_ms == 450.0
    assert whole.p50_ms == pytest.approx(100, rel=0.2)
    assert whole.p99_ms == pytest.approx(1500, rel=0.2)
    assert whole.first_content_p50_ms == pytest.approx(250, rel=0.2)
    assert sum(point.requests for point in stats.series) == 4
    assert [(each.name, each.requests, each.failed) for each in stats.keys] == [("ci", 3, 1)]
    assert [(each.name, each.requests) for each in stats.statuses] == [("2xx", 3), ("4xx", 1)]
    assert [each.name for each in stats.errors] == ["rate_limit"]
    assert [(each.key, each.requests, each.failed, each.cost, each.unpriced) for each in usage] == [
        ("", 1, 0, Decimal("0.25"), 0),
        ("ci", 3, 1, Decimal("0.5"), 2),
    ]


async def test_a_short_step_sums_up_single_requests(tmp_path: Path) -> None:
    async with opened(tmp_path, record("id-1"), record("id-2")) as log:
        at = (await log.page(Query())).entries[0].timestamp
        stats = await log.stats(Query(since=at - 60_000, until=at + 60_000), 1)
        assert sum(point.requests for point in stats.series) == 2
        assert all(0 <= at - point.at < 60_000 for point in stats.series)
        assert (await log.stats(Query(since=at + 60_000), 1)).whole.requests == 0


async def test_without_a_file_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    log = SqliteRequestLog(tmp_path / "file", Retention())
    with pytest.raises(LogUnavailable):
        await log.page(Query())
    await log.aclose()


async def test_what_is_counted_one_by_one_is_counted_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_blocks_of(7, monkeypatch)
    slow = Query(min_latency_ms=1000)
    records = [record(f"r{number}", seconds=2.0) for number in range(60)]
    async with opened(tmp_path, *records) as log:
        sum_up(log.file)
        for counted, searched, total, exact in (
            (100, 100, 60, True),
            (10, 100, 10, False),
            (60, 60, 60, True),
            (100, 20, 20, False),
        ):
            monkeypatch.setattr(log_search, "MAX_COUNTED", counted)
            monkeypatch.setattr(log_search, "MAX_SEARCHED", searched)
            page = await log.page(slow, limit=5, offset=0)
            assert (page.total, page.exact) == (total, exact)
            assert len(page.entries) == 5
