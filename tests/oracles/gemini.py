"""The ``google-genai`` SDK reading Gemini answers.

This SDK has no accumulator: its users join the parts of the chunks. What they
would do is done here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from tests.oracles.record import Record, SeenCall, SeenError, SeenUsage, compact, reads
from tests.oracles.transport import EVENT_STREAM, JSON, MemoryTransport

_TRANSPORT = MemoryTransport()
_CLIENT = genai.Client(
    api_key="test",
    http_options=types.HttpOptions(
        base_url="http://upstream.test",
        httpx_client=httpx2.Client(transport=_TRANSPORT),
    ),
)
_STOPS = {
    "STOP": "end",
    "MAX_TOKENS": "max_tokens",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
        ),
        "refusal",
    ),
}


@reads
def read_stream(data: bytes) -> Record:
    _TRANSPORT.answer_with(200, EVENT_STREAM, data)
    chunks: list[Any] = []
    error: SeenError | None = None
    try:
        for chunk in _CLIENT.models.generate_content_stream(model="m", contents="x"):
            chunks.append(chunk)
    except errors.APIError as exc:
        error = _error(exc)
    return _record(chunks, error)


@reads
def read_body(status: int, body: bytes) -> Record:
    _TRANSPORT.answer_with(status, JSON, body)
    try:
        return _record([_CLIENT.models.generate_content(model="m", contents="x")], None)
    except errors.APIError as exc:
        return Record(error=_error(exc))


def _error(exc: errors.APIError) -> SeenError:
    return SeenError(str(exc.message), exc.code, exc.status)


def _record(chunks: Iterable[Any], error: SeenError | None) -> Record:
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[SeenCall] = []
    signatures: list[str] = []
    server_calls = media = 0
    stop: str | None = None
    numbers: set[int] = set()
    counts: dict[str, int | None] = {}
    for chunk in chunks:
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            stop = "refusal"
        if chunk.usage_metadata is not None:
            counts.update(_known_counts(chunk.usage_metadata))
        for candidate in chunk.candidates or []:
            numbers.add(candidate.index or 0)
            if candidate.index:
                continue
            if candidate.finish_reason is not None:
                word = candidate.finish_reason.value
                stop = _STOPS.get(word, word)
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.thought_signature:
                    signatures.append(base64.b64encode(part.thought_signature).decode())
                if part.text is not None:
                    (reasoning if part.thought else text).append(part.text)
                elif part.function_call is not None:
                    calls.append(_call(part.function_call))
                elif part.executable_code or part.code_execution_result or part.tool_call:
                    server_calls += 1
                elif part.inline_data:
                    media += 1
    if stop == "end" and calls:
        stop = "tool_use"
    return Record(
        text="".join(text),
        reasoning="".join(reasoning),
        calls=tuple(calls),
        stop=None if error else stop,
        usage=_usage(counts),
        error=error,
        choices=max(len(numbers), 1),
        signatures=tuple(signatures),
        server_calls=server_calls,
        media=media,
    )


def _call(call: Any) -> SeenCall:
    return SeenCall(call.id or "", call.name or "", compact(call.args or {}), exact=False)


def _known_counts(usage: Any) -> dict[str, int]:
    names = (
        "prompt_token_count",
        "cached_content_token_count",
        "candidates_token_count",
        "thoughts_token_count",
        "tool_use_prompt_token_count",
    )
    return {name: value for name in names if (value := getattr(usage, name)) is not None}


def _usage(counts: dict[str, int | None]) -> SeenUsage:
    return SeenUsage(
        input=_sum(counts, "prompt_token_count", "tool_use_prompt_token_count"),
        cached=counts.get("cached_content_token_count"),
        output=_sum(counts, "candidates_token_count", "thoughts_token_count"),
        reasoning=counts.get("thoughts_token_count"),
    )


def _sum(counts: dict[str, int | None], *names: str) -> int | None:
    known = [count for name in names if (count := counts.get(name)) is not None]
    return sum(known) if known else None
