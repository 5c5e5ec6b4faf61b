"""Upstream bytes to client bytes, for one answer.

Five machines with one face (:class:`AnswerMachine`), chosen by what the client
asked for and what the upstream sends:

=================  ==================  ======================================
client wants       upstream sends      machine
=================  ==================  ======================================
a stream           the same format     :class:`Relay` (bytes untouched)
a stream           another format      :class:`Transcoder`
a stream           one document        :class:`WholeAnswer`, streamed at its end
one document       one document        :class:`WholeAnswer`
one document       a stream            :class:`CollectedAnswer`
=================  ==================  ======================================

A failure is never written by ``feed`` or ``eof``: while nothing has reached the
client another target may take over. ``fail`` writes it, in the client's format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.chat import ChatRequest, StopReason, Usage
from aigw_core.codec import (
    AnswerContext,
    Caps,
    Codec,
    EncodedRequest,
    Inbound,
    Peek,
    StreamEncoder,
)
from aigw_core.collect import Collector, explode
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartKind,
    PartStart,
    StreamEvent,
    UsageReport,
)
from aigw_core.ledger import Ledger, LedgerEntry
from aigw_core.leftovers import note_leftovers
from aigw_core.mutation import Change
from aigw_core.sealing import Sealing
from aigw_core.seals import may_hold_envelope
from aigw_core.unsealing import unseal
from aigw_core.unwrap import Unwrapper

MAX_DOCUMENT = 64 << 20
"""Bytes of a whole answer; the largest seen hold several pictures."""


class Translation(Struct, frozen=True):
    """A client's request, ready for one target."""

    encoded: EncodedRequest
    ledger: tuple[LedgerEntry, ...] = ()
    relayed: bool = False
    """Same format on both sides, and the answer need not be read."""
    sealing: Sealing | None = None
    """Without it no envelope is made or opened."""
    changes: tuple[Change, ...] = ()
    """What configuration had changed in the request."""
    words: Mapping[str, str] = {}
    """Tokens in the request and what they stand for, to be put back into the answer."""


class AnswerMachine(Protocol):
    """Turns one upstream answer into the client's bytes."""

    @property
    def content(self) -> bool:
        """Something that a client would notice has come out of ``feed`` or ``eof``."""
        ...

    @property
    def ended(self) -> bool:
        """The answer is complete: its success terminator has come out."""
        ...

    @property
    def failure(self) -> Failure | None:
        """Why it will never be complete."""
        ...

    @property
    def usage(self) -> Usage: ...

    @property
    def stop(self) -> StopReason | None:
        """Why the first choice ended, where the machine looks at it."""
        ...

    def feed(self, data: bytes) -> bytes: ...

    def eof(self) -> bytes: ...

    def fail(self, failure: Failure) -> bytes:
        """The client's error event, legal after what has come out so far."""
        ...

    def keepalive(self) -> bytes:
        """Meaningless bytes, legal after what has come out so far."""
        ...


class Transcoder:
    """A stream of one format to a stream of another: decode, then encode."""

    __slots__ = (
        "_decoder",
        "_encoder",
        "_seals",
        "_unwrap",
        "content",
        "ended",
        "failure",
        "stop",
        "usage",
    )

    def __init__(
        self,
        upstream: Codec,
        client: Codec,
        context: AnswerContext,
        request: EncodedRequest,
        *,
        sealing: Sealing | None = None,
    ) -> None:
        self._decoder = upstream.stream_decoder()
        self._encoder = client.stream_encoder(context)
        self._seals = sealing.of_answer(upstream, client) if sealing is not None else None
        self._unwrap = (
            Unwrapper(request.tool_names, request.wrapped_tools)
            if request.tool_names or request.wrapped_tools
            else None
        )
        self.content = False
        self.ended = False
        self.failure: Failure | None = None
        self.usage = Usage()
        self.stop: StopReason | None = None

    def __repr__(self) -> str:
        return f"<Transcoder content={self.content} ended={self.ended} failure={self.failure}>"

    def feed(self, data: bytes) -> bytes:
        events = self._decoder.feed(data)
        return self._pass_on(events) if events else b""

    def eof(self) -> bytes:
        return self._pass_on(self._decoder.eof())

    def fail(self, failure: Failure) -> bytes:
        return self._encoder.encode([failure])

    def keepalive(self) -> bytes:
        return self._encoder.keepalive()

    def _pass_on(self, events: list[StreamEvent]) -> bytes:
        if self._unwrap is not None:
            events = self._unwrap.restore(events)
        if self._seals is not None:
            events = self._seals.wrap(events)
        for event in events:
            kind = type(event)
            if kind in _SILENT:
                self._note(event)
            else:
                self.content = True
        if self.failure is not None:
            events = [event for event in events if type(event) is not Failure]
        return self._encoder.encode(events) if events else b""

    def _note(self, event: StreamEvent) -> None:
        if isinstance(event, PartStart):
            # An empty text part says nothing yet; a tool's name does.
            self.content |= event.kind not in _QUIET_PARTS
        elif isinstance(event, UsageReport):
            self.usage = event.usage
        elif isinstance(event, ChoiceStop):
            if self.stop is None:
                self.stop = event.stop.reason
        elif isinstance(event, AnswerEnd):
            self.content = self.ended = True
        elif isinstance(event, Failure):
            self.failure = event


