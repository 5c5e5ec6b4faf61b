"""What an honest client gets, and what the application learns of any client."""

from __future__ import annotations

import base64
import logging
import os
import socket
import struct
import time

import msgspec
import pytest

from aigw_asgi.server import HttpChoice, Limits, LoopChoice
from tests.asgi.server.harness import SHORT, App, Served, get, post, statuses

Stack = tuple[LoopChoice, HttpChoice]


def test_requests_follow_each_other_on_one_connection(stack: Stack) -> None:
    with Served(*stack, app=App()) as served, served.connect() as client:
        for number in range(50):
            client.send(post("/a", number) + bytes(number))
            assert client.read_answer() == (200, b"/a %d host,content-length" % number)


def test_a_large_body_arrives_whole(stack: Stack) -> None:
    size = 5 << 20
    with Served(*stack, app=App()) as served, served.connect() as client:
        client.send(post("/a", size))
        client.send(bytes(size))
        assert client.read_answer() == (200, b"/a %d host,content-length" % size)


def test_a_chunked_body_arrives_in_any_pieces(stack: Stack) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\n\r\n"
    with Served(*stack, app=App()) as served, served.connect() as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head + body:
            client.send(bytes([byte]))
        assert client.read_answer() == (200, b"/a 4 host,transfer-encoding")


def test_a_large_answer_survives_a_slow_reader(stack: Stack) -> None:
    """Taking it costs several times the flush deadline, with some taken each time."""
    limits = msgspec.structs.replace(SHORT, flush_timeout=0.25)
    app = App()
    with Served(*stack, app=app, limits=limits) as served, served.connect() as client:
        client.send(get("/large"))
        client.read_until(b"\r\n\r\n")
        for _ in range(12):
            taken = 0
            while taken < 2 << 20:
                piece = client.sock.recv(1 << 16)
                assert piece
                taken += len(piece)
            app.release.wait(0.1)  # the reader's pace; nobody sets it


def test_a_stream_is_untouched_by_the_deadlines(stack: Stack) -> None:
    app = App()
    with Served(*stack, app=app, limits=SHORT) as served, served.connect() as client:
        client.send(get("/stream"))
        head = client.read_until(b"\r\n\r\n")
        until = time.monotonic() + 4 * SHORT.head_timeout
        while time.monotonic() < until:
            client.read_until(b"5\r\nchunk\r\n")
        app.release.set()
        client.read_until(b"3\r\nend\r\n0\r\n\r\n")
        app.expect("streaming")
        assert app.events.empty()
    assert b"date: " in head.lower()


def test_a_client_that_leaves_a_stream_is_noticed(stack: Stack) -> None:
    app = App()
    with Served(*stack, app=app) as served:
        with served.connect() as client:
            client.send(get("/stream"))
            client.read_until(b"chunk")
        app.expect("streaming")
        app.expect("gone")


@pytest.mark.parametrize("second", [get("/b"), b"G"], ids=["whole", "its first byte"])
def test_a_request_behind_a_stream_ends_it(stack: Stack, second: bytes) -> None:
    """And does not hide that the client left, which is paid for upstream."""
    app = App()
    with Served(*stack, app=app) as served:
        with served.connect() as client:
            client.send(get("/stream"))
            client.read_until(b"chunk")
            client.send(second)
        app.expect("streaming")
        app.expect("gone")
    app.expect("drain")


def test_a_client_that_leaves_its_own_upload_is_noticed(stack: Stack) -> None:
    app = App()
    with Served(*stack, app=app) as served:
        with served.connect() as client:
            client.send(post("/a", 10) + b"abc")
            app.expect("asked")
        app.expect("gone")


