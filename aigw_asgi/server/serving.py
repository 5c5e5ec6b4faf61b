"""An ASGI application on a port: uvicorn, with its life in our hands.

uvicorn brings the protocols, the lifespan and the ``date`` header. What it does
at the end is replaced: it cancels requests and leaves without waiting for what
they still have to say, and the application hears of it last. Here the
application is told first.

======================  ====================================================
first SIGTERM, SIGINT   ``Hooks.drain``; accepting ends; idle connections close
all requests ended      lifespan shutdown, and :func:`run` returns 0 (130 after
                        SIGINT)
``shutdown_timeout``    ``Hooks.overdue``: what runs is to end itself, with an
                        error its client understands
within a second of it   the rest is cancelled, and its connections aborted
second signal           the process ends at once
``on_hurry``            what is left of ``shutdown_timeout`` is over
======================  ====================================================

Nothing here knows the application: ``uvicorn aigw_asgi:app`` serves it as well,
without the guarded protocols and without the drain.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import Any

import msgspec
import uvicorn

from aigw_asgi.server.certificates import Certificates
from aigw_asgi.server.direct_body import with_direct_send
from aigw_asgi.server.guard import Guard
from aigw_asgi.server.h11_protocol import GuardedH11Protocol
from aigw_asgi.server.listen import Address, addresses, bind
from aigw_asgi.server.newcomers import Newcomers
from aigw_asgi.server.settings import HttpChoice, LoopChoice, ServerSettings
from aigw_asgi.server.signals import Control, Signals
from aigw_asgi.server.unread import cut_unread

ASGIApp = Callable[..., Any]
"""An ASGI 3 application; uvicorn's own types for it are private."""

OVERDUE_GRACE = 0.75
"""Seconds to write a last error event in, once the time to drain is over."""

CANCEL_GRACE = 0.25
"""Seconds that cancelled requests have to clean up."""

WEBSOCKET_GRACE = 1.0
"""Seconds for the application to close its WebSockets with a word of its own."""

LIFESPAN_TIMEOUT = 10.0
"""Seconds for the application to put its things away, at the very end."""

_log = logging.getLogger(__name__)


class StartupFailed(Exception):
    """The application did not come up; it has logged why."""


def _nothing() -> None:
    pass


def _untaken(cut: Callable[[int], int]) -> None:
    pass


def _nowhere(address: str) -> bool:
    return False


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """Called in the loop, and must not block: start a task for more than a note."""

    ready: Callable[[list[Address]], None] = lambda addresses: None
    """Connections are being accepted, on these."""
    drain: Callable[[], None] = _nothing
    """No new requests come; let the running ones end."""
    overdue: Callable[[], None] = _nothing
    """The time to drain is over; end the running ones with an error."""
    reload: Callable[[], None] = _nothing
    """SIGHUP came."""
    cutter: Callable[[Callable[[int], int]], None] = _untaken
    """Given, before the first connection, what drops the connections whose clients leave most
    unread (:mod:`aigw_asgi.server.unread`): it takes a number of bytes, and gives how many
    connections it was."""
    is_proxy: Callable[[str], bool] = _nowhere
    """Whether many clients come by this address, so that it may have any number of new
    connections (:mod:`aigw_asgi.server.newcomers`)."""


