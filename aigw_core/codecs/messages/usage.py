"""Token counts of the Messages format and the canonical, disjoint ones.

On the wire ``input_tokens`` leaves out what was read from or written to the
cache, and ``output_tokens`` includes thinking. Counts in ``message_delta``
replace those of ``message_start``, field by field; absent ones stay.
"""

from __future__ import annotations

from typing import Any

from aigw_core.chat import Usage
from aigw_core.codecs.messages import wire

_TIERS = frozenset(("standard", "priority", "batch"))


class UsageMeter:
    """Merges the usage objects of one answer; ``report`` is what they amount to."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = wire.Usage()

    def add(self, usage: wire.Usage) -> None:
        seen = self._seen
        written = usage.cache_creation_input_tokens
        if written not in (None, seen.cache_creation_input_tokens):
            # A new total: the parts of the old one no longer add up to it.
            seen.cache_creation = None
        for name in wire.Usage.__struct_fields__:
            value = getattr(usage, name)
            if value is not None:
                setattr(seen, name, value)

    @property
    def report(self) -> Usage:
        return decode_usage(self._seen)


def decode_usage(usage: wire.Usage) -> Usage:
    """The canonical counts; what the wire does not say is ``None``."""
    written = _count(usage.cache_creation_input_tokens)
    written_long: int | None = None
    if (parts := usage.cache_creation) is not None:
        written_long = _count(parts.ephemeral_1h_input_tokens)
        short = _count(parts.ephemeral_5m_input_tokens)
        if written is None:
            written = short
        elif written_long is not None:
            written = max(written - written_long, 0)
    output = _count(usage.output_tokens)
    details = usage.output_tokens_details
    reasoning = None if details is None else _count(details.thinking_tokens)
    if reasoning is not None and output is not None:
        reasoning = min(reasoning, output)
        output -= reasoning
    return Usage(
        input=_count(usage.input_tokens),
        cache_read=_count(usage.cache_read_input_tokens),
        cache_write=written,
        cache_write_long=written_long,
        output=output,
        reasoning=reasoning,
        tier=usage.service_tier,
    )


def encode_usage(usage: Usage, *, full: bool) -> dict[str, Any]:
    """The usage object of an answer, or (not ``full``) of a ``message_delta``.

    Unknown counts are written as 0: clients add these numbers up.
    """
    short, long = usage.cache_write or 0, usage.cache_write_long or 0
    counts: dict[str, Any] = {
        "input_tokens": (usage.input or 0) + (usage.tool_prompt or 0),
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": usage.cache_read or 0,
    }
    if usage.cache_write_long is not None:
        counts["cache_creation"] = {
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": long,
        }
    counts["output_tokens"] = usage.output_total or 0
    if usage.reasoning is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if full:
        counts["service_tier"] = usage.tier if usage.tier in _TIERS else None
    return counts


def _count(value: int | None) -> int | None:
    return None if value is None else max(value, 0)
