"""Keeping secrets out of texts that are shown: the second net.

The first is the type :class:`~aigw_core.config.secret.Secret`, which prints as ``***``.
This one knows the values themselves, and what secrets of the trade look like, for texts
that others wrote: messages of libraries, tracebacks, what peers sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from aigw_core.config.secret import HIDDEN, Secret

MIN_LENGTH = 8
"""Characters of the shortest value that is looked for; a shorter one would hide words."""

MAX_KNOWN = 4096
"""Values looked for; more than that many reloads with new keys let the oldest go."""

_PATTERNS = re.compile(
    r"""
    (?<![A-Za-z0-9]) (?: sk | rk | pk ) - [A-Za-z0-9_-]{8,}          # keys of most vendors
    | (?<![A-Za-z0-9]) AIza [A-Za-z0-9_-]{20,}
    | (?<![A-Za-z0-9]) eyJ [A-Za-z0-9_-]{8,} (?: \. [A-Za-z0-9_-]* ){1,2}   # JSON web tokens
    | \$2[abxy]\$ \d\d \$ [./A-Za-z0-9]{53}                          # bcrypt
    | (?i: (?<= bearer\ ) | (?<= basic\ ) ) [A-Za-z0-9._~+/=-]{8,}
    | (?i: (?<= [?&]key= ) | (?<= [?&]token= ) | (?<= [?&]ticket= ) ) [^\s&"'<>]+
    | (?<= :// ) [^\s/@:"'<>]* : [^\s/@"'<>]+ (?= @ )                # user and password
    """,
    re.VERBOSE,
)

_HEADER = re.compile(
    r"""((?i:x-api-key|x-goog-api-key|proxy-authorization|authorization|cookie)"""
    r"""["']?\s*[:=,]\s*b?["']?)(?!(?i:bearer|basic)\s)([^\s"',;]+)"""
)

_MARKS = (
    *("sk-", "rk-", "pk-", "aiza", "eyj", "$2", "bearer", "basic", "key", "token", "ticket"),
    *("@", "authorization", "cookie"),
)
# Without one of these, in lower case, no pattern matches. To look for them takes a
# fiftieth of the time of the patterns: 0.6 us a line.


class Redactor:
    """Replaces secrets in texts. One for a process; any thread may use it."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._values: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._known)} values>"

    def know(self, *holders: Any) -> None:
        """Hide, from now on, every secret inside these: Structs, maps, sequences.

        What was known before stays so, since requests in flight may still use it.
        """
        known = dict(self._known)
        for holder in holders:
            for value in _values(holder):
                for form in {value, quote(value, safe=""), repr(value)[1:-1]}:
                    known.pop(form, None)
                    known[form] = None
        while len(known) > MAX_KNOWN:
            del known[next(iter(known))]
        if known.keys() != self._known.keys():
            # A longer one first: it may begin with a shorter one.
            longest_first = sorted(known, key=len, reverse=True)
            self._values = re.compile("|".join(map(re.escape, longest_first)))
        self._known = known

    def hide(self, text: str) -> str:
        """``text`` without secrets."""
        values = self._values
        if values is not None:
            text = values.sub(HIDDEN, text)
        lower = text.lower()
        if not any(mark in lower for mark in _MARKS):
            return text
        return _HEADER.sub(rf"\1{HIDDEN}", _PATTERNS.sub(HIDDEN, text))


def secrets_in(holder: Any) -> Iterator[str]:
    """The value of every :class:`Secret` inside Structs, maps and sequences."""
    if isinstance(holder, Secret):
        yield holder.reveal()
    elif isinstance(holder, Struct):
        for name in holder.__struct_fields__:
            yield from secrets_in(getattr(holder, name))
    elif isinstance(holder, Mapping):
        for value in holder.values():
            yield from secrets_in(value)
    elif isinstance(holder, tuple | list):
        for value in holder:
            yield from secrets_in(value)


def _values(holder: Any) -> Iterator[str]:
    for secret in secrets_in(holder):
        # The parts as well: the token of "Bearer TOKEN", the password of a URL.
        for part in (secret, *re.split(r"[\s:/@]+", secret)):
            if len(part) >= MIN_LENGTH:
                yield part
