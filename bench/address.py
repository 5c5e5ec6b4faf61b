"""Where a request of a benchmark goes, and what a server there wants to see in it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from bench.wire import path, request

_KEYS = {"messages": "x-api-key", "gemini": "x-goog-api-key"}
"""The header that has a client's key, by format; the others have a bearer token."""


@dataclass(frozen=True)
class Address:
    """A server of HTTP without TLS."""

    port: int
    host: str = "127.0.0.1"
    root: str = ""
    """Before the format's own path."""
    key: str = "bench-key"
    prefix: str = ""
    """Before the model's name."""
    headers: tuple[tuple[str, str], ...] = ()

    def request(self, format: str, model: str, *, stream: bool, prompt: str = "Hello") -> bytes:
        """A client's whole request."""
        model = self.prefix + model
        body = request(format, model, stream=stream, prompt=prompt)
        key = (
            (_KEYS[format], self.key)
            if format in _KEYS
            else ("authorization", f"Bearer {self.key}")
        )
        headers = "".join(f"{name}: {value}\r\n" for name, value in (key, *self.headers))
        return (
            b"POST %s%s HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            b"%bcontent-length: %d\r\n\r\n%s"
            % (
                self.root.encode(),
                path(format, model, stream=stream).encode(),
                headers.encode(),
                len(body),
                body,
            )
        )


def from_url(url: str) -> tuple[Address, str]:
    """``http://KEY@HOST:PORT/ROOT?model-prefix=P&scenarios=AE&NAME=VALUE``: all behind the port
    may be left out; every other NAME is a header. Beside the address the scenarios, or ``""``.

    Raises:
        ValueError: it is no such thing.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port or parts.fragment:
        raise ValueError(f"{url} is not http://[KEY@]HOST:PORT[/ROOT][?...]")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    scenarios = options.pop("scenarios", "")
    address = Address(
        parts.port,
        host=parts.hostname,
        root=parts.path.rstrip("/"),
        key=unquote(parts.username or "bench-key"),
        prefix=options.pop("model-prefix", ""),
        headers=tuple(options.items()),
    )
    return address, scenarios
