"""The ASGI application: one path value, one table of routes, errors in the client's words."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aigw_asgi.driver import ClientAborted, ReceiveMessage, SendMessage
from aigw_asgi.http import ClientLeft, HttpRequest, refuse_encoded_body, send_json
from aigw_asgi.inference import new_request_id, serve_inference
from aigw_asgi.listing import list_models
from aigw_asgi.routes import Auth, Endpoint, Route, error_format, find_route, hint
from aigw_asgi.state import GatewayState
from aigw_core.access import Caller, authenticate, authorise_local, presented_key
from aigw_core.chat import Format
from aigw_core.codec import Headers, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import ErrorKind, Failure, GatewayError

_LOG = logging.getLogger("aigw")

OpenState = Callable[[], Awaitable[GatewayState]]


class App:
    """An ASGI 3 application.

    ``open_state`` is awaited once, at the start of the lifespan or, where a server
    has none, with the first request.
    """

    def __init__(self, open_state: OpenState) -> None:
        self._open_state = open_state
        self.state: GatewayState | None = None

    async def __call__(self, scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def open(self) -> GatewayState:
        if self.state is None:
            self.state = await self._open_state()
        return self.state

    def drain(self) -> None:
        """No new requests should come: ``/health`` says so."""
        if self.state is not None:
            self.state.draining = True

    def stop_streams(self) -> None:
        """The time to drain is over: end the answers that still run. Does not wait."""
        if self.state is not None:
            self.state.stop_streams()

    async def aclose(self) -> None:
        if self.state is not None:
            await self.state.aclose()
            self.state = None

    async def _lifespan(self, receive: ReceiveMessage, send: SendMessage) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.open()
                except Exception as exc:
                    await send({"type": "lifespan.startup.failed", "message": str(exc)})
                    raise
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Any, receive: ReceiveMessage, send: SendMessage) -> None:
        state = await self.open()
        request = HttpRequest(scope)
        request_id = new_request_id(state, request.headers)
        reply = _Started(send)
        try:
            await self._route(state, request, request_id, receive, reply)
        except GatewayError as exc:
            if reply.started:
                raise
            await self._refuse(state, request, request_id, exc.failure, reply)
        except ClientLeft:
            pass
        except ClientAborted:
            # Servers break a connection whose application fails midway: that is meant.
            raise
        except Exception:
            _LOG.exception("request %s failed inside the gateway", request_id)
            if reply.started:
                raise
            failure = Failure(ErrorKind.INTERNAL, "the gateway failed; its log says why")
            await self._refuse(state, request, request_id, failure, reply)

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
        if request.method != route.method and not (
            request.method == "HEAD" and route.method == "GET"
        ):
            raise GatewayError(
                Failure(
                    ErrorKind.METHOD_NOT_ALLOWED,
                    f"{request.method} is not possible here; use {route.method}",
                    code="method_not_allowed",
                )
            )
        caller = _admit(state, request, route)
        about: Headers = (("x-request-id", request_id),)
        if route.endpoint is Endpoint.INFERENCE:
            refuse_encoded_body(request.headers)
            body = await request.body(receive, state.snapshot.body_limit)
            codec = CODECS[route.format]
            inbound = Inbound(body, request.headers)
            await serve_inference(state, codec, inbound, caller, request_id, receive, send)
        elif route.endpoint is Endpoint.MODELS:
            await send_json(send, 200, list_models(state.snapshot, request.headers), about)
        elif route.endpoint is Endpoint.HEALTH:
            status, word = (503, "draining") if state.draining else (200, "ok")
            await send_json(send, status, {"status": word}, about)
        elif route.endpoint is Endpoint.METRICS:
            await send_json(send, 200, state.metrics.report(state.uptime), about)

    async def _refuse(
        self,
        state: GatewayState,
        request: HttpRequest,
        request_id: str,
        failure: Failure,
        send: SendMessage,
    ) -> None:
        route = find_route(request.path)
        format = route.format if route is not None else Format.CHAT
        if route is None or route.endpoint is Endpoint.MODELS:
            format = error_format(request.path, request.headers)
        status, body = CODECS[format].encode_error(failure, request_id)
        state.metrics.refused(status)
        headers: list[tuple[str, str]] = [
            ("x-request-id", request_id),
            ("x-aigw-origin", "gateway"),
        ]
        if failure.retry_after is not None:
            headers.append(("retry-after", str(max(1, round(failure.retry_after)))))
        if route is not None and failure.kind is ErrorKind.METHOD_NOT_ALLOWED:
            headers.append(("allow", "GET, HEAD" if route.method == "GET" else route.method))
        if failure.kind is ErrorKind.TOO_LARGE:
            # The rest of the body is not read, so the connection is of no more use.
            headers.append(("connection", "close"))
        await send_json(send, status, body, tuple(headers))


class _Started:
    """``send``, remembering whether a response has begun, and naming the request in
    the header that clients of the Messages format look for."""

    def __init__(self, send: SendMessage) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: dict[str, Any]) -> None:
        self.started = True
        await self._send(message)


def _admit(state: GatewayState, request: HttpRequest, route: Route) -> Caller:
    """Let the client in, as far as the route asks.

    Raises:
        GatewayError: 401 or 403.
    """
    if route.auth is Auth.PUBLIC:
        return Caller()
    if route.auth is Auth.CLIENT_KEY:
        key = presented_key(request.headers)
        return authenticate(key, state.snapshot, loopback=request.loopback, wall=time.time())
    key = presented_key(request.headers)
    authorise_local(request.peer, key, state.snapshot, loopback=request.loopback)
    return Caller()
