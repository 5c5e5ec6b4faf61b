"""Upstream bytes of a streamed Gemini answer to stream events."""

from __future__ import annotations

import msgspec

from aigw_core.codecs.gemini.answer import AnswerReader
from aigw_core.codecs.gemini.framing import Broken, Documents
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import StreamEvent
from aigw_core.surrogates import mend

_ANY = msgspec.json.Decoder(msgspec.Raw).decode


class GeminiStreamDecoder:
    """Decodes an event stream, or a JSON array that arrives piece by piece.

    There is no end marker on the wire: the stream is complete when it ends after
    every candidate gave a finish reason. So choices stop in :meth:`eof`.
    """

    def __init__(self) -> None:
        self._documents = Documents()
        self._reader = AnswerReader()
        self._closed = False

    def __repr__(self) -> str:
        return f"<GeminiStreamDecoder {self._documents!r} closed={self._closed}>"

    def feed(self, data: bytes) -> list[StreamEvent]:
        if self._closed:
            return []
        events: list[StreamEvent] = []
        for document in self._documents.feed(data):
            if isinstance(document, Broken):
                self._closed = True
                return [*events, Failure(ErrorKind.UPSTREAM_MALFORMED, document.problem)]
            if document == b"[DONE]":
                continue  # some servers write it out of habit
            events += self._reader.add(document)
            if events and type(events[-1]) is Failure:
                self._closed = True
                return events
        return events

    def eof(self) -> list[StreamEvent]:
        if self._closed:
            return []
        events: list[StreamEvent] = []
        for document in self._documents.eof():
            if is_json(document):
                events += self._reader.add(document)
        self._closed = True
        if events and type(events[-1]) is Failure:
            return events
        return events + self._reader.finish()


def is_json(document: bytes) -> bool:
    """Whether what was left at the end is whole."""
    try:
        _ANY(mend(document, hold=False))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
