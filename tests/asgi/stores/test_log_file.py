"""What the request log forgets and sums up, a step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.stores.request_log import Query
from aigw_asgi.stores.sqlite import log_file, log_peaks, log_sums
from aigw_asgi.stores.sqlite.log_file import LogFile, Retention
from aigw_asgi.stores.sqlite.log_reader import Reader
from aigw_asgi.stores.sqlite.log_rows import Batch, Captured, Ended
from aigw_core.capture import Capture, Wire
from aigw_core.chat import Format, Usage
from tests.asgi.stores.records import record

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LogFile]:
    opened = LogFile(tmp_path / "requests.db", busy=5.0)
    yield opened
    opened.database.close()


@pytest.fixture
def reader(file: LogFile) -> Iterator[Reader]:
    reader = Reader(file.database.file, busy=5.0)
    yield reader
    reader.close()


def write(file: LogFile, *ended: tuple[str, float], **more: Any) -> None:
    batch = Batch()
    for request_id, wall in ended:
        batch.add(Ended(wall, record(request_id, **more), "/v1/messages"))
    file.write(batch)


def found(reader: Reader, query: Query | None = None) -> list[str]:
    page = reader.page(query or Query(), 1000, offset=0)
    assert page.total == len(page.entries)
    return [each.request_id for each in page.entries]


def settle(file: LogFile, retention: Retention, wall: float = NOW) -> int:
    """How many steps it took."""
    steps = 1
    while file.sum_up() | file.forget(retention, wall):
        steps += 1
        assert steps < 1000
    return steps


def test_the_newest_rows_are_kept(
    file: LogFile, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "STEP", 10)
    monkeypatch.setattr(log_sums, "STEP", 10)
    for number in range(100):
        write(file, (f"id-{number}", NOW), model=f"model-{number % 3}")
    assert settle(file, Retention(max_rows=15)) > 8  # in small steps
    assert found(reader) == [f"id-{number}" for number in range(99, 84, -1)]
    one = [f"id-{number}" for number in range(99, 84, -1) if number % 3 == 1]
    assert found(reader, Query(model="model-1")) == one
    write(file, ("id-100", NOW), model="model-1")
    assert found(reader, Query(model="model-1")) == ["id-100", *one]


def test_old_rows_are_forgotten(file: LogFile, reader: Reader) -> None:
    write(file, ("old", NOW - 30 * DAY - 1), ("new", NOW - 30 * DAY + 1))
    settle(file, Retention(days=30))
    assert found(reader) == ["new"]


def test_what_is_not_summed_up_is_not_forgotten(file: LogFile, reader: Reader) -> None:
    write(file, ("old", NOW - 99 * DAY))
    assert not file.forget(Retention(), NOW)
    assert found(reader) == ["old"]


def test_a_clock_that_was_wrong_costs_only_its_own_rows(file: LogFile, reader: Reader) -> None:
    write(file, ("good-1", NOW), ("before-the-war", 0.0), ("good-2", NOW))
    settle(file, Retention())
    assert found(reader) == ["good-2", "before-the-war", "good-1"]
    assert found(reader, Query(since=int(NOW * 1000))) == ["good-2", "good-1"]


def test_facets_go_with_their_last_row(file: LogFile, reader: Reader) -> None:
    """And are there again when they are needed, for every process that remembers them."""
    other = LogFile(file.database.file, busy=5.0)
    write(file, ("id-1", NOW - 40 * DAY), model="rare")
    write(other, ("id-2", NOW), model="common")
    settle(file, Retention())
    count = "SELECT count(*) FROM facets"
    assert file.database.connection.execute(count).fetchone() == (2,)
    file.tidy(Retention(), NOW)
    assert file.database.connection.execute(count).fetchone() == (1,)
    assert found(reader, Query(text="rare")) == []
    # The words of those that are left, and no others.
    check = "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)"
    file.database.connection.execute(check)
    for each in (file, other):
        write(each, ("id-3", NOW), model="rare")
    assert found(reader, Query(text="rare", model="rare")) == ["id-3", "id-3"]
    settle(file, Retention())
    assert found(reader, Query(text="rare", model="rare")) == ["id-3", "id-3"]
    other.database.close()


def test_a_facet_without_summed_rows_is_kept(file: LogFile, reader: Reader) -> None:
    write(file, ("id-1", NOW))
    file.tidy(Retention(), NOW)
    assert found(reader) == ["id-1"]


def test_a_batch_that_fails_leaves_no_facet_behind(file: LogFile, reader: Reader) -> None:
    batch = Batch()
    batch.add(Ended(NOW, record("id-1", model="new"), "/v1/messages"))
    batch.captures.append(("id-1", "no number", 1, b""))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(Exception, match="cannot store TEXT"):
        file.write(batch)
    write(file, ("id-2", NOW), model="new")
    assert found(reader, Query(model="new")) == ["id-2"]


# --- sums --------------------------------------------------------------------


def test_sums_of_hours_are_those_of_their_minutes(file: LogFile, reader: Reader) -> None:
    hour = NOW - NOW % 3600 - 3 * DAY
    for minute in range(120):
        write(file, (f"id-{minute}", hour + 60 * minute), seconds=0.1 if minute % 2 else 9.0)
    write(file, ("recent", NOW))
    settle(file, Retention())
    query = Query(since=int(hour * 1000), until=int((hour + 7199) * 1000))
    before = reader.stats(query, 3600)
    assert [point.requests for point in before.series] == [60, 60]
    rows = "SELECT count(*) FROM minutes"
    assert file.database.connection.execute(rows).fetchone() == (121,)
    file.tidy(Retention(), NOW)
    assert file.database.connection.execute(rows).fetchone() == (3,)
    assert reader.stats(query, 3600) == before
    assert before.whole.cost == 120 * Decimal("0.0001125")
    assert before.whole.p95_ms == pytest.approx(9000, rel=0.2)


def test_use_of_keys_outlives_rows(file: LogFile, reader: Reader) -> None:
    write(file, ("id-1", NOW - 40 * DAY), ("id-2", NOW))
    settle(file, Retention())
    file.tidy(Retention(), NOW)
    assert found(reader) == ["id-2"]
    usage = reader.key_usage("2026-12-01", "2027-12-31")
    assert [(each.day, each.key, each.requests) for each in usage] == [
        ("2026-12-06", "ci", 1),
        ("2027-01-15", "ci", 1),
    ]
    file.tidy(Retention(), NOW + 500 * DAY)
    assert reader.key_usage("2026-12-01", "2027-12-31") == []


def test_sums_are_taken_once(file: LogFile, reader: Reader) -> None:
    for turn in range(3):
        write(file, (f"id-{turn}", NOW), (f"id-{turn}-b", NOW))
        for _ in range(2):
            file.sum_up()
        assert reader.stats(Query(until=int(NOW * 1000)), 60).whole.requests == 2 * turn + 2
        [usage] = reader.key_usage("2027-01-15", "2027-01-15")
        assert (usage.requests, usage.input_tokens) == (2 * turn + 2, 240 * turn + 240)


def test_sums_of_absurd_numbers_do_not_overflow(file: LogFile, reader: Reader) -> None:
    batch = Batch()
    absurd = record("id-1", usage=Usage(input=1 << 200, output=1 << 63), cost=Decimal(10**15))
    for _ in range(4500):
        batch.add(Ended(NOW, absurd, "/v1/messages"))
    for _ in range(3):
        file.write(batch)
    settle(file, Retention())
    whole = reader.stats(Query(until=int(NOW * 1000)), 60).whole
    assert whole.requests == 13_500
    assert whole.input_tokens > 1 << 50
    [usage] = reader.key_usage("2027-01-15", "2027-01-15")
    assert usage.requests == 13_500


# --- peaks -------------------------------------------------------------------

PEAKS = "SELECT * FROM peaks ORDER BY block, facet"
SLOW = Query(min_latency_ms=5000)


def test_peaks_go_with_the_last_rows_of_their_block(
    file: LogFile, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (log_file, log_peaks):
        monkeypatch.setattr(module, "BLOCK", 10)
    for number in range(1, 96):
        write(file, (f"id-{number}", NOW), seconds=9.0 if number % 20 == 3 else 0.1)
    settle(file, Retention(max_rows=60))  # 36 is the oldest
    file.tidy(Retention(), NOW)
    assert found(reader, SLOW) == ["id-83", "id-63", "id-43"]
    [first] = file.database.connection.execute("SELECT min(block) FROM peaks").fetchone()
    assert first == 3
    # The highest of a block is forgotten before the block is.
    settle(file, Retention(max_rows=52))
    assert found(reader, SLOW) == ["id-83", "id-63"]


def test_peaks_of_an_older_file_are_made_up_for(tmp_path: Path) -> None:
    """By the step that adds them, as they would have become by and by."""
    new = LogFile(tmp_path / "new.db", busy=5.0)
    for each in range(41):
        names = [(f"id-{each}-{number}", NOW) for number in range(100)]
        write(new, *names, seconds=float(each), model=f"model-{each % 3}")
    write(new, ("bare", NOW), first=None, cost=None, model="bare")
    settle(new, Retention())
    write(new, ("not summed", NOW), seconds=99.0)
    expected = new.database.connection.execute(PEAKS).fetchall()
    assert {block for block, *_ in expected} == {0, 1}  # the third is not full
    assert len(expected) == 6
    connection = new.database.connection
    connection.execute("DROP TABLE peaks")
    connection.execute("PRAGMA user_version = 1")  # as before that step
    new.database.close()
    again = LogFile(tmp_path / "new.db", busy=5.0)
    assert again.database.connection.execute(PEAKS).fetchall() == expected
    again.database.close()


# --- captures ----------------------------------------------------------------


def capture(request_id: str, body: bytes) -> Capture:
    return Capture(
        request_id=request_id,
        taken=NOW,
        format=Format.CHAT,
        model="echo",
        key="ci",
        headers=(("content-type", "application/json"),),
        body=body,
        answer=Wire(1000),
    )


def keep(file: LogFile, request_id: str, until: float, body: bytes = b"{}") -> None:
    batch = Batch()
    batch.add_capture(Captured(capture(request_id, body), until, len(body)))
    file.write(batch)


def test_captures_are_kept_for_their_time(file: LogFile) -> None:
    count = "SELECT count(*), sum(size = length(data)) FROM captures"
    keep(file, "short", NOW + 10)
    keep(file, "long", NOW + 20)
    file.forget(Retention(), NOW + 9)
    assert file.database.connection.execute(count).fetchone() == (2, 2)
    file.forget(Retention(), NOW + 10)
    assert file.database.connection.execute(count).fetchone() == (1, 1)


def test_captures_are_bounded_in_bytes(file: LogFile) -> None:
    for number in range(50):
        keep(file, f"id-{number}", NOW + 1000, bytes(range(256)) * 4 + bytes([number]))
    [size] = file.database.connection.execute("SELECT max(size) FROM captures").fetchone()
    retention = Retention(max_captures=10 * size)
    assert settle(file, retention) > 2  # few at a time
    left = file.database.connection.execute("SELECT request_id FROM captures ORDER BY id")
    assert [each for (each,) in left] == [f"id-{number}" for number in range(40, 50)]


def test_a_capture_comes_back_whole(file: LogFile, reader: Reader) -> None:
    kept = capture("id-1", b'{"model":"echo"}')
    kept.answer.add(0.5, b"data: 1\n\n")
    batch = Batch()
    batch.add_capture(Captured(kept, 4e9, kept.kept))
    file.write(batch)
    assert reader.capture("id-1") == kept
    assert reader.capture("id-2") is None
