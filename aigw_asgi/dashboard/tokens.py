"""What proves a session: signed tokens, and what is derived from them.

A token is a JWT (RFC 7519) under HS256 and nothing else, with exactly the header and the
claims that are written here: no leeway for expiry, no other algorithm, no header
parameter that could choose one. There are three kinds of them, told apart by their
audience, so that none passes for another: sessions, tickets for a WebSocket, links to
sign in.

Time comes from outside, in Unix seconds. That a token was revoked or used, or that the
password has changed meanwhile, is for :mod:`~aigw_asgi.dashboard.sessions` to know.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError
from msgspec import Meta, Struct

MIN_SECRET = 32
"""Bytes of a secret: those of a digest (RFC 7518, 3.2)."""

MAX_TOKEN = 4096
"""Characters that are looked at; ours have about 400."""

TICKET_LIFETIME = 30
LINK_LIFETIME = 600
"""Seconds."""

SKEW = 60
"""Seconds that the clock of the node that issued a token may be ahead."""

_ALGORITHM = "HS256"
_SIGNATURES = PyJWS(algorithms=[_ALGORITHM])
_HEADER = _SIGNATURES.encode(b"", bytes(MIN_SECRET), algorithm=_ALGORITHM).partition(".")[0]
"""The one header, as it is on the wire: no other is even looked into."""

# Strict, since decoders of base64 skip what they do not know: one token, one text. The
# last of 43 characters holds two bits that mean nothing.
_FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048]", re.ASCII)

_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,64}(?!\n)$")]
_Text = Annotated[str, Meta(min_length=1, max_length=512)]
_Time = Annotated[int, Meta(ge=0, le=1 << 40)]


class BadToken(Exception):
    """A token is none of ours, or not any more."""

    def __init__(self, reason: Literal["missing_token", "token_expired", "invalid_token"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Session(Struct, frozen=True, gc=False):
    """Who is signed in. Times are in Unix seconds."""

    subject: str
    """The operator's name."""
    id: str
    """Of this token."""
    family: str
    """Of all tokens from one sign-in: a refresh does not change it."""
    issued: int
    expires: int
    began: int
    """When the operator signed in; a refresh does not change it."""
    stamp: str
    """Of the name and password in force then, see ``stamp_of``."""
    key: str
    """Which secret has signed it, see ``Tokens.holds``."""


class Ticket(Struct, frozen=True, gc=False):
    """Opens one WebSocket for a session."""

    id: str
    expires: int
    session: Session


class Link(Struct, frozen=True, gc=False):
    """Signs in once, without a password."""

    id: str
    expires: int
    stamp: str


