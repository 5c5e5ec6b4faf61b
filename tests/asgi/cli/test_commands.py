"""The small commands: init, schema, keys, hash-password, completion, version."""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

from aigw_asgi.cli import main
from aigw_asgi.client_keys import key_hash
from aigw_asgi.config_store import load
from tests.running import ROOT

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIGW_CONFIG", raising=False)
    return tmp_path


def say(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


# init


def test_init_writes_a_file_that_can_be_used_and_its_schema(folder: Path, capsys: Out) -> None:
    assert main(["init"]) == 0
    file = folder / "config.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert text.startswith("# yaml-language-server: $schema=config.schema.json\n")
    assert "# api-keys:" in text
    assert load("config.yaml", {}).settings.host == "127.0.0.1"
    schema = json.loads((folder / "config.schema.json").read_text())
    assert schema["title"] == "aigw configuration"
    assert "config.yaml is written" in capsys.readouterr().out


def test_init_replaces_nothing_without_force(folder: Path, capsys: Out) -> None:
    file = folder / "mine.yaml"
    file.write_text("host: ::1\n")
    file.chmod(0o644)
    assert main(["init", "mine.yaml"]) == 1
    assert file.read_text() == "host: ::1\n"
    assert "--force" in capsys.readouterr().err
    assert main(["init", "mine.yaml", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": "mine.yaml",
        "schema": "mine.schema.json",
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_init_does_not_follow_a_link_that_leads_nowhere(folder: Path) -> None:
    (folder / "config.yaml").symlink_to(folder / "other")
    assert main(["init"]) == 1
    assert not (folder / "other").exists()


def test_init_tells_where_it_cannot_write(capsys: Out) -> None:
    assert main(["init", "no/such/config.yaml"]) == 1
    assert "No such file" in capsys.readouterr().err


def test_every_line_of_the_example_is_in_the_new_file(folder: Path) -> None:
    main(["init"])
    example = (ROOT / "config.example.yaml").read_text().partition("## YAML is read by")[2]
    assert example
    assert example in (folder / "config.yaml").read_text()


# schema, version, completion


def test_schema_is_json(capsys: Out) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_version_is_json_where_asked(capsys: Out) -> None:
    assert main(["version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str, capsys: Out) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("hash-password", "keys", "expires-at", "shutdown-timeout"):
        assert word in script


def test_completion_without_its_package_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert "aigw[completion]" in capsys.readouterr().err


def test_bash_takes_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aigw_asgi.cli", "completion", "bash"],
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    subprocess.run(["bash", "-n"], input=done.stdout, check=True)


# hash-password


def test_a_password_is_hashed_with_bcrypt(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    say(monkeypatch, "pässword\nrest\n")
    assert main(["hash-password", "--cost", "4"]) == 0
    made = capsys.readouterr().out.strip()
    assert made.startswith("$2b$04$")
    assert bcrypt.checkpw("pässword".encode(), made.encode())


def test_twelve_is_the_usual_cost(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    say(monkeypatch, "p")
    assert main(["hash-password", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["password-hash"].startswith("$2b$12$")


def test_a_cost_that_would_take_hours_is_refused(capsys: Out) -> None:
    for cost in ("3", "15", "31"):
        with pytest.raises(SystemExit):
            main(["hash-password", "--cost", cost])
        assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "why"), [("\n", "empty"), ("é" * 37, "74 bytes"), ("a\0b", "NUL")]
)
def test_passwords_that_would_not_count_whole_are_refused(
    text: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    say(monkeypatch, text)
    assert main(["hash-password"]) == 1
    captured = capsys.readouterr()
    assert why in captured.err
    assert captured.out == ""


def test_typed_passwords_must_agree(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    answers = iter(["one", "other"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    assert main(["hash-password"]) == 1
    assert "differ" in capsys.readouterr().err


# keys

FILE = """\
host: 127.0.0.1
api-keys:       # of us
  - name: one   # the first
    key: sk-one-plain
  - sk-two-plain
"""


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(FILE)
    return path


def test_a_new_key_is_shown_once_and_kept_as_a_hash(file: Path, capsys: Out) -> None:
    given = ["--allowed-model", "claude-*", "--requests-per-minute", "60"]
    assert main(["keys", "create", "--name", "ci", *given]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("sk-proxy-")
    made = re.search(r'    created-at: "2\d{3}-.*Z"\n', file.read_text())
    assert made is not None
    assert file.read_text() == FILE + (
        f'  - name: ci\n    key-hash: "{key_hash(key)}"\n    key-prefix: {key[:13]}\n{made[0]}'
        '    allowed-models:\n      - "claude-*"\n    requests-per-minute: 60\n'
    )
    known = load(str(file), {}).snapshot.client_keys[hashlib.sha256(key.encode()).digest()]
    assert (known.name, known.requests_per_minute) == ("ci", 60)


def test_a_key_cannot_take_the_name_of_another(file: Path, capsys: Out) -> None:
    assert main(["keys", "create", "--name", "key-2"]) == 1
    assert "already" in capsys.readouterr().err
    assert file.read_text() == FILE


def test_a_key_that_the_configuration_would_not_take_is_not_written(
    file: Path, capsys: Out
) -> None:
    assert main(["keys", "create", "--name", "ci", "--expires-at", "tomorrow"]) == 4
    assert "expires-at" in capsys.readouterr().err
    assert file.read_text() == FILE


def test_without_a_file_there_is_nothing_to_write_to(capsys: Out) -> None:
    assert main(["keys", "create", "--name", "ci"]) == 1
    assert "aigw init" in capsys.readouterr().err


def test_a_fresh_file_takes_its_first_key(folder: Path, capsys: Out) -> None:
    main(["init"])
    before = (folder / "config.yaml").read_text()
    capsys.readouterr()
    assert main(["keys", "create", "--name", "me", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    after = (folder / "config.yaml").read_text()
    assert set(before.splitlines()) <= set(after.splitlines())
    assert key_hash(made["key"]) in after
    assert made["key"] not in after


def test_keys_are_listed_without_themselves(file: Path, capsys: Out) -> None:
    assert main(["keys", "list"]) == 0
    text = capsys.readouterr().out
    first = hashlib.sha256(b"sk-one-plain").hexdigest()[:8]
    assert text.splitlines()[0] == f"{first} one"
    assert "plain" not in text
    assert main(["keys", "list", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["keys"]] == [
        "one",
        "key-2",
    ]


@pytest.mark.parametrize("wanted", ["one", hashlib.sha256(b"sk-one-plain").hexdigest()[:8]])
def test_a_key_is_revoked_by_name_or_id(file: Path, wanted: str, capsys: Out) -> None:
    assert main(["keys", "revoke", wanted]) == 0
    assert file.read_text() == FILE.replace(
        "  - name: one   # the first\n    key: sk-one-plain\n", ""
    )
    assert main(["keys", "revoke", wanted]) == 1
    assert "no key is called" in capsys.readouterr().err


def test_the_last_key_of_an_open_listener_stays(folder: Path, capsys: Out) -> None:
    file = folder / "config.yaml"
    file.write_text("host: 0.0.0.0\napi-keys: [sk-one-plain]\n")
    assert main(["keys", "revoke", "key-1"]) == 4
    assert "api-keys" in capsys.readouterr().err
    assert "sk-one-plain" in file.read_text()


def test_a_key_is_hashed_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    say(monkeypatch, "sk-one-plain\n")
    assert main(["keys", "hash"]) == 0
    assert capsys.readouterr().out == f"{key_hash('sk-one-plain')}\n"
    say(monkeypatch, "\n")
    assert main(["keys", "hash"]) == 1


def test_a_wrong_command_line_exits_with_2() -> None:
    for words in (["keys"], ["keys", "create"], ["completion", "tcsh"], ["nonsense"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
