"""Request heads: which are refused before an application sees them.

Both parsers that uvicorn can use let something through that another server
before or behind us may read differently, which is how requests are smuggled.
What is checked here is the union of what either refuses, on what both show.

Not for routing or authorisation: paths are judged by the application.

Sources: RFC 9112, 2.2, 3.2, 5 and 6; RFC 9110, 7.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields in order, names in lower case, values without outer blanks."""

# The path and the query of origin-form, visible ASCII; no "#", which one parser
# cuts off and the other keeps.
_ORIGIN_FORM = re.compile(rb"/[!\"$-~]*")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_LENGTH = re.compile(rb"[0-9]{1,18}")


class Refused(Exception):
    """A request that is answered by the server itself, and is the last of its connection."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        """For the client; ASCII, and nothing of what it sent."""


def bad_request(reason: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, reason)


def head_too_large(limit: int) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the request head is larger than {limit} bytes",
    )


def too_many_fields(limit: int) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the request has more than {limit} header fields",
    )


def check_head(method: bytes, target: bytes, version: str, fields: Fields) -> None:
    """Let a head pass that every server reads the same way.

    ``version`` is as in ``"1.1"``.

    Raises:
        Refused: a tunnel is asked for; the target is not in origin-form;
            ``Host`` is missing, doubled or no host; the length of the body
            could be read in two ways.
    """
    if version not in ("1.1", "1.0"):
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken here")
    if method == b"CONNECT" or _ORIGIN_FORM.fullmatch(target) is None:
        raise bad_request("the request target must be a path")
    hosts = 0
    length: bytes | None = None
    coding: bytes | None = None
    for name, value in fields:
        if name == b"host":
            hosts += 1
            if _HOST.fullmatch(value) is None:
                raise bad_request("the Host header is not a host")
        elif name == b"content-length":
            if length is not None or _LENGTH.fullmatch(value) is None:
                raise bad_request("Content-Length must be one number")
            length = value
        elif name == b"transfer-encoding":
            if coding is not None or value.lower() != b"chunked":
                raise bad_request("the only transfer coding understood is chunked")
            coding = value
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise bad_request("a request has exactly one Host header")
    if coding is not None and length is not None:
        raise bad_request("Content-Length and Transfer-Encoding exclude each other")
    if coding is not None and version == "1.0":
        raise bad_request("HTTP/1.0 has no Transfer-Encoding")


def has_body(fields: Fields) -> bool:
    """Whether a head that passed :func:`check_head` announces a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in fields
    )


_BARE_LINE_END = re.compile(rb"[^\r]\n|\r[^\n]")


class RawHead:
    """Collects the bytes of one head, for a parser that is too lenient with them.

    ``feed`` returns what is to be parsed, once the head is whole: the head and
    what came behind it. The verdict does not depend on how the bytes were cut.
    """

    def __init__(self, max_bytes: int, max_fields: int) -> None:
        self._max_bytes = max_bytes
        self._max_fields = max_fields
        self._held = bytearray()

    @property
    def begun(self) -> bool:
        return bool(self._held)

    def feed(self, data: bytes) -> bytes:
        """Empty until the head is whole; then everything, and this is new again.

        Raises:
            Refused: too large, a line end that is not CRLF, a folded line, or
                anything that :func:`check_head` refuses.
        """
        held = self._held
        seen = max(len(held) - 3, 0)
        held += data
        end = held.find(b"\r\n\r\n", seen)
        size = end + 4 if end >= 0 else len(held)
        # Judged before size, and up to the limit only, so that a bare LF behind
        # it is never what decides.
        fresh = bytes(held[max(seen - 1, 0) : min(size, self._max_bytes)])
        if held and held[0] <= 0x20:  # a blank line, or another protocol
            raise bad_request("this is not HTTP/1.1")
        if _BARE_LINE_END.search(fresh):
            raise bad_request("lines end with CRLF")
        if size > self._max_bytes:
            raise head_too_large(self._max_bytes)
        if end < 0:
            return b""
        self._check(bytes(held[:end]))
        whole = bytes(held)
        held.clear()
        return whole

    def _check(self, head: bytes) -> None:
        start, *lines = head.split(b"\r\n")
        if len(lines) > self._max_fields:
            raise too_many_fields(self._max_fields)
        parts = start.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/"):
            raise bad_request("the request line is not one")
        fields: list[tuple[bytes, bytes]] = []
        for line in lines:
            if line.startswith((b" ", b"\t")):
                raise bad_request("header lines must not be folded")
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip():
                raise bad_request("a header line is a name, a colon and a value")
            fields.append((name.lower(), value.strip(b" \t")))
        check_head(parts[0], parts[1], parts[2][5:].decode("latin-1"), fields)


def refusal_bytes(refused: Refused, default_headers: Fields) -> bytes:
    """The whole answer to a refused request."""
    status = refused.status
    body = f"{status.value} {status.phrase}: {refused.reason}\n".encode("ascii")
    lines = [b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode("ascii"))]
    lines += [b"%s: %s\r\n" % field for field in default_headers]
    lines += [
        b"content-type: text/plain; charset=utf-8\r\n",
        b"content-length: %d\r\n" % len(body),
        b"x-aigw-origin: gateway\r\n",
        b"connection: close\r\n\r\n",
        body,
    ]
    return b"".join(lines)
