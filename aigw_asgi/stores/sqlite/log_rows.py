"""From what ended to what is written: rows of numbers.

All of it runs in the writer's thread, without the database: the lock on that is held
for the writing alone.
"""

from __future__ import annotations

import zlib
from decimal import Decimal

import msgspec
from msgspec import Struct

from aigw_asgi.stores.request_log import Attempted, Candidate, Detail, TurnedAway
from aigw_asgi.stores.sqlite.log_schema import PICO
from aigw_core.attempt import AttemptRecord
from aigw_core.capture import Capture
from aigw_core.errors import Failure
from aigw_core.record import ExchangeRecord

MAX_NAME = 256
"""Characters of a name or a path that a client chose."""

MAX_REJECTIONS = 16
"""Of a plan that a detail tells."""

_MAX_COUNT = 1 << 40
_MAX_COST = 1 << 50
"""Upstreams may claim any number of tokens; sums of some thousands must not overflow.
That much money is 1,125 dollars, for one request."""

_NOT_HERE = ("model_not_supported", "model_excluded")

Facet = tuple[str | int, ...]
"""As ``log_schema.FACETS``."""
Row = tuple[str | int | None, ...]
"""As ``log_schema.ROW``, without the facet."""

_encode_detail = msgspec.json.Encoder(decimal_format="string").encode
decode_detail = msgspec.json.Decoder(Detail).decode
_encode_capture = msgspec.msgpack.Encoder().encode
_decode_capture = msgspec.msgpack.Decoder(Capture).decode


class Ended(Struct, frozen=True):
    """A request that waits to be written."""

    wall: float
    """When it ended, in Unix seconds."""
    record: ExchangeRecord | TurnedAway
    path: str


class Captured(Struct, frozen=True):
    """Bodies that wait to be written."""

    capture: Capture
    until: float
    size: int


class Batch:
    """What one transaction writes."""

    def __init__(self) -> None:
        self.rows: list[tuple[Facet, Row]] = []
        self.details: list[tuple[int, bytes]] = []
        """With the place of the row."""
        self.captures: list[tuple[str, int, int, bytes]] = []

    def __len__(self) -> int:
        """Entries and captures."""
        return len(self.rows) + len(self.captures)

    def add(self, ended: Ended) -> None:
        record = ended.record
        at = int(ended.wall * 1000)
        if isinstance(record, TurnedAway):
            self.rows.append(_turned_away(record, at, ended.path))
            return
        detail = _detail(record)
        if detail is not None:
            self.details.append((len(self.rows), detail))
        self.rows.append(_exchange(record, at, ended.path))

    def add_capture(self, captured: Captured) -> None:
        data = zlib.compress(_encode_capture(captured.capture), 1)
        request_id = captured.capture.request_id
        self.captures.append((request_id, int(captured.until * 1000), len(data), data))


def decode_capture(data: bytes) -> Capture:
    return _decode_capture(zlib.decompress(data))


def _exchange(record: ExchangeRecord, at: int, path: str) -> tuple[Facet, Row]:
    attempts, failure, usage = record.attempts, record.failure, record.usage
    if attempts:
        last = attempts[-1]
        served, provider, credential = last.model, last.provider, last.credential
        upstream = ""
        for target in record.plan.targets:
            if target.credential.name == credential:
                upstream = target.credential.format._value_
                break
    else:
        served = provider = credential = upstream = ""
    # ``_value_``: the hash of a member of an enum is a function of Python, and slow.
    facet: Facet = (
        record.format._value_,
        record.endpoint,
        "POST",
        path[:MAX_NAME],
        int(record.stream),
        record.status,
        int(failure is not None and not record.client_left),
        int(record.client_left),
        "" if failure is None else failure.kind._value_,
        "" if failure is None else _code(failure),
        "" if record.stop is None else record.stop._value_,
        record.model[:MAX_NAME],
        served[:MAX_NAME],
        provider,
        credential,
        upstream,
        int(record.relayed),
        record.key,
        int(record.usage_estimated),
    )
    first, overhead = record.first_content, record.overhead
    written, written_long = usage.cache_write, usage.cache_write_long
    if written_long is not None:
        written = written_long + (written or 0)
    row: Row = (
        at,
        int(record.seconds * 1e6),
        None if first is None else int(first * 1e6),
        None if overhead is None else int(overhead * 1e6),
        _count(usage.input_total),
        _count(usage.output_total),
        _count(usage.cache_read),
        _count(written),
        _count(usage.reasoning),
        None if record.cost is None else _pico(record.cost),
        record.bytes_out,
        len(attempts),
        None,
        record.config,
        record.request_id,
    )
    return facet, row


def _turned_away(record: TurnedAway, at: int, path: str) -> tuple[Facet, Row]:
    failure = record.failure
    facet: Facet = (
        record.format._value_,
        "refused",
        "",
        # Strangers can ask for any path: not here, where it would make a facet of its own.
        "",
        0,
        record.status,
        1,
        0,
        failure.kind._value_,
        _code(failure),
        "",
        record.model[:MAX_NAME],
        "",
        "",
        "",
        "",
        0,
        record.key,
        0,
    )
    place = f"{record.method[:16]} {path[:MAX_NAME]}"
    none = (None,) * 8
    row: Row = (
        at,
        int(record.seconds * 1e6),
        *none,
        0,
        0,
        _clean(place),
        "",
        record.request_id,
    )
    return facet, row


def _detail(record: ExchangeRecord) -> bytes | None:
    """``None``: there is nothing to tell beyond the entry."""
    attempts, failure, plan = record.attempts, record.failure, record.plan
    if (
        len(attempts) == 1
        and failure is None
        and not record.ledger
        and record.breach is None
        and not attempts[0].mutations
        and len(plan.targets) == 1
        and not plan.rejections
    ):
        return None
    told = [each for each in plan.rejections if each.reason not in _NOT_HERE][:MAX_REJECTIONS]
    detail = Detail(
        attempts=tuple([_attempted(each) for each in attempts]),
        ledger=record.ledger,
        candidates=tuple(
            [Candidate(each.credential.name, each.model) for each in plan.targets[:MAX_REJECTIONS]]
        ),
        rejections=tuple(told),
        upstream_status=None if failure is None else failure.status,
        retry_after=None if failure is None else failure.retry_after,
        breach=None if record.breach is None else record.breach.reason,
    )
    return _encode_detail(detail)


def _attempted(attempt: AttemptRecord) -> Attempted:
    failure = attempt.failure
    return Attempted(
        attempt.provider,
        attempt.credential,
        attempt.model,
        attempt.status,
        None if failure is None else failure.kind._value_,
        None if failure is None else _code(failure) or None,
        round(attempt.seconds, 6),
        attempt.mutations,
    )


def _code(failure: Failure) -> str:
    return "" if failure.code is None else failure.code[:64]


def _count(count: int | None) -> int | None:
    return count if count is None or count < _MAX_COUNT else _MAX_COUNT


def _pico(cost: Decimal) -> int:
    return min(int(cost * PICO), _MAX_COST)


def _clean(text: str) -> str:
    """Without what is no text: halves of surrogate pairs, which no encoding takes."""
    return text.encode("utf-8", "replace").decode()


def clean(facet: Facet) -> Facet:
    """See ``_clean``."""
    return tuple([_clean(each) if isinstance(each, str) else each for each in facet])
