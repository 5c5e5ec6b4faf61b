"""The transport for asyncio and uvloop: a protocol on a socket, no library between.

Each connection is an ``asyncio.Protocol`` over :mod:`aigw_core.http1`. What arrives
goes into one pending list and wakes the reading task through one future, or, while
the stream flows, straight to a function; there is no queue, no task and no timer of a
stream's own. A stream whose reader is slow stops reading its socket at ``MAX_HELD``
bytes.

Idle connections wait in one stack per origin, the last used on top. They leave it
when used, when the upstream closes them, and when they have been idle too long.

Not for proxies, and not for trio: see :mod:`aigw_asgi.transports.httpcore`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import cast

import anyio

from aigw_asgi.transports.base import KEEPALIVE_EXPIRY, MAX_HELD, Take, UpstreamFailed
from aigw_asgi.transports.dial import (
    Resolver,
    connect_failed,
    find_addresses,
    race,
    system_resolver,
    timed_out,
    tls_failed,
)
from aigw_asgi.transports.pool import IdlePool
from aigw_asgi.transports.tls import client_context
from aigw_core.codec import Headers
from aigw_core.errors import ProtocolMisuse
from aigw_core.http1 import (
    ResponseBroken,
    ResponseEnd,
    ResponseEvent,
    ResponseHead,
    ResponseReader,
    encode_request_head,
)
from aigw_core.wire_request import FailureKind, Origin, WireRequest, split_url

READ = 64 << 10
"""Bytes that are read from a socket at a time."""


class DirectTransport:
    """See :class:`~aigw_asgi.transports.base.Transport`.

    ``keepalive_expiry`` is in seconds; 0 uses each connection once. ``tls`` is asked
    for the context at each TLS connection.
    """

    def __init__(
        self,
        *,
        keepalive_expiry: float = KEEPALIVE_EXPIRY,
        tls: Callable[[], ssl.SSLContext] = client_context,
        resolve: Resolver = system_resolver,
    ) -> None:
        self._tls = tls
        self._resolve = resolve
        self._idle: IdlePool[_Connection] = IdlePool(keepalive_expiry, _Connection.abort)
        self._connections: set[_Connection] = set()
        # All connections read into one: it is emptied before the next is read. The loops'
        # own way takes 256 KiB at a time, and a stream whose client is slow holds two such
        # reads, in several places. A view, since asyncio's TLS reads into slices of it.
        self.buffer = memoryview(bytearray(READ))
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<DirectTransport in_use={self.in_use} idle={self.idle}>"

    @property
    def idle(self) -> int:
        """Connections that wait to be used again."""
        return len(self._idle)

    @property
    def in_use(self) -> int:
        """Connections that are neither idle nor closed."""
        return len(self._connections) - self.idle

    async def open(self, request: WireRequest) -> DirectStream:
        if request.proxy_url is not None:
            raise ProtocolMisuse("the direct transport has no proxies")
        origin, target = split_url(request.url)
        head = encode_request_head(
            request.method, origin, target, request.headers, body_size=len(request.body)
        )
        if self._closed:
            raise UpstreamFailed(FailureKind.POOL, "the gateway is shutting down", sent=False)
        connection = self._idle.take(origin, time.monotonic())
        if connection is not None:
            stream = DirectStream(request.method, connection)
            try:
                await stream.start(head, request.body)
            except UpstreamFailed as exc:
                # The upstream closed it just as we took it: not one byte came back,
                # so it is taken for unread. A new connection cannot be stale.
                if stream.answered or exc.kind not in (FailureKind.READ, FailureKind.WRITE):
                    raise
            else:
                return stream
        connection = await self._connect(origin, request.connect_timeout)
        stream = DirectStream(request.method, connection)
        await stream.start(head, request.body)
        return stream

    async def aclose(self) -> None:
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in self._idle.clear():
            connection.abort()
        # Those on their way out count too: after this their sockets are closed.
        closing = [each.gone for each in self._connections if each.transport.is_closing()]
        if closing:
            await asyncio.wait(closing)

    # --- from the connections ---

    def release(self, connection: _Connection) -> None:
        """Take a connection back that is fit for another request."""
        if self._closed:
            connection.abort()
            return
        self._idle.put(connection.origin, connection, time.monotonic())
        self._schedule_sweep(connection.loop)

    def gone(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        self._idle.remove(connection.origin, connection)

    def _schedule_sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        # One timer for all, and only while something waits.
        if self._sweeper is None:
            at = self._idle.next_expiry()
            if at is not None:
                delay = max(at - time.monotonic(), 0.0)
                self._sweeper = loop.call_later(delay, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = None
        self._idle.expire(time.monotonic())
        self._schedule_sweep(loop)

    async def _connect(self, origin: Origin, timeout: float) -> _Connection:
        try:
            with anyio.fail_after(timeout or None):
                addresses = await find_addresses(self._resolve, origin.host, origin.port)
                try:
                    dial = partial(self._dial, origin)
                    connection = await race(addresses, dial, _Connection.abort)
                except OSError as exc:
                    raise connect_failed(exc, origin.host) from exc
                if origin.scheme == "https":
                    await self._secure(connection)
                return connection
        except TimeoutError as exc:
            raise timed_out(origin.host, timeout) from exc

    async def _dial(self, origin: Origin, address: str) -> _Connection:
        loop = asyncio.get_running_loop()
        connection = _Connection(self, origin, loop)
        # By address, not on a socket of ours: a handshake that fails on such a socket
        # is left by uvloop with a descriptor that two parties think they own.
        try:
            await loop.create_connection(lambda: connection, address, origin.port)
        except BaseException:
            connection.give_up()
            raise
        # Not in connection_made: when the making is cancelled, uvloop still calls
        # that, and never connection_lost. The socket is closed by the loop then.
        if not connection.gone.done():
            self._connections.add(connection)
        return connection

    async def _secure(self, connection: _Connection) -> None:
        plain = connection.transport
        host = connection.origin.host
        try:
            if connection.early:
                # In the clear, from anybody: it must not become part of the answer.
                raise ConnectionAbortedError
            transport = await connection.loop.start_tls(
                plain, connection, self._tls(), server_hostname=host
            )
            if transport is None:  # lost while the handshake ended
                raise ConnectionAbortedError
        except BaseException as exc:
            plain.abort()
            self._connections.discard(connection)
            if isinstance(exc, OSError):
                raise tls_failed(exc, host) from exc
            raise
        connection.use(transport)


_LARGE = 32 << 10
"""Bytes of a body from which on a copy costs more than a second piece."""


class _Connection(asyncio.BufferedProtocol):
    """A socket. ``stream`` is the one that it serves now, if any."""

    __slots__ = (
        "_fresh",
        "_given_up",
        "early",
        "gone",
        "loop",
        "origin",
        "owner",
        "stream",
        "transport",
        "unsent",
    )

    transport: asyncio.Transport

    def __init__(
        self, owner: DirectTransport, origin: Origin, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.owner = owner
        self.origin = origin
        self.loop = loop
        self.stream: DirectStream | None = None
        self.unsent = False
        """Bytes of the request are still with us."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when the socket is closed."""
        self.early: list[bytes] | None = None
        """Came before a stream was there."""
        self._fresh = True
        self._given_up = False

    def attach(self, stream: DirectStream) -> None:
        """Serve ``stream`` from now on."""
        self.stream = stream
        self._fresh = False
        early, self.early = self.early or (), None
        for data in early:
            stream.feed(data)
        if self.transport.is_closing():
            stream.cut(None)

    def abort(self) -> None:
        """Close the socket now, whatever is under way."""
        self.transport.abort()

    def use(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        # Tells us when the last byte has left; the buffer itself is never waited for.
        transport.set_write_buffer_limits(high=1, low=0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._given_up:
            transport.close()
        else:
            self.use(cast(asyncio.Transport, transport))  # what create_connection makes

    def give_up(self) -> None:
        """It is no longer wanted before it stands. uvloop may say later that it was made,
        and never that it was lost: who knows each other then stays until a collection."""
        self._given_up = True
        with contextlib.suppress(AttributeError):  # it may have none yet
            del self.transport

    def pause_writing(self) -> None:
        self.unsent = True

    def resume_writing(self) -> None:
        self.unsent = False

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self.owner.buffer[:nbytes])
        stream = self.stream
        if stream is not None:
            stream.feed(data)
        elif self._fresh:
            # Before our request is out, at most what two turns of the loop bring.
            self.early = self.early or []
            self.early.append(data)
        else:
            # Nobody asked: the next answer could not be told from this.
            self.transport.abort()

    def eof_received(self) -> None:
        if self.stream is not None and self._is_orderly_end():
            self.stream.feed_eof()

    def _is_orderly_end(self) -> bool:
        """Whether the upstream itself has ended the stream. Under TLS anybody on the
        way can close the connection, and asyncio does not tell the two apart."""
        tls: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:
            return not tls.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:
            return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.gone(self)
        if self.stream is not None:
            self.stream.cut(exc)
        if not self.gone.done():
            self.gone.set_result(None)


class DirectStream:
    """See :class:`~aigw_asgi.transports.base.UpstreamStream`.

    The protocol calls ``feed``, ``feed_eof`` and ``cut``.
    """

    __slots__ = (
        "_closed",
        "_connection",
        "_ended",
        "_failure",
        "_paused",
        "_pending",
        "_reader",
        "_sent",
        "_take",
        "_waiter",
        "headers",
        "held",
        "status",
    )

    def __init__(self, method: str, connection: _Connection) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.held = 0
        """Bytes that wait to be read."""
        self._connection = connection
        self._reader = ResponseReader(method)
        self._pending: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._take: Take | None = None
        self._failure: tuple[FailureKind, str, Exception | None] | None = None
        self._sent = False
        self._ended = False
        self._paused = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<DirectStream {self.status} held={self.held} {self._reader!r}>"

    @property
    def answered(self) -> bool:
        """A byte of the answer has come."""
        return self._reader.started

    async def start(self, head: bytes, body: bytes) -> None:
        """Send the request, wait for the head of the answer."""
        self._connection.attach(self)
        if self._failure is None:
            self._sent = True
            transport = self._connection.transport
            if len(body) >= _LARGE and type(transport).__module__ == "uvloop.loop":
                transport.writelines((head, body))  # without copying what may be megabytes
            else:
                # By asyncio, writelines does not tell on some Pythons when bytes stay unsent.
                transport.write(head + body)
        while not self.status:
            if self._failure is not None:
                await self.aclose()
                raise self._failed()
            await self._wait()

    async def read(self) -> bytes:
        while not self._pending:
            if self._ended:
                return b""
            if self._failure is not None:
                raise self._failed()
            await self._wait()
        data = self._arrived()
        if self._paused:
            self._paused = False
            self._connection.transport.resume_reading()
        return data

    async def flow(self, take: Take) -> None:
        if not self._pending and not self._ended and self._failure is None:
            self._take = take
            try:
                await self._wait()
            finally:
                self._take = None

    def _arrived(self) -> bytes:
        pending = self._pending
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        self.held = 0
        return data

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        connection = self._connection
        connection.stream = None
        self._pending.clear()
        self.held = 0
        if not self._ended:
            self._fail(FailureKind.READ, "the stream was closed")
            self._wake()
        reusable = self._ended and self._reader.reusable and not connection.unsent
        if reusable and not connection.transport.is_closing():
            if self._paused:
                connection.transport.resume_reading()
            connection.owner.release(connection)
        else:
            connection.abort()

    # --- from the protocol ---

    def feed(self, data: bytes) -> None:
        events = self._reader.feed(data)
        if not events:
            return
        take, first = self._take, events[0]
        if take is not None and len(events) == 1 and type(first) is bytes and not self._pending:
            arrived = first  # as nearly all that flows, 1 us cheaper than the way below
        else:
            self._note(events)
            arrived = self._arrived() if take is not None and self._pending else b""
        if take is not None and arrived:
            try:
                more = take(arrived)
            except Exception as exc:  # noqa: BLE001 (the task's own, not the loop's)
                self._wake(exc)
                return
            if more and not self._ended and self._failure is None:
                return
        if self.held >= MAX_HELD and not self._paused:
            self._paused = True
            self._connection.transport.pause_reading()
        self._wake()

    def _note(self, events: list[ResponseEvent]) -> None:
        for event in events:
            if isinstance(event, bytes):
                self._pending.append(event)
                self.held += len(event)
            elif isinstance(event, ResponseHead):
                self.status = event.status
                self.headers = event.headers
            elif isinstance(event, ResponseEnd):
                self._ended = True
            else:
                self._fail(FailureKind.PROTOCOL, event.problem)
                self._connection.abort()

    def feed_eof(self) -> None:
        for event in self._reader.eof():
            if isinstance(event, ResponseEnd):
                self._ended = True
            elif isinstance(event, ResponseBroken):
                self._fail(FailureKind.READ, event.problem)
        self._wake()

    def cut(self, exc: Exception | None) -> None:
        """The connection is gone, with or without an orderly end before."""
        if self._connection.unsent:
            self._fail(FailureKind.WRITE, "the connection broke while the request was sent", exc)
        else:
            self._fail(FailureKind.READ, "the connection broke", exc)
        self._wake()

    def _fail(self, kind: FailureKind, problem: str, exc: Exception | None = None) -> None:
        # The first failure is the cause of those that follow it.
        if not self._ended and self._failure is None:
            self._failure = (kind, problem, exc)

    def _failed(self) -> UpstreamFailed:
        # Made anew each time: an exception that is kept keeps its frames, and this. For the
        # same reason who raises it gives it no name.
        assert self._failure is not None
        kind, problem, exc = self._failure
        failure = UpstreamFailed(
            kind, f"{self._connection.origin.host}: {problem}", sent=self._sent
        )
        failure.__cause__ = exc
        return failure

    def _wake(self, exc: BaseException | None = None) -> None:
        waiter, self._waiter, self._take = self._waiter, None, None
        if waiter is not None and not waiter.done():
            if exc is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(exc)

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise ProtocolMisuse("two tasks read one stream")
        self._waiter = waiter = self._connection.loop.create_future()
        try:
            await waiter
        except BaseException:
            self._waiter = None
            await self.aclose()
            raise
