"""The floor: a TCP relay on uvloop that copies bytes and understands none of them."""

from __future__ import annotations

import asyncio
import sys
from typing import cast


class Back(asyncio.Protocol):
    """Towards the upstream."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        if self.front.early:
            self.transport.write(self.front.early)
            self.front.early = b""

    def data_received(self, data: bytes) -> None:
        assert self.front.transport is not None
        self.front.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.front.transport is not None:
            self.front.transport.close()

    def pause_writing(self) -> None:
        if self.front.transport is not None:
            self.front.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.front.transport is not None:
            self.front.transport.resume_reading()


class Front(asyncio.Protocol):
    """Towards the client."""

    upstream = 0

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.back: Back | None = None
        self.early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self.back = Back(self)
        loop = asyncio.get_running_loop()
        self._dial = loop.create_task(
            loop.create_connection(lambda: self.back or Back(self), "127.0.0.1", self.upstream)
        )

    def data_received(self, data: bytes) -> None:
        if self.back is not None and self.back.transport is not None:
            self.back.transport.write(data)
        else:
            self.early += data

    def connection_lost(self, exc: Exception | None) -> None:
        if self.back is not None and self.back.transport is not None:
            self.back.transport.close()

    def pause_writing(self) -> None:
        if self.back is not None and self.back.transport is not None:
            self.back.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.back is not None and self.back.transport is not None:
            self.back.transport.resume_reading()


async def main(port: int, upstream: int) -> None:
    Front.upstream = upstream
    server = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    run(main(int(sys.argv[1]), int(sys.argv[2])))
