"""The request log: what became of each request, for as long as the operator wants.

Here is what callers see: the protocol, what goes in and what comes out. Whoever serves a
request calls ``append`` and goes on; whoever asks, waits.

An entry has names, numbers and times of a request. It has no prompt, no answer and no
secret, nor the text of a failure, in which an upstream may quote any of them. Bodies are
kept apart from entries, as captures, and only where ``capture`` of the configuration asks
for it; secrets are out of those already (:mod:`aigw_core.capture`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from aigw_core.capture import Capture
from aigw_core.chat import Format
from aigw_core.errors import Failure
from aigw_core.ledger import LedgerEntry
from aigw_core.mutation import Mutation
from aigw_core.record import ExchangeRecord
from aigw_core.routing.target import Rejection

MAX_PAGE = 1000
"""Entries of one page."""

MAX_POINTS = 2000
"""Of one series."""


class LogUnavailable(Exception):
    """The log cannot be read now; its text says why, without a secret."""


# --- what goes in ------------------------------------------------------------


class TurnedAway(Struct, frozen=True):
    """A request that never became an exchange."""

    request_id: str
    format: Format
    """Of the error that its client got."""
    method: str
    status: int
    seconds: float
    failure: Failure
    model: str = ""
    """The one that was asked for, where that was read."""
    key: str = ""
    """The client key's name, as above."""


# --- what comes out ----------------------------------------------------------


class Entry(Struct, frozen=True, kw_only=True):
    """One request. Token counts are ``None`` when unknown."""

    seq: int
    """Counted up from 1; newer ones are higher. The cursor of pages."""
    timestamp: int
    """When it ended, in Unix milliseconds."""
    request_id: str
    """The client may have chosen it: not always unique."""
    endpoint: str
    """``inference``, ``count``, ``compact`` or ``refused``: turned away."""
    method: str
    path: str
    """Without its query."""
    format: str
    """The client's."""
    stream: bool
    status: int
    """What the client got; 499 when it left."""
    failed: bool
    """It failed, for a stream also after a status of 200. A client that left is no
    failure."""
    client_left: bool
    error: str | None
    """An :class:`~aigw_core.errors.ErrorKind`."""
    error_code: str | None
    stop: str | None
    model: str | None
    """The one that was asked for."""
    served_model: str | None
    """The upstream's name of the one that was tried last; as are the next three."""
    provider: str | None
    credential: str | None
    upstream_format: str | None
    relayed: bool
    key: str | None
    """The client key's name."""
    attempts: int
    latency_ms: float
    first_content_ms: float | None
    overhead_ms: float | None
    """Until it was on its way to a target."""
    input_tokens: int | None
    """All of the prompt, with those read from and written to a cache."""
    output_tokens: int | None
    """All that was generated, with reasoning."""
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    usage_estimated: bool
    cost: Decimal | None
    """USD; ``None``: unknown."""
    bytes_out: int
    config: str
    """The configuration that it was served by."""


class Attempted(Struct, frozen=True):
    """One upstream call."""

    provider: str
    credential: str
    model: str
    status: int | None
    error: str | None
    error_code: str | None
    seconds: float
    mutations: tuple[Mutation, ...] = ()


class Candidate(Struct, frozen=True, gc=False):
    credential: str
    model: str


