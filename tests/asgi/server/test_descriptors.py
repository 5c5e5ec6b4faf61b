"""Room for descriptors: taken where it is to be had, and missed aloud."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aigw_asgi.server.descriptors import raise_limit, shortage
from tests.running import ROOT, START_LIMIT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is of Linux")


def test_what_is_allowed_is_taken() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert raise_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("allowed", "streams", "words"),
    [
        (None, 100_000, None),
        (2200, 0, None),
        (2199, 0, "only 2199 files may be open at once, room for some 999 streams; 1000 need 2200"),
        (1024, 412, None),
        (
            1024,
            413,
            "only 1024 files may be open at once, room for some 412 streams; 413 need 1026",
        ),
        (100, 1, "only 100 files may be open at once, room for some 0 streams; 1 need 202"),
    ],
)
def test_a_shortage_is_told_in_figures(
    allowed: int | None, streams: int, words: str | None
) -> None:
    told = shortage(allowed, streams)
    assert told == (None if words is None else f"{words} (ulimit -n, or LimitNOFILE of systemd)")


@pytest.mark.parametrize("hard", [1024, 4096])
def test_a_gateway_raises_its_limit_and_says_when_that_is_not_enough(
    hard: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "aigw_asgi.cli", "run", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "AIGW_STATE_DIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if "aigw listens on" in line:
                break
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        process.terminate()
        said.append(process.communicate(timeout=START_LIMIT)[0])
    warned = "room for some 412 streams; 1000 need 2200" in "".join(said)
    assert warned is (hard == 1024), said
