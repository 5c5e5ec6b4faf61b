"""The bar of a measurement."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

from aigw_asgi.bench.progress import Bar


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Terminal()
    monkeypatch.setattr(sys, "stderr", told)
    bar = Bar(4)
    for name in "abcd":
        bar.step(name)
    bar.close()
    lines = told.getvalue().split("\r\x1b[K")
    assert "\n" not in told.getvalue()
    assert lines[1] == f"[{'.' * 24}] 1/4 a"
    assert lines[3].startswith(f"[{'#' * 12}{'.' * 12}] 3/4 c, some ")
    assert lines[-1] == ""


def test_elsewhere_there_is_a_line_for_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    bar, rare = Bar(2), Bar(2, apart=3600)
    for each in (bar, rare):
        each.step("one")
        each.step("two")
        each.close()
    assert capsys.readouterr().err == "# 1/2 one\n# 2/2 two\n# 1/2 one\n"
