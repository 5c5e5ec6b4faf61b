"""Reads along a stream of this format that is relayed as it is.

Only the frame of each event and a few of its fields are looked at. The bytes of
whole events pass untouched, but for CR line ends and a byte order mark: SDKs differ in
whether they read those.
"""

from __future__ import annotations

import msgspec

from aigw_core.chat import Usage
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.error import failed_error, read_error_event
from aigw_core.codecs.responses.reading import failure_of, failure_of_error
from aigw_core.codecs.responses.usage import read_usage
from aigw_core.errors import ErrorKind, Failure
from aigw_core.sse import SseBlocks, parse_event, sse_event
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
        self._blocks = SseBlocks()
        self._opening = b""  # the data of response.created, once it has passed
        self._last = b""  # the data of the last event that passed

    def __repr__(self) -> str:
        return f"<responses RelayTap terminal={self.terminal} failure={self.failure}>"

    def feed(self, data: bytes) -> bytes:
        if self.failure is not None:
            return b""
        passed: list[bytes] = []
        self._pass(self._blocks.feed(data), passed)
        return b"".join(passed)

    def eof(self) -> bytes:
        passed = b""
        if self.failure is None:
            rest = self._blocks.eof()
            event = parse_event(rest)
            # Without its blank line an event may be cut anywhere.
            if event is not None and _is_whole(event.data) and self._look_at(rest):
                passed = rest.rstrip(b"\n") + b"\n\n"
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

    def _pass(self, blocks: list[bytes], passed: list[bytes]) -> None:
        for block in blocks:
            if self._look_at(block):
                passed.append(block + b"\n\n")
            if self.failure is not None:
                return
        if self._blocks.overflow:
            self._break("an event of the upstream is too large")

    def _look_at(self, block: bytes) -> bool:
        """Whether the bytes of an event are to be passed on."""
        event = parse_event(block)
        if event is None:
            # Comments pass. Fields without data do not: the SDK takes it for JSON.
            return not self.terminal and all(
                line.startswith(b":") for line in block.split(b"\n") if line
            )
        return self._look(event.name, event.data)

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
