"""Who is signed in to the dashboard of this process, and how one gets to be.

A session begins with a password or with a link that can be used once. Its token comes
back in a cookie (browsers), where each change needs a header that another site's page
cannot know, or as a bearer token (programs). It is renewed while it is good, up to an
absolute limit; the tokens of one sign-in are a family, which signing out ends for all
processes. Another password, name or secret in the configuration ends all sessions at once,
since each token is held against what is in force when it is shown.

A token that was renewed is good for another ``GRACE``: requests that were under way with
it, and other pages that were about to renew it, must not find themselves signed out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from math import ceil
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from aigw_asgi.dashboard.denied import Denied as Denied
from aigw_asgi.dashboard.sign_in import Passwords, SignIn
from aigw_asgi.dashboard.tokens import BadToken, Session, Tokens, stamp_of
from aigw_asgi.stores.shared_state import TOLD
from aigw_core.config.snapshot import DashboardAccess

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState

COOKIE = "aigw_session"
CSRF_HEADER = "x-csrf-token"

GRACE = 60.0
"""Seconds that a token is still good for when it has been renewed."""

_SAFE = ("GET", "HEAD")

_OFF = "the dashboard is off; dashboard.enabled: true in the configuration turns it on"

_WHY = {
    "missing_token": "sign in first",
    "token_expired": "the session is over; sign in again",
    "invalid_token": "this session does not count here, or not any more; sign in again",
}


class SignedIn(Struct, frozen=True):
    """A session, and what its holder is given."""

    session: Session
    token: str
    csrf_token: str
    expires_in: int
    """Seconds."""

    def cookie(self, *, secure: bool) -> str:
        """What ``set-cookie`` says; ``secure``: for HTTPS only."""
        return _cookie(self.token, self.expires_in, secure=secure)


class Sessions:
    """Those of one process; what must be known to all processes goes by its ``Sharing``."""

    def __init__(
        self,
        state: GatewayState,
        *,
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``state`` is that of the process, whose snapshot is always the one in force.
        ``clock`` gives Unix seconds."""
        self._state = state
        self._clock = clock
        self._sign_in = SignIn(state.sharing, passwords=passwords, clock=clock)
        self._force = _Force(None, None, "")

    def __repr__(self) -> str:
        return f"<Sessions {self._force.tokens!r}>"

    # --- begin and end -------------------------------------------------------

    async def sign_in(self, username: str, password: str, address: str) -> SignedIn:
        """Begin a session by password; ``address`` is the client's, empty if unknown.

        Raises:
            Denied: 401 ``invalid_credentials``, 403 ``no_password``, 429
                ``too_many_attempts`` or ``busy``, 404.
        """
        access = self._access
        if access.password_hash is None:
            raise Denied(
                403,
                "no_password",
                "no password is set: open the link that aigw run prints, or put what aigw"
                " hash-password makes into dashboard.password-hash",
                password_set=False,
            )
        known = access.username, access.password_hash.reveal()
        await self._sign_in.check((username, password), known, address=address)
        # By what is in force now: a password that was changed meanwhile counts no more.
        if self._access != access:
            raise self._denied("invalid_token")
        return self._issue(access.username)

    def new_link(self) -> str:
        """A token that signs in once.

        Raises:
            Denied: others than this machine can reach the listener (403); 404.
        """
        self._check_local(peer=True)
        return self._tokens.link(self._clock(), stamp=self._stamp)

    async def sign_in_by_link(self, token: str, *, loopback: bool) -> SignedIn:
        """Begin a session by a link; ``loopback``: the client is on this machine.

        Raises:
            Denied: it is good no more, or none (401); or not from there (403); 404.
        """
        self._check_local(peer=loopback)
        try:
            link = self._tokens.read_link(token, self._clock())
        except BadToken:
            link = None
        if link is None or link.stamp != self._stamp:
            raise self._refused_link("invalid_link", "does not count here, or not any more")
        if not await self._state.sharing.mark(f"link:{link.id}", link.expires):
            raise self._refused_link("used_link", "was used already")
        return self._issue(self._access.username)

    async def refresh(self, session: Session) -> SignedIn:
        """Go on with another token; the one of ``session`` is good for ``GRACE`` more.

        Raises:
            Denied: the session has reached its limit (401).
        """
        signed_in = self._issue(session.subject, after=session)
        now = self._clock()
        if now + GRACE < session.expires:
            with anyio.CancelScope(shield=True):
                # In this order, so that nobody ever sees the second without the first.
                await self._state.sharing.mark(_grace(session), now + GRACE)
                await self._state.sharing.mark(_replaced(session), session.expires)
        return signed_in

    async def sign_out(self, session: Session) -> None:
        """End all tokens of the sign-in that ``session`` goes back to, everywhere."""
        access, now = self._access, self._clock()
        until = max(session.expires, now + access.session, session.began + access.session_limit)
        with anyio.CancelScope(shield=True):
            await self._state.sharing.mark(_ended(session), until)

    # --- each request --------------------------------------------------------

    def authenticate(
        self, headers: Mapping[str, str], parameters: Mapping[str, str], *, method: str
    ) -> Session:
        """The session that a request shows. Names of ``headers`` are lower-case, what came
        twice joined by a comma; ``parameters`` are those of the query.

        Raises:
            Denied: 401, 403 ``csrf_failed``, or 400 where it cannot be meant.
        """
        if "token" in parameters:
            raise Denied(
                400, "token_in_url", "tokens are not taken from URLs, which are kept in many places"
            )
        bearer, cookie = _bearer(headers), self._cookie_of(headers)
        if bearer and cookie and bearer != cookie:
            raise Denied(
                400, "two_sessions", "the cookie and the authorization header differ; send one"
            )
        session = self.read(bearer or cookie)
        # A page of another site can make browsers send cookies, and no such header.
        if not bearer and method not in _SAFE:
            given = headers.get(CSRF_HEADER, "")
            if not self._tokens.is_csrf(given, session):
                raise Denied(
                    403, "csrf_failed", f"a change by cookie needs {CSRF_HEADER}, see auth/session"
                )
        return session

    def read(self, token: str) -> Session:
        """The session that ``token`` proves.

        Raises:
            Denied: it proves none (401); 404.
        """
        try:
            session = self._tokens.read(token, self._clock())
        except BadToken as exc:
            raise self._denied(exc.reason) from None
        marked = self._state.sharing.marked
        if marked(_replaced(session)) and not marked(_grace(session)):
            raise self._denied("invalid_token")
        if not self.alive(session):
            raise self._denied("invalid_token")
        return session

    def alive(self, session: Session) -> bool:
        """Whether a session that was proved still goes on, until its token's end; that the
        token was renewed does not matter. Costs 2 us."""
        access, now = self._state.snapshot.dashboard, self._clock()
        return (
            access is not None
            and now < session.expires
            and now < session.began + access.session_limit
            and session.stamp == self._stamp
            and self._tokens.holds(session)
            and not self._state.sharing.marked(_ended(session))
        )

    def csrf_token(self, session: Session) -> str:
        """What goes with the cookie of ``session`` when something is changed."""
        return self._tokens.csrf(session)

    def expires_in(self, session: Session) -> int:
        """Seconds, rounded up."""
        return max(0, ceil(session.expires - self._clock()))

    @property
    def password_set(self) -> bool:
        """One can sign in by password."""
        access = self._state.snapshot.dashboard
        return access is not None and access.password_hash is not None

    # --- tickets -------------------------------------------------------------

    def ticket(self, session: Session) -> str:
        """Opens one WebSocket, soon."""
        return self._tokens.ticket(session, self._clock())

    async def open_ticket(self, text: str) -> Session:
        """The session of a ticket, which is used up by it.

        Raises:
            Denied: it is good no more, or none (401); 404.
        """
        try:
            ticket = self._tokens.read_ticket(text, self._clock())
        except BadToken as exc:
            raise self._denied(exc.reason) from None
        fresh = await self._state.sharing.mark(f"ticket:{ticket.id}", ticket.expires)
        if not fresh or not self.alive(ticket.session):
            raise self._denied("invalid_token")
        return ticket.session

    # --- what is in force ----------------------------------------------------

    @property
    def _access(self) -> DashboardAccess:
        """Raises ``Denied``."""
        access = self._state.snapshot.dashboard
        if access is None:
            raise Denied(404, "not_found", _OFF)
        return access

    @property
    def _tokens(self) -> Tokens:
        """Raises ``Denied``."""
        access = self._access
        if self._force.access is not access or self._force.tokens is None:
            self._force = _Force(access, tokens_for(access, self._state.own_session_key), "")
            self._force.stamp = _stamp(access)
        assert self._force.tokens is not None
        return self._force.tokens

    @property
    def _stamp(self) -> str:
        """Raises ``Denied``."""
        assert self._tokens is not None
        return self._force.stamp

    def _issue(self, subject: str, *, after: Session | None = None) -> SignedIn:
        access, now = self._access, self._clock()
        lifetime = access.session
        if after is not None:
            lifetime = min(lifetime, after.began + access.session_limit - int(now))
            if lifetime < 1:
                raise Denied(
                    401,
                    "session_limit",
                    f"the session has lasted {access.session_limit / 3600:.0f} hours, which is the"
                    " limit (dashboard.session-limit-hours); sign in again",
                    password_set=self.password_set,
                )
        else:
            lifetime = min(lifetime, access.session_limit)
        token = self._tokens.issue(subject, now, lifetime=lifetime, stamp=self._stamp, after=after)
        session = self._tokens.read(token, now)
        return SignedIn(session, token, self.csrf_token(session), self.expires_in(session))

    def _denied(self, reason: str) -> Denied:
        return Denied(401, reason, _WHY[reason], password_set=self.password_set)

    def _refused_link(self, error: str, why: str) -> Denied:
        message = f"this link {why}; aigw run prints another one when it starts"
        return Denied(401, error, message, password_set=self.password_set)

    def _check_local(self, *, peer: bool) -> None:
        """Raises ``Denied``."""
        access, settings = self._access, self._state.settings
        local = not self._state.snapshot.from_file if settings is None else settings.loopback_only
        assert access is not None
        if not (local and peer):
            raise Denied(
                403,
                "not_here",
                "a link signs in from the machine that the gateway runs on, and only where it"
                " listens to that machine alone",
                password_set=self.password_set,
            )

    def _cookie_of(self, headers: Mapping[str, str]) -> str:
        """The token in the cookie, empty without one. Raises ``Denied``."""
        found = {
            value
            for name, equals, value in (
                part.strip().partition("=") for part in _COOKIES.split(headers.get("cookie", ""))
            )
            if equals and name == COOKIE and value
        }
        if len(found) > 1:
            raise Denied(400, "two_sessions", f"there are several cookies {COOKIE}; send one")
        return found.pop() if found else ""


