"""YAML as a configuration uses it: core schema, bounds, and the place of everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aigw_asgi.yaml_document import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_SIZE,
    YamlDocument,
    _Loader,
    read_document,
)
from aigw_core.errors import InvalidConfig


def problems(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InvalidConfig) as caught:
        read_document(raw, "c.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "~", "\ufeff", "{}"])
def test_a_file_that_says_nothing_is_empty(text: str) -> None:
    assert YamlDocument(text, "c.yaml").data == {}


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2027-01-01", "2027-01-01"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("-", None),  # an entry of a list that says nothing
        ("~", None),
        ("null", None),
        ("", None),
        ("'010'", "010"),
        ('"true"', "true"),
        ("=", "="),
        ("٣", "٣"),
        ("sk-1#2", "sk-1#2"),
        ("${VAR}", "${VAR}"),
    ],
)
def test_scalars_mean_what_they_say(scalar: str, value: object) -> None:
    data = YamlDocument(f"a: {scalar}\n" if scalar != "-" else "a:\n  -\n", "c.yaml").data
    assert data["a"] == ([value] if scalar == "-" else value)
    assert type(data["a"]) is (list if scalar == "-" else type(value))


def test_words_that_were_switches_are_fine_as_keys() -> None:
    assert YamlDocument("on: 1\nno: 2\n12:30:45: 3\n", "c").data == {
        "on": 1,
        "no": 2,
        "12:30:45": 3,
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x 1\n", "c.yaml:1:4: anchors (&name) are not supported here"),
        ("a: *x\n", "c.yaml:1:4: aliases (*name) are not supported here"),
        ("<<: {a: 1}\n", "c.yaml:1:1: merge keys (<<) are not supported here"),
        ("a: !!str 1\n", "c.yaml:1:4: tags (!name) are not supported here"),
        ("a: !!python/object/apply:os.system [ls]\n", "c.yaml:1:4: tags (!name) are not"),
        ("a: ! 1\n", "c.yaml:1:4: tags (!name) are not supported here"),
        ("a: 1\nb: 2\na: 3\n", 'c.yaml:3:1: duplicate key "a" (first on line 1)'),
        ("a: 1\n'a': 3\n", 'c.yaml:2:1: duplicate key "a" (first on line 1)'),
        ("1: x\n", "c.yaml:1:1: a key must be a text; put it in quotes"),
        ("true: x\n", "c.yaml:1:1: a key must be a text; put it in quotes"),
        ("? [a]\n: 1\n", "c.yaml:1:3: a key must be a text; put it in quotes"),
        ("- 1\n", "c.yaml:1:1: the file must be a map of keys and values"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2:1: expected a single document"),
        ("a:\n\t- 1\n", "c.yaml:2:1: while scanning for the next token"),
        ("a: {b: 1\n", "c.yaml:2:1: while parsing a flow mapping"),
        ("a: 'x\n", "c.yaml:2:1: while scanning a quoted scalar"),
        ("a: b: c\n", "c.yaml:1:5: mapping values are not allowed here"),
        ("a: \x07\n", "c.yaml:1:4: the character U+0007 is not allowed in YAML"),
        ('a: "\\ud800"\n', "c.yaml:1:4: a text must not hold lone surrogates"),
        ('a: "\\UFFFFFFFF"\n', "c.yaml:1:7: malformed YAML"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", "c.yaml:1:9: malformed YAML"),
        ("a: .inf\n", "c.yaml:1:4: infinity and NaN are no values"),
        ("a: .nan\n", "c.yaml:1:4: infinity and NaN are no values"),
        ("a: 1e999\n", "c.yaml:1:4: the number is too large"),
        ("a: " + "9" * 5000 + "\n", "c.yaml:1:4: a number of that length"),
        (b"a: 1\nb: \xff\n", "c.yaml:2:4: not UTF-8 text"),
        ("a".encode("utf-16"), "c.yaml:1:1: not UTF-8 text"),
        (b"#" * (MAX_SIZE + 1), "c.yaml: larger than 1 MiB"),
    ],
)
def test_what_has_no_place_in_a_configuration_is_refused(text: str | bytes, problem: str) -> None:
    [found] = problems(text)
    assert found.startswith(problem)


def test_all_duplicates_and_bad_keys_are_found_at_once() -> None:
    assert [found.split(": ")[0] for found in problems("a: 1\na: 2\n3: 4\nb: {c: 1, c: 2}\n")] == [
        "c.yaml:2:1",
        "c.yaml:3:1",
        "c.yaml:4:11",
    ]


def test_a_syntax_error_shows_no_line_of_the_file() -> None:
    [found] = problems("api-key: canary\n  b: c\n")
    assert "canary" not in found


@pytest.mark.parametrize(
    "bomb",
    [
        "a: " + "[" * 1_000_000,
        "a: " + "{a: " * 200_000,
        "- " * 400_000,
        "? " * 400_000,
        "".join(" " * depth + "a:\n" for depth in range(1_000)),
    ],
    ids=["lists", "maps", "entries", "keys", "blocks"],
)
def test_nesting_is_refused_before_it_is_followed(bomb: str) -> None:
    [found] = problems(bomb)
    assert "nested more than 32 levels deep" in found
    loader = _Loader(bomb)
    with pytest.raises(yaml.MarkedYAMLError):
        loader.get_single_node()
    # Left to itself, the scanner runs ahead as far as a key may reach: 1024 characters.
    assert loader.index < 1000


def nested(depth: int) -> str:
    return "a: " + "[" * (depth - 1) + "]" * (depth - 1) + "\n"


def test_the_depth_limit_is_exact() -> None:
    assert YamlDocument(nested(MAX_DEPTH), "c").data
    assert "nested more than" in problems(nested(MAX_DEPTH + 1))[0]
    block = "".join("  " * at + "a:\n" for at in range(MAX_DEPTH - 1))
    assert YamlDocument(block, "c").data
    assert (
        "nested more than"
        in problems(block + "  " * MAX_DEPTH + "a:\n" + "  " * (MAX_DEPTH + 1) + "a: 1")[0]
    )


def test_brackets_in_texts_and_comments_do_not_count() -> None:
    text = f"# {'[' * 99}\na: '{'[' * 99}'\nb: |\n  {'{' * 99}\nc: x{'[' * 99}\n"
    assert len(YamlDocument(text, "c").data) == 3


def test_the_number_of_values_is_bounded() -> None:
    [found] = problems("a:\n" + "-\n" * (MAX_NODES + 1))
    assert f"more than {MAX_NODES} values" in found


def test_locate_finds_keys_entries_and_what_is_around_the_missing() -> None:
    text = "# first\na:\n  - b: 1\n    c.d: {e: 2}\n  - 7\nf: x\n"
    document = YamlDocument(text, "c.yaml")
    places = {
        "a": (2, 1),
        "a[0]": (3, 5),
        "a[0].b": (3, 5),
        'a[0]["c.d"].e': (4, 11),
        "a[1]": (5, 5),
        "f": (6, 1),
        "a[0].missing": (3, 5),
        "a[9].b": (2, 1),
        "f.x": (6, 1),
        "missing": (1, 1),
        "": (1, 1),
    }
    assert {path: document.locate(path) for path in places} == places


def test_lines_are_counted_across_comments_and_line_ends() -> None:
    document = YamlDocument(
        "\ufeff# a\r\n\r\n# b\r\nx: 1 # c\r\n  # d\r\ny: [1, # e\r\n 2]\r\n", "c"
    )
    assert document.data == {"x": 1, "y": [1, 2]}
    assert document.locate("y[1]") == (7, 2)


texts = st.text(
    alphabet=st.sampled_from(list("ab1:-[]{},#&*!|>'\"%@`?~<= \n\t\\x\r\u2028é")), max_size=60
)


@settings(derandomize=True, max_examples=1500)
@given(st.one_of(texts, st.text(max_size=40)))
@example('"\\')
@example("a: |")
@example("%")
@example("? ")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        data = YamlDocument(text, "c.yaml").data
    except InvalidConfig as exc:
        unplaced = [problem for problem in exc.problems if problem.line is None]
    else:
        unplaced = []
        assert isinstance(data, dict)
    assert unplaced == []


@settings(derandomize=True, max_examples=500)
@given(texts)
@example("a: 1 # b\n  # c\n\n#\nb:\n - x #y\n - 'z' # w\r\n")
@example("a: [1, # x\u2028 2]\n#")
def test_comments_are_skipped_as_pyyaml_skips_them(text: str) -> None:
    assert tokens(text, _Loader) == tokens(text, yaml.SafeLoader)


def tokens(text: str, loader: Callable[[str], Any]) -> list[tuple[str, int, int]]:
    """Kind and place of every token, up to the first error."""
    found: list[tuple[str, int, int]] = []
    try:
        scanner = loader(text)
        while scanner.check_token():
            token = scanner.get_token()
            found.append((token.id, token.start_mark.line, token.start_mark.column))
    except (yaml.YAMLError, ValueError) as exc:
        found.append((str(exc), 0, 0))
    return found


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=300)
@given(st.dictionaries(st.text(max_size=8), plain, max_size=4))
def test_json_is_yaml_and_every_value_is_found(data: dict[str, Any]) -> None:
    assert YamlDocument(json.dumps(data), "c").data == data
