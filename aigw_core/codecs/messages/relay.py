"""Reads along a Messages stream that is passed on untouched.

Only whole events are passed on. They stay byte for byte what they were, except
where the official SDK could not read them: CR line ends become LF, a byte
order mark goes, an event without its ``event`` line gets one, and what comes
after the end of the message is dropped.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from aigw_core.chat import Usage
from aigw_core.codec import Peek
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.error import read_error
from aigw_core.codecs.messages.usage import UsageMeter
from aigw_core.errors import ErrorKind, Failure
from aigw_core.sse import MAX_EVENT_SIZE, SseDecoder, SseEvent, sse_event
from aigw_core.surrogates import mend


class _Message(Struct):
    usage: wire.Usage | None = None


class _Event(Struct):
    """What accounting needs of any event."""

    type: str = ""
    error: msgspec.Raw = wire.NULL
    message: _Message | None = None
    usage: wire.Usage | None = None


class _Narrow(Struct):
    type: str = ""


_decode_event = Decoder(_Event).decode
_decode_narrow = Decoder(_Narrow).decode

_BOM = b"\xef\xbb\xbf"
_DELTA = b"event: content_block_delta\ndata: "
_NAME = re.compile(r"[a-z0-9_]{1,64}")


class UsageTap:
    """See :class:`aigw_core.codec.UsageTap`. Holds one event, which is bounded
    by ``sse.MAX_EVENT_SIZE``.

    An upstream's own error event is passed on. What the stream lacks (because
    it broke off, or turned into nonsense) is for the caller to say.
    """

    def __init__(self, peek: Peek) -> None:
        self.usage = Usage()
        self.terminal = False
        self.content = False
        self.failure: Failure | None = None
        self._meter = UsageMeter()
        self._pieces: list[bytes] = []
        self._held = 0
        self._start: bytes | None = b""
        """Of the stream, while it may yet be a byte order mark."""
        self._after_cr = False

    def __repr__(self) -> str:
        return (
            f"<messages UsageTap content={self.content} terminal={self.terminal} "
            f"failure={self.failure} held={self._held}>"
        )

    def feed(self, data: bytes) -> bytes:
        if self.terminal or self.failure is not None:
            return b""
        if self._start is not None:
            data = self._skip_mark(data)
        if self._after_cr or b"\r" in data:
            data = self._normalise(data)
        if not data:
            return b""
        if self._pieces:
            if b"\n\n" not in data and not (data[:1] == b"\n" and self._pieces[-1][-1:] == b"\n"):
                return self._hold(data)
            data = b"".join([*self._pieces, data])
            self._pieces.clear()
            self._held = 0
        *blocks, tail = data.split(b"\n\n")
        whole = self._pass(blocks)
        if tail and not self.terminal and self.failure is None:
            self._hold(tail)
        return whole

    def eof(self) -> bytes:
        rest = b"".join(self._pieces)
        self._pieces.clear()
        if self.terminal or self.failure is not None:
            return b""
        passed = b""
        if rest.strip() and _is_whole(rest):
            passed = self._pass([rest.rstrip(b"\n")])
        if not self.terminal and self.failure is None:
            self.failure = Failure(
                ErrorKind.UPSTREAM_TRUNCATED,
                "the upstream's answer ended before it was complete",
            )
        return passed

    def _skip_mark(self, data: bytes) -> bytes:
        data = (self._start or b"") + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._start = data
            return b""
        self._start = None
        return data.removeprefix(_BOM)

    def _normalise(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._after_cr and data[0] == 0x0A:
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> bytes:
        self._held += len(piece)
        # A LF at the end may be half of the blank line and no part of the event.
        if self._held - piece.endswith(b"\n") > MAX_EVENT_SIZE:
            self._pieces.clear()
            self._malformed("an event of the upstream is too large")
        else:
            self._pieces.append(piece)
        return b""

    def _pass(self, blocks: list[bytes]) -> bytes:
        """What of whole events goes on to the client."""
        passed: list[bytes] = []
        for block in blocks:
            if len(block) > MAX_EVENT_SIZE:
                self._malformed("an event of the upstream is too large")
                break
            if block.startswith(_DELTA) and b"\n" not in block[len(_DELTA) :]:
                if not self._is_delta(block[len(_DELTA) :]):
                    break
                self.content = True
                passed += (block, b"\n\n")
                continue
            rewritten = self._read(block)
            if rewritten is not None:
                passed.append(rewritten)
            if self.terminal or self.failure is not None:
                break
        return b"".join(passed)

    def _is_delta(self, data: bytes) -> bool:
        try:
            _decode_narrow(data)
        except msgspec.DecodeError:
            if not _is_whole_json(data):
                self._malformed("the upstream sent an event that is not understood")
                return False
        return True

    def _read(self, block: bytes) -> bytes | None:
        """One event of the rarer kinds, as it goes on; ``None``: it does not."""
        framed = block + b"\n\n"
        parsed = SseDecoder().feed(framed)
        if not parsed or not isinstance(parsed[0], SseEvent):
            return framed  # a comment, or nothing
        name, data = parsed[0].name, parsed[0].data
        if data == b"[DONE]":
            return None  # the SDK would take it for JSON
        try:
            try:
                event = _decode_event(data)
            except msgspec.DecodeError:
                event = _decode_event(mend(data, hold=False))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed("the upstream sent an event that is not understood")
            return None
        kind = event.type
        if not kind:
            kind = "error" if bytes(event.error) != b"null" else name.decode("latin-1")
        self._note(kind, event, data)
        if name.decode("latin-1") != kind and _NAME.fullmatch(kind) and b"\n" not in data:
            return sse_event(data, kind.encode())
        return framed

    def _note(self, kind: str, event: _Event, data: bytes) -> None:
        if kind in ("content_block_delta", "content_block_stop"):
            self.content = True
        elif kind == "message_start":
            if event.message is not None and event.message.usage is not None:
                self._meter.add(event.message.usage)
                self.usage = self._meter.report
        elif kind == "message_delta":
            self.content = True
            if event.usage is not None:
                self._meter.add(event.usage)
                self.usage = self._meter.report
        elif kind == "message_stop":
            self.content = True
            self.terminal = True
        elif kind == "error":
            self.failure = read_error(data, None)

    def _malformed(self, message: str) -> None:
        self.failure = Failure(ErrorKind.UPSTREAM_MALFORMED, message)


def _is_whole(rest: bytes) -> bool:
    events = SseDecoder().feed(rest + b"\n\n")
    return bool(events) and isinstance(events[0], SseEvent) and _is_whole_json(events[0].data)


def _is_whole_json(data: bytes) -> bool:
    try:
        _decode_narrow(mend(data, hold=False))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
