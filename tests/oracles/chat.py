"""The ``openai`` SDK reading Chat Completions."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from tests.oracles.record import Record, SeenCall, SeenError, SeenUsage, compact, reads
from tests.oracles.transport import EVENT_STREAM, JSON, MemoryTransport

_TRANSPORT = MemoryTransport()
_CLIENT = openai.OpenAI(
    api_key="test",
    base_url="http://upstream.test/v1",
    max_retries=0,
    http_client=httpx2.Client(transport=_TRANSPORT),
)
_STOPS = {
    "stop": "end",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}


@reads
def read_stream(data: bytes) -> Record:
    _TRANSPORT.answer_with(200, EVENT_STREAM, data)
    state: Any = None
    try:
        with _CLIENT.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "x"}]
        ) as stream:
            state = stream._state  # the snapshot outlives an error that is raised later
            stream.until_done()
            return _record(stream.current_completion_snapshot)
    except openai.APIError as exc:
        return _failed(exc, state)


@reads
def read_body(status: int, body: bytes) -> Record:
    _TRANSPORT.answer_with(status, JSON, body)
    try:
        return _record(
            _CLIENT.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        )
    except openai.APIError as exc:
        return Record(error=seen_error(exc))


def seen_error(exc: openai.APIError) -> SeenError:
    return SeenError(exc.message, getattr(exc, "status_code", None), exc.type)


def _failed(exc: openai.APIError, state: Any) -> Record:
    try:
        partial = _record(state.current_completion_snapshot)
    except (AssertionError, AttributeError):
        partial = Record()
    return Record(
        text=partial.text,
        reasoning=partial.reasoning,
        refusal=partial.refusal,
        calls=partial.calls,
        usage=partial.usage,
        error=seen_error(exc),
    )


def _record(completion: ChatCompletion) -> Record:
    # Some vendors send null where the type says list.
    choices: Any = completion.choices or []
    if not choices:
        return Record(usage=_usage(completion.usage), choices=0)
    first = choices[0]
    message: Any = first.message
    details = [
        entry
        for entry in getattr(message, "reasoning_details", None) or []
        if isinstance(entry, dict)
    ]
    return Record(
        text=_text(message.content),
        reasoning=_reasoning(message, details),
        refusal=message.refusal or "",
        calls=_calls(message),
        stop=_STOPS.get(first.finish_reason or "", first.finish_reason),
        usage=_usage(completion.usage),
        choices=len(choices),
        signatures=tuple(
            entry.get("data") or entry.get("signature") or ""
            for entry in details
            if entry.get("data") or entry.get("signature")
        ),
        media=1 if getattr(message, "audio", None) else 0,
    )


def _text(content: Any) -> str:
    # One vendor sends lists of typed pieces where the type says string.
    if isinstance(content, list):
        return "".join(piece.get("text", "") for piece in content if piece.get("type") == "text")
    if isinstance(content, dict):
        return compact(content)  # another sends the object that was asked for
    return content or ""


def _reasoning(message: Any, details: list[dict[str, Any]]) -> str:
    for field in ("reasoning_content", "reasoning"):
        value = getattr(message, field, None)
        if isinstance(value, str) and value:
            return value
    if isinstance(message.content, list):
        return "".join(
            inner.get("text", "")
            for piece in message.content
            if piece.get("type") == "thinking"
            for inner in piece.get("thinking", [])
        )
    return "".join(entry.get("text") or entry.get("summary") or "" for entry in details)


def _calls(message: Any) -> tuple[SeenCall, ...]:
    calls = tuple(_call(call) for call in message.tool_calls or [])
    # The older form: one call without an identifier.
    old = message.function_call
    if not calls and old is not None and old.name:
        return (SeenCall("", old.name, old.arguments),)
    return calls


def _call(call: Any) -> SeenCall:
    if getattr(call, "type", None) == "custom":
        # A dict in a stream, since the published type of a chunk lacks this kind.
        custom = call.custom if isinstance(call.custom, dict) else call.custom.to_dict()
        return SeenCall(call.id, custom["name"], custom["input"], freeform=True)
    return SeenCall(call.id or "", call.function.name or "", call.function.arguments or "")


def _usage(usage: Any) -> SeenUsage:
    if usage is None:
        return SeenUsage()
    prompt = usage.prompt_tokens_details
    completion = usage.completion_tokens_details
    cached = getattr(prompt, "cached_tokens", None)
    reasoning = getattr(completion, "reasoning_tokens", None)
    received, generated = usage.prompt_tokens, usage.completion_tokens
    # Vendors disagree on what is in what. A part that is larger than its whole was
    # not counted in it, and the total tells what else was left out: sound in the
    # prompt, or thinking.
    missing = (usage.total_tokens or 0) - (received or 0) - (generated or 0)
    if cached and cached > received:
        received += cached
    if reasoning and reasoning > generated:
        generated += reasoning
    elif missing > 0 and missing == getattr(prompt, "audio_tokens", None):
        received += missing
    elif missing > 0:
        generated += missing
    return SeenUsage(
        input=received,
        cached=cached,
        cache_write=getattr(prompt, "cache_write_tokens", None),
        output=generated,
        reasoning=reasoning,
    )
