"""Token counts: this format's totals to disjoint counts, and back.

``input_tokens`` includes what was read from and written to the cache,
``output_tokens`` includes reasoning.
"""

from __future__ import annotations

from aigw_core.chat import Usage
from aigw_core.codecs.responses import wire


def read_usage(wire_usage: wire.WireUsage | None, tier: str | None = None) -> Usage:
    if wire_usage is None:
        return Usage(tier=tier)
    inputs = wire_usage.input_tokens_details or wire.InputDetails()
    outputs = wire_usage.output_tokens_details or wire.OutputDetails()
    read = _count(inputs.cached_tokens)
    write, write_long = _count(inputs.cache_write_tokens), None
    if (split := inputs.cache_write_tokens_details) is not None:
        write, write_long = _count(split.ttl_30m_tokens), _count(split.ttl_12h_tokens)
    fresh = _count(wire_usage.input_tokens)
    if fresh is not None:
        fresh = max(fresh - (read or 0) - (write or 0) - (write_long or 0), 0)
    output, reasoning = _count(wire_usage.output_tokens), _count(outputs.reasoning_tokens)
    # Some servers count reasoning beside the output instead of in it.
    if output is not None and reasoning is not None and reasoning <= output:
        output -= reasoning
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        cache_write_long=write_long,
        output=output,
        reasoning=reasoning,
        audio_input=_count(inputs.audio_tokens),
        audio_output=_count(outputs.audio_tokens),
        tier=tier,
    )


def _count(number: int | None) -> int | None:
    return None if number is None or number < 0 else number


def write_usage(usage: Usage) -> dict[str, object] | None:
    """The usage object, or ``None`` when no count is known. Clients read the totals,
    ``cached_tokens`` and ``reasoning_tokens`` of every answer; what was written to
    the cache only newer servers tell, so it is left out when it is not known."""
    input_total, output_total = usage.input_total, usage.output_total
    if input_total is None and output_total is None:
        return None
    details: dict[str, object] = {"cached_tokens": usage.cache_read or 0}
    written, written_long = usage.cache_write, usage.cache_write_long
    if written is not None or written_long is not None:
        details["cache_write_tokens"] = (written or 0) + (written_long or 0)
    if written_long is not None:
        details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": written or 0,
            "ttl_12h_tokens": written_long,
        }
    outputs: dict[str, object] = {"reasoning_tokens": usage.reasoning or 0}
    for target, name, count in (
        (details, "audio_tokens", usage.audio_input),
        (outputs, "audio_tokens", usage.audio_output),
    ):
        if count is not None:
            target[name] = count
    return {
        "input_tokens": input_total or 0,
        "input_tokens_details": details,
        "output_tokens": output_total or 0,
        "output_tokens_details": outputs,
        "total_tokens": (input_total or 0) + (output_total or 0),
    }
