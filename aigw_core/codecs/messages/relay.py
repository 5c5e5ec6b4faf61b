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
from aigw_core.sse import SseBlocks, parse_event, sse_event
from aigw_core.surrogates import mend


class _Message(Struct):
    usage: wire.Usage | None = None


class _Event(Struct):
    """What accounting needs of any event."""

    type: str = ""
    index: int = 0
    error: msgspec.Raw = wire.NULL
    message: _Message | None = None
    usage: wire.Usage | None = None


class _Narrow(Struct):
    type: str = ""
    index: int = 0


_decode_event = Decoder(_Event).decode
_decode_narrow = Decoder(_Narrow).decode

_DELTA = b"event: content_block_delta\ndata: "
_NAME = re.compile(r"[a-z0-9_]{1,64}")


class UsageTap:
    """See :class:`aigw_core.codec.UsageTap`. Holds one event, which is bounded
    by ``sse.MAX_EVENT_SIZE``.

    From a failure on nothing passes, not the upstream's own error event either:
    whoever drives the tap may still try another target, or writes the error.
    """

    def __init__(self, peek: Peek) -> None:
        self.usage = Usage()
        self.terminal = False
        self.content = False
        self.failure: Failure | None = None
        self._meter = UsageMeter()
        self._blocks = SseBlocks()

    def __repr__(self) -> str:
        return (
            f"<messages UsageTap content={self.content} terminal={self.terminal} "
            f"failure={self.failure}>"
        )

    def feed(self, data: bytes) -> bytes:
        if self.terminal or self.failure is not None:
            return b""
        blocks = self._blocks.feed(data)
        changed = self._read_all(blocks)
        if self._blocks.overflow and not self.terminal and self.failure is None:
            self._malformed("an event of the upstream is too large")
        return b"".join([block + b"\n\n" for block in blocks]) if changed is None else changed

    def eof(self) -> bytes:
        if self.terminal or self.failure is not None:
            return b""
        rest = self._blocks.eof()
        passed = b""
        event = parse_event(rest)
        if event is not None and _is_whole_json(event.data):
            rest = rest.rstrip(b"\n")
            changed = self._read_all([rest])
            passed = rest + b"\n\n" if changed is None else changed
        if not self.terminal and self.failure is None:
            self.failure = Failure(
                ErrorKind.UPSTREAM_TRUNCATED,
                "the upstream's answer ended before it was complete",
            )
        return passed

    def tell(self, failure: Failure) -> bytes | None:
        return None  # an error event of this format stands for itself

    def _read_all(self, blocks: list[bytes]) -> bytes | None:
        """Whole events, without their blank lines. What goes on instead of them;
        ``None``: they go on as they are."""
        kept: list[bytes] | None = None
        for number, block in enumerate(blocks):
            replacement: bytes | None = None
            if not self._is_delta(block):
                replacement = self._read(block)
                stopped = self.terminal or self.failure is not None
                cut = stopped and number + 1 < len(blocks)
                if kept is None and (cut or replacement is not None):
                    kept = [other + b"\n\n" for other in blocks[:number]]
            if kept is not None:
                kept.append(block + b"\n\n" if replacement is None else replacement)
            if self.terminal or self.failure is not None:
                break
        return None if kept is None else b"".join(kept)

    def _is_delta(self, block: bytes) -> bool:
        """Nearly all of the traffic: one delta, framed as the vendor does it."""
        if not block.startswith(_DELTA) or block.find(b"\n", len(_DELTA)) >= 0:
            return False
        try:
            _decode_narrow(block[len(_DELTA) :])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False  # looked at more closely by the caller
        self.content = True
        return True

    def _read(self, block: bytes) -> bytes | None:
        """One event. What goes on instead of it; ``None``: it goes on as it is."""
        parsed = parse_event(block)
        if parsed is None:
            return None  # a comment, or nothing
        name, data = parsed.name, parsed.data
        if data == b"[DONE]":
            return b""  # belongs to another format, and is no JSON
        try:
            try:
                event = _decode_event(data)
            except msgspec.DecodeError:
                event = _decode_event(mend(data, hold=False))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed("the upstream sent an event that is not understood")
            return b""
        kind = event.type
        if not kind:
            kind = "error" if bytes(event.error) != b"null" else name.decode("latin-1")
        self._note(kind, event, data)
        if self.failure is not None:
            return b""
        if name.decode("latin-1") != kind and _NAME.fullmatch(kind) and b"\n" not in data:
            return sse_event(data, kind.encode())
        return None

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


def _is_whole_json(data: bytes) -> bool:
    try:
        _decode_narrow(mend(data, hold=False))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
