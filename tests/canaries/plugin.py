"""``pytest -p tests.canaries.plugin``: after each test, nothing that its gateways said has
any of what they were entrusted with.

Secrets count for all tests of a module, since gateways may be shared by them, and those that
modules make when they are imported for all. A text that is too short to be found for
certain is not looked for, and counted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.canaries.watch import watch

SHORTEST = 8
"""Characters of the shortest secret that is looked for, as the log's redactor has it."""

AROUND = 80
"""Characters shown on either side of what was found."""

LONGEST = 200
"""Characters of what is looked for: of a long text, its beginning."""

TOLD = 10
"""Finds of one test that are shown."""

KEPT = (".db", ".db-wal", ".jsonl", ".log")
"""How the names end of files that gateways write and people look into."""

ENTRUSTED = ("secret", "presented", "prompt")

_API = "/api/dashboard"
HANDS_OUT = {
    f"GET {_API}/auth/session",
    *(f"POST {_API}/auth/{name}" for name in ("login", "link", "refresh")),
    *(f"POST {_API}/{name}" for name in ("ws-ticket", "auth-keys")),
}
"""Whose answers are what their clients present later."""

_LINK = re.compile(r"(?<=/login#link=)\S+")
"""That is printed for whoever starts a gateway by hand, and is in no log."""

_HIDDEN_LATER = "logs a secret itself, to see it hidden in the line that is written"
MEANT = {
    "tests/canaries/test_watch.py::test_each_kind_of_leak_is_found": "has a process that leaks",
    "tests/asgi/test_logs.py::test_secrets_are_hidden_in_messages_arguments_and_tracebacks": (
        _HIDDEN_LATER
    ),
    "tests/asgi/test_log_keeper.py::test_secrets_are_not_in_it": _HIDDEN_LATER,
    "tests/asgi/cli/test_run.py::test_a_secret_of_a_reloaded_file_is_known_to_the_log": (
        "asks for a model that has the name of a secret"
    ),
}
"""Tests in which something is told that is looked for here, and why that is right."""


