"""Whether a document has a word, whatever way that is found out."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aigw_core.rare import holds, holds_escapes

WORD = b"~w:"


@given(
    pieces=st.lists(st.sampled_from([b"~", b"~w", b"w:", b":", b"~w:", b"text"]), max_size=12),
    many=st.sampled_from([0, 63, 64, 65, 200]),
    rare_at=st.integers(0, len(WORD) - 1),
)
@example(pieces=[b"w:"], many=0, rare_at=2)  # its end where it could not begin
def test_a_word_is_found_among_few_and_many_of_its_bytes(
    pieces: list[bytes], many: int, rare_at: int
) -> None:
    for document in (b"~: w" * many + b"".join(pieces), b"".join(pieces) + b"~: w" * many):
        assert holds(document, WORD, rare_at) == (WORD in document)


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize(
    "text", ["plain", "a\nb", "c:\\users", "\x1b[1m", "na\u00efve", "\U0001f600"]
)
def test_escapes_are_seen(text: str, ascii: bool) -> None:
    document = json.dumps(text, ensure_ascii=ascii).encode()
    assert holds_escapes(document) == (b"\\u" in document)
    assert holds_escapes(document, b"\\u00") == (b"\\u00" in document)
