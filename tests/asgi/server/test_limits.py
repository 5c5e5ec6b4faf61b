"""What one connection may send, and how long it may take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec
import pytest

from aigw_asgi.server import HttpChoice, Limits, LoopChoice
from tests.asgi.server.harness import SHORT, App, Served, get, post, statuses

Stack = tuple[LoopChoice, HttpChoice]


@pytest.fixture(scope="module")
def served(stack: Stack) -> Iterator[Served]:
    with Served(*stack, app=App(), limits=SHORT) as running:
        yield running


def _head(size: int, *, fields: int = 1) -> bytes:
    """A head of ``size`` bytes with ``fields`` fields and Host."""
    start = b"GET /a HTTP/1.1\r\nHost: x\r\n"
    filler = [b"x%d: y\r\n" % number for number in range(fields - 1)]
    rest = size - len(start) - sum(map(len, filler)) - len(b"z: \r\n\r\n")
    return b"%s%sz: %s\r\n\r\n" % (start, b"".join(filler), b"z" * rest)


def test_a_head_of_the_limit_passes(served: Served) -> None:
    assert statuses(served.exchange(_head(32 << 10))) == [200]


@pytest.mark.parametrize("step", [1 << 20, 1000], ids=["whole", "in pieces"])
def test_a_head_beyond_the_limit_is_refused(served: Served, step: int) -> None:
    raw = _head((32 << 10) + 1)
    with served.connect() as client:
        for start in range(0, len(raw), step):
            client.send(raw[start : start + step])
        answer = client.read_all()
    assert statuses(answer) == [431]


def test_fields_of_the_limit_pass(served: Served) -> None:
    assert statuses(served.exchange(_head(4096, fields=99))) == [200]


def test_fields_beyond_the_limit_are_refused(served: Served) -> None:
    assert statuses(served.exchange(_head(4096, fields=100))) == [431]


@pytest.mark.parametrize(
    "piece",
    [b"a" * (1 << 16), b"x-a: b\r\n" * 8192, b"\r\n" * 32768],
    ids=["one endless field", "endless fields", "blank lines"],
)
def test_an_endless_head_is_cut(served: Served, piece: bytes) -> None:
    with served.connect() as client, contextlib.suppress(ConnectionError):
        if piece[0] != 13:
            client.sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nx-b: ")
        for _ in range(512):
            client.sock.sendall(piece)
        pytest.fail("32 MiB of a head were taken")


@pytest.mark.parametrize(
    "piece",
    [b"x-a: b\r\n" * 8192, b"x" * 65536],
    ids=["trailer fields", "one trailer field"],
)
def test_an_endless_trailer_is_refused(served: Served, piece: bytes) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
    with served.connect() as client, contextlib.suppress(ConnectionError):
        client.sock.sendall(head)
        for _ in range(512):
            client.sock.sendall(piece)
        pytest.fail("32 MiB of a trailer were taken")


def test_an_endless_chunk_extension_is_refused(served: Served) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a="
    with served.connect() as client, contextlib.suppress(ConnectionError):
        client.sock.sendall(head)
        for _ in range(512):
            client.sock.sendall(b"x" * 65536)
        pytest.fail("32 MiB of a chunk extension were taken")


def test_a_silent_connection_is_closed(served: Served) -> None:
    assert served.exchange(b"") == b""


def test_a_partial_head_is_closed_at_its_deadline(served: Served) -> None:
    assert statuses(served.exchange(b"GET /a HTTP/1.1\r\nHos")) == [408]


def test_a_trickled_head_is_closed_at_its_deadline(stack: Stack) -> None:
    """Each byte comes in time, the whole head does not."""
    limits = msgspec.structs.replace(SHORT, head_timeout=0.3)
    with Served(*stack, app=App(), limits=limits) as served, served.connect() as client:
        client.sock.settimeout(0.05)
        client.send(b"GET /a HTTP/1.1\r\nx-a: ")
        answer = b""
        for _ in range(200):
            client.send(b"a")
            with contextlib.suppress(TimeoutError, ConnectionError):
                answer = client.sock.recv(4096)
                break
    assert statuses(answer) == [408]


def test_a_second_head_has_its_own_deadline(served: Served) -> None:
    with served.connect() as client:
        client.send(get("/a"))
        assert client.read_answer()[0] == 200
        client.send(b"GET /a HTTP/1.1\r\n")
        assert statuses(client.read_all()) == [408]


def test_a_partial_body_is_closed_at_its_deadline(stack: Stack) -> None:
    app = App()
    with Served(*stack, app=app, limits=SHORT) as served:
        answer = served.exchange(post("/a", 10) + b"abc")
        app.expect("asked")
        app.expect("gone")
    assert statuses(answer) == [408]


def test_a_body_earns_time_by_its_size(stack: Stack) -> None:
    """At 1 KiB a second the first 60 KiB are worth a minute."""
    limits = msgspec.structs.replace(SHORT, body_rate=1 << 10)
    with Served(*stack, app=App(), limits=limits) as served, served.connect() as client:
        client.send(post("/a", 70_000))
        client.send(bytes(60_000))
        client.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.sock.settimeout(10)
        client.send(bytes(10_000))
        assert client.read_answer() == (200, b"/a 70000 host,content-length")


def test_a_body_that_we_make_wait_has_no_deadline(stack: Stack) -> None:
    """The application reads late, so the transport is paused beyond the deadline."""
    limits = msgspec.structs.replace(SHORT, body_rate=1 << 40)
    app = App(read_delay=0.7)
    with Served(*stack, app=app, limits=limits) as served, served.connect() as client:
        client.send(post("/a", 1 << 20))
        client.send(bytes(1 << 20))
        assert client.read_answer() == (200, b"/a 1048576 host,content-length")


def test_an_answered_request_may_not_go_on_for_ever(stack: Stack) -> None:
    """The rest of the body is taken for a while, then the connection goes."""
    limits = msgspec.structs.replace(SHORT, body_timeout=600)
    with Served(*stack, app=App(), limits=limits) as served:
        answer = served.exchange(post("/early", 10) + b"abc")
    assert statuses(answer) == [200]


def test_a_client_that_takes_nothing_is_dropped(stack: Stack) -> None:
    """The answer is complete and the application is done; only the socket is held.
    The server ends without having to wait for it."""
    app = App()
    with contextlib.ExitStack() as held_open:
        with Served(*stack, app=app, limits=SHORT) as served:
            client = held_open.enter_context(served.connect())
            client.send(get("/large"))
            client.read_until(b"\r\n\r\n")
        app.expect("drain")
        app.expect("shutdown")


def test_defaults_are_those_of_the_threat_model() -> None:
    limits = Limits()
    assert (limits.head_bytes, limits.head_fields) == (32 << 10, 100)
    assert (limits.head_timeout, limits.body_timeout, limits.keepalive_timeout) == (10, 30, 15)
    assert limits.body_rate == 256 << 10
