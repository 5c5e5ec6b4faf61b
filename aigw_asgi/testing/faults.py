"""An upstream that fails in the way that is asked for, byte by byte, over real TCP.

::

    async with FaultyUpstream() as upstream:
        ...  # a gateway with base-url: upstream.url, asked for the model "reset-midway"

The model's name names the fault, a key of ``FAULTS``; what comes before its last ``/`` does
not matter, and ``well`` answers as a good upstream does. Everything below ``/good`` is
answered well, whatever is asked for: a second credential with that base URL can take over.
All wire formats are spoken, each at the path of its vendor.

Faults that a connection has before it stands are the network's: ``refused_url`` is a port
that nobody listens on, and ``tls`` may be a context with a certificate that clients refuse.

It is the counterpart of the built-in echo models (:mod:`aigw_asgi.echo`), which fail by
name as well, but inside the process and in good HTTP. Runs on asyncio.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

import msgspec
from msgspec import Struct

from aigw_core.chat import Format, Stop, StopReason, Usage
from aigw_core.codec import AnswerContext
from aigw_core.codecs import CODECS
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    PartEnd,
    PartKind,
    PartStart,
    StreamEvent,
    TextDelta,
    UsageReport,
)

TEXT = "All is well"
"""What a good answer says, three words in three events."""

PACE = 0.02
"""Seconds between two bytes of what trickles."""

DATE = "Mon, 23 Nov 2026 14:00:00 GMT"
"""Of answers that name a date to come back at."""


# --- what an upstream does ---------------------------------------------------


class Say(Struct, frozen=True):
    """Send bytes at once."""

    data: bytes


class Repeat(Struct, frozen=True):
    """Send bytes again and again, until the client leaves."""

    data: bytes
    pause: float = 0.0
    """Seconds between two times."""


class Stall(Struct, frozen=True):
    """Say nothing more, until the client leaves."""


class Close(Struct, frozen=True):
    """End the connection in order (FIN)."""


class Reset(Struct, frozen=True):
    """Break the connection (RST)."""


class HangUpNext(Struct, frozen=True):
    """Close the connection as the next request on it comes in."""


class Wait(Struct, frozen=True):
    """Go on when ``FaultyUpstream.go_on`` is called."""


Step = Say | Repeat | Stall | Close | Reset | HangUpNext | Wait
Script = Sequence[Step]
"""When it is over and the connection stands, the next request on it is served."""


class Good(Struct, frozen=True):
    """A good answer, to be spoiled."""

    format: Format
    stream: bool
    """It was asked for as a stream."""
    events: tuple[bytes, ...]
    """As a stream: its events, each with its blank line."""
    document: bytes
    """As one document."""

    @property
    def begun(self) -> int:
        """How many events there are up to the first with content, and with it."""
        return 1 + next(n for n, event in enumerate(self.events) if b"All" in event)

    @property
    def said(self) -> int:
        """How many there are up to the last with content, and with it."""
        return 1 + max(n for n, event in enumerate(self.events) if b" well" in event)

    @property
    def half(self) -> bytes:
        """The beginning of the answer, with content: framed, and not complete."""
        if self.stream:
            return streamed(self.events[: self.begun], end=False)
        return documented(self.document, sent=len(self.document) // 2)

    @property
    def whole(self) -> bytes:
        """The answer as it was asked for."""
        return streamed(self.events) if self.stream else documented(self.document)

    def error(self, kind: ErrorKind) -> bytes:
        """The vendor's error document."""
        return CODECS[self.format].encode_error(Failure(kind, "as it was asked to"), "fault")[1]

    def error_event(self) -> bytes:
        """The vendor's word for an overload inside a stream."""
        encoder = CODECS[self.format].stream_encoder(_CONTEXT)
        encoder.encode([AnswerStart("up", "fault")])  # one format has another word before it
        return encoder.encode([Failure(ErrorKind.OVERLOADED, "overloaded, as it was asked to be")])


_CONTEXT = AnswerContext(model="fault", id="fault", created=1735689600)
_EVENTS: list[StreamEvent] = [
    AnswerStart("up", "fault", 1735689600),
    PartStart(0, PartKind.TEXT),
    *(TextDelta(0, word) for word in ("All", " is", " well")),
    PartEnd(0),
    ChoiceStop(Stop(StopReason.END)),
    UsageReport(Usage(input=3, output=3)),
    AnswerEnd(),
]


