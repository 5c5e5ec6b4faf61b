"""What is sent to an upstream, and the words for how sending it can fail.

The core makes a :class:`WireRequest`; a transport of the shell performs it. The
address has passed :mod:`aigw_core.egress` by then; here it is only taken apart.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from aigw_core.codec import Headers
from aigw_core.config.secret import Secret
from aigw_core.errors import ProtocolMisuse


class FailureKind(StrEnum):
    """At which step a call to an upstream broke."""

    CONNECT = "connect"
    """No connection: refused, unreachable, or a proxy said no."""
    DNS = "dns"
    TLS = "tls"
    """The handshake failed; most often a matter of configuration."""
    TIMEOUT = "timeout"
    """The connect timeout ran out (names, TCP, proxy and TLS together)."""
    WRITE = "write"
    """The connection broke before the whole request was handed over."""
    READ = "read"
    """The connection ended before the answer was complete."""
    PROTOCOL = "protocol"
    """What came is not an HTTP/1.1 answer, or breaks its framing."""
    POOL = "pool"
    """The gateway itself ran out (of descriptors, of ports), or is closing."""
    REFUSED_ADDRESS = "refused_address"
    """The name leads to an address that must not be reached."""


class Origin(Struct, frozen=True, gc=False):
    """Where a connection goes; connections are shared by those alike."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int

    @property
    def url_host(self) -> str:
        """The host as a URL has it: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url_port(self) -> int | None:
        """The port, unless it is the default one of the scheme."""
        return None if self.port == _DEFAULT_PORTS[self.scheme] else self.port

    @property
    def authority(self) -> str:
        """Both together: the value of the ``host`` header."""
        port = self.url_port
        return self.url_host if port is None else f"{self.url_host}:{port}"


class WireRequest(Struct, frozen=True):
    """One HTTP request, complete."""

    method: str
    url: str
    """Absolute, ``http`` or ``https``, already checked."""
    headers: Headers
    """Without those that the transport writes: see ``http1.request_fields``."""
    body: bytes
    connect_timeout: float = 10.0
    """Seconds until the connection stands (names, TCP, proxy, TLS); 0 = no limit."""
    proxy_url: Secret | None = None

    def __repr__(self) -> str:
        # Header values and the query may hold credentials.
        url = self.url.partition("?")[0]
        return (
            f"<WireRequest {self.method} {url} headers={len(self.headers)} body={len(self.body)}>"
        )


_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?i:(https?))://(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?(/[!-~]*)?",
    re.ASCII,
)


@lru_cache(maxsize=256)
def split_url(url: str) -> tuple[Origin, str]:
    """The origin of ``url``, and the target to ask it for (path and query).

    Raises:
        ProtocolMisuse: not an absolute http(s) URL without userinfo and fragment.
    """
    match = _URL.fullmatch(url)
    if match is None or "#" in url:
        raise ProtocolMisuse("the URL of a wire request must be absolute and checked")
    scheme, ipv6, name, port, target = match.groups()
    host: str = (ipv6 or name).lower()
    scheme = scheme.lower()
    return Origin(scheme, host, int(port or _DEFAULT_PORTS[scheme])), target or "/"
