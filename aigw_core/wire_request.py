"""What a transport is asked to send, and how it may fail."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from aigw_core.codec import Headers
from aigw_core.config.secret import Secret


class WireRequest(Struct, frozen=True):
    """One upstream call, complete but for ``host`` and ``content-length``."""

    method: str
    url: str
    """Absolute; built from a checked base URL."""
    headers: Headers
    body: bytes
    connect_timeout: float = 10.0
    proxy_url: Secret | None = None
    """``None`` = direct."""


class FailureKind(StrEnum):
    """Where an upstream call broke."""

    CONNECT = "connect"
    DNS = "dns"
    TLS = "tls"
    TIMEOUT = "timeout"
    WRITE = "write"
    READ = "read"
    PROTOCOL = "protocol"
    POOL = "pool"
    REFUSED_ADDRESS = "refused_address"
