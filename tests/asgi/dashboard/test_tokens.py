"""Tokens prove what they were issued for, and nothing else that anybody could write."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_asgi.dashboard.tokens import (
    LINK_LIFETIME,
    MAX_TOKEN,
    SKEW,
    TICKET_LIFETIME,
    BadToken,
    Session,
    Tokens,
    stamp_of,
)

SECRET, OTHER = b"s" * 32, b"o" * 32
NOW = 1_800_000_000.5
STAMP = stamp_of("admin", "$2b$12$hash")
TOKENS = Tokens(SECRET)
HEADER = {"alg": "HS256", "typ": "JWT"}


def issue(tokens: Tokens = TOKENS, now: float = NOW, **more: Any) -> str:
    return tokens.issue("admin", now, lifetime=3600, stamp=STAMP, **more)


def why(text: str, now: float = NOW, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(BadToken) as caught:
        tokens.read(text, now)
    return caught.value.reason


# --- what is ours ------------------------------------------------------------


def test_a_token_proves_the_session_it_was_issued_for() -> None:
    session = TOKENS.read(issue(), NOW)
    issued = int(NOW)
    expected = ("admin", session.id, session.family, issued, issued + 3600, issued, STAMP)
    assert session == Session(*expected, session.key)
    assert len(session.id) >= 16
    other = TOKENS.read(issue(), NOW)
    assert len({session.id, session.family, other.id, other.family}) == 4


def test_a_session_that_goes_on_began_when_it_did() -> None:
    first = TOKENS.read(issue(), NOW)
    later = TOKENS.read(issue(now=NOW + 900, after=first), NOW + 900)
    assert (later.began, later.family) == (first.began, first.family)
    assert later.id != first.id
    assert later.issued == first.issued + 900
    assert TOKENS.is_csrf(TOKENS.csrf(first), later)


@given(after=st.floats(0, 5000), name=st.text(min_size=1, max_size=64))
@settings(max_examples=80, derandomize=True)
def test_a_token_is_good_until_its_last_second_and_no_longer(after: float, name: str) -> None:
    text = TOKENS.issue(name, NOW, lifetime=3600, stamp=STAMP)
    if NOW + after < int(NOW) + 3600:
        assert TOKENS.read(text, NOW + after).subject == name
    else:
        assert why(text, NOW + after) == "token_expired"


def test_the_edge_of_expiry_is_outside() -> None:
    assert TOKENS.read(issue(), int(NOW) + 3599.999)
    assert why(issue(), int(NOW) + 3600) == "token_expired"


def test_the_previous_secret_reads_and_does_not_sign() -> None:
    old, rotated, done = Tokens(OTHER), Tokens(SECRET, OTHER), Tokens(SECRET)
    session = rotated.read(issue(old), NOW)
    assert rotated.holds(session)
    assert not done.holds(session)
    assert not done.holds(rotated.read_ticket(rotated.ticket(session, NOW), NOW).session)
    assert done.holds(rotated.read(issue(rotated), NOW))
    assert done.read(issue(rotated), NOW)
    assert why(issue(old), tokens=done) == "invalid_token"
    # What a page holds beside the cookie outlives the change as well.
    assert rotated.is_csrf(old.csrf(session), session)
    assert rotated.is_csrf(rotated.csrf(session), session)
    assert not done.is_csrf(old.csrf(session), session)


@pytest.mark.parametrize("secrets", [(b"", None), (b"s" * 31, None), (SECRET, b"o" * 31)])
def test_short_secrets_are_refused(secrets: tuple[bytes, bytes | None]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens(*secrets)


def test_a_csrf_text_is_of_one_session_and_one_secret() -> None:
    session, other = (TOKENS.read(issue(), NOW) for _ in range(2))
    text = TOKENS.csrf(session)
    assert TOKENS.is_csrf(text, session)
    for wrong in ("", text[:-1], text + "A", "é" * 43, "\ud800", TOKENS.csrf(other)):
        assert not TOKENS.is_csrf(wrong, session)
    assert not TOKENS.is_csrf(Tokens(OTHER).csrf(session), session)


def test_a_stamp_changes_with_the_name_and_the_hash() -> None:
    stamps = {stamp_of("a", "bc"), stamp_of("ab", "c"), stamp_of("a", ""), stamp_of("b", "")}
    assert len(stamps) == 4


def test_no_secret_is_shown() -> None:
    assert "s" * 32 not in repr(TOKENS)


# --- tickets and links -------------------------------------------------------


def test_a_ticket_carries_its_session_and_ends_soon() -> None:
    session = TOKENS.read(issue(), NOW)
    text = TOKENS.ticket(session, NOW + 5)
    ticket = TOKENS.read_ticket(text, NOW + 34)
    assert ticket.session == session
    assert ticket.id != session.id
    assert ticket.expires == int(NOW) + 5 + TICKET_LIFETIME
    with pytest.raises(BadToken, match="token_expired"):
        TOKENS.read_ticket(text, ticket.expires)


def test_a_ticket_does_not_outlive_its_session() -> None:
    session = TOKENS.read(issue(), NOW)
    text = TOKENS.ticket(session, session.expires - 2)
    assert TOKENS.read_ticket(text, session.expires - 1).expires == session.expires
    with pytest.raises(BadToken, match="token_expired"):
        TOKENS.read_ticket(text, session.expires)


def test_a_link_ends_after_ten_minutes() -> None:
    text = TOKENS.link(NOW, stamp=STAMP)
    assert TOKENS.read_link(text, NOW + 599).stamp == STAMP
    with pytest.raises(BadToken, match="token_expired"):
        TOKENS.read_link(text, NOW + LINK_LIFETIME)


# --- forgery -----------------------------------------------------------------


def encode(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims: Any, header: Any = HEADER, secret: bytes = SECRET, hash: str = "sha256") -> str:
    signed = f"{encode(header)}.{encode(claims)}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), hash))}"


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token, changed; ``...``: left out."""
    made = {
        "iss": "aigw",
        "aud": "aigw-dashboard",
        "sub": "admin",
        "iat": int(NOW),
        "exp": int(NOW) + 60,
        "jti": "abcdefghijklmnopqrstuv",
        "stamp": STAMP,
        "auth_time": int(NOW),
        "sid": "ABCDEFGHIJKLMNOPQRSTUV",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not ...}


