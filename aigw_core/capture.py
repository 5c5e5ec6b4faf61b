"""What went over the wires of one request, kept for whoever has to explain it.

Only where the configuration asks for it, by key and model: it is people's prompts.
Each read of the upstream and each write to the client stands by itself, with its time,
so that the two streams can be laid side by side. Bodies are kept up to a size, headers
without secrets.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Set

from msgspec import Struct

from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.chat import Format, ServerState
from aigw_core.codec import Codec, Headers
from aigw_core.commands import Command, Emit, Input, Reply, ResponseData, ResponseHead, Send
from aigw_core.config.secret import HIDDEN
from aigw_core.config.snapshot import CapturePolicy, Snapshot
from aigw_core.exchange import Exchange
from aigw_core.outgoing import SECRET_HEADERS
from aigw_core.routing.glob import glob_match
from aigw_core.routing.route import Route

MAX_KEPT = 64 << 20
"""Bytes of all captures together; the oldest are forgotten."""


class Piece(Struct, frozen=True, gc=False):
    """One read or write."""

    at: float
    """Seconds since the request began."""
    data: bytes


class Wire(Struct):
    """Bytes in one direction, up to a size."""

    room: int
    """Bytes that may still be kept."""
    pieces: list[Piece] = []
    size: int = 0
    """Bytes in all, kept or not."""

    def add(self, at: float, data: bytes) -> None:
        self.size += len(data)
        kept = data[: self.room]
        self.room -= len(kept)
        self.pieces.append(Piece(at, kept))

    @property
    def data(self) -> bytes:
        return b"".join([piece.data for piece in self.pieces])


class CapturedCall(Struct):
    """One upstream call."""

    at: float
    provider: str
    method: str
    url: str
    headers: Headers
    body: bytes
    answer: Wire
    status: int | None = None
    answer_headers: Headers = ()
    body_size: int = 0
    """Bytes of the body in all, kept or not; as below."""
    credential: str = ""
    format: Format | None = None
    """The upstream's; with what follows, how its answer was to be read. ``None``: that was
    not kept."""
    model: str = ""
    relayed: bool = False
    tool_names: Mapping[str, str] = {}
    wrapped_tools: frozenset[str] = frozenset()
    words: Mapping[str, str] = {}
    """Tokens in the request and what of the client's own words they stand for."""


class Capture(Struct):
    """One request, from all sides."""

    request_id: str
    taken: float
    """Unix seconds."""
    format: Format
    model: str
    key: str
    """The name of the client's key."""
    headers: Headers
    body: bytes
    answer: Wire
    calls: list[CapturedCall] = []
    status: int | None = None
    answer_headers: Headers = ()
    body_size: int = 0
    path: str = ""
    """Of the client's request, as the next two: what a format has there."""
    path_model: str | None = None
    path_stream: bool | None = None
    stream: bool = False
    """The client wants one; with what follows, how its answer was to be written."""
    stream_usage: bool = False
    answer_id: str = ""
    created: int = 0
    server_state: ServerState | None = None

    @property
    def kept(self) -> int:
        """Bytes that are held."""
        calls = sum(len(each.body) + len(each.answer.data) for each in self.calls)
        return len(self.body) + len(self.answer.data) + calls


def is_captured(policy: CapturePolicy | None, caller: Caller, model: str) -> bool:
    """Whether a request is to be kept."""
    if policy is None:
        return False
    keys, models = policy.keys, policy.models
    return (not keys or any(glob_match(pattern, caller.name) for pattern in keys)) and (
        not models or any(glob_match(pattern, model) for pattern in models)
    )


