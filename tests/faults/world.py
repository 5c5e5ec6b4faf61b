"""A gateway on a port, as it is served, in front of upstreams that fail.

Gateway, upstream and client share one event loop and speak over loopback: what is
waited for are events, and state can be looked at between them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import httpcore2
import msgspec
from msgspec import Struct

from aigw_asgi.asgi import App
from aigw_asgi.gateway import create_app
from aigw_asgi.server import Hooks, HttpChoice, ServerSettings, serve
from aigw_asgi.state import GatewayState
from aigw_asgi.stores.request_log import Entry, EntryDetail, Query
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from aigw_asgi.testing.faults import FaultyUpstream
from aigw_asgi.transports.direct import DirectTransport
from aigw_asgi.transports.httpcore import HttpcoreTransport
from aigw_core.chat import Format
from tests.asgi.clients import asking

PATIENCE = 30.0
"""Seconds after which what must happen is taken to have failed."""

ATTEMPTS = 3
COOLDOWN_NETWORK = 10.0
COOLDOWN_5XX = 15.0
COOLDOWN_429 = 60.0
"""As configured below, or by default."""

CONFIG = """
host: 127.0.0.1
allow-anonymous: true
routing: {{strategy: fill-first}}
retry: {{max-retries: {retries}, max-backoff-secs: 0}}
streaming: {{keepalive-seconds: {keepalive}}}
force-model-prefix: true
openai-compatibility:
  - {{name: chat-lone, prefix: chat-lone/, api-key: k1, base-url: "{url}", {entry}}}
  - {{name: chat-first, prefix: chat-pair/, api-key: k2, base-url: "{url}", {entry}}}
  - {{name: chat-second, prefix: chat-pair/, api-key: k3, base-url: "{good}"}}
