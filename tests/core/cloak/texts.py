"""Words, texts and requests for the tests of the cloak."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from aigw_core.cloak.pseudonyms import Pseudonyms
from aigw_core.config.snapshot import Cloak

WORDS = ("w:", "Acme", "Acme Rocket", "rocket", "Ünal", 'quo"te', "C++", "back\\slash", "秘密")
PSEUDONYMS = Pseudonyms(b"k" * 32, "tenant")
CLOAK = Cloak(always=True, replace_system=False, system_prompt="Be kind.", sensitive_words=WORDS)
LOOSE = Cloak(
    always=True,
    replace_system=False,
    system_prompt="Be kind.",
    sensitive_words=WORDS,
    whole_words=False,
)

PIECES = (
    *WORDS,
    "ACME",
    "acme",
    "ROCKET",
    "rockets",
    "[",
    "]",
    "[[",
    "[[w:",
    "[[w:ABCDEFGH",
    "[[w:ABCDEFGH]]",
    "]]",
    " ",
    "_",
    "-",
    '"',
    "\\",
    "\n",
    "é",
    "🙂",
    "x",
    "7",
)
texts = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)


def holds_word(text: str, words: tuple[str, ...] = WORDS, *, whole: bool = True) -> bool:
    """Whether a text has a sensitive word, found in another way than the cloak does."""
    text = re.sub(r"\[\[w:[A-Z2-7]{8}\]\]", "\N{BULLET}", text)
    low = text.lower()
    for word in words:
        at = low.find(word.lower())
        while at >= 0:
            before, behind = (
                low[at - 1 : at] if at else "",
                low[at + len(word) : at + len(word) + 1],
            )
            inside = (_in_words(word[0]) and _in_words(before)) or (
                _in_words(word[-1]) and _in_words(behind)
            )
            if not whole or not inside:
                return True
            at = low.find(word.lower(), at + 1)
    return False


def _in_words(char: str) -> bool:
    return bool(char) and (char.isalnum() or char == "_")


def strings(value: Any) -> list[str]:
    """All texts and names in decoded JSON."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in (key, *strings(each))]
    return []
