"""Everything that can go wrong, as values and as exceptions.

A :class:`Failure` is a fact about one request that can be shown to a client:
streams end with one, and each codec can write one in its client's own shape.
A :class:`GatewayError` carries a failure through code that cannot go on.

Three kinds: the client's mistake (4xx), the upstream's failure (5xx), and a
bug of our own (:class:`ProtocolMisuse`, which is no ``GatewayError``: it may
crash the request that met it).
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

MAX_MESSAGE = 1024
"""Characters of an upstream's message that a client gets to see."""


class ErrorKind(StrEnum):
    """What a failure means, in words that every wire format can map."""

    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH = "context_length"
    AUTHENTICATION = "authentication"
    BILLING = "billing"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"
    UPSTREAM = "upstream"
    """The upstream failed in a way that none of the others names."""
    UPSTREAM_AUTH = "upstream_auth"
    """The upstream refused the gateway's own credential."""
    UPSTREAM_TRUNCATED = "upstream_truncated"
    """The upstream's answer ended before it was complete."""
    UPSTREAM_MALFORMED = "upstream_malformed"
    """The upstream's answer could not be understood."""


STATUS: dict[ErrorKind, int] = {
    ErrorKind.INVALID_REQUEST: 400,
    ErrorKind.CONTEXT_LENGTH: 400,
    ErrorKind.AUTHENTICATION: 401,
    ErrorKind.BILLING: 402,
    ErrorKind.PERMISSION: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.METHOD_NOT_ALLOWED: 405,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.RATE_LIMIT: 429,
    ErrorKind.INTERNAL: 500,
    ErrorKind.UNSUPPORTED: 501,
    ErrorKind.UPSTREAM: 502,
    ErrorKind.UPSTREAM_AUTH: 502,
    ErrorKind.UPSTREAM_TRUNCATED: 502,
    ErrorKind.UPSTREAM_MALFORMED: 502,
    ErrorKind.OVERLOADED: 503,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.TIMEOUT: 504,
}
"""The HTTP status a client gets for each kind. A codec may differ where its
format has a status of its own (529 of the Messages format)."""


class Failure(Struct, frozen=True, gc=False):
    """Why a request failed; in a stream, its last event."""

    kind: ErrorKind
    message: str
    """For the person who can mend it; never a secret, never a whole body."""

    status: int | None = None
    """The HTTP status the upstream answered with, for policy and the log.
    What the client gets follows from ``kind``."""

    code: str | None = None
    """A machine-readable word, as ``model_not_found``."""

    param: str | None = None
    """What part of the request is meant: a JSON pointer or a field name."""

    retry_after: float | None = None
    """Seconds from now, when the upstream named a time."""


class GatewayError(Exception):
    """A request that cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.model = ""
        """What was asked for, once that is known; for records."""
        self.key = ""
        """The name of the client's key, as above."""


class InvalidRequest(GatewayError):
    """The client's request is malformed, or asks for something impossible."""

    def __init__(
        self,
        message: str,
        *,
        pointer: str = "",
        code: str | None = None,
        kind: ErrorKind = ErrorKind.INVALID_REQUEST,
    ) -> None:
        text = f"{pointer}: {message}" if pointer else message
        super().__init__(Failure(kind, text, code=code, param=pointer or None))


class UpstreamError(GatewayError):
    """An upstream answered with an error, or with bytes that are no answer."""


class ConfigError(Exception):
    """The configuration cannot be used."""

    def __init__(
        self,
        problem: str,
        *,
        path: str = "",
        file: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.problem = problem
        self.path = path
        """Where, as in ``claude-api-key[2].base-url``."""
        self.file = file
        self.line = line
        """Counted from 1, as is ``column``; ``None`` when not from a file."""
        self.column = column
        super().__init__(str(self))

    def __str__(self) -> str:
        where = self.file
        if self.line is not None:
            where += f":{self.line}:{self.column}"
        return ": ".join(part for part in (where, self.path, self.problem) if part)


class UnknownKey(ConfigError):
    """A key that no setting has. ``path`` leads to it."""

    def __str__(self) -> str:
        # The problem names the key, and the place is shown: the path adds nothing.
        if self.line is None:
            return super().__str__()
        return f"{self.file}:{self.line}:{self.column}: {self.problem}"


class InvalidConfig(ConfigError):
    """Everything that was found wrong with one configuration, in order."""

    def __init__(self, problems: list[ConfigError]) -> None:
        self.problems = tuple(problems)
        """At least one."""
        first = problems[0]
        super().__init__(
            first.problem, path=first.path, file=first.file, line=first.line, column=first.column
        )

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class ProtocolMisuse(Exception):
    """A machine was driven against its contract: a bug in the caller."""


_UNSAFE = re.compile(
    r"(?i:https?)://\S+|(?:sk|pk|key|AIza|Bearer)[-_ ]?[A-Za-z0-9_\-*.]{12,}"
    # Controls but for tab and line end; what breaks lines, or turns them round.
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def clean_message(text: str) -> str:
    """An upstream's own words, fit to be shown to a client.

    Addresses, anything that looks like a key, and control characters are taken
    out, and the rest is cut to ``MAX_MESSAGE`` characters. A page of HTML says
    nothing to a client and becomes a generic text.
    """
    head = text[: MAX_MESSAGE * 4].strip()
    if head[:1] == "<":
        return "the upstream answered with a page instead of an error message"
    return _UNSAFE.sub("[removed]", head)[:MAX_MESSAGE]
