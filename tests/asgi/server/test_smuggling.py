"""Raw requests that two servers may read differently: what each parser makes of them.

All cases of a parser are sent before any answer is read, so the table takes one
deadline, not one for each case.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from aigw_asgi.server import HttpChoice, LoopChoice
from tests.asgi.server.harness import SHORT, App, Served, statuses

Stack = tuple[LoopChoice, HttpChoice]

SECOND = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def _post(fields: bytes, body: bytes = b"abc", *, version: bytes = b"1.1") -> bytes:
    return b"POST /first HTTP/%s\r\nHost: x\r\n%s\r\n%s" % (version, fields, body)


def _get(target: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target


# name: (bytes, statuses with httptools, statuses with h11)
REFUSED: dict[str, tuple[bytes, list[int], list[int]]] = {
    "length and chunked": (
        _post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SECOND),
        [400],
        [400],
    ),
    "chunked and length": (
        _post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + SECOND),
        [400],
        [400],
    ),
    "two lengths": (_post(b"Content-Length: 3\r\nContent-Length: 4\r\n"), [400], [400]),
    "one length twice": (_post(b"Content-Length: 3\r\nContent-Length: 3\r\n"), [400], [400]),
    "list of lengths": (_post(b"Content-Length: 3, 3\r\n"), [400], [400]),
    "length with a plus": (_post(b"Content-Length: +3\r\n"), [400], [400]),
    "negative length": (_post(b"Content-Length: -3\r\n"), [400], [400]),
    "hexadecimal length": (_post(b"Content-Length: 0x3\r\n"), [400], [400]),
    "length beyond 64 bits": (_post(b"Content-Length: 18446744073709551619\r\n"), [400], [400]),
    "empty length": (_post(b"Content-Length:\r\n"), [400], [400]),
    "unknown coding": (_post(b"Transfer-Encoding: xchunked\r\n"), [400], [400]),
    "coding before chunked": (
        _post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
        [400],
        [400],
    ),
    "chunked twice": (
        _post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        [400],
        [400],
    ),
    "identity coding": (_post(b"Transfer-Encoding: identity\r\n"), [400], [400]),
    "chunked in 1.0": (
        _post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", version=b"1.0"),
        [400],
        [400],
    ),
    "space before the colon": (_post(b"Content-Length : 3\r\n"), [400], [400]),
    "tab before the colon": (_post(b"Transfer-Encoding\t: chunked\r\n"), [400], [400]),
    "vertical tab before the value": (
        _post(b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"),
        [400],
        [400],
    ),
    "vertical tab in the name": (_post(b"Transfer-Encoding\x0b: chunked\r\n"), [400], [400]),
    "NUL in a value": (_post(b"X-A: a\x00b\r\nContent-Length: 3\r\n"), [400], [400]),
    "bare CR in a value": (_post(b"X-A: a\rContent-Length: 3\r\n"), [400], [400]),
    "bare LF between fields": (
        b"POST /first HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
        [400],
        [400],
    ),
    "one bare LF": (_post(b"X-A: b\nTransfer-Encoding: chunked\r\n"), [400], [400]),
    "folded line": (_post(b"X-A: b\r\n Transfer-Encoding: chunked\r\n"), [400], [400]),
    "folded first line": (b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", [400], [400]),
    "field without a colon": (_post(b"Content-Length\r\n"), [400], [400]),
    "field without a name": (_post(b": 3\r\n"), [400], [400]),
    # h11 waits for a CRLF, until the body's time is over.
    "chunk ends of bare LF": (
        _post(b"Transfer-Encoding: chunked\r\n", b"3\nabc\n0\n\n"),
        [400],
        [408],
    ),
    "negative chunk": (
        _post(b"Transfer-Encoding: chunked\r\n", b"-3\r\nabc\r\n0\r\n\r\n"),
        [400],
        [400],
    ),
    "chunk with the wrong end": (
        _post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabcX\r\n0\r\n\r\n"),
        [400],
        [400],
    ),
    # h11 believes it, and waits likewise.
    "chunk of 2^64": (
        _post(b"Transfer-Encoding: chunked\r\n", b"10000000000000000\r\n" + SECOND),
        [400],
        [408],
    ),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", [400], [400]),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", [400], [400]),
    "one host twice": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", [400], [400]),
    "host with a path": (b"GET / HTTP/1.1\r\nHost: x/health?\r\n\r\n", [400], [400]),
    "host with a user": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", [400], [400]),
    "absolute target": (_get(b"http://evil/a"), [400], [400]),
    "asterisk target": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [400], [400]),
    "authority target": (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", [400], [400]),
    "tunnel to a path": (b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", [400], [400]),
    "target with a fragment": (_get(b"/a#b"), [400], [400]),
    "target that is not ASCII": (_get(b"/\xc3\xa9"), [400], [400]),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], [505]),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", [505], [505]),
    "HTTP/0.9": (b"GET /\r\n\r\n", [505], [400]),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), [400], [400]),
    "upgrade with a body": (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Content-Length: 3\r\n\r\nabc",
        [400],
        [400],
    ),
}

# The same; nothing of a second request may be answered.
ONCE: dict[str, tuple[bytes, list[int], list[int]]] = {
    "two requests in one read": (_post(b"Content-Length: 3\r\n") + SECOND, [], []),
    # httptools reads nothing behind a message that says it is the last.
    "second request behind a close": (
        _post(b"Connection: close\r\nContent-Length: 3\r\n") + SECOND,
        [200],
        [],
    ),
    "second request as a body": (_post(b"Content-Length: 35\r\n", SECOND), [200], [200]),
    "length of 0 and a body": (_post(b"Content-Length: 0\r\n"), [], []),
}

# The server has no opinion on these; both parsers must show the same.
PASSED = [
    b"/v1/../admin",
    b"/a%2f..%2fb",
    b"/a%00",
    b"//admin",
    b"/a?b=//c",
    b"/a\\b",
    b"/%2e%2e/b?%",
]


@pytest.fixture(scope="module")
def answers(stack: Stack) -> Iterator[dict[str, bytes]]:
    loop, http = stack
    requests = {name: case[0] for name, case in REFUSED.items()}
    requests |= {name: case[0] for name, case in ONCE.items()}
    requests |= {target.decode(): _get(target) for target in PASSED}
    with Served(loop, http, app=App(), limits=SHORT) as served, contextlib.ExitStack() as opened:
        clients = {name: opened.enter_context(served.connect()) for name in requests}
        for name, raw in requests.items():
            clients[name].send(raw)
        yield {name: client.read_all() for name, client in clients.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_requests_are_refused(answers: dict[str, bytes], stack: Stack, name: str) -> None:
    _, httptools, h11 = REFUSED[name]
    assert statuses(answers[name]) == (httptools if stack[1] is HttpChoice.HTTPTOOLS else h11)
    assert b"smuggled" not in answers[name]


@pytest.mark.parametrize("name", ONCE)
def test_one_request_is_never_answered_twice(
    answers: dict[str, bytes], stack: Stack, name: str
) -> None:
    _, httptools, h11 = ONCE[name]
    assert statuses(answers[name]) == (httptools if stack[1] is HttpChoice.HTTPTOOLS else h11)
    assert b"smuggled" not in answers[name]


@pytest.mark.parametrize("target", PASSED)
def test_both_parsers_show_the_same_target(answers: dict[str, bytes], target: bytes) -> None:
    answer = answers[target.decode()]
    assert statuses(answer) == [200]
    assert answer.endswith(b"%s 0 host" % target.split(b"?")[0])


def test_a_refusal_says_why_and_by_whom(answers: dict[str, bytes]) -> None:
    answer = answers["two hosts"]
    assert b"\r\nx-aigw-origin: gateway\r\n" in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert b"\r\ndate: " in answer
    assert b"server:" not in answer
    assert answer.endswith(b"400 Bad Request: a request has exactly one Host header\n")


def test_a_field_behind_the_body_is_no_header(stack: Stack) -> None:
    loop, http = stack
    trailer = _post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\nx-api-key: k\r\n\r\n")
    with Served(loop, http, app=App(), limits=SHORT) as served:
        answer = served.exchange(trailer)
    assert statuses(answer) == [200]
    assert answer.endswith(b"/first 3 host,transfer-encoding")
