"""Whom a request comes from, where a proxy may stand in between.

A proxy on this machine makes everybody's requests look local. So one that bears a
forwarding header was forwarded, and what the header says counts only when the peer
is one of ``trusted-proxies``; else nobody knows where the request comes from, and it
is not local. Anybody can write these headers, and a proxy sets some of them and lets
others through: where two of them disagree, neither is believed.

Sources: RFC 7239 for ``forwarded``; the others are custom, read as nginx, HAProxy,
Envoy and Caddy write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from msgspec import Struct

from aigw_core.config.snapshot import Networks

HEADERS = frozenset(
    {
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "via",
    }
)
"""What shows that a request was forwarded; lower-case names."""

MAX_HOPS = 32
"""Entries of a list that are looked at, from its end."""

_Address = IPv4Address | IPv6Address

_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^;,\s"]*))', re.IGNORECASE)
_PROTO = re.compile(r'(?:^|;)\s*proto\s*=\s*(?:"([^"]*)"|([^;,\s"]*))', re.IGNORECASE)
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


class Origin(Struct, frozen=True, gc=False):
    """Where a request comes from."""

    address: str | None
    """Of the client; ``None``: unknown."""
    loopback: bool
    """A program on this machine."""
    scheme: str | None = None
    """``http`` or ``https``, as a trusted proxy says the client came; ``None``: none says."""


def origin(
    peer: str | None, headers: Mapping[str, str], trusted: Networks, *, loopback: bool
) -> Origin:
    """The client behind ``peer``.

    ``headers`` have lower-case names; ``loopback`` says that both ends of the
    connection are on this machine.
    """
    if HEADERS.isdisjoint(headers):
        return Origin(peer, loopback)
    if not is_within(peer, trusted):
        return Origin(None, loopback=False)
    said, scheme = set(_claims(headers, trusted)), _scheme(headers)
    address = said.pop() if len(said) == 1 else None
    if address is None:
        return Origin(None, loopback=False, scheme=scheme)
    # A proxy elsewhere means its own machine when it says loopback.
    return Origin(str(address), loopback and address.is_loopback, scheme)


def _scheme(headers: Mapping[str, str]) -> str | None:
    """What the nearest proxy says, where those headers that say it agree."""
    said = set()
    if (given := headers.get("x-forwarded-proto")) is not None:
        said.add(given.rpartition(",")[2].strip().lower())
    if (standard := headers.get("forwarded")) is not None:
        found = _PROTO.search(standard.rpartition(",")[2])
        if found is not None:
            said.add((found[1] or found[2]).lower())
    scheme = said.pop() if len(said) == 1 else None
    return scheme if scheme in ("http", "https") else None


def is_within(text: str | None, networks: Networks) -> bool:
    """Whether an address is in one of ``networks``; IPv4 in IPv6's clothes counts."""
    address = _address(text or "")
    return address is not None and any(address in network for network in networks)


def _claims(headers: Mapping[str, str], trusted: Networks) -> Iterator[_Address | None]:
    """What each header says, ``None`` for what cannot be understood."""
    listed = headers.get("x-forwarded-for")
    if listed is not None:
        yield _nearest_unknown(listed.split(","), trusted)
    standard = headers.get("forwarded")
    if standard is not None:
        hops = [_FOR.search(hop) for hop in standard.split(",")]
        yield _nearest_unknown(
            ["" if hop is None else hop[1] or hop[2] or "" for hop in hops], trusted
        )
    for name in ("x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"):
        text = headers.get(name)
        # With several proxies the last one reports the one before it: nothing new.
        if text is not None and not is_within(_bare(text), trusted):
            yield _address(_bare(text))


def _nearest_unknown(hops: list[str], trusted: Networks) -> _Address | None:
    """The last hop that is not itself a trusted proxy: what is before it, anybody may
    have written. Where all are trusted, the first."""
    address = None
    for hop in hops[: -MAX_HOPS - 1 : -1]:
        address = _address(_bare(hop))
        if address is None or not any(address in network for network in trusted):
            return address
    return address if len(hops) <= MAX_HOPS else None


def _bare(text: str) -> str:
    """An address without its port."""
    text = text.strip()
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] or match[2] or ""


def _address(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
