"""Reads along a stream of this format that is relayed as it is.

Only the frame of each event and a few of its fields are looked at. The bytes of
whole events pass untouched; a stream with CR line ends or a byte order mark is
framed anew, since SDKs differ in whether they read those.
"""

from __future__ import annotations

import msgspec

from aigw_core.chat import Usage
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.error import failed_error, read_error_event
from aigw_core.codecs.responses.reading import failure_of, failure_of_error
from aigw_core.codecs.responses.usage import read_usage
from aigw_core.errors import ErrorKind, Failure
from aigw_core.sse import MAX_EVENT_SIZE, SseDecoder, SseEvent, SseOverflow, sse_event
from aigw_core.surrogates import mend


class _Opening(msgspec.Struct):
    response: msgspec.Raw


class _Numbered(msgspec.Struct):
    sequence_number: int = 0


_HEAD = msgspec.json.Decoder(wire.EventHead).decode
_OPENING = msgspec.json.Decoder(_Opening).decode
_NUMBER = msgspec.json.Decoder(_Numbered).decode
_RESPONSE = msgspec.json.Decoder(wire.ResponseEvent).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_END = b"\n\n"

_OPENINGS = frozenset({b"response.created", b"response.queued", b"response.in_progress"})
_TERMINALS = frozenset(
    {
        b"response.completed",
        b"response.incomplete",
        b"response.failed",
        b"response.cancelled",
    }
)


