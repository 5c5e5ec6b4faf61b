"""A streamed answer as one JSON array, for clients that did not ask for ``alt=sse``.

The elements are those of the event stream, byte for byte, and come one by one.

Source: Gemini API reference, "streamGenerateContent"; an error before the first
element is an array with one object, too.
"""

from __future__ import annotations

from aigw_core.sse import SseDecoder, SseEvent

CONTENT_TYPE = "application/json; charset=utf-8"


class ArrayFraming:
    """The events of a stream, as they are written for clients of this format, to the
    elements of an array. Blank lines, which keep a connection busy, stay."""

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self._before = b"["

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        for event in self._decoder.feed(data):
            if isinstance(event, SseEvent):
                out += (self._before, event.data)
                self._before = b",\r\n"
        if not out and not data.strip():
            return data
        return b"".join(out)

    def eof(self) -> bytes:
        """The stream is complete."""
        return b"[]" if self._before == b"[" else b"]"
