"""Laws of whole documents: round trips (P7) and declared errors (P10).

See ``tests/laws.py``, which has those of streams.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from aigw_core.chat import (
    ChatRequest,
    ChatResponse,
    Effort,
    Format,
    Reasoning,
    Stop,
    StopReason,
    Usage,
)
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.collect import Collector
from aigw_core.errors import InvalidRequest, UpstreamError
from aigw_core.events import StreamEvent
from aigw_core.grammar import GrammarViolation
from aigw_core.ledger import Ledger
from tests.compare import same_answer
from tests.laws import LawBroken, feed_all, hold, merge_deltas, same
from tests.oracles import ORACLES
from tests.streams import CONTEXT

T = TypeVar("T")


# --- P7: decode(encode(x)) is x -----------------------------------------------


def request_round_trips(codec: Codec, inbound: Inbound) -> ChatRequest:
    """A request decoded, written for its own format and decoded again is the same.

    Raises:
        InvalidRequest: it does not decode in the first place.
    """
    request = codec.decode_request(inbound)
    try:
        again = codec.decode_request(reencode(codec, request))
    except InvalidRequest as exc:
        raise LawBroken(f"refused the second time: {exc}") from exc
    if codec.format is not Format.MESSAGES or _replayable(request):
        same(_meaning(request), _meaning(again))
    return request


def _replayable(request: ChatRequest) -> bool:
    # This vendor refuses reasoning without its proof, so it is not written; what else
    # then changes (all reasoning goes, thinking is switched off) is a mapping.
    parts = [part for turn in request.turns for part in turn.parts]
    return all(part.seal is not None for part in parts if isinstance(part, Reasoning))


def _meaning(request: ChatRequest) -> ChatRequest:
    # Where something stood is not what it means; a gateway always asks for the usage
    # of a stream; without tools there is nothing to choose; a schema must have a name.
    return msgspec.structs.replace(
        request,
        stream_usage=False,
        output=msgspec.structs.replace(request.output, name=request.output.name or "response"),
        tool_choice=request.tool_choice if request.tools else None,
        parallel_tools=request.parallel_tools if request.tools else None,
        tools=tuple(msgspec.structs.replace(tool, pointer="") for tool in request.tools),
        turns=tuple(msgspec.structs.replace(turn, pointer="") for turn in request.turns),
        extras=tuple(msgspec.structs.replace(extra, pointer="") for extra in request.extras),
    )


def reencode(codec: Codec, request: ChatRequest, caps: Caps | None = None) -> Inbound:
    """``request`` written by ``codec``, as the next gateway would get it."""
    encoded = codec.encode_request(request, request.model, caps or IDENTITY_CAPS, Ledger())
    model, stream = path_parameters(encoded.path)
    return Inbound(encoded.body, dict(encoded.headers), model, stream)


IDENTITY_CAPS = Caps(
    sampling=True,
    prefill=True,
    mid_system=True,
    forced_tool_with_thinking=True,
    efforts=tuple(Effort),
)
"""A model that takes everything, so that nothing is fitted to it."""


def path_parameters(path: str) -> tuple[str | None, bool | None]:
    """Model and streaming, of a path that names them."""
    match = re.search(r"/models/(.+):(stream)?[gG]enerateContent", path)
    return (match[1], bool(match[2])) if match else (None, None)


def response_round_trips(codec: Codec, body: bytes) -> ChatResponse:
    """The same for an answer that is one document."""
    response = codec.decode_response(body)
    context = msgspec.structs.replace(
        CONTEXT, model=response.model, created=response.created or CONTEXT.created
    )
    try:
        again = codec.decode_response(codec.encode_response(response, context))
    except UpstreamError as exc:
        raise LawBroken(f"refused the second time: {exc}") from exc
    same(_bare(response), _bare(again))
    return response


def _bare(response: ChatResponse) -> ChatResponse:
    # An encoder must name an answer that came without identifier or time, writes
    # 0 where a number must stand, and a common word for a reason that it has not.
    counts = {
        field: getattr(response.usage, field) or 0
        for field in Usage.__struct_fields__
        if field != "tier"
    }
    return msgspec.structs.replace(
        response,
        id="",
        created=None,
        native=None,
        usage=msgspec.structs.replace(response.usage, **counts),
        choices=tuple(
            msgspec.structs.replace(choice, stop=_bare_stop(choice.stop))
            for choice in response.choices
        ),
    )


def _bare_stop(stop: Stop) -> Stop:
    reason = StopReason.END if stop.reason is StopReason.OTHER else stop.reason
    return msgspec.structs.replace(stop, reason=reason, native=None)


def stream_round_trips(codec: Codec, events: list[StreamEvent]) -> None:
    """What a codec's decoder reads of a stream, its encoder writes so that the
    decoder reads it again."""
    first = feed_all(codec.stream_decoder(), [codec.stream_encoder(CONTEXT).encode(events)])
    second = feed_all(codec.stream_decoder(), [codec.stream_encoder(CONTEXT).encode(first)])
    same(merge_deltas(first), merge_deltas(second))


def whole_equals_stream(codec: Codec, events: list[StreamEvent]) -> None:
    """The answer as one document says what the stream of it says."""
    collector = Collector()
    collector.add(events)
    body = codec.encode_response(collector.partial, CONTEXT)
    whole = ORACLES[codec.format].read_body(200, body)
    streamed = ORACLES[codec.format].read_stream(codec.stream_encoder(CONTEXT).encode(events))
    faults = same_answer(whole, streamed, codec.format, {"refusal", "text"})
    if whole.text + whole.refusal != streamed.text + streamed.refusal:
        faults.append(f"text: {whole.text!r} became {streamed.text!r}")
    hold(not faults, "; ".join(faults))


# --- P10: only declared errors ------------------------------------------------


def raises_only(declared: type[Exception] | tuple[()], run: Callable[[], T]) -> T | None:
    """``run()``, or ``None`` when it raised what it declares."""
    try:
        return run()
    except declared:
        return None
    except GrammarViolation:
        raise
    except Exception as exc:  # the law is about exactly these
        raise LawBroken(f"undeclared {type(exc).__name__}: {exc}") from exc


def is_json(document: bytes) -> bool:
    """Numbers may be as large as somebody wrote them: they are passed on as text."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number of JSON")

    try:
        json.loads(document.decode(), parse_constant=refuse, parse_int=str, parse_float=str)
    except ValueError:
        return False
    return True


