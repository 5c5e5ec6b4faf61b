"""The ASGI application: one path value, one table of routes, errors in the client's words."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import anyio

from aigw_asgi.access_log import log_other
from aigw_asgi.admin import admin_document, clear_cooldowns, metrics_text, outcome_document
from aigw_asgi.counting import serve_count
from aigw_asgi.driver import (
    BeginNow,
    ClientAborted,
    ReceiveMessage,
    SendMessage,
    begin_now_of,
    loop_of,
    watch_of,
    write_now_of,
)
from aigw_asgi.gemini_array import ArraySender, wants_array
from aigw_asgi.http import ClientLeft, HttpRequest, refuse_encoded_body, send_body, send_json
from aigw_asgi.inference import new_request_id, serve_inference
from aigw_asgi.listing import list_models, show_model
from aigw_asgi.refusals import Refused, refuse
from aigw_asgi.responses import (
    forget_response,
    recall,
    serve_compact,
    serve_response,
    stored_response,
)
from aigw_asgi.routes import Auth, Endpoint, Route, client_format, find_route, hint
from aigw_asgi.state import GatewayState
from aigw_core import prometheus
from aigw_core.access import Caller, authenticate, authorise_local, presented_key
from aigw_core.chat import Format
from aigw_core.codec import Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import ErrorKind, Failure, GatewayError, InvalidRequest
from aigw_core.forwarding import origin

if TYPE_CHECKING:
    from aigw_asgi.dashboard.service import Dashboard
    from aigw_asgi.reloading import Outcome

_LOG = logging.getLogger("aigw")

_OPERATORS = ("/api/dashboard", "/dashboard", "/ws/dashboard")
"""Where those paths begin that belong to the dashboard."""

OpenState = Callable[[], Awaitable[GatewayState]]


class App:
    """An ASGI 3 application.

    ``open_state`` is awaited once, at the start of the lifespan or, where a server
    has none, with the first request.
    """

    def __init__(self, open_state: OpenState) -> None:
        self._open_state = open_state
        self.state: GatewayState | None = None
        self._dashboard: Dashboard | None = None

    async def __call__(self, scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def open(self) -> GatewayState:
        if self.state is None:
            self.state = await self._open_state()
        return self.state

    def drain(self) -> None:
        """No new requests should come: ``/health`` says so."""
        if self.state is not None:
            self.state.draining = True
        if self._dashboard is not None:
            self._dashboard.close()

    async def reload(self) -> Outcome | None:
        """Have the configuration read again, and wait for what comes of it; ``None`` where
        there is no file to read. The lifespan must be running."""
        if self.state is None or self.state.reloader is None:
            return None
        return await self.state.reloader.reload()

    def take_cutter(self, cut: Callable[[int], int]) -> None:
        """``cut`` is for when memory runs out (:data:`aigw_asgi.memory_watch.Cut`). The
        lifespan must be running."""
        if self.state is not None:
            self.state.memory.cut = cut

    def stop_streams(self) -> None:
        """The time to drain is over: end the answers that still run. Does not wait."""
        if self.state is not None:
            self.state.stop_streams()

    async def aclose(self) -> None:
        if self.state is not None:
            await self.state.aclose()
            self.state = None

    async def _lifespan(self, receive: ReceiveMessage, send: SendMessage) -> None:
        await receive()  # the startup
        async with anyio.create_task_group() as tasks:
            try:
                state = await self.open()
                await tasks.start(state.run)
            except Exception as exc:
                await send({"type": "lifespan.startup.failed", "message": str(exc)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()  # the shutdown
            tasks.cancel_scope.cancel()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
        began = time.monotonic()
        state = (await self.open()).current()
        request = HttpRequest(scope)
        request_id = new_request_id(state, request.headers)
        reply = _Started(send, bare=request.method == "HEAD")
        try:
            if request.path.startswith(_OPERATORS):
                await self._serve_operator(state, request, request_id, receive, reply, began)
            else:
                await self._route(state, request, request_id, receive, reply)
        except GatewayError as exc:
            if reply.started:
                raise
            await self._refuse(state, request, request_id, exc, reply, began)
        except ClientLeft:
            pass
        except ClientAborted:
            # Servers break a connection whose application fails midway: that is meant.
            raise
        except Exception:
            _LOG.exception(
                "request %s failed inside the gateway",
                request_id,
                extra={"request_id": request_id},
            )
            if reply.started:
                raise
            failure = Failure(ErrorKind.INTERNAL, "the gateway failed; its log says why")
            error = GatewayError(failure)
            await self._refuse(state, request, request_id, error, reply, began)

    async def _route(
        self,
        state: GatewayState,
        request: HttpRequest,
        request_id: str,
        receive: ReceiveMessage,
        send: SendMessage,
    ) -> None:
        route = find_route(request.path)
        if route is None:
            message = f"there is nothing at {request.path or 'this path'}{hint(request.path)}"
            raise GatewayError(Failure(ErrorKind.NOT_FOUND, message, code="unknown_path"))
        if request.method not in route.allowed:
            raise _wrong_method(request.method, route)
        caller = _admit(state, request, route)
        if route.has_body:
            refuse_encoded_body(request.headers)
            state.admission.enter()
            try:
                body = await request.body(receive, state.snapshot.body_limit)
                inbound = Inbound(
                    body, request.headers, route.name or None, route.stream, request.path
                )
                await _answer(state, request, route, inbound, caller, request_id, receive, send)
            finally:
                state.admission.leave()
        else:
            identified = (("x-request-id", request_id),)
            if _asks_for_text(request, route):
                text = metrics_text(state)
                await send_body(send, 200, prometheus.CONTENT_TYPE, text, identified)
                return
            if request.path == "/" and state.snapshot.dashboard is not None:
                place = (*identified, ("location", "/dashboard/"))
                await send_json(send, 307, {"message": "aigw"}, place)
                return
            if route.endpoint is Endpoint.RELOAD:
                status, document = await self._reload()
            else:
                document = await _look_up(state, request, route, caller)
                status = 503 if route.endpoint is Endpoint.HEALTH and state.draining else 200
            await send_json(send, status, document, identified)

    async def _websocket(self, scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
        await self.open()
        assert self.state is not None
        from aigw_asgi.dashboard.socket import serve_socket

        await serve_socket(self.dashboard(), self.state.current(), scope, receive, send)

    async def _serve_operator(
        self,
        state: GatewayState,
        request: HttpRequest,
        request_id: str,
        receive: ReceiveMessage,
        send: SendMessage,
        began: float,
    ) -> None:
        """Answer a request for the dashboard's pages or its API."""
        from aigw_asgi.dashboard.api import serve_operator

        status = await serve_operator(self.dashboard(), state, request, request_id, receive, send)
        seconds = time.monotonic() - began
        log_other(request_id, request.method, request.path, status, seconds, None)

    def dashboard(self) -> Dashboard:
        """That of this process, made when it is first asked for. The lifespan must be
        running."""
        if self._dashboard is None:
            from aigw_asgi.dashboard.service import Dashboard

            assert self.state is not None
            self._dashboard = Dashboard(self.state)
        return self._dashboard

    async def _reload(self) -> tuple[int, Any]:
        """Have this node read its configuration, and then all others theirs."""
        outcome = await self.reload()
        if outcome is None:
            raise InvalidRequest("the configuration is no file that could be read again")
        if self.state is not None and not outcome.problems:
            self.state.sharing.tell_reload()
        return (422 if outcome.problems else 200), outcome_document(outcome)

    async def _refuse(
        self,
        state: GatewayState,
        request: HttpRequest,
        request_id: str,
        error: GatewayError,
        send: SendMessage,
        began: float,
    ) -> None:
        """``began`` is when the request came, in monotonic seconds."""
        route = find_route(request.path)
        headers: list[tuple[str, str]] = []
        if route is not None and error.failure.kind is ErrorKind.METHOD_NOT_ALLOWED:
            headers.append(("allow", ", ".join(route.allowed)))
        refused = Refused(
            request_id, request.method, request.path, client_format(request.path, request.headers)
        )
        in_array = bool(route is not None and route.stream and b"alt=sse" not in request.query)
        await refuse(state, refused, error, send, began, tuple(headers), in_array=in_array)


