"""Takes envelopes out of a request that is relayed.

A conversation that another vendor answered for a while has envelopes in
``thoughtSignature``, which this vendor cannot read. What that vendor thought goes
as a whole part; of texts and calls only the signature does. The first call of a
step must have one, so it gets the one that the vendor gives out for such calls.
Every other byte stays.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct, field

from aigw_core.codec import Caps
from aigw_core.codecs.gemini.calls import DUMMY_SIGNATURE
from aigw_core.codecs.gemini.wire import ABSENT, present
from aigw_core.jsonspans import Edits, Span, elements, members, whole
from aigw_core.seals import is_envelope, may_hold_envelope


class _Part(Struct):
    text: str | None = None
    thought: bool | None = None
    camel: str | None = field(name="thoughtSignature", default=None)
    snake: str | None = field(name="thought_signature", default=None)
    camel_call: Raw = field(name="functionCall", default=ABSENT)
    snake_call: Raw = field(name="function_call", default=ABSENT)

    @property
    def is_call(self) -> bool:
        return present(self.camel_call) or present(self.snake_call)


_PART = msgspec.json.Decoder(_Part, strict=False).decode
_COUNTED = ("generateContentRequest", "generate_content_request")
_SIGNATURES = ("thoughtSignature", "thought_signature")


def strip_envelopes(body: bytes, caps: Caps) -> tuple[bytes, tuple[str, ...]]:
    """The body without envelopes, and where those were."""
    return _Stripper(body, caps).strip()


class _Stripper:
    def __init__(self, body: bytes, caps: Caps) -> None:
        self._body = body
        self._edits = Edits(body)
        self._pointers: list[str] = []
        self._dummy = msgspec.json.encode(DUMMY_SIGNATURE) if caps.thinking != "none" else None

    def strip(self) -> tuple[bytes, tuple[str, ...]]:
        fields, pointer = members(self._body, whole(self._body)), ""
        for name in _COUNTED:
            if name in fields:
                # What is to be counted may be a whole request.
                fields, pointer = members(self._body, fields[name]), f"/{name}"
        if "contents" in fields:
            self._contents(fields["contents"], f"{pointer}/contents")
        return self._edits.apply(), tuple(self._pointers)

    def _contents(self, given: Span, pointer: str) -> None:
        contents = elements(self._body, given)
        gone = [
            index
            for index, content in enumerate(contents)
            if self._content(content, f"{pointer}/{index}")
        ]
        if gone:
            self._edits.remove(contents, gone)
        if not contents:
            # The vendor takes one content for a list of one.
            self._content(Span(given.value, given.end, given.value), pointer)

    def _content(self, content: Span, pointer: str) -> bool:
        """Returns whether nothing of the content is left."""
        body = self._body
        if not may_hold_envelope(body[content.start : content.end]):
            return False
        given = members(body, content).get("parts")
        parts = [] if given is None else elements(body, given)
        gone: list[int] = []
        called = False
        for index, span in enumerate(parts):
            part = self._read(span)
            if part is None:
                continue
            first_call = part.is_call and not called
            called = called or part.is_call
            if not is_envelope(part.camel or part.snake or ""):
                continue
            self._pointers.append(f"{pointer}/parts/{index}")
            if part.thought or part.text == "":
                gone.append(index)
            else:
                self._take_off(span, first_call=first_call)
        if gone and len(gone) == len(parts):
            return True
        if gone:
            self._edits.remove(parts, gone)
        return False

    def _read(self, span: Span) -> _Part | None:
        try:
            return _PART(self._body[span.start : span.end])
        except msgspec.ValidationError:
            return None

    def _take_off(self, span: Span, *, first_call: bool) -> None:
        fields = members(self._body, span)
        names = list(fields)
        signed = [name for name in _SIGNATURES if name in fields]
        if first_call and self._dummy is not None:
            self._edits.set(fields[signed[0]], self._dummy)
        else:
            self._edits.remove(list(fields.values()), [names.index(name) for name in signed])
