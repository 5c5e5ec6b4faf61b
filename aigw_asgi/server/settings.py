"""How the gateway is served: where it listens and what it bears with."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class LoopChoice(StrEnum):
    AUTO = "auto"
    """uvloop where it is installed."""
    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"


class HttpChoice(StrEnum):
    AUTO = "auto"
    """httptools where it is installed."""
    H11 = "h11"
    HTTPTOOLS = "httptools"


class Limits(Struct, frozen=True, kw_only=True):
    """What one connection may cost before the application sees a request.

    Seconds and bytes. The numbers leave room for the slowest honest client
    (a mobile upload of an image) and none for one that only holds a socket.
    """

    handshake_timeout: float = 10.0
    """For a client to come to terms over TLS."""
    head_bytes: int = 32 << 10
    """Request line and header fields, with their line ends."""
    head_fields: int = 100
    head_timeout: float = 10.0
    """For a whole head: the first from when the connection was accepted, a later
    one from its first byte."""
    body_timeout: float = 30.0
    body_rate: int = 256 << 10
    """Each so many bytes of a body earn another second."""
    keepalive_timeout: float = 15.0
    """Silence between an answer and the next request."""
    newcomers_per_address: int = 64
    """Connections of one address whose first head is overdue; 0 = no limit. The default is
    far above what browsers and pools of connections leave open unused. See
    :mod:`aigw_asgi.server.newcomers`."""
    linger_timeout: float = 5.0
    """For the rest of a body whose request is answered already."""
    flush_timeout: float = 60.0
    """For a client that takes none of an answer that is complete."""
    close_timeout: float = 2.0
    """For a client of TLS to take leave when an idle connection is closed."""


class ServerSettings(Struct, frozen=True, kw_only=True):
    """Where and how to listen."""

    host: str = "127.0.0.1"
    """A name may stand for several addresses; all are listened on."""
    port: int = 8317
    """0 takes a free one; ``Hooks.ready`` says which."""
    loop: LoopChoice = LoopChoice.AUTO
    """Only for :func:`~aigw_asgi.server.run`."""
    http: HttpChoice = HttpChoice.AUTO
    backlog: int = 2048
    shutdown_timeout: float = 30.0
    """How long requests in flight may go on after the first SIGTERM."""
    limits: Limits = Limits()
