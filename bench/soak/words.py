"""Numbered words with checksums, by which a client knows what a stream has suffered.

A word is `` w<number>-<payload>-<crc>``; the checksum is over the number of its stream as
well, so that one that strays into another stream is damage, too. It needs no escaping in
JSON and may be cut anywhere by the network, since it is longer than it looks: payloads
have letters of one to four bytes.
"""

from __future__ import annotations

import re
from zlib import crc32

PAYLOADS = (
    *("a", "the", "Straße", "naïve", "emoji🙂", "日本語", "кот", "x" * 40, "0123456789", "𝔘𝔫𝔦"),
    *("{}", "data:", "event:", "[DONE]", "<b>", "a/b", "é" * 12, "~!@#$%^&*()", "end"),
)
_WORD = re.compile(rb" w(\d+)-([^ \"\\-]+)-([0-9a-f]{8})")


def word(stream: int, number: int) -> str:
    """The word ``number``, counted from 0, of ``stream``."""
    payload = PAYLOADS[(stream * 7 + number) % len(PAYLOADS)]
    return f" w{number}-{payload}-{_sum(b'%d' % stream, b'%d' % number, payload.encode()):08x}"


def _sum(stream: bytes, number: bytes, payload: bytes) -> int:
    return crc32(b"%b/%b/%b" % (stream, number, payload))


class Checker:
    """Reads the words of one stream as they come."""

    def __init__(self, stream: int) -> None:
        self._stream = b"%d" % stream
        self._missing: set[int] = set()
        self.seen = 0
        """Words that have come; also the number that is due, while nothing is wrong."""
        self.due = 0
        self.doubled = self.reordered = self.corrupted = 0

    def read(self, text: bytes) -> None:
        """Words that are whole in ``text``."""
        for found in _WORD.finditer(text):
            number, payload, told = found.groups()
            if _sum(self._stream, number, payload) != int(told, 16):
                self.corrupted += 1
                continue
            self.seen += 1
            at = int(number)
            if at == self.due:
                self.due += 1
            elif at > self.due:
                self._missing.update(range(self.due, at))
                self.due = at + 1
            elif at in self._missing:
                self._missing.remove(at)
                self.reordered += 1
            else:
                self.doubled += 1

    def lost(self, sent: int) -> int:
        """Of so many that were sent."""
        return len(self._missing) + max(0, sent - self.due)

    def fine(self, sent: int) -> bool:
        return not (self.lost(sent) or self.doubled or self.reordered or self.corrupted)
