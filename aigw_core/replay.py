"""The two streams of a captured request, side by side: what of the one made what of the other.

A capture (:mod:`.capture`) has what came and what went, each piece with its time. Here the
answer is read once more by the machines that read it then, event by event, so that each
row has the upstream's bytes of one event, what they mean, and what the client was sent
because of them. No byte of either stream is lost, doubled or moved: the rows' bytes put
together are the streams as they were kept.

What the machines write now need not be what they wrote then, to the byte: envelopes are
made with a key that is not known here, a capture may have been cut, and it may be of an
older gateway. :class:`Fidelity` says what the join rests on.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate, pairwise

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.capture import Capture, CapturedCall, Wire
from aigw_core.chat import ChatRequest, ChatResponse, Format
from aigw_core.cloak.restore import WordRestorer, restoring
from aigw_core.codec import AnswerContext, Codec, EncodedRequest, Inbound, Peek, StreamDecoder
from aigw_core.collect import explode
from aigw_core.errors import GatewayError
from aigw_core.events import StreamEvent
from aigw_core.sealing import Sealing
from aigw_core.seals import Provenance, Sealer, SealKeys
from aigw_core.translate import AnswerMachine, Relay, Translation, answer_machine, is_stream

_FRAME_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_SPACES = (b" ", b"\n")
_NO_KEY = SealKeys(bytes(32))

_Note = Callable[[list[StreamEvent]], list[StreamEvent]]


class Cause(StrEnum):
    """Why there is a row."""

    UPSTREAM = "upstream"
    """The upstream sent something."""
    END = "end"
    """The upstream's answer ended: what was made of that."""
    KEEPALIVE = "keepalive"
    """The client was sent something that means nothing."""
    GATEWAY = "gateway"
    """What the client was sent came of none of the upstream's bytes that were kept: an error
    of the gateway's own, mostly."""


class Fidelity(StrEnum):
    """What tells which of the client's bytes came of which of the upstream's."""

    BYTES = "bytes"
    """The machines wrote the same again."""
    FRAMES = "frames"
    """They wrote as many events again, which differ in what cannot be known here."""
    TIMES = "times"
    """They did not, or cannot: what was sent at the moment of a read came of it."""


class JoinedRow(Struct, frozen=True):
    attempt: int
    """From 1; 0: none had begun."""
    cause: Cause
    at: float
    """Seconds since the request began. Of what the upstream sent: when its last byte came."""
    upstream: bytes = b""
    upstream_cuts: tuple[int, ...] = ()
    """Where in ``upstream`` one read ended and the next began."""
    events: tuple[StreamEvent, ...] = ()
    """As the upstream's codec understands it."""
    client: bytes = b""
    client_at: float | None = None
    """When the last of it was written."""
    client_cuts: tuple[int, ...] = ()
    """Likewise, of writes."""


class Joined(Struct, frozen=True):
    rows: tuple[JoinedRow, ...]
    """In the order of both streams, so nearly in that of time: an opening is held back,
    and may be overtaken by a keepalive."""
    fidelity: Fidelity


def joined(capture: Capture, codecs: Mapping[Format, Codec]) -> Joined:
    """The rows of a request. Costs what answering it cost."""
    steps: list[_Step] = []
    for number, call in enumerate(capture.calls, 1):
        steps += _replay(capture, call, number, codecs, last=number == len(capture.calls))
    sent = _Sent(capture, codecs)
    ends, fidelity = _shares(steps, sent, capture)
    if steps and steps[-1].cause is Cause.END and ends[-2:] == ends[-1:] * 2:
        # Nobody heard of it: the client had left, say.
        del steps[-1], ends[-1]
    return Joined(tuple(_merged(steps, ends, sent)), fidelity)


# --- bytes in time -----------------------------------------------------------


class _Bytes:
    """The bytes of one direction, and when which of them went."""

    def __init__(self, wire: Wire) -> None:
        self.data = wire.data
        pieces = [piece for piece in wire.pieces if piece.data]
        self.times = [piece.at for piece in pieces]
        self.ends = list(accumulate(len(piece.data) for piece in pieces))

    def at(self, position: int) -> float:
        """When the byte went."""
        return self.times[bisect_right(self.ends, position)]

    def cuts(self, begin: int, end: int) -> tuple[int, ...]:
        """Borders of pieces inside a stretch, counted from its beginning."""
        first, last = bisect_right(self.ends, begin), bisect_left(self.ends, end)
        return tuple([each - begin for each in self.ends[first:last]])


