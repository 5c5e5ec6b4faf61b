"""``aigw run --daemon``, and ``stop``, ``status`` and ``reload``: real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asgi.cli.test_run import ask
from tests.asgi.test_pid_file import holder
from tests.running import ROOT, free_port


class Aigw:
    """The command line, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid_file = folder / "aigw.pid"
        clean = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
        self._env = {
            **clean,
            "PYTHONPATH": str(ROOT),
            "AIGW_STATE_DIR": str(folder / "state"),
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aigw_asgi.cli", *words],
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def daemon(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self("run", "--daemon", "--pid-file", "aigw.pid", *words)

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(
            self("status", "--pid-file", "aigw.pid", "--json").stdout
        )
        return found


@pytest.fixture
def aigw(tmp_path: Path) -> Iterator[Aigw]:
    made = Aigw(tmp_path)
    yield made
    made("stop", "--pid-file", "aigw.pid", "--timeout", "5")


def test_it_returns_when_it_serves(aigw: Aigw) -> None:
    port = free_port()
    done = aigw.daemon("--port", str(port))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"aigw listens on http://127.0.0.1:{port}" in done.stdout
    assert ask(f"http://127.0.0.1:{port}")["object"] == "chat.completion"
    found = aigw.status()
    pid = int(aigw.pid_file.read_text())
    assert found == {"state": "running", "pid": pid, "pid_file": "aigw.pid"}
    # Away from our terminal and our session, and unable to get another.
    assert os.getsid(pid) not in (os.getsid(0), pid)
    assert [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3
    assert (aigw.folder / "state" / "logs" / "aigw.log").exists()

    stopped = aigw("stop", "--pid-file", "aigw.pid")
    assert (stopped.returncode, stopped.stdout) == (0, f"process {pid} was stopped\n")
    assert not aigw.pid_file.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert aigw("status", "--pid-file", "aigw.pid").returncode == 3
    assert aigw("stop", "--pid-file", "aigw.pid").returncode == 3
    assert aigw("reload", "--pid-file", "aigw.pid").returncode == 3


def test_a_second_one_fails_and_the_first_goes_on(aigw: Aigw) -> None:
    port = free_port()
    assert aigw.daemon("--port", str(port)).returncode == 0
    pid = aigw.pid_file.read_text()
    second = aigw.daemon("--port", str(free_port()))
    assert second.returncode == 1
    assert f"process {pid.strip()} runs already" in second.stderr
    assert aigw.pid_file.read_text() == pid
    assert ask(f"http://127.0.0.1:{port}")["object"] == "chat.completion"


def test_a_taken_port_is_told_with_the_status_of_the_start(aigw: Aigw) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = aigw.daemon("--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert not aigw.pid_file.exists()


def test_a_configuration_that_cannot_be_used_starts_nothing(aigw: Aigw) -> None:
    (aigw.folder / "config.yaml").write_text("prot: 1\n")
    done = aigw.daemon()
    assert done.returncode == 4
    assert "config.yaml:1:1:" in done.stderr
    # And the commands that would find the PID file in it say how to do without.
    for command in ("stop", "status", "reload"):
        asked = aigw(command)
        assert asked.returncode == 4
        assert "--pid-file" in asked.stderr


def test_the_pid_file_of_the_configuration_is_found(aigw: Aigw) -> None:
    text = f"host: 127.0.0.1\nport: {free_port()}\napi-keys: [k]\ndaemon: {{pid-file: my.pid}}\n"
    (aigw.folder / "config.yaml").write_text(text)
    assert aigw("run", "--daemon").returncode == 0
    assert (aigw.folder / "my.pid").exists()
    assert aigw("status").returncode == 0
    assert aigw("stop").returncode == 0
    assert not (aigw.folder / "my.pid").exists()


def test_a_file_that_names_a_stranger_does_it_no_harm(aigw: Aigw) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        aigw.pid_file.write_text(f"{stranger.pid}\n")
        for command in ("stop", "reload", "status"):
            done = aigw(command, "--pid-file", "aigw.pid")
            assert done.returncode == 3
            assert f"left from process {stranger.pid}" in done.stderr
        assert stranger.poll() is None
        assert aigw.status()["state"] == "stale"
        stranger.kill()


def test_who_does_not_listen_is_killed_after_the_time(aigw: Aigw) -> None:
    with holder(aigw.pid_file, "deaf") as process:
        done = aigw("stop", "--pid-file", "aigw.pid", "--timeout", "0.1", "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["how"] == "killed"
        assert process.wait() == -signal.SIGKILL


def test_a_reload_is_asked_of_the_holder(aigw: Aigw) -> None:
    with holder(aigw.pid_file) as process:
        assert aigw("reload", "--pid-file", "aigw.pid").returncode == 0
        assert process.wait() == -signal.SIGHUP


_DIES = """
import os, signal, sys
from aigw_asgi.background import in_background
def serve(readiness):
    {}
sys.exit(in_background(serve))
"""


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", 1, "before it was ready"),
        ("os._exit(7)", 1, "before it was ready"),
        ("return 4", 4, ""),
        ("return 0", 1, ""),
        ("raise ValueError('odd')", 1, "ValueError: odd"),
        ("readiness.ready(); return 5", 0, ""),
    ],
)
def test_whoever_starts_it_is_told_how_it_went(what: str, status: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DIES.format(what)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert said in done.stderr


def test_a_starter_that_gave_up_ends_the_start() -> None:
    script = (
        "import os, signal\n"
        "from aigw_asgi.background import Readiness\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(42))\n"
        "Readiness(writer).ready()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == 42
