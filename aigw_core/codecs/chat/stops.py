"""Why a choice ended: the vendor's five words and those of other servers."""

from __future__ import annotations

from aigw_core.chat import Stop, StopReason
from aigw_core.errors import ErrorKind, Failure

_READ: dict[str, StopReason] = {
    "stop": StopReason.END,
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "content_filter": StopReason.REFUSAL,
    # Words of other servers and of gateways before them.
    "eos": StopReason.END,
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.CONTEXT_FULL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "tool_use": StopReason.TOOL_USE,
    "tool_call": StopReason.TOOL_USE,
    "refusal": StopReason.REFUSAL,
    "safety": StopReason.REFUSAL,
    "recitation": StopReason.REFUSAL,
    "sensitive": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSE,
}

# The generation broke off: Mistral and OpenRouter; Z.ai; DeepSeek.
_FAILED: dict[str, ErrorKind] = {
    "error": ErrorKind.UPSTREAM,
    "network_error": ErrorKind.UPSTREAM,
    "insufficient_system_resource": ErrorKind.OVERLOADED,
}

_REPAIRED = frozenset({StopReason.END, StopReason.STOP_SEQUENCE, StopReason.TOOL_USE})

_WRITTEN: dict[StopReason, str] = {
    StopReason.END: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.TOOL_USE: "tool_calls",
    StopReason.MAX_TOKENS: "length",
    StopReason.CONTEXT_FULL: "length",
    StopReason.REFUSAL: "content_filter",
    StopReason.PAUSE: "length",
    StopReason.OTHER: "stop",
}


def finish_failure(native: str) -> Failure | None:
    """The failure that a finish reason stands for, if it stands for one."""
    kind = _FAILED.get(native.lower())
    if kind is None:
        return None
    return Failure(kind, f"the upstream ended the answer with {native!r}", code=native)


def read_stop(native: str | None, sequence: str | int | None, *, has_tools: bool) -> Stop:
    """How a choice ended. ``native`` is ``None`` or empty when nobody said: it is
    for the caller to know that the answer is complete.

    Servers say ``stop`` after tool calls and ``tool_calls`` after none; the parts
    of the answer decide.
    """
    reason = _READ.get(native.lower(), StopReason.OTHER) if native else StopReason.END
    met = sequence if isinstance(sequence, str) and sequence else None
    if reason is StopReason.END and met is not None:
        reason = StopReason.STOP_SEQUENCE
    if has_tools and reason in _REPAIRED:
        reason = StopReason.TOOL_USE
    elif reason is StopReason.TOOL_USE:
        reason = StopReason.END
    return Stop(reason, native or None, met if reason is StopReason.STOP_SEQUENCE else None)


def write_stop(stop: Stop, *, has_tools: bool) -> str:
    """Clients run tools on the word for it, so a reason that is not known says it."""
    if stop.reason is StopReason.OTHER and has_tools:
        return _WRITTEN[StopReason.TOOL_USE]
    return _WRITTEN[stop.reason]
