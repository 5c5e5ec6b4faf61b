"""The request log through a running gateway: each test fails when its wire is cut."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from aigw_asgi import Gateway
from aigw_asgi.gateway import open_state
from aigw_asgi.stores.request_log import Entry, Query
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.log_schema import FILE
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from aigw_core.chat import Format
from aigw_core.config.snapshot import Snapshot
from tests import running
from tests.asgi.clients import COUNTERS, asking, counting, send

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-0123456789"
CONFIG = f"""
host: 127.0.0.1
echo: "on"
api-keys: [{{name: ci, key: {CANARY}, requests-per-minute: 4}}]
capture: {{enabled: true, models: ["echo"]}}
openai-api-key: [{{name: nobody, api-key: sk-upstream-canary, base-url: "http://127.0.0.1:9", models: [{{id: gone}}]}}]
retry: {{max-retries: 0}}
"""
AUTH = {"authorization": f"Bearer {CANARY}", "x-request-id": "request-0001"}


@asynccontextmanager
async def logging_gateway(folder: Path) -> AsyncIterator[tuple[Gateway, SqliteRequestLog]]:
    path = folder / "config.yaml"
    path.write_text(CONFIG)
    log = SqliteRequestLog(folder / "state", Retention())
    async with Gateway(str(path), log=log) as gateway:
        yield gateway, log


async def entries(log: SqliteRequestLog) -> list[Entry]:
    assert await log.flush(60)
    return list((await log.page(Query())).entries)


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_is_in_the_log(tmp_path: Path, format: Format, stream: bool) -> None:
    async with logging_gateway(tmp_path) as (gateway, log):
        path, body = asking(format, "echo", "/wps 0 Hi there", stream=stream)
        assert (await send(gateway, "POST", path, body, AUTH)).status == 200
        [entry] = await entries(log)
    assert (entry.request_id, entry.status, entry.failed) == ("request-0001", 200, False)
    assert (entry.format, entry.stream, entry.key) == (format, stream, "ci")
    assert (entry.model, entry.provider) == ("echo", "echo")
    assert entry.credential == f"echo-{entry.upstream_format}"
    assert entry.upstream_format not in (None, entry.format)
    assert entry.path == path.partition("?")[0]
    assert entry.output_tokens
    assert entry.overhead_ms is not None
    assert entry.bytes_out > 0


@pytest.mark.parametrize("format", COUNTERS)
async def test_a_count_is_in_the_log_once(tmp_path: Path, format: Format) -> None:
    async with logging_gateway(tmp_path) as (gateway, log):
        path, body = counting(format, "echo", "word " * 100)
        assert (await send(gateway, "POST", path, body, AUTH)).status == 200
        [entry] = await entries(log)
    assert (entry.endpoint, entry.status, entry.input_tokens) == ("count", 200, None)


async def test_one_whose_upstream_fails_is_in_the_log(tmp_path: Path) -> None:
    async with logging_gateway(tmp_path) as (gateway, log):
        path, body = asking(Format.CHAT, "gone", "Hi there")
        assert (await send(gateway, "POST", path, body, AUTH)).status == 502
        [entry] = await entries(log)
        found = await log.entry("request-0001")
    assert (entry.status, entry.error, entry.credential) == (502, "upstream", "nobody")
    assert found is not None
    assert [each.error for each in found.detail.attempts] == ["upstream"]


async def test_what_is_refused_is_in_the_log(tmp_path: Path) -> None:
    async with logging_gateway(tmp_path) as (gateway, log):
        path, body = asking(Format.CHAT, "no-such-model", "Hi there")
        assert (await send(gateway, "POST", path, body, AUTH)).status == 404
        assert (await send(gateway, "POST", path, body, {"x-api-key": "wrong"})).status == 401
        assert (await send(gateway, "GET", "/nowhere?key=secret")).status == 404
        for _ in range(3):
            await send(gateway, "POST", path, body, AUTH)
        assert (await send(gateway, "POST", path, body, AUTH)).status == 429
        found = await entries(log)
    limited, *_, nowhere, unknown, missing = found
    assert (missing.endpoint, missing.error_code) == ("refused", "model_not_found")
    assert (missing.model, missing.key, missing.method) == ("no-such-model", "ci", "POST")
    assert (unknown.status, unknown.error, unknown.key) == (401, "authentication", None)
    assert (nowhere.method, nowhere.path) == ("GET", "/nowhere")
    assert (limited.status, limited.model, limited.key) == (429, "no-such-model", "ci")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_capture_is_kept_with_it(tmp_path: Path, stream: bool) -> None:
    async with logging_gateway(tmp_path) as (gateway, log):
        path, body = asking(Format.CHAT, "echo", "/wps 0 Hi there", stream=stream)
        answer = await send(gateway, "POST", path, body, AUTH)
        await send(gateway, "POST", *asking(Format.CHAT, "gone", "Hi"), {"x-api-key": CANARY})
        state = gateway.app.state
        assert state is not None
        assert len(state.captures) == 0
    async with aclosing_log(tmp_path) as log:
        found = await log.entry("request-0001")
        capture = await log.capture("request-0001")
        assert [
            each.request_id for each in await entries(log) if await log.capture(each.request_id)
        ]
        other = next(each for each in await entries(log) if each.model == "gone")
        assert await log.capture(other.request_id) is None
    assert found is not None
    assert found.captured
    assert capture is not None
    assert capture.answer.data == answer.body
    assert json.loads(capture.body)["model"] == "echo"


@asynccontextmanager
async def aclosing_log(folder: Path) -> AsyncIterator[SqliteRequestLog]:
    log = SqliteRequestLog(folder / "state", Retention())
    assert await log.flush(60)
    try:
        yield log
    finally:
        await log.aclose()


async def test_no_secret_and_no_prompt_is_in_it(tmp_path: Path) -> None:
    """The file as it lies there; a capture is compressed, so it is unpacked."""
    async with logging_gateway(tmp_path) as (gateway, log):
        for model in ("echo", "gone", "no-such-model"):
            path, body = asking(Format.MESSAGES, model, "/wps 0 PROMPT-CANARY")
            await send(gateway, "POST", path, body, AUTH)
        await send(gateway, "POST", path, {"model": "echo", "PROMPT-CANARY": 1}, AUTH)
        path, body = asking(Format.GEMINI, "echo", "PROMPT-CANARY")
        await send(gateway, "POST", f"{path}?key={CANARY}-wrong", body)
        assert await log.flush(60)
        capture = await log.capture("request-0001")
        assert len(await entries(log)) == 5
    assert capture is not None
    assert CANARY not in repr(capture)
    data = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert b"request-0001" in data
    assert b"canary" not in data.lower()


async def test_nothing_is_logged_unless_asked() -> None:
    assert (await open_state(Snapshot("test"))).log is None


def test_aigw_run_keeps_a_log(tmp_path: Path) -> None:
    with running.gateway(state=tmp_path) as gateway:
        body = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 Hi"}]}
        with httpcore2.ConnectionPool() as pool:
            url = f"{gateway.url}/v1/chat/completions"
            headers = [("content-type", "application/json"), ("x-request-id", "request-0001")]
            answer = pool.request("POST", url, headers=headers, content=json.dumps(body).encode())
            assert answer.status == 200
    assert "sqlite" not in gateway.output.lower()
    assert _ids(tmp_path) == ["request-0001"]


def test_workers_share_a_log(tmp_path: Path) -> None:
    expected = [f"request-{number:02}" for number in range(40)]
    with running.gateway("--workers", "2", state=tmp_path) as gateway:
        for request_id in expected:
            headers = [("x-request-id", request_id), ("connection", "close")]
            httpcore2.request("GET", f"{gateway.url}/nowhere", headers=headers)
    assert sorted(_ids(tmp_path)) == expected


@pytest.mark.parametrize("rows", [0, 5])
def test_the_configured_rows_are_kept(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"host: 127.0.0.1\necho: 'on'\nallow-anonymous: true\nrequest-log: {{max-rows: {rows}}}\n"
    )
    for turn in range(2):  # what is too much is seen to at the start
        with (
            running.gateway(config=path, state=tmp_path) as gateway,
            httpcore2.ConnectionPool() as pool,
        ):
            for number in range(10 if turn == 0 else 1):
                headers = [("x-request-id", f"request-{turn}-{number:02}")]
                pool.request("GET", f"{gateway.url}/nowhere", headers=headers)
    if rows:
        assert len(_ids(tmp_path)) <= 6
        assert _ids(tmp_path)[0] == "request-1-00"
    else:
        assert not (tmp_path / FILE).exists()


def _ids(folder: Path) -> list[str]:
    import anyio

    async def read() -> Any:
        log = SqliteRequestLog(folder, Retention())
        try:
            assert await log.flush(60)
            return [each.request_id for each in (await log.page(Query())).entries]
        finally:
            await log.aclose()

    found: list[str] = anyio.run(read)
    return found
