"""L7: a gateway of several workers under load, while its processes are killed.

==========  ==================================================================================
worker      kill -9 of one worker after another: only its own streams may end, and those with
            a broken connection; how soon another process is ready in its place
supervisor  kill -9 of the supervisor: how soon nobody is left; how the streams end
==========  ==================================================================================

SIGTERM is in :mod:`bench.soak.endings`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from bench.process import ROOT, free_port
from bench.soak.scenario import Figure, Options, Progress, none_of

PATIENCE = 30.0
WORDS = 40
LAST = 3.0
"""Seconds of a stream."""


class Gateway:
    """A gateway of ``workers`` processes, and what the kernel tells of them."""

    def __init__(self, workers: int, folder: str, *, drain: float = 5.0) -> None:
        self.port = free_port()
        self.workers = workers
        notify = str(Path(folder) / f"notify-{self.port}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(notify)
            told.settimeout(PATIENCE)
            words = ["--port", str(self.port), "--workers", str(workers)]
            words += ["--shutdown-timeout", str(drain)]
            self._log = open(Path(folder) / f"log-{self.port}", "w+b")
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aigw_asgi.cli", "run", *words],
                cwd=ROOT,
                env={**os.environ, "NOTIFY_SOCKET": notify, "AIGW_STATE_DIR": folder},
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
            told.recv(4096)  # READY
        self.began = self.pids

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        self._log.close()

    @property
    def pids(self) -> set[int]:
        pid = self.process.pid
        try:
            words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return set()
        return {int(word) for word in words}

    def replaced_at(self, count: int) -> float:
        """Unix seconds, when so many successors serve."""
        found: list[bytes] = []
        while len(found) < count:
            time.sleep(0.01)
            self._log.seek(0)
            found = re.findall(rb"(\S+)Z INFO    worker \d+ is process \d+ now", self._log.read())
        return datetime.fromisoformat(found[count - 1].decode() + "+00:00").timestamp()

    def at(self, number: int) -> int:
        """The process that is this worker now."""
        names = {Path(f"/proc/{pid}/comm").read_text(): pid for pid in self.pids}
        return names[f"aigw worker {number}\n"]

    def owners(self) -> dict[int, int]:
        """The ports of clients, and the worker that has each."""
        inodes = {}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[1] == f"0100007F:{self.port:04X}":
                inodes[f"socket:[{words[9]}]"] = int(words[2].split(":")[1], 16)
        found = {}
        for pid in self.pids:
            with contextlib.suppress(OSError):
                for number in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(OSError):
                        port = inodes.get(os.readlink(f"/proc/{pid}/fd/{number}"))
                        if port:
                            found[port] = pid
        return found


def alive(pids: Iterable[int]) -> set[int]:
    found = set()
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                found.add(pid)
    return found


class Stream:
    """One streamed answer, and how it ended."""

    def __init__(self) -> None:
        self.port = 0
        self.began = asyncio.Event()
        self.end = "refused"

    async def run(self, port: int, words: int, pace: float) -> None:
        text = f"/wps {pace:g} " + "word " * words
        body = b'{"model":"echo","stream":true,"messages":[{"role":"user","content":"%b"}]}'
        body %= text.encode()
        data = b""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self.port = writer.get_extra_info("sockname")[1]
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
            try:
                while read := await reader.read(65536):
                    self.began.set()
                    data += read
            finally:
                writer.close()
        except OSError:
            pass
        self.began.set()
        if data:
            self.end = "broken"
        if data.count(b'"content":"word') + data.count(b'"content":" word') == words and (
            b"data: [DONE]" in data
        ):
            self.end = "finished"
        elif b'"error"' in data and b"[DONE]" not in data:
            self.end = "error_event"


async def begin(
    gateway: Gateway, count: int, words: int, pace: float
) -> tuple[list[Stream], list[asyncio.Task[None]]]:
    """So many streams, all of them under way."""
    streams = [Stream() for _ in range(count)]
    tasks = [asyncio.create_task(each.run(gateway.port, words, pace)) for each in streams]
    for each in streams:
        await each.began.wait()
    return streams, tasks


async def run(options: Options, progress: Progress) -> list[Figure]:
    count = min(options.streams, 300)
    return [
        *await _kill_workers(options, count, progress),
        *await _kill_supervisor(options, count, progress),
    ]


async def _kill_workers(options: Options, count: int, progress: Progress) -> list[Figure]:
    ends: Counter[str] = Counter()
    strangers = own = 0
    waits: list[float] = []
    refused = asked = 0
    with Gateway(options.workers, options.folder) as gateway:
        for run in range(options.runs):
            progress(f"kill -9 of a worker, run {run + 1} of {options.runs}")
            streams, tasks = await begin(gateway, count, WORDS, WORDS / LAST)
            owners = gateway.owners()
            victim = gateway.at(run % options.workers)
            killed = time.time()
            os.kill(victim, signal.SIGKILL)
            # New ones come meanwhile, and none of them may notice.
            late, later = await begin(gateway, 20, 4, 50)
            waits.append(await asyncio.to_thread(gateway.replaced_at, run + 1) - killed)
            await asyncio.gather(*tasks, *later)
            for each in streams:
                if owners.get(each.port) == victim:
                    own += 1
                    ends[each.end] += 1
                else:
                    strangers += each.end != "finished"
            asked += len(late)
            refused += sum(each.end != "finished" for each in late)
            # Five deaths in a minute at one place would end the gateway.
            if run + 1 < options.runs:
                await asyncio.sleep(max(0.0, 15.5 / options.workers - LAST))
    waits.sort()
    return [
        Figure("worker: runs x streams", f"{options.runs} x {count}"),
        Figure("worker: its own streams", f"{own}: {dict(ends)}"),
        none_of("worker: streams of others that ended", strangers),
        none_of(f"worker: of {asked} that came meanwhile, not answered", refused),
        _time("worker: replaced after", waits, 1.0),
    ]


async def _kill_supervisor(options: Options, count: int, progress: Progress) -> list[Figure]:
    ends: Counter[str] = Counter()
    waits: list[float] = []
    for run in range(options.runs):
        progress(f"kill -9 of the supervisor, run {run + 1} of {options.runs}")
        with Gateway(options.workers, options.folder) as gateway:
            streams, tasks = await begin(gateway, count, 400, 1)
            workers = gateway.pids
            killed = time.monotonic()
            gateway.process.kill()
            while alive(workers):  # noqa: ASYNC110 (the kernel tells nobody)
                await asyncio.sleep(0.005)
            waits.append(time.monotonic() - killed)
            await asyncio.gather(*tasks)
            ends.update(each.end for each in streams)
    untold = sum(count for end, count in ends.items() if end not in ("error_event", "finished"))
    return [
        Figure("supervisor: how streams ended", str(dict(ends))),
        none_of("supervisor: streams without a word", untold),
        _time("supervisor: nobody left after", sorted(waits), 2.0),
    ]


def _time(what: str, waits: list[float], goal: float) -> Figure:
    value = f"{waits[len(waits) // 2]:.2f} s, worst {waits[-1]:.2f}"
    return Figure(what, value, f"< {goal:g} s", waits[-1] < goal, counted=False)