def _frame_ends(data: bytes) -> list[int]:
    """Where events of a stream end; the last is the end of the data."""
    ends = [match.end() for match in _FRAME_END.finditer(data)]
    if data and (not ends or ends[-1] < len(data)):
        ends.append(len(data))
    return ends


# --- reading it again --------------------------------------------------------


class _Step(Struct, frozen=True):
    """Some of the upstream's bytes, and what the machines make of them now."""

    attempt: int
    cause: Cause
    at: float
    upstream: bytes
    cuts: tuple[int, ...]
    events: tuple[StreamEvent, ...]
    made: bytes | None
    """``None``: it is not known."""


class _Heard:
    """Notes what the decoder of an answer says, on its way to the machine."""

    def __init__(self) -> None:
        self._events: list[StreamEvent] = []

    def take(self) -> tuple[StreamEvent, ...]:
        events, self._events = tuple(self._events), []
        return events

    def listening(self, codec: Codec) -> Codec:
        def decode_response(body: bytes) -> ChatResponse:
            response = codec.decode_response(body)
            self._events += explode(response)
            return response

        def decode_stream() -> StreamDecoder:
            return _HeardDecoder(codec.stream_decoder(), self._events_of)

        return replace(codec, decode_response=decode_response, stream_decoder=decode_stream)

    def _events_of(self, events: list[StreamEvent]) -> list[StreamEvent]:
        self._events += events
        return events


class _HeardDecoder:
    def __init__(self, decoder: StreamDecoder, note: _Note) -> None:
        self._decoder = decoder
        self._note = note

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self._note(self._decoder.feed(data))

    def eof(self) -> list[StreamEvent]:
        return self._note(self._decoder.eof())


def _replay(
    capture: Capture,
    call: CapturedCall,
    number: int,
    codecs: Mapping[Format, Codec],
    *,
    last: bool,
) -> list[_Step]:
    came = _Bytes(call.answer)
    if not came.data:
        return []
    codec = None if call.format is None else codecs.get(call.format)
    if codec is None or call.status is None:
        return _unread(came, number)
    headers = dict(call.answer_headers)
    if not 200 <= call.status < 300:
        failure = codec.decode_error(call.status, headers, came.data)
        return [_step(came, number, 0, len(came.data), (failure,), None)]
    heard = _Heard()
    machine = _machine(capture, call, heard.listening(codec), codecs, headers)
    if machine is None:
        return _unread(came, number)
    reader = codec.stream_decoder() if isinstance(machine, Relay) else None
    if not is_stream(headers, asked=capture.stream):
        made = machine.feed(came.data) + machine.eof()
        events = heard.take()
        if machine.failure is not None:
            events = (*events, machine.failure)
        return [_step(came, number, 0, len(came.data), events, made if last else None)]
    steps: list[_Step] = []
    begin = 0
    for end in _frame_ends(came.data):
        data = came.data[begin:end]
        broken = machine.failure is not None
        made = machine.feed(data) + (b"" if broken else _told(machine))
        events = heard.take() if reader is None else tuple(reader.feed(data))
        steps.append(_step(came, number, begin, end, events, made if last else None))
        begin = end
    whole = call.answer.size == len(came.data)
    if last and whole and not machine.ended and machine.failure is None:
        made = machine.eof() + _told(machine)
        events = heard.take() if reader is None else tuple(reader.eof())
        if made:
            steps.append(_Step(number, Cause.END, came.times[-1], b"", (), events, made))
    return steps


def _told(machine: AnswerMachine) -> bytes:
    """What a client that has some of an answer is told of its failure."""
    failure = machine.failure
    return b"" if failure is None or not machine.content else machine.fail(failure)


def _unread(came: _Bytes, number: int) -> list[_Step]:
    """The events of a stream, not understood."""
    ends = _frame_ends(came.data)
    return [
        _step(came, number, begin, end, (), None)
        for begin, end in zip([0, *ends], ends, strict=False)
    ]


