"""The list of pitfalls is whole, and each test that it names is really run."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.pitfalls import LAST, PITFALLS, Pitfall

TESTS = Path(__file__).parents[1]


def test_every_number_is_there_once() -> None:
    assert [each.number for each in PITFALLS] == list(range(1, LAST + 1))


def test_each_says_what_sees_it_or_why_nothing_does() -> None:
    for each in PITFALLS:
        assert each.trap
        assert each.tests or each.note, each.number
        assert len(set(each.tests)) == len(each.tests), each.number


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: str(pitfall.number))
def test_its_tests_can_be_imported(pitfall: Pitfall) -> None:
    for test in pitfall.tests:
        file, _, name = test.partition("::")
        module = importlib.import_module("tests." + file.removesuffix(".py").replace("/", "."))
        function = getattr(module, name.partition("[")[0])
        assert function.__module__ == module.__name__
        assert function.__name__.startswith("test_")


def collected(files: list[str]) -> set[str]:
    """What pytest finds in files, below ``tests/``."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0"]
    command += ["-p", "no:cacheprovider", *[str(TESTS / file) for file in files]]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if "::" in line]
    return {line.removeprefix("tests/") for line in lines}


def not_among(tests: set[str]) -> list[str]:
    functions = {test.partition("[")[0] for test in tests}
    named = [test for each in PITFALLS for test in each.tests]
    return [test for test in named if test not in (tests if "[" in test else functions)]


def test_all_of_them_are_collected(request: pytest.FixtureRequest) -> None:
    """A run of all the tests has collected them; another one asks for the others."""
    here = {item.nodeid.removeprefix("tests/") for item in request.session.items}
    files = {test.partition("::")[0] for test in not_among(here)}
    assert not not_among(here | collected(sorted(files)) if files else here)
