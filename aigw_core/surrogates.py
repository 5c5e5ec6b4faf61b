"""Lone surrogates in what an upstream sends.

Some servers cut a character outside the BMP between two deltas, so that one
JSON document ends a string with ``\\ud83d`` and the next begins one with
``\\ude00``. Each half is legal JSON and no legal text; msgspec refuses the
document. A stream decoder uses this module only after that happened, so the
usual case pays nothing::

    try:
        chunk = decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        plain = mend(data, hold=False)
        if plain is data: ...   # malformed for another reason
        chunk = decode(plain)   # may raise again: malformed
        # every text that a later one goes on: that of decode(mend(data)), then
        # text = halves.join(key, text); all else as it is in chunk

and, wherever a text is used or a part ends, asks ``if halves:`` (false unless
a half waits) before ``join`` or ``take``. One-shot decoders need no halves:
``mend(document, hold=False)``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

# A half that stands where the text of its part may be cut becomes one of the
# last 2,048 code points (private use) until it is joined. The same character
# sent on purpose, at the edge of a string, in a document that also holds a lone
# surrogate, is misread, and so is one within a text that is joined.
_FIRST_MARK = 0x10F800
_FIRST_LOW_MARK = _FIRST_MARK + 0x400
_REPLACEMENT = "\ufffd"
_MARKS = re.compile("[\U0010f800-\U0010fbff][\U0010fc00-\U0010ffff]|[\U0010f800-\U0010ffff]")


def mend(document: bytes, *, hold: bool = True) -> bytes:
    """``document`` (JSON) so that a decoder accepts its strings.

    With ``hold`` a lone high half at the end of a string and a lone low half at
    the start of one become marks, which :class:`Halves` resolves; any other lone
    half, and every one without ``hold``, becomes U+FFFD. Without a lone half the
    result is ``document``, the same object.
    """
    mended = False

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal mended
        digits = match.group(1)
        if digits is None:
            return match.group()
        mended = True
        unit = int(digits, 16)
        if hold and _at_edge(document, match.start(), match.end(), high=unit < 0xDC00):
            return chr(_FIRST_MARK + unit - 0xD800).encode()
        return b"\xef\xbf\xbd"

    result = _ESCAPE.sub(replace, document)
    return result if mended else document


def _at_edge(document: bytes, start: int, end: int, *, high: bool) -> bool:
    if high:
        return document[end : end + 1] == b'"'
    # An escaped quote is text; an opening one follows punctuation or space.
    return document[start - 1 : start] == b'"' and document[start - 2 : start - 1] != b"\\"


def settle(text: str) -> str:
    """``text``, which is whole, without marks: two halves that meet are one
    character, any other is U+FFFD."""
    return _MARKS.sub(_settled, text)


def _settled(match: re.Match[str]) -> str:
    marks = match.group()
    if len(marks) == 1:
        return _REPLACEMENT
    return _joined(ord(marks[0]) - _FIRST_MARK, ord(marks[1]) - _FIRST_LOW_MARK)


def _joined(high: int, low: int) -> str:
    return chr(0x10000 + (high << 10) + low)


class Halves(dict[Hashable, int]):
    """The high halves that wait for the next text of their part, at most one each.

    False while none waits. Parts are whatever the decoder tells them apart by. A
    dict, since decoders ask ``if halves`` for every delta.
    """

    def join(self, part: Hashable, text: str) -> str:
        """``text``, the next of ``part``, without marks: what waited is joined with
        its low half or U+FFFD, and a high half at the end waits. May be empty."""
        if not text:
            return text
        high = self.pop(part, None)
        first, last = ord(text[0]), ord(text[-1])
        if _FIRST_MARK <= last < _FIRST_LOW_MARK:
            self[part] = last - _FIRST_MARK
            text = text[:-1]
        if first >= _FIRST_LOW_MARK and high is not None:
            return _joined(high, first - _FIRST_LOW_MARK) + settle(text[1:])
        # Marks within: a text made of several strings, or of JSON.
        text = settle(text)
        return text if high is None else _REPLACEMENT + text

    def take(self, part: Hashable) -> str:
        """What ``part``, which ends now, still lacks: U+FFFD or nothing."""
        return "" if self.pop(part, None) is None else _REPLACEMENT
