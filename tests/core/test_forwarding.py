"""Whom a request comes from."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.config.snapshot import Networks
from aigw_core.forwarding import HEADERS, Origin, is_within, origin

PROXIES: Networks = (ip_network("10.0.0.0/8"), ip_network("127.0.0.1"), ip_network("fd00::/8"))
NOWHERE = Origin(None, loopback=False)


def come(peer: str | None, trusted: Networks = PROXIES, **headers: str) -> Origin:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    local = peer in ("127.0.0.1", "::1")
    return origin(peer, named, trusted, loopback=local)


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.1", None])
def test_without_a_header_the_peer_is_the_client(peer: str | None) -> None:
    assert come(peer, accept="*/*") == Origin(peer, peer == "127.0.0.1")


@pytest.mark.parametrize("header", sorted(HEADERS))
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.1", "192.0.2.1", None])
@pytest.mark.parametrize("value", ["127.0.0.1", "for=127.0.0.1", "", "::1", "10.0.0.1"])
def test_a_forwarded_request_from_an_untrusted_peer_is_never_local(
    header: str, peer: str | None, value: str
) -> None:
    assert origin(peer, {header: value}, (), loopback=peer == "127.0.0.1") == NOWHERE


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"x-forwarded-for": "192.0.2.7"}, "192.0.2.7"),
        ({"x-forwarded-for": "127.0.0.1, 192.0.2.7"}, "192.0.2.7"),
        ({"x-forwarded-for": "192.0.2.7, 10.1.1.1"}, "192.0.2.7"),
        ({"x-forwarded-for": "192.0.2.7:5123"}, "192.0.2.7"),
        ({"x-forwarded-for": "[2001:db8::1]:5123"}, "2001:db8::1"),
        ({"x-forwarded-for": "::ffff:192.0.2.7"}, "192.0.2.7"),
        ({"x-forwarded-for": "10.1.1.1, 10.1.1.2"}, "10.1.1.1"),
        ({"forwarded": "for=192.0.2.7;proto=https;by=10.0.0.1"}, "192.0.2.7"),
        ({"forwarded": 'For="[2001:db8::1]:4711", for=10.1.1.1'}, "2001:db8::1"),
        ({"forwarded": "proto=https; for=192.0.2.7"}, "192.0.2.7"),
        ({"x-real-ip": "192.0.2.7"}, "192.0.2.7"),
        ({"x-real-ip": "192.0.2.7", "x-forwarded-for": "6.6.6.6, 192.0.2.7"}, "192.0.2.7"),
        ({"x-real-ip": "10.1.1.1", "x-forwarded-for": "192.0.2.7, 10.1.1.1"}, "192.0.2.7"),
        ({"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}, "192.0.2.7"),
        ({"x-real-ip": "127.0.0.1", "x-forwarded-for": "192.0.2.7"}, "192.0.2.7"),
    ],
)
def test_a_trusted_proxy_says_who_it_is(headers: dict[str, str], address: str) -> None:
    for peer in ("10.0.0.1", "127.0.0.1", "fd00::1"):
        found = origin(peer, headers, PROXIES, loopback=peer == "127.0.0.1")
        assert (found.address, found.loopback) == (address, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "unknown"},
        {"x-forwarded-for": ""},
        {"x-forwarded-for": "192.0.2.7, nonsense"},
        {"x-forwarded-for": ",".join(["127.0.0.1"] * 100)},
        {"forwarded": "for=_hidden"},
        {"forwarded": "proto=https"},
        {"forwarded": "for=unknown"},
        {"x-forwarded-proto": "https"},
        {"via": "1.1 proxy"},
        {"x-real-ip": "6.6.6.6", "x-forwarded-for": "192.0.2.7"},
        {"x-real-ip": "192.0.2.7", "x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1", "x-forwarded-for": "192.0.2.7"},
        {"forwarded": "for=192.0.2.7", "x-forwarded-for": "127.0.0.1"},
        {"cf-connecting-ip": "::1", "x-real-ip": "192.0.2.7"},
    ],
)
def test_what_is_unclear_or_contradicted_is_nowhere(headers: dict[str, str]) -> None:
    found = origin("127.0.0.1", headers, PROXIES, loopback=True)
    assert (found.address, found.loopback) == (None, False)


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ({"x-forwarded-proto": "https"}, "https"),
        ({"x-forwarded-proto": "http, HTTPS "}, "https"),
        ({"forwarded": 'for=1.2.3.4;proto=http, for=1.2.3.4;Proto="https"'}, "https"),
        ({"forwarded": "for=1.2.3.4", "x-forwarded-proto": "http"}, "http"),
        ({"forwarded": "proto=https", "x-forwarded-proto": "http"}, None),
        ({"x-forwarded-proto": "javascript"}, None),
        ({"x-forwarded-proto": ""}, None),
        ({"forwarded": "for=192.0.2.7"}, None),
        ({"accept": "*/*"}, None),
    ],
)
def test_a_trusted_proxy_says_by_which_scheme(headers: dict[str, str], scheme: str | None) -> None:
    assert origin("10.0.0.1", headers, PROXIES, loopback=False).scheme == scheme
    assert origin("192.0.2.1", headers, PROXIES, loopback=False).scheme is None


def test_loopback_counts_only_from_a_proxy_on_this_machine() -> None:
    trusted = (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"))
    said = {"x-forwarded-for": "::1"}
    assert origin("127.0.0.1", said, trusted, loopback=True) == Origin("::1", loopback=True)
    assert origin("10.0.0.1", said, trusted, loopback=False) == Origin("::1", loopback=False)


addresses = st.sampled_from(["127.0.0.1", "::1", "192.0.2.7", "10.1.1.1", "unknown", "", "6.6.6.6"])


@settings(max_examples=400, derandomize=True)
@given(
    st.lists(addresses, max_size=5), st.dictionaries(st.sampled_from(sorted(HEADERS)), addresses)
)
def test_nothing_a_client_writes_makes_it_local(forged: list[str], others: dict[str, str]) -> None:
    """The proxy appends the truth to the list that it manages; the client wrote the rest."""
    headers: dict[str, Any] = {**others, "x-forwarded-for": ", ".join([*forged, "192.0.2.7"])}
    found = origin("127.0.0.1", headers, PROXIES, loopback=True)
    assert not found.loopback
    assert found.address in (None, "192.0.2.7")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.1.2.3", False),
        ("fd12::1", True),
        (None, False),
        ("", False),
        ("unix:", False),
    ],
)
def test_networks(address: str | None, inside: bool) -> None:
    assert is_within(address, PROXIES) is inside
