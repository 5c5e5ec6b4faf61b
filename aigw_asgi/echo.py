"""The built-in provider that needs no key: an upstream that says what it is told.

It is a real upstream behind a real wire format (an ASGI application behind the
``memory`` transport), deterministic, and paced like a model. What a model does:

=====================================  ==================================================
``echo``                               repeats the last user text, 50 words a second
``echo-slow``                          the same, 2 words a second
``echo-reasoning``                     thinks first, with a signature where there is one
``echo-tools``                         calls the first tool; repeats its result then
``echo-parallel-tools``                makes two calls, streamed at the same time
``echo-error-429``                     refuses with 429 and ``retry-after: 1``
``echo-error-overloaded-first-event``  answers 200, and an overload as first event
``echo-error-midstream``               an error event after half of the text
``echo-cut``                           breaks the connection inside an event
``echo-truncated``                     ends cleanly, without the terminal event
``echo-malformed``                     an event that is not JSON
=====================================  ==================================================

A user text that begins with ``/wps N `` sets the words per second; 0 is no pause. An
answer without a stream comes at once, or after its time at a slower pace than usual.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import unquote

import anyio
import msgspec

from aigw_asgi.driver import ReceiveMessage, SendMessage
from aigw_core.chat import (
    ChatRequest,
    ChatResponse,
    Format,
    Role,
    Seal,
    Stop,
    StopReason,
    Text,
    Tool,
    ToolResult,
    Turn,
    Usage,
)
from aigw_core.codec import AnswerContext, Codec, Inbound
from aigw_core.codecs import CODECS, COUNTING
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.token_count import counted

MODELS = (
    "echo",
    "echo-slow",
    "echo-reasoning",
    "echo-tools",
    "echo-parallel-tools",
    "echo-error-429",
    "echo-error-overloaded-first-event",
    "echo-error-midstream",
    "echo-cut",
    "echo-truncated",
    "echo-malformed",
)

USUAL_PACE = 50.0
"""Words per second."""

_WPS = re.compile(r"/wps (\d+(?:\.\d+)?) ")
_CREATED = 1735689600
_SEAL_KINDS = {Format.MESSAGES: "signature", Format.RESPONSES: "encrypted"}
"""Of reasoning; the others sign calls and texts, or nothing."""

_PATHS = {
    "/v1/chat/completions": (CODECS, Format.CHAT),
    "/v1/messages": (CODECS, Format.MESSAGES),
    "/v1/messages/count_tokens": (COUNTING, Format.MESSAGES),
    "/v1/responses": (CODECS, Format.RESPONSES),
    "/v1/responses/input_tokens": (COUNTING, Format.RESPONSES),
}


class EchoCut(Exception):
    """Raised to break the connection."""


async def echo(scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
    """The ASGI application."""
    codec, inbound = await _read(scope, receive)
    request = codec.decode_request(inbound)
    base = request.model.partition("@")[0]
    text, pace = _last_text(request, base)
    context = AnswerContext(
        model=request.model,
        id=hashlib.sha256(_request_id(scope) + inbound.body).hexdigest()[:24],
        created=_CREATED,
        request=request,
    )
    if base == "echo-error-429":
        failure = Failure(ErrorKind.RATE_LIMIT, "echo refuses, as it was asked to")
        await _refuse(codec, failure, send, ((b"retry-after", b"1"),))
    elif codec.endpoint == "count":
        await _answer(base, codec, context, counted(_asked(request)), send)
    else:
        events = _script(base, request, text, codec.format)
        if request.stream:
            await _stream(base, codec, context, events, pace, send)
        else:
            if 0 < pace < USUAL_PACE:
                await anyio.sleep(len(text.split()) / pace)
            await _answer(base, codec, context, collect(events), send)


def _request_id(scope: Any) -> bytes:
    """Makes the same question asked twice two answers, as it is with models."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    return headers.get(b"x-request-id", b"")


