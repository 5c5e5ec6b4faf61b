"""HTTP/1.1 as a client: the request's head out, the answer's bytes in.

For one answer to one request at a time; what to do with a connection afterwards
is the caller's business (:attr:`ResponseReader.reusable` is the verdict). No
pipelining, no upgrades, no decoding of content.

Sources: RFC 9112 (message syntax), RFC 9110 (semantics). Where RFC 9112 allows a
recipient to be lenient (bare LF, folded lines, equal lengths said twice), this
reader refuses: an upstream that cannot frame its answer is better not reused.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from msgspec import Struct

from aigw_core.codec import Headers
from aigw_core.errors import ProtocolMisuse
from aigw_core.wire_request import Origin

MAX_HEAD = 64 << 10
"""Bytes of a status line with its header fields, and of a chunked body's trailers."""

MAX_FIELDS = 100
"""Header fields of one head."""

MAX_INTERIM = 8
"""Answers with a 1xx status before the real one."""

MAX_CHUNK_LINE = 1 << 10
"""Bytes of one chunk's size with its extensions and line end."""

MAX_EXTENSIONS = 64 << 10
"""Bytes of chunk extensions in one body. Nobody sends any; without a bound they
would be a way to keep a connection busy that carries nothing."""


class ResponseHead(Struct, frozen=True, gc=False):
    """The status and header fields of the answer; 1xx answers are skipped."""

    status: int
    """200 to 999."""
    headers: Headers
    """Names in lower case, values as latin-1."""


class ResponseEnd(Struct, frozen=True, gc=False):
    """The body is complete. Nothing follows."""


class ResponseBroken(Struct, frozen=True, gc=False):
    """The answer cannot be read on. Nothing follows."""

    problem: str
    """For people; never bytes of the answer."""

    truncated: bool = False
    """The connection ended too early; else the bytes themselves are wrong."""


ResponseEvent = ResponseHead | bytes | ResponseEnd | ResponseBroken
"""``bytes`` are of the body, never empty, one object a read at most."""


class _State(Enum):
    HEAD = "head"
    LENGTH = "length"
    CHUNK_LINE = "chunk line"
    CHUNK_DATA = "chunk data"
    CHUNK_END = "chunk end"
    TRAILERS = "trailers"
    UNTIL_CLOSE = "until close"
    DONE = "done"
    BROKEN = "broken"


# Bound once: a look-up on an Enum class costs as much as a find in a chunk.
_CHUNK_LINE = _State.CHUNK_LINE
_CHUNK_DATA = _State.CHUNK_DATA
_CHUNK_END = _State.CHUNK_END
_TRAILERS = _State.TRAILERS

