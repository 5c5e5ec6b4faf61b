"""What a client of a WebSocket may do to the server, and what not."""

from __future__ import annotations

import base64
import os
import struct
import zlib

import pytest

from aigw_asgi.server import HttpChoice, LoopChoice
from aigw_asgi.server.websocket import CONTROL_BURST, GOING_AWAY, MISUSE
from tests.asgi.server.harness import App, Client, Receive, Send, Served

Stack = tuple[LoopChoice, HttpChoice]

PROTOCOL_ERROR = 1002
TOO_BIG = 1009

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def frame(opcode: int, payload: bytes, *, first: int = 0x80) -> bytes:
    """As a client sends it; ``first`` has the bits before the opcode."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first | opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first | opcode, 0x80 | 127, size)
    return head + bytes(4) + payload  # masked with nothing


def upgrade(client: Client) -> None:
    key = base64.b64encode(os.urandom(16))
    client.send(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        b"Sec-WebSocket-Key: %s\r\n\r\n" % key
    )
    head = client.read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"permessage-deflate" not in head


def close_code(rest: bytes) -> int:
    """Of what the server sent last: answers to pings, and a close frame."""
    at = 0
    while at < len(rest):
        opcode, size = rest[at] & 0x0F, rest[at + 1]
        if opcode == CLOSE:
            (code,) = struct.unpack("!H", rest[at + 2 : at + 4])
            return int(code)
        at += 2 + size
    return 0


def test_pings_are_answered(stack: Stack) -> None:
    with Served(*stack, app=App()) as served, served.connect() as client:
        upgrade(client)
        client.send(frame(PING, b"hello"))
        assert client.read_until(b"hello") == b"\x8a\x05hello"
        client.send(frame(TEXT, b"up"))
        assert client.read_until(b"UP") == b"\x81\x02UP"


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_a_flood_of_control_frames_ends_the_connection(stack: Stack, opcode: int) -> None:
    app = App()
    with Served(*stack, app=app) as served, served.connect() as client:
        upgrade(client)
        client.send(frame(opcode, b"x") * (CONTROL_BURST + 5))
        assert close_code(client.read_all()) == MISUSE


def test_a_message_that_is_too_large_ends_the_connection(stack: Stack) -> None:
    with Served(*stack, app=App()) as served, served.connect() as client:
        upgrade(client)
        client.send(frame(TEXT, b"x" * ((64 << 10) + 1)))
        assert close_code(client.read_all()) == TOO_BIG


def test_so_does_one_in_many_pieces(stack: Stack) -> None:
    with Served(*stack, app=App()) as served, served.connect() as client:
        upgrade(client)
        pieces = [frame(TEXT, b"x" * 1000, first=0)] + [frame(0, b"x" * 1000, first=0)] * 70
        client.send(b"".join(pieces))
        assert close_code(client.read_all()) == TOO_BIG


def test_what_is_compressed_is_never_unfolded(stack: Stack) -> None:
    bomb = zlib.compress(bytes(5_000_000), 9)[2:-4]
    assert len(bomb) < 6000
    with Served(*stack, app=App()) as served, served.connect() as client:
        upgrade(client)
        client.send(frame(TEXT, bomb, first=0x80 | 0x40))
        assert close_code(client.read_all()) == PROTOCOL_ERROR


def test_the_end_of_the_server_is_told(stack: Stack) -> None:
    app = App()
    with Served(*stack, app=app) as served, served.connect() as client:
        upgrade(client)
        served.stop()
        assert close_code(client.read_all()) == GOING_AWAY


class Late(App):
    """Sends at once when it hears of the end, before the connection is closed."""

    async def _websocket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        assert (await receive())["type"] == "websocket.disconnect"
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError:
            self.events.put("refused")
            raise


def test_what_comes_after_the_close_of_the_server_is_no_fault(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    app = Late()
    with Served(*stack, app=app) as served, served.connect() as client:
        upgrade(client)
        client.send(frame(PING, b"x") * (CONTROL_BURST + 5))
        app.expect("refused")
        rest = client.read_all()
    assert close_code(rest) == MISUSE
    assert b"late" not in rest
    assert [record for record in caplog.records if record.exc_info] == []