def _step(
    came: _Bytes,
    number: int,
    begin: int,
    end: int,
    events: tuple[StreamEvent, ...],
    made: bytes | None,
) -> _Step:
    return _Step(
        number,
        Cause.UPSTREAM,
        came.at(end - 1),
        came.data[begin:end],
        came.cuts(begin, end),
        events,
        made,
    )


def _machine(
    capture: Capture,
    call: CapturedCall,
    upstream: Codec,
    codecs: Mapping[Format, Codec],
    headers: Mapping[str, str],
) -> AnswerMachine | None:
    """As that of the attempt was made; ``None``: it cannot be."""
    client = codecs.get(capture.format)
    if client is None:
        return None
    if call.words:
        upstream = restoring(upstream, WordRestorer(call.words))
    context = AnswerContext(
        model=capture.model,
        id=capture.answer_id,
        created=capture.created,
        stream_usage=capture.stream_usage,
        request_id=capture.request_id,
        request=None if call.relayed else _request(capture, client),
        server_state=capture.server_state,
    )
    sealing = Sealing(Sealer(_NO_KEY, ""), Provenance(upstream.format, call.model, ""))
    encoded = EncodedRequest(b"", "", tool_names=call.tool_names, wrapped_tools=call.wrapped_tools)
    translation = Translation(encoded, relayed=call.relayed, sealing=sealing)
    peek = Peek(capture.model, capture.stream, capture.stream_usage)
    return answer_machine(upstream, client, context, translation, peek, headers)


def _request(capture: Capture, client: Codec) -> ChatRequest | None:
    inbound = Inbound(
        capture.body,
        dict(capture.headers),
        capture.path_model,
        capture.path_stream,
        capture.path,
    )
    try:
        return client.decode_request(inbound)
    except GatewayError:
        return None  # it was cut


# --- who made what -----------------------------------------------------------


class _Sent:
    """What the client was sent: keepalives, and content between them."""

    def __init__(self, capture: Capture, codecs: Mapping[Format, Codec]) -> None:
        self.bytes = _Bytes(capture.answer)
        reads = {piece.at for call in capture.calls for piece in call.answer.pieces}
        codec = codecs.get(capture.format) if capture.stream else None
        context = AnswerContext(capture.model, capture.answer_id, capture.created)
        usual = b"" if codec is None else codec.stream_encoder(context).keepalive()
        self._idle: list[tuple[int, int]] = []
        begin = 0
        for at, end in zip(self.bytes.times, self.bytes.ends, strict=True):
            data = self.bytes.data[begin:end]
            if at not in reads and (
                data in (*_SPACES, usual) or data.startswith(b":") or _is_ping(data)
            ):
                self._idle.append((begin, end))
            begin = end
        self.content = b"".join(self.bytes.data[a:b] for a, b, idle in self._parts() if not idle)

    def _parts(self) -> list[tuple[int, int, bool]]:
        """Stretches of all that was sent, and whether each is a keepalive."""
        parts: list[tuple[int, int, bool]] = []
        at = 0
        for begin, end in self._idle:
            if begin > at:
                parts.append((at, begin, False))
            parts.append((begin, end, True))
            at = end
        if at < len(self.bytes.data):
            parts.append((at, len(self.bytes.data), False))
        return parts

    def units(self, borders: Sequence[int]) -> list[tuple[int, int, int | None]]:
        """Stretches of all that was sent, cut at these places of the content; each with
        where its content begins, which keepalives do not have."""
        units: list[tuple[int, int, int | None]] = []
        passed = 0
        for begin, end, idle in self._parts():
            if idle:
                units.append((begin, end, None))
                continue
            inside = [
                border
                for border in borders[bisect_right(borders, passed) :]
                if border < passed + end - begin
            ]
            edges = [passed, *dict.fromkeys(inside), passed + end - begin]
            units += [(begin + a - passed, begin + b - passed, a) for a, b in pairwise(edges)]
            passed += end - begin
        return units

    def content_times(self) -> list[tuple[int, float]]:
        """Where each write of content ends, counted in content, and when it was."""
        idle = {begin for begin, _ in self._idle}
        times: list[tuple[int, float]] = []
        begin = passed = 0
        for at, end in zip(self.bytes.times, self.bytes.ends, strict=True):
            if begin not in idle:
                passed += end - begin
                times.append((passed, at))
            begin = end
        return times