_SILENT = frozenset({AnswerStart, PartStart, UsageReport, ChoiceStop, AnswerEnd, Failure})
_QUIET_PARTS = (PartKind.TEXT, PartKind.REASONING, PartKind.REFUSAL)


class Relay:
    """A stream passed on as it is, with an eye on usage, errors and the end."""

    __slots__ = ("_codec", "_context", "_tap", "content", "ended", "failure", "stop")

    def __init__(self, codec: Codec, context: AnswerContext, peek: Peek) -> None:
        self._tap = codec.relay_tap(peek)
        self._codec = codec
        self._context = context
        self.content = False
        self.ended = False
        self.failure: Failure | None = None
        self.stop: StopReason | None = None

    def __repr__(self) -> str:
        return f"<Relay content={self.content} ended={self.ended} failure={self.failure}>"

    @property
    def usage(self) -> Usage:
        return self._tap.usage

    def feed(self, data: bytes) -> bytes:
        tap = self._tap
        passed = tap.feed(data)
        if not self.content or tap.terminal or tap.failure is not None:
            self._look()
        return passed

    def eof(self) -> bytes:
        passed = self._tap.eof()
        self._look()
        return passed

    def _look(self) -> None:
        tap = self._tap
        self.content = tap.content or tap.terminal
        self.ended = tap.terminal and tap.failure is None
        self.failure = tap.failure

    def fail(self, failure: Failure) -> bytes:
        told = self._tap.tell(failure)
        return self._encoder().encode([failure]) if told is None else told

    def keepalive(self) -> bytes:
        return self._encoder().keepalive()

    def _encoder(self) -> StreamEncoder:
        """One that has written nothing else, for the few words of our own."""
        return self._codec.stream_encoder(self._context)


class WholeAnswer:
    """One document from the upstream, written when it is complete."""

    def __init__(
        self,
        upstream: Codec,
        client: Codec,
        context: AnswerContext,
        translation: Translation,
        *,
        stream: bool,
    ) -> None:
        request = translation.encoded
        self._upstream = upstream
        self._client = client
        self._context = context
        self._unwrap = Unwrapper(request.tool_names, request.wrapped_tools)
        sealing = translation.sealing
        self._seals = sealing.of_answer(upstream, client) if sealing is not None else None
        self._relayed = translation.relayed
        self._encoder = client.stream_encoder(context) if stream else None
        self._pieces: list[bytes] = []
        self._size = 0
        self.content = False
        self.ended = False
        self.failure: Failure | None = None
        self.usage = Usage()
        self.stop: StopReason | None = None

    def __repr__(self) -> str:
        return f"<WholeAnswer size={self._size} ended={self.ended} failure={self.failure}>"

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > MAX_DOCUMENT:
            self._pieces.clear()
            self.failure = _oversize()
        elif self.failure is None:
            self._pieces.append(data)
        return b""

    def eof(self) -> bytes:
        if self.failure is not None:
            return b""
        body = b"".join(self._pieces)
        self._pieces.clear()
        try:
            passed = self._translate(body)
        except GatewayError as exc:
            self.failure = exc.failure
            return b""
        self.content = self.ended = True
        return passed

    def _translate(self, body: bytes) -> bytes:
        if self._relayed and self._encoder is None:
            self.usage = self._upstream.relay_usage(body)
            return body
        response = self._upstream.decode_response(body)
        self.usage = response.usage
        if response.choices:
            self.stop = response.choices[0].stop.reason
        response = self._unwrap.restore_response(response)
        if self._seals is not None:
            response = self._seals.wrap_response(response)
        if self._encoder is not None:
            return self._encoder.encode(explode(response))
        return self._client.encode_response(response, self._context)

    def fail(self, failure: Failure) -> bytes:
        if self._encoder is not None:
            return self._encoder.encode([failure])
        return self._client.encode_error(failure, self._context.request_id)[1]

    def keepalive(self) -> bytes:
        return self._encoder.keepalive() if self._encoder is not None else b" "


