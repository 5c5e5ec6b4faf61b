"""An upstream's stream of this format to events: its frame, its beginning and end.

What happens in between, the items, is read by :mod:`.item_reader`. The terminal
event lists all items again, so items that never came are taken from there.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from aigw_core.chat import Usage
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.error import read_error_event
from aigw_core.codecs.responses.item_reader import ITEM_EVENTS, TEXT_DELTA, ItemReader
from aigw_core.codecs.responses.output_items import MalformedItem
from aigw_core.codecs.responses.reading import created_at, failure_of, failure_of_error, stop_of
from aigw_core.codecs.responses.usage import read_usage
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import AnswerEnd, AnswerStart, ChoiceStop, StreamEvent, UsageReport
from aigw_core.sse import SseDecoder, SseEvent, SseOverflow
from aigw_core.surrogates import mend

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_RESPONSE = msgspec.json.Decoder(wire.ResponseEvent).decode
_HEAD = msgspec.json.Decoder(wire.EventHead).decode


class StreamDecoder:
    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._items = ItemReader()
        self._closed = False

    def __repr__(self) -> str:
        return f"<responses StreamDecoder parts={self._items.parts} closed={self._closed}>"

    @property
    def closed(self) -> bool:
        """The stream ended, well or badly; nothing more comes out."""
        return self._closed

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self.closed:
            return out
        for event in self._sse.feed(data):
            if type(event) is SseEvent and event.name == TEXT_DELTA:
                try:
                    self._items.on_text(event.data, out)
                    continue
                except UNREADABLE:
                    pass  # looked at again below
            self._receive(event, out)
            if self._closed:
                break
        return out

    def eof(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self.closed:
            return out
        for event in self._sse.eof():
            if not isinstance(event, SseOverflow) and _is_whole(event.data):
                self._receive(event, out)
        if not self._closed:
            self._close(
                out,
                Failure(
                    ErrorKind.UPSTREAM_TRUNCATED,
                    "the upstream's answer ended before it was complete",
                ),
            )
        return out

    def _receive(self, event: SseEvent | SseOverflow, out: list[StreamEvent]) -> None:
        if isinstance(event, SseOverflow):
            self._fail(out, "an event of the upstream is too large")
            return
        try:
            self._dispatch(event.name, event.data, out)
        except UNREADABLE:
            plain = mend(event.data, hold=False)
            try:
                if plain is event.data:
                    raise MalformedItem
                self._items.marked = mend(event.data)
                self._dispatch(event.name, plain, out)
            except (*UNREADABLE, MalformedItem):
                self._fail(out, "an event of the upstream cannot be understood")
            self._items.marked = b""
        except MalformedItem:
            self._fail(out, "an item of the upstream cannot be understood")

    def _dispatch(self, name: bytes, data: bytes, out: list[StreamEvent]) -> None:
        if name not in ITEM_EVENTS and name not in _ANSWER_EVENTS:
            if data == b"[DONE]":
                return
            head = _HEAD(data)
            name = head.type.encode("utf-8", "replace")
            if head.error is not msgspec.UNSET and bytes(head.error) != b"null":
                name = b"error"
        on_item = ITEM_EVENTS.get(name)
        if on_item is not None:
            on_item(self._items, data, out)
        elif name in _ANSWER_EVENTS:
            _ANSWER_EVENTS[name](self, data, out)

    def _fail(self, out: list[StreamEvent], message: str) -> None:
        self._close(out, Failure(ErrorKind.UPSTREAM_MALFORMED, message))

    def _close(self, out: list[StreamEvent], last: Failure | AnswerEnd) -> None:
        out.append(last)
        self._closed = True

    # --- the answer -----------------------------------------------------------

    def _on_created(self, data: bytes, out: list[StreamEvent]) -> None:
        response = _RESPONSE(data).response
        if not self._items.started:
            self._items.started = True
            out.append(AnswerStart(response.id or "", response.model or "", created_at(response)))

    def _on_completed(self, data: bytes, out: list[StreamEvent]) -> None:
        self._finish(data, out, "completed")

    def _on_incomplete(self, data: bytes, out: list[StreamEvent]) -> None:
        self._finish(data, out, "incomplete")

    def _on_failed(self, data: bytes, out: list[StreamEvent]) -> None:
        self._finish(data, out, "failed")

    def _finish(self, data: bytes, out: list[StreamEvent], status: str) -> None:
        response = _RESPONSE(data).response
        if response.status not in ("completed", "incomplete", "failed"):
            response.status = status
        if response.error is not None or "failed" in (status, response.status):
            self._close(out, failure_of(response))
            return
        if not self._items.started:
            self._on_created(data, out)
        self._items.finish(response.output or [], out)
        usage = read_usage(response.usage, response.service_tier)
        if usage != Usage():
            out.append(UsageReport(usage))
        out.append(ChoiceStop(stop_of(response, self._items.calls)))
        self._close(out, AnswerEnd())

    def _on_error(self, data: bytes, out: list[StreamEvent]) -> None:
        self._close(out, failure_of_error(read_error_event(data)))


def _is_whole(data: bytes) -> bool:
    try:
        wire.decode_any(mend(data, hold=False))
    except UNREADABLE:
        return False
    return True


_Handler = Callable[[StreamDecoder, bytes, list[StreamEvent]], None]

_ANSWER_EVENTS: dict[bytes, _Handler] = {
    b"response.created": StreamDecoder._on_created,
    b"response.queued": StreamDecoder._on_created,
    b"response.in_progress": StreamDecoder._on_created,
    b"response.completed": StreamDecoder._on_completed,
    b"response.incomplete": StreamDecoder._on_incomplete,
    b"response.failed": StreamDecoder._on_failed,
    b"response.cancelled": StreamDecoder._on_failed,
    b"error": StreamDecoder._on_error,
}
