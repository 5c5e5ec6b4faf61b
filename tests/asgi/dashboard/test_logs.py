"""What became of requests, as the API tells it: of real requests, from a real file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from aigw_asgi.dashboard.log_export import BLOCK
from aigw_asgi.dashboard.operation import PREFIX
from aigw_asgi.stores.request_log import LogUnavailable, TurnedAway
from aigw_core.chat import Format
from aigw_core.errors import ErrorKind, Failure
from tests.asgi.clients import asking
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

KEY = "sk-app-key-of-the-tests"
CANARIES = (KEY, "sk-upstream-canary-0123", "header-canary-0123", "proxy-canary-0123")
CONFIG = f"""\
host: 127.0.0.1
dashboard: {{enabled: true}}
echo: "on"
api-keys: [{{name: app, key: {KEY}}}]
capture: {{enabled: true, models: ["echo*", gone]}}
retry: {{max-retries: 1}}
openai-api-key:
  - name: nobody
    api-key: {CANARIES[1]}
    base-url: http://127.0.0.1:9
    models: [{{id: gone}}]
    headers: {{x-team: {CANARIES[2]}}}
"""
LOGS = PREFIX + "/logs"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def use(
    operator: Operator,
    id: str,
    model: str = "echo",
    *,
    format: Format = Format.CHAT,
    stream: bool = False,
    text: str = "/wps 0 Hello there, you",
    key: str = KEY,
) -> Reply:
    """A request of a client."""
    path, body = asking(format, model, text, stream=stream)
    headers = {"authorization": f"Bearer {key}", "x-request-id": id}
    return await operator.ask("POST", path, body, headers, signed_in=False)


async def settle(operator: Operator) -> None:
    assert operator.state.log is not None
    assert await operator.state.log.flush(60)


async def get(operator: Operator, path: str = "", /, **query: Any) -> Any:
    await settle(operator)
    reply = await operator.ask("GET", LOGS + path + ("?" + urlencode(query) if query else ""))
    assert reply.status == 200, reply.body
    for canary in CANARIES:
        assert canary.encode() not in reply.body
    return reply.json


async def refused(operator: Operator, path: str) -> tuple[int, Any]:
    reply = await operator.ask("GET", LOGS + path)
    assert reply.status >= 400
    return reply.status, reply.json


async def test_pages_go_back_by_cursor_while_others_are_added(operator: Operator) -> None:
    for number in range(5):
        await use(operator, f"request-{number}")
    page = await get(operator, limit=2)
    assert [each["request_id"] for each in page["items"]] == ["request-4", "request-3"]
    assert (page["newest"], page["before"]) == (5, 4)
    assert "total" not in page
    await use(operator, "request-5")
    rest = await get(operator, limit=2, before=page["before"])
    assert [each["request_id"] for each in rest["items"]] == ["request-2", "request-1"]
    last = await get(operator, limit=2, before=rest["before"])
    assert [each["request_id"] for each in last["items"]] == ["request-0"]
    assert last["before"] is None
    missed = await get(operator, after=page["newest"])
    assert [each["request_id"] for each in missed["items"]] == ["request-5"]
    assert missed["retention"]["max_rows"] == 1_000_000
    assert missed["retention"]["oldest"] == last["items"][0]["timestamp"]


async def test_pages_by_number_know_how_many_there_are(operator: Operator) -> None:
    for number in range(5):
        await use(operator, f"request-{number}")
    page = await get(operator, page=2, page_size=2)
    assert [each["request_id"] for each in page["items"]] == ["request-2", "request-1"]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (5, 2, 2, 3)
    beyond = await get(operator, page=9, page_size=2)
    assert (beyond["items"], beyond["total"]) == ([], 5)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"a", "b", "c", "d", "e"}),
        ({"status": "2xx"}, {"a", "b"}),
        ({"status": "4xx"}, {"d", "e"}),
        ({"status": "404"}, {"d"}),
        ({"failed": "true"}, {"c", "d", "e"}),
        ({"failed": "false"}, {"a", "b"}),
        ({"stream": "true"}, {"b"}),
        ({"model": "echo"}, {"a"}),
        ({"model": "echo*"}, {"a", "b"}),
        ({"served_model": "gone"}, {"c"}),
        ({"format": "messages"}, {"b"}),
        ({"upstream_format": "messages"}, {"a"}),
        ({"credential": "nobody"}, {"c"}),
        ({"provider": "echo"}, {"a", "b"}),
        ({"key": "app"}, {"a", "b", "c", "d"}),
        ({"endpoint": "refused"}, {"d", "e"}),
        ({"error": "authentication"}, {"e"}),
        ({"retried": "true"}, {"c"}),
        ({"text": "gone"}, {"c"}),
        ({"text": "b"}, {"b"}),
        ({"min_latency_ms": "1e9"}, set()),
        ({"min_first_content_ms": "0"}, {"a", "b"}),
        ({"min_cost": "0.5"}, set()),
        ({"from": "0", "to": "1"}, set()),
        ({"from": "1"}, {"a", "b", "c", "d", "e"}),
    ],
)
async def test_every_filter_filters(
    operator: Operator, query: dict[str, str], found: set[str]
) -> None:
    await use(operator, "a")
    await use(operator, "b", "echo-reasoning", format=Format.MESSAGES, stream=True)
    assert (await use(operator, "c", "gone")).status == 502
    assert (await use(operator, "d", "no-such-model")).status == 404
    assert (await use(operator, "e", key="wrong")).status == 401
    page = await get(operator, **query)
    assert {each["request_id"] for each in page["items"]} == found
    numbered = await get(operator, page=1, **query)
    assert numbered["total"] == len(found)
    lines = await operator.ask("GET", f"{LOGS}/export?{urlencode(query)}")
    assert {json.loads(line)["request_id"] for line in lines.body.splitlines()} == found
    stats = await get(operator, "/stats", **{"from": "0", **query})
    if "text" not in query:  # which is not looked for in identifiers there
        assert stats["total_entries"] == len(found)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("?status=abc", "/status"),
        ("?status=6xx", "/status"),
        ("?limit=0", "/limit"),
        ("?limit=201", "/limit"),
        ("?page=0", "/page"),
        ("?page=1&before=3", "/page"),
        ("?page_size=201", "/page_size"),
        ("?before=-1", "/before"),
        ("?before=99999999999999999999", "/before"),
        ("?from=x", "/from"),
        ("?from=5&to=4", "/to"),
        ("?stream=maybe", "/stream"),
        ("?min_cost=nan", "/min_cost"),
        ("?min_latency_ms=-1", "/min_latency_ms"),
        ("?colour=red", "/colour"),
        ("/stats?step=0", "/step"),
        ("/export?as=xml", "/as"),
        ("/x/streams?limit=0", "/limit"),
    ],
)
async def test_what_cannot_be_meant_is_named(operator: Operator, query: str, path: str) -> None:
    status, problem = await refused(operator, query)
    assert (status, problem["error"]) == (422, "validation_failed")
    assert [field["path"] for field in problem["fields"]] == [path]


async def test_names_are_those_in_the_log(operator: Operator) -> None:
    await use(operator, "a")
    await use(operator, "c", "gone")
    names = await get(operator, "/filters")
    assert names["models"] == ["echo", "gone"]
    assert names["credentials"] == ["echo-messages", "nobody"]
    assert (names["keys"], names["formats"]) == (["app"], ["chat"])
    assert names["errors"] == ["upstream"]


async def test_one_request_and_its_story(operator: Operator) -> None:
    answer = await use(operator, "told", stream=True)
    found = await get(operator, "/told")
    entry = found["entry"]
    assert entry["request_id"] == "told"
    assert found["outcome"].startswith(f"Streamed {entry['output_tokens']} tokens from echo")
    assert "through echo-messages in" in found["outcome"]
    assert found["captured"]
    capture = found["capture"]
    assert capture["answer"]["body"].encode() == answer.body
    assert json.loads(capture["request"]["body"])["model"] == "echo"
    [attempt] = capture["attempts"]
    assert (attempt["credential"], attempt["format"], attempt["status"]) == (
        "echo-messages",
        "messages",
        200,
    )
    assert "event: message_stop" in attempt["answer"]["body"]
    hidden = {each["name"]: each["value"] for each in capture["request"]["headers"]}
    assert hidden["authorization"] == "***"
    kinds = [bar["kind"] for bar in found["timeline"]]
    assert kinds == ["total", "overhead", "attempt", "wait", "stream"]
    for bar in found["timeline"]:
        assert 0 <= bar["start_ms"] <= entry["latency_ms"] + 1
        assert bar["duration_ms"] >= 0
    bare = await get(operator, "/told", bodies="false")
    assert (bare["captured"], bare["capture"]) == (True, None)


async def test_a_failure_is_told_with_its_attempts(operator: Operator) -> None:
    await use(operator, "lost", "gone")
    found = await get(operator, "/lost")
    assert [each["error"] for each in found["attempts"]] == ["upstream", "upstream"]
    assert found["outcome"].startswith("gone through nobody failed with 502 after")
    assert found["outcome"].endswith("(upstream, connect); before that nobody failed (upstream).")
    attempts = [bar for bar in found["timeline"] if bar["kind"] == "attempt"]
    assert [bar["attempt"] for bar in attempts] == [1, 2]
    assert [each["credential"] for each in found["candidates"]] == ["nobody"]
    sent = {
        each["name"]: each["value"]
        for each in found["capture"]["attempts"][0]["request"]["headers"]
    }
    assert sent["x-team"] == "***"


@pytest.mark.parametrize("client", Format)
@pytest.mark.parametrize("model", ["echo", "echo-reasoning", "echo-error-midstream"])
async def test_the_two_streams_are_joined(operator: Operator, client: Format, model: str) -> None:
    answer = await use(operator, "joined", model, format=client, stream=True)
    whole = await get(operator, "/joined/streams", limit=2000)
    rows = whole["rows"]
    assert whole["total"] == len(rows) > 3
    assert "".join(row["client"] for row in rows).encode() == answer.body
    detail = await get(operator, "/joined")
    [call] = detail["capture"]["attempts"]
    assert "".join(row["upstream"] for row in rows) == call["answer"]["body"]
    said = [event for row in rows for event in row["events"]]
    text = "".join(event["text"] or "" for event in said if event["type"] == "text_delta")
    assert text.startswith("Hello")
    if model == "echo":
        assert whole["fidelity"] == "bytes"
        assert said[-1]["type"] == "answer_end"
        # What a delta says is beside what the client was told of it.
        for row in rows:
            for event in row["events"]:
                if event["type"] == "text_delta":
                    assert json.dumps(event["text"])[1:-1] in row["client"]
    if model == "echo-error-midstream":
        assert said[-1]["type"] == "failure"
        assert rows[-1]["client"]
    some = await get(operator, "/joined/streams", offset=2, limit=3)
    assert some["rows"] == rows[2:5]


async def test_one_that_was_not_captured_says_how(operator: Operator) -> None:
    assert (await use(operator, "unseen", "no-such-model")).status == 404
    await settle(operator)
    status, problem = await refused(operator, "/unseen/streams")
    assert (status, problem["error"]) == (404, "not_captured")
    assert "capture" in problem["message"]
    assert (await get(operator, "/unseen"))["hint"] == problem["message"]
    status, problem = await refused(operator, "/never")
    assert (status, problem["error"]) == (404, "not_found")


async def test_sums_have_a_series_without_gaps(operator: Operator) -> None:
    await use(operator, "a", stream=True)
    await use(operator, "c", "gone")
    await settle(operator)
    newest = (await get(operator, limit=1))["items"][0]["timestamp"]
    stats = await get(operator, "/stats", **{"from": newest - 600_000, "to": newest + 1000})
    assert (stats["total_entries"], stats["error_count"]) == (2, 1)
    assert (stats["error_rate"], stats["step"]) == (0.5, 10)
    assert stats["p50_latency_ms"] is not None
    assert stats["previous"]["total_entries"] == 0
    series = stats["series"]
    assert sum(point["requests"] for point in series) == 2
    gaps = {b["at"] - a["at"] for a, b in pairwise(series)}
    assert gaps == {10_000}
    assert 60 <= len(series) <= 62
    assert {share["name"] for share in stats["models"]} == {"echo", "gone"}
    assert {share["name"] for share in stats["statuses"]} == {"2xx", "5xx"}
    later = await get(operator, "/stats", **{"from": newest + 1, "to": newest + 600_000})
    assert later["total_entries"] == 0
    assert later["previous"]["total_entries"] == 2


async def test_a_table_has_no_formulas(operator: Operator) -> None:
    for number, model in enumerate(["=1+1", "+x", "-x", "@x", "echo"]):
        await use(operator, f"request-{number}", model)
    await settle(operator)
    reply = await operator.ask("GET", f"{LOGS}/export?as=csv")
    named = await operator.ask("GET", f"{LOGS}/export?format=csv")
    assert named.body == reply.body
    assert reply.headers["content-type"].startswith("text/csv")
    assert "attachment" in reply.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert [row["model"] for row in rows] == ["echo", "'@x", "'-x", "'+x", "'=1+1"]
    assert all(cell[:1] not in "=+-@\t\r" or not cell for row in rows for cell in row.values())


async def test_a_file_that_breaks_off_does_not_look_whole(
    operator: Operator, tmp_path: Path
) -> None:
    log = operator.state.log
    assert log is not None
    failure = Failure(ErrorKind.NOT_FOUND, "made up")
    for number in range(BLOCK + 1):
        log.append(TurnedAway(f"r{number}", Format.CHAT, "GET", 404, 0.0, failure), "/nowhere")
    await settle(operator)
    sent: list[Any] = []

    async def lose_the_log(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            for file in (tmp_path / "state").glob("requests.db*"):
                file.unlink()

    with pytest.raises(LogUnavailable):
        await operator.app(scope(operator, f"{LOGS}/export"), never, lose_the_log)
    start, piece = sent
    assert start["status"] == 200
    assert b"content-length" not in dict(start["headers"])
    assert len(piece["body"].splitlines()) == BLOCK
    assert piece["more_body"]


async def test_a_file_is_made_block_by_block(operator: Operator) -> None:
    log = operator.state.log
    assert log is not None
    failure = Failure(ErrorKind.NOT_FOUND, "made up")
    for number in range(2 * BLOCK):
        log.append(TurnedAway(f"r{number}", Format.CHAT, "GET", 404, 0.0, failure), "/nowhere")
    await settle(operator)
    pieces: list[Any] = []

    async def send(message: Any) -> None:
        pieces.append(message)

    await operator.app(scope(operator, f"{LOGS}/export"), never, send)
    counts = [len(each["body"].splitlines()) for each in pieces[1:]]
    assert counts == [BLOCK, BLOCK, 0]
    lines = b"".join(each["body"] for each in pieces[1:]).splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(2 * BLOCK, 0, -1))


def scope(operator: Operator, path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {operator.token}".encode())],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8317),
    }


async def never() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_a_log_that_cannot_be_read_is_no_empty_one(
    operator: Operator, tmp_path: Path
) -> None:
    await settle(operator)
    for file in (tmp_path / "state").glob("requests.db*"):
        file.unlink()
    for path in ("", "/filters", "/stats", "/x", "/export"):
        status, problem = await refused(operator, path)
        assert (status, problem["error"]) == (503, "log_unavailable"), path
        assert problem["retry_after"] > 0


async def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    config = CONFIG + "request-log: {max-rows: 0}\n"
    async with Operator(tmp_path, config) as operator:
        for path in ("", "/filters", "/stats", "/x", "/x/streams", "/export"):
            status, problem = await refused(operator, path)
            assert (status, problem["error"]) == (404, "no_request_log"), path
            assert "request-log.max-rows" in problem["message"]
