"""The gateway that a scenario observes, and what is counted in it before and after."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.process import Process, free_port
from bench.soak.client import FORMATS, Answer, ask, once
from bench.soak.upstream import instruction
from bench.table import table

LEAKS = ("connections", "fds", "tasks", "in_flight", "attempts", "permits", "running")
"""What must be back where it was when all requests are over."""

SETTLING = 1.5
"""Seconds in which a connection upstream that is not used (``keepalive-expiry``) is closed."""

_OF_REQUESTS = (
    *("aigw_core.exchange", "aigw_core.attempt", "aigw_core.client_reply", "aigw_core.translate"),
    *("aigw_core.codecs", "aigw_core.http1", "aigw_core.sse", "aigw_core.limits.Lease"),
    *("aigw_asgi.driver", "aigw_asgi.accounts", "aigw_asgi.http", "aigw_asgi.asgi"),
    *("aigw_asgi.server", "aigw_asgi.transports", "aigw_asgi.timer", "aigw_asgi.stores.sqlite"),
    *("aigw_asgi.dashboard.socket", "aigw_asgi.dashboard.live.Reader"),
)
"""Where the types are whose objects live no longer than a request or a connection."""

CONFIG = """
host: 127.0.0.1
port: {port}
api-keys: [{{name: soak, key: soak-key, max-concurrent: 100000}}]
echo: "off"
keepalive-expiry: 1
claude-api-key:
  - {{api-key: m, base-url: "http://127.0.0.1:{upstream}", models: [{{id: soak}}, {{id: soak-messages}}]}}
openai-compatibility:
  - {{name: chat, api-key: c, base-url: "http://127.0.0.1:{upstream}", models: [{{id: soak-chat}}]}}
openai-api-key:
  - {{api-key: r, base-url: "http://127.0.0.1:{upstream}", wire-api: responses, models: [{{id: soak-responses}}]}}
gemini-api-key:
  - {{api-key: g, base-url: "http://127.0.0.1:{upstream}", models: [{{id: soak-gemini}}]}}
"""
"""``soak`` is served by messages, ``soak-FORMAT`` by an upstream of that format."""


def configured(port: int, upstream: int, *extra: str) -> str:
    """``extra`` are further lines of the file."""
    return CONFIG.format(port=port, upstream=upstream) + "\n".join(extra) + "\n"


class Census:
    """What there is in a gateway's process."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.kinds: Counter[str] = Counter(told.pop("kinds"))
        """Objects that the collector knows, by type."""
        self.counts: dict[str, int] = told

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    def leaked(self, before: Census) -> dict[str, int]:
        """What there is more of, of that which must not stay, objects of requests included."""
        found = {name: self[name] - before[name] for name in LEAKS}
        more = self.kinds - before.kinds
        ours = {name: count for name, count in more.items() if name.startswith(_OF_REQUESTS)}
        return {name: count for name, count in {**found, **ours}.items() if count > 0}


class Gateway(Process):
    """``aigw run`` with a probe (:mod:`bench.soak.observed`); ``text`` is its configuration."""

    def __init__(self, folder: str | Path, text: str, port: int, *arguments: str) -> None:
        self.folder = Path(folder)
        self.file = self.folder / f"config-{port}.yaml"
        self.file.touch(mode=0o600)  # it has keys, and the gateway would warn
        self.file.write_text(text)
        self._probe = str(self.folder / f"probe-{port}")
        super().__init__(
            [
                *("-m", "bench.soak.observed", self._probe, "run", "-c", str(self.file)),
                *("--port", str(port), "--log-level", "error", *arguments),
            ],
            port,
            env={"AIGW_STATE_DIR": str(self.folder / f"state-{port}")},
        )

    async def warm(self) -> None:
        """Have everything loaded that requests need, with some of every kind."""
        for format in FORMATS:
            for words in (3, 0):
                answer = Answer(format, words=words)
                asked = ask(format, instruction(0, words), stream=words > 0)
                await once(self.port, asked, answer)
                if answer.end != "complete":
                    raise RuntimeError(f"{format}: {answer.head!r} {answer.body[:300]!r}")

    async def census(self) -> Census:
        return Census(await asyncio.to_thread(self._ask, b"census"))

    async def settled(self, patience: float = 20.0) -> Census:
        """When nothing runs any more and unused connections upstream have been closed; as
        it is when ``patience`` is at its end."""
        until = time.monotonic() + patience
        before = await self.census()
        while True:
            await asyncio.sleep(SETTLING)
            now = await self.census()
            alike = all(now[name] == before[name] for name in LEAKS)
            if (alike and not now["in_flight"]) or time.monotonic() > until:
                return now
            before = now

    async def lag(self) -> dict[str, dict[str, float]]:
        """Of the loop since this was last asked, in ms: ``lag`` and ``own``."""
        found: dict[str, dict[str, float]] = await asyncio.to_thread(self._ask, b"lag")
        return found

    def _ask(self, what: bytes) -> Any:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(120)
            asked.connect(self._probe)
            asked.sendall(what)
            told = b""
            while piece := asked.recv(1 << 16):
                told += piece
        return json.loads(told)


def upstream() -> Process:
    """:mod:`bench.soak.upstream` in a process of its own."""
    port = free_port()
    return Process(["-m", "bench.soak.upstream", str(port)], port)


def show_censuses(censuses: dict[str, Census]) -> None:
    """Side by side, by when they were taken."""
    names = list(next(iter(censuses.values())).counts)
    rows: list[list[object]] = [
        [name, *(each.counts[name] for each in censuses.values())] for name in names
    ]
    table(["census", *censuses], rows)
