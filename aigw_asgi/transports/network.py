"""The sockets under httpcore2: checked addresses, bounded buffers, no timeouts.

httpcore2 brings such streams of its own. These differ in what they must not do: look
a name up without checking the address, read ahead without bound (the queue of anyio's
asyncio stream has none, and uvloop fills it by megabytes before a pause takes
effect), or lose a socket when they are cancelled in the middle of a step.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, cast

import anyio
import anyio.abc
import anyio.streams.tls
import httpcore2

from aigw_asgi.transports.base import MAX_HELD
from aigw_asgi.transports.dial import (
    Resolver,
    connect_failed,
    find_addresses,
    race,
    tls_failed,
)

Reads = Callable[[bytes], None]
"""Sees what each read brings; ``b""`` for the end. May raise to refuse it."""


class Dialler(httpcore2.AsyncNetworkBackend):
    """Opens the one socket of one connection, and can close it at any moment."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve
        self._raw: anyio.abc.ByteStream | None = None
        self.watch: Reads | None = None
        """Called with what is read, while it is set."""
        self.sealed = False
        """The answer is complete: a wish to read more is a fault."""
        self.write_failed = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        host = host.strip("[]")
        addresses = await find_addresses(self._resolve, host, port)

        async def connect(address: str) -> anyio.abc.ByteStream:
            if _on_asyncio():
                return await CappedStream.connect(address, port)
            return await anyio.connect_tcp(address, port)

        late: list[anyio.abc.ByteStream] = []
        try:
            self._raw = await race(addresses, connect, late.append)
        except OSError as exc:
            raise connect_failed(exc, host) from exc
        finally:
            with anyio.CancelScope(shield=True):
                for loser in late:
                    await loser.aclose()
        return NetworkStream(self, self._raw)

    @property
    def held(self) -> int:
        """Bytes that were read from the socket ahead of anyone's wish."""
        return self._raw.held if isinstance(self._raw, CappedStream) else 0

    @property
    def stirred(self) -> bool:
        """Something came in that was not read: an idle connection is of no use then."""
        if self._raw is None:
            return False
        if isinstance(self._raw, CappedStream):
            return self._raw.stirred
        try:
            # Does not block: both loops have made the socket so.
            self._raw.extra(anyio.abc.SocketAttribute.raw_socket).recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    async def aclose(self) -> None:
        """Close the socket, if there is one, without any farewell."""
        if self._raw is not None:
            await self._raw.aclose()


class NetworkStream(httpcore2.AsyncNetworkStream):
    """A connected socket, with TLS on it or without. Timeouts are ignored: the caller
    of the transport keeps the time."""

    def __init__(self, dialler: Dialler, stream: anyio.abc.ByteStream) -> None:
        self._dialler = dialler
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._dialler.sealed:
            raise httpcore2.ReadError("read beyond the end of the answer")
        try:
            data = await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            data = b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError) as exc:
            raise httpcore2.ReadError("the connection broke") from exc
        if self._dialler.watch is not None:
            self._dialler.watch(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send(buffer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError) as exc:
            self._dialler.write_failed = True
            raise httpcore2.WriteError("the connection broke") from exc

    async def aclose(self) -> None:
        # Not the TLS stream: its farewell waits for an upstream that may be silent.
        await self._dialler.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        host = (server_hostname or "").strip("[]")
        try:
            stream = await anyio.streams.tls.TLSStream.wrap(
                self._stream, ssl_context=ssl_context, hostname=host, server_side=False
            )
        except BaseException as exc:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            if isinstance(exc, OSError | anyio.BrokenResourceError | anyio.EndOfStream):
                raise tls_failed(exc, host) from exc
            raise
        return NetworkStream(self._dialler, stream)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._stream.extra(anyio.streams.tls.TLSAttribute.ssl_object, None)
        if info == "is_readable":
            return self._dialler.stirred
        return None


class CappedStream(anyio.abc.ByteStream):
    """A TCP socket on asyncio or uvloop that holds at most ``MAX_HELD`` bytes and the
    last read. The pause is made where the bytes come in, so that no loop can run
    ahead of it."""

    def __init__(self, protocol: _Capped) -> None:
        self._protocol = protocol

    @classmethod
    async def connect(cls, address: str, port: int) -> CappedStream:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(lambda: _Capped(loop), address, port)
        return cls(protocol)

    @property
    def held(self) -> int:
        """Bytes that wait to be received."""
        return self._protocol.held

    @property
    def stirred(self) -> bool:
        """Something has happened that ``receive`` would tell of."""
        protocol = self._protocol
        return bool(protocol.pending) or protocol.ended

    async def receive(self, max_bytes: int = 65536) -> bytes:
        protocol = self._protocol
        while not protocol.pending:
            if protocol.ended:
                if protocol.closed:
                    raise anyio.ClosedResourceError
                if protocol.problem is not None or not protocol.orderly:
                    raise anyio.BrokenResourceError from protocol.problem
                raise anyio.EndOfStream
            await protocol.news()
        return protocol.take(max_bytes)

    async def send(self, item: bytes) -> None:
        protocol = self._protocol
        if protocol.transport.is_closing():
            raise anyio.BrokenResourceError from protocol.problem
        protocol.transport.write(item)
        while protocol.unsent:
            await protocol.room()
        if protocol.transport.is_closing():
            raise anyio.BrokenResourceError from protocol.problem

    async def send_eof(self) -> None:
        self._protocol.transport.write_eof()

    async def aclose(self) -> None:
        self._protocol.closed = True
        self._protocol.transport.abort()
        await asyncio.wait([self._protocol.gone])


class _Capped(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.pending: list[bytes] = []
        self.held = 0
        self.ended = False
        self.orderly = False
        """The end was that of the stream, not of the connection."""
        self.closed = False
        self.problem: Exception | None = None
        self.unsent = False
        self.gone: asyncio.Future[None] = loop.create_future()
        self._paused = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # what create_connection makes
        self.transport.set_write_buffer_limits(high=1, low=0)

    def data_received(self, data: bytes) -> None:
        self.pending.append(bytes(data))
        self.held += len(data)
        if self.held >= MAX_HELD and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self.ended = self.orderly = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.problem = exc
        self.unsent = False
        _wake(self._reader)
        _wake(self._writer)
        _wake(self.gone)

    def pause_writing(self) -> None:
        self.unsent = True

    def resume_writing(self) -> None:
        self.unsent = False
        _wake(self._writer)

    def take(self, max_bytes: int) -> bytes:
        data = self.pending[0] if len(self.pending) == 1 else b"".join(self.pending)
        self.pending = [data[max_bytes:]] if len(data) > max_bytes else []
        data = data[:max_bytes]
        self.held -= len(data)
        if self._paused and self.held < MAX_HELD:
            self._paused = False
            self.transport.resume_reading()
        return data

    async def news(self) -> None:
        self._reader = self._loop.create_future()
        await self._reader

    async def room(self) -> None:
        self._writer = self._loop.create_future()
        await self._writer


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _on_asyncio() -> bool:
    return anyio.get_cancelled_exc_class() is asyncio.CancelledError
