"""The gateway itself behind each parser: one path for routing and for who may, one line in
the log for each request that is one, and bodies up to their limit and not a byte more."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest

from aigw_asgi.access_log import AccessLine
from aigw_asgi.asgi import App as GatewayApp
from aigw_asgi.gateway import create_app
from aigw_asgi.logs import MAX_LINE, json_line, text_line
from aigw_asgi.redaction import Redactor
from aigw_asgi.server import HttpChoice, Limits, LoopChoice
from aigw_core.config.snapshot import ClientKey, Snapshot
from tests.asgi.server.harness import App, Message, Receive, Send, Served, statuses

Stack = tuple[LoopChoice, HttpChoice]

LIMIT = 4096
"""Bytes of a body."""

KEYED = Snapshot(
    "t", client_keys={b"": ClientKey("1", "nobody", b"")}, from_file=True, body_limit=LIMIT
)
OPEN = Snapshot("t", allow_anonymous=True, from_file=True, echo="on", body_limit=LIMIT)


class Front(App):
    """A gateway in place of the harness's application."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._gateway: GatewayApp = create_app(snapshot)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            await send(message)
            if scope["type"] == "lifespan":
                self.events.put(message["type"].split(".")[1])

        await self._gateway(scope, receive, sent if scope["type"] == "lifespan" else send)


@pytest.fixture(scope="module")
def keyed(stack: Stack) -> Iterator[Served]:
    with Served(*stack, app=Front(KEYED), limits=Limits(keepalive_timeout=0.2)) as served:
        yield served


@pytest.fixture(scope="module")
def open_to_all(stack: Stack) -> Iterator[Served]:
    with Served(*stack, app=Front(OPEN), limits=Limits(keepalive_timeout=0.2)) as served:
        yield served


# --- one path ---

PUBLIC, CLIENTS, LOCAL, NOWHERE, NO_REQUEST = 200, 401, 200, 404, 400

TARGETS: list[tuple[bytes, int]] = [
    (b"/health", PUBLIC),
    (b"/health?x=//../%2e%2e%00", PUBLIC),
    (b"/health?/v1/models", PUBLIC),
    (b"/admin/config", LOCAL),  # since both ends are on loopback
    (b"/v1/models", CLIENTS),
    (b"/v1/models?x=/../../health", CLIENTS),
    (b"/v1/models/a/b", CLIENTS),
    (b"/v1/models/%61", CLIENTS),
    (b"/v1/models/%C3%A9", CLIENTS),
    (b"/v1/models/..a", CLIENTS),
    (b"/v1/models/%0d%0aHost:x", CLIENTS),
    (b"/v1/models/a;b=c", CLIENTS),
    # More slashes and dots than there should be.
    (b"/health/", NOWHERE),
    (b"//health", NOWHERE),
    (b"///health", NOWHERE),
    (b"/health//", NOWHERE),
    (b"/./health", NOWHERE),
    (b"/health/.", NOWHERE),
    (b"/health/..", NOWHERE),
    (b"/v1/../health", NOWHERE),
    (b"/health/../v1/models", NOWHERE),
    (b"/v1//models", NOWHERE),
    (b"/v1/models/../../health", NOWHERE),
    (b"/v1/models/./a", NOWHERE),
    # The same, encoded.
    (b"/v1/models%2f..%2f..%2fhealth", NOWHERE),
    (b"/v1/models/..%2F..%2Fadmin/config", NOWHERE),
    (b"/%2e%2e/health", NOWHERE),
    (b"/v1/%2E%2E/health", NOWHERE),
    (b"/v1/models/%2e", NOWHERE),
    (b"/v1/models/a%5c..%5cb", NOWHERE),
    (b"/v1/models/a\\b", NOWHERE),
    (b"/health%00", NOWHERE),
    (b"/v1/models/a%00b", NOWHERE),
    (b"/%68ealth", NOWHERE),
    (b"/health%20", NOWHERE),
    (b"/health%3f", NOWHERE),
    (b"/health%", NOWHERE),
    (b"/health%252f", NOWHERE),
    (b"/health;x=/v1/models", NOWHERE),
    (b"/HEALTH", NOWHERE),
    (b"/admin/config/..;/health", NOWHERE),
    # No target of an origin server.
    (b"http://x/health", NO_REQUEST),
    (b"http://x@y/health", NO_REQUEST),
    (b"HTTPS://x/health", NO_REQUEST),
    (b"x:80", NO_REQUEST),
    (b"*", NO_REQUEST),
    (b"health", NO_REQUEST),
    (b"?/health", NO_REQUEST),
    (b"/health#x", NO_REQUEST),
    (b"/health\xff", NO_REQUEST),
    (b"/health\x00", NO_REQUEST),
    (b"/health\x1b[2J", NO_REQUEST),
    (b"/he\talth", NO_REQUEST),
    (b"/health /v1", NO_REQUEST),
    (b"/health\rX: y", NO_REQUEST),
]


