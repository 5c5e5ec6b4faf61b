"""The log of the process: complete lines, none of them a secret, none of them in the way."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from aigw_asgi import logs
from aigw_asgi.access_log import log_exchange
from aigw_asgi.logs import MAX_LINE, Log, LogSettings
from aigw_asgi.redaction import Redactor
from aigw_core.config.secret import Secret
from tests.asgi.test_access_log import RECORD

LOG = logging.getLogger("aigw")


class Pipe:
    """What a log writes to; read once it is done."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read(self) -> str:
        os.close(self.writer)
        with open(self.reader, "rb") as stream:
            return stream.read().decode()


@pytest.fixture(autouse=True)
def own_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "REDACTOR", Redactor())


def written(settings: LogSettings, do: Callable[[], object]) -> list[str]:
    pipe = Pipe()
    with Log(settings, output=pipe.writer):
        do()
    return pipe.read().splitlines()


JSON = LogSettings(format="json")
TEXT = LogSettings()


def test_a_line_for_people() -> None:
    (line,) = written(TEXT, lambda: LOG.info("%s of %d", "one", 2))
    when, rest = line.split(" ", 1)
    assert rest == "INFO    one of 2"
    assert when.endswith("Z")
    time.strptime(when[:19], "%Y-%m-%dT%H:%M:%S")


def test_a_json_line_of_an_access() -> None:
    (line,) = written(JSON, lambda: log_exchange(RECORD, path="/v1/messages"))
    found = json.loads(line)
    assert (found["level"], found["msg"], found["request_id"]) == ("info", "request", "req-1")
    assert found["gen_ai.usage.input_tokens"] == 15
    assert found["duration_ms"] == 1500.0


def test_an_access_line_for_people() -> None:
    (line,) = written(TEXT, lambda: log_exchange(RECORD, path="/v1/messages"))
    assert " aigw.access: 200 1500.0ms POST /v1/messages" in line


def test_lines_below_the_level_are_not_written() -> None:
    def say() -> None:
        LOG.info("no")
        log_exchange(RECORD, path="/v1/messages")
        LOG.error("yes")

    (line,) = written(LogSettings(level="warning"), say)
    assert line.endswith("ERROR   yes")


@pytest.mark.parametrize("settings", [TEXT, JSON], ids=["text", "json"])
def test_secrets_are_hidden_in_messages_arguments_and_tracebacks(settings: LogSettings) -> None:
    canary = "canary-0123456789"
    logs.REDACTOR.know(Secret(canary))

    def say() -> None:
        LOG.info("key %s", canary)
        LOG.info("a %s", Secret(canary))
        try:
            raise ValueError(f"bad {canary}")
        except ValueError:
            LOG.exception("failed")
        log_exchange(replace(RECORD, key=canary), path=f"/v1/{canary}")

    text = "\n".join(written(settings, say))
    assert canary not in text
    assert text.count("***") >= 4


@pytest.mark.parametrize("settings", [TEXT, JSON], ids=["text", "json"])
@pytest.mark.parametrize(
    "odd", ["\r\n2026 ERROR forged", "\x1b[2J", "\x00", "\u2028", "\x85", "\ud800", "é" * 70_000]
)
def test_whatever_is_logged_is_one_line(settings: LogSettings, odd: str) -> None:
    lines = written(settings, lambda: LOG.info("got %s", odd))
    assert len(lines) == 1
    assert len(lines[0]) <= MAX_LINE + 200
    assert "\x1b" not in lines[0]


def test_a_traceback_cannot_forge_a_line() -> None:
    def say() -> None:
        try:
            raise ValueError("one\n2026-11-23T00:00:00.000Z INFO    forged")
        except ValueError:
            LOG.exception("failed")

    first, *rest = written(TEXT, say)
    assert first.endswith("ERROR   failed")
    assert rest
    assert all(line.startswith("    | ") for line in rest)


def test_a_wrong_call_of_the_log_is_a_line() -> None:
    lines = written(TEXT, lambda: LOG.info("%d", "no number"))
    assert "'%d' cannot be formatted" in lines[0]


def test_arguments_are_as_they_were_when_it_was_said() -> None:
    def say() -> None:
        things = [1]
        LOG.info("%s", things)
        things.append(2)

    assert written(TEXT, say)[0].endswith("[1]")


def test_lines_go_to_the_file_as_well(tmp_path: Path) -> None:
    lines = written(LogSettings(folder=str(tmp_path / "logs")), lambda: LOG.info("here"))
    assert (tmp_path / "logs" / "aigw.log").read_text().splitlines() == lines


