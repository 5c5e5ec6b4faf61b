"""Those who mean no good, as a process of their own: ``python -m bench.soak.attackers PORT
SOCKETS TOKEN``.

They come from addresses of 127.0.0.0/8 other than 127.0.0.1:

- SOCKETS connections that send half a head, and come again when they are closed,
- 100 requests a second that are no HTTP, or HTTP of the kind that smuggles, or bodies that
  are deep, huge in number or no JSON, and models that nobody has heard of,
- 50 wrong passwords a second,
- two WebSockets of somebody who is signed in: one sends pings and reads nothing, one sends
  512 MiB as a compressed frame of 512 KiB, again and again.

Prints what it did, as JSON, when its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import sys
import zlib
from collections import Counter

_HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: soak-key\r\n"


def _posted(body: bytes) -> bytes:
    return _HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def garbage() -> list[bytes]:
    chat = b'{"model":"%b","messages":[{"role":"user","content":"soak:0:0:0:fine:"}]}'
    return [
        os.urandom(600),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),
        _HEAD
        + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /admin/config HTTP/1.1\r\nhost: x\r\n\r\n",
        _HEAD + b"content-length: 3, 3\r\n\r\nabc",
        _HEAD + b"transfer-encoding: xchunked\r\n\r\n",
        _HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n",
        _HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(300)) + b"\r\n",
        b"GET /%2e%2e/admin/config HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET //admin/config HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 127.0.0.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        _posted(b"[" * 100_000),
        _posted(b'{"model":"soak","messages":[' + b"{}," * 50_000 + b"{}]}"),
        _posted(b"\xff\xfe" * 1000),
        _posted(b'{"model":"soak","messages":[{"role":"user","content":"\\ud83d"}]}'),
        _posted(chat % os.urandom(8).hex().encode()),
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
        + os.urandom(9).hex().encode()
        + b"\r\n\r\n",
        b"POST /v1beta/models/"
        + os.urandom(20).hex().encode()
        + b":generateContent HTTP/1.1\r\nhost: x\r\nx-goog-api-key: soak-key\r\ncontent-length: 2\r\n\r\n{}",
    ]


class Attack:
    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token
        self.done: Counter[str] = Counter()

    async def _open(self, host: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = (f"127.{1 + host % 7}.0.{2 + host % 250}", 0)
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=address)

    async def slowloris(self, number: int) -> None:
        await asyncio.sleep(number * 2e-3)
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await self._open(number)
                writer.write(_HEAD)
                self.done["half a head"] += 1
                await reader.read()
                writer.close()
            await asyncio.sleep(0.5)

    async def often(self, each: float, what: str, data: list[bytes]) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                sent = data[self.done[what] % len(data)]
                self.done[what] += 1
                tasks.create_task(self._send(sent))
                await asyncio.sleep(each)

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(15):
                reader, writer = await self._open(0)
                try:
                    writer.write(data)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            told = await reader.readline()
                            self.done["answered " + told[9:12].decode("latin-1")] += 1
                finally:
                    writer.transport.abort()

    async def socket(self, what: str, frame: bytes) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await self._open(1)
                writer.write(
                    b"GET /ws/dashboard HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
                    b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
                    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    b"sec-websocket-extensions: permessage-deflate\r\n"
                    b"authorization: Bearer %b\r\n\r\n" % self.token.encode()
                )
                told = await reader.readuntil(b"\r\n\r\n")
                self.done[f"{what}: {told[9:12].decode()}"] += 1
                if told[9:12] == b"101":
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(5):
                            await self._flood(writer, what, frame)
                writer.transport.abort()
            await asyncio.sleep(0.2)

    async def _flood(self, writer: asyncio.StreamWriter, what: str, frame: bytes) -> None:
        while True:
            writer.write(frame)
            self.done[what] += 1
            await writer.drain()
            await asyncio.sleep(0.001)


def _frame(opcode: int, payload: bytes) -> bytes:
    """Masked with zeros, as a client's has to be."""
    size = len(payload)
    short = size < 126
    length = bytes([0x80 | size]) if short else b"\xff" + struct.pack("!Q", size)
    return bytes([opcode]) + length + b"\0\0\0\0" + payload


def bomb() -> bytes:
    """512 MiB, compressed."""
    packer = zlib.compressobj(wbits=-15)
    # Blocks that know nothing of each other, so that one will do.
    block = packer.compress(b"\0" * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return _frame(0xC1, (block * 512)[:-4])


async def main(port: int, sockets: int, token: str) -> None:
    attack = Attack(port, token)
    login = b'{"username":"admin","password":"wrong"}'
    logins = (
        b"POST /api/dashboard/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(login), login)
    )
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with asyncio.TaskGroup() as tasks:
        works = [tasks.create_task(attack.slowloris(number)) for number in range(sockets)]
        works.append(tasks.create_task(attack.often(0.01, "garbage", garbage())))
        works.append(tasks.create_task(attack.often(0.02, "wrong passwords", [logins])))
        works.append(tasks.create_task(attack.socket("pings", _frame(0x89, b"p" * 125) * 20)))
        works.append(tasks.create_task(attack.socket("bombs", bomb())))
        await ended
        for work in works:
            work.cancel()
    print(json.dumps(attack.done))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