class _Started:
    """``send``, remembering whether a response has begun. ``HEAD`` gets no body."""

    def __init__(self, send: SendMessage, *, bare: bool) -> None:
        self._send = send
        self._bare = bare
        self.started = False
        self._begin_now = None if bare else begin_now_of(send)
        self.write_now = write_now_of(send)  # only ever after a start
        self.watch = watch_of(send)
        self.loop = loop_of(send)

    @property
    def begin_now(self) -> BeginNow | None:
        return self._begin if self._begin_now is not None else None

    def _begin(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes, *, more: bool
    ) -> bool:
        assert self._begin_now is not None
        begun = self._begin_now(status, headers, body, more=more)
        self.started = self.started or begun
        return begun

    def __call__(self, message: dict[str, Any]) -> Awaitable[None]:
        self.started = True
        if self._bare and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        return self._send(message)


def _answer(
    state: GatewayState,
    request: HttpRequest,
    route: Route,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
) -> Awaitable[None]:
    """What is asked with a body. No coroutine of its own: every stream would hold that.

    Raises, when it is awaited:
        GatewayError: before anything was sent.
        ClientAborted: the client's connection must be broken.
    """
    format = route.format
    if route.endpoint is Endpoint.COMPACT:
        return serve_compact(state, inbound, caller, request_id, receive, send)
    if route.endpoint is Endpoint.COUNT:
        return _count(state, format, inbound, caller, request_id, receive, send)
    if format is Format.RESPONSES:
        return serve_response(state, inbound, caller, request_id, receive, send)
    if format is Format.GEMINI and route.stream and wants_array(request.parameters):
        send = ArraySender(send)
    return serve_inference(state, CODECS[format], inbound, caller, request_id, receive, send)


