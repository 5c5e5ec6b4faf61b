"""Splices over files as people have them: each edit of each kind, many files.

Here every file is another one, so that the number of files says what it seems to;
``test_yaml_edit`` looks for small ones that break a law.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import EditRefused, delete, insert_item, same, set_value
from tests.asgi.commented_yaml import Path, Written
from tests.asgi.ordinary_yaml import ordinary_file
from tests.asgi.test_yaml_edit import at, check, lines, span

FILES = 240
EACH = 1
"""Edits of a kind on each file."""

VALUES: list[Any] = [
    "sk-new",
    42,
    True,
    None,
    "a: b # c",
    ["one", "two"],
    {"name": "added", "key-hash": "sha256:11", "allowed-models": ["claude-*"]},
    [{"id": "m", "alias": "n"}],
]

WRITTEN = [ordinary_file(seed) for seed in range(FILES)]


def pick(dice: random.Random, among: list[Path]) -> Iterator[Path]:
    yield from dice.sample(among, min(EACH, len(among)))


def paths(file: Written, kind: type) -> list[Path]:
    return [path for path in file.lines if isinstance(at(file.data, path), kind)]


def check_place(file: Written, new: str, touched: set[int]) -> None:
    """Around what was touched all is as it was; what is new is in one piece with it, and
    no comment and no blank line is invented."""
    old, now = lines(file.text), lines(new)
    if touched:
        first, last = min(touched), max(touched)
        assert now[:first] == old[:first]
        assert now[len(now) - (len(old) - last - 1) :] == old[last + 1 :]
    else:
        same_at_start = next(
            (n for n, pair in enumerate(zip(old, now, strict=False)) if pair[0] != pair[1]),
            min(len(old), len(now)),
        )
        added = len(now) - len(old)
        assert added > 0
        assert now[same_at_start + added :] == old[same_at_start:]
    for mark in ("", "#"):
        bare = [sum(line.strip()[:1] == mark for line in each) for each in (old, now)]
        assert bare[1] <= bare[0] + (mark == "" and not file.text.endswith("\n"))


@cache
def read(text: str) -> YamlDocument:
    return YamlDocument(text, "x")


def document(file: Written) -> YamlDocument:
    return read(file.text)


def changed(file: Written, path: Path) -> tuple[dict[str, Any], Any]:
    """A copy of the data, and what holds the last step of ``path`` in it."""
    expected = copy.deepcopy(file.data)
    return expected, at(expected, path[:-1])


def sets(file: Written, dice: random.Random) -> int:
    done = 0
    for path in pick(dice, list(file.lines)):
        value = dice.choice(VALUES)
        expected, parent = changed(file, path)
        parent[path[-1]] = value
        new = set_value(document(file), path, value)
        check(file, new, expected, span(file, path))
        check_place(file, new, span(file, path))
        done += 1
    return done


def renames(file: Written, dice: random.Random) -> int:
    """A text in one line changes: nothing else does, not even behind it on its line."""
    found = [
        path
        for path in paths(file, str)
        if path[-1] in ("name", "id", "alias", "to", "from", "base-url")
        and file.lines[path][0] == file.lines[path][1]
    ]
    done = 0
    for path in pick(dice, found):
        expected, parent = changed(file, path)
        parent[path[-1]] = "renamed"
        new = set_value(document(file), path, "renamed")
        check(file, new, expected, span(file, path))
        check_place(file, new, span(file, path))
        line = file.lines[path][0]
        before, after = lines(file.text)[line], lines(new)[line]
        lead, _, rest = after.partition("renamed")
        assert before.startswith(lead)
        assert before.endswith(rest)
        done += 1
    return done


def new_keys(file: Written, dice: random.Random) -> int:
    done = 0
    for path in pick(dice, [(), *paths(file, dict)]):
        value = dice.choice(VALUES)
        expected, _ = changed(file, (*path, "new-key"))
        at(expected, path)["new-key"] = value
        in_line = path in file.flow or not at(file.data, path)
        touched = span(file, path) if in_line else set()
        new = set_value(document(file), (*path, "new-key"), value)
        check(file, new, expected, touched)
        check_place(file, new, touched)
        done += 1
    return done


def inserts(file: Written, dice: random.Random) -> int:
    done = 0
    for path in pick(dice, paths(file, list)):
        known = at(file.data, path)
        where = dice.choice([0, len(known), dice.randint(0, len(known))])
        value = dice.choice(VALUES)
        expected, _ = changed(file, path)
        at(expected, path).insert(where, value)
        in_line = path in file.flow or not known
        if where == 0 and (*path, 0) in file.sharing and not in_line:
            with pytest.raises(EditRefused):  # before what shares its line with another dash
                insert_item(document(file), path, value, where)
            continue
        touched = span(file, path) if in_line else set()
        new = insert_item(document(file), path, value, where)
        check(file, new, expected, touched)
        check_place(file, new, touched)
        done += 1
    return done


def deletes(file: Written, dice: random.Random) -> int:
    done = 0
    entries = [path for path in file.lines if isinstance(path[-1], int)]
    keys = [path for path in file.lines if isinstance(path[-1], str)]
    for path in [*pick(dice, entries), *pick(dice, keys)]:
        expected, parent = changed(file, path)
        del parent[path[-1]]
        touched = span(file, path)
        siblings = [each for each in file.lines if each[:-1] == path[:-1]]
        siblings.sort(key=lambda each: file.lines[each])
        where = siblings.index(path)
        if len(siblings) == 1 and len(path) > 1:
            touched.add(file.lines[path[:-1]][0])  # where {} or [] goes
        if path in file.sharing and where + 1 < len(siblings):
            touched.add(file.lines[siblings[where + 1]][0])
        if path[:-1] in file.flow and where > 0:
            touched.add(file.lines[siblings[where - 1]][1])
        new = delete(document(file), path)
        check(file, new, expected, touched)
        check_place(file, new, touched)
        done += 1
    return done


def test_the_files_are_all_different_and_ordinary() -> None:
    texts = [file.text for file in WRITTEN]
    assert len(set(texts)) == FILES >= 200
    for file in WRITTEN:
        assert same(document(file).data, file.data)
    shapes = {
        "comments": "#",
        "CRLF": "\r\n",
        "byte order mark": "\ufeff",
        "literal block": " |",
        "folded block": " >-",
        "flow list": "[",
        "flow map": "{",
        "single quotes": "'",
        "double quotes": '"',
        "empty value": ":\n",
        "document start": "---",
        "three spaces": "\n   ",
    }
    for name, sign in shapes.items():
        assert sum(sign in text for text in texts) >= FILES // 20, name
    assert sum(not text.endswith("\n") for text in texts) >= FILES // 10
    assert min(len(text) for text in texts) > 100


@pytest.mark.parametrize(
    ("edits", "least"),
    [(sets, 240), (renames, 120), (new_keys, 240), (inserts, 120), (deletes, 400)],
)
def test_every_edit_says_what_was_meant_and_leaves_every_other_line(edits: Any, least: int) -> None:
    done = sum(edits(file, random.Random(seed)) for seed, file in enumerate(WRITTEN))
    assert done >= least  # or the files had no place for them