def test_a_folder_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        Log(LogSettings(folder=str(tmp_path / "file")))


def test_a_reader_that_stopped_costs_lines_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_SIZE", 50)
    pipe = Pipe()
    said = 3000
    with Log(TEXT, output=pipe.writer) as log:
        # 64 KiB fit into the pipe; nobody reads, so the writer is stuck by then.
        started = time.monotonic()
        for at in range(said):
            LOG.info("%d %s", at, "x" * 100)
        assert time.monotonic() - started < 5
        assert log.dropped > 1000
        text: list[str] = []
        reader = threading.Thread(target=lambda: text.append(pipe.read()))
        os.set_blocking(pipe.reader, True)
        drain = os.dup(pipe.reader)
        while log.dropped + sum(chunk.count("\n") for chunk in text) < said:
            text.append(os.read(drain, 1 << 16).decode())
        os.close(drain)
    reader.start()
    reader.join()
    lines = "".join(text).splitlines()
    notices = [line for line in lines if "lines were dropped" in line]
    assert len(lines) - len(notices) + log.dropped == said
    told = sum(int(line.split("WARNING ")[1].split()[0]) for line in notices)
    assert told == log.dropped


def test_a_reader_that_never_comes_back_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "STOP_LIMIT", 0.1)
    pipe = Pipe()
    with Log(TEXT, output=pipe.writer):
        for _ in range(1000):
            LOG.info("%s", "x" * 100)
    # The rest still comes once somebody reads.
    text = b""
    while text.count(b"\n") < 1000:
        text += os.read(pipe.reader, 1 << 16)


def test_a_full_disk_costs_lines_that_are_counted(capfd: pytest.CaptureFixture[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with Log(TEXT, output=full) as log:
        for _ in range(100):
            LOG.info("x")
    os.close(full)
    assert log.unwritten == 100
    assert log.dropped == 0
    assert capfd.readouterr().err.count("No space left on device") == 1


def test_a_sink_that_comes_back_says_what_it_lost() -> None:
    class Moody:
        lines: list[bytes] = []  # noqa: RUF012 - of this test

        def write(self, data: bytes, now: float) -> None:
            if b"lost" in data:
                raise OSError(28, "No space left on device")
            self.lines.append(data)

        def close(self) -> None:
            pass

    moody = Moody()
    writer = logs._Writer(moody, logs.text_line)
    for message in ("one", "lost", "lost", "two"):
        writer.handle(logging.LogRecord("aigw", 20, "", 0, message, None, None))
    assert [line.split(b" ", 1)[1] for line in b"".join(moody.lines).splitlines()] == [
        b"INFO    one",
        b"WARNING 2 lines could not be written here",
        b"INFO    two",
    ]


def test_a_process_that_forks_writes_without_a_thread_and_waits_for_nobody() -> None:
    pipe = Pipe()
    threads = threading.active_count()
    with Log(TEXT, output=pipe.writer, forks=True) as log:
        assert threading.active_count() == threads
        LOG.info("%s", "here")
        assert b"here" in os.read(pipe.reader, 4096)
        while not log.unwritten:  # nobody reads any more
            LOG.info("%s", "x" * 100)
        LOG.info("lost")
        taken = os.read(pipe.reader, 1 << 20)
        LOG.info("%s", "again")
        assert b"lost" not in taken
        assert log.dropped == 0
    notice, again = pipe.read().splitlines()
    assert notice.endswith("2 lines could not be written here")
    assert again.endswith("again")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test runner has threads
def test_lines_of_forked_processes_stay_whole() -> None:
    pipe = Pipe()
    pids = []
    with Log(TEXT, output=pipe.writer, forks=True) as log:
        for mark in "abcd":
            pid = os.fork()
            if not pid:
                try:
                    log.own_thread()
                    for _ in range(100):
                        LOG.info("%s", mark * 7000)  # more than a pipe takes in one piece
                    log.close()
                finally:
                    os._exit(0)
            pids.append(pid)
    lines = pipe.read().splitlines()
    for pid in pids:
        os.waitpid(pid, 0)
    assert len(lines) == 400
    assert {len(set(line.split()[-1])) for line in lines} == {1}


def test_the_log_leaves_things_as_they_were() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("httpcore2").level
    with Log(TEXT, output=None):
        assert len(root.handlers) == 1
    assert (root.handlers[:], root.level, logging.getLogger("httpcore2").level) == before