async def _read(scope: Any, receive: ReceiveMessage) -> tuple[Codec, Inbound]:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    path: str = scope["path"]
    if path.startswith("/v1beta/models/"):
        model, _, action = path.removeprefix("/v1beta/models/").rpartition(":")
        codecs = COUNTING if action == "countTokens" else CODECS
        stream = action.startswith("stream")
        return codecs[Format.GEMINI], Inbound(body, {}, unquote(model), stream)
    codecs, format = _PATHS[path]
    return codecs[format], Inbound(body)


# --- what is said ------------------------------------------------------------


def _last_text(request: ChatRequest, base: str) -> tuple[str, float]:
    """The last user text, and the words per second."""
    text = ""
    for turn in reversed(request.turns):
        if turn.role is Role.USER:
            text = "".join(part.text for part in turn.parts if isinstance(part, Text))
            if text:
                break
    match = _WPS.match(text)
    if match:
        return text[match.end() :], float(match.group(1))
    return text, 2.0 if base == "echo-slow" else USUAL_PACE


def words(text: str) -> list[str]:
    """``text`` cut before each space that follows a word; joined it is the same."""
    return [piece for piece in re.split(r"(?<=\S)(?=\s)", text) if piece]


def _script(base: str, request: ChatRequest, text: str, format: Format) -> list[StreamEvent]:
    events: list[StreamEvent] = [AnswerStart("", request.model, _CREATED)]
    reason = StopReason.END
    said = 0
    thought = 0
    result = _last_result(request)
    if base in ("echo-tools", "echo-parallel-tools") and result is None:
        events += _calls(request, text, 2 if base == "echo-parallel-tools" else 1)
        reason = StopReason.TOOL_USE
        said = sum(isinstance(event, ToolCallDelta) for event in events)
    else:
        part = 0
        on_text: Seal | None = None
        if base == "echo-reasoning":
            thinking = f"The user says: {text}"
            thought = len(words(thinking))
            seal = _seal(thinking, format)
            # Gemini signs what follows from the reasoning, not the reasoning itself.
            on_text = seal if format is Format.GEMINI else None
            events += _reasoning(thinking, None if on_text else seal)
            part = 1
        answer = text if result is None else f"The tool says: {result}"
        said = len(words(answer))
        if answer:
            events.append(PartStart(part, PartKind.TEXT))
            events += [TextDelta(part, word) for word in words(answer)]
            if on_text is not None:
                events.append(PartSealed(part, on_text))
            events.append(PartEnd(part))
    usage = Usage(input=_asked(request), output=said, reasoning=thought)
    return [*events, ChoiceStop(Stop(reason)), UsageReport(usage), AnswerEnd()]


def _asked(request: ChatRequest) -> int:
    """What the prompt costs: a token a word."""
    return sum(len(words(_turn_text(turn))) for turn in request.turns)


def _turn_text(turn: Turn) -> str:
    return " ".join(part.text for part in turn.parts if isinstance(part, Text))


def _last_result(request: ChatRequest) -> str | None:
    """The text of the tool results that end the conversation, if they do."""
    last = request.turns[-1]
    results = [part for part in last.parts if isinstance(part, ToolResult)]
    if not results:
        return None
    return " ".join(
        item.text for result in results for item in result.content if isinstance(item, Text)
    )


def _seal(thinking: str, format: Format) -> Seal | None:
    kind = _SEAL_KINDS.get(format)
    if kind is None:
        return None
    proof = base64.b64encode(hashlib.sha512(thinking.encode()).digest()).decode()
    return Seal(format, kind, proof)


def _reasoning(thinking: str, seal: Seal | None) -> list[StreamEvent]:
    events: list[StreamEvent] = [PartStart(0, PartKind.REASONING)]
    events += [ReasoningDelta(0, word) for word in words(thinking)]
    if seal is not None:
        events.append(PartSealed(0, seal))
    return [*events, PartEnd(0)]


