"""Numbers over time, by name, and the first page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from aigw_asgi.dashboard.operation import PREFIX
from aigw_core.chat import Format
from tests.asgi.dashboard.operator import Operator
from tests.asgi.dashboard.test_logs import CANARIES, CONFIG, settle, use

pytestmark = pytest.mark.anyio


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def get(operator: Operator, path: str, /, **query: Any) -> Any:
    await settle(operator)
    reply = await operator.ask(
        "GET", f"{PREFIX}{path}?{urlencode(query)}" if query else PREFIX + path
    )
    assert reply.status == 200, reply.body
    for canary in CANARIES:
        assert canary.encode() not in reply.body
    return reply.json


async def some_requests(operator: Operator) -> None:
    """Three that go well, one each that the client, the upstream, a key is to blame for."""
    await use(operator, "a")
    await use(operator, "b", stream=True)
    await use(operator, "c", "echo-reasoning", format=Format.MESSAGES, stream=True)
    await use(operator, "d", "no-such-model")
    await use(operator, "e", "gone")
    await use(operator, "f", key="wrong")


async def test_counters_are_those_of_the_gateway(operator: Operator) -> None:
    await some_requests(operator)
    found = await get(operator, "/metrics")
    assert (found["total_requests"], found["total_errors"]) == (6, 3)
    assert found["by_key"]["app"]["requests"] == 4
    assert found["cooldowns"] == 1


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("model", {"echo": 2, "echo-reasoning": 1, "no-such-model": 1, "gone": 1, "": 1}),
        ("credential", {"echo-messages": 2, "echo-chat": 1, "nobody": 1, "": 2}),
        ("provider", {"echo": 3, "openai": 1, "": 2}),
        ("format", {"chat": 5, "messages": 1}),
        ("key", {"app": 5, "": 1}),
        ("status", {"2xx": 3, "4xx": 2, "5xx": 1}),
        ("outcome", {"ok": 3, "client": 2, "upstream": 1}),
    ],
)
async def test_series_by_name(operator: Operator, by: str, names: dict[str, int]) -> None:
    await some_requests(operator)
    found = await get(operator, "/metrics/series", by=by, top=20)
    assert {each["name"]: each["totals"]["total_entries"] for each in found["groups"]} == names
    assert (found["other"], found["step"]) == (None, 900)
    for each in found["groups"]:
        points = each["series"]
        assert sum(point["requests"] for point in points) == each["totals"]["total_entries"]
        assert {b["at"] - a["at"] for a, b in pairwise(points)} == {900_000}


async def test_the_rest_is_one_series(operator: Operator) -> None:
    await some_requests(operator)
    found = await get(operator, "/metrics/series", by="model", top=1)
    assert [each["name"] for each in found["groups"]] == ["echo"]
    assert found["other"]["name"] == "other"
    assert found["other"]["totals"]["total_entries"] == 4
    assert found["other"]["totals"]["error_count"] == 3
    one = await get(operator, "/metrics/series", by="model", model="gone")
    assert [each["name"] for each in one["groups"]] == ["gone"]


async def test_where_requests_go(operator: Operator) -> None:
    await some_requests(operator)
    found = await get(operator, "/metrics/flow")
    ways = {
        (each["format"], each["model"], each["credential"]): (each["requests"], each["failed"])
        for each in found["flows"]
    }
    assert ways == {
        ("chat", "echo", "echo-messages"): (2, 0),
        ("messages", "echo-reasoning", "echo-chat"): (1, 0),
        ("chat", "no-such-model", ""): (1, 1),
        ("chat", "gone", "nobody"): (1, 1),
        ("chat", "", ""): (1, 1),
    }
    assert (found["total"], found["other"]) == (6, 0)


async def test_distributions_have_all_their_values(operator: Operator) -> None:
    await some_requests(operator)
    found = await get(operator, "/metrics/distributions")
    counts = {each["name"]: each["count"] for each in found["distributions"]}
    assert (counts["total"], counts["stream_total"], counts["first_content"]) == (2, 2, 2)
    for each in found["distributions"]:
        assert sum(bucket["count"] for bucket in each["buckets"]) == each["count"]
        assert each["buckets"][0]["over_ms"] == 0
        assert each["buckets"][-1]["up_to_ms"] is None
        for before, after in pairwise(each["buckets"]):
            assert before["up_to_ms"] == after["over_ms"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/metrics/series", "/by"),
        ("/metrics/series?by=colour", "/by"),
        ("/metrics/series?by=model&top=0", "/top"),
        ("/metrics/series?by=model&from=5&to=1", "/to"),
        ("/metrics/flow?from=x", "/from"),
        ("/overview?window=59", "/window"),
        ("/overview?window=1000000", "/window"),
    ],
)
async def test_what_cannot_be_meant_is_named(operator: Operator, path: str, field: str) -> None:
    reply = await operator.ask("GET", PREFIX + path)
    assert reply.status == 422
    assert [each["path"] for each in reply.json["fields"]] == [field]


async def test_the_first_page_before_the_first_request(operator: Operator) -> None:
    found = await get(operator, "/overview")
    assert found["first_run"]
    assert found["key_needed"]
    assert found["base_urls"] == {
        "openai": "http://127.0.0.1:8317/v1",
        "anthropic": "http://127.0.0.1:8317",
        "gemini": "http://127.0.0.1:8317",
    }
    assert found["health"]["status"] == "ok"
    assert found["now"]["total_entries"] == 0
    assert [each["health"]["name"] for each in found["credentials"]] == ["nobody"]


@pytest.mark.parametrize("window", [60, 300, 3600, 86_400, 604_800])
async def test_the_first_page(operator: Operator, window: int) -> None:
    await some_requests(operator)
    found = await get(operator, "/overview", window=window)
    assert not found["first_run"]
    assert found["problem"] is None
    assert found["health"]["status"] == "down"
    assert (found["now"]["total_entries"], found["now"]["error_count"]) == (6, 3)
    assert found["previous"]["total_entries"] == 0
    assert len(found["series"]) == len(found["outcomes"]) == 60
    assert sum(point["requests"] for point in found["series"]) == 6
    whose = ("ok", "client", "upstream", "gateway", "left")
    told = [sum(point[name] for point in found["outcomes"]) for name in whose]
    assert told == [3, 2, 1, 0, 0]
    [strip] = found["credentials"]
    assert strip["health"]["state"] == "cooling"
    assert (sum(strip["requests"]), sum(strip["failed"])) == (1, 1)
    assert len(strip["requests"]) == 60
    errors = {(each["error"], each["status"], each["credential"]) for each in found["errors"]}
    assert errors == {
        ("not_found", 404, ""),
        ("upstream", 502, "nobody"),
        ("authentication", 401, ""),
    }
    newest = [each["newest"] for each in found["errors"]]
    assert newest == sorted(newest, reverse=True)


async def test_the_first_page_without_a_log(tmp_path: Path) -> None:
    async with Operator(tmp_path, CONFIG + "request-log: {max-rows: 0}\n") as operator:
        reply = await operator.ask("GET", PREFIX + "/overview")
    found = reply.json
    assert reply.status == 200
    assert (found["now"], found["series"]) == (None, [])
    assert "request-log.max-rows" in found["problem"]
    assert [each["health"]["name"] for each in found["credentials"]] == ["nobody"]


async def test_the_first_page_tells_what_may_be_why(tmp_path: Path) -> None:
    way = "fallbacks: [{model: gone, to: [echo]}]\n"
    async with Operator(tmp_path, CONFIG + way) as operator:
        await use(operator, "a", "gone")
        operator.file.write_text(CONFIG + way + "force-model-prefix: true\n")
        reloader = operator.state.reloader
        assert reloader is not None
        await reloader.reload()
        operator.file.write_text("api-keys: 5\n")
        await reloader.reload()
        found = await get(operator, "/overview")
        assert found["now"]["error_count"] == 0
        marks = {(each["kind"], each["credential"], each["count"]) for each in found["marks"]}
        assert marks == {
            ("cooldown", "nobody", 1),
            ("retried", None, 1),
            ("reload", None, 1),
            ("reload_failed", None, 1),
        }
        times = [each["at"] for each in found["marks"]]
        assert times == sorted(times)

        before = await get(operator, "/overview", to=found["to"] - 3_600_000)
        assert (before["marks"], before["now"]["total_entries"]) == ([], 0)
        assert before["to"] == found["to"] - 3_600_000
