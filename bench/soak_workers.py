"""A gateway of several workers under load, while its processes are killed.

==========  ==================================================================================
worker      kill -9 of one worker after another: only its own streams may end, and those with
            a broken connection; how soon another process is ready in its place
supervisor  kill -9 of the supervisor: how soon nobody is left; how the streams end
drain       SIGTERM: each client gets its finished stream or an error event, within the limit
==========  ==================================================================================

Every row is one experiment, added up over its runs. ``python -m bench.soak_workers --runs 20``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from bench.process import ROOT, free_port
from bench.table import head, table

PATIENCE = 30.0
WORDS = 40


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


async def kill_workers(options: argparse.Namespace, folder: str) -> list[object]:
    ends: Counter[str] = Counter()
    strangers = own = 0
    waits: list[float] = []
    refused = asked = 0
    shares: list[int] = []
    with Gateway(options.workers, folder) as gateway:
        for run in range(options.runs):
            streams, tasks = await begin(gateway, options.streams, WORDS, WORDS / options.last)
            owners = gateway.owners()
            shares += Counter(owners.values()).values()
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
                await asyncio.sleep(max(0.0, 15.5 / options.workers - options.last))
    return [
        options.runs,
        options.runs * options.streams,
        own,
        f"{min(shares)}-{max(shares)}",
        strangers,
        asked,
        refused,
        max(waits),
        sorted(waits)[len(waits) // 2],
    ]


async def kill_supervisor(options: argparse.Namespace, folder: str) -> list[object]:
    ends: Counter[str] = Counter()
    waits: list[float] = []
    for _ in range(options.runs):
        with Gateway(options.workers, folder) as gateway:
            streams, tasks = await begin(gateway, options.streams, 400, 1)
            workers = gateway.pids
            killed = time.monotonic()
            gateway.process.kill()
            while alive(workers):  # noqa: ASYNC110 (the kernel tells nobody)
                await asyncio.sleep(0.005)
            waits.append(time.monotonic() - killed)
            await asyncio.gather(*tasks)
            ends.update(each.end for each in streams)
    return _row(options, ends, waits, "")


async def drain(options: argparse.Namespace, folder: str) -> list[object]:
    limit = 2.0
    ends: Counter[str] = Counter()
    waits: list[float] = []
    statuses: set[int] = set()
    for _ in range(options.runs):
        with Gateway(options.workers, folder, drain=limit) as gateway:
            half = options.streams // 2
            streams, tasks = await begin(gateway, options.streams - half, 400, 1)
            short, more = await begin(gateway, half, 20, 20)
            told = time.monotonic()
            gateway.process.terminate()
            statuses.add(await asyncio.to_thread(gateway.process.wait, PATIENCE))
            waits.append(time.monotonic() - told)
            await asyncio.gather(*tasks, *more)
            ends.update(each.end for each in [*streams, *short])
    return _row(options, ends, waits, " ".join(map(str, sorted(statuses))))


def _row(
    options: argparse.Namespace, ends: Counter[str], waits: list[float], statuses: str
) -> list[object]:
    return [
        options.runs,
        options.runs * options.streams,
        ends["finished"],
        ends["error_event"],
        ends["broken"] + ends["refused"],
        statuses,
        max(waits),
        sorted(waits)[len(waits) // 2],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--last", type=float, default=3.0, help="seconds of a stream")
    parser.add_argument("--only", choices=("worker", "supervisor", "drain"))
    options = parser.parse_args()
    head(f"soak_workers: {options.workers} workers, {options.streams} streams")
    ends = ["runs", "streams", "finished", "error_event", "broken", "statuses"]
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "worker"):
            print("\n# kill -9 of a worker")
            columns = ["runs", "streams", "own", "share_of_one", "others_ended", "asked_meanwhile"]
            columns += ["not_answered", "replaced_max_s", "replaced_p50_s"]
            table(columns, [asyncio.run(kill_workers(options, folder))])
        if options.only in (None, "supervisor"):
            print("\n# kill -9 of the supervisor")
            row = asyncio.run(kill_supervisor(options, folder))
            table([*ends, "gone_max_s", "gone_p50_s"], [row])
        if options.only in (None, "drain"):
            print("\n# SIGTERM, 2 s to drain, half of the streams longer than that")
            row = asyncio.run(drain(options, folder))
            table([*ends, "exit_max_s", "exit_p50_s"], [row])


if __name__ == "__main__":
    main()
