"""The engine inside a program, without HTTP in front, on asyncio or trio.

``python examples/embedded.py`` runs on asyncio, ``python examples/embedded.py trio``
on trio.
"""

from __future__ import annotations

import sys

import anyio

from aigw_asgi import Gateway

BODY = b'{"model":"echo","stream":true,"messages":[{"role":"user","content":"Hello from inside"}]}'


async def main() -> bytes:
    received = b""
    async with Gateway() as gateway:
        response = await gateway.handle("chat", BODY)
        print(response.status, response.headers["x-aigw-provider"])
        async for data in response:
            received += data
            print(data.decode(), end="")
    return received


if __name__ == "__main__":
    anyio.run(main, backend="trio" if sys.argv[1:] == ["trio"] else "asyncio")
