"""What one client of the live channel can cost the gateway in memory: next to nothing."""

from __future__ import annotations

import os
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.asgi.dashboard.test_socket import Gateway
from tests.asgi.server.test_websocket import PING, TEXT, frame

MOST = 8 << 20
"""Bytes that the gateway may grow by."""

SENT = 24 << 20
"""Bytes of each flood, or until the gateway hangs up."""


def rss(gateway: Gateway) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def opened(gateway: Gateway, token: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", gateway.port), 10)
    sock.sendall(
        b"GET /ws/dashboard?token=%b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" % token.encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(4096)
    assert head.startswith(b"HTTP/1.1 101 ")
    return sock


def bomb() -> Iterator[bytes]:
    """512 MiB of nothing, compressed: one message, in frames of 16 KiB."""
    packer = zlib.compressobj(9, wbits=-15)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    pieces = [packed[at : at + (16 << 10)] for at in range(0, len(packed), 16 << 10)]
    for at, piece in enumerate(pieces):
        opcode, first = (TEXT, 0x40) if at == 0 else (0, 0)
        yield frame(opcode, piece, first=first | (0x80 if at == len(pieces) - 1 else 0))


def endless(piece: bytes) -> Iterator[bytes]:
    block = piece * max(1, (64 << 10) // len(piece))
    for _ in range(SENT // len(block)):
        yield block


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "deflate bomb": bomb,
    "pings": lambda: endless(frame(PING, b"x" * 100)),
    "wishes": lambda: endless(frame(TEXT, b'{"type":"subscribe","channels":["metrics"]}')),
    "one endless message": lambda: endless(frame(TEXT, b"x" * 1000, first=0)),
    "a frame of 8 EiB": lambda: iter(
        [struct.pack("!BBQ", 0x81, 0x80 | 127, 1 << 62) + bytes(4), *endless(b"x" * 1000)]
    ),
    "empty pieces": lambda: endless(frame(TEXT, b"", first=0) + frame(0, b"", first=0) * 1000),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    with Gateway(tmp_path_factory.mktemp("gateway"), "--log-level", "warning") as gateway:
        yield gateway, gateway.sign_in()
    assert "Traceback" not in gateway.output, gateway.output[-4000:]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc to read memory from")
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_no_memory(gateway: tuple[Gateway, str], name: str) -> None:
    running, token = gateway
    # What the first of its kind loads stays loaded.
    with opened(running, token) as warm, suppress(ConnectionError):
        warm.sendall(next(FLOODS[name]())[:1000])
    before, most = rss(running), 0
    with opened(running, token) as sock:
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            for piece in FLOODS[name]():
                sock.sendall(piece)  # and nothing is read
                sent += len(piece)
                most = max(most, rss(running))
    assert sent
    assert most - before < MOST
    running.chat("still here")
