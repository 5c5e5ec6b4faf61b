"""The audit trail: every change and sign-in, in order, by many writers, and never a secret."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aigw_asgi.dashboard.audit import FILE, MAX_HELD, OLD_FILE, Audit
from tests.asgi.dashboard.operator import Operator
from tests.running import ROOT

pytestmark = pytest.mark.anyio

API = "/api/dashboard"

WRITER = """
import sys, anyio
from pathlib import Path
from aigw_asgi.dashboard.audit import Audit
async def main():
    audit = Audit(Path(sys.argv[1]), max_file=int(sys.argv[3]))
    print("ready", flush=True)
    sys.stdin.readline()
    for at in range(int(sys.argv[2])):
        await audit.tell("x", target=f"{sys.argv[4]}:{at}")
anyio.run(main)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path) as operator:
        yield operator


async def test_records_are_numbered_and_come_newest_first(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for at in range(5):
        await audit.tell("config.apply", who="ann", target=str(at), before={"a": 1}, after=[2])
    first = await audit.page(limit=2)
    assert [(each.seq, each.target) for each in first] == [(5, "4"), (4, "3")]
    rest = await audit.page(before=4, limit=10)
    assert [each.seq for each in rest] == [3, 2, 1]
    assert (rest[0].who, rest[0].before, rest[0].after) == ("ann", {"a": 1}, [2])
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_several_processes_leave_no_gap_and_no_number_twice(tmp_path: Path) -> None:
    count, writers = 60, 4
    # Small files, so that several of them are begun while all write.
    arguments = [str(tmp_path), str(count), "12000"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, *arguments, str(at)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for at in range(writers)
    ]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == b"ready\n"
    for each in running:  # all at once
        assert each.stdin is not None
        each.stdin.write(b"go\n")
        each.stdin.flush()
    for each in running:
        each.communicate(timeout=60)
    assert [each.returncode for each in running] == [0] * writers
    found = [
        json.loads(line)
        for name in (OLD_FILE, FILE)
        for line in (tmp_path / name).read_text().splitlines()
    ]
    numbers = [each["seq"] for each in found]
    assert numbers == list(range(numbers[0], count * writers + 1))
    for writer in range(writers):
        own = [each["target"] for each in found if each["target"].startswith(f"{writer}:")]
        assert own == sorted(own, key=lambda each: int(each.partition(":")[2]))


async def test_half_a_line_is_passed_over(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    await audit.tell("one")
    with (tmp_path / FILE).open("ab") as stream:
        stream.write(b'{"seq":2,"timest')
    await audit.tell("two")
    found = await audit.page()
    assert [(each.seq, each.action) for each in found] == [(2, "two"), (1, "one")]


async def test_the_trail_is_bounded_and_its_numbers_go_on(tmp_path: Path) -> None:
    audit = Audit(tmp_path, max_file=2000)
    for at in range(40):
        await audit.tell("x", target=str(at))
    size = sum((tmp_path / name).stat().st_size for name in (FILE, OLD_FILE))
    assert size <= 4000
    found = await audit.page(limit=1000)
    assert found[0].seq == 40
    assert [each.seq for each in found] == list(range(40, 40 - len(found), -1))


async def test_what_is_too_large_is_left_out_but_said(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    await audit.tell("config.apply", before="x" * 100_000, after="y" * 100_000)
    (found,) = await audit.page()
    assert (found.before, found.after) == (None, None)
    assert "too large" in found.effects[0]


async def test_without_a_folder_it_is_in_memory(tmp_path: Path) -> None:
    audit = Audit(None)
    for at in range(MAX_HELD + 5):
        await audit.tell("x", target=str(at))
    found = await audit.page(limit=5000)
    assert (len(found), found[0].seq, found[-1].seq) == (MAX_HELD, MAX_HELD + 5, 6)
    assert os.listdir(tmp_path) == []


async def test_a_trail_that_cannot_be_written_is_said_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file is in its way")
    await Audit(folder).tell("config.apply", who="ann")
    assert "the audit trail cannot be written" in caplog.text


async def test_who_came_in_and_who_did_not_is_in_it(operator: Operator) -> None:
    await operator.ask("POST", f"{API}/auth/link", {"token": "a.b.c"}, signed_in=False)
    link = operator.dashboard.sessions.new_link()
    begun = await operator.ask("POST", f"{API}/auth/link", {"token": link}, signed_in=False)
    other = {"authorization": f"Bearer {begun.json['token']}"}
    assert (await operator.ask("POST", f"{API}/auth/logout", headers=other)).status == 204
    records = (await operator.ask("GET", f"{API}/system/audit")).json["records"]
    assert [(each["action"], each["who"]) for each in records] == [
        ("session.end", "admin"),
        ("session.begin", "admin"),
        ("session.refused", ""),
        ("session.begin", "admin"),
    ]
    assert {each["address"] for each in records} == {"127.0.0.1"}


async def test_pages_of_it_follow_the_cursor(operator: Operator) -> None:
    for at in range(4):
        await operator.dashboard.audit.tell("x", target=str(at))
    seen: list[int] = []
    before = ""
    while True:
        page = (await operator.ask("GET", f"{API}/system/audit?limit=2{before}")).json
        seen += [each["seq"] for each in page["records"]]
        if page["before"] is None:
            break
        before = f"&before={page['before']}"
    assert seen == [5, 4, 3, 2, 1]
    assert (await operator.ask("GET", f"{API}/system/audit?limit=0")).status == 422