_HEX = b"0123456789abcdefABCDEF"
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD = re.compile(rb"(%s):[\t ]*((?:[!-~\x80-\xff]+(?:[\t ]+[!-~\x80-\xff]+)*)?)[\t ]*" % _TOKEN)
_START = b"HTTP/1."
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CHUNK_LINE_PATTERN = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[\t\x20-\x7e\x80-\xff]*)?)[\t ]*\r\n")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class ResponseReader:
    """Reads one answer. Any split of the bytes into reads gives the same events,
    once neighbouring pieces of the body are joined.

    Holds at most ``MAX_HEAD`` bytes beside what it was fed last. ``method`` is
    that of the request: the answer to ``HEAD`` has no body.

    States: HEAD until the blank line of an answer that is no 1xx; then the one
    that the framing asks for; the chunk states take turns. ``_held`` keeps a
    piece of a head, of a chunk line or of trailers whose end has not come, and
    is empty in the other states. ``_left`` counts the body bytes still to come
    (LENGTH, CHUNK_DATA) or those of the line end after a chunk (CHUNK_END).
    """

    __slots__ = (
        "_bodyless",
        "_extensions",
        "_held",
        "_interim",
        "_keep_alive",
        "_left",
        "_state",
        "started",
    )

    def __init__(self, method: str = "POST") -> None:
        self._bodyless = method == "HEAD"
        self._state = _State.HEAD
        self._held = b""
        self._left = 0
        self._interim = 0
        self._extensions = 0
        self._keep_alive = False
        self.started = False
        """A byte has come."""

    def __repr__(self) -> str:
        return f"<ResponseReader {self._state.value}, held={len(self._held)}>"

    @property
    def reusable(self) -> bool:
        """The answer is complete, nothing came after it, and the upstream lets
        the connection live. May turn false as long as bytes are fed."""
        return self._keep_alive and self._state is _State.DONE

    def feed(self, data: bytes) -> list[ResponseEvent]:
        """What ``data`` adds. Bytes after the end are dropped."""
        if not data:
            return []
        self.started = True
        state = self._state
        if state is _CHUNK_LINE:
            return self._feed_chunked(data)
        if state is _State.HEAD:
            return self._feed_head(data)
        if state is _State.LENGTH:
            return self._feed_length(data)
        if state is _State.UNTIL_CLOSE:
            return [data]
        if state is _State.DONE:
            self._keep_alive = False
            return []
        if state is _State.BROKEN:
            return []
        return self._feed_chunked(data)

    def eof(self) -> list[ResponseEvent]:
        """The upstream closed the connection."""
        state = self._state
        self._keep_alive = False
        if state is _State.UNTIL_CLOSE:
            self._state = _State.DONE
            return [ResponseEnd()]
        if state is _State.DONE or state is _State.BROKEN:
            return []
        if not self.started:
            return [self._break("the upstream closed the connection without an answer", cut=True)]
        if state is _State.HEAD:
            return [self._break("the connection ended inside the header", cut=True)]
        return [self._break("the connection ended inside the body", cut=True)]

    # --- the head ---

    def _feed_head(self, data: bytes) -> list[ResponseEvent]:
        while True:
            if len(self._held) < len(_START):
                start = self._held + data[: len(_START)]
                if not start.startswith(_START[: len(start)]):
                    return [self._break("the answer is not HTTP/1.1")]
            block, data = self._take_block(data)
            if block is None:
                return []
            if isinstance(block, ResponseBroken):
                return [block]
            event, version = _read_head(block)
            if isinstance(event, ResponseBroken):
                return [self._break(event.problem)]
            if event.status >= 200:
                return self._begin_body(event, version, data)
            self._interim += 1
            if any(name == "transfer-encoding" for name, _ in event.headers):
                # RFC 9112 6.1: none may have one. Who says so may mean a body by it.
                return [self._break("an interim answer has a transfer encoding")]
            if event.status == 101:
                return [self._break("the upstream changed to another protocol unasked")]
            if self._interim > MAX_INTERIM:
                return [self._break(f"more than {MAX_INTERIM} interim answers")]
            if not data:
                return []

    def _take_block(self, data: bytes) -> tuple[bytes | ResponseBroken | None, bytes]:
        """The lines up to the next blank one (each with its CR LF) and what
        follows; ``None`` while they are not all there."""
        scan = max(0, len(self._held) - 3)  # as much of a blank line may have come
        if self._held:
            data = self._held + data
        end = data.find(b"\r\n\r\n", scan, MAX_HEAD)
        stop = end + 2 if end >= 0 else MAX_HEAD
        # Before the length, so that the first problem is the same for any split.
        if _BARE_LF.search(data, scan, stop):
            return self._break("a header line does not end in CR LF"), b""
        if end >= 0:
            self._held = b""
            return data[:stop], data[end + 4 :]
        if len(data) >= MAX_HEAD:
            return self._break(f"header or trailers are longer than {MAX_HEAD} bytes"), b""
        self._held = data
        return None, b""

    def _begin_body(self, head: ResponseHead, version: bytes, data: bytes) -> list[ResponseEvent]:
        lengths: list[str] = []
        codings: list[str] = []
        keep_alive = version == b"1"
        for name, value in head.headers:
            if name == "content-length":
                lengths.append(value)
            elif name == "transfer-encoding":
                codings.append(value.lower())
            elif name == "connection" and keep_alive:
                keep_alive = "close" not in [token.strip() for token in value.lower().split(",")]
        if codings and (lengths or codings != ["chunked"] or version == b"0"):
            # RFC 9112 6.1 and 6.3: with a length beside it, or from an HTTP/1.0
            # server, a sign of smuggling; no honest server does it.
            return [self._break("the transfer encoding is not a lone chunked")]
        if lengths and (len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0])):
            return [self._break("the content length is not one number")]
        self._keep_alive = keep_alive
        events: list[ResponseEvent] = [head]
        if self._bodyless or head.status in (204, 304):
            return self._finish(events, data)
        if codings:
            self._state = _State.CHUNK_LINE
        elif lengths:
            self._left = int(lengths[0])
            if not self._left:
                return self._finish(events, data)
            self._state = _State.LENGTH
        else:
            self._keep_alive = False
            self._state = _State.UNTIL_CLOSE
        return events + self.feed(data) if data else events

    # --- the body ---

    def _feed_length(self, data: bytes) -> list[ResponseEvent]:
        size = len(data)
        if size < self._left:
            self._left -= size
            return [data]
        body, rest = (data, b"") if size == self._left else (data[: self._left], data[self._left :])
        self._left = 0
        return self._finish([body], rest)

    def _feed_chunked(self, data: bytes) -> list[ResponseEvent]:
        state = self._state
        if self._held and state is _CHUNK_LINE:
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        last: list[ResponseEvent] = []
        at = 0
        size = len(data)
        while at < size:
            if state is _CHUNK_LINE:
                # Nearly every read is one whole chunk without extensions: found
                # with plain searches this costs half of what the pattern does.
                end = data.find(b"\r\n", at, at + 18)
                digits = data[at:end]
                if end > at and not digits.strip(_HEX):
                    at = end + 2
                    extension = b""
                else:
                    match = _CHUNK_LINE_PATTERN.match(data, at, at + MAX_CHUNK_LINE)
                    if match is None:
                        if b"\n" in data[at : at + MAX_CHUNK_LINE] or size - at >= MAX_CHUNK_LINE:
                            last = [self._break("the size of a chunk is malformed")]
                        else:
                            self._held = data[at:]
                        break
                    digits, extension = match.groups()
                    at = match.end()
                self._extensions += len(extension)
                if self._extensions > MAX_EXTENSIONS:
                    last = [self._break("too many chunk extensions")]
                    break
                left = int(digits, 16)
                if not left:
                    # The line end of this chunk may be the first half of the blank line.
                    state = _TRAILERS
                    self._held = b"\r\n"
                    continue
                end = at + left
                if data[end : end + 2] == b"\r\n":
                    pieces.append(data[at:end])
                    at = end + 2
                    continue
                self._left = left
                state = _CHUNK_DATA
            elif state is _CHUNK_DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._left = 2
                    state = _CHUNK_END
            elif state is _CHUNK_END:
                if data[at] != (0x0D if self._left == 2 else 0x0A):
                    last = [self._break("a chunk is longer than its size")]
                    break
                at += 1
                self._left -= 1
                if not self._left:
                    state = _CHUNK_LINE
            else:
                last = self._read_trailers(data[at:])
                break
        if not last:
            self._state = state
        if not pieces:
            return last
        return [pieces[0] if len(pieces) == 1 else b"".join(pieces), *last]

    def _read_trailers(self, data: bytes) -> list[ResponseEvent]:
        block, rest = self._take_block(data)
        if block is None:
            return []
        if isinstance(block, ResponseBroken):
            return [block]
        fields = _read_fields(block[2:-2].split(b"\r\n")) if len(block) > 2 else ()
        if isinstance(fields, str):
            return [self._break(fields)]
        if any(name in _FRAMING for name, _ in fields):
            # RFC 9110 6.5.1: none may. Whoever believes it sees another answer behind this.
            return [self._break("a trailer says how the body is framed")]
        return self._finish([], rest)

    def _finish(self, events: list[ResponseEvent], rest: bytes) -> list[ResponseEvent]:
        self._state = _State.DONE
        if rest:
            self._keep_alive = False
        events.append(ResponseEnd())
        return events

    def _break(self, problem: str, *, cut: bool = False) -> ResponseBroken:
        self._state = _State.BROKEN
        self._held = b""
        return ResponseBroken(problem, cut)


