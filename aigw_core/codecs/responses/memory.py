"""What a vendor of this format remembers, done by the gateway instead.

A client may leave the earlier turns to the server: it names the answer that it
goes on from, and sends what is new. :func:`read_question` says what a request
expects, :func:`expand` makes it a whole one, and :class:`AnswerReader` takes the
answer from the bytes that the client is sent.

Source: API reference, "Create a model response", ``previous_response_id`` and
``store``; an answer is stored unless the client says no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from aigw_core.codec import Inbound
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.input_items import decode_at
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import splice
from aigw_core.sse import SseDecoder, SseEvent

_PREVIOUS = msgspec.json.Decoder(str | None).decode
_STORE = msgspec.json.Decoder(bool | None).decode
_ITEMS = msgspec.json.Decoder(list[Raw] | str | None).decode
_NULL = Raw(b"null")
_ELSEWHERE = ("conversation", "prompt")
"""Fields with which the vendor has turns that nobody else sees."""


class Question(Struct, frozen=True):
    """What a request says about memory."""

    previous_id: str | None
    """The answer that it goes on from."""
    store: bool
    """The answer is to be kept, and can be: nothing of the conversation is elsewhere."""
    items: tuple[bytes, ...]
    """Its own input."""


def read_question(inbound: Inbound) -> Question:
    """Look at what a request expects to be remembered.

    Raises:
        InvalidRequest: not a JSON object; a field of the wrong type; one that would
            need more memory than there is.
    """
    fields = inbound.fields
    if decode_at(_STORE, fields.get("background", _NULL), "/background"):
        raise InvalidRequest(
            "answers in the background are not possible here; leave the field out",
            pointer="/background",
            code="unsupported_parameter",
        )
    previous = decode_at(
        _PREVIOUS, fields.get("previous_response_id", _NULL), "/previous_response_id"
    )
    elsewhere = [name for name in _ELSEWHERE if bytes(fields.get(name, _NULL)) != b"null"]
    if previous is not None and "conversation" in elsewhere:
        raise InvalidRequest(
            "previous_response_id and conversation exclude each other", pointer="/conversation"
        )
    store = decode_at(_STORE, fields.get("store", _NULL), "/store")
    return Question(previous, store is not False and not elsewhere, _items(fields))


def _items(fields: Mapping[str, Raw]) -> tuple[bytes, ...]:
    given = decode_at(_ITEMS, fields.get("input", _NULL), "/input")
    if given is None:
        return ()
    if isinstance(given, str):
        return (wire.encode({"type": "message", "role": "user", "content": given}),)
    return tuple([bytes(item) for item in given])


def expand(inbound: Inbound, items: Iterable[bytes]) -> Inbound:
    """The request with all of its conversation in it: ``items`` for its input, and no
    mention of an earlier answer. Everything else stays as it is."""
    fields = dict(inbound.fields)
    fields.pop("previous_response_id", None)
    return replace(inbound, body=splice(fields, {"input": b"[%b]" % b",".join(items)}))


class Answer(Struct, frozen=True):
    """A complete answer, as a client got it."""

    id: str
    body: bytes
    """The response object."""
    items: tuple[bytes, ...]
    """Its output."""


class _Response(Struct):
    id: str = ""
    status: str | None = None
    output: list[Raw] | None = None


class _Event(Struct):
    type: str = ""
    response: Raw = _NULL
    item: Raw = _NULL


_RESPONSE = msgspec.json.Decoder(_Response).decode
_EVENT = msgspec.json.Decoder(_Event).decode
_MARKS = (b"response.completed", b"response.incomplete", b"response.output_item.done")
_TERMINALS = frozenset({"response.completed", "response.incomplete"})
_GOOD = frozenset({None, "completed", "incomplete"})
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class AnswerReader:
    """Reads along what a client is sent, and holds at most ``limit`` bytes of it.

    ``answer`` is set by the bytes that complete it; never for an answer that failed,
    broke off or was larger.
    """

    def __init__(self, *, stream: bool, limit: int) -> None:
        self.answer: Answer | None = None
        self._stream = stream
        self._limit = limit
        self._pieces: list[bytes] = []
        self._held = 0
        self._items: list[bytes] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<AnswerReader held={self._held} answer={self.answer is not None}>"

    def feed(self, data: bytes) -> None:
        """More of the body."""
        if self._closed or not data:
            return
        joins = data.startswith(b"\n") and bool(self._pieces) and self._pieces[-1].endswith(b"\n")
        self._hold(data)
        if self._stream and not self._closed and (joins or b"\n\n" in data):
            self._read_events()

    def eof(self) -> None:
        """The body is complete."""
        if not self._closed and not self._stream:
            self._take(b"".join(self._pieces).strip())
        self._close()

    def _hold(self, data: bytes) -> None:
        self._held += len(data)
        if self._held > self._limit:
            self._close()
        else:
            self._pieces.append(data)

    def _close(self) -> None:
        self._closed = True
        self._pieces.clear()
        self._items.clear()

    def _read_events(self) -> None:
        data = b"".join(self._pieces)
        end = data.rfind(b"\n\n") + 2
        rest = data[end:]
        self._pieces = [rest] if rest else []
        self._held = len(rest) + sum(map(len, self._items))
        # Most events are deltas: they are not even decoded.
        if any(mark in data for mark in _MARKS):
            for event in SseDecoder().feed(data[:end]):
                if isinstance(event, SseEvent) and not self._closed:
                    self._read_event(event.data)

    def _read_event(self, data: bytes) -> None:
        try:
            event = _EVENT(data)
        except _UNREADABLE:
            return
        if event.type in _TERMINALS:
            self._take(bytes(event.response))
            self._close()
        elif event.type == "response.output_item.done":
            self._items.append(bytes(event.item))
            self._held += len(event.item)

    def _take(self, body: bytes) -> None:
        try:
            response = _RESPONSE(body)
        except _UNREADABLE:
            return
        if not response.id or response.status not in _GOOD or response.output is None:
            return
        # Some servers leave the output out of the last event.
        items = [bytes(item) for item in response.output] or self._items
        self.answer = Answer(response.id, body, tuple(items))
