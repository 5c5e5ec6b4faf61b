"""Reading along a stream that goes to a client of the same format.

Whole events pass as they came. What changes: line ends become LF and a BOM goes,
since the official SDK loses events at the one and trips over the other; an event
without data, on which it fails, is left out; and usage that the client did not ask
for (the gateway did) is taken out again.

From a failure on nothing passes: whoever drives the tap writes the error.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from aigw_core.chat import Usage
from aigw_core.codec import Peek
from aigw_core.codecs.chat.decode_stream import (
    MAX_CHOICES,
    UNREADABLE,
    going_on,
    in_band_error,
    is_complete,
    malformed,
    no_chunk,
    read_tier,
    truncated,
)
from aigw_core.codecs.chat.error import read_stream_error
from aigw_core.codecs.chat.loose import read_chunk
from aigw_core.codecs.chat.stops import finish_failure
from aigw_core.codecs.chat.usage import UsageReader
from aigw_core.codecs.chat.wire import ABSENT, ENCODE, Fields, WireUsage, XGroq
from aigw_core.errors import Failure
from aigw_core.sse import MAX_EVENT_SIZE, SseDecoder, SseEvent
from aigw_core.surrogates import mend


class _Delta(Struct, gc=False):
    """As much as tells whether an answer has begun."""

    content: Raw = ABSENT
    reasoning_content: Raw = ABSENT
    reasoning: Raw = ABSENT
    reasoning_details: Raw = ABSENT
    refusal: Raw = ABSENT
    tool_calls: Raw = ABSENT
    function_call: Raw = ABSENT
    audio: Raw = ABSENT
    images: Raw = ABSENT


class _OpeningChoice(Struct, gc=False):
    index: int | None = None
    finish_reason: str | None = None
    delta: _Delta | None = None
    message: _Delta | None = None


class _Opening(Struct, gc=False):
    """What is read of chunks until there is content."""

    choices: list[_OpeningChoice] | None = None
    usage: WireUsage | UnsetType | None = UNSET
    error: Raw = ABSENT
    x_groq: XGroq | None = None


class _Choice(Struct, gc=False):
    index: int | None = None
    finish_reason: str | None = None


class _Passing(Struct, gc=False):
    """What is read of chunks afterwards."""

    choices: list[_Choice] | None = None
    usage: WireUsage | UnsetType | None = UNSET
    error: Raw = ABSENT
    x_groq: XGroq | None = None


_OPENING = msgspec.json.Decoder(_Opening).decode
_PASSING = msgspec.json.Decoder(_Passing).decode
_FIELDS = msgspec.json.Decoder(Fields).decode

_EMPTY = frozenset({b"", b"null", b'""', b"[]", b"{}"})
_BOM = b"\xef\xbb\xbf"


class ChatTap:
    """Implements :class:`aigw_core.codec.UsageTap`. Holds one event."""

    def __init__(self, peek: Peek) -> None:
        self._hides_usage = not peek.stream_usage
        self._reader = UsageReader()
        self._pieces: list[bytes] = []  # of an event whose end has not come
        self._held = 0
        self._ends_lf = False
        self._after_cr = False
        self._opening = b""  # the first bytes, while they may be a BOM
        self._at_start = True
        self._finished: dict[int, bool] = {}
        self._resumed: set[int] = set()  # choices that went on after they finished
        self.usage = Usage()
        self.terminal = False
        self.content = False
        self.failure: Failure | None = None

    def __repr__(self) -> str:
        return f"<ChatTap content={self.content} terminal={self.terminal} failure={self.failure}>"

    def feed(self, data: bytes) -> bytes:
        if self.terminal or self.failure is not None:
            return b""
        if (
            data.startswith(b"data: {")
            and data.find(b"\n") == len(data) - 2
            and data.endswith(b"\n\n")
            and not (self._pieces or self._at_start or self._after_cr)
            and b"\r" not in data
        ):
            # One event of one line is what a paced stream brings in a read.
            passed: list[bytes] = []
            self._chunk(b"", data[6:-2], data, passed)
            return passed[0] if len(passed) == 1 else b"".join(passed)
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        if self._at_start:
            data = self._skip_bom(data)
        if self._after_cr or b"\r" in data:
            data = self._normalise(data)
        if not data:
            return b""
        if self._pieces:
            joins = self._ends_lf and data[0] == 0x0A
            if not joins and b"\n\n" not in data:
                return self._hold(data)
            data = b"".join([*self._pieces, data])
            self._pieces.clear()
            self._held = 0
        *blocks, tail = data.split(b"\n\n")
        passed: list[bytes] = []
        for block in blocks:
            if len(block) > MAX_EVENT_SIZE:
                self.failure = _oversize()
            else:
                self._block(block, passed)
            if self.terminal or self.failure is not None:
                return b"".join(passed)
        if tail:
            self._hold(tail)
        return b"".join(passed)

    def eof(self) -> bytes:
        if self.terminal or self.failure is not None:
            return b""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        passed: list[bytes] = []
        event = _only_event(rest)
        # Without its blank line an event may be cut anywhere.
        if event is not None and is_complete(event.data):
            self._block(rest.rstrip(b"\n"), passed)
        if not self.terminal and self.failure is None:
            # Some servers never write [DONE]; the official SDK does not need it.
            if self._finished and all(self._finished.values()) and not self._resumed:
                self.terminal = True
            else:
                self.failure = truncated()
        return b"".join(passed)

    def tell(self, failure: Failure) -> bytes | None:
        return None  # an error event of this format stands for itself

    # --- framing -----------------------------------------------------------------

    def _hold(self, piece: bytes) -> bytes:
        self._held += len(piece)
        self._ends_lf = piece.endswith(b"\n")
        if self._held - self._ends_lf > MAX_EVENT_SIZE:
            self._pieces.clear()
            self.failure = _oversize()
        else:
            self._pieces.append(piece)
        return b""

    def _skip_bom(self, data: bytes) -> bytes:
        data = self._opening + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._opening = data
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _normalise(self, data: bytes) -> bytes:
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    # --- events ------------------------------------------------------------------

    def _block(self, block: bytes, passed: list[bytes]) -> None:
        """Pass on one block of lines, without the blank line that ended it."""
        if block[:6] == b"data: " and b"\n" not in block:
            name, data = b"", block[6:]
        else:
            event = _only_event(block)
            if event is None:
                # A comment keeps the connection busy; an event without data breaks
                # the SDK.
                if all(line[:1] == b":" for line in block.split(b"\n") if line):
                    passed.append(block + b"\n\n")
                return
            name, data = event.name, event.data
        if data[:1] != b"[" or data.strip() != b"[DONE]":
            self._chunk(name, data, block + b"\n\n", passed)
        elif self.content or any(self._finished.values()):
            self.terminal = True
            passed.append(block + b"\n\n")
        else:
            self.failure = truncated()

    def _chunk(self, name: bytes, data: bytes, raw: bytes, passed: list[bytes]) -> None:
        chunk = self._read(name, data)
        if chunk is None:
            return
        if not self._hides_usage or chunk.usage is UNSET:
            passed.append(raw)
        elif chunk.choices or chunk.usage is None:
            try:
                kept = _without_usage(data, chunk.usage is None)
            except UNREADABLE:
                # Broken in a place that nobody had looked at.
                self.failure = no_chunk()
                return
            passed.append(b"data: %b\n\n" % kept)

    def _read(self, name: bytes, data: bytes) -> _Opening | _Passing | None:
        """Take note of a chunk; ``None`` when it was a failure."""
        chunk: _Opening | _Passing
        try:
            chunk = _PASSING(data) if self.content else _OPENING(data)
        except UNREADABLE:
            try:
                mended = mend(data, hold=False)
                chunk = _again(mended)
            except UNREADABLE:
                self.failure = read_stream_error(data) if name == b"error" else no_chunk()
                return None
        if name == b"error" or chunk.error is not ABSENT or chunk.choices is None:
            self.failure = in_band_error(name, chunk.error, data, bare=chunk.choices is None)
            if self.failure is not None:
                return None
        usage = chunk.usage or None
        if usage is None and chunk.x_groq is not None:
            usage = chunk.x_groq.usage
        for choice in chunk.choices or ():
            number = choice.index or 0
            if not 0 <= number < MAX_CHOICES:
                self.failure = malformed(f"the upstream numbered a choice {number}")
                return None
            if choice.finish_reason:
                if not self._finished.get(number):
                    self.failure = finish_failure(choice.finish_reason)
                    if self.failure is not None:
                        return None
                self._finished[number] = True
                self._resumed.discard(number)
            elif number not in self._finished:
                self._finished[number] = False
            elif self._finished[number] and number in going_on(data):
                self._resumed.add(number)
            if isinstance(choice, _OpeningChoice) and not self.content:
                self.content = _says(choice.delta) or _says(choice.message)
        if isinstance(usage, WireUsage):
            self.usage = self._reader.add(usage, read_tier(data))
        return chunk


def _again(data: bytes) -> _Opening:
    """A chunk that the narrow decoder refused."""
    try:
        return _OPENING(data)
    except msgspec.ValidationError:
        loose = read_chunk(data)
    fields = _FIELDS(data)
    return _Opening(
        choices=None
        if loose.choices is None
        else [
            _OpeningChoice(
                choice.index,
                choice.finish_reason,
                None if choice.delta is None else _Delta(content=Raw(ENCODE(choice.delta))),
            )
            for choice in loose.choices
        ],
        usage=loose.usage if "usage" in fields else UNSET,
        error=loose.error,
        x_groq=loose.x_groq,
    )


def _says(delta: _Delta | None) -> bool:
    if delta is None:
        return False
    return any(bytes(getattr(delta, name)) not in _EMPTY for name in _Delta.__struct_fields__)


def _without_usage(data: bytes, null: bool) -> bytes:
    if b"\n" in data:
        # Of several data lines; in JSON a line end is as good as a space.
        data = data.replace(b"\n", b" ")
    if null:
        # Quotes inside a string are escaped, so the only place of the name in the
        # document is the field itself.
        place = data.find(b'"usage"')
        if data[place - 1 : place + 12] == b',"usage":null' and data.rfind(b'"usage"') == place:
            return data[: place - 1] + data[place + 12 :]
    fields = _FIELDS(mend(data, hold=False))
    del fields["usage"]
    return ENCODE(fields)


def _only_event(block: bytes) -> SseEvent | None:
    """The event in a block of lines, which holds one at most."""
    decoder = SseDecoder()
    for event in decoder.feed(block + b"\n\n"):
        return event if isinstance(event, SseEvent) else None
    return None


def _oversize() -> Failure:
    return malformed("the upstream sent an event that is too large")