class _Force(Struct):
    """What follows from one configuration."""

    access: DashboardAccess | None
    tokens: Tokens | None
    stamp: str


def tokens_for(access: DashboardAccess, own_key: Callable[[], bytes]) -> Tokens:
    """Under the secrets that the configuration names, else under the gateway's own."""
    secret, previous = access.jwt_secret, access.previous_jwt_secret
    return Tokens(
        own_key() if secret is None else secret.reveal().encode("utf-8", "surrogatepass"),
        None if previous is None else previous.reveal().encode("utf-8", "surrogatepass"),
    )


def link_for(access: DashboardAccess, own_key: Callable[[], bytes], now: float) -> str:
    """A token that signs in once, for a process that is not the one to sign in to."""
    return tokens_for(access, own_key).link(now, stamp=_stamp(access))


def no_cookie(*, secure: bool) -> str:
    """What ``set-cookie`` says to have it forgotten."""
    return _cookie("", 0, secure=secure)


def _cookie(value: str, seconds: int, *, secure: bool) -> str:
    text = f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"
    return f"{text}; Secure" if secure else text


_COOKIES = re.compile(r"[;,]")  # a comma where the header came twice; none is in a value


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _stamp(access: DashboardAccess) -> str:
    hash = access.password_hash
    return stamp_of(access.username, "" if hash is None else hash.reveal())


def _ended(session: Session) -> str:
    return f"{TOLD}all:{session.family}"


def _replaced(session: Session) -> str:
    return f"{TOLD}one:{session.id}"


def _grace(session: Session) -> str:
    return f"{TOLD}not-yet:{session.id}"