class Server(uvicorn.Server):
    """One serving process. :meth:`serve` takes bound sockets and closes them."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        *,
        hooks: Hooks,
        stop: asyncio.Event,
        certificates: Certificates | None = None,
    ) -> None:
        quiet_uvicorn()
        protocol = _http_protocol(settings.http)
        super().__init__(
            uvicorn.Config(
                with_direct_send(app, begins=protocol is not GuardedH11Protocol),
                http=protocol,
                ws=_new_websocket,  # type: ignore[arg-type]  # it is called like a class
                ws_max_size=64 << 10,
                ws_ping_interval=20.0,
                ws_ping_timeout=20.0,
                ws_per_message_deflate=False,  # 500 KiB would unfold to 512 MiB
                lifespan="on",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # whom to believe is the application's business
                server_header=False,
                backlog=settings.backlog,
                workers=1,
            )
        )
        self._settings = settings
        self._hooks = hooks
        self._stop = stop
        self._hurry = asyncio.Event()
        self._certificates = certificates
        self._sockets: list[socket.socket] = []
        self._accepting = True
        self._turn = asyncio.Lock()
        self._newcomers = Newcomers(settings.limits.newcomers_per_address, hooks.is_proxy)
        self.servers: list[asyncio.Server] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # see signals.py

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        sockets = sockets or []
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise StartupFailed
        await self.on_tick(0)  # the date, for the first requests
        self._sockets = sockets
        if self._certificates is not None:
            self._certificates.on_change(self.listen_anew)
        await self.listen_anew()
        self.started = True
        self._hooks.cutter(partial(cut_unread, self.server_state.connections))
        self._hooks.ready(addresses(sockets))

    async def listen_anew(self) -> None:
        """Accept connections with the certificate as it is now. Those that are open, or
        that shake hands, keep what they have; those that wait to be accepted lose nothing,
        since the sockets stay the same.

        Raises:
            OSError: there is no room for another listener; all is as it was.
        """
        async with self._turn:
            new: list[asyncio.Server] = []
            try:
                for sock in self._sockets:
                    new.append(await self._listen_on(sock))
            except OSError:  # no more descriptors
                await _retire(new)
                raise
            before, self.servers = self.servers, new
            await _retire(before)
            if not self._accepting:
                await _retire(self.servers)

    async def _listen_on(self, shared: socket.socket) -> asyncio.Server:
        config, loop = self.config, asyncio.get_running_loop()
        limits, secured = self._settings.limits, self._certificates
        newcomers = self._newcomers
        sock, backlog = shared.dup(), config.backlog
        if isinstance(loop, asyncio.SelectorEventLoop):
            sock, backlog = _Listener(sock, backlog), 1

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(  # type: ignore[call-arg]  # a class of ours
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
                limits=limits,
                newcomers=newcomers,
            )

        if secured is None:
            return await loop.create_server(protocol, sock=sock, backlog=backlog)
        return await loop.create_server(
            protocol,
            sock=sock,
            backlog=backlog,
            ssl=secured.context,
            ssl_handshake_timeout=limits.handshake_timeout,
            # It counts while the rest of an answer goes out, too, however well that goes.
            ssl_shutdown_timeout=limits.flush_timeout,
        )

    async def main_loop(self) -> None:
        while not self._stop.is_set():
            await self.on_tick(0)  # refreshes the date
            if self._certificates is not None:
                self._certificates.tell_of_expiry(datetime.now(UTC))
            await self._turn_away()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stop.wait()

    async def _turn_away(self) -> None:
        """Close those that an address has too many of, some at a time: each takes some 20 us."""
        surplus = self._newcomers.tick()
        for number, connection in enumerate(surplus):
            if number % 100 == 99:
                await asyncio.sleep(0)
            # What came or went while others were closed.
            if connection.entries is None or connection.head_read():
                continue
            self._newcomers.gone(connection)
            connection.turn_away()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hooks.drain()
        self._stop_accepting()
        self._close(lambda connection: isinstance(connection, Guard))
        # The application has its say first; a request that ends closes its own.
        websockets = asyncio.get_running_loop().call_later(
            WEBSOCKET_GRACE, self._close, lambda connection: not isinstance(connection, Guard)
        )
        if not await self._idle_within(self._settings.shutdown_timeout, unless=self._hurry):
            self._hooks.overdue()
            if not await self._idle_within(OVERDUE_GRACE):
                await self._cut_off()
        websockets.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIFESPAN_TIMEOUT):
                await self.lifespan.shutdown()

    def hurry(self) -> None:
        """End, without time to drain."""
        self._hurry.set()
        self._stop.set()

    def abandon(self) -> None:
        """Let go of every socket at once, for a :meth:`serve` that was cancelled."""
        self._stop_accepting()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _stop_accepting(self) -> None:
        self._accepting = False
        for server in self.servers:
            server.close()
        for sock in self._sockets:  # else the kernel would go on taking connections for us
            sock.close()

    def _close(self, which: Callable[[object], bool]) -> None:
        for connection in list(self.server_state.connections):
            if which(connection):
                connection.shutdown()

    async def _idle_within(self, seconds: float, *, unless: asyncio.Event | None = None) -> bool:
        """Wait for the end of all requests, and for their clients to have the answers;
        no longer than until ``unless`` is set."""
        state = self.server_state
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # A connection may outlive its task by the bytes it has to flush.
                while state.tasks or state.connections:
                    if unless is not None and unless.is_set():
                        return False
                    await asyncio.sleep(0.02)
                return True
        return False

    async def _cut_off(self) -> None:
        tasks = set(self.server_state.tasks)
        _log.warning("%d requests did not end in time and are cut off", len(tasks))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_GRACE)
        self.abandon()
        await asyncio.sleep(0)


async def serve(
    app: ASGIApp,
    settings: ServerSettings = ServerSettings(),
    *,
    hooks: Hooks = Hooks(),
    sockets: Sequence[socket.socket] | None = None,
    certificates: Certificates | None = None,
    stop: asyncio.Event | None = None,
    control: Control | None = None,
) -> None:
    """Serve ``app`` until ``control`` or ``stop`` has ended it, on asyncio.

    ``sockets`` are bound ones from :func:`~aigw_asgi.server.listen.bind`, to be
    listened on instead of the address in ``settings``; they are closed at the
    end. With ``certificates`` HTTPS is served. Without ``control`` no signal is looked at;
    cancel the call to end it at once.

    Raises:
        OSError: the address cannot be had.
        StartupFailed: the application refused to start.
    """
    listening = list(sockets) if sockets is not None else bind(settings.host, settings.port)
    loop = asyncio.get_running_loop()

    def ready(bound: list[Address]) -> None:
        hooks.ready(bound)
        if control is not None:
            control.on_reload(lambda: loop.call_soon_threadsafe(hooks.reload))

    stop = stop or asyncio.Event()
    told = msgspec.structs.replace(hooks, ready=ready)
    server = Server(app, settings, hooks=told, stop=stop, certificates=certificates)
    if control is not None:
        control.on_stop(lambda: loop.call_soon_threadsafe(stop.set))
        control.on_hurry(lambda: loop.call_soon_threadsafe(server.hurry))
    try:
        await server.serve(listening)
    finally:
        if control is not None:
            control.detach()
        server.abandon()
        for sock in listening:
            sock.close()


def run(
    app: ASGIApp,
    settings: ServerSettings = ServerSettings(),
    *,
    hooks: Hooks = Hooks(),
    sockets: Sequence[socket.socket] | None = None,
    certificates: Certificates | None = None,
    control: Control | None = None,
) -> int:
    """Serve ``app`` in this thread, the main one, until ``control`` ends it: the signals
    of the process, where nothing else is named.

    Returns the exit status: 0, or 130 when it was Ctrl-C.

    Raises:
        OSError, StartupFailed: as :func:`serve`.
    """
    if control is None:
        with Signals() as signals:
            return run(
                app,
                settings,
                hooks=hooks,
                sockets=sockets,
                certificates=certificates,
                control=signals,
            )
    serving = serve(
        app, settings, hooks=hooks, sockets=sockets, certificates=certificates, control=control
    )
    with asyncio.Runner(loop_factory=_loop_factory(settings.loop)) as runner:
        runner.run(serving)
    return 128 + signal.SIGINT if control.stopped_by == signal.SIGINT else 0


def quiet_uvicorn() -> None:
    """Silence what uvicorn says below a warning, and what clients can make it say.

    It would log the query of each WebSocket, where a token may be. A level alone
    would not outlive a logging configuration that names these loggers.
    """
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.addFilter(_is_news)
    logging.getLogger("asyncio").addFilter(_SHORTAGE)


def _is_news(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING and record.msg != "Invalid HTTP request received."


class _Shortage(logging.Filter):
    """Lets asyncio say once a minute that it is out of descriptors, not every second."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith("socket.accept() out of system resource"):
            return True
        now = time.monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + 60
        return True


