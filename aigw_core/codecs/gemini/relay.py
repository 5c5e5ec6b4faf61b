"""Reads along a Gemini stream that goes to a client of the same format.

Events leave as they came, byte for byte, as long as they are what the vendor
sends: ``data:`` lines with one JSON document, and blank lines. The vendor's SDK
cannot read anything else, so comments, other fields, ``[DONE]``, a byte order mark,
CR line ends and bare JSON are taken out or put into that form.

There is no end marker: some servers give a ``finishReason`` in every chunk, and answers
that run code go on after one. So nothing is the end but the end of the bytes.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from aigw_core.chat import Usage
from aigw_core.codec import Peek
from aigw_core.codecs.gemini.answer import says_more
from aigw_core.codecs.gemini.calls import compact
from aigw_core.codecs.gemini.error import failure_of
from aigw_core.codecs.gemini.framing import Broken, Documents
from aigw_core.codecs.gemini.stream import is_json
from aigw_core.codecs.gemini.usage import RunningUsage
from aigw_core.codecs.gemini.vocabulary import block_word, finish_word
from aigw_core.codecs.gemini.wire import ABSENT, PromptFeedback, present
from aigw_core.errors import ErrorKind, Failure
from aigw_core.surrogates import mend


class _Content(Struct):
    parts: Raw = ABSENT


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    index: int | None = None
    finish_reason: str | int | None = None


class _Part(Struct):
    text: str | None = None


class _Chunk(Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: Raw = ABSENT
    prompt_feedback: PromptFeedback | None = None
    error: Raw = ABSENT


_DECODE = msgspec.json.Decoder(_Chunk, strict=False).decode
_PARTS = msgspec.json.Decoder(list[_Part], strict=False).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class GeminiTap:
    """The tap. Neither an error of the upstream nor what is malformed is passed on,
    nor is anything after it: the caller may still try another target, or writes an
    error of its own.

    While the answer runs ``usage`` may lag a few chunks behind.
    """

    def __init__(self, peek: Peek) -> None:
        self.usage = Usage()
        self.terminal = False
        self.content = False
        self.failure: Failure | None = None
        self._documents = Documents()
        self._counts = RunningUsage()
        self._running: set[int] = set()
        self._finished: set[int] = set()
        self._blocked = False
        self._line_end = b""  # not known before the first line ended
        self._after_cr = False

    def __repr__(self) -> str:
        return f"<GeminiTap terminal={self.terminal} failure={self.failure!r}>"

    def feed(self, data: bytes) -> bytes:
        if self.failure is not None:
            return b""
        if not self._line_end:
            self._find_line_end(data)
        return self._pass_on(self._documents.feed(data))

    def eof(self) -> bytes:
        if self.failure is not None:
            return b""
        rest: list[bytes | Broken] = [item for item in self._documents.eof() if is_json(item)]
        out = self._pass_on(rest)
        if self._counts.due:
            self.usage = self._counts.read()
        complete = bool(self._running) and self._finished == self._running
        self.terminal = self.failure is None and (complete or self._blocked)
        if self.failure is None and not self.terminal:
            self.failure = Failure(
                ErrorKind.UPSTREAM_TRUNCATED, "the upstream's answer ended before it was complete"
            )
        return out

    def tell(self, failure: Failure) -> bytes | None:
        return None  # an error event of this format stands for itself

    def _find_line_end(self, data: bytes) -> None:
        if self._after_cr and data:
            self._line_end = b"\r\n" if data[:1] == b"\n" else b"\n"
            return
        cr, lf = data.find(b"\r"), data.find(b"\n")
        if cr >= 0 and (lf < 0 or cr < lf):
            if cr + 1 == len(data):
                self._after_cr = True
            else:
                self._line_end = b"\r\n" if lf == cr + 1 else b"\n"
        elif lf >= 0:
            self._line_end = b"\n"

    def _pass_on(self, documents: list[bytes | Broken]) -> bytes:
        # A line end within or between bare documents comes too late for those before it.
        end = (b"\n" if self._documents.bare else self._line_end or b"\n") * 2
        out: list[bytes] = []
        for document in documents:
            if isinstance(document, Broken):
                self._malformed(document.problem)
                break
            if document == b"[DONE]":
                continue
            if not self._read(document):
                break
            if self.failure is not None:
                break
            line = compact(document) if b"\n" in document or b"\r" in document else document
            out.append(b"data: " + line + end)
        if self._counts.due and self.failure is not None:
            self.usage = self._counts.read()
        return b"".join(out)

    def _malformed(self, problem: str) -> None:
        self.failure = Failure(ErrorKind.UPSTREAM_MALFORMED, problem)

    def _read(self, document: bytes) -> bool:
        """Whether ``document`` is one that a client can read."""
        try:
            chunk = _DECODE(document)
        except _UNREADABLE:
            try:
                chunk = _DECODE(mend(document, hold=False))
            except _UNREADABLE:
                self._malformed("an event of the upstream's stream is not a valid answer")
                return False
        if chunk.usage_metadata is not ABSENT and self._counts.add(chunk.usage_metadata):
            self.usage = self._counts.read()
        for position, candidate in enumerate(chunk.candidates or ()):
            if candidate.content is not None and present(candidate.content.parts):
                self.content = True
            number = position if candidate.index is None else candidate.index
            self._running.add(number)
            if candidate.finish_reason is not None and finish_word(candidate.finish_reason):
                self._finished.add(number)
            elif number in self._finished and _goes_on(candidate):
                self._finished.discard(number)
        feedback = chunk.prompt_feedback
        if feedback is not None and block_word(feedback.block_reason):
            self._blocked = True
        if chunk.error is not ABSENT and present(chunk.error):
            self.failure = failure_of(bytes(chunk.error))
        return True


def _goes_on(candidate: _Candidate) -> bool:
    """Whether a chunk says more of a candidate."""
    content = candidate.content
    if content is None or not present(content.parts):
        return False
    try:
        return says_more(_PARTS(content.parts))
    except _UNREADABLE:
        return True
