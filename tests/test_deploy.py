"""The files in ``deploy/``, read and not run: what they name exists and fits together."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from aigw_asgi.cli import whole_parser
from aigw_core.config.schema import Config, Tls
from aigw_core.config.shape import keys_of
from tests.asgi.server.pem import Pem
from tests.running import gateway

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def unit(name: str) -> dict[str, list[tuple[str, str]]]:
    """Sections of a unit, each with its settings in order; a setting may come twice."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in (DEPLOY / name).read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch(r"[A-Z][A-Za-z]+", key), line
            section.append((key, value))
    return sections


def dockerfile() -> list[tuple[str, str]]:
    """Instructions with what follows them, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split()[0], line.partition(" ")[2]) for line in lines if line.strip()]


def runs(words: list[str]) -> Any:
    """The options that ``aigw WORDS`` is called with; fails where it would not take them."""
    return whole_parser().parse_args(words)


def test_the_service_runs_a_command_that_there_is() -> None:
    service = dict(unit("aigw.service")["Service"])
    program, *words = shlex.split(service["ExecStart"])
    assert program.endswith("/bin/aigw")
    options = runs(words)
    assert (options.config, options.daemon) == ("/etc/aigw/config.yaml", False)


def test_the_service_is_told_of_and_watched() -> None:
    service = dict(unit("aigw.service")["Service"])
    assert service["Type"] == "notify-reload"
    assert service["NotifyAccess"] == "main"
    assert int(service["WatchdogSec"]) >= 10
    assert int(service["TimeoutStopSec"]) > Config().daemon.shutdown_timeout
    assert service["RestartPreventExitStatus"].split() == ["2", "4"]


def test_the_service_can_do_no_more_than_it_needs() -> None:
    settings = unit("aigw.service")["Service"]
    service = dict(settings)
    assert len(settings) == len({key for key, _ in settings})
    assert service["User"] == service["Group"] == "aigw"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["LimitCORE"] == "0"
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "MemoryDenyWriteExecute"):
        assert service[key] == "yes"
    # What it writes to: its state, its configuration, its log.
    assert f"AIGW_STATE_DIR=/var/lib/{service['StateDirectory']}" == service["Environment"]
    assert service["ReadWritePaths"] == "/etc/aigw"


def test_the_socket_is_that_of_the_service_and_on_this_machine_only() -> None:
    sockets = dict(unit("aigw.socket")["Socket"])
    assert sockets["ListenStream"] == f"127.0.0.1:{Config().port}"
    assert "Accept" not in sockets  # one process takes all connections


def test_the_image_is_slim_and_nobody_is_root_in_it() -> None:
    instructions = dockerfile()
    bases = [value for name, value in instructions if name == "FROM"]
    assert all(re.match(r"python:3\.\d+-slim\b", base) for base in bases)
    last = max(at for at, (name, _) in enumerate(instructions) if name == "FROM")
    final = instructions[last:]
    (user,) = [value for name, value in final if name == "USER"]
    uid, gid = user.split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    after = [name for name, _ in final[[name for name, _ in final].index("USER") :]]
    assert not {"RUN", "COPY", "ADD"} & set(after)


def test_the_image_gets_files_that_there_are_and_that_are_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for name, value in dockerfile():
        words = value.split()
        if name != "COPY" or words[0].startswith("--from"):
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_the_image_runs_a_command_that_there_is() -> None:
    found = dict(dockerfile())
    assert yaml.safe_load(found["ENTRYPOINT"]) == ["aigw"]
    options = runs(yaml.safe_load(found["CMD"]))
    assert (options.config, options.host) == ("/etc/aigw/config.yaml", "0.0.0.0")
    assert found["EXPOSE"] == str(Config().port)
    assert f"AIGW_HEALTH_URL=http://127.0.0.1:{Config().port}/health" in found["ENV"]


def test_the_health_check_tells_over_http_and_https(tmp_path: Path) -> None:
    found = dict(dockerfile())
    program, *words = yaml.safe_load(found["HEALTHCHECK"].partition("CMD ")[2])
    assert (program, words[0]) == ("python", "-c")

    def healthy(url: str) -> bool:
        env = {**os.environ, "AIGW_HEALTH_URL": url}
        done = subprocess.run(
            [sys.executable, *words], env=env, capture_output=True, check=False, timeout=60
        )
        return done.returncode == 0

    pem = Pem(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(
        "host: 127.0.0.1\napi-keys: [k]\n"
        f"tls: {{enable: true, cert: {pem.files.cert}, key: {pem.files.key}}}\n"
    )
    with gateway() as running:
        assert healthy(f"{running.url}/health")
    assert not healthy(f"{running.url}/health")
    with gateway(config=file) as running:
        assert healthy(f"https://127.0.0.1:{running.port}/health")
        assert not healthy(f"{running.url}/health")


def hook() -> str:
    """The script that the manual gives to certbot."""
    return (DEPLOY / "README.md").read_text().split("#!/bin/sh\n")[1].split("```")[0]


def test_the_certificates_are_where_the_service_can_read_them() -> None:
    service = dict(unit("aigw.service")["Service"])
    assert service["ReadWritePaths"] == "/etc/aigw"
    text = (DEPLOY / "README.md").read_text()
    files = re.findall(r"/etc/aigw/tls/([a-z]+\.pem)", text)
    assert sorted(set(files)) == ["fullchain.pem", "privkey.pem"]
    line = re.search(r"^tls: .*$", text, re.M)
    assert line is not None
    assert set(yaml.safe_load(line[0])["tls"]) <= set(keys_of(Tls))
    assert f"-o {service['User']} -g {service['Group']}" in hook()


def test_the_hook_of_certbot_puts_the_files_in_place(tmp_path: Path) -> None:
    """Run with folders of this test, and without another owner, which takes root."""
    lineage, target = tmp_path / "live", tmp_path / "tls"
    lineage.mkdir()
    script = hook().replace("/etc/aigw/tls", str(target)).replace("-o aigw -g aigw ", "")
    for content in ("first", "second"):
        for name in ("fullchain.pem", "privkey.pem"):
            (lineage / name).write_text(f"{content} {name}")
        env = {**os.environ, "RENEWED_LINEAGE": str(lineage)}
        subprocess.run(["sh", "-c", script], env=env, check=True, timeout=60)
        assert sorted(each.name for each in target.iterdir()) == ["fullchain.pem", "privkey.pem"]
        assert (target / "privkey.pem").read_text() == f"{content} privkey.pem"
        assert (target / "privkey.pem").stat().st_mode & 0o777 == 0o600


def test_the_service_of_compose_fits_the_image() -> None:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (service,) = document["services"].values()
    built = DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]
    assert built.samefile(DEPLOY / "Dockerfile")
    assert service["ports"] == [f"127.0.0.1:{Config().port}:{Config().port}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    mounted = {each.split(":")[1] for each in service["volumes"]}
    volumes = {value for name, value in dockerfile() if name == "VOLUME"}
    assert volumes | {"/etc/aigw"} == mounted
    assert int(service["stop_grace_period"].rstrip("s")) > Config().daemon.shutdown_timeout


@pytest.mark.parametrize("name", ["aigw.service", "aigw.socket", "Dockerfile", "compose.yaml"])
def test_every_file_is_explained(name: str) -> None:
    assert f"`{name}`" in (DEPLOY / "README.md").read_text()