def test_what_is_forged_below_would_be_good_without_its_fault() -> None:
    assert TOKENS.read(sign(claims()), NOW).subject == "admin"


def _without_signature(text: str) -> str:
    return text.rpartition(".")[0]


PUBLIC_KEY = (
    b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK0\n-----END PUBLIC KEY-----"
)


def _not_our_base64(text: str) -> str:
    """The same bytes in another spelling: the last character has two bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(text[-1]) + 1]
    assert urlsafe_b64decode(text[-43:] + "=") == urlsafe_b64decode(text[-43:-1] + last + "=")
    return text[:-1] + last


FORGED: dict[str, Callable[[], str]] = {
    # The algorithm.
    "alg none, no signature": lambda: _without_signature(sign(claims(), {"alg": "none"})) + ".",
    "alg none, a signature": lambda: sign(claims(), {"alg": "none", "typ": "JWT"}),
    "alg None in another case": lambda: sign(claims(), {"alg": "nOnE", "typ": "JWT"}),
    "alg RS256 by the secret": lambda: sign(claims(), {"alg": "RS256", "typ": "JWT"}),
    "alg HS256 by a public key": lambda: sign(claims(), secret=PUBLIC_KEY),
    "alg HS512": lambda: sign(claims(), {"alg": "HS512", "typ": "JWT"}, hash="sha512"),
    "alg HS384": lambda: sign(claims(), {"alg": "HS384", "typ": "JWT"}, hash="sha384"),
    "alg in lower case": lambda: sign(claims(), {"alg": "hs256", "typ": "JWT"}),
    "alg missing": lambda: sign(claims(), {"typ": "JWT"}),
    "alg a list": lambda: sign(claims(), {"alg": ["HS256"], "typ": "JWT"}),
    # The header.
    "crit": lambda: sign(claims(), {**HEADER, "crit": ["exp"]}),
    "crit unknown": lambda: sign(claims(), {**HEADER, "crit": ["x"], "x": 1}),
    "b64 false": lambda: sign(claims(), {**HEADER, "crit": ["b64"], "b64": False}),
    "kid a path": lambda: sign(claims(), {**HEADER, "kid": "../../dev/null"}, secret=b""),
    "kid SQL": lambda: sign(claims(), {**HEADER, "kid": "x' UNION SELECT 'k"}, secret=b"k"),
    "jwk inside": lambda: sign(claims(), {**HEADER, "jwk": {"kty": "oct", "k": "bw"}}, OTHER),
    "jku": lambda: sign(claims(), {**HEADER, "jku": "https://evil.example/keys"}, OTHER),
    "x5u": lambda: sign(claims(), {**HEADER, "x5u": "https://evil.example/c"}, OTHER),
    "typ of another kind": lambda: sign(claims(), {"alg": "HS256", "typ": "at+jwt"}),
    "header no object": lambda: sign(claims(), ["HS256"]),
    "header no JSON": lambda: sign(claims(), b"\xff{"),
    "header deeply nested": lambda: sign(claims(), b"[" * 1400),
    "header with a name twice": lambda: sign(claims(), b'{"alg":"HS256","alg":"none"}'),
    # The secret and the signature.
    "another secret": lambda: sign(claims(), secret=OTHER),
    "an empty secret": lambda: sign(claims(), secret=b""),
    "the secret with a byte more": lambda: sign(claims(), secret=SECRET + b"\n"),
    "signature missing": lambda: _without_signature(sign(claims())),
    "signature empty": lambda: _without_signature(sign(claims())) + ".",
    "signature cut": lambda: sign(claims())[:-1],
    "signature longer": lambda: sign(claims()) + "A",
    "signature of other claims": lambda: (
        _without_signature(sign(claims(sub="root"))) + "." + sign(claims()).rpartition(".")[2]
    ),
    "signature in another spelling": lambda: _not_our_base64(sign(claims())),
    "signature a bare digest": lambda: (
        _without_signature(sign(claims()))
        + "."
        + encode(hashlib.sha256(_without_signature(sign(claims())).encode()).digest())
    ),
    # The claims.
    "iss of another": lambda: sign(claims(iss="aigw2")),
    "iss in a list": lambda: sign(claims(iss=["aigw"])),
    "iss missing": lambda: sign(claims(iss=...)),
    "aud of another": lambda: sign(claims(aud="aigw")),
    "aud in a list": lambda: sign(claims(aud=["aigw-dashboard"])),
    "aud null": lambda: sign(claims(aud=None)),
    "aud missing": lambda: sign(claims(aud=...)),
    "sub missing": lambda: sign(claims(sub=...)),
    "sub a number": lambda: sign(claims(sub=7)),
    "sub empty": lambda: sign(claims(sub="")),
    "jti missing": lambda: sign(claims(jti=...)),
    "jti a number": lambda: sign(claims(jti=1234567890123456)),
    "jti short": lambda: sign(claims(jti="a")),
    "jti of other characters": lambda: sign(claims(jti="a:b/../*\n" * 3)),
    "jti long": lambda: sign(claims(jti="a" * 65)),
    "exp missing": lambda: sign(claims(exp=...)),
    "exp a text": lambda: sign(claims(exp=str(int(NOW) + 60))),
    "exp not finite": lambda: sign(json.dumps(claims(exp=float("inf"))).encode()),
    "exp with a fraction": lambda: sign(claims(exp=NOW + 60.2)),
    "exp beyond all time": lambda: sign(claims(exp=10**20)),
    "exp true": lambda: sign(claims(exp=True)),
    "exp before iat": lambda: sign(claims(iat=int(NOW), exp=int(NOW) - 1)),
    "iat missing": lambda: sign(claims(iat=...)),
    "iat in the future": lambda: sign(claims(iat=int(NOW) + SKEW + 2, exp=int(NOW) + 999)),
    "iat below zero": lambda: sign(claims(iat=-1)),
    "auth_time missing": lambda: sign(claims(auth_time=...)),
    "sid missing": lambda: sign(claims(sid=...)),
    "stamp missing": lambda: sign(claims(stamp=...)),
    "nbf": lambda: sign(claims(nbf=int(NOW) + 30)),
    "a claim of no meaning": lambda: sign(claims(admin=True)),
    "claims no object": lambda: sign([claims()]),
    "claims no JSON": lambda: sign(b"\x00"),
    "claims empty": lambda: sign(b""),
    # The other kinds.
    "a ticket": lambda: TOKENS.ticket(TOKENS.read(issue(), NOW), NOW),
    "a link": lambda: TOKENS.link(NOW, stamp=STAMP),
    "a ticket that calls itself a session": lambda: sign(
        claims(session_jti="abcdefghijklmnopqrstuv", session_iat=0, session_exp=int(NOW) + 60)
    ),
    # The text.
    "huge": lambda: sign(claims(sub="a" * MAX_TOKEN)),
    "very huge": lambda: "a" * 10_000_000,
    "blanks around": lambda: f" {sign(claims())} ",
    "a line break": lambda: sign(claims()) + "\n",
    "padding": lambda: sign(claims()).replace(".", "=."),
    "characters that base64 skips": lambda: sign(claims()).replace(".", "!.", 1),
    "no ASCII": lambda: sign(claims()).replace("e", "е"),
    "a lone surrogate": lambda: sign(claims()) + "\ud800",
    "a NUL": lambda: sign(claims()) + "\0",
    "four parts": lambda: sign(claims()) + ".x",
    "five parts": lambda: "a.b.c.d.e",
    "one part": lambda: "token",
    "dots": lambda: "..",
    "JSON": lambda: json.dumps({"payload": claims(), "signatures": []}),
    "Bearer in front": lambda: "Bearer " + sign(claims()),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_invalid(kind: str) -> None:
    text = FORGED[kind]()
    assert why(text) == "invalid_token"
    for read in (TOKENS.read_ticket, TOKENS.read_link):
        if kind not in ("a ticket", "a link"):
            with pytest.raises(BadToken, match="invalid_token"):
                read(text, NOW)


def test_sessions_tickets_and_links_do_not_pass_for_each_other() -> None:
    session = TOKENS.read(issue(), NOW)
    made = {
        "session": issue(),
        "ticket": TOKENS.ticket(session, NOW),
        "link": TOKENS.link(NOW, stamp=STAMP),
    }
    readers: dict[str, Callable[[str, float], object]] = {
        "session": TOKENS.read,
        "ticket": TOKENS.read_ticket,
        "link": TOKENS.read_link,
    }
    for kind, text in made.items():
        for name, read in readers.items():
            if name == kind:
                read(text, NOW)
            else:
                with pytest.raises(BadToken, match="invalid_token"):
                    read(text, NOW)


def test_no_token_is_missing() -> None:
    assert why("") == "missing_token"


def test_an_expired_token_says_so_only_when_it_was_ours() -> None:
    over = claims(iat=int(NOW) - 100, exp=int(NOW) - 40)
    assert why(sign(over)) == "token_expired"
    assert why(sign(over, secret=OTHER)) == "invalid_token"
    assert why(sign({**over, "aud": "x"})) == "invalid_token"


def test_clocks_may_differ_by_a_minute() -> None:
    assert TOKENS.read(issue(now=NOW + SKEW - 1), NOW)


@given(place=st.integers(0, 10_000), bit=st.integers(0, 6))
@settings(max_examples=300, derandomize=True)
def test_no_bit_of_a_token_can_be_changed(place: int, bit: int) -> None:
    text = sign(claims())
    at = place % len(text)
    changed = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]
    assert why(changed) == "invalid_token"


@given(st.one_of(st.text(max_size=200), st.binary(max_size=300).map(lambda b: b.decode("latin-1"))))
@settings(max_examples=200, derandomize=True)
def test_any_text_is_judged_and_never_fails(text: str) -> None:
    assert why(text) in ("missing_token", "invalid_token")