class CollectedAnswer:
    """A stream from the upstream for a client that wants one document."""

    def __init__(
        self, upstream: Codec, client: Codec, context: AnswerContext, translation: Translation
    ) -> None:
        request, sealing = translation.encoded, translation.sealing
        self._decoder = upstream.stream_decoder()
        self._client = client
        self._context = context
        self._unwrap = Unwrapper(request.tool_names, request.wrapped_tools)
        self._seals = sealing.of_answer(upstream, client) if sealing is not None else None
        self._collector = Collector()
        self._size = 0
        self.content = False
        self.ended = False
        self.failure: Failure | None = None
        self.stop: StopReason | None = None

    @property
    def usage(self) -> Usage:
        return self._collector.usage

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > MAX_DOCUMENT:
            self.failure = _oversize()
            return b""
        return self._add(self._decoder.feed(data))

    def eof(self) -> bytes:
        return b"" if self.ended else self._add(self._decoder.eof())

    def _add(self, events: list[StreamEvent]) -> bytes:
        events = self._unwrap.restore(events)
        if self._seals is not None:
            events = self._seals.wrap(events)
        self._collector.add(events)
        self.failure = self.failure or self._collector.failure
        if not self._collector.ended or self.ended:
            return b""
        self.content = self.ended = True
        response = self._collector.partial
        if response.choices:
            self.stop = response.choices[0].stop.reason
        return self._client.encode_response(response, self._context)

    def fail(self, failure: Failure) -> bytes:
        return self._client.encode_error(failure, self._context.request_id)[1]

    def keepalive(self) -> bytes:
        return b" "


def _oversize() -> Failure:
    return Failure(
        ErrorKind.UPSTREAM_MALFORMED,
        f"the upstream's answer is larger than {MAX_DOCUMENT >> 20} MiB",
    )


def translate_request(
    inbound: Inbound,
    request: ChatRequest | None,
    client: Codec,
    upstream: Codec,
    model: str,
    caps: Caps,
    *,
    strict: bool = False,
    sealing: Sealing | None = None,
) -> Translation:
    """The upstream's request for a client's request.

    ``request`` is the decoded ``inbound``, or ``None`` for the same format on
    both sides, where the client's own bytes are passed on, without envelopes.

    Raises:
        InvalidRequest: the request asks for what the target cannot do, or,
            when ``strict``, what it can only approximate.
    """
    ledger = Ledger(client.pointers)
    if request is None:
        if may_hold_envelope(inbound.body):
            # Envelopes are made for clients of other formats than the upstream's, so
            # none of them is of this one.
            body, pointers = upstream.strip_envelopes(inbound.body, caps)
            inbound = replace(inbound, body=body)
            for pointer in pointers:
                ledger.dropped("seal_foreign", pointer)
        encoded = upstream.relay_request(inbound, model, caps)
    else:
        request = unseal(request, sealing, ledger, also_read=caps.reads_seals_of)
        encoded = upstream.encode_request(request, model, caps, ledger)
        note_leftovers(request, upstream.format, ledger)
    if strict:
        ledger.refuse_reported()
    return Translation(encoded, tuple(ledger.entries), relayed=request is None, sealing=sealing)


def answer_machine(
    upstream: Codec,
    client: Codec,
    context: AnswerContext,
    translation: Translation,
    peek: Peek,
    headers: Mapping[str, str],
) -> AnswerMachine:
    """The machine for an answer whose ``headers`` (lower-case names) have come."""
    streamed = is_stream(headers, asked=peek.stream)
    if peek.stream and streamed:
        if translation.relayed:
            return Relay(client, context, peek)
        return Transcoder(
            upstream, client, context, translation.encoded, sealing=translation.sealing
        )
    if streamed:
        return CollectedAnswer(upstream, client, context, translation)
    return WholeAnswer(upstream, client, context, translation, stream=peek.stream)


def is_stream(headers: Mapping[str, str], *, asked: bool) -> bool:
    """Whether an answer is an event stream. Some servers send streams without a
    content type, or as plain text; JSON is named when it is meant."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return True
    return asked and not kind.endswith("json")
