"""Whole answers of the Gemini format, in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    Format,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    TokenLogprob,
    ToolCall,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.gemini.answer import AnswerReader
from aigw_core.codecs.gemini.calls import (
    arguments_object,
    clean,
    freeform_arguments,
    wrapped_arguments,
)
from aigw_core.codecs.gemini.citations import encode_grounding, encode_logprobs
from aigw_core.codecs.gemini.error import failure_of
from aigw_core.codecs.gemini.media import encode_media
from aigw_core.codecs.gemini.usage import RunningUsage, encode_usage
from aigw_core.codecs.gemini.vocabulary import BLOCK_REASONS, encode_finish
from aigw_core.codecs.gemini.wire import ABSENT, present
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from aigw_core.events import StreamEvent

CARRIED_ISSUERS = ("gemini", "aigw")
"""Whose seals a client of this format gets: its own vendor's, and envelopes."""


def decode_response(body: bytes) -> ChatResponse:
    """Read a complete answer. One without a finish reason is complete too.

    Raises:
        UpstreamError: no answer of this format; an error in the place of one; a
            model that produced nothing but a malformed call.
    """
    reader = AnswerReader()
    events: list[StreamEvent] = reader.add(body)
    if not (events and isinstance(events[-1], Failure)):
        events += reader.finish(whole=True)
    return collect(events)


class _UsageOnly(Struct, rename="camel"):
    candidates: Raw = ABSENT
    prompt_feedback: Raw = ABSENT
    usage_metadata: Raw = ABSENT
    error: Raw = ABSENT


_USAGE_ONLY = msgspec.json.Decoder(_UsageOnly).decode


def relay_usage(body: bytes) -> Usage:
    """The usage of a complete answer that is passed on as it is.

    Raises:
        UpstreamError: no answer of this format, or an error in the place of one.
    """
    try:
        answer = _USAGE_ONLY(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_an_answer() from None
    if present(answer.error):
        raise UpstreamError(failure_of(bytes(answer.error)))
    if not (present(answer.candidates) or present(answer.prompt_feedback)):
        raise _not_an_answer()
    counts = RunningUsage()
    if present(answer.usage_metadata):
        counts.add(answer.usage_metadata)
    return counts.read()


def _not_an_answer() -> UpstreamError:
    problem = "the upstream's answer is not a Gemini response"
    return UpstreamError(Failure(ErrorKind.UPSTREAM_MALFORMED, problem))


# --- for a client ------------------------------------------------------------


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    """Write a complete answer. What this format has no place for (hosted tools of
    another vendor, seals that are not for it) is left out."""
    document: dict[str, Any] = {}
    block = block_reason(response.choices)
    if block is not None:
        document["promptFeedback"] = block
    else:
        document["candidates"] = [
            _candidate(choice, number) for number, choice in enumerate(response.choices)
        ]
    return encode_document({**document, **envelope(response.usage, response.id, context)})


def encode_document(document: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        cleaned: dict[str, Any] = _clean(document)
        return msgspec.json.encode(cleaned)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def envelope(usage: Usage, answer_id: str, context: AnswerContext) -> dict[str, Any]:
    """What stands beside the candidates."""
    fields: dict[str, Any] = {}
    counts = encode_usage(usage)
    if counts is not None:
        fields["usageMetadata"] = counts
    fields["modelVersion"] = context.model
    fields["responseId"] = answer_id or context.id
    return fields


def block_reason(choices: Iterable[Choice]) -> dict[str, Any] | None:
    """``promptFeedback`` when the vendor's filter let nothing through at all."""
    choices = tuple(choices)
    if len(choices) != 1 or choices[0].parts:
        return None
    stop = choices[0].stop
    if stop.reason is not StopReason.REFUSAL:
        return None
    feedback = {"blockReason": stop.native if stop.native in BLOCK_REASONS else "OTHER"}
    if stop.explanation is not None:
        feedback["blockReasonMessage"] = stop.explanation
    return feedback


def _candidate(choice: Choice, number: int) -> dict[str, Any]:
    parts: list[dict[str, Any] | Raw] = []
    cited: list[tuple[str, tuple[Citation, ...]]] = []
    logprobs: list[TokenLogprob] = []
    for part in choice.parts:
        last = part is choice.parts[-1]
        truncated = last and choice.stop.reason is StopReason.MAX_TOKENS
        encoded = encode_part(part, truncated=truncated)
        if encoded is not None:
            parts.append(encoded)
        if isinstance(part, Text):
            cited.append((part.text, part.citations))
            logprobs += part.logprobs
        elif isinstance(part, Refusal):
            cited.append((part.text, ()))
            logprobs += part.logprobs
    candidate: dict[str, Any] = {
        "content": {"parts": parts or [{"text": ""}], "role": "model"},
        **finish_fields(choice, number),
    }
    return {**candidate, **cited_fields(cited, logprobs)}


def finish_fields(choice: Choice, number: int) -> dict[str, Any]:
    word, message = encode_finish(choice.stop)
    fields: dict[str, Any] = {"finishReason": word, "index": number}
    if message is not None:
        fields["finishMessage"] = message
    return fields


def cited_fields(
    texts: Iterable[tuple[str, Iterable[Citation]]], logprobs: Iterable[TokenLogprob]
) -> dict[str, Any]:
    """What a candidate says about its text once it is complete."""
    fields: dict[str, Any] = {}
    grounding = encode_grounding(texts)
    if grounding is not None:
        fields["groundingMetadata"] = grounding
    logprobs = tuple(logprobs)
    if logprobs:
        fields["logprobsResult"] = encode_logprobs(logprobs)
    return fields


def encode_part(part: Part, *, truncated: bool = False) -> dict[str, Any] | Raw | None:
    """One part of an answer, or ``None`` when it cannot be carried. ``truncated``:
    the token limit ended the answer, so a call whose arguments are no object is
    half a call, and is left out."""
    if isinstance(part, Text):
        return _signed({"text": part.text}, part.seal)
    if isinstance(part, Reasoning):
        encoded = _signed({"text": part.text, "thought": True}, part.seal)
        return encoded if part.text or "thoughtSignature" in encoded else None
    if isinstance(part, Refusal):
        return {"text": part.text}
    if isinstance(part, ToolCall):
        return None if part.server else _call(part, truncated=truncated)
    if isinstance(part, Media):
        return encode_media(part)
    if isinstance(part, Opaque) and part.native.format is Format.GEMINI:
        return Raw(part.native.raw)
    return None


def _call(call: ToolCall, *, truncated: bool) -> dict[str, Any] | None:
    if call.freeform:
        args: bytes | None = freeform_arguments(call.arguments)
    else:
        empty = truncated and not call.arguments.strip()
        args = None if empty else arguments_object(call.arguments)
    if args is None:
        if truncated:
            return None
        args = wrapped_arguments(call.arguments)
    function = {"name": call.name, "args": Raw(args), "id": call.id}
    return _signed({"functionCall": function}, call.seal)


def _signed(part: dict[str, Any], seal: Seal | None) -> dict[str, Any]:
    if seal is not None and seal.issuer in CARRIED_ISSUERS:
        part["thoughtSignature"] = seal.data
    return part
