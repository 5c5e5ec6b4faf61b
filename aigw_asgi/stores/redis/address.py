"""Where a Redis server is, and how to get in: what its URL says.

``redis://user:password@host:port/db``, with ``rediss`` for TLS, or
``unix:///path/to/socket?db=0``. User and password are percent-encoded where they hold
what a URL cannot. Source: the provisional URI scheme registrations of IANA for
``redis`` and ``rediss``; the form for sockets is that of the usual clients.
"""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from aigw_core.config.secret import Secret

PORT = 6379


class Address(Struct, frozen=True):
    """Of one server, and one of its databases."""

    host: str
    port: int
    path: str
    """Of a socket; empty: ``host`` and ``port`` count."""
    db: int
    tls: bool
    user: str | None
    password: Secret | None

    def __str__(self) -> str:
        """For people; without user and password."""
        if self.path:
            return f"unix://{self.path}?db={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' if self.tls else ''}://{host}:{self.port}/{self.db}"


def read_address(url: Secret) -> Address:
    """``url`` was checked when the configuration was read."""
    parts = urlsplit(url.reveal())
    socket = parts.scheme.lower() == "unix"
    db = parse_qs(parts.query).get("db", ["0"])[0] if socket else parts.path.strip("/")
    return Address(
        host=parts.hostname or "",
        port=parts.port or PORT,
        path=unquote(parts.path) if socket else "",
        db=int(db or 0),
        tls=parts.scheme.lower() == "rediss",
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
    )
