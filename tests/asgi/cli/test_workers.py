"""``aigw run --workers N``: real processes, and what becomes of them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from aigw_asgi.pid_file import Holder, State, look
from aigw_asgi.stores.sqlite.app_log import SqliteAppLog
from tests.asgi.cli.test_daemon import Aigw, aigw
from tests.asgi.test_systemd import Manager, gateway, manager
from tests.fleet import (
    PATIENCE,
    Client,
    children,
    client,
    client_of,
    gone,
    has_a_loop,
    refused,
    until,
)
from tests.running import ROOT, free_port

__all__ = ["aigw", "manager"]  # fixtures

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="who serves whom is asked of Linux"
)

FINISHED = b"data: [DONE]"
BROKEN_OFF = b'"error"'


class Fleet:
    """A gateway whose workers are all ready."""

    def __init__(self, process: subprocess.Popen[bytes], manager: Manager) -> None:
        self.process = process
        self.manager = manager
        ready = manager.next()
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(process.pid))
        self.at_ready = {pid for pid in children(process.pid) if has_a_loop(pid)}
        self.port = int(ready["STATUS"].rpartition(":")[2])

    @property
    def workers(self) -> set[int]:
        return children(self.process.pid)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def replaced(self, pids: set[int]) -> None:
        """Wait until others than these serve, as many as there were."""

        def there() -> bool:
            found = self.workers  # one look: the next may see others
            return len(found) == len(self.at_ready) and not found & pids

        until(there)

    def status(self) -> int:
        """That of the end."""
        return self.process.wait(PATIENCE)

    def log(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()


@contextlib.contextmanager
def fleet(
    manager: Manager, *arguments: str, workers: int = 2, env: dict[str, str] | None = None
) -> Iterator[Fleet]:
    words = ["--workers", str(workers), *arguments]
    if "-c" not in arguments:
        words += ["--port", "0"]
    with gateway(*words, env={"NOTIFY_SOCKET": manager.address, **(env or {})}) as process:
        running = Fleet(process, manager)
        yield running
        process.kill()
        everybody = running.at_ready | running.workers
        until(lambda: all(gone(pid) for pid in everybody))


def answered(client: Client, key: str = "") -> int:
    client.ask("/wps 0 hello", key=key)
    return int(client.rest().split()[1])


def statuses(running: Fleet, key: str) -> list[int]:
    """What each worker answers to a request with this key."""
    found = []
    for pid in running.workers:
        with client_of(running.port, pid) as each:
            found.append(answered(each, key))
    return found


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_is_ready_when_all_workers_are_and_ends_with_them(
    manager: Manager, number: int, status: int
) -> None:
    with fleet(manager, workers=3) as running:
        assert len(running.at_ready) == 3
        assert statuses(running, "") == [200, 200, 200]
        names = {Path(f"/proc/{pid}/comm").read_text() for pid in running.workers}
        assert names == {f"aigw worker {number}\n" for number in range(3)}
        # What forks must have no second thread.
        about = Path(f"/proc/{running.process.pid}/status").read_text()
        assert "\nThreads:\t1\n" in about
        running.signal(number)
        assert running.manager.next()["STOPPING"] == "1"
        assert running.status() == status
        assert all(gone(pid) for pid in running.at_ready)
        assert running.log().count("aigw listens on") == 1


def test_a_killed_worker_takes_only_its_own_streams_and_is_replaced(manager: Manager) -> None:
    with fleet(manager) as running, contextlib.ExitStack() as stack:
        clients: dict[int, list[Client]] = {}
        killed, other = running.workers
        # A minute would be left of the one, were it not killed; a second of the other.
        for pid, words in ((killed, 1800), (other, 30)):
            clients[pid] = [stack.enter_context(client_of(running.port, pid)) for _ in range(4)]
            for each in clients[pid]:
                each.begin("/wps 30 " + "word " * words)
        os.kill(killed, signal.SIGKILL)
        assert not any(FINISHED in each.rest() for each in clients[killed])
        running.replaced({killed})
        assert statuses(running, "") == [200, 200]
        assert all(FINISHED in each.rest() for each in clients[other])
        running.signal(signal.SIGTERM)
        assert running.status() == 0
        log = running.log()
        assert f"(process {killed}) was killed by SIGKILL and is replaced" in log


def test_a_connection_that_nobody_has_accepted_outlives_its_worker(manager: Manager) -> None:
    with fleet(manager, workers=2) as running:
        for pid in running.at_ready:
            os.kill(pid, signal.SIGSTOP)
        waiting = socket.create_connection(("127.0.0.1", running.port), PATIENCE)
        with waiting:
            waiting.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            for pid in running.at_ready:
                os.kill(pid, signal.SIGKILL)
            assert waiting.recv(65536).startswith(b"HTTP/1.1 200")


def successor(running: Fleet, stays: int, died: int) -> int:
    until(lambda: running.workers - {stays, died})
    return (running.workers - {stays, died}).pop()


def test_a_worker_that_keeps_dying_ends_the_gateway(manager: Manager) -> None:
    with fleet(manager) as running:
        stays, dies = running.at_ready
        with client_of(running.port, stays) as streaming:
            streaming.begin("/wps 20 " + "word " * 100)
            for _ in range(4):
                os.kill(dies, signal.SIGKILL)
                dies = successor(running, stays, dies)
            os.kill(dies, signal.SIGKILL)
            assert running.manager.next()["STOPPING"] == "1"
            assert FINISHED in streaming.rest()
        assert running.status() == 1
        log = running.log()
        assert [f"in {pause} s" in log for pause in (0.25, 0.5, 1)] == [True, True, True]
        assert "5 times within 60 s: the gateway ends" in log


def test_workers_do_not_outlive_their_supervisor(manager: Manager, tmp_path: Path) -> None:
    pid_file = tmp_path / "aigw.pid"
    with fleet(manager, "--pid-file", str(pid_file)) as running, contextlib.ExitStack() as stack:
        workers = running.workers
        clients = [stack.enter_context(client_of(running.port, pid)) for pid in workers]
        for each in clients:
            each.begin("/wps 1 " + "word " * 60)
        running.signal(signal.SIGKILL)
        for each in clients:
            end = each.rest()
            assert BROKEN_OFF in end
            assert FINISHED not in end
        until(lambda: all(gone(pid) for pid in workers))
        until(lambda: look(str(pid_file)).state is State.STALE)  # and not locked by anybody
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.port))


@pytest.mark.parametrize("everybody", [False, True])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_streams_may_finish_whoever_is_told_to_end(
    manager: Manager, number: int, status: int, *, everybody: bool
) -> None:
    """Ctrl-C and service managers tell all processes: that is one wish, and not two."""
    with fleet(manager) as running, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client_of(running.port, pid)) for pid in running.workers]
        for each in clients:
            each.begin("/wps 20 " + "word " * 60)
        running.signal(number)
        if everybody:
            for pid in running.at_ready:
                os.kill(pid, number)
        assert running.manager.next()["STOPPING"] == "1"
        if everybody:
            for pid in running.at_ready:
                os.kill(pid, number)
        until(lambda: refused(running.port))
        assert not any(gone(pid) for pid in running.at_ready)  # it came before the end
        assert all(FINISHED in each.rest() for each in clients)
        assert running.status() == status


def test_streams_beyond_the_time_end_with_an_error(manager: Manager) -> None:
    with (
        fleet(manager, "--shutdown-timeout", "0.3") as running,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(client(running.port)) for _ in range(20)]
        for each in clients:
            each.begin("/wps 2 " + "word " * 60)
        running.signal(signal.SIGTERM)
        ends = [each.rest() for each in clients]
        assert all(BROKEN_OFF in end and FINISHED not in end for end in ends)
        assert running.status() == 0


def test_a_second_signal_ends_all_at_once(manager: Manager) -> None:
    with fleet(manager, "--shutdown-timeout", "600") as running:
        with client(running.port) as streaming:
            streaming.begin("/wps 1 " + "word " * 60)
            running.signal(signal.SIGTERM)
            assert running.manager.next()["STOPPING"] == "1"
            running.signal(signal.SIGINT)
            assert running.status() == 130
            assert BROKEN_OFF not in streaming.rest()
        until(lambda: all(gone(pid) for pid in running.at_ready))


def test_a_worker_that_is_told_to_end_drains_and_is_replaced(
    manager: Manager, tmp_path: Path
) -> None:
    pid_file = tmp_path / "aigw.pid"
    with fleet(manager, "--pid-file", str(pid_file)) as running:
        told = running.workers.pop()
        with client_of(running.port, told) as streaming:
            streaming.begin("/wps 20 " + "word " * 20)
            os.kill(told, signal.SIGTERM)
            assert FINISHED in streaming.rest()
        running.replaced({told})
        assert statuses(running, "") == [200, 200]
        assert look(str(pid_file)) == Holder(State.RUNNING, running.process.pid)


_FORK_FAILS = """
import errno, os, sys
from aigw_asgi.cli import main
fork, forks, failing, how = os.fork, 0, int(sys.argv.pop(1)), sys.argv.pop(1)
def sometimes():
    global forks
    forks += 1
    if forks == failing and how == "none":
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    pid = fork()
    if forks == failing and not pid:
        os._exit(7)
    return pid
