"""L6: writers of one configuration file, against an editor that knows nothing of them.

``aigw keys create`` and ``revoke`` as commands, and ``change_file`` in a process, each ten
times a second if they can, change the list of keys, while an editor rewrites the same file
(by rename and in place, in turn) and a reader parses it 200 times a second and reads it fifty
times as often. A gateway watches it.

What a writer said was done must be in the file at the end, unless the editor had read the
file before and written it after: ``overwritten`` counts these, and no writer can help it.
An edit by rename must be there when the editor looks again (``edits_lost``). One in place
may go into a file that a writer has just replaced (``edits_lost_in_place``).
A reader must never see what nobody wrote, but for halves of what the editor writes in
place, ``halves``. All comments must be where they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from aigw_asgi.config_store import compile_bytes, version_of
from aigw_asgi.config_writer import VersionConflict, change_file
from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import delete, insert_item
from aigw_core.errors import InvalidConfig
from bench.process import ROOT, Process, free_port
from bench.soak.scenario import Figure, Options, Progress, none_of

TEXT = """\
# The gateway of the house.
host: 127.0.0.1   # only here
idle-timeout: 100 # the editor's

# who may use it
api-keys:
  # the first of all
  - name: first
    key: sk-first # never revoked

# after the keys
openai-compatibility:
  - name: somewhere # a comment here
    api-key: "k"
    base-url: http://127.0.0.1:1
