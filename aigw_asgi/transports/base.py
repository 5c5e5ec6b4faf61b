"""What the driver needs of a transport, and how a transport says that it failed.

A transport performs one :class:`~aigw_core.wire_request.WireRequest` at a time on a
connection of its own and hands over what comes back, unread. It follows no
redirects, reads no proxy settings of the environment, decodes nothing, and keeps no
time but the connect timeout: how long an upstream may be silent is for the driver to
decide, who ends a wait by cancelling it.

Library exceptions stop here: they become :class:`UpstreamFailed`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from aigw_core.codec import Headers
from aigw_core.wire_request import FailureKind, WireRequest

MAX_HELD = 64 << 10
"""Bytes of a body that wait to be read before a transport stops reading the socket.
What the last read of the socket brought comes on top: up to 64 KiB over ``direct``,
over ``httpcore`` as much as the loop takes at a time, up to 256 KiB."""

KEEPALIVE_EXPIRY = 4.0
"""Seconds that an idle connection is kept: less than servers do (5 s and more), so
that we close it and do not meet it half closed."""

MAX_IDLE = 100
"""Idle connections kept for one origin."""


Take = Callable[[bytes], bool]
"""Takes some of a body; ``False``: take it by ``read`` from now on."""


class UpstreamFailed(Exception):
    """An upstream could not be reached, or its answer could not be read to its end.

    The message is for people and free of secrets; it has no query and no header
    value. ``__cause__`` is the library's own exception where there was one.
    """

    def __init__(self, kind: FailureKind, problem: str, *, sent: bool) -> None:
        super().__init__(f"{kind}: {problem}")
        self.kind = kind
        self.sent = sent
        """Whether a byte of the request may have reached the upstream."""


class UpstreamStream(Protocol):
    """An answer whose head is there and whose body is coming in.

    One task reads. Cancelling it in ``read`` closes the connection.
    """

    @property
    def status(self) -> int:
        """200 to 999; redirects and errors are answers like any other."""
        ...

    @property
    def headers(self) -> Headers:
        """Names in lower case, values as latin-1, in the order of the wire."""
        ...

    @property
    def flow(self) -> Callable[[Take], Awaitable[None]] | None:
        """Hand what arrives to a function, called by the event loop with no task between:
        6 us less for a piece than ``read``. ``None``: this transport has only ``read``.

        ``await stream.flow(take)`` ends once ``take`` has returned ``False``, or when
        ``read`` has something to say: what had arrived before, the end, a failure.
        What ``take`` raises comes out of it. Cancelling it closes the connection.
        """
        ...

    async def read(self) -> bytes:
        """What has arrived since the last call, all of it joined; waits for the
        first byte. ``b""`` once the body has ended, again and again.

        Raises:
            UpstreamFailed: the body cannot be read to its end. What came before
                has been returned by then.
        """
        ...

    async def aclose(self) -> None:
        """Give the connection back when the body has been read to its clean end,
        close it otherwise. May be called more than once, and at any time."""
        ...


class Transport(Protocol):
    """Sends requests. For the event loop on which it is first used."""

    async def open(self, request: WireRequest) -> UpstreamStream:
        """Send ``request`` and wait for the head of the answer.

        The stream must be closed. Cancelling ``open`` closes the connection.

        Raises:
            UpstreamFailed: there is no answer.
            ProtocolMisuse: ``request`` cannot be written as HTTP/1.1.
        """
        ...

    async def aclose(self) -> None:
        """Close the idle connections and open no more. Streams that are open stay so
        until they are closed themselves."""
        ...