os.fork = sometimes
sys.exit(main())
"""


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [("none", 1, "cannot be started: Resource temp"), ("dies", 7, "exited with 7 before it was")],
)
def test_a_start_without_enough_processes_fails(
    which: int, how: str, status: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORK_FAILS, str(which), how, "run", "--workers=2", "--port=0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # Its outputs are at their end, so all who had them are gone.
    assert done.returncode == status
    assert f"worker {which - 1} " in done.stdout
    assert said in done.stdout


def test_a_worker_that_cannot_be_forked_is_tried_again(manager: Manager) -> None:
    words = ["-c", _FORK_FAILS, "3", "none", "run", "--workers=2", "--port=0"]
    env = {**os.environ, "NOTIFY_SOCKET": manager.address}
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.PIPE
    ) as process:
        running = Fleet(process, manager)
        killed = running.workers.pop()
        os.kill(killed, signal.SIGKILL)
        running.replaced({killed})
        assert statuses(running, "") == [200, 200]
        running.signal(signal.SIGTERM)
        assert running.status() == 0
        assert "cannot be started: Resource temporarily unavailable" in running.log()


def test_an_end_during_a_pause_is_not_waited_out(manager: Manager) -> None:
    with fleet(manager) as running:
        stays, dies = running.at_ready
        for _ in range(3):
            os.kill(dies, signal.SIGKILL)
            dies = successor(running, stays, dies)
        os.kill(dies, signal.SIGKILL)
        until(lambda: running.workers == {stays})  # for a second, now
        running.signal(signal.SIGTERM)
        assert running.manager.next()["STOPPING"] == "1"
        assert running.status() == 0
        assert running.workers == set()


def configuration(key: str) -> str:
    return f"host: 127.0.0.1\nport: 0\necho: 'on'\napi-keys: [{key}]\n"


def test_a_reload_reaches_all_before_it_is_called_done(manager: Manager, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(configuration("one"))
    with fleet(manager, "-c", str(file), workers=3) as running:
        assert statuses(running, "one") == [200, 200, 200]
        file.write_text(configuration("two"))
        late, *_, other = running.workers
        os.kill(late, signal.SIGSTOP)
        running.signal(signal.SIGHUP)
        assert running.manager.next()["RELOADING"] == "1"

        def one_has_it() -> bool:
            with client_of(running.port, other) as each:
                return answered(each, "two") == 200

        until(one_has_it)
        assert not select.select([manager.socket], [], [], 0)[0]
        os.kill(late, signal.SIGCONT)
        assert running.manager.next()["READY"] == "1"
        assert statuses(running, "one") == [401, 401, 401]
        assert statuses(running, "two") == [200, 200, 200]


def test_an_end_during_a_reload_is_honoured_at_once(manager: Manager, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(configuration("one"))
    with fleet(manager, "-c", str(file)) as running:
        stuck = running.workers.pop()
        os.kill(stuck, signal.SIGSTOP)  # so that the reload cannot be done
        running.signal(signal.SIGHUP)
        assert running.manager.next()["RELOADING"] == "1"
        running.signal(signal.SIGTERM)
        assert running.manager.next()["STOPPING"] == "1"
        os.kill(stuck, signal.SIGCONT)
        assert running.status() == 0


def test_a_successor_goes_by_the_file_as_it_is_now(manager: Manager, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(configuration("one"))
    with fleet(manager, "-c", str(file)) as running:
        before = running.workers
        for pid in before:
            os.kill(pid, signal.SIGSTOP)  # nobody else sees the new one
        file.write_text(configuration("two"))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        running.replaced(before)
        assert statuses(running, "two") == [200, 200]


def test_a_successor_goes_by_the_last_file_that_could_be_used(
    manager: Manager, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(configuration("one"))
    with fleet(manager, "-c", str(file)) as running:
        file.write_text(configuration("two"))
        running.signal(signal.SIGHUP)
        assert running.manager.next()["RELOADING"] == "1"
        assert running.manager.next()["READY"] == "1"
        file.write_text("prot: 1\n")
        before = running.workers
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        running.replaced(before)
        assert statuses(running, "one") == [401, 401]
        assert statuses(running, "two") == [200, 200]
        running.signal(signal.SIGTERM)
        assert running.status() == 0
        assert 'unknown key "prot"' in running.log()


def test_a_worker_that_hangs_is_replaced(manager: Manager) -> None:
    """Where somebody looks for signs of life."""
    with fleet(manager, env={"WATCHDOG_USEC": "2000000"}) as running:
        assert manager.next(alive=True) == {"WATCHDOG": "1"}
        hangs = running.workers.pop()
        os.kill(hangs, signal.SIGSTOP)
        running.replaced({hangs})
        assert statuses(running, "") == [200, 200]
        running.signal(signal.SIGTERM)
        assert running.status() == 0
        assert f"(process {hangs}) hangs and is killed" in running.log()


def test_handed_sockets_are_shared(manager: Manager) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        env = {"NOTIFY_SOCKET": manager.address}
        with gateway("--workers", "2", listening=listening, env=env) as process:
            running = Fleet(process, manager)
            assert running.port == port
            assert statuses(running, "") == [200, 200]
            running.signal(signal.SIGTERM)
            assert running.status() == 0
        with socket.create_connection(("127.0.0.1", port), PATIENCE):
            pass  # it waits for the next gateway


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``aigw run``, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "aigw_asgi.cli", "run", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("extra", [[], ["--daemon"]])
def test_workers_that_cannot_start_fail_the_start(tmp_path: Path, extra: list[str]) -> None:
    # A loop that only whoever serves makes: it goes before the one that is installed.
    (tmp_path / "uvloop.py").write_text("def new_event_loop():\n    raise OSError('no loop')\n")
    (tmp_path / "config.yaml").write_text(configuration("k"))
    # Its outputs reach their end only once all who have them are gone.
    done = run(tmp_path, "--workers", "3", "--loop", "uvloop", *extra)
    assert done.returncode == 1
    assert done.stderr.count("cannot listen") == 1
    assert "listens on" not in done.stdout
    assert not (tmp_path / "aigw.pid").exists()


@pytest.mark.parametrize("extra", [[], ["--daemon"]])
def test_certificates_are_looked_at_before_there_are_workers(
    tmp_path: Path, extra: list[str]
) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    tls = "tls: {enable: true, cert: cert.pem, key: key.pem}\n"
    (tmp_path / "config.yaml").write_text(configuration("k") + tls)
    done = run(tmp_path, "--workers", "3", *extra)
    assert done.returncode == 4
    assert done.stderr == "aigw: cert.pem holds no certificate in PEM\n"
    assert not (tmp_path / "aigw.pid").exists()


def test_a_taken_port_is_told_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, "--workers", "2", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.count("cannot listen on 127.0.0.1") == 1


@pytest.mark.parametrize("number", ["0", "auto", "-1", "257", "2.5"])
def test_what_is_no_number_of_workers_is_refused(tmp_path: Path, number: str) -> None:
    done = run(tmp_path, f"--workers={number}")
    assert done.returncode == 2
    assert f"'{number}' is not a number of processes, 1 to 256" in done.stderr


def test_a_daemon_has_workers(aigw: Aigw) -> None:
    port = free_port()
    done = aigw.daemon("--port", str(port), "--workers", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("aigw listens on") == 1
    found = aigw.status()
    pid = int(aigw.pid_file.read_text())
    workers = children(pid)
    assert len(workers) == 2
    assert found == {
        "state": "running",
        "pid": pid,
        "pid_file": "aigw.pid",
        "workers": sorted(workers),
    }
    for each in workers:
        assert [os.readlink(f"/proc/{each}/fd/{number}") for number in range(3)] == [
            "/dev/null"
        ] * 3
    killed = workers.pop()
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(children(pid) - {killed}) == 2)
    with client_of(port, (children(pid) - workers).pop()) as new:
        assert answered(new) == 200
    assert aigw("reload", "--pid-file", "aigw.pid").returncode == 0
    assert aigw("stop", "--pid-file", "aigw.pid").returncode == 0
    assert not aigw.pid_file.exists()
    log = (aigw.folder / "state" / "logs" / "aigw.log").read_text()
    assert f"(process {killed}) was killed by SIGKILL and is replaced" in log
    assert "aigw.access" in log  # of the worker, in the same file


@pytest.fixture
def app_log(tmp_path: Path) -> Iterator[SqliteAppLog]:
    """Of a gateway whose state is in ``tmp_path / "state"``."""
    log = SqliteAppLog(tmp_path / "state")
    yield log
    anyio.run(log.aclose)


def test_what_all_processes_say_is_in_one_app_log(
    manager: Manager, tmp_path: Path, app_log: SqliteAppLog
) -> None:
    """Of the supervisor, which has no thread, and of workers: also after the end."""
    config = tmp_path / "aigw.yaml"
    config.write_text("host: 127.0.0.1\nport: 0\n")
    env = {"AIGW_STATE_DIR": str(tmp_path / "state")}
    with fleet(manager, "-c", str(config), env=env) as running:
        killed = running.workers.pop()
        os.kill(killed, signal.SIGKILL)
        running.replaced({killed})
        until(lambda: told(app_log, "is process"))  # so it would hear of a reload
        workers = running.workers
        config.write_text("host: 127.0.0.1\nport: 0\nrouting:\n  strategy: fill-first\n")
        running.signal(signal.SIGHUP)
        until(lambda: told(app_log, "IN FORCE") >= 2)
        running.signal(signal.SIGTERM)
        assert running.status() == 0
    page = anyio.run(app_log.page)
    said = {(each.worker, each.pid) for each in page.records if "is in force" in each.message}
    assert {pid for _, pid in said} == workers
    assert {worker for worker, _ in said} == {0, 1}
    deaths = [each for each in page.records if "was killed by SIGKILL" in each.message]
    assert [(each.worker, each.pid) for each in deaths] == [(None, running.process.pid)]
    assert [each.seq for each in page.records] == list(range(page.newest, 0, -1))


def told(log: SqliteAppLog, text: str) -> int:
    return len(anyio.run(partial(log.page, text=text)).records)
