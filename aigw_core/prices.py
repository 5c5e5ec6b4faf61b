"""What an answer cost: usage times price, in exact decimals of US dollars.

A model is looked up by its whole name, then by what follows the last ``/`` (resellers
put a vendor in front), then without the date at its end; the operator's own prices go
before the bundled ones in all three. A model that is nowhere has no price: its cost is
unknown, which is ``None`` and never 0.

Prices are those of tokens at the vendors' standard tier. Fees for a hosted tool's calls
and for keeping a cache are not in the usage that answers report, and not in the cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from aigw_core.chat import Usage
from aigw_core.config.snapshot import Price

_DATE = re.compile(r"(?:[-@]20\d{6}|-20\d\d-\d\d-\d\d)$")
"""As vendors date their models: ``-20250514``, ``@20250514``, ``-2024-08-06``."""

_STANDARD = frozenset({"default", "standard", "auto", "on_demand", "standard_only"})
"""Service tiers that are charged at list prices."""


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A model in the bundled table."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_long: Decimal | None = None
    reasoning: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    long: _Line | None = None
    long_above: int = 0


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    date: str
    about: str
    models: dict[str, _Line]


class PriceTable(Struct, frozen=True):
    """The prices that come with the gateway."""

    date: str
    """When they were looked up, ISO 8601."""
    models: Mapping[str, Price]


def read_table(document: bytes) -> PriceTable:
    """The bundled table, which is JSON.

    Raises:
        msgspec.MsgspecError: it is not what it should be.
    """
    read = msgspec.json.decode(document, type=_Document)
    return PriceTable(read.date, {name: _price(line) for name, line in read.models.items()})


def _price(line: _Line) -> Price:
    return Price(
        input=line.input,
        output=line.output,
        cache_read=line.input if line.cache_read is None else line.cache_read,
        cache_write=line.input if line.cache_write is None else line.cache_write,
        cache_write_long=line.cache_write_long,
        reasoning=line.reasoning,
        audio_input=line.audio_input,
        audio_output=line.audio_output,
        long=None if line.long is None else _price(line.long),
        long_above=line.long_above,
    )


MAX_FOUND = 1024
"""Models whose prices, or that they have none, are remembered."""


class PriceBook:
    """Finds prices: ``own`` before ``table``."""

    def __init__(self, own: Mapping[str, Price], table: PriceTable) -> None:
        self._sources = (own, table.models)
        self._found: dict[str, Price | None] = {}
        self.date = table.date

    def __repr__(self) -> str:
        return f"<PriceBook of {self.date}, {sum(map(len, self._sources))} models>"

    def find(self, model: str) -> Price | None:
        """The price of the model that an upstream calls ``model``."""
        try:
            return self._found[model]
        except KeyError:
            found = self._look_up(model)
        if len(self._found) < MAX_FOUND:
            self._found[model] = found
        return found

    def _look_up(self, model: str) -> Price | None:
        tail = model.rpartition("/")[2]
        names = (model, tail, _DATE.sub("", tail))
        for source in self._sources:
            for name in names:
                price = source.get(name)
                if price is not None:
                    return price
        return None


def cost(usage: Usage, price: Price) -> Decimal | None:
    """USD, or ``None`` where nothing is known of the usage, or it was charged at
    another tier than the price is for."""
    prompt, answer = usage.input_total, usage.output_total
    if prompt is None and answer is None:
        return None
    if usage.tier is not None and usage.tier.lower() not in _STANDARD:
        return None
    if price.long is not None and (prompt or 0) > price.long_above:
        price = price.long
    long_write = price.cache_write if price.cache_write_long is None else price.cache_write_long
    reasoning = price.output if price.reasoning is None else price.reasoning
    total = (
        (usage.cache_read or 0) * price.cache_read
        + (usage.cache_write or 0) * price.cache_write
        + (usage.cache_write_long or 0) * long_write
        + (usage.reasoning or 0) * reasoning
        + _with_audio(
            (usage.input or 0) + (usage.tool_prompt or 0),
            usage.audio_input,
            price.input,
            price.audio_input,
        )
        + _with_audio(usage.output or 0, usage.audio_output, price.output, price.audio_output)
    )
    return total.scaleb(-6)


def _with_audio(
    tokens: int, audio: int | None, price: Decimal, audio_price: Decimal | None
) -> Decimal:
    """``tokens``, ``audio`` of which are of that kind."""
    if not audio or audio_price is None:
        return tokens * price
    audio = min(audio, tokens)
    return (tokens - audio) * price + audio * audio_price