claude-api-key:
  - {{name: messages-lone, prefix: messages-lone/, api-key: k4, base-url: "{url}", {entry}}}
  - {{name: messages-first, prefix: messages-pair/, api-key: k5, base-url: "{url}", {entry}}}
  - {{name: messages-second, prefix: messages-pair/, api-key: k6, base-url: "{good}"}}
{rest}
"""
"""For each format of upstreams: one that stands alone, and one that another can take over
for. The second of a pair answers well."""


class Reply(Struct):
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool
    """The answer ended as HTTP has it; otherwise the connection broke."""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class World:
    """The served gateway. ``ask`` it, then look at what it holds and remembers."""

    def __init__(
        self,
        app: App,
        transport: DirectTransport | HttpcoreTransport,
        upstream: FaultyUpstream,
        log: SqliteRequestLog,
        url: str,
        stop: asyncio.Event,
    ) -> None:
        self.stop = stop
        """To have the gateway end."""
        self.transport = transport
        self.upstream = upstream
        self.url = url
        self.port = int(url.rpartition(":")[2])
        assert app.state is not None
        self.state: GatewayState = app.state
        self._log = log
        self.seen = asyncio.Event()
        self._client = httpcore2.AsyncConnectionPool()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def ask(
        self,
        format: Format,
        model: str,
        *,
        stream: bool,
        until: Callable[[bytes], bool] = lambda body: False,
    ) -> Reply:
        """``seen`` is set once ``until`` holds of what has come."""
        path, body = asking(format, model, "How is it?", stream=stream)
        self.seen.clear()
        return await self.request("POST", path, body, until)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        until: Callable[[bytes], bool] = lambda body: False,
    ) -> Reply:
        content = b"" if body is None else msgspec.json.encode(body)
        pieces: list[bytes] = []
        async with self._client.stream(
            method,
            self.url + path,
            headers={"content-type": "application/json"},
            content=content,
            extensions={"timeout": {"read": PATIENCE}},
        ) as answer:
            headers = {name.decode().lower(): value.decode() for name, value in answer.headers}
            try:
                async for piece in answer.aiter_stream():
                    pieces.append(piece)
                    if until(b"".join(pieces)):
                        self.seen.set()
            except httpcore2.RemoteProtocolError:
                return Reply(answer.status, headers, b"".join(pieces), complete=False)
        return Reply(answer.status, headers, b"".join(pieces), complete=True)

    async def cooldowns(self) -> list[dict[str, Any]]:
        reply = await self.request("GET", "/admin/cooldowns")
        found: list[dict[str, Any]] = reply.json["cooldowns"]
        return found

    async def settled(self) -> None:
        """Wait until nothing runs any more, here and upstream; all must be given back."""
        async with asyncio.timeout(PATIENCE):
            while self.state.running or self.transport.in_use:  # noqa: ASYNC110 - tells nobody
                await asyncio.sleep(0.001)
            await self.upstream.until(lambda: not self.upstream.playing)
        assert self.state.metrics.in_flight == 0
        for credential in self.state.snapshot.credentials:
            assert self.state.health.in_flight(credential.id) == 0

    async def connected(self, number: int) -> None:
        """Wait until the upstream that fails has so many connections open."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.upstream.until(lambda: self.upstream.connections == number)
        except TimeoutError:
            assert self.upstream.connections == number

    async def entries(self) -> list[Entry]:
        """What the request log has, the oldest first."""
        assert await self._log.flush(PATIENCE)
        return await entries_of(self._log)

    async def detail(self, request_id: str) -> EntryDetail:
        found = await self._log.entry(request_id)
        assert found is not None
        return found


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    *,
    upstream: FaultyUpstream | None = None,
    transport: DirectTransport | HttpcoreTransport | None = None,
    url: str = "",
    entry: str = "",
    rest: str = "",
    retries: int = ATTEMPTS - 1,
    keepalive: float = 0,
    shutdown_timeout: float = PATIENCE,
) -> AsyncIterator[World]:
    """``url``: of the upstreams that fail, where it is not that of ``upstream``; ``entry``:
    more of their credentials. ``rest``: more of the configuration."""
    async with upstream or FaultyUpstream() as faulty, FaultyUpstream() as good:
        url = url.format(faulty=faulty) or faulty.url
        path = folder / "config.yaml"
        config = CONFIG.format(
            url=url,
            good=f"{good.url}/good",
            entry=entry,
            rest=rest,
            retries=retries,
            keepalive=keepalive,
        )
        path.write_text(config)
        transport = transport or DirectTransport()
        log = SqliteRequestLog(folder / "state", Retention())
        app = create_app(str(path), transport=transport, log=log)
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        hooks = Hooks(
            ready=lambda bound: ready.set_result(bound[0][1]),
            drain=app.drain,
            overdue=app.stop_streams,
            cutter=app.take_cutter,
        )
        stop = asyncio.Event()
        settings = ServerSettings(
            port=0, http=HttpChoice.HTTPTOOLS, shutdown_timeout=shutdown_timeout
        )
        serving = asyncio.create_task(serve(app, settings, hooks=hooks, stop=stop))
        first: list[asyncio.Future[Any]] = [serving, ready]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        made = World(app, transport, faulty, log, f"http://127.0.0.1:{ready.result()}", stop)
        try:
            yield made
            await made.settled()
        finally:
            faulty.cut()
            await made.aclose()
            stop.set()
            await serving
        assert transport.in_use == 0


async def entries_of(log: SqliteRequestLog) -> list[Entry]:
    """All of them, the oldest first."""
    return list((await log.page(Query())).entries)[::-1]


async def logged(folder: Path) -> list[Entry]:
    """What a gateway that has ended has left in its log."""
    log = SqliteRequestLog(folder / "state", Retention())
    try:
        return await entries_of(log)
    finally:
        await log.aclose()


def rest_ends(began: float, ended: float, until: float, seconds: float) -> bool:
    """Whether a rest of so many seconds that was found between two moments ends then."""
    return began + seconds - 0.001 <= until <= ended + seconds + 0.001


now = monotonic
