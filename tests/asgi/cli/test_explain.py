"""``aigw explain``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aigw_asgi.cli import main

FILE = """
api-keys: [{name: ci, key: key-ci, allowed-providers: [one]}]
openai-compatibility:
  - {name: one, api-key: k, base-url: "http://127.0.0.1:1", models: [{id: m, alias: nick}]}
  - {name: two, api-key: k, base-url: "http://127.0.0.1:2", models: [{id: m}]}
echo: "off"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    return str(path)


def test_a_route_in_words(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", file, "--model", "nick"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "alias_resolved: nick -> m",
        "1. one: m (alias name, round-robin)",
        "not two for nick: model_not_supported",
    ]


def test_a_route_as_json_for_a_key(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["explain", "-c", file, "--model", "m", "--format", "messages", "--key", "key-ci"]
    assert main([*given, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["selected"]["credential_name"] == "one"
    assert document["rejections"] == [{"candidate": "two", "reason": "access_denied", "model": "m"}]


def test_a_refusal_is_told_and_exits_with_1(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", file, "--model", "nobody"]) == 1
    assert capsys.readouterr().out.startswith("refused: the model 'nobody' is not served here")


def test_a_wrong_key_is_refused(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", file, "--model", "m", "--key", "wrong"]) == 1
    assert "the key is not valid" in capsys.readouterr().err


def test_headers_decide_where_a_strategy_looks_at_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(FILE + "routing: {strategy: sticky-session}\n")
    chosen = set()
    for number in range(8):
        header = f"X-Session-Id: s{number}"
        main(["explain", "-c", str(path), "--model", "m", "--header", header, "--json"])
        chosen.add(json.loads(capsys.readouterr().out)["selected"]["credential_name"])
    assert chosen == {"one", "two"}
    assert main(["explain", "-c", str(path), "--model", "m", "--header", "nonsense"]) == 2