def test_an_early_answer_leaves_the_connection_usable(stack: Stack) -> None:
    """The rest of the body is read and forgotten, and the deadline for it with it."""
    limits = Limits(linger_timeout=0.2)
    with Served(*stack, app=App(), limits=limits) as served, served.connect() as client:
        client.send(post("/early", 10) + b"abc")
        assert client.read_answer() == (200, b"early")
        client.send(b"defghij")
        client.sock.settimeout(2 * limits.linger_timeout)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.send(post("/a", 3) + b"abc")
        client.sock.settimeout(10)
        assert client.read_answer() == (200, b"/a 3 host,content-length")


@pytest.mark.parametrize("loop", [LoopChoice.ASYNCIO, LoopChoice.UVLOOP])
def test_an_early_answer_does_not_stop_the_rest_of_a_large_body(loop: LoopChoice) -> None:
    """Much of it came with the head, and nobody will ever ask for that. By h11 the second
    request would end the connection where it comes with the end of the body."""
    size = 3 << 20
    with Served(loop, HttpChoice.HTTPTOOLS, app=App()) as served, served.connect() as client:
        client.send(post("/early", size) + bytes(size))
        assert client.read_answer() == (200, b"early")
        client.send(post("/a", 3) + b"abc")
        assert client.read_answer() == (200, b"/a 3 host,content-length")


def test_a_request_right_behind_a_forgotten_body(stack: Stack) -> None:
    """h11 would parse it before we have seen its head, so there the connection ends."""
    with Served(*stack, app=App(), limits=SHORT) as served, served.connect() as client:
        client.send(post("/early", 10) + b"abc")
        assert client.read_answer() == (200, b"early")
        client.send(b"defghij" + post("/a", 3) + b"abc")
        answer = client.read_all()
    assert statuses(answer) == ([200] if stack[1] is HttpChoice.HTTPTOOLS else [])


def test_continue_is_said_when_the_body_is_wanted(stack: Stack) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with Served(*stack, app=App()) as served, served.connect() as client:
        client.send(head)
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.send(b"abc")
        assert client.read_answer()[1].startswith(b"/a 3 ")


def test_http_1_0_is_answered_once(stack: Stack) -> None:
    with Served(*stack, app=App()) as served:
        answer = served.exchange(b"GET /a HTTP/1.0\r\n\r\n")
    assert statuses(answer) == [200]


@pytest.mark.parametrize("cut", [0, 1, 40], ids=["whole", "byte by byte", "forty"])
def test_an_offer_of_http_2_is_declined_with_its_body_read(stack: Stack, cut: int) -> None:
    """As the JDK's client sends with its first request."""
    raw = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nContent-Length: 3\r\n\r\nabc"
    )
    with Served(*stack, app=App()) as served, served.connect() as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(raw), cut or len(raw)):
            client.send(raw[start : start + (cut or len(raw))])
        status, body = client.read_answer()
        assert (status, body.split(b" ")[1]) == (200, b"3")
        client.send(get("/b"))
        assert client.read_answer() == (200, b"/b 0 host")


def test_a_websocket_outlives_the_deadlines(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    with (
        caplog.at_level(logging.DEBUG),
        Served(*stack, app=app, limits=SHORT) as served,
        served.connect() as client,
    ):
        key = base64.b64encode(os.urandom(16))
        client.send(
            b"GET /ws?token=planted HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
            b"Sec-WebSocket-Key: %s\r\n\r\n" % key
        )
        head = client.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"permessage-deflate" not in head
        client.sock.settimeout(3 * SHORT.head_timeout)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.sock.settimeout(10)
        client.send(_text_frame(b"hello"))
        assert client.read_until(b"HELLO") == b"\x81\x05HELLO"
        client.sock.shutdown(socket.SHUT_WR)
        app.expect("websocket gone")
    assert "planted" not in caplog.text


def _text_frame(text: bytes) -> bytes:
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + masked


def test_neither_answers_nor_the_log_say_who_serves(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), Served(*stack, app=App(), limits=Limits()) as served:
        with served.connect() as client:
            client.send(get("/a?key=planted"))
            head = client.read_until(b"\r\n\r\n").lower()
        served.exchange(b"broken\r\n\r\n")
    assert b"server:" not in head
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
