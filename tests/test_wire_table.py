"""``docs/wire-formats.md`` says what the code does, and the code loses nothing silently."""

from __future__ import annotations

import pytest

from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from tests import wire_table
from tests.wire_features import FEATURES
from tests.wire_table import CARRIED, DOCUMENT, SILENT, outcome

CASES = [(source, feature) for source in CODECS for feature in FEATURES[source]]


def test_the_document_is_what_the_code_does() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == wire_table.renewed(written), "run python -m tests.wire_table"


@pytest.mark.parametrize(("source", "feature"), CASES, ids=[f"{a}-{b}" for a, b in CASES])
def test_nothing_is_left_out_without_a_trace(source: Format, feature: str) -> None:
    silent = [target for target in CODECS if outcome(source, target, feature) == SILENT]
    assert silent == []


@pytest.mark.parametrize(("source", "feature"), CASES, ids=[f"{a}-{b}" for a, b in CASES])
def test_a_format_carries_all_of_its_own(source: Format, feature: str) -> None:
    assert outcome(source, source, feature) == CARRIED
