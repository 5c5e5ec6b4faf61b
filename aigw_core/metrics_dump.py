"""The counters of one process as bytes, for those who count several processes as one.

A dump is read only by processes of the same layout: while a gateway is replaced by
another version of itself, each tells its own.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from aigw_core.prometheus import Labels

VERSION = 1
"""Of the layout. To be raised with every change of what is below."""

MAX_DUMP = 4 << 20
"""Bytes of a dump that is read. The tables of counters are bounded, and so are their
names: all of them full come to 1 MiB."""

MAX_COUNT = (1 << 63) - 1
"""The largest count; more is what an upstream made up."""

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Table = dict[str, Count]


class HistogramDump(Struct, frozen=True, array_like=True):
    counts: tuple[Count, ...]
    sum: float


class KeyDump(Struct, frozen=True, array_like=True):
    requests: Count
    tokens: Count
    limited: Count
    cost: Decimal


class Dump(Struct, frozen=True, array_like=True):
    """The fields are those of ``Metrics``."""

    in_flight: Count
    totals: tuple[Count, ...]
    cost: Decimal
    requests: tuple[tuple[Labels, Count], ...]
    attempts: tuple[tuple[Labels, Count], ...]
    failures: Table
    limited: Table
    tokens: dict[str, Table]
    costs: dict[str, Decimal]
    by_model: Table
    by_provider: Table
    by_format: Table
    by_status: Table
    by_key: dict[str, KeyDump]
    latency: Table
    ttft: Table
    histograms: tuple[HistogramDump, ...]

    def finite(self) -> bool:
        """No number in it would spoil those that it is added to."""
        costs = [self.cost, *self.costs.values(), *(key.cost for key in self.by_key.values())]
        return all(cost.is_finite() for cost in costs) and all(
            math.isfinite(each.sum) for each in self.histograms
        )


_encode = msgspec.msgpack.encode
_decode_versioned = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw]).decode
_decode = msgspec.msgpack.Decoder(Dump).decode


def encode_dump(dump: Dump) -> bytes:
    try:
        return _encode((VERSION, dump))
    except UnicodeEncodeError:  # of half a character, in a name that somebody sent
        return _encode((VERSION, _whole(msgspec.to_builtins(dump, builtin_types=(Decimal,)))))


def _whole(value: Any) -> Any:
    """``value`` with texts that are Unicode. Two names may become one: one of them counts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return tuple(map(_whole, value))
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def decode_dump(data: bytes) -> Dump | None:
    """``None``: it is of another version, or none at all."""
    if len(data) > MAX_DUMP:
        return None
    try:
        version, content = _decode_versioned(data)
        if version != VERSION:
            return None
        dump = _decode(content)
    except msgspec.MsgspecError:
        return None
    return dump if dump.finite() else None