def _is_ping(data: bytes) -> bool:
    return data.startswith(b"event: ping\n") and data.count(b"\n\n") == 1


def _shares(steps: Sequence[_Step], sent: _Sent, capture: Capture) -> tuple[list[int], Fidelity]:
    """Where in the client's content that of each step ends."""
    made = [step.made or b"" for step in steps]
    known = bool(steps) and steps[-1].made is not None
    if known:
        whole = b"".join(made)
        same = sent.content.startswith(whole) or whole.startswith(sent.content)
        if same and whole:
            return [min(end, len(sent.content)) for end in accumulate(map(len, made))], (
                Fidelity.BYTES
            )
        if capture.stream and whole:
            frames = [0, *_frame_ends(sent.content)]
            counts = accumulate(len(_frame_ends(each)) for each in made)
            ends = [frames[min(count, len(frames) - 1)] for count in counts]
            if _in_time(steps, ends, sent):
                return ends, Fidelity.FRAMES
    return _by_time(steps, sent), Fidelity.TIMES


def _in_time(steps: Sequence[_Step], ends: Sequence[int], sent: _Sent) -> bool:
    """Nothing was sent before that which it came of."""
    times = sent.content_times()
    places = [place for place, _ in times]
    begin = 0
    for step, end in zip(steps, ends, strict=True):
        if end > begin and times[bisect_right(places, begin)][1] < step.at:
            return False
        begin = end
    return True


def _by_time(steps: Sequence[_Step], sent: _Sent) -> list[int]:
    times = sent.content_times()
    moments = [at for _, at in times]
    ends: list[int] = []
    for number, step in enumerate(steps):
        if number + 1 < len(steps):
            count = bisect_left(moments, steps[number + 1].at)
        elif step.made is None:
            count = len(moments)  # what the client was told of a refusal
        else:
            count = bisect_right(moments, step.at)
        end = times[count - 1][0] if count else 0
        ends.append(max(end, ends[-1] if ends else 0))
    return ends


def _merged(steps: Sequence[_Step], ends: Sequence[int], sent: _Sent) -> list[JoinedRow]:
    """The rows, in the order of both streams."""
    rows: list[JoinedRow] = []
    last = ends[-1] if ends else 0
    rest = [end for end in _frame_ends(sent.content) if end > last]
    units = sent.units([*ends, *rest])
    done = 0  # steps that have their row
    for begin, end, place in units:
        at = sent.bytes.at(end - 1)
        if place is None:
            owner = _next_owner(ends, done, begin, units)
            while done < min(owner, len(steps)) and steps[done].at <= at:
                rows.append(_row(steps[done]))
                done += 1
            rows.append(_own(sent, begin, end, Cause.KEEPALIVE, steps, done))
            continue
        owner = bisect_right(ends, place)
        while done < min(owner, len(steps)):
            rows.append(_row(steps[done]))
            done += 1
        if owner == len(steps) or owner < done:
            cause = Cause.GATEWAY if owner == len(steps) else steps[owner].cause
            rows.append(_own(sent, begin, end, cause, steps, done))
            continue
        rows.append(
            replace(
                _row(steps[owner]),
                client=sent.bytes.data[begin:end],
                client_at=at,
                client_cuts=sent.bytes.cuts(begin, end),
            )
        )
        done = owner + 1
    return [*rows, *(_row(step) for step in steps[done:])]


def _next_owner(
    ends: Sequence[int], done: int, begin: int, units: Sequence[tuple[int, int, int | None]]
) -> int:
    """The step that the next content came of."""
    for at, _, place in units:
        if at > begin and place is not None:
            return max(done, bisect_right(ends, place))
    return len(ends)


def _row(step: _Step) -> JoinedRow:
    return JoinedRow(step.attempt, step.cause, step.at, step.upstream, step.cuts, step.events)


def _own(
    sent: _Sent, begin: int, end: int, cause: Cause, steps: Sequence[_Step], done: int
) -> JoinedRow:
    """What came of no bytes of the upstream."""
    at = sent.bytes.at(end - 1)
    attempt = steps[done - 1].attempt if done else (steps[0].attempt if steps else 0)
    return JoinedRow(
        attempt,
        cause,
        at,
        client=sent.bytes.data[begin:end],
        client_at=at,
        client_cuts=sent.bytes.cuts(begin, end),
    )