class Detail(Struct, frozen=True, omit_defaults=True):
    """What is not ordinary about a request."""

    attempts: tuple[Attempted, ...] = ()
    """Empty: there was one, as the entry has it."""
    ledger: tuple[LedgerEntry, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """In the order to try. Empty: there was one, as the entry has it."""
    rejections: tuple[Rejection, ...] = ()
    """But for those that do not have the model at all."""
    upstream_status: int | None = None
    retry_after: float | None = None
    breach: str | None = None
    """The stream broke the rules of its format: in what."""


class EntryDetail(Struct, frozen=True):
    entry: Entry
    detail: Detail
    captured: bool
    """Its bodies can be had by ``capture``."""


class Query(Struct, frozen=True, kw_only=True):
    """Which entries are meant: all that is said must hold. Texts may have ``*`` in them."""

    since: int | None = None
    """Unix milliseconds, inclusive."""
    until: int | None = None
    """Unix milliseconds, inclusive."""
    model: str | None = None
    served_model: str | None = None
    provider: str | None = None
    credential: str | None = None
    key: str | None = None
    format: str | None = None
    upstream_format: str | None = None
    endpoint: str | None = None
    error: str | None = None
    status: int | None = None
    status_class: int | None = None
    """2 for 2xx and so on."""
    stream: bool | None = None
    failed: bool | None = None
    min_latency_ms: float | None = None
    min_first_content_ms: float | None = None
    """Requests without content do not reach it."""
    min_cost: Decimal | None = None
    """USD. Requests of unknown cost do not reach it."""
    attempts_over: int | None = None
    """1: those that were tried again, at the same or another target."""
    text: str = ""
    """Beginnings of words, all of them in the names of a request, its path, its error; or
    the beginning of its identifier."""


class Page(Struct, frozen=True):
    entries: tuple[Entry, ...]
    """The newest first."""
    before: int | None
    """The cursor of the next page; ``None``: this is the last."""
    total: int | None
    """How many there are in all, whatever the cursor; only where an offset was given."""
    after: int | None = None
    """The cursor of the next page upwards; ``None``: this was the first a moment ago."""
    exact: bool = True
    """``total`` is all of them; ``False``: there may be more, which were not counted."""


class Point(Struct, frozen=True, kw_only=True):
    """What happened in one stretch of time. Percentiles are of a histogram with buckets a
    fifth wide; ``None`` where nothing was measured."""

    at: int
    """Where it begins, in Unix milliseconds."""
    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    """Of those with a known price, in USD."""
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    first_content_p50_ms: float | None
    first_content_p95_ms: float | None


class Share(Struct, frozen=True):
    """The part of one name in a whole."""

    name: str
    requests: int
    failed: int
    tokens: int
    cost: Decimal


class Stats(Struct, frozen=True):
    whole: Point
    series: tuple[Point, ...]
    """By time, without those in which nothing happened."""
    models: tuple[Share, ...]
    """As clients asked for them. These have the largest first, at most ten."""
    providers: tuple[Share, ...]
    credentials: tuple[Share, ...]
    keys: tuple[Share, ...]
    errors: tuple[Share, ...]
    statuses: tuple[Share, ...]
    """By class: ``2xx``."""


class Group(Struct, frozen=True):
    """What happened under one name, or under several together."""

    names: tuple[str, ...]
    """One for each of that by which there are groups; empty: of all others."""
    whole: Point
    series: tuple[Point, ...]
    """By time, without those in which nothing happened."""
    newest: int | None = None
    """When the last of it was, in Unix milliseconds, where that is known."""


class Grouped(Struct, frozen=True):
    step: int
    """Seconds of a stretch of the series."""
    groups: tuple[Group, ...]
    """Those with the most requests first."""
    other: Group | None
    """The rest, where there is one."""


class Known(Struct, frozen=True, gc=False):
    """A name that is in the log."""

    name: str
    last: int | None
    """When it was used last, in Unix milliseconds."""


class Names(Struct, frozen=True):
    """By kind, in the order of the alphabet; of very many those that were used last."""

    models: tuple[Known, ...]
    served_models: tuple[Known, ...]
    providers: tuple[Known, ...]
    credentials: tuple[Known, ...]
    keys: tuple[Known, ...]
    errors: tuple[Known, ...]
    formats: tuple[Known, ...]
    upstream_formats: tuple[Known, ...]
    endpoints: tuple[Known, ...]


class Extent(Struct, frozen=True, gc=False):
    """From where to where the log goes."""

    newest: int
    """The number that was given out last; 0: there never was one."""
    oldest: int | None
    """That of the oldest entry there is."""
    since: int | None
    """When that one ended, in Unix milliseconds."""


class KeyUsage(Struct, frozen=True):
    """What one client key used on one day (UTC)."""

    day: str
    """As ``2026-11-23``."""
    key: str
    """Its name; empty: no key was needed."""
    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    unpriced: int
    """Requests that used tokens of a model without a price."""


class RequestLog(Protocol):
    """Where finished requests are kept."""

    @property
    def dropped(self) -> int:
        """Entries and captures that were not kept, since this process began."""

    def append(self, record: ExchangeRecord | TurnedAway, path: str) -> None:
        """Keep what became of a request that ended now. Never waits, never raises: what
        there is no room for is dropped and counted. ``path`` is without its query."""

    def keep(self, capture: Capture, retention: float) -> None:
        """Keep the bodies of a request for so many seconds, as ``append`` does."""

    async def page(
        self,
        query: Query,
        *,
        limit: int = 50,
        before: int | None = None,
        after: int | None = None,
        offset: int | None = None,
    ) -> Page:
        """Entries, the newest first: those below the cursor ``before``, which stay what
        they are while others are added; or, with ``offset``, so many further on, and how
        many there are. With ``after`` alone it is those next above that cursor; with both
        cursors those between them, from the newest on.

        This and the following raise ``LogUnavailable``.
        """

    async def after(self, seq: int, limit: int = MAX_PAGE) -> Sequence[Entry]:
        """The next above that number, the oldest first. Cheap: to be asked often."""

    async def newest(self) -> int:
        """The number of the newest; 0: there is none. As cheap."""

    async def entry(self, request_id: str) -> EntryDetail | None:
        """The newest of that identifier."""

    async def capture(self, request_id: str) -> Capture | None: ...

    async def stats(self, query: Query, step: int) -> Stats:
        """Sums in stretches of ``step`` seconds. From a minute on they begin and end at
        whole minutes; those of more than two days ago at whole hours. The text of a
        query is not looked for in identifiers here."""

    async def groups(self, query: Query, step: int, by: Sequence[str], top: int) -> Grouped:
        """Sums like those of ``stats``, of the ``top`` names apart. ``by`` has fields of a
        query, or ``status_class``, or ``outcome``: whose matter it was (``ok``, ``client``,
        ``upstream``, ``gateway``, or ``left``)."""

    async def names(self) -> Names: ...

    async def extent(self) -> Extent: ...

    def export(self, query: Query) -> AsyncIterator[Sequence[Entry]]:
        """All that are there when it begins, in blocks, the newest first."""

    async def key_usage(self, since: str, until: str) -> Sequence[KeyUsage]:
        """By day and key, both days inclusive, as ``2026-11-23``."""

    async def flush(self, limit: float) -> bool:
        """Wait until all that was appended so far is kept or given up, at most so many
        seconds; whether it is."""

    async def aclose(self) -> None:
        """Flush, within a bound, and let go."""
