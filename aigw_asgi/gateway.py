"""The gateway without a listener: embedded in a program, under asyncio or trio.

``Gateway`` answers requests given as bytes. :func:`open_state` puts together what
both it and the ASGI application run on.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
from msgspec.structs import replace

from aigw_asgi.asgi import App
from aigw_asgi.builtin import with_builtins
from aigw_asgi.config_store import Loaded, load
from aigw_asgi.node import Node
from aigw_asgi.reloading import Reloader
from aigw_asgi.state import GatewayState
from aigw_asgi.state_folder import seal_key, session_key, state_folder
from aigw_asgi.transports import Transport, UpstreamStream, choose
from aigw_asgi.transports.memory import AppTransport
from aigw_core.chat import Format
from aigw_core.config.snapshot import Snapshot
from aigw_core.wire_request import WireRequest

if TYPE_CHECKING:
    from aigw_asgi.stores.app_log import AppLog
    from aigw_asgi.stores.request_log import RequestLog
    from aigw_asgi.stores.shared_state import SharedState
    from aigw_core.config.settings import ServerSettings

Config = Snapshot | str | os.PathLike[str] | None
"""A compiled snapshot, the path of a configuration file, or ``None``: the file that
``AIGW_CONFIG`` names, else ``config.yaml`` when it is there, else the built-in defaults."""

SHARED_FILE = "shared.db"
"""In the state folder."""

PATHS: Mapping[Format, str] = {
    Format.CHAT: "/v1/chat/completions",
    Format.MESSAGES: "/v1/messages",
    Format.RESPONSES: "/v1/responses",
}
"""Of the formats that have the model in the body."""


async def open_state(
    config: Config = None,
    *,
    transport: Transport | None = None,
    log: RequestLog | None = None,
    app_log: AppLog | None = None,
) -> GatewayState:
    """State for ``config``. ``transport`` replaces the network towards upstreams; ``log``
    is closed with the state; the ``app_log`` is only read.

    Raises:
        InvalidConfig: the configuration cannot be used.
    """
    if isinstance(config, Snapshot):
        snapshot = with_builtins(config, loopback_only=not config.from_file)
        upstream = transport or choose(keepalive_expiry=snapshot.keepalive_expiry)
        home = state_folder(os.environ, None)
        return GatewayState(
            snapshot,
            upstream,
            own_seal_key=lambda: seal_key(home),
            own_session_key=lambda: session_key(home),
            log=log,
            app_log=app_log,
        )

    def read() -> Loaded:
        return load(None if config is None else os.fspath(config), os.environ)

    return state_of(read(), read, transport=transport, log=log, app_log=app_log)


def state_of(
    loaded: Loaded,
    read: Callable[[], Loaded],
    *,
    transport: Transport | None = None,
    node: Node | None = None,
    log: RequestLog | None = None,
    app_log: AppLog | None = None,
) -> GatewayState:
    """State for a configuration that was read, and is read again by ``read`` when it
    changes. A ``node`` keeps in stores what is to outlive it, and shares it with others.

    Raises:
        LimitInactive: see :class:`GatewayState`.
    """
    settings = loaded.settings
    snapshot = with_builtins(loaded.snapshot, loopback_only=settings.loopback_only)
    upstream = transport or choose(keepalive_expiry=snapshot.keepalive_expiry)
    home = state_folder(os.environ, settings.state_path)
    state = GatewayState(
        snapshot,
        upstream,
        own_seal_key=lambda: seal_key(home),
        own_session_key=lambda: session_key(home),
        settings=settings,
        node=node,
        store=None if node is None else _shared_state(settings, home, node),
        log=log,
        app_log=app_log,
    )
    if node is not None:
        state.folder = home
    if log is None and node is not None:
        state.log = _request_log(settings, home)

    def put(loaded: Loaded) -> None:
        generation = state.snapshot.generation + 1
        # Where the listener can be reached from is decided at the start.
        new = with_builtins(loaded.snapshot, loopback_only=settings.loopback_only)
        state.use(replace(new, generation=generation))

    state.reloader = Reloader(loaded, read, put)
    return state


def _shared_state(settings: ServerSettings, home: Path, node: Node) -> SharedState:
    if settings.redis_url is not None:
        from aigw_asgi.stores.redis.state import RedisState

        return RedisState(settings.redis_url)
    from aigw_asgi.stores.sqlite.shared_state import SqliteState

    return SqliteState(home / SHARED_FILE, alone=node.workers == 1)


def _request_log(settings: ServerSettings, home: Path) -> RequestLog | None:
    if not settings.request_log_rows:
        return None
    from aigw_asgi.stores.sqlite.log_file import Retention
    from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog

    kept = Retention(max_rows=settings.request_log_rows, days=settings.request_log_days)
    return SqliteRequestLog(home, kept)


def create_app(
    config: Config = None,
    *,
    transport: Transport | None = None,
    log: RequestLog | None = None,
    app_log: AppLog | None = None,
) -> App:
    """An ASGI 3 application; the configuration is read when its lifespan starts. ``log``
    is told what becomes of each request; it is closed with the application. ``app_log`` is
    what the program keeps of its log (:mod:`aigw_asgi.log_keeper`)."""
    return App(lambda: open_state(config, transport=transport, log=log, app_log=app_log))


class Response:
    """An answer. Iterate over it for the bytes of the body as they come, once."""

    def __init__(self, stream: UpstreamStream) -> None:
        self._stream = stream
        self.status = stream.status
        self.headers: dict[str, str] = dict(stream.headers)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body()

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while data := await self._stream.read():
                yield data
        finally:
            await self._stream.aclose()

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([data async for data in self])

    async def aclose(self) -> None:
        """Leave before the end; the upstream call is given up."""
        await self._stream.aclose()


class Gateway:
    """The gateway as an object.

    ::

        async with Gateway() as gateway:
            response = await gateway.handle("chat", body)
            async for data in response: ...

    Requests count as coming from this machine. Use it from one event loop.
    """

    def __init__(
        self,
        config: Config = None,
        *,
        transport: Transport | None = None,
        log: RequestLog | None = None,
        app_log: AppLog | None = None,
    ) -> None:
        self.app = create_app(config, transport=transport, log=log, app_log=app_log)

    async def __aenter__(self) -> Gateway:
        state = await self.app.open()
        self._tasks = await anyio.create_task_group().__aenter__()
        self._inside = AppTransport(self.app, self._tasks)
        await self._tasks.start(state.run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tasks.cancel_scope.cancel()  # requests that nobody reads any more
        await self._tasks.__aexit__(kind, exc, trace)
        await self.app.aclose()

    async def handle(
        self,
        format: Format | str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        model: str = "",
        stream: bool = False,
    ) -> Response:
        """Answer one request of a wire format, given as the bytes of its body.

        ``model`` and ``stream`` are for Gemini, which has them in the path; the other
        formats say both in the body. Client errors are answers, too: look at ``status``.
        """
        path = PATHS.get(Format(format))
        if path is None:
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            path = f"/v1beta/models/{quote(model)}:{method}"
        return await self.request("POST", path, headers or {}, body)

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        """Answer any request that the gateway serves."""
        fields: dict[str, Any] = {name.lower(): value for name, value in headers.items()}
        fields.setdefault("content-type", "application/json")
        wire = WireRequest(method, "http://127.0.0.1" + path, tuple(fields.items()), body)
        return Response(await self._inside.open(wire))