def good_answer(format: Format, *, stream: bool) -> Good:
    """What an upstream of ``format`` says when nothing is wrong."""
    codec = CODECS[format]
    said = codec.stream_encoder(_CONTEXT).encode(_EVENTS)
    events = tuple(event + b"\n\n" for event in said.split(b"\n\n") if event)
    return Good(format, stream, events, codec.encode_response(collect(_EVENTS), _CONTEXT))


# --- framing -----------------------------------------------------------------

JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
CHUNKED = b"transfer-encoding: chunked"


def head(status: int, *fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 %d Fault" % status, *fields, b"", b""])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def streamed(events: Iterable[bytes], *fields: bytes, end: bool = True) -> bytes:
    """An event stream, a chunk an event. Without ``end`` the last chunk is missing."""
    body = b"".join([chunk(event) for event in events])
    return head(200, SSE, CHUNKED, *fields) + body + (b"0\r\n\r\n" if end else b"")


def documented(body: bytes, *fields: bytes, status: int = 200, sent: int | None = None) -> bytes:
    """A document with its length, of which ``sent`` bytes come; ``None``: all."""
    return head(status, *(fields or (JSON,)), b"content-length: %d" % len(body)) + body[:sent]


# --- the faults --------------------------------------------------------------


def _refuses(status: int, kind: ErrorKind, *fields: bytes) -> Callable[[Good], Script]:
    return lambda good: [Say(documented(good.error(kind), JSON, *fields, status=status))]


def _limits(*fields: str) -> Callable[[Good], Script]:
    return _refuses(429, ErrorKind.RATE_LIMIT, *(field.encode() for field in fields))


def _events(good: Good, *events: bytes) -> Script:
    """As a stream, also for who did not ask for one: such servers exist."""
    return [Say(streamed(events))]


def _half_then(*steps: Step) -> Callable[[Good], Script]:
    return lambda good: [Say(good.half), *steps]


def _short(good: Good) -> Script:
    body = b"".join(good.events[: good.begun]) if good.stream else good.document[:40]
    kind = SSE if good.stream else JSON
    return [Say(head(200, kind, b"content-length: %d" % (len(body) + 100)) + body), Close()]


def _unframed(good: Good) -> Script:
    body = b"".join(good.events[: good.begun]) if good.stream else good.document[:40]
    return [Say(head(200, SSE if good.stream else JSON) + body), Close()]


def _cut_event(good: Good) -> Script:
    last = good.events[good.begun]
    return _events(good, *good.events[: good.begun], last[: len(last) // 2])


def _malformed(good: Good, at: int) -> Script:
    broken = b'data: {"broken\n\n'
    if good.format in (Format.MESSAGES, Format.RESPONSES):
        broken = b"event: " + _NAMES[good.format] + b"\n" + broken
    return _events(good, *good.events[:at], broken, *good.events[at:])


_NAMES = {Format.MESSAGES: b"content_block_delta", Format.RESPONSES: b"response.output_text.delta"}


def _unknown(good: Good) -> Script:
    odd = b'data: {"type":"vendor.news","odd":[1,{"x":null}],"object":"vendor.news"}\n\n'
    if good.format in (Format.MESSAGES, Format.RESPONSES):
        odd = b"event: vendor.news\n" + odd
    ping = b'event: ping\ndata: {"type":"ping"}\n\n' if good.format is Format.MESSAGES else b""
    events = [b": a comment\n\n" + ping + event + odd for event in good.events[:-1]]
    return _events(good, *events, good.events[-1])


_STOPS = re.compile(rb'"finish_reason":"|event: message_delta|"finishReason"|response\.completed')


def _without_stop(good: Good) -> Script:
    return _events(good, *(event for event in good.events if not _STOPS.search(event)))


def _huge(good: Good) -> Script:
    """One event of 33 MiB, in pieces of a MiB: more than any reader takes."""
    filler = chunk(b"x" * (1 << 20))
    opening = streamed([*good.events[: good.begun], b'data: {"x":"'], end=False)
    return [Say(opening), *[Say(filler)] * 33, Stall()]


def _after_the_end(good: Good) -> Script:
    return _events(good, *good.events, good.events[good.begun - 1])


def _other_kind(good: Good) -> Script:
    """A document for who wants a stream, and a stream for who wants a document."""
    return [Say(documented(good.document) if good.stream else streamed(good.events))]


FAULTS: dict[str, Callable[[Good], Script]] = {
    "well": lambda good: [Say(good.whole)],
    "large": lambda good: [Say(documented(good.document.replace(b"All", b"All" * (4 << 20))))],
    "held": lambda good: [Wait(), Say(good.whole)],
    # before the head
    "closes": lambda good: [Close()],
    "resets": lambda good: [Reset()],
    "silent": lambda good: [Stall()],
    "trickles": lambda good: [Say(b"HTTP/1.1 200 OK\r\nx-slow: "), Repeat(b"x", PACE)],
    "endless-interim": lambda good: [Repeat(head(100) * 100)],
    "interim": lambda good: [Say(head(103, b"link: </x>") + head(100) * 7 + good.whole)],
    "switches": lambda good: [Say(head(101, b"connection: upgrade", b"upgrade: x")), Stall()],
    "no-http": lambda good: [Say(b"SSH-2.0-OpenSSH_9.6\r\n"), Close()],
    "smuggles": lambda good: [Say(head(200, CHUNKED, b"content-length: 3") + b"0\r\n\r\n")],
    # refusals
    "status-302": lambda good: [Say(head(302, b"location: /good", b"content-length: 0"))],
    "status-400": _refuses(400, ErrorKind.INVALID_REQUEST),
    "status-401": _refuses(401, ErrorKind.AUTHENTICATION),
    "status-403": _refuses(403, ErrorKind.PERMISSION),
    "status-404": _refuses(404, ErrorKind.NOT_FOUND),
    "status-413": _refuses(413, ErrorKind.TOO_LARGE),
    "status-422": _refuses(422, ErrorKind.INVALID_REQUEST),
    "status-500": _refuses(500, ErrorKind.INTERNAL),
    "status-502": _refuses(502, ErrorKind.UPSTREAM),
    "status-503": _refuses(503, ErrorKind.UPSTREAM),
    "stalls-in-error": lambda good: [
        Say(documented(good.error(ErrorKind.INTERNAL), status=500, sent=9)),
        Stall(),
    ],
    "status-529": _refuses(529, ErrorKind.OVERLOADED),
    "unavailable": _refuses(503, ErrorKind.OVERLOADED),
    "limited": _limits(),
    "spent": _refuses(429, ErrorKind.BILLING),
    "limited-seconds": _limits("retry-after: 17"),
    "limited-date": _limits(f"date: {DATE}", f"retry-after: {DATE.replace('14:00', '14:01')}"),
    "limited-past": _limits(f"date: {DATE}", f"retry-after: {DATE.replace('14:00', '13:00')}"),
    "limited-millis": _limits("retry-after-ms: 1500"),
    "limited-long": _limits("retry-after: 86400"),
    "limited-garbage": _limits("retry-after: soon"),
    # in the body
    "stalls-midway": _half_then(Stall()),
    "endless": lambda good: [
        Say(good.half),
        Repeat(b"".join([chunk(event) for event in good.events[good.begun : good.said]]) * 100),
    ],
    "resets-midway": _half_then(Reset()),
    "closes-midway": _half_then(Close()),
    "short": _short,
    "unframed": _unframed,
    "cut-event": _cut_event,
    "malformed-first": lambda good: _malformed(good, good.begun - 1),
    "malformed-midway": lambda good: _malformed(good, good.begun),
    "unknown": _unknown,
    "error-first": lambda good: _events(good, *good.events[: good.begun - 1], good.error_event()),
    "error-midway": lambda good: _events(good, *good.events[: good.begun], good.error_event()),
    "other-kind": _other_kind,
    "error-as-success": lambda good: [Say(documented(good.error(ErrorKind.OVERLOADED)))],
    "html": lambda good: [Say(documented(b"<html>Welcome</html>", b"content-type: text/html"))],
    "empty": lambda good: [Say(head(200, b"content-length: 0"))],
    "compressed": lambda good: [
        Say(documented(b"\x1f\x8b\x08\x00 no text", JSON, b"content-encoding: gzip"))
    ],
    "huge-event": _huge,
    "no-events": lambda good: _events(good),
    "ends-twice": lambda good: _events(good, *good.events, *good.events[-2:]),
    "after-the-end": _after_the_end,
    "without-stop": _without_stop,
    "without-end": lambda good: _events(good, *good.events[: good.said]),
    "trailers": lambda good: [
        Say(streamed(good.events, b"trailer: x-end", end=False) + b"0\r\nx-end: 1\r\n\r\n")
    ],
    "extra-bytes": lambda good: [Say(good.whole + b"HTTP/1.1 200 OK\r\n")],
    "stale": lambda good: [Say(good.whole), HangUpNext()],
}
"""What each name stands for. The names of limits say how they are told."""


# --- the server --------------------------------------------------------------


class Asked(Struct):
    """A request that has come in."""

    path: str
    model: str
    connection: int
    """Counted from 1."""


_PATHS = (
    ("/chat/completions", Format.CHAT),
    ("/messages", Format.MESSAGES),
    ("/responses", Format.RESPONSES),
)
_IN_PATH = re.compile(r"/models/([^:]+):(generate|streamGenerate)Content")


class FaultyUpstream:
    """Listens on a free port of 127.0.0.1 while it is open.

    ``tls``: speak TLS, with this certificate. A request that is not understood gets a
    bare 400, and its connection is closed.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._changed = asyncio.Event()
        self._released = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._dead = socket.socket()
        self.requests: list[Asked] = []
        """All that came, in order."""
        self.accepted = 0
        """Connections so far."""
        self.playing = 0
        """Scripts that are not over: one that stalls is over when it was left."""
        self.url = ""
        self.port = 0
        self.refused_url = ""

    async def __aenter__(self) -> FaultyUpstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"
        self._dead.bind(("127.0.0.1", 0))  # and never listened on
        self.refused_url = f"http://127.0.0.1:{self._dead.getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self._dead.close()
        self.go_on()
        self.cut()
        await self.until(lambda: not self._writers)

    @property
    def connections(self) -> int:
        """Those that are open."""
        return len(self._writers)

    def go_on(self) -> None:
        """Let the scripts that wait do so."""
        self._released.set()
        self._released = asyncio.Event()

    def cut(self) -> None:
        """Break all connections off."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds; looked at whenever anything happens here."""
        while not true():
            self._changed.clear()
            await self._changed.wait()

    # --- a connection ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        number = self.accepted
        self._writers.add(writer)
        try:
            while (request := await _read_request(reader)) is not None:
                asked, script = _understand(*request, number)
                self.requests.append(asked)
                self.playing += 1
                self._changed.set()
                try:
                    if not await self._play(script, reader, writer):
                        break
                finally:
                    self.playing -= 1
                    self._changed.set()
        except _NoRequest:
            writer.write(documented(b"", status=400))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)
            self._changed.set()

    async def _play(
        self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection can serve another request."""
        for step in script:
            if isinstance(step, Say):
                writer.write(step.data)
                await writer.drain()
            elif isinstance(step, Repeat):
                while not reader.at_eof():
                    writer.write(step.data)
                    await writer.drain()
                    await _pause(reader, step.pause)
                return False
            elif isinstance(step, Wait):
                await self._released.wait()
            elif isinstance(step, Stall):
                await reader.read()
                return False
            elif isinstance(step, HangUpNext):
                await reader.read(1)
                return False
            else:
                if isinstance(step, Reset):
                    linger = struct.pack("ii", 1, 0)
                    sock = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                return False
        return True


class _NoRequest(Exception):
    """What came is none that a script could be found for."""


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    """Path and body; ``None``: the client has left."""
    first = await reader.read(1)
    if not first:
        return None
    if not first.isalpha():  # a TLS handshake, most likely
        raise _NoRequest
    try:
        fields = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise _NoRequest from None
    size = re.search(r"\r\ncontent-length: *(\d+)", fields, re.IGNORECASE)
    line = fields.split("\r\n")[0].split(" ")
    if size is None or len(line) != 3:
        raise _NoRequest
    return line[1], await reader.readexactly(int(size[1]))


def _understand(path: str, body: bytes, connection: int) -> tuple[Asked, Script]:
    in_path = _IN_PATH.search(path)
    if in_path is not None:
        format, model = Format.GEMINI, in_path[1]
        stream = in_path[2].startswith("stream")
    else:
        found = [format for end, format in _PATHS if path.partition("?")[0].endswith(end)]
        try:
            document = msgspec.json.decode(body)
            format, model, stream = found[0], document["model"], bool(document.get("stream"))
        except (IndexError, KeyError, TypeError, msgspec.DecodeError) as exc:
            raise _NoRequest from exc
    name = "well" if path.startswith("/good") else model.rpartition("/")[2]
    fault = FAULTS.get(name)
    if fault is None:
        raise _NoRequest
    return Asked(path, model, connection), fault(good_answer(format, stream=stream))


async def _pause(reader: asyncio.StreamReader, seconds: float) -> None:
    """Shorter when the client leaves."""
    try:
        async with asyncio.timeout(seconds):
            await reader.read(1)
    except TimeoutError:
        pass
