"""``/ws/dashboard``: one WebSocket, from its handshake to its end.

Two tasks: one hears what the client wants, one tells it what is new. Neither holds
anything for the other but a subscription. A client that reads slowly holds up its own
telling only; one that talks too much is shown the door.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import anyio
import msgspec
from msgspec import Meta, Struct

from aigw_asgi.dashboard.live import FrameMessages, Hub, Reader, WriteFrames
from aigw_asgi.dashboard.problem import Problem
from aigw_asgi.dashboard.sessions import Denied
from aigw_asgi.driver import ReceiveMessage, SendMessage
from aigw_asgi.http import HttpRequest
from aigw_asgi.state import GatewayState
from aigw_asgi.version import __version__
from aigw_core.forwarding import origin

if TYPE_CHECKING:
    from aigw_asgi.dashboard.service import Dashboard
    from aigw_asgi.dashboard.tokens import Session

PATH = "/ws/dashboard"

SUBPROTOCOL = "aigw.jwt."
"""What a session's token follows, for clients that can set nothing else."""

MAX_MESSAGE = 64 << 10
"""Bytes of what a client sends. Servers refuse more before it comes here."""

MAX_SOCKETS = 200
"""Of one process."""

PER_SECOND = 10
"""Messages that a client may send on average; a burst may have ``BURST``."""
BURST = 50

SESSION_OVER = 4401
GOING_AWAY = 1001
MISUSE = 1008
TRY_LATER = 1013


class Subscribe(Struct, frozen=True, tag_field="type", tag="subscribe"):
    """Watch these channels and no others; ``after`` has the last known row of some."""

    channels: tuple[str, ...] = ()
    after: dict[str, Annotated[int, Meta(ge=0)]] = {}


_DECODE = msgspec.json.Decoder(Subscribe).decode


def read_command(message: str | bytes) -> Subscribe | None:
    """What a client wants; ``None``: this is no command of ours, but of a newer page, perhaps."""
    try:
        return _DECODE(message)
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError):
        return None


class _Refused(Exception):
    """No WebSocket for this client."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message


async def serve_socket(
    dashboard: Dashboard,
    state: GatewayState,
    scope: Any,
    receive: ReceiveMessage,
    send: SendMessage,
) -> None:
    """Be one WebSocket of the dashboard."""
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    try:
        session, subprotocol = await _admit(dashboard, state, scope)
    except _Refused as exc:
        await _refuse(scope, send, exc)
        return
    accept: dict[str, Any] = {"type": "websocket.accept"}
    if subprotocol is not None:
        accept["subprotocol"] = subprotocol
    await send(accept)
    write_now = (scope.get("extensions") or {}).get("aigw.frames")
    await _Socket(dashboard, session, receive, send, write_now).run()


async def _admit(
    dashboard: Dashboard, state: GatewayState, scope: Any
) -> tuple[Session, str | None]:
    """The session of a handshake, and the subprotocol to answer with.

    Raises:
        _Refused: it has none, or comes from another site.
    """
    access = state.snapshot.dashboard
    request = HttpRequest({**scope, "method": "GET"})
    if access is None or request.path != PATH:
        raise _Refused(404, "not_found", "there is no WebSocket here")
    if dashboard.sockets >= MAX_SOCKETS:
        raise _Refused(503, "too_many_sockets", "too many dashboards are open; close some")
    site = _same_site(request, state, scope["scheme"])
    if site is False:
        raise _Refused(403, "cross_origin", "this WebSocket is for the dashboard's own pages")
    sessions, query = dashboard.sessions, request.parameters
    chosen = next((each for each in scope["subprotocols"] if each.startswith(SUBPROTOCOL)), None)
    try:
        if ticket := query.get("ticket"):
            return await sessions.open_ticket(ticket), None
        if chosen is not None:
            return sessions.read(chosen.removeprefix(SUBPROTOCOL)), chosen
        if (token := query.get("token")) and access.ws_query_token:
            return sessions.read(token), None
        if site is None and "authorization" not in request.headers:
            # A cookie says nothing about which page has opened this.
            raise _Refused(401, "missing_token", "without an Origin, bring a ticket or a token")
        return sessions.authenticate(request.headers, {}, method="GET"), None
    except Denied as exc:
        raise _Refused(exc.status, exc.error, exc.message) from None


def _same_site(request: HttpRequest, state: GatewayState, scheme: str) -> bool | None:
    """Whether the page that opens the socket is one of ours; ``None``: it is no page."""
    given = request.headers.get("origin")
    if given is None:
        return None
    parts = urlsplit(given)
    came = origin(
        request.peer, request.headers, state.snapshot.trusted_proxies, loopback=request.loopback
    )
    own = came.scheme or ("https" if scheme in ("https", "wss") else "http")
    return parts.scheme == own and parts.netloc.lower() == request.headers.get("host", "").lower()


async def _refuse(scope: Any, send: SendMessage, exc: _Refused) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": SESSION_OVER})  # which servers make a 403
        return
    body = msgspec.json.encode(Problem(error=exc.error, message=exc.message))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "websocket.http.response.start", "status": exc.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


class _Socket:
    """An accepted one."""

    def __init__(
        self,
        dashboard: Dashboard,
        session: Session,
        receive: ReceiveMessage,
        send: SendMessage,
        write_now: tuple[FrameMessages, WriteFrames] | None,
    ) -> None:
        self._dashboard = dashboard
        self._session = session
        self._receive = receive
        self._send = send
        self._write_now = write_now
        self._allowance = float(BURST)
        self._heard_at = time.monotonic()
        self._closed = False

    async def run(self) -> None:
        hub = self._dashboard.hub
        reader = hub.join()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell, hub, reader, tasks.cancel_scope)
                await self._hear(reader)
                tasks.cancel_scope.cancel()
        except* OSError:
            pass  # the client left while it was told something
        finally:
            hub.leave(reader)

    async def _hear(self, reader: Reader) -> None:
        """Until the client leaves."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            now = time.monotonic()
            earned = (now - self._heard_at) * PER_SECOND
            self._allowance = min(BURST, self._allowance + earned) - 1
            self._heard_at = now
            if self._allowance < 0:
                await self._close(MISUSE, "too many messages")
                return
            text = message.get("text")
            wish = read_command(message.get("bytes") or b"" if text is None else text)
            if wish is not None:
                reader.subscribe(wish.channels, wish.after)

    async def _tell(self, hub: Hub, reader: Reader, scope: anyio.CancelScope) -> None:
        """Until the session is over or the gateway ends."""
        hello = {
            "type": "hello",
            "version": __version__,
            "channels": {
                **{name: {} for name in hub.states},
                **{name: {"seq": seq} for name, seq in (await hub.newest()).items()},
            },
            "expires_in": max(0, round(self._session.expires - time.time())),
        }
        await self._send_text(msgspec.json.encode(hello))
        reader.alive = self._may_go_on
        reader.write_now = self._write_now
        while True:
            if self._dashboard.closing:
                await self._close(GOING_AWAY, "the gateway is being shut down")
                break
            if not self._may_go_on():
                await self._close(SESSION_OVER, "the session is over")
                break
            reader.news = anyio.Event()
            reader.busy = True
            for message in reader.take():
                await self._send_text(message)
            reader.busy = False
            if not reader.behind:
                await reader.news.wait()
        scope.cancel()

    def _may_go_on(self) -> bool:
        return self._dashboard.sessions.alive(self._session)

    async def _send_text(self, text: bytes) -> None:
        if self._closed:
            return  # the other task has shown the client the door
        await self._send({"type": "websocket.send", "text": text.decode()})

    async def _close(self, code: int, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
