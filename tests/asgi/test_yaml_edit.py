"""Changes by splice: what is meant changes, and no other line does."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import EditRefused, delete, insert_item, same, set_value
from tests.asgi.commented_yaml import Path, Written, files, values
from tests.corpus import DEEP

FILES = settings(
    derandomize=True,
    max_examples=2000 if DEEP else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")


def at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def check(file: Written, new: str, expected: Any, touched: set[int]) -> None:
    """``new`` says what is expected, and has every line that was not to be touched."""
    assert same(YamlDocument(new, "x").data, expected)
    old = [line for number, line in enumerate(lines(file.text)) if number not in touched]
    left = iter(lines(new))
    missing = [line for line in old if not any(line == each for each in left)]
    assert not missing, (file.text, new)
    assert new.startswith("\ufeff") == file.text.startswith("\ufeff")
    if "\r\n" in file.text:
        assert new.count("\n") == new.count("\r\n")
    if (
        expected and old and (file.text.endswith("\n") or old[-1])
    ):  # else an empty line is the last now
        assert new.endswith("\n") == file.text.endswith("\n")


def span(file: Written, path: Path) -> set[int]:
    if not path:
        return set()
    first, last = file.lines[path]
    return set(range(first, last + 1))


@FILES
@given(files())
def test_the_writer_of_files_is_right(file: Written) -> None:
    assert same(YamlDocument(file.text, "x").data, file.data)


@FILES
@given(files(), st.data(), values(1))
def test_set_changes_the_lines_of_its_value_only(
    file: Written, data: st.DataObject, value: Any
) -> None:
    path = data.draw(st.sampled_from(sorted(file.lines, key=repr)))
    expected = copy.deepcopy(file.data)
    at(expected, path[:-1])[path[-1]] = value
    check(file, set_value(YamlDocument(file.text, "x"), path, value), expected, span(file, path))


@FILES
@given(files(), st.data(), values(1))
def test_a_new_key_is_a_new_line(file: Written, data: st.DataObject, value: Any) -> None:
    maps = [path for path in [(), *file.lines] if isinstance(at(file.data, path), dict)]
    path = data.draw(st.sampled_from(sorted(maps, key=repr)))
    name = data.draw(st.sampled_from(("new", "x y", "é-new", "null")))
    in_line = path in file.flow or not at(file.data, path)
    expected = copy.deepcopy(file.data)
    at(expected, path)[name] = value
    new = set_value(YamlDocument(file.text, "x"), (*path, name), value)
    check(file, new, expected, span(file, path) if in_line else set())


@FILES
@given(files(), st.data(), values(1))
def test_a_new_entry_is_a_new_line(file: Written, data: st.DataObject, value: Any) -> None:
    found = [path for path in file.lines if isinstance(at(file.data, path), list)]
    assume(found)
    path = data.draw(st.sampled_from(sorted(found, key=repr)))
    where = data.draw(st.integers(0, len(at(file.data, path))))
    in_line = path in file.flow
    shares = where == 0 and (*path, 0) in file.sharing
    expected = copy.deepcopy(file.data)
    at(expected, path).insert(where, value)
    document = YamlDocument(file.text, "x")
    if shares and not in_line:
        with pytest.raises(EditRefused):
            insert_item(document, path, value, where)
        return
    new = insert_item(document, path, value, where)
    check(file, new, expected, span(file, path) if in_line else set())


@FILES
@given(files(), st.data())
def test_delete_takes_out_the_lines_of_its_value_only(file: Written, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(file.lines, key=repr)))
    parent = at(file.data, path[:-1])
    expected = copy.deepcopy(file.data)
    del at(expected, path[:-1])[path[-1]]
    touched = span(file, path)
    siblings = [
        (*path[:-1], step) for step in (parent if isinstance(parent, dict) else range(len(parent)))
    ]
    where = siblings.index(path)
    if len(siblings) == 1 and len(path) > 1:
        touched.add(file.lines[path[:-1]][0])  # where {} or [] goes
    if path in file.sharing and where + 1 < len(siblings):
        touched.add(file.lines[siblings[where + 1]][0])
    if path[:-1] in file.flow and where > 0:
        touched.add(file.lines[siblings[where - 1]][1])
    check(file, delete(YamlDocument(file.text, "x"), path), expected, touched)


KEYS = """\
# who may use it
api-keys:        # the list
  # of the build
  - name: ci     # of ci
    key-hash: "sha256:00"

  # of the tests
  - sk-plain
