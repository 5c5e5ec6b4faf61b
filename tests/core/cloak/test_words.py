"""Words become tokens: which, where, and always the same."""

from __future__ import annotations

import pytest
from hypothesis import given

from aigw_core.cloak.pseudonyms import TOKEN, TOKEN_LENGTH, Pseudonyms
from aigw_core.cloak.words import Hider, code_of, marked, unmarked
from tests.core.cloak.texts import PSEUDONYMS, WORDS, holds_word, texts


def hider(*words: str, whole: bool = True, tenant: str = "tenant") -> Hider:
    return Hider(words, Pseudonyms(b"k" * 32, tenant), whole=whole)


def shown(words: tuple[str, ...], text: str, *, whole: bool = True) -> str:
    """``text`` hidden, with ``<spelling>`` for each token."""
    using = hider(*words, whole=whole)
    hidden = using.hide(text)
    for token, spelling in using.spellings.items():
        hidden = hidden.replace(token, f"<{spelling}>")
    return hidden


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (("acme",), "Acme, ACME and acme's", "<Acme>, <ACME> and <acme>'s"),
        (("acme",), "acmes pacme acme_x", "acmes pacme acme_x"),
        (("acme", "acme corp"), "Acme Corp of Acme", "<Acme Corp> of <Acme>"),
        (("c++",), "C++17 and c++", "<C++>17 and <c++>"),
        (("a.b",), "axb a.b", "axb <a.b>"),
        (("ünal",), "ÜNAL ünal", "<ÜNAL> <ünal>"),
        (("秘密",), "是秘密。秘密", "是秘密。<秘密>"),
    ],
)
def test_whole_words_whatever_their_case(words: tuple[str, ...], text: str, expected: str) -> None:
    assert shown(words, text) == expected


def test_words_inside_words_when_asked() -> None:
    assert shown(("acme",), "xACMEx", whole=False) == "x<ACME>x"
    assert shown(("秘密",), "是秘密。", whole=False) == "是<秘密>。"
    assert shown(("ab", "abc"), "abcd", whole=False) == "<abc>d"


def test_a_token_has_its_shape() -> None:
    token = PSEUDONYMS.token("Acme")
    assert TOKEN.fullmatch(token)
    assert len(token) == TOKEN_LENGTH


def test_tokens_are_those_of_a_tenant_and_a_spelling() -> None:
    one = hider("acme").hide("Acme")
    assert one == hider("acme", "other").hide("Acme")
    assert one != hider("acme").hide("acme")
    assert one != hider("acme", tenant="t2").hide("Acme")
    assert one != Hider(("acme",), Pseudonyms(b"x" * 32, "tenant"), whole=True).hide("Acme")


def test_users_are_those_of_a_tenant_or_a_request() -> None:
    assert PSEUDONYMS.user(None) == PSEUDONYMS.user(None)
    assert PSEUDONYMS.user("r1") != PSEUDONYMS.user("r2")
    assert PSEUDONYMS.user(None) != Pseudonyms(b"k" * 32, "other").user(None)
    assert "tenant" not in PSEUDONYMS.user(None)


def test_a_text_without_words_is_the_same_object() -> None:
    text = "nothing here, [[w:ABCDEFGH]]"
    assert hider("acme").hide(text) is text
    assert hider().hide(text) is text


@pytest.mark.parametrize(
    ("word", "text"),
    [("kelvin", "\u212aelvin"), ("simple", "\u017fIMPLE"), ("i-x", "\u0131-X"), ("ix", "\u0130x")],
)
def test_looking_for_the_present_words_only_misses_none(word: str, text: str) -> None:
    using = hider(word, "absent")
    expected = using.hide(text)
    assert expected != text
    using.narrow([text])
    assert using.hide(text) == expected
    using.narrow(["nothing"])
    assert using.hide(text) is text


@given(texts)
def test_hiding_twice_is_hiding_once(text: str) -> None:
    for whole in (True, False):
        once = hider(*WORDS, whole=whole).hide(text)
        again = hider(*WORDS, whole=whole)
        assert again.hide(once) == once
        assert not again.spellings
        assert not holds_word(once, whole=whole)


def test_marks_name_what_was_put_back() -> None:
    using = hider("acme")
    token = using.hide("Acme")
    mark = marked("c2ln", {code_of(token)})
    assert unmarked(mark) == ("c2ln", frozenset({code_of(token)}))
    assert unmarked("c2ln") is None
    assert using.hide_again("of Acme", {code_of(token)}) == f"of {token}"
    # What the model itself spelt out was no token.
    assert using.hide_again("ACME of Acme", {code_of(token)}) == f"ACME of {token}"
    assert using.hide_again("of nothing", {code_of(token)}) is None
    assert hider("other").hide_again("of Acme", {code_of(token)}) is None
