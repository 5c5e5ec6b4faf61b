"""The base URL of a provider, judged by the reader of the configuration."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aigw_core.egress import check_address, check_base_url
from aigw_core.errors import ConfigError
from aigw_core.wire_request import split_url
from tests.fuzz.splitting import dice
from tests.laws import hold


def check(data: bytes) -> None:
    """A URL that passes has one host to all readers, and where that is an address, one that
    may be reached; without ``allow-insecure`` it leads nowhere that it does not with."""
    url = data.decode("utf-8", "surrogateescape")
    insecure = dice(data).random() < 0.5
    try:
        check_base_url(url, insecure)
    except ConfigError as exc:
        hold(str(exc), "refused without a reason")
        return
    if not insecure:
        check_base_url(url, True)
    parts = urlsplit(url)
    hold(parts.scheme in ("http", "https"), f"the scheme of {url!r}")
    hold(not (parts.username or parts.password or parts.query or parts.fragment), repr(url))
    assert parts.hostname is not None
    origin, path = split_url(url)
    ours = (origin.scheme, origin.host.strip("[]").lower(), origin.port)
    standard = parts.port or (443 if parts.scheme == "https" else 80)
    hold(ours == (parts.scheme, parts.hostname, standard), f"{url!r}: {ours}, {parts}")
    hold(path == (parts.path or "/") or path == parts.path, f"{url!r}: {path!r}, {parts.path!r}")
    host = parts.hostname
    try:  # what the C library takes for an address: octal, hexadecimal, one number
        packed = socket.inet_aton(host)
    except OSError:
        packed = None
    if packed is not None:
        hold(socket.inet_ntoa(packed) == host, f"an address in disguise: {host!r}")
    if packed is not None or ":" in host:
        hold(check_address(str(ip_address(host))), f"an address that may not be reached: {host!r}")