class CapturedExchange(Exchange):
    """An exchange that writes down what it is told and what it says."""

    def __init__(
        self,
        call: Call,
        route: Route,
        snapshot: Snapshot,
        codecs: Mapping[Format, Codec],
        rng: Callable[[], float],
        caller: Caller,
        wall: float,
        max_body: int,
    ) -> None:
        """``wall`` is the time in Unix seconds; ``max_body`` bounds each body, in bytes."""
        super().__init__(call, route, snapshot, codecs, rng)
        self._limit = max_body
        self._began = 0.0
        inbound, peek, context = call.inbound, call.peek, call.context
        self.capture = Capture(
            request_id=call.context.request_id,
            taken=wall,
            format=call.codec.format,
            model=call.peek.model,
            key=caller.name,
            headers=redacted(tuple(inbound.headers.items())),
            body=inbound.body[: self._limit],
            answer=Wire(self._limit),
            body_size=len(inbound.body),
            path=inbound.path,
            path_model=inbound.model,
            path_stream=inbound.stream,
            stream=peek.stream,
            stream_usage=peek.stream_usage,
            answer_id=context.id,
            created=context.created,
            server_state=context.server_state,
        )

    def start(self, now: float) -> list[Command]:
        self._began = now
        return self._said(super().start(now), now)

    def receive(self, fact: Input, now: float) -> list[Command]:
        self._heard(fact, now - self._began)
        return self._said(super().receive(fact, now), now)

    def pass_on(self, number: int, data: bytes, now: float) -> list[Command]:
        return self.receive(ResponseData(number, data), now)

    def _heard(self, fact: Input, at: float) -> None:
        if isinstance(fact, ResponseData):
            self.capture.calls[fact.attempt - 1].answer.add(at, fact.data)
        elif isinstance(fact, ResponseHead):
            call = self.capture.calls[fact.attempt - 1]
            call.status = fact.status
            call.answer_headers = redacted(tuple(fact.headers.items()))

    def _said(self, commands: list[Command], now: float) -> list[Command]:
        at, capture = now - self._began, self.capture
        for command in commands:
            if isinstance(command, Emit):
                capture.answer.add(at, command.data)
            elif isinstance(command, Reply):
                capture.status, capture.answer_headers = command.status, command.headers
            elif isinstance(command, Send):
                capture.calls.append(self._sent(command, at))
        return commands

    def _sent(self, command: Send, at: float) -> CapturedCall:
        request, attempt = command.request, self._running
        credential, translation = attempt.target.credential, attempt.translation
        return CapturedCall(
            at,
            command.provider,
            request.method,
            request.url,
            # Those that are configured may be secrets, whatever they are called.
            redacted(request.headers, {name.lower() for name, _ in credential.headers}),
            request.body[: self._limit],
            Wire(self._limit),
            body_size=len(request.body),
            credential=credential.name,
            format=credential.format,
            model=attempt.target.model,
            relayed=translation.relayed,
            tool_names=translation.encoded.tool_names,
            wrapped_tools=translation.encoded.wrapped_tools,
            words=translation.words,
        )


def redacted(headers: Headers, also: Set[str] = frozenset()) -> Headers:
    """``headers`` with nothing in them that lets anybody in; ``also``, in lower case, are
    others that might."""
    return tuple(
        [
            (name, HIDDEN if name.lower() in SECRET_HEADERS or name.lower() in also else value)
            for name, value in headers
        ]
    )


class CaptureRing:
    """The newest captures, bounded in bytes and age. Times are Unix seconds."""

    def __init__(self, limit: int = MAX_KEPT) -> None:
        self._limit = limit
        self._captures: OrderedDict[str, tuple[Capture, int]] = OrderedDict()  # with its size
        self._kept = 0

    def __repr__(self) -> str:
        return f"<CaptureRing {len(self)} of {self._kept} bytes>"

    def __len__(self) -> int:
        return len(self._captures)

    def put(self, capture: Capture, retention: float) -> None:
        """Keep a finished capture; forget those older than ``retention`` seconds."""
        self._forget(capture.request_id)
        size = capture.kept
        self._captures[capture.request_id] = (capture, size)
        self._kept += size
        for identifier, (each, _) in list(self._captures.items()):
            if self._kept <= self._limit and each.taken + retention > capture.taken:
                break
            self._forget(identifier)

    def get(self, request_id: str) -> Capture | None:
        found = self._captures.get(request_id)
        return None if found is None else found[0]

    def newest(self, count: int) -> list[Capture]:
        """At most ``count``, the newest first."""
        return [capture for capture, _ in list(reversed(self._captures.values()))[:count]]

    def _forget(self, request_id: str) -> None:
        known = self._captures.pop(request_id, None)
        if known is not None:
            self._kept -= known[1]
