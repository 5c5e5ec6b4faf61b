"""Server-Sent Events: bytes to events and back.

Source of the grammar: WHATWG HTML, "Server-sent events", 9.2.6, with one
difference that a gateway needs: the bytes after the last blank line come out
of :meth:`SseDecoder.eof`, since some servers forget to write it. Whoever asks
for them must be able to tell half an event from a whole one.
"""

from __future__ import annotations

from msgspec import Struct

_BOM = b"\xef\xbb\xbf"

MAX_EVENT_SIZE = 32 << 20
"""Bytes of one event. Text needs a few KiB; pictures come as base64 in one."""


class SseEvent(Struct, frozen=True, gc=False):
    name: bytes
    """The ``event`` field; empty when there was none."""

    data: bytes
    """The ``data`` fields, joined by LF."""


class SseOverflow(Struct, frozen=True, gc=False):
    """An event was larger than the limit. Nothing follows."""


class SseBlocks:
    """Splits a byte stream into blocks of lines: what lies between two blank lines.

    Line ends come out as LF, a BOM at the start does not come out. Any split of the
    bytes into reads gives the same blocks. A block may hold an event, comments, nothing
    but fields that are skipped, or nothing.

    ``max_block`` bounds one block and what is held of it, in bytes after line ends were
    made LF. When one is larger, ``overflow`` is set and nothing follows.
    """

    __slots__ = (
        "_after_cr",
        "_bom",
        "_closed",
        "_ends_lf",
        "_held",
        "_max",
        "_pieces",
        "between",
        "overflow",
    )

    def __init__(self, max_block: int = MAX_EVENT_SIZE) -> None:
        self._max = max_block
        self._pieces: list[bytes] = []  # of a block whose end has not come
        self._held = 0
        self._ends_lf = False  # the last piece ends in LF
        self._after_cr = False  # a LF that comes next belongs to that CR
        self._bom = 0  # bytes of the BOM seen at the start; -1: past the start
        self._closed = False
        self.between = False
        """Past the start, and nothing of a block is held."""
        self.overflow = False

    def __repr__(self) -> str:
        return f"<SseBlocks held={self._held} overflow={self.overflow}>"

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that ``data`` completes, each without its blank line."""
        if self.between:
            # One block of one line or two is what a paced stream brings in a read:
            # looking for single bytes takes a third of the time of a split.
            first, size = data.find(b"\n"), len(data)
            if data[-2:] == b"\n\n":
                one = first == size - 2
                two = first < size - 3 and data.find(b"\n", first + 1) == size - 2
                if (one or two) and data.find(b"\r") < 0 and size <= self._max:
                    return [data[:-2]]
            elif (
                data[-4:] == b"\r\n\r\n"
                and first == size - 3
                and data.find(b"\r") == size - 4
                and size <= self._max
            ):
                return [data[:-4]]
        blocks = self._split(data)
        self.between = not (self._pieces or self._after_cr or self._closed) and self._bom < 0
        return blocks

    def _split(self, data: bytes) -> list[bytes]:
        if self._bom >= 0:
            data = self._skip_bom(data)
        if self._after_cr or data.find(b"\r") >= 0:
            data = self._normalise(data)
        if self._pieces or self._closed:
            if self._closed or not data:
                return []
            joins = self._ends_lf and data.startswith(b"\n")
            if not joins and b"\n\n" not in data:
                self._hold(data)
                return []
            data = b"".join([*self._pieces, data])
            self._pieces.clear()
            self._held = 0
        *blocks, tail = data.split(b"\n\n")
        if len(data) > self._max:
            for at, block in enumerate(blocks):
                if len(block) > self._max:
                    self.overflow = True
                    self._close()
                    return blocks[:at]
        if tail:
            self._hold(tail)
        return blocks

    def eof(self) -> bytes:
        """What is left, a block that may be cut anywhere. Nothing follows."""
        if self._bom > 0:
            self._hold(_BOM[: self._bom])
        rest = b"".join(self._pieces)
        self._close()
        return rest

    def _hold(self, piece: bytes) -> None:
        self._held += len(piece)
        self._ends_lf = piece.endswith(b"\n")
        # A LF at the end may be half of the blank line and no part of the block.
        if self._held - self._ends_lf > self._max:
            self.overflow = True
            self._close()
        else:
            self._pieces.append(piece)

    def _close(self) -> None:
        self._pieces.clear()
        self._held = 0
        self._closed = True
        self.between = False

    def _skip_bom(self, data: bytes) -> bytes:
        expected = _BOM[self._bom :]
        if data[: len(expected)] == expected:
            self._bom = -1
            return data[len(expected) :]
        if expected.startswith(data):
            self._bom += len(data)
            return b""
        data = _BOM[: self._bom] + data
        self._bom = -1
        return data

    def _normalise(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._after_cr and data[0] == 0x0A:
            data = data[1:]
        self._after_cr = data.endswith(b"\r") if data else False
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class SseDecoder:
    """Splits a byte stream into events. Any split of the bytes into reads
    gives the same events.

    ``max_event`` bounds one event and what is held of it, in bytes after line
    ends were made LF. LF, CRLF and CR end lines; comments, ``id`` and
    ``retry`` are skipped, and so is an event without data.
    """

    __slots__ = ("_blocks", "_max_event", "_told")

    def __init__(self, max_event: int = MAX_EVENT_SIZE) -> None:
        self._max_event = max_event
        self._blocks = SseBlocks(max_event)
        self._told = False  # of the overflow

    def __repr__(self) -> str:
        return f"<SseDecoder {self._blocks!r}>"

    def feed(self, data: bytes) -> list[SseEvent | SseOverflow]:
        """The events that ``data`` completes."""
        size = len(data)
        if (
            data[:6] == b"data: "
            and data.find(b"\n") == size - 2
            and data[-1:] == b"\n"
            and data.find(b"\r") < 0
            and 8 < size <= self._max_event
            and self._blocks.between
        ):
            # The commonest read of all: 0.4 us where the way below takes 0.7.
            return [SseEvent(b"", data[6:-2])]
        events: list[SseEvent | SseOverflow] = []
        for block in self._blocks.feed(data):
            event = parse_event(block)
            if event is not None:
                events.append(event)
        if self._blocks.overflow and not self._told:
            self._told = True
            events.append(SseOverflow())
        return events

    def eof(self) -> list[SseEvent | SseOverflow]:
        """What is left: at most one event, which may be cut anywhere."""
        event = parse_event(self._blocks.eof())
        return [] if event is None else [event]


def parse_event(block: bytes) -> SseEvent | None:
    """The event of a block of :class:`SseBlocks`, if it holds one."""
    # Two shapes are nearly all of the traffic: one data line, and an event
    # line followed by one data line.
    end = block.find(b"\n")
    if end < 0 and block[:6] == b"data: ":
        return SseEvent(b"", block[6:]) if len(block) > 6 else None
    if (
        block[:7] == b"event: "
        and block[end + 1 : end + 7] == b"data: "
        and len(block) > end + 7
        and block.find(b"\n", end + 1) < 0
    ):
        return SseEvent(block[7:end], block[end + 7 :])
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    joined = b"\n".join(data)
    return SseEvent(name, joined) if joined else None


_LINE_SEPARATORS = (
    (b"\xc2\x85", b"\\u0085"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def escape_separators(document: bytes) -> bytes:
    """``document`` (JSON) with U+0085, U+2028 and U+2029 escaped.

    They are legal in JSON and in SSE, but many clients split lines at them
    and lose the event. All three contain a byte of C2 or E2 80, so ASCII
    text, the usual case, costs one check.
    """
    if document.isascii():
        return document
    for raw, escaped in _LINE_SEPARATORS:
        if raw in document:
            document = document.replace(raw, escaped)
    return document


def sse_event(data: bytes, name: bytes = b"") -> bytes:
    """One event on the wire. ``data`` is one line, as JSON encoders write it."""
    data = escape_separators(data)
    if name:
        return b"event: %s\ndata: %s\n\n" % (name, data)
    return b"data: %s\n\n" % data
