"""``aigw bench``, with small numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.cli import main
from tests.running import ROOT, gateway

SMALL = ["--requests", "12", "--streams", "3", "--chunks", "5", "--concurrency", "1,2"]
SMALL += ["--seconds", "0.1"]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aigw_asgi.cli", "bench", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=100,
    )


def figures(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) == {"machine", "own", "figures"}
    assert document["machine"]["aigw"]
    assert document["machine"]["packages"]["msgspec"]
    return {(each["what"], each["way"]): each for each in document["figures"]}


def test_a_gateway_of_its_own_is_measured_beside_the_direct_way() -> None:
    done = bench("--json", *SMALL)
    found = figures(done)
    for what in (
        "request",
        "first chunk",
        "chunk",
        "requests, 1 at a time",
        "requests, 2 at a time",
        "chunks, 4 streams",
    ):
        for way in ("direct", "relayed", "translated"):
            assert found[what, way]["median"] > 0
    for way in ("relayed", "translated"):
        assert found["request", way]["median"] > found["request", "direct"]["median"]
        assert found["first chunk", way]["p99"] >= found["first chunk", way]["median"]
        if sys.platform == "linux":
            assert found["request, processor time", way]["median"] > 10
            assert found["chunk, processor time", way]["median"] > 1
    if sys.platform == "linux":
        assert found["memory, idle", "gateway"]["median"] > 5
    assert "# 1/7 warming up" in done.stderr
    assert "Traceback" not in done.stderr


def test_people_get_a_table() -> None:
    done = bench(*SMALL)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("aigw ")
    assert "CPython" in lines[0]
    assert lines[1].startswith("msgspec ")
    assert "on this machine" in lines[2]
    assert lines[4].split() == ["median", "p99", "added", "added", "p99"]
    assert lines[5].split()[:3] == ["request", "(ms)", "direct"]
    assert len(lines[5].split()) == 5
    assert lines[6].split()[0] == "relayed"
    assert len(lines[6].split()) == 5


def test_a_running_gateway_is_measured_by_its_echo() -> None:
    with gateway() as running:
        found = figures(bench("--json", "--url", running.url + "/v1", *SMALL))
    way = "through the gateway"
    assert {what for what, _ in found} == {
        "request",
        "first chunk",
        "requests, 1 at a time",
        "requests, 2 at a time",
        "chunks, 4 streams",
    }
    assert all(name == way and each["median"] > 0 for (_, name), each in found.items())


def test_what_the_gateway_answers_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("host: 127.0.0.1\napi-keys: [right]\necho: 'on'\n")
    with gateway(config=config) as running:
        url = ["--url", running.url]
        wrong = bench(*url, "--key", "wrong", *SMALL)
        absent = bench(*url, "--key", "right", "--model", "absent", *SMALL)
        assert bench(*url, "--key", "right", *SMALL).returncode == 0
    assert wrong.returncode == absent.returncode == 1
    assert "through the gateway answers 401: " in wrong.stderr
    assert "through the gateway answers 404: " in absent.stderr
    nobody = bench("--url", running.url, *SMALL)
    assert nobody.returncode == 1
    assert "Traceback" not in nobody.stderr + wrong.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--requests", "0"],
        ["--requests", "many"],
        ["--concurrency", "1,x"],
        ["--seconds", "0"],
        ["--seconds", "nan"],
        ["--key", "k"],
        ["--model", "m"],
        ["--url", "ftp://somewhere"],
        ["--url", "http://127.0.0.1:1/path"],
    ],
)
def test_bad_options_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", *words])
    assert caught.value.code == 2
    assert "aigw bench: error: " in capsys.readouterr().err
