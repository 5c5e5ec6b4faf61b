"""Texts with placeholders for secrets: nothing shows, everything comes back, nothing moves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from aigw_asgi.dashboard.placeholders import PLACEHOLDER, hidden_data, hidden_text, restored
from aigw_asgi.redaction import Redactor
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.errors import InvalidConfig
from tests.asgi.commented_yaml import Written, files
from tests.asgi.ordinary_yaml import ordinary_file

CONFIG = """\
# openai key until May: sk-of-last-spring-0123456
proxy-url: http://user:s3cret-1@proxy:1   # to the world
dashboard:
  password-hash: "$2b$12$s3cret.2....................................................."
  jwt-secret: >-
    s3cret-3-which-is-long
    and-folded
# api-key: s3cret-4-commented-out
api-keys:
  - s3cret-5
  - {name: ci, key: 's3cret-6'}
  - name: hashed
    key-hash: sha256:s3cret-7
claude-api-key:
  - name: a
    api-key: |
      s3cret-8
    headers: {x-one: s3cret-9, x-two: "$x-client"}
  - name: b
    api-key: ${REFERENCE}
    proxy-url: http://proxy:3
  - {api-key: s3cret-10, base-url: "https://c.example"}
state: {redis: "redis://:s3cret-11@r:1/0"}
"""

CLEAN = Redactor()


def doc(text: str) -> YamlDocument:
    return YamlDocument(text, "config.yaml")


def shown(text: str = CONFIG) -> str:
    return hidden_text(doc(text), CLEAN)


def back(text: str, base: str = CONFIG) -> str:
    return restored(text, doc(base), CLEAN).text


def refusal(text: str, base: str = CONFIG) -> list[tuple[int | None, str]]:
    with pytest.raises(InvalidConfig) as caught:
        back(text, base)
    return [(each.line, each.problem) for each in caught.value.problems]


def test_no_secret_shows_and_all_else_does() -> None:
    text = shown()
    assert "s3cret" not in text
    assert "sk-of-last-spring" not in text
    assert "${REFERENCE}" in text
    assert "proxy-url: http://proxy:3" in text
    assert '"$x-client"' in text
    assert "# to the world" in text
    assert text.count(PLACEHOLDER) == 12
    assert doc(text).data == hidden_data(doc(CONFIG).data)


def test_what_was_not_touched_comes_back_to_the_byte() -> None:
    assert back(shown()) == CONFIG
    for mark in ("\ufeff", ""):
        windows = mark + CONFIG.replace("\n", "\r\n")
        assert back(hidden_text(doc(windows), CLEAN), windows) == windows


def comes_back(text: str) -> None:
    document = YamlDocument(text, "x")
    hidden = hidden_text(document, CLEAN)
    assert restored(hidden, document, CLEAN).text == text
    shown = hidden_data(document.data)
    assert YamlDocument(hidden, "x").data == shown


@given(files())
@settings(derandomize=True, max_examples=150)
def test_any_layout_comes_back(file: Written) -> None:
    """Its keys are none of ours, so that every value is hidden."""
    comes_back(file.text)


def test_ordinary_files_come_back() -> None:
    for seed in range(150):
        comes_back(ordinary_file(seed).text)


def test_values_that_are_changed_beside_them() -> None:
    text = shown().replace("name: ci", "name: other").replace("x-two:", "x-three:")
    text = text.replace("  - name: b\n", "  - name: b\n    weight: 3\n")
    expected = CONFIG.replace("name: ci", "name: other").replace("x-two:", "x-three:")
    assert back(text) == expected.replace("  - name: b\n", "  - name: b\n    weight: 3\n")


def test_a_secret_that_is_written_anew_is_the_new_one() -> None:
    text = shown().replace("key: ••••}", "key: brand-new}")
    assert back(text) == CONFIG.replace("'s3cret-6'", "brand-new")


def test_entries_may_move_and_go() -> None:
    lines = shown().splitlines(keepends=True)
    at = lines.index("  - name: a\n")
    entry = lines[at : at + 3]
    moved = [*lines[:at], *lines[at + 3 : at + 6], *entry, *lines[at + 6 :]]
    found = doc(back("".join(moved))).data["claude-api-key"]
    assert [each.get("name") for each in found] == ["b", "a", None]
    assert (found[1]["api-key"], found[1]["headers"]["x-one"]) == ("s3cret-8\n", "s3cret-9")
    gone = doc(back("".join([*lines[:at], *lines[at + 3 :]]))).data["claude-api-key"]
    assert [each["api-key"] for each in gone] == ["${REFERENCE}", "s3cret-10"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    proxy-url: http://proxy:3\n", "    proxy-url: ••••\n"),
        ('"$x-client"', "••••"),
        ("${REFERENCE}", "••••"),
        ("headers: {x-one: ••••", "headers: {x-one: ••••, x-more: ••••"),
        ('base-url: "https://c.example"', 'base-url: "https://evil.example"'),
        ("  - name: b\n", "  - name: b\n    prefix: ••••\n"),
        ("{name: ci, key: ••••}", "{name: ci, key: sk-••••}"),
        ("  - name: hashed\n    key-hash: ••••\n", "  - name: hashed\n    key: ••••\n"),
        ("  jwt-secret: ••••", "  ••••: x"),
        ("# api-key: ••••", "# the api-key: ••••"),
        ("  - ••••\n", "  - ••••\n  - ••••\n"),
        ("  - name: b\n", "  - {name: d, api-key: ••••, base-url: https://d}\n  - name: b\n"),
    ],
)
def test_a_placeholder_without_its_secret_is_told_at_its_line(old: str, new: str) -> None:
    before = shown()
    assert old in before
    after = before.replace(old, new)
    lines = [line for line, _ in refusal(after)]
    changed = [at for at, line in enumerate(after.splitlines(), 1) if PLACEHOLDER in line]
    assert lines
    assert set(lines) <= set(changed)
    first = next(
        at
        for at, pair in enumerate(zip(before.splitlines(), after.splitlines(), strict=False), 1)
        if pair[0] != pair[1]
    )
    assert lines[0] is not None
    assert abs(lines[0] - first) <= 1


def test_secrets_never_change_places() -> None:
    base = (
        "openai-compatibility:\n"
        "  - {name: ours, api-key: key-of-ours, base-url: https://ours}\n"
        "  - {name: theirs, api-key: key-of-theirs, base-url: https://theirs}\n"
    )
    text = hidden_text(doc(base), CLEAN)
    # Names that are swapped take the key with them: it is the entry of that name.
    swapped = text.replace("name: ours", "name: x").replace("name: theirs", "name: ours")
    swapped = swapped.replace("name: x", "name: theirs")
    found = doc(back(swapped, base)).data["openai-compatibility"]
    assert {each["name"]: each["api-key"] for each in found} == {
        "ours": "key-of-ours",
        "theirs": "key-of-theirs",
    }
    # One in place of both, with the name of neither.
    one = "openai-compatibility:\n  - {name: new, api-key: ••••, base-url: https://evil}\n"
    assert refusal(one, base)[0][0] == 2


def test_a_secret_is_not_given_to_two() -> None:
    base = "openai-api-key:\n  - {api-key: only-key, base-url: https://here}\n"
    two = (
        "openai-api-key:\n"
        "  - {api-key: ••••, base-url: https://here, weight: 1}\n"
        "  - {api-key: ••••, base-url: https://here, weight: 2}\n"
    )
    assert [line for line, _ in refusal(two, base)] == [2, 3]


def test_one_of_several_that_look_the_same_has_to_be_told() -> None:
    base = "api-keys:\n  - first-key\n  - second-key\n"
    assert back("api-keys:\n  - ••••\n  - ••••\n  - new\n", base).startswith(base)
    assert refusal("api-keys:\n  - ••••\n", base)[0][0] == 2


def test_what_is_misspelt_is_hidden_too() -> None:
    text = "claude-api-key:\n  - api_key: s3cret-key\n    apikey: {a: [s3cret-2, 17, true]}\nkeys: s3cret\n"
    hidden = hidden_text(doc(text), CLEAN)
    assert "s3cret" not in hidden
    assert "17" not in hidden
    assert "true" in hidden
    assert back(hidden, text) == text


def test_text_that_is_no_yaml_is_told() -> None:
    assert refusal("a: [\n")[0][0] is not None
    assert refusal("••••")
