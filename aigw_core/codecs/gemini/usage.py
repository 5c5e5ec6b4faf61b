"""Token counts: the vendor's, which overlap, and the canonical ones.

``promptTokenCount`` includes the cached tokens and not those that hosted tools
added; ``candidatesTokenCount`` does not include thoughts; counts of zero are left
out. Source: Gemini API reference, "UsageMetadata", and recorded sums.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.chat import Usage
from aigw_core.codecs.gemini.vocabulary import decode_tier, encode_tier
from aigw_core.codecs.gemini.wire import ModalityCount, UsageMetadata

_AUDIO = ("AUDIO", 4, "4")


_DECODE = msgspec.json.Decoder(UsageMetadata | None, strict=False).decode

_EVERY = 8


class RunningUsage:
    """The counts of one answer, as its chunks bring them.

    Every chunk has new ones. They are worth reporting with the first, after some
    more, and at the end: reading each cost a third of the time of its chunk.
    Holds the last few chunks. Counts of another shape are unknown.
    """

    def __init__(self) -> None:
        self._known: UsageMetadata | None = None
        self._unread: list[Raw] = []
        self._chunks = 0

    def add(self, raw: Raw) -> bool:
        """``usageMetadata`` of the next chunk. Whether to report it."""
        self._unread.append(raw)
        self._chunks += 1
        return self._chunks % _EVERY == 1

    @property
    def due(self) -> bool:
        """Something is unreported."""
        return bool(self._unread)

    def read(self) -> Usage:
        """All that is known. Counts that a later chunk leaves out stay."""
        for raw in self._unread:
            try:
                new = _DECODE(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if new is not None:
                self._known = _merge(self._known, new)
        self._unread.clear()
        return decode_usage(self._known)


def _merge(known: UsageMetadata | None, new: UsageMetadata) -> UsageMetadata:
    """``new``, with what it leaves out as ``known`` had it."""
    if known is None:
        return new
    if new.prompt_token_count is None:
        new.prompt_token_count = known.prompt_token_count
    if new.cached_content_token_count is None:
        new.cached_content_token_count = known.cached_content_token_count
    if new.candidates_token_count is None:
        new.candidates_token_count = known.candidates_token_count
    if new.thoughts_token_count is None:
        new.thoughts_token_count = known.thoughts_token_count
    if new.tool_use_prompt_token_count is None:
        new.tool_use_prompt_token_count = known.tool_use_prompt_token_count
    if new.prompt_tokens_details is None:
        new.prompt_tokens_details = known.prompt_tokens_details
    if new.candidates_tokens_details is None:
        new.candidates_tokens_details = known.candidates_tokens_details
    if new.service_tier is None:
        new.service_tier = known.service_tier
    return new


def decode_usage(wire: UsageMetadata | None) -> Usage:
    """Negative counts, which make no sense, are unknown."""
    if wire is None:
        return Usage()
    prompt = _count(wire.prompt_token_count)
    cached = _count(wire.cached_content_token_count)
    if prompt is not None and cached is not None:
        prompt = max(prompt - cached, 0)
    return Usage(
        input=prompt,
        cache_read=cached,
        tool_prompt=_count(wire.tool_use_prompt_token_count),
        output=_count(wire.candidates_token_count),
        reasoning=_count(wire.thoughts_token_count),
        audio_input=_audio(wire.prompt_tokens_details),
        audio_output=_audio(wire.candidates_tokens_details),
        tier=decode_tier(wire.service_tier),
    )


def _count(count: int | None) -> int | None:
    return count if count is None or count >= 0 else None


def _audio(details: list[ModalityCount] | None) -> int | None:
    for detail in details or ():
        if detail.modality in _AUDIO:
            return _count(detail.token_count)
    return None


def encode_usage(usage: Usage) -> dict[str, Any] | None:
    """The ``usageMetadata`` object, or ``None`` when nothing is known."""
    prompt = _sum(usage.input, usage.cache_read, usage.cache_write, usage.cache_write_long)
    counts = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output,
        "thoughtsTokenCount": usage.reasoning,
        "toolUsePromptTokenCount": usage.tool_prompt,
    }
    known: dict[str, Any] = {name: count for name, count in counts.items() if count is not None}
    if known:
        total = _sum(prompt, usage.output, usage.reasoning, usage.tool_prompt)
        known["totalTokenCount"] = total
    if usage.audio_input is not None:
        known["promptTokensDetails"] = [{"modality": "AUDIO", "tokenCount": usage.audio_input}]
    if usage.audio_output is not None:
        known["candidatesTokensDetails"] = [{"modality": "AUDIO", "tokenCount": usage.audio_output}]
    if usage.tier is not None and (tier := encode_tier(usage.tier)) is not None:
        known["serviceTier"] = tier
    return known or None


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
