"""A whole answer: the upstream's to the canonical one, and that to a client's.

Source: Messages API reference; ``types/message.py`` of the official SDK.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Format,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Stop,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.blocks import (
    ISSUER,
    BlockError,
    decode_block,
    encode_call,
    encode_citations,
    encode_reasoning,
    native,
    own,
    refuse_ambiguous,
)
from aigw_core.codecs.messages.error import read_error
from aigw_core.codecs.messages.usage import decode_usage, encode_usage
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from aigw_core.naming import call_ids
from aigw_core.surrogates import mend

_decode_response = Decoder(wire.Response).decode
_encode = msgspec.json.encode

CARRIED_SEALS = (ISSUER, "aigw")
"""Issuers of seals that a client of this format gets to keep."""

client_call_id = call_ids(re.compile(r"[A-Za-z0-9_-]+"))

_UNSAFE_ID = re.compile(r"[^A-Za-z0-9_.-]")

REASONS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_USE,
    "pause_turn": StopReason.PAUSE,
    "compaction": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}
_WORDS = {
    StopReason.END: "end_turn",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.TOOL_USE: "tool_use",
    StopReason.PAUSE: "pause_turn",
    StopReason.REFUSAL: "refusal",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
    StopReason.OTHER: "end_turn",
}
_ABOUT_CALLS = (
    StopReason.END,
    StopReason.STOP_SEQUENCE,
    StopReason.TOOL_USE,
    StopReason.OTHER,
)
"""With calls in the answer these mean that the client is to run them."""


# --- from an upstream --------------------------------------------------------------


def decode_response(body: bytes) -> ChatResponse:
    """
    Raises:
        UpstreamError: not an answer of this format.
    """
    message = _read_message(body)
    parts: list[Part] = []
    try:
        for number, raw in enumerate(message.content or ()):
            parts.append(as_answer_part(decode_block(raw, ""), raw, message.id or "", number))
    except (BlockError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _malformed(f"block {len(parts)}: {exc}") from None
    details = message.stop_details
    stop = repair_stop(
        message.stop_reason,
        message.stop_sequence,
        None if details is None else details.explanation,
        calls=any(isinstance(part, ToolCall) and not part.server for part in parts),
    )
    usage = Usage() if message.usage is None else decode_usage(message.usage)
    return ChatResponse(
        message.id or "", message.model or "", None, (Choice(tuple(parts), stop),), usage
    )


def relay_usage(body: bytes) -> Usage:
    """The usage of a complete answer.

    Raises:
        UpstreamError: not an answer of this format.
    """
    message = _read_message(body)
    return Usage() if message.usage is None else decode_usage(message.usage)


def _read_message(body: bytes) -> wire.Response:
    try:
        body.decode()
        try:
            message = _decode_response(body)
        except msgspec.DecodeError:
            message = _decode_response(mend(body, hold=False))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _malformed(str(exc)) from None
    if message.type == "error":
        raise UpstreamError(read_error(body, None))
    if message.content is None:
        raise _malformed("it has no content")
    return message


def _malformed(problem: str) -> UpstreamError:
    return UpstreamError(
        Failure(ErrorKind.UPSTREAM_MALFORMED, f"the upstream's answer is not understood: {problem}")
    )


def as_answer_part(part: Part, raw: Raw, message_id: str, number: int) -> Part:
    """``part`` as an answer may hold it: what only a request holds stays raw,
    and a tool call has an id.

    Raises:
        BlockError: a tool call without a name; something that its client gets as it came,
            and that parsers do not agree on.
    """
    if isinstance(part, ToolCall):
        if not part.name:
            raise BlockError("a tool call without a name", "")
        if not part.id:
            # The same in a stream and in a whole answer.
            digest = hashlib.sha256(f"{message_id}:{number}".encode()).hexdigest()
            part = msgspec.structs.replace(part, id=f"toolu_{digest[:24]}")
    elif isinstance(part, ToolResult):
        part = Opaque(native(bytes(raw)), "tool_result")
    elif isinstance(part, Media):
        part = Opaque(native(bytes(raw)), part.kind.value)
    elif isinstance(part, Text):
        if "type" in own(part.native):
            part = Opaque(native(bytes(raw)), "search_result")
        else:
            refuse_ambiguous(*[citation.native for citation in part.citations])
    if not isinstance(part, Refusal):
        refuse_ambiguous(part.native)
    return part


def repair_stop(
    word: str | None, sequence: str | None, explanation: str | None, *, calls: bool
) -> Stop:
    """The stop of an answer; ``calls``: it holds a call for the client to run."""
    reason = StopReason.OTHER if word is None else REASONS.get(word, StopReason.OTHER)
    if reason in _ABOUT_CALLS:
        if calls:
            reason = StopReason.TOOL_USE
        elif reason is StopReason.TOOL_USE:
            reason = StopReason.END
    return Stop(reason, word, sequence, explanation)


# --- to a client -------------------------------------------------------------------


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    """The answer as a message, with the name of ``context``; choice 0 only."""
    blocks: list[dict[str, Any]] = []
    stop = Stop(StopReason.OTHER)
    if response.choices:
        choice = response.choices[0]
        stop = choice.stop
        for part in choice.parts:
            blocks += _encode_part(part)
    calls = any(block["type"] == "tool_use" for block in blocks)
    message = start_message(response.id, context, response.usage)
    message["content"] = blocks
    message.update(encode_stop(stop, calls=calls))
    return _encode(message)


def start_message(message_id: str, context: AnswerContext, usage: Usage) -> dict[str, Any]:
    """The message object as it opens a stream."""
    return {
        "id": _encode_id(message_id, context),
        "type": "message",
        "role": "assistant",
        "model": context.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": encode_usage(usage, full=True),
    }


def encode_stop(stop: Stop, *, calls: bool) -> dict[str, Any]:
    """The three fields about the stop; ``calls``: a ``tool_use`` block was written."""
    reason = stop.reason
    if reason in _ABOUT_CALLS and calls:
        reason = StopReason.TOOL_USE
    elif reason is StopReason.TOOL_USE:
        reason = StopReason.END
    word = _WORDS[reason]
    if stop.native is not None and REASONS.get(stop.native) is reason:
        word = stop.native
    details = None
    if reason is StopReason.REFUSAL:
        details = {"type": "refusal", "category": None, "explanation": stop.explanation}
    sequence = stop.sequence if reason is StopReason.STOP_SEQUENCE else None
    return {"stop_reason": word, "stop_sequence": sequence, "stop_details": details}


def carried(seal: Seal | None) -> Seal | None:
    """``seal`` where a client of this format gets it."""
    return seal if seal is not None and seal.issuer in CARRIED_SEALS else None


def seal_block(seal: Seal) -> dict[str, Any]:
    """Carries the seal of a call in front of it, that of a text behind it (as a stream
    has to): they have no place for one."""
    return {"type": "thinking", "thinking": "", "signature": seal.data}


def text_start(left: dict[str, Raw]) -> dict[str, Any]:
    return {"type": "text", "text": "", **left}


def _encode_part(part: Part) -> Iterable[dict[str, Any]]:
    if isinstance(part, Text):
        citations = encode_citations(part.citations)
        if part.text or citations:
            block = text_start(own(part.native))
            block["text"] = part.text
            if citations:
                block["citations"] = citations
            yield block
        if (seal := carried(part.seal)) is not None:
            yield seal_block(seal)
    elif isinstance(part, Reasoning):
        seal = carried(part.seal)
        if part.text or seal is not None:
            yield encode_reasoning(msgspec.structs.replace(part, seal=seal))
    elif isinstance(part, Refusal):
        if part.text:
            yield {"type": "text", "text": part.text}
    elif isinstance(part, ToolCall):
        if part.server and not own(part.native):
            return  # run by another vendor; nothing that a client could send back
        if (seal := carried(part.seal)) is not None:
            yield seal_block(seal)
        yield encode_call(part, part.name, client_call_id(part.id))[0]
    elif isinstance(part, Opaque) and part.native.format is Format.MESSAGES:
        yield dict(own(part.native))


def _encode_id(message_id: str, context: AnswerContext) -> str:
    known = _UNSAFE_ID.sub("_", message_id)[:124]
    if not known:
        known = context.id
    return known if known.startswith("msg_") else f"msg_{known}"