# the rest
host: 127.0.0.1
"""


def edit(text: str) -> YamlDocument:
    return YamlDocument(text, "config.yaml")


def test_an_entry_is_written_as_people_do() -> None:
    value: Any = {"name": "new", "key-hash": "sha256:11", "allowed-models": ["claude-*"]}
    assert insert_item(edit(KEYS), ("api-keys",), value) == KEYS.replace(
        "  - sk-plain\n",
        """\
  - sk-plain
  - name: new
    key-hash: "sha256:11"
    allowed-models:
      - "claude-*"
""",
    )


def test_a_list_that_is_missing_is_made_at_the_end() -> None:
    assert (
        insert_item(edit("# nothing yet"), ("api-keys",), "k") == "# nothing yet\napi-keys:\n  - k"
    )
    assert insert_item(edit(""), ("api-keys",), "k") == "api-keys:\n  - k\n"
    assert insert_item(edit("api-keys:  # none\n"), ("api-keys",), "k") == "api-keys: [k]  # none\n"
    assert insert_item(edit("api-keys: []\n"), ("api-keys",), "k") == "api-keys: [k]\n"


def test_the_last_entry_leaves_an_empty_list() -> None:
    text = delete(edit(KEYS), ("api-keys", 0))
    assert text == KEYS.replace('  - name: ci     # of ci\n    key-hash: "sha256:00"\n', "")
    text = delete(edit(text), ("api-keys", 0))
    assert "api-keys: []        # the list\n" in text
    assert "# of the tests\n# the rest\n" in text


def test_the_only_entry_of_a_file_without_a_last_line_end() -> None:
    assert delete(edit("a:\n  - |-\n   x"), ("a", 0)) == "a: []"
    assert delete(edit("a:\n  - x  # y"), ("a", 0)) == "a: []"
    assert delete(edit("a: 1"), ("a",)) == ""


def test_the_first_key_of_an_entry_gives_its_place_to_the_next() -> None:
    assert delete(edit("a:\n- b: 1  # x\n  c: 2\n"), ("a", 0, "b")) == "a:\n- c: 2\n"
    text = "a:\n- b: 1\n  # of c\n  c: 2\n"
    assert delete(edit(text), ("a", 0, "b")) == "a:\n-\n  # of c\n  c: 2\n"
    text = "a:\n- - b\n\n  - c\n"
    assert delete(edit(text), ("a", 0, 0)) == "a:\n-\n\n  - c\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\nnew: 1\n"),
        ("b: 1\na: |+\n  x\n\n", "b: 1\na: |+\n  x\n\nnew: 1\n"),
        ("a: |\n  x\n\n# end\n", "a: |\n  x\nnew: 1\n\n# end\n"),
        ("a: |\n  x", "new: 1\na: |\n  x"),
        ("a: x\n  y\n", "a: x\n  y\nnew: 1\n"),
        ("---\na: 1\n...\n", "---\na: 1\nnew: 1\n...\n"),
        ("{a: 1}\n", "{a: 1, new: 1}\n"),
        ("{a: 1,\n}\n", "{a: 1, new: 1,\n}\n"),
        ("\ufeffa: 1\r\nb: 2", "\ufeffa: 1\r\nb: 2\r\nnew: 1"),
        ("a: 1\rb: 2\r", "a: 1\rb: 2\nnew: 1\r"),
        ("'a' : 1\n", "'a' : 1\nnew: 1\n"),
    ],
)
def test_odd_layouts_take_a_key(text: str, expected: str) -> None:
    assert set_value(edit(text), ("new",), 1) == expected


@pytest.mark.parametrize(
    "value",
    ["", "a b", "true", "Null", "~", "1", "0x1f", "#", "\x85\u2028\x07\ufeff", "😀", "- a", "é"],
)
def test_texts_stay_texts(value: str) -> None:
    for text in ("a: 1\n", "{a: 1}\n", "a:\n", "a:\n  b: 1\n"):
        assert YamlDocument(set_value(edit(text), ("a",), value), "x").data == {"a": value}


@pytest.mark.parametrize(
    "change",
    [
        lambda: set_value(edit("a: 1\n"), ("a", "b"), 1),
        lambda: set_value(edit("a: [1]\n"), ("a", 1), 1),
        lambda: set_value(edit("a: 1\n"), ("a",), float("inf")),
        lambda: set_value(edit("a: 1\n"), ("a",), "\ud800"),
        lambda: insert_item(edit("a: 1\n"), ("a",), 1),
        lambda: insert_item(edit("a: [1]\n"), ("a",), 1, 3),
        lambda: delete(edit("a: 1\n"), ("b",)),
        lambda: delete(edit("a: [1]\n"), ("a", 1)),
    ],
)
def test_what_cannot_be_done_is_refused(change: Any) -> None:
    with pytest.raises(EditRefused):
        change()
