"""Token counts, between the vendor's overlapping ones and the disjoint canonical ones.

On the wire ``prompt_tokens`` includes what was read from and written to a cache,
and ``completion_tokens`` includes reasoning. Not every server keeps to it; the
total, where one is given, tells who counts differently.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from aigw_core.chat import Usage
from aigw_core.codecs.chat.wire import WireUsage


class _Counts(Struct, gc=False):
    """The wire counts of one answer, latest known of each."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None


class UsageReader:
    """Merges the usage objects of one answer.

    A later count replaces an earlier one; one that is absent or null erases
    nothing. ``usage`` is everything known so far.
    """

    __slots__ = ("_counts", "_tier", "usage")

    def __init__(self) -> None:
        self._counts = _Counts()
        self._tier: str | None = None
        self.usage = Usage()

    def add(self, wire: WireUsage, tier: str | None = None) -> Usage:
        counts = self._counts
        prompt = wire.prompt_tokens_details
        completion = wire.completion_tokens_details
        if wire.prompt_tokens is not None:
            counts.prompt = max(wire.prompt_tokens, 0)
        if wire.completion_tokens is not None:
            counts.completion = max(wire.completion_tokens, 0)
        if wire.total_tokens is not None:
            counts.total = max(wire.total_tokens, 0)
        counts.cached = _later(
            counts.cached,
            prompt.cached_tokens if prompt else None,
            wire.cached_tokens,
            wire.prompt_cache_hit_tokens,
            wire.cache_read_input_tokens,
        )
        counts.written = _later(
            counts.written,
            prompt.cache_write_tokens if prompt else None,
            wire.cache_creation_input_tokens,
        )
        counts.reasoning = _later(
            counts.reasoning,
            completion.reasoning_tokens if completion else None,
            wire.reasoning_tokens,
        )
        if prompt is not None and prompt.audio_tokens is not None:
            counts.audio_input = max(prompt.audio_tokens, 0)
        if completion is not None and completion.audio_tokens is not None:
            counts.audio_output = max(completion.audio_tokens, 0)
        self._tier = tier or self._tier
        self.usage = _disjoint(counts, self._tier)
        return self.usage


def _later(known: int | None, *candidates: int | None) -> int | None:
    for candidate in candidates:
        if candidate is not None:
            return max(candidate, 0)
    return known


def _disjoint(counts: _Counts, tier: str | None) -> Usage:
    prompt, completion, total = counts.prompt, counts.completion, counts.total
    reasoning = counts.reasoning
    rest = 0
    if prompt is not None and completion is not None and total is not None:
        rest = total - prompt - completion
        if rest > 0 and not reasoning and rest == counts.audio_input:
            # Mistral leaves audio out of prompt_tokens.
            prompt += rest
        elif rest > 0 and reasoning is None:
            # Google's endpoint counts thinking in the total alone.
            reasoning = rest
    output = completion
    # xAI leaves reasoning out of completion_tokens but not out of the total;
    # Vercel's gateway leaves it out of both.
    if completion is not None and reasoning and rest != reasoning and reasoning <= completion:
        output = completion - reasoning
    return _usage(counts, prompt, output, reasoning, tier)


def _usage(
    counts: _Counts,
    prompt: int | None,
    output: int | None,
    reasoning: int | None,
    tier: str | None,
) -> Usage:
    cached, written = counts.cached, counts.written
    # xAI models at Azure leave cached tokens out of prompt_tokens.
    if prompt is not None and (cached or 0) <= prompt:
        prompt -= cached or 0
        if written is not None:
            # OpenRouter has been seen to count the same tokens as read and as written.
            written = min(written, prompt)
            prompt -= written
    return Usage(
        input=prompt,
        cache_read=cached,
        cache_write=written,
        output=output,
        reasoning=reasoning,
        audio_input=counts.audio_input,
        audio_output=counts.audio_output,
        tier=tier,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The wire object. What is unknown is 0, since clients add these numbers up."""
    prompt = usage.input_total or 0
    completion = usage.output_total or 0
    prompt_details: dict[str, int] = {"cached_tokens": usage.cache_read or 0}
    if usage.cache_write is not None or usage.cache_write_long is not None:
        prompt_details["cache_write_tokens"] = (usage.cache_write or 0) + (
            usage.cache_write_long or 0
        )
    if usage.audio_input is not None:
        prompt_details["audio_tokens"] = usage.audio_input
    completion_details: dict[str, int] = {"reasoning_tokens": usage.reasoning or 0}
    if usage.audio_output is not None:
        completion_details["audio_tokens"] = usage.audio_output
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
    }