# the end
"""
COMMENTS = re.findall(r"#.*", TEXT)
PAUSE = 0.1
KEPT = 8
"""Keys of one writer that stay in the file."""

_EDITED = re.compile(rb"(?<=idle-timeout: )[0-9]+")
_NAME = re.compile(r"- name: ([cp][0-9]+)\b")


class Edit:
    """What the editor did: when it read, when it had written, and what."""

    def __init__(self, read: float, written: float, text: bytes, *, in_place: bool) -> None:
        self.in_place = in_place
        self.read = read
        self.written = written
        self.names = set(_NAME.findall(text.decode()))
        found = _EDITED.search(text)
        self.mark = None if found is None else found[0]


class Write:
    """What a writer said was done."""

    def __init__(self, name: str, *, there: bool, begun: float, done: float) -> None:
        self.name = name
        self.there = there
        self.begun = begun
        self.done = done


class Soak:
    def __init__(self, file: Path, seconds: float, progress: Progress) -> None:
        self.file = file
        self.progress = progress
        self.counts: Counter[str] = Counter()
        self.written = {version_of(TEXT.encode())}
        """Versions of whole files that somebody wrote."""
        self.in_place: list[bytes] = []
        self.edits: list[Edit] = []
        self.writes: list[Write] = []
        self.errors: list[str] = []
        self._until = time.monotonic() + seconds
        self._halted = threading.Event()

    def run(self) -> None:
        works = [self._command, self._in_process, self._editor]
        threads = [threading.Thread(target=self._keep, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        while (left := self._until - time.monotonic()) > 0 and not self._halted.is_set():
            self.progress(f"{len(self.writes)} changes, {len(self.edits)} edits")
            self._halted.wait(min(left, 1.0))
        for thread in threads:
            thread.join()

    def _keep(self, work: Callable[[int], None]) -> None:
        number = 0
        try:
            while time.monotonic() < self._until and not self._halted.is_set():
                began = time.monotonic()
                work(number)
                number += 1
                self._halted.wait(max(0.0, PAUSE - (time.monotonic() - began)))
        except Exception as exc:  # noqa: BLE001 (whatever it is, the run has failed)
            self.errors.append(repr(exc))
            self._halted.set()

    def _note(self, name: str, *, there: bool, begun: float, version: str) -> None:
        self.written.add(version)
        self.writes.append(Write(name, there=there, begun=begun, done=time.monotonic()))

    def _command(self, number: int) -> None:
        """One key more, or the oldest away, by ``aigw keys``."""
        begun = time.monotonic()
        name = f"c{number}"
        words, there = ["create", "--name", name], True
        if number % 2 and number > 2 * KEPT:
            name = f"c{number - 1 - 2 * KEPT}"
            words, there = ["revoke", name], False
        done = subprocess.run(
            [sys.executable, "-m", "aigw_asgi.cli", "keys", *words, "--json", "-c", str(self.file)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if done.returncode == 0:
            self.counts["commands"] += 1
            version = json.loads(done.stdout)["version"]
            self._note(name, there=there, begun=begun, version=version)
        elif "somebody else" in done.stderr:
            self.counts["conflicts"] += 1
        elif not there and "no key is called" in done.stderr:
            self.counts["refused"] += 1  # its creation was a conflict, or was overwritten
        else:
            raise RuntimeError(done.stderr)

    def _in_process(self, number: int) -> None:
        begun = time.monotonic()
        name, there = f"p{number}", True
        if number % 2 and number > 2 * KEPT:
            name, there = f"p{number - 1 - 2 * KEPT}", False

        def change(document: YamlDocument) -> str:
            keys: list[Any] = document.data["api-keys"]
            if there:
                entry: Any = {"name": name, "key": f"sk-{name}"}
                return insert_item(document, ("api-keys",), entry)
            at = [at for at, key in enumerate(keys) if key["name"] == name]
            if not at:
                raise KeyError(name)
            return delete(document, ("api-keys", at[0]))

        try:
            version = change_file(str(self.file), change, {})
        except VersionConflict:
            self.counts["conflicts"] += 1
        except KeyError:
            self.counts["refused"] += 1
        else:
            self.counts["in_process"] += 1
            self._note(name, there=there, begun=begun, version=version)

    def _editor(self, number: int) -> None:
        """As editors do: they look once more before they write, and tell of a change."""
        read = time.monotonic()
        known = self.file.read_bytes()
        mark = _EDITED.search(known)
        if self.edits and (mark is None or mark[0] != self.edits[-1].mark):
            # Half of a file that it writes itself it never sees.
            self.counts["edits_lost_in_place" if self.edits[-1].in_place else "edits_lost"] += 1
        text = _EDITED.sub(b"%d" % (1000 + number), known)
        self._halted.wait(0.02)  # somebody types
        if self.file.read_bytes() != known:
            self.counts["noticed"] += 1
            return
        if number % 2:
            draft = self.file.with_suffix(".edited")
            draft.write_bytes(text)
            self.written.add(version_of(text))
            draft.replace(self.file)
            self.counts["renames"] += 1
        else:
            self.written.add(version_of(text))
            self.in_place.append(text)
            half = len(text) // 2
            # Never empty, so that an empty file is somebody else's doing.
            with self.file.open("r+b", buffering=0) as stream:
                stream.write(text[:half])
                stream.truncate()
                self._halted.wait(0.005)
                stream.write(text[half:])
            self.counts["in_place"] += 1
        self.edits.append(Edit(read, time.monotonic(), text, in_place=not number % 2))

    def judge(self, seen: dict[str, bytes]) -> None:
        """Count what must not be. ``seen`` has all that the reader saw, by version."""
        last = self.file.read_text()
        there = set(_NAME.findall(last))
        latest = {write.name: write for write in self.writes}
        for write in latest.values():
            if write.there == (write.name in there):
                continue
            blamed = any(
                edit.read < write.done
                and edit.written > write.begun
                and write.there != (write.name in edit.names)
                for edit in self.edits
            )
            self.counts["overwritten" if blamed else "lost"] += 1
        for version, raw in seen.items():
            if version not in self.written:
                half = any(raw == text[: len(text) // 2] for text in self.in_place)
                self.counts["halves" if half else "torn"] += 1
            elif re.findall(r"#.*", raw.decode()) != COMMENTS:
                self.counts["comments_lost"] += 1
        if re.findall(r"#.*", last) != COMMENTS:
            self.counts["comments_lost"] += 1


def read_on(file: str, ended: Event, out: Any) -> None:
    """Read and parse the file 200 times a second; puts how often, and all that was seen."""
    seen: dict[str, bytes] = {}
    reads = 0
    while not ended.is_set():
        for _ in range(50):
            raw = Path(file).read_bytes()
            seen.setdefault(version_of(raw), raw)
            reads += 1
        with contextlib.suppress(InvalidConfig):  # judged by what it was
            compile_bytes(raw, file, {})
        time.sleep(0.005)
    out.put((reads, seen))


def soak(folder: Path, seconds: float, progress: Progress) -> Counter[str]:
    """Run it with files in ``folder``; gives all counts."""
    file = folder / "config.yaml"
    file.write_text(TEXT)
    context = multiprocessing.get_context("spawn")
    ended, out = context.Event(), context.Queue()
    reader = context.Process(target=read_on, args=(str(file), ended, out))
    reader.start()
    port = free_port()
    env = {"AIGW_STATE_DIR": str(folder / "state")}
    arguments = ["-m", "aigw_asgi.cli", "run", "-c", str(file), "--port", str(port)]
    try:
        with Process([*arguments, "--log-level", "error"], port, env=env):
            run = Soak(file, seconds, progress)
            run.run()
            run.counts["generations"] = _settle(port, version_of(file.read_bytes()))
    finally:
        ended.set()
    reads, seen = out.get()
    reader.join()
    run.counts["reads"] = reads
    run.judge(seen)
    if run.errors:
        raise RuntimeError(run.errors[0])
    return run.counts


def _settle(port: int, version: str) -> int:
    """The generation of the gateway when it has taken ``version``."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/config", timeout=20) as answer:
            shown = json.load(answer)
        if shown["version"] == version:
            return int(shown["reload"]["generation"])
        time.sleep(0.05)
    raise RuntimeError(f"the gateway has not taken {version}: {shown['reload']}")


COLUMNS = (
    *("commands", "in_process", "conflicts", "refused", "renames", "in_place", "noticed"),
    *("generations", "reads", "halves", "overwritten", "edits_lost_in_place"),
    *("edits_lost", "torn", "lost", "comments_lost"),
)


async def run(options: Options, progress: Progress) -> list[Figure]:
    folder = Path(options.folder)
    counts = await asyncio.to_thread(soak, folder, options.seconds, progress)
    accepted = counts["commands"] + counts["in_process"]
    edits = counts["renames"] + counts["in_place"]
    return [
        Figure("accepted changes", f"{accepted}, and {counts['conflicts']} conflicts"),
        Figure("edits of the editor, reads", f"{edits}, {counts['reads']}"),
        Figure("overwritten by an editor that had not looked", str(counts["overwritten"])),
        Figure("edits in place that went into a replaced file", str(counts["edits_lost_in_place"])),
        none_of("accepted changes that were lost", counts["lost"]),
        none_of("edits by rename that were lost", counts["edits_lost"]),
        none_of("reads of what nobody wrote", counts["torn"]),
        none_of("comments that moved", counts["comments_lost"]),
    ]
