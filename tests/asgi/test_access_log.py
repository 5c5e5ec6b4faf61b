"""The line about a request."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway
from aigw_asgi.access_log import AccessLine, access_line, log_exchange, other_line
from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Format, Usage
from aigw_core.config.snapshot import Snapshot
from aigw_core.errors import ErrorKind, Failure
from aigw_core.record import ExchangeRecord
from aigw_core.routing.plan import RoutePlan

RECORD = ExchangeRecord(
    request_id="req-1",
    format=Format.CHAT,
    model="cheap",
    stream=True,
    status=200,
    seconds=1.5,
    first_content=0.25,
    attempts=(
        AttemptRecord("openai", "one", "gpt-5", 503, None, 0.1),
        AttemptRecord("claude", "two", "claude-x", 200, None, 1.4),
    ),
    usage=Usage(input=10, cache_read=5, output=7, reasoning=2),
    stop=None,
    failure=None,
    client_left=False,
    ledger=(),
    relayed=False,
    plan=RoutePlan(()),
    bytes_out=100,
    config="abc",
    key="ci",
    cost=Decimal("0.0125"),
)


def test_an_exchange_is_told_in_the_names_of_the_conventions() -> None:
    assert access_line(RECORD, path="/v1/chat/completions").fields == {
        "request_id": "req-1",
        "http.request.method": "POST",
        "url.path": "/v1/chat/completions",
        "http.response.status_code": 200,
        "duration_ms": 1500.0,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "cheap",
        "gen_ai.response.model": "claude-x",
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "aigw.attempts": 2,
        "aigw.ttft_ms": 250.0,
        "aigw.format": "chat",
        "aigw.stream": True,
        "aigw.relayed": False,
        "aigw.credential": "two",
        "aigw.key": "ci",
        "aigw.config": "abc",
        "aigw.cost_usd": "0.0125",
        "aigw.bytes_out": 100,
    }


def test_people_get_a_line() -> None:
    line = access_line(RECORD, path="/v1/chat/completions")
    assert str(line) == (
        "200 1500.0ms POST /v1/chat/completions cheap->claude-x two attempts=2"
        " in=15 out=9 ttft=250.0ms req-1"
    )
    failure = Failure(ErrorKind.NOT_FOUND, "there is nothing at /x", code="unknown_path")
    assert str(other_line("req-2", "GET", "/x", 404, 0.001, failure)) == (
        "404 1.0ms GET /x - - attempts=0 error=not_found req-2"
    )


def test_what_an_upstream_says_of_a_failure_stays_out() -> None:
    failure = Failure(ErrorKind.UPSTREAM, "invalid value: 'my secret prompt'", code="bad")
    line = access_line(replace(RECORD, failure=failure))
    assert line.fields["error.type"] == "upstream"
    assert line.fields["aigw.error.code"] == "bad"
    assert "prompt" not in f"{line} {line.fields}"


def test_without_an_attempt_nothing_is_made_up() -> None:
    fields = access_line(replace(RECORD, attempts=(), usage=Usage(), first_content=None)).fields
    assert not {name for name in fields if name.startswith(("gen_ai.usage", "gen_ai.provider"))}
    assert fields["aigw.attempts"] == 0


def test_names_that_clients_choose_are_cut() -> None:
    fields = access_line(replace(RECORD, model="m" * 9999), path="/" + "p" * 9999).fields
    assert len(fields["gen_ai.request.model"]) == len(fields["url.path"]) == 256


@pytest.mark.parametrize(
    ("status", "failure", "level"),
    [
        (200, None, logging.INFO),
        (404, Failure(ErrorKind.NOT_FOUND, ""), logging.INFO),
        (499, None, logging.INFO),
        (502, Failure(ErrorKind.UPSTREAM, ""), logging.WARNING),
        (200, Failure(ErrorKind.UPSTREAM_TRUNCATED, ""), logging.WARNING),
    ],
)
def test_what_the_gateway_could_not_serve_is_a_warning(
    status: int, failure: Failure | None, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log_exchange(replace(RECORD, status=status, failure=failure), path="/v1/messages")
    (record,) = caplog.records
    assert (record.levelno, record.name) == (level, "aigw.access")
    assert isinstance(record.msg, AccessLine)


def test_counts_and_compactions_are_operations_of_their_own() -> None:
    fields = access_line(replace(RECORD, endpoint="count", format=Format.GEMINI)).fields
    assert fields["gen_ai.operation.name"] == "count"
    fields = access_line(replace(RECORD, format=Format.GEMINI)).fields
    assert fields["gen_ai.operation.name"] == "generate_content"


@pytest.mark.anyio
async def test_a_gateway_tells_of_each_request_once(caplog: pytest.LogCaptureFixture) -> None:
    """Answered and refused ones; the path without its query, and nothing of the prompt."""
    body = b'{"model":"%b","messages":[{"role":"user","content":"a secret question"}]}'
    path = "/v1/chat/completions"
    with caplog.at_level(logging.INFO, "aigw.access"):
        async with Gateway(Snapshot("test")) as gateway:
            for model in (b"echo", b"nobody"):
                response = await gateway.request("POST", path + "?q=hidden", {}, body % model)
                await response.read()
            response = await gateway.request("POST", "/v1/nowhere", {}, b"{}")
            await response.read()
    lines = [record.msg for record in caplog.records if record.name == "aigw.access"]
    told = [
        (line.fields["url.path"], line.fields["http.response.status_code"])
        for line in lines
        if isinstance(line, AccessLine)
    ]
    assert told == [(path, 200), (path, 404), ("/v1/nowhere", 404)]
    assert "secret" not in str(lines)
    assert "hidden" not in str(lines)
