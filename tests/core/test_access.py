"""Who is let in."""

from __future__ import annotations

import hashlib
from ipaddress import ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.access import authenticate, authorise_local, presented_key
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey, Snapshot
from aigw_core.errors import ErrorKind, GatewayError, InvalidRequest

KEY = "sk-proxy-made-up"
DIGEST = hashlib.sha256(KEY.encode()).digest()
KEYED = Snapshot(
    "test", client_keys={DIGEST: ClientKey("1", "ci", DIGEST, expires_at=100.0)}, from_file=True
)


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, None, None),
        ({"authorization": f"Bearer {KEY}"}, None, KEY),
        ({"authorization": f"bearer   {KEY}"}, None, KEY),
        ({"authorization": "Basic abc"}, None, None),
        ({"x-api-key": KEY}, None, KEY),
        ({"x-goog-api-key": KEY}, None, KEY),
        ({}, KEY, KEY),
        ({"authorization": f"Bearer {KEY}", "x-api-key": KEY}, KEY, KEY),
        ({"x-api-key": ""}, None, None),
    ],
)
def test_one_key_is_found_wherever_it_is(
    headers: dict[str, str], query: str | None, expected: str | None
) -> None:
    assert presented_key(headers, query) == expected


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": "Bearer one", "x-api-key": "two"}, None),
        ({"x-api-key": "one", "x-goog-api-key": "two"}, None),
        ({"x-goog-api-key": "one"}, "two"),
        ({"authorization": "Bearer one"}, "two"),
    ],
)
def test_two_keys_are_refused(headers: dict[str, str], query: str | None) -> None:
    with pytest.raises(InvalidRequest):
        presented_key(headers, query)


def test_a_known_key_is_let_in_until_it_expires() -> None:
    assert authenticate(KEY, KEYED, loopback=False, wall=99.0).name == "ci"
    with pytest.raises(GatewayError) as caught:
        authenticate(KEY, KEYED, loopback=False, wall=100.0)
    assert "expired" in caught.value.failure.message


@pytest.mark.parametrize("key", [None, "", "wrong", "é", "\x00", "k" * (1 << 20), "\udcff"])
def test_any_other_key_is_401(key: str | None) -> None:
    with pytest.raises(GatewayError) as caught:
        authenticate(key, KEYED, loopback=True, wall=0.0)
    assert caught.value.failure.kind is ErrorKind.AUTHENTICATION
    assert "wrong" not in caught.value.failure.message


TEXTS = st.text(st.sampled_from("ab-é\0 \udc80"), max_size=6)


@settings(max_examples=500)
@given(st.lists(TEXTS, max_size=5), TEXTS)
def test_who_a_key_is_depends_on_its_digest_alone(known: list[str], shown: str) -> None:
    """Not on what it begins with, nor on what else is known."""
    digests = [hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest() for key in known]
    keys = {
        digest: ClientKey(str(at), key, digest)
        for at, (key, digest) in enumerate(zip(known, digests, strict=True))
    }
    snapshot = Snapshot("t", client_keys=keys, from_file=True)
    if shown in known:
        assert authenticate(shown, snapshot, loopback=False, wall=0.0).name == shown
    else:
        with pytest.raises(GatewayError):
            authenticate(shown, snapshot, loopback=False, wall=0.0)


PLACES = ("authorization", "x-api-key", "x-goog-api-key", "?key=")


@pytest.mark.parametrize("present", list(product([False, True], repeat=4)))
def test_all_sixteen_combinations_of_places(present: tuple[bool, ...]) -> None:
    places = [place for place, here in zip(PLACES, present, strict=True) if here]

    def shown(keys: list[str]) -> str | None:
        found = dict(zip(places, keys, strict=True))
        query = found.pop("?key=", None)
        if "authorization" in found:
            found["authorization"] = f"Bearer {found['authorization']}"
        return presented_key(found, query)

    assert shown([KEY] * len(places)) == (KEY if places else None)
    different = [f"{KEY}-{number}" for number in range(len(places))]
    if len(places) < 2:
        assert shown(different) == (different[0] if different else None)
    else:
        with pytest.raises(InvalidRequest):
            shown(different)


@pytest.mark.parametrize(
    ("snapshot", "loopback", "allowed"),
    [
        (Snapshot("t"), True, True),
        (Snapshot("t"), False, False),
        (Snapshot("t", from_file=True), True, False),
        (Snapshot("t", from_file=True, allow_anonymous=True), False, True),
        (Snapshot("t", allow_anonymous=False), True, False),
        (KEYED, True, False),
    ],
)
def test_anonymous_clients(snapshot: Snapshot, loopback: bool, allowed: bool) -> None:
    if allowed:
        assert authenticate(None, snapshot, loopback=loopback, wall=0.0).key is None
    else:
        with pytest.raises(GatewayError):
            authenticate(None, snapshot, loopback=loopback, wall=0.0)


@pytest.mark.parametrize(
    ("peer", "key", "loopback", "allowed"),
    [
        ("127.0.0.1", None, True, True),
        ("10.1.2.3", None, False, True),
        ("::ffff:10.1.2.3", None, False, True),
        ("192.0.2.1", None, False, False),
        ("192.0.2.1", "scraper", False, True),
        ("192.0.2.1", "wrong", False, False),
        (None, None, False, False),
        ("unix:", None, False, False),
    ],
)
def test_who_may_look_at_the_gateway(
    peer: str | None, key: str | None, loopback: bool, allowed: bool
) -> None:
    snapshot = Snapshot(
        "t", admin_networks=(ip_network("10.0.0.0/8"),), scrape_token=Secret("scraper")
    )
    if allowed:
        authorise_local(peer, key, snapshot, loopback=loopback)
    else:
        with pytest.raises(GatewayError) as caught:
            authorise_local(peer, key, snapshot, loopback=loopback)
        assert caught.value.failure.kind is ErrorKind.PERMISSION