def _calls(request: ChatRequest, text: str, count: int) -> list[StreamEvent]:
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    named = [tools[number % len(tools)] if tools else None for number in range(count)]
    starts: list[StreamEvent] = []
    deltas: list[list[StreamEvent]] = []
    for part, tool in enumerate(named):
        digest = hashlib.sha256(f"{part}:{text}".encode("utf-8", "replace")).hexdigest()[:16]
        name = tool.name if tool is not None else "echo"
        freeform = tool is not None and tool.freeform
        starts.append(
            PartStart(part, PartKind.TOOL_CALL, id=f"call_{digest}", name=name, freeform=freeform)
        )
        arguments = text if freeform else _arguments(tool, text)
        deltas.append([ToolCallDelta(part, word) for word in words(arguments)])
    events = list(starts)
    for number in range(max((len(each) for each in deltas), default=0)):
        events += [each[number] for each in deltas if number < len(each)]
    return [*events, *(PartEnd(part) for part in range(count))]


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]] = {}


_PLAIN: dict[str, Any] = {"number": 1, "integer": 1, "boolean": True, "array": [], "object": {}}


def _arguments(tool: Tool | None, text: str) -> str:
    """An object that fits a simple schema: the text for strings, 1 for numbers."""
    names = {"text": "string"}
    if tool is not None and tool.schema is not None:
        try:
            schema = msgspec.json.decode(tool.schema, type=_Schema)
        except msgspec.ValidationError:
            schema = _Schema()
        names = {name: str(each.get("type", "string")) for name, each in schema.properties.items()}
    values = {name: _PLAIN.get(kind, text) for name, kind in names.items()}
    # With spaces, as models write it, so that it streams in several pieces.
    fields = [
        f"{msgspec.json.encode(name).decode()}: {msgspec.json.encode(value).decode()}"
        for name, value in values.items()
    ]
    return "{" + ", ".join(fields) + "}"


# --- how it is sent ----------------------------------------------------------


async def _refuse(
    codec: Codec, failure: Failure, send: SendMessage, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    status, body = codec.encode_error(failure, "echo")
    fields = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _answer(
    base: str, codec: Codec, context: AnswerContext, response: ChatResponse, send: SendMessage
) -> None:
    overloaded = Failure(ErrorKind.OVERLOADED, "echo is overloaded, as it was asked to be")
    if base in ("echo-error-overloaded-first-event", "echo-error-midstream"):
        await _refuse(codec, overloaded, send)
        return
    body = codec.encode_response(response, context)
    if base in ("echo-cut", "echo-truncated", "echo-malformed"):
        body = body[: len(body) // 2]
    fields = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": base == "echo-cut"})
    if base == "echo-cut":
        raise EchoCut


async def _stream(
    base: str,
    codec: Codec,
    context: AnswerContext,
    events: list[StreamEvent],
    pace: float,
    send: SendMessage,
) -> None:
    encoder = codec.stream_encoder(context)
    fields = [(b"content-type", codec.content_type.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    trouble = base.removeprefix("echo").removeprefix("-")
    half = len(events) // 2
    overloaded = Failure(ErrorKind.OVERLOADED, "echo is overloaded, as it was asked to be")
    for number, event in enumerate(events):
        if trouble == "error-overloaded-first-event":
            # After the opening event, as the real ones do.
            event = event if number == 0 else overloaded
        elif number == half and trouble == "error-midstream":
            event = overloaded
        data = encoder.encode([event])
        if number == half and trouble == "malformed":
            data = b'data: {"broken\n\n'
        if number == half and trouble == "cut":
            await send(_body(data[: len(data) // 2 + 1]))
            raise EchoCut
        if number == half and trouble == "truncated":
            break
        if data:
            await send(_body(data))
        if isinstance(event, Failure):
            break
        if pace and isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta):
            await anyio.sleep(1 / pace)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}