def _read_head(head: bytes) -> tuple[ResponseHead | ResponseBroken, bytes]:
    """The head from its lines (each with CR LF), and the minor version."""
    first, *lines = head[:-2].split(b"\r\n")
    match = _STATUS_LINE.fullmatch(first)
    status = int(match[2]) if match else 0
    if match is None or status < 100:
        return ResponseBroken("the status line is malformed"), b""
    fields = _read_fields(lines)
    if isinstance(fields, str):
        return ResponseBroken(fields), b""
    return ResponseHead(status, fields), match[1]


def _read_fields(lines: list[bytes]) -> Headers | str:
    """The fields, or what is wrong with them."""
    if len(lines) > MAX_FIELDS:
        return f"more than {MAX_FIELDS} header fields"
    fields: list[tuple[str, str]] = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            return "a header line is malformed"
        name, value = match.groups()
        fields.append((name.decode("ascii").lower(), value.decode("latin-1")))
    return tuple(fields)


# --- the request ---

_OWNED = frozenset(
    (
        "host",
        "content-length",
        "transfer-encoding",
        "accept-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
    )
)
"""Framing and hop-by-hop fields: the transport's, never a caller's."""

_FRAMING = frozenset(("transfer-encoding", "content-length"))
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_TARGET = re.compile(r"/[!-~]*", re.ASCII)
_NAME = re.compile(_TOKEN.decode("ascii"), re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*", re.ASCII)


@lru_cache(maxsize=256)
def check_request_line(method: str, target: str) -> None:
    """Let pass what fits into a request line.

    Raises:
        ProtocolMisuse: the method or the target does not.
    """
    if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ProtocolMisuse("the method or target of a request does not fit into its line")


def request_fields(
    method: str, origin: Origin, headers: Headers, *, body_size: int
) -> list[tuple[bytes, bytes]]:
    """All header fields of a request, in the order of the wire.

    ``host``, ``accept-encoding: identity`` and ``content-length`` (unless there is
    neither a body nor a method that wants one) are written here; what ``headers``
    says about framing and the connection is left out.

    Raises:
        ProtocolMisuse: a name or value that does not fit on a header line. The
            message has the name, never the value.
    """
    fields: list[tuple[bytes, bytes]] = []
    for name, value in _fields(method, origin, headers, body_size):
        if not _VALUE.fullmatch(value):
            raise ProtocolMisuse(f"the value of the header {name} does not fit on a line")
        fields.append((name.encode("ascii"), value.encode("latin-1")))
    return fields


def _fields(method: str, origin: Origin, headers: Headers, body_size: int) -> list[tuple[str, str]]:
    """Those of :func:`request_fields`, whose values nobody has looked at."""
    fields = [("host", _host(origin))]
    fields += [field for field in headers if not _is_owned(field[0])]
    fields.append(("accept-encoding", "identity"))
    if body_size or method not in ("GET", "HEAD"):
        fields.append(("content-length", str(body_size)))
    return fields


@lru_cache(maxsize=256)
def _host(origin: Origin) -> str:
    return origin.authority


@lru_cache(maxsize=512)
def _is_owned(name: str) -> bool:
    """Whether the header of this name is written here.

    Raises:
        ProtocolMisuse: it is no name.
    """
    if name.lower() in _OWNED:
        return True
    if not _NAME.fullmatch(name):
        raise ProtocolMisuse(f"not a header name: {name!r}")
    return False


def encode_request_head(
    method: str, origin: Origin, target: str, headers: Headers, *, body_size: int
) -> bytes:
    """The request line and header of a request with a body of ``body_size`` bytes.

    Raises:
        ProtocolMisuse: as :func:`request_fields` and :func:`check_request_line`.
    """
    check_request_line(method, target)
    fields = _fields(method, origin, headers, body_size)
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in fields]]
    # One look at them all instead of one at each, which takes 1 µs.
    if _VALUE.fullmatch("".join(lines)) is None:
        request_fields(method, origin, headers, body_size=body_size)  # says which it is
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
