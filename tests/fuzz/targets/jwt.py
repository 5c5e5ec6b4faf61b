"""What a browser or a script shows as its token; and claims that we have signed."""

from __future__ import annotations

from collections.abc import Callable

from jwt.api_jws import PyJWS

from aigw_asgi.dashboard.tokens import SKEW, BadToken, Session, Tokens
from tests.laws import hold

SECRET = b"fuzz" * 8
NOW = 1_800_000_000.0
_ISSUED = Tokens(SECRET, new_id=lambda: "A" * 22)
SESSION = _ISSUED.issue("admin", NOW, lifetime=900, stamp="s")
TICKET = _ISSUED.ticket(_ISSUED.read(SESSION, NOW), NOW)
LINK = _ISSUED.link(NOW, stamp="s")
_ALL = (SESSION, TICKET, LINK)


def check(data: bytes) -> None:
    """What we have not signed proves nothing. What we have signed proves what it says or
    nothing: one kind of token is never taken for another, and none outlives its end."""
    text = data.decode("latin-1")
    for number, reader in enumerate(_readers(_ISSUED)):
        found = _read(reader, text)
        hold(found is None or text == _ALL[number], f"{text!r} proves {found}")
    signed = PyJWS().encode(data, SECRET, algorithm="HS256")
    proved = [_read(reader, signed) for reader in _readers(_ISSUED)]
    hold(sum(each is not None for each in proved) <= 1, f"{data!r} proves {proved}")
    session = proved[0]
    if isinstance(session, Session):
        hold(session.issued <= NOW + SKEW and session.expires > NOW, f"not now: {session}")
        hold(b'"aigw-dashboard"' in data or b"\\u" in data, f"of somebody else: {data!r}")
        hold(not _ISSUED.is_csrf(text, session), "anything goes for a check")


def _readers(tokens: Tokens) -> list[Callable[[str, float], object]]:
    return [tokens.read, tokens.read_ticket, tokens.read_link]


def _read(read: Callable[[str, float], object], text: str) -> object | None:
    try:
        return read(text, NOW)
    except BadToken as exc:
        hold(exc.reason in ("missing_token", "token_expired", "invalid_token"), exc.reason)
        return None
