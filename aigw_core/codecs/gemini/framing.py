"""The JSON documents of a streamed answer, however they are framed.

Normally that is Server-Sent Events. Without ``alt=sse`` the answer is one JSON
array whose elements arrive one by one, and some servers write an error into
an event stream as bare JSON. Not here: what the documents mean.

Source: Gemini API reference, "streamGenerateContent"; bare errors are handled
by the vendor's own SDK and seen in its test data.
"""

from __future__ import annotations

import re

from msgspec import Struct

from aigw_core.sse import MAX_EVENT_SIZE, SseDecoder, SseEvent, SseOverflow


class Broken(Struct, frozen=True, gc=False):
    """The bytes are no stream. Nothing follows."""

    problem: str


_TOO_LARGE = Broken("an event of the stream is larger than the limit")
_OPENERS = (b"{", b"[")
_IN_DOCUMENT = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')
_SPACE = b" \t\r\n"


class Documents:
    """Bytes to JSON documents, each one bytes object. Any split of the bytes into
    reads gives the same documents. ``max_document`` bounds what is held.
    """

    def __init__(self, max_document: int = MAX_EVENT_SIZE) -> None:
        self._sse = SseDecoder(max_document)
        self._json: JsonDocuments | None = None
        self._max = max_document
        self._line_start = True
        self._begun = False
        self._head = b""  # a BOM and space, before anything else
        self.bare = False
        """A document came first, and not a line."""
        self._clean = False  # the SSE decoder was used and holds nothing

    def __repr__(self) -> str:
        return f"<Documents {self._json or self._sse!r}>"

    def feed(self, data: bytes) -> list[bytes | Broken]:
        if self._json is not None:
            return self._json.feed(data)
        if self._clean and data.startswith(b"data: "):
            ready = self._whole_events(data)
            if ready is not None:
                return ready
        if not self._begun:
            data = self._begin(data)
        if not data:
            return []
        # A bare document begins a line; within a "data:" line JSON has no line
        # end, so in an ordinary stream none of these is ever found.
        if (
            (self._line_start and data[:1] in _OPENERS)
            or b"\n{" in data
            or b"\n[" in data
            or b"\r{" in data
            or b"\r[" in data
        ):
            return self._switch(data, self._find_bare(data))
        self._line_start = data.endswith((b"\n", b"\r"))
        self._clean = data.endswith((b"\n\n", b"\r\n\r\n"))
        return [
            event.data if type(event) is SseEvent else _TOO_LARGE for event in self._sse.feed(data)
        ]

    def eof(self) -> list[bytes]:
        """What is left, if anything: a document that may be cut anywhere."""
        if self._json is not None:
            return []
        if self._head:
            self._sse.feed(self._head)
        return [event.data for event in self._sse.eof() if isinstance(event, SseEvent)]

    def _whole_events(self, data: bytes) -> list[bytes | Broken] | None:
        """The documents of a read that is nothing but whole events of one ``data``
        line each, the usual case; ``None`` when it is something else. This takes a
        quarter of the time of the SSE decoder, and gives the same."""
        crlf = data.endswith(b"\r\n\r\n")
        if crlf and data.count(b"\n") == 2 == data.count(b"\r") and 10 < len(data) < self._max:
            return [data[6:-4]]
        end = b"\r\n\r\n" if crlf else b"\n\n"
        *blocks, rest = data.split(end)
        if rest:
            return None
        documents: list[bytes | Broken] = []
        for block in blocks:
            if (
                not block.startswith(b"data: ")
                or b"\n" in block
                or b"\r" in block
                or not 6 < len(block) <= self._max
            ):
                return None
            documents.append(block[6:])
        return documents

    def _begin(self, data: bytes) -> bytes:
        head = self._head + data
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
        if not text or (len(head) < 3 and b"\xef\xbb\xbf".startswith(head)):
            # Space says nothing yet; only its last line matters to either reader.
            self._head = head if len(head) < 4096 else head[-1:]
            return b""
        self._begun = True
        self._head = b""
        self.bare = text[:1] in _OPENERS
        return text if self.bare else head

    def _find_bare(self, data: bytes) -> int:
        if self._line_start and data[:1] in _OPENERS:
            return 0
        found = [data.find(mark) for mark in (b"\n{", b"\n[", b"\r{", b"\r[")]
        return min(at + 1 for at in found if at >= 0)

    def _switch(self, data: bytes, at: int) -> list[bytes | Broken]:
        documents: list[bytes | Broken] = []
        for event in [*self._sse.feed(data[:at]), *self._sse.eof()]:
            if isinstance(event, SseOverflow):
                return [*documents, _TOO_LARGE]
            documents.append(event.data)
        self._json = JsonDocuments(self._max)
        return documents + self._json.feed(data[at:])


class JsonDocuments:
    """Splits a JSON array into its elements, or a row of JSON objects into
    objects, while they arrive. Bytes after the array are ignored.
    """

    def __init__(self, max_document: int = MAX_EVENT_SIZE) -> None:
        self._max = max_document
        self._held: list[bytes] = []
        self._size = 0
        self._depth = 0  # inside the document
        self._in_string = False
        self._escaped = False
        self._in_array: bool | None = None  # not known before the first byte
        self._closed = False

    def __repr__(self) -> str:
        return f"<JsonDocuments held={self._size} closed={self._closed}>"

    def feed(self, data: bytes) -> list[bytes | Broken]:
        documents: list[bytes | Broken] = []
        position = 0
        while position < len(data) and not self._closed:
            if self._depth == 0:
                position = self._between(data, position, documents)
            else:
                position = self._within(data, position, documents)
        return documents

    def _between(self, data: bytes, at: int, documents: list[bytes | Broken]) -> int:
        byte = data[at : at + 1]
        if byte in (b" ", b"\t", b"\r", b"\n", b","):
            return at + 1
        if byte == b"[" and self._in_array is None:
            self._in_array = True
            return at + 1
        if byte == b"]" and self._in_array:
            self._closed = True
        elif byte == b"{":
            if self._in_array is None:
                self._in_array = False
            self._depth = 1
            self._hold(data[at : at + 1], documents)
        else:
            documents.append(Broken("the stream is neither events nor a JSON array of objects"))
            self._closed = True
        return at + 1

    def _within(self, data: bytes, at: int, documents: list[bytes | Broken]) -> int:
        position = at
        while position < len(data):
            if self._escaped:
                self._escaped = False
                position += 1
                continue
            match = (_IN_STRING if self._in_string else _IN_DOCUMENT).search(data, position)
            if match is None:
                break
            position = match.end()
            byte = match.group()
            if byte == b"\\":
                self._escaped = True
            elif byte == b'"':
                self._in_string = not self._in_string
            elif byte in _OPENERS:
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    if self._hold(data[at:position], documents):
                        documents.append(b"".join(self._held))
                    self._held.clear()
                    self._size = 0
                    return position
        self._hold(data[at:], documents)
        return len(data)

    def _hold(self, piece: bytes, documents: list[bytes | Broken]) -> bool:
        self._size += len(piece)
        if self._size > self._max:
            documents.append(_TOO_LARGE)
            self._held.clear()
            self._size = 0
            self._closed = True
            return False
        self._held.append(piece)
        return True