@pytest.mark.parametrize(("target", "status"), TARGETS, ids=[repr(t)[2:-1] for t, _ in TARGETS])
def test_one_verdict_on_a_path_from_both_parsers(keyed: Served, target: bytes, status: int) -> None:
    lie = b"Host: health\r\nX-Original-URL: /health\r\nX-Rewrite-URL: /health\r\n"
    answer = keyed.exchange(b"GET %b HTTP/1.1\r\n%bConnection: close\r\n\r\n" % (target, lie))
    assert statuses(answer) == [status]


# --- one line ---

SAID: list[tuple[bytes, bytes]] = [
    (b"/a%0d%0aforged", b"m"),
    (b"/a%1b[2J%00%7f%c2%85%e2%80%a8", b"m"),
    (b"/" + b"p" * 30_000, b"m"),
    (b"/v1/chat/completions", rb"m\r\nforged"),
    (b"/v1/chat/completions", rb"m\u001b[2J\u0000\u0085\u2028"),
    (b"/v1/chat/completions", b"m" * 3000),
    (b"/v1/chat/completions?key=hidden-in-the-query", b"echo"),
    # These never get as far as a request, and are not in the log.
    (b"/a\rforged", b"m"),
    (b"/a\nforged", b"m"),
    (b"/a\x1b[2J", b"m"),
    (b"/a\x00", b"m"),
    (b"/" + b"p" * (64 << 10), b"m"),
]


@pytest.mark.parametrize(("target", "model"), SAID, ids=range(len(SAID)))
def test_a_request_is_one_line_of_the_log(
    open_to_all: Served, target: bytes, model: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"model":"%b","messages":[{"role":"user","content":"/wps 0 hidden"}]}' % model
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with caplog.at_level(logging.DEBUG):
        answer = open_to_all.exchange(head % (target, len(body)) + body)
    (status,) = statuses(answer)
    records = [each for each in caplog.records if each.name != "asyncio"]
    assert len(records) == (0 if status in (400, 431) else 1)
    for record in records:
        assert isinstance(record.msg, AccessLine)
        for line in (text_line(record, Redactor()), json_line(record, Redactor())):
            assert line.count(b"\n") == 1
            assert len(line) <= MAX_LINE
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", line.decode())
            assert b"hidden" not in line
            assert b'"forged' not in line


# --- bodies ---


def chat(size: int) -> bytes:
    """A request of that many bytes."""
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "/wps 0 "}]})
    return body.replace("/wps 0 ", "/wps 0 " + "x" * (size - len(body))).encode()


@pytest.mark.parametrize("framing", ["length", "chunked", "one byte a chunk"])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (9 * LIMIT, 413)])
def test_a_body_of_the_limit_passes_and_no_byte_more(
    open_to_all: Served, framing: str, size: int, status: int
) -> None:
    body = chat(size)
    assert len(body) == size
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    if framing == "length":
        raw = head + b"Content-Length: %d\r\n\r\n" % size + body
    else:
        step = 1 if framing == "one byte a chunk" else 1000
        pieces = [body[at : at + step] for at in range(0, size, step)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        raw = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    assert statuses(open_to_all.exchange(raw)) == [status]


def test_a_body_that_says_it_is_too_large_is_not_waited_for(open_to_all: Served) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1)
    with open_to_all.connect() as client:
        client.send(head)
        assert client.read_answer()[0] == 413
