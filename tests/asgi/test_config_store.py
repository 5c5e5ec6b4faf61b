"""Find, read and compile the configuration; every problem with its place."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from aigw_asgi.config_store import Loaded, find_file, load
from aigw_core.errors import InvalidConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``config.yaml`` of the working folder; the test writes it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config.yaml"


def problems(path: str | None, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        load(path, env or {})
    return [str(problem) for problem in caught.value.problems]


def test_the_flag_goes_before_the_variable_before_the_working_folder(file: Path) -> None:
    assert find_file(None, {}) is None
    file.write_text("")
    assert find_file(None, {}) == "config.yaml"
    assert find_file(None, {"AIGW_CONFIG": "/e.yaml"}) == "/e.yaml"
    assert find_file("/f.yaml", {"AIGW_CONFIG": "/e.yaml"}) == "/f.yaml"


def test_without_a_file_the_environment_makes_credentials(file: Path) -> None:
    loaded = load(None, {"OPENAI_API_KEY": "k"})
    assert loaded.document is None
    assert loaded.snapshot.version == "builtin"
    assert [each.name for each in loaded.snapshot.credentials] == ["openai-1"]
    assert (loaded.settings.host, loaded.settings.port) == ("127.0.0.1", 8317)
    assert loaded.warnings == ()


def test_an_empty_file_is_a_configuration(file: Path) -> None:
    file.write_text("# nothing yet\n")
    loaded = load("config.yaml", {"OPENAI_API_KEY": "k"})
    assert loaded.snapshot.from_file
    assert loaded.snapshot.credentials == ()
    assert loaded.settings.loopback_only


def test_the_version_is_the_hash_of_the_file(file: Path) -> None:
    file.write_bytes(b"host: 127.0.0.1\r\n")
    expected = hashlib.sha256(b"host: 127.0.0.1\r\n").hexdigest()[:12]
    assert load("config.yaml", {}).snapshot.version == expected


def test_a_named_file_that_is_missing_is_an_error(file: Path) -> None:
    missing = "cannot be read: No such file or directory"
    assert problems("none.yaml") == [f"none.yaml: {missing}"]
    assert problems(None, {"AIGW_CONFIG": "none.yaml"}) == [f"none.yaml: {missing}"]
    assert problems(".") == [".: cannot be read: Is a directory"]


def test_problems_bear_file_line_and_column_in_the_order_of_the_file(file: Path) -> None:
    file.write_text(
        "log:\n"
        "  level: loud\n"
        "claude-api-key:\n"
        "  - api-key: k\n"
        "    base-url: https://x.example/v1\n"
        "  - name: x\n"
        "openai-api-key:\n"
        "  - api-key: ${NOT_SET}\n"
        "tls:\n"
        "    prot: 1\n"
        "prot: 1\n"
    )
    assert problems("config.yaml", {"AIGW_PORT": "x"}) == [
        "AIGW_PORT: port: must be a whole number from 0 to 65535, not a text",
        "config.yaml:2:3: log.level: must be one of debug, info, warning, error",
        "config.yaml:5:5: claude-api-key[0].base-url: must not end in /v1:"
        " that part is added to it",
        "config.yaml:6:5: claude-api-key[1].api-key: is required",
        "config.yaml:8:5: openai-api-key[0].api-key: the environment variable NOT_SET is not set",
        'config.yaml:10:5: unknown key "prot"',
        'config.yaml:11:1: unknown key "prot" (did you mean "port"?)',
    ]


def test_an_open_listener_is_refused_at_its_line(file: Path) -> None:
    file.write_text("port: 1\nhost: 0.0.0.0\n")
    [problem] = problems("config.yaml")
    assert problem.startswith("config.yaml:2:1: host: 0.0.0.0 can be reached from other machines")


def test_warnings_have_their_place_under_the_name_that_was_written(file: Path) -> None:
    file.write_text("host: 127.0.0.1\napi-keys: [k]\nlog-dir: /l\n")
    [warning] = load("config.yaml", {}).warnings
    assert str(warning) == 'config.yaml:3:1: log-dir: is the old name of "log.dir"'


def test_secrets_come_from_files(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("k-1\n")
    file.write_text(f"host: 127.0.0.1\nopenai-api-key:\n  - api-key: file://{secret}\n")
    loaded = load("config.yaml", {})
    assert loaded.snapshot.credentials[0].api_key.reveal() == "k-1"
    assert loaded.document is not None
    assert loaded.document.data["openai-api-key"] == [{"api-key": f"file://{secret}"}]
    secret.write_bytes(b"x" * 70_000)
    assert problems("config.yaml")[0].endswith(f"the file {secret} cannot be read: File too large")
    secret.write_bytes(b"\xff")
    assert problems("config.yaml")[0].endswith(f"the file {secret} is not UTF-8 text")


def test_tls_files_must_exist(file: Path, tmp_path: Path) -> None:
    file.write_text(f"host: 127.0.0.1\ntls: {{enable: true, cert: {file}, key: {tmp_path}/none}}\n")
    assert problems("config.yaml") == [
        f"config.yaml:2:{len(f'tls: {{enable: true, cert: {file}, ') + 1}:"
        f" tls.key: there is no file {tmp_path}/none"
    ]


def test_redis_needs_its_client(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("host: 127.0.0.1\nstate:\n  redis: redis://127.0.0.1:6379/0\n")
    assert load(None, {}).settings.redis_url is not None
    monkeypatch.setitem(sys.modules, "coredis", None)
    with pytest.raises(InvalidConfig) as refused:
        load(None, {})
    assert str(refused.value) == (
        "config.yaml:3:3: state.redis: needs the package coredis: pip install 'aigw[redis]'"
    )


def test_overrides_go_before_the_file(file: Path) -> None:
    file.write_text("host: 127.0.0.1\nport: 1\n")
    loaded: Loaded = load("config.yaml", {"AIGW_PORT": "2"}, {"log.level": "debug"})
    assert (loaded.settings.port, loaded.settings.log_level) == (2, "debug")


def test_nothing_slow_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, aigw_asgi.config_store as store; store.load(None, {});"
        "print(*sorted({'yaml', 'difflib', 'urllib.request', 'ssl', 'socket'}"
        " & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.strip() == ""
