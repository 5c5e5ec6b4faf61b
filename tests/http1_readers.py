"""HTTP/1.1 answers, read by our reader and by h11 (P18's other half: what upstreams send)."""

from __future__ import annotations

from collections.abc import Iterable

import h11
from msgspec import Struct, structs

from aigw_core.http1 import (
    MAX_INTERIM,
    ResponseBroken,
    ResponseEnd,
    ResponseEvent,
    ResponseHead,
    ResponseReader,
)


class Answer(Struct, frozen=True):
    """What a reader made of some bytes."""

    head: ResponseHead | None = None
    body: bytes = b""
    ended: bool = False
    problem: str | None = None
    truncated: bool = False
    reusable: bool = False


def read(reads: Iterable[bytes], method: str = "POST", *, eof: bool = True) -> Answer:
    reader = ResponseReader(method)
    events: list[ResponseEvent] = []
    for data in reads:
        batch = reader.feed(data)
        assert sum(isinstance(event, bytes) for event in batch) <= 1
        assert b"" not in batch
        events += batch
    reusable = reader.reusable
    if eof:
        events += reader.eof()
        assert not reader.reusable
    kinds = [type(event) for event in events]
    stops = [kind for kind in kinds if kind in (ResponseEnd, ResponseBroken)]
    assert len(stops) <= 1
    assert not stops or kinds[-1] is stops[0]
    head = next((event for event in events if isinstance(event, ResponseHead)), None)
    broken = next((event for event in events if isinstance(event, ResponseBroken)), None)
    return Answer(
        head,
        b"".join(event for event in events if isinstance(event, bytes)),
        ResponseEnd in kinds,
        broken.problem if broken else None,
        broken is not None and broken.truncated,
        reusable,
    )


def read_h11(data: bytes, method: str = "POST") -> Answer:
    """As h11 reads it; it lower-cases the value of ``transfer-encoding``, alone of all."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "localhost")]))
    connection.send(h11.EndOfMessage())
    head: ResponseHead | None = None
    body = b""
    ended = reusable = False
    try:
        connection.receive_data(data)
        eof = False
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                fields = tuple((n.decode(), v.decode("latin-1")) for n, v in event.headers)
                head = ResponseHead(event.status_code, fields)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                ended = True
                trailing, _ = connection.trailing_data
                reusable = not eof and not trailing and connection.their_state is h11.DONE
                break
            elif event is h11.PAUSED:
                return Answer(head, body, problem="h11: paused")
            elif event is h11.NEED_DATA:
                eof = True
                connection.receive_data(b"")
    except h11.RemoteProtocolError as exc:
        return Answer(head, body, problem=f"h11: {exc}")
    return Answer(head, body, ended, reusable=reusable)


def as_h11(answer: Answer) -> Answer:
    if answer.head is None:
        return answer
    fields = tuple(
        (name, value.lower() if name == "transfer-encoding" else value)
        for name, value in answer.head.headers
    )
    return structs.replace(answer, head=ResponseHead(answer.head.status, fields))


LENIENT = {
    "a header line does not end in CR LF": "h11 takes a bare LF, as RFC 9112 2.2 permits",
    "a header line is malformed": "h11 unfolds folded lines and lets control characters through",
    "the transfer encoding is not a lone chunked": "h11 lets chunked win over a length, and"
    " takes it from HTTP/1.0",
    "the content length is not one number": "h11 takes equal lengths said twice",
    "the status line is malformed": "h11 takes any version, and control characters in the reason",
    "the answer is not HTTP/1.1": "h11 takes any version",
    "the size of a chunk is malformed": "h11 takes control characters in an extension",
    f"more than {MAX_INTERIM} interim answers": "h11 takes any number",
    "an interim answer has a transfer encoding": "h11 takes chunked from it",
    "a trailer says how the body is framed": "h11 takes those that it understands",
    "the upstream changed to another protocol unasked": "h11 pauses and leaves it to its user",
}
"""Problems that this reader sees where h11 may see none, and why that is."""


def agrees_with_h11(wire: bytes, method: str) -> None:
    """What ends for us ends for h11, in the same way; where only h11 is content, we say why."""
    ours, theirs = read([wire], method), read_h11(wire, method)
    if ours.ended:
        assert theirs.ended, (ours, theirs)
        assert as_h11(ours) == theirs
    elif theirs.ended:
        assert ours.problem in LENIENT, ours
