"""Where the gateway may connect to.

Two verdicts on one rule. :func:`check_base_url` judges what a person wrote, before
any name is looked up; :func:`check_address` judges what the name turned out to be,
and the transport then connects to exactly that address. Loopback and private
networks are fine (local model servers live there); link-local addresses and the
metadata services of clouds are not, however they are spelled.

An address has one spelling here: the forms that only some resolvers understand
(``0x7f.1``, ``2130706433``, ``[::ffff:127.0.0.1]``) are refused, since two programs
that read one text differently are how such checks are passed.

Sources: RFC 3986 (URLs), RFC 6890 (special addresses), RFC 6052, RFC 3056 and
RFC 4380 (addresses inside IPv6 addresses), the metadata documentation of AWS,
Google Cloud, Azure, Alibaba Cloud and Oracle Cloud.
"""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

from aigw_core.errors import ConfigError

_REFUSED = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this host": leads to loopback by another name
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata, Alibaba
        "168.63.129.16/32",  # metadata, Azure
        "192.0.0.192/32",  # metadata, Oracle
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_REFUSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "::/128",
        "fe80::/10",  # link-local
        "fd00:ec2::254/128",  # metadata, AWS
        "fd20:ce::254/128",  # metadata, Google
        "ff00::/8",
    )
)
_LOCAL = tuple(
    IPv4Network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_LOCAL_6 = tuple(IPv6Network(text) for text in ("::1/128", "fc00::/7"))
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")

_METADATA_NAMES = frozenset(
    (
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
    )
)
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Names below these never mean a host on the Internet (RFC 6761, 6762, 8375;
``internal`` is reserved by ICANN)."""

_URL = re.compile(r"(?i:(https?)://)([^/]*)(/[!-~]*)?", re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def check_base_url(url: str, allow_insecure: bool) -> None:
    """Whether ``url`` may be a provider's base URL.

    ``allow_insecure`` lets plain ``http`` leave loopback and private networks.

    Raises:
        ConfigError: it may not; says why, without repeating the URL, which may
            hold a password.
    """
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        raise ConfigError(
            "the URL has a space, a backslash, a control or a non-ASCII character"
            " (write an international name in its xn-- form)"
        )
    if "#" in url or "?" in url:
        raise ConfigError("a base URL has no query and no fragment")
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError("a base URL starts with https:// or http://")
    scheme, authority, path = match.groups()
    if "@" in authority:
        raise ConfigError("a base URL has no user name or password; use api-key or headers")
    if path and {".", "..", "%2e", "%2e%2e", ".%2e", "%2e."} & set(path.lower().split("/")):
        raise ConfigError("the path of a base URL has no . and .. segments")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ConfigError("the host of the URL is malformed")
    host, port = parts.groups()
    if port is not None and not (_PORT.fullmatch(port) and int(port) < 1 << 16):
        raise ConfigError("the port of the URL is not a number from 1 to 65535")
    is_local = _check_host(host.lower())
    if scheme.lower() == "http" and not is_local and not allow_insecure:
        raise ConfigError(
            "http:// would send the key unprotected; use https:// (or allow-insecure: true)"
        )


def check_address(ip: str) -> bool:
    """Whether the gateway may connect to this address.

    ``ip`` is what a resolver gave: an IPv4 or IPv6 address, perhaps with a zone.
    What is no address is refused.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return _is_allowed(address)


def _is_allowed(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED)
    # The zone is not part of the address, but would make it unequal to all networks.
    address = IPv6Address(int(address))
    if any(address in network for network in _REFUSED_6):
        return False
    return all(_is_allowed(inner) for inner in _embedded(address))


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that a network may read out of an IPv6 address."""
    inner: list[IPv4Address] = []
    if address.ipv4_mapped is not None:
        inner.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner += address.teredo
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(low) > 1):
        inner.append(low)
    return inner


def _check_host(host: str) -> bool:
    """Whether the host is on loopback or a private network.

    Raises:
        ConfigError: it must not be connected to, or is spelled oddly.
    """
    if host.startswith("["):
        return _check_ipv6(host[1:-1])
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ConfigError("the host of the URL is missing or malformed")
    if _NUMBER.fullmatch(labels[-1]):
        # What ends in a number is an address to resolvers, and only the usual
        # spelling means the same to all of them.
        try:
            address = IPv4Address(host)
        except AddressValueError:
            raise ConfigError("an IPv4 address is written as four decimal numbers") from None
        if not _is_allowed(address):
            raise ConfigError("this address must not be connected to")
        return any(address in network for network in _LOCAL)
    if host in _METADATA_NAMES:
        raise ConfigError("a metadata service must not be connected to")
    # A name without a dot is one of the local network (a container, /etc/hosts).
    return len(labels) == 1 or host.endswith(_LOCAL_SUFFIXES)


def _check_ipv6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise ConfigError("the IPv6 address of the URL is malformed") from None
    if "%" in text or "." in text or _embedded(address):
        raise ConfigError("an IPv6 address has no zone and no IPv4 address inside")
    if not _is_allowed(address):
        raise ConfigError("this address must not be connected to")
    return any(address in network for network in _LOCAL_6)
