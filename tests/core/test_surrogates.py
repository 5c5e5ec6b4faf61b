from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.surrogates import Halves, mend, settle

# Halves, a quote and a backslash: what escapes and edges are made of. No pair of
# them is one of the last code points, which serve as marks.
UNITS = st.lists(
    st.sampled_from(["\ud83d", "\ude00", "\udb00", "\udfff", "\ud800", "a", '"', "\\", "é", "u"]),
    max_size=8,
)


def utf16(text: str) -> str:
    """``text`` with pairs joined and lone halves replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def test_a_document_without_lone_halves_is_the_same_object() -> None:
    document = rb'{"a":"\ud83d\ude00 \\ud83d"}'
    assert mend(document) is document


@pytest.mark.parametrize(
    ("deltas", "text"),
    [
        (["\ud83d", "\ude00"], "😀"),
        (["a\ud83d", "", "\ude00b"], "a😀b"),
        (["\ud83d", "x"], "\ufffdx"),
        (["x", "\ude00"], "x\ufffd"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
        (["a\ud83db", "\ude00"], "a\ufffdb\ufffd"),
        (["\ud83d"], "\ufffd"),
        (["\udbfe", "\udc00", "x"], "\U0010f800x"),
        (["\ud800", "\udc00"], "\U00010000"),
    ],
)
def test_halves_of_one_part_are_joined(deltas: list[str], text: str) -> None:
    halves = Halves()
    joined = ""
    for delta in deltas:
        document = json.dumps([delta]).encode()
        [cut] = msgspec.json.decode(mend(document), type=list[str])
        joined += halves.join(0, cut)
    assert joined + halves.take(0) == text
    assert not halves


def test_a_text_of_several_strings_has_no_marks() -> None:
    halves = Halves()
    pieces = msgspec.json.decode(mend(rb'["\ude00","a\ud83d","\ude00","\ude00","\ud83d"]'))
    assert halves.join(0, "".join(pieces)) == "\ufffda😀\ufffd"
    assert halves.join(0, "".join(pieces)) == "😀a😀\ufffd"
    assert settle("".join(pieces)) == "\ufffda😀\ufffd\ufffd"


def test_parts_do_not_mix() -> None:
    halves = Halves()
    [high] = msgspec.json.decode(mend(rb'["\ud83d"]'), type=list[str])
    [low] = msgspec.json.decode(mend(rb'["\ude00"]'), type=list[str])
    assert halves.join("a", high) == ""
    assert halves.join("b", low) == "\ufffd"
    assert halves.take("a") == "\ufffd"


@settings(derandomize=True, max_examples=300)
@given(st.lists(UNITS.map("".join), max_size=5))
def test_any_cut_of_a_text_gives_what_utf16_gives(deltas: list[str]) -> None:
    halves = Halves()
    joined = ""
    for delta in deltas:
        document = json.dumps({"k": delta}).encode()
        joined += halves.join(0, msgspec.json.decode(mend(document), type=dict[str, str])["k"])
    assert joined + halves.take(0) == utf16("".join(deltas))


@settings(derandomize=True, max_examples=200)
@given(UNITS.map("".join))
def test_a_whole_document_holds_nothing_back(text: str) -> None:
    document = json.dumps([text]).encode()
    [settled] = msgspec.json.decode(mend(document, hold=False), type=list[str])
    assert settled == utf16(text)
