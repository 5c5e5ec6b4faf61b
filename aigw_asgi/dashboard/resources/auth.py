"""``auth`` and ``ws-ticket``: beginning, going on with and ending a session."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aigw_asgi.dashboard.denied import Denied
from aigw_asgi.dashboard.operation import Answer, Body, Call, Operation, Shape
from aigw_asgi.dashboard.sessions import SignedIn, no_cookie
from aigw_asgi.dashboard.tokens import TICKET_LIFETIME, Session


class Login(Body, frozen=True, kw_only=True):
    username: Annotated[str, Meta(max_length=256)]
    password: Annotated[str, Meta(max_length=4096)]


class LinkLogin(Body, frozen=True, kw_only=True):
    token: Annotated[str, Meta(min_length=1, max_length=4096)]
    """What follows ``#link=`` in the address that ``aigw run`` prints."""


class Token(Shape, frozen=True, kw_only=True):
    """A session; browsers have it in a cookie as well."""

    token: str
    expires_in: int
    """Seconds."""
    csrf_token: str
    """Goes with each change that is asked for by cookie, as ``x-csrf-token``."""
    token_type: str = "Bearer"


class Who(Shape, frozen=True, kw_only=True):
    """Who is signed in."""

    authenticated: bool
    username: str
    expires_in: int
    """Seconds."""
    csrf_token: str
    password_set: bool
    """One can sign in by password."""


class Ticket(Shape, frozen=True, kw_only=True):
    ticket: str
    expires_in: int
    """Seconds."""


def _begun(call: Call, signed_in: SignedIn) -> Answer:
    token = Token(
        token=signed_in.token, expires_in=signed_in.expires_in, csrf_token=signed_in.csrf_token
    )
    return Answer(token, {"set-cookie": signed_in.cookie(secure=call.secure)})


async def _login(call: Call) -> Answer:
    body: Login = call.body
    sessions = call.dashboard.sessions
    try:
        signed_in = await sessions.sign_in(body.username, body.password, call.address)
    except Denied as exc:
        await _tell_refused(call, "password", exc)
        raise
    await _tell(call, "session.begin", body.username, "by password")
    return _begun(call, signed_in)


async def _link(call: Call) -> Answer:
    body: LinkLogin = call.body
    sessions = call.dashboard.sessions
    try:
        signed_in = await sessions.sign_in_by_link(body.token, loopback=call.came.loopback)
    except Denied as exc:
        await _tell_refused(call, "link", exc)
        raise
    access = call.state.snapshot.dashboard
    await _tell(call, "session.begin", "" if access is None else access.username, "by link")
    return _begun(call, signed_in)


async def _refresh(call: Call) -> Answer:
    return _begun(call, await call.dashboard.sessions.refresh(_session(call)))


async def _logout(call: Call) -> Answer:
    await call.dashboard.sessions.sign_out(_session(call))
    await _tell(call, "session.end", call.who, "all of its tokens")
    return Answer(None, {"set-cookie": no_cookie(secure=call.secure)})


async def _who(call: Call) -> Who:
    sessions, session = call.dashboard.sessions, _session(call)
    return Who(
        authenticated=True,
        username=session.subject,
        expires_in=sessions.expires_in(session),
        csrf_token=sessions.csrf_token(session),
        password_set=sessions.password_set,
    )


async def _ticket(call: Call) -> Ticket:
    ticket = call.dashboard.sessions.ticket(_session(call))
    return Ticket(ticket=ticket, expires_in=TICKET_LIFETIME)


async def _tell_refused(call: Call, way: str, denied: Denied) -> None:
    # Whoever is locked out may go on asking: that would wash the rest out of the trail. What
    # was typed as a name is not kept, since it may be the password.
    if denied.status == 401:
        await _tell(call, "session.refused", "", f"by {way}: {denied.error}")


async def _tell(call: Call, action: str, who: str, how: str) -> None:
    await call.dashboard.audit.tell(
        action, who=who, address=call.address, target=how, request_id=call.request_id
    )


def _session(call: Call) -> Session:
    assert call.session is not None  # none of these is public
    return call.session


OPERATIONS = (
    Operation(
        method="POST",
        path="/auth/login",
        id="login",
        summary="Sign in by password",
        handler=_login,
        body=Login,
        answer=Token,
        public=True,
        problems=(401, 403),
    ),
    Operation(
        method="POST",
        path="/auth/link",
        id="loginByLink",
        summary="Sign in by the link that aigw run prints",
        handler=_link,
        body=LinkLogin,
        answer=Token,
        public=True,
        problems=(401, 403),
    ),
    Operation(
        method="POST",
        path="/auth/refresh",
        id="refresh",
        summary="Go on with a new token",
        handler=_refresh,
        answer=Token,
    ),
    Operation(
        method="POST",
        path="/auth/logout",
        id="logout",
        summary="End the session, everywhere",
        handler=_logout,
        status=204,
    ),
    Operation(
        method="GET",
        path="/auth/session",
        id="session",
        summary="Who is signed in",
        handler=_who,
        answer=Who,
    ),
    Operation(
        method="POST",
        path="/ws-ticket",
        id="wsTicket",
        summary="A ticket that opens one WebSocket, soon",
        handler=_ticket,
        answer=Ticket,
    ),
)