def request_errors_are_declared(
    codec: Codec, others: Iterable[Codec], inbound: Inbound
) -> ChatRequest | None:
    """Reading any request, and writing what was read in any format."""
    raises_only(InvalidRequest, lambda: codec.peek(inbound))
    raises_only(InvalidRequest, lambda: codec.relay_request(inbound, "other-model", Caps()))
    request = raises_only(InvalidRequest, lambda: codec.decode_request(inbound))
    if request is not None:
        for other in others:
            encoded = raises_only(
                InvalidRequest,
                lambda other=other: other.encode_request(  # type: ignore[misc]
                    request, "up-model", Caps(), Ledger(codec.pointers)
                ),
            )
            if encoded is not None:
                hold(is_json(encoded.body), f"no JSON: {encoded.body!r}")
    return request


def answer_errors_are_declared(codec: Codec, others: Iterable[Codec], body: bytes) -> None:
    """Reading any answer, and writing what was read in any format."""
    raises_only(UpstreamError, lambda: codec.relay_usage(body))
    response = raises_only(UpstreamError, lambda: codec.decode_response(body))
    if response is not None:
        for other in others:
            encoded = raises_only(
                (),
                lambda other=other: other.encode_response(response, CONTEXT),  # type: ignore[misc]
            )
            assert encoded is not None
            hold(is_json(encoded), f"no JSON: {encoded!r}")


def error_bodies_are_read(codec: Codec, others: Iterable[Codec], status: int, body: bytes) -> None:
    """No error body can stop an error from being shown."""
    failure = raises_only((), lambda: codec.decode_error(status, {}, body))
    assert failure is not None
    for other in others:
        shown = other.encode_error(failure, "req_1")
        hold(400 <= shown[0] <= 599, f"an error of status {shown[0]}")
        hold(isinstance(msgspec.json.decode(shown[1]), dict), "an error that is no object")
