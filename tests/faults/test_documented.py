"""The matrix in ``docs/reliability.md`` says what the tests say, and names tests that exist.

``python -m tests.faults.test_documented`` prints the lines of the rows that upstreams play.
"""

from __future__ import annotations

import re
from pathlib import Path

from aigw_core.chat import Format
from tests.faults.rows import ROWS, Of, Row, Verdict, status_for

TESTS = Path(__file__).parent.parent
DOCUMENT = TESTS.parent / "docs" / "reliability.md"
PLAYED = "`faults/test_upstreams.py::test_fault`"
_NAMED = re.compile(r"`([a-z_/0-9]+\.py)::(test_\w+)`")


def section() -> list[str]:
    """The lines of the part about the matrix."""
    text = DOCUMENT.read_text()
    return text.partition("\n## Fault by fault\n")[2].partition("\n## ")[0].splitlines()


def line(row: Row) -> str:
    takes_over = {row.whole.rotates, row.stream.rotates}
    if row.whole.kind is None:
        takes_over = set()
    cells = [
        row.name,
        _told(row.whole),
        _told(row.stream),
        "" if not takes_over else _either("yes", row.whole.rotates, row.stream.rotates),
        _rests(row),
        PLAYED,
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _told(verdict: Verdict) -> str:
    if verdict.kind is None:
        return "answered"
    if verdict.midway:
        return "error event"
    status = status_for(verdict.kind, Format.CHAT)
    messages = status_for(verdict.kind, Format.MESSAGES)
    return str(status) if status == messages else f"{status}, {messages}"


def _either(word: str, whole: bool, stream: bool) -> str:
    if whole is stream:
        return word if whole else "no"
    return "whole answers" if whole else "streams"


def _rests(row: Row) -> str:
    verdict = row.stream
    if verdict.rests is Of.NOTHING:
        return "nothing"
    what = {_place(each) for each in (row.stream, row.whole, row.chat) if each is not None}
    return f"{' or '.join(sorted(what))}, {verdict.seconds:g} s"


def _place(verdict: Verdict) -> str:
    return "credential" if verdict.rests is Of.CREDENTIAL else "model there"


def test_every_row_that_is_played_is_in_the_table_as_it_is_tested() -> None:
    lines = [each for each in section() if PLAYED in each]
    assert lines == [line(row) for row in ROWS]


def test_every_cell_names_a_test_and_each_of_them_exists() -> None:
    rows = [each for each in section() if each.startswith("| ")]
    bodies = [each for each in rows if not each.startswith(("| fault", "| ---"))]
    assert len(bodies) > len(ROWS)
    for row in bodies:
        named = _NAMED.findall(row)
        assert named, f"{row} names no test"
        for file, name in named:
            source = (TESTS / file).read_text()
            assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE), (file, name)


def test_all_that_is_tested_here_is_in_the_table() -> None:
    named = {(file, name) for each in section() for file, name in _NAMED.findall(each)}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name == Path(__file__).name:
            continue
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE):
            assert (f"faults/{path.name}", name) in named, (path.name, name)


if __name__ == "__main__":
    print(*[line(row) for row in ROWS], sep="\n")  # noqa: T201
