"""The controls in ``docs/reliability.md`` are all there, and name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "reliability.md"
CONTROLS = 32
_ROW = re.compile(r"^\| C([0-9]+) \| (.+) \| (.+) \|$", re.MULTILINE)
_NAMED = re.compile(r"`([a-z_/0-9]+\.py)::(test_\w+)`")


def rows() -> list[tuple[int, str]]:
    """Number and tests of each control."""
    section = DOCUMENT.read_text().partition("\n## Control by control\n")[2]
    return [(int(n), tests) for n, _, tests in _ROW.findall(section.partition("\n## ")[0])]


def test_every_control_has_its_row() -> None:
    assert [number for number, _ in rows()] == list(range(1, CONTROLS + 1))


def test_every_row_names_tests_and_each_of_them_exists() -> None:
    for number, tests in rows():
        named = _NAMED.findall(tests)
        assert len(named) == len(tests.split("<br>")), f"C{number} names something else"
        for file, name in named:
            source = (TESTS / file).read_text()
            assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE), (file, name)
