"""The gateway as a program, as the API tells it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.dashboard.operation import PREFIX
from aigw_asgi.stores.app_log import Level, Said
from aigw_asgi.stores.app_log_memory import MemoryAppLog
from tests.asgi.dashboard.operator import Operator
from tests.asgi.dashboard.test_logs import CANARIES, CONFIG, settle, use

pytestmark = pytest.mark.anyio


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def get(operator: Operator, path: str) -> Any:
    reply = await operator.ask("GET", PREFIX + path)
    assert reply.status == 200, reply.body
    for canary in CANARIES:
        assert canary.encode() not in reply.body
    return reply.json


def said(number: int, level: Level = Level.INFO, **more: Any) -> Said:
    return Said(
        timestamp=number,
        level=level,
        logger=more.pop("logger", "aigw"),
        message=f"record {number}",
        worker=0,
        pid=1,
        **more,
    )


async def keep(operator: Operator, *records: Said) -> None:
    log = MemoryAppLog()
    log.start()
    for record in records:
        log.put(record)
    assert await log.flush(10)
    operator.state.app_log = log


async def test_the_process_and_its_files(operator: Operator) -> None:
    await settle(operator)
    found = await get(operator, "/system/info")
    assert found["process"]["pid"] == os.getpid()
    assert found["process"]["rss_bytes"] > 10 << 20
    assert found["process"]["open_files"] > 3
    assert found["process"]["loop_lag_ms"] >= 0
    assert found["listen"] == ["127.0.0.1:8317"]
    assert {"requests.db", "shared.db"} <= {each["name"] for each in found["databases"]}
    assert all(each["bytes"] >= 0 for each in found["databases"])
    assert found["request_log"] == {"kept": True, "dropped": 0}
    assert (found["tls"], found["reloads"]) == (None, [])


async def test_readings_of_the_configuration_are_remembered(operator: Operator) -> None:
    reloader = operator.state.reloader
    assert reloader is not None
    operator.file.write_text(CONFIG + "port: 9000\n")
    await reloader.reload()
    operator.file.write_text("port: no\n")
    await reloader.reload()
    bad, good = (await get(operator, "/system/info"))["reloads"]
    assert (good["changed"], good["generation"], good["restart"]) == (True, 2, ["port"])
    assert (bad["changed"], len(bad["problems"])) == (False, 1)
    assert bad["at"] >= good["at"] > 1_700_000_000_000


async def test_the_processes_are_listed(operator: Operator) -> None:
    found = await get(operator, "/system/workers")
    assert found["shared_state"]["kind"] == "sqlite"
    [node] = found["nodes"]
    assert (node["pid"], node["self"]) == (os.getpid(), True)


async def test_records_by_cursor_and_by_page(operator: Operator) -> None:
    await keep(operator, *[said(number) for number in range(1, 6)])
    newest = await get(operator, "/system/logs?limit=2")
    assert [each["seq"] for each in newest["logs"]] == [5, 4]
    assert (newest["newest"], newest["oldest"], newest["dropped"]) == (5, 1, 0)
    rest = await get(operator, f"/system/logs?limit=2&before={newest['before']}")
    assert [each["seq"] for each in rest["logs"]] == [3, 2]
    last = await get(operator, f"/system/logs?limit=2&before={rest['before']}")
    assert ([each["seq"] for each in last["logs"]], last["before"]) == ([1], None)
    missed = await get(operator, "/system/logs?after=3")
    assert [each["seq"] for each in missed["logs"]] == [5, 4]
    page = await get(operator, "/system/logs?page=2&page_size=2")
    assert [each["seq"] for each in page["logs"]] == [3, 2]
    assert (page["total"], page["page"], page["page_size"]) == (5, 2, 2)


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("level=warning", [3, 2]),
        ("level=error", [3]),
        ("logger=aigw.x", [2]),
        ("search=RECORD 3".replace(" ", "%20"), [3]),
        ("request_id=told", [1]),
        ("level=error&page=1", [3]),
    ],
)
async def test_records_are_filtered(operator: Operator, query: str, seqs: list[int]) -> None:
    await keep(
        operator,
        said(1, request_id="told"),
        said(2, Level.WARNING, logger="aigw.x"),
        said(3, Level.ERROR),
    )
    found = await get(operator, f"/system/logs?{query}")
    assert [each["seq"] for each in found["logs"]] == seqs


async def test_records_of_one_request(operator: Operator) -> None:
    await keep(operator, said(1, request_id="told"), said(2))
    found = await get(operator, "/logs/told/log")
    assert [each["message"] for each in found["logs"]] == ["record 1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("level=loud", "/level"),
        ("limit=0", "/limit"),
        ("page=0", "/page"),
        ("page_size=1001", "/page_size"),
        ("page=1&after=2", "/page"),
    ],
)
async def test_what_cannot_be_meant_is_named(operator: Operator, query: str, field: str) -> None:
    await keep(operator)
    reply = await operator.ask("GET", f"{PREFIX}/system/logs?{query}")
    assert reply.status == 422
    assert [each["path"] for each in reply.json["fields"]] == [field]


async def test_without_a_log_of_its_own_it_says_so(operator: Operator) -> None:
    reply = await operator.ask("GET", PREFIX + "/system/logs")
    assert (reply.status, reply.json["error"]) == (404, "no_app_log")


async def test_the_bundle_lists_itself_and_has_no_secret(operator: Operator) -> None:
    await use(operator, "a", text="PROMPT-CANARY")
    await use(operator, "b", "gone")
    await settle(operator)
    await keep(operator, said(1, traceback=f"Error: bearer {CANARIES[1]}"))
    listed = await get(operator, "/system/support?list=true")
    assert listed["parts"] == {}
    bundle = await get(operator, "/system/support")
    assert list(bundle["parts"]) == [each["name"] for each in listed["contents"]]
    assert all(each["about"] for each in listed["contents"])
    parts = bundle["parts"]
    assert {each["request_id"] for each in parts["requests"]} == {"a", "b"}
    assert parts["records"][0]["message"] == "record 1"
    assert "PROMPT-CANARY" not in json.dumps(bundle)