class RelayTap:
    """Holds at most one event, the last that passed, and the first response object.

    From a failure on nothing passes, not the upstream's own error event either:
    whoever drives the tap may still try another target, or writes the error.
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.terminal = False
        self.content = False
        self.failure: Failure | None = None
        self._head = b""  # the first bytes, while they may be a byte order mark
        self._begun = False
        self._pieces: list[bytes] = []  # of an event whose end has not come
        self._held = 0
        self._reader: SseDecoder | None = None  # frames anew from here on
        self._opening = b""  # the data of response.created, once it has passed
        self._last = b""  # the data of the last event that passed

    def __repr__(self) -> str:
        return f"<responses RelayTap terminal={self.terminal} failure={self.failure}>"

    def feed(self, data: bytes) -> bytes:
        if self.failure is not None:
            return b""
        if not self._begun:
            data = self._head + data
            if data != _BOM and _BOM.startswith(data):
                self._head = data
                return b""
            self._begun, self._head = True, b""
            if data.startswith(_BOM):
                self._reader = SseDecoder()
        if self._reader is not None:
            return self._frame(self._reader.feed(data))
        at = data.find(b"\r")
        if at < 0:
            return self._pass(data)
        passed = self._pass(data[:at])
        self._reader = SseDecoder()
        rest = b"".join([*self._pieces, data[at:]])
        self._pieces.clear()
        return passed if self.failure is not None else passed + self._frame(self._reader.feed(rest))

    def eof(self) -> bytes:
        passed = b""
        if self.failure is None:
            reader = self._reader
            if reader is None:
                reader = SseDecoder()
                reader.feed(b"".join([self._head, *self._pieces]))
                self._pieces.clear()
            whole = [
                event
                for event in reader.eof()
                if isinstance(event, SseEvent) and _is_whole(event.data)
            ]
            passed = self._frame(list(whole))
        if self.failure is None and not self.terminal:
            self.failure = Failure(
                ErrorKind.UPSTREAM_TRUNCATED, "the upstream's answer ended before it was complete"
            )
        return passed

    def tell(self, failure: Failure) -> bytes | None:
        """Once a response exists it fails as one. What it had put out is in the events."""
        try:
            response = wire.decode_fields(bytes(_OPENING(self._opening).response))
            number = _NUMBER(self._last).sequence_number + 1
        except _UNREADABLE:
            return None
        failed = {**response, "status": "failed", "error": failed_error(failure)}
        event = {"type": "response.failed", "sequence_number": number, "response": failed}
        return sse_event(wire.encode(event), b"response.failed")

    def _pass(self, data: bytes) -> bytes:
        """The whole events up to here, as they came."""
        if self._pieces:
            if not (self._pieces[-1].endswith(b"\n") and data.startswith(b"\n")) and (
                _END not in data
            ):
                return self._hold(data)
            data = b"".join([*self._pieces, data])
            self._pieces.clear()
            self._held = 0
        end = data.rfind(_END)
        if end < 0:
            return self._hold(data)
        end += 2
        passed: list[bytes] = []
        blocks = data[: end - 2].split(_END)
        for block in blocks:
            if len(block) > MAX_EVENT_SIZE:
                self._break("an event of the upstream is too large")
            elif self._look_at(block):
                passed.append(block)
            if self.failure is not None:
                break
        if len(passed) == len(blocks):
            done = data[:end]
        else:
            done = b"".join([block + _END for block in passed])
        if self.failure is not None:
            return done
        return done + self._hold(data[end:])

    def _hold(self, data: bytes) -> bytes:
        if data:
            self._pieces.append(data)
            self._held += len(data)
            if self._held > MAX_EVENT_SIZE + 1:
                self._break("an event of the upstream is too large")
        return b""

    def _frame(self, events: list[SseEvent | SseOverflow] | list[SseEvent]) -> bytes:
        passed: list[bytes] = []
        for event in events:
            if isinstance(event, SseOverflow):
                self._break("an event of the upstream is too large")
            elif self._look(event.name, event.data):
                # A line end that is left can only stand between tokens.
                passed.append(sse_event(event.data.replace(b"\n", b" "), event.name))
            if self.failure is not None:
                break
        return b"".join(passed)

    def _look_at(self, block: bytes) -> bool:
        """Whether the bytes of an event are to be passed on."""
        name, rest = b"", block
        if block.startswith(b"event: "):
            first, _, rest = block.partition(b"\n")
            name = first[7:]
        if rest.startswith(b"data: ") and b"\n" not in rest:
            return self._look(name, rest[6:])
        for event in SseDecoder().feed(block + _END):
            return isinstance(event, SseEvent) and self._look(event.name, event.data)
        # Comments pass. An event without data does not: the SDK takes it for JSON.
        return not self.terminal and all(
            line.startswith(b":") for line in block.split(b"\n") if line
        )

    def _look(self, name: bytes, data: bytes) -> bool:
        if data == b"[DONE]":
            return True
        if self.terminal:
            return False
        try:
            self._read(name, data)
        except _UNREADABLE:
            # Half a character is legal JSON, if not for every parser.
            mended = mend(data, hold=False)
            try:
                if mended is data:
                    raise msgspec.DecodeError
                self._read(name, mended)
            except _UNREADABLE:
                self._break("an event of the upstream cannot be understood")
        if self.failure is not None:
            return False
        self._last = data
        return True

    def _read(self, name: bytes, data: bytes) -> None:
        if name in _TERMINALS or name == b"error":
            kind = name
        else:
            head = _HEAD(data)
            if name.endswith(b".delta"):  # nearly all there is
                self.content = True
                return
            kind = head.type.encode("utf-8", "replace")
            if head.error is not msgspec.UNSET and bytes(head.error) != b"null":
                kind = b"error"
        if kind in _TERMINALS:
            self._end(data, failed=kind in (b"response.failed", b"response.cancelled"))
        elif kind == b"error":
            self.failure = failure_of_error(read_error_event(data))
        elif kind == b"response.created":
            self._opening = data
        elif kind.startswith(b"response.") and kind not in _OPENINGS:
            self.content = True

    def _end(self, data: bytes, *, failed: bool) -> None:
        response = _RESPONSE(data).response
        self.usage = read_usage(response.usage, response.service_tier)
        if failed or response.error is not None or response.status == "failed":
            self.failure = failure_of(response)
        else:
            self.terminal = True

    def _break(self, message: str) -> None:
        self.failure = Failure(ErrorKind.UPSTREAM_MALFORMED, message)


def _is_whole(data: bytes) -> bool:
    if data == b"[DONE]":
        return True
    try:
        wire.decode_any(mend(data, hold=False))
    except _UNREADABLE:
        return False
    return True
