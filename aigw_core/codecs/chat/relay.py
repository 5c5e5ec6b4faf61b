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
from aigw_core.sse import SseBlocks, parse_event
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


class ChatTap:
    """Implements :class:`aigw_core.codec.UsageTap`. Holds one event."""

    __slots__ = (
        "_blocks",
        "_finished",
        "_hides_usage",
        "_reader",
        "_resumed",
        "content",
        "failure",
        "terminal",
        "usage",
    )

    def __init__(self, peek: Peek) -> None:
        self._hides_usage = not peek.stream_usage
        self._reader = UsageReader()
        self._blocks = SseBlocks()
        self._finished: dict[int, bool] = {}
        self._resumed: set[int] | None = None  # choices that went on after they finished
        self.usage = Usage()
        self.terminal = False
        self.content = False
        self.failure: Failure | None = None

    def __repr__(self) -> str:
        return f"<ChatTap content={self.content} terminal={self.terminal} failure={self.failure}>"

    def feed(self, data: bytes) -> bytes:
        over = self.terminal or self.failure is not None
        if over:
            return b""
        passed: list[bytes] = []
        for block in self._blocks.feed(data):
            self._block(block, passed)
            if self.terminal or self.failure is not None:
                return b"".join(passed)
        if self._blocks.overflow:
            self.failure = malformed("the upstream sent an event that is too large")
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def eof(self) -> bytes:
        if self.terminal or self.failure is not None:
            return b""
        rest = self._blocks.eof()
        passed: list[bytes] = []
        event = parse_event(rest)
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

    # --- events ------------------------------------------------------------------

    def _block(self, block: bytes, passed: list[bytes]) -> None:
        """Pass on one block of lines, without the blank line that ended it."""
        if block[:6] == b"data: " and block.find(b"\n") < 0:
            name, data = b"", block[6:]
        else:
            event = parse_event(block)
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
                if self._resumed:
                    self._resumed.discard(number)
            elif number not in self._finished:
                self._finished[number] = False
            elif self._finished[number] and number in going_on(data):
                self._resumed = self._resumed or set()
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
