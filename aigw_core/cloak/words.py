"""Sensitive words, and the tokens that take their places.

A word is found whatever its case, but each spelling has a token of its own, so that
what comes back is spelt as it was. Where two words begin at the same place the longer
one counts. A token in a text stays what it is, so hiding twice is hiding once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from aigw_core.cloak.pseudonyms import TOKEN, Pseudonyms

MARK = "~w:"
"""Begins what is put behind the signature of reasoning in which words were put back:
the codes of their tokens. A signature is base64, which has no such character."""


class Hider:
    """Hides the words of one request; ``spellings`` are those that it found, by token."""

    def __init__(self, words: tuple[str, ...], pseudonyms: Pseudonyms, *, whole: bool) -> None:
        self._words = words
        self._whole = whole
        self._search = _pattern(words, whole=whole) if words else None
        self._pseudonyms = pseudonyms
        self._tokens: dict[str, str] = {}
        self.spellings: dict[str, str] = {}

    def narrow(self, texts: Iterable[str]) -> None:
        """From now on only look for words that may be in ``texts``: searching for all of
        a long list takes 50 times as long."""
        together = _folded("\0".join(texts))
        present = tuple(word for word in self._words if _folded(word) in together)
        self._search = _pattern(present, whole=self._whole) if present else None

    def finds(self, text: str) -> bool:
        """Whether ``text`` has a sensitive word."""
        if self._search is None:
            return False
        return any(match[1] is not None for match in self._search.finditer(text))

    def hide(self, text: str) -> str:
        """``text`` with tokens for its words; the same object where it has none."""
        if self._search is None:
            return text
        hidden, count = self._search.subn(self._replace, text)
        return hidden if count and hidden != text else text

    def hide_again(self, text: str, codes: Collection[str]) -> str | None:
        """``text`` as it was before the words of ``codes`` were put back into it, and
        only those; ``None``: that cannot be told any more."""
        if self._search is None:
            return None
        seen: set[str] = set()

        def replace(match: re.Match[str]) -> str:
            if match[1] is None:
                return match[0]
            token = self._token(match[1])
            if code_of(token) not in codes:
                return match[0]
            seen.add(code_of(token))
            self.spellings[token] = match[1]
            return token

        hidden = self._search.sub(replace, text)
        return hidden if seen == set(codes) else None

    def _replace(self, match: re.Match[str]) -> str:
        spelling = match[1]
        if spelling is None:
            return match[0]
        token = self._token(spelling)
        self.spellings[token] = spelling
        return token

    def _token(self, spelling: str) -> str:
        token = self._tokens.get(spelling)
        if token is None:
            token = self._tokens[spelling] = self._pseudonyms.token(spelling)
        return token


def code_of(token: str) -> str:
    return token[4:-2]


def marked(data: str, codes: Collection[str]) -> str:
    """A signature with the mark of the tokens that were put back."""
    return f"{data}{MARK}{','.join(sorted(codes))}"


def unmarked(data: str) -> tuple[str, frozenset[str]] | None:
    """Signature and codes of a marked one; ``None``: it has no mark."""
    bare, mark, codes = data.rpartition(MARK)
    return (bare, frozenset(codes.split(","))) if mark else None


def _folded(text: str) -> str:
    """The same for all texts that are equal but for case, as expressions see it; maybe
    for others as well."""
    return text.casefold().replace("ı", "i").replace("\N{COMBINING DOT ABOVE}", "")


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...], *, whole: bool) -> re.Pattern[str]:
    """Matches a token, or a word, which is its first group."""
    longest_first = sorted(set(words), key=lambda word: (-len(word), word))
    each = "|".join(_one(word) if whole else re.escape(word) for word in longest_first)
    return re.compile(f"(?-i:{TOKEN.pattern})|({each})", re.IGNORECASE)


def _one(word: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    behind = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
    return before + re.escape(word) + behind
