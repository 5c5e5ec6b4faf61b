"""Whether a long document has what hardly any has.

CPython finds a byte thirty times as fast as a word, and a word twice as fast from the end
as from the beginning (in 200 KB 2.4, 160 and 75 us).
"""

from __future__ import annotations

_FEW = 64


def holds(document: bytes, word: bytes, rare_at: int) -> bool:
    """Whether ``word`` is in ``document``. Of the byte at ``rare_at`` of it texts have fewest:
    that is looked for, and the word only where there are more than a few."""
    rare = word[rare_at : rare_at + 1]
    at = document.find(rare)
    for _ in range(_FEW):
        if at < 0:
            return False
        if document.startswith(word, at - rare_at):
            return True
        at = document.find(rare, at + 1)
    return document.rfind(word) >= 0


def holds_escapes(document: bytes, beginning: bytes = b"\\u") -> bool:
    """Whether a JSON document may have escapes that begin so."""
    return b"\\" in document and document.rfind(beginning) >= 0
