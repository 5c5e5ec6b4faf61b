"""The head of a client's request, as both parsers of the server see it."""

from __future__ import annotations

import h11
import httptools
from msgspec import Struct

from aigw_asgi.server.head import RawHead, Refused, check_head
from tests.fuzz.splitting import reads_of
from tests.laws import hold

MAX_BYTES, MAX_FIELDS = 400, 8


class Seen(Struct, frozen=True):
    """What a parser made of a head that was let in."""

    method: bytes
    target: bytes
    version: str
    fields: tuple[tuple[bytes, bytes], ...]


def check(data: bytes) -> None:
    """The verdict does not depend on how the bytes were cut; and a head that both parsers
    let in, both read the same way, with one length."""
    whole = _collected([data])
    for reads in (reads_of(data), [bytes([byte]) for byte in data]):
        hold(_collected(reads) == whole, f"cut it is {_collected(reads)}, not {whole}")
    head, end, _ = data.partition(b"\r\n\r\n")
    ours = _h11(head + end) if isinstance(whole, int) else None
    theirs = _httptools(head + end) if end else None
    if ours is not None and theirs is not None:
        hold(ours == theirs, f"{ours}\n{theirs}")


def _collected(reads: list[bytes]) -> int | str | None:
    """How long the head is, why it is refused, or nothing: there is more to come."""
    collector = RawHead(MAX_BYTES, MAX_FIELDS)
    for read in reads:
        try:
            whole = collector.feed(read)
        except Refused as refused:
            hold(400 <= refused.status.value < 600, f"refused with {refused.status}")
            return refused.reason
        if whole:
            return whole.index(b"\r\n\r\n")
    return None


def _h11(head: bytes) -> Seen | None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Request), event
    fields = [(bytes(name), bytes(value)) for name, value in event.headers]
    return _seen(event.method, event.target, event.http_version.decode(), fields)


def _seen(method: bytes, target: bytes, version: str, fields: list[tuple[bytes, bytes]]) -> Seen:
    # h11 takes outer blanks away, and writes one value small. Neither can make a
    # difference: who frames by a value has refused one with blanks, and reads the other so.
    shown = tuple(
        (name, value.lower() if name == b"transfer-encoding" else value.strip(b" \t"))
        for name, value in fields
    )
    return Seen(method, target, version, shown)


class _Collect:
    """Callbacks of httptools; what they raise would be wrapped, so the verdict waits."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


def _httptools(head: bytes) -> Seen | None:
    """What is served: the parser is content, and so is :func:`check_head`."""
    collect = _Collect()
    parser = httptools.HttpRequestParser(collect)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    if not collect.complete:
        return None
    method, version = parser.get_method(), parser.get_http_version()
    try:
        check_head(method, collect.url, version, collect.fields)
    except Refused:
        return None
    return _seen(method, collect.url, version, collect.fields)
