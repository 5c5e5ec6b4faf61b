"""The transport for trio, and for proxies on any loop, over httpcore2.

httpcore2 connects, speaks to proxies and writes the request; its connection objects
are used one by one, under a pool of our own. What they read is watched by
:mod:`aigw_core.http1`, which gives the body and the verdict: so this transport is as
strict as the direct one, hands over whole reads, and never uses a connection again
on which bytes are left (h11 would take them for the next answer).

No HTTP/2 yet: the watching reader does not know it.
"""

from __future__ import annotations

import contextlib
import logging
import math
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from urllib.parse import unquote_to_bytes, urlsplit

import anyio
import httpcore2
from socksio import SOCKSError

from aigw_asgi.transports.base import KEEPALIVE_EXPIRY, UpstreamFailed
from aigw_asgi.transports.dial import Resolver, system_resolver, timed_out, tls_failed
from aigw_asgi.transports.network import Dialler
from aigw_asgi.transports.pool import IdlePool
from aigw_asgi.transports.tls import client_context
from aigw_core.codec import Headers
from aigw_core.config.secret import Secret
from aigw_core.errors import ProtocolMisuse
from aigw_core.http1 import (
    ResponseBroken,
    ResponseEnd,
    ResponseHead,
    ResponseReader,
    check_request_line,
    request_fields,
)
from aigw_core.wire_request import FailureKind, Origin, WireRequest, split_url

_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.ConnectionNotAvailable,
    SOCKSError,
)
"""What a peer can do wrong, in the words of the libraries."""

# At DEBUG this logger writes the user name and password of a SOCKS proxy.
logging.getLogger("httpcore2.socks").setLevel(logging.INFO)