class _Claims(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    iss: Literal["aigw"]
    iat: _Time
    exp: _Time
    jti: _Id
    stamp: _Text


class _SessionClaims(_Claims, frozen=True, kw_only=True):
    aud: Literal["aigw-dashboard"]
    sub: _Text
    auth_time: _Time
    sid: _Id


class _TicketClaims(_Claims, frozen=True, kw_only=True):
    aud: Literal["aigw-dashboard-ticket"]
    sub: _Text
    auth_time: _Time
    sid: _Id
    session_jti: _Id
    session_key: _Text
    session_iat: _Time
    session_exp: _Time


class _LinkClaims(_Claims, frozen=True, kw_only=True):
    aud: Literal["aigw-dashboard-link"]


_ClaimsType = TypeVar("_ClaimsType", bound=_Claims)


def _new_id() -> str:
    return secrets.token_urlsafe(16)


class Tokens:
    """Issues and reads tokens under one secret; ``previous`` still reads what it signed.

    Raises:
        ValueError: a secret is shorter than ``MIN_SECRET`` bytes.
    """

    def __init__(
        self, secret: bytes, previous: bytes | None = None, *, new_id: Callable[[], str] = _new_id
    ) -> None:
        self._secrets = (secret,) if previous is None else (secret, previous)
        if min(map(len, self._secrets)) < MIN_SECRET:
            raise ValueError(f"a secret of the dashboard needs {MIN_SECRET} bytes")
        self._keys = tuple(_derived(each, b"key")[:12] for each in self._secrets)
        self._new_id = new_id

    def __repr__(self) -> str:
        return f"<Tokens secrets={len(self._secrets)}>"

    # --- sessions ------------------------------------------------------------

    def issue(
        self,
        subject: str,
        now: float,
        *,
        lifetime: float,
        stamp: str,
        after: Session | None = None,
    ) -> str:
        """A token for ``subject``, good for ``lifetime`` seconds. ``after`` is the session
        that goes on by it; ``None``: one begins."""
        claims = _SessionClaims(
            **self._common(now, lifetime, stamp),
            aud="aigw-dashboard",
            sub=subject,
            auth_time=int(now) if after is None else after.began,
            sid=self._new_id() if after is None else after.family,
        )
        return self._sign(claims)

    def read(self, text: str, now: float) -> Session:
        """The session that a token proves.

        Raises:
            BadToken: it proves none.
        """
        claims, key = self._read(text, _SessionClaims, now)
        return Session(
            claims.sub,
            claims.jti,
            claims.sid,
            claims.iat,
            claims.exp,
            claims.auth_time,
            claims.stamp,
            key,
        )

    def holds(self, session: Session) -> bool:
        """Whether the secret that signed a session that was read is still in force."""
        return session.key in self._keys

    def csrf(self, session: Session) -> str:
        """What a page sends beside the cookie with each change, to show that it could
        read an answer of ours. Of the whole family: when one page has the cookie renewed,
        the others still hold what goes with it."""
        return _csrf(self._secrets[0], session)

    def is_csrf(self, text: str, session: Session) -> bool:
        """Whether ``text`` is that, under either secret; takes the same time for all."""
        given = text.encode("utf-8", "surrogatepass")
        found = [
            hmac.compare_digest(_csrf(secret, session).encode(), given) for secret in self._secrets
        ]
        return any(found)

    # --- tickets and links ---------------------------------------------------

    def ticket(self, session: Session, now: float) -> str:
        """Good for ``TICKET_LIFETIME`` seconds, and no longer than the session."""
        lifetime = min(TICKET_LIFETIME, session.expires - int(now))
        claims = _TicketClaims(
            **self._common(now, lifetime, session.stamp),
            aud="aigw-dashboard-ticket",
            sub=session.subject,
            auth_time=session.began,
            sid=session.family,
            session_jti=session.id,
            session_key=session.key,
            session_iat=session.issued,
            session_exp=session.expires,
        )
        return self._sign(claims)

    def read_ticket(self, text: str, now: float) -> Ticket:
        """Raises ``BadToken``."""
        claims, _ = self._read(text, _TicketClaims, now)
        session = Session(
            claims.sub,
            claims.session_jti,
            claims.sid,
            claims.session_iat,
            claims.session_exp,
            claims.auth_time,
            claims.stamp,
            claims.session_key,
        )
        return Ticket(claims.jti, claims.exp, session)

    def link(self, now: float, *, stamp: str) -> str:
        """Good for ``LINK_LIFETIME`` seconds."""
        claims = _LinkClaims(**self._common(now, LINK_LIFETIME, stamp), aud="aigw-dashboard-link")
        return self._sign(claims)

    def read_link(self, text: str, now: float) -> Link:
        """Raises ``BadToken``."""
        claims, _ = self._read(text, _LinkClaims, now)
        return Link(claims.jti, claims.exp, claims.stamp)

    # --- all of them ---------------------------------------------------------

    def _common(self, now: float, lifetime: float, stamp: str) -> dict[str, Any]:
        issued = int(now)
        return {
            "iss": "aigw",
            "iat": issued,
            "exp": issued + int(lifetime),
            "jti": self._new_id(),
            "stamp": stamp,
        }

    def _sign(self, claims: _Claims) -> str:
        content = msgspec.json.encode(claims)
        return _SIGNATURES.encode(content, self._secrets[0], algorithm=_ALGORITHM)

    def _read(self, text: str, kind: type[_ClaimsType], now: float) -> tuple[_ClaimsType, str]:
        """The claims, and which secret signed them. Raises ``BadToken``."""
        if not text:
            raise BadToken("missing_token")
        sound = len(text) <= MAX_TOKEN and _FORM.fullmatch(text) is not None
        if not sound or not text.startswith(f"{_HEADER}."):
            raise BadToken("invalid_token")
        content, key = self._content(text)
        try:
            claims = msgspec.json.decode(content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise BadToken("invalid_token") from None
        if claims.iat > now + SKEW or claims.exp <= claims.iat:
            raise BadToken("invalid_token")
        if claims.exp <= now:
            raise BadToken("token_expired")
        return claims, key

    def _content(self, text: str) -> tuple[bytes, str]:
        """What is signed, and which secret did. Raises ``BadToken``."""
        for secret, key in zip(self._secrets, self._keys, strict=True):
            with suppress(PyJWTError):
                return _SIGNATURES.decode(text, secret, algorithms=[_ALGORITHM]), key
        raise BadToken("invalid_token")


def stamp_of(username: str, password_hash: str) -> str:
    """Stands in sessions for the name and password in force: others end them."""
    digest = hashlib.sha256(msgspec.json.encode((username, password_hash))).digest()
    return urlsafe_b64encode(digest[:12]).decode()


def _csrf(secret: bytes, session: Session) -> str:
    return _derived(secret, b"csrf", session.family.encode())


def _derived(secret: bytes, purpose: bytes, of: bytes = b"") -> str:
    # No token's signature: what those sign begins with base64.
    digest = hmac.digest(secret, b"aigw " + purpose + b"\0" + of, "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
