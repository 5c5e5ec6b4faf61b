"""``aigw check``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import trustme

from aigw_asgi.cli import check
from tests.asgi.server.pem import Pem


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    args = parser.parse_args(["check", *words])
    code: int = args.run(args)
    return code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("AIGW_CONFIG", "AIGW_HOST", "AIGW_PORT", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_good_file_is_summed_up_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.yaml").write_text("host: ::1\napi-keys: [k]\nclaude-api-key: [{api-key: x}]\n")
    assert run("-c", "a.yaml") == 0
    assert capsys.readouterr().out == (
        "a.yaml: ok: 1 credential, 1 client key, listens on [::1]:8317\n"
    )


def test_warnings_are_printed_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_text("host: 127.0.0.1\ndebug: true\napi-keys: [k]\n")
    assert run() == 0
    warning, summary = capsys.readouterr().out.splitlines()
    assert warning.startswith("warning: config.yaml:2:1: debug: ")
    assert summary.startswith("config.yaml: ok: 0 credentials, 1 client key")


def test_impossible_limits_are_refused_where_they_stand(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.yaml").write_text(
        "host: 127.0.0.1\n"
        "api-keys:\n"
        "  - key: a\n"
        "    requests-per-minute: 0\n"
        "  - key: b\n"
        "    tokens-per-minute: -5\n"
        "  - key: c\n"
        "    max-concurrent: 0.5\n"
        "  - {key: d, requests-per-minute: 60, tokens-per-minute: 59}\n"
        "  - {key: e, requests-per-minute: 60, tokens-per-minute: 60, max-concurrent: 1}\n"
        "model-prices: {m: {input: -1, output: 2}}\n"
    )
    assert run() == 4
    places = [line.partition(": ")[0] for line in capsys.readouterr().out.splitlines()]
    assert places == [
        "config.yaml:4:5",
        "config.yaml:6:5",
        "config.yaml:8:5",
        "config.yaml:9:39",
        "config.yaml:11:20",
    ]


def test_every_problem_is_a_line_and_the_code_is_4(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.yaml").write_text("tls:\n        enabel: true\nport: x\n")
    assert run("--config", "config.yaml") == 4
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        'config.yaml:2:9: unknown key "enabel" (did you mean "enable"?)',
        "config.yaml:3:1: port: must be a whole number from 0 to 65535, not a text",
    ]
    assert captured.err == "2 problems: cannot be used\n"


def test_a_missing_file_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-c", "none.yaml") == 4
    assert capsys.readouterr().out == "none.yaml: cannot be read: No such file or directory\n"


def test_no_file_at_all_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out.startswith("no configuration file: ok: 0 credentials")


def test_json_has_the_same_facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_text("host: 127.0.0.1\nprot: 1\n")
    assert run("--json") == 4
    assert json.loads(capsys.readouterr().out) == {
        "valid": False,
        "problems": [
            {
                "file": "config.yaml",
                "line": 2,
                "column": 1,
                "path": "prot",
                "message": 'unknown key "prot" (did you mean "port"?)',
            }
        ],
    }
    (folder / "config.yaml").write_text("host: 127.0.0.1\n")
    assert run("--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["valid"], answer["problems"], answer["port"]) == (True, [], 8317)
    assert [warning["path"] for warning in answer["warnings"]] == ["api-keys"]


def test_a_key_that_does_not_fit_its_certificate_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pem = Pem(folder)
    files = f"{{enable: true, cert: {pem.files.cert}, key: {pem.files.key}}}"
    (folder / "config.yaml").write_text(f"host: 127.0.0.1\napi-keys: [k]\ntls: {files}\n")
    assert run() == 0
    capsys.readouterr()
    (folder / "key.pem").write_bytes(trustme.CA().issue_cert("x.test").private_key_pem.bytes())
    assert run() == 4
    assert capsys.readouterr().out == (
        f"config.yaml:3:1: tls: {pem.files.key} does not fit the certificate in {pem.files.cert}\n"
    )


SECRET = "sk-in-clear-for-everybody"


@pytest.mark.parametrize(
    ("mode", "entry", "told"),
    [
        (0o644, SECRET, True),
        (0o604, SECRET, True),
        (0o640, SECRET, False),
        (0o600, SECRET, False),
        (0o644, "${CLIENT_KEY}", False),
    ],
)
def test_secrets_that_everybody_can_read_are_told(
    mode: int,
    entry: str,
    told: bool,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLIENT_KEY", SECRET)
    file = folder / "config.yaml"
    file.write_text(f"host: 127.0.0.1\napi-keys: ['{entry}']\n")
    file.chmod(mode)
    assert run() == 0
    out = capsys.readouterr().out
    assert SECRET not in out
    warned = f"every user of this machine can read it (mode {mode:o}); chmod o-r mends that"
    assert (warned in out) is told
    assert run("--json") == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert [each["file"] for each in warnings] == ["config.yaml"] * told