async def _count(
    state: GatewayState,
    format: Format,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
) -> None:
    if format is Format.RESPONSES:
        inbound, _ = await recall(state, inbound, caller)
    await serve_count(state, format, inbound, caller, request_id, receive, send)


async def _look_up(state: GatewayState, request: HttpRequest, route: Route, caller: Caller) -> Any:
    """What is asked without a body: a JSON document.

    Raises:
        GatewayError: there is no such thing.
    """
    endpoint = route.endpoint
    if endpoint is Endpoint.MODELS:
        format = client_format(request.path, request.headers)
        return list_models(state, caller, format, request.parameters)
    if endpoint is Endpoint.MODEL:
        format = client_format(request.path, request.headers)
        return show_model(state, caller, format, route.name)
    if endpoint is Endpoint.STORED:
        if request.method == "DELETE":
            return await forget_response(state, route.name, caller)
        if request.parameters.get("stream", "").lower() == "true":
            raise InvalidRequest("a stored answer comes whole only", pointer="stream")
        return await stored_response(state, route.name, caller)
    if endpoint is Endpoint.COOLDOWNS and request.method == "DELETE":
        return clear_cooldowns(state, route.name)
    if route.auth is Auth.LOCAL:
        return admin_document(state, endpoint, route.name)
    if endpoint is Endpoint.HEALTH:
        slow = state.admission.pressed or (state.watch is not None and state.watch.slow)
        return {"status": "draining" if state.draining else "degraded" if slow else "ok"}
    return {"message": "aigw"}


def _asks_for_text(request: HttpRequest, route: Route) -> bool:
    if route.endpoint is Endpoint.PROMETHEUS:
        return True
    return route.endpoint is Endpoint.METRICS and prometheus.wanted(request.headers.get("accept"))


def _wrong_method(method: str, route: Route) -> GatewayError:
    if route.endpoint is Endpoint.MODEL and method == "POST":
        served = "generateContent, streamGenerateContent and countTokens"
        return InvalidRequest(
            f"{route.name!r} names no method that is served; those are {served}",
            code="unknown_method",
        )
    return GatewayError(
        Failure(
            ErrorKind.METHOD_NOT_ALLOWED,
            f"{method} is not possible here; use {' or '.join(route.methods)}",
            code="method_not_allowed",
        )
    )


def _admit(state: GatewayState, request: HttpRequest, route: Route) -> Caller:
    """Let the client in, as far as the route asks.

    Raises:
        GatewayError: 401 or 403.
    """
    if route.auth is Auth.PUBLIC:
        return Caller()
    snapshot = state.snapshot
    trusted = snapshot.trusted_proxies
    came = origin(request.peer, request.headers, trusted, loopback=request.loopback)
    if route.auth is Auth.CLIENT_KEY:
        query_key = request.parameters.get("key") if route.query_key else None
        key = presented_key(request.headers, query_key)
        return authenticate(key, snapshot, loopback=came.loopback, wall=time.time())
    # The token of scrapers is for looking.
    key = presented_key(request.headers) if request.method in ("GET", "HEAD") else None
    authorise_local(came.address, key, snapshot, loopback=came.loopback)
    return Caller()
