"""Complete answers: an upstream's to canonical, canonical to a client's."""

from __future__ import annotations

from typing import Any

import msgspec

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Media,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from aigw_core.codec import AnswerContext
from aigw_core.codecs.chat.answer import (
    DetailsWriter,
    annotation,
    answer_id,
    audio,
    created_at,
    extra_content,
    logprob_list,
    span_of_part,
    tool_call,
)
from aigw_core.codecs.chat.choice import ChoiceReader
from aigw_core.codecs.chat.decode_stream import (
    MAX_CHOICES,
    UNREADABLE,
    in_band_error,
    malformed,
    unix_time,
)
from aigw_core.codecs.chat.error import decode_error
from aigw_core.codecs.chat.loose import read_whole
from aigw_core.codecs.chat.stops import write_stop
from aigw_core.codecs.chat.usage import UsageReader, write_usage
from aigw_core.codecs.chat.wire import ABSENT, ENCODE, Whole
from aigw_core.collect import collect
from aigw_core.errors import Failure, UpstreamError
from aigw_core.events import AnswerEnd, AnswerStart, StreamEvent, UsageReport, first_left_out
from aigw_core.surrogates import Halves, mend

_WHOLE = msgspec.json.Decoder(Whole).decode


def decode_response(body: bytes) -> ChatResponse:
    """A complete answer.

    Raises:
        UpstreamError: the body is an error, or no answer of this format.
    """
    whole = _read(body)
    events: list[StreamEvent] = [
        AnswerStart(whole.id or "", whole.model or "", unix_time(whole.created))
    ]
    halves = Halves()
    seen: set[int] = set()
    for place, choice in enumerate(whole.choices or ()):
        number = choice.index if choice.index is not None else place
        if not 0 <= number < MAX_CHOICES or number in seen:
            raise UpstreamError(malformed(f"the upstream's answer has a choice {number} too many"))
        seen.add(number)
        reader = ChoiceReader(number, whole.id or "", halves)
        failure = reader.note_finish(choice.finish_reason, choice.stop_reason)
        if failure is None and choice.message is not None:
            reader.add(choice.message, choice.logprobs, events, whole=True)
        failure = failure or reader.stop(events)
        if failure is not None:
            raise UpstreamError(failure)
    left_out = first_left_out(seen)
    if left_out is not None:
        raise UpstreamError(malformed(f"the upstream's answer has no choice {left_out}"))
    usage = _usage(whole)
    if usage != Usage():
        events.append(UsageReport(usage))
    events.append(AnswerEnd())
    return collect(events)


def relay_usage(body: bytes) -> Usage:
    """The usage of a complete answer that goes to the client as it is.

    Raises:
        UpstreamError: the body is an error, or no answer of this format.
    """
    return _usage(_read(body))


def _read(body: bytes) -> Whole:
    try:
        whole = _WHOLE(body)
    except UNREADABLE:
        mended = mend(body, hold=False)
        try:
            try:
                whole = _WHOLE(mended)
            except msgspec.ValidationError:
                whole = read_whole(mended)
        except UNREADABLE:
            raise UpstreamError(_no_answer(body)) from None
    if whole.error is not ABSENT or whole.choices is None:
        failure = in_band_error(b"", whole.error, body, bare=whole.choices is None)
        if failure is not None:
            # Azure answers 200 with an error whose own status is 400.
            raise UpstreamError(decode_error(200, {}, body))
    if not whole.choices:
        raise UpstreamError(malformed("the upstream's answer has no choices"))
    return whole


def _no_answer(body: bytes) -> Failure:
    if b'"error"' in body[:256]:
        return decode_error(200, {}, body)
    return malformed("the upstream's answer is no document of this format")


def _usage(whole: Whole) -> Usage:
    usage = whole.usage or (whole.x_groq.usage if whole.x_groq is not None else None)
    return Usage() if usage is None else UsageReader().add(usage, whole.service_tier)


def encode_response(response: ChatResponse, context: AnswerContext) -> bytes:
    """A ``chat.completion``. What the format cannot carry is left out."""
    document: dict[str, Any] = {
        "id": answer_id(response.id, context),
        "object": "chat.completion",
        "created": created_at(response.created, context),
        "model": context.model,
        "choices": [_choice(choice, number) for number, choice in enumerate(response.choices)],
        "usage": write_usage(response.usage),
    }
    if response.usage.tier is not None:
        document["service_tier"] = response.usage.tier
    return ENCODE(document)


def _choice(choice: Choice, number: int) -> dict[str, Any]:
    texts: list[str] = []
    refusals: list[str] = []
    reasoning: list[str] = []
    calls: list[dict[str, Any]] = []
    annotations: list[Any] = []
    details: list[dict[str, Any]] = []
    logprobs: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    writer = DetailsWriter(streamed=False)
    offset = 0
    for part in choice.parts:
        if isinstance(part, Text):
            for citation in part.citations:
                entry = annotation(span_of_part(citation, len(part.text)), offset)
                if entry is not None:
                    annotations.append(entry)
            texts.append(part.text)
            offset += len(part.text)
            if part.logprobs:
                logprobs.setdefault("content", []).extend(logprob_list(part.logprobs))
            if part.seal is not None:
                details += writer.text(part.seal)
                _google(message, part)
        elif isinstance(part, Reasoning):
            reasoning.append(part.text)
            details += writer.reasoning(part.seal, len(part.text))
        elif isinstance(part, ToolCall):
            if part.server:
                continue
            call = tool_call(part.id, part.name, part.arguments, freeform=part.freeform)
            if part.seal is not None:
                details += writer.tool_call(part.seal, part.id)
                carrier = extra_content(part.seal)
                if carrier is not None:
                    call["extra_content"] = carrier
            calls.append(call)
        elif isinstance(part, Refusal):
            refusals.append(part.text)
            if part.logprobs:
                logprobs.setdefault("refusal", []).extend(logprob_list(part.logprobs))
        elif isinstance(part, Media) and (sound := audio(part)) is not None:
            message["audio"] = sound
    if texts or not (calls or refusals or "audio" in message):
        # An answer of nothing has an empty text, unless a filter took it.
        message["content"] = "".join(texts)
        if not texts and choice.stop.reason is StopReason.REFUSAL:
            message["content"] = None
    if refusals:
        message["refusal"] = "".join(refusals)
    if any(reasoning):
        message["reasoning_content"] = "".join(reasoning)
    if details:
        message["reasoning_details"] = details
    if annotations:
        message["annotations"] = annotations
    if calls:
        message["tool_calls"] = calls
    return {
        "index": number,
        "message": message,
        "logprobs": {"content": None, "refusal": None, **logprobs} if logprobs else None,
        "finish_reason": write_stop(choice.stop, has_tools=bool(calls)),
    }


def _google(message: dict[str, Any], part: Text) -> None:
    """A signature of Google's endpoint of this format goes back where it was."""
    if part.seal is not None and part.seal.issuer != "aigw":
        carrier = extra_content(part.seal)
        if carrier is not None:
            message["extra_content"] = carrier
