"""Answers of servers that bend the format, read field by field.

The typed decoders of ``wire`` refuse a document as soon as one field has an
unexpected type. What is refused there is read here: a field that matters less
than the answer (usage, log probabilities, a time) is left out when it makes no
sense, tool arguments and content that came as JSON become its text, and only
what leaves no answer at all (``choices`` that are no list, say) is malformed.

Sources: recorded traffic and public issues; each quirk is named where it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Raw

from aigw_core.codecs.chat.wire import (
    ABSENT,
    AudioPiece,
    ChunkChoice,
    CompletionDetails,
    ContentItem,
    CustomDelta,
    ExtraContent,
    Fields,
    FirstChunk,
    FunctionDelta,
    Logprobs,
    Message,
    PromptDetails,
    ToolCallPiece,
    Whole,
    WholeChoice,
    WireUsage,
    XGroq,
)

T = TypeVar("T")

_FIELDS: Callable[[bytes | Raw], Fields] = msgspec.json.Decoder(Fields).decode
_LIST: Callable[[bytes | Raw], list[Raw]] = msgspec.json.Decoder(list[Raw]).decode
_NUMBER = msgspec.json.Decoder(float).decode
_STRING = msgspec.json.Decoder(str).decode
_STOP = msgspec.json.Decoder(str | int).decode
_CONTENT = msgspec.json.Decoder(str | list[ContentItem]).decode
_LOGPROBS = msgspec.json.Decoder(Logprobs).decode
_AUDIO = msgspec.json.Decoder(AudioPiece).decode
_EXTRA = msgspec.json.Decoder(ExtraContent).decode

_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_chunk(data: bytes) -> FirstChunk:
    """One chunk of a stream.

    Raises:
        msgspec.DecodeError: it is not JSON, or not the shape of a chunk.
        UnicodeDecodeError, RecursionError: it is not JSON that can be read.
    """
    fields = _FIELDS(data)
    return FirstChunk(
        choices=_entries(fields, "choices", _chunk_choice),
        usage=_usage(fields.get("usage")),
        error=fields.get("error", ABSENT),
        x_groq=_x_groq(fields.get("x_groq")),
        id=_text(fields.get("id")),
        model=_text(fields.get("model")),
        created=_count(fields.get("created")),
    )


def read_whole(data: bytes) -> Whole:
    """A complete answer. Raises like :func:`read_chunk`."""
    fields = _FIELDS(data)
    return Whole(
        id=_text(fields.get("id")),
        model=_text(fields.get("model")),
        created=_count(fields.get("created")),
        choices=_entries(fields, "choices", _whole_choice),
        usage=_usage(fields.get("usage")),
        error=fields.get("error", ABSENT),
        x_groq=_x_groq(fields.get("x_groq")),
        service_tier=_text(fields.get("service_tier")),
    )


def _try(decode: Callable[[Raw], T], raw: Raw | None) -> T | None:
    """A field that the answer can do without."""
    if raw is None:
        return None
    try:
        return decode(raw)
    except _ERRORS:
        return None


def _text(raw: Raw | None) -> str | None:
    return _try(_STRING, raw)


def _count(raw: Raw | None) -> int | None:
    # Some servers write counts and times as 12.0.
    number = _try(_NUMBER, raw)
    return int(number) if number is not None and abs(number) < 2**53 else None


def _json_text(raw: Raw | None) -> str | None:
    """A text; JSON of another kind becomes its own text."""
    if raw is None or bytes(raw) == b"null":
        return None
    text = _text(raw)
    return bytes(raw).decode() if text is None else text


def _object(fields: Fields, name: str) -> Fields | None:
    raw = fields.get(name)
    return None if raw is None or bytes(raw) == b"null" else _FIELDS(raw)


def _entries(fields: Fields, name: str, read: Callable[[Fields], T]) -> list[T] | None:
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        return None
    return [read(_FIELDS(entry)) for entry in _LIST(raw)]


def _chunk_choice(fields: Fields) -> ChunkChoice:
    delta = _object(fields, "delta")
    message = _object(fields, "message")
    return ChunkChoice(
        index=_count(fields.get("index")),
        delta=None if delta is None else _message(delta),
        finish_reason=_text(fields.get("finish_reason")),
        logprobs=_try(_LOGPROBS, fields.get("logprobs")),
        stop_reason=_try(_STOP, fields.get("stop_reason")),
        message=None if message is None else _message(message),
    )


def _whole_choice(fields: Fields) -> WholeChoice:
    message = _object(fields, "message")
    return WholeChoice(
        index=_count(fields.get("index")),
        message=None if message is None else _message(message),
        finish_reason=_text(fields.get("finish_reason")),
        logprobs=_try(_LOGPROBS, fields.get("logprobs")),
        stop_reason=_try(_STOP, fields.get("stop_reason")),
    )


def _message(fields: Fields) -> Message:
    # Cloudflare answers JSON mode with an object as content.
    content = _try(_CONTENT, fields.get("content"))
    function = _object(fields, "function_call")
    return Message(
        content=_json_text(fields.get("content")) if content is None else content,
        reasoning_content=_text(fields.get("reasoning_content")),
        reasoning=_text(fields.get("reasoning")),
        tool_calls=_entries(fields, "tool_calls", _tool_call),
        refusal=_text(fields.get("refusal")),
        reasoning_details=_try(_LIST, fields.get("reasoning_details")),
        annotations=_try(_LIST, fields.get("annotations")),
        function_call=None if function is None else _function(function),
        audio=_try(_AUDIO, fields.get("audio")),
        images=_try(_LIST, fields.get("images")),
        extra_content=_try(_EXTRA, fields.get("extra_content")),
    )


def _tool_call(fields: Fields) -> ToolCallPiece:
    function = _object(fields, "function")
    custom = _object(fields, "custom")
    return ToolCallPiece(
        index=_count(fields.get("index")),
        id=_json_text(fields.get("id")),
        type=_text(fields.get("type")),
        function=None if function is None else _function(function),
        custom=None
        if custom is None
        else CustomDelta(_text(custom.get("name")), _json_text(custom.get("input"))),
        extra_content=_try(_EXTRA, fields.get("extra_content")),
    )


def _function(fields: Fields) -> FunctionDelta:
    # Several servers send arguments as an object.
    return FunctionDelta(_text(fields.get("name")), _json_text(fields.get("arguments")))


def _x_groq(raw: Raw | None) -> XGroq | None:
    fields = _try(_FIELDS, raw)
    return None if fields is None else XGroq(_usage(fields.get("usage")))


def _usage(raw: Raw | None) -> WireUsage | None:
    fields = _try(_FIELDS, raw)
    if fields is None:
        return None
    prompt = _try(_FIELDS, fields.get("prompt_tokens_details"))
    completion = _try(_FIELDS, fields.get("completion_tokens_details"))
    return WireUsage(
        prompt_tokens=_count(fields.get("prompt_tokens")),
        completion_tokens=_count(fields.get("completion_tokens")),
        total_tokens=_count(fields.get("total_tokens")),
        prompt_tokens_details=None
        if prompt is None
        else PromptDetails(
            _count(prompt.get("cached_tokens")),
            _count(prompt.get("cache_write_tokens")),
            _count(prompt.get("audio_tokens")),
        ),
        completion_tokens_details=None
        if completion is None
        else CompletionDetails(
            _count(completion.get("reasoning_tokens")), _count(completion.get("audio_tokens"))
        ),
        cached_tokens=_count(fields.get("cached_tokens")),
        prompt_cache_hit_tokens=_count(fields.get("prompt_cache_hit_tokens")),
        cache_read_input_tokens=_count(fields.get("cache_read_input_tokens")),
        cache_creation_input_tokens=_count(fields.get("cache_creation_input_tokens")),
        reasoning_tokens=_count(fields.get("reasoning_tokens")),
    )