class HttpcoreTransport:
    """See :class:`~aigw_asgi.transports.base.Transport`.

    ``keepalive_expiry`` is in seconds; 0 uses each connection once. There is no task
    to close what has expired: that happens when the transport is next used.
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
        self._expired: list[_Connection] = []
        self._idle: IdlePool[_Connection] = IdlePool(keepalive_expiry, self._expired.append)
        self._connections: set[_Connection] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<HttpcoreTransport in_use={self.in_use} idle={self.idle}>"

    @property
    def idle(self) -> int:
        """Connections that wait to be used again."""
        return len(self._idle)

    @property
    def in_use(self) -> int:
        """Connections that are neither idle nor closed."""
        return len(self._connections) - self.idle

    async def open(self, request: WireRequest) -> HttpcoreStream:
        origin, target = split_url(request.url)
        check_request_line(request.method, target)
        fields = request_fields(
            request.method, origin, request.headers, body_size=len(request.body)
        )
        if self._closed:
            raise UpstreamFailed(FailureKind.POOL, "the gateway is shutting down", sent=False)
        message = httpcore2.Request(
            request.method, _url(origin, target), headers=fields, content=request.body
        )
        connection = await self._take((origin, request.proxy_url))
        if connection is not None:
            stream = HttpcoreStream(self, connection, request.method)
            try:
                await stream.start(message, request.connect_timeout)
            except UpstreamFailed as exc:
                # The upstream closed it just as we took it: not one byte came back,
                # so it is taken for unread. A new connection cannot be stale.
                if stream.answered or exc.kind not in (FailureKind.READ, FailureKind.WRITE):
                    raise
            else:
                return stream
        stream = HttpcoreStream(self, self._make(origin, request.proxy_url), request.method)
        await stream.start(message, request.connect_timeout)
        return stream

    async def aclose(self) -> None:
        self._closed = True
        self._expired += self._idle.clear()
        await self._bury()

    async def release(self, connection: _Connection) -> None:
        """Take a connection back that is fit for another request."""
        if self._closed:
            self._expired.append(connection)
        else:
            self._idle.put(connection.key, connection, anyio.current_time())
        await self._bury()

    def gone(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    async def _take(self, key: tuple[Origin, Secret | None]) -> _Connection | None:
        now = anyio.current_time()
        self._idle.expire(now)
        connection = self._idle.take(key, now)
        while connection is not None and not connection.usable:
            self._expired.append(connection)
            connection = self._idle.take(key, now)
        try:
            await self._bury()
        except BaseException:
            if connection is not None:
                self._idle.put(key, connection, now)
            raise
        return connection

    async def _bury(self) -> None:
        while self._expired:
            await self._expired.pop().aclose()

    def _make(self, origin: Origin, proxy_url: Secret | None) -> _Connection:
        dialler = Dialler(self._resolve)
        try:
            if proxy_url is None:
                inner: httpcore2.AsyncConnectionInterface = httpcore2.AsyncHTTPConnection(
                    _origin(origin),
                    ssl_context=self._tls() if origin.scheme == "https" else None,
                    network_backend=dialler,
                )
            else:
                inner = self._through_proxy(origin, proxy_url, dialler)
        except OSError as exc:
            raise tls_failed(exc, origin.host) from exc
        except (ValueError, KeyError):
            # Without the cause, which may quote the address and its password.
            raise UpstreamFailed(
                FailureKind.CONNECT, "the proxy URL cannot be used", sent=False
            ) from None
        connection = _Connection(self, (origin, proxy_url), inner, dialler)
        self._connections.add(connection)
        return connection

    def _through_proxy(
        self, origin: Origin, proxy_url: Secret, dialler: Dialler
    ) -> httpcore2.AsyncConnectionInterface:
        parts = urlsplit(proxy_url.reveal())
        scheme = "socks5" if parts.scheme == "socks5h" else parts.scheme
        if scheme not in ("http", "https", "socks5") or not parts.hostname:
            raise ValueError(scheme)
        auth = None
        if parts.username is not None:
            auth = (unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or ""))
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        url = httpcore2.URL(scheme=scheme, host=host, port=parts.port, target="/")
        context = self._tls() if origin.scheme == "https" else None
        if scheme == "socks5":
            remote = httpcore2.Origin(origin.scheme.encode(), origin.host.encode(), origin.port)
            return httpcore2.AsyncSOCKSProxy(
                url, proxy_auth=auth, ssl_context=context, network_backend=dialler
            ).create_connection(remote)
        return httpcore2.AsyncHTTPProxy(
            url,
            proxy_auth=auth,
            ssl_context=context,
            proxy_ssl_context=self._tls() if scheme == "https" else None,
            network_backend=dialler,
        ).create_connection(_origin(origin))


def _origin(origin: Origin) -> httpcore2.Origin:
    return httpcore2.Origin(origin.scheme.encode(), origin.url_host.encode(), origin.port)


def _url(origin: Origin, target: str) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=origin.scheme, host=origin.url_host, port=origin.url_port, target=target
    )


class _Connection:
    """A connection object of httpcore2, and the socket below it."""

    def __init__(
        self,
        owner: HttpcoreTransport,
        key: tuple[Origin, Secret | None],
        inner: httpcore2.AsyncConnectionInterface,
        dialler: Dialler,
    ) -> None:
        self.owner = owner
        self.key = key
        self.inner = inner
        self.dialler = dialler

    @property
    def usable(self) -> bool:
        """Idle, and nothing has come since."""
        return self.inner.is_idle() and not self.inner.has_expired()

    async def aclose(self) -> None:
        self.owner.gone(self)
        with anyio.CancelScope(shield=True):
            await self.dialler.aclose()


class HttpcoreStream:
    """See :class:`~aigw_asgi.transports.base.UpstreamStream`."""

    flow = None

    def __init__(self, owner: HttpcoreTransport, connection: _Connection, method: str) -> None:
        self.status = 0
        self.headers: Headers = ()
        self._owner = owner
        self._connection = connection
        self._reader = ResponseReader(method)
        self._response: httpcore2.Response | None = None
        self._body: AsyncIterator[bytes] | None = None
        self._scope: anyio.CancelScope | None = None
        self._pending: list[bytes] = []
        self._failure: tuple[FailureKind, str, Exception | None] | None = None
        self._sent = False
        self._ended = False
        self._reading = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<HttpcoreStream {self.status} held={self.held} {self._reader!r}>"

    @property
    def held(self) -> int:
        """Bytes that wait to be read, here and below httpcore2."""
        return sum(map(len, self._pending)) + self._connection.dialler.held

    @property
    def answered(self) -> bool:
        """A byte of the answer has come."""
        return self._reader.started

    async def start(self, message: httpcore2.Request, connect_timeout: float) -> None:
        """Connect if need be, send the request, wait for the head of the answer."""
        self._connection.dialler.sealed = False
        message.extensions = {"trace": self._trace}
        try:
            with anyio.move_on_after(connect_timeout or math.inf) as self._scope:
                response = await self._connection.inner.handle_async_request(message)
            if self._scope.cancelled_caught:
                raise timed_out(self._host, connect_timeout)
        except httpcore2.LocalProtocolError as exc:
            await self._abandon()
            raise ProtocolMisuse("the request cannot be written as HTTP/1.1") from exc
        except _FAILURES as exc:
            await self._connection.aclose()
            self._note(exc)
            if self.status:
                # The head came with the fault behind it: the fault is for ``read``.
                return
            raise self._failed() from exc
        except AssertionError as exc:
            # How httpcore2 and socksio meet a SOCKS proxy that talks nonsense.
            await self._abandon()
            if self._sent:
                raise
            self._note(exc)
            raise self._failed() from exc
        except BaseException:
            await self._abandon()
            raise
        self._response = response
        stream = cast(AsyncIterator[bytes], response.stream)  # as the async interface has it
        self._body = stream.__aiter__()

    async def read(self) -> bytes:
        while not self._pending:
            if self._failure is not None:
                failure = self._failed()
                raise failure from failure.__cause__
            if self._ended:
                return b""
            await self._advance()
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        return data

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pending.clear()
        self._fail(FailureKind.READ, "the stream was closed")
        if self._reading or self._body is None:
            # Whoever reads just now meets a closed socket.
            await self._abandon()
            return
        with anyio.CancelScope(shield=True):
            if self._ended and self._reader.reusable:
                # Let h11 see the end too. The bytes are with it already, so this
                # cannot wait; a reader that wants more meets the seal.
                self._connection.dialler.sealed = True
                with contextlib.suppress(*_FAILURES):
                    async for _ in self._body:
                        pass
            await self._close_body()
            if self._reader.reusable and self._connection.inner.is_idle():
                await self._owner.release(self._connection)
            else:
                await self._connection.aclose()

    async def _advance(self) -> None:
        """Let h11 go one event on; what it read on the way has come to ``_watch``."""
        assert self._body is not None
        if self._reading:
            raise ProtocolMisuse("two tasks read one stream")
        self._reading = True
        try:
            await anext(self._body)
        except StopAsyncIteration:
            if not self._ended:
                self._fail(FailureKind.PROTOCOL, "the end of the body is unclear")
        except _FAILURES as exc:
            self._note(exc)
        except BaseException:
            self._reading = False
            await self.aclose()
            raise
        finally:
            self._reading = False

    async def _close_body(self) -> None:
        body = cast(Any, self._body)  # an async generator, which the interface hides
        await body.aclose()
        if self._response is not None:
            await self._response.aclose()

    async def _abandon(self) -> None:
        self._closed = True
        await self._connection.aclose()

    async def _trace(self, name: str, info: dict[str, Any]) -> None:
        # The connection stands, through all proxies, when the request itself begins.
        if name != "http11.send_request_headers.started" or info["request"].method == b"CONNECT":
            return
        assert self._scope is not None
        self._scope.deadline = math.inf
        self._sent = True
        self._connection.dialler.watch = self._watch

    def _watch(self, data: bytes) -> None:
        """See what the socket gave before h11 does."""
        for event in self._reader.feed(data) if data else self._reader.eof():
            if isinstance(event, bytes):
                self._pending.append(event)
            elif isinstance(event, ResponseHead):
                self.status = event.status
                self.headers = event.headers
            elif isinstance(event, ResponseEnd):
                self._ended = True
            elif isinstance(event, ResponseBroken):
                kind = FailureKind.READ if event.truncated else FailureKind.PROTOCOL
                self._fail(kind, event.problem)
                raise httpcore2.RemoteProtocolError(event.problem)

    @property
    def _host(self) -> str:
        return self._connection.key[0].host

    def _note(self, exc: Exception) -> None:
        """Keep what a library's exception stands for, unless more is known."""
        if not self._sent and self._connection.key[1] is not None:
            self._fail(FailureKind.CONNECT, "the proxy did not connect", exc)
        elif isinstance(exc, httpcore2.ProtocolError):
            self._fail(FailureKind.PROTOCOL, "not a valid answer", exc)
        elif self._connection.dialler.write_failed:
            problem = "the connection broke while the request was sent"
            self._fail(FailureKind.WRITE, problem, exc)
        else:
            self._fail(FailureKind.READ, "the connection broke", exc)

    def _fail(self, kind: FailureKind, problem: str, exc: Exception | None = None) -> None:
        if not self._ended and self._failure is None:
            self._failure = (kind, problem, exc)

    def _failed(self) -> UpstreamFailed:
        # Made anew each time: an exception that is kept keeps its frames, and this.
        assert self._failure is not None
        kind, problem, exc = self._failure
        failure = UpstreamFailed(kind, f"{self._host}: {problem}", sent=self._sent)
        failure.__cause__ = exc
        return failure
