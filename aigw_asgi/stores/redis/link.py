"""One connection to a Redis server, for many callers at once.

Commands go out as they come and are answered in order. The client library's own
connection pools are not used: a wait for a connection that is given up costs them a
place for good (seen in coredis 6.9), and one connection serves thousands of calls a
second.

Everything that can go wrong becomes ``StoreLost``, with the server's address and
without a secret.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import cache
from typing import Any

from anyio import (
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    EndOfStream,
    Event,
    connect_tcp,
    connect_unix,
    fail_after,
    sleep,
)
from anyio.abc import ByteStream, TaskGroup, TaskStatus
from coredis.connection import BaseConnection, TCPLocation
from coredis.exceptions import (
    AuthenticationFailureError,
    AuthenticationRequiredError,
    AuthorizationError,
    BusyLoadingError,
    NoScriptError,
    ReadOnlyError,
)
from coredis.typing import RedisError

from aigw_asgi.stores.redis.address import Address
from aigw_asgi.stores.redis.scripts import Script
from aigw_asgi.stores.shared_state import StoreLost
from aigw_asgi.transports.tls import make_context

# What it would say, with tracebacks, is in the StoreLost; only once, and in its place.
logging.getLogger("coredis").setLevel(logging.CRITICAL + 1)

KEEPALIVE = 1.0
"""Seconds between questions whether a server is still there, where it may be silent."""

_MAX_REASON = 300
"""Characters of a server's own words that are passed on."""

_REASONS = (
    (AuthenticationRequiredError, "it demands a password"),
    (AuthenticationFailureError, "it does not accept the user name and password"),
    (AuthorizationError, "the user may not do what is needed there"),
    (ReadOnlyError, "it is read-only"),
    (BusyLoadingError, "it is still loading its data"),
)
_CODES = (
    (re.compile(r"\bREADONLY\b"), "it is read-only"),
    (re.compile(r"\bOOM\b|used memory > 'maxmemory'"), "it is out of memory"),
)

Word = bytes | str | int


class NodeUnknown(StoreLost):
    """The server has forgotten this node, or what is named so is somebody else by now."""


class Link:
    """One connection, from ``connect`` to ``close`` or until it breaks."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._made: _Connection | None = None
        self._timeout = timeout
        self._scope = CancelScope()
        self._staying = CancelScope()
        self._ended = Event()
        self._problem = ""

    def __repr__(self) -> str:
        return f"<Link {self._address} {'up' if self._made and self.up else 'down'}>"

    @property
    def _connection(self) -> _Connection:
        assert self._made is not None  # whoever has a link got it from ``connect``
        return self._made

    @property
    def up(self) -> bool:
        return self._connection.usable and not self._problem

    async def call(self, *command: Word) -> Any:
        """What the server answers. Raises ``StoreLost``.

        A call that is not answered in time ends the connection: nobody knows whether it
        was done, and those behind it would wait as well.
        """
        name, *rest = command
        try:
            return await self._connection.create_request(_bytes(name), *rest)
        except TimeoutError as exc:
            self._problem = f"no answer within {self._timeout:g} s"
            self.close()
            raise self.lost(self._problem) from exc
        except NoScriptError:
            raise
        except RedisError as exc:
            if str(exc).startswith("AIGWGONE"):
                raise NodeUnknown(f"{self._address}: it does not know this node any more") from exc
            raise self.lost(self._problem or reason(exc)) from exc

    async def run(self, script: Script, keys: list[bytes], *arguments: Word) -> Any:
        """What a script gives. Raises ``StoreLost``."""
        try:
            return await self.call(b"EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.call(b"EVAL", script.source, len(keys), *keys, *arguments)

    async def subscribe(self, channel: bytes) -> None:
        """From now on there are ``messages``. The link is of no use for scripts then."""
        self._connection.send_command(b"SUBSCRIBE", channel)
        try:
            with fail_after(self._timeout):
                async with aclosing(self._connection.push_messages) as pushed:
                    await anext(pushed)
        except TimeoutError as exc:
            problem = "it confirms no subscription; may this user subscribe there?"
            raise self.lost(problem) from exc
        except RedisError as exc:
            raise self.lost(reason(exc)) from exc

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """What is published. Ends with ``StoreLost`` only."""
        try:
            async with aclosing(self._connection.push_messages) as pushed:
                async for kind, _, content in pushed:
                    if kind == b"message" and isinstance(content, bytes):
                        yield content
        except RedisError as exc:
            raise self.lost(self._problem or reason(exc)) from exc

    async def stay(self) -> None:
        """Ask now and then whether the server is there, until it is not. A silent link
        would not notice."""
        with suppress(StoreLost), self._staying:
            while True:
                await self.call(b"PING")
                await sleep(KEEPALIVE)

    def close(self) -> None:
        self._scope.cancel()

    async def closed(self) -> None:
        """Wait for its end."""
        await self._ended.wait()

    def lost(self, problem: str) -> StoreLost:
        return StoreLost(f"{self._address}: {problem}")

    async def keep(self, *, task_status: TaskStatus[None]) -> None:
        """Be the task that the connection lives in."""
        greeted = Event()
        try:
            with self._scope:
                stream = await _open_stream(self._address)
                self._made = _Connection(self._address, stream, self._timeout)
                self._made.register_connect_callback(lambda _: greeted.set())
                await self._made.run(task_status=task_status)
        except RedisError:
            # Later errors are told to those who call.
            if not greeted.is_set():
                raise
        finally:
            self._staying.cancel()
            self._ended.set()


async def connect(address: Address, tasks: TaskGroup, *, timeout: float) -> Link:
    """A link to the server at ``address``, whose task is in ``tasks``. ``timeout``: seconds
    for each answer; whoever calls this limits the whole of it. Raises ``StoreLost``."""
    link = Link(address, timeout)
    try:
        await tasks.start(link.keep)
    except (OSError, RedisError) as exc:
        raise link.lost(reason(exc)) from exc
    return link


class _Connection(BaseConnection):
    """Over a stream that is there: one of the library's own that gets no stream leaves
    buffers open behind it."""

    def __init__(self, address: Address, stream: ByteStream, timeout: float) -> None:
        super().__init__(
            TCPLocation(address.host, address.port),
            db=address.db,
            username=address.user,
            password=address.password.reveal() if address.password is not None else None,
            stream_timeout=timeout,
            client_name="aigw",
        )
        self._stream = stream
        self._address = address

    async def _connect(self) -> ByteStream:
        return self._stream

    def describe(self) -> str:
        return f"<Connection {self._address}>"


@cache
def tls_context() -> ssl.SSLContext:
    """As for upstreams, but not for HTTP."""
    context = make_context()
    context.set_alpn_protocols([])
    return context


async def _open_stream(address: Address) -> ByteStream:
    if address.path:
        return await connect_unix(address.path)
    if not address.tls:
        return await connect_tcp(address.host, address.port)
    return await connect_tcp(
        address.host,
        address.port,
        ssl_context=tls_context(),
        tls_standard_compatible=False,  # servers close without a farewell
    )


def reason(exc: BaseException) -> str:
    """Why something failed, for people, in one line."""
    cause: BaseException = exc
    while cause.__cause__ is not None:
        cause = cause.__cause__
    for kind, problem in _REASONS:
        if isinstance(cause, kind):
            return problem
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, EndOfStream | ClosedResourceError | BrokenResourceError):
        return "the connection broke"
    said = " ".join(str(cause).split())
    for code, problem in _CODES:
        if code.search(said):
            return problem
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
        # asyncio puts words of its own where the system's should be.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return said[:_MAX_REASON] or type(cause).__name__


def _bytes(word: Word) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