_SHORTAGE = _Shortage()


class _Listener(socket.socket):
    """Takes over a socket, and lets ``backlog`` connections wait, whatever ``listen`` is told.

    asyncio means by the same number how many it accepts at a time, and when it is out of
    descriptors it complains, and tries again after a second, as many times at once
    (``_accept_connection``; 3.11 to 3.13).
    """

    def __init__(self, sock: socket.socket, backlog: int) -> None:
        super().__init__(fileno=sock.detach())
        self._backlog = backlog

    def listen(self, backlog: int = 1) -> None:
        super().listen(self._backlog)


async def _retire(servers: list[asyncio.Server]) -> None:
    """Have them accept no more, and end once they have taken in what they accepted.

    asyncio drops a connection that it has accepted when the server closes before the
    task of that connection has begun (``Server._attach``; 3.11 to 3.13).
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        for server in servers:
            for sock in server.sockets:
                loop.remove_reader(sock.fileno())
        await asyncio.sleep(0)
    for server in servers:
        server.close()


def _new_websocket(**arguments: Any) -> asyncio.Protocol:
    from aigw_asgi.server.websocket import GuardedWebSocket  # when the first one comes

    return GuardedWebSocket(**arguments)


def _http_protocol(choice: HttpChoice) -> type[asyncio.Protocol]:
    if choice is HttpChoice.H11 or (choice is HttpChoice.AUTO and not _installed("httptools")):
        return GuardedH11Protocol
    from aigw_asgi.server.httptools_protocol import GuardedHttpToolsProtocol

    return GuardedHttpToolsProtocol


def _loop_factory(choice: LoopChoice) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if choice is LoopChoice.ASYNCIO or (choice is LoopChoice.AUTO and not _installed("uvloop")):
        return None
    import uvloop

    return uvloop.new_event_loop


def _installed(module: str) -> bool:
    return find_spec(module) is not None
