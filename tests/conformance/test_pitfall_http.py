"""Pitfalls that show only around a request: statuses, headers, keys, and who leaves when.
:mod:`.pitfalls` lists what each test is for."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script as Behaviour
from aigw_asgi.transports.memory import ScriptTransport
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, RetryPolicy, Snapshot
from aigw_core.errors import ErrorKind
from aigw_core.ledger import MAX_ENTRIES
from tests.asgi.clients import Reply, asking, error_of, send
from tests.conformance.streams import ERRORS
from tests.conformance.wires import WRITERS, Script
from tests.running import gateway
from tests.simulate import JSON, SSE, Data, Eof, Head, Step, simulate

pytestmark = pytest.mark.anyio

_C, _M, _R, _G = Format.CHAT, Format.MESSAGES, Format.RESPONSES, Format.GEMINI
PAIRS = list(product(Format, repeat=2))
OTHERS = [(client, upstream) for client, upstream in PAIRS if client is not upstream]
GOOD = Script(text=("Hi",))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def serving(format: Format, **more: Any) -> Snapshot:
    """One upstream, tried once."""
    credential = Credential(
        id="1",
        provider="test",
        name="up",
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("upstream-key"),
        auth_style="bearer",
        position=0,
        **more,
    )
    retry = RetryPolicy(attempts=1, stream_attempts=1)
    return Snapshot("test", credentials=(credential,), echo="off", retry=retry)


async def ask(
    client: Format,
    upstream: Format,
    behaviour: Behaviour,
    *,
    stream: bool = False,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> tuple[Reply, ScriptTransport]:
    transport = ScriptTransport(lambda request: behaviour)
    async with Gateway(serving(upstream), transport=transport) as opened:
        path, body = asking(client, "m", "Hi", stream=stream, **fields)
        return await send(opened, "POST", path, body, headers), transport


def streaming(events: Iterable[bytes]) -> Behaviour:
    return Behaviour(headers=tuple(SSE.items()), reads=tuple(events))


# --- what an upstream refuses -----------------------------------------------------


def test_a_spent_budget_is_not_tried_again() -> None:
    error = {"type": "rate_limit_error", "message": "limit", "details": None}
    spent = {**error, "details": {"error_code": "enforced_spend_limit_reached"}}
    runs = []
    for each in (error, spent):
        body = json.dumps({"type": "error", "error": each}).encode()
        run = simulate([[Head(429, JSON), Data(body), Eof()]], upstream=_M, targets=1)
        assert run.sends == 1
        runs.append(run)
    limited, billed = [run.exchange.record.failure for run in runs]
    assert limited is not None
    assert billed is not None
    assert (limited.kind, billed.kind) == (ErrorKind.RATE_LIMIT, ErrorKind.BILLING)
    assert "retry-after" not in runs[1].headers
    # Nothing of that account is worth a try for a while, whatever the model.
    assert runs[0].health.rest("id-0", "another-model") is None
    assert runs[1].health.rest("id-0", "another-model") is not None


def test_an_overload_is_tried_again() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    busy: list[Step] = [Head(529, JSON), Data(body), Eof()]
    good: list[Step] = [Head(), *[Data(each) for each in WRITERS[_M](GOOD)], Eof()]
    run = simulate([busy, good], upstream=_M, targets=1)
    assert (run.sends, run.status) == (2, 200)
    assert simulate([busy], upstream=_M, targets=1).status == 503


BODIES = (
    b"",
    b"<html><body>502</body></html>",
    b'[{"error":{"message":"in a list"}}]',
    b'{"detail":"no such thing"}',
    b'{"error":"words"}',
    b"\xff",
)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_any_error_body_has_the_shape_of_the_client(client: Format, upstream: Format) -> None:
    for status, body in product((400, 500), BODIES):
        reply, _ = await ask(client, upstream, Behaviour(status=status, reads=(body,)))
        assert reply.status == (400 if status == 400 else 502)
        assert error_of(client, reply.json)["message"]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_an_error_as_first_event_has_a_status_of_its_own(
    client: Format, upstream: Format
) -> None:
    for error in ERRORS[upstream]:
        reply, _ = await ask(client, upstream, streaming([error]), stream=True)
        assert reply.status in (502, 503, 529)
        assert reply.headers["content-type"].startswith("application/json")
        document = reply.json
        [shown] = document if isinstance(document, list) else [document]
        assert error_of(client, shown)["message"] == "the model is busy today"


# --- what the gateway refuses -----------------------------------------------------

_TOOLS: dict[Format, Any] = {
    _C: {
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "g"}},
    },
    _M: {
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "g"},
    },
    _R: {
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": {"type": "function", "name": "g"},
    },
    _G: {
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
    },
}


@pytest.mark.parametrize(("client", "upstream"), OTHERS)
async def test_a_choice_of_an_unknown_tool_is_refused(client: Format, upstream: Format) -> None:
    reply, transport = await ask(client, upstream, streaming([]), **_TOOLS[client])
    assert reply.status == 400
    assert transport.requests == []
    message = error_of(client, reply.json)["message"]
    assert "'g'" in message
    assert ("allowedFunctionNames" if client is _G else "tool_choice") in message


# --- warnings ----------------------------------------------------------------------


def _lossy(count: int) -> dict[str, Any]:
    secret = "a word of the user"
    user = {"role": "user", "content": secret, "name": "ann"}
    unknown = {f"a_field_of_no_meaning_{number}": secret for number in range(count)}
    sampling = {"seed": 7, "frequency_penalty": 0.5, "logit_bias": {"1": 2}, "temperature": 0.5}
    return {"messages": [user, user], "user": secret, **sampling, **unknown}


@pytest.mark.parametrize("count", [3, 80])
async def test_every_loss_is_in_the_header_and_no_word_of_the_user(count: int) -> None:
    reply, _ = await ask(_C, _M, streaming(WRITERS[_M](GOOD)), stream=True, **_lossy(count))
    assert reply.status == 200
    header = reply.headers["x-aigw-warnings"]
    assert len(header) <= 1024
    assert "word" not in header
    assert "ann" not in header
    *entries, last = header.split(", ")
    told = [tuple(entry.split(";")) for entry in [*entries, last]]
    expected = {
        ("name_unsupported", "/messages/0"),
        ("name_unsupported", "/messages/1"),
        ("seed_unsupported", "/seed"),
        ("frequency_penalty_unsupported", "/frequency_penalty"),
        ("logit_bias_unsupported", "/logit_bias"),
        ("temperature_unsupported", "/temperature"),
        *[("unknown_field", f"/a_field_of_no_meaning_{number}") for number in range(count)],
    }
    if count == 3:
        assert set(told) == expected
        return
    # There is no room for all; whole ones are told, and how many are not.
    *told, (word, number) = told
    assert word == "more"
    assert set(told) <= expected
    assert len(told) + int(number) == MAX_ENTRIES


# --- keys --------------------------------------------------------------------------

KEY = "sk-a-made-up-key-of-a-client"


def test_a_key_in_the_query_is_not_logged(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f'host: 127.0.0.1\napi-keys: [{KEY}]\necho: "on"\n')
    body = json.dumps({"contents": [{"parts": [{"text": "/wps 0 Hi"}]}]}).encode()
    statuses = []
    with gateway("--log-level", "debug", config=config) as running:
        for path in (
            f"echo:generateContent?key={KEY}",
            f"echo-error-429:generateContent?key={KEY}",
            f"echo:generateContent?key={KEY}&key=x",
            f"no-such-model:streamGenerateContent?key={KEY}",
            f"%00:generateContent?key={KEY}",
        ):
            request = urllib.request.Request(f"{running.url}/v1beta/models/{path}", data=body)
            try:
                with urllib.request.urlopen(request) as answer:
                    statuses.append(answer.status)
                    shown = answer.read()
            except urllib.error.HTTPError as exc:
                statuses.append(exc.code)
                shown = exc.read()
            assert KEY.encode() not in shown
    assert statuses[:2] == [200, 429]
    assert KEY not in running.output


# --- a client that leaves -------------------------------------------------------------


def test_a_client_that_leaves_is_recorded_with_its_usage() -> None:
    events = WRITERS[_M](Script(text=("a", "b", "c")))
    steps: list[Step] = [Head(), *[Data(each, 1.0) for each in events], Eof()]
    run = simulate([steps], upstream=_M, client_leaves=4.5)
    record = run.exchange.record
    assert record.client_left
    assert not run.open_attempts
    assert (record.usage.input, record.usage.output) == (60, 1)  # what the start said