class Canaries:
    """What was noted, and what of it has been compared."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self._known: dict[str, set[str]] = {what: set() for what in ENTRUSTED}
        self._lasting: dict[str, set[str]] = {what: set() for what in ENTRUSTED}
        self._said: list[tuple[str, str, str]] = []
        self._read: dict[Path, int] = {}

    def note(self, kind: str, text: str, about: str) -> None:
        known = self._known.get(kind)
        if known is None:
            self.counts[kind] += 1
            if kind == "print":
                text = _LINK.sub("", text)
            if kind != "process":
                self._said.append((kind, text, about))
        elif text not in known:
            known.add(text)
            self.counts[kind if findable(kind, text) else f"{kind} too short"] += 1

    def compare(self) -> list[str]:
        """What was said since this was last asked that should not have been."""
        for path in sorted(self.folder.glob("*.jsonl")):
            data = path.read_bytes()[self._read.get(path, 0) :]
            whole = data[: data.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            for line in whole.splitlines():
                try:
                    self.note(*json.loads(line))
                except ValueError:
                    self.counts["unreadable"] += 1  # of a process that was killed at it
        said, self._said = self._said, []
        patterns = {
            what: _pattern(
                form for each in known if findable(what, each) for form in forms(what, each)
            )
            for what, known in self._known.items()
        }
        found = []
        for kind, text, about in said:
            for what, pattern in patterns.items():
                # What a client has asked may come back to it, and be kept for it: an echo, a
                # capture, a conversation.
                own = kind in ("answer", "file") and (what == "prompt" or about in HANDS_OUT)
                if pattern is None or (own and what != "secret"):
                    continue
                if match := pattern.search(text):
                    near = text[max(0, match.start() - AROUND) : match.end() + AROUND]
                    found.append(f"{what} {match[0][:60]!r} in {kind} {about} {near!r}")
        return found

    def note_files(self, folder: Path) -> None:
        """What gateways keep there, but for what they are told in: their configuration."""
        for path in sorted(folder.rglob("*")):
            if path.name.endswith(KEPT) and path.is_file() and not path.is_symlink():
                self.note("file", path.read_bytes().decode("utf-8", "replace"), path.name)

    def remember(self) -> None:
        """Forget nothing of what is known so far."""
        self._lasting = {what: set(known) for what, known in self._known.items()}

    def forget(self) -> None:
        self._known = {what: set(known) for what, known in self._lasting.items()}


def findable(what: str, text: str) -> bool:
    """Whether it can tell anything, and cannot be found by chance, as a word that logs and
    answers use could. With a dollar it is the name of a variable or header, and an
    address is where to go unless it says as whom."""
    if what == "prompt":
        return len(text) >= SHORTEST and " " in text
    is_open = text.isalpha() or text.startswith("$") or ("://" in text and "@" not in text)
    return len(text) >= SHORTEST and not is_open


def forms(what: str, text: str) -> Iterator[str]:
    """The ways in which another text may show it, or what is secret of it."""
    text = text[:LONGEST]
    yield from (text, quote(text, safe="", errors="surrogatepass"))
    yield from (json.dumps(text)[1:-1], repr(text)[1:-1])
    if what == "secret" and ("://" in text or " " in text):
        for part in re.split(r"[\s:/@]+", text):
            # The password of a URL, and not its host; the token of "Bearer TOKEN".
            if len(part) >= SHORTEST and (f":{part}@" in text or " " in text):
                yield part


def _pattern(texts: Iterator[str]) -> re.Pattern[str] | None:
    longest_first = sorted(set(texts), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


_KEY = pytest.StashKey[Canaries]()


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="aigw-canaries-"))
    canaries = config.stash[_KEY] = Canaries(folder)
    config.pluginmanager.register(_FromWorkers())
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        site = str(Path(__file__).parent / "site")
        path = [site, *filter(None, [os.environ.get("PYTHONPATH")])]
        _hand_down(
            {
                "AIGW_CANARIES": str(folder),
                "AIGW_LOG_LEVEL": "debug",
                "PYTHONPATH": os.pathsep.join(path),
            }
        )
        watch(canaries.note)
        _watch_captured(canaries)


def _hand_down(own: dict[str, str]) -> None:
    """To processes that tests start, and not to gateways in this one."""
    begin = subprocess.Popen.__init__

    def init(self: Any, *args: Any, **named: Any) -> None:
        env = named.get("env")
        named["env"] = {**own, **(os.environ if env is None else env)}
        begin(self, *args, **named)

    subprocess.Popen.__init__ = init  # type: ignore[method-assign]


def _watch_captured(canaries: Canaries) -> None:
    """What commands print that tests run in this process."""
    read = pytest.CaptureFixture.readouterr

    def readouterr(self: pytest.CaptureFixture[Any]) -> Any:
        captured = read(self)
        canaries.note("print", f"{captured.out}\n{captured.err}", "")
        return captured

    pytest.CaptureFixture.readouterr = readouterr  # type: ignore[method-assign]


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[_KEY].remember()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    canaries = item.config.stash[_KEY]
    if folder is not None:
        canaries.note_files(folder)
    found = canaries.compare()
    if nextitem is None or nextitem.path != item.path:
        canaries.forget()
    if found and item.nodeid.partition("[")[0] not in MEANT:
        canaries.counts["hit"] += len(found)
        pytest.fail("\n".join(dict.fromkeys(found[:TOLD])), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    handed_over: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if handed_over is not None:
        handed_over["canaries"] = dict(session.config.stash[_KEY].counts)


class _FromWorkers:
    """Adds up what workers of xdist have counted."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        counts = getattr(node, "workeroutput", {}).get("canaries", {})
        node.config.stash[_KEY].counts.update(counts)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_KEY].folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    counts = config.stash[_KEY].counts
    terminalreporter.section("canaries")
    told = "process", "log", "answer", "print", "file", "unreadable", *ENTRUSTED, "hit"
    shown = {**dict.fromkeys(told, 0), **counts}
    terminalreporter.line(", ".join(f"{name}: {count}" for name, count in shown.items()))
