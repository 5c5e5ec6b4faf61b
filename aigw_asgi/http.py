"""ASGI HTTP at the edge: what a request says of itself, and plain answers."""

from __future__ import annotations

import ipaddress
import re
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
import msgspec

from aigw_asgi.driver import ReceiveMessage, SendMessage
from aigw_core.codec import Headers
from aigw_core.errors import ErrorKind, Failure, GatewayError, InvalidRequest

MAX_PARAMETERS = 100
MAX_KNOWN_PATH = 256
"""Bytes of a path that it is remembered for that it was looked at."""

LARGE_BODY = 4 << 20
"""Bytes of a body from which on it is put together in a thread."""

_ENCODED_TRAP = re.compile(rb"%(?:2f|5c|00|2e)", re.IGNORECASE)
_SEGMENT_TRAP = re.compile(rb"//|/\.{1,2}(?:/|$)|\\|[^\x21-\x7e]")


class ClientLeft(Exception):
    """The client left while its request was still coming in."""


class HttpRequest:
    """A request's line, headers and peer. Header names are lower-case; a header
    that comes twice is joined by ``, ``, so two keys are never one."""

    def __init__(self, scope: Any) -> None:
        self.method: str = scope["method"]
        self.path = checked_path(scope)
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            known = self.headers.get(key)
            self.headers[key] = text if known is None else f"{known}, {text}"
        self.scheme: str = scope.get("scheme", "http")
        self.query: bytes = scope.get("query_string", b"")
        self.loopback = _is_loopback(scope)
        client = scope.get("client")
        self.peer: str | None = client[0] if client else None

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query, decoded. As with headers, what comes twice is joined by ``, ``.

        Raises:
            InvalidRequest: there are more than a hundred.
        """
        try:
            pairs = parse_qsl(self.query.decode("latin-1"), max_num_fields=MAX_PARAMETERS)
        except ValueError:
            raise InvalidRequest("the query has too many parameters") from None
        found: dict[str, str] = {}
        for name, value in pairs:
            known = found.get(name)
            found[name] = value if known is None or known == value else f"{known}, {value}"
        return found

    async def body(self, receive: ReceiveMessage, limit: int) -> bytes:
        """The whole body.

        Raises:
            GatewayError: it is larger than ``limit`` bytes (413).
            ClientLeft: it never came.
        """
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
            if not message.get("more_body", False):
                break
        if len(pieces) == 1:
            return pieces[0]
        if size < LARGE_BODY:
            return b"".join(pieces)
        # Which lets go of Python's lock: others would wait 30 to 80 ms for 31 MB.
        return await anyio.to_thread.run_sync(b"".join, pieces)


def _too_large(limit: int) -> GatewayError:
    return GatewayError(
        Failure(
            ErrorKind.TOO_LARGE,
            f"the body is larger than {limit / (1 << 20):g} MiB (body-limit-mb)",
            code="request_too_large",
        )
    )


def checked_path(scope: Any) -> str:
    """The one path that is used for routing and for authentication.

    ASGI servers differ in how they decode a path, so it is taken from
    ``raw_path``, and whatever two readers might understand differently is no path
    of ours: an absolute target, an encoded slash, dot or NUL, ``//``, ``..``.
    Empty for those; no route has that path.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return _known_path(raw) if len(raw) <= MAX_KNOWN_PATH else _path(raw)


def _path(raw: bytes) -> str:
    raw = raw.partition(b"?")[0]
    if not raw.startswith(b"/") or _ENCODED_TRAP.search(raw) or _SEGMENT_TRAP.search(raw):
        return ""
    return raw.decode("ascii")


_known_path = lru_cache(maxsize=1024)(_path)


def _is_loopback(scope: Any) -> bool:
    for end in ("client", "server"):
        address = scope.get(end)
        if not address or not _is_loopback_address(address[0]):
            return False
    return True


@lru_cache(maxsize=1024)
def _is_loopback_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def refuse_encoded_body(headers: dict[str, str]) -> None:
    """Compressed requests are not read."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise InvalidRequest(f"the body is sent with content-encoding {encoding!r}; send it plain")


async def send_json(send: SendMessage, status: int, document: Any, headers: Headers = ()) -> None:
    """Answer with a JSON document: bytes as they are, anything else encoded."""
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    await send_body(send, status, "application/json", body, headers)


async def send_body(
    send: SendMessage, status: int, content_type: str, body: bytes, headers: Headers = ()
) -> None:
    fields = [
        (b"content-type", content_type.encode("latin-1")),
        (b"content-length", str(len(body)).encode()),
    ]
    fields += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
