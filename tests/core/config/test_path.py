"""The text of a path and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.config.path import Path, parse_path, render_path

paths = st.lists(st.one_of(st.text(), st.integers(0, 10_000))).map(tuple)


@given(paths)
def test_parsing_gives_back_what_was_rendered(path: Path) -> None:
    assert parse_path(render_path(path)) == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("port",), "port"),
        (("claude-api-key", 2, "base-url"), "claude-api-key[2].base-url"),
        (("model-prices", "gpt-4.1", "input"), 'model-prices["gpt-4.1"].input'),
        (("headers", 'a"b\\'), 'headers["a\\"b\\\\"]'),
    ],
)
def test_paths_read_as_people_write_them(path: Path, text: str) -> None:
    assert render_path(path) == text
