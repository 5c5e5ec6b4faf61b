"""What the dashboard's API can be asked: the shape of an operation.

The resources list theirs (``OPERATIONS``); routing, decoding, authentication and the API
description all go by those lists and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from aigw_core.errors import STATUS

if TYPE_CHECKING:
    from aigw_asgi.dashboard.service import Dashboard
    from aigw_asgi.dashboard.tokens import Session
    from aigw_asgi.driver import ReceiveMessage, SendMessage
    from aigw_asgi.http import HttpRequest
    from aigw_asgi.state import GatewayState
    from aigw_core.forwarding import Origin

PREFIX = "/api/dashboard"

RELAYED = {*STATUS.values(), 529}
"""Statuses that failures have towards clients of wire formats."""


class Shape(Struct, frozen=True, kw_only=True):
    """Base of what answers are made of; theirs repeat ``frozen`` and ``kw_only``, for checkers
    of types."""


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a request may have as its body or its query.

    In changes, what is absent stays and ``null`` goes back to the default (RFC 7396): such
    fields are ``UNSET`` unless given.
    """


class Call(Struct, frozen=True):
    """One request, admitted and decoded."""

    dashboard: Dashboard
    state: GatewayState
    """As this request sees it."""
    request: HttpRequest
    request_id: str
    names: Mapping[str, str]
    """What the path names, decoded."""
    session: Session | None
    """``None`` where anybody may ask."""
    came: Origin
    """Where it comes from, as far as proxies are trusted."""
    query: Any = None
    """Of the operation's type, as is the next."""
    body: Any = None

    @property
    def who(self) -> str:
        """The operator, for records."""
        return "" if self.session is None else self.session.subject

    @property
    def address(self) -> str:
        """The client's; empty: unknown."""
        return self.came.address or ""

    @property
    def secure(self) -> bool:
        """The client uses HTTPS."""
        return (self.came.scheme or self.request.scheme) == "https"

    @property
    def expected_version(self) -> str | None:
        """Of the configuration that a change was thought out for (``If-Match``)."""
        given = self.request.headers.get("if-match", "").strip()
        return None if given in ("", "*") else given.removeprefix("W/").strip('"')


class Answer(Struct, frozen=True):
    """An answer that is not just its document."""

    body: Any = None
    """A Struct, bytes as they are, or pieces of bytes as they come."""
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"
    status: int | None = None
    """Where it is not that of the operation."""


Handler = Callable[[Call], Awaitable[Any]]
"""Gives an ``Answer``, a ``Relayed`` one, or the document of an ordinary one. Raises
``ApiError``."""

Pieces = AsyncIterator[bytes]

Respond = Callable[["ReceiveMessage", "SendMessage"], Awaitable[int]]
"""Sends all of a response, with whatever status; gives that."""


class Relayed(Struct, frozen=True):
    """An answer that is not the API's own: it goes over the wire as whoever makes it says, and
    they see when the browser leaves."""

    respond: Respond


class Link(Struct, frozen=True):
    """What may be asked next about that which an answer tells of."""

    operation: str
    parameter: str = "id"
    pointer: str = "/id"
    """Where the answer has it."""


class Operation(Struct, frozen=True, kw_only=True):
    """A method on a path."""

    method: str
    path: str
    """Below ``PREFIX``, with ``{names}``."""
    id: str
    summary: str
    handler: Handler
    answer: Any = None
    """The type of its document; ``None``: there is none (204)."""
    status: int = 200
    query: Any = None
    body: Any = None
    body_required: bool = True
    body_limit: int = 2 << 20
    """Bytes. Usually enough for a configuration text of 1 MiB, escaped as JSON."""
    problems: tuple[int, ...] = ()
    """Statuses of failure beside those that follow from the rest."""
    public: bool = False
    """Needs no session."""
    versioned: bool = False
    """Changes the configuration: takes ``If-Match``, conflicts, is recorded, and with
    ``dry_run`` only says what would be changed (200, a ``Preview``)."""
    content_types: tuple[str, ...] = ("application/json",)
    """Of the answer."""
    links: tuple[Link, ...] = ()
    relays: bool = False
    """Its failures may be those of a wire format, as its clients get them."""

    @property
    def resource(self) -> str:
        """What the description groups by."""
        return self.path.split("/")[1]

    @property
    def names(self) -> tuple[str, ...]:
        """What the path names."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def statuses(self) -> tuple[int, ...]:
        """All failures that can be met."""
        # 404 of any of them: the dashboard has been switched off.
        found = {*self.problems, 400, 404, 429, 500}
        if not self.public:
            found |= {401, 403}
        if self.query is not None or self.body is not None:
            found.add(422)
        if self.body is not None:
            found |= {413, 415}
        if self.relays:
            found |= RELAYED
        if self.versioned:
            found |= {409, 422, 503, 507}
        return tuple(sorted(found))
